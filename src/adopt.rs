//! Takes up updates that somebody else started, so that they are followed and told like ours.

use aws_sdk_eks::Client;
use aws_sdk_eks::types::{Update, UpdateParamType, UpdateStatus, UpdateType};
use jiff::Timestamp;

use crate::aws::describe;
use crate::check::update_ids;
use crate::model::nodegroup::Nodegroup;
use crate::model::record::{Intent, Record};

/// An update that somebody else started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// Its id.
    pub update_id: String,
    /// What it sets out to do, as far as EKS says.
    pub intent: Intent,
    /// When it was started.
    pub started_at: Timestamp,
}

/// The version update that runs on a node group of which the record says that nothing is open.
///
/// # Errors
/// When EKS cannot be read.
pub async fn find_foreign(
    eks: &Client,
    nodegroup: &Nodegroup,
    record: &Record,
    now: Timestamp,
) -> Result<Option<Foreign>, String> {
    let id = &nodegroup.id;
    let ended = |update_id: &String| record.history.iter().any(|attempt| attempt.update_id.as_ref() == Some(update_id));
    for update_id in update_ids(eks, id).await?.into_iter().filter(|update_id| !ended(update_id)) {
        let request = eks.describe_update().name(&id.cluster).nodegroup_name(&id.name).update_id(&update_id);
        let answer = request.send().await.map_err(|error| describe(&error))?;
        let running = answer.update.filter(|update| {
            update.status() == Some(&UpdateStatus::InProgress) && update.r#type() == Some(&UpdateType::VersionUpdate)
        });
        if let Some(update) = running {
            let created_at = update.created_at().and_then(|at| Timestamp::new(at.secs(), 0).ok());
            let intent = intent(nodegroup, &update);
            return Ok(Some(Foreign { update_id, intent, started_at: created_at.unwrap_or(now) }));
        }
    }
    Ok(None)
}

fn intent(nodegroup: &Nodegroup, update: &Update) -> Intent {
    let param = |kind: UpdateParamType| {
        let param = update.params().iter().find(|param| param.r#type() == Some(&kind));
        param.and_then(|param| param.value()).map(str::to_owned)
    };
    let unknown = || "unknown".to_owned();
    Intent {
        version: param(UpdateParamType::Version)
            .or_else(|| nodegroup.kubernetes_version.clone())
            .unwrap_or_else(unknown),
        release_version: param(UpdateParamType::ReleaseVersion).unwrap_or_else(unknown),
        previous_release_version: nodegroup.release_version.clone().unwrap_or_else(unknown),
        force: false,
        may_force: false,
    }
}
