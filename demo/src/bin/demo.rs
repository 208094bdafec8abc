//! Eight simulated hours in the terminal.

use std::process::ExitCode;

use clap::Parser;
use demo::{Demo, Program, ended};
use terminal::output::Output;

/// See the updater at work: eight hours of a simulated fleet in a few seconds
#[derive(Parser)]
#[command(name = "demo", version)]
struct Cli {
    /// A screen for people, or one JSON document with everything that happened
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
    #[command(flatten)]
    demo: Demo,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Cli { output, demo } = Cli::parse();
    ended(demo.run(output, Program::CARGO).await)
}
