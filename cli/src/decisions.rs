//! What a decision means to whoever reads it: whether anything is to be done, and what.

use anstyle::{AnsiColor, Style};
use comfy_table::Color;
use eks_nodegroup_updater::model::decision::goes_on_by_itself;
use jiff::Timestamp;

/// What a decision asks of its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An update starts.
    Start,
    /// An update is in progress.
    Updating,
    /// It waits, by a rule, and goes on by itself.
    Waits,
    /// It does not go on before somebody does something.
    NeedsYou,
    /// It is left alone, as somebody said.
    LeftAlone,
    /// It is current.
    Current,
}

impl Kind {
    /// What a decision asks of its reader.
    pub fn of(decision: &str, until: Option<Timestamp>) -> Self {
        match decision {
            "Start" => Self::Start,
            "InProgress" => Self::Updating,
            "UpToDate" | "Pinned" => Self::Current,
            "OptedOut" | "ReportOnly" | "Excluded" | "Deleted" => Self::LeftAlone,
            _ if goes_on_by_itself(decision, until) => Self::Waits,
            _ => Self::NeedsYou,
        }
    }

    /// Its sign, which stands before a word.
    pub fn glyph(self) -> &'static str {
        match self {
            Self::Start => "▲",
            Self::Updating => "↻",
            Self::Waits => "◷",
            Self::NeedsYou => "✗",
            Self::LeftAlone => "○",
            Self::Current => "●",
        }
    }

    /// Its color in text.
    pub fn style(self) -> Style {
        let color = match self {
            Self::Start | Self::Updating => AnsiColor::Blue,
            Self::Waits => AnsiColor::Yellow,
            Self::NeedsYou => AnsiColor::Red,
            Self::LeftAlone => AnsiColor::BrightBlack,
            Self::Current => AnsiColor::Green,
        };
        color.on_default()
    }

    /// Its color in tables.
    pub fn color(self) -> Color {
        match self {
            Self::Start | Self::Updating => Color::Blue,
            Self::Waits => Color::Yellow,
            Self::NeedsYou => Color::Red,
            Self::LeftAlone => Color::DarkGrey,
            Self::Current => Color::Green,
        }
    }
}
