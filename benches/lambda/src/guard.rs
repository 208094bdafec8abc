//! What a cold start costs in what repeats: instructions, which valgrind counts, and sizes. Seconds do not repeat.
//!
//! The figures are kept in `benches/lambda/guard.json`. A change that costs more than it is worth is seen here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::contestants::{Function, Workshop};
use crate::fake_aws::{FakeAws, outdate_the_first, world};
use crate::invocation::{Circumstances, End, invoke};
use crate::latency::Latency;

/// How many more instructions there may be than are kept. Of a key exchange no two are quite alike.
const INSTRUCTIONS_TOLERANCE: f64 = 0.01;
/// How many more bytes there may be than are kept.
const BYTES_TOLERANCE: f64 = 0.03;
/// The largest archive, in bytes: small changes add up.
const LARGEST_ARCHIVE: u64 = 4_500_000;

/// The figures of one function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Figures {
    /// Of a cold start and its answer.
    instructions: u64,
    /// Of the binary.
    bytes: u64,
    /// Of the archive that Lambda gets.
    archive_bytes: u64,
}

/// The figures of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Both {
    start: Figures,
    check: Figures,
}

/// Compares the cost of a cold start with the figures that are kept. Needs valgrind
#[derive(Args)]
pub struct Guard {
    /// The binary of `start`, as it is deployed
    #[arg(long)]
    start: PathBuf,
    /// The binary of `check`, as it is deployed
    #[arg(long)]
    check: PathBuf,
    /// Keep the figures of these binaries
    #[arg(long)]
    keep: bool,
}

/// Measures the binaries, and compares them with the figures that are kept, or keeps theirs.
///
/// # Errors
/// When a figure is more than it may be, or cannot be measured.
pub async fn guard(Guard { start, check, keep }: Guard, workshop: &Workshop, aws: &FakeAws) -> Result<()> {
    if !cfg!(target_arch = "x86_64") {
        println!("The figures that are kept are of x86-64, so there is nothing to compare with.");
        return Ok(());
    }
    let file = workshop.root.join("benches/lambda/guard.json");
    let start = measure(workshop, aws, Function::Start, &start).await?;
    let measured = Both { start, check: measure(workshop, aws, Function::Check, &check).await? };
    println!("{}", serde_json::to_string_pretty(&measured)?);
    if keep {
        fs::write(&file, serde_json::to_string_pretty(&measured)? + "\n")?;
        return Ok(());
    }
    let kept: Both = serde_json::from_str(&fs::read_to_string(&file)?).context("reading guard.json")?;
    let mut worse = compare("start", measured.start, kept.start);
    worse.extend(compare("check", measured.check, kept.check));
    ensure!(worse.is_empty(), "{}\nIf it is worth it, `just guard --keep` keeps these figures.", worse.join("\n"));
    Ok(())
}

fn compare(name: &str, measured: Figures, kept: Figures) -> Vec<String> {
    let figures = [
        ("instructions of a cold start", measured.instructions, kept.instructions, INSTRUCTIONS_TOLERANCE),
        ("bytes", measured.bytes, kept.bytes, BYTES_TOLERANCE),
        ("bytes of its archive", measured.archive_bytes, kept.archive_bytes, BYTES_TOLERANCE),
    ];
    let mut worse = Vec::new();
    for (what, now, before, tolerance) in figures {
        let more = now as f64 / before as f64 - 1.0;
        if more > tolerance {
            worse.push(format!("{name} has {:.1} % more {what}: {before} before, {now} now", more * 100.0));
        } else if more < -tolerance {
            println!("{name} has {:.1} % fewer {what}; `just guard --keep` keeps that", -more * 100.0);
        }
    }
    if measured.archive_bytes > LARGEST_ARCHIVE {
        worse.push(format!("the archive of {name} has {} bytes, more than {LARGEST_ARCHIVE}", measured.archive_bytes));
    }
    worse
}

async fn measure(workshop: &Workshop, aws: &FakeAws, function: Function, binary: &Path) -> Result<Figures> {
    let binary = fs::canonicalize(binary).with_context(|| binary.display().to_string())?;
    Ok(Figures {
        instructions: instructions(workshop, aws, function, &binary).await?,
        bytes: fs::metadata(&binary)?.len(),
        archive_bytes: zipped(&binary, &workshop.directory)?,
    })
}

/// The size of the archive of a binary, as `sam` and cargo-lambda make it.
fn zipped(binary: &Path, directory: &Path) -> Result<u64> {
    let archive = directory.join("function.zip");
    let script = "import sys, zipfile\nwith zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED) as it: it.write(sys.argv[2], 'bootstrap')";
    let status = Command::new("python3").args(["-c", script]).arg(&archive).arg(binary).status()?;
    ensure!(status.success(), "python3 made no archive");
    Ok(fs::metadata(archive)?.len())
}

/// The instructions of a cold start in which one of two node groups is updated, or nothing is to be checked.
async fn instructions(workshop: &Workshop, aws: &FakeAws, function: Function, binary: &Path) -> Result<u64> {
    let (world, topic) = world(2);
    outdate_the_first(&world);
    aws.put(world, Latency::default());
    let log = workshop.directory.join("valgrind.txt");
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(binary);
    workshop.set_environment(&mut command, function, aws, &topic)?;
    command.env("AWS_CA_BUNDLE", workshop.directory.join("root.pem"));
    invoke(command, &json!({}), Circumstances { share: None, log: &log, end: End::Terminate }).await?;
    let text = fs::read_to_string(&log)?;
    let Some(count) = text.lines().find_map(|line| line.split_once("Collected : ")) else {
        bail!("valgrind counted nothing: {text}");
    };
    count.1.trim().parse().context("reading valgrind's count")
}
