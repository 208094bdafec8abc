//! How people and programs read what a command prints.
//!
//! Text comes from anywhere: from AWS, tags, events and files. Each way out of here, a [`page::Page`], [`output::say`] and the line
//! of [`progress`], shows it in one line of visible characters. Only [`output::print`] writes a text as it is, for programs.

pub mod bar;
mod charset;
mod hidden;
pub mod kind;
pub mod message;
pub mod output;
pub mod page;
pub mod progress;
pub mod screen;
pub mod table;
pub mod text;

pub use charset::Charset;
