//! The state of the node groups of one account and region.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Datapoint, Dimension, Statistic};
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

use super::in_progress::{InProgress, draw_since, in_progress};
use super::upcoming::Upcoming;
use crate::aws::answer::{DecisionLine, StartAnswer};
use crate::aws::location::Location;
use crate::aws::nodegroups::here;
use terminal::kind::Kind;
use terminal::page::Page;
use terminal::table::Rows;
use terminal::text::count;

/// The maximum number of listed node groups that need attention.
const LISTED: usize = 20;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Region {
    #[serde(flatten)]
    pub location: Location,
    /// Absent if the updater is not deployed: then this is what your credentials can read, without records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stack: Option<String>,
    /// Why no update is allowed to start anywhere, if updates are stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    freeze: Option<Stopped>,
    pub nodegroups: Numbers,
    #[serde(skip_serializing_if = "Option::is_none")]
    days_behind: Option<DaysBehind>,
    pub in_progress: Vec<InProgress>,
    #[serde(flatten)]
    pub upcoming: Upcoming,
    needs_you: Vec<DecisionLine>,
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
    /// The options for the commands in hints.
    #[serde(skip)]
    options: String,
}

/// When each function last wrote metrics: to five minutes, and within a day.
#[derive(Clone, Serialize)]
pub struct LastRuns {
    start: Option<Timestamp>,
    check: Option<Timestamp>,
    /// The longest wait of a run's calls.
    #[serde(skip)]
    throttled: Duration,
}

/// How many node groups there are in each state.
#[derive(Clone, Copy, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Numbers {
    pub all: usize,
    pub current: usize,
    pub starts: usize,
    pub updating: usize,
    pub waits: usize,
    pub needs_you: usize,
    pub left_alone: usize,
}

#[derive(Clone, Copy, Serialize)]
struct DaysBehind {
    worst: i64,
    median: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HeldBack {
    decision: DecisionKind,
    nodegroups: usize,
}

/// Where a state was read.
pub struct At {
    pub location: Location,
    pub stack: Option<String>,
    pub options: String,
}

#[cfg(test)]
impl At {
    /// Where the demo's fleet is.
    pub fn demo() -> Self {
        let stack = Some("eks-nodegroup-updater".to_owned());
        Self { location: crate::fixture::location(), stack, options: String::new() }
    }
}

/// The states, in the order in which they are listed.
pub const KINDS: [Kind; 6] = [Kind::Current, Kind::Start, Kind::Updating, Kind::Waits, Kind::NeedsYou, Kind::LeftAlone];

/// The words for a state in a list.
pub fn words(kind: Kind) -> &'static str {
    match kind {
        Kind::Current => "current",
        Kind::Start => "to start",
        Kind::Updating => "updating",
        Kind::Waits => "waiting",
        Kind::NeedsYou => "needing you",
        Kind::LeftAlone => "left alone",
    }
}

impl Numbers {
    /// How many are in this state.
    pub fn of(&self, kind: Kind) -> usize {
        match kind {
            Kind::Current => self.current,
            Kind::Start => self.starts,
            Kind::Updating => self.updating,
            Kind::Waits => self.waits,
            Kind::NeedsYou => self.needs_you,
            Kind::LeftAlone => self.left_alone,
        }
    }

    /// Adds those of another region.
    pub fn add(&mut self, other: &Self) {
        let Self { all, current, starts, updating, waits, needs_you, left_alone } = other;
        self.all += all;
        self.current += current;
        self.starts += starts;
        self.updating += updating;
        self.waits += waits;
        self.needs_you += needs_you;
        self.left_alone += left_alone;
    }
}

impl Region {
    /// The state by a dry run's answer and the records.
    pub fn of(at: At, answer: &StartAnswer, records: &RecordSet) -> Self {
        let number = |wanted| answer.decisions.iter().filter(|line| line.sign() == wanted).count();
        let mut behind: Vec<i64> = answer.decisions.iter().filter_map(DecisionLine::days_behind).collect();
        behind.sort_unstable();
        let mut needs_you: Vec<DecisionLine> =
            answer.decisions.iter().filter(|line| line.sign() == Kind::NeedsYou).cloned().collect();
        needs_you.sort_by_key(|line| std::cmp::Reverse(line.days_behind()));
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
        let At { location, stack, options } = at;
        Self {
            location,
            stack,
            options,
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
            upcoming: Upcoming::of(answer),
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

    /// The same, with the time of the last runs.
    pub fn with_last_runs(self, last_runs: Option<LastRuns>) -> Self {
        let waited = last_runs.as_ref().map(|last| last.throttled).unwrap_or_default();
        let long = Throttled::of(Throttling { refusals: 0, waited }).map(|throttled| throttled.waited_seconds);
        Self { throttled_seconds: self.throttled_seconds.max(long), last_runs, ..self }
    }

    /// The most days that a node group is behind.
    pub fn worst(&self) -> Option<i64> {
        self.days_behind.map(|days| days.worst)
    }

    /// The stack, and why nothing starts there, for a column.
    pub fn stack_and_freeze(&self) -> String {
        let stack = self.stack.as_deref().unwrap_or("not deployed");
        match &self.freeze {
            Some(freeze) => format!("{stack}; ✗ no update starts: {}", freeze.message),
            None => stack.to_owned(),
        }
    }

    /// Whether there is anything to list.
    pub fn has_lists(&self) -> bool {
        let Self { in_progress, needs_you, held_back, stale, quarantines, withdrawn, .. } = self;
        !(in_progress.is_empty()
            && needs_you.is_empty()
            && held_back.is_empty()
            && stale.is_empty()
            && quarantines.is_empty()
            && withdrawn.is_empty())
    }

    /// Draws the state of a single region.
    pub fn draw(&self, page: &mut Page) {
        self.draw_numbers(page);
        self.draw_lists(page);
    }

    /// Draws how many node groups are in each state, and what applies to all of them.
    pub fn draw_numbers(&self, page: &mut Page) {
        let Self { location: Location { account, region, .. }, stack, nodegroups, .. } = self;
        let account = account.as_ref().map(|account| format!(", account {account}")).unwrap_or_default();
        match stack {
            Some(stack) => page.note(&format!("Stack {stack} in {region}{account}")),
            None => page.note(&format!(
                "The updater is not deployed in {region}{account}. This is what your credentials can read, with the \
                 default settings and without records"
            )),
        }
        let parts = KINDS.into_iter().filter(|kind| nodegroups.of(*kind) > 0);
        let parts: Vec<String> = parts
            .map(|kind| format!("{} {} {}", kind.glyph(), nodegroups.of(kind), words(kind)).replace(' ', "\u{a0}"))
            .collect();
        page.paragraph(&format!("{}: {}", count(nodegroups.all, "node group"), parts.join("   ")));
        if let Some(DaysBehind { worst, median }) = &self.days_behind {
            let number = |days: i64| count(usize::try_from(days).unwrap_or_default(), "day");
            page.paragraph(&format!("Behind: maximum {}, median of those behind {}", number(*worst), number(*median)));
        }
        match &self.freeze {
            Some(freeze) => page.paragraph(&format!("✗ No update starts: {}", freeze.message)),
            None if stack.is_none() => {}
            None => page.paragraph("Updates may start: neither the stop switch nor a change calendar stops them"),
        }
        if self.pending_notices > 0 {
            page.paragraph(&format!(
                "{} to be published by the next run of check",
                count(self.pending_notices, "notice")
            ));
        }
        if let Some(LastRuns { start, check, .. }) = &self.last_runs {
            let time = |at: &Option<Timestamp>| at.map_or_else(|| "not within a day".to_owned(), |at| page.time(at));
            page.paragraph(&format!("Last runs: start {}, check {}", time(start), time(check)));
        }
        if let Some(seconds) = self.throttled_seconds {
            page.paragraph(&format!(
                "EKS throttles this account: calls of a run waited {seconds} s. Find out what else calls EKS so often"
            ));
        }
    }

    /// Draws what is in progress, and what is not as it should be.
    pub fn draw_lists(&self, page: &mut Page) {
        draw_since(page, &self.in_progress);
        self.draw_problems(page);
    }

    /// Draws what is not as it should be.
    pub fn draw_problems(&self, page: &mut Page) {
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
                lines.iter().take(LISTED).for_each(|line| page.paragraph(&format!("  ✗ {line}")));
            }
        };
        list("Quarantined", quarantines);
        list("Withdrawn by AWS, and still running", self.withdrawn.clone());
        list("Not kept current for too long", self.stale.clone());
    }

    fn draw_needs_you(&self, page: &mut Page) {
        if self.needs_you.is_empty() {
            return;
        }
        page.heading("Needs you");
        let mut rows = Rows::new(["  Node group", "Behind", "Decision"]);
        for it in self.needs_you.iter().take(LISTED) {
            let cells = [
                format!("  ✗ {}", it.nodegroup),
                it.days_behind().map(|days| format!("{days} d")).unwrap_or_default(),
                it.decision.code().to_owned(),
            ];
            rows.row(cells, Kind::NeedsYou.style(), Some(it.reason.clone()));
        }
        page.rows(&rows);
        let more = self.needs_you.len().saturating_sub(LISTED);
        if more > 0 {
            let options = &self.options;
            page.note(&format!("  and {more} more: eks-nodegroup-updater nodegroups --attention needs-you{options}"));
        }
    }
}

/// The metrics of the stack; nothing if they cannot be read.
pub async fn last_runs(configuration: &SdkConfig, stack: &str) -> Option<LastRuns> {
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
    use crate::aws::answer::looking;
    use crate::fixture::{after, every_output};

    #[tokio::test]
    async fn a_fleet_at_work() {
        let moment = after(5, &looking()).await;
        let region = Region::of(At::demo(), &moment.look.answer, &moment.records);
        let start = Some("2026-07-20T13:00:00Z".parse().unwrap());
        let last_runs = LastRuns { start, check: None, throttled: Duration::from_secs(95) };
        let region = region.with_last_runs(Some(last_runs));
        insta::assert_snapshot!(every_output(&region, |page| region.draw(page)));
    }
}
