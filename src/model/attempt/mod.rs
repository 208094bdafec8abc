//! An attempt to update one node group, from the intent to its end.

pub mod error_code;
pub mod hold;
pub mod outcome;

use std::fmt;

use aws_sdk_eks::types::AmiTypes;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::attempt::error_code::{Blame, Cause};
use super::release::track::TrackKey;
use super::unknown::{Unknown, Word};

/// The maximum length of an error's code and message, in bytes.
const CODE_BYTES: usize = 256;
pub(super) const MESSAGE_BYTES: usize = 4 * 1024;
/// The maximum number of codes in a message; one failure has one or two.
const CODES: usize = 10;

/// The intent of an attempt: all parameters of the call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Intent {
    /// The Kubernetes version to send.
    pub version: String,
    /// The AMI type of the node group, which together with the version identifies the release track.
    #[serde(default)]
    pub ami_type: String,
    /// The release to send.
    pub release_version: String,
    /// The release that the node group runs.
    pub previous_release_version: String,
    /// Whether to override disruption budgets.
    #[serde(default)]
    pub force: bool,
    /// Whether the rules allow to do so after an eviction failure.
    #[serde(default)]
    pub may_force: bool,
    /// For a rollback: the id of the run that received the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<String>,
    /// The launch template and its version, for an external update that changes only that, so that EKS names no release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launch_template: Option<Box<str>>,
    /// The deadline of the call: the end of the node group's window, minus the margin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_before: Option<Timestamp>,
    /// How long it may run before it is reported as stuck, if the node group's tag sets it. Boxed, because few have the tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stuck_after: Option<Box<SignedDuration>>,
    /// Whether a retry was requested although not all of the node group's earlier updates could be read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub update_history_unread: bool,
    /// Attributes that only a newer version knows.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// One attempt to update a node group to a release.
///
/// It is written before the call of `UpdateNodegroupVersion`, so that an accepted update is known even if the process dies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// Counts the attempts on this node group from one.
    pub number: u32,
    /// Its intent.
    pub intent: Intent,
    /// `clientRequestToken` of the call; `None` for an external update.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Who started it.
    #[serde(default)]
    pub started_by: Word<StartedBy>,
    /// When the intent was written.
    pub started_at: Timestamp,
    /// The update's id, once EKS accepted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_id: Option<String>,
    /// Its status.
    pub status: Word<Status>,
    /// When it ended, if it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// What AWS reported, in AWS's words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ErrorDetail>,
    /// EKS's codes of the node group's health issues when the update failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub health: Vec<String>,
    /// How long the node group's last successful update took when this one began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_took: Option<SignedDuration>,
    /// Whether it was reported as stuck.
    #[serde(default)]
    pub stuck_notified: bool,
    /// When a retry was requested despite its failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_requested_at: Option<Timestamp>,
    /// When its recovery was reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovered_at: Option<Timestamp>,
    /// When `DescribeUpdate` first returned `Successful`, while the node group does not show the release yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successful_since: Option<Timestamp>,
    /// Attributes that only a newer version knows.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// Who started an update.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, strum::IntoStaticStr)]
pub enum StartedBy {
    /// This program.
    #[default]
    Updater,
    /// The console, Terraform, a colleague: tracked and reported like the updater's own.
    External,
}

/// The status of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::EnumString, strum::IntoStaticStr)]
pub enum Status {
    /// The call is about to be made, or its answer is unknown.
    Intent,
    /// EKS accepted the update, and it has not ended.
    InProgress,
    /// It succeeded, and the node group runs the release.
    Successful,
    /// It failed.
    Failed,
    /// EKS reports it as cancelled.
    Cancelled,
    /// EKS reports success, but the node group does not run the release.
    Unverified,
    /// The update, its node group or its cluster no longer exists.
    NotFound,
    /// EKS refused the call.
    Refused,
}

/// One error of an update or a call, as AWS returns it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorDetail {
    /// AWS's code, such as `PodEvictionFailure`.
    pub error_code: String,
    /// AWS's message.
    pub error_message: String,
    /// The resources that AWS names: the nodes for `PodEvictionFailure`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resource_ids: Vec<String>,
    /// Attributes that only a newer version knows.
    #[serde(flatten)]
    pub unknown: Unknown,
}

impl ErrorDetail {
    /// An error without resources.
    #[must_use]
    pub fn new(error_code: impl Into<String>, error_message: impl Into<String>) -> Self {
        let (error_code, error_message) = (error_code.into(), error_message.into());
        Self { error_code, error_message, resource_ids: Vec::new(), unknown: Unknown::default() }
    }
}

impl Intent {
    /// An update from one release to another, of this Kubernetes version and AMI type, without force.
    #[must_use]
    pub fn new(version: &str, ami_type: &AmiTypes, from: &str, to: &str) -> Self {
        Self {
            version: version.to_owned(),
            ami_type: ami_type.as_str().to_owned(),
            release_version: to.to_owned(),
            previous_release_version: from.to_owned(),
            force: false,
            may_force: false,
            rollback: None,
            launch_template: None,
            start_before: None,
            stuck_after: None,
            update_history_unread: false,
            unknown: Unknown::default(),
        }
    }

    /// The track of its release.
    #[must_use]
    pub fn track(&self) -> TrackKey {
        TrackKey::new(&self.version, &AmiTypes::from(self.ami_type.as_str()))
    }
}

impl fmt::Display for Intent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, release_version, previous_release_version, force, rollback, update_history_unread, .. } =
            self;
        if let Some(template) = &self.launch_template {
            return write!(
                f,
                "to the launch template {template}, from {previous_release_version} (Kubernetes {version})"
            );
        }
        if release_version.is_empty() {
            return write!(
                f,
                "from {previous_release_version} (Kubernetes {version}) to a release that EKS does not name"
            );
        }
        let back = if rollback.is_some() { "back " } else { "" };
        write!(f, "{back}from {previous_release_version} to {release_version} (Kubernetes {version})")?;
        if *force {
            f.write_str(", overriding disruption budgets, which made it fail before")?;
        }
        if *update_history_unread {
            f.write_str(", without its update history: its last update might have been a downgrade")?;
        }
        Ok(())
    }
}

impl Attempt {
    /// Who started it. An initiator that only a newer version knows counts as external.
    #[must_use]
    pub fn starter(&self) -> StartedBy {
        self.started_by.known().copied().unwrap_or(StartedBy::External)
    }

    /// How long it may run before it is stuck: the value of its tag; without one, the setting, or twice the duration of the
    /// last one if that is longer.
    #[must_use]
    pub fn stuck_after(&self, setting: SignedDuration) -> SignedDuration {
        let twice = self.last_took.map(|took| took.saturating_add(took));
        let tag = self.intent.stuck_after.as_deref().copied();
        tag.unwrap_or_else(|| twice.unwrap_or_default().max(setting))
    }

    /// Whether it is an attempt on this release. Bottlerocket has the same releases for every Kubernetes version, and what
    /// fails with one might succeed with another.
    #[must_use]
    pub fn is_for(&self, version: &str, release: &str) -> bool {
        (self.intent.version.as_str(), self.intent.release_version.as_str()) == (version, release)
    }

    /// Whether it ended in a way that counts against its release: the release is retried only after a wait, and a limited
    /// number of times.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.ended_without_success() && self.retry_requested_at.is_none()
    }

    /// Whether it ended without success, even if a retry was requested since. A status that this version does not know is
    /// neither.
    #[must_use]
    pub fn ended_without_success(&self) -> bool {
        match self.status.known() {
            Some(Status::Failed | Status::Cancelled | Status::Unverified | Status::NotFound | Status::Refused) => true,
            Some(Status::Intent | Status::InProgress | Status::Successful) | None => false,
        }
    }

    /// Its final status, if it ended without success.
    #[must_use]
    pub fn failure(&self) -> Status {
        self.status.known().copied().unwrap_or(Status::Failed)
    }

    /// Whether it failed with this code among its errors.
    #[must_use]
    pub fn failed_with(&self, error_code: &str) -> bool {
        self.status == Status::Failed && self.errors.iter().any(|error| error.error_code == error_code)
    }

    /// Whether it failed for a cause that points at the release: its nodes did not come up, nothing else explains that, and
    /// this version knows all of its codes. An external update blames nothing.
    #[must_use]
    pub fn blames_release(&self) -> bool {
        let errors = self.errors.iter().any(|error| Blame::of(&error.error_code) == Some(Blame::Release));
        let is_known = |code: &str| matches!(Blame::of(code), Some(Blame::Release | Blame::Nothing));
        self.started_by == StartedBy::Updater && self.status == Status::Failed && errors && self.codes().all(is_known)
    }

    /// The cause that prevented it regardless of its release, if a code names one.
    #[must_use]
    pub fn cause(&self) -> Option<Cause> {
        self.codes().find_map(|code| match Blame::of(code) {
            Some(Blame::Cause(cause)) => Some(cause),
            Some(Blame::Release | Blame::Nothing) | None => None,
        })
    }

    /// The codes that this version does not know, each once and the first few only.
    pub fn unknown_codes(&self) -> Vec<String> {
        distinct_codes(self.codes().filter(|code| Blame::of(code).is_none()))
    }

    /// The codes of the node group's health issues, each once and the first few only.
    pub fn health_codes(&self) -> Vec<String> {
        distinct_codes(self.health.iter().map(String::as_str))
    }

    /// The codes of its errors, and of the node group's health issues when it failed.
    fn codes(&self) -> impl Iterator<Item = &str> {
        self.errors.iter().map(|error| error.error_code.as_str()).chain(self.health.iter().map(String::as_str))
    }
}

/// The first few codes, each once and truncated, so that a message with them stays short.
fn distinct_codes<'a>(codes: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut distinct = Vec::new();
    for code in codes {
        let code = head(code, CODE_BYTES);
        if distinct.len() < CODES && !distinct.contains(&code) {
            distinct.push(code);
        }
    }
    distinct
}

/// Error details truncated to this many bytes; a last one has the number of those left out.
#[must_use]
pub fn shorten(errors: Vec<ErrorDetail>, bytes: usize) -> Vec<ErrorDetail> {
    let total: usize = errors.iter().map(|error| 1 + error.resource_ids.len()).sum();
    let mut room = bytes;
    let mut kept = 0;
    let mut shortened = Vec::new();
    for mut error in errors {
        error.error_code = head(&error.error_code, CODE_BYTES);
        error.error_message = head(&error.error_message, MESSAGE_BYTES);
        let size = error.error_code.len() + error.error_message.len();
        let Some(left) = room.checked_sub(size) else { break };
        room = left;
        let fitting = error.resource_ids.iter().take_while(|resource| {
            let fits = room.checked_sub(resource.len());
            room = fits.unwrap_or(0);
            fits.is_some()
        });
        let count = fitting.count();
        error.resource_ids.truncate(count);
        kept += 1 + count;
        shortened.push(error);
    }
    if kept < total {
        let left_out = total - kept;
        shortened.push(ErrorDetail::new(
            "Shortened",
            format!("{left_out} further errors and resources are left out here; `aws eks describe-update` shows them"),
        ));
    }
    shortened
}

/// The start of a text, at most this many bytes, whole characters only.
pub(super) fn head(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(bytes.saturating_sub('…'.len_utf8()));
    format!("{}…", &text[..end])
}
