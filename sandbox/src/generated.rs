//! A fleet of any size: many clusters of many teams, most of whose node groups are one release behind.
//!
//! The environment of a cluster is its ring: `dev` has none of its own, and so that of the setting; `staging` is ring 1 and
//! `prod` ring 2. Nothing is random, so that the same size is the same fleet.

use jiff::SignedDuration;
use simulated_aws::{Nodegroup, UpdateScript, World};

use crate::fleet::{TABLE, TOPIC};
use crate::template::updates_table;

/// How long before now the fleet begins, so that its releases have an age: half of it passes before the latest release, half
/// after.
pub const PAST: SignedDuration = SignedDuration::from_hours(20 * 24);

const TEAMS: [&str; 7] = ["checkout", "ml", "search", "data-platform", "identity", "customer-support-tooling", "web"];
/// The environments of clusters, and their rings.
const ENVIRONMENTS: [(&str, Option<&str>); 3] = [("dev", None), ("staging", Some("1")), ("prod", Some("2"))];
const VERSIONS: [&str; 3] = ["1.32", "1.33", "1.34"];
/// What node groups are for, and their AMI types.
const PURPOSES: [(&str, AmiType); 10] = [
    ("general", AL2023),
    ("web", ARM),
    ("ingress", BOTTLEROCKET),
    ("system", AL2023),
    ("batch-spot-c6i-large", AL2023),
    ("gpu", NVIDIA),
    ("arm-m7g-2xlarge-eu-central-1a", ARM),
    ("workers", AL2023),
    ("memory-optimized-r6i-8xlarge-with-local-nvme-for-analytics", BOTTLEROCKET),
    ("windows", WINDOWS),
];

/// An AMI type, and the release of a Kubernetes version that is current, or one before it.
struct AmiType {
    name: &'static str,
    release: fn(version: &str, current: bool) -> String,
}

const AL2023: AmiType = AmiType { name: "AL2023_x86_64_STANDARD", release: amazon_linux };
const ARM: AmiType = AmiType { name: "AL2023_ARM_64_STANDARD", release: amazon_linux };
const NVIDIA: AmiType = AmiType { name: "AL2023_x86_64_NVIDIA", release: amazon_linux };
const BOTTLEROCKET: AmiType = AmiType {
    name: "BOTTLEROCKET_x86_64",
    release: |_, current| String::from(if current { "1.46.1-9d20f4ae" } else { "1.45.0-1e6a7c0b" }),
};
const WINDOWS: AmiType = AmiType {
    name: "WINDOWS_CORE_2022_x86_64",
    release: |version, current| format!("{version}-{}", if current { "2026.07.15" } else { "2026.06.12" }),
};

fn amazon_linux(version: &str, current: bool) -> String {
    format!("{version}.{}", if current { "2-20260710" } else { "1-20260610" })
}

/// The size of a fleet.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// How many clusters it has.
    pub clusters: usize,
    /// How many node groups each of them has.
    pub nodegroups: usize,
}

/// Adds a fleet of this size to an empty world, with the table and the topic, while [`PAST`] passes. Returns the topic's ARN.
pub fn populate(world: &World, size: Size) -> String {
    publish(world, false);
    let (current, behind): (Vec<Place>, Vec<Place>) = size.places().partition(Place::is_current);
    add(world, behind);
    world.advance(PAST / 2);
    publish(world, true);
    add(world, current);
    world.advance(PAST / 2);
    world.create_table(&updates_table(TABLE));
    world.create_topic(TOPIC)
}

fn publish(world: &World, current: bool) {
    for version in VERSIONS {
        for ami_type in [AL2023, ARM, NVIDIA, BOTTLEROCKET, WINDOWS] {
            world.publish_release(ami_type.name, version, &(ami_type.release)(version, current));
        }
    }
}

fn add(world: &World, places: Vec<Place>) {
    for place in places {
        world.add_cluster(&place.cluster_name(), place.version());
        if place.is_nth(83, 41) {
            let failure = UpdateScript::node_creation_failure(SignedDuration::from_mins(20), &place.name());
            world.script_next_update(&place.cluster_name(), &place.name(), failure);
        }
        world.add_nodegroup(place.nodegroup());
    }
}

impl Size {
    fn places(self) -> impl Iterator<Item = Place> {
        let of_cluster = move |cluster| (0..self.nodegroups).map(move |own| Place { size: self, cluster, own });
        (0..self.clusters).flat_map(of_cluster)
    }
}

/// The place of a node group in the fleet, which decides about everything of it.
#[derive(Clone, Copy)]
struct Place {
    size: Size,
    /// The number of its cluster.
    cluster: usize,
    /// Its number in the cluster.
    own: usize,
}

impl Place {
    /// Whether it is one of those of which each so many node groups have one, from this one on.
    fn is_nth(&self, each: usize, first: usize) -> bool {
        (self.cluster * self.size.nodegroups + self.own) % each == first
    }

    fn is_current(&self) -> bool {
        self.is_nth(8, 5)
    }

    fn version(&self) -> &'static str {
        VERSIONS[self.cluster / ENVIRONMENTS.len() % VERSIONS.len()]
    }

    fn team(&self) -> &'static str {
        TEAMS[self.cluster / ENVIRONMENTS.len() % TEAMS.len()]
    }

    fn environment(&self) -> (&'static str, Option<&'static str>) {
        ENVIRONMENTS[self.cluster % ENVIRONMENTS.len()]
    }

    fn cluster_name(&self) -> String {
        let Self { cluster, .. } = self;
        let (team, (environment, _)) = (self.team(), self.environment());
        match cluster % 5 {
            0 => format!("{environment}-{cluster}"),
            1 => format!("{team}-{environment}-{cluster}"),
            2 => format!("eks-{team}-{environment}-{cluster:03}"),
            3 => format!("acme-{team}-{environment}-blue-{cluster:03}"),
            _ => format!("platform-engineering-{team}-{environment}-kubernetes-{cluster:04}"),
        }
    }

    fn purpose(&self) -> &'static (&'static str, AmiType) {
        &PURPOSES[self.own % PURPOSES.len()]
    }

    fn name(&self) -> String {
        let (purpose, _) = self.purpose();
        match self.own / PURPOSES.len() {
            0 => (*purpose).to_owned(),
            more => format!("{purpose}-{}", more + 1),
        }
    }

    fn nodegroup(&self) -> Nodegroup {
        let (_, ami_type) = self.purpose();
        let nodegroup =
            Nodegroup::new(&self.cluster_name(), &self.name()).version(self.version()).ami_type(ami_type.name);
        let nodegroup = self.with_tags(nodegroup.release(&(ami_type.release)(self.version(), self.is_current())));
        match () {
            // One alone has an AMI of its own.
            () if (self.cluster, self.own) == (0, 4) => {
                nodegroup.ami_type("CUSTOM").release("ami-0c099795affa953de").launch_template("batch", "7")
            }
            () if self.is_nth(251, 64) => {
                let subnet = "subnet-0a12f9c3";
                let message = format!("The subnet {subnet} is not found");
                nodegroup.status("DEGRADED").health_issue("Ec2SubnetNotFound", &message, &[subnet])
            }
            () => nodegroup,
        }
    }

    /// Its team, its owner, and its tags for the updater. A tenth has not opted in, half of which have no tags at all.
    fn with_tags(&self, nodegroup: Nodegroup) -> Nodegroup {
        // Of another purpose in each cluster.
        let shifted = (self.own + self.cluster) % 20;
        if shifted == 9 {
            return nodegroup;
        }
        let nodegroup = self.with_owner(nodegroup.tag("team", self.team()));
        if shifted == 19 {
            return nodegroup;
        }
        let mode = match () {
            () if self.is_nth(401, 101) => "yes",
            () if self.is_nth(97, 33) => "off",
            () if self.is_nth(50, 20) => "notify",
            () => "auto",
        };
        let (_, ring) = self.environment();
        let rules = [
            ("ring", ring),
            ("window", self.is_nth(11, 6).then_some("Sat-Sun 02:00-06:00 Europe/Berlin")),
            ("windw", self.is_nth(199, 57).then_some("Sat 02:00-06:00 UTC")),
        ];
        let rules = rules.into_iter().filter_map(|(rule, value)| Some((format!("ami-update/{rule}"), value?)));
        rules.fold(nodegroup.tag("ami-update", mode), |nodegroup, (key, value)| nodegroup.tag(&key, value))
    }

    /// The tags of the tool that made its cluster.
    fn with_owner(&self, nodegroup: Nodegroup) -> Nodegroup {
        match self.cluster / ENVIRONMENTS.len() % 4 {
            0 => nodegroup.tag("ManagedBy", "terraform"),
            1 => nodegroup.tag("alpha.eksctl.io/nodegroup-name", &self.name()),
            2 => nodegroup.tag("aws:cloudformation:stack-name", &format!("{}-nodes", self.cluster_name())),
            _ => nodegroup,
        }
    }
}
