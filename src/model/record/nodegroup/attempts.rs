//! The attempts to update a node group: the open one, the ended ones, and the last rejection by EKS.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use aws_sdk_eks::types::AmiTypes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::back_off::{BackOff, NotTaken};
use super::past_attempt::PastAttempt;
use crate::model::attempt::hold::Running;
use crate::model::attempt::outcome::OutcomeKind;
use crate::model::attempt::{Attempt, ErrorDetail, Intent, StartedBy, Status, shorten};
use crate::model::notice::pending::Notices;
use crate::model::notice::{AttemptRef, NoticeKind, Recovery};
use crate::model::problem::Unreadable;
use crate::model::unknown::Unknown;

/// Ended attempts that are kept in full, in addition to those that count against a release which can still be retried.
const IN_FULL: usize = 10;
/// The maximum number of those.
const FAILURES: usize = 100;
/// Ended attempts of which one line is kept.
const LINES: usize = 64;
/// The bytes of error details that are kept of one attempt.
const ERROR_BYTES: usize = 24 * 1024;
/// Error details that are not worth dropping: about the size of the note that others were dropped.
const SHED_BYTES: usize = 256;

/// The attempts to update one node group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempts {
    /// Counts the attempts ever made.
    pub count: u32,
    /// The attempt that has not ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<Box<Attempt>>,
    /// The last attempts that ended, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended: Vec<Attempt>,
    /// A line for each of the last ended attempts, oldest first; more of them than are kept in full.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<PastAttempt>,
    /// The last rejection by EKS, for a cause unrelated to the release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back_off: Option<Box<BackOff>>,
    /// Attributes that only a newer version knows.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// An update that the updater did not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalUpdate {
    /// Its id.
    pub update_id: String,
    /// Its intent, as far as EKS returned it.
    pub intent: Intent,
    /// When it was started.
    pub started_at: Timestamp,
}

impl Attempts {
    /// Whether nothing was ever tried.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default() && self.unknown.is_empty()
    }

    pub(super) fn validate(&self) -> Result<(), Unreadable> {
        let count = self.count;
        if count > u32::MAX / 2 {
            return Err(Unreadable(format!("it counts {count} attempts, more than there can be")));
        }
        Ok(())
    }

    /// The number of the next attempt.
    pub(super) fn next_number(&self) -> u32 {
        self.count + 1
    }

    /// Opens an attempt. One with a token is the updater's own.
    pub(super) fn open(&mut self, intent: &Intent, started_at: Timestamp, token: Option<String>) {
        let last = self.successes().max_by_key(|(_, ended)| *ended);
        let last_took = last.map(|(attempt, ended)| ended.duration_since(attempt.started_at));
        let started_by = if token.is_some() { StartedBy::Updater } else { StartedBy::External };
        self.count = self.next_number();
        self.open = Some(Box::new(Attempt {
            number: self.count,
            intent: intent.clone(),
            started_by: started_by.into(),
            token,
            started_at,
            update_id: None,
            status: Status::Intent.into(),
            ended_at: None,
            errors: Vec::new(),
            health: Vec::new(),
            last_took,
            stuck_notified: false,
            retry_requested_at: None,
            recovered_at: None,
            successful_since: None,
            unknown: Unknown::default(),
        }));
    }

    /// The open attempt is this update of EKS. Returns the notice to publish, and its time.
    pub(super) fn accept(&mut self, update_id: &str) -> Option<(NoticeKind, Timestamp)> {
        self.back_off = None;
        let attempt = self.open.as_mut()?;
        attempt.update_id = Some(update_id.to_owned());
        attempt.status = Status::InProgress.into();
        let about = reference(attempt);
        let is_rollback = attempt.intent.rollback.is_some();
        let kind = if is_rollback { NoticeKind::RollbackStarted(about) } else { NoticeKind::UpdateStarted(about) };
        Some((kind, attempt.started_at))
    }

    /// EKS rejected the open attempt, for a cause unrelated to the release.
    pub(super) fn back_off(&mut self, outcome: OutcomeKind, error: &str, not_taken: NotTaken<'_>, now: Timestamp) {
        self.open = None;
        let before = self.back_off.take().map(|before| *before);
        self.back_off = Some(Box::new(BackOff::after(before, outcome, not_taken, now).with_error(error)));
    }

    /// The open attempt has ended. Returns its intent, and the notice to publish: every end except a refusal already reported
    /// for this release.
    pub(super) fn end(
        &mut self,
        status: Status,
        errors: Vec<ErrorDetail>,
        now: Timestamp,
    ) -> Option<(&Attempt, Option<NoticeKind>)> {
        let mut attempt = self.open.take()?;
        attempt.status = status.into();
        attempt.ended_at = Some(now);
        attempt.errors = shorten(errors, ERROR_BYTES);
        let kind = self.report_of_end(&attempt, status);
        self.history.push(PastAttempt::of(&attempt, now));
        self.ended.push(*attempt);
        Some((self.ended.last()?, kind))
    }

    fn report_of_end(&self, attempt: &Attempt, status: Status) -> Option<NoticeKind> {
        let about = reference(attempt);
        let is_rollback = attempt.intent.rollback.is_some();
        match status {
            Status::Failed => Some(NoticeKind::UpdateFailed(about)),
            Status::Cancelled => Some(NoticeKind::UpdateCancelled(about)),
            Status::Unverified => Some(NoticeKind::UpdateUnverified(about)),
            Status::NotFound => Some(NoticeKind::UpdateNotFound(about)),
            Status::Refused if is_rollback || !self.was_refused(attempt) => Some(NoticeKind::UpdateRefused(about)),
            Status::Successful if is_rollback => Some(NoticeKind::RolledBack(about)),
            Status::Successful if attempt.intent.force => Some(NoticeKind::UpdateForced(about)),
            Status::Successful => Some(NoticeKind::UpdateSucceeded(about)),
            Status::Refused | Status::Intent | Status::InProgress => None,
        }
    }

    fn was_refused(&self, attempt: &Attempt) -> bool {
        let Intent { version, release_version, .. } = &attempt.intent;
        self.failures(version, release_version).any(|attempt| attempt.status == Status::Refused)
    }

    /// The open attempt runs longer than it should: reported once. It is still watched.
    pub(super) fn report_stuck(&mut self) -> Option<NoticeKind> {
        let attempt = self.open.as_mut()?;
        let was_notified = std::mem::replace(&mut attempt.stuck_notified, true);
        (!was_notified).then(|| NoticeKind::UpdateStuck(reference(attempt)))
    }

    /// A retry was requested: earlier failures no longer count.
    pub(super) fn allow_retry(&mut self, now: Timestamp) {
        let failed = self.ended.iter_mut().filter(|attempt| attempt.failed());
        failed.for_each(|attempt| attempt.retry_requested_at = Some(now));
        self.back_off = None;
    }

    /// The node group runs this: failed or stuck updates to it, or to anything older, have recovered. Reported once for each
    /// reported release.
    pub(super) fn recover(&mut self, runs: &Running, now: Timestamp) -> Vec<NoticeKind> {
        let mut over: BTreeMap<String, u32> = BTreeMap::new();
        for attempt in self.ended.iter_mut().filter(|attempt| is_trouble(attempt)) {
            let ami_type = AmiTypes::from(attempt.intent.ami_type.as_str());
            let order = runs.compare(&Running::from(&attempt.intent), &ami_type);
            if order.is_some_and(Ordering::is_ge) {
                attempt.recovered_at = Some(now);
                // They are sorted, so the last number stays.
                over.insert(attempt.intent.release_version.clone(), attempt.number);
            }
        }
        let recovered = |(release_version, number)| {
            NoticeKind::UpdateRecovered(Recovery { number, release_version, runs: runs.release_version.clone() })
        };
        over.into_iter().map(recovered).collect()
    }

    /// An update that overrode disruption budgets succeeded. The notice of it also reports the recovery of earlier failures.
    pub(super) fn recover_by_force(&mut self, release: &str, now: Timestamp) {
        let same = |attempt: &&mut Attempt| is_trouble(attempt) && attempt.intent.release_version == release;
        self.ended.iter_mut().filter(same).for_each(|attempt| attempt.recovered_at = Some(now));
    }

    /// Whether an update is among those that have ended.
    #[must_use]
    pub fn has_ended(&self, update_id: &str) -> bool {
        self.ended.iter().any(|attempt| attempt.update_id.as_deref() == Some(update_id))
    }

    /// The ended attempts on a release that count against it, oldest first.
    pub fn failures<'a>(&'a self, version: &'a str, release: &'a str) -> impl Iterator<Item = &'a Attempt> {
        self.ended.iter().filter(move |attempt| attempt.failed() && attempt.is_for(version, release))
    }

    /// The successful attempts, and when each ended, oldest first.
    pub fn successes(&self) -> impl Iterator<Item = (&Attempt, Timestamp)> {
        let successful = self.ended.iter().filter(|attempt| attempt.status == Status::Successful);
        successful.filter_map(|attempt| Some((attempt, attempt.ended_at?)))
    }

    /// When the last successful update ended.
    #[must_use]
    pub fn last_success(&self) -> Option<Timestamp> {
        self.successes().map(|(_, at)| at).max()
    }

    /// When the last of them ended.
    pub(super) fn last_end(&self) -> Option<Timestamp> {
        self.ended.iter().filter_map(|attempt| attempt.ended_at).max()
    }

    /// The attempts that failed for a cause that points at their release, and when.
    pub fn blames(&self) -> impl Iterator<Item = (&Attempt, Timestamp)> {
        let blamed = self.ended.iter().filter(|attempt| attempt.blames_release());
        blamed.filter_map(|attempt| Some((attempt, attempt.ended_at?)))
    }

    /// All attempts that are kept in full, the open one last.
    pub fn all(&self) -> impl Iterator<Item = &Attempt> + Clone {
        self.ended.iter().chain(self.open.as_deref())
    }

    /// The attempt with this number.
    #[must_use]
    pub fn numbered(&self, number: u32) -> Option<&Attempt> {
        self.all().find(|attempt| attempt.number == number)
    }

    /// Removes the oldest attempts, except those with pending notices or a recovery still to report, and failures since the
    /// last success: failed releases are not retried indefinitely, however many there are.
    pub(super) fn trim(&mut self, notices: &Notices) {
        let last_success = self.successes().map(|(attempt, _)| attempt.number).max();
        let counts = |attempt: &Attempt| attempt.failed() && Some(attempt.number) > last_success || is_trouble(attempt);
        let mut surplus = self.ended.len().saturating_sub(IN_FULL);
        self.ended.retain(|attempt| {
            let is_needed = notices.are_about(attempt.number) || counts(attempt) && surplus <= FAILURES;
            let forget = surplus > 0 && !is_needed;
            surplus -= usize::from(forget);
            !forget
        });
        self.history.drain(..self.history.len().saturating_sub(LINES));
    }

    /// Drops the error details of the oldest attempt that has many, otherwise the oldest line. Attempts and notices are kept.
    pub(super) fn drop_details(&mut self) -> bool {
        match self.ended.iter_mut().find(|attempt| bytes(&attempt.errors) > SHED_BYTES) {
            Some(attempt) => attempt.errors = shorten(std::mem::take(&mut attempt.errors), 0),
            None if self.history.is_empty() => return false,
            None => drop(self.history.remove(0)),
        }
        true
    }
}

/// Whether it was reported, but its recovery was not. A failed rollback is not retried, so it has no recovery.
fn is_trouble(attempt: &Attempt) -> bool {
    (attempt.ended_without_success() || attempt.stuck_notified)
        && attempt.recovered_at.is_none()
        && attempt.intent.rollback.is_none()
}

fn bytes(errors: &[ErrorDetail]) -> usize {
    let bytes = |error: &ErrorDetail| {
        let resources: usize = error.resource_ids.iter().map(String::len).sum();
        error.error_code.len() + error.error_message.len() + resources
    };
    errors.iter().map(bytes).sum()
}

fn reference(attempt: &Attempt) -> AttemptRef {
    AttemptRef { number: attempt.number, release_version: attempt.intent.release_version.clone() }
}
