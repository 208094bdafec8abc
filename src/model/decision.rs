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
