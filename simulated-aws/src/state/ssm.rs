//! What Systems Manager keeps: parameters and change calendars.

use jiff::Timestamp;

/// A parameter with all its versions, the first one first; there is always one.
#[derive(Default)]
pub(crate) struct Parameter {
    pub(crate) versions: Vec<(String, Timestamp)>,
}

/// A change calendar.
#[derive(Default)]
pub(crate) struct Calendar {
    /// When it is closed: from an instant until just before another.
    pub(crate) closed: Vec<(Timestamp, Timestamp)>,
}
