//! The summary of a run: the function's answer, and its log.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::anyhow;
use jiff::Timestamp;
use lambda_runtime::Diagnostic;
use serde::{Deserialize, Serialize};

use crate::aws::pace::Throttling;
use crate::execute::Execution;
use crate::explain::{Shown, View};
use crate::metrics::Metrics;
use crate::model::attempt::outcome::Outcome;
use crate::model::decision::attention::Attention;
use crate::model::decision::explanation::{Description, Explanation};
use crate::model::decision::reason::{Freeze, FreezeKind, Reason};
use crate::model::decision::request::StartRequest;
use crate::model::decision::{Decision, Planned};
use crate::model::id::Subject;
use crate::model::nodegroup::owner::Owner;
use crate::model::problem::{Problem, ProblemCode};
use crate::plan::Plan;

/// The maximum number of errors in the message of a failed run; the log has all.
const ERRORS_NAMED: usize = 5;

/// The summary of a run of `start`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StartSummary {
    /// The program's version.
    pub version: &'static str,
    /// Whether it was a dry run: nothing was written or started.
    pub dry_run: bool,
    /// Whether the table was empty, so that the past is unknown.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub table_empty: bool,
    /// How many node groups there are of each decision.
    pub counts: BTreeMap<&'static str, usize>,
    /// Why no update is allowed to start anywhere, if updates are stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freeze: Option<Stopped>,
    /// That only a part of the fleet was read, if the request asks about some node groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partial: Option<Partial>,
    /// How EKS throttled the run, if it waited for long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttled: Option<Throttled>,
    /// One line for each node group.
    pub decisions: Vec<StartLine>,
    /// The explanations that the event requests.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub explanations: Vec<Explanation>,
    /// What went wrong.
    pub errors: Vec<Problem>,
    /// Why the run failed as a whole, if it did.
    #[serde(skip)]
    pub failure: Option<String>,
    /// Its metrics, if it covered the whole fleet.
    #[serde(skip)]
    pub metrics: Option<Metrics>,
}

/// A freeze: no update is allowed to start anywhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    /// The kind of freeze.
    pub code: FreezeKind,
    /// The sentence that explains it.
    pub message: String,
    /// When it might end, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// That only the part of the fleet was read which decides about the node groups of the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partial {
    /// How many node groups were read.
    pub nodegroups: usize,
    /// The sentence that tells what is not known.
    pub message: String,
}

/// How EKS throttled a run, because its account's request rate was used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Throttled {
    /// How often EKS refused a call.
    pub refusals: u64,
    /// How long calls waited for their turns, one after the other.
    pub waited_seconds: u64,
}

/// The decision for one node group, and its outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StartLine {
    /// `cluster/nodegroup`.
    pub nodegroup: String,
    /// `Start`, `Next`, or the reason's code.
    pub decision: &'static str,
    /// The attention it needs from the people who run the fleet.
    pub attention: Attention,
    /// What it runs; in a dry run only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runs: Option<Description>,
    /// The ring that applies to it, by its tag or the setting, if it has opted in; in a dry run only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ring: Option<u32>,
    /// The tool that might manage it, if its tags show one; in a dry run only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<&'static str>,
    /// The release that it is about, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The sentence that explains it.
    pub reason: String,
    /// When the reason might end, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The outcome, if it was to start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<&'static str>,
    /// The sentence that explains the outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The update's id, if EKS accepted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_id: Option<String>,
}

/// The summary of a run of `check`.
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
    /// How EKS throttled the run, if it waited for long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttled: Option<Throttled>,
    /// What went wrong.
    pub errors: Vec<Problem>,
    /// Why the run failed as a whole, if it did.
    #[serde(skip)]
    pub failure: Option<String>,
    /// Its metrics.
    #[serde(skip)]
    pub metrics: Option<Metrics>,
}

/// The result of one update.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckLine {
    /// `cluster/nodegroup`.
    pub nodegroup: String,
    /// The update's id, once EKS gave one.
    pub update_id: Option<String>,
    /// Its target release.
    pub release_version: String,
    /// Its status now; `NotAccepted` for an intent that never became an update.
    pub status: &'static str,
}

impl StartSummary {
    /// Combines decisions, outcomes and errors.
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
        let mut shown = view.nodegroups.into_iter();
        let mut not_reached = 0;
        let known: BTreeSet<(Option<Subject>, String)> =
            errors.iter().map(|problem| (problem.subject.clone(), problem.error.clone())).collect();
        for (index, planned) in plan.decisions.iter().enumerate() {
            let Shown { runs, ring, owner } = shown.next().unwrap_or_default();
            if !request.answers_about(&planned.subject()) {
                continue;
            }
            let outcome = execution.outcomes.get(&index);
            let owner = owner.map(Owner::name);
            let line = StartLine { runs, ring, owner, ..StartLine::new(planned, outcome) };
            *summary.counts.entry(planned.decision.code()).or_default() += 1;
            match &planned.decision {
                Decision::Skip(Reason::Unreadable(error)) => {
                    let problem = Problem::with(ProblemCode::Unreadable, planned.subject(), error);
                    // They already include errors of writing and reading.
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

    /// The function's answer. Errors are lines of it; only a run that failed as a whole returns an error, so that Lambda's
    /// error metric shows it. A dry run never fails.
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
            ring: None,
            owner: None,
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
    /// The function's answer. Errors are lines of it; only a run that failed as a whole returns an error, so that Lambda's
    /// error metric shows it.
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

impl Partial {
    /// So many node groups were read.
    #[must_use]
    pub fn new(nodegroups: usize) -> Self {
        let what = if nodegroups == 1 { "node group" } else { "node groups" };
        let message = format!(
            "read {nodegroups} {what}, not the whole fleet: when a limit applies, node groups of other clusters or of \
             higher rings can go first"
        );
        Self { nodegroups, message }
    }
}

impl Throttled {
    /// The throttling of a run, if it is worth reporting.
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

/// The error of a failed run in Lambda.
#[must_use]
pub fn failed(error: anyhow::Error) -> Diagnostic {
    Diagnostic { error_type: "RunFailed".to_owned(), error_message: format!("{error:#}") }
}

/// The error about work that a run did not start.
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

/// Why a run failed, and its first errors.
fn failed_with(failure: &str, errors: &[Problem]) -> anyhow::Error {
    let named: Vec<String> = errors.iter().take(ERRORS_NAMED).map(ToString::to_string).collect();
    let more = errors.len().saturating_sub(ERRORS_NAMED);
    let rest = if more > 0 { format!("; and {more} more, see the log") } else { String::new() };
    let colon = if named.is_empty() { "" } else { ": " };
    anyhow!("{failure}{colon}{}{rest}", named.join("; "))
}
