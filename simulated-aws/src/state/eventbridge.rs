//! What EventBridge keeps: buses, and the events put on them.

use std::collections::BTreeSet;

use jiff::Timestamp;

/// The buses, and what came to them.
pub(crate) struct Buses {
    /// By name.
    pub(crate) names: BTreeSet<String>,
    pub(crate) events: Vec<PutEvent>,
    /// Every so many-th entry is refused, where a test wants that.
    pub(crate) refuse_every: Option<usize>,
    /// Entries so far.
    pub(crate) entries: usize,
}

impl Default for Buses {
    fn default() -> Self {
        Self { names: BTreeSet::from(["default".to_owned()]), events: Vec::new(), refuse_every: None, entries: 0 }
    }
}

/// An event that a bus accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutEvent {
    /// The id that EventBridge gave it.
    pub id: String,
    /// The name of the bus.
    pub bus: String,
    /// Who put it, as it says itself.
    pub source: String,
    /// What kind of event it is.
    pub detail_type: String,
    /// The ARNs that it is about.
    pub resources: Vec<String>,
    /// The detail: a JSON object.
    pub detail: String,
    /// Its time, in seconds since 1970.
    pub time: i64,
    /// When it was put.
    pub at: Timestamp,
}
