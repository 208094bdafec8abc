//! The fleet that `demo` and `serve` show: three clusters, every family of AMIs, and what goes wrong in real ones.

use jiff::SignedDuration;
use simulated_aws::{Course, Nodegroup, World};

/// The table of records.
pub const TABLE: &str = "updates";
/// The topic that people are told through.
pub const TOPIC: &str = "notifications";

/// The nodes from which pods cannot be evicted.
const STUBBORN_NODES: [&str; 2] =
    ["ip-10-0-12-17.eu-central-1.compute.internal", "ip-10-0-31-204.eu-central-1.compute.internal"];

/// The Kubernetes version of each cluster. A node group may lag it.
pub const CLUSTERS: [(&str, &str); 3] = [("data", "1.33"), ("prod", "1.33"), ("staging", "1.34")];

/// What AWS has published: AMI type, Kubernetes version, releases from old to new.
const RELEASES: [(&str, &str, &[&str]); 9] = [
    ("AL2_x86_64", "1.32", &["1.32.9-20251112"]),
    ("AL2023_x86_64_STANDARD", "1.33", &["1.33.1-20260610", "1.33.2-20260710"]),
    ("AL2023_ARM_64_STANDARD", "1.33", &["1.33.1-20260610", "1.33.2-20260710"]),
    ("AL2023_x86_64_NVIDIA", "1.33", &["1.33.1-20260610", "1.33.2-20260710"]),
    ("BOTTLEROCKET_ARM_64", "1.33", &["1.45.0-1e6a7c0b", "1.46.1-9d20f4ae"]),
    ("AL2023_x86_64_STANDARD", "1.34", &["1.34.1-20260626", "1.34.1-20260710"]),
    ("AL2023_ARM_64_STANDARD", "1.34", &["1.34.1-20260626", "1.34.1-20260710"]),
    ("BOTTLEROCKET_x86_64", "1.34", &["1.45.0-1e6a7c0b", "1.46.1-9d20f4ae"]),
    ("WINDOWS_CORE_2022_x86_64", "1.34", &["1.34-2026.06.12", "1.34-2026.07.15"]),
];

/// The node groups, each for one thing that happens to node groups.
pub fn nodegroups() -> Vec<Nodegroup> {
    let auto = |cluster, name| Nodegroup::new(cluster, name).tag("ami-update", "auto");
    vec![
        auto("prod", "general").nodes(6).max_unavailable(2),
        auto("prod", "gpu").ami_type("AL2023_x86_64_NVIDIA").nodes(2),
        auto("prod", "legacy").ami_type("AL2_x86_64").version("1.32").release("1.32.9-20251112"),
        auto("prod", "web").ami_type("AL2023_ARM_64_STANDARD").capacity_type("SPOT"),
        auto("staging", "canary").version("1.34").release("1.34.2-20260716"),
        auto("staging", "edge").ami_type("BOTTLEROCKET_x86_64").version("1.34").release("1.45.0-1e6a7c0b"),
        Nodegroup::new("staging", "sandbox").version("1.34").release("1.34.1-20260626"),
        auto("staging", "tools")
            .ami_type("AL2023_ARM_64_STANDARD")
            .version("1.34")
            .release("1.34.1-20260626")
            .tag("ami-update/windw", "Sat 02:00-04:00"),
        auto("staging", "windows").ami_type("WINDOWS_CORE_2022_x86_64").version("1.34").release("1.34-2026.06.12"),
        auto("data", "etl").ami_type("CUSTOM").release("ami-0c099795affa953de").launch_template("etl", "7"),
        auto("data", "postgres"),
        Nodegroup::new("data", "reports")
            .ami_type("BOTTLEROCKET_ARM_64")
            .release("1.45.0-1e6a7c0b")
            .tag("ami-update", "notify"),
        auto("data", "search").release("1.33.2-20260710"),
        auto("data", "spark").status("DEGRADED").health_issue(
            "Ec2SubnetNotFound",
            "The subnet subnet-0a12f9c3 is not found",
            &["subnet-0a12f9c3"],
        ),
    ]
}

/// Puts the fleet into an empty world, with the table and the topic. Answers the topic's ARN.
pub async fn furnish(world: &World) -> String {
    for (cluster, version) in CLUSTERS {
        world.add_cluster(cluster, version);
    }
    for (ami_type, version, releases) in RELEASES {
        for release in releases {
            world.publish_release(ami_type, version, release);
        }
    }
    // AWS published it, `canary` got it, and AWS withdrew it.
    world.publish_release("AL2023_x86_64_STANDARD", "1.34", "1.34.2-20260716");
    world.withdraw_release("AL2023_x86_64_STANDARD", "1.34");
    for nodegroup in nodegroups() {
        world.add_nodegroup(nodegroup);
    }
    set_courses(world);
    world.create_updates_table(TABLE).await;
    world.create_topic(TOPIC)
}

/// How the updates go. `general` fails, and succeeds once somebody has loosened its disruption budget.
fn set_courses(world: &World) {
    let succeed = |minutes| Course::Succeed { after: SignedDuration::from_mins(minutes) };
    let eviction = Course::pod_eviction_failure(SignedDuration::from_mins(47), "general", &STUBBORN_NODES);
    let courses = [
        ("prod", "general", eviction),
        ("prod", "general", succeed(26)),
        ("prod", "gpu", succeed(22)),
        ("prod", "web", succeed(14)),
        ("staging", "edge", succeed(18)),
        ("staging", "windows", succeed(41)),
        ("data", "postgres", Course::Hang),
    ];
    for (cluster, name, course) in courses {
        world.next_update(cluster, name, course);
    }
}
