//! What the plan decides for a node group.

use std::fmt;

use jiff::Timestamp;

use super::attempt::Intent;
use super::reason::{Limit, Reason};
use super::subject::{NodegroupId, Subject};

/// What happens to a node group.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Its update starts.
    Start(Intent),
    /// Its update starts only if EKS does not accept another that was planned, since a limit is reached.
    Next(Intent, Limit),
    /// No update starts, and why.
    Skip(Reason),
}

/// One decision of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// What it is about.
    pub target: Target,
    /// What is decided.
    pub decision: Decision,
}

/// What a decision is about.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// A node group that the tag index lists.
    Nodegroup(NodegroupId),
    /// A node group that the event names and that was not found, or an entry that is not a node group's ARN.
    Other(Subject),
}

impl Decision {
    /// `Start`, `Next`, or the reason's code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Start(_) => "Start",
            Self::Next(..) => "Next",
            Self::Skip(reason) => reason.code(),
        }
    }

    /// What starts, or may.
    #[must_use]
    pub fn intent(&self) -> Option<&Intent> {
        match self {
            Self::Start(intent) | Self::Next(intent, _) => Some(intent),
            Self::Skip(_) => None,
        }
    }

    /// The release that it is about, if it is about one.
    #[must_use]
    pub fn target(&self) -> Option<&str> {
        match self {
            Self::Start(intent) | Self::Next(intent, _) => Some(&intent.release_version),
            Self::Skip(reason) => reason.target(),
        }
    }

    /// When it may change, where that is known.
    #[must_use]
    pub fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Start(_) | Self::Next(..) => None,
            Self::Skip(reason) => reason.until(),
        }
    }
}

impl Planned {
    /// What it is about, as people name it.
    #[must_use]
    pub fn subject(&self) -> Subject {
        match &self.target {
            Target::Nodegroup(id) => id.into(),
            Target::Other(subject) => subject.clone(),
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(intent) => intent.fmt(f),
            Self::Next(intent, limit) => write!(f, "{limit}; next is {intent}"),
            Self::Skip(reason) => reason.fmt(f),
        }
    }
}

/// Whether a node group of which this was decided, by the decision's code, goes on without anybody doing anything: it waits by
/// a rule, or is tried again.
#[must_use]
pub fn goes_on_by_itself(decision: &str, until: Option<Timestamp>) -> bool {
    match decision {
        // Given up; or a window that never opens.
        "FailedBefore" | "OutsideWindow" => until.is_some(),
        "MinAgeNotReached"
        | "WaitingForRing"
        | "ClusterUpgradedRecently"
        | "MinIntervalNotReached"
        | "Frozen"
        | "NotReached"
        | "BackingOff"
        | "ReleaseRefused"
        | "UpdateHistoryUnread"
        | "Denied"
        | "Downgraded"
        | "Next"
        | "Quarantined"
        | "RunsWithdrawnRelease" => true,
        _ => false,
    }
}

/// What to do about a decision, by its code; nothing where waiting or nothing is all there is to do. `NODEGROUP` stands for
/// `cluster/nodegroup`, and `RELEASE` for the release.
#[must_use]
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
        "Downgraded" => "to bring it forward at once: eks-nodegroup-updater retry NODEGROUP",
        "Quarantined" => "wait for the next release, or: eks-nodegroup-updater quarantine lift RELEASE",
        "FailedBefore" => "fix the cause, then: eks-nodegroup-updater retry NODEGROUP",
        "BackingOff" => "fix what EKS says, then: eks-nodegroup-updater retry NODEGROUP",
        "WaitingForRing" => "look at the node group that the reason names: eks-nodegroup-updater explain CLUSTER/NAME",
        "OutsideWindow" => "wait for its window, or give it another: eks-nodegroup-updater set NODEGROUP window=WINDOW",
        "UpdateHistoryUnread" => "wait, or start it without its update history: eks-nodegroup-updater retry NODEGROUP",
        "ReportOnly" => "to have it updated: eks-nodegroup-updater set NODEGROUP mode=auto",
        "Unhealthy" => "fix the health issues that the reason names",
        "NotActive" => "bring it back to ACTIVE first",
        "Frozen" => "open the calendar, or: eks-nodegroup-updater resume",
        "Next" => "wait, or raise the limit",
        _ => return None,
    })
}
