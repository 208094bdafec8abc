//! The command line, as a person and as a script run it.

mod demo;
mod serve;
mod served;
mod tags;
