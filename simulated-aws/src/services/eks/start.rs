//! `UpdateNodegroupVersion`.

use std::collections::VecDeque;

use serde::Deserialize;
use serde_json::{Value, json};

use super::json;
use super::lookup::{find, find_cluster, in_use, invalid_parameter};
use super::rules::{check_condition, check_downgrade, check_launch_rights, check_version};
use crate::state::State;
use crate::state::nodegroup::{LaunchTemplate, Nodegroup, key};
use crate::state::quirks::{AlreadyAtTarget, TokenReplay};
use crate::state::update::{Running, Update};
use crate::wire::error::ApiError;

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

#[derive(Deserialize, Default)]
struct Template {
    id: Option<String>,
    name: Option<String>,
    version: Option<String>,
}

/// The target of an accepted request.
struct Target {
    version: Option<String>,
    release: Option<String>,
    launch_template: Option<LaunchTemplate>,
}

impl Target {
    fn is_of(&self, nodegroup: &Nodegroup) -> bool {
        self.version.as_ref().is_none_or(|version| *version == nodegroup.version)
            && self.release.as_ref().is_none_or(|release| *release == nodegroup.release)
            && (self.launch_template.is_none() || self.launch_template == nodegroup.launch_template)
    }
}

/// Starts an update like a request by a caller with all permissions.
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

/// Starts an update to a version of the node group's launch template, like a request that names nothing else.
pub(crate) fn start_launch_template_update(
    state: &mut State,
    cluster: &str,
    name: &str,
    version: &str,
) -> Result<Update, ApiError> {
    let own = find(state, cluster, name)?.launch_template.as_ref();
    let template = Template {
        name: own.map(|template| template.name.clone()),
        version: Some(version.to_owned()),
        ..Template::default()
    };
    let input = Input {
        cluster_name: cluster.to_owned(),
        nodegroup_name: name.to_owned(),
        launch_template: Some(template),
        ..Input::default()
    };
    start(state, input)
}

pub(super) fn update_nodegroup_version(state: &mut State, input: &Value) -> Result<Value, ApiError> {
    let input = Input::deserialize(input).map_err(ApiError::serialization)?;
    check_launch_rights(state, &input.cluster_name, &input.nodegroup_name)?;
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
    check_condition(state, nodegroup).map_err(named)?;
    let is_at_target = target.is_of(nodegroup);
    if is_at_target && state.quirks.already_at_target == AlreadyAtTarget::Error {
        let message = format!("Nodegroup is already at the requested release version {}", nodegroup.release);
        return Err(named(invalid_parameter(message)));
    }
    Ok(accept(state, &input, target, is_at_target))
}

/// The answer to a token that was seen before, if the token counts.
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

/// The target of the request, if it is allowed.
fn target(state: &State, nodegroup: &Nodegroup, input: &Input) -> Result<Target, ApiError> {
    let launch_template = launch_template(nodegroup, input.launch_template.as_ref())?;
    let names_release = input.version.is_some() || input.release_version.is_some();
    if nodegroup.ami_type == "CUSTOM" {
        if launch_template.is_none() {
            let message = "Launch template details can't be null for Custom ami type node group";
            return Err(invalid_parameter(message));
        }
        if names_release {
            let message = "You cannot specify the field kubernetesVersion when using custom AMIs.";
            return Err(invalid_parameter(message));
        }
    }
    if launch_template.is_some() && !names_release {
        return Ok(Target { version: None, release: None, launch_template });
    }
    let (version, release) = release(state, nodegroup, input)?;
    Ok(Target { version: Some(version), release: Some(release), launch_template })
}

/// The Kubernetes version and the release of the request, or EKS's defaults.
fn release(state: &State, nodegroup: &Nodegroup, input: &Input) -> Result<(String, String), ApiError> {
    let cluster = find_cluster(state, &nodegroup.cluster)?;
    // The API page's words for an omitted version: the node group moves to the cluster's.
    let version = input.version.as_deref().unwrap_or_else(|| cluster.version_for_nodegroups());
    check_version(state, nodegroup, cluster, version)?;
    let releases = state.releases.get(&(nodegroup.ami_type.clone(), version.to_owned()));
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
    check_downgrade(state, nodegroup, version, release)?;
    Ok((version.to_owned(), release.clone()))
}

/// The launch template in the requested version. Without one in the request, the node group keeps its own.
fn launch_template(nodegroup: &Nodegroup, asked: Option<&Template>) -> Result<Option<LaunchTemplate>, ApiError> {
    let Some(asked) = asked else { return Ok(None) };
    let Some(own) = &nodegroup.launch_template else {
        return Err(invalid_parameter("The node group was not created with a launch template"));
    };
    let is_own = match (&asked.id, &asked.name) {
        (Some(id), None) => *id == own.id,
        (None, Some(name)) => *name == own.name,
        (Some(_), Some(_)) | (None, None) => {
            let message = "Either provide launch template ID or launch template name in the request.";
            return Err(invalid_parameter(message));
        }
    };
    if !is_own {
        return Err(invalid_parameter("You cannot specify a different launch template"));
    }
    let version = asked.version.clone().unwrap_or_else(|| "1".to_owned());
    Ok(Some(LaunchTemplate { version, ..own.clone() }))
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
        launch_template: target.launch_template,
        created_at: state.now,
        finished_at: is_at_target.then_some(state.now),
        errors: Vec::new(),
        cancellation_reason: None,
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
