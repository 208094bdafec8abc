//! Settles an open attempt: applies what EKS shows of it to the record.

use jiff::{SignedDuration, Timestamp};

use crate::model::attempt::{Attempt, ErrorDetail, StartedBy, Status};
use crate::model::problem::Unreadable;
use crate::model::record::nodegroup::NodegroupRecord;

/// How long an intent can be without an update before it is given up, and how long a "not found" is ignored. The run that wrote
/// the intent lives 15 minutes at most; the rest allows for delays in EKS's answers.
const GRACE: SignedDuration = SignedDuration::from_mins(20);

/// The state of an open attempt in EKS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observation {
    /// The update, and its progress.
    Update {
        /// Its id.
        update_id: String,
        /// Its progress.
        progress: Progress,
    },
    /// No update belongs to the intent.
    NoUpdate,
    /// The update, its node group or its cluster is not found.
    NotFound(ErrorDetail),
    /// EKS could not be read.
    Unreadable(Unreadable),
}

/// The progress of an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It is in progress, or has a status that this version does not know.
    InProgress,
    /// It succeeded, and the node group runs this now.
    Successful(DescribedVersions),
    /// It failed, and the node group has these health issues now.
    Failed(Vec<ErrorDetail>, Vec<String>),
    /// It was cancelled.
    Cancelled(Vec<ErrorDetail>),
}

/// What a node group runs, as far as EKS returns it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DescribedVersions {
    /// The Kubernetes version.
    pub version: Option<String>,
    /// The release.
    pub release_version: Option<String>,
}

/// Applies an observation to the record. Without an open attempt nothing changes.
pub fn settle(record: &mut NodegroupRecord, observation: &Observation, now: Timestamp, stuck_after: SignedDuration) {
    let Some(attempt) = record.open() else { return };
    let young = now.duration_since(attempt.started_at) < GRACE;
    match observation {
        Observation::Update { update_id, progress } => {
            if attempt.update_id.as_ref() != Some(update_id) {
                record.accept(update_id);
            }
            match progress {
                Progress::InProgress => {}
                Progress::Successful(running) => successful(record, running, now),
                Progress::Failed(errors, health) => {
                    if let Some(attempt) = &mut record.attempts.open {
                        attempt.health.clone_from(health);
                    }
                    record.end(Status::Failed, errors.clone(), now);
                }
                Progress::Cancelled(errors) => record.end(Status::Cancelled, errors.clone(), now),
            }
        }
        Observation::NoUpdate if !young => record.withdraw(),
        Observation::NotFound(error) if !young => record.end(Status::NotFound, vec![error.clone()], now),
        Observation::NoUpdate | Observation::NotFound(_) | Observation::Unreadable(_) => {}
    }
    // For every observation: an attempt that cannot be read for hours must be reported as well.
    let is_stuck = |attempt: &Attempt| now.duration_since(attempt.started_at) >= attempt.stuck_after(stuck_after);
    if record.open().is_some_and(is_stuck) {
        record.report_stuck(now);
    }
}

/// Success is accepted once the node group runs the requested release, which it might show late.
fn successful(record: &mut NodegroupRecord, running: &DescribedVersions, now: Timestamp) {
    let Some(attempt) = &mut record.attempts.open else { return };
    let since = *attempt.successful_since.get_or_insert(now);
    let asked = DescribedVersions {
        version: Some(attempt.intent.version.clone()),
        release_version: Some(attempt.intent.release_version.clone()),
    };
    // EKS might not name the release of an external update.
    if attempt.starter() == StartedBy::External || *running == asked {
        record.end(Status::Successful, Vec::new(), now);
    } else if now.duration_since(since) >= GRACE {
        let message = format!(
            "EKS reports the update as successful, but the node group runs {} (Kubernetes {})",
            running.release_version.as_deref().unwrap_or("a release that EKS does not name"),
            running.version.as_deref().unwrap_or("unknown"),
        );
        let error = ErrorDetail::new("ReleaseVersionMismatch", message);
        record.end(Status::Unverified, vec![error], now);
    }
}
