//! Holds: a downgraded node group stays where it is. A hold has what it ran before, and how long newer releases are blocked.

use std::cmp::Ordering;

use aws_sdk_eks::types::AmiTypes;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::model::attempt::Intent;
use crate::model::release::kubernetes::KubernetesVersion;
use crate::model::release::track::ReleaseTrack;
use crate::model::release::version::ReleaseVersion;
use crate::model::unknown::{Unknown, Word};

/// How long a requested rollback is tried before it expires.
pub const ROLLBACK_EXPIRES_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// How long after a recorded end EKS might still describe the state before it: 15 minutes, and five more, because a run of
/// `check` dates the end by the run's own start.
pub const DESCRIPTION_LAGS: SignedDuration = SignedDuration::from_mins(20);

/// What a node group ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Running {
    /// The Kubernetes version.
    pub version: String,
    /// The release.
    pub release_version: String,
    /// Attributes that only a newer version knows.
    #[serde(flatten)]
    pub unknown: Unknown,
}

impl From<&Intent> for Running {
    /// What a node group runs after the update.
    fn from(intent: &Intent) -> Self {
        Self::new(&intent.version, &intent.release_version)
    }
}

/// A node group runs an older version than before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hold {
    /// What it ran before.
    pub from: Running,
    /// What it ran after the downgrade.
    pub to: Running,
    /// When the downgrade was first seen.
    pub since: Timestamp,
    /// Who downgraded it.
    pub by: Word<DowngradedBy>,
    /// Whether a second description confirmed it. Until then no update starts, but nothing is reported: the first description
    /// might be outdated.
    pub confirmed: bool,
    /// How often an external update downgraded it, each time after the updater had updated it again.
    pub times: u32,
    /// When the hold ended; it is kept to count the next one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// For a downgraded Kubernetes version: the cluster's version at the time; the hold ends when that changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_version: Option<String>,
    /// Attributes that only a newer version knows.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// An update that downgraded a node group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepBack {
    /// What it ran before.
    pub from: Running,
    /// What it ran afterwards.
    pub to: Running,
}

/// Who downgraded a node group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DowngradedBy {
    /// The updater, for a requested rollback.
    Rollback,
    /// An external update.
    External,
}

/// A requested rollback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rollback {
    /// The release to go back to.
    pub release_version: String,
    /// When it was requested.
    pub requested_at: Timestamp,
    /// The id of the run that received the request.
    pub request_id: String,
    /// Whether it was carried out, or has expired.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_over: bool,
    /// Attributes that only a newer version knows.
    #[serde(flatten)]
    pub unknown: Unknown,
}

impl Running {
    /// A release of this Kubernetes version.
    #[must_use]
    pub fn new(version: &str, release_version: &str) -> Self {
        Self { version: version.to_owned(), release_version: release_version.to_owned(), unknown: Unknown::default() }
    }

    /// Compares this with the earlier state: first by Kubernetes version, then by the family's order. `None` if they have no
    /// order.
    #[must_use]
    pub fn compare(&self, before: &Self, ami_type: &AmiTypes) -> Option<Ordering> {
        let version = |running: &Self| running.version.parse::<KubernetesVersion>().ok();
        match version(self)?.cmp(&version(before)?) {
            Ordering::Equal => {}
            other => return Some(other),
        }
        let family = ReleaseTrack::of(ami_type, &self.version).ok()?.family;
        let release = |running: &Self| ReleaseVersion::parse(family, &running.release_version).ok();
        release(self)?.compare(&release(before)?).ok()
    }
}

impl Rollback {
    /// A request to go back to this release.
    #[must_use]
    pub fn new(release_version: &str, requested_at: Timestamp, request_id: &str) -> Self {
        let (release_version, request_id) = (release_version.to_owned(), request_id.to_owned());
        Self { release_version, requested_at, request_id, is_over: false, unknown: Unknown::default() }
    }

    /// Whether it has expired.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        now.duration_since(self.requested_at) >= ROLLBACK_EXPIRES_AFTER
    }
}

impl Hold {
    /// What a node group ran before, and what it has run since.
    #[must_use]
    pub fn new(from: &Running, to: &Running, by: DowngradedBy, since: Timestamp) -> Self {
        let (from, to, by) = (from.clone(), to.clone(), by.into());
        let (times, ended_at, cluster_version) = (1, None, None);
        Self { from, to, since, by, confirmed: true, times, ended_at, cluster_version, unknown: Unknown::default() }
    }

    /// Whether it is active.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.ended_at.is_none()
    }

    /// Whether the Kubernetes version was downgraded; releases of the older version are then still installed.
    #[must_use]
    pub fn is_of_version(&self) -> bool {
        self.from.version != self.to.version
    }

    /// Whether a newer release ends it. After a second downgrade, only a person can end it.
    #[must_use]
    pub fn ends_with_newer(&self) -> bool {
        self.times < 2
    }

    /// Whether a pin ends it. A pin that the updater has followed before ends it only once.
    #[must_use]
    pub fn ends_with_pin(&self, pin: &str) -> bool {
        self.ends_with_newer() || self.from.release_version != pin
    }
}
