//! A line that somebody types, and its candidates.

use std::ffi::OsString;
use std::sync::Arc;

use clap::builder::ValueParser;
use clap::{ArgMatches, Command, FromArgMatches as _};
use clap_complete::engine::{CompletionCandidate, complete};

use super::values::with_candidates;
use crate::aws::account::Account;

/// Stands at the cursor while the line is split, so that there is a word even if nothing of it is typed.
const CURSOR: char = '\u{e000}';

/// A command up to the cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its words, without quotes; only a beginning of the last is typed.
    pub words: Vec<String>,
    /// Whether the last word has an open quote.
    pub is_quoted: bool,
}

/// What the words of a line say.
#[derive(Default)]
struct Context {
    /// The account that they select.
    account: Option<Arc<Account>>,
    /// Whether their command takes more than options.
    takes_values: bool,
}

impl Line {
    /// Splits a command as shells do, without expanding anything. `None` in a comment.
    pub fn read(text: &str) -> Option<Self> {
        let split = |quote: &str| Some((shlex::split(&format!("{text}{CURSOR}{quote}"))?, !quote.is_empty()));
        let (mut words, is_quoted) = ["", "'", "\""].into_iter().find_map(split)?;
        words.last_mut()?.pop().filter(|last| *last == CURSOR)?;
        Some(Self { words, is_quoted })
    }

    /// The typed part of the last word.
    pub fn begun(&self) -> &str {
        self.words.last().map_or("", String::as_str)
    }

    /// The command, whose arguments have candidates.
    pub fn prepare(&self, command: Command) -> Command {
        let context = self.context(command.clone());
        with_candidates(command, context.account.as_ref())
    }

    /// The candidates for the last word. Options only after a hyphen, unless the command takes nothing else.
    pub fn candidates(&self, command: Command) -> Vec<CompletionCandidate> {
        let context = self.context(command.clone());
        let mut command = with_candidates(command, context.account.as_ref());
        let words: Vec<OsString> = self.words.iter().map(Into::into).collect();
        let last = words.len().saturating_sub(1);
        let mut candidates = complete(&mut command, words, last, None).unwrap_or_default();
        if context.takes_values && !self.begun().starts_with('-') {
            candidates.retain(|candidate| !candidate.get_value().to_string_lossy().starts_with('-'));
        }
        candidates
    }

    /// What the words before the last say, as far as they can be parsed.
    fn context(&self, command: Command) -> Context {
        let mut command = lenient(command).ignore_errors(true).disable_help_flag(true).disable_version_flag(true);
        let before = &self.words[..self.words.len().saturating_sub(1)];
        let Ok(matches) = command.try_get_matches_from_mut(before) else { return Context::default() };
        let innermost = innermost(&command, &matches);
        Context {
            account: Account::from_arg_matches(&matches).ok().map(Arc::new),
            takes_values: innermost.has_subcommands() || innermost.get_positionals().next().is_some(),
        }
    }
}

/// The command, with any text as the value of arguments that are not the account's: a value that is only begun ends the parsing
/// otherwise.
fn lenient(command: Command) -> Command {
    let any = |arg: clap::Arg| match arg.is_global_set() || !arg.get_action().takes_values() {
        true => arg,
        false => arg.value_parser(ValueParser::os_string()),
    };
    command.mut_args(any).mut_subcommands(lenient)
}

/// The subcommand that the words have reached.
fn innermost<'a>(command: &'a Command, matches: &ArgMatches) -> &'a Command {
    let next = matches.subcommand().and_then(|(name, matches)| Some((command.find_subcommand(name)?, matches)));
    next.map_or(command, |(command, matches)| innermost(command, matches))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(Vec<String>, bool)> {
        Line::read(text).map(|line| (line.words, line.is_quoted))
    }

    #[test]
    fn a_line_is_split_as_a_shell_does() {
        for (text, words, is_quoted) in [
            ("x ", &["x", ""][..], false),
            ("x plan", &["x", "plan"], false),
            (r"x opt-in prod/\*", &["x", "opt-in", "prod/*"], false),
            ("x opt-in 'prod/*' de", &["x", "opt-in", "prod/*", "de"], false),
            ("x opt-in 'prod/", &["x", "opt-in", "prod/"], true),
            ("x opt-in \"prod/", &["x", "opt-in", "prod/"], true),
            ("x set 'window=Sat 02:00-06:00 UTC' ring=", &["x", "set", "window=Sat 02:00-06:00 UTC", "ring="], false),
            (r"x a\", &["x", "a"], false),
        ] {
            let words = words.iter().map(ToString::to_string).collect();
            assert_eq!(read(text), Some((words, is_quoted)), "{text}");
        }
        assert_eq!(read("x plan # pla"), None);
    }
}
