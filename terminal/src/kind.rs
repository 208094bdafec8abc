//! The meaning of a decision to its reader: whether anything needs to be done.

use anstyle::{AnsiColor, Style};
use eks_nodegroup_updater::model::attempt::Status;
use eks_nodegroup_updater::model::decision::DecisionKind;
use eks_nodegroup_updater::model::decision::attention::Attention;

/// The attention that a decision needs from its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Kind {
    /// An update starts.
    Start,
    /// An update is in progress.
    Updating,
    /// It waits for a rule, a date or a retry.
    Waits,
    /// Nothing changes until somebody acts.
    NeedsYou,
    /// It is left alone on purpose.
    LeftAlone,
    /// It is current.
    Current,
}

impl Kind {
    /// The attention that a decision needs from its reader.
    pub fn of(decision: &DecisionKind, attention: Attention) -> Self {
        match attention {
            // An answer without the attention has its default.
            _ if *decision == DecisionKind::Start => Self::Start,
            Attention::Moving => Self::Updating,
            Attention::Current => Self::Current,
            Attention::Waits => Self::Waits,
            Attention::NeedsYou => Self::NeedsYou,
            Attention::Deliberate => Self::LeftAlone,
        }
    }

    /// The attention that the status of an update needs from its reader.
    pub fn of_status(status: &str) -> Self {
        match status.parse() {
            Ok(Status::InProgress | Status::Intent) => Self::Updating,
            Ok(Status::Successful) => Self::Current,
            _ => Self::NeedsYou,
        }
    }

    /// Its sign, which precedes a word.
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

    /// Its color.
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
}
