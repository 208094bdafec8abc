//! How people and programs read what a command prints.

pub mod kind;
pub mod output;
pub mod page;
pub mod progress;
pub mod text;
