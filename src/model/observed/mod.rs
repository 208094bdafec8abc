//! What a run observed: the fleet, and the releases that AWS offers.

pub mod fleet;
pub mod releases;
