//! What tests, fuzz targets and benchmarks share.
//!
//! * [`TestEnv`] runs the real handlers through the real SDK on the simulated AWS.
//! * [`Fleet`] is the input of a run of `start`, for tests of the plan, which need no AWS.
//! * `fixtures` has the node groups, records and releases of tests, built with the updater's own types.
//! * [`updates_table`] is the table as `template.yaml` defines it.
//! * [`hostile`] has the fuzz targets.

mod aws;
mod docs;
mod env;
mod fixtures;
mod fleet;
pub mod hostile;
mod newer_version;
mod table;
mod time;

pub use aws::{OBSERVER_KEY, sdk_config};
pub use docs::{OWNERSHIP, SETTINGS, assert_documented, assert_generated, assert_written, page, table};
pub use env::{CHANGE_CALENDARS, DENIED_RELEASES, SETTINGS_DOCUMENT, STOP_SWITCH, TABLE, TestEnv, decisions, errors};
pub use fixtures::*;
pub use fleet::{Fleet, offers, published, unreadable};
pub use newer_version::{NewerVersion, only_its_notices_are_pending};
pub use sandbox::functions::{CHECK_KEY, START_KEY};
pub use sandbox::generated;
pub use sandbox::template::{settings_document, template, updates_table};
pub use table::create_updates_table;
pub use time::{at, days, hours, in_virtual_time, minutes, now, on_every_core};
