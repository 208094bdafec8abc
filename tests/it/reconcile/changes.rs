//! What has to be recorded before a plan. Pure, so these need no AWS.

use eks_nodegroup_updater::model::attempt::StartedBy;
use eks_nodegroup_updater::model::id::FleetId;
use eks_nodegroup_updater::model::observed::releases::{Recommendations, Releases};
use eks_nodegroup_updater::model::problem::{Problem, ProblemCode};
use eks_nodegroup_updater::model::record::fleet::Quarantine;
use eks_nodegroup_updater::model::record::nodegroup::ExternalUpdate;
use eks_nodegroup_updater::model::release::track::Family;
use eks_nodegroup_updater::model::release::version::ReleaseVersion;
use eks_nodegroup_updater::model::rules::{Rules, VersionPolicy};
use eks_nodegroup_updater::reconcile::{Change, FleetChange, NodegroupChange, Reconciled, reconcile};
use serde_json::json;
use testing::{
    Fleet, History, NEWER, UPDATE_ID, at, auto, cluster, fleet_record, id, intent, names, now, offers, quarantine,
    record, selector, track, unreadable,
};

use super::{reconciled, without_sights};

#[test]
fn what_a_node_group_runs_is_written_down_once() {
    let mut fleet = Fleet::blue().with_history();
    let seen = |fleet: &Fleet| reconcile(&fleet.input(&fleet.offered()), &fleet.recommended(), vec![]).nodegroups;
    let [change] = &seen(&fleet).remove(&id("prod/blue")).unwrap()[..] else { panic!("one change") };
    fleet.change_record("prod/blue", |record| change.apply(record));
    assert_eq!(seen(&fleet), [].into());
}

fn external() -> ExternalUpdate {
    ExternalUpdate { update_id: UPDATE_ID.into(), intent: intent(NEWER), started_at: at("2026-07-20T08:50:00Z") }
}

#[test]
fn where_nothing_happened_nothing_changes() {
    let fleet = Fleet::blue().with_history().after(|record| record.updated(NEWER, at("2026-07-19T09:00:00Z")));
    assert_eq!(reconciled(&fleet), Reconciled::default());
}

#[test]
fn an_external_update_is_adopted_and_one_that_cannot_be_looked_for_makes_its_node_group_unreadable() {
    let fleet = Fleet::of(["prod/blue", "prod/green"]);
    let updates = vec![(id("prod/blue"), Ok(external())), (id("prod/green"), Err(unreadable("throttled")))];
    let expected = Reconciled {
        nodegroups: [(id("prod/blue"), vec![NodegroupChange::Adopt(external(), now())])].into(),
        unreadable: vec![(id("prod/green"), unreadable("throttled"))],
        ..Reconciled::default()
    };
    let reconciled = reconcile(&fleet.input(&Releases::default()), &Recommendations::new(), updates);
    assert_eq!(without_sights(reconciled), expected);
}

#[test]
fn an_update_is_adopted_once_however_often_the_change_is_made() {
    let mut blue = record("prod/blue");
    for _ in 0..2 {
        NodegroupChange::Adopt(external(), now()).apply(&mut blue);
    }
    let open = blue.open().cloned().unwrap();
    assert_eq!((open.number, open.started_by, open.token), (1, StartedBy::External.into(), None));

    blue.end(eks_nodegroup_updater::model::attempt::Status::Successful, vec![], now());
    let ended = blue.clone();
    NodegroupChange::Adopt(external(), now()).apply(&mut blue);
    assert_eq!(blue, ended, "it has ended already");

    let mut own = record("prod/blue").intended(NEWER, now());
    NodegroupChange::Adopt(external(), now()).apply(&mut own);
    assert_eq!(own.open().unwrap().started_by, StartedBy::Updater, "an open attempt stays");
}

#[test]
fn a_retry_is_allowed_where_there_is_something_to_retry() {
    let event = json!({"retry": ["prod/blue", "prod/green"]});
    let mut fleet = Fleet::of(["prod/blue", "prod/green"]).with_history().event(&event);
    fleet.remember(record("prod/blue").failed(NEWER, at("2026-07-20T08:30:00Z")));
    let expected = Reconciled {
        nodegroups: [(id("prod/blue"), vec![NodegroupChange::AllowRetry(now())])].into(),
        ..Reconciled::default()
    };
    assert_eq!(reconciled(&fleet), expected);
}

#[test]
fn a_release_that_fails_on_two_node_groups_is_quarantined_and_a_newer_one_supersedes_it() {
    let mut fleet = Fleet::of(["dev/a", "dev/b", "prod/blue"]).with_history();
    for path in ["dev/a", "dev/b"] {
        fleet.remember(record(path).broken(NEWER, at("2026-07-19T10:00:00Z")));
    }
    let fleet_id = FleetId::of(&id("dev/a"));
    let in_dev =
        Quarantine { cluster: Some(testing::cluster("dev")), ..quarantine(NEWER, names(["dev/a", "dev/b"]), now()) };
    let quarantine = FleetChange::Quarantine(in_dev);
    let expected = Reconciled { fleet: Some((fleet_id.clone(), vec![quarantine.clone()])), ..Reconciled::default() };
    assert_eq!(reconciled(&fleet), expected);

    let mut held = fleet_record();
    for _ in 0..2 {
        quarantine.apply(&mut held);
    }
    assert_eq!((held.quarantines.len(), held.pending_notices().len()), (1, 1), "however often it is made");

    fleet.remember_fleet(held);
    assert_eq!(reconciled(&fleet), Reconciled::default(), "it is quarantined already");
    *fleet.offer() = offers(&track().ami_type, ["1.33.2-20260719"]);
    let Some((_, changes)) = reconciled(&fleet).fleet else { panic!("no change") };
    let newer = ReleaseVersion::parse(Family::AmazonLinux2023, "1.33.2-20260719").unwrap();
    assert_eq!(changes, [FleetChange::Supersede(track(), newer)]);
}

#[test]
fn a_quarantine_is_lifted_where_there_is_one_and_else_that_is_an_error() {
    let mut fleet = Fleet::blue().event(&json!({"liftQuarantine": [NEWER, "1.33.2-20260719"]}));
    let held = quarantine(NEWER, names(["dev/a"]), at("2026-07-19T10:00:00Z"));
    fleet.change_fleet_record(|record| record.quarantine(&held));
    let reconciled = reconciled(&fleet);
    let lift = FleetChange::LiftQuarantine(selector(NEWER), now());
    assert_eq!(reconciled.fleet, Some((FleetId::of(&id("prod/blue")), vec![lift])));
    let error = "the release 1.33.2-20260719 is not quarantined, so nothing is lifted";
    assert_eq!(reconciled.errors, [Problem::of_run(ProblemCode::InvalidRequest, error)]);
}

#[test]
fn the_version_of_a_cluster_that_a_node_group_follows_is_seen_once() {
    let rules = Rules { kubernetes_version: VersionPolicy::FollowCluster, ..Rules::default() };
    let mut fleet = Fleet::of(["prod/blue", "prod/keeps"]).with_history().with(|blue| blue.policy = auto(rules));
    let see = |version: &str| {
        let changes = vec![NodegroupChange::RecordClusterVersion(version.into(), now())];
        Reconciled { nodegroups: [(id("prod/blue"), changes)].into(), ..Reconciled::default() }
    };
    fleet.observed.clusters.insert(cluster("prod"), Ok("1.34".parse().unwrap()));
    assert_eq!(reconciled(&fleet), see("1.34"));
    let since = at("2026-07-10T09:00:00Z");
    fleet.change_record("prod/blue", |record| {
        for at in [since, now()] {
            NodegroupChange::RecordClusterVersion("1.34".into(), at).apply(record);
        }
        assert_eq!(record.cluster_version.as_ref().map(|seen| seen.since), Some(since));
    });
    assert_eq!(reconciled(&fleet), Reconciled::default());
    fleet.observed.clusters.insert(cluster("prod"), Ok("1.35".parse().unwrap()));
    assert_eq!(reconciled(&fleet), see("1.35"));
    fleet.observed.clusters.insert(cluster("prod"), Err(unreadable("throttled")));
    assert_eq!(reconciled(&fleet), Reconciled::default());
}
