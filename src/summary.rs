//! What a run did: the function's answer, and what its log says.

use std::collections::BTreeMap;

use anyhow::bail;
use jiff::Timestamp;
use lambda_runtime::Diagnostic;
use serde::Serialize;
use serde_json::Value;

use crate::model::nodegroup::NodegroupId;
use crate::plan::{Decision, Verdict};

/// Problems that the message of a failed run names; the log has all.
const PROBLEMS_NAMED: usize = 5;

/// What a run of `start` did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StartSummary {
    /// Whether nothing was written or started, since the event said so.
    pub dry_run: bool,
    /// How many node groups there are of each decision.
    pub counts: BTreeMap<&'static str, usize>,
    /// One line for each node group.
    pub decisions: Vec<StartLine>,
    /// What kept the run from doing its job, by node group.
    pub problems: Vec<String>,
}

/// What was decided for one node group, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StartLine {
    /// `cluster/nodegroup`.
    pub nodegroup: String,
    /// `start`, or the reason's code.
    pub decision: &'static str,
    /// The sentence to it.
    pub reason: String,
    /// When the reason may no longer hold, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// For a start: what came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<&'static str>,
    /// For a start that EKS accepted: the update's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_id: Option<String>,
}

/// What a run of `check` did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckSummary {
    /// How many updates were found in each status.
    pub counts: BTreeMap<String, usize>,
    /// One line for each update that was open.
    pub updates: Vec<CheckLine>,
    /// Ids of the messages that were published.
    pub published: Vec<String>,
    /// What kept the run from doing its job, by node group.
    pub problems: Vec<String>,
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
    pub status: String,
}

impl StartLine {
    /// The line of a decision, before anything came of it.
    #[must_use]
    pub fn of(decision: &Decision) -> Self {
        let (code, reason, until) = match &decision.verdict {
            Verdict::Start(start) => ("start", start.to_string(), None),
            Verdict::Wait(reason) => (reason.code(), reason.to_string(), reason.until()),
        };
        Self { nodegroup: name(&decision.id), decision: code, reason, until, outcome: None, update_id: None }
    }
}

impl StartSummary {
    /// The function's answer. A run with problems fails, so that Lambda's error metric shows it; a dry run is for looking,
    /// and shows them.
    ///
    /// # Errors
    /// When there were problems.
    pub fn into_response(self) -> anyhow::Result<Value> {
        if !self.dry_run {
            fail_on(&self.problems)?;
        }
        Ok(serde_json::to_value(self)?)
    }
}

impl CheckSummary {
    /// The function's answer. A run with problems fails, so that Lambda's error metric shows it.
    ///
    /// # Errors
    /// When there were problems.
    pub fn into_response(self) -> anyhow::Result<Value> {
        fail_on(&self.problems)?;
        Ok(serde_json::to_value(self)?)
    }
}

/// How Lambda shows a failed run.
#[must_use]
pub fn failed(error: anyhow::Error) -> Diagnostic {
    Diagnostic { error_type: "RunFailed".to_owned(), error_message: format!("{error:#}") }
}

fn fail_on(problems: &[String]) -> anyhow::Result<()> {
    if problems.is_empty() {
        return Ok(());
    }
    let named = problems.iter().take(PROBLEMS_NAMED).map(String::as_str).collect::<Vec<_>>().join("; ");
    let more = problems.len().saturating_sub(PROBLEMS_NAMED);
    let rest = if more > 0 { format!("; and {more} more, see the log") } else { String::new() };
    bail!("everything else is done, but: {named}{rest}")
}

/// `cluster/nodegroup`, or how it was listed where that names neither.
fn name(id: &NodegroupId) -> String {
    if id.cluster.is_empty() { id.name.clone() } else { id.to_string() }
}
