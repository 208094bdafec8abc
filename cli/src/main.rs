//! `eks-nodegroup-updater`: what the updater does on an AWS account, and how to steer it there; and both on a simulated AWS.
//!
//! | module | holds |
//! |---|---|
//! | `commands/` | the commands on an account, a module each |
//! | `account.rs`, `deployment.rs` | credentials and regions; the stack and its functions |
//! | `answer.rs`, `records.rs`, `decisions.rs` | what the functions answer, what the table holds, and what it means |
//! | `candidates.rs` | node groups that have not opted in |
//! | `output.rs`, `page.rs`, `text.rs`, `progress.rs` | how people and programs read it |
//! | `confirm.rs`, `failure.rs` | asking before something is changed; how a command ends |
//! | `demo.rs`, `serve.rs` | the commands on a simulated AWS |
//! | `scenario.rs`, `simulation.rs`, `report.rs`, `render.rs` | its node groups, eight simulated hours, and how they are shown |
//! | `functions.rs`, `lambda.rs` | both functions as clients of it, and as its Lambda functions with their stack |

mod account;
mod answer;
mod candidates;
mod commands;
mod confirm;
mod decisions;
mod demo;
mod deployment;
mod failure;
#[cfg(test)]
mod fixture;
mod functions;
mod lambda;
mod output;
mod page;
mod progress;
mod records;
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
use commands::explain::Explain;
use commands::history::History;
use commands::plan::Plan;
use commands::run::RunCommand;
use commands::status::Status;
use commands::stop_switch::{Pause, Resume};
use commands::tags::{OptIn, OptOut, Set};
use commands::wishes::{QuarantineCommand, Retry, Rollback};
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
    Status(Status),
    History(History),
    Run(RunCommand),
    Pause(Pause),
    Resume(Resume),
    Retry(Retry),
    Rollback(Rollback),
    Quarantine(QuarantineCommand),
    OptIn(OptIn),
    OptOut(OptOut),
    Set(Set),
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
        // They hear Ctrl-C themselves, and end what they have begun.
        command @ (Command::Serve(_) | Command::OptIn(_) | Command::OptOut(_) | Command::Set(_)) => {
            run(command, &cli.account, cli.output).await
        }
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
        Command::Status(status) => status.run(account, output).await,
        Command::History(history) => history.run(account, output).await,
        Command::Run(run) => run.run(account, output).await,
        Command::Pause(pause) => pause.run(account, output).await,
        Command::Resume(resume) => resume.run(account, output).await,
        Command::Retry(retry) => retry.run(account, output).await,
        Command::Rollback(rollback) => rollback.run(account, output).await,
        Command::Quarantine(quarantine) => quarantine.run(account, output).await,
        Command::OptIn(opt_in) => opt_in.run(account, output).await,
        Command::OptOut(opt_out) => opt_out.run(account, output).await,
        Command::Set(set) => set.run(account, output).await,
        Command::Demo(demo) => Ok(demo.run(output).await.map(|()| Exit::Done)?),
        Command::Serve(serve) => Ok(serve.run().await.map(|()| Exit::Done)?),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "eks-nodegroup-updater", &mut io::stdout());
            Ok(Exit::Done)
        }
    }
}
