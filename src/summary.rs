//! What a run did: the function's answer, and what its log says.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::anyhow;
use jiff::Timestamp;
use lambda_runtime::Diagnostic;
use serde::{Deserialize, Serialize};

use crate::aws::pace::Throttling;
use crate::execute::Execution;
use crate::metrics::Metrics;
use crate::model::attention::Attention;
use crate::model::decision::{Decision, Planned};
use crate::model::explanation::{Description, Explanation};
use crate::model::outcome::Outcome;
use crate::model::problem::{Problem, ProblemCode};
use crate::model::reason::{Freeze, FreezeKind, Reason};
use crate::model::request::StartRequest;
use crate::model::subject::Subject;
use crate::plan::{Plan, View};

/// Errors that the message of a failed run names; the log has all.
const ERRORS_NAMED: usize = 5;

/// What a run of `start` did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StartSummary {
    /// The program's version.
    pub version: &'static str,
    /// Whether nothing was written or started, since the event said so.
    pub dry_run: bool,
    /// Whether the table held nothing, so that what was before is not known.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub table_empty: bool,
    /// How many node groups there are of each decision.
    pub counts: BTreeMap<&'static str, usize>,
    /// Why no update may start anywhere, if that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freeze: Option<Stopped>,
    /// How EKS slowed the run down, if it did so for long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttled: Option<Throttled>,
    /// One line for each node group.
    pub decisions: Vec<StartLine>,
    /// What every rule says of the node groups that the event asks to explain.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub explanations: Vec<Explanation>,
    /// What went wrong.
    pub errors: Vec<Problem>,
    /// Why the run failed, where it could not do its job at all.
    #[serde(skip)]
    pub failure: Option<String>,
    /// What it measured, where it may speak for the fleet.
    #[serde(skip)]
    pub metrics: Option<Metrics>,
}

/// That no update may start anywhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    /// By what.
    pub code: FreezeKind,
    /// The sentence to it.
    pub message: String,
    /// When it may be over, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// How EKS slowed a run down, because its account's rate of calls was used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Throttled {
    /// How often EKS refused a call.
    pub refusals: u64,
    /// How long calls waited for their turns, one after the other.
    pub waited_seconds: u64,
}

/// What was decided for one node group, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StartLine {
    /// `cluster/nodegroup`.
    pub nodegroup: String,
    /// `Start`, `Next`, or the reason's code.
    pub decision: &'static str,
    /// What that asks of the people who run the fleet.
    pub attention: Attention,
    /// What it runs; in a dry run only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runs: Option<Description>,
    /// The release that it is about, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The sentence to it.
    pub reason: String,
    /// When the reason may no longer hold, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// What came of it, if it was to start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<&'static str>,
    /// The sentence to the outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The update's id, if EKS accepted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_id: Option<String>,
}

/// What a run of `check` did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckSummary {
    /// How many updates were found in each status.
    pub counts: BTreeMap<&'static str, usize>,
    /// One line for each update that was open.
    pub updates: Vec<CheckLine>,
    /// Ids of the notices of which messages were published.
    pub published: Vec<String>,
    /// How many events were put on the bus.
    pub events: usize,
    /// How EKS slowed the run down, if it did so for long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttled: Option<Throttled>,
    /// What went wrong.
    pub errors: Vec<Problem>,
    /// Why the run failed, where it could not do its job at all.
    #[serde(skip)]
    pub failure: Option<String>,
    /// What it measured.
    #[serde(skip)]
    pub metrics: Option<Metrics>,
}

/// What became of one update.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckLine {
    /// `cluster/nodegroup`.
    pub nodegroup: String,
    /// The update's id, once EKS gave one.
    pub update_id: Option<String>,
    /// The release it brings.
    pub release_version: String,
    /// Its status now; `NotAccepted` for an intent that never became an update.
    pub status: &'static str,
}

impl StartSummary {
    /// Puts together what was decided, what came of it, and what went wrong.
    #[must_use]
    pub fn new(
        request: &StartRequest,
        plan: &Plan,
        view: View,
        execution: &Execution,
        mut errors: Vec<Problem>,
    ) -> Self {
        let mut summary = Self {
            version: env!("CARGO_PKG_VERSION"),
            dry_run: request.dry_run,
            freeze: plan.freeze.as_ref().map(Stopped::from),
            explanations: view.explanations,
            ..Self::default()
        };
        let mut runs = view.runs.into_iter();
        let mut not_reached = 0;
        let known: BTreeSet<(Option<Subject>, String)> =
            errors.iter().map(|problem| (problem.subject.clone(), problem.error.clone())).collect();
        for (index, planned) in plan.decisions.iter().enumerate() {
            let runs = runs.next().flatten();
            if !request.answers_about(&planned.subject()) {
                continue;
            }
            let outcome = execution.outcomes.get(&index);
            let line = StartLine { runs, ..StartLine::new(planned, outcome) };
            *summary.counts.entry(planned.decision.code()).or_default() += 1;
            match &planned.decision {
                Decision::Skip(Reason::Unreadable(error)) => {
                    let problem = Problem::with(ProblemCode::Unreadable, planned.subject(), error);
                    // What could not be written or looked up is among them already.
                    if !known.contains(&(problem.subject.clone(), problem.error.clone())) {
                        errors.push(problem);
                    }
                }
                Decision::Skip(Reason::NotReached) => not_reached += 1,
                _ => {}
            }
            let error = |outcome: &Outcome| Problem::with(ProblemCode::NotStarted, planned.subject(), outcome);
            errors.extend(outcome.filter(|outcome| outcome.is_error()).map(error));
            summary.decisions.push(line);
        }
        errors.extend(execution.errors.iter().cloned());
        let is_left = |outcome: &&Outcome| matches!(outcome, Outcome::DeadlineNear);
        errors.extend(left_over(execution.outcomes.values().filter(is_left).count() + not_reached));
        summary.errors = errors;
        summary
    }

    /// The function's answer. Errors are lines of it; only a run that could not do its job fails, so that Lambda's error
    /// metric shows it. A dry run only looks.
    ///
    /// # Errors
    /// When the run failed.
    pub fn into_response(self) -> anyhow::Result<Self> {
        if let Some(failure) = self.failure.as_ref().filter(|_| !self.dry_run) {
            return Err(failed_with(failure, &self.errors));
        }
        Ok(self)
    }

    /// Logs every decision, and the run.
    pub fn log(&self) {
        for StartLine { nodegroup, decision, attention, reason, outcome, detail, update_id, .. } in &self.decisions {
            let end = detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
            match attention {
                Attention::Current => tracing::debug!(nodegroup, decision, reason, "{nodegroup}: {decision}: {reason}"),
                Attention::NeedsYou => tracing::warn!(nodegroup, decision, reason, "{nodegroup}: {decision}: {reason}"),
                Attention::Moving | Attention::Waits | Attention::Deliberate => tracing::info!(
                    nodegroup,
                    decision,
                    reason,
                    outcome,
                    detail,
                    update_id,
                    "{nodegroup}: {decision}: {reason}{end}"
                ),
            }
        }
        let Self { dry_run, counts, errors, throttled, failure, .. } = self;
        log_errors(errors, failure.as_deref());
        throttled.iter().for_each(Throttled::log);
        tracing::info!(?counts, errors = errors.len(), dry_run, "run of start finished: {counts:?}");
    }
}

impl StartLine {
    fn new(planned: &Planned, outcome: Option<&Outcome>) -> Self {
        Self {
            nodegroup: planned.subject().to_string(),
            decision: planned.decision.code(),
            attention: planned.decision.attention(),
            runs: None,
            target: planned.decision.target().map(str::to_owned),
            reason: planned.decision.to_string(),
            until: planned.decision.until(),
            outcome: outcome.map(Outcome::code),
            detail: outcome.map(ToString::to_string),
            update_id: match outcome {
                Some(Outcome::Accepted { update_id }) => Some(update_id.clone()),
                _ => None,
            },
        }
    }
}

impl CheckSummary {
    /// The function's answer. Errors are lines of it; only a run that could not do its job fails, so that Lambda's error
    /// metric shows it.
    ///
    /// # Errors
    /// When the run failed.
    pub fn into_response(self) -> anyhow::Result<Self> {
        if let Some(failure) = &self.failure {
            return Err(failed_with(failure, &self.errors));
        }
        Ok(self)
    }

    /// Logs every update, and the run.
    pub fn log(&self) {
        for CheckLine { nodegroup, update_id, release_version, status } in &self.updates {
            tracing::info!(
                nodegroup,
                update_id,
                release_version,
                status,
                "{nodegroup}: update to {release_version}: {status}"
            );
        }
        let Self { counts, published, events, errors, throttled, failure, .. } = self;
        log_errors(errors, failure.as_deref());
        throttled.iter().for_each(Throttled::log);
        let published = published.len();
        let errors = errors.len();
        tracing::info!(
            ?counts,
            published,
            events,
            errors,
            "run of check finished: {published} published, {events} events"
        );
    }
}

impl From<&Freeze> for Stopped {
    fn from(freeze: &Freeze) -> Self {
        Self { code: freeze.into(), message: freeze.to_string(), until: freeze.until() }
    }
}

impl Throttled {
    /// What is said of a run, if anything is.
    #[must_use]
    pub fn of(throttling: Throttling) -> Option<Self> {
        let Throttling { refusals, waited } = throttling;
        throttling.is_long().then_some(Self { refusals, waited_seconds: waited.as_secs() })
    }

    fn log(&self) {
        let Self { refusals, waited_seconds } = self;
        tracing::warn!(refusals, waited_seconds, "{self}");
    }
}

impl fmt::Display for Throttled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { refusals, waited_seconds } = self;
        write!(f, "EKS throttled this run: it refused {refusals} calls, and calls waited {waited_seconds} s in total")
    }
}

/// How Lambda shows a failed run.
#[must_use]
pub fn failed(error: anyhow::Error) -> Diagnostic {
    Diagnostic { error_type: "RunFailed".to_owned(), error_message: format!("{error:#}") }
}

/// What a run says of work that it no longer began.
pub(crate) fn left_over(count: usize) -> Option<Problem> {
    (count > 0).then(|| {
        let error = format!("{count} node groups are left to the next run, because Lambda's time limit is near");
        Problem::of_run(ProblemCode::LeftOver, error)
    })
}

fn log_errors(errors: &[Problem], failure: Option<&str>) {
    for error in errors {
        let subject = error.subject.as_ref().map(ToString::to_string);
        tracing::warn!(nodegroup = subject, error = error.error, "{error}");
    }
    if let Some(failure) = failure {
        tracing::error!("the run failed: {failure}");
    }
}

/// Why a run failed, and the first of what went wrong in it.
fn failed_with(failure: &str, errors: &[Problem]) -> anyhow::Error {
    let named: Vec<String> = errors.iter().take(ERRORS_NAMED).map(ToString::to_string).collect();
    let more = errors.len().saturating_sub(ERRORS_NAMED);
    let rest = if more > 0 { format!("; and {more} more, see the log") } else { String::new() };
    let colon = if named.is_empty() { "" } else { ": " };
    anyhow!("{failure}{colon}{}{rest}", named.join("; "))
}
