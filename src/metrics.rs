//! The metrics of a run, as one line of CloudWatch's embedded metric format.
//!
//! CloudWatch Logs makes metrics of such a line, without a call, a permission or a crate. It silently drops a line that violates
//! the [specification](https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html),
//! so each line is tested against it. All values are whole numbers from zero: none is negative or NaN.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::aws::pace::Throttling;
use crate::model::attempt::Attempt;
use crate::model::attempt::outcome::Outcome;
use crate::model::decision::Decision;
use crate::model::decision::attention::Attention;
use crate::model::decision::reason::ReasonKind;
use crate::model::observed::fleet::NodegroupState;
use crate::model::record::nodegroup::NodegroupRecord;
use crate::plan::{Plan, PlanInput};
use crate::standing::newer_published_at;

/// The namespace of all metrics.
pub const NAMESPACE: &str = "EksNodegroupUpdater";
/// The only dimension, which separates two stacks of a region. Each further one would cost extra.
const DIMENSION: &str = "Stack";
/// The maximum number of a metric's values in one line.
const VALUES: usize = 100;

/// A metric. `docs/metrics.md` describes each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::IntoStaticStr, strum::VariantArray)]
pub enum Metric {
    /// Opted-in node groups.
    Nodegroups,
    /// Node groups that are current.
    NodegroupsCurrent,
    /// Node groups with a known newer release.
    NodegroupsBehind,
    /// The age of the oldest newer release, for each of those.
    BehindSeconds,
    /// Node groups that wait for a rule, a date or a retry.
    NodegroupsWaiting,
    /// Node groups that need somebody to act.
    NodegroupsNeedingYou,
    /// Node groups that are left alone on purpose.
    NodegroupsLeftAlone,
    /// Node groups whose last update did not succeed, and that are not current since.
    NodegroupsFailed,
    /// Node groups that were reported as not kept current, and are not current since.
    NodegroupsStale,
    /// Quarantined releases without a newer release on their track.
    ReleasesQuarantined,
    /// Updates in progress.
    UpdatesInProgress,
    /// The duration of the oldest of those.
    OldestUpdateSeconds,
    /// Updates that were found to have succeeded.
    UpdatesSucceeded,
    /// Updates that were found to have ended otherwise.
    UpdatesFailed,
    /// The duration of each of the ended updates.
    UpdateSeconds,
    /// Notices that could not be published.
    NoticesPending,
    /// How long EKS calls waited, because EKS throttled some.
    ThrottledSeconds,
}

impl Metric {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The metric that counts the node groups with a decision of this kind; `None` for those that are being updated.
    #[must_use]
    pub fn of(attention: Attention) -> Option<Self> {
        match attention {
            Attention::Current => Some(Self::NodegroupsCurrent),
            Attention::Moving => None,
            Attention::Waits => Some(Self::NodegroupsWaiting),
            Attention::NeedsYou => Some(Self::NodegroupsNeedingYou),
            Attention::Deliberate => Some(Self::NodegroupsLeftAlone),
        }
    }

    /// Its description, in Markdown.
    #[must_use]
    pub fn answers(self) -> &'static str {
        match self {
            Self::Nodegroups => "Opted-in node groups, `notify` included",
            Self::NodegroupsCurrent => "Node groups on the latest release available to them, or on their pin",
            Self::NodegroupsWaiting => {
                "Node groups that wait for a rule, a date or a retry: age, window, ring, limit, closed calendar, \
                 denied, downgraded"
            }
            Self::NodegroupsNeedingYou => {
                "Node groups that do not change until somebody acts: an invalid tag, given up, quarantined, unhealthy, \
                 unreadable, a custom AMI, ended support, stopped by the stop switch"
            }
            Self::NodegroupsLeftAlone => "Node groups that are left alone on purpose: `notify`",
            Self::NodegroupsBehind => {
                "Node groups with a newer release that is neither withdrawn nor denied, whatever the obstacle"
            }
            Self::BehindSeconds => {
                "How far behind those are: the age of their oldest newer release, one value per node group"
            }
            Self::NodegroupsFailed => "Node groups whose last update did not succeed, and that are not current since",
            Self::NodegroupsStale => {
                "Node groups reported as [not kept current](rules.md#nothing-goes-stale-in-silence), and not current since"
            }
            Self::ReleasesQuarantined => "Quarantined releases without a newer release on their track",
            Self::UpdatesInProgress => "Updates in progress",
            Self::OldestUpdateSeconds => "Duration of the oldest of those; 0 if there is none",
            Self::UpdatesSucceeded => "Updates found to have succeeded",
            Self::UpdatesFailed => "Updates found to have ended otherwise",
            Self::UpdateSeconds => "How long those took until `check` found them ended",
            Self::NoticesPending => "Notices still to be published, as a message or as an event",
            Self::ThrottledSeconds => "How long EKS calls waited because the account's request rate was used up",
        }
    }

    /// The functions that write it.
    #[must_use]
    pub fn functions(self) -> &'static [&'static str] {
        match self {
            Self::Nodegroups
            | Self::NodegroupsCurrent
            | Self::NodegroupsWaiting
            | Self::NodegroupsNeedingYou
            | Self::NodegroupsLeftAlone
            | Self::NodegroupsBehind
            | Self::BehindSeconds
            | Self::NodegroupsFailed
            | Self::NodegroupsStale
            | Self::ReleasesQuarantined => &["start"],
            Self::UpdatesInProgress
            | Self::OldestUpdateSeconds
            | Self::UpdatesSucceeded
            | Self::UpdatesFailed
            | Self::UpdateSeconds
            | Self::NoticesPending => &["check"],
            Self::ThrottledSeconds => &["start", "check"],
        }
    }

    /// The useful statistics, as CloudWatch names them.
    #[must_use]
    pub fn statistics(self) -> &'static [&'static str] {
        match self {
            Self::UpdatesSucceeded | Self::UpdatesFailed => &["Sum"],
            Self::BehindSeconds => &["Maximum", "p50"],
            Self::UpdateSeconds => &["p50", "Maximum"],
            _ => &["Maximum"],
        }
    }

    /// Its unit, as CloudWatch knows it.
    #[must_use]
    pub fn unit(self) -> &'static str {
        if self.name().ends_with("Seconds") { "Seconds" } else { "Count" }
    }
}

/// The measurements of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metrics {
    function: &'static str,
    values: BTreeMap<Metric, Vec<u64>>,
    /// The number of node groups for each decision: not a metric, which would cost money, but searchable in the log.
    decisions: BTreeMap<&'static str, usize>,
}

/// The findings of a run of `check`.
#[derive(Clone, Debug, Default)]
pub struct UpdateFacts {
    /// Whether it reached every record. Records that it did not reach must not count as zero.
    pub complete: bool,
    /// When each update in progress began.
    pub in_progress: Vec<Timestamp>,
    /// The attempts that were found to have ended.
    pub ended: Vec<Attempt>,
    /// Notices that are still to be published.
    pub notices_pending: usize,
}

impl Metrics {
    /// What a run of `start` knows about the fleet after its starts. Only a run that covers the whole fleet measures anything,
    /// and only a run that reached all of it counts node groups: a part would look like a smaller fleet.
    #[must_use]
    pub fn of_fleet(
        input: &PlanInput<'_>,
        plan: &Plan,
        outcomes: &BTreeMap<usize, Outcome>,
        throttling: Throttling,
    ) -> Option<Self> {
        let fleet = input.fleet;
        if !input.request.is_whole() {
            return None;
        }
        let mut metrics = Self::new("start", throttling);
        if fleet.nodegroups.iter().any(|discovered| discovered.state == NodegroupState::NotReached) {
            return Some(metrics);
        }
        let counts = [
            Metric::Nodegroups,
            Metric::NodegroupsCurrent,
            Metric::NodegroupsBehind,
            Metric::NodegroupsWaiting,
            Metric::NodegroupsNeedingYou,
            Metric::NodegroupsLeftAlone,
            Metric::NodegroupsFailed,
            Metric::NodegroupsStale,
        ];
        counts.into_iter().for_each(|metric| metrics.set(metric, 0));
        let mut behind = Vec::new();
        for (index, (discovered, planned)) in fleet.nodegroups.iter().zip(&plan.decisions).enumerate() {
            *metrics.decisions.entry(planned.decision.code()).or_default() += 1;
            if !is_kept(&planned.decision) {
                continue;
            }
            metrics.count(Metric::Nodegroups);
            let record = fleet.records.nodegroup(&discovered.id).ok().flatten();
            if record.is_some_and(|record| record.is_stale()) {
                metrics.count(Metric::NodegroupsStale);
            }
            let attention = planned.decision.attention();
            Metric::of(attention).into_iter().for_each(|metric| metrics.count(metric));
            if attention == Attention::Current {
                continue;
            }
            if record.is_some_and(has_failed) || outcomes.get(&index).is_some_and(is_refusal) {
                metrics.count(Metric::NodegroupsFailed);
            }
            let published_at = discovered.nodegroup().and_then(|nodegroup| newer_published_at(input, nodegroup));
            behind.extend(published_at.map(|at| seconds(at, input.now)));
        }
        metrics.set(Metric::NodegroupsBehind, behind.len());
        metrics.set_all(Metric::BehindSeconds, behind);
        if let Ok(record) = fleet.record() {
            let quarantines = record.into_iter().flat_map(|record| &record.quarantines);
            let quarantined = quarantines.filter(|quarantine| quarantine.lasts()).count();
            metrics.set(Metric::ReleasesQuarantined, quarantined);
        }
        Some(metrics)
    }

    /// What a run of `check` found, and what it left.
    #[must_use]
    pub fn of_updates(facts: &UpdateFacts, throttling: Throttling, now: Timestamp) -> Self {
        let mut metrics = Self::new("check", throttling);
        if facts.complete {
            let oldest = facts.in_progress.iter().map(|began| seconds(*began, now)).max();
            metrics.set(Metric::UpdatesInProgress, facts.in_progress.len());
            metrics.set_all(Metric::OldestUpdateSeconds, vec![oldest.unwrap_or_default()]);
            metrics.set(Metric::NoticesPending, facts.notices_pending);
        }
        let failed = facts.ended.iter().filter(|attempt| attempt.failed()).count();
        metrics.set(Metric::UpdatesFailed, failed);
        metrics.set(Metric::UpdatesSucceeded, facts.ended.len() - failed);
        let lasted = facts.ended.iter().filter_map(|attempt| Some(seconds(attempt.started_at, attempt.ended_at?)));
        metrics.set_all(Metric::UpdateSeconds, lasted.collect());
        metrics
    }

    fn new(function: &'static str, throttling: Throttling) -> Self {
        let mut metrics = Self { function, values: BTreeMap::new(), decisions: BTreeMap::new() };
        metrics.set_all(Metric::ThrottledSeconds, vec![throttling.waited.as_secs()]);
        metrics
    }

    /// The values of a metric; none if the run does not know them.
    #[must_use]
    pub fn values(&self, metric: Metric) -> &[u64] {
        self.values.get(&metric).map(Vec::as_slice).unwrap_or_default()
    }

    /// The line of a stack. Its time stamp and level make it a log record for Lambda.
    #[must_use]
    pub fn line(&self, stack: &str, now: Timestamp) -> String {
        let definition = |metric: &Metric| json!({"Name": metric.name(), "Unit": metric.unit()});
        let definitions: Vec<Value> = self.values.keys().map(definition).collect();
        let mut line = Map::new();
        let mut put = |name: &str, value: Value| line.insert(name.to_owned(), value);
        put(
            "_aws",
            json!({
                "Timestamp": now.as_millisecond(),
                "CloudWatchMetrics": [{"Namespace": NAMESPACE, "Dimensions": [[DIMENSION]], "Metrics": definitions}],
            }),
        );
        put("timestamp", format!("{now:.3}").into());
        put("level", "INFO".into());
        put("message", "metrics".into());
        put("function", self.function.into());
        put(DIMENSION, stack.into());
        if !self.decisions.is_empty() {
            put("decisions", json!(self.decisions));
        }
        for (metric, values) in &self.values {
            let value = match values.as_slice() {
                [one] => json!(one),
                many => json!(many),
            };
            put(metric.name(), value);
        }
        Value::Object(line).to_string()
    }

    fn set(&mut self, metric: Metric, count: usize) {
        self.set_all(metric, vec![u64::try_from(count).unwrap_or(u64::MAX)]);
    }

    fn count(&mut self, metric: Metric) {
        self.values.entry(metric).or_default().iter_mut().for_each(|count| *count += 1);
    }

    /// A metric without a value is left out.
    fn set_all(&mut self, metric: Metric, values: Vec<u64>) {
        if !values.is_empty() {
            self.values.insert(metric, sample(values));
        }
    }
}

/// Whether the updater keeps it current: it exists and has opted in.
fn is_kept(decision: &Decision) -> bool {
    match decision {
        Decision::Start(_) | Decision::Next(..) => true,
        Decision::Skip(reason) => !matches!(
            reason.kind(),
            ReasonKind::Excluded
                | ReasonKind::NotFound
                | ReasonKind::Deleted
                | ReasonKind::NotOptedIn
                | ReasonKind::OptedOut
        ),
    }
}

/// Whether the last ended update did not succeed. An update that is being retried still counts as failed.
fn has_failed(record: &NodegroupRecord) -> bool {
    record.attempts.ended.last().is_some_and(Attempt::failed)
}

/// Whether it is a failure that the records, which were read earlier, do not show yet.
fn is_refusal(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Refused(_) | Outcome::LaunchTemplateDenied(_))
}

/// The seconds from one time to another; zero if a clock was set back between them.
fn seconds(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.duration_since(from).as_secs()).unwrap_or_default()
}

/// At most as many values as a line can have. Of more values, an even selection by size, with the largest, the smallest and the
/// median.
fn sample(mut values: Vec<u64>) -> Vec<u64> {
    let last = values.len().saturating_sub(1);
    if values.len() <= VALUES {
        return values;
    }
    values.sort_unstable();
    (0..VALUES).filter_map(|index| values.get(index * last / (VALUES - 1)).copied()).collect()
}
