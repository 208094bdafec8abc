//! Clusters, node groups and updates in EKS's JSON.

use serde_json::{Value, json};

use crate::state::arns::Arns;
use crate::state::cluster::Cluster;
use crate::state::nodegroup::Nodegroup;
use crate::state::update::{EarlierUpdate, Update};
use crate::wire::time::epoch_seconds;

pub(super) fn cluster(arns: &Arns, name: &str, cluster: &Cluster) -> Value {
    json!({
        "name": name,
        "arn": arns.cluster(name),
        "createdAt": epoch_seconds(cluster.created_at),
        "version": cluster.version,
        "status": "ACTIVE",
        "health": { "issues": [] },
        "tags": {},
    })
}

pub(super) fn nodegroup(nodegroup: &Nodegroup) -> Value {
    let issues: Vec<Value> = nodegroup
        .health
        .iter()
        .map(|issue| json!({ "code": issue.code, "message": issue.message, "resourceIds": issue.resource_ids }))
        .collect();
    let mut output = json!({
        "nodegroupName": nodegroup.name,
        "nodegroupArn": nodegroup.arn,
        "clusterName": nodegroup.cluster,
        "version": nodegroup.version,
        "releaseVersion": nodegroup.release,
        "createdAt": epoch_seconds(nodegroup.created_at),
        "modifiedAt": epoch_seconds(nodegroup.modified_at),
        "status": nodegroup.status,
        "capacityType": nodegroup.capacity_type,
        "scalingConfig": {
            "minSize": nodegroup.nodes.min(1),
            "maxSize": nodegroup.nodes.saturating_add(1),
            "desiredSize": nodegroup.nodes,
        },
        "amiType": nodegroup.ami_type,
        "health": { "issues": issues },
        "updateConfig": { "maxUnavailable": nodegroup.max_unavailable },
        "tags": nodegroup.tags,
    });
    if let Some(template) = &nodegroup.launch_template {
        output["launchTemplate"] = json!({ "id": template.id, "name": template.name, "version": template.version });
    }
    output
}

/// An update from before the world.
pub(super) fn earlier_update(id: &str, update: &EarlierUpdate) -> Value {
    let EarlierUpdate { created_at, update_type, status, installed } = update;
    let installed = installed.iter().flat_map(|(version, release)| {
        [json!({ "type": "Version", "value": version }), json!({ "type": "ReleaseVersion", "value": release })]
    });
    json!({
        "id": id,
        "status": status,
        "type": update_type,
        "params": installed.collect::<Vec<Value>>(),
        "createdAt": epoch_seconds(*created_at),
        "errors": [],
    })
}

/// Its params are those of the request.
pub(super) fn update(update: &Update) -> Value {
    let template = update.launch_template.as_ref();
    let params: Vec<Value> = [
        ("Version", update.version.as_ref()),
        ("ReleaseVersion", update.release.as_ref()),
        ("LaunchTemplateName", template.map(|template| &template.name)),
        ("LaunchTemplateVersion", template.map(|template| &template.version)),
    ]
    .into_iter()
    .filter_map(|(kind, value)| Some(json!({ "type": kind, "value": value? })))
    .collect();
    let errors: Vec<Value> = update
        .errors
        .iter()
        .map(|error| {
            json!({ "errorCode": error.code, "errorMessage": error.message, "resourceIds": error.resource_ids })
        })
        .collect();
    let mut output = json!({
        "id": update.id,
        "status": update.status,
        "type": "VersionUpdate",
        "params": params,
        "createdAt": epoch_seconds(update.created_at),
        "errors": errors,
    });
    if let Some(reason) = &update.cancellation_reason {
        output["cancellation"] = json!({ "status": "Successful", "reason": reason });
    }
    output
}
