//! Which failures a release is blamed for, what is quarantined because of them, and what that stops.

use aws_sdk_eks::types::AmiTypes;
use eks_nodegroup_updater::model::attempt::{Intent, Status};
use eks_nodegroup_updater::model::record::fleet::Quarantine;
use eks_nodegroup_updater::model::record::nodegroup::{ExternalUpdate, NodegroupRecord};
use eks_nodegroup_updater::model::release::track::TrackKey;
use eks_nodegroup_updater::model::rules::Rules;
use eks_nodegroup_updater::plan::quarantines_due;
use serde_json::{Value, json};
use simulated_aws::HealthIssue;
use testing::{
    AL2023, BOTTLEROCKET, Fleet, History, NEWER, TestEnv, UPDATE_ID, at, decisions, error, errors, eviction_failure,
    fleet_record, intent, names, node_creation_failure, now, offers, opted_in, quarantine, record, selector,
};

use super::{Alone, OFFERED, STANDARD, targets};
use crate::{DAY, decide};

const FAILED_AT: &str = "2026-07-19T10:00:00Z";

/// `dev` with three node groups, `prod` and `qa` with one.
fn fleet() -> Fleet {
    Fleet::of(["dev/a", "dev/b", "dev/c", "prod/d", "qa/e"])
}

/// The release failed for its own fault on these.
fn broken_on<const N: usize>(mut fleet: Fleet, paths: [&str; N]) -> Fleet {
    for path in paths {
        fleet.remember(record(path).broken(NEWER, at(FAILED_AT)));
    }
    fleet
}

fn due(fleet: &Fleet) -> Vec<Quarantine> {
    quarantines_due(&fleet.input(&fleet.offered()))
}

fn in_cluster(cluster: &str, quarantine: Quarantine) -> Quarantine {
    Quarantine { cluster: Some(testing::cluster(cluster)), ..quarantine }
}

#[test]
fn one_failure_quarantines_nothing() {
    assert_eq!(due(&broken_on(fleet(), ["dev/a"])), []);
}

#[test]
fn two_failures_in_one_cluster_quarantine_a_release_there() {
    let expected = in_cluster("dev", quarantine(NEWER, names(["dev/a", "dev/b"]), now()));
    assert_eq!(due(&broken_on(fleet(), ["dev/a", "dev/b"])), [expected]);
}

#[test]
fn failures_in_two_clusters_quarantine_it_in_the_fleet() {
    let expected = quarantine(NEWER, names(["dev/a", "prod/d"]), now());
    let mut fleet = broken_on(fleet(), ["dev/a", "prod/d"]);
    fleet.change_fleet_record(|record| record.quarantine(&expected));
    assert_eq!(due(&fleet), [], "once");
    fleet.change_fleet_record(|record| record.quarantines.clear());
    assert_eq!(due(&fleet), [expected]);
}

#[test]
fn so_does_a_quarantine_in_every_cluster_that_runs_the_track() {
    let lone = broken_on(Fleet::of(["dev/a", "dev/b", "dev/c"]), ["dev/a", "dev/b"]);
    assert_eq!(due(&lone), [quarantine(NEWER, names(["dev/a", "dev/b"]), now())]);
}

#[test]
fn a_quarantine_in_one_cluster_grows_to_the_fleet_with_a_failure_in_another() {
    let mut fleet = broken_on(fleet(), ["dev/a", "dev/b", "prod/d"]);
    let held = in_cluster("dev", quarantine(NEWER, names(["dev/a", "dev/b"]), at(FAILED_AT)));
    fleet.change_fleet_record(|record| record.quarantine(&held));
    assert_eq!(due(&fleet), [quarantine(NEWER, names(["dev/a", "dev/b", "prod/d"]), now())]);
}

/// The same release of Bottlerocket fails on `a` and `b` with the first Kubernetes version, and `c` runs the second.
#[test]
fn a_release_that_fails_with_one_kubernetes_version_goes_on_with_another() {
    const SAME: &str = "1.13.2-aaf6eeb3";
    let mut fleet = Fleet::of(["dev/a", "prod/b", "qa/c"]);
    for (path, version) in [("dev/a", "1.26"), ("prod/b", "1.26"), ("qa/c", "1.25")] {
        let nodegroup = fleet.nodegroup(path);
        nodegroup.ami_type = AmiTypes::BottlerocketX8664;
        nodegroup.kubernetes_version = Some(version.into());
        nodegroup.release_version = Some("1.12.0-6ef1139f".into());
    }
    let offered = offers(&AmiTypes::BottlerocketX8664, [SAME]);
    let track = |version| TrackKey::new(version, &AmiTypes::BottlerocketX8664);
    fleet.releases = ["1.26", "1.25"].map(|version| (track(version), offered.clone())).into();
    let failed = Intent { version: "1.26".into(), ami_type: BOTTLEROCKET.into(), ..intent(SAME) };
    let joined = || vec![error("NodeCreationFailure", "new nodes are not joining")];
    for path in ["dev/a", "prod/b"] {
        fleet.remember(record(path).ended(&failed, Status::Failed, joined(), at(FAILED_AT)));
    }
    let [held] = <[Quarantine; 1]>::try_from(due(&fleet)).unwrap();
    assert_eq!((held.track(), held.cluster.clone()), (track("1.26"), None));
    assert_eq!(held.same_build, [format!("1.25/BOTTLEROCKET_x86_64/{SAME}")], "it is named all the same");
    fleet.change_fleet_record(|record| record.quarantine(&held));
    assert_eq!(fleet.intent_of("qa/c").release_version, SAME);
    assert_eq!(fleet.decision("dev/a").code(), "Quarantined");
}

#[test]
fn a_quarantine_names_the_same_build_on_other_tracks_and_what_it_came_up_on() {
    let mut fleet = broken_on(fleet(), ["dev/a", "dev/b"]);
    fleet.remember(record("dev/c").updated(NEWER, at(FAILED_AT)));
    for (version, ami_type) in [("1.34", AmiTypes::Al2023X8664Standard), ("1.33", AmiTypes::Al2023X8664Nvidia)] {
        let offered = offers(&ami_type, [format!("{version}.7-20260710").as_str(), "1.33.0-20260101"]);
        fleet.releases.push((TrackKey::new(version, &ami_type), offered));
    }
    let held = due(&fleet).remove(0);
    let same_build = ["1.33/AL2023_x86_64_NVIDIA/1.33.7-20260710", "1.34/AL2023_x86_64_STANDARD/1.34.7-20260710"];
    assert_eq!((held.same_build, held.ran_on), (same_build.map(str::to_owned).to_vec(), names(["dev/c"])));
}

/// Whether the release is blamed once it has failed so on two node groups of `dev`.
fn blamed(failed: impl Fn(NodegroupRecord) -> NodegroupRecord) -> bool {
    let mut fleet = fleet();
    for path in ["dev/a", "dev/b"] {
        fleet.remember(failed(record(path)));
    }
    !due(&fleet).is_empty()
}

fn joined_with(code: &str) -> bool {
    let errors = || vec![error("NodeCreationFailure", "new nodes are not joining"), error(code, "text")];
    blamed(|record| record.ended(&intent(NEWER), Status::Failed, errors(), at(FAILED_AT)))
}

fn while_it_had(issue: &str) -> bool {
    blamed(|record| {
        let mut record = record.broken(NEWER, at(FAILED_AT));
        record.attempts.ended[0].health = vec!["NodeCreationFailure".into(), issue.into()];
        record
    })
}

#[test]
fn what_capacity_quota_addresses_network_or_the_clusters_api_explain_blames_no_release() {
    for code in [
        "AsgInstanceLaunchFailures",
        "InstanceLimitExceeded",
        "InsufficientFreeAddresses",
        "Ec2SubnetNotFound",
        "ClusterUnreachable",
    ] {
        assert!(!joined_with(code) && !while_it_had(code), "{code}");
    }
    assert!(joined_with("Unknown") && while_it_had("PodEvictionFailure"));
}

#[test]
fn what_a_quota_a_permission_or_the_launch_template_explains_blames_no_release() {
    for code in [
        "Ec2LaunchTemplateNotFound",
        "Ec2LaunchTemplateVersionMaxLimitExceeded",
        "IamLimitExceeded",
        "IamNodeRoleNotFound",
        "LimitExceeded",
        "InternalFailure",
        "AutoScalingGroupNotFound",
        "OperationNotPermitted",
    ] {
        assert!(!joined_with(code) && !while_it_had(code), "{code}");
    }
}

#[test]
fn a_code_that_nobody_knows_blames_no_release() {
    assert!(!joined_with("SomethingNew") && !while_it_had("SomethingNew"));
}

#[test]
fn nor_do_disruption_budgets_and_the_updates_of_others() {
    assert!(blamed(|record| record.broken(NEWER, at(FAILED_AT))));
    assert!(!blamed(|record| record.evicted(NEWER, at(FAILED_AT))));
    assert!(!blamed(|mut record| {
        let update_id = UPDATE_ID.to_owned();
        record.adopt(&ExternalUpdate { update_id, intent: intent(NEWER), started_at: at(FAILED_AT) });
        record.end(Status::Failed, vec![error("NodeCreationFailure", "new nodes are not joining")], at(FAILED_AT));
        record
    }));
}

#[test]
fn what_fails_after_a_quarantine_was_lifted_counts_again() {
    let lifted_at = |lifted: &str| {
        let mut fleet = broken_on(fleet(), ["dev/a", "dev/b"]);
        let held = in_cluster("dev", quarantine(NEWER, names(["dev/a", "dev/b"]), at(FAILED_AT)));
        fleet.change_fleet_record(|record| {
            record.quarantine(&held);
            record.lift_quarantine(&selector(NEWER), at(lifted));
        });
        due(&fleet).len()
    };
    assert_eq!((lifted_at(FAILED_AT), lifted_at("2026-07-19T09:59:59Z")), (0, 1));
}

#[test]
fn lifting_one_quarantine_lifts_no_other_and_none_twice() {
    let (since, lifted_at) = (at("2026-07-19T11:00:00Z"), at("2026-07-19T12:00:00Z"));
    let mut held = fleet_record();
    for release in ["1.33.2-20260716", "1.33.2-20260719"] {
        held.quarantine(&quarantine(release, names([]), since));
    }
    let selectors = ["1.34/AL2023_x86_64_STANDARD/1.33.2-20260716", "AL2023_x86_64_NVIDIA/*-20260716", "*-20260719"];
    for releases in selectors {
        held.lift_quarantine(&selector(releases), lifted_at);
    }
    held.lift_quarantine(&selector("1.33.2-20260719"), now());
    let lifted: Vec<_> = held.quarantines.iter().map(|held| (held.release_version.as_str(), held.lifted_at)).collect();
    assert_eq!(lifted, [("1.33.2-20260716", None), ("1.33.2-20260719", Some(lifted_at))]);
}

#[tokio::test(start_paused = true)]
async fn a_want_of_capacity_that_fails_two_node_groups_stops_no_third() {
    for (issue, third) in [("AsgInstanceLaunchFailures", "Start, Accepted"), ("NodeCreationFailure", "Quarantined")] {
        let mut env = TestEnv::with(["a", "b", "c"].map(|name| opted_in("prod", name))).await;
        env.start_config.settings.limits.updates_per_cluster = 2;
        for name in ["a", "b"] {
            env.world.script_next_update("prod", name, node_creation_failure(name));
        }
        env.start().await;
        for name in ["a", "b"] {
            env.world.edit_nodegroup("prod", name, |nodegroup| {
                let (code, message) = (issue.to_owned(), "text".to_owned());
                nodegroup.health = vec![HealthIssue { code, message, resource_ids: vec![] }];
            });
        }
        env.advance(17);
        env.check().await;
        assert_eq!(env.record("prod", "a").await.unwrap().attempts.ended[0].health, [issue]);
        assert_eq!(decisions(&env.start().await)[2], format!("prod/c: {third}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_release_that_fails_in_one_cluster_is_stopped_there_and_goes_on_elsewhere() {
    let groups = [("dev", "a"), ("dev", "b"), ("dev", "c"), ("prod", "d")];
    let mut env = TestEnv::with(groups.map(|(cluster, name)| opted_in(cluster, name))).await;
    env.start_config.settings.limits.updates_per_cluster = 2;
    for name in ["a", "b"] {
        env.world.script_next_update("dev", name, node_creation_failure(name));
    }
    env.try_start(&serde_json::json!({"clusters": ["dev"]})).await.unwrap();
    env.advance(17);
    env.check().await;
    let after = ["dev/a: Quarantined", "dev/b: Quarantined", "dev/c: Quarantined", "prod/d: Start, Accepted"];
    assert_eq!(decisions(&env.start().await), after);
    env.check().await;
    let message = env.messages().pop().unwrap();
    assert_eq!((&message["kind"], &message["quarantinedIn"]), (&"ReleaseQuarantined".into(), &"dev".into()));
    assert_eq!(message["track"], format!("1.33/{AL2023}"));
}

#[test]
fn quarantined() {
    let release = "1.33.2-20260719";
    let mut fleet = Fleet::blue().rules(Rules::default(), OFFERED);
    let in_all = quarantine(release, names(["dev/a", "qa/b"]), now());
    fleet.change_fleet_record(|record| record.quarantine(&in_all));
    assert_eq!(fleet.goes_to(), "1.33.2-20260716", "the older one is eligible");
    let mut only = fleet;
    *only.offer() = offers(&STANDARD, [release]);
    let sentence = "1.33.2-20260719 has been quarantined in all clusters since 2026-07-20T09:00:00Z, because it failed on several node groups";
    only.waits("Quarantined", sentence);
    only.change_fleet_record(|record| record.lift_quarantine(&selector(release), now()));
    assert_eq!(only.goes_to(), release);
}

#[test]
fn quarantined_in_one_cluster() {
    let held = |cluster: &str| {
        let mut fleet = Fleet::blue();
        let quarantine = quarantine(NEWER, names(["prod/green", "prod/red"]), now());
        let quarantine = Quarantine { cluster: Some(testing::cluster(cluster)), ..quarantine };
        fleet.change_fleet_record(|record| record.quarantine(&quarantine));
        fleet
    };
    let sentence = "1.33.2-20260710 has been quarantined in the cluster prod since 2026-07-20T09:00:00Z, because it failed on several node groups";
    held("prod").waits("Quarantined", sentence);
    assert_eq!(held("dev").goes_to(), NEWER, "that of another cluster is no reason here");
}

#[tokio::test(start_paused = true)]
async fn a_release_that_fails_on_two_node_groups_is_quarantined_and_reported_once() {
    let names = ["a", "b", "c", "d"];
    let mut env = TestEnv::with(names.map(|name| opted_in(name, "ng"))).await;
    env.start_config.settings.limits.starts_per_run = 1;
    for name in names {
        env.world.script_next_update(name, "ng", node_creation_failure("ng"));
    }
    for _ in 0..6 {
        env.start().await;
        env.advance(30);
        env.check().await;
    }
    assert_eq!(decide(&env, "c/ng").await.0, "Quarantined");
    let updates = names.map(|name| env.world.updates(name, "ng").len());
    assert_eq!(updates, [1, 1, 0, 0], "the others were saved");
    let critical: Vec<Value> = env.messages().into_iter().filter(|message| message["severity"] == "critical").collect();
    let [message] = &critical[..] else { panic!("{critical:?}") };
    assert_eq!(
        (&message["kind"], &message["failedOn"]),
        (&json!("ReleaseQuarantined"), &json!({"names": ["a/ng", "b/ng"], "count": 2}))
    );

    env.start_config.settings.limits.starts_per_run = 10;
    let lift = json!({"liftQuarantine": [NEWER]});
    let dry = json!({"liftQuarantine": [NEWER], "dryRun": true});
    let line = env.try_start(&dry).await.unwrap().decisions.remove(2);
    assert_eq!((line.decision, env.world.updates("c", "ng").len()), ("Start", 0));
    env.try_start(&lift).await.unwrap();
    assert_eq!(env.world.updates("c", "ng").len(), 1);
    assert!(env.fleet_record().await.quarantines[0].lifted_at.is_some(), "it is recorded");
    let problems = env.try_start(&json!({"liftQuarantine": ["1.33.2-20260701"]})).await.unwrap().errors;
    assert_eq!(errors(&problems), ["the release 1.33.2-20260701 is not quarantined, so nothing is lifted"]);
    env.try_start(&json!({"liftQuarantine": ["1.33.2"]})).await.unwrap_err();
}

/// The release failed on two node groups for its own fault, and on a third for that of its budgets.
async fn quarantined_fleet() -> TestEnv {
    let env = TestEnv::with(["a", "b", "c"].map(|name| opted_in(name, "ng"))).await;
    for name in ["a", "b"] {
        env.world.script_next_update(name, "ng", node_creation_failure("ng"));
    }
    env.world.script_next_update("c", "ng", eviction_failure("ng"));
    env.start().await;
    env.advance(30);
    env.check().await;
    env
}

#[tokio::test(start_paused = true)]
async fn a_quarantine_outlives_the_node_groups_that_the_release_failed_on() {
    let env = quarantined_fleet().await;
    assert_eq!(decide(&env, "c/ng").await.0, "Quarantined");
    env.world.remove_nodegroup("b", "ng");
    env.world.edit_nodegroup("a", "ng", |nodegroup| nodegroup.tags.clear());
    env.advance(2 * DAY);
    assert_eq!(decide(&env, "c/ng").await.0, "Quarantined");
}

#[tokio::test(start_paused = true)]
async fn a_newer_release_is_taken_in_spite_of_a_quarantine_which_records_it() {
    let env = quarantined_fleet().await;
    env.start().await;
    env.world.publish_release(AL2023, "1.33", "1.33.2-20260727");
    assert_eq!(decide(&env, "c/ng").await.0, "Start");
    assert_eq!(targets(&env, "c", "ng"), [NEWER, "1.33.2-20260727"]);
    let held = env.fleet_record().await.quarantines.clone();
    assert_eq!(held[0].superseded_by.as_deref(), Some("1.33.2-20260727"));
}
