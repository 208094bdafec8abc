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

use aws_sdk_eks::types::Nodegroup;
use clap::Args;
use eks_nodegroup_updater::model::id::{NodegroupId, NodegroupPattern};
use eks_nodegroup_updater::model::nodegroup::policy::OPT_IN_TAG;
use eks_nodegroup_updater::model::rules::RuleName;

#[cfg(test)]
pub use self::change::At;
use self::document::{Chosen, Document};
pub use self::wanted::{Argument, MODE};
use self::wanted::{Wanted, sort_out};
use super::selection::{SELECTED, Selection};
use crate::aws::account::{Account, Places};
use crate::aws::caller::Caller;
use crate::aws::nodegroups::no_such_nodegroup;
use crate::aws::place::{Answers, Place, everywhere};
use crate::aws::unread::Unread;
use crate::confirm::confirm;
use crate::failure::{Exit, Failure};
use crate::interrupted::interrupted;
use terminal::output::{Output, say};
use terminal::page::Page;
use terminal::text::count;

/// Keep node groups current: writes the tag ami-update=auto
#[derive(Args)]
pub struct OptIn {
    /// The node groups, as CLUSTER/NODEGROUP; * matches any characters except the slash, as in prod/*
    #[arg(value_name = "NODEGROUP", required_unless_present_any = SELECTED)]
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
    #[arg(value_name = "NODEGROUP", required_unless_present_any = SELECTED)]
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
    #[command(flatten)]
    selection: Selection,
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
        let (nodegroups, wanted) = sort_out(self.arguments, &self.writing.selection)?;
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
        let mut interrupted = pin!(interrupted());
        let look = async {
            let document = self.changes(patterns, wanted, account).await?;
            let goes_on = self.ask(&document, output).await?;
            Ok::<_, Failure>((document, goes_on))
        };
        let (mut document, goes_on) = tokio::select! {
            looked = look => looked?,
            () = &mut interrupted => {
                say("Nothing was changed.");
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
            write::write(&mut document.changes, interrupted).await
        };
        document.say_failures();
        output.print(&document, |page| document.draw_results(page))?;
        Ok(if is_interrupted { Exit::Interrupted } else { document.exit() })
    }

    /// The changes of the selected node groups.
    async fn changes(
        &self,
        patterns: &[NodegroupPattern],
        wanted: &Wanted,
        account: &Account,
    ) -> Result<Document, Failure> {
        let Places { places, mut unread } = account.places().await?;
        Caller::introduce_all(&places).await?;
        let first = places.first().cloned();
        let answers = everywhere(places, async |place| self.choose(patterns, account, place).await).await?;
        let Answers { answers: chosen, unread: missing, .. } = answers.gathered();
        unread.extend(missing);
        // What could not be listed might have the node group.
        if let (Some(place), true) = (first, unread.is_empty()) {
            let names = || chosen.iter().flat_map(|chosen| &chosen.described).map(|described| &described.name);
            for pattern in patterns {
                if self.selection.is_empty() && !names().any(|name| pattern.matches(name)) {
                    return Err(no_such_nodegroup(&place, pattern).await);
                }
            }
        }
        let mut document = Document::of(chosen, wanted)?;
        document.errors = unread;
        Ok(document)
    }

    /// The selected node groups of a place.
    async fn choose(
        &self,
        patterns: &[NodegroupPattern],
        account: &Account,
        place: &Place,
    ) -> Result<(Chosen, Vec<Unread>), Failure> {
        let (described, unread) = self.selection.described(place, patterns, account.stack.as_deref()).await?;
        let account = described.iter().find_map(|it| account_in(it.description.as_ref().ok()?)).unwrap_or_default();
        Ok((Chosen { place: place.clone(), account, described }, unread))
    }

    /// Shows the preview, and asks for confirmation.
    async fn ask(&self, document: &Document, output: Output) -> Result<bool, Failure> {
        let number = document.waiting().count();
        let asks = number > 0 && !self.dry_run && !self.yes;
        if output != Output::Json {
            output.print(document, |page| document.draw_changes(page))?;
        } else if asks {
            // The document is printed at the end, but the question needs the preview.
            let mut page = Page::here();
            document.draw_changes(&mut page);
            page.say();
        }
        document.say_warnings();
        confirm(&format!("Write these tags on {}?", count(number, "node group")), !asks).await
    }
}

/// The account in a node group's ARN.
fn account_in(nodegroup: &Nodegroup) -> Option<String> {
    NodegroupId::from_arn(nodegroup.nodegroup_arn()?).map(|id| id.account().to_owned())
}
