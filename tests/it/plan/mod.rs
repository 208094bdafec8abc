//! The plan: what is decided about each node group, and why.

mod capacity;
mod downgraded;
mod eligible;
pub(crate) mod invariants;
mod pins;
mod quarantine;
pub(crate) mod reasons;
mod release_rules;
mod rings;
mod rollback;
mod rules;
mod selected;
mod turns;
mod versions;
mod windows;
mod withdrawn;

use std::collections::BTreeSet;

use aws_sdk_eks::types::AmiTypes;
use eks_nodegroup_updater::model::decision::{Decision, Planned};
use eks_nodegroup_updater::model::observed::releases::{Available, Release};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use testing::{BOTTLEROCKET, Fleet, NEWER, TestEnv, assert_documented, at, tagged};

const STANDARD: AmiTypes = AmiTypes::Al2023X8664Standard;

/// What is decided for the only node group of a fleet.
trait Alone {
    /// Code, sentence and time of the reason why it is skipped.
    fn reason(&self) -> (&'static str, String, Option<Timestamp>);

    /// The release that it goes to.
    fn goes_to(&self) -> String;

    fn waits(&self, code: &'static str, sentence: &str) {
        assert_eq!(self.reason(), (code, sentence.to_owned(), None));
    }

    fn waits_until(&self, code: &'static str, sentence: &str, until: &str) {
        assert_eq!(self.reason(), (code, sentence.to_owned(), Some(at(until))));
    }
}

impl Alone for Fleet {
    fn reason(&self) -> (&'static str, String, Option<Timestamp>) {
        match alone(self) {
            Decision::Skip(reason) => {
                assert_documented(reason.code());
                (reason.code(), reason.to_string(), reason.until())
            }
            decision => panic!("not skipped: {decision}"),
        }
    }

    fn goes_to(&self) -> String {
        match alone(self) {
            Decision::Start(intent) => intent.release_version,
            decision => panic!("does not start: {decision}"),
        }
    }
}

fn alone(fleet: &Fleet) -> Decision {
    let [planned] = <[Planned; 1]>::try_from(fleet.plan()).unwrap();
    planned.decision
}

fn paths<const N: usize>(paths: [&str; N]) -> BTreeSet<String> {
    paths.map(str::to_owned).into()
}

/// Newest first; the last is older than what runs.
const OFFERED: [&str; 4] = ["1.33.2-20260719", "1.33.2-20260716", NEWER, "1.33.1-20260601"];

/// The newest release that is offered.
fn newest(fleet: &mut Fleet) -> &mut Release {
    let Available::Releases(releases) = fleet.offer() else { panic!("nothing is offered") };
    &mut releases[0]
}

/// The releases that a node group was asked to go to, in order.
fn targets(env: &TestEnv, cluster: &str, name: &str) -> Vec<String> {
    env.world.updates(cluster, name).into_iter().map(|update| update.release.unwrap()).collect()
}

/// A release that Kubernetes 1.33 and 1.34 share.
const SAME: &str = "1.46.1-9d20f4ae";

/// A group on Bottlerocket, whose releases are the same for every Kubernetes version, in a cluster that has gone ahead.
async fn bottlerocket_behind_its_clusters<const N: usize>(groups: [(&str, &[(&str, &str)]); N]) -> TestEnv {
    let mut env = TestEnv::with(groups.map(|(cluster, rules)| {
        let nodegroup = tagged(cluster, "ng", rules).tag("ami-update/kubernetes-version", "follow-cluster");
        nodegroup.ami_type(BOTTLEROCKET).release(SAME)
    }))
    .await;
    env.start_config.settings.defaults.follow_cluster_after = SignedDuration::ZERO;
    for (cluster, _) in groups {
        env.world.add_cluster(cluster, "1.34");
    }
    for version in ["1.33", "1.34"] {
        env.world.publish_release(BOTTLEROCKET, version, SAME);
    }
    env
}

/// The message of this event, which must be one.
fn message(env: &TestEnv, event: &str) -> Value {
    let of_event: Vec<Value> = env.messages().into_iter().filter(|message| message["kind"] == event).collect();
    let [message] = &of_event[..] else { panic!("{of_event:?}") };
    message.clone()
}
