//! What a person reads in an e-mail: plain text.

use std::fmt::Write as _;

use super::message::Writer;

impl Writer<'_> {
    pub(super) fn email(&self) -> String {
        let mut text = format!("{}\n\n", self.headline(printable));
        for (label, value) in self.facts() {
            let _ = writeln!(text, "{label:<11}{}", printable(&value));
        }
        let _ = writeln!(text, "\nWhat it means\n  {}", self.meaning());
        let steps = self.next_steps();
        text.push_str(if steps.is_empty() { "" } else { "\nWhat to do\n" });
        for step in steps {
            let _ = writeln!(text, "  {}", printable(&step));
        }
        let next_action = printable(&self.next_action());
        let _ = write!(text, "\nWhat happens next\n  {next_action}\n\nMessage {}\n", self.id);
        text
    }
}

/// Without control characters and without marks that turn the direction of reading.
pub(super) fn printable(text: &str) -> String {
    let hidden = |character: char| {
        character.is_control()
            || matches!(character, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
    };
    text.chars().map(|character| if hidden(character) { ' ' } else { character }).collect()
}
