//! What takes long: a fleet under chaos by the hundred, a run killed at each of its requests, processes, hostile input, a year.
//!
//! ```sh
//! cargo nextest run --profile all          # with the fast stories
//! cargo test --test slow crash_sweep       # one of them
//! ```

mod crash_sweep;
mod hostile;
mod processes;
mod simulation;
mod year_replay;
