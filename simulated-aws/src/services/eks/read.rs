//! The operations that list and describe.

use serde_json::{Value, json};

use super::json;
use super::lookup::{find, find_cluster, invalid_parameter};
use crate::state::State;
use crate::state::ids::hexadecimal;
use crate::state::nodegroup::key;
use crate::state::update::Running;
use crate::wire::call::text;
use crate::wire::error::ApiError;
use crate::wire::paging::{BadToken, decode, page};

pub(super) fn list_clusters(state: &State, input: &Value) -> Result<Value, ApiError> {
    names(state, input, "clusters", state.clusters.keys().cloned())
}

pub(super) fn describe_cluster(state: &State, input: &Value) -> Result<Value, ApiError> {
    let name = text(input, "name").unwrap_or_default();
    Ok(json!({ "cluster": json::cluster(&state.arns, name, find_cluster(state, name)?) }))
}

pub(super) fn list_nodegroups(state: &State, input: &Value) -> Result<Value, ApiError> {
    let cluster = text(input, "clusterName").unwrap_or_default();
    find_cluster(state, cluster)?;
    let from_cluster = state.nodegroups.range(key(cluster, "")..);
    let of_cluster = from_cluster.map_while(|((of, name), _)| (of == cluster).then(|| name.clone()));
    names(state, input, "nodegroups", of_cluster)
}

pub(super) fn describe_nodegroup(state: &State, input: &Value) -> Result<Value, ApiError> {
    let cluster = text(input, "clusterName").unwrap_or_default();
    let name = text(input, "nodegroupName").unwrap_or_default();
    Ok(json!({ "nodegroup": json::nodegroup(state.described(find(state, cluster, name)?)) }))
}

/// Ids in an arbitrary order, because AWS promises none: a different one for each list, the same for its pages. Without a node
/// group's name, the list has the cluster's own updates, of which this world has none.
pub(super) fn list_updates(state: &mut State, input: &Value) -> Result<Value, ApiError> {
    let cluster = text(input, "name").unwrap_or_default();
    find_cluster(state, cluster)?;
    let list = match text(input, "nextToken") {
        Some(token) => decode(token).map_err(|BadToken| invalid_parameter("Invalid nextToken"))?,
        None => {
            state.update_lists += 1;
            format!("{:08x}", state.update_lists)
        }
    };
    let list = list.get(..8).unwrap_or_default();
    let mut ids: Vec<(String, Value)> = Vec::new();
    if let Some(name) = text(input, "nodegroupName") {
        let arn = &find(state, cluster, name)?.arn;
        let earlier = state.earlier_updates.get(arn).into_iter().flat_map(|updates| updates.keys().cloned());
        let key = |id: &str| format!("{list}{}", hexadecimal(&format!("{list}/{id}"), 32));
        let of_it = updates_of(state, cluster, name)?.map(|running| running.update.id.clone()).chain(earlier);
        ids.extend(of_it.map(|id| (key(&id), Value::String(id))));
    }
    ids.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    page_of(state, input, "updateIds", ids)
}

/// An update of a node group is found only by a request that names the node group.
pub(super) fn describe_update(state: &State, input: &Value) -> Result<Value, ApiError> {
    let cluster = text(input, "name").unwrap_or_default();
    let id = text(input, "updateId").unwrap_or_default();
    find_cluster(state, cluster)?;
    let found = match text(input, "nodegroupName") {
        Some(name) => {
            let running = updates_of(state, cluster, name)?.find(|running| running.update.id == id);
            let earlier = state.earlier_updates.get(&find(state, cluster, name)?.arn);
            let earlier = earlier.and_then(|updates| updates.get(id));
            running.map(|it| json::update(&it.update)).or_else(|| Some(json::earlier_update(id, earlier?)))
        }
        None => None,
    };
    let update = found.ok_or_else(|| {
        ApiError::new(404, "ResourceNotFoundException", format!("No update found for ID: {id}"))
            .member("clusterName", cluster)
    })?;
    Ok(json!({ "update": update }))
}

/// The updates of a node group that exists, without those of a namesake before it.
fn updates_of<'a>(state: &'a State, cluster: &str, name: &str) -> Result<impl Iterator<Item = &'a Running>, ApiError> {
    let nodegroup = find(state, cluster, name)?;
    Ok(state.updates.iter().filter(|running| running.update.nodegroup_arn == nodegroup.arn))
}

/// A page of names under `member`.
fn names(
    state: &State,
    input: &Value,
    member: &str,
    sorted: impl IntoIterator<Item = String>,
) -> Result<Value, ApiError> {
    page_of(state, input, member, sorted.into_iter().map(|name| (name.clone(), Value::String(name))))
}

/// A page of items, sorted by their keys, under `member`.
pub(super) fn page_of(
    state: &State,
    input: &Value,
    member: &str,
    sorted: impl IntoIterator<Item = (String, Value)>,
) -> Result<Value, ApiError> {
    let size = match text(input, "maxResults") {
        None => 100,
        Some(wanted) => wanted
            .parse()
            .ok()
            .filter(|wanted| (1..=100).contains(wanted))
            .ok_or_else(|| invalid_parameter("maxResults must be between 1 and 100"))?,
    };
    let page = page(sorted, text(input, "nextToken"), state.page_size(size))
        .map_err(|BadToken| invalid_parameter("Invalid nextToken"))?;
    Ok(json!({ member: page.items, "nextToken": page.next }))
}
