//! The story of `start`: find, plan, update, record.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;

use super::{Run, left_over};
use crate::aws::StartClients;
use crate::config::StartConfig;
use crate::discover::{discover, followed_clusters};
use crate::event::StartEvent;
use crate::freeze::freeze;
use crate::model::nodegroup::NodegroupId;
use crate::model::policy::BadTag;
use crate::model::reason::{Freeze, Reason};
use crate::model::record::{Intent, Record};
use crate::model::update::Status;
use crate::plan::{Decision, Facts, Verdict, confirm, lines, lines_that_need_older, plan};
use crate::record::{NotSaved, Records};
use crate::remember::{Known, Loaded, remember};
use crate::resolve::{add_older, newest};
use crate::submit::{Answer, submit};
use crate::summary::{StartLine, StartSummary};

/// The outcome of a start that is left to the next run.
const DEADLINE_NEAR: &str = "deadlineNear";

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
    let (begin, last_start) = (Instant::now(), run.last_start());
    let event = StartEvent::parse(event)?;
    let records = Records { client: &clients.dynamodb, table: &config.updates_table, writer: run.id };
    let fleet = &config.fleet;
    let found = discover(&clients.tagging, &clients.eks, &fleet.defaults).await?;
    // A key that DynamoDB refuses would cost the other records of its call.
    let nodegroups = found.iter().filter_map(|found| NodegroupId::from_arn(&found.id.arn));
    let mut arns: Vec<String> = nodegroups.map(|id| id.arn).collect();
    let all = arns.first().and_then(|arn| NodegroupId::fleet(arn));
    arns.extend(all.iter().map(|id| id.arn.clone()));
    let (clusters, mut known, mut freeze) =
        futures_util::join!(followed_clusters(&clients.eks, &found), records.load(arns), freeze(&clients.ssm, fleet));
    let wanted = found.iter().filter(|found| event.wants(&found.id.cluster, &found.id.name));
    let newest = newest(&clients.ssm, wanted.flat_map(|found| lines(found, &clusters)).collect()).await;

    let mut summary = StartSummary { dry_run: event.dry_run, ..StartSummary::default() };
    let facts = Known { found: &found, fleet: all.as_ref(), clusters: &clusters, newest: &newest };
    let remembered = remember(&clients.eks, fleet.quarantine_after, &event, &facts, &mut known, run.now).await;
    summary.problems.extend(remembered.problems);
    let unsaved = save_remembered(&records, remembered.changed, &mut known, event.dry_run, run.now).await;
    summary.problems.extend(unsaved);

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
    let facts = Facts { releases: &releases, ..facts };

    if let Some(Freeze::Unreadable { error }) = &freeze {
        tracing::error!(error, "nothing starts");
        summary.problems.push(format!("nothing starts, since {error}"));
    }

    // One after the other: a run starts few, and a crash then leaves one intent at most without its answer.
    for decision in plan(&facts) {
        let decision = confirm(&Facts { now: run.now + begin.elapsed(), ..facts }, decision);
        let mut line = StartLine::of(&decision);
        let problem = match &decision.verdict {
            Verdict::Wait(Reason::CouldNotBeRead { error }) => Some(error.clone()),
            _ if event.dry_run => None,
            Verdict::Start(_) if Instant::now() >= last_start => {
                line.outcome = Some(DEADLINE_NEAR);
                None
            }
            Verdict::Start(intent) => {
                let record = record_of(&known, &decision.id);
                start_update(clients, &records, record, intent, run.now, &mut line).await
            }
            Verdict::Wait(reason) => note(&records, &known, &decision.id, reason, run.now).await,
        };
        log_decision(&decision, &line);
        *summary.counts.entry(line.decision).or_default() += 1;
        summary.problems.extend(problem.map(|problem| format!("{}: {problem}", line.nodegroup)));
        summary.decisions.push(line);
    }
    let left = summary.decisions.iter().filter(|line| line.outcome == Some(DEADLINE_NEAR)).count();
    summary.problems.extend(left_over(left));
    tracing::info!(counts = ?summary.counts, problems = summary.problems.len(), dry_run = event.dry_run, "run finished");
    Ok(summary)
}

/// Writes the records that changed before the plan. Returns what is a problem of the run.
async fn save_remembered(
    records: &Records<'_>,
    changed: BTreeMap<String, Result<(), String>>,
    known: &mut Loaded,
    dry_run: bool,
    now: Timestamp,
) -> Vec<String> {
    let mut problems = Vec::new();
    for (arn, change) in changed {
        let outcome = match (change, known.get_mut(&arn)) {
            (Ok(()), Some(Ok(record))) if !dry_run => records.save(record, now).await,
            (Err(error), _) => Err(NotSaved::Failed(error)),
            _ => Ok(()),
        };
        if let Err(error) = outcome {
            let name = NodegroupId::from_arn(&arn).map_or_else(|| arn.clone(), |id| id.to_string());
            problems.extend(matches!(error, NotSaved::Failed(_)).then(|| format!("{name}: {error}")));
            // What is not recorded must not be built upon.
            known.insert(arn, Err(error.to_string()));
        }
    }
    problems
}

/// The record of a node group, the first one if there is none yet.
fn record_of(known: &Loaded, id: &NodegroupId) -> Record {
    match known.get(&id.arn) {
        Some(Ok(record)) => record.clone(),
        _ => Record::new(id),
    }
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
    known: &Loaded,
    id: &NodegroupId,
    reason: &Reason,
    now: Timestamp,
) -> Option<String> {
    let mut record;
    let news = match reason {
        Reason::ReportOnly { version, target } => {
            record = record_of(known, id);
            record.available(version, target, now)
        }
        Reason::MalformedTag(BadTag { key, value, .. }) => {
            record = record_of(known, id);
            record.malformed_tag(&format!("{key}={value}"), now)
        }
        _ => return None,
    };
    if !news {
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
