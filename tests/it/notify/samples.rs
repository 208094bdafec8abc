//! A notice of each kind.

use eks_nodegroup_updater::model::attempt::hold::{Rollback, Running, StepBack};
use eks_nodegroup_updater::model::attempt::{Intent, Status};
use eks_nodegroup_updater::model::nodegroup::owner::Owner;
use eks_nodegroup_updater::model::nodegroup::policy::InvalidTag;
use eks_nodegroup_updater::model::notice::stale::Stale;
use eks_nodegroup_updater::model::notice::support::{Ended, SupportEnded, Supported};
use eks_nodegroup_updater::model::notice::{Digest, Lasting, Week};
use eks_nodegroup_updater::model::record::fleet::{FleetRecord, Quarantine};
use eks_nodegroup_updater::model::record::nodegroup::NodegroupRecord;
use eks_nodegroup_updater::model::record::set::AnyRecord;
use eks_nodegroup_updater::model::record::track::TrackRecord;
use eks_nodegroup_updater::model::release::track::Family;
use eks_nodegroup_updater::model::release::version::ReleaseVersion;
use eks_nodegroup_updater::model::unknown::Unknown;
use eks_nodegroup_updater::notify::Message;
use testing::{
    CURRENT, History, NEWER, UPDATE_ID, at, eviction, fleet_record, intent, names, quarantine, retry_after,
    track_record,
};

/// An update that runs since nine.
pub(super) fn record() -> NodegroupRecord {
    testing::record("prod/blue").updating(NEWER, at("2026-07-20T09:00:00Z"))
}

/// A track on which this release was named at nine on the tenth of July.
pub(super) fn track_with(release: &str) -> TrackRecord {
    let mut track = track_record();
    let named_at = at("2026-07-10T09:00:00Z");
    track.releases.recommend(
        &ReleaseVersion::parse(Family::AmazonLinux2023, release).unwrap(),
        Some(named_at),
        named_at,
    );
    track
}

fn track_named(release: &str) -> TrackRecord {
    let mut track = track_record();
    let named_at = at("2026-07-10T09:00:00Z");
    track.recommend(&ReleaseVersion::parse(Family::AmazonLinux2023, release).unwrap(), Some(named_at), named_at);
    track
}

fn recovered() -> NodegroupRecord {
    let mut record = record();
    record.end(Status::Failed, vec![eviction()], at("2026-07-20T09:16:02Z"));
    record.begin(&intent("1.33.2-20260720"), at("2026-07-21T09:00:00Z"));
    record.end(Status::Successful, vec![], at("2026-07-21T09:20:00Z"));
    record
}

fn withdrawn() -> TrackRecord {
    let mut track = track_with(NEWER);
    let (current, later) =
        (ReleaseVersion::parse(Family::AmazonLinux2023, CURRENT).unwrap(), at("2026-07-20T09:00:00Z"));
    track.releases.recommend(&current, Some(later), later);
    track.report_withdrawn(NEWER, CURRENT, &names(["dev/a", "prod/blue"]), at("2026-07-20T10:00:00Z"));
    track
}

fn refused() -> TrackRecord {
    let mut track = track_with(NEWER);
    let message = "Requested release version 1.33.2-20260710 is not valid for kubernetes version 1.33.";
    track.refuse(NEWER, message, at("2026-07-20T10:00:00Z"));
    track.report_refused(NEWER, at("2026-07-21T10:00:00Z"));
    track
}

/// A message of each kind, by the kind's name.
pub(super) fn noticed() -> Vec<(&'static str, Message)> {
    let message =
        |record: &AnyRecord| Message::new(record.as_ref(), record.pending_notices().last().unwrap(), &retry_after());
    noticed_records().iter().map(|(kind, record)| (*kind, message(record))).collect()
}

/// A record whose last notice is of a kind, for each kind, by its name.
pub(super) fn noticed_records() -> Vec<(&'static str, AnyRecord)> {
    let end = |status, errors| {
        let mut record = record();
        record.end(status, errors, at("2026-07-20T09:16:02Z"));
        record.into()
    };
    let mut stuck = record();
    stuck.report_stuck(at("2026-07-20T15:00:00Z"));
    let mut available = testing::record("prod/blue");
    available.report_available("1.33", NEWER, at("2026-07-20T15:00:00Z"));
    let mut forced = testing::record("prod/blue");
    forced.begin(&Intent { force: true, may_force: true, ..intent(NEWER) }, at("2026-07-20T09:00:00Z"));
    forced.end(Status::Successful, vec![], at("2026-07-20T09:20:00Z"));
    let mut quarantined = fleet_record();
    let nodegroups: Vec<_> = (1..=23).map(|number| format!("prod/workers-{number}").parse().unwrap()).collect();
    quarantined.quarantine(&Quarantine {
        ran_on: names(["dev/a"]),
        same_build: vec!["1.34/AL2023_x86_64_STANDARD/1.34.0-20260710".into()],
        ..quarantine(NEWER, nodegroups.into(), at("2026-07-20T10:00:00Z"))
    });
    let mut denied = fleet_record();
    denied.report_access_denied("AccessDeniedException: not authorized", at("2026-07-20T10:00:00Z"));
    let mut tag = testing::record("prod/blue");
    let (key, value, expected) = ("ami-update/window".to_owned(), "Sat".to_owned(), "expected windows".to_owned());
    tag.report_invalid_tag(&InvalidTag { key, value, expected }, at("2026-07-20T10:00:00Z"));
    vec![
        ("UpdateStarted", record().into()),
        ("UpdateSucceeded", end(Status::Successful, vec![])),
        ("UpdateRecovered", recovered().into()),
        ("ReleaseAvailable", track_named(NEWER).into()),
        ("UpdateFailed", end(Status::Failed, vec![eviction()])),
        ("UpdateCancelled", end(Status::Cancelled, vec![])),
        ("UpdateStuck", stuck.into()),
        ("UpdateNotFound", end(Status::NotFound, vec![])),
        ("UpdateRefused", end(Status::Refused, vec![])),
        ("UpdateUnverified", end(Status::Unverified, vec![])),
        ("UpdateAvailable", available.into()),
        ("UpdateForced", forced.into()),
        ("ReleaseQuarantined", quarantined.into()),
        ("TagInvalid", tag.into()),
        ("AccessDenied", denied.into()),
        ("ReleaseWithdrawn", withdrawn().into()),
        ("ReleaseRefused", refused().into()),
    ]
    .into_iter()
    .chain(of_a_node_group())
    .chain(of_the_fleet())
    .collect()
}

/// What is said of a node group that is not updated, or is taken back.
fn of_a_node_group() -> [(&'static str, AnyRecord); 7] {
    let noticed = |change: &dyn Fn(&mut NodegroupRecord)| {
        let mut record = testing::record("prod/blue");
        change(&mut record);
        record.into()
    };
    let (began, later) = (at("2026-07-20T09:00:00Z"), at("2026-07-20T09:20:00Z"));
    let stale = Stale {
        since: at("2026-07-06T09:00:00Z"),
        oldest: Some(NEWER.into()),
        days_behind: Some(14),
        reason: "WaitingForRing".into(),
        detail: format!("waiting for a lower ring: dev/canary is unhealthy, so it does not prove {NEWER}"),
        cause: "WaitingForRing: dev/canary".into(),
        unknown: Unknown::default(),
    };
    let back = Intent { previous_release_version: NEWER.into(), rollback: Some("8f1d6a52".into()), ..intent(CURRENT) };
    let rollback = Rollback::new(CURRENT, began, "8f1d6a52");
    let runs = |release: &str| Running::new("1.33", release);
    let step_back = StepBack { from: runs(NEWER), to: runs(CURRENT) };
    [
        ("NodegroupStale", noticed(&|record| record.report_stale(&stale, None, began))),
        (
            "NodegroupCurrent",
            noticed(&|record| {
                record.report_stale(&stale, None, began);
                record.report_current(None, later);
            }),
        ),
        (
            "TagLost",
            noticed(&|record| {
                record.opt_in(began);
                record.opt_out(true, later);
            }),
        ),
        (
            "RollbackStarted",
            noticed(&|record| {
                record.begin(&back, began);
                record.accept(UPDATE_ID);
            }),
        ),
        (
            "RolledBack",
            noticed(&|record| {
                record.begin(&back, began);
                record.end(Status::Successful, vec![], later);
            }),
        ),
        (
            "RollbackExpired",
            noticed(&|record| {
                record.request_rollback(&rollback);
                record.expire_rollback("8f1d6a52", later);
            }),
        ),
        ("NodegroupDowngraded", noticed(&|record| record.read_update_history(Some(&step_back), began))),
    ]
}

/// What is said of the fleet.
fn of_the_fleet() -> [(&'static str, AnyRecord); 4] {
    let noticed = |change: &dyn Fn(&mut FleetRecord)| {
        let mut record = fleet_record();
        change(&mut record);
        record.into()
    };
    let began = at("2026-07-20T09:00:00Z");
    let ended = SupportEnded {
        what: Supported::Kubernetes("1.30".into()),
        ended: Ended::AllSupport,
        at: began,
        nodegroups: names(["prod/blue"]),
    };
    let lasting = |cause: &str, nodegroups, until| Lasting {
        decision: cause.split(':').next().unwrap().into(),
        cause: cause.into(),
        nodegroups,
        since: at("2026-06-20T09:00:00Z"),
        until,
    };
    let failed = lasting("FailedBefore: 1.33.2-20260710", names(["prod/blue", "prod/red"]), None);
    let waits = lasting("OutsideWindow", names(["prod/gpu"]), Some(at("2026-07-25T17:00:00Z")));
    let week = Week { from: at("2026-07-13T09:00:00Z"), succeeded: 9, failed: 2, quarantined: 1 };
    let digest = Digest { needs_you: vec![failed], waits: vec![waits], count: 3, week };
    let unreadable = [("prod/blue".parse().unwrap(), "its record in the table is malformed: revision".to_owned())];
    [
        ("Digest", noticed(&|record| record.report_digest(Some(&digest), began))),
        ("SupportEnded", noticed(&|record| record.report_support(&ended, began))),
        ("TableEmpty", noticed(&|record| record.note_empty_table(began))),
        (
            "RecordUnreadable",
            noticed(&|record| {
                record.see_unreadable_records(&unreadable, began);
                record.see_unreadable_records(&unreadable, at("2026-07-21T09:00:00Z"));
            }),
        ),
    ]
}

/// A node group of this owner that was downgraded, and one that lost its tag.
pub(super) fn taken_back(owner: Option<Owner>) -> [NodegroupRecord; 2] {
    let now = at("2026-07-20T09:00:00Z");
    let runs = |release: &str| Running::new("1.33", release);
    let mut downgraded = testing::record("prod/blue");
    downgraded.set_owner(owner);
    let mut lost = downgraded.clone();
    downgraded.read_update_history(Some(&StepBack { from: runs(NEWER), to: runs(CURRENT) }), now);
    lost.opt_in(now);
    lost.opt_out(true, now);
    [downgraded, lost]
}
