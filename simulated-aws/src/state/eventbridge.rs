//! EventBridge's data: buses, and the events put on them.

use std::collections::BTreeSet;

use jiff::Timestamp;

/// The buses, and the events put on them.
pub(crate) struct Buses {
    /// By name.
    pub(crate) names: BTreeSet<String>,
    pub(crate) events: Vec<PutEvent>,
    /// Every n-th entry is refused, if a test sets it.
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
    /// The id from EventBridge.
    pub id: String,
    /// The name of the bus.
    pub bus: String,
    /// Its source, as set by the sender.
    pub source: String,
    /// Its detail type.
    pub detail_type: String,
    /// Its resources: ARNs.
    pub resources: Vec<String>,
    /// The detail: a JSON object.
    pub detail: String,
    /// Its time, in seconds since 1970.
    pub time: i64,
    /// When it was put.
    pub at: Timestamp,
}
