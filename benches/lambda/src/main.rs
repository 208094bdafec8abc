//! Measures the functions as Lambda runs them: a cold process, one event, an answer, everything over TLS against a simulated
//! AWS with AWS's host names; beside the same job with boto3 and Node.js, and beside the least that a process can do.
//!
//! The contestants take turns, so that a busy moment of the machine meets all of them, and a ratio is one of two neighbours
//! of the same round. `just bench` runs it.

mod contestants;
mod cpu_share;
mod fake_aws;
mod guard;
mod invocation;
mod latency;
mod plot;
mod report;
mod sandbox;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::{Parser, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use contestants::{Contestant, Function, Workshop, bundle_for_node};
use cpu_share::CpuShare;
use fake_aws::{Certificates, FakeAws, calls, outdate_the_first, set_rate, world};
use guard::Guard;
use invocation::{Circumstances, End, Sample, invoke};
use latency::Latency;
use report::{Case, Report, Run};

/// The memory of the functions, in megabytes.
const MEMORY: u64 = 128;
/// How many calls the functions make at once.
const AT_ONCE: usize = 8;
/// A call within a region takes about so long.
const LATENCY: Latency = Latency::of(Duration::from_millis(20));
/// Some take longer.
const UNEVEN: Latency = Latency { slow: Duration::from_millis(100), ..LATENCY };

/// Measures the functions beside boto3 and Node.js. Takes about ten minutes, and a few more to build for the first time
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Subcommand>,
    /// How often each contestant takes its turn in what is short
    #[arg(long, default_value_t = 25)]
    rounds: usize,
    /// Only these
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Suite>,
    /// Also measures the binaries `start` and `check` in this directory; they must trust the benchmark's root, as a copy of
    /// what was built before does
    #[arg(long)]
    versus: Option<PathBuf>,
    /// Where everything is built, and where `results.json` and `cold-start.svg` are written
    #[arg(long, default_value = "target/lambda-bench")]
    directory: PathBuf,
}

#[derive(clap::Subcommand)]
enum Subcommand {
    Guard(Guard),
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Suite {
    /// A cold start, two node groups, AWS answering at once
    Cold,
    /// The same with 20 ms a call, with and without the processor of a 128 MB function
    Latency,
    /// Whole fleets, none outdated, 20 ms a call
    Fleets,
    /// 300 node groups, and an AWS that refuses more than ten calls a second
    Throttled,
    /// 10, 300 and 3,000 node groups with the processor of a 128 MB function
    Cost,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    fs::create_dir_all(&arguments.directory)?;
    let directory = fs::canonicalize(&arguments.directory)?;
    let root = fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))?;
    let certificates = Certificates::issue(&directory)?;
    let other_build = arguments.versus.as_ref().map(fs::canonicalize).transpose()?;
    let workshop = Workshop { root, directory, other_build, in_sandbox: sandbox::is_inside() };
    if let Some(Subcommand::Guard(guard)) = arguments.command {
        let aws = FakeAws::listen(0, certificates).await?;
        return guard::guard(guard, &workshop, &aws).await;
    }
    if !workshop.in_sandbox {
        workshop.build(&certificates.root_pem)?;
        bundle_for_node(&workshop.root);
        let system = system_bundle()?;
        fs::write(workshop.directory.join("bundle.pem"), system + &certificates.root_pem)?;
        if let Err(error) = sandbox::enter(&workshop.directory) {
            eprintln!("No private namespace here, so AWS is at https://localhost: {error:#}");
        }
    }
    let aws = FakeAws::listen(if workshop.in_sandbox { 443 } else { 0 }, certificates).await?;
    let share =
        CpuShare::of_memory(MEMORY).inspect_err(|error| eprintln!("No share of a processor here: {error:#}")).ok();
    let bench = Bench { workshop, aws, share: share.clone(), bar: ProgressBar::new(0) };
    bench.bar.set_style(ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}")?);
    let mut report = Report::default();
    for suite in Suite::value_variants() {
        if arguments.only.is_empty() || arguments.only.contains(suite) {
            bench.run(*suite, arguments.rounds, &mut report).await?;
        }
    }
    bench.bar.finish_and_clear();
    if let Some(share) = share {
        share.remove();
    }
    println!("{report}");
    let results = bench.workshop.directory.join("results.json");
    fs::write(&results, serde_json::to_string_pretty(&report)?)?;
    println!("{}", results.display());
    if let Some(cold) = report.cold_start() {
        let picture = bench.workshop.directory.join("cold-start.svg");
        plot::draw(cold, &picture)?;
        println!("{}", picture.display());
    }
    Ok(())
}

/// The system's trust roots, as one file.
fn system_bundle() -> Result<String> {
    let candidates = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];
    let bundle = candidates.iter().find(|path| Path::new(path).exists()).context("no bundle of trust roots")?;
    Ok(fs::read_to_string(bundle)?)
}

struct Bench {
    workshop: Workshop,
    aws: FakeAws,
    share: Option<CpuShare>,
    bar: ProgressBar,
}

impl Bench {
    async fn run(&self, suite: Suite, rounds: usize, report: &mut Report) -> Result<()> {
        use Contestant::{Boto3, Floor, Node, OtherBuild, Updater, UpdaterWithSystemRoots};
        use Function::{Check, Start};
        let one = Floor { calls: 1, at_once: 1 };
        let few = rounds.div_ceil(3);
        match suite {
            Suite::Cold => {
                let all = [Updater, UpdaterWithSystemRoots, OtherBuild, Boto3, Node, one];
                self.case(Case::new("cold start", Start, 2).outdated(), &all, rounds, report).await?;
                self.case(Case::new("cold start", Check, 2), &all, rounds, report).await?;
            }
            Suite::Latency => {
                let all = [Updater, Boto3, Node, one];
                let start = Case::new("one update", Start, 2).outdated().latency(LATENCY);
                self.case(start.clone(), &all, few, report).await?;
                if self.share.is_some() {
                    self.case(start.memory(MEMORY), &all, few, report).await?;
                    self.case(Case::new("quiet", Check, 2).latency(LATENCY).memory(MEMORY), &all, few, report).await?;
                }
            }
            Suite::Fleets => {
                for (nodegroups, latency) in [(300, LATENCY), (3_000, LATENCY), (3_000, UNEVEN), (10_000, LATENCY)] {
                    let case = Case::new("fleet", Start, nodegroups).latency(latency);
                    let floor = Floor { calls: nodegroups, at_once: AT_ONCE };
                    let contestants = [Updater, floor, Boto3];
                    let contestants = &contestants[..if nodegroups > 3_000 { 2 } else { 3 }];
                    self.case(case, contestants, rounds.div_ceil(8), report).await?;
                }
            }
            Suite::Throttled => {
                let case = Case::new("throttled", Start, 300).latency(LATENCY).rate(10.0);
                self.case(case, &[Updater, Boto3, Node], 1, report).await?;
            }
            Suite::Cost if self.share.is_some() => {
                for nodegroups in [10, 300, 3_000] {
                    for function in [Start, Check] {
                        let case = Case::new("cost", function, nodegroups).latency(LATENCY).memory(MEMORY);
                        self.case(case, &[Updater, Boto3], rounds.div_ceil(8), report).await?;
                    }
                }
            }
            Suite::Cost => {}
        }
        Ok(())
    }

    /// Lets the contestants take turns, and adds what was measured to the report.
    async fn case(&self, case: Case, contestants: &[Contestant], rounds: usize, report: &mut Report) -> Result<()> {
        let mut runs: Vec<(Contestant, Run)> = Vec::new();
        for contestant in contestants {
            match self.workshop.missing(*contestant) {
                Some(why) if *contestant != Contestant::OtherBuild => eprintln!("Without {contestant:?}: {why}"),
                Some(_) => {}
                None => runs.push((*contestant, Run::new(*contestant))),
            }
        }
        self.bar.set_length(((rounds + 1) * runs.len()) as u64);
        self.bar.set_position(0);
        self.bar.set_message(case.to_string());
        // Nothing changes in a world in which nothing is outdated.
        let shared = if case.outdated { None } else { Some(self.world(&case).await?) };
        // The first round warms the file cache, and is forgotten; what takes seconds each time needs none.
        let warm_up = usize::from(case.nodegroups < 100);
        for round in 0..rounds + warm_up {
            let count = runs.len();
            for turn in 0..count {
                // Who comes after whom makes a difference, of what the processor's caches hold.
                let (contestant, run) = &mut runs[(round + turn) % count];
                let own = if case.outdated { Some(self.world(&case).await?) } else { None };
                let (world, topic) = own.as_ref().or(shared.as_ref()).context("a world")?;
                self.aws.put(world.clone(), case.conditions.latency);
                let refused = set_rate(world, case.conditions.rate);
                let sample = self.invoke(*contestant, &case, topic).await?;
                let expected = usize::from(case.outdated && !matches!(contestant, Contestant::Floor { .. }));
                let started = world.updates_in_progress().len();
                ensure!(started == expected, "{contestant:?} started {started} updates: {}", sample.body);
                if round >= warm_up {
                    run.add(sample, calls(world), std::mem::take(&mut *refused.lock().expect("not poisoned")));
                }
                self.bar.inc(1);
            }
        }
        report.add(case, runs.into_iter().map(|(_, run)| run).collect());
        Ok(())
    }

    /// A world that both functions have seen before: the table knows its node groups, and nothing is pending.
    async fn world(&self, case: &Case) -> Result<(simulated_aws::World, String)> {
        let (world, topic) = world(case.nodegroups);
        self.aws.put(world.clone(), Latency::default());
        for function in [Function::Start, Function::Check] {
            let before = Case::new("before", function, case.nodegroups);
            self.invoke(Contestant::Updater, &before, &topic).await?;
        }
        if case.outdated {
            outdate_the_first(&world);
        }
        Ok((world, topic))
    }

    async fn invoke(&self, contestant: Contestant, case: &Case, topic: &str) -> Result<Sample> {
        let command = self.workshop.command(contestant, case.function, &self.aws, topic)?;
        let share = self.share.as_ref().filter(|_| case.memory.is_some());
        let log = self.workshop.directory.join("log.txt");
        invoke(command, &json!({}), Circumstances { share, log: &log, end: End::Kill }).await
    }
}
