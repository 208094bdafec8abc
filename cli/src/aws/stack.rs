//! The updater's stack on an account: found by its outputs, and its functions.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_cloudformation::error::ProvideErrorMetadata as _;
use aws_sdk_cloudformation::types::Stack;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use eks_nodegroup_updater::aws::describe;
use eks_nodegroup_updater::aws::endpoints::{self, Service};
use eks_nodegroup_updater::run::READ_ONLY_ALIAS;
use serde_json::Value;

use crate::aws::region;
use crate::failure::{Failure, is_want_of_rights};
use terminal::progress::Progress;

/// The name that `sam deploy` proposes.
const USUAL_NAME: &str = "eks-nodegroup-updater";
/// The maximum run time of a function, and a bit more.
pub const LONGEST_RUN: Duration = Duration::from_secs(15 * 60 + 30);

/// A deployed stack.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// Its name.
    pub stack: String,
    /// Its region.
    pub region: String,
    /// Its account.
    pub account: String,
    /// Its status, such as `UPDATE_COMPLETE`.
    pub status: String,
    /// Its function `start`.
    pub start: String,
    /// Its function `check`.
    pub check: String,
    /// Its table.
    pub table: String,
    /// All its outputs.
    pub outputs: BTreeMap<String, String>,
}

/// Which function to invoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// `start`, through its read-only alias.
    StartReadOnly,
    /// `start`.
    Start,
    /// `check`.
    Check,
}

impl Deployment {
    /// Finds the stack of this name; or the only one of the region that has the updater's outputs.
    ///
    /// # Errors
    /// When CloudFormation cannot be asked, there is none of this name, or there are several without a name.
    pub async fn find(configuration: &SdkConfig, name: Option<&str>) -> Result<Option<Self>, Failure> {
        let client = aws_sdk_cloudformation::Client::new(&endpoints::of(configuration, Service::CloudFormation));
        let here = region(configuration);
        if let Some(name) = name {
            let stack = named(&client, name).await?;
            let stack = stack.ok_or_else(|| Failure::not_deployed(format!("there is no stack {name} in {here}")))?;
            let deployment = Self::read(&stack, here);
            let other = || {
                Failure::new(format!(
                    "the stack {name} in {here} is not the updater's: the updater's outputs are \
                                         missing"
                ))
            };
            return deployment.ok_or_else(other).map(Some);
        }
        let stacks: Result<Vec<Stack>, _> = client.describe_stacks().into_paginator().items().send().collect().await;
        let stacks = match stacks {
            Ok(stacks) => stacks,
            // A caller who is not allowed to list all stacks might still be allowed to read this one.
            Err(error) if error.code().is_some_and(is_want_of_rights) => {
                named(&client, USUAL_NAME).await?.into_iter().collect()
            }
            Err(error) => return Err(Failure::of_call(&format!("looking for the stack in {here}"), &error)),
        };
        let mut found = stacks.iter().filter_map(|stack| Self::read(stack, here));
        let first = found.next();
        let others: Vec<String> = found.map(|other| other.stack).collect();
        match first {
            Some(first) if !others.is_empty() => {
                let names = [vec![first.stack], others].concat().join(", ");
                let message = format!("{here} has several stacks of the updater: {names}");
                Err(Failure::usage(message).hint("Choose one with --stack."))
            }
            first => Ok(first),
        }
    }

    /// The same, for a command that needs one.
    ///
    /// # Errors
    /// The same, and when there is none.
    pub async fn required(configuration: &SdkConfig, name: Option<&str>) -> Result<Self, Failure> {
        let here = region(configuration);
        Self::find(configuration, name).await?.ok_or_else(|| {
            Failure::not_deployed(format!("the updater is not deployed in {here}"))
                .hint("Look in another region with --region, name the stack with --stack, or deploy it: sam build && sam deploy --guided")
        })
    }

    fn read(stack: &Stack, region: &str) -> Option<Self> {
        let outputs: BTreeMap<String, String> = stack
            .outputs()
            .iter()
            .filter_map(|output| Some((output.output_key()?.to_owned(), output.output_value()?.to_owned())))
            .collect();
        let output = |name: &str| outputs.get(name).cloned();
        Some(Self {
            stack: stack.stack_name()?.to_owned(),
            region: region.to_owned(),
            account: stack.stack_id()?.split(':').nth(4)?.to_owned(),
            status: stack.stack_status().map_or_else(String::new, |status| status.as_str().to_owned()),
            start: output("StartFunctionName")?,
            check: output("CheckFunctionName")?,
            table: output("UpdatesTableName")?,
            outputs,
        })
    }

    /// An output that an older stack might not have.
    ///
    /// # Errors
    /// When it does not have it.
    pub fn output(&self, name: &str) -> Result<&str, Failure> {
        let missing = || {
            Failure::new(format!("the stack {} has no output {name}: it is older than this command line", self.stack))
                .hint("Deploy the version of this command line.")
        };
        self.outputs.get(name).map(String::as_str).ok_or_else(missing)
    }

    /// Invokes a function, and waits for its answer.
    ///
    /// # Errors
    /// When it cannot be invoked, or fails.
    pub async fn invoke(&self, configuration: &SdkConfig, function: Function, event: &Value) -> Result<Value, Failure> {
        let time_out = TimeoutConfig::builder().operation_timeout(LONGEST_RUN).operation_attempt_timeout(LONGEST_RUN);
        let lambda = aws_sdk_lambda::config::Builder::from(&*endpoints::of(configuration, Service::Lambda))
            // A second attempt would be a second run.
            .retry_config(RetryConfig::standard().with_max_attempts(1))
            .timeout_config(time_out.read_timeout(LONGEST_RUN).build());
        let lambda = aws_sdk_lambda::Client::from_conf(lambda.build());
        let (name, qualifier) = match function {
            Function::StartReadOnly => (&self.start, Some(READ_ONLY_ALIAS.to_owned())),
            Function::Start => (&self.start, None),
            Function::Check => (&self.check, None),
        };
        let invocation = lambda
            .invoke()
            .function_name(name)
            .set_qualifier(qualifier)
            .invocation_type(InvocationType::RequestResponse)
            .payload(Blob::new(event.to_string()));
        let progress = Progress::of(format!("{name} runs"));
        let answer = invocation.send().await;
        drop(progress);
        let answer = answer.map_err(|error| match error.code() {
            Some("ResourceNotFoundException") if function == Function::StartReadOnly => {
                let words = describe(&error);
                self.is_older(&format!("the function {name} has no alias {READ_ONLY_ALIAS}: {words}"))
            }
            _ => Failure::of_call(&format!("invoking {name}"), &error),
        })?;
        let payload = answer.payload().map(|payload| payload.as_ref()).unwrap_or_default();
        let value: Value = serde_json::from_slice(payload)
            .map_err(|error| Failure::new(format!("{name} returned invalid JSON: {error}")))?;
        if answer.function_error().is_none() {
            return Ok(value);
        }
        Err(self.failed(name, &value))
    }

    /// Why a run failed, from the function's error.
    fn failed(&self, name: &str, error: &Value) -> Failure {
        let text = |field: &str| error.get(field).and_then(Value::as_str).unwrap_or_default();
        let message = text("errorMessage");
        if message.contains("unknown field") {
            return self.is_older(&format!("{name} does not understand this command line: {message}"));
        }
        let failure = Failure::new(format!("the run of {name} failed: {message}"));
        match text("errorType") {
            "Function.ResponseSizeTooLarge" => {
                failure.hint("The answer is larger than Lambda allows: there are too many node groups for one answer.")
            }
            _ => failure,
        }
    }

    fn is_older(&self, message: &str) -> Failure {
        let version = env!("CARGO_PKG_VERSION");
        Failure::new(message)
            .lasting()
            .hint(format!("The stack {} is older than this command line ({version}): deploy this version.", self.stack))
    }
}

async fn named(client: &aws_sdk_cloudformation::Client, name: &str) -> Result<Option<Stack>, Failure> {
    match client.describe_stacks().stack_name(name).send().await {
        Ok(answer) => Ok(answer.stacks.unwrap_or_default().into_iter().next()),
        Err(error) if error.message().is_some_and(|message| message.contains("does not exist")) => Ok(None),
        Err(error) => Err(Failure::of_call(&format!("looking for the stack {name}"), &error)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::fixture;

    #[test]
    fn a_function_that_is_older_than_the_command_line_is_to_be_deployed_anew() {
        let error = json!({"errorType": "RunFailed", "errorMessage": "the event is invalid: unknown field `explain`"});
        let expected = format!(
            "error: start does not understand this command line: the event is invalid: unknown field `explain`\n\n\
             The stack eks-nodegroup-updater is older than this command line ({}): deploy this version.",
            env!("CARGO_PKG_VERSION")
        );
        assert_eq!(fixture::deployment().failed("start", &error).to_string(), expected);
    }

    #[test]
    fn a_stack_without_an_output_that_is_needed_is_to_be_deployed_anew() {
        let failure = fixture::deployment().output("StopSwitchName").unwrap_err().to_string();
        let expected =
            "error: the stack eks-nodegroup-updater has no output StopSwitchName: it is older than this command line";
        assert!(failure.starts_with(expected), "{failure}");
    }

    #[test]
    fn a_run_that_fails_is_answered_with_its_reason() {
        let error = json!({"errorType": "RunFailed", "errorMessage": "no release could be read"});
        let failure = fixture::deployment().failed("start", &error).to_string();
        assert_eq!(failure, "error: the run of start failed: no release could be read");
    }
}
