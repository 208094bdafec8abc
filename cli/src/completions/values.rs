//! Which arguments have candidates of which kind: derived from the type of their values. Only profiles and regions are plain text, and
//! derived from the argument's name.

use std::any::TypeId;
use std::ffi::OsStr;
use std::sync::Arc;

use clap::{Arg, Command};
use clap_complete::{ArgValueCompleter, CompletionCandidate};
use eks_nodegroup_updater::model::decision::DecisionKind;
use eks_nodegroup_updater::model::id::{NodegroupName, NodegroupPattern};
use eks_nodegroup_updater::model::nodegroup::policy::OptInValue;
use eks_nodegroup_updater::model::rules::RuleName;

use super::{names, profiles};
use crate::aws::account::Account;
use crate::commands::selection::decisions;
use crate::commands::tags::{Argument, MODE};

/// The command, whose arguments have candidates: those of node groups from this account, if the line selects one.
pub fn with_candidates(command: Command, account: Option<&Arc<Account>>) -> Command {
    let command = command.mut_args(|arg| match completer(&arg, account) {
        Some(completer) => arg.add(completer),
        None => arg,
    });
    command.mut_subcommands(|command| with_candidates(command, account))
}

fn completer(arg: &Arg, account: Option<&Arc<Account>>) -> Option<ArgValueCompleter> {
    let values = arg.get_value_parser().type_id();
    let account = account.cloned();
    if values == TypeId::of::<NodegroupName>() {
        Some(listing(move |begun| names::nodegroups(account.as_deref(), begun)))
    } else if values == TypeId::of::<NodegroupPattern>() {
        Some(listing(move |begun| names::patterns(account.as_deref(), begun)))
    } else if values == TypeId::of::<Argument>() {
        Some(listing(move |begun| match rules(begun) {
            rules if begun.contains('=') => rules,
            rules => [names::patterns(account.as_deref(), begun), rules].concat(),
        }))
    } else if values == TypeId::of::<DecisionKind>() {
        Some(listing(|_| decisions().map(str::to_owned).collect()))
    } else if arg.get_id() == "profile" {
        Some(listing(|_| profiles::profiles()))
    } else if arg.get_id() == "region" {
        Some(listing(|_| profiles::regions()))
    } else {
        None
    }
}

/// Completes from a list, as far as its candidates begin as the typed word.
fn listing(list: impl Fn(&str) -> Vec<String> + Send + Sync + 'static) -> ArgValueCompleter {
    ArgValueCompleter::new(move |begun: &OsStr| {
        let begun = begun.to_string_lossy();
        let mut candidates = list(&begun);
        candidates.retain(|candidate| candidate.starts_with(&*begun));
        candidates.into_iter().map(CompletionCandidate::new).collect()
    })
}

/// The rules as `RULE=`; or the values of a rule that are words, as `RULE=VALUE`.
fn rules(begun: &str) -> Vec<String> {
    let Some((name, _)) = begun.split_once('=') else {
        return RuleName::names().chain([MODE]).map(|name| format!("{name}=")).collect();
    };
    let words = match name {
        MODE => OptInValue::WORDS,
        name => RuleName::find(name).map_or(&[][..], |rule| rule.row().words),
    };
    words.iter().map(|word| format!("{name}={word}")).collect()
}
