//! The records that tests talk about.

use eks_nodegroup_updater::model::attempt::hold::{DowngradedBy, Hold, Rollback, Running};
use eks_nodegroup_updater::model::attempt::outcome::OutcomeKind;
use eks_nodegroup_updater::model::attempt::{Attempt, Intent, StartedBy, Status};
use eks_nodegroup_updater::model::id::names::Names;
use eks_nodegroup_updater::model::nodegroup::owner::Owner;
use eks_nodegroup_updater::model::nodegroup::policy::InvalidTag;
use eks_nodegroup_updater::model::notice::stale::{Obstacle, ReportedStale, Stale};
use eks_nodegroup_updater::model::notice::{AttemptRef, NoticeKind};
use eks_nodegroup_updater::model::record::Revision;
use eks_nodegroup_updater::model::record::nodegroup::{
    BackOff, Downgrade, NodegroupRecord, Proof, SeenVersion, Standing, UpdateHistory,
};
use eks_nodegroup_updater::model::record::track::TrackRecord;
use eks_nodegroup_updater::model::release::version::ReleaseVersion;
use eks_nodegroup_updater::model::unknown::{Unknown, Word};
use jiff::Timestamp;
use testing::{CURRENT, History, NEWER, days, hours, intent, quarantine, track, track_record};

use super::table::{blank, error, now};

pub fn invalid_tag() -> InvalidTag {
    InvalidTag { key: "ami-update/window".into(), value: "Sat".into(), expected: "expected windows".into() }
}

/// A record in which everything is filled in.
pub fn full() -> NodegroupRecord {
    let statuses = [
        Status::Intent,
        Status::InProgress,
        Status::Successful,
        Status::Failed,
        Status::Cancelled,
        Status::Unverified,
        Status::NotFound,
        Status::Refused,
    ];
    let about = AttemptRef { number: u32::MAX, release_version: NEWER.to_owned() };
    let tag = invalid_tag();
    let kinds = [
        NoticeKind::UpdateFailed(about.clone()),
        NoticeKind::UpdateCancelled(about.clone()),
        NoticeKind::UpdateStuck(about.clone()),
        NoticeKind::UpdateNotFound(about.clone()),
        NoticeKind::UpdateRefused(about.clone()),
        NoticeKind::UpdateUnverified(about.clone()),
        NoticeKind::UpdateForced(about),
        NoticeKind::UpdateAvailable { version: "1.33".into(), release_version: NEWER.into() },
        NoticeKind::ReleaseQuarantined(quarantine(NEWER, names_of(2), now()).into()),
        NoticeKind::AccessDenied { error: "AccessDeniedException: no".into() },
        NoticeKind::ReleaseWithdrawn { release_version: NEWER.into(), latest: CURRENT.into(), nodegroups: names_of(2) },
        NoticeKind::ReleaseRefused { release_version: NEWER.into(), since: now(), message: "is not valid".into() },
        NoticeKind::TagInvalid(tag.clone()),
    ];
    let nodes = (0..500).map(|node| format!("ip-10-0-{}-{node}.eu-central-1.compute.internal", node % 7)).collect();
    let attempt = |status: Status| Attempt {
        number: u32::MAX,
        intent: Intent {
            force: true,
            may_force: true,
            start_before: Some(now()),
            stuck_after: Some(Box::new(hours(12))),
            update_history_unread: true,
            ..intent(NEWER)
        },
        token: Some("0b5ad5cf-6d3c-5c8e-9a57-1e2d3c4b5a69".to_owned()),
        started_by: StartedBy::External.into(),
        recovered_at: None,
        retry_requested_at: Some(now()),
        started_at: Timestamp::UNIX_EPOCH,
        update_id: Some("5fba87af-4c36-3a25-8a6b-7f3b3f3c2d10".to_owned()),
        status: status.into(),
        ended_at: Some(now()),
        errors: vec![],
        health: vec!["AsgInstanceLaunchFailures".into()],
        last_took: Some(hours(2)),
        stuck_notified: true,
        successful_since: Some(now()),
        unknown: Unknown::default(),
    };
    let mut full = blank("größe-☃-𝔘");
    full.attempts.history.clone_from(&blank("blue").failed(NEWER, now()).attempts.history);
    kinds.into_iter().for_each(|kind| full.notify(kind, now()));
    full.attempts.count = u32::MAX / 2;
    full.attempts.open = Some(Box::new(Attempt {
        update_id: None,
        ended_at: None,
        successful_since: None,
        token: None,
        ..attempt(Status::Intent)
    }));
    full.attempts.ended = statuses.map(attempt).into();
    full.attempts.ended[0].errors =
        vec![error(String::new(), vec![]), error("\0 \"quoted\" \\ \n 日本語 é 👩‍🚀".to_owned(), nodes)];
    full.attempts.back_off = Some(Box::new(BackOff {
        outcome: OutcomeKind::VersionNotReady.into(),
        error: "Nodegroup Kubernetes version should be equal to Cluster kubernetes version".into(),
        version: Some("1.34".into()),
        release_version: Some("1.34.1-20260710".into()),
        since: now(),
        last: now(),
        times: 2,
        unknown: Unknown::default(),
    }));
    let runs = Running::new("1.33", CURRENT);
    full.downgrade = Downgrade {
        ran: Some(runs.clone()),
        hold: Some(Box::new(Hold::new(&Running::new("1.33", NEWER), &runs, DowngradedBy::Rollback, now()))),
        update_history: UpdateHistory { read: true, unread_since: Some(now()), unknown: Unknown::default() },
        rollback: Some(Box::new(Rollback::new(CURRENT, now(), "8f1d6a52"))),
        unknown: Unknown::default(),
    };
    let stale = Stale {
        oldest: Some(NEWER.into()),
        days_behind: Some(30),
        ..Stale::new(now(), "OutsideWindow".into(), "outside its window", "OutsideWindow")
    };
    full.standing = Standing {
        opted_in_since: Some(now()),
        owner: Some(Word::Known(Owner::Terraform)),
        obstacle: Some(Obstacle::new("CustomAmi".into(), now())),
        stale: Some(Box::new(ReportedStale::new(&stale, now()))),
        unknown: Unknown::default(),
    };
    full.cluster_version = Some(SeenVersion::new("1.34", now()));
    full.proofs = vec![Proof::new("1.33", NEWER, now())];
    full.report_invalid_tag(&tag, now());
    full.report_available("1.33", "1.45.0-18d04e52", now());
    full
}

pub fn names_of(count: usize) -> Names {
    (0..count).map(|index| format!("dev/ü{index}").parse().unwrap()).collect::<Vec<_>>().into()
}

pub fn first_revision() -> Revision {
    Revision { number: 1, writer: "first".to_owned() }
}

/// A track on which two releases were named, the newer one withdrawn, and the older one refused.
pub fn withdrawn_and_refused() -> TrackRecord {
    let mut track = track_record();
    track.releases.recommend(&release_of(CURRENT), Some(now() - days(30)), now());
    track.releases.recommend(&release_of(NEWER), Some(now() - days(2)), now());
    track.releases.recommend(&release_of(CURRENT), Some(now() - days(1)), now());
    track.report_withdrawn(NEWER, CURRENT, &names_of(23), now());
    track.refuse(CURRENT, "Requested release version is not valid", now());
    track
}

pub fn release_of(text: &str) -> ReleaseVersion {
    ReleaseVersion::parse(track().track().unwrap().family, text).unwrap()
}
