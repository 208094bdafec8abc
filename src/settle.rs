//! What an observation of an open attempt means for its record.

use jiff::{SignedDuration, Timestamp};

use crate::model::attempt::{Attempt, ErrorDetail, StartedBy, Status};
use crate::model::problem::Unreadable;
use crate::model::record::nodegroup::NodegroupRecord;

/// How long an intent may be without an update before it is given up, and a "not found" is not believed. The run that wrote
/// the intent lives 15 minutes at most; the rest is for what EKS shows late.
const GRACE: SignedDuration = SignedDuration::from_mins(20);

/// What EKS shows of an open attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observation {
    /// The update, and how far it has come.
    Update {
        /// Its id.
        update_id: String,
        /// How far it has come.
        progress: Progress,
    },
    /// No update belongs to the intent.
    NoUpdate,
    /// The update, its node group or its cluster is not found.
    NotFound(ErrorDetail),
    /// EKS could not be read.
    Unreadable(Unreadable),
}

/// How far an update has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It is in progress, or has a status that is not known here.
    InProgress,
    /// It was successful, and the node group runs this now.
    Successful(Running),
    /// It failed, and the node group has these health issues now.
    Failed(Vec<ErrorDetail>, Vec<String>),
    /// It was cancelled.
    Cancelled(Vec<ErrorDetail>),
}

/// What a node group runs, as far as EKS says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Running {
    /// The Kubernetes version.
    pub version: Option<String>,
    /// The release.
    pub release_version: Option<String>,
}

/// Takes an observation into the record. Without an open attempt nothing changes.
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
    // Whatever was observed: an attempt that cannot be read for hours must not stay silent either.
    let is_stuck = |attempt: &Attempt| now.duration_since(attempt.started_at) >= attempt.stuck_after(stuck_after);
    if record.open().is_some_and(is_stuck) {
        record.report_stuck(now);
    }
}

/// Success is believed once the node group runs what was asked for. It may show it late.
fn successful(record: &mut NodegroupRecord, running: &Running, now: Timestamp) {
    let Some(attempt) = &mut record.attempts.open else { return };
    let since = *attempt.successful_since.get_or_insert(now);
    let asked = Running {
        version: Some(attempt.intent.version.clone()),
        release_version: Some(attempt.intent.release_version.clone()),
    };
    // EKS may not say what an external update brings.
    if attempt.starter() == StartedBy::External || *running == asked {
        record.end(Status::Successful, Vec::new(), now);
    } else if now.duration_since(since) >= GRACE {
        let message = format!(
            "EKS reports the update as successful, but the node group runs {} (Kubernetes {})",
            running.release_version.as_deref().unwrap_or("no release that EKS names"),
            running.version.as_deref().unwrap_or("unknown"),
        );
        let error = ErrorDetail::new("ReleaseVersionMismatch", message);
        record.end(Status::Unverified, vec![error], now);
    }
}
