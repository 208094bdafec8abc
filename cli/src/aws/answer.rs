//! The functions' answers, as far as people see them.

use std::collections::BTreeMap;

use eks_nodegroup_updater::aws::StartClients;
use eks_nodegroup_updater::config::{StartConfig, process_environment};
use eks_nodegroup_updater::handler;
use eks_nodegroup_updater::model::decision::DecisionKind;
use eks_nodegroup_updater::model::decision::attention::Attention;
use eks_nodegroup_updater::model::decision::explanation::{Description, Explanation};
use eks_nodegroup_updater::model::problem::ErrorLine;
use eks_nodegroup_updater::run::Run;
use eks_nodegroup_updater::summary::{Partial, Stopped, Throttled};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::aws::nodegroups::here;
use crate::aws::place::Place;
use crate::aws::stack::{Deployment, Function};
use crate::failure::Failure;
use terminal::kind::Kind;
use terminal::progress::Progress;

/// The answer of `start`. Fields that a newer function adds are left out.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StartAnswer {
    /// The function's version.
    #[serde(default)]
    pub version: String,
    /// Whether it only looked.
    #[serde(default)]
    pub dry_run: bool,
    /// Why no update is allowed to start anywhere, if updates are stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freeze: Option<Stopped>,
    /// How EKS throttled the run, if it waited for long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttled: Option<Throttled>,
    /// One line for each node group.
    #[serde(default)]
    pub decisions: Vec<DecisionLine>,
    /// What a narrow question left unread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial: Option<Partial>,
    /// The requested explanations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub explanations: Vec<Explanation>,
    /// What went wrong.
    #[serde(default)]
    pub errors: Vec<ErrorLine>,
}

/// A node group, and the decision for it: the one shape of a node group in all documents.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DecisionLine {
    /// `cluster/nodegroup`.
    pub nodegroup: String,
    /// Whether it has the tag `ami-update`. If not, the decision is the one that it would have.
    #[serde(default = "yes")]
    pub opted_in: bool,
    /// The decision.
    pub decision: DecisionKind,
    /// The attention it needs.
    #[serde(default)]
    pub attention: Attention,
    /// What it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<Description>,
    /// Its ring.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ring: Option<u32>,
    /// The tool that its tags name as its owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The release that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The sentence.
    pub reason: String,
    /// When it might change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The outcome of a start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// The sentence that explains it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The update's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_id: Option<String>,
}

fn yes() -> bool {
    true
}

impl DecisionLine {
    /// A node group of which nothing more is known.
    pub fn new(nodegroup: String, decision: DecisionKind, attention: Attention, reason: String) -> Self {
        Self {
            nodegroup,
            opted_in: true,
            decision,
            attention,
            runs: None,
            ring: None,
            owner: None,
            target: None,
            reason,
            until: None,
            outcome: None,
            detail: None,
            update_id: None,
        }
    }

    /// The kind of attention it needs from its reader.
    pub fn sign(&self) -> Kind {
        match self.opted_in {
            true => Kind::of(&self.decision, self.attention),
            false => Kind::LeftAlone,
        }
    }

    /// The name of its cluster.
    pub fn cluster(&self) -> &str {
        self.nodegroup.split_once('/').map_or("", |(cluster, _)| cluster)
    }

    /// Its name in its cluster.
    pub fn name(&self) -> &str {
        self.nodegroup.split_once('/').map_or(self.nodegroup.as_str(), |(_, name)| name)
    }

    /// The release it runs, if it is known.
    pub fn release(&self) -> &str {
        self.runs.as_ref().and_then(|runs| runs.release_version.as_deref()).unwrap_or_default()
    }

    /// How many days ago the oldest newer release was published, if there is one.
    pub fn days_behind(&self) -> Option<i64> {
        self.runs.as_ref()?.days_behind
    }
}

/// The answer of `check`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckAnswer {
    /// How many updates there are of each status.
    #[serde(default)]
    pub counts: BTreeMap<String, usize>,
    /// One line for each update that was open.
    #[serde(default)]
    pub updates: Vec<UpdateLine>,
    /// Ids of the notices of which messages were published.
    #[serde(default)]
    pub published: Vec<String>,
    /// How many events were put on the bus.
    #[serde(default)]
    pub events: usize,
    /// How EKS throttled the run, if it waited for long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttled: Option<Throttled>,
    /// What went wrong.
    #[serde(default)]
    pub errors: Vec<ErrorLine>,
}

/// The result of one update.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateLine {
    /// `cluster/nodegroup`.
    pub nodegroup: String,
    /// The update's id.
    pub update_id: Option<String>,
    /// Its target release.
    pub release_version: String,
    /// Its status.
    pub status: String,
}

/// Reads a function's answer.
///
/// # Errors
/// When this version cannot read it.
pub fn read<T: for<'de> Deserialize<'de>>(answer: Value) -> Result<T, Failure> {
    serde_json::from_value(answer).map_err(|error| Failure::new(format!("the function's answer is invalid: {error}")))
}

/// The result of a dry run in a region.
pub struct Look {
    /// The stack that made the dry run; `None` if none is deployed and the caller's own credentials were used.
    pub deployment: Option<Deployment>,
    /// Its answer.
    pub answer: StartAnswer,
}

/// What the next run would do: the deployed function makes a dry run, because its role and settings matter. Without one, the
/// same code runs here, with the caller's credentials and the settings of the environment.
///
/// # Errors
/// When neither is possible.
pub async fn look(place: &Place, stack: Option<&str>, event: &Value) -> Result<Look, Failure> {
    let deployment = Deployment::find(&place.configuration, stack).await?;
    let answer = look_of(place, deployment.as_ref(), event).await?;
    Ok(Look { deployment, answer })
}

/// The same, of a stack that is found already, or not found.
///
/// # Errors
/// When it is not possible.
pub async fn look_of(place: &Place, deployment: Option<&Deployment>, event: &Value) -> Result<StartAnswer, Failure> {
    let answer = match deployment {
        Some(deployment) => deployment.invoke(&place.configuration, Function::StartReadOnly, event).await?,
        None => run_here(place, event).await?,
    };
    let answer: StartAnswer = read(answer)?;
    place.say_throttled(answer.throttled);
    Ok(answer)
}

/// The event of a dry run.
pub fn looking() -> Value {
    json!({"dryRun": true})
}

/// A dry run with the caller's own credentials and the settings of the environment.
///
/// # Errors
/// When the settings are invalid, or the run fails.
async fn run_here(place: &Place, event: &Value) -> Result<Value, Failure> {
    let config = StartConfig::without_table(&process_environment).map_err(Failure::usage)?;
    let run = Run { read_only: true, ..here() };
    let clients = StartClients { eks: place.eks.clone(), ..StartClients::new(&place.configuration) };
    let progress = Progress::of(format!("reading {}", place.name()));
    let look = handler::start(&clients, &config, event, run);
    let summary = progress.with_pace(&clients.eks, look).await?;
    drop(progress);
    serde_json::to_value(summary).map_err(|error| Failure::new(error.to_string()))
}
