//! Looks at an open attempt as EKS sees it, and settles what that means.
//!
//! The truth is `DescribeUpdate`: after a failed update the node group is ACTIVE too. See
//! [Update](https://docs.aws.amazon.com/eks/latest/APIReference/API_Update.html).

use aws_sdk_eks::Client;
use aws_sdk_eks::operation::describe_nodegroup::DescribeNodegroupError;
use aws_sdk_eks::operation::describe_update::DescribeUpdateError;
use aws_sdk_eks::operation::list_updates::ListUpdatesOutput;
use aws_sdk_eks::types::{self as eks, UpdateParamType, UpdateStatus, UpdateType};
use jiff::{SignedDuration, Timestamp};

use crate::aws::describe;
use crate::model::nodegroup::NodegroupId;
use crate::model::record::Record;
use crate::model::update::{Attempt, ErrorDetail, Origin, Status};

/// How long an intent may be without an update before it is given up, and a "not found" is not believed. The run that wrote
/// the intent lives 15 minutes at most; the rest is for what EKS shows late.
const GRACE: SignedDuration = SignedDuration::from_mins(20);
/// How much EKS's clock may be behind the one that dated the intent.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// What EKS shows of an open attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observation {
    /// The update, and what it has come to.
    Update {
        /// Its id.
        update_id: String,
        /// What it has come to.
        progress: Progress,
    },
    /// No update belongs to the intent.
    NoUpdate,
    /// The update, its node group or its cluster is not found.
    NotFound(ErrorDetail),
    /// EKS could not be read, and why.
    Unreadable(String),
}

/// What an update has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It goes on; so does one whose status is not known here.
    Running,
    /// It was successful, and the node group runs this now.
    Successful(Runs),
    /// It failed.
    Failed(Vec<ErrorDetail>),
    /// It was cancelled.
    Cancelled(Vec<ErrorDetail>),
}

/// What a node group runs, as far as EKS names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Runs {
    /// The Kubernetes version.
    pub version: Option<String>,
    /// The release.
    pub release_version: Option<String>,
}

/// Looks at an open attempt. An intent without an update id is looked up among the node group's updates: the process may
/// have ended between EKS's acceptance and its record.
pub async fn observe(eks: &Client, record: &Record, attempt: &Attempt) -> Observation {
    let id = record.id();
    let observed = match &attempt.update_id {
        Some(update_id) => describe_update(eks, &id, update_id).await,
        None => find_update(eks, record, attempt, &id).await,
    };
    observed.unwrap_or_else(|observation| observation)
}

/// A lookup ends early with what it found instead.
type Observed = Result<Observation, Observation>;

async fn describe_update(eks: &Client, id: &NodegroupId, update_id: &str) -> Observed {
    let update = read_update(eks, id, update_id).await?;
    observed(eks, id, update_id, &update).await
}

async fn observed(eks: &Client, id: &NodegroupId, update_id: &str, update: &eks::Update) -> Observed {
    let progress = match update.status() {
        Some(UpdateStatus::Successful) => Progress::Successful(runs(eks, id).await?),
        Some(UpdateStatus::Failed) => Progress::Failed(errors(update)),
        Some(UpdateStatus::Cancelled) => Progress::Cancelled(errors(update)),
        Some(UpdateStatus::InProgress) => Progress::Running,
        other => {
            tracing::warn!(nodegroup = %id, update_id, status = ?other, "the update's status is not known; following on");
            Progress::Running
        }
    };
    Ok(Observation::Update { update_id: update_id.to_owned(), progress })
}

async fn find_update(eks: &Client, record: &Record, attempt: &Attempt, id: &NodegroupId) -> Observed {
    let update_ids = update_ids(eks, id).await.map_err(Observation::Unreadable)?;
    let known = |update_id: &String| record.history.iter().any(|attempt| attempt.update_id.as_ref() == Some(update_id));
    let mut earliest: Option<(Timestamp, &String, eks::Update)> = None;
    for update_id in update_ids.iter().filter(|update_id| !known(update_id)) {
        let update = match read_update(eks, id, update_id).await {
            Err(Observation::NotFound(_)) => continue,
            update => update?,
        };
        // What is described so badly that nobody can tell whose it is keeps the intent open.
        let Some(created_at) = update.created_at().and_then(|at| Timestamp::from_second(at.secs()).ok()) else {
            return Err(Observation::Unreadable(format!("EKS described the update {update_id} without its date")));
        };
        // Somebody else may have asked for the same since; the intent's own came first.
        let first = earliest.as_ref().is_none_or(|(earliest, ..)| created_at < *earliest);
        if first && belongs(&update, created_at, attempt) {
            earliest = Some((created_at, update_id, update));
        }
    }
    match earliest {
        Some((_, update_id, update)) => observed(eks, id, update_id, &update).await,
        None => Ok(Observation::NoUpdate),
    }
}

/// The ids of the updates that a node group has had, in no order; none where there is no such node group.
///
/// # Errors
/// When EKS cannot be read. An answer that lists nothing at all is none: taken for an empty list it would lose updates.
pub async fn update_ids(eks: &Client, id: &NodegroupId) -> Result<Vec<String>, String> {
    let pages = eks.list_updates().name(&id.cluster).nodegroup_name(&id.name).into_paginator().send();
    let pages: Result<Vec<ListUpdatesOutput>, _> = pages.collect().await;
    let pages = match pages {
        Ok(pages) => pages,
        Err(error) => match error.as_service_error() {
            Some(service) if service.is_resource_not_found_exception() => return Ok(Vec::new()),
            _ => return Err(describe(&error)),
        },
    };
    let listed: Option<Vec<Vec<String>>> = pages.into_iter().map(|page| page.update_ids).collect();
    listed.map(|ids| ids.concat()).ok_or_else(|| "EKS listed updates without updateIds".to_owned())
}

async fn read_update(eks: &Client, id: &NodegroupId, update_id: &str) -> Result<eks::Update, Observation> {
    let request = eks.describe_update().name(&id.cluster).nodegroup_name(&id.name).update_id(update_id);
    let answer = request.send().await.map_err(|error| match error.as_service_error() {
        Some(DescribeUpdateError::ResourceNotFoundException(not_found)) => {
            Observation::NotFound(missing(not_found.message()))
        }
        _ => Observation::Unreadable(describe(&error)),
    })?;
    answer.update.ok_or_else(|| Observation::Unreadable("EKS described no update".to_owned()))
}

/// What the node group runs, to see whether a successful update brought it.
async fn runs(eks: &Client, id: &NodegroupId) -> Result<Runs, Observation> {
    let request = eks.describe_nodegroup().cluster_name(&id.cluster).nodegroup_name(&id.name);
    let answer = request.send().await.map_err(|error| match error.as_service_error() {
        Some(DescribeNodegroupError::ResourceNotFoundException(not_found)) => {
            Observation::NotFound(missing(not_found.message()))
        }
        _ => Observation::Unreadable(describe(&error)),
    })?;
    let nodegroup = answer.nodegroup.filter(|nodegroup| nodegroup.nodegroup_arn.is_some());
    let nodegroup = nodegroup.ok_or_else(|| Observation::Unreadable("EKS described no node group".to_owned()))?;
    if nodegroup.nodegroup_arn() != Some(&id.arn) {
        return Err(Observation::NotFound(missing(Some("another node group bears the name now"))));
    }
    Ok(Runs { version: nodegroup.version, release_version: nodegroup.release_version })
}

fn missing(message: Option<&str>) -> ErrorDetail {
    ErrorDetail {
        error_code: "ResourceNotFoundException".to_owned(),
        error_message: message.unwrap_or("EKS does not find it").to_owned(),
        resource_ids: Vec::new(),
    }
}

/// Whether an update is the one of this intent: asked for after it was written, with its version and release. A version
/// update that does not say what was asked for counts as well, since losing it would be worse.
fn belongs(update: &eks::Update, created_at: Timestamp, attempt: &Attempt) -> bool {
    let asked = |kind: UpdateParamType, wanted: &str| {
        let param = update.params().iter().find(|param| param.r#type() == Some(&kind));
        param.and_then(|param| param.value()).map(|value| value == wanted)
    };
    let is_version_update = update.r#type().is_none_or(|kind| *kind == UpdateType::VersionUpdate);
    created_at >= attempt.started_at.checked_sub(CLOCK_SKEW).unwrap_or(Timestamp::MIN)
        && asked(UpdateParamType::Version, &attempt.version).unwrap_or(true)
        && asked(UpdateParamType::ReleaseVersion, &attempt.release_version).unwrap_or(is_version_update)
}

fn errors(update: &eks::Update) -> Vec<ErrorDetail> {
    let detail = |error: &eks::ErrorDetail| ErrorDetail {
        error_code: error.error_code().map_or("Unknown", |code| code.as_str()).to_owned(),
        error_message: error.error_message().unwrap_or_default().to_owned(),
        resource_ids: error.resource_ids().to_vec(),
    };
    update.errors().iter().map(detail).collect()
}

/// Takes an observation into the record. Without an open attempt nothing changes.
pub fn settle(record: &mut Record, observation: &Observation, now: Timestamp, stuck_after: SignedDuration) {
    let Some(attempt) = &mut record.open else { return };
    let young = now.duration_since(attempt.started_at) < GRACE;
    match observation {
        Observation::Update { update_id, progress } => {
            attempt.update_id = Some(update_id.clone());
            attempt.status = Status::InProgress;
            match progress {
                Progress::Running => {}
                Progress::Successful(runs) => successful(record, runs, now),
                Progress::Failed(errors) => record.end(Status::Failed, errors.clone(), now),
                Progress::Cancelled(errors) => record.end(Status::Cancelled, errors.clone(), now),
            }
        }
        Observation::NoUpdate if !young => record.withdraw(),
        Observation::NotFound(error) if !young => record.end(Status::Gone, vec![error.clone()], now),
        Observation::NoUpdate | Observation::NotFound(_) | Observation::Unreadable(_) => {}
    }
    // However the observation went: an attempt that cannot be read for hours must not stay silent either.
    let started_at = record.open.as_ref().map(|attempt| attempt.started_at);
    if started_at.is_some_and(|started_at| now.duration_since(started_at) >= stuck_after) {
        record.stuck(now);
    }
}

/// Success is believed when the node group runs what was asked for. It may show it late.
fn successful(record: &mut Record, runs: &Runs, now: Timestamp) {
    let Some(attempt) = &mut record.open else { return };
    let since = *attempt.successful_since.get_or_insert(now);
    let asked = Runs { version: Some(attempt.version.clone()), release_version: Some(attempt.release_version.clone()) };
    // Of somebody else's update it may not be known what it brings.
    if attempt.origin == Origin::Other || *runs == asked {
        record.end(Status::Successful, Vec::new(), now);
    } else if now.duration_since(since) >= GRACE {
        let error = ErrorDetail {
            error_code: "ReleaseVersionMismatch".to_owned(),
            error_message: format!(
                "EKS reports the update as successful, but the node group runs {} (Kubernetes {})",
                runs.release_version.as_deref().unwrap_or("no release that EKS names"),
                runs.version.as_deref().unwrap_or("unknown"),
            ),
            resource_ids: Vec::new(),
        };
        record.end(Status::Unverified, vec![error], now);
    }
}
