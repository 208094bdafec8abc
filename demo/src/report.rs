//! What happened in the simulation, as data: what `--output json` prints.

use std::collections::BTreeMap;

use eks_nodegroup_updater::metrics::Metrics;
use eks_nodegroup_updater::model::id::names::Names;
use eks_nodegroup_updater::model::record::fleet::FleetRecord;
use eks_nodegroup_updater::model::record::nodegroup::NodegroupRecord;
use eks_nodegroup_updater::summary::StartLine;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use simulated_aws::PublishedMessage;

use sandbox::deployed::STACK;

/// Everything that happened.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// When it begins, in simulated time.
    pub from: Timestamp,
    /// When it ends.
    pub to: Timestamp,
    /// How often `start` ran.
    pub start_runs: usize,
    /// How often `check` ran.
    pub check_runs: u64,
    /// Every run, in the order of time.
    pub runs: Vec<Ran>,
    /// The decisions of two runs of `start`: the first, and a later one.
    pub plans: [Plan; 2],
    /// Node groups without the tag, which `start` does not see.
    pub without_tag: Vec<String>,
    /// Every update that EKS accepted, in the order of their starts.
    pub updates: Vec<Update>,
    /// Quarantined releases.
    pub quarantines: Vec<Quarantined>,
    /// The node groups' records at the end, as the table holds them.
    pub nodegroup_records: Vec<NodegroupRecord>,
    /// The fleet's record at the end.
    pub fleet_record: Option<FleetRecord>,
    /// What was published.
    pub messages: Vec<Message>,
    /// How often each function called each action.
    pub calls: BTreeMap<&'static str, BTreeMap<String, usize>>,
    /// What went wrong in the runs.
    pub errors: Vec<String>,
}

/// A run of a function.
#[derive(Serialize)]
pub struct Ran {
    /// `start` or `check`.
    pub function: &'static str,
    /// When.
    pub at: Timestamp,
    /// Its answer.
    pub answer: Value,
    /// The line of its log that CloudWatch makes metrics of.
    pub metrics: Option<Value>,
}

impl Ran {
    /// A run that has just ended.
    ///
    /// # Errors
    /// When the answer is not JSON.
    pub fn new(
        function: &'static str,
        at: Timestamp,
        answer: &impl Serialize,
        metrics: Option<&Metrics>,
    ) -> serde_json::Result<Self> {
        let line = metrics.map(|metrics| serde_json::from_str(&metrics.line(STACK, at)));
        Ok(Self { function, at, answer: serde_json::to_value(answer)?, metrics: line.transpose()? })
    }
}

/// The decisions of a run of `start`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// When.
    pub at: Timestamp,
    /// One decision for each node group.
    pub decisions: Vec<Planned>,
}

/// A node group, and a run's decision about it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Planned {
    /// What the function answered.
    #[serde(flatten)]
    pub line: StartLine,
    /// The AMI type.
    pub ami_type: String,
    /// The release that it ran then.
    pub runs: String,
}

/// A release that failed on several node groups.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Quarantined {
    /// The release.
    pub release_version: String,
    /// Since when no node group is updated to it.
    pub since: Timestamp,
    /// The node groups that it failed on.
    pub failed_on: Names,
    /// The node groups that would have got the release.
    pub saved: Vec<String>,
}

/// An update, as EKS knows it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Update {
    /// `cluster/nodegroup`.
    pub nodegroup: String,
    /// EKS's id.
    pub update_id: String,
    /// Its target release.
    pub release_version: String,
    /// When EKS accepted it.
    pub started_at: Timestamp,
    /// When it ended, for one that has.
    pub ended_at: Option<Timestamp>,
    /// How long it took, or has taken so far.
    pub duration_seconds: i64,
    /// Its status, in EKS's words.
    pub status: String,
    /// The codes of its errors.
    pub error_codes: Vec<String>,
}

/// A message, as its subscribers get it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// When it was published.
    pub at: Timestamp,
    /// The subject.
    pub subject: String,
    /// The attributes to filter a subscription by.
    pub attributes: BTreeMap<String, String>,
    /// The text for an e-mail subscriber.
    pub email: String,
    /// The text for any other subscriber.
    pub default: Value,
}

impl From<PublishedMessage> for Message {
    fn from(published: PublishedMessage) -> Self {
        let default = published.delivered_as("sqs");
        Self {
            at: published.at,
            email: published.delivered_as("email"),
            default: serde_json::from_str(&default).unwrap_or(Value::String(default)),
            subject: published.subject.unwrap_or_default(),
            attributes: published.attributes,
        }
    }
}

/// The hour and minute of a moment.
pub fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M").to_string()
}
