//! `opt-in`, `opt-out`, `set`: writes the tags that control node groups.
//!
//! | module | content |
//! |---|---|
//! | `wanted.rs` | the desired tags |
//! | `change.rs` | the change of a node group |
//! | `document.rs` | all changes of a command, and how they are shown |
//! | `write.rs` | the writing |

mod change;
mod document;
mod wanted;
mod write;

use std::pin::pin;

use clap::Args;
use eks_nodegroup_updater::aws::endpoints::{self, Service};
use eks_nodegroup_updater::model::id::NodegroupPattern;
use eks_nodegroup_updater::model::nodegroup::policy::OPT_IN_TAG;
use eks_nodegroup_updater::model::rules::RuleName;

use self::document::{Document, select};
use self::wanted::{Argument, Wanted, sort_out};
use crate::aws::account::Account;
use crate::aws::nodegroups;
use crate::aws::region;
use crate::confirm::confirm;
use crate::failure::{Exit, Failure};
use terminal::output::{Output, say};
use terminal::page::Page;
use terminal::progress::Progress;
use terminal::text::count;

/// Keep node groups current: writes the tag ami-update=auto
#[derive(Args)]
pub struct OptIn {
    /// The node groups, as CLUSTER/NODEGROUP; * matches any characters except the slash, as in prod/*
    #[arg(required = true, value_name = "NODEGROUP")]
    nodegroups: Vec<NodegroupPattern>,
    /// Only report newer releases, without updates: writes ami-update=notify
    #[arg(long)]
    notify: bool,
    #[command(flatten)]
    writing: Writing,
}

/// Opt node groups out: writes the tag ami-update=off
///
/// The tag is not removed, because a missing tag is reported as lost.
#[derive(Args)]
pub struct OptOut {
    /// The node groups, as CLUSTER/NODEGROUP; * matches any characters except the slash, as in prod/*
    #[arg(required = true, value_name = "NODEGROUP")]
    nodegroups: Vec<NodegroupPattern>,
    #[command(flatten)]
    writing: Writing,
}

/// Set rules of node groups: writes tags ami-update/RULE=VALUE
#[derive(Args)]
#[command(long_about = about_set(), override_usage = "eks-nodegroup-updater set [OPTIONS] NODEGROUP... RULE=VALUE...")]
pub struct Set {
    /// Node groups, as CLUSTER/NODEGROUP, where * matches any characters except the slash; and rules, in any order
    #[arg(required = true, value_name = "NODEGROUP|RULE=VALUE")]
    arguments: Vec<Argument>,
    #[command(flatten)]
    writing: Writing,
}

fn about_set() -> String {
    let names: Vec<&str> = RuleName::names().collect();
    format!(
        "Set rules of node groups: writes tags ami-update/RULE=VALUE\n\n\
         The rules are {}. RULE= without a value removes the tag, so that the setting of the same name applies again. \
         mode=auto, mode=notify and mode=off write the tag ami-update itself.",
        names.join(", ")
    )
}

/// How tags are written.
#[derive(Args)]
struct Writing {
    /// Write without asking for confirmation
    #[arg(long, short)]
    yes: bool,
    /// Only show what would be written
    #[arg(long)]
    dry_run: bool,
}

impl OptIn {
    /// Writes the tag.
    ///
    /// # Errors
    /// When nothing can be written at all.
    pub async fn run(self, account: &Account, output: Output) -> Result<Exit, Failure> {
        let mode = if self.notify { "notify" } else { "auto" };
        self.writing.run(&self.nodegroups, &mode_is(mode), account, output).await
    }
}

impl OptOut {
    /// Writes the tag.
    ///
    /// # Errors
    /// When nothing can be written at all.
    pub async fn run(self, account: &Account, output: Output) -> Result<Exit, Failure> {
        self.writing.run(&self.nodegroups, &mode_is("off"), account, output).await
    }
}

impl Set {
    /// Writes and removes the tags.
    ///
    /// # Errors
    /// When nothing can be written at all.
    pub async fn run(self, account: &Account, output: Output) -> Result<Exit, Failure> {
        let (nodegroups, wanted) = sort_out(self.arguments)?;
        self.writing.run(&nodegroups, &wanted, account, output).await
    }
}

fn mode_is(mode: &str) -> Wanted {
    [(OPT_IN_TAG.to_owned(), Some(mode.to_owned()))].into()
}

impl Writing {
    /// Reads, shows, asks, writes. Ctrl-C ends it at once before writing starts, and cleanly during writing.
    async fn run(
        &self,
        patterns: &[NodegroupPattern],
        wanted: &Wanted,
        account: &Account,
        output: Output,
    ) -> Result<Exit, Failure> {
        let mut interrupted = pin!(async {
            // Without signals there is no interruption.
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        });
        let look = async {
            let (configuration, _) = account.to_write().await?;
            let all = nodegroups::list(&configuration).await?;
            let names = select(patterns, &all, region(&configuration))?;
            let progress = Progress::over(names.len(), "node groups");
            let described = nodegroups::describe(&configuration, names, &progress).await;
            drop(progress);
            let document = Document::of(region(&configuration), described, wanted)?;
            let goes_on = self.ask(&document, output).await?;
            Ok::<_, Failure>((configuration, document, goes_on))
        };
        let (configuration, mut document, goes_on) = tokio::select! {
            looked = look => looked?,
            () = &mut interrupted => {
                say("\nNothing was changed.");
                return Ok(Exit::Interrupted);
            }
        };
        if !goes_on {
            return Ok(Exit::Done);
        }
        let is_interrupted = if self.dry_run {
            document.skip();
            false
        } else {
            write::write(
                &aws_sdk_eks::Client::new(&endpoints::of(&configuration, Service::Eks)),
                &mut document.changes,
                interrupted,
            )
            .await
        };
        document.say_failures();
        output.print(&document, |page| document.draw_results(page))?;
        Ok(if is_interrupted { Exit::Interrupted } else { document.exit() })
    }

    /// Shows the preview, and asks for confirmation.
    async fn ask(&self, document: &Document, output: Output) -> Result<bool, Failure> {
        let number = document.waiting().count();
        let asks = number > 0 && !self.dry_run && !self.yes;
        match output {
            Output::Table => {
                output.print(document, |page| document.draw_changes(page))?;
            }
            // The document is printed at the end, but the question needs the preview.
            Output::Json if asks => {
                let mut page = Page::here();
                document.draw_changes(&mut page);
                say(page.text.trim_end());
            }
            Output::Json => {}
        }
        document.say_warnings();
        confirm(&format!("Write these tags on {}?", count(number, "node group")), !asks).await
    }
}
