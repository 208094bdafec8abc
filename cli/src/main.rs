//! `eks-nodegroup-updater`: the updater's story on a simulated AWS, offline.

mod fleet;
mod serve;

use clap::{Parser, Subcommand};

/// Watch the updater at work on a simulated AWS. Needs no AWS account and no network, and changes nothing outside itself.
#[derive(Parser)]
#[command(version, about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Serve(serve::Serve),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Serve(serve) => serve.run().await,
    }
}
