//! What an observation makes of an open attempt. Pure, so these need no AWS.

use eks_nodegroup_updater::model::attempt::{ErrorDetail, Intent, Status};
use eks_nodegroup_updater::model::notice::{NoticeKind, Sink};
use eks_nodegroup_updater::model::record::nodegroup::NodegroupRecord;
use eks_nodegroup_updater::settle::{DescribedVersions, Observation, Progress, settle};
use jiff::{SignedDuration, Timestamp};
use testing::{CURRENT, History, NEWER, UPDATE_ID, eviction, intent, minutes, now, record, unreadable};

const SIX_HOURS: SignedDuration = SignedDuration::from_hours(6);

fn after(so_many: i64) -> Timestamp {
    now() + minutes(so_many)
}

fn intended() -> NodegroupRecord {
    record("prod/blue").intended(NEWER, now())
}

fn accepted() -> NodegroupRecord {
    record("prod/blue").updating(NEWER, now())
}

fn saw(progress: Progress) -> Observation {
    Observation::Update { update_id: UPDATE_ID.into(), progress }
}

fn running(release: &str) -> Observation {
    saw(Progress::Successful(DescribedVersions { version: Some("1.33".into()), release_version: Some(release.into()) }))
}

/// Status of the only attempt, and the notices that are pending.
fn state(record: &NodegroupRecord) -> (Option<Status>, Vec<&'static str>) {
    let attempt = record.open().or(record.attempts.ended.last());
    (
        attempt.and_then(|attempt| attempt.status.known().copied()),
        record.pending_notices().iter().map(|notice| notice.kind.code()).collect(),
    )
}

#[test]
fn a_failed_update_is_reported_with_every_detail() {
    let mut record = accepted();
    settle(&mut record, &saw(Progress::Failed(vec![eviction()], vec![])), after(16), SIX_HOURS);
    assert_eq!(state(&record), (Some(Status::Failed), vec!["UpdateStarted", "UpdateFailed"]));
    assert_eq!(record.attempts.ended[0].errors, [eviction()]);
    assert_eq!(record.open(), None);
}

#[test]
fn the_health_of_its_node_group_is_kept_with_a_failure_since_it_may_explain_it() {
    let mut record = accepted();
    let health = vec!["AsgInstanceLaunchFailures".to_owned()];
    settle(&mut record, &saw(Progress::Failed(vec![], health.clone())), after(16), SIX_HOURS);
    assert_eq!(record.attempts.ended[0].health, health);
}

#[test]
fn success_is_believed_when_the_node_group_runs_the_release() {
    let mut record = accepted();
    settle(&mut record, &running(NEWER), after(16), SIX_HOURS);
    assert_eq!(state(&record), (Some(Status::Successful), vec!["UpdateStarted", "UpdateSucceeded"]));
}

#[test]
fn success_without_the_release_is_waited_for_and_then_reported() {
    let mut record = accepted();
    settle(&mut record, &running(CURRENT), after(16), SIX_HOURS);
    assert_eq!(state(&record), (Some(Status::InProgress), vec!["UpdateStarted"]));
    settle(&mut record, &running(CURRENT), after(35), SIX_HOURS);
    assert_eq!(state(&record), (Some(Status::InProgress), vec!["UpdateStarted"]));
    settle(&mut record, &running(CURRENT), after(36), SIX_HOURS);
    assert_eq!(state(&record), (Some(Status::Unverified), vec!["UpdateStarted", "UpdateUnverified"]));
}

#[test]
fn a_cancelled_update_is_reported() {
    let mut record = accepted();
    settle(&mut record, &saw(Progress::Cancelled(vec![])), after(16), SIX_HOURS);
    assert_eq!(state(&record), (Some(Status::Cancelled), vec!["UpdateStarted", "UpdateCancelled"]));
}

#[test]
fn a_stuck_update_is_reported_once_and_still_watched() {
    let mut record = accepted();
    settle(&mut record, &saw(Progress::InProgress), after(359), SIX_HOURS);
    assert_eq!(state(&record), (Some(Status::InProgress), vec!["UpdateStarted"]));
    for minutes in [360, 365, 1000] {
        settle(&mut record, &saw(Progress::InProgress), after(minutes), SIX_HOURS);
        assert_eq!(state(&record), (Some(Status::InProgress), vec!["UpdateStarted", "UpdateStuck"]));
    }
    settle(&mut record, &saw(Progress::Failed(vec![], vec![])), after(1005), SIX_HOURS);
    assert_eq!(state(&record), (Some(Status::Failed), vec!["UpdateStarted", "UpdateStuck", "UpdateFailed"]));
}

#[test]
fn an_update_that_cannot_be_read_for_hours_is_not_silent() {
    let mut record = accepted();
    let unreadable = Observation::Unreadable(unreadable("AccessDeniedException: no"));
    settle(&mut record, &unreadable, after(300), SIX_HOURS);
    assert_eq!(record, accepted());
    settle(&mut record, &unreadable, after(360), SIX_HOURS);
    assert_eq!(state(&record), (Some(Status::InProgress), vec!["UpdateStarted", "UpdateStuck"]));
}

#[test]
fn a_vanished_update_is_reported_once_it_cannot_just_be_late() {
    let error = ErrorDetail { error_code: "ResourceNotFoundException".into(), ..eviction() };
    let not_found = Observation::NotFound(error.clone());
    let mut record = accepted();
    settle(&mut record, &not_found, after(19), SIX_HOURS);
    assert_eq!(record, accepted());
    settle(&mut record, &not_found, after(20), SIX_HOURS);
    assert_eq!(state(&record), (Some(Status::NotFound), vec!["UpdateStarted", "UpdateNotFound"]));
    assert_eq!(record.attempts.ended[0].errors, [error]);
}

#[test]
fn an_intent_takes_up_the_update_that_belongs_to_it() {
    let mut record = intended();
    settle(&mut record, &saw(Progress::InProgress), after(1), SIX_HOURS);
    assert_eq!(record, accepted());
}

#[test]
fn an_intent_without_an_update_is_given_up_when_its_run_must_have_ended() {
    let mut record = intended();
    settle(&mut record, &Observation::NoUpdate, after(19), SIX_HOURS);
    assert_eq!(record, intended());
    settle(&mut record, &Observation::NoUpdate, after(20), SIX_HOURS);
    assert_eq!((record.open(), record.pending_notices(), &*record.attempts.ended), (None, &[][..], &[][..]));
}

#[test]
fn a_refusal_is_reported_once_for_each_release() {
    let mut record = intended();
    record.end(Status::Refused, vec![], after(1));
    record.begin(&intent(NEWER), after(100));
    record.end(Status::Refused, vec![], after(101));
    assert_eq!(record.pending_notices().len(), 1);
    record.begin(&intent("1.33.2-20260720"), after(200));
    record.end(Status::Refused, vec![], after(201));
    assert_eq!(record.pending_notices().len(), 2);
    assert_eq!(record.attempts.ended.len(), 3);
}

/// Takes these notices for published.
fn publish(record: &mut NodegroupRecord, which: impl Fn(&NoticeKind) -> bool) {
    for notice in record.pending_notices().to_vec().iter().filter(|notice| which(&notice.kind)) {
        record.mark_published(notice, &Sink::ALL);
    }
}

#[test]
fn the_history_is_bounded_but_forgets_nothing_that_is_pending() {
    let mut record = intended();
    record.withdraw();
    for attempt in 0..30 {
        record.begin(&intent(NEWER), after(attempt));
        record.end(if attempt == 3 { Status::Failed } else { Status::Successful }, vec![], after(attempt));
        publish(&mut record, |kind| matches!(kind, NoticeKind::UpdateSucceeded(_)));
    }
    let numbers: Vec<u32> = record.attempts.ended.iter().map(|attempt| attempt.number).collect();
    assert_eq!(numbers, [5, 23, 24, 25, 26, 27, 28, 29, 30, 31][..].to_vec());
    publish(&mut record, |_| true);
    record.begin(&intent(NEWER), after(40));
    record.end(Status::Successful, vec![], after(40));
    assert_eq!((record.attempts.ended.len(), record.attempts.ended[0].number), (10, 23));
}

#[test]
fn every_attempt_has_a_token_of_its_own_and_a_replay_the_same() {
    let (one, same) = (intended(), intended());
    let mut next = intended();
    next.withdraw();
    next.begin(&intent(NEWER), now());
    let token = |record: &NodegroupRecord| record.open().unwrap().token.clone();
    assert_eq!(token(&one), token(&same));
    assert_ne!(token(&one), token(&next));
}

#[test]
fn a_hundred_thousand_error_details_fit_into_an_item_and_say_what_is_left_out() {
    let mut record = accepted();
    let huge = ErrorDetail { error_message: "é".repeat(500_000), ..eviction() };
    let errors = std::iter::once(huge).chain(std::iter::repeat_n(eviction(), 100_000)).collect();
    settle(&mut record, &saw(Progress::Failed(errors, vec![])), after(16), SIX_HOURS);
    let attempt = &record.attempts.ended[0];
    let bytes = serde_json::to_string(attempt).unwrap().len();
    assert!((20_000..40_000).contains(&bytes), "as many as there is room for: {bytes}");
    let last = attempt.errors.last().unwrap();
    assert_eq!(last.error_code, "Shortened");
    assert!(
        last.error_message
            .ends_with("further errors and resources are left out here; `aws eks describe-update` shows them")
    );
}

#[test]
fn a_success_with_an_older_release_ends_no_trouble_with_a_newer_one() {
    let record = record("prod/blue").failed(NEWER, after(0)).updated("1.33.1-20260620", after(60));
    let codes = ["UpdateStarted", "UpdateFailed", "UpdateStarted", "UpdateSucceeded"];
    assert_eq!(state(&record), (Some(Status::Successful), codes.to_vec()));
    let record = record.updated(NEWER, after(120));
    assert_eq!(state(&record).1[4..], ["UpdateStarted", "UpdateSucceeded", "UpdateRecovered"]);
}

/// Whether an update is reported as stuck that began like this one, after so many minutes.
fn is_stuck(mut record: NodegroupRecord, minutes: i64) -> bool {
    settle(&mut record, &saw(Progress::InProgress), after(minutes), SIX_HOURS);
    state(&record).1.contains(&"UpdateStuck")
}

#[test]
fn an_update_may_run_twice_as_long_as_the_last_one_took() {
    for (took, allowed) in [(60, 360), (180, 360), (480, 960)] {
        let mut earlier = record("prod/blue");
        earlier.begin(&intent(CURRENT), after(-2_000));
        earlier.accept("earlier");
        earlier.end(Status::Successful, vec![], after(-2_000 + took));
        let updating = earlier.updating(NEWER, now());
        assert_eq!(updating.open().unwrap().last_took, Some(minutes(took)));
        assert!(!is_stuck(updating.clone(), allowed - 1) && is_stuck(updating, allowed), "{took} minutes");
    }
}

#[test]
fn the_tag_stuck_after_says_more_than_the_setting_and_the_last_update() {
    for allowed in [30, 720] {
        let mut record = record("prod/blue").updated(CURRENT, after(-2_000));
        record.begin(&Intent { stuck_after: Some(Box::new(minutes(allowed))), ..intent(NEWER) }, now());
        assert!(!is_stuck(record.clone(), allowed - 1) && is_stuck(record, allowed), "{allowed} minutes");
    }
}
