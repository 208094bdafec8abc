//! What node groups would get if they opted in, before anything is deployed.

use super::stages::Job;
use crate::aws::StartClients;
use crate::config::StartConfig;
use crate::model::decision::Decision;
use crate::model::decision::request::StartRequest;
use crate::model::nodegroup::Nodegroup;
use crate::model::observed::fleet::{Discovered, Fleet, NodegroupState};
use crate::observe::Observer;
use crate::run::Run;
use crate::store::RecordStore;

/// Plans for node groups as if they had opted in with these settings. Reads no table, and writes nothing.
pub async fn preview(
    clients: &StartClients,
    config: &StartConfig,
    nodegroups: Vec<Nodegroup>,
    run: Run<'_>,
) -> Vec<(Nodegroup, Decision)> {
    let request = StartRequest { dry_run: true, ..StartRequest::default() };
    let store = RecordStore::new(&clients.dynamodb, None);
    let discovered = nodegroups.iter().map(|nodegroup| Discovered {
        id: nodegroup.id.clone(),
        state: NodegroupState::Exists(Box::new(nodegroup.clone())),
    });
    let controls = Observer { clients, store: &store, run }.controls(config).await;
    let fleet = Fleet { nodegroups: discovered.collect(), freeze: controls.freeze.clone(), ..Fleet::default() };
    let job = Job { clients, store: &store, config, request: &request, run };
    let planned = job.observe(controls, fleet).await.preview();
    // The plan has one decision for each node group of the fleet, in its order.
    nodegroups.into_iter().zip(planned.plan.decisions.into_iter().map(|planned| planned.decision)).collect()
}
