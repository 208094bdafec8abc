//! What the table holds of one node group, and how it changes.

mod downgrade;
mod recovery;
mod standing;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use self::recovery::is_trouble;
use crate::model::attempt::{Attempt, ErrorDetail, Intent, MESSAGE_BYTES, StartedBy, Status, head, shorten};
use crate::model::hold::{Hold, Rollback, Running};
use crate::model::notice::{AttemptRef, Notice, NoticeKind};
use crate::model::outcome::OutcomeKind;
use crate::model::owner::{self, Owner};
use crate::model::policy::InvalidTag;
use crate::model::problem::Unreadable;
use crate::model::reason::Reason;
use crate::model::record::{Record, Revision, SchemaVersion, YES};
use crate::model::stale::{Obstacle, ReportedStale};
use crate::model::subject::NodegroupId;

/// Ended attempts that are kept, and as many more as count against a release that may still be tried.
const HISTORY: usize = 10;
/// The most of those.
const FAILURES: usize = 100;
/// How long a record is kept in which nothing is open, pending or reported. Releases come weekly, so a year is plenty.
const KEEP_FOR: SignedDuration = SignedDuration::from_hours(400 * 24);
/// Proofs that are kept.
const PROOFS: usize = 4;
/// The bytes of error details that are kept of one attempt.
const ERROR_BYTES: usize = 24 * 1024;
/// The largest record. DynamoDB takes items of 400 KB and counts a little differently.
const RECORD_BYTES: usize = 300 * 1024;

/// Everything known of one node group's updates: one item of the table, always written whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodegroupRecord {
    /// The node group; its ARN is the key.
    #[serde(rename = "itemKey")]
    pub id: NodegroupId,
    kind: Kind,
    schema_version: SchemaVersion,
    /// The write that was read.
    pub revision: Revision,
    /// Counts the attempts ever made.
    pub attempts: u32,
    /// The attempt that has not ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<Box<Attempt>>,
    /// What has to be published.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending_notices: Vec<Notice>,
    /// The last attempts that ended, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Attempt>,
    /// The invalid tag that was last reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported_tag: Option<Box<InvalidTag>>,
    /// When that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported_tag_at: Option<Timestamp>,
    /// The newer release that was last reported for a node group that is only reported on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported_release: Option<ReportedRelease>,
    /// What the node group ran when it was last seen, or what the last update brought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ran: Option<Running>,
    /// That it was downgraded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Box<Hold>>,
    /// Whether the updates that the node group had before it had a record were read.
    #[serde(default)]
    pub update_history_read: bool,
    /// Since when not all of those could be read. It stays where a retry was asked for in spite of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_history_unread_since: Option<Timestamp>,
    /// A rollback that was asked for and is not carried out yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<Box<Rollback>>,
    /// The run that the last rollback was asked of. The same event may come again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_request: Option<String>,
    /// The Kubernetes version of the cluster that the node group follows, and since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_version: Option<SeenVersion>,
    /// Releases that this node group has proved to later rings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proofs: Vec<Proof>,
    /// That EKS did not take an update, for a cause that is not the release's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back_off: Option<Box<BackOff>>,
    /// When it was first seen opted in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opted_in_since: Option<Timestamp>,
    /// Who else may hold its release and tags, as it was last seen. A lost tag may have gone with those that show it.
    #[serde(default, deserialize_with = "owner::known", skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// What keeps it from being looked after, and since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub obstacle: Option<Obstacle>,
    /// That it was reported as not kept current.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale: Option<Box<ReportedStale>>,
    /// Present once the node group had opted in when it was written: the key of the sparse index `opted-in-index`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opted_in: Option<String>,
    /// Present while an attempt is open or a notice pending: the key of the sparse index `pending-index`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<String>,
    /// When DynamoDB may delete the item, in seconds since 1970; absent while it holds what must not be forgotten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Kind {
    Nodegroup,
}

/// A release that was reported, with its Kubernetes version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportedRelease {
    /// The Kubernetes version.
    pub version: String,
    /// The release.
    pub release_version: String,
}

/// A Kubernetes version, and when it was first seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SeenVersion {
    /// The Kubernetes version.
    pub version: String,
    /// When it was first seen.
    pub since: Timestamp,
}

/// A release that ran for the soak time, on nodes, in a healthy node group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Proof {
    /// The Kubernetes version.
    pub version: String,
    /// The release.
    pub release_version: String,
    /// When the first run saw it.
    pub at: Timestamp,
}

/// EKS did not take an update, for a cause that is neither the release's nor for ever: the node group is in use, it is not
/// active, or the caller lacks a right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackOff {
    /// The outcome, such as `InUse`.
    pub outcome: String,
    /// EKS's words.
    pub error: String,
    /// The Kubernetes version that EKS does not take the node group to yet, where that is all it refuses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The release that EKS does not know, where that is all it refuses: a pin to one that AWS's parameters never named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_version: Option<String>,
    /// When EKS first said so.
    pub since: Timestamp,
    /// When EKS last said so.
    pub last: Timestamp,
    /// How often in a row.
    pub times: usize,
}

impl BackOff {
    /// Why no update starts before this time.
    #[must_use]
    pub fn reason(&self, until: Timestamp) -> Reason {
        let access_denied = self.outcome == OutcomeKind::AccessDenied.code();
        Reason::BackingOff { error: self.error.clone(), until, access_denied }
    }

    /// Whether it stops this update.
    #[must_use]
    pub fn stops(&self, intent: &Intent) -> bool {
        self.version.as_ref().is_none_or(|version| *version == intent.version)
            && self.release_version.as_ref().is_none_or(|release| *release == intent.release_version)
    }
}

/// What EKS did not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTaken<'a> {
    /// Any update of the node group.
    Update,
    /// The step to this Kubernetes version.
    Version(&'a str),
    /// This release.
    Release(&'a str),
}

/// An update that the updater did not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalUpdate {
    /// Its id.
    pub update_id: String,
    /// What it sets out to do, as far as EKS says.
    pub intent: Intent,
    /// When it was started.
    pub started_at: Timestamp,
}

impl NodegroupRecord {
    /// The record of a node group of which nothing is known yet.
    #[must_use]
    pub fn new(id: &NodegroupId) -> Self {
        Self {
            id: id.clone(),
            kind: Kind::Nodegroup,
            schema_version: SchemaVersion,
            revision: Revision::default(),
            attempts: 0,
            open: None,
            pending_notices: Vec::new(),
            history: Vec::new(),
            reported_tag: None,
            reported_tag_at: None,
            reported_release: None,
            ran: None,
            hold: None,
            update_history_read: false,
            update_history_unread_since: None,
            rollback: None,
            rollback_request: None,
            cluster_version: None,
            proofs: Vec::new(),
            back_off: None,
            opted_in_since: None,
            owner: None,
            obstacle: None,
            stale: None,
            opted_in: None,
            pending: None,
            expires_at: None,
        }
    }

    /// Opens an attempt: the intent that must be stored before the call.
    pub fn begin(&mut self, intent: &Intent, now: Timestamp) {
        let token = self.token(intent);
        self.open(intent, now, Some(token));
    }

    /// Takes up an external update, unless an attempt is open or the update has ended already.
    pub fn adopt(&mut self, update: &ExternalUpdate) {
        if self.open.is_none() && !self.has_ended(&update.update_id) {
            self.open(&update.intent, update.started_at, None);
            self.accept(&update.update_id);
        }
    }

    fn open(&mut self, intent: &Intent, started_at: Timestamp, token: Option<String>) {
        let last = self.successes().max_by_key(|(_, ended)| *ended);
        let last_took = last.map(|(attempt, ended)| ended.duration_since(attempt.started_at));
        self.attempts += 1;
        self.open = Some(Box::new(Attempt {
            number: self.attempts,
            intent: intent.clone(),
            started_by: if token.is_some() { StartedBy::Updater } else { StartedBy::External },
            token,
            started_at,
            update_id: None,
            status: Status::Intent,
            ended_at: None,
            errors: Vec::new(),
            health: Vec::new(),
            last_took,
            stuck_notified: false,
            retry_requested_at: None,
            recovered_at: None,
            successful_since: None,
        }));
    }

    /// Whether an update is among those that have ended.
    #[must_use]
    pub fn has_ended(&self, update_id: &str) -> bool {
        self.history.iter().any(|attempt| attempt.update_id.as_deref() == Some(update_id))
    }

    /// A retry was asked for: what failed so far no longer counts.
    pub fn allow_retry(&mut self, now: Timestamp) {
        let failed = self.history.iter_mut().filter(|attempt| attempt.failed());
        failed.for_each(|attempt| attempt.retry_requested_at = Some(now));
        self.back_off = None;
        self.update_history_read |= self.update_history_unread_since.is_some();
        self.end_hold(now);
    }

    /// A tag is not recognised: reported once for each key and value.
    pub fn report_invalid_tag(&mut self, tag: &InvalidTag, now: Timestamp) {
        if self.reported_tag.as_deref() != Some(tag) {
            self.reported_tag = Some(Box::new(tag.clone()));
            self.reported_tag_at = Some(now);
            self.notify(NoticeKind::TagInvalid(tag.clone()), now);
        }
    }

    /// There is a newer release for a node group that is only reported on: reported once for each Kubernetes version.
    pub fn report_available(&mut self, version: &str, release: &str, now: Timestamp) {
        let reported = ReportedRelease { version: version.to_owned(), release_version: release.to_owned() };
        if self.reported_release.as_ref() != Some(&reported) {
            self.reported_release = Some(reported);
            let (version, release_version) = (version.to_owned(), release.to_owned());
            self.notify(NoticeKind::UpdateAvailable { version, release_version }, now);
        }
    }

    /// The open attempt is this update of EKS.
    pub fn accept(&mut self, update_id: &str) {
        if let Some(attempt) = &mut self.open {
            attempt.update_id = Some(update_id.to_owned());
            attempt.status = Status::InProgress;
        }
        self.back_off = None;
        self.report_started();
    }

    fn report_started(&mut self) {
        let Some(attempt) = &self.open else { return };
        let (about, at) = (reference(attempt), attempt.started_at);
        let is_rollback = attempt.intent.rollback.is_some();
        let kind = if is_rollback { NoticeKind::RollbackStarted(about) } else { NoticeKind::UpdateStarted(about) };
        if !self.pending_notices.iter().any(|notice| notice.kind == kind) {
            self.notify(kind, at);
        }
    }

    /// The open attempt never became an update, and nobody needs to know.
    pub fn withdraw(&mut self) {
        self.open = None;
    }

    /// EKS did not take the open attempt, for a cause that is not the release's: it is asked again after a wait. Where it only
    /// does not take the node group to a Kubernetes version yet, everything else goes on.
    pub fn back_off(&mut self, outcome: &str, error: &str, not_taken: NotTaken<'_>, now: Timestamp) {
        self.open = None;
        let (version, release) = match not_taken {
            NotTaken::Update => (None, None),
            NotTaken::Version(version) => (Some(version.to_owned()), None),
            NotTaken::Release(release) => (None, Some(release.to_owned())),
        };
        let is_same = |before: &BackOff| {
            (&before.version, &before.release_version) == (&version, &release) && before.outcome == outcome
        };
        let before = self.back_off.take().filter(|before| is_same(before));
        self.back_off = Some(Box::new(BackOff {
            outcome: outcome.to_owned(),
            error: head(error, MESSAGE_BYTES),
            version,
            release_version: release,
            since: before.as_ref().map_or(now, |before| before.since),
            last: now,
            times: before.map_or(0, |before| before.times) + 1,
        }));
    }

    /// The node group has proved a release.
    pub fn prove(&mut self, proof: &Proof) {
        if !self.proofs.iter().any(|held| held.is_of(&proof.version, &proof.release_version)) {
            self.proofs.push(proof.clone());
            self.proofs.drain(..self.proofs.len().saturating_sub(PROOFS));
        }
    }

    /// The cluster that the node group follows runs this Kubernetes version.
    pub fn see_cluster(&mut self, version: &str, now: Timestamp) {
        if self.cluster_version.as_ref().is_none_or(|seen| seen.version != version) {
            self.cluster_version = Some(SeenVersion { version: version.to_owned(), since: now });
        }
    }

    /// The open attempt has ended. Every end but success is reported, except a refusal that was reported for this release.
    pub fn end(&mut self, status: Status, errors: Vec<ErrorDetail>, now: Timestamp) {
        let Some(mut attempt) = self.open.take() else {
            return;
        };
        attempt.status = status;
        attempt.ended_at = Some(now);
        attempt.errors = shorten(errors, ERROR_BYTES);
        let about = reference(&attempt);
        let ours = attempt.started_by == StartedBy::Updater;
        if status == Status::Successful && ours {
            self.brought(&attempt.intent, now);
        }
        if attempt.intent.rollback.is_some() {
            self.rollback = None;
        }
        let kind = match status {
            Status::Failed => Some(NoticeKind::UpdateFailed(about)),
            Status::Cancelled => Some(NoticeKind::UpdateCancelled(about)),
            Status::Unverified => Some(NoticeKind::UpdateUnverified(about)),
            Status::NotFound => Some(NoticeKind::UpdateNotFound(about)),
            Status::Refused if attempt.intent.rollback.is_some() || !self.was_refused(&attempt) => {
                Some(NoticeKind::UpdateRefused(about))
            }
            Status::Successful if attempt.intent.rollback.is_some() => Some(NoticeKind::RolledBack(about)),
            Status::Successful if attempt.intent.force => Some(NoticeKind::UpdateForced(about)),
            Status::Successful => Some(NoticeKind::UpdateSucceeded(about)),
            Status::Refused | Status::Intent | Status::InProgress => None,
        };
        if let Some(kind) = kind {
            self.notify(kind, now);
        }
        let forced = attempt.intent.force.then(|| attempt.intent.release_version.clone());
        self.history.push(*attempt);
        if let Some(runs) = self.ran.clone().filter(|_| status == Status::Successful && ours) {
            forced.iter().for_each(|release| self.recover_by_force(release, now));
            self.recover(&runs, now);
        }
        self.trim();
    }

    /// The open attempt runs longer than it should: reported once. It is still watched.
    pub fn report_stuck(&mut self, now: Timestamp) {
        let Some(attempt) = &mut self.open else { return };
        if !std::mem::replace(&mut attempt.stuck_notified, true) {
            let about = reference(attempt);
            self.notify(NoticeKind::UpdateStuck(about), now);
        }
    }

    /// The ended attempts on a release that count against it, oldest first.
    pub fn failures<'a>(&'a self, version: &'a str, release: &'a str) -> impl Iterator<Item = &'a Attempt> {
        self.history.iter().filter(move |attempt| attempt.failed() && attempt.is_for(version, release))
    }

    /// The successful attempts, and when each ended, oldest first.
    pub fn successes(&self) -> impl Iterator<Item = (&Attempt, Timestamp)> {
        let successful = self.history.iter().filter(|attempt| attempt.status == Status::Successful);
        successful.filter_map(|attempt| Some((attempt, attempt.ended_at?)))
    }

    /// When the last successful update ended.
    #[must_use]
    pub fn last_success(&self) -> Option<Timestamp> {
        self.successes().map(|(_, at)| at).max()
    }

    /// The attempts that failed for a cause that points at their release, and when.
    pub fn blames(&self) -> impl Iterator<Item = (&Attempt, Timestamp)> {
        let blamed = self.history.iter().filter(|attempt| attempt.blames_release());
        blamed.filter_map(|attempt| Some((attempt, attempt.ended_at?)))
    }

    /// The attempt with this number.
    #[must_use]
    pub fn attempt(&self, number: u32) -> Option<&Attempt> {
        self.history.iter().chain(self.open.as_deref()).find(|attempt| attempt.number == number)
    }

    fn notify(&mut self, kind: NoticeKind, at: Timestamp) {
        self.pending_notices.push(Notice::new(kind, at));
    }

    fn was_refused(&self, attempt: &Attempt) -> bool {
        let Intent { version, release_version, .. } = &attempt.intent;
        self.failures(version, release_version).any(|attempt| attempt.status == Status::Refused)
    }

    /// Derived from node group, target and attempt, so that a replay of the call is the same request.
    fn token(&self, intent: &Intent) -> String {
        let number = self.attempts + 1;
        uuid(&self.id, &format!("{}/{}/{number}", intent.version, intent.release_version))
    }

    /// Forgets the oldest attempts, but none that a notice is still about or whose end is still to be reported, nor a failure since
    /// the last success: what failed is not tried for ever, however many releases do.
    fn trim(&mut self) {
        let last_success = self.successes().map(|(attempt, _)| attempt.number).max();
        let Self { history, pending_notices, .. } = self;
        let is_reported = |number| pending_notices.iter().any(|notice| is_about(notice, number));
        let counts = |attempt: &Attempt| attempt.failed() && Some(attempt.number) > last_success || is_trouble(attempt);
        let mut surplus = history.len().saturating_sub(HISTORY);
        history.retain(|attempt| {
            let is_needed = is_reported(attempt.number) || counts(attempt) && surplus <= FAILURES;
            let forget = surplus > 0 && !is_needed;
            surplus -= usize::from(forget);
            !forget
        });
    }

    /// Drops error details, those of the oldest attempts first, until the record fits. Attempts and notices stay.
    fn shed(&mut self) {
        let size = |record: &Self| serde_json::to_vec(record).map_or(0, |item| item.len());
        let mut oldest = 0;
        while size(self) > RECORD_BYTES {
            let Some(attempt) = self.history.get_mut(oldest) else { return };
            attempt.errors = shorten(std::mem::take(&mut attempt.errors), 0);
            oldest += 1;
        }
    }

    fn must_be_kept(&self) -> bool {
        self.pending.is_some()
            || self.hold.is_some()
            || self.rollback.is_some()
            || self.stale.as_ref().is_some_and(|reported| reported.over_at.is_none())
            || self.reported_tag.is_some()
            || self.reported_release.is_some()
    }
}

impl Proof {
    /// Whether it is of this release.
    #[must_use]
    pub fn is_of(&self, version: &str, release: &str) -> bool {
        (self.version.as_str(), self.release_version.as_str()) == (version, release)
    }
}

impl Record for NodegroupRecord {
    fn key(&self) -> &str {
        self.id.arn()
    }

    fn revision(&self) -> &Revision {
        &self.revision
    }

    fn validate(&self) -> Result<(), Unreadable> {
        let attempts = self.attempts;
        if attempts > u32::MAX / 2 {
            return Err(Unreadable(format!("it counts {attempts} attempts, more than there can be")));
        }
        self.revision.validate()
    }

    fn prepare(&mut self, revision: Revision, now: Timestamp) {
        self.revision = revision;
        self.trim();
        let pending = self.open.is_some() || !self.pending_notices.is_empty();
        self.pending = pending.then(|| YES.to_owned());
        let expires_at = now.saturating_add(KEEP_FOR).unwrap_or(Timestamp::MAX);
        self.expires_at = (!self.must_be_kept()).then_some(expires_at.as_second());
        self.shed();
    }

    fn pending_notices(&self) -> &[Notice] {
        &self.pending_notices
    }

    fn pending_notices_mut(&mut self) -> &mut Vec<Notice> {
        &mut self.pending_notices
    }
}

fn reference(attempt: &Attempt) -> AttemptRef {
    AttemptRef { number: attempt.number, release_version: attempt.intent.release_version.clone() }
}

fn is_about(notice: &Notice, number: u32) -> bool {
    notice.kind.attempt().is_some_and(|attempt| attempt.number == number)
}

fn uuid(id: &NodegroupId, name: &str) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("{}/{name}", id.arn()).as_bytes()).to_string()
}
