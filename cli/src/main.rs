//! `eks-nodegroup-updater`: what the updater does on an AWS account, and how to steer it there; and both on a simulated AWS.
//!
//! | module | holds |
//! |---|---|
//! | `commands/` | the commands on an account, a file each |
//! | `account.rs`, `deployment.rs` | credentials and regions; the stack and its functions |
//! | `answer.rs`, `decisions.rs` | what the functions answer, and what it means to its reader |
//! | `candidates.rs` | node groups that have not opted in |
//! | `output.rs`, `page.rs`, `text.rs`, `progress.rs` | how people and programs read it |
//! | `failure.rs` | how a command ends |
//! | `demo.rs`, `serve.rs` | the commands on a simulated AWS |
//! | `scenario.rs`, `simulation.rs`, `report.rs`, `render.rs` | its node groups, eight simulated hours, and how they are shown |

mod account;
mod answer;
mod candidates;
mod commands;
mod decisions;
mod demo;
mod deployment;
mod failure;
mod output;
mod page;
mod progress;
mod render;
mod report;
mod scenario;
mod serve;
mod simulation;
mod text;

use std::io;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use colorchoice::ColorChoice;

use account::Account;
use commands::doctor::Doctor;
use commands::explain::Explain;
use commands::plan::Plan;
use failure::{Exit, Failure};
use output::{Output, say};

/// Keep EKS managed node groups on current AMI releases: see what the updater would do, ask why, and steer it
#[derive(Parser)]
#[command(version, arg_required_else_help = true, after_help = EXIT_CODES)]
struct Cli {
    #[command(flatten)]
    account: Account,
    /// Tables for people, or one JSON document
    #[arg(long, short, global = true, value_enum, default_value_t = Output::Table)]
    output: Output,
    /// When to color; NO_COLOR is honoured
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    color: Color,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 all is well; 1 it could not be done; 2 with --exit-code: there is something to see; 3 no credentials, or not \
the rights; 64 wrong usage; 130 interrupted.";

#[derive(Clone, Copy, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Subcommand)]
enum Command {
    Plan(Plan),
    Explain(Explain),
    Doctor(Doctor),
    Demo(demo::Demo),
    Serve(serve::Serve),
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() };
        }
    };
    match cli.color {
        Color::Auto => {}
        Color::Always => ColorChoice::Always.write_global(),
        Color::Never => ColorChoice::Never.write_global(),
    }
    let ended = match cli.command {
        Command::Serve(serve) => serve.run().await.map(|()| Exit::Done).map_err(Failure::from),
        command => tokio::select! {
            ended = run(command, &cli.account, cli.output) => ended,
            _ = tokio::signal::ctrl_c() => Ok(Exit::Interrupted),
        },
    };
    ended
        .unwrap_or_else(|failure| {
            say(&failure.to_string());
            failure.exit
        })
        .into()
}

async fn run(command: Command, account: &Account, output: Output) -> Result<Exit, Failure> {
    match command {
        Command::Plan(plan) => plan.run(account, output).await,
        Command::Explain(explain) => explain.run(account, output).await,
        Command::Doctor(doctor) => doctor.run(account, output).await,
        Command::Demo(demo) => Ok(demo.run(output).await.map(|()| Exit::Done)?),
        Command::Serve(serve) => Ok(serve.run().await.map(|()| Exit::Done)?),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "eks-nodegroup-updater", &mut io::stdout());
            Ok(Exit::Done)
        }
    }
}
