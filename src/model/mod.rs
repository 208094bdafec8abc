//! The nouns: pure values, parsed once at the edge, without I/O and without a clock.

pub mod ami_type;
pub mod attempt;
pub mod decision;
pub mod fleet;
pub mod fleet_record;
pub mod hold;
pub mod kubernetes;
pub mod nodegroup;
pub mod nodegroup_record;
pub mod notice;
pub mod outcome;
pub mod policy;
pub mod problem;
pub mod reason;
pub mod record;
pub mod records;
pub mod release_version;
pub mod releases;
pub mod request;
pub mod settings;
pub mod settle;
pub mod subject;
pub mod track_record;
pub mod window;
