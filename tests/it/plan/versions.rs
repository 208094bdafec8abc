//! A node group follows its cluster to the next Kubernetes version.

use aws_sdk_eks::types::AmiTypes;
use eks_nodegroup_updater::model::attempt::outcome::OutcomeKind;
use eks_nodegroup_updater::model::attempt::{Intent, Status};
use eks_nodegroup_updater::model::decision::Decision;
use eks_nodegroup_updater::model::decision::reason::{Reason, RingWait};
use eks_nodegroup_updater::model::id::Subject;
use eks_nodegroup_updater::model::record::nodegroup::{NodegroupRecord, NotTaken};
use eks_nodegroup_updater::model::release::track::{Family, TrackKey};
use eks_nodegroup_updater::model::release::version::ReleaseVersion;
use eks_nodegroup_updater::model::rules::{Rules, VersionPolicy};
use jiff::SignedDuration;
use serde_json::json;
use simulated_aws::{ApiError, Fault, UpdateScript};
use testing::{
    AL2023, BOTTLEROCKET, CURRENT, Fleet, History, NEWER, TestEnv, at, auto, cluster, days, decisions, intent, minutes,
    now, offers, opted_in, record, selector, tagged, unreadable,
};

use super::{Alone, STANDARD, bottlerocket_behind_its_clusters};
use crate::{DAY, HOUR, UPDATE, decide};

const NEXT: &str = "1.34.0-20260701";

fn follow() -> Rules {
    let (kubernetes_version, follow_cluster_after) = (VersionPolicy::FollowCluster, days(7));
    Rules { kubernetes_version, follow_cluster_after, ..Rules::default() }
}

/// `prod/blue` follows its cluster, which came to this version so many days ago.
fn following_since(control_plane: &str, ago: i64) -> Fleet {
    let mut fleet = Fleet::blue().rules(follow(), [CURRENT]);
    fleet.observed.clusters.insert(cluster("prod"), Ok(control_plane.parse().unwrap()));
    for version in ["1.34", "1.36"] {
        let release = format!("{version}.0-20260701");
        fleet.releases.push((TrackKey::new(version, &STANDARD), offers(&STANDARD, [release.as_str()])));
    }
    fleet.change_record("prod/blue", |record| record.record_cluster_version(control_plane, now() - days(ago)));
    fleet
}

/// Its cluster came there a week ago.
fn following(control_plane: &str) -> Fleet {
    following_since(control_plane, 7)
}

/// A reason, and what brings it about.
type Held = (&'static str, fn(&mut Fleet));

/// To go from [`CURRENT`] to the next Kubernetes version.
fn step() -> Intent {
    Intent { version: "1.34".into(), ..intent(NEXT) }
}

#[test]
fn in_one_step_and_never_beyond_the_control_plane() {
    assert_eq!(following("1.34").intent_of("prod/blue"), step());
    let far = Intent { version: "1.36".into(), ..intent("1.36.0-20260701") };
    assert_eq!(following("1.36").intent_of("prod/blue"), far);
    for control_plane in ["1.33", "1.32"] {
        assert_eq!(following(control_plane).reason().0, "UpToDate");
    }
}

#[test]
fn not_before_its_cluster_has_run_that_version_for_a_week() {
    let lately = following_since("1.34", 6);
    let sentence =
        "its cluster runs Kubernetes 1.34; ami-update/follow-cluster-after lets it follow from 2026-07-21T09:00:00Z";
    lately.waits_until("ClusterUpgradedRecently", sentence, "2026-07-21T09:00:00Z");
    let mut unseen = following("1.34");
    unseen.remember(record("prod/blue"));
    assert_eq!(unseen.reason().2, Some(at("2026-07-27T09:00:00Z")), "a week from now");
    let mut seen_elsewhere = following("1.34");
    seen_elsewhere.change_record("prod/blue", |record| record.record_cluster_version("1.36", now() - days(30)));
    assert_eq!(seen_elsewhere.reason().2, Some(at("2026-07-27T09:00:00Z")), "it was another version that it saw");
}

#[test]
fn until_then_its_own_version_goes_on() {
    let mut fleet = following_since("1.34", 6);
    *fleet.offer() = offers(&STANDARD, [NEWER]);
    assert_eq!(fleet.intent_of("prod/blue"), intent(NEWER));
}

#[test]
fn while_the_step_is_given_up_or_refused_its_own_version_goes_on() {
    let failed = |fleet: &mut Fleet| {
        fleet.change_record("prod/blue", |record| {
            let failed = |record: NodegroupRecord, _| record.ended(&step(), Status::Failed, vec![], now());
            *record = (0..4).fold(record.clone(), failed);
        });
    };
    let refused = |fleet: &mut Fleet| {
        let error = "Nodegroup Kubernetes version should be equal to Cluster kubernetes version 1.33";
        fleet.change_record("prod/blue", |record| {
            record.start_back_off(OutcomeKind::VersionNotReady, error, NotTaken::Version("1.34"), now())
        });
    };
    let denied = |fleet: &mut Fleet| fleet.config.settings.denied = vec![selector(NEXT)];
    let ahead: [Held; 3] = [("FailedBefore", failed), ("BackingOff", refused), ("Denied", denied)];
    for (reason, hold) in ahead {
        let mut fleet = following("1.34");
        hold(&mut fleet);
        assert_eq!(fleet.reason().0, reason, "where its own has nothing more to give");
        *fleet.offer() = offers(&STANDARD, [NEWER]);
        assert_eq!(fleet.intent_of("prod/blue"), intent(NEWER), "{reason}");
    }
}

#[test]
fn without_the_tag_a_node_group_stays_where_it_is() {
    let mut fleet = following("1.36").with(|nodegroup| nodegroup.policy = auto(Rules::default()));
    fleet.observed.clusters.clear();
    assert_eq!(fleet.reason().0, "UpToDate");
}

#[test]
fn while_the_next_version_offers_nothing_its_own_goes_on() {
    let mut fleet = following("1.34");
    fleet.releases = vec![(TrackKey::new("1.33", &STANDARD), offers(&STANDARD, [NEWER]))];
    assert_eq!(fleet.goes_to(), NEWER);
}

#[test]
fn what_holds_the_next_version_up_is_the_reason_where_its_own_has_nothing_more_to_give() {
    let young = Rules { min_age: days(30), ..follow() };
    let fleet = following("1.34").with(|nodegroup| nodegroup.policy = auto(young));
    let (code, _, until) = fleet.reason();
    assert_eq!((code, until), ("MinAgeNotReached", Some(at("2026-07-31T09:00:00Z"))));
}

#[test]
fn what_holds_its_own_version_up_is_the_reason_where_that_has_more_to_give_or_the_next_has_nothing() {
    let mut fleet = following("1.34");
    fleet.releases.truncate(1);
    assert_eq!(fleet.reason().0, "UpToDate");
    let mut fleet = following("1.34");
    fleet.config.settings.denied = [NEWER, NEXT].map(selector).into();
    *fleet.offer() = offers(&STANDARD, [NEWER]);
    let (code, sentence, _) = fleet.reason();
    assert!(code == "Denied" && sentence.contains(NEWER), "{sentence}");
}

#[test]
fn a_pinned_node_group_stays_on_its_kubernetes_version_and_holds_up_no_ring_that_goes_on() {
    let (bottlerocket, same) = (AmiTypes::BottlerocketX8664, "1.46.1-9d20f4ae");
    let at_once = || Rules { follow_cluster_after: SignedDuration::ZERO, ..follow() };
    let mut fleet = Fleet::of(["dev/a", "prod/blue"]);
    let rules = [Rules { pin: Some(same.into()), ..at_once() }, Rules { ring: 1, ..at_once() }];
    for (path, rules) in ["dev/a", "prod/blue"].into_iter().zip(rules) {
        let nodegroup = fleet.nodegroup(path);
        (nodegroup.ami_type, nodegroup.release_version) = (bottlerocket.clone(), Some(same.into()));
        nodegroup.policy = auto(rules);
    }
    fleet.observed.clusters = ["dev", "prod"].map(|name| (cluster(name), Ok("1.34".parse().unwrap()))).into();
    let offer = offers(&bottlerocket, [same]);
    fleet.releases = ["1.33", "1.34"].map(|version| (TrackKey::new(version, &bottlerocket), offer.clone())).into();
    assert_eq!(fleet.reason_of("dev/a"), Reason::Pinned { release: same.into() });
    let ami_type = bottlerocket.as_str().into();
    let intent = Intent { ami_type, previous_release_version: same.into(), release_version: same.into(), ..step() };
    assert_eq!(fleet.intent_of("prod/blue"), intent);
}

#[test]
fn a_ring_waits_for_a_node_group_whose_cluster_cannot_be_read_where_it_may_follow_it_there() {
    let mut fleet = following("1.34");
    fleet.observed.nodegroups.extend(Fleet::of(["dev/a"]).observed.nodegroups);
    fleet.nodegroup("prod/blue").policy = auto(Rules { ring: 1, ..follow() });
    fleet.nodegroup("dev/a").policy = auto(follow());
    fleet.observed.clusters.insert(cluster("dev"), Err(unreadable("AccessDeniedException: no")));
    let target = ReleaseVersion::parse(Family::AmazonLinux2023, NEXT).unwrap();
    let waits = Reason::WaitingForRing {
        target,
        nodegroup: Subject::Nodegroup("dev/a".parse().unwrap()),
        wait: RingWait::Unreadable,
    };
    for behind in ["1.33", "1.32"] {
        fleet.nodegroup("dev/a").kubernetes_version = Some(behind.into());
        assert_eq!(fleet.reason_of("prod/blue"), waits);
    }
    fleet.nodegroup("dev/a").kubernetes_version = Some("1.35".into());
    assert!(matches!(fleet.decision("prod/blue"), Decision::Start(_)), "it is beyond");
}

#[test]
fn a_cluster_that_cannot_be_read_is_a_reason() {
    let mut fleet = following("1.34");
    fleet.observed.clusters.insert(cluster("prod"), Err(unreadable("AccessDeniedException: no")));
    fleet.waits("Unreadable", "could not be read: its cluster's version: AccessDeniedException: no");
    fleet.nodegroup("prod/blue").kubernetes_version = Some("new".into());
    fleet.observed.clusters.insert(cluster("prod"), Ok("1.34".parse().unwrap()));
    let sentence = "could not be read: its cluster's version: \"new\" is not a Kubernetes version such as 1.33";
    fleet.waits("Unreadable", sentence);
}

#[tokio::test(start_paused = true)]
async fn a_node_group_follows_its_cluster_in_one_step_a_week_after_it_went_ahead() {
    let groups = ["blue", "keeps"];
    let follow = tagged("prod", "blue", &[("kubernetes-version", "follow-cluster")]);
    let env = TestEnv::with([follow, opted_in("prod", "keeps")]).await;
    env.world.add_cluster("prod", "1.35");
    env.world.publish_release(AL2023, "1.34", "1.34.1-20260710");
    env.world.publish_release(AL2023, "1.35", "1.35.0-20260710");
    let asked = async || {
        for _ in 0..12 {
            env.start().await;
            env.advance(30);
            env.check().await;
        }
        groups.map(|name| {
            let updates = env.world.updates("prod", name).into_iter();
            updates.map(|update| (update.version.unwrap(), update.release.unwrap())).collect::<Vec<_>>()
        })
    };
    let pair = |version: &str, release: &str| (version.to_owned(), release.to_owned());
    let own = pair("1.33", NEWER);
    assert_eq!(asked().await, [vec![own.clone()], vec![own.clone()]], "each keeps its own version up to date");
    let (decision, reason) = decide(&env, "prod/blue").await;
    let sentence =
        "its cluster runs Kubernetes 1.35; ami-update/follow-cluster-after lets it follow from 2026-07-27T09:00:00Z";
    assert_eq!((decision, reason.as_str()), ("ClusterUpgradedRecently", sentence));
    env.advance(7 * DAY);
    assert_eq!(asked().await, [vec![own.clone(), pair("1.35", "1.35.0-20260710")], vec![own]]);
}

#[tokio::test(start_paused = true)]
async fn an_update_that_leaves_the_kubernetes_version_as_it_was_is_without_effect() {
    let env = bottlerocket_behind_its_clusters([("prod", &[])]).await;
    env.world.script_next_update("prod", "ng", UpdateScript::SucceedWithoutEffect { after: minutes(10) });
    env.start().await;
    for _ in 0..3 {
        env.advance(15);
        env.check().await;
    }
    let message = env.messages().remove(0);
    assert_eq!((&message["kind"], &message["kubernetesVersion"]), (&json!("UpdateUnverified"), &json!("1.34")));
    let error = "EKS reports the update as successful, but the node group runs 1.46.1-9d20f4ae (Kubernetes 1.33)";
    assert_eq!(message["errors"][0]["errorMessage"], error);
}

#[tokio::test(start_paused = true)]
async fn a_node_group_does_not_follow_its_cluster_to_an_older_release() {
    let env = bottlerocket_behind_its_clusters([("prod", &[])]).await;
    env.world.withdraw_release(BOTTLEROCKET, "1.34");
    env.world.publish_release(BOTTLEROCKET, "1.34", "1.45.0-1e6a7c0b");
    let (decision, reason) = decide(&env, "prod/ng").await;
    let sentence =
        "it runs 1.46.1-9d20f4ae, which is newer than 1.45.0-1e6a7c0b, the latest release that AWS recommends";
    assert_eq!((decision, reason.as_str()), ("RunsWithdrawnRelease", sentence));
}

#[tokio::test(start_paused = true)]
async fn while_its_cluster_is_upgraded_eks_refuses_the_step_and_the_own_version_goes_on() {
    let mut env = TestEnv::with([tagged("prod", "blue", &[("kubernetes-version", "follow-cluster")])]).await;
    env.start_config.settings.defaults.follow_cluster_after = jiff::SignedDuration::ZERO;
    env.world.add_cluster("prod", "1.35");
    env.world.publish_release(testing::AL2023, "1.35", "1.35.0-20260710");
    let message = "Nodegroup Kubernetes version should be equal to Cluster kubernetes version 1.34 or NodeGroup kubernetes version 1.33";
    env.world.on_request(move |request| {
        let refuse = request.action == UPDATE && request.body["version"] == "1.35";
        if refuse { Fault::Error(ApiError::new(400, "InvalidParameterException", message)) } else { Fault::None }
    });
    assert_eq!(decisions(&env.start().await), ["prod/blue: Start, VersionNotReady"]);
    env.advance(5);
    let own = env.start().await.decisions.remove(0);
    assert_eq!((own.outcome, own.target.as_deref()), (Some("Accepted"), Some(testing::NEWER)));
    env.advance(15);
    env.check().await;
    env.advance(HOUR);
    assert_eq!(decisions(&env.start().await), ["prod/blue: Start, VersionNotReady"]);
    assert_eq!(decisions(&env.start().await), ["prod/blue: BackingOff"]);
    env.world.clear_faults();
    env.advance(HOUR);
    assert_eq!(decisions(&env.start().await), ["prod/blue: Start, Accepted"]);
    assert_eq!(env.world.updates("prod", "blue").pop().unwrap().version.as_deref(), Some("1.35"));
    assert_eq!(env.messages().len(), 0, "it is no failure of the release");
}
