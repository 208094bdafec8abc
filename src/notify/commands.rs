//! The commands that a letter proposes: those of this project, the equivalent events, and those of AWS and Kubernetes.

use serde_json::{Map, Value, json};

use super::letter::Step;
use crate::model::decision::DecisionKind;
use crate::model::id::{NodegroupId, NodegroupName};
use crate::model::nodegroup::policy::OPT_IN_TAG;

/// The characters of a node's name, which in Kubernetes is a DNS subdomain.
const NODE_NAME: usize = 253;

/// A command of this project.
pub(super) fn own(region: &str, arguments: &str) -> Step {
    Step::command(format!("eks-nodegroup-updater {arguments} --region {region}"))
}

/// The command that explains why no update of a node group starts, and what would have to change.
pub(super) fn explain(region: &str, nodegroup: &NodegroupName) -> Step {
    own(region, &format!("explain {nodegroup}"))
}

/// The same for a known decision, with what to do about it.
pub(super) fn explain_decision(region: &str, nodegroup: &NodegroupName, decision: &DecisionKind) -> Step {
    let step = explain(region, nodegroup);
    match decision.guide().and_then(|guide| guide.remedy) {
        Some(remedy) => step.comment(format!("{decision}: {}", remedy.replace("NODEGROUP", &nodegroup.to_string()))),
        None => step,
    }
}

/// Retries failed updates at once.
pub(super) fn retry(id: &NodegroupId) -> Step {
    own(id.region(), &format!("retry {id}")).or(invoke(id.region(), &json!({ "retry": [id.to_string()] })))
}

/// Rolls node groups back to a release.
pub(super) fn rollback(region: &str, nodegroups: &[NodegroupName], release: &str) -> Step {
    let names: Vec<String> = nodegroups.iter().map(ToString::to_string).collect();
    let back: Map<String, Value> = names.iter().map(|name| (name.clone(), release.into())).collect();
    let command = own(region, &format!("rollback {} --to {release}", names.join(" ")));
    command.or(invoke(region, &json!({ "rollback": back })))
}

/// Writes the tag that opts a node group in or out; `arguments` is this project's command for it.
pub(super) fn opt(id: &NodegroupId, arguments: &str, mode: &str) -> Step {
    let (region, arn) = (id.region(), id.arn());
    let tag = format!("aws eks tag-resource --region {region} --resource-arn {arn} --tags {OPT_IN_TAG}={mode}");
    own(region, &format!("{arguments} {id}")).or(tag)
}

/// Denies releases. A deployment replaces the whole setting, so its command has a placeholder for the rest of it.
pub(super) fn deny(region: &str, releases: &str) -> Step {
    let setting = format!(
        "sam deploy --region {region} --parameter-overrides \"DeniedReleases=<those denied so far> {}\"",
        releases.trim_matches('\'')
    );
    own(region, &format!("deny {releases}")).or(setting)
}

/// The command that sends `start` an event. The function's name is CloudFormation's; the stack's name is the README's.
pub(super) fn invoke(region: &str, event: &Value) -> String {
    let stack = "--stack-name eks-nodegroup-updater";
    format!("sam remote invoke StartFunction --region {region} {stack} --event '{event}'")
}

/// A command of the AWS CLI about EKS, about a node group.
pub(super) fn eks(id: &NodegroupId, operation: &str, options: &str) -> Step {
    let (region, cluster, nodegroup) = (id.region(), id.cluster(), id.nodegroup());
    let about = format!("--region {region} --cluster-name {cluster} --nodegroup-name {nodegroup}");
    Step::command(format!("aws eks {operation} {about} {options}").trim_end())
}

/// Shows an update in EKS.
pub(super) fn describe_update(id: &NodegroupId, update_id: &str) -> Step {
    let (region, cluster, nodegroup) = (id.region(), id.cluster(), id.nodegroup());
    let about = format!("--region {region} --name {cluster} --nodegroup-name {nodegroup} --update-id {update_id}");
    Step::command(format!("aws eks describe-update {about}"))
}

/// Lists the nodes of a node group, with the release of each.
pub(super) fn nodes(id: &NodegroupId) -> Step {
    let label = "eks.amazonaws.com/nodegroup";
    let options = format!("--selector {label}={} --label-columns {label}-image", id.nodegroup());
    Step::command(format!("kubectl get nodes {options}"))
}

/// Lists the pods of a node. The name must be a valid node name, because the command is pasted into a shell.
pub(super) fn pods_on(node: &str) -> Option<Step> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    let is_name = !node.is_empty() && node.len() <= NODE_NAME && node.bytes().all(allowed) && !node.starts_with('-');
    let command = || format!("kubectl get pods --all-namespaces --output wide --field-selector spec.nodeName={node}");
    is_name.then(|| Step::command(command()))
}
