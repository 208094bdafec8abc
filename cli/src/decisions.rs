//! What a decision means to whoever reads it: whether anything is to be done, and what.

use anstyle::{AnsiColor, Style};
use comfy_table::Color;
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
            "FailedBefore" if until.is_none() => Self::NeedsYou,
            "MinAgeNotReached"
            | "WaitingForRing"
            | "ClusterUpgradedRecently"
            | "MinIntervalNotReached"
            | "OutsideWindow"
            | "Frozen"
            | "NotReached"
            | "BackingOff"
            | "ReleaseRefused"
            | "FailedBefore"
            | "Denied"
            | "Lowered"
            | "Next"
            | "Quarantined"
            | "RunsWithdrawnRelease" => Self::Waits,
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

/// What to do about a decision; nothing where waiting or nothing is all there is to do.
pub fn remedy(decision: &str) -> Option<&'static str> {
    Some(match decision {
        "NotFound" => "check name, tag and region; opt it in: eks-nodegroup-updater opt-in NODEGROUP",
        "Unreadable" => "fix the error that the reason quotes; see: eks-nodegroup-updater doctor",
        "NotOptedIn" => "opt it in: eks-nodegroup-updater opt-in NODEGROUP",
        "OptedOut" => "opt it in again: eks-nodegroup-updater opt-in NODEGROUP",
        "InvalidTag" => "fix or remove the tag: eks-nodegroup-updater set NODEGROUP RULE=VALUE",
        "RollbackBlocked" => "fix what the reason says, or ask again for another release",
        "CustomAmi" => "update the AMI in its launch template",
        "UnknownAmiType" => "deploy a newer version of the updater",
        "PinIsDowngrade" | "PinUnknown" | "PinWithdrawn" => {
            "move the pin: eks-nodegroup-updater set NODEGROUP pin=RELEASE"
        }
        "NoRelease" => "check its AMI type and Kubernetes version",
        "EndOfSupport" => "move to AL2023 or Bottlerocket, or upgrade the cluster",
        "NoNewReleases" => "see whether AWS still supports its AMI type and Kubernetes version",
        "NotComparable" => "look at both releases, and update it once by hand",
        "Lowered" => "to bring it forward at once: eks-nodegroup-updater retry NODEGROUP",
        "Quarantined" => "wait for the next release, or: eks-nodegroup-updater quarantine lift RELEASE",
        "FailedBefore" => "fix the cause, then: eks-nodegroup-updater retry NODEGROUP",
        "BackingOff" => "fix what EKS says, then: eks-nodegroup-updater retry NODEGROUP",
        "WaitingForRing" => "look at the node group that the reason names: eks-nodegroup-updater explain CLUSTER/NAME",
        "ReportOnly" => "to have it updated: eks-nodegroup-updater set NODEGROUP mode=auto",
        "Unhealthy" => "fix the health issues that the reason names",
        "NotActive" => "bring it back to ACTIVE first",
        "Frozen" => "open the calendar, or: eks-nodegroup-updater resume",
        "Next" => "wait, or raise the limit",
        _ => return None,
    })
}
