//! The table, which others use as well.

mod newer_version;
mod shared_table;
