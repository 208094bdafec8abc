//! The record of one node group, and how it changes.
//!
//! The record has parts. Their methods change them and return the notices to publish; the record adds those to its outbox.

mod attempts;
mod back_off;
mod downgrade;
mod past_attempt;
mod proof;
mod reported;
mod standing;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use self::attempts::{Attempts, ExternalUpdate};
pub use self::back_off::{BackOff, NotTaken};
pub use self::downgrade::{Downgrade, Sighting, UpdateHistory};
pub use self::past_attempt::PastAttempt;
pub use self::proof::{Proof, SeenVersion};
pub use self::reported::{Reported, ReportedRelease, ReportedTag};
pub use self::standing::Standing;
use crate::model::attempt::hold::{Hold, Rollback, Running, StepBack};
use crate::model::attempt::outcome::OutcomeKind;
use crate::model::attempt::{Attempt, ErrorDetail, Intent, StartedBy, Status};
use crate::model::id::NodegroupId;
use crate::model::nodegroup::owner::Owner;
use crate::model::nodegroup::policy::InvalidTag;
use crate::model::notice::NoticeKind;
use crate::model::notice::pending::Notices;
use crate::model::notice::stale::{Obstacle, Stale};
use crate::model::problem::Unreadable;
use crate::model::record::{Content, Kind, Record};
use crate::model::unknown::Unknown;

/// How long a record is kept that has nothing open, pending or reported. Releases come weekly, so a year is plenty.
const KEEP_FOR: SignedDuration = SignedDuration::from_hours(400 * 24);
/// The maximum number of proofs.
const PROOFS: usize = 4;

/// Everything known about one node group's updates.
pub type NodegroupRecord = Record<NodegroupContent>;

/// The parts of a node group's record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodegroupContent {
    /// The attempts to update it.
    #[serde(default, skip_serializing_if = "Attempts::is_empty")]
    pub attempts: Attempts,
    /// What it ran, whether it was downgraded, and whether a rollback is requested.
    #[serde(default, skip_serializing_if = "Downgrade::is_empty")]
    pub downgrade: Downgrade,
    /// Whether it has opted in and is kept current.
    #[serde(default, skip_serializing_if = "Standing::is_empty")]
    pub standing: Standing,
    /// What was reported about it.
    #[serde(default, skip_serializing_if = "Reported::is_empty")]
    pub reported: Reported,
    /// Releases that it has proved to later rings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proofs: Vec<Proof>,
    /// The Kubernetes version of the cluster that it follows, and since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_version: Option<SeenVersion>,
    /// Attributes that only a newer version knows.
    #[serde(flatten)]
    pub unknown: Unknown,
}

impl Content for NodegroupContent {
    type Id = NodegroupId;

    const KIND: Kind = Kind::Nodegroup;

    fn key(id: &NodegroupId) -> &str {
        id.arn()
    }

    fn validate(&self, _: &NodegroupId) -> Result<(), Unreadable> {
        self.attempts.validate()
    }

    fn is_open(&self) -> bool {
        self.attempts.open.is_some()
    }

    fn is_opted_in(&self) -> bool {
        self.standing.opted_in_since.is_some()
    }

    fn keep_for(&self) -> Option<SignedDuration> {
        let must_be_kept = self.downgrade.hold.is_some()
            || self.downgrade.rollback().is_some()
            || self.standing.open_stale().is_some()
            || self.reported.tag.is_some()
            || self.reported.release.is_some();
        (!must_be_kept).then_some(KEEP_FOR)
    }

    fn trim(&mut self, notices: &Notices) {
        self.attempts.trim(notices);
    }

    fn drop_details(&mut self) -> bool {
        self.attempts.drop_details()
    }
}

/// Reading the record.
impl NodegroupContent {
    /// The attempt that has not ended.
    #[must_use]
    pub fn open(&self) -> Option<&Attempt> {
        self.attempts.open.as_deref()
    }

    /// The attempt with this number.
    #[must_use]
    pub fn attempt(&self, number: u32) -> Option<&Attempt> {
        self.attempts.numbered(number)
    }

    /// Whether an update is among those that have ended.
    #[must_use]
    pub fn has_ended(&self, update_id: &str) -> bool {
        self.attempts.has_ended(update_id)
    }

    /// The ended attempts on a release that count against it, oldest first.
    pub fn failures<'a>(&'a self, version: &'a str, release: &'a str) -> impl Iterator<Item = &'a Attempt> {
        self.attempts.failures(version, release)
    }

    /// The successful attempts, and when each ended, oldest first.
    pub fn successes(&self) -> impl Iterator<Item = (&Attempt, Timestamp)> {
        self.attempts.successes()
    }

    /// When the last successful update ended.
    #[must_use]
    pub fn last_success(&self) -> Option<Timestamp> {
        self.attempts.last_success()
    }

    /// The attempts that failed for a cause that points at their release, and when.
    pub fn blames(&self) -> impl Iterator<Item = (&Attempt, Timestamp)> {
        self.attempts.blames()
    }

    /// The last rejection by EKS, while it applies.
    #[must_use]
    pub fn back_off(&self) -> Option<&BackOff> {
        self.attempts.back_off.as_deref()
    }

    /// Its active hold.
    #[must_use]
    pub fn hold(&self) -> Option<&Hold> {
        self.downgrade.open_hold()
    }

    /// The requested rollback that is not carried out yet.
    #[must_use]
    pub fn rollback(&self) -> Option<&Rollback> {
        self.downgrade.rollback()
    }

    /// Whether the updates that the node group had before its first one by the updater need not be read.
    #[must_use]
    pub fn knows_update_history(&self) -> bool {
        let is_own = |attempt: &Attempt| attempt.started_by == StartedBy::Updater;
        self.downgrade.update_history.read || self.attempts.all().any(is_own)
    }

    /// Whether a retry was requested although those could not be read.
    #[must_use]
    pub fn skips_update_history(&self) -> bool {
        self.downgrade.update_history.read && self.misses_update_history()
    }

    /// Whether not all of those could be read.
    #[must_use]
    pub fn misses_update_history(&self) -> bool {
        self.downgrade.update_history.unread_since.is_some()
    }

    /// When it was first seen opted in, if it has.
    #[must_use]
    pub fn opted_in_since(&self) -> Option<Timestamp> {
        self.standing.opted_in_since
    }

    /// The tool that might manage its release and tags, if this version knows it.
    #[must_use]
    pub fn owner(&self) -> Option<Owner> {
        self.standing.owner()
    }

    /// The obstacle that blocks updates regardless of the release.
    #[must_use]
    pub fn obstacle(&self) -> Option<&Obstacle> {
        self.standing.obstacle.as_ref()
    }

    /// Whether it was reported as not kept current, and that lasts.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.standing.open_stale().is_some()
    }
}

/// Changing the record.
impl NodegroupRecord {
    /// Opens an attempt: the intent that must be stored before the call.
    pub fn begin(&mut self, intent: &Intent, now: Timestamp) {
        let token = self.token(intent);
        self.attempts.open(intent, now, Some(token));
    }

    /// Derived from node group, target and attempt, so that a replay of the call is the same request.
    fn token(&self, intent: &Intent) -> String {
        let Intent { version, release_version, .. } = intent;
        let name = format!("{}/{version}/{release_version}/{}", self.key(), self.attempts.next_number());
        Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()).to_string()
    }

    /// Adopts an external update, unless an attempt is open or the update has already ended.
    pub fn adopt(&mut self, update: &ExternalUpdate) {
        if self.attempts.open.is_none() && !self.has_ended(&update.update_id) {
            self.attempts.open(&update.intent, update.started_at, None);
            self.accept(&update.update_id);
        }
    }

    /// The open attempt is this update of EKS.
    pub fn accept(&mut self, update_id: &str) {
        let started = self.attempts.accept(update_id);
        if let Some((kind, at)) = started.filter(|(kind, _)| !self.notices.iter().any(|notice| notice.kind == *kind)) {
            self.notify(kind, at);
        }
    }

    /// The open attempt never became an update, which is not reported.
    pub fn withdraw(&mut self) {
        self.attempts.open = None;
    }

    /// EKS rejected the open attempt, for a cause unrelated to the release: it is retried after a wait. If EKS only rejects the
    /// Kubernetes version for now, other updates continue.
    pub fn start_back_off(&mut self, outcome: OutcomeKind, error: &str, not_taken: NotTaken<'_>, now: Timestamp) {
        self.attempts.back_off(outcome, error, not_taken, now);
    }

    /// The open attempt has ended. Every end is published, except a refusal that was published for this release.
    pub fn end(&mut self, status: Status, errors: Vec<ErrorDetail>, now: Timestamp) {
        let Some((attempt, kind)) = self.content.attempts.end(status, errors, now) else { return };
        let (intent, was_ours) = (attempt.intent.clone(), attempt.started_by == StartedBy::Updater);
        let installed = status == Status::Successful && was_ours;
        if installed {
            self.downgrade.install(&intent, now);
        }
        if intent.rollback.is_some() {
            self.downgrade.end_rollback();
        }
        self.notify(kind, now);
        if installed {
            if intent.force {
                self.attempts.recover_by_force(&intent.release_version, now);
            }
            self.recover(&Running::from(&intent), now);
        }
        self.content.trim(&self.notices);
    }

    /// The open attempt runs longer than it should: published once. It is still watched.
    pub fn report_stuck(&mut self, now: Timestamp) {
        let stuck = self.attempts.report_stuck();
        self.notify(stuck, now);
    }

    /// Failed or stuck updates to the current release, or to older ones, have recovered.
    fn recover(&mut self, runs: &Running, now: Timestamp) {
        for recovered in self.attempts.recover(runs, now) {
            self.notify(recovered, now);
        }
    }

    /// A retry was requested: earlier failures no longer count.
    pub fn allow_retry(&mut self, now: Timestamp) {
        self.attempts.allow_retry(now);
        self.downgrade.skip_update_history();
        self.downgrade.end_hold(now);
    }

    /// A description shows what the node group runs, and it is not being updated.
    pub fn record_running(&mut self, sighting: Sighting<'_>) {
        let last_end = self.attempts.last_end();
        let seen = self.downgrade.see(sighting, last_end);
        self.notify(seen.report, sighting.at);
        if seen.is_settled {
            self.recover(sighting.runs, sighting.at);
        }
    }

    /// Not all of the updates that it had before its first one by the updater could be read.
    pub fn miss_update_history(&mut self, now: Timestamp) {
        self.downgrade.miss_update_history(now);
    }

    /// All of those were read; the last one might have downgraded it.
    pub fn read_update_history(&mut self, downgraded: Option<&StepBack>, now: Timestamp) {
        let downgraded = self.downgrade.read_update_history(downgraded, now);
        self.notify(downgraded, now);
    }

    /// Ends the hold: the node group can be updated again.
    pub fn end_hold(&mut self, now: Timestamp) {
        self.downgrade.end_hold(now);
    }

    /// A rollback is requested. A request that this run's event made before changes nothing.
    pub fn request_rollback(&mut self, rollback: &Rollback) {
        self.downgrade.request_rollback(rollback);
    }

    /// A rollback was not carried out in time, and has expired.
    pub fn expire_rollback(&mut self, request_id: &str, now: Timestamp) {
        if self.rollback().is_some_and(|rollback| rollback.request_id == request_id) {
            let expired = self.downgrade.end_rollback().map(NoticeKind::RollbackExpired);
            self.notify(expired, now);
        }
    }

    /// The node group has opted in.
    pub fn opt_in(&mut self, now: Timestamp) {
        self.standing.opt_in(now);
    }

    /// The node group is no longer opted in: it was deleted, its tag opts it out, or the tag is lost, which is published.
    pub fn opt_out(&mut self, lost_tag: bool, now: Timestamp) {
        let lost = self.standing.opt_out(lost_tag);
        self.notify(lost, now);
        let expired = self.downgrade.end_rollback().map(NoticeKind::RollbackExpired);
        self.notify(expired, now);
    }

    /// Records the tool that might manage its release and tags.
    pub fn set_owner(&mut self, owner: Option<Owner>) {
        self.standing.set_owner(owner);
    }

    /// It is not kept current: published once, and again only after a week.
    pub fn report_stale(&mut self, stale: &Stale, obstacle: Option<&Obstacle>, now: Timestamp) {
        let report = self.standing.report_stale(stale, obstacle, now);
        self.notify(report, now);
    }

    /// It is not kept current on purpose, or that is reported by another notice.
    pub fn forget_stale(&mut self, now: Timestamp) {
        self.standing.forget_stale(now);
    }

    /// It is kept current again, or at least no longer stale; published if it was reported.
    pub fn report_current(&mut self, obstacle: Option<&Obstacle>, now: Timestamp) {
        let report = self.standing.report_current(obstacle, now);
        self.notify(report, now);
    }

    /// A tag is not recognised: published once for each key and value.
    pub fn report_invalid_tag(&mut self, tag: &InvalidTag, now: Timestamp) {
        let report = self.reported.report_invalid_tag(tag, now);
        self.notify(report, now);
    }

    /// There is a newer release for a node group in notify mode: published once for each Kubernetes version.
    pub fn report_available(&mut self, version: &str, release: &str, now: Timestamp) {
        let report = self.reported.report_available(version, release);
        self.notify(report, now);
    }

    /// The node group has proved a release.
    pub fn prove(&mut self, proof: &Proof) {
        if !self.proofs.iter().any(|held| held.is_of(&proof.version, &proof.release_version)) {
            self.proofs.push(proof.clone());
            let surplus = self.proofs.len().saturating_sub(PROOFS);
            self.proofs.drain(..surplus);
        }
    }

    /// The cluster that the node group follows runs this Kubernetes version.
    pub fn record_cluster_version(&mut self, version: &str, now: Timestamp) {
        if self.cluster_version.as_ref().is_none_or(|seen| seen.version != version) {
            self.cluster_version = Some(SeenVersion::new(version, now));
        }
    }
}
