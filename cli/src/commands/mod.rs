//! The commands that look at an account, and those that steer the updater there.

pub mod actions;
pub mod denied;
pub mod doctor;
pub mod explain;
pub mod history;
mod listing;
pub mod nodegroups;
pub mod plan;
pub mod run;
pub mod selection;
pub mod status;
pub mod stop_switch;
pub mod tags;
pub mod wait;
