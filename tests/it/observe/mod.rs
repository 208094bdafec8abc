//! What is read from AWS.

mod answers;
mod controls;
mod external;
mod releases;
mod update_history;
mod updates;
