//! `eks-nodegroup-updater`: shows and controls the updater on an AWS account, or on a simulated AWS.
//!
//! | module | content |
//! |---|---|
//! | `commands/` | the commands on an account, a module each |
//! | `aws/` | the account: credentials, regions, the stack, what its functions and its table answer |
//! | `confirm.rs`, `interrupted.rs`, `failure.rs` | asking before something is changed; Ctrl-C; how a command ends |
//! | `completions/` | what shells complete |
//!
//! The crate `terminal` is how people and programs read it, and `demo` has the commands on a simulated AWS.

#![deny(clippy::print_stderr, clippy::print_stdout, reason = "the crate terminal makes hidden characters visible")]

mod aws;
mod commands;
mod completions;
mod confirm;
mod failure;
#[cfg(test)]
mod fixture;
mod format;
mod interrupted;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand, ValueEnum};
use colorchoice::ColorChoice;

use aws::account::Account;
use commands::actions::{QuarantineCommand, Retry, Rollback};
use commands::denied::{Allow, Deny};
use commands::doctor::Doctor;
use commands::explain::Explain;
use commands::history::History;
use commands::nodegroups::Nodegroups;
use commands::plan::Plan;
use commands::run::RunCommand;
use commands::status::Status;
use commands::stop_switch::{Pause, Resume};
use commands::tags::{OptIn, OptOut, Set};
use commands::wait::Wait;
use completions::Completions;
use demo::serve::Serve;
use demo::{Demo, Program};
use failure::{Exit, Failure};
use format::Format;
use terminal::output::{Output, print_usage, say};

/// Keep EKS managed node groups on current AMI releases: see what the updater would do and why, and control it
#[derive(Parser)]
#[command(name = "eks-nodegroup-updater", version, arg_required_else_help = true, after_help = EXIT_CODES)]
struct Cli {
    #[command(flatten)]
    account: Account,
    /// Tables for people, or one JSON document; of nodegroups also wide, csv and name
    #[arg(long, short, global = true, value_enum, default_value_t = Format::Table, help_heading = "Output")]
    output: Format,
    /// When to color; NO_COLOR is honoured
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, help_heading = "Output")]
    color: Color,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 success; 1 failure, or something could not be read; 2 with --exit-code: there is something to act on; 3 no \
credentials, or missing permissions; 4 the updater is not deployed there; 64 wrong usage; 130 interrupted.";

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
    Nodegroups(Nodegroups),
    History(History),
    Run(RunCommand),
    Wait(Wait),
    Pause(Pause),
    Resume(Resume),
    Deny(Deny),
    Allow(Allow),
    Retry(Retry),
    Rollback(Rollback),
    Quarantine(QuarantineCommand),
    OptIn(OptIn),
    OptOut(OptOut),
    Set(Set),
    Doctor(Doctor),
    Demo(Demo),
    Serve(Serve),
    Completions(Completions),
}

fn main() -> ExitCode {
    if completions::answer(Cli::command) {
        return Exit::Done.into();
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            say(format!("error: {error}"));
            return Exit::Failed.into();
        }
    };
    let ended = runtime.block_on(begin());
    // A name that is being resolved, which takes long without a network, does not delay the end.
    runtime.shutdown_background();
    ended
}

async fn begin() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            print_usage(&error);
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() };
        }
    };
    match cli.color {
        Color::Auto => {}
        Color::Always => ColorChoice::Always.write_global(),
        Color::Never => ColorChoice::Never.write_global(),
    }
    let ended = match cli.command {
        // They handle Ctrl-C themselves: they finish what they have started, or say what goes on.
        command @ (Command::Serve(_) | Command::OptIn(_) | Command::OptOut(_) | Command::Set(_) | Command::Run(_)) => {
            run(command, &cli.account, cli.output).await
        }
        command => tokio::select! {
            ended = run(command, &cli.account, cli.output) => ended,
            () = interrupted::interrupted() => Ok(Exit::Interrupted),
        },
    };
    let exit = ended.unwrap_or_else(|failure| {
        if cli.output == Format::Json {
            // Somebody who reads only stdout gets a document, too.
            let _ = Output::Json.print(&failure.document(), |_| {});
        }
        say(&failure);
        failure.exit
    });
    cli.account.calls.say_total();
    exit.into()
}

async fn run(command: Command, account: &Account, format: Format) -> Result<Exit, Failure> {
    let output = match &command {
        // Only this command has formats of its own.
        Command::Nodegroups(_) => Output::Table,
        _ => format.output()?,
    };
    match command {
        Command::Plan(plan) => plan.run(account, output).await,
        Command::Explain(explain) => explain.run(account, output).await,
        Command::Status(status) => status.run(account, output).await,
        Command::Nodegroups(nodegroups) => nodegroups.run(account, format).await,
        Command::History(history) => history.run(account, output).await,
        Command::Run(run) => run.run(account, output).await,
        Command::Wait(wait) => wait.run(account, output).await,
        Command::Pause(pause) => pause.run(account, output).await,
        Command::Resume(resume) => resume.run(account, output).await,
        Command::Deny(deny) => deny.run(account, output).await,
        Command::Allow(allow) => allow.run(account, output).await,
        Command::Retry(retry) => retry.run(account, output).await,
        Command::Rollback(rollback) => rollback.run(account, output).await,
        Command::Quarantine(quarantine) => quarantine.run(account, output).await,
        Command::OptIn(opt_in) => opt_in.run(account, output).await,
        Command::OptOut(opt_out) => opt_out.run(account, output).await,
        Command::Set(set) => set.run(account, output).await,
        Command::Doctor(doctor) => doctor.run(account, output).await,
        Command::Demo(demo) => Ok(demo.run(output, Program::INSTALLED).await.map(|()| Exit::Done)?),
        Command::Serve(serve) => Ok(serve.run().await.map(|()| Exit::Done)?),
        Command::Completions(completions) => completions.run().map(|()| Exit::Done),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::*;

    /// The marker of the part of `docs/cli.md` that is generated from the help texts.
    const MARK: &str = "<!-- What follows is written by `just snapshots` from the help texts. -->\n";

    fn pages(command: &mut clap::Command, path: &str, text: &mut String) {
        let is_hidden = |name: &str| ["help", "completions"].contains(&name);
        let names: Vec<String> = command.get_subcommands().map(|it| it.get_name().to_owned()).collect();
        for name in names.into_iter().filter(|name| !is_hidden(name)) {
            let Some(subcommand) = command.find_subcommand_mut(&name) else { continue };
            let path = format!("{path} {name}");
            let help = subcommand.render_long_help().to_string();
            // The options of every command are listed once, at the end.
            page(path.trim(), help.split("\nAWS account:").next().unwrap_or_default(), text);
            pages(subcommand, &path, text);
        }
    }

    fn page(title: &str, help: &str, text: &mut String) {
        let help: Vec<&str> = help.lines().map(str::trim_end).collect();
        text.push_str(&format!("\n## {title}\n\n```text\n{}\n```\n", help.join("\n").trim_end()));
    }

    #[test]
    fn the_documentation_is_the_help_texts() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/cli.md");
        let document = fs::read_to_string(path).unwrap();
        let (introduction, written) = document.split_once(MARK).unwrap();
        let mut expected = String::new();
        let mut command = Cli::command().term_width(100);
        command.build();
        pages(&mut command, "", &mut expected);
        let help = command.find_subcommand_mut("plan").unwrap().render_long_help().to_string();
        let options = help.split_once("\nAWS account:").unwrap().1;
        page("Options of every command", &format!("AWS account:{options}"), &mut expected);
        if std::env::var_os("INSTA_UPDATE").is_some_and(|update| update == "always") {
            fs::write(path, format!("{introduction}{MARK}{expected}")).unwrap();
        } else {
            assert_eq!(written, expected, "`just snapshots` writes it anew");
        }
    }

    #[test]
    fn every_command_that_a_notification_names_is_understood() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/it/notify/snapshots");
        let snapshots = fs::read_dir(folder).unwrap().map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
        let texts: Vec<String> = snapshots.collect();
        let commands =
            texts.iter().flat_map(|text| text.lines()).filter(|line| line.starts_with("  eks-nodegroup-updater "));
        let commands: BTreeSet<&str> = commands.map(|line| line.split("   # ").next().unwrap()).collect();
        assert!(commands.len() > 10, "{commands:?}");
        for command in commands {
            if let Err(error) = Cli::try_parse_from(command.split_whitespace().map(|word| word.trim_matches('\''))) {
                panic!("{command}: {error}");
            }
        }
    }
}
