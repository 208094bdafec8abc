//! Executes the plan: one update after the other, without decisions of its own.

pub mod submit;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::aws::StartClients;
use crate::execute::submit::submit;
use crate::model::attempt::outcome::{NotAsked, Outcome};
use crate::model::attempt::{Attempt, ErrorDetail, Intent, Status};
use crate::model::decision::{Decision, Planned, Target};
use crate::model::id::{NodegroupId, TrackId};
use crate::model::observed::fleet::Fleet;
use crate::model::problem::{Problem, ProblemCode};
use crate::model::record::nodegroup::{NodegroupRecord, NotTaken};
use crate::model::release::track::TrackKey;
use crate::plan::Plan;
use crate::reconcile::{Bookkeeping, Change as _, FleetChange, NodegroupChange, Reconciled, TrackChange};
use crate::run::Run;
use crate::store::{NotSaved, RecordStore};

/// After how many refusals in a row for missing permissions a run stops.
const DENIALS: usize = 3;

/// The result of executing a plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Execution {
    /// The outcomes, by the index of the decision. A decision without one was not a start.
    pub outcomes: BTreeMap<usize, Outcome>,
    /// Errors of writing records.
    pub errors: Vec<Problem>,
    /// The changes to record for release tracks and the fleet.
    changes: Reconciled,
    calls: usize,
    /// Refusals for missing permissions since the last other answer.
    denials: usize,
    /// Releases that EKS refused as invalid.
    not_ready: BTreeSet<(TrackKey, String)>,
}

/// A planned start.
#[derive(Clone, Copy)]
struct Start<'a> {
    id: &'a NodegroupId,
    intent: &'a Intent,
    /// What the run knows about the fleet.
    fleet: &'a Fleet,
    /// The changes that are written together with the intent.
    bookkeeping: &'a [NodegroupChange],
}

/// The run that executes a plan.
#[derive(Clone, Copy, Debug)]
pub struct Executor<'a> {
    /// The clients.
    pub clients: &'a StartClients,
    /// The table.
    pub store: &'a RecordStore<'a>,
    /// The run.
    pub run: Run<'a>,
    /// Whether nothing is started.
    pub dry_run: bool,
}

impl Executor<'_> {
    /// Writes the reports, starts the updates of the plan, and writes what has to be recorded of them. The reports on a node group
    /// that may start go out together with its intent.
    pub async fn execute(&self, plan: &Plan, mut reports: Reconciled, fleet: &mut Fleet) -> Execution {
        let now = self.run.now;
        let mut bookkeeping = reports.take_of_starts(plan);
        let not_reported = self.store.write(reports, &mut fleet.records, now).await;
        let mut execution = Execution { errors: not_reported, ..Execution::default() };
        if self.dry_run {
            return execution;
        }
        self.start_all(plan, &mut bookkeeping, fleet, &mut execution).await;
        let changes = Reconciled { nodegroups: bookkeeping, ..std::mem::take(&mut execution.changes) };
        execution.errors.extend(self.store.write(changes, &mut fleet.records, now).await);
        execution
    }

    /// In the plan's order: first all that are to start, then, for each that EKS did not accept, who comes next. One after the
    /// other: a run starts few, and a crash then leaves at most one intent without its answer. Bookkeeping that goes out with an
    /// intent is taken away.
    async fn start_all(&self, plan: &Plan, bookkeeping: &mut Bookkeeping, fleet: &Fleet, execution: &mut Execution) {
        let mut capacity = plan.capacity.clone();
        let planned = |index: &usize| plan.decisions.get(*index).map(|planned| (*index, planned));
        let starts = plan.order.iter().filter_map(planned).filter(|(_, it)| matches!(it.decision, Decision::Start(_)));
        let nexts = plan.order.iter().filter_map(planned).filter(|(_, it)| matches!(it.decision, Decision::Next(..)));
        for (index, Planned { target, decision }) in starts.chain(nexts) {
            let (Decision::Start(intent) | Decision::Next(intent, _), Target::Nodegroup(id)) = (decision, target)
            else {
                continue;
            };
            if matches!(decision, Decision::Next(..)) && capacity.reserve(id).is_err() {
                continue;
            }
            let start =
                Start { id, intent, fleet, bookkeeping: bookkeeping.get(id).map(Vec::as_slice).unwrap_or_default() };
            let outcome = match execution.not_asked(plan, intent) {
                Some(why) => Outcome::NotAsked(why),
                None => self.start(start, &mut execution.errors).await,
            };
            execution.record_outcome(start, &outcome, self.run.now);
            if outcome.had_intent() {
                bookkeeping.remove(id);
            }
            if !outcome.takes_capacity() {
                capacity.release(id);
            }
            execution.outcomes.insert(index, outcome);
        }
    }

    async fn start(&self, start: Start<'_>, errors: &mut Vec<Problem>) -> Outcome {
        let Start { id, intent, fleet, bookkeeping } = start;
        if !self.run.has_time() {
            return Outcome::DeadlineNear;
        }
        if intent.start_before.is_some_and(|before| self.run.now + self.run.began.elapsed() >= before) {
            return Outcome::WindowClosed;
        }
        match fleet.records.nodegroup_or_new(id) {
            Ok(mut record) => {
                bookkeeping.iter().for_each(|change| change.apply(&mut record));
                self.start_update(record, start, errors).await
            }
            Err(error) => Outcome::NotRecorded(error.to_string()),
        }
    }

    /// Writes the intent over the record of the plan, calls EKS, and writes the answer.
    async fn start_update(&self, mut record: NodegroupRecord, start: Start<'_>, errors: &mut Vec<Problem>) -> Outcome {
        let Start { intent, fleet, .. } = start;
        let now = self.run.now;
        record.opt_in(now);
        record.begin(intent, now);
        match self.store.save(&mut record, now).await {
            Ok(()) => {}
            Err(NotSaved::Conflict(_)) => return Outcome::LostRace,
            Err(NotSaved::Failed(error)) => return Outcome::NotRecorded(error),
        }
        let Some(attempt) = record.open() else { return Outcome::LostRace };
        let outcome = match submit(&self.clients.eks, &record.id, attempt).await {
            // Nobody requested another release, so EKS's answer must be reported.
            Outcome::NotReady(error) if intent.rollback.is_some() => {
                let message = error.trim_start_matches("InvalidParameterException: ");
                Outcome::Refused(ErrorDetail::new("InvalidParameterException", message))
            }
            outcome => outcome,
        };
        if matches!(outcome, Outcome::Unknown(_)) {
            // The intent stays open, and `check` finds out.
            return outcome;
        }
        let token = attempt.token.clone();
        let change = |record: &mut NodegroupRecord| {
            // Another run might have written meanwhile; `check` might have found the update first.
            let is_open = |open: &Attempt| open.token == token && open.update_id.is_none();
            if record.open().is_some_and(is_open) {
                take_answer(record, &outcome, intent, fleet, now);
            }
        };
        if let Err(error) = self.store.merge(&mut record, now, change).await {
            let code = outcome.code();
            let error = format!("EKS's answer ({code}) could not be recorded; check finds out: {error}");
            errors.push(Problem::with(ProblemCode::NotRecorded, &record.id, error));
        }
        outcome
    }
}

/// The effect of EKS's answer on the open attempt.
fn take_answer(record: &mut NodegroupRecord, outcome: &Outcome, intent: &Intent, fleet: &Fleet, now: Timestamp) {
    match outcome {
        Outcome::Accepted { update_id } => record.accept(update_id),
        Outcome::Refused(error) | Outcome::LaunchTemplateDenied(error) => {
            record.end(Status::Refused, vec![error.clone()], now);
        }
        // Only a pin can request a release that AWS never named; no release track remembers its refusal.
        Outcome::NotReady(error) if !is_known(intent, fleet) => {
            record.start_back_off(outcome.into(), error, NotTaken::Release(&intent.release_version), now);
        }
        Outcome::NotReady(_) | Outcome::Deleted(_) => record.withdraw(),
        Outcome::InUse(error) | Outcome::NotActive(error) | Outcome::AccessDenied(error) => {
            record.start_back_off(outcome.into(), error, NotTaken::Update, now);
        }
        Outcome::VersionNotReady(error) => {
            record.start_back_off(outcome.into(), error, NotTaken::Version(&intent.version), now);
        }
        _ => {}
    }
}

/// Whether the history of the track has the release.
fn is_known(intent: &Intent, fleet: &Fleet) -> bool {
    let track = fleet.track_record(&intent.track()).ok().flatten();
    track.is_some_and(|track| track.releases.iter().any(|known| known.release_version == intent.release_version))
}

impl Execution {
    /// Why a start is not requested from EKS.
    fn not_asked(&self, plan: &Plan, intent: &Intent) -> Option<NotAsked> {
        let most = plan.capacity.most_calls();
        if self.denials >= DENIALS {
            return Some(NotAsked::AccessDenied);
        }
        if self.calls >= most {
            return Some(NotAsked::Calls(most));
        }
        let release = (intent.track(), intent.release_version.clone());
        self.not_ready.contains(&release).then_some(NotAsked::NotReady)
    }

    /// What an outcome shows about its release and the function's permissions.
    fn record_outcome(&mut self, start: Start<'_>, outcome: &Outcome, now: Timestamp) {
        let Start { intent, fleet, .. } = start;
        let (track, release) = (intent.track(), &intent.release_version);
        let Some(fleet_id) = &fleet.id else { return };
        let track_id = TrackId::of(fleet_id, &track);
        match outcome {
            Outcome::NotAsked(_) | Outcome::DeadlineNear | Outcome::WindowClosed | Outcome::LostRace => return,
            Outcome::NotRecorded(_) => return,
            Outcome::AccessDenied(error) => {
                self.denials += 1;
                if self.denials == DENIALS {
                    self.errors.push(Problem::of_run(
                        ProblemCode::AccessDenied,
                        format!("no further updates were started: {error}"),
                    ));
                    self.changes.change_fleet(fleet_id, FleetChange::ReportAccessDenied(error.clone(), now));
                }
            }
            _ => self.denials = 0,
        }
        self.calls += 1;
        match outcome {
            Outcome::NotReady(message) => {
                let (release_version, message) = (release.clone(), message.clone());
                let refuse = TrackChange::Refuse { release_version, message, at: now };
                self.changes.change_track(&track_id, refuse);
                self.not_ready.insert((track, release.clone()));
            }
            Outcome::Accepted { .. } => {
                let known = fleet.track_record(&track).ok().flatten();
                if known.is_some_and(|known| known.is_refused(release)) {
                    self.changes.change_track(&track_id, TrackChange::Accept(release.clone()));
                }
                let was_denied = fleet.record().ok().flatten().is_some_and(|record| record.access_denied.is_some());
                if was_denied && self.changes.fleet.is_none() {
                    self.changes.change_fleet(fleet_id, FleetChange::AccessGranted);
                }
            }
            _ => {}
        }
    }
}
