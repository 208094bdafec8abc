//! What takes long: a fleet under chaos by the hundred, processes, hostile input, a year.
//!
//! ```sh
//! cargo nextest run --profile all          # with the fast stories
//! cargo test --test slow simulation        # one of them
//! ```

mod hostile;
mod processes;
mod simulation;
mod year_replay;
