//! Answers that several checks need, requested once.

use aws_config::SdkConfig;
use aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationOutput;
use eks_nodegroup_updater::aws::endpoints::{self, Service};
use tokio::sync::OnceCell;

use crate::aws::answer::{StartAnswer, look_of, looking};
use crate::aws::caller::Caller;
use crate::aws::place::Place;
use crate::aws::stack::Deployment;
use crate::failure::Failure;
use terminal::progress::Progress;

use super::NoAnswer;

/// The installation to check.
pub struct Installation<'a> {
    pub place: &'a Place,
    pub configuration: &'a SdkConfig,
    /// The stack, if there is one.
    pub deployment: Option<Deployment>,
    /// The caller, if AWS returned it.
    pub caller: Option<Caller>,
    pub progress: Progress,
    answer: OnceCell<Result<StartAnswer, Failure>>,
    start: OnceCell<Result<GetFunctionConfigurationOutput, NoAnswer>>,
    check: OnceCell<Result<GetFunctionConfigurationOutput, NoAnswer>>,
}

impl<'a> Installation<'a> {
    pub fn new(place: &'a Place, deployment: Option<Deployment>, caller: Option<Caller>) -> Self {
        Self {
            place,
            configuration: &place.configuration,
            deployment,
            caller,
            progress: Progress::over(0, "questions"),
            answer: OnceCell::new(),
            start: OnceCell::new(),
            check: OnceCell::new(),
        }
    }

    /// The dry run of `start`. It covers all node groups, so it takes longest.
    pub async fn answer(&self) -> &Result<StartAnswer, Failure> {
        self.answer.get_or_init(|| async { look_of(self.place, self.deployment.as_ref(), &looking()).await }).await
    }

    /// The settings of `start`, or of `check`.
    pub async fn function(&self, name: &str) -> &Result<GetFunctionConfigurationOutput, NoAnswer> {
        let is_start = self.deployment.as_ref().is_some_and(|deployment| deployment.start == name);
        let cell = if is_start { &self.start } else { &self.check };
        cell.get_or_init(|| async {
            let lambda = aws_sdk_lambda::Client::new(&endpoints::of(self.configuration, Service::Lambda));
            let answer = lambda.get_function_configuration().function_name(name).send().await;
            answer.map_err(|error| NoAnswer::of(&error))
        })
        .await
    }
}

/// The bus for a function's events; `None` without events.
pub fn event_bus(function: &GetFunctionConfigurationOutput) -> Option<&String> {
    let variables = function.environment()?.variables()?;
    variables.get("EVENT_BUS_NAME").filter(|bus| !bus.is_empty())
}
