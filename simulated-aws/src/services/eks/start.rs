//! `UpdateNodegroupVersion`.

use std::collections::VecDeque;

use serde::Deserialize;
use serde_json::{Value, json};

use super::json;
use super::lookup::{find, find_cluster, invalid_parameter};
use crate::state::State;
use crate::state::nodegroup::{Nodegroup, key};
use crate::state::quirks::{AlreadyAtTarget, Downgrade, TokenReplay};
use crate::state::releases::rank;
use crate::state::update::{Running, Update};
use crate::wire::error::ApiError;

/// Health issues with which EKS updates a node group all the same.
const TOLERATED: [&str; 4] =
    ["AsgInstanceLaunchFailures", "InstanceLimitExceeded", "InsufficientFreeAddresses", "ClusterUnreachable"];

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Input {
    cluster_name: String,
    nodegroup_name: String,
    version: Option<String>,
    release_version: Option<String>,
    launch_template: Option<Template>,
    force: Option<bool>,
    client_request_token: Option<String>,
}

#[derive(Deserialize)]
struct Template {
    id: Option<String>,
    name: Option<String>,
    version: Option<String>,
}

/// What an accepted request asks for.
struct Target {
    version: Option<String>,
    release: Option<String>,
    launch_template_version: Option<String>,
}

impl Target {
    fn is_of(&self, nodegroup: &Nodegroup) -> bool {
        let template = nodegroup.launch_template.as_ref().map(|template| &template.version);
        self.version.as_ref().is_none_or(|version| *version == nodegroup.version)
            && self.release.as_ref().is_none_or(|release| *release == nodegroup.release)
            && self.launch_template_version.as_ref().is_none_or(|version| Some(version) == template)
    }
}

/// Starts an update as a request would.
pub(crate) fn start_update(
    state: &mut State,
    cluster: &str,
    name: &str,
    version: &str,
    release: &str,
) -> Result<Update, ApiError> {
    let input = Input {
        cluster_name: cluster.to_owned(),
        nodegroup_name: name.to_owned(),
        version: Some(version.to_owned()),
        release_version: Some(release.to_owned()),
        ..Input::default()
    };
    start(state, input)
}

pub(super) fn update_nodegroup_version(state: &mut State, input: &Value) -> Result<Value, ApiError> {
    let input = Input::deserialize(input).map_err(ApiError::serialization)?;
    Ok(json!({ "update": json::update(&start(state, input)?) }))
}

fn start(state: &mut State, input: Input) -> Result<Update, ApiError> {
    let (cluster, name) = (input.cluster_name.clone(), input.nodegroup_name.clone());
    let named = |error: ApiError| error.member("clusterName", &cluster).member("nodegroupName", &name);
    let nodegroup = find(state, &cluster, &name)?;
    if let Some(update) = replayed(state, nodegroup, &input).map_err(named)? {
        return Ok(update);
    }
    let target = target(state, nodegroup, &input).map_err(named)?;
    check_condition(nodegroup).map_err(named)?;
    let is_at_target = target.is_of(nodegroup);
    if is_at_target && state.quirks.already_at_target == AlreadyAtTarget::Error {
        let message = format!("Nodegroup is already at the requested release version {}", nodegroup.release);
        return Err(named(invalid_parameter(message)));
    }
    Ok(accept(state, &input, target, is_at_target))
}

/// The answer to a token that was seen before, if it is to count.
fn replayed(state: &State, nodegroup: &Nodegroup, input: &Input) -> Result<Option<Update>, ApiError> {
    let Some(token) = &input.client_request_token else { return Ok(None) };
    let seen =
        state.updates.iter().map(|running| &running.update).find(|update| {
            update.nodegroup_arn == nodegroup.arn && update.client_request_token.as_ref() == Some(token)
        });
    let Some(seen) = seen else { return Ok(None) };
    match state.quirks.token_replay {
        TokenReplay::NewUpdate => Ok(None),
        TokenReplay::ResourceInUse => Err(in_use("The client request token has been used before")),
        TokenReplay::SameUpdate => {
            let differs = input.release_version.is_some() && input.release_version != seen.release
                || input.version.is_some() && input.version != seen.version;
            if differs {
                return Err(invalid_parameter("The client request token was used with other parameters"));
            }
            Ok(Some(seen.clone()))
        }
    }
}

/// What the request asks for, if it may.
fn target(state: &State, nodegroup: &Nodegroup, input: &Input) -> Result<Target, ApiError> {
    let launch_template_version = launch_template(nodegroup, input.launch_template.as_ref())?;
    if nodegroup.ami_type == "CUSTOM" {
        if input.launch_template.is_none() {
            let message = "Launch template details can't be null for Custom ami type node group";
            return Err(invalid_parameter(message));
        }
        if input.version.is_some() || input.release_version.is_some() {
            let message = "You cannot specify the field kubernetesVersion when using custom AMIs.";
            return Err(invalid_parameter(message));
        }
        return Ok(Target { version: None, release: None, launch_template_version });
    }
    // The API page's words for an omitted version: the node group moves to the cluster's.
    let control_plane = &find_cluster(state, &nodegroup.cluster)?.version;
    let version = input.version.as_ref().unwrap_or(control_plane);
    check_version(nodegroup, version, control_plane)?;
    let releases = state.releases.get(&(nodegroup.ami_type.clone(), version.clone()));
    let release = match &input.release_version {
        Some(release) if releases.is_some_and(|releases| releases.accepts(release)) => release,
        Some(release) => {
            let message = format!("Requested release version {release} is not valid for kubernetes version {version}.");
            return Err(invalid_parameter(message));
        }
        None => releases.and_then(|releases| releases.latest(&nodegroup.ami_type)).ok_or_else(|| {
            invalid_parameter(format!("No release version was found for kubernetes version {version}."))
        })?,
    };
    let is_older = rank(&nodegroup.ami_type, release) < rank(&nodegroup.ami_type, &nodegroup.release);
    if is_older && *version == nodegroup.version && state.quirks.downgrade == Downgrade::Refused {
        return Err(invalid_parameter(format!(
            "Requested Nodegroup release version {release} is invalid. Allowed release version is {}",
            nodegroup.release
        )));
    }
    Ok(Target { version: Some(version.clone()), release: Some(release.clone()), launch_template_version })
}

/// The launch template's version that the request asks for. Without one in the request, the node group keeps its own.
fn launch_template(nodegroup: &Nodegroup, asked: Option<&Template>) -> Result<Option<String>, ApiError> {
    let Some(asked) = asked else { return Ok(None) };
    let Some(own) = &nodegroup.launch_template else {
        return Err(invalid_parameter("The node group was not created with a launch template"));
    };
    match (&asked.id, &asked.name) {
        (Some(_), Some(_)) | (None, None) => {
            return Err(invalid_parameter(
                "You must specify either the launch template ID or the launch template name",
            ));
        }
        (Some(id), None) if *id != own.id => {
            return Err(invalid_parameter("You cannot specify a different launch template"));
        }
        (None, Some(name)) if *name != own.name => {
            return Err(invalid_parameter("You cannot specify a different launch template"));
        }
        _ => {}
    }
    Ok(Some(asked.version.clone().unwrap_or_else(|| "1".to_owned())))
}

/// A node group may go as far as the control plane, and back by one minor version.
fn check_version(nodegroup: &Nodegroup, version: &str, control_plane: &str) -> Result<(), ApiError> {
    let Some(wanted) = minor(version) else {
        return Err(invalid_parameter(format!("Unsupported Kubernetes version {version}")));
    };
    if minor(control_plane).is_some_and(|control_plane| wanted > control_plane) {
        return Err(invalid_parameter(format!(
            "Nodegroup Kubernetes version {version} must not be higher than the cluster's version {control_plane}"
        )));
    }
    let lowest = minor(&nodegroup.version).map(|(major, minor)| (major, minor.saturating_sub(1)));
    if lowest.is_some_and(|lowest| wanted < lowest) {
        return Err(invalid_parameter(format!(
            "Nodegroup cannot be rolled back from Kubernetes version {} to {version}",
            nodegroup.version
        )));
    }
    Ok(())
}

fn minor(version: &str) -> Option<(u32, u32)> {
    let (major, minor) = version.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// A node group with health issues is judged by those; any other must be `ACTIVE`.
fn check_condition(nodegroup: &Nodegroup) -> Result<(), ApiError> {
    let has_issues = !nodegroup.health.is_empty();
    if nodegroup.status != "ACTIVE" && !(has_issues && nodegroup.status == "DEGRADED") {
        return Err(in_use("Nodegroup cannot be updated as it is currently not in Active State"));
    }
    if nodegroup.health.iter().any(|issue| !TOLERATED.contains(&issue.code.as_str())) {
        let message = format!("Nodegroup health has issues other than [ {} ]", TOLERATED.join(", "));
        return Err(ApiError::new(400, "InvalidRequestException", message));
    }
    Ok(())
}

fn accept(state: &mut State, input: &Input, target: Target, is_at_target: bool) -> Update {
    let key = key(&input.cluster_name, &input.nodegroup_name);
    let script = if is_at_target { None } else { state.update_scripts.get_mut(&key).and_then(VecDeque::pop_front) };
    let nodegroup = state.nodegroups.get(&key);
    let update = Update {
        nodegroup_arn: nodegroup.map(|nodegroup| nodegroup.arn.clone()).unwrap_or_default(),
        status: if is_at_target { "Successful" } else { "InProgress" }.to_owned(),
        version: target.version,
        release: target.release,
        launch_template_version: target.launch_template_version,
        created_at: state.now,
        finished_at: is_at_target.then_some(state.now),
        errors: Vec::new(),
        force: input.force.unwrap_or(false),
        client_request_token: input.client_request_token.clone(),
        id: String::new(),
    };
    let status_before = nodegroup.map(|nodegroup| nodegroup.status.clone()).unwrap_or_default();
    let update = Update { id: state.next_id("update"), ..update };
    state.updates.push(Running {
        update: update.clone(),
        cluster: key.0.clone(),
        nodegroup: key.1.clone(),
        script: script.unwrap_or_default(),
        status_before,
    });
    if !is_at_target {
        state.change(&key, |nodegroup| "UPDATING".clone_into(&mut nodegroup.status));
    }
    update
}

fn in_use(message: &str) -> ApiError {
    ApiError::new(409, "ResourceInUseException", message)
}
