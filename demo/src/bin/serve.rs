//! A simulated AWS for any client.

use std::process::ExitCode;

use clap::Parser;
use demo::ended;
use demo::serve::Serve;

/// A simulated AWS on 127.0.0.1, with the updater deployed to it
#[derive(Parser)]
#[command(name = "serve", version)]
struct Cli {
    #[command(flatten)]
    serve: Serve,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    ended(Cli::parse().serve.run().await)
}
