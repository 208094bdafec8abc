//! How each shell asks, and how it reads the answer.

use clap::Command;
use clap_complete::env::{EnvCompleter, Shells};
use clap_complete::{CompletionCandidate, Shell};

use super::VARIABLE;
use super::line::Line;
use crate::failure::Failure;

/// The program.
const NAME: &str = "eks-nodegroup-updater";

/// Characters of a word that bash leaves as they are.
const PLAIN: &str = "-_./:=@%+,";

/// The script that makes a shell ask.
///
/// # Errors
/// When there is none.
pub fn script(shell: Shell) -> Result<String, Failure> {
    Ok(match shell {
        Shell::Bash => include_str!("script.bash").to_owned(),
        Shell::Zsh => include_str!("script.zsh").to_owned(),
        Shell::Fish => include_str!("script.fish").to_owned(),
        shell => {
            let mut script = Vec::new();
            let written =
                library(shell).map(|library| library.write_registration(VARIABLE, NAME, NAME, NAME, &mut script));
            written.ok_or_else(|| Failure::new(format!("there is no script for {shell}")))?.map_err(Failure::new)?;
            String::from_utf8_lossy(&script).into_owned()
        }
    })
}

/// The candidates, as the shell's script reads them; `words` is what it passes. `None` if it passes something else.
pub fn answer(shell: Shell, words: &[String], command: Command) -> Option<String> {
    match (shell, words) {
        (Shell::Bash, [text, replaced]) => {
            let line = Line::read(text)?;
            Some(each(&line.candidates(command), |candidate| bash(&line, replaced, &value(candidate))))
        }
        (Shell::Zsh, [text]) => Some(each(&Line::read(text)?.candidates(command), zsh)),
        (Shell::Fish, [text]) => Some(each(&Line::read(text)?.candidates(command), fish)),
        (Shell::Bash | Shell::Zsh | Shell::Fish, _) => None,
        (shell, words) => {
            let line = Line { words: words.to_vec(), is_quoted: false };
            let words = words.iter().map(Into::into).collect();
            let mut answer = Vec::new();
            library(shell)?.write_complete(&mut line.prepare(command), words, None, &mut answer).ok()?;
            String::from_utf8(answer).ok()
        }
    }
}

/// How clap_complete asks and answers.
fn library(shell: Shell) -> Option<&'static dyn EnvCompleter> {
    const SHELLS: Shells<'static> = Shells::builtins();
    SHELLS.0.iter().copied().find(|library| library.is(&shell.to_string()))
}

fn each(candidates: &[CompletionCandidate], text: impl Fn(&CompletionCandidate) -> String) -> String {
    candidates.iter().map(|candidate| text(candidate) + "\n").collect()
}

fn value(candidate: &CompletionCandidate) -> String {
    candidate.get_value().to_string_lossy().into_owned()
}

/// The first line of what it is.
fn help(candidate: &CompletionCandidate) -> Option<String> {
    candidate.get_help().and_then(|help| help.to_string().lines().next().map(str::to_owned))
}

/// Bash replaces only what is behind the last colon or equals sign, or behind an open quote. It inserts a candidate as it is.
fn bash(line: &Line, replaced: &str, candidate: &str) -> String {
    let replaced = Line::read(replaced).map_or_else(String::new, |replaced| replaced.begun().to_owned());
    let kept = line.begun().strip_suffix(&replaced).unwrap_or_default();
    let rest = candidate.strip_prefix(kept).unwrap_or(candidate);
    if line.is_quoted {
        return rest.to_owned();
    }
    let mut text = String::new();
    for character in rest.chars() {
        if !character.is_alphanumeric() && !PLAIN.contains(character) {
            text.push('\\');
        }
        text.push(character);
    }
    // A cluster or RULE= is not a whole word.
    if !rest.ends_with(['/', '=']) {
        text.push(' ');
    }
    text
}

fn zsh(candidate: &CompletionCandidate) -> String {
    let escaped = |text: String| text.replace('\\', "\\\\");
    let value = escaped(value(candidate)).replace(':', "\\:");
    match help(candidate) {
        Some(help) => format!("{value}:{}", escaped(help)),
        None => value,
    }
}

fn fish(candidate: &CompletionCandidate) -> String {
    match help(candidate) {
        Some(help) => format!("{}\t{help}", value(candidate)),
        None => value(candidate),
    }
}
