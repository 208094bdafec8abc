//! The story of `check`: follow, settle, tell.

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;
use uuid::Uuid;

use super::{Run, left_over};
use crate::aws::{CONCURRENCY, CheckClients};
use crate::check::{Observation, observe, settle};
use crate::config::CheckConfig;
use crate::event::CheckEvent;
use crate::message::message;
use crate::model::nodegroup::NodegroupId;
use crate::model::record::Record;
use crate::notify::publish;
use crate::record::{NotSaved, Records};
use crate::summary::{CheckLine, CheckSummary};

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
    let last_start = run.last_start();
    let CheckEvent {} = CheckEvent::parse(event)?;
    let records = Records { client: &clients.dynamodb, table: &config.updates_table, writer: run.id };
    let pending = records.pending().await?;
    let mut loaded: Vec<(String, Result<Record, String>)> = records.load(pending).await.into_iter().collect();
    // In another order each run, so that nothing is left over for ever where the time is too short for all.
    loaded.sort_by_cached_key(|(arn, _)| Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("{}/{arn}", run.id).as_bytes()));
    let in_time = |_: &(String, Result<Record, String>)| std::future::ready(Instant::now() < last_start);
    let count = loaded.len();
    let mut checked: Vec<Checked> = stream::iter(loaded)
        .take_while(in_time)
        .map(|(arn, record)| check_one(clients, config, &records, arn, record, run.now))
        .buffered(CONCURRENCY)
        .collect()
        .await;
    checked.sort_by(|left, right| left.nodegroup.cmp(&right.nodegroup));

    let mut summary = CheckSummary::default();
    summary.problems.extend(left_over(count - checked.len()));
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
        if let Observation::Unreadable(error) = observation {
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
