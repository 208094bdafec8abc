//! `start`: observe, reconcile, plan, execute.

use serde_json::Value;

use crate::aws::StartClients;
use crate::config::StartConfig;
use crate::event::parse_start;
use crate::execute::{Execution, Executor};
use crate::observe;
use crate::observe::external::external_updates;
use crate::observe::releases::{latest_releases, with_older};
use crate::plan::{PlanInput, plan, tracks, tracks_needing_older};
use crate::reconcile::{reconcile, reports};
use crate::run::Run;
use crate::store::RecordStore;
use crate::summary::StartSummary;

/// Finds what opted in, plans, and starts the updates of the plan.
///
/// # Errors
/// When the event is not understood or the tag index cannot be read. What goes wrong with one node group is an error of the
/// summary.
pub async fn start(
    clients: &StartClients,
    config: &StartConfig,
    event: &Value,
    run: Run<'_>,
) -> anyhow::Result<StartSummary> {
    let request = parse_start(event)?;
    let store = RecordStore::new(&clients.dynamodb, &config.updates_table, run.id, request.dry_run);
    let (settings, now) = (&config.settings, run.now);

    let mut fleet = observe::fleet(clients, &store, settings).await?;
    let releases = latest_releases(&clients.ssm, tracks(&fleet, &request)).await;
    let external = external_updates(&clients.eks, &fleet, now).await;

    let input = PlanInput { fleet: &fleet, releases: &releases, request: &request, settings, now };
    let changes = reconcile(&input, external);
    let mut errors = store.write(changes, &mut fleet.records, now).await;

    let input = PlanInput { fleet: &fleet, releases: &releases, request: &request, settings, now };
    let older = tracks_needing_older(&input);
    let releases = with_older(&clients.ssm, releases, older).await;
    let plan = plan(&PlanInput { fleet: &fleet, releases: &releases, request: &request, settings, now });

    errors.extend(store.write(reports(&plan, now), &mut fleet.records, now).await);
    let executor = Executor { clients, store: &store, run };
    let execution = if request.dry_run { Execution::default() } else { executor.execute(&plan, &fleet.records).await };
    let summary = StartSummary::new(&request, &plan, &execution, errors);
    summary.log();
    Ok(summary)
}
