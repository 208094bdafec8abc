//! The nouns: pure values, parsed once at the edge, with no I/O and no clock.

pub mod ami_type;
pub mod nodegroup;
pub mod notice;
pub mod policy;
pub mod reason;
pub mod record;
pub mod release_version;
pub mod update;
pub mod window;
