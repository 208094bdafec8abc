//! Rings: a ring gets a release once the lower ones have proved it.

use aws_sdk_eks::types::{AmiTypes, NodegroupIssueCode, NodegroupStatus};
use eks_nodegroup_updater::model::decision::Decision;
use eks_nodegroup_updater::model::nodegroup::policy::{Mode, Policy};
use eks_nodegroup_updater::model::nodegroup::{HealthIssue, Nodegroup};
use eks_nodegroup_updater::model::observed::fleet::NodegroupState;
use eks_nodegroup_updater::model::record::fleet::Quarantine;
use eks_nodegroup_updater::model::record::nodegroup::{NodegroupRecord, Proof};
use eks_nodegroup_updater::model::rules::Rules;
use eks_nodegroup_updater::reconcile::{NodegroupChange, Reconciled};
use testing::{
    CURRENT, Fleet, History, NEWER, TestEnv, at, auto, cluster, id, names, now, offers, opted_in, quarantine, tagged,
    unreadable,
};

use super::{STANDARD, bottlerocket_behind_its_clusters, newest};
use crate::reconcile::reconciled;
use crate::{DAY, HOUR, decide};

const RELEASE: &str = "1.33.2-20260716";

/// `dev/a` in ring 0 and `prod/blue` in ring 1; AWS offers one release.
fn two_rings(change: impl FnOnce(&mut Nodegroup), history: impl FnOnce(NodegroupRecord) -> NodegroupRecord) -> Fleet {
    let mut fleet = Fleet::of(["dev/a", "prod/blue"]).rules(Rules::default(), [RELEASE]);
    fleet.nodegroup("prod/blue").policy = auto(Rules { ring: 1, ..Rules::default() });
    fleet.with(change).after(history)
}

fn updated(ended: &str) -> impl FnOnce(NodegroupRecord) -> NodegroupRecord {
    move |record| record.updated(RELEASE, at(ended))
}

fn no_history(record: NodegroupRecord) -> NodegroupRecord {
    record
}

fn runs(release: &'static str) -> impl FnOnce(&mut Nodegroup) {
    move |nodegroup| nodegroup.release_version = Some(release.into())
}

fn blue(fleet: &Fleet) -> Result<String, String> {
    match fleet.decision("prod/blue") {
        Decision::Start(intent) => Ok(intent.release_version),
        decision => {
            assert_eq!(decision.code(), "WaitingForRing");
            Err(decision.to_string())
        }
    }
}

#[test]
fn a_ring_waits_until_the_lower_one_has_run_the_release_for_the_soak_time() {
    let waits = |rest: &str| Err(format!("waiting for a lower ring: dev/a {rest}"));
    assert_eq!(blue(&two_rings(|_| (), no_history)), waits(&format!("does not run {RELEASE} yet")));
    let soaking = two_rings(runs(RELEASE), updated("2026-07-19T09:00:01Z"));
    assert_eq!(blue(&soaking), waits(&format!("is soaking {RELEASE} until 2026-07-20T09:00:01Z")));
    let soaked = two_rings(runs(RELEASE), updated("2026-07-19T09:00:00Z"));
    assert_eq!(blue(&soaked), Ok(RELEASE.into()));
}

#[test]
fn a_failure_in_a_lower_ring_holds_the_release_up() {
    let failed = two_rings(|_| (), |record| record.failed(RELEASE, at("2026-07-01T09:00:00Z")));
    let sentence = format!("waiting for a lower ring: dev/a failed to update to {RELEASE}");
    assert_eq!(blue(&failed), Err(sentence));
}

#[test]
fn a_newer_release_of_the_track_proves_an_older_one() {
    let newer = two_rings(runs("1.33.2-20260719"), updated("2026-07-17T09:00:00Z"));
    assert_eq!(blue(&newer), Ok(RELEASE.into()));
}

#[test]
fn a_node_group_that_came_to_the_release_without_us_counts_from_its_last_change() {
    let modified = |modified_at: &'static str| {
        move |nodegroup: &mut Nodegroup| {
            nodegroup.release_version = Some(RELEASE.into());
            nodegroup.modified_at = Some(at(modified_at));
        }
    };
    assert_eq!(blue(&two_rings(modified("2026-07-19T09:00:00Z"), no_history)), Ok(RELEASE.into()));
    assert!(blue(&two_rings(modified("2026-07-19T09:00:01Z"), no_history)).is_err());
}

#[test]
fn node_groups_that_can_never_get_the_release_hold_no_ring_up() {
    let passed = |change: &dyn Fn(&mut Nodegroup)| assert_eq!(blue(&two_rings(change, no_history)), Ok(RELEASE.into()));
    passed(&|nodegroup| nodegroup.ami_type = AmiTypes::Custom);
    passed(&|nodegroup| nodegroup.ami_type = AmiTypes::Al2023Arm64Standard);
    passed(&|nodegroup| nodegroup.kubernetes_version = Some("1.32".into()));
    passed(&|nodegroup| nodegroup.policy = auto(Rules { pin: Some(CURRENT.into()), ..Rules::default() }));
    passed(&|nodegroup| nodegroup.policy = Policy::OptedIn(Mode::Notify, Rules::default()));
    passed(&|nodegroup| nodegroup.policy = auto(Rules { ring: 1, ..Rules::default() }));
    passed(&|nodegroup| nodegroup.policy = Policy::NotOptedIn);
}

#[test]
fn a_node_group_that_cannot_be_read_proves_nothing() {
    let mut fleet = two_rings(|_| (), no_history);
    fleet.at("dev/a").state = NodegroupState::Unreadable(unreadable("AccessDeniedException: no"));
    let sentence = format!("waiting for a lower ring: dev/a cannot be read, so it does not prove {RELEASE}");
    assert_eq!(blue(&fleet), Err(sentence.clone()));
    let mut fleet = two_rings(runs(RELEASE), no_history);
    fleet.unreadable_record("dev/a", "malformed");
    assert_eq!(blue(&fleet), Err(sentence));
}

#[test]
fn a_node_group_with_an_invalid_tag_proves_nothing() {
    let tags = |tags: &[(&str, &str)]| {
        let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let policy = Policy::from_tags(&tags, &Rules::default());
        blue(&two_rings(|nodegroup| nodegroup.policy = policy, no_history))
    };
    let sentence = format!("waiting for a lower ring: dev/a has an invalid tag, so it does not prove {RELEASE}");
    assert_eq!(tags(&[("ami-update", "auto"), ("ami-update/ring", "zero")]), Err(sentence.clone()));
    assert_eq!(tags(&[("ami-update", "auto"), ("ami-update/windw", "Sat")]), Err(sentence.clone()));
    assert_eq!(tags(&[("ami-update", "yes")]), Err(sentence));
    assert_eq!(tags(&[("ami-update", "yes"), ("ami-update/ring", "1")]), Ok(RELEASE.into()));
}

#[test]
fn the_node_group_that_holds_the_ring_up_longest_is_named() {
    let mut fleet = Fleet::of(["dev/a", "dev/b", "dev/c", "prod/blue"]).rules(Rules::default(), [RELEASE]);
    fleet.nodegroup("prod/blue").policy = auto(Rules { ring: 1, ..Rules::default() });
    let arrivals =
        [("dev/a", "2026-07-19T10:00:00Z"), ("dev/b", "2026-07-20T08:00:00Z"), ("dev/c", "2026-07-19T12:00:00Z")];
    for (path, arrived) in arrivals {
        fleet.nodegroup(path).release_version = Some(RELEASE.into());
        fleet.nodegroup(path).modified_at = Some(at(arrived));
    }
    let reason = |fleet: &Fleet| {
        let reason = fleet.reason_of("prod/blue");
        (reason.to_string(), reason.until())
    };
    let sentence = format!("waiting for a lower ring: dev/b is soaking {RELEASE} until 2026-07-21T08:00:00Z");
    assert_eq!(reason(&fleet), (sentence, Some(at("2026-07-21T08:00:00Z"))));
    fleet.nodegroup("dev/c").release_version = Some(CURRENT.into());
    let sentence = format!("waiting for a lower ring: dev/c does not run {RELEASE} yet");
    assert_eq!(reason(&fleet), (sentence, None));
}

fn proof(release: &str) -> Proof {
    Proof::new("1.33", release, now())
}

/// The canary has proved the release, and was then changed so.
fn proved_and_then(change: impl FnOnce(&mut Nodegroup)) -> Fleet {
    let mut fleet = two_rings(change, no_history);
    fleet.change_record("dev/a", |record| record.prove(&proof(RELEASE)));
    fleet
}

#[test]
fn what_was_proved_stays_so_when_the_canary_scales_down_but_not_when_it_falls_ill() {
    assert_eq!(blue(&proved_and_then(|canary| canary.desired_size = Some(0))), Ok(RELEASE.into()));
    let sentence = format!("waiting for a lower ring: dev/a is unhealthy, so it does not prove {RELEASE}");
    assert_eq!(blue(&proved_and_then(|canary| canary.status = NodegroupStatus::Degraded)), Err(sentence.clone()));
    let ill = |code: &str| {
        let issue = HealthIssue { code: NodegroupIssueCode::from(code), message: String::new() };
        blue(&proved_and_then(|canary| canary.health = vec![issue]))
    };
    assert_eq!(ill("Ec2SubnetNotFound"), Err(sentence));
    assert_eq!(ill("AsgInstanceLaunchFailures"), Ok(RELEASE.into()), "want of capacity is no illness");
}

#[test]
fn a_canary_without_nodes_neither_proves_nor_holds_unless_all_are() {
    let empty = |canary: &mut Nodegroup| {
        canary.release_version = Some(RELEASE.into());
        canary.modified_at = Some(at("2026-07-01T09:00:00Z"));
        canary.desired_size = Some(0);
    };
    let mut fleet = two_rings(empty, no_history);
    let sentence = format!(
        "waiting for a lower ring: dev/a has no nodes, and no other node group of the lower rings proves {RELEASE}"
    );
    assert_eq!(blue(&fleet), Err(sentence));
    fleet.observed.nodegroups.extend(Fleet::of(["dev/b"]).observed.nodegroups);
    empty(fleet.nodegroup("dev/b"));
    fleet.nodegroup("dev/b").desired_size = Some(1);
    assert_eq!(blue(&fleet), Ok(RELEASE.into()), "the other one proves it");
    fleet.nodegroup("dev/b").release_version = Some(CURRENT.into());
    assert_eq!(blue(&fleet), Err(format!("waiting for a lower ring: dev/b does not run {RELEASE} yet")));
}

#[test]
fn a_release_that_is_quarantined_in_the_canarys_cluster_is_not_proved() {
    let mut fleet = two_rings(runs(RELEASE), updated("2026-07-01T09:00:00Z"));
    let held = Quarantine { cluster: Some(cluster("dev")), ..quarantine(RELEASE, names(["dev/b", "dev/c"]), now()) };
    fleet.change_fleet_record(|record| record.quarantine(&held));
    let sentence = format!("waiting for a lower ring: dev/a is in a cluster where {RELEASE} is quarantined");
    assert_eq!(blue(&fleet), Err(sentence));
}

#[test]
fn a_newer_release_that_was_withdrawn_or_quarantined_proves_nothing() {
    let newer = "1.33.2-20260719";
    let ran_on_to_newer = || two_rings(runs(newer), |record| record.updated(newer, at("2026-07-17T09:00:00Z")));
    let not_there = Err(format!("waiting for a lower ring: dev/a does not run {RELEASE} yet"));
    let mut fleet = ran_on_to_newer();
    *fleet.offer() = offers(&STANDARD, [newer, RELEASE]);
    newest(&mut fleet).withdrawn = true;
    assert_eq!(blue(&fleet), not_there);
    let mut fleet = ran_on_to_newer();
    fleet.change_fleet_record(|record| record.quarantine(&quarantine(newer, names([]), now())));
    assert_eq!(blue(&fleet), not_there);
    fleet.change_record("dev/a", |record| record.prove(&proof(RELEASE)));
    assert_eq!(blue(&fleet), Ok(RELEASE.into()), "what it ran before counts by its record");
}

#[test]
fn an_older_release_that_the_ring_has_proved_is_taken_meanwhile() {
    let mut fleet = two_rings(runs(NEWER), |record| record.updated(NEWER, at("2026-07-12T09:00:00Z")));
    *fleet.offer() = offers(&STANDARD, [RELEASE, NEWER]);
    assert_eq!(blue(&fleet), Ok(NEWER.into()));
}

/// `dev/canary` has run the release for a day, and `prod/blue` is in the next ring.
fn soaked() -> Fleet {
    let mut fleet = Fleet::of(["dev/canary", "prod/blue"]).with_history();
    fleet.nodegroup("prod/blue").policy = auto(Rules { ring: 1, ..Rules::default() });
    fleet.nodegroup("dev/canary").release_version = Some(NEWER.into());
    fleet.after(|record| record.updated(NEWER, at("2026-07-19T09:00:00Z")))
}

#[test]
fn what_a_canary_has_run_for_the_soak_time_is_written_down_once_as_proved() {
    let proof = Proof::new("1.33", NEWER, now());
    let changes = vec![NodegroupChange::Prove(proof.clone())];
    let expected = Reconciled { nodegroups: [(id("dev/canary"), changes)].into(), ..Reconciled::default() };
    assert_eq!(reconciled(&soaked()), expected);
    let mut written = soaked();
    written.change_record("dev/canary", |record| record.prove(&proof));
    assert_eq!(reconciled(&written), Reconciled::default());
}

#[test]
fn what_is_unhealthy_empty_or_too_young_or_what_no_later_ring_asks_for_is_not_written_down_as_proved() {
    let unproved = |fleet: Fleet| assert_eq!(reconciled(&fleet), Reconciled::default());
    unproved(soaked().with(|canary| canary.status = NodegroupStatus::Degraded));
    unproved(soaked().with(|canary| canary.status = NodegroupStatus::Updating));
    unproved(soaked().with(|canary| canary.desired_size = Some(0)));
    unproved(soaked().with(|canary| canary.policy = auto(Rules { ring: 1, ..Rules::default() })));
    unproved(soaked().after(|record| record.updated(NEWER, at("2026-07-19T09:00:01Z"))));
    unproved(soaked().after(|record| record.updating("1.33.2-20260719", now())));
}

#[test]
fn what_a_canary_left_for_an_older_release_soaks_anew() {
    let fleet = soaked().after(|record| {
        let there = record.updated(NEWER, at("2026-07-18T09:00:00Z"));
        there.updated(CURRENT, at("2026-07-18T10:00:00Z")).updated(NEWER, at("2026-07-20T08:00:00Z"))
    });
    let proof = Proof::new("1.33", CURRENT, now());
    let changes = vec![NodegroupChange::Prove(proof)];
    let expected = Reconciled { nodegroups: [(id("dev/canary"), changes)].into(), ..Reconciled::default() };
    assert_eq!(reconciled(&fleet), expected);
}

#[tokio::test(start_paused = true)]
async fn a_release_passes_from_ring_to_ring_across_clusters() {
    let env = TestEnv::with([
        tagged("dev", "canary", &[("ring", "0")]),
        tagged("staging", "blue", &[("ring", "1")]),
        tagged("prod", "blue", &[("ring", "2")]),
        tagged("prod", "legacy", &[("ring", "0"), ("pin", CURRENT)]),
    ])
    .await;
    let mut order = Vec::new();
    for _ in 0..4 * 24 {
        for line in env.start().await.decisions {
            if line.decision == "Start" {
                order.push((line.nodegroup, env.world.now().to_string()));
            }
        }
        env.advance(30);
        env.check().await;
        env.advance(30);
    }
    let expected = [
        ("dev/canary", "2026-07-20T09:00:00Z"),
        ("staging/blue", "2026-07-21T10:00:00Z"),
        ("prod/blue", "2026-07-22T11:00:00Z"),
    ];
    assert_eq!(order, expected.map(|(name, at)| (name.to_owned(), at.to_owned())));
}

#[tokio::test(start_paused = true)]
async fn a_ring_proves_a_release_at_the_kubernetes_version_that_the_next_ring_goes_to() {
    let env = bottlerocket_behind_its_clusters([("dev", &[]), ("prod", &[("ring", "1")])]).await;
    env.advance(2 * DAY);
    let (decision, reason) = decide(&env, "prod/ng").await;
    assert_eq!(decision, "WaitingForRing", "dev runs the release, but not with Kubernetes 1.34: {reason}");
    env.advance(15);
    env.check().await;
    assert_eq!(env.world.nodegroup("dev", "ng").unwrap().version, "1.34");
    assert_eq!(decide(&env, "prod/ng").await.0, "WaitingForRing", "it has not run it long enough");
    env.advance(DAY);
    assert_eq!(decide(&env, "prod/ng").await.0, "Start");
}

#[tokio::test(start_paused = true)]
async fn what_a_canary_has_proved_lets_the_next_ring_go_on_when_the_canary_scales_to_nothing() {
    let prod = [("ring", "1"), ("window", "Wed 02:00-06:00 UTC")];
    let dev = async |nodes_on_tuesday: u32| {
        let env = TestEnv::with([opted_in("dev", "canary"), tagged("prod", "blue", &prod)]).await;
        env.start().await;
        env.advance(15);
        env.check().await;
        env.world.edit_nodegroup("dev", "canary", |canary| canary.nodes = nodes_on_tuesday);
        // Tuesday at ten, when the canary has run it for a day.
        env.advance(DAY + 45);
        env.start().await;
        env.world.edit_nodegroup("dev", "canary", |canary| canary.nodes = 0);
        env.advance(16 * HOUR);
        let line = env.start().await.decisions.remove(1);
        (line.decision, line.reason)
    };
    assert_eq!(dev(3).await.0, "Start");
    let waits = "waiting for a lower ring: dev/canary has no nodes, and no other node group of the lower rings proves 1.33.2-20260710";
    assert_eq!(dev(0).await, ("WaitingForRing", waits.to_owned()));
}
