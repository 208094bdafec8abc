//! A message of several lines, whose text may come from anywhere.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::charset::Charset;

/// Lines for people. A line feed within one of them is not the start of another, but a character to be made visible.
///
/// In JSON it is the text as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Message(Vec<String>);

impl Message {
    /// One line.
    pub fn new(line: impl Into<String>) -> Self {
        Self(vec![line.into()])
    }

    /// The same with another line below.
    #[must_use]
    pub fn line(mut self, line: impl Into<String>) -> Self {
        self.0.push(line.into());
        self
    }

    /// The same with a command below, indented.
    #[must_use]
    pub fn command(self, command: impl fmt::Display) -> Self {
        self.line(format!("  {command}"))
    }

    /// Its lines, as they are.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The text, in characters that can be shown.
    pub fn show(&self, charset: Charset) -> String {
        self.lines().map(|line| charset.show(line)).collect::<Vec<_>>().join("\n")
    }
}

impl From<&str> for Message {
    fn from(line: &str) -> Self {
        Self::new(line)
    }
}

impl From<String> for Message {
    fn from(line: String) -> Self {
        Self::new(line)
    }
}

impl From<&String> for Message {
    fn from(line: &String) -> Self {
        Self::new(line)
    }
}

impl From<&Message> for Message {
    fn from(message: &Message) -> Self {
        message.clone()
    }
}

impl<T: Into<String>> FromIterator<T> for Message {
    fn from_iter<I: IntoIterator<Item = T>>(lines: I) -> Self {
        Self(lines.into_iter().map(Into::into).collect())
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.show(Charset::Unicode))
    }
}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_lines_begin_anew() {
        let forged = "dev\nerror: all is well\u{202e}";
        let message =
            Message::new(format!("error: {forged}")).line("").line("To look:").command(format!("plan {forged}"));
        let shown = "error: dev\\nerror: all is well\\u{202e}\n\nTo look:\n  plan dev\\nerror: all is well\\u{202e}";
        assert_eq!(message.to_string(), shown);
        let json = format!("error: {forged}\n\nTo look:\n  plan {forged}");
        assert_eq!(serde_json::to_value(&message).unwrap(), serde_json::json!(json));
    }
}
