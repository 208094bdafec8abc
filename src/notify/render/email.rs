//! The e-mail: plain text for people.

use std::fmt::Write as _;

use super::printable::printable;
use crate::notify::letter::{Envelope, Letter};

pub(in crate::notify) fn email(envelope: &Envelope<'_>, letter: &Letter<'_>) -> String {
    let mut text = format!("{}\n\n", letter.headline.show(printable));
    for fact in &letter.facts {
        for (number, value) in fact.values.iter().enumerate() {
            let label = if number == 0 { fact.label } else { "" };
            let _ = writeln!(text, "{label:<11}{}", printable(value));
        }
    }
    let _ = writeln!(text, "\nWhat it means\n  {}", letter.meaning);
    text.push_str(if letter.steps.is_empty() { "" } else { "\nWhat to do\n" });
    for line in letter.steps.iter().flat_map(|step| step.lines()) {
        let _ = writeln!(text, "  {}", printable(&line));
    }
    let next = printable(&letter.next.sentence);
    let _ = write!(text, "\nWhat happens next\n  {next}\n\nMessage {}\n", envelope.id);
    text
}
