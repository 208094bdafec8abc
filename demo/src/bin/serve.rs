//! A simulated AWS for any client.

use std::process::ExitCode;

use clap::Parser;
use demo::serve::Serve;
use terminal::output::say;

/// A simulated AWS on 127.0.0.1, with the updater deployed to it
#[derive(Parser)]
#[command(name = "serve", version)]
struct Cli {
    #[command(flatten)]
    serve: Serve,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match Cli::parse().serve.run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
