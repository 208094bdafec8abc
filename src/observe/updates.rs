//! Reads the state of an open attempt from EKS.
//!
//! The source of truth is `DescribeUpdate`: after a failed update the node group is also ACTIVE. See
//! [Update](https://docs.aws.amazon.com/eks/latest/APIReference/API_Update.html).

use aws_sdk_eks::error::SdkError;
use aws_sdk_eks::operation::describe_nodegroup::DescribeNodegroupError;
use aws_sdk_eks::operation::describe_update::DescribeUpdateError;
use aws_sdk_eks::operation::list_updates::ListUpdatesError;
use aws_sdk_eks::types::{self as eks, UpdateParamType, UpdateStatus, UpdateType};
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::aws::describe;
use crate::aws::pace::Eks;
use crate::aws::pages::{List, ListError, Page, all_pages};
use crate::model::attempt::{Attempt, ErrorDetail};
use crate::model::id::NodegroupId;
use crate::model::problem::Unreadable;
use crate::model::record::nodegroup::NodegroupRecord;
use crate::settle::{DescribedVersions, Observation, Progress};

/// How far EKS's clock may be behind the clock that dated the intent.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Why there is no usable answer.
#[derive(Debug)]
pub(super) enum NoAnswer {
    NotFound(ErrorDetail),
    Unreadable(Unreadable),
}

impl From<NoAnswer> for Observation {
    fn from(no_answer: NoAnswer) -> Self {
        match no_answer {
            NoAnswer::NotFound(error) => Self::NotFound(error),
            NoAnswer::Unreadable(error) => Self::Unreadable(error),
        }
    }
}

impl From<Unreadable> for NoAnswer {
    fn from(error: Unreadable) -> Self {
        Self::Unreadable(error)
    }
}

/// Reads the state of an open attempt. An intent without an update id is looked up among the node group's updates: the process
/// might have ended between EKS's acceptance and its record.
pub async fn observe(eks: &Eks, record: &NodegroupRecord, attempt: &Attempt) -> Observation {
    let observation = match &attempt.update_id {
        Some(update_id) => describe_update(eks, &record.id, update_id).await,
        None => find_update(eks, record, attempt).await,
    };
    observation.unwrap_or_else(Observation::from)
}

async fn describe_update(eks: &Eks, id: &NodegroupId, update_id: &str) -> Result<Observation, NoAnswer> {
    let update = read_update(eks, id, update_id, None).await?;
    progress(eks, id, update_id, &update).await
}

async fn progress(eks: &Eks, id: &NodegroupId, update_id: &str, update: &eks::Update) -> Result<Observation, NoAnswer> {
    let progress = match update.status() {
        Some(UpdateStatus::Successful) => {
            let nodegroup = describe_nodegroup(eks, id).await?;
            let (version, release_version) = (nodegroup.version, nodegroup.release_version);
            Progress::Successful(DescribedVersions { version, release_version })
        }
        Some(UpdateStatus::Failed) => Progress::Failed(errors(update), health(eks, id).await?),
        Some(UpdateStatus::Cancelled) => Progress::Cancelled(cancellation(update)),
        Some(UpdateStatus::InProgress) => Progress::InProgress,
        other => {
            tracing::warn!(nodegroup = %id, update_id, status = ?other, "{id}: unknown status of update {update_id}");
            Progress::InProgress
        }
    };
    Ok(Observation::Update { update_id: update_id.to_owned(), progress })
}

async fn find_update(eks: &Eks, record: &NodegroupRecord, attempt: &Attempt) -> Result<Observation, NoAnswer> {
    let id = &record.id;
    let update_ids = update_ids(eks, id, None).await?;
    let mut earliest: Option<(Timestamp, &String, eks::Update)> = None;
    for update_id in update_ids.iter().filter(|update_id| !record.has_ended(update_id)) {
        let update = match read_update(eks, id, update_id, None).await {
            Err(NoAnswer::NotFound(_)) => continue,
            update => update?,
        };
        // An update whose description is too incomplete to assign keeps the intent open.
        let Some(created_at) = update.created_at().and_then(|at| Timestamp::from_second(at.secs()).ok()) else {
            return Err(Unreadable(format!("EKS described the update {update_id} without its date")).into());
        };
        // The same update might have been requested again since; the intent's own came first.
        let first = earliest.as_ref().is_none_or(|(earliest, ..)| created_at < *earliest);
        if first && belongs(&update, created_at, attempt) {
            earliest = Some((created_at, update_id, update));
        }
    }
    match earliest {
        Some((_, update_id, update)) => progress(eks, id, update_id, &update).await,
        None => Ok(Observation::NoUpdate),
    }
}

/// The ids of a node group's updates, in no order; none if there is no such node group. Each page waits for its own turn,
/// before `until` if that is given.
///
/// # Errors
/// When EKS cannot be read, or not in time. An answer without a list is also an error: treating it as empty would lose updates.
pub(super) async fn update_ids(eks: &Eks, id: &NodegroupId, until: Option<Instant>) -> Result<Vec<String>, Unreadable> {
    let read = async |token: Option<String>| {
        let page = eks.read_until(until, async |eks| {
            let list = eks.list_updates().name(id.cluster()).nodegroup_name(id.nodegroup());
            list.set_next_token(token.clone()).send().await
        });
        let page = page.await.ok_or(None)?.map_err(Some)?;
        Ok::<_, Option<SdkError<ListUpdatesError>>>(Page { items: page.update_ids, next_token: page.next_token })
    };
    all_pages(List { of: "updates", member: "updateIds" }, read).await.or_else(|error| match error {
        ListError::Page(None) => Err(no_time()),
        ListError::Page(Some(error)) => match error.as_service_error() {
            Some(service) if service.is_resource_not_found_exception() => Ok(Vec::new()),
            _ => Err(Unreadable(describe(&error))),
        },
        ListError::Malformed(error) => Err(Unreadable(error.to_string())),
    })
}

/// An update, read before `until` if that is given.
pub(super) async fn read_update(
    eks: &Eks,
    id: &NodegroupId,
    update_id: &str,
    until: Option<Instant>,
) -> Result<eks::Update, NoAnswer> {
    let answer = eks.read_until(until, async |eks| {
        let request = eks.describe_update().name(id.cluster()).nodegroup_name(id.nodegroup()).update_id(update_id);
        request.send().await
    });
    let answer = answer.await.ok_or_else(no_time)?.map_err(|error| match error.as_service_error() {
        Some(DescribeUpdateError::ResourceNotFoundException(error)) => not_found(error.message()),
        _ => Unreadable(describe(&error)).into(),
    })?;
    answer.update.ok_or_else(|| Unreadable("EKS described no update".to_owned()).into())
}

fn no_time() -> Unreadable {
    Unreadable("the run had no time left".to_owned())
}

/// The node group's health issues, which might explain a failure; none if it no longer exists.
async fn health(eks: &Eks, id: &NodegroupId) -> Result<Vec<String>, NoAnswer> {
    let nodegroup = match describe_nodegroup(eks, id).await {
        Err(NoAnswer::NotFound(_)) => return Ok(Vec::new()),
        nodegroup => nodegroup?,
    };
    let issues = nodegroup.health.and_then(|health| health.issues).unwrap_or_default();
    Ok(issues.into_iter().filter_map(|issue| Some(issue.code?.as_str().to_owned())).collect())
}

/// The node group as it is now.
async fn describe_nodegroup(eks: &Eks, id: &NodegroupId) -> Result<eks::Nodegroup, NoAnswer> {
    let answer = eks.read(async |eks| {
        eks.describe_nodegroup().cluster_name(id.cluster()).nodegroup_name(id.nodegroup()).send().await
    });
    let answer = answer.await.map_err(|error| match error.as_service_error() {
        Some(DescribeNodegroupError::ResourceNotFoundException(error)) => not_found(error.message()),
        _ => Unreadable(describe(&error)).into(),
    })?;
    let nodegroup = answer.nodegroup.filter(|nodegroup| nodegroup.nodegroup_arn.is_some());
    let nodegroup = nodegroup.ok_or_else(|| Unreadable("EKS described no node group".to_owned()))?;
    if nodegroup.nodegroup_arn() != Some(id.arn()) {
        return Err(not_found(Some("another node group has this name now")));
    }
    Ok(nodegroup)
}

fn not_found(message: Option<&str>) -> NoAnswer {
    NoAnswer::NotFound(ErrorDetail::new("ResourceNotFoundException", message.unwrap_or("EKS cannot find it")))
}

/// Whether an update belongs to this intent: requested after it was written, with its version and release. A version update
/// without parameters counts as well, because losing it would be worse.
fn belongs(update: &eks::Update, created_at: Timestamp, attempt: &Attempt) -> bool {
    let asks_for = |kind, wanted: &str| param(update, kind).map(|value| value == wanted);
    let is_version_update = update.r#type().is_none_or(|kind| *kind == UpdateType::VersionUpdate);
    created_at >= attempt.started_at.checked_sub(CLOCK_SKEW).unwrap_or(Timestamp::MIN)
        && asks_for(UpdateParamType::Version, &attempt.intent.version).unwrap_or(true)
        && asks_for(UpdateParamType::ReleaseVersion, &attempt.intent.release_version).unwrap_or(is_version_update)
}

/// A parameter of an update, if EKS returns it.
pub(super) fn param(update: &eks::Update, kind: UpdateParamType) -> Option<&str> {
    update.params().iter().find(|param| param.r#type() == Some(&kind))?.value()
}

/// Why an update was cancelled, if EKS gives a reason, with its errors.
fn cancellation(update: &eks::Update) -> Vec<ErrorDetail> {
    let reason = update.cancellation().and_then(|cancellation| cancellation.reason());
    let reason = reason.map(|reason| ErrorDetail::new("Cancelled", reason));
    reason.into_iter().chain(errors(update)).collect()
}

fn errors(update: &eks::Update) -> Vec<ErrorDetail> {
    let detail = |error: &eks::ErrorDetail| ErrorDetail {
        resource_ids: error.resource_ids().to_vec(),
        ..ErrorDetail::new(
            error.error_code().map_or("Unknown", |code| code.as_str()),
            error.error_message().unwrap_or_default(),
        )
    };
    update.errors().iter().map(detail).collect()
}
