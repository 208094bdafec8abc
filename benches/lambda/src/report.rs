//! What was measured, as a table and as JSON.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use crate::contestants::{Contestant, Function};
use crate::fake_aws::Conditions;
use crate::invocation::Sample;
use crate::latency::Latency;

/// The first seconds, in which a client does not know yet how much AWS takes.
const FIRST: Duration = Duration::from_secs(5);

/// What is measured, and under which conditions.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// What it is about.
    pub title: &'static str,
    pub function: Function,
    pub nodegroups: usize,
    /// Whether one of the node groups is outdated.
    pub outdated: bool,
    pub conditions: Conditions,
    /// Of the function, in megabytes, where it has only the processor that comes with that.
    pub memory: Option<u64>,
}

impl Case {
    /// With AWS answering at once, and with a whole processor.
    pub fn new(title: &'static str, function: Function, nodegroups: usize) -> Self {
        Self { title, function, nodegroups, outdated: false, conditions: Conditions::default(), memory: None }
    }

    pub fn outdated(self) -> Self {
        Self { outdated: true, ..self }
    }

    pub fn latency(mut self, latency: Latency) -> Self {
        self.conditions.latency = latency;
        self
    }

    pub fn rate(mut self, rate: f64) -> Self {
        self.conditions.rate = Some(rate);
        self
    }

    pub fn memory(self, memory: u64) -> Self {
        Self { memory: Some(memory), ..self }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}, {} node groups", self.title, self.function.name(), self.nodegroups)?;
        if self.outdated {
            f.write_str(", one outdated")?;
        }
        write!(f, ", {}", self.conditions.latency)?;
        if let Some(rate) = self.conditions.rate {
            write!(f, ", at most {rate} calls a second")?;
        }
        if let Some(memory) = self.memory {
            write!(f, ", {memory} MB")?;
        }
        Ok(())
    }
}

/// The samples of one contestant, in the order of the rounds.
pub struct Run {
    pub contestant: Contestant,
    samples: Vec<Sample>,
    calls: BTreeMap<String, usize>,
    refused: Vec<Duration>,
}

impl Run {
    pub fn new(contestant: Contestant) -> Self {
        Self { contestant, samples: Vec::new(), calls: BTreeMap::new(), refused: Vec::new() }
    }

    /// Adds a sample; the calls are those of the last one.
    pub fn add(&mut self, sample: Sample, calls: BTreeMap<String, usize>, refused: Vec<Duration>) {
        self.samples.push(sample);
        self.calls = calls;
        self.refused = refused;
    }
}

/// Everything that was measured.
#[derive(Default, Serialize)]
pub struct Report {
    cases: Vec<CaseReport>,
}

/// A case, and how each contestant did in it.
#[derive(Serialize)]
pub struct CaseReport {
    pub title: String,
    pub contestants: Vec<Figures>,
}

/// How a contestant did. Times are in milliseconds.
#[derive(Serialize)]
pub struct Figures {
    pub name: &'static str,
    pub rounds: usize,
    pub init: Quartiles,
    pub answer: Quartiles,
    pub cpu: Quartiles,
    pub peak_mib: f64,
    pub logged_bytes: u64,
    /// How many times as long as the first contestant, within a round.
    pub answer_ratio: Quartiles,
    pub cpu_ratio: Quartiles,
    pub init_ratio: Quartiles,
    pub calls: BTreeMap<String, usize>,
    pub refused: usize,
    pub refused_later: usize,
}

/// The median, and the quartiles around it.
#[derive(Clone, Copy, Serialize)]
pub struct Quartiles {
    pub low: f64,
    pub median: f64,
    pub high: f64,
}

impl Quartiles {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let at = |part: f64| {
            let index = (values.len().saturating_sub(1) as f64 * part).round() as usize;
            values.get(index).copied().unwrap_or(f64::NAN)
        };
        Self { low: at(0.25), median: at(0.5), high: at(0.75) }
    }
}

impl Report {
    /// Adds a case. The first run is what the others are compared with.
    pub fn add(&mut self, case: Case, runs: Vec<Run>) {
        let first = runs.first().map_or(&[][..], |run| &run.samples);
        let contestants = runs.iter().map(|run| figures(run, first)).collect();
        self.cases.push(CaseReport { title: case.to_string(), contestants });
    }

    /// The first case of all, if it was measured: the cold start of `start`.
    pub fn cold_start(&self) -> Option<&CaseReport> {
        self.cases.iter().find(|case| case.title.starts_with("cold start: start"))
    }
}

fn figures(run: &Run, first: &[Sample]) -> Figures {
    let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
    let of = |figure: fn(&Sample) -> Duration| Quartiles::of(run.samples.iter().map(|it| milliseconds(figure(it))));
    let ratio = |figure: fn(&Sample) -> Duration| {
        let pairs = run.samples.iter().zip(first);
        Quartiles::of(pairs.map(|(own, first)| figure(own).as_secs_f64() / figure(first).as_secs_f64()))
    };
    Figures {
        name: match run.contestant {
            Contestant::Updater => "eks-nodegroup-updater",
            Contestant::UpdaterWithSystemRoots => "  with the system's roots",
            Contestant::OtherBuild => "  the other build",
            Contestant::Boto3 => "boto3",
            Contestant::Node => "Node.js",
            Contestant::Floor { .. } => "bare process",
        },
        rounds: run.samples.len(),
        init: of(|it| it.init),
        answer: of(|it| it.answer),
        cpu: of(|it| it.cpu),
        peak_mib: Quartiles::of(run.samples.iter().map(|it| it.peak as f64 / 1024.0 / 1024.0)).median,
        logged_bytes: run.samples.last().map_or(0, |it| it.logged),
        answer_ratio: ratio(|it| it.answer),
        cpu_ratio: ratio(|it| it.cpu),
        init_ratio: ratio(|it| it.init),
        calls: run.calls.clone(),
        refused: run.refused.len(),
        refused_later: run.refused.iter().filter(|at| **at > FIRST).count(),
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for case in &self.cases {
            writeln!(f, "{}", case.title)?;
            let mut table = Table::new();
            table.load_style(presets::ASCII_MARKDOWN);
            table.set_header([
                "",
                "rounds",
                "init ms",
                "answer ms",
                "quartiles",
                "×",
                "CPU ms",
                "×",
                "peak MiB",
                "calls",
                "refused",
                "log B",
            ]);
            for figures in &case.contestants {
                table.add_row([
                    figures.name.to_owned(),
                    figures.rounds.to_string(),
                    format!("{:.1}", figures.init.median),
                    format!("{:.1}", figures.answer.median),
                    format!("{:.1} … {:.1}", figures.answer.low, figures.answer.high),
                    format!("{:.2}", figures.answer_ratio.median),
                    format!("{:.1}", figures.cpu.median),
                    format!("{:.2}", figures.cpu_ratio.median),
                    format!("{:.1}", figures.peak_mib),
                    figures.calls.values().sum::<usize>().to_string(),
                    format!("{} ({} later)", figures.refused, figures.refused_later),
                    figures.logged_bytes.to_string(),
                ]);
            }
            for column in table.column_iter_mut().skip(1) {
                column.set_cell_alignment(CellAlignment::Right);
            }
            writeln!(f, "{table}\n")?;
        }
        Ok(())
    }
}
