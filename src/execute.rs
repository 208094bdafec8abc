//! Makes the plan happen: one update after the other, and no choice of its own.

use std::collections::BTreeMap;

use tokio::time::Instant;

use crate::aws::StartClients;
use crate::model::attempt::{Intent, Status};
use crate::model::decision::{Decision, Planned, Target};
use crate::model::nodegroup_record::NodegroupRecord;
use crate::model::outcome::Outcome;
use crate::model::problem::Problem;
use crate::model::record::YES;
use crate::model::records::RecordSet;
use crate::model::subject::NodegroupId;
use crate::plan::Plan;
use crate::run::Run;
use crate::store::{NotSaved, RecordStore};
use crate::submit::submit;

/// What came of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Execution {
    /// The outcomes, by the index of the decision. A decision without one was not to start anything.
    pub outcomes: BTreeMap<usize, Outcome>,
    /// What was not recorded.
    pub errors: Vec<Problem>,
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
}

impl Executor<'_> {
    /// Starts the updates of a plan, in its order: first all that are to start, then, for each that EKS did not accept, who
    /// comes next. One after the other: a run starts few, and a crash then leaves at most one intent without its answer.
    pub async fn execute(&self, plan: &Plan, records: &RecordSet) -> Execution {
        let mut execution = Execution::default();
        let mut capacity = plan.capacity.clone();
        let planned = |index: &usize| plan.decisions.get(*index).map(|planned| (*index, planned));
        for (index, planned) in plan.order.iter().filter_map(planned) {
            if let (Decision::Start(intent), Target::Nodegroup(id)) = (&planned.decision, &planned.target) {
                let outcome = self.start(id, intent, records, &mut execution.errors).await;
                if !outcome.takes_capacity() {
                    capacity.release(id.cluster());
                }
                execution.outcomes.insert(index, outcome);
            }
        }
        for (index, Planned { target, decision }) in plan.order.iter().filter_map(planned) {
            if let (Decision::Next(intent, _), Target::Nodegroup(id)) = (decision, target)
                && capacity.reserve(id.cluster()).is_ok()
            {
                let outcome = self.start(id, intent, records, &mut execution.errors).await;
                if !outcome.takes_capacity() {
                    capacity.release(id.cluster());
                }
                execution.outcomes.insert(index, outcome);
            }
        }
        execution
    }

    async fn start(
        &self,
        id: &NodegroupId,
        intent: &Intent,
        records: &RecordSet,
        errors: &mut Vec<Problem>,
    ) -> Outcome {
        if Instant::now() >= self.run.last_start {
            return Outcome::DeadlineNear;
        }
        if intent.start_before.is_some_and(|before| self.run.now + self.run.began.elapsed() >= before) {
            return Outcome::WindowClosed;
        }
        match records.nodegroup_or_new(id) {
            Ok(record) => self.start_update(record, intent, errors).await,
            Err(error) => Outcome::NotRecorded(error.to_string()),
        }
    }

    /// Writes the intent, calls EKS, writes what it answered.
    async fn start_update(&self, mut record: NodegroupRecord, intent: &Intent, errors: &mut Vec<Problem>) -> Outcome {
        let now = self.run.now;
        record.opted_in = Some(YES.to_owned());
        record.begin(intent, now);
        match self.store.save(&mut record, now).await {
            Ok(()) => {}
            Err(NotSaved::Conflict(_)) => return Outcome::LostRace,
            Err(NotSaved::Failed(error)) => return Outcome::NotRecorded(error),
        }
        let Some(attempt) = &record.open else { return Outcome::LostRace };
        let outcome = submit(&self.clients.eks, &record.id, attempt).await;
        match &outcome {
            Outcome::Accepted { update_id } => record.accept(update_id),
            Outcome::Refused(error) => record.end(Status::Refused, vec![error.clone()], now),
            Outcome::InUse(_) | Outcome::NotReady(_) | Outcome::Deleted(_) => record.withdraw(),
            // The intent stays open, and `check` finds out.
            _ => return outcome,
        }
        // A conflict means that `check` found the update first.
        if let Err(NotSaved::Failed(error)) = self.store.save(&mut record, now).await {
            let code = outcome.code();
            let error = format!("EKS's answer ({code}) could not be recorded; check finds out: {error}");
            errors.push(Problem::with(&record.id, error));
        }
        outcome
    }
}
