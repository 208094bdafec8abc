//! The attention that a decision needs from the people who run the fleet.

use serde::{Deserialize, Serialize};

/// The attention that a decision needs from the people who run the fleet. Metrics, `status`, `plan`, `doctor`, the log and the
/// weekly digest derive from it.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
pub enum Attention {
    /// Nothing: the node group is current.
    Current,
    /// Nothing: its update starts or is in progress.
    Moving,
    /// Nothing: it waits for a rule, a date or a retry.
    Waits,
    /// Nothing changes until somebody acts.
    #[default]
    NeedsYou,
    /// Nothing: it is left alone on purpose.
    Deliberate,
}

/// After how long it is reported that a node group has a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reported {
    /// Never: it is deliberate, or has its own notice.
    Never,
    /// After `stale-after`, while a newer release could be installed.
    WhileBehind,
    /// After `stale-after`, whether or not a newer release is known.
    Always,
    /// After a day: it should never last.
    AfterADay,
}

impl Attention {
    /// The words for it in a sentence about a node group.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Moving => "updating",
            Self::Waits => "waits",
            Self::NeedsYou => "needs you",
            Self::Deliberate => "left alone",
        }
    }
}
