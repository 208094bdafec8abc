//! `eks-nodegroup-updater`: the updater's story on a simulated AWS, offline.
//!
//! | file | holds |
//! |---|---|
//! | `fleet.rs` | the node groups, and what happens to them |
//! | `play.rs` | eight simulated hours at work |
//! | `story.rs` | what happened in them, as data |
//! | `demo.rs` | the command that plays it |
//! | `render.rs`, `page.rs` | how people read it |
//! | `serve.rs` | the command that keeps the fleet up for other clients |

mod demo;
mod fleet;
mod page;
mod play;
mod render;
mod serve;
mod story;

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
