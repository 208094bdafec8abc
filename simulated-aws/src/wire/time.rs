//! Times in AWS's JSON protocols.

use jiff::Timestamp;

/// Seconds since 1970 with milliseconds.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn epoch_seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1000.0
}
