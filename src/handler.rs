//! The two stories. Only here are the steps composed.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_eks::types::NodegroupStatus;
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use serde_json::Value;

use crate::adopt::{Foreign, find_foreign};
use crate::aws::{CONCURRENCY, CheckClients, StartClients};
use crate::check::{observe, settle};
use crate::config::{CheckConfig, StartConfig};
use crate::discover::{Clusters, Found, Seen, discover, followed_clusters};
use crate::event::{CheckEvent, StartEvent};
use crate::freeze::freeze;
use crate::message::message;
use crate::model::nodegroup::NodegroupId;
use crate::model::policy::{BadTag, Policy};
use crate::model::reason::{Freeze, Reason};
use crate::model::record::{Intent, Record};
use crate::model::release_version::ReleaseVersion;
use crate::model::update::Status;
use crate::notify::publish;
use crate::plan::{Decision, Facts, Verdict, lines, lines_that_need_older, plan, spreading};
use crate::record::{NotSaved, Records};
use crate::resolve::{Offer, Releases, add_older, newest};
use crate::submit::{Answer, submit};
use crate::summary::{CheckLine, CheckSummary, StartLine, StartSummary};

/// One invocation.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// Lambda's request id.
    pub id: &'a str,
    /// The time, read once. Never taken from an event: events come late.
    pub now: Timestamp,
}

/// Finds what opted in, plans, and starts the updates of the plan.
///
/// # Errors
/// When the event is not understood or nothing can be found at all. What goes wrong with one node group is a line, and a
/// problem, of the summary.
pub async fn start(
    clients: &StartClients,
    config: &StartConfig,
    event: &Value,
    run: Run<'_>,
) -> anyhow::Result<StartSummary> {
    let event = StartEvent::parse(event)?;
    let records = Records { client: &clients.dynamodb, table: &config.updates_table, writer: run.id };
    let fleet = &config.fleet;
    let found = discover(&clients.tagging, &clients.eks, &fleet.defaults).await?;
    let all = found.iter().find_map(|found| NodegroupId::fleet(&found.id.arn));
    let arns = found.iter().map(|found| &found.id).chain(&all).map(|id| id.arn.clone()).collect();
    let (clusters, mut known, mut freeze) =
        futures_util::join!(followed_clusters(&clients.eks, &found), records.load(arns), freeze(&clients.ssm, fleet));
    let wanted = found.iter().filter(|found| event.wants(&found.id.cluster, &found.id.name));
    let newest = newest(&clients.ssm, wanted.flat_map(|found| lines(found, &clusters)).collect()).await;

    let mut summary = StartSummary { dry_run: event.dry_run, ..StartSummary::default() };
    let changed =
        update_records(clients, config, &event, (&found, all.as_ref(), &clusters, &newest), &mut known, run.now).await;
    for (arn, change) in changed {
        let outcome = match (change, known.get_mut(&arn)) {
            (Ok(()), Some(Ok(record))) if !event.dry_run => records.save(record, run.now).await,
            (Err(error), _) => Err(NotSaved::Failed(error)),
            _ => Ok(()),
        };
        if let Err(error) = outcome {
            let name = NodegroupId::from_arn(&arn).map_or_else(|| arn.clone(), |id| id.to_string());
            summary.problems.extend(matches!(error, NotSaved::Failed(_)).then(|| format!("{name}: {error}")));
            // What is not recorded must not be built upon.
            known.insert(arn, Err(error.to_string()));
        }
    }

    if let Some(Err(error)) = all.as_ref().and_then(|all| known.get(&all.arn)) {
        // Which releases are quarantined is not known.
        freeze = freeze.or(Some(Freeze::Unreadable { error: format!("the record of the fleet: {error}") }));
    }

    let facts = Facts {
        found: &found,
        clusters: &clusters,
        releases: &newest,
        records: &known,
        event: &event,
        limits: config.limits,
        retry_after: &config.retry_after,
        fleet,
        freeze: freeze.as_ref(),
        now: run.now,
    };
    let mut releases = newest.clone();
    add_older(&clients.ssm, &mut releases, lines_that_need_older(&facts)).await;
    let decisions = plan(&Facts { releases: &releases, ..facts });

    if let Some(Freeze::Unreadable { error }) = &freeze {
        tracing::error!(error, "nothing starts");
        summary.problems.push(format!("nothing starts, since {error}"));
    }

    // One after the other: a run starts few, and a crash then leaves one intent at most without its answer.
    for decision in &decisions {
        let mut line = StartLine::of(decision);
        let record = known.remove(&decision.id.arn).and_then(Result::ok).unwrap_or_else(|| Record::new(&decision.id));
        let problem = match &decision.verdict {
            Verdict::Wait(Reason::CouldNotBeRead { error }) => Some(error.clone()),
            _ if event.dry_run => None,
            Verdict::Start(start) => start_update(clients, &records, record, start, run.now, &mut line).await,
            Verdict::Wait(Reason::ReportOnly { target }) => {
                note(&records, record, run.now, |record| record.available(target, run.now)).await
            }
            Verdict::Wait(Reason::MalformedTag(BadTag { key, value, .. })) => {
                let tag = format!("{key}={value}");
                note(&records, record, run.now, |record| record.malformed_tag(&tag, run.now)).await
            }
            Verdict::Wait(_) => None,
        };
        log_decision(decision, &line);
        *summary.counts.entry(line.decision).or_default() += 1;
        summary.problems.extend(problem.map(|problem| format!("{}: {problem}", line.nodegroup)));
        summary.decisions.push(line);
    }
    tracing::info!(counts = ?summary.counts, problems = summary.problems.len(), dry_run = event.dry_run, "run finished");
    Ok(summary)
}

/// Takes into the records what has to be remembered before the plan: updates that somebody else started, what the event asks
/// to forgive or to lift, and releases whose failures have spread. Returns what changed, or what kept it from changing.
async fn update_records(
    clients: &StartClients,
    config: &StartConfig,
    event: &StartEvent,
    (found, all, clusters, newest): (&[Found], Option<&NodegroupId>, &Clusters, &Releases),
    known: &mut HashMap<String, Result<Record, String>>,
    now: Timestamp,
) -> BTreeMap<String, Result<(), String>> {
    let mut changed = BTreeMap::new();
    for found in found {
        let arn = &found.id.arn;
        let Seen::Nodegroup(nodegroup) = &found.now else { continue };
        if nodegroup.status == NodegroupStatus::Updating && matches!(nodegroup.policy, Policy::OptedIn(..)) {
            let record = known.entry(arn.clone()).or_insert_with(|| Ok(Record::new(&found.id)));
            let Ok(record) = record else { continue };
            if record.open.is_none() {
                match find_foreign(&clients.eks, nodegroup, now).await {
                    Ok(Some(Foreign { update_id, intent, started_at })) => {
                        record.adopt(&update_id, &intent, started_at);
                        changed.insert(arn.clone(), Ok(()));
                    }
                    Ok(None) => {}
                    Err(error) => {
                        changed.insert(arn.clone(), Err(format!("looking for somebody else's update: {error}")));
                    }
                }
            }
        }
        if let Some(Ok(record)) = known.get_mut(arn)
            && event.retry.contains(&found.id.to_string())
            && record.forgive(now)
        {
            changed.entry(arn.clone()).or_insert(Ok(()));
        }
    }
    if let Some(all) = all {
        let readable: Vec<Record> = known.values().filter_map(|record| record.as_ref().ok()).cloned().collect();
        let spreads = spreading(readable.iter(), config.fleet.quarantine_after);
        let before = known.get(&all.arn).cloned();
        if let Ok(record) = known.entry(all.arn.clone()).or_insert_with(|| Ok(Record::new(all))) {
            for release in &event.lift_quarantine {
                record.lift_quarantine(release, now);
            }
            for release in found.iter().flat_map(|found| newest_of(found, clusters, newest)) {
                record.supersede(release);
            }
            for spread in spreads {
                record.quarantine(&spread.release_version, &spread.nodegroups, now);
            }
        }
        let after = known.get(&all.arn);
        if after != before.as_ref() && after != Some(&Ok(Record::new(all))) {
            changed.insert(all.arn.clone(), Ok(()));
        }
    }
    changed
}

/// The newest release of each line that matters for a node group.
fn newest_of<'a>(found: &Found, clusters: &Clusters, newest: &'a Releases) -> impl Iterator<Item = &'a ReleaseVersion> {
    lines(found, clusters).into_iter().filter_map(|line| match newest.offer(&line)? {
        Offer::Releases(releases) => releases.first().map(|published| &published.release),
        Offer::NotPublished | Offer::Unreadable(_) => None,
    })
}

/// Writes the intent, calls EKS, writes what it answered. Returns what is a problem of the run.
async fn start_update(
    clients: &StartClients,
    records: &Records<'_>,
    mut record: Record,
    intent: &Intent,
    now: Timestamp,
    line: &mut StartLine,
) -> Option<String> {
    record.begin(intent, now);
    match records.save(&mut record, now).await {
        Ok(()) => {}
        Err(NotSaved::Conflict) => {
            line.outcome = Some("anotherRunWasFirst");
            return None;
        }
        Err(NotSaved::Failed(error)) => {
            line.outcome = Some("notRecorded");
            return Some(format!("not started, since the intent could not be recorded: {error}"));
        }
    }
    let attempt = record.open.as_ref()?;
    let (outcome, problem) = match submit(&clients.eks, &record.id(), attempt).await {
        Answer::Accepted { update_id } => {
            record.accepted(&update_id);
            line.update_id = Some(update_id);
            ("accepted", None)
        }
        Answer::InUse(error) => {
            record.withdraw();
            line.reason = format!("somebody else is changing it: {error}");
            ("inUse", None)
        }
        Answer::NotReady(error) => {
            record.withdraw();
            line.reason = format!("EKS does not know the release yet; a later run looks again: {error}");
            ("notReady", None)
        }
        Answer::Gone(error) => {
            record.withdraw();
            line.reason = format!("it was deleted meanwhile: {error}");
            ("deleted", None)
        }
        Answer::Refused(error) => {
            line.reason = format!("EKS refused: {}: {}", error.error_code, error.error_message);
            record.end(Status::Refused, vec![error], now);
            ("refused", Some(line.reason.clone()))
        }
        Answer::Unclear(error) => {
            line.outcome = Some("unclear");
            line.reason = format!("whether EKS accepted the update is not known; check finds out: {error}");
            return Some(line.reason.clone());
        }
    };
    line.outcome = Some(outcome);
    match records.save(&mut record, now).await {
        // A conflict means that `check` found the update first.
        Ok(()) | Err(NotSaved::Conflict) => problem,
        Err(NotSaved::Failed(error)) => {
            Some(format!("EKS answered {outcome}, which could not be recorded; check finds out: {error}"))
        }
    }
}

/// Notes once what people must know of a node group on which nothing starts, for `check` to publish. Returns what is a
/// problem of the run.
async fn note(
    records: &Records<'_>,
    mut record: Record,
    now: Timestamp,
    news: impl FnOnce(&mut Record) -> bool,
) -> Option<String> {
    if !news(&mut record) {
        return None;
    }
    match records.save(&mut record, now).await {
        Ok(()) | Err(NotSaved::Conflict) => None,
        Err(NotSaved::Failed(error)) => Some(format!("what is to be told could not be recorded: {error}")),
    }
}

fn log_decision(decision: &Decision, line: &StartLine) {
    let StartLine { nodegroup, decision: code, reason, outcome, update_id, .. } = line;
    match &decision.verdict {
        Verdict::Wait(Reason::UpToDate { .. }) => tracing::debug!(nodegroup, decision = code, reason, "decided"),
        Verdict::Wait(Reason::CouldNotBeRead { .. }) => tracing::error!(nodegroup, decision = code, reason, "decided"),
        Verdict::Wait(_) | Verdict::Start(_) => {
            tracing::info!(nodegroup, decision = code, reason, outcome, update_id, "decided");
        }
    }
}

/// Follows every open attempt, and publishes what is untold.
///
/// # Errors
/// When the event is not understood or the table cannot be read at all. What goes wrong with one record is a problem of the
/// summary.
pub async fn check(
    clients: &CheckClients,
    config: &CheckConfig,
    event: &Value,
    run: Run<'_>,
) -> anyhow::Result<CheckSummary> {
    let CheckEvent {} = CheckEvent::parse(event)?;
    let records = Records { client: &clients.dynamodb, table: &config.updates_table, writer: run.id };
    let pending = records.pending().await?;
    let mut loaded: Vec<(String, Result<Record, String>)> = records.load(pending).await.into_iter().collect();
    loaded.sort_by(|left, right| left.0.cmp(&right.0));
    let checked: Vec<Checked> = stream::iter(loaded)
        .map(|(arn, record)| check_one(clients, config, &records, arn, record, run.now))
        .buffered(CONCURRENCY)
        .collect()
        .await;

    let mut summary = CheckSummary::default();
    for checked in checked {
        for problem in &checked.problems {
            tracing::error!(nodegroup = checked.nodegroup, problem, "could not be checked");
            summary.problems.push(format!("{}: {problem}", checked.nodegroup));
        }
        if let Some(line) = checked.line {
            let CheckLine { nodegroup, update_id, release_version, status } = &line;
            tracing::info!(nodegroup, update_id, release_version, status, "checked");
            *summary.counts.entry(line.status.clone()).or_default() += 1;
            summary.updates.push(line);
        }
        summary.published.extend(checked.published);
    }
    let published = summary.published.len();
    tracing::info!(counts = ?summary.counts, published, problems = summary.problems.len(), "run finished");
    Ok(summary)
}

/// What a run of `check` did for one record.
#[derive(Default)]
struct Checked {
    nodegroup: String,
    line: Option<CheckLine>,
    published: Vec<String>,
    problems: Vec<String>,
}

async fn check_one(
    clients: &CheckClients,
    config: &CheckConfig,
    records: &Records<'_>,
    arn: String,
    record: Result<Record, String>,
    now: Timestamp,
) -> Checked {
    let nodegroup = NodegroupId::from_arn(&arn).map_or_else(|| arn.clone(), |id| id.to_string());
    let mut checked = Checked { nodegroup, ..Checked::default() };
    let mut record = match record {
        Ok(record) => record,
        Err(error) => {
            checked.problems.push(error);
            return checked;
        }
    };
    let before = record.clone();
    if let Some(attempt) = &before.open {
        let observation = observe(&clients.eks, &before, attempt).await;
        settle(&mut record, &observation, now, config.stuck_after);
        checked.line = Some(line_of(&before, &record));
        if let crate::check::Observation::Unreadable(error) = observation {
            checked.problems.push(error);
        }
    }
    if record != before && !save(records, &mut record, now, &mut checked).await {
        return checked;
    }
    for notice in record.untold.clone() {
        let id = record.notice_id(&notice);
        match publish(&clients.sns, &config.notification_topic_arn, message(&record, &notice, &config.retry_after))
            .await
        {
            Ok(()) => {
                checked.published.push(id);
                record.told(&notice);
                if !save(records, &mut record, now, &mut checked).await {
                    return checked;
                }
            }
            Err(error) => checked.problems.push(error.to_string()),
        }
    }
    checked
}

/// Whether the record was written, and with it what follows may go on.
async fn save(records: &Records<'_>, record: &mut Record, now: Timestamp, checked: &mut Checked) -> bool {
    match records.save(record, now).await {
        Ok(()) => true,
        // Another run was first, and does the rest.
        Err(NotSaved::Conflict) => false,
        Err(NotSaved::Failed(error)) => {
            checked.problems.push(error);
            false
        }
    }
}

fn line_of(before: &Record, after: &Record) -> CheckLine {
    let open = before.open.as_ref();
    let number = open.map_or(0, |attempt| attempt.number);
    let now = after.attempt(number);
    CheckLine {
        nodegroup: before.id().to_string(),
        update_id: now.or(open).and_then(|attempt| attempt.update_id.clone()),
        release_version: open.map(|attempt| attempt.release_version.clone()).unwrap_or_default(),
        status: now.map_or_else(|| "NotAccepted".to_owned(), |attempt| format!("{:?}", attempt.status)),
    }
}
