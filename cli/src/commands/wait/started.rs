//! `run start --wait`: until the updates that a run started have ended.

use std::future::ready;

use serde::Serialize;
use tokio::time::Instant;

use super::Waiting;
use super::item::{Item, Subject};
use super::question::{For, Known, Question};
use super::report::Report;
use super::updates::Update;
use super::waiting::End;
use crate::aws::account::Account;
use crate::aws::answer::StartAnswer;
use crate::aws::looks::Watched;
use crate::aws::place::Place;
use crate::aws::unread::Unread;
use crate::commands::run::{Ran, with_warnings};
use crate::commands::selection::Selection;
use crate::failure::{Exit, Failure};
use crate::interrupted::interrupted;
use terminal::output::{Output, say};

/// What a run did, and how its updates ended.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    #[serde(flatten)]
    ran: &'a Ran<'a, StartAnswer>,
    /// Each update that EKS accepted.
    updates: &'a [Item],
    /// Whether the time was over.
    timed_out: bool,
    /// What could not be read while waiting.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    unread: &'a [Unread],
}

/// A run of `start` whose updates are waited for.
pub struct Started<'a> {
    /// The command line.
    pub account: &'a Account,
    /// Where it ran.
    pub place: Place,
    /// Until when to wait.
    pub deadline: Option<Instant>,
}

impl Started<'_> {
    /// Prints what the run did, waits until the updates that EKS accepted have ended, and prints how each did.
    ///
    /// # Errors
    /// When stdout is closed.
    pub async fn show(self, ran: &Ran<'_, StartAnswer>, output: Output) -> Result<Exit, Failure> {
        match output {
            Output::Table => drop(ran.show(output)?),
            // The document is printed at the end.
            Output::Json => drop(with_warnings(ran.answer.throttled, &ran.answer.errors)),
        }
        let known = Known::started(&self.place, accepted(&self.place, ran));
        let (end, known) = self.wait(known).await?;
        let report = Report::of(For::Ended, &known, end);
        match output {
            Output::Table => {
                output.print(&report, |page| {
                    page.line("");
                    report.draw(page);
                })?;
            }
            Output::Json => {
                let (timed_out, updates, unread) = (end == End::Time, report.nodegroups.as_slice(), report.unread());
                output.print(&Document { ran, updates, timed_out, unread }, |_| {})?;
            }
        }
        if end == End::Interrupted {
            say(format!(
                "Interrupted. The updates continue; see them: eks-nodegroup-updater status{}",
                self.place.options
            ));
        }
        Ok(report.tell(self.account.timeout))
    }

    async fn wait(&self, known: Known) -> Result<(End, Known), Failure> {
        let is_over = known.is_over(For::Ended);
        let selection = Selection::default();
        let mut waiting = Waiting {
            question: Question { until: For::Ended, patterns: &[], selection: &selection, stack: None },
            known,
            every: For::Ended.every(),
            is_verbose: self.account.verbose,
            watched: Watched::new(self.account, vec![self.place.clone()], Vec::new(), None),
        };
        let end = tokio::select! {
            biased;
            () = ready(()), if is_over => End::Over,
            end = waiting.run(self.deadline) => end?,
            () = interrupted() => End::Interrupted,
        };
        Ok((end, waiting.known))
    }
}
/// The updates that EKS accepted.
fn accepted(place: &Place, ran: &Ran<'_, StartAnswer>) -> Vec<Item> {
    let started = ran.answer.decisions.iter().filter(|line| line.update_id.is_some());
    let item = started.filter_map(|line| {
        let name = line.nodegroup.parse().ok()?;
        let update = Subject::Update(Update::started(&name, line));
        Some(Item::new(place, name, update).in_account(Some(ran.account)))
    });
    item.collect()
}
