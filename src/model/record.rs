//! What is remembered of one node group, and how it changes.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::nodegroup::NodegroupId;
use super::notice::{Event, Notice};
use super::release_version::ReleaseVersion;
use super::update::{Attempt, ErrorDetail, Origin, Status, shorten};

/// Ended attempts that are kept. More than the tries of one release, so that none of these is forgotten.
const HISTORY: usize = 10;
/// How long a record is kept in which nothing is open and nothing untold. Releases come weekly, so a year is plenty.
const FORGET_AFTER: SignedDuration = SignedDuration::from_hours(400 * 24);
/// The bytes of error details that are kept of one attempt. An item of the table holds 400 KB, and ten attempts fit.
const ERROR_BYTES: usize = 24 * 1024;

/// Everything known of one node group's updates: one item of the table, always written whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The node group's ARN, the table's key.
    pub nodegroup_arn: String,
    /// Name of the cluster.
    pub cluster: String,
    /// Name of the node group.
    pub nodegroup: String,
    /// Counts the writes; every write is conditional on the one it read.
    pub revision: u64,
    /// The run that wrote it, so that a write whose answer was lost is known to be one's own.
    pub writer: String,
    /// Counts the attempts ever made.
    pub attempts: u32,
    /// The attempt that has not ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<Attempt>,
    /// What has to be published.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub untold: Vec<Notice>,
    /// The last attempts that ended, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Attempt>,
    /// Releases that are quarantined; only the record of the whole fleet has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quarantines: Vec<Quarantine>,
    /// The malformed tag that was last told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported_tag: Option<String>,
    /// The newer release that was last reported for a node group that is only reported on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported_release: Option<String>,
    /// Its Kubernetes version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported_version: Option<String>,
    /// Present while something is open or untold: the key of the sparse index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<String>,
    /// When DynamoDB may delete the item, in seconds since 1970; absent while something is pending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
}

/// The value of [`Record::pending`].
pub const PENDING: &str = "yes";

/// A release that nothing starts with any more, since it failed on several node groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quarantine {
    /// The release.
    pub release_version: String,
    /// Since when.
    pub since: Timestamp,
    /// The node groups that it failed on.
    pub nodegroups: Vec<String>,
    /// When somebody lifted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifted_at: Option<Timestamp>,
    /// The newer release that made it pointless.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<String>,
}

/// What an attempt sets out to do: all that the call says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// The Kubernetes version to send.
    pub version: String,
    /// The release to send.
    pub release_version: String,
    /// The release that runs.
    pub previous_release_version: String,
    /// Whether to override disruption budgets.
    pub force: bool,
    /// Whether the rules allow to do so after an eviction failure.
    pub may_force: bool,
}

impl Record {
    /// The record of a node group of which nothing is known yet.
    #[must_use]
    pub fn new(id: &NodegroupId) -> Self {
        Self {
            nodegroup_arn: id.arn.clone(),
            cluster: id.cluster.clone(),
            nodegroup: id.name.clone(),
            revision: 0,
            writer: String::new(),
            attempts: 0,
            open: None,
            untold: Vec::new(),
            history: Vec::new(),
            quarantines: Vec::new(),
            reported_tag: None,
            reported_release: None,
            reported_version: None,
            pending: None,
            expires_at: None,
        }
    }

    /// Where its node group is found.
    #[must_use]
    pub fn id(&self) -> NodegroupId {
        NodegroupId { cluster: self.cluster.clone(), name: self.nodegroup.clone(), arn: self.nodegroup_arn.clone() }
    }

    /// Opens an attempt: the intent that must be stored before the call.
    pub fn begin(&mut self, intent: &Intent, now: Timestamp) {
        self.attempts += 1;
        self.open = Some(Attempt {
            number: self.attempts,
            version: intent.version.clone(),
            release_version: intent.release_version.clone(),
            previous_release_version: intent.previous_release_version.clone(),
            token: self.token(&intent.version, &intent.release_version),
            origin: Origin::Ours,
            force: intent.force,
            may_force: intent.may_force,
            started_at: now,
            update_id: None,
            status: Status::Intent,
            ended_at: None,
            errors: Vec::new(),
            stuck_told: false,
            forgiven_at: None,
            successful_since: None,
        });
    }

    /// Takes up an update that somebody else started.
    pub fn adopt(&mut self, update_id: &str, intent: &Intent, started_at: Timestamp) {
        self.begin(intent, started_at);
        if let Some(attempt) = &mut self.open {
            attempt.origin = Origin::Other;
            attempt.token.clear();
        }
        self.accepted(update_id);
    }

    /// Somebody asks to try again: what failed so far no longer counts. Returns whether anything had.
    pub fn forgive(&mut self, now: Timestamp) -> bool {
        let failed: Vec<&mut Attempt> = self.history.iter_mut().filter(|attempt| attempt.failed()).collect();
        let any = !failed.is_empty();
        failed.into_iter().for_each(|attempt| attempt.forgiven_at = Some(now));
        any
    }

    /// A tag is not understood: told once for each key and value. Returns whether that is news.
    pub fn malformed_tag(&mut self, tag: &str, now: Timestamp) -> bool {
        let news = self.reported_tag.as_deref() != Some(tag);
        if news {
            self.reported_tag = Some(tag.to_owned());
            self.tell(Event::TagMalformed, 0, "", now, tag);
        }
        news
    }

    /// A release failed on these node groups: from now on nothing starts with it.
    pub fn quarantine(&mut self, release: &str, nodegroups: &[String], now: Timestamp) {
        self.quarantines.push(Quarantine {
            release_version: release.to_owned(),
            since: now,
            nodegroups: nodegroups.to_vec(),
            lifted_at: None,
            superseded_by: None,
        });
        self.tell(Event::ReleaseQuarantined, 0, release, now, &nodegroups.join(", "));
    }

    /// The open attempt is this update of EKS.
    pub fn accepted(&mut self, update_id: &str) {
        if let Some(attempt) = &mut self.open {
            attempt.update_id = Some(update_id.to_owned());
            attempt.status = Status::InProgress;
        }
    }

    /// The open attempt never became an update, and nobody needs to know.
    pub fn withdraw(&mut self) {
        self.open = None;
    }

    /// The open attempt has ended. Every end but success is to be told, except a refusal that was told for this release.
    pub fn end(&mut self, status: Status, errors: Vec<ErrorDetail>, now: Timestamp) {
        let Some(mut attempt) = self.open.take() else {
            return;
        };
        attempt.status = status;
        attempt.ended_at = Some(now);
        attempt.errors = shorten(errors, ERROR_BYTES);
        let event = match status {
            Status::Failed => Some(Event::UpdateFailed),
            Status::Cancelled => Some(Event::UpdateCancelled),
            Status::Unverified => Some(Event::UpdateUnverified),
            Status::Gone => Some(Event::UpdateGone),
            Status::Refused if !self.refused(&attempt) => Some(Event::UpdateRefused),
            Status::Successful if attempt.force => Some(Event::UpdateForced),
            Status::Refused | Status::Successful | Status::Intent | Status::InProgress => None,
        };
        if let Some(event) = event {
            self.tell(event, attempt.number, &attempt.release_version, now, "");
        }
        self.history.push(attempt);
        self.trim();
    }

    /// The open attempt runs longer than it should: told once, followed on.
    pub fn stuck(&mut self, now: Timestamp) {
        let Some(attempt) = &mut self.open else { return };
        if !std::mem::replace(&mut attempt.stuck_told, true) {
            let (number, release) = (attempt.number, attempt.release_version.clone());
            self.tell(Event::UpdateStuck, number, &release, now, "");
        }
    }

    /// There is a newer release for a node group that is only reported on: told once for each Kubernetes version.
    ///
    /// Returns whether that is news.
    pub fn available(&mut self, version: &str, release: &str, now: Timestamp) -> bool {
        let reported = (self.reported_version.as_deref(), self.reported_release.as_deref());
        let news = reported != (Some(version), Some(release));
        if news {
            self.reported_version = Some(version.to_owned());
            self.reported_release = Some(release.to_owned());
            self.tell(Event::UpdateAvailable, 0, release, now, version);
        }
        news
    }

    /// A notice was published.
    pub fn told(&mut self, notice: &Notice) {
        self.untold.retain(|untold| untold != notice);
        self.trim();
    }

    /// The ended attempts on a release that count against it, oldest first. Bottlerocket has the same releases for every
    /// Kubernetes version, and what fails with one need not fail with another.
    pub fn failures<'a>(&'a self, version: &'a str, release: &'a str) -> impl Iterator<Item = &'a Attempt> {
        let failed = self.history.iter().filter(|attempt| attempt.failed());
        failed.filter(move |attempt| (attempt.version.as_str(), attempt.release_version.as_str()) == (version, release))
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

    /// Releases that failed here for a cause that points at them, and when.
    pub fn blamed_releases(&self) -> impl Iterator<Item = (&str, Timestamp)> {
        let blamed = self.history.iter().filter(|attempt| attempt.blames_release());
        blamed.filter_map(|attempt| Some((attempt.release_version.as_str(), attempt.ended_at?)))
    }

    /// A newer release of a quarantined one's line is out. The quarantined one stays so. Returns whether that is news.
    pub fn supersede(&mut self, newest: &ReleaseVersion) -> bool {
        let mut news = false;
        for quarantine in self.quarantines.iter_mut().filter(|quarantine| quarantine.superseded_by.is_none()) {
            if newest.is_newer_than(&quarantine.release_version) {
                quarantine.superseded_by = Some(newest.to_string());
                news = true;
            }
        }
        news
    }

    /// Somebody lifts the quarantine of a release. Returns whether this record held it.
    pub fn lift_quarantine(&mut self, release: &str, now: Timestamp) -> bool {
        let holds =
            |quarantine: &&mut Quarantine| quarantine.release_version == release && quarantine.lifted_at.is_none();
        let held: Vec<&mut Quarantine> = self.quarantines.iter_mut().filter(holds).collect();
        let any = !held.is_empty();
        held.into_iter().for_each(|quarantine| quarantine.lifted_at = Some(now));
        any
    }

    /// The attempt a notice is about.
    #[must_use]
    pub fn attempt(&self, number: u32) -> Option<&Attempt> {
        self.history.iter().chain(&self.open).find(|attempt| attempt.number == number)
    }

    /// The id of a notice: the same however often it is published, so that a reader can drop a repeat.
    #[must_use]
    pub fn notice_id(&self, notice: &Notice) -> String {
        let Notice { event, attempt, release_version, detail, at: _ } = notice;
        self.derive(&format!("{}/{attempt}/{release_version}/{detail}", event.as_str()))
    }

    /// Sets what follows from the rest, before the record is written: `pending` and `expires_at`.
    pub fn settle_index(&mut self, now: Timestamp) {
        let pending = self.open.is_some() || !self.untold.is_empty();
        self.pending = pending.then(|| PENDING.to_owned());
        let forget = now.saturating_add(FORGET_AFTER).unwrap_or(Timestamp::MAX);
        self.expires_at = (!pending).then_some(forget.as_second());
    }

    fn tell(&mut self, event: Event, attempt: u32, release: &str, now: Timestamp, detail: &str) {
        self.untold.push(Notice {
            event,
            attempt,
            release_version: release.to_owned(),
            at: now,
            detail: detail.to_owned(),
        });
    }

    fn refused(&self, attempt: &Attempt) -> bool {
        self.failures(&attempt.version, &attempt.release_version).any(|attempt| attempt.status == Status::Refused)
    }

    /// Derived from node group, target and attempt, so that a replay of the call is the same request.
    fn token(&self, version: &str, release: &str) -> String {
        self.derive(&format!("{version}/{release}/{}", self.attempts))
    }

    fn derive(&self, name: &str) -> String {
        let name = format!("{}/{name}", self.nodegroup_arn);
        Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()).to_string()
    }

    /// Forgets the oldest attempts, but none that a notice is still about.
    fn trim(&mut self) {
        let Self { history, untold, .. } = self;
        let mut surplus = history.len().saturating_sub(HISTORY);
        history.retain(|attempt| {
            let forget = surplus > 0 && !untold.iter().any(|notice| notice.attempt == attempt.number);
            surplus -= usize::from(forget);
            !forget
        });
    }
}
