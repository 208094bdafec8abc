//! The changes of records, each as a value.

use aws_sdk_eks::types::AmiTypes;
use jiff::Timestamp;

use crate::model::attempt::hold::{Rollback, Running, StepBack};
use crate::model::id::names::Names;
use crate::model::id::{NodegroupId, NodegroupName};
use crate::model::nodegroup::owner::Owner;
use crate::model::nodegroup::policy::InvalidTag;
use crate::model::notice::Digest;
use crate::model::notice::stale::{Obstacle, Stale};
use crate::model::notice::support::SupportEnded;
use crate::model::record::fleet::{FleetContent, FleetRecord, Quarantine};
use crate::model::record::nodegroup::{ExternalUpdate, NodegroupContent, NodegroupRecord, Proof, Sighting};
use crate::model::record::track::{TrackContent, TrackRecord};
use crate::model::record::{Content, Record};
use crate::model::release::selector::ReleaseSelector;
use crate::model::release::track::TrackKey;
use crate::model::release::version::ReleaseVersion;

/// A change of a node group's record.
#[derive(Clone, Debug, PartialEq)]
pub enum NodegroupChange {
    /// An external update is adopted.
    Adopt(ExternalUpdate, Timestamp),
    /// A retry was requested.
    AllowRetry(Timestamp),
    /// Its cluster runs this Kubernetes version.
    RecordClusterVersion(String, Timestamp),
    /// It runs this, and is not being updated.
    RecordRunning {
        /// What it runs.
        runs: Running,
        /// Its AMI type.
        ami_type: AmiTypes,
        /// The Kubernetes version of its cluster, if it follows the cluster.
        cluster_version: Option<String>,
        /// The tool that might manage its release and tags.
        owner: Option<Owner>,
        /// When it was seen.
        at: Timestamp,
    },
    /// The updates from before it had a record were read: what it ran, and what the last one downgraded it to.
    ReadUpdateHistory(Option<StepBack>, Timestamp),
    /// Not all of those updates could be read.
    MissUpdateHistory(Timestamp),
    /// It was first seen opted in.
    OptIn(Timestamp),
    /// It is no longer opted in; whether its tag was lost.
    OptOut(bool, Timestamp),
    /// It is reported as not kept current.
    ReportStale(Stale, Option<Obstacle>, Timestamp),
    /// It is not kept current on purpose.
    ForgetStale(Timestamp),
    /// It is kept current, or not for too long yet.
    ReportCurrent(Option<Obstacle>, Timestamp),
    /// A rollback is requested.
    RequestRollback(Rollback),
    /// A requested rollback has expired.
    ExpireRollback(String, Timestamp),
    /// It has proved a release.
    Prove(Proof),
    /// A release is reported as available.
    ReportAvailable {
        /// Its Kubernetes version.
        version: String,
        /// The release.
        release_version: String,
        /// When it was seen.
        at: Timestamp,
    },
    /// A tag is reported as invalid.
    ReportInvalidTag(InvalidTag, Timestamp),
}

/// A change of a release track's record.
#[derive(Clone, Debug, PartialEq)]
pub enum TrackChange {
    /// AWS's parameter names a release.
    Recommend {
        /// The release.
        release: ReleaseVersion,
        /// The parameter's date.
        date: Option<Timestamp>,
        /// When it was seen.
        at: Timestamp,
    },
    /// A withdrawn release is reported.
    ReportWithdrawn {
        /// The release.
        release_version: String,
        /// The release that AWS recommends now.
        latest: String,
        /// The node groups that run it.
        running: Names,
        /// When it was seen.
        at: Timestamp,
    },
    /// A release that EKS refuses is reported.
    ReportRefused(String, Timestamp),
    /// EKS refused a release as invalid.
    Refuse {
        /// The release.
        release_version: String,
        /// EKS's words.
        message: String,
        /// When.
        at: Timestamp,
    },
    /// EKS accepted a release.
    Accept(String),
}

/// A change of the fleet's record.
#[derive(Clone, Debug, PartialEq)]
pub enum FleetChange {
    /// A newer release is available on a quarantined release's track.
    Supersede(TrackKey, ReleaseVersion),
    /// A release is quarantined.
    Quarantine(Quarantine),
    /// The quarantine of releases is lifted.
    LiftQuarantine(ReleaseSelector, Timestamp),
    /// The table was empty.
    NoteEmptyTable(Timestamp),
    /// The node group with which the next run starts to read.
    ReadNext(Option<NodegroupId>),
    /// Whether a freeze with a known end is in effect.
    RecordFreeze(bool, Timestamp),
    /// The support of a Kubernetes version has ended.
    ReportSupport(SupportEnded, Timestamp),
    /// The node groups whose records cannot be read, and why.
    SeeUnreadableRecords(Vec<(NodegroupName, String)>, Timestamp),
    /// A week has begun; the digest.
    Digest(Option<Digest>, Timestamp),
    /// EKS refuses updates because a permission is missing.
    ReportAccessDenied(String, Timestamp),
    /// EKS accepted an update.
    AccessGranted,
}

/// A change of a record.
pub trait Change {
    /// The content of the record.
    type Content: Content;

    /// Applies the change.
    fn apply(&self, record: &mut Record<Self::Content>);
}

impl NodegroupChange {
    /// When the node group was seen with the tag. All changes but one apply to node groups that have it.
    fn opted_in_at(&self) -> Option<Timestamp> {
        match self {
            Self::OptOut(..) => None,
            Self::Prove(proof) => Some(proof.at),
            Self::RequestRollback(rollback) => Some(rollback.requested_at),
            Self::OptIn(at)
            | Self::ReportStale(_, _, at)
            | Self::ForgetStale(at)
            | Self::ReportCurrent(_, at)
            | Self::Adopt(_, at)
            | Self::AllowRetry(at)
            | Self::RecordClusterVersion(_, at)
            | Self::RecordRunning { at, .. }
            | Self::ReadUpdateHistory(_, at)
            | Self::MissUpdateHistory(at)
            | Self::ExpireRollback(_, at)
            | Self::ReportAvailable { at, .. }
            | Self::ReportInvalidTag(_, at) => Some(*at),
        }
    }
}

impl Change for NodegroupChange {
    type Content = NodegroupContent;

    fn apply(&self, record: &mut NodegroupRecord) {
        if let Some(at) = self.opted_in_at() {
            record.opt_in(at);
        }
        match self {
            Self::OptIn(_) => {}
            Self::OptOut(lost_tag, at) => record.opt_out(*lost_tag, *at),
            Self::ReportStale(stale, obstacle, at) => record.report_stale(stale, obstacle.as_ref(), *at),
            Self::ForgetStale(at) => record.forget_stale(*at),
            Self::ReportCurrent(obstacle, at) => record.report_current(obstacle.as_ref(), *at),
            Self::Adopt(update, _) => record.adopt(update),
            Self::AllowRetry(at) => record.allow_retry(*at),
            Self::RecordClusterVersion(version, at) => record.record_cluster_version(version, *at),
            Self::RecordRunning { runs, ami_type, cluster_version, owner, at } => {
                record.set_owner(*owner);
                record.record_running(Sighting {
                    runs,
                    ami_type,
                    cluster_version: cluster_version.as_deref(),
                    at: *at,
                });
            }
            Self::ReadUpdateHistory(downgraded, at) => record.read_update_history(downgraded.as_ref(), *at),
            Self::MissUpdateHistory(at) => record.miss_update_history(*at),
            Self::RequestRollback(rollback) => record.request_rollback(rollback),
            Self::ExpireRollback(request_id, at) => record.expire_rollback(request_id, *at),
            Self::Prove(proof) => record.prove(proof),
            Self::ReportAvailable { version, release_version, at } => {
                record.report_available(version, release_version, *at);
            }
            Self::ReportInvalidTag(tag, at) => record.report_invalid_tag(tag, *at),
        }
    }
}

impl Change for TrackChange {
    type Content = TrackContent;

    fn apply(&self, record: &mut TrackRecord) {
        match self {
            Self::Recommend { release, date, at } => record.recommend(release, *date, *at),
            Self::ReportWithdrawn { release_version, latest, running, at } => {
                record.report_withdrawn(release_version, latest, running, *at);
            }
            Self::ReportRefused(release, at) => record.report_refused(release, *at),
            Self::Refuse { release_version, message, at } => record.refuse(release_version, message, *at),
            Self::Accept(release) => record.accept(release),
        }
    }
}

impl Change for FleetChange {
    type Content = FleetContent;

    fn apply(&self, record: &mut FleetRecord) {
        match self {
            Self::Supersede(track, latest) => record.supersede(track, latest),
            Self::Quarantine(quarantine) => record.quarantine(quarantine),
            Self::LiftQuarantine(releases, at) => record.lift_quarantine(releases, *at),
            Self::NoteEmptyTable(at) => record.note_empty_table(*at),
            Self::ReadNext(nodegroup) => record.next_nodegroup.clone_from(nodegroup),
            Self::RecordFreeze(frozen, at) => record.record_freeze(*frozen, *at),
            Self::ReportSupport(ended, at) => record.report_support(ended, *at),
            Self::SeeUnreadableRecords(unreadable, at) => record.see_unreadable_records(unreadable, *at),
            Self::Digest(digest, at) => record.report_digest(digest.as_ref(), *at),
            Self::ReportAccessDenied(error, at) => record.report_access_denied(error, *at),
            Self::AccessGranted => record.access_granted(),
        }
    }
}
