//! `eks-nodegroup-updater`: the updater at work on a simulated AWS, offline.
//!
//! | file | holds |
//! |---|---|
//! | `scenario.rs` | the node groups, and what happens to them |
//! | `functions.rs` | both functions, as clients of the simulated AWS |
//! | `simulation.rs` | eight simulated hours |
//! | `report.rs` | what happened in them, as data |
//! | `demo.rs` | the command that runs them |
//! | `render.rs`, `page.rs` | how people read it |
//! | `lambda.rs` | the functions as Lambda functions of the simulated AWS, and their stack |
//! | `serve.rs` | the command that serves the simulated AWS to other clients |

mod demo;
mod functions;
mod lambda;
mod page;
mod render;
mod report;
mod scenario;
mod serve;
mod simulation;

use clap::{Parser, Subcommand};

/// Watch the updater at work on a simulated AWS. Needs no AWS account and no network, and changes nothing outside itself.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Demo),
    Serve(serve::Serve),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Demo(demo) => demo.run().await,
        Command::Serve(serve) => serve.run().await,
    }
}
