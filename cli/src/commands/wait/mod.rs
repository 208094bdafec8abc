//! `wait`: until updates have ended, or until node groups are current.
//!
//! | module | content |
//! |---|---|
//! | `question.rs` | what is waited for in each place, and what is known of it |
//! | `item.rs` | a node group that is waited for |
//! | `updates.rs`, `decisions.rs` | a look at updates, and one at decisions |
//! | `waiting.rs` | looking until it is over, or the time is |
//! | `live.rs` | what is shown meanwhile |
//! | `report.rs` | how it ended |
//! | `started.rs` | waiting for the updates of a run |

mod decisions;
mod item;
mod live;
mod question;
mod report;
pub mod started;
mod updates;
mod waiting;

use std::time::Duration;

use clap::Args;
use eks_nodegroup_updater::model::id::NodegroupPattern;
use jiff::SignedDuration;
use tokio::time::Instant;

use self::live::Live;
use self::question::{For, Known, Question};
use self::report::Report;
use self::waiting::{End, look_until};
use super::selection::{SELECTED, Selection};
use crate::aws::account::Account;
use crate::aws::looks::{Rhythm, SHORTEST, Watched};
use crate::failure::{Exit, Failure};
use terminal::output::Output;

/// Wait until no update of node groups is in progress, or until they are current
///
/// Exits with 1 if an update failed or was cancelled, if a node group was deleted, or when --timeout is over. With --for current,
/// also as soon as a node group needs a person. Throttling, a lost network and expired credentials do not end it: sign in again in
/// another terminal. It polls less often than requested if the account's rate of EKS calls requires it.
#[derive(Args)]
pub struct Wait {
    /// The node groups, as CLUSTER/NODEGROUP; * matches any characters except the slash, as in prod/*
    #[arg(value_name = "NODEGROUP", required_unless_present_any = SELECTED)]
    nodegroups: Vec<NodegroupPattern>,
    /// What to wait for
    #[arg(long = "for", value_enum, value_name = "STATE", default_value_t = For::Ended)]
    until: For,
    /// Poll this often, at least 5s. Default: 15s for ended, 60s for current
    #[arg(long, value_name = "DURATION", value_parser = every)]
    every: Option<Duration>,
    #[command(flatten)]
    selection: Selection,
}

fn every(text: &str) -> Result<Duration, String> {
    let every = text.parse::<SignedDuration>().ok().and_then(|every| Duration::try_from(every).ok());
    every
        .filter(|every| *every >= SHORTEST)
        .ok_or_else(|| "expected a duration such as 30s, and at least 5s".to_owned())
}

impl For {
    /// How often to look, unless another time is wanted.
    pub fn every(self) -> Duration {
        match self {
            Self::Ended => Duration::from_secs(15),
            Self::Current => Duration::from_secs(60),
        }
    }
}

impl Wait {
    /// Waits, and prints how it ended.
    ///
    /// # Errors
    /// When there is no such node group, or nothing can be read for a reason that lasts.
    pub async fn run(self, account: &Account, output: Output) -> Result<Exit, Failure> {
        let deadline = account.timeout.map(|limit| Instant::now() + limit);
        let watched = Watched::of(account, None).await?;
        let question = Question {
            until: self.until,
            patterns: &self.nodegroups,
            selection: &self.selection,
            stack: account.stack.as_deref(),
        };
        let known = Known::new(watched.unread.clone());
        let mut waiting = Waiting {
            watched,
            question,
            known,
            every: self.every.unwrap_or_else(|| self.until.every()),
            is_verbose: account.verbose,
        };
        let end = waiting.run(deadline).await?;
        if let Some(failure) = waiting.known.only_failure() {
            return Err(failure.clone());
        }
        let report = Report::of(self.until, &waiting.known, end);
        output.print(&report, |page| report.draw(page))?;
        Ok(report.tell(account.timeout))
    }
}

/// A command that waits.
struct Waiting<'a> {
    watched: Watched<'a>,
    question: Question<'a>,
    known: Known,
    /// How often to look.
    every: Duration,
    is_verbose: bool,
}

impl Waiting<'_> {
    /// Looks until it is over or the time is, and shows who is left.
    ///
    /// # Errors
    /// When there is no such node group.
    async fn run(&mut self, deadline: Option<Instant>) -> Result<End, Failure> {
        let Self { watched, question, known, every, is_verbose } = self;
        let (mut live, mut error) = (Live::new(*is_verbose), None);
        let end = look_until(deadline, async || {
            let seen = watched.look(async |place| question.look(place, known.of(place)).await).await;
            known.take(seen);
            if let Err(failure) = known.check(question).await {
                error = Some(failure);
                return None;
            }
            let rhythm = Rhythm::of(*every, known.costs());
            let is_over = known.is_over(question.until);
            live.show(known, (!is_over).then_some(rhythm));
            (!is_over).then_some(rhythm.every)
        });
        let end = end.await;
        live.clear();
        match error {
            Some(failure) => Err(failure),
            None => Ok(end),
        }
    }
}
