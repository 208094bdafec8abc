//! What a deployment of `template.yaml` would add to the fleet: the functions, their SSM parameters, and the stack by which a
//! client finds them.

use std::rc::Rc;

use anyhow::Context as _;
use eks_nodegroup_updater::model::id::scope::Scope;
use eks_nodegroup_updater::model::settings::setting::Setting;
use eks_nodegroup_updater::run::{READ_ONLY_ALIAS, Run};
use eks_nodegroup_updater::summary::failed;
use serde::Serialize;
use serde_json::Value;
use simulated_aws::{Function, FunctionError, Invocation, Stack, World};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{LocalSet, spawn_local};

use crate::fleet;
use crate::functions::{Functions, RING_SOAK, TIME_OUT, resources};
use crate::template::{SsmParameters, template};

/// The stack's name.
pub const STACK: &str = "eks-nodegroup-updater";
const START: &str = "eks-nodegroup-updater-start";
const CHECK: &str = "eks-nodegroup-updater-check";
const PARAMETERS: SsmParameters = SsmParameters {
    settings: "/eks-nodegroup-updater/settings",
    stop_switch: "/eks-nodegroup-updater/stop-switch",
    denied_releases: "/eks-nodegroup-updater/denied-releases",
    change_calendars: "/eks-nodegroup-updater/change-calendars",
};

type Answer = Result<Value, FunctionError>;

/// An invocation, and the channel for its answer.
struct Invoked {
    /// The installation, by its number.
    installation: usize,
    function: &'static str,
    invocation: Invocation,
    answer: oneshot::Sender<Answer>,
}

/// What a deployment made in one region.
struct Installation {
    world: World,
    functions: Functions,
}

/// The deployed functions. They stay on one thread, unlike the server of requests.
pub struct DeployedFunctions {
    endpoint: String,
    installations: Vec<Rc<Installation>>,
    invoke: mpsc::UnboundedSender<Invoked>,
    invoked: mpsc::UnboundedReceiver<Invoked>,
}

impl DeployedFunctions {
    /// None yet, in worlds that are served at this endpoint.
    #[must_use]
    pub fn at(endpoint: &str) -> Self {
        let (invoke, invoked) = mpsc::unbounded_channel();
        Self { endpoint: endpoint.to_owned(), installations: Vec::new(), invoke, invoked }
    }

    /// Deploys to a world. The functions are its clients, and their time is the world's.
    ///
    /// # Errors
    /// When the template has no output that is to be shown here.
    pub async fn deploy(&mut self, world: World, topic_arn: &str) -> anyhow::Result<()> {
        let soak = (Setting::RingSoak.row().parameter, RING_SOAK);
        let mut settings = resources(topic_arn);
        settings.extend(PARAMETERS.put(&world, &[soak]).map(|(name, value)| (name, value.to_owned())));
        let functions = Functions::in_region(&self.endpoint, &world.region(), &settings).await?;
        let installation = self.installations.len();
        let function = |name| {
            let function = function(installation, name, self.invoke.clone()).timeout(TIME_OUT);
            settings.iter().fold(function, |function, (name, value)| function.environment(name, value))
        };
        world.add_function(function(START).alias(READ_ONLY_ALIAS));
        world.add_function(function(CHECK));
        world.add_stack(stack(topic_arn)?);
        self.installations.push(Rc::new(Installation { world, functions }));
        Ok(())
    }

    /// Runs the functions whenever they are invoked, until nobody can invoke them anymore.
    pub async fn run(self) {
        let Self { installations, mut invoked, .. } = self;
        let runs = LocalSet::new();
        let start_runs = async {
            while let Some(Invoked { installation, function, invocation, answer }) = invoked.recv().await {
                let Some(installation) = installations.get(installation).map(Rc::clone) else { continue };
                spawn_local(async move {
                    // The caller might be gone.
                    let _ = answer.send(run(&installation, function, &invocation).await);
                });
            }
        };
        runs.run_until(start_runs).await;
    }
}

/// The Lambda function of this name.
fn function(installation: usize, name: &'static str, invoke: mpsc::UnboundedSender<Invoked>) -> Function {
    Function::new(name, move |invocation| {
        let (answer, answered) = oneshot::channel();
        let sent = invoke.send(Invoked { installation, function: name, invocation, answer });
        async move {
            let ended = || FunctionError {
                error_type: "Runtime.ExitError".to_owned(),
                error_message: "The function ended without an answer".to_owned(),
            };
            sent.map_err(|_| ended())?;
            answered.await.unwrap_or_else(|_| Err(ended()))
        }
    })
}

async fn run(installation: &Installation, function: &str, invocation: &Invocation) -> Answer {
    let Installation { world, functions } = installation;
    let Invocation { function_arn, request_id, payload } = invocation;
    let read_only = function_arn.ends_with(&format!(":{READ_ONLY_ALIAS}"));
    let scope = Scope::of_function(function_arn);
    let run = Run { read_only, scope, ..Run::new(request_id, world.now(), TIME_OUT) };
    match function {
        START => answer(functions.start(payload, run).await.and_then(|summary| summary.into_response())),
        _ => answer(functions.check(payload, run).await.and_then(|summary| summary.into_response())),
    }
}

/// Answers like the functions' binaries.
fn answer(summary: anyhow::Result<impl Serialize>) -> Answer {
    let summary = summary.and_then(|summary| serde_json::to_value(summary).context("writing the summary"));
    summary.map_err(|error| {
        let failed = failed(error);
        FunctionError { error_type: failed.error_type, error_message: failed.error_message }
    })
}

/// The outputs that name something which exists here, as the template describes them.
fn stack(topic_arn: &str) -> anyhow::Result<Stack> {
    let template = template();
    let description = template["Description"].as_str().context("template.yaml has no description")?;
    let outputs = [
        ("StartFunctionName", START),
        ("CheckFunctionName", CHECK),
        ("UpdatesTableName", fleet::TABLE),
        ("NotificationTopicArn", topic_arn),
        ("SettingsName", PARAMETERS.settings),
        ("StopSwitchName", PARAMETERS.stop_switch),
        ("DeniedReleasesListName", PARAMETERS.denied_releases),
        ("ChangeCalendarsListName", PARAMETERS.change_calendars),
    ];
    outputs.into_iter().try_fold(Stack::new(STACK).description(description), |stack, (key, value)| {
        let description = template["Outputs"][key]["Description"].as_str();
        let description = description.with_context(|| format!("template.yaml has no output {key}"))?;
        Ok(stack.output(key, value, description))
    })
}
