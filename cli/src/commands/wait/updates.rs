//! Until an update has ended: its id is found once, and the update is then described again and again.

use aws_sdk_eks::error::ProvideErrorMetadata as _;
use aws_sdk_eks::types as eks;
use eks_nodegroup_updater::aws::concurrently;
use eks_nodegroup_updater::model::attempt::ErrorDetail;
use eks_nodegroup_updater::model::id::NodegroupName;
use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use serde::Serialize;

use super::item::{Item, Subject};
use crate::aws::answer::DecisionLine;
use crate::aws::nodegroups::describe_one;
use crate::aws::place::Place;
use crate::aws::updates::{describe_update, release_of, update_ids};
use crate::failure::{Failure, NOT_FOUND};
use terminal::kind::Kind;

/// An update of a node group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Update {
    pub nodegroup: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_id: Option<String>,
    /// EKS's word for what changes, such as `VersionUpdate` or `ConfigUpdate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<Timestamp>,
    pub status: Status,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ErrorDetail>,
}

/// How far an update is: EKS's words, and some more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, strum::IntoStaticStr)]
pub enum Status {
    /// It is not known yet whether one is in progress.
    Unknown,
    /// It is in progress.
    InProgress,
    /// It succeeded.
    Successful,
    /// It failed.
    Failed,
    /// It was cancelled.
    Cancelled,
    /// None is in progress.
    NotUpdating,
    /// The node group does not exist any more.
    Deleted,
    /// EKS does not know it any more, and nothing updates the node group.
    NotFound,
}

impl Status {
    /// The attention that it needs from its reader.
    pub fn kind(self) -> Kind {
        match self {
            Self::Unknown | Self::InProgress => Kind::Updating,
            Self::Successful => Kind::Current,
            Self::NotUpdating => Kind::LeftAlone,
            Self::Failed | Self::Cancelled | Self::Deleted | Self::NotFound => Kind::NeedsYou,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

impl Update {
    /// A node group of which no update is known.
    pub fn new(nodegroup: &NodegroupName, status: Status) -> Self {
        Self {
            nodegroup: nodegroup.to_string(),
            update_id: None,
            r#type: None,
            release_version: None,
            started_at: None,
            status,
            errors: Vec::new(),
        }
    }

    /// The update that a run started.
    pub fn started(nodegroup: &NodegroupName, line: &DecisionLine) -> Self {
        Self {
            update_id: line.update_id.clone(),
            release_version: line.target.clone(),
            ..Self::new(nodegroup, Status::InProgress)
        }
    }

    /// A node group, by whether EKS says that it is being updated.
    pub fn of_description(nodegroup: &NodegroupName, description: &eks::Nodegroup) -> Self {
        let status = match description.status() {
            Some(eks::NodegroupStatus::Updating) => Status::Unknown,
            _ => Status::NotUpdating,
        };
        Self::new(nodegroup, status)
    }

    /// An update as EKS describes it.
    pub fn described(nodegroup: &NodegroupName, id: &str, update: &eks::Update) -> Self {
        let status = match update.status() {
            Some(eks::UpdateStatus::Successful) => Status::Successful,
            Some(eks::UpdateStatus::Failed) => Status::Failed,
            Some(eks::UpdateStatus::Cancelled) => Status::Cancelled,
            // A status that this version does not know is no end.
            _ => Status::InProgress,
        };
        let cancelled = update.cancellation().and_then(|it| it.reason()).map(|it| ErrorDetail::new("Cancelled", it));
        let errors = update.errors().iter().map(|error| ErrorDetail {
            resource_ids: error.resource_ids().to_vec(),
            ..ErrorDetail::new(
                error.error_code().map_or("Unknown", |code| code.as_str()),
                error.error_message().unwrap_or_default(),
            )
        });
        Self {
            update_id: Some(id.to_owned()),
            r#type: update.r#type().map(|kind| kind.as_str().to_owned()),
            release_version: release_of(update),
            started_at: update.created_at().and_then(|at| Timestamp::new(at.secs(), 0).ok()),
            errors: cancelled.into_iter().chain(errors).collect(),
            ..Self::new(nodegroup, status)
        }
    }

    /// What changes: a release, or EKS's word for something else.
    pub fn target(&self) -> &str {
        self.release_version.as_deref().or(self.r#type.as_deref()).unwrap_or_default()
    }

    /// What is known of it, in words.
    pub fn words(&self, time: impl Fn(Timestamp) -> String) -> String {
        let target = Some(self.target()).filter(|target| !target.is_empty()).map(|target| format!("{target}: "));
        let since = self.started_at.filter(|_| self.status == Status::InProgress);
        let since = since.map(|since| format!(" since {}", time(since)));
        let detail = self.detail().map(|detail| format!(": {detail}"));
        let [target, since, detail] = [target, since, detail].map(Option::unwrap_or_default);
        format!("{target}{}{since}{detail}", self.status.name())
    }

    /// Its errors, in words.
    pub fn detail(&self) -> Option<String> {
        let error = |error: &ErrorDetail| {
            let resources = match error.resource_ids.as_slice() {
                [] => String::new(),
                ids => format!(" ({})", ids.join(", ")),
            };
            format!("{}: {}{resources}", error.error_code, error.error_message)
        };
        let errors: Vec<String> = self.errors.iter().map(error).collect();
        match (self.status, errors.is_empty()) {
            (_, false) => Some(errors.join("; ")),
            (Status::Deleted, _) => Some("the node group was deleted".to_owned()),
            (Status::NotFound, _) => Some("EKS does not know this update any more".to_owned()),
            (Status::NotUpdating, _) => Some("no update is in progress".to_owned()),
            _ => None,
        }
    }
}

/// Looks at the updates that are not over. One that cannot be read stops no other.
pub async fn look(place: &Place, items: Vec<Item>) -> Vec<Item> {
    let looks = stream::iter(items).map(|item| async {
        match &item.subject {
            Subject::Update(update) if !item.is_over() => {
                let seen = look_at(place, &item.name, update).await.map(Subject::Update);
                item.with(seen)
            }
            _ => item,
        }
    });
    concurrently(looks).await
}

async fn look_at(place: &Place, name: &NodegroupName, update: &Update) -> Result<Update, Failure> {
    let Some(id) = &update.update_id else { return find(place, name).await };
    match describe_update(&place.eks, name, id).await {
        Ok(Some(update)) => Ok(Update::described(name, id, &update)),
        Ok(None) => Err(Failure::new(format!("EKS did not describe the update {id}"))),
        Err(error) if error.code() == Some(NOT_FOUND) => not_found(place, name, update).await,
        Err(error) => Err(Failure::of_call("describing its update", &error)),
    }
}

/// An update that EKS does not find. As long as the node group is being updated, EKS may still find it.
async fn not_found(place: &Place, name: &NodegroupName, update: &Update) -> Result<Update, Failure> {
    let status = match describe_one(place, name).await {
        Ok(nodegroup) if nodegroup.status() == Some(&eks::NodegroupStatus::Updating) => update.status,
        Ok(_) => Status::NotFound,
        Err(failure) if failure.is_not_found() => Status::Deleted,
        Err(failure) => return Err(failure),
    };
    Ok(Update { status, ..update.clone() })
}

/// The update in progress of a node group. EKS lists updates in no order, so they are read until it is found.
async fn find(place: &Place, name: &NodegroupName) -> Result<Update, Failure> {
    let nodegroup = match describe_one(place, name).await {
        Ok(nodegroup) => nodegroup,
        Err(failure) if failure.is_not_found() => return Ok(Update::new(name, Status::Deleted)),
        Err(failure) => return Err(failure),
    };
    let unknown = Update::of_description(name, &nodegroup);
    if unknown.status != Status::Unknown {
        return Ok(unknown);
    }
    let ids = update_ids(&place.eks, name).await;
    for id in ids.map_err(|error| Failure::of_call("listing its updates", &error))? {
        match describe_update(&place.eks, name, &id).await {
            Ok(Some(update)) if update.status() == Some(&eks::UpdateStatus::InProgress) => {
                return Ok(Update::described(name, &id, &update));
            }
            Ok(_) => {}
            Err(error) if error.code() == Some(NOT_FOUND) => {}
            Err(error) => return Err(Failure::of_call("describing its updates", &error)),
        }
    }
    Ok(unknown)
}
