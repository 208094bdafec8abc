//! Which node groups are to be kept current, and what is known about them.

use aws_sdk_eks::types::NodegroupStatus;
use eks_nodegroup_updater::model::nodegroup::policy::Policy;
use eks_nodegroup_updater::model::observed::fleet::NodegroupState;
use eks_nodegroup_updater::model::observed::releases::Available;
use eks_nodegroup_updater::model::rules::Rules;
use serde_json::json;
use testing::{Fleet, History, NEWER, TestEnv, now, tagged, unreadable};

use super::Alone;
use crate::decide;

#[test]
fn excluded_by_the_events_filter() {
    let event = json!({"nodegroups": ["prod/green"], "clusters": ["dev"], "retry": ["prod/bleu"]});
    let fleet = Fleet::blue().event(&event);
    let codes: Vec<_> =
        fleet.plan().iter().map(|planned| (planned.subject().to_string(), planned.decision.to_string())).collect();
    let not_found = "no node group with the tag ami-update has this name; check name, tag and region";
    let expected =
        [("prod/blue", "the event selects other node groups"), ("prod/bleu", not_found), ("prod/green", not_found)];
    assert_eq!(codes, expected.map(|(path, reason)| (path.to_owned(), reason.to_owned())));
}

#[test]
fn described_no_longer() {
    Fleet::blue().observed_as(NodegroupState::Deleted).waits("Deleted", "it was deleted; the tag index still lists it");
}

#[test]
fn not_reached_in_time() {
    let sentence = "AWS throttled this run before it reached this node group; the next run starts with it";
    Fleet::blue().observed_as(NodegroupState::NotReached).waits("NotReached", sentence);
}

#[test]
fn unreadable_node_groups_releases_and_records() {
    let error = "AccessDeniedException: no";
    let sentence = "could not be read: AccessDeniedException: no";
    Fleet::blue().observed_as(NodegroupState::Unreadable(unreadable(error))).waits("Unreadable", sentence);

    let mut fleet = Fleet::blue();
    *fleet.offer() = Available::Unreadable(unreadable(error));
    fleet.waits("Unreadable", sentence);

    let mut fleet = Fleet::blue();
    fleet.unreadable_record("prod/blue", error);
    fleet.waits("Unreadable", sentence);

    let fleet = Fleet::blue().with(|nodegroup| nodegroup.release_version = None);
    fleet.waits("Unreadable", "could not be read: EKS described the node group without releaseVersion");
    let fleet = Fleet::blue().with(|nodegroup| nodegroup.kubernetes_version = None);
    fleet.waits("Unreadable", "could not be read: EKS described the node group without version");
}

#[test]
fn not_opted_in() {
    let fleet = Fleet::blue().with(|nodegroup| nodegroup.policy = Policy::NotOptedIn);
    fleet.waits("NotOptedIn", "it no longer has the tag ami-update");
}

#[test]
fn invalid_tag() {
    let tags = |key: &str, value: &str| {
        let tags = [("ami-update", "auto"), (key, value)].map(|(key, value)| (key.to_owned(), value.to_owned()));
        let policy = Policy::from_tags(&tags.into(), &Rules::default());
        Fleet::blue().with(|nodegroup| nodegroup.policy = policy)
    };
    let sentence = r#"its tag ami-update has the value "Auto"; expected auto, notify or off"#;
    tags("ami-update", "Auto").waits("InvalidTag", sentence);
    let sentence = r#"its tag ami-update/windw has the value "Sat"; this version has no such rule"#;
    tags("ami-update/windw", "Sat").waits("InvalidTag", sentence);
}

#[tokio::test(start_paused = true)]
async fn an_invalid_rule_is_reported_once_and_starts_nothing() {
    let env = TestEnv::with([tagged("prod", "blue", &[("window", "Saturday night")])]).await;
    for _ in 0..3 {
        assert_eq!(decide(&env, "prod/blue").await.0, "InvalidTag");
        env.check().await;
    }
    let [message] = &env.messages()[..] else { panic!("one message") };
    assert_eq!((&message["kind"], &message["tag"]["value"]), (&json!("TagInvalid"), &json!("Saturday night")));
    assert_eq!(env.world.updates("prod", "blue"), []);
}

#[test]
fn update_already_in_progress() {
    let fleet = Fleet::blue().with(|nodegroup| nodegroup.status = NodegroupStatus::Updating);
    fleet.waits("InProgress", "an external update is in progress");
    let fleet = Fleet::blue().after(|record| record.intended(NEWER, now()));
    fleet.waits("InProgress", "an update has been in progress since 2026-07-20T09:00:00Z");
}
