//! `start`: observe, record, plan, execute.

use serde_json::Value;

use super::stages::Job;
use crate::aws::StartClients;
use crate::config::StartConfig;
use crate::event::{parse_start, read_only};
use crate::model::record::Writer;
use crate::observe::{Found, Observer};
use crate::run::Run;
use crate::store::RecordStore;
use crate::summary::StartSummary;

/// Finds the opted-in node groups, plans, and starts the updates of the plan.
///
/// # Errors
/// When the event is invalid, or the settings or the tag index cannot be read. An error of one node group is part of the
/// summary, which also has whether the run failed.
pub async fn start(
    clients: &StartClients,
    config: &StartConfig,
    event: &Value,
    run: Run<'_>,
) -> anyhow::Result<StartSummary> {
    let request = parse_start(event)?;
    let request = if run.read_only { read_only(request)? } else { request };
    let store = RecordStore::new(&clients.dynamodb, config.updates_table.as_deref()).within(run.scope);

    let observer = Observer { clients, store: &store, run };
    let Found { config, controls, fleet } = match request.is_narrow() {
        true => observer.narrow(config, &request.explain).await?,
        false => observer.fleet(config, request.is_whole()).await?,
    };
    let writer = Writer { id: run.id, sinks: &config.sinks };
    let store = if request.dry_run { store } else { store.writing(writer) };
    let job = Job { clients, store: &store, config: &config, request: &request, run };

    let observed = job.observe(controls, fleet).await;
    let recorded = observed.record().await;
    let planned = recorded.plan().await;
    let executed = planned.execute().await;
    let summary = executed.summary();
    summary.log();
    Ok(summary)
}
