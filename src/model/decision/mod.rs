//! The plan's decision for a node group.

pub mod attention;
pub mod explanation;
pub mod guide;
pub mod reason;
pub mod request;
pub mod rule;

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::attempt::Intent;
use super::decision::attention::Attention;
use super::decision::reason::{Limit, Reason, ReasonKind};
use super::id::{NodegroupId, Subject};

const START: &str = "Start";
const NEXT: &str = "Next";

/// What happens to a node group.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Its update starts.
    Start(Intent),
    /// A limit is reached: its update starts only if EKS rejects another planned update.
    Next(Intent, Limit),
    /// No update starts, and why.
    Skip(Reason),
}

/// A decision without its details, as in answers and records. A decision written by a newer version is kept as it is.
///
/// ```
/// use eks_nodegroup_updater::model::decision::DecisionKind;
/// use eks_nodegroup_updater::model::decision::reason::ReasonKind;
///
/// assert_eq!(DecisionKind::from("UpToDate"), DecisionKind::Skip(ReasonKind::UpToDate));
/// assert_eq!(DecisionKind::from("NotYetInvented").to_string(), "NotYetInvented");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum DecisionKind {
    /// Its update starts.
    Start,
    /// Its update starts if the limits allow it.
    Next,
    /// No update starts.
    Skip(ReasonKind),
    /// A decision that this version does not know.
    Unknown(String),
}

/// One decision of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// What it is about.
    pub target: Target,
    /// What is decided.
    pub decision: Decision,
}

/// The subject of a decision.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// A node group that the tag index lists.
    Nodegroup(NodegroupId),
    /// A node group that the event names but that was not found, or an entry that is not a node group's ARN.
    Other(Subject),
}

impl Decision {
    /// `Start`, `Next`, or the reason's code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Start(_) => START,
            Self::Next(..) => NEXT,
            Self::Skip(reason) => reason.code(),
        }
    }

    /// The decision without its details.
    #[must_use]
    pub fn kind(&self) -> DecisionKind {
        match self {
            Self::Start(_) => DecisionKind::Start,
            Self::Next(..) => DecisionKind::Next,
            Self::Skip(reason) => DecisionKind::Skip(reason.kind()),
        }
    }

    /// The attention it needs from the people who run the fleet.
    #[must_use]
    pub fn attention(&self) -> Attention {
        match self {
            Self::Start(_) => Attention::Moving,
            Self::Next(..) => Attention::Waits,
            Self::Skip(reason) => reason.attention(),
        }
    }

    /// The update that starts, or can start.
    #[must_use]
    pub fn intent(&self) -> Option<&Intent> {
        match self {
            Self::Start(intent) | Self::Next(intent, _) => Some(intent),
            Self::Skip(_) => None,
        }
    }

    /// The release that it concerns, if any.
    #[must_use]
    pub fn target(&self) -> Option<&str> {
        match self {
            Self::Start(intent) | Self::Next(intent, _) => Some(&intent.release_version),
            Self::Skip(reason) => reason.target(),
        }
    }

    /// When it might change, if that is known.
    #[must_use]
    pub fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Start(_) | Self::Next(..) => None,
            Self::Skip(reason) => reason.until(),
        }
    }
}

impl DecisionKind {
    /// Its name in answers, logs and records.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Start => START,
            Self::Next => NEXT,
            Self::Skip(reason) => reason.into(),
            Self::Unknown(code) => code,
        }
    }
}

impl From<&str> for DecisionKind {
    fn from(code: &str) -> Self {
        match code {
            START => Self::Start,
            NEXT => Self::Next,
            reason => reason.parse().map_or_else(|_| Self::Unknown(code.to_owned()), Self::Skip),
        }
    }
}

impl From<String> for DecisionKind {
    fn from(code: String) -> Self {
        code.as_str().into()
    }
}

impl From<DecisionKind> for String {
    fn from(kind: DecisionKind) -> Self {
        kind.code().to_owned()
    }
}

impl fmt::Display for DecisionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Planned {
    /// Its subject, as people name it.
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
            Self::Next(_, limit) => limit.fmt(f),
            Self::Skip(reason) => reason.fmt(f),
        }
    }
}
