//! The limits of a cluster, of the fleet and of a run.

use aws_sdk_eks::types::NodegroupStatus;
use eks_nodegroup_updater::model::decision::Decision;
use serde_json::json;
use testing::{Fleet, History, NEWER, now};

use super::paths;

/// What comes next under a limit, in words.
fn next_of(fleet: &Fleet, path: &str) -> String {
    match fleet.decision(path) {
        decision @ Decision::Next(..) => decision.to_string(),
        decision => panic!("not next: {decision}"),
    }
}

#[test]
fn over_the_limit_of_the_cluster() {
    let fleet = Fleet::of(["dev/a", "prod/blue", "prod/green"]);
    assert_eq!(fleet.starts(), paths(["dev/a", "prod/blue"]));
    let sentence = "MAX_UPDATES_PER_CLUSTER is 1, reached by prod/blue";
    assert_eq!(next_of(&fleet, "prod/green"), sentence);
}

#[test]
fn updates_in_progress_count_against_the_limit_of_the_cluster() {
    let mut fleet = Fleet::of(["prod/blue", "prod/green"]).with(|blue| blue.status = NodegroupStatus::Updating);
    assert_eq!(fleet.starts(), paths([]));
    fleet.config.settings.limits.updates_per_cluster = 2;
    assert_eq!(fleet.starts(), paths(["prod/green"]));

    let fleet = Fleet::of(["prod/blue", "prod/green"])
        .after(|record| record.intended(NEWER, now()))
        .event(&json!({"nodegroups": ["prod/green"]}));
    assert_eq!(fleet.starts(), paths([]), "an excluded node group's update counts too");
}

#[test]
fn over_the_limit_of_the_fleet() {
    let mut fleet = Fleet::of(["a/x", "b/x", "c/x"]).with(|nodegroup| nodegroup.status = NodegroupStatus::Updating);
    fleet.config.settings.limits.updates_in_progress = 2;
    assert_eq!(fleet.starts(), paths(["b/x"]), "an external update counts");
    let sentence = "MAX_UPDATES_IN_PROGRESS is 2, reached by a/x, b/x";
    assert_eq!(next_of(&fleet, "c/x"), sentence);
}

#[test]
fn a_limit_names_the_first_five_that_reach_it() {
    let mut fleet = Fleet::of(["a/x", "b/x", "c/x", "d/x", "e/x", "f/x", "g/x"]);
    fleet.config.settings.limits.updates_in_progress = 6;
    fleet.config.settings.limits.starts_per_run = 6;
    let sentence = "MAX_UPDATES_IN_PROGRESS is 6, reached by a/x, b/x, c/x, d/x, e/x and 1 more";
    assert_eq!(next_of(&fleet, "g/x"), sentence);
}

#[test]
fn over_the_limit_of_the_run() {
    let mut fleet = Fleet::of(["a/x", "b/x", "c/x"]);
    fleet.config.settings.limits.starts_per_run = 2;
    assert_eq!(fleet.starts(), paths(["a/x", "b/x"]));
    let sentence = "MAX_STARTS_PER_RUN is 2, reached by this run";
    assert_eq!(next_of(&fleet, "c/x"), sentence);
}
