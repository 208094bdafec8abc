//! The stages of a run of `start`. Each consumes the one before, so that nothing is decided on what is not known yet.

use crate::aws::StartClients;
use crate::config::StartConfig;
use crate::execute::{Execution, Executor};
use crate::explain::View;
use crate::metrics::Metrics;
use crate::model::decision::reason::Freeze;
use crate::model::decision::request::StartRequest;
use crate::model::id::NodegroupId;
use crate::model::observed::fleet::{Fleet, NodegroupState, UnreadHistories};
use crate::model::observed::releases::{Recommendation, Recommendations, Releases};
use crate::model::problem::Problem;
use crate::model::settings::Settings;
use crate::observe::Observer;
use crate::observe::controls::Controls;
use crate::observe::external::ExternalUpdates;
use crate::observe::update_history::histories;
use crate::plan::{Plan, PlanInput, plan, tracks};
use crate::reconcile::{reconcile, reports, take_histories};
use crate::run::Run;
use crate::store::RecordStore;
use crate::summary::{Partial, StartSummary, Throttled};

/// A run of `start`: its request, its settings, and what it calls.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    pub clients: &'a StartClients,
    pub store: &'a RecordStore<'a>,
    pub config: &'a StartConfig,
    pub request: &'a StartRequest,
    pub run: Run<'a>,
}

/// Everything that a run reads before it decides.
pub(super) struct Observed<'a> {
    known: Known<'a>,
    external: ExternalUpdates,
}

/// What is known of the fleet is recorded, too.
pub(super) struct Recorded<'a>(Known<'a>);

/// One decision for each node group.
pub(super) struct Planned<'a> {
    known: Known<'a>,
    pub plan: Plan,
}

/// The updates of the plan are started.
pub(super) struct Executed<'a> {
    planned: Planned<'a>,
    execution: Execution,
}

/// What a run knows.
struct Known<'a> {
    job: Job<'a>,
    controls: Controls,
    /// The settings, with those of the controls.
    settings: Settings,
    fleet: Fleet,
    recommended: Recommendations,
    releases: Releases,
    errors: Vec<Problem>,
}

impl<'a> Job<'a> {
    /// Reads the latest releases, external updates and change calendars of a fleet.
    pub async fn observe(self, controls: Controls, mut fleet: Fleet) -> Observed<'a> {
        let settings = controls.added_to(&self.config.settings);
        let tracks = tracks(&fleet, self.request);
        let (recommended, external) = self.observer().latest(&mut fleet, tracks, &settings).await;
        let releases = Releases::of(&recommended, &fleet, self.run.now);
        let errors = std::mem::take(&mut fleet.errors);
        Observed { known: Known { job: self, controls, settings, fleet, recommended, releases, errors }, external }
    }

    fn observer(self) -> Observer<'a> {
        Observer { clients: self.clients, store: self.store, run: self.run }
    }
}

impl<'a> Observed<'a> {
    /// Records the observations. Records that could not be written are not used.
    pub async fn record(self) -> Recorded<'a> {
        let Self { mut known, external } = self;
        let Known { job: Job { store, run, .. }, .. } = known;
        let changes = reconcile(&known.input(), &known.recommended, external);
        known.errors.extend(store.write(changes, &mut known.fleet.records, run.now).await);
        known.releases = Releases::of(&known.recommended, &known.fleet, run.now);
        Recorded(known)
    }

    /// Plans without the table, and without the update histories of those that may start.
    pub fn preview(self) -> Planned<'a> {
        let Self { known, .. } = self;
        Planned { plan: plan(&known.input()), known }
    }
}

impl<'a> Recorded<'a> {
    /// Plans, with the update history of each node group that can start. Each round moves other node groups up, whose histories are then
    /// read, until all that can start have a known history.
    pub async fn plan(self) -> Planned<'a> {
        let Self(mut known) = self;
        loop {
            known.renew_controls().await;
            let plan = plan(&known.input());
            let unread = known.unread_histories(&plan);
            if unread.is_empty() {
                return Planned { known, plan };
            }
            known.read_histories(unread).await;
        }
    }
}

impl<'a> Planned<'a> {
    /// Starts the updates of the plan; a dry run starts nothing.
    pub async fn execute(mut self) -> Executed<'a> {
        let Known { job: Job { clients, store, request, run, .. }, .. } = self.known;
        let reports = reports(&self.known.input(), &self.plan);
        let executor = Executor { clients, store, run, dry_run: request.dry_run };
        let execution = executor.execute(&self.plan, reports, &mut self.known.fleet).await;
        Executed { planned: self, execution }
    }
}

impl Executed<'_> {
    /// The answer of the run.
    pub fn summary(self) -> StartSummary {
        let Self { planned: Planned { known, plan }, execution } = self;
        let Known { job: Job { clients, store, request, .. }, .. } = known;
        let throttling = clients.eks.take_throttling();
        let failure = failure(&known.fleet, &known.recommended, &plan, store);
        let metrics = Metrics::of_fleet(&known.input(), &plan, &execution.outcomes, throttling);
        // A failed run does not know the state of the fleet.
        let metrics = metrics.filter(|_| failure.is_none());
        let view = View::of(&known.input(), &plan);
        let Known { fleet, errors, .. } = known;
        let table_empty = fleet.table_empty;
        let partial = fleet.narrow.is_some().then(|| Partial::new(fleet.nodegroups.len()));
        // Frees memory for a summary of thousands of node groups.
        drop(fleet);
        let summary = StartSummary::new(request, &plan, view, &execution, errors);
        StartSummary { table_empty, partial, throttled: Throttled::of(throttling), failure, metrics, ..summary }
    }
}

impl Known<'_> {
    fn input(&self) -> PlanInput<'_> {
        let Self { job: Job { request, run, .. }, fleet, releases, settings, .. } = self;
        PlanInput { fleet, releases, request, request_id: run.id, settings, now: run.now }
    }

    /// Reads the stop switch, the lists and the calendars again where that was a while ago.
    async fn renew_controls(&mut self) {
        if self.controls.are_old() {
            let observer = self.job.observer();
            self.controls = observer.controls(self.job.config).await;
            self.settings = self.controls.added_to(&self.job.config.settings);
            self.fleet.freeze = observer.freeze(self.controls.freeze.clone(), &self.settings).await;
        }
    }

    /// The histories to read before the plan is final. Of a part of the fleet only those of the request are read: a history
    /// seldom keeps another node group from its turn.
    fn unread_histories(&self, plan: &Plan) -> UnreadHistories {
        let mut unread = plan.unread_histories(&self.fleet.records);
        if self.fleet.narrow.is_some() {
            let is_asked = |id: &NodegroupId| self.job.request.explain.contains(id.name());
            unread.again.retain(is_asked);
            unread.first.retain(is_asked);
        }
        unread
    }

    async fn read_histories(&mut self, unread: UnreadHistories) {
        let Job { clients, store, run, .. } = self.job;
        let histories = histories(&clients.eks, &self.fleet, &unread, run.last_history).await;
        let missed = histories.iter().filter_map(|(id, history)| Some((id.clone(), history.as_ref().err()?.clone())));
        self.fleet.unread_histories.extend(missed);
        let changes = take_histories(&self.fleet, histories, run.now);
        self.errors.extend(store.write(changes, &mut self.fleet.records, run.now).await);
        self.fleet.note_unrecorded_histories(unread);
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
