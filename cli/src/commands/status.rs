//! `status`: whether the fleet is current, and what prevents it.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Datapoint, Dimension, Statistic};
use clap::Args;
use comfy_table::Cell;
use eks_nodegroup_updater::aws::endpoints::{self, Service};
use eks_nodegroup_updater::aws::pace::Throttling;
use eks_nodegroup_updater::metrics::{Metric, NAMESPACE};
use eks_nodegroup_updater::model::decision::DecisionKind;
use eks_nodegroup_updater::model::id::ClusterId;
use eks_nodegroup_updater::model::record::fleet::Quarantine;
use eks_nodegroup_updater::model::record::nodegroup::NodegroupRecord;
use eks_nodegroup_updater::model::record::set::RecordSet;
use eks_nodegroup_updater::summary::{Stopped, Throttled};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::aws::account::Account;
use crate::aws::answer::{DecisionLine, Look, StartAnswer, look, looking};
use crate::aws::nodegroups::here;
use crate::aws::records;
use crate::failure::{Exit, Failure};
use terminal::kind::Kind;
use terminal::output::{Output, Reader};
use terminal::page::{Page, shortened};
use terminal::text::{count, duration, safe};

/// The maximum number of listed node groups that need attention.
const LISTED: usize = 20;

/// Show whether the fleet is current, and what prevents it
#[derive(Args)]
pub struct Status {
    /// Refresh every SECONDS, until Ctrl-C
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "30",
        value_parser = clap::value_parser!(u64).range(5..))]
    watch: Option<u64>,
    /// Exit with 2 if a node group needs you
    #[arg(long)]
    exit_code: bool,
}

/// The state of the fleet, by region.
#[derive(Serialize)]
struct Document {
    regions: Vec<Region>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    region: String,
    stack: String,
    account: String,
    /// Why no update is allowed to start anywhere, if updates are stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    freeze: Option<Stopped>,
    nodegroups: Numbers,
    #[serde(skip_serializing_if = "Option::is_none")]
    days_behind: Option<DaysBehind>,
    in_progress: Vec<InProgress>,
    needs_you: Vec<Waiting>,
    held_back: Vec<HeldBack>,
    stale: Vec<String>,
    quarantines: Vec<Quarantine>,
    withdrawn: Vec<String>,
    pending_notices: usize,
    /// Unknown if CloudWatch has no data.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_runs: Option<LastRuns>,
    /// How long calls of this command or of a run within a day waited because EKS throttled the account; only if that was long.
    #[serde(skip_serializing_if = "Option::is_none")]
    throttled_seconds: Option<u64>,
}

/// When each function last wrote metrics: to five minutes, and within a day.
#[derive(Clone, Serialize)]
struct LastRuns {
    start: Option<Timestamp>,
    check: Option<Timestamp>,
    /// The longest wait of a run's calls.
    #[serde(skip)]
    throttled: Duration,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Numbers {
    all: usize,
    current: usize,
    starts: usize,
    updating: usize,
    waits: usize,
    needs_you: usize,
    left_alone: usize,
}

#[derive(Serialize)]
struct DaysBehind {
    worst: i64,
    median: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InProgress {
    nodegroup: String,
    release_version: String,
    since: Timestamp,
    /// How long its updates usually take; without any, those of the fleet.
    #[serde(skip_serializing_if = "Option::is_none")]
    usually_seconds: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Waiting {
    nodegroup: String,
    decision: DecisionKind,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    days_behind: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HeldBack {
    decision: DecisionKind,
    nodegroups: usize,
}

impl Status {
    /// Reads and prints the status, once or repeatedly.
    ///
    /// # Errors
    /// When a region cannot be read.
    pub async fn run(self, account: &Account, output: Output) -> Result<Exit, Failure> {
        loop {
            let document = Document { regions: regions(account).await? };
            if self.watch.is_some() && output == Output::Table {
                terminal::output::clear()?;
            }
            let reader =
                output.print(&document, |page| document.regions.iter().for_each(|region| region.draw(page)))?;
            let Some(seconds) = self.watch.filter(|_| reader == Reader::There) else {
                let needs_you = document.regions.iter().any(|region| region.nodegroups.needs_you > 0);
                return Ok(if self.exit_code && needs_you { Exit::Found } else { Exit::Done });
            };
            tokio::time::sleep(Duration::from_secs(seconds)).await;
        }
    }
}

async fn regions(account: &Account) -> Result<Vec<Region>, Failure> {
    let mut regions = Vec::new();
    for configuration in account.regions().await? {
        let Look { region, deployment, answer } = look(&configuration, account.stack.as_deref(), &looking()).await?;
        let deployment = deployment.ok_or_else(|| {
            Failure::new(format!("the updater is not deployed in {region}"))
                .hint("See what it would do: eks-nodegroup-updater plan")
        })?;
        let records = records::scan(&configuration, &deployment).await?;
        let last_runs = last_runs(&configuration, &deployment.stack).await;
        let region = Region::of(region, deployment.stack, deployment.account, &answer, &records);
        regions.push(region.with_last_runs(last_runs));
    }
    Ok(regions)
}

impl Region {
    fn of(region: String, stack: String, account: String, answer: &StartAnswer, records: &RecordSet) -> Self {
        let number = |wanted| answer.decisions.iter().filter(|line| line.sign() == wanted).count();
        let days = |line: &DecisionLine| line.runs.as_ref().and_then(|runs| runs.days_behind);
        let mut behind: Vec<i64> = answer.decisions.iter().filter_map(days).collect();
        behind.sort_unstable();
        let mut needs_you: Vec<Waiting> = answer
            .decisions
            .iter()
            .filter(|line| line.sign() == Kind::NeedsYou)
            .map(|line| Waiting {
                nodegroup: line.nodegroup.clone(),
                decision: line.decision.clone(),
                reason: line.reason.clone(),
                days_behind: days(line),
            })
            .collect();
        needs_you.sort_by_key(|waiting| std::cmp::Reverse(waiting.days_behind));
        let mut held_back: Vec<HeldBack> = Vec::new();
        for line in answer.decisions.iter().filter(|line| line.sign() == Kind::Waits) {
            match held_back.iter_mut().find(|held| held.decision == line.decision) {
                Some(held) => held.nodegroups += 1,
                None => held_back.push(HeldBack { decision: line.decision.clone(), nodegroups: 1 }),
            }
        }
        held_back.sort_by_key(|held| std::cmp::Reverse(held.nodegroups));
        let fleet = records.fleets().find_map(Result::ok);
        let pending = records.readable().map(|record| record.pending_notices().len()).sum::<usize>()
            + records.readable_tracks().map(|record| record.pending_notices().len()).sum::<usize>()
            + fleet.map_or(0, |fleet| fleet.pending_notices().len());
        let is_stale = |record: &&NodegroupRecord| record.is_stale();
        Self {
            region,
            stack,
            account,
            freeze: answer.freeze.clone(),
            nodegroups: Numbers {
                all: answer.decisions.len(),
                current: number(Kind::Current),
                starts: number(Kind::Start),
                updating: number(Kind::Updating),
                waits: number(Kind::Waits),
                needs_you: number(Kind::NeedsYou),
                left_alone: number(Kind::LeftAlone),
            },
            days_behind: behind
                .last()
                .zip(behind.get(behind.len() / 2))
                .map(|(worst, median)| DaysBehind { worst: *worst, median: *median }),
            in_progress: in_progress(records),
            needs_you,
            held_back,
            stale: records.readable().filter(is_stale).map(|record| record.id.to_string()).collect(),
            quarantines: fleet
                .into_iter()
                .flat_map(|fleet| &fleet.quarantines)
                .filter(|it| it.lasts())
                .cloned()
                .collect(),
            withdrawn: withdrawn(answer, records),
            pending_notices: pending,
            last_runs: None,
            throttled_seconds: answer.throttled.map(|throttled| throttled.waited_seconds),
        }
    }

    fn with_last_runs(self, last_runs: Option<LastRuns>) -> Self {
        let waited = last_runs.as_ref().map(|last| last.throttled).unwrap_or_default();
        let long = Throttled::of(Throttling { refusals: 0, waited }).map(|throttled| throttled.waited_seconds);
        Self { throttled_seconds: self.throttled_seconds.max(long), last_runs, ..self }
    }

    fn draw(&self, page: &mut Page) {
        let Self { region, stack, account, nodegroups, .. } = self;
        page.note(&format!("Stack {stack} in {region}, account {account}"));
        let parts = [
            (Kind::Current, nodegroups.current, "current"),
            (Kind::Start, nodegroups.starts, "to start"),
            (Kind::Updating, nodegroups.updating, "updating"),
            (Kind::Waits, nodegroups.waits, "waiting"),
            (Kind::NeedsYou, nodegroups.needs_you, "needing you"),
            (Kind::LeftAlone, nodegroups.left_alone, "left alone"),
        ];
        let parts = parts.into_iter().filter(|(_, number, _)| *number > 0);
        let parts: Vec<String> = parts
            .map(|(kind, number, what)| format!("{} {number} {what}", kind.glyph()).replace(' ', "\u{a0}"))
            .collect();
        page.paragraph(&format!("{}: {}", count(nodegroups.all, "node group"), parts.join("   ")));
        if let Some(DaysBehind { worst, median }) = &self.days_behind {
            let number = |days: i64| count(usize::try_from(days).unwrap_or_default(), "day");
            page.line(&format!("Behind: maximum {}, median of those behind {}", number(*worst), number(*median)));
        }
        match &self.freeze {
            Some(freeze) => page.paragraph(&format!("✗ No update starts: {}", safe(&freeze.message))),
            None => page.line("Updates may start: neither the stop switch nor a change calendar stops them"),
        }
        if self.pending_notices > 0 {
            page.line(&format!("{} to be published by the next run of check", count(self.pending_notices, "notice")));
        }
        if let Some(LastRuns { start, check, .. }) = &self.last_runs {
            let time = |at: &Option<Timestamp>| at.map_or_else(|| "not within a day".to_owned(), |at| page.time(at));
            page.line(&format!("Last runs: start {}, check {}", time(start), time(check)));
        }
        if let Some(seconds) = self.throttled_seconds {
            page.paragraph(&format!(
                "EKS throttles this account: calls of a run waited {seconds} s. Find out what else calls EKS so often"
            ));
        }
        self.draw_in_progress(page);
        self.draw_needs_you(page);
        if !self.held_back.is_empty() {
            page.heading("Waiting");
            self.held_back.iter().for_each(|held| page.line(&format!("  ◷ {:4} {}", held.nodegroups, held.decision)));
        }
        let place = |it: &Quarantine| it.cluster.as_ref().map_or("all clusters", ClusterId::name).to_owned();
        let since = |it: &Quarantine| page.time(it.since);
        let quarantine = |it: &Quarantine| format!("{} in {} since {}", it.release_version, place(it), since(it));
        let quarantines = self.quarantines.iter().map(quarantine).collect();
        let mut list = |title: &str, lines: Vec<String>| {
            if !lines.is_empty() {
                page.heading(title);
                lines.iter().take(LISTED).for_each(|line| page.paragraph(&format!("  ✗ {}", safe(line))));
            }
        };
        list("Quarantined", quarantines);
        list("Withdrawn by AWS, and still running", self.withdrawn.clone());
        list("Not kept current for too long", self.stale.clone());
    }

    fn draw_in_progress(&self, page: &mut Page) {
        if self.in_progress.is_empty() {
            return;
        }
        page.heading("In progress");
        let mut table = page.table(&["  Node group", "To release", "Since", "Usually"], 3);
        for it in &self.in_progress {
            let usually = it.usually_seconds.map(|seconds| duration(SignedDuration::from_secs(seconds)));
            table.add_row([
                format!("  ↻ {}", safe(&it.nodegroup)),
                safe(&it.release_version).into_owned(),
                page.time(it.since),
                usually.unwrap_or_default(),
            ]);
        }
        page.add(&table);
    }

    fn draw_needs_you(&self, page: &mut Page) {
        if self.needs_you.is_empty() {
            return;
        }
        page.heading("Needs you");
        let mut table = page.table(&["  Node group", "Behind", "Decision", "Why"], 3);
        let used =
            self.needs_you.iter().map(|it| it.nodegroup.len() + it.decision.code().len()).max().unwrap_or_default();
        let left = usize::from(page.width).saturating_sub(used + 20).max(20);
        for it in self.needs_you.iter().take(LISTED) {
            table.add_row([
                Cell::new(format!("  ✗ {}", safe(&it.nodegroup))).fg(Kind::NeedsYou.color()),
                Cell::new(it.days_behind.map(|days| format!("{days} d")).unwrap_or_default()),
                Cell::new(&it.decision),
                Cell::new(shortened(&safe(&it.reason), left)),
            ]);
        }
        page.add(&table);
        let more = self.needs_you.len().saturating_sub(LISTED);
        if more > 0 {
            page.note(&format!("  and {more} more: eks-nodegroup-updater plan"));
        }
    }
}

/// The metrics of the stack; nothing if they cannot be read.
async fn last_runs(configuration: &SdkConfig, stack: &str) -> Option<LastRuns> {
    let cloudwatch = aws_sdk_cloudwatch::Client::new(&endpoints::of(configuration, Service::CloudWatch));
    let now = here().now;
    let day = async |metric: Metric, statistic: Statistic| {
        let time = |at: Timestamp| DateTime::from_secs(at.as_second());
        let answer = cloudwatch
            .get_metric_statistics()
            .namespace(NAMESPACE)
            .metric_name(metric.name())
            .dimensions(Dimension::builder().name("Stack").value(stack).build())
            .start_time(time(now - SignedDuration::from_hours(24)))
            .end_time(time(now))
            .period(300)
            .statistics(statistic)
            .send()
            .await
            .ok()?;
        Some(answer.datapoints.unwrap_or_default())
    };
    let (start, check, throttled) = futures_util::join!(
        day(Metric::Nodegroups, Statistic::SampleCount),
        day(Metric::UpdatesInProgress, Statistic::SampleCount),
        day(Metric::ThrottledSeconds, Statistic::Maximum),
    );
    let last = |points: &[Datapoint]| {
        points.iter().filter_map(|point| Timestamp::new(point.timestamp()?.secs(), 0).ok()).max()
    };
    let waited = throttled?.iter().filter_map(Datapoint::maximum).fold(0.0, f64::max);
    let throttled = Duration::try_from_secs_f64(waited).unwrap_or_default();
    Some(LastRuns { start: last(&start?), check: last(&check?), throttled })
}

fn in_progress(records: &RecordSet) -> Vec<InProgress> {
    let successes = |record: &NodegroupRecord| -> Vec<i64> {
        let took = record.successes().map(|(attempt, ended)| ended.duration_since(attempt.started_at).as_secs());
        took.collect()
    };
    let of_fleet = median(records.readable().flat_map(successes).collect());
    let open = records.readable().filter_map(|record| Some((record, record.open()?)));
    let shown = open.map(|(record, attempt)| InProgress {
        nodegroup: record.id.to_string(),
        release_version: attempt.intent.release_version.clone(),
        since: attempt.started_at,
        usually_seconds: median(successes(record)).or(of_fleet),
    });
    shown.collect()
}

fn median(mut numbers: Vec<i64>) -> Option<i64> {
    numbers.sort_unstable();
    numbers.get(numbers.len() / 2).copied()
}

/// The withdrawn releases that node groups run.
fn withdrawn(answer: &StartAnswer, records: &RecordSet) -> Vec<String> {
    let mut lines = Vec::new();
    for record in records.readable_tracks() {
        let track = record.id.track();
        for release in record.releases.iter().filter(|release| release.withdrawal.is_some()) {
            let runs = |line: &&DecisionLine| {
                line.runs.as_ref().is_some_and(|runs| {
                    runs.ami_type == track.ami_type.as_str()
                        && runs.kubernetes_version.as_ref() == Some(&track.version)
                        && runs.release_version.as_ref() == Some(&release.release_version)
                })
            };
            let number = answer.decisions.iter().filter(runs).count();
            if number > 0 {
                lines.push(format!("{} on {}", release.release_version, count(number, "node group")));
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{after, every_output};

    #[tokio::test]
    async fn a_fleet_at_work() {
        let moment = after(5, &looking()).await;
        let (stack, account) = ("eks-nodegroup-updater".to_owned(), "123456789012".to_owned());
        let region = Region::of("eu-central-1".to_owned(), stack, account, &moment.look.answer, &moment.records);
        let start = Some("2026-07-20T13:00:00Z".parse().unwrap());
        let last_runs = LastRuns { start, check: None, throttled: Duration::from_secs(95) };
        let region = region.with_last_runs(Some(last_runs));
        insta::assert_snapshot!(every_output(&region, |page| region.draw(page)));
    }
}
