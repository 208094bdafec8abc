//! What node groups would get if they opted in.

use super::stages::Job;
use crate::aws::StartClients;
use crate::config::StartConfig;
use crate::model::decision::request::StartRequest;
use crate::model::id::NodegroupName;
use crate::model::nodegroup::Nodegroup;
use crate::model::observed::fleet::{Discovered, Fleet, NodegroupState};
use crate::observe::Observer;
use crate::run::Run;
use crate::store::RecordStore;
use crate::summary::StartSummary;

/// The answer of a dry run on node groups as if they had opted in with these settings; explanations of those that are to be
/// explained. Reads no table, and writes nothing.
pub async fn preview(
    clients: &StartClients,
    config: &StartConfig,
    nodegroups: Vec<Nodegroup>,
    explain: Vec<NodegroupName>,
    run: Run<'_>,
) -> StartSummary {
    let request = StartRequest { dry_run: true, explain, ..StartRequest::default() };
    let store = RecordStore::new(&clients.dynamodb, None);
    let discovered = nodegroups
        .into_iter()
        .map(|nodegroup| Discovered { id: nodegroup.id.clone(), state: NodegroupState::Exists(Box::new(nodegroup)) });
    let controls = Observer { clients, store: &store, run }.controls(config).await;
    let fleet = Fleet { nodegroups: discovered.collect(), freeze: controls.freeze.clone(), ..Fleet::default() };
    let job = Job { clients, store: &store, config, request: &request, run };
    let planned = job.observe(controls, fleet).await.preview();
    planned.execute().await.summary()
}
