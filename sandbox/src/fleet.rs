//! The fleet of `demo` and `serve`: four clusters, every family of AMIs, and typical problems.
//!
//! `dev` and `staging` have no ring tag, so they are ring 0; `prod` is ring 1. The node groups of `data` all have another
//! Kubernetes version, so no ring waits for them.

use jiff::SignedDuration;
use simulated_aws::{Nodegroup, UpdateScript, World};

use crate::template::updates_table;

/// The table.
pub const TABLE: &str = "updates";
/// The topic that notices are published to.
pub const TOPIC: &str = "notifications";

/// The nodes from which pods cannot be evicted.
const UNDRAINABLE_NODES: [&str; 2] = ["ip-10-0-12-17", "ip-10-0-31-204"];

/// The window of `prod/gpu`; it opens at 15:00 UTC in summer.
pub const WINDOW: &str = "Mon-Fri 17:00-20:00 Europe/Berlin";

/// The Kubernetes version of each cluster.
pub const CLUSTERS: [(&str, &str); 4] = [("data", "1.32"), ("dev", "1.33"), ("prod", "1.33"), ("staging", "1.33")];

/// The release that breaks nodes.
const BAD: &str = "1.46.1-9d20f4ae";

/// The published releases: AMI type, Kubernetes version, releases from old to new.
const RELEASES: [(&str, &str, &[&str]); 8] = [
    ("AL2_x86_64", "1.32", &["1.32.9-20251112"]),
    ("AL2023_x86_64_STANDARD", "1.32", &["1.32.8-20260610", "1.32.9-20260710"]),
    ("AL2023_ARM_64_STANDARD", "1.32", &["1.32.8-20260610", "1.32.9-20260710"]),
    ("AL2023_x86_64_STANDARD", "1.33", &["1.33.1-20260610", "1.33.2-20260710"]),
    ("AL2023_ARM_64_STANDARD", "1.33", &["1.33.1-20260610", "1.33.2-20260710"]),
    ("AL2023_x86_64_NVIDIA", "1.33", &["1.33.1-20260610", "1.33.2-20260710"]),
    ("BOTTLEROCKET_x86_64", "1.33", &["1.45.0-1e6a7c0b", BAD]),
    ("WINDOWS_CORE_2022_x86_64", "1.33", &["1.33-2026.06.12", "1.33-2026.07.15"]),
];

/// The node groups, one for each thing that happens to node groups.
pub fn nodegroups() -> Vec<Nodegroup> {
    let auto = |cluster, name| Nodegroup::new(cluster, name).tag("ami-update", "auto");
    let data = |name| Nodegroup::new("data", name).version("1.32").release("1.32.8-20260610");
    let auto_data = |name| data(name).tag("ami-update", "auto");
    let prod = |name| auto("prod", name).tag("ami-update/ring", "1");
    let bottlerocket = |nodegroup: Nodegroup| nodegroup.ami_type("BOTTLEROCKET_x86_64").release("1.45.0-1e6a7c0b");
    let spark = auto_data("spark").status("DEGRADED");
    vec![
        auto_data("etl").ami_type("CUSTOM").release("ami-0c099795affa953de").launch_template("etl", "7"),
        auto_data("legacy").ami_type("AL2_x86_64").release("1.32.9-20251112"),
        auto_data("postgres"),
        data("reports").ami_type("AL2023_ARM_64_STANDARD").tag("ami-update", "notify"),
        auto_data("search").release("1.32.9-20260710"),
        spark.health_issue("Ec2SubnetNotFound", "The subnet subnet-0a12f9c3 is not found", &["subnet-0a12f9c3"]),
        bottlerocket(auto("dev", "ingress")),
        Nodegroup::new("dev", "sandbox"),
        auto("dev", "windows").ami_type("WINDOWS_CORE_2022_x86_64").release("1.33-2026.07.16"),
        prod("general").nodes(6).max_unavailable(2),
        prod("gpu").ami_type("AL2023_x86_64_NVIDIA").nodes(2).tag("ami-update/window", WINDOW),
        bottlerocket(prod("ingress")),
        prod("web").ami_type("AL2023_ARM_64_STANDARD").capacity_type("SPOT"),
        auto("staging", "general"),
        bottlerocket(auto("staging", "ingress")),
        bottlerocket(auto("staging", "mesh")),
        auto("staging", "tools")
            .ami_type("AL2023_ARM_64_STANDARD")
            .tag("ami-update/ring", "1")
            .tag("ami-update/windw", "Sat 02:00-04:00 UTC"),
        auto("staging", "web").ami_type("AL2023_ARM_64_STANDARD"),
    ]
}

/// Adds the fleet to an empty world, with the table and the topic. Returns the topic's ARN.
pub fn populate(world: &World) -> String {
    for (cluster, version) in CLUSTERS {
        world.add_cluster(cluster, version);
    }
    for (ami_type, version, releases) in RELEASES {
        for release in releases {
            world.publish_release(ami_type, version, release);
        }
    }
    // AWS published it, `windows` got it, and AWS withdrew it.
    world.publish_release("WINDOWS_CORE_2022_x86_64", "1.33", "1.33-2026.07.16");
    world.withdraw_release("WINDOWS_CORE_2022_x86_64", "1.33");
    for nodegroup in nodegroups() {
        world.add_nodegroup(nodegroup);
    }
    script_updates(world);
    world.create_table(&updates_table(TABLE));
    world.create_topic(TOPIC)
}

/// How the updates end. `prod/general` fails, and succeeds once its disruption budget has been loosened.
fn script_updates(world: &World) {
    let succeed = |minutes| UpdateScript::Succeed { after: SignedDuration::from_mins(minutes) };
    let no_nodes = |minutes| UpdateScript::node_creation_failure(SignedDuration::from_mins(minutes), "ingress");
    let region = world.region();
    let [one, other] = UNDRAINABLE_NODES.map(|name| format!("{name}.{region}.compute.internal"));
    let eviction = UpdateScript::pod_eviction_failure(SignedDuration::from_mins(47), "general", &[&one, &other]);
    let scripts = [
        ("data", "postgres", UpdateScript::Hang),
        ("dev", "ingress", no_nodes(21)),
        ("prod", "general", eviction),
        ("prod", "general", succeed(26)),
        ("prod", "gpu", succeed(22)),
        ("prod", "web", succeed(14)),
        ("staging", "general", succeed(18)),
        ("staging", "ingress", no_nodes(16)),
        ("staging", "web", succeed(12)),
    ];
    for (cluster, name, script) in scripts {
        world.script_next_update(cluster, name, script);
    }
}
