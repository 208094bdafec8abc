//! `run start` and `run check`: the deployed functions, at once instead of by their schedules.

use clap::{Args, Subcommand};
use eks_nodegroup_updater::model::problem::ErrorLine;
use eks_nodegroup_updater::summary::Throttled;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::listing::{Located, draw_decisions};
use super::wait::started::Started;
use crate::aws::account::Account;
use crate::aws::answer::{CheckAnswer, StartAnswer, read};
use crate::aws::place::Place;
use crate::aws::stack::{Deployment, Function};
use crate::failure::{Exit, Failure};
use crate::interrupted::interrupted;
use terminal::kind::Kind;
use terminal::output::{Output, say};
use terminal::page::Page;
use terminal::table::{Cell, Rows};
use terminal::text::count;

/// Run a deployed function now, instead of waiting for its schedule
#[derive(Args)]
pub struct RunCommand {
    #[command(subcommand)]
    function: Which,
}

#[derive(Clone, Copy, Subcommand)]
enum Which {
    /// Start the updates that are due, under the usual rules
    Start {
        /// Wait until every update that EKS accepted has ended, and exit with 1 if one failed or was cancelled, or when --timeout is
        /// over. The updates continue if the waiting ends before
        #[arg(long)]
        wait: bool,
    },
    /// Check the updates in progress, and publish pending notices
    Check,
}

impl RunCommand {
    /// Invokes the function and prints its summary.
    ///
    /// # Errors
    /// When it is not deployed, or fails.
    pub async fn run(self, account: &Account, output: Output) -> Result<Exit, Failure> {
        let began = Instant::now();
        let (place, deployment, answer) = tokio::select! {
            answer = self.invoke(account) => answer?,
            () = interrupted() => {
                say("Interrupted. A run that has begun continues; see what it starts: eks-nodegroup-updater status");
                return Ok(Exit::Interrupted);
            }
        };
        match self.function {
            Which::Start { wait: false } => show_start(&deployment, read(answer)?, output),
            Which::Start { wait: true } => {
                let deadline = account.timeout.map(|limit| began + limit);
                let started = Started { account, place, deadline };
                started.show(&Ran::of(&deployment, read(answer)?), output).await
            }
            Which::Check => {
                let ran: Ran<'_, CheckAnswer> = Ran::of(&deployment, read(answer)?);
                output.print(&ran, |page| draw_check(page, &ran.answer))?;
                Ok(with_warnings(ran.answer.throttled, &ran.answer.errors))
            }
        }
    }

    /// Invokes the function. Returns where it ran, and its answer.
    async fn invoke(&self, account: &Account) -> Result<(Place, Deployment, Value), Failure> {
        let (place, caller) = account.to_write().await?;
        let deployment = Deployment::required(&place.configuration, account.stack.as_deref()).await?;
        caller.must_own(&deployment)?;
        let function = match self.function {
            Which::Start { .. } => Function::Start,
            Which::Check => Function::Check,
        };
        let answer = deployment.invoke(&place.configuration, function, &json!({})).await?;
        Ok((place, deployment, answer))
    }
}

/// Prints what a run of `start` did.
///
/// # Errors
/// When stdout is closed.
pub fn show_start(deployment: &Deployment, answer: StartAnswer, output: Output) -> Result<Exit, Failure> {
    Ran::of(deployment, answer).show(output)
}

/// The answer of a run, and where it ran.
#[derive(Serialize)]
pub struct Ran<'a, T> {
    /// The account.
    pub account: &'a str,
    region: &'a str,
    /// The answer.
    #[serde(flatten)]
    pub answer: T,
}

impl<'a, T> Ran<'a, T> {
    fn of(deployment: &'a Deployment, answer: T) -> Self {
        Self { account: &deployment.account, region: &deployment.region, answer }
    }
}

impl Ran<'_, StartAnswer> {
    /// Prints what it did.
    ///
    /// # Errors
    /// When stdout is closed.
    pub fn show(&self, output: Output) -> Result<Exit, Failure> {
        output.print(self, |page| draw_start(page, &self.answer))?;
        Ok(with_warnings(self.answer.throttled, &self.answer.errors))
    }
}

fn draw_start(page: &mut Page, answer: &StartAnswer) {
    let started: Vec<_> = answer.decisions.iter().filter(|line| line.outcome.is_some()).cloned().collect();
    if !started.is_empty() {
        let lines: Vec<Located<'_>> = started.iter().map(|line| Located { place: "", line }).collect();
        draw_decisions(page, &lines, false);
        page.line("");
    }
    let accepted = started.iter().filter(|line| line.update_id.is_some()).count();
    let others = answer.decisions.len() - started.len();
    let refused = started.len() - accepted;
    let refused = if refused > 0 { format!(", {refused} not accepted") } else { String::new() };
    page.paragraph(&format!("Run of start: {} started{refused}; {others} unchanged.", count(accepted, "update")));
}

/// Prints the errors of a run that did not fail as a whole.
pub fn with_warnings(throttled: Option<Throttled>, errors: &[ErrorLine]) -> Exit {
    throttled.iter().for_each(|throttled| say(format!("warning: {throttled}")));
    errors.iter().for_each(|error| say(format!("warning: {error}")));
    Exit::Done
}

fn draw_check(page: &mut Page, answer: &CheckAnswer) {
    if !answer.updates.is_empty() {
        let mut rows = Rows::new(["Node group", "To release", "Status", "Update id"]);
        for update in &answer.updates {
            let kind = Kind::of_status(&update.status);
            rows.cells([
                Cell::new(&update.nodegroup),
                Cell::new(&update.release_version),
                Cell::new(format!("{} {}", kind.glyph(), update.status)).style(kind.style()),
                Cell::new(update.update_id.as_deref().unwrap_or_default()),
            ]);
        }
        page.rows(&rows);
        page.line("");
    }
    let (open, published) = (answer.updates.len(), answer.published.len());
    page.paragraph(&format!(
        "Run of check: {} checked, {} and {} published.",
        count(open, "update"),
        count(published, "message"),
        count(answer.events, "event")
    ));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::answer::looking;
    use crate::fixture::{after, every_output};

    #[tokio::test]
    async fn what_a_run_of_start_did() {
        let answer = after(1, &looking()).await.started;
        insta::assert_snapshot!(every_output(&answer, |page| draw_start(page, &answer)));
    }

    #[tokio::test]
    async fn what_a_run_of_check_did() {
        let answer = after(1, &looking()).await.checked;
        insta::assert_snapshot!(every_output(&answer, |page| draw_check(page, &answer)));
    }
}
