//! `start`: observe, reconcile, plan, execute.

use serde_json::Value;

use crate::aws::StartClients;
use crate::config::StartConfig;
use crate::event::{parse_start, read_only};
use crate::execute::{Execution, Executor};
use crate::metrics::Metrics;
use crate::model::fleet::{Fleet, NodegroupState};
use crate::model::reason::Freeze;
use crate::model::record::Writer;
use crate::model::releases::{Recommendation, Recommendations, Releases};
use crate::model::request::StartRequest;
use crate::model::settings::Settings;
use crate::observe::update_history::histories;
use crate::observe::{Found, Observer};
use crate::plan::{Plan, PlanInput, View, plan as make_plan, tracks};
use crate::reconcile::{reconcile, reports, take_histories};
use crate::run::Run;
use crate::store::RecordStore;
use crate::summary::{StartSummary, Throttled};

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
    let now = run.now;
    let asked = Asked { request: &request, run };

    let Found { config, mut controls, mut fleet } =
        Observer { clients, store: &store, run }.fleet(config, request.is_whole()).await?;
    let mut settings = controls.added_to(&config.settings);
    let writer = Writer { id: run.id, sinks: &config.sinks };
    let store = if request.dry_run { store } else { store.writing(writer) };
    let observer = Observer { clients, store: &store, run };
    let tracks = tracks(&fleet, &request);
    let (recommended, external) = observer.latest(&mut fleet, tracks, &settings).await;

    let releases = Releases::of(&recommended, &fleet, now);
    let changes = reconcile(&asked.input(&fleet, &releases, &settings), &recommended, external);
    let mut errors = std::mem::take(&mut fleet.errors);
    errors.extend(store.write(changes, &mut fleet.records, now).await);

    // Records that could not be written are not used.
    let releases = Releases::of(&recommended, &fleet, now);
    // Each round moves other node groups up, whose histories are then read, until all that can start have a known history.
    let plan = loop {
        if controls.are_old() {
            controls = observer.controls(&config).await;
            settings = controls.added_to(&config.settings);
            fleet.freeze = observer.freeze(controls.freeze.clone(), &settings).await;
        }
        let plan = make_plan(&asked.input(&fleet, &releases, &settings));
        let unread = plan.unread_histories(&fleet.records);
        if unread.is_empty() {
            break plan;
        }
        let histories = histories(&clients.eks, &fleet, &unread, run.last_history).await;
        let missed = histories.iter().filter_map(|(id, history)| Some((id.clone(), history.as_ref().err()?.clone())));
        fleet.unread_histories.extend(missed);
        let changes = take_histories(&fleet, histories, now);
        errors.extend(store.write(changes, &mut fleet.records, now).await);
        fleet.note_unrecorded_histories(unread);
    };
    let mut reports = reports(&asked.input(&fleet, &releases, &settings), &plan);
    let bookkeeping = reports.take_of_starts(&plan);
    errors.extend(store.write(reports, &mut fleet.records, now).await);

    let executor = Executor { clients, store: &store, run, fleet: &fleet };
    let execution = match request.dry_run {
        true => Execution::default(),
        false => executor.execute(&plan, bookkeeping).await,
    };
    errors.extend(store.write(execution.changes.clone(), &mut fleet.records, now).await);
    let failure = failure(&fleet, &recommended, &plan, &store);
    let table_empty = fleet.table_empty;
    let view = View::of(&asked.input(&fleet, &releases, &settings), &plan);
    let throttling = clients.eks.take_throttling();
    let metrics = Metrics::of_fleet(&asked.input(&fleet, &releases, &settings), &plan, &execution.outcomes, throttling);
    // A failed run does not know the state of the fleet.
    let metrics = metrics.filter(|_| failure.is_none());
    // Frees memory for a summary of thousands of node groups.
    drop(fleet);
    let summary = StartSummary::new(&request, &plan, view, &execution, errors);
    let throttled = Throttled::of(throttling);
    let summary = StartSummary { table_empty, throttled, failure, metrics, ..summary };
    summary.log();
    Ok(summary)
}

/// The request to a run, and the time of its decisions.
#[derive(Clone, Copy)]
struct Asked<'a> {
    request: &'a StartRequest,
    run: Run<'a>,
}

impl<'a> Asked<'a> {
    fn input(self, fleet: &'a Fleet, releases: &'a Releases, settings: &'a Settings) -> PlanInput<'a> {
        let Self { request, run } = self;
        PlanInput { fleet, releases, request, request_id: run.id, settings, now: run.now }
    }
}

/// Why the run failed as a whole. An error of one item is a line of the summary.
fn failure(fleet: &Fleet, recommended: &Recommendations, plan: &Plan, store: &RecordStore<'_>) -> Option<String> {
    let mut states = fleet.nodegroups.iter().map(|discovered| &discovered.state).peekable();
    let is_unknown =
        |state: &NodegroupState| matches!(state, NodegroupState::Unreadable(_) | NodegroupState::NotReached);
    let none_described = states.peek().is_some() && states.all(is_unknown);
    let mut read = recommended.values().peekable();
    let no_release = read.peek().is_some() && read.all(|it| matches!(it, Recommendation::Unreadable(_)));
    let failure = match &plan.freeze {
        Some(Freeze::Unreadable(error)) => format!("no updates were started: {error}"),
        _ if none_described => "no node group could be described".to_owned(),
        _ if no_release => "no release could be read".to_owned(),
        _ => return store.failure().map(str::to_owned),
    };
    Some(failure)
}
