//! Finds external updates, so that they are tracked and reported like the updater's own.

use aws_sdk_eks::types::{NodegroupStatus, Update, UpdateParamType, UpdateStatus, UpdateType};
use futures_util::{StreamExt, stream};
use jiff::Timestamp;

use super::updates::{NoAnswer, param, read_update, update_ids};
use crate::aws::CONCURRENCY;
use crate::aws::pace::Eks;
use crate::model::attempt::Intent;
use crate::model::id::NodegroupId;
use crate::model::nodegroup::Nodegroup;
use crate::model::nodegroup::policy::Policy;
use crate::model::observed::fleet::Fleet;
use crate::model::problem::Unreadable;
use crate::model::record::nodegroup::{ExternalUpdate, NodegroupRecord};
use crate::run::Run;

/// The external updates in progress, or why they could not be read, by node group.
pub type ExternalUpdates = Vec<(NodegroupId, Result<ExternalUpdate, Unreadable>)>;

/// Looks for the external update of each node group that opted in and is updating without an attempt of the updater.
pub async fn external_updates(eks: &Eks, fleet: &Fleet, run: Run<'_>) -> ExternalUpdates {
    let updating = fleet.nodegroups.iter().filter_map(|discovered| discovered.nodegroup()).filter(|nodegroup| {
        nodegroup.status == NodegroupStatus::Updating && matches!(nodegroup.policy, Policy::OptedIn(..))
    });
    let without_attempt = updating.filter_map(|nodegroup| {
        let record = fleet.records.nodegroup_or_new(&nodegroup.id).ok()?;
        record.open().is_none().then_some((nodegroup, record))
    });
    let find = |(nodegroup, record): (&Nodegroup, NodegroupRecord)| {
        let nodegroup = nodegroup.clone();
        async move {
            let update = find_external(eks, &nodegroup, &record, run).await.transpose()?;
            Some((nodegroup.id, update))
        }
    };
    stream::iter(without_attempt.map(find)).buffer_unordered(CONCURRENCY).filter_map(std::future::ready).collect().await
}

async fn find_external(
    eks: &Eks,
    nodegroup: &Nodegroup,
    record: &NodegroupRecord,
    run: Run<'_>,
) -> Result<Option<ExternalUpdate>, Unreadable> {
    let unreadable = |error| Unreadable(format!("looking for an external update: {error}"));
    let update_ids =
        update_ids(eks, &nodegroup.id, Some(run.last_history)).await.map_err(|error| unreadable(error.to_string()))?;
    for update_id in update_ids.into_iter().filter(|update_id| !record.has_ended(update_id)) {
        let update = read_update(eks, &nodegroup.id, &update_id, Some(run.last_history)).await;
        let update = update.map_err(|no_answer| match no_answer {
            NoAnswer::NotFound(error) => unreadable(format!("{}: {}", error.error_code, error.error_message)),
            NoAnswer::Unreadable(error) => unreadable(error.to_string()),
        });
        let update = update?;
        if update.status() == Some(&UpdateStatus::InProgress) && update.r#type() == Some(&UpdateType::VersionUpdate) {
            let created_at = update.created_at().and_then(|at| Timestamp::new(at.secs(), 0).ok());
            let intent = intent(nodegroup, &update);
            return Ok(Some(ExternalUpdate { update_id, intent, started_at: created_at.unwrap_or(run.now) }));
        }
    }
    Ok(None)
}

fn intent(nodegroup: &Nodegroup, update: &Update) -> Intent {
    let param = |kind| param(update, kind).map(str::to_owned);
    let release_version = param(UpdateParamType::ReleaseVersion).unwrap_or_default();
    let template = param(UpdateParamType::LaunchTemplateName);
    let template = template.map(|name| match param(UpdateParamType::LaunchTemplateVersion) {
        Some(version) => format!("{name} version {version}"),
        None => name,
    });
    let version = param(UpdateParamType::Version).or_else(|| nodegroup.kubernetes_version.clone()).unwrap_or_default();
    let previous = nodegroup.release_version.as_deref().unwrap_or_default();
    Intent {
        launch_template: template.filter(|_| release_version.is_empty()).map(Into::into),
        stuck_after: match &nodegroup.policy {
            Policy::OptedIn(_, rules) => rules.stuck_after.map(Box::new),
            Policy::NotOptedIn | Policy::OptedOut | Policy::Invalid { .. } => None,
        },
        ..Intent::new(&version, &nodegroup.ami_type, previous, &release_version)
    }
}
