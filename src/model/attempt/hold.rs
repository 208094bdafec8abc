//! What was downgraded stays: what a node group ran, and how long nothing newer is brought back.

use std::cmp::Ordering;

use aws_sdk_eks::types::AmiTypes;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::model::attempt::Intent;
use crate::model::release::kubernetes::KubernetesVersion;
use crate::model::release::track::ReleaseTrack;
use crate::model::release::version::ReleaseVersion;
use crate::model::unknown::{Unknown, Word};

/// How long a rollback that was asked for is carried out, where nothing else keeps it from that.
pub const ROLLBACK_EXPIRES_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// How long after a recorded end EKS may still describe what was before it: 15 minutes, and five more, since a run of `check`
/// dates the end by its own beginning.
pub const DESCRIPTION_LAGS: SignedDuration = SignedDuration::from_mins(20);

/// What a node group ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Running {
    /// The Kubernetes version.
    pub version: String,
    /// The release.
    pub release_version: String,
    /// What a newer version knows beside.
    #[serde(flatten)]
    pub unknown: Unknown,
}

impl From<&Intent> for Running {
    /// What a node group runs once the update has brought it there.
    fn from(intent: &Intent) -> Self {
        Self::new(&intent.version, &intent.release_version)
    }
}

/// A node group runs less than it ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hold {
    /// What it ran.
    pub from: Running,
    /// What it ran then.
    pub to: Running,
    /// When that was first seen.
    pub since: Timestamp,
    /// Who downgraded it.
    pub by: Word<DowngradedBy>,
    /// Whether a second description showed it. Before, nothing starts either, but nothing is reported: the first may be old.
    pub confirmed: bool,
    /// How often an external update downgraded it, each time after the updater had raised it again.
    pub times: u32,
    /// When it ended; it is kept to count the next one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Of a downgraded Kubernetes version: the cluster's, with which it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_version: Option<String>,
    /// What a newer version knows beside.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// An update that took a node group back.
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
    /// The updater, because a rollback was asked for.
    Rollback,
    /// An external update.
    External,
}

/// A rollback that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rollback {
    /// The release to go back to.
    pub release_version: String,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// The request id of the run that it was asked of.
    pub request_id: String,
    /// Whether it was carried out, or no longer will be.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_over: bool,
    /// What a newer version knows beside.
    #[serde(flatten)]
    pub unknown: Unknown,
}

impl Running {
    /// A release of this Kubernetes version.
    #[must_use]
    pub fn new(version: &str, release_version: &str) -> Self {
        Self { version: version.to_owned(), release_version: release_version.to_owned(), unknown: Unknown::default() }
    }

    /// How this compares with what was before: first by Kubernetes version, then by the family's order. `None` where there is
    /// no order.
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
    /// To go back to this release.
    #[must_use]
    pub fn new(release_version: &str, requested_at: Timestamp, request_id: &str) -> Self {
        let (release_version, request_id) = (release_version.to_owned(), request_id.to_owned());
        Self { release_version, requested_at, request_id, is_over: false, unknown: Unknown::default() }
    }

    /// Whether it is no longer carried out.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        now.duration_since(self.requested_at) >= ROLLBACK_EXPIRES_AFTER
    }
}

impl Hold {
    /// What a node group ran, and what it runs since then.
    #[must_use]
    pub fn new(from: &Running, to: &Running, by: DowngradedBy, since: Timestamp) -> Self {
        let (from, to, by) = (from.clone(), to.clone(), by.into());
        let (times, ended_at, cluster_version) = (1, None, None);
        Self { from, to, since, by, confirmed: true, times, ended_at, cluster_version, unknown: Unknown::default() }
    }

    /// Whether it holds.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.ended_at.is_none()
    }

    /// Whether the Kubernetes version was downgraded; then its releases go on.
    #[must_use]
    pub fn is_of_version(&self) -> bool {
        self.from.version != self.to.version
    }

    /// Whether a newer release ends it. Where somebody has downgraded the node group twice, only a person does.
    #[must_use]
    pub fn ends_with_newer(&self) -> bool {
        self.times < 2
    }

    /// Whether a pin ends it. The one that the updater has raised the node group to before does so once.
    #[must_use]
    pub fn ends_with_pin(&self, pin: &str) -> bool {
        self.ends_with_newer() || self.from.release_version != pin
    }
}
