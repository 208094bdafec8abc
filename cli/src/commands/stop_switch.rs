//! `pause` and `resume`: the stop switch, an SSM parameter that every run of `start` reads.

use clap::Args;
use eks_nodegroup_updater::aws::endpoints::{self, Service};
use serde::Serialize;

use crate::aws::account::Account;
use crate::aws::stack::Deployment;
use crate::confirm::confirm;
use crate::failure::{Exit, Failure};
use terminal::output::Output;
use terminal::page::Page;

/// Stop all updates from starting; those in progress continue
#[derive(Args)]
pub struct Pause {
    /// Do not ask for confirmation
    #[arg(long, short)]
    yes: bool,
}

/// Allow updates to start again, under the usual rules
#[derive(Args)]
pub struct Resume {
    /// Do not ask for confirmation
    #[arg(long, short)]
    yes: bool,
}

/// The result for the stop switch.
#[derive(Serialize)]
struct Switched<'a> {
    account: &'a str,
    region: &'a str,
    stack: &'a str,
    parameter: &'a str,
    before: String,
    value: &'static str,
    /// The options for the commands in hints.
    #[serde(skip)]
    options: &'a str,
}

impl Pause {
    /// Sets the stop switch to `stopped`.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub async fn run(self, account: &Account, output: Output) -> Result<Exit, Failure> {
        switch(account, output, "stopped", self.yes).await
    }
}

impl Resume {
    /// Sets the stop switch to `running`.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub async fn run(self, account: &Account, output: Output) -> Result<Exit, Failure> {
        switch(account, output, "running", self.yes).await
    }
}

async fn switch(account: &Account, output: Output, value: &'static str, yes: bool) -> Result<Exit, Failure> {
    let (place, caller) = account.to_write().await?;
    let configuration = &place.configuration;
    let deployment = Deployment::required(configuration, account.stack.as_deref()).await?;
    caller.must_own(&deployment)?;
    let (stack, parameter) = (deployment.stack.as_str(), deployment.output("StopSwitchName")?);
    let ssm = aws_sdk_ssm::Client::new(&endpoints::of(configuration, Service::Ssm));
    let read = ssm.get_parameter().name(parameter).send().await;
    let read = read.map_err(|error| Failure::of_call(&format!("reading the stop switch {parameter}"), &error))?;
    let before = read.parameter.and_then(|parameter| parameter.value).unwrap_or_default();
    if before != value {
        let question = match value {
            "stopped" => format!("Stop all updates of the stack {stack} from starting?"),
            _ => format!("Allow updates of the stack {stack} to start again?"),
        };
        if !confirm(&question, yes).await? {
            return Ok(Exit::Done);
        }
        let write = ssm.put_parameter().name(parameter).value(value).overwrite(true).send().await;
        write.map_err(|error| Failure::of_call(&format!("writing the stop switch {parameter}"), &error))?;
    }
    let Deployment { account, region, .. } = &deployment;
    let switched = Switched { account, region, stack, parameter, before, value, options: &place.options };
    output.print(&switched, |page| switched.draw(page))?;
    Ok(Exit::Done)
}

impl Switched<'_> {
    fn draw(&self, page: &mut Page) {
        let Self { parameter, before, value, options, .. } = self;
        let was = if before == value { ", as before".to_owned() } else { format!("; it was {before}") };
        page.paragraph(&format!("The stop switch {parameter} is set to {value}{was}."));
        match *value {
            "stopped" => page.note(&format!(
                "Updates in progress continue. To allow updates to start again: eks-nodegroup-updater resume{options}"
            )),
            _ => page.note(&format!(
                "The next run starts the updates that are due; to start them now: eks-nodegroup-updater run start{options}"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::every_output;

    fn switched(before: &str, value: &'static str) -> String {
        let (stack, parameter) = ("eks-nodegroup-updater", "/eks-nodegroup-updater/stop-switch");
        let (account, region) = ("123456789012", "eu-central-1");
        let switched = Switched { account, region, stack, parameter, before: before.to_owned(), value, options: "" };
        every_output(&switched, |page| switched.draw(page))
    }

    #[test]
    fn updates_are_stopped() {
        insta::assert_snapshot!(switched("running", "stopped"));
    }

    #[test]
    fn updates_start_again() {
        insta::assert_snapshot!(switched("running", "running"));
    }
}
