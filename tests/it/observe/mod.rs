//! What is read from AWS.

mod controls;
mod releases;
mod update_history;
