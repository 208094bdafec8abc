//! `check`: observe, settle, notify.

use futures_util::{StreamExt, stream};
use serde_json::Value;
use tokio::time::Instant;
use uuid::Uuid;

use crate::aws::{CONCURRENCY, CheckClients};
use crate::config::CheckConfig;
use crate::event::parse_check;
use crate::model::attempt::Attempt;
use crate::model::nodegroup_record::NodegroupRecord;
use crate::model::problem::{Problem, Unreadable};
use crate::model::record::Record;
use crate::model::records::{RecordRef, RecordSet};
use crate::model::settle::{Observation, settle};
use crate::model::subject::{ItemKey, Subject};
use crate::notify::{Message, publish};
use crate::observe::updates::observe;
use crate::run::Run;
use crate::store::{NotSaved, RecordStore};
use crate::summary::{CheckLine, CheckSummary, left_over};

/// Watches every open attempt, and publishes what is pending.
///
/// # Errors
/// When the event is not understood or the table cannot be read at all. What goes wrong with one record is an error of the
/// summary.
pub async fn check(
    clients: &CheckClients,
    config: &CheckConfig,
    event: &Value,
    run: Run<'_>,
) -> anyhow::Result<CheckSummary> {
    parse_check(event)?;
    let store = RecordStore::new(&clients.dynamodb, &config.updates_table, run.id, false);
    let mut pending: Vec<String> = store.pending().await?.into_iter().collect();
    // In another order each run, so that nothing is left over for ever where the time is too short for all.
    pending.sort_by_cached_key(|key| Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("{}/{key}", run.id).as_bytes()));
    let checker = Checker { clients, config, store, run };
    let count = pending.len();
    let mut checked: Vec<Checked> = checker.check_all(pending).await;
    checked.sort_by(|left, right| left.subject.cmp(&right.subject));

    let mut summary = CheckSummary::default();
    summary.errors.extend(left_over(count - checked.len()));
    let mut unpublished = 0;
    for Checked { subject, line, published, errors, not_published } in checked {
        unpublished += not_published;
        summary.errors.extend(errors.into_iter().map(|error| Problem::with(subject.clone(), error)));
        summary.published.extend(published);
        if let Some(line) = line {
            *summary.counts.entry(line.status).or_default() += 1;
            summary.updates.push(line);
        }
    }
    let nothing_published = unpublished > 0 && summary.published.is_empty();
    summary.failure = checker.store.failure().or(nothing_published.then_some("nothing could be published")).map(str::to_owned);
    summary.log();
    Ok(summary)
}

/// What a run of `check` works with.
struct Checker<'a> {
    clients: &'a CheckClients,
    config: &'a CheckConfig,
    store: RecordStore<'a>,
    run: Run<'a>,
}

/// What a run of `check` did for one record.
struct Checked {
    subject: Subject,
    line: Option<CheckLine>,
    published: Vec<String>,
    errors: Vec<String>,
    not_published: usize,
}

impl Checker<'_> {
    async fn check_all(&self, keys: Vec<String>) -> Vec<Checked> {
        let mut records = RecordSet::default();
        self.store.load(keys.iter().filter_map(|key| ItemKey::read(key)), &mut records).await;
        stream::iter(keys)
            .take_while(|_| std::future::ready(Instant::now() < self.run.last_start))
            .map(|key| self.check_one(key, &records))
            .buffered(CONCURRENCY)
            .collect()
            .await
    }

    async fn check_one(&self, key: String, records: &RecordSet) -> Checked {
        let Some(item) = ItemKey::read(&key) else {
            let mut checked = Checked::new(Subject::Entry(key));
            checked.errors.push("the table has an item under a key that is none of the updater's".to_owned());
            return checked;
        };
        let mut checked = Checked::new(item.subject());
        match item {
            ItemKey::Nodegroup(id) => {
                if let Some(record) = checked.readable(records.nodegroup(&id)) {
                    self.check_nodegroup(record.clone(), &mut checked).await;
                }
            }
            ItemKey::Fleet(_) => {
                if let Some(record) = checked.readable(records.fleet()) {
                    self.publish_pending(record.clone(), &mut checked).await;
                }
            }
            ItemKey::Track(id) => {
                if let Some(record) = checked.readable(records.track(id.track())) {
                    self.publish_pending(record.clone(), &mut checked).await;
                }
            }
        }
        checked
    }

    async fn check_nodegroup(&self, mut record: NodegroupRecord, checked: &mut Checked) {
        let (before, now) = (record.clone(), self.run.now);
        if let Some(attempt) = &before.open {
            let observation = observe(&self.clients.eks, &before, attempt).await;
            settle(&mut record, &observation, now, self.config.stuck_after);
            checked.line = Some(line(&record, attempt));
            if let Observation::Unreadable(error) = observation {
                checked.errors.push(error.to_string());
            }
        }
        if record != before {
            match self.store.save(&mut record, now).await {
                Ok(()) => {}
                // Another run was first, and does the rest.
                Err(NotSaved::Conflict(_)) => return,
                Err(error) => return checked.errors.push(error.to_string()),
            }
        }
        self.publish_pending(record, checked).await;
    }

    /// Publishes, then marks: a message may be sent twice, but none is lost.
    async fn publish_pending<R: Record>(&self, mut record: R, checked: &mut Checked)
    where
        for<'a> RecordRef<'a>: From<&'a R>,
    {
        for notice in record.pending_notices().to_vec() {
            let message = Message::new(&record, &notice, &self.config.retry_after);
            match publish(&self.clients.sns, &self.config.notification_topic_arn, message).await {
                Ok(()) => checked.published.push(record.notice_id(&notice)),
                Err(error) => {
                    checked.not_published += 1;
                    checked.errors.push(error.to_string());
                    continue;
                }
            }
            let mark = |record: &mut R| record.mark_published(&notice);
            if let Err(error) = self.store.merge(&mut record, self.run.now, mark).await {
                return checked.errors.push(error.to_string());
            }
        }
    }
}

impl Checked {
    fn new(subject: Subject) -> Self {
        Self { subject, line: None, published: Vec::new(), errors: Vec::new(), not_published: 0 }
    }

    fn readable<'a, R>(&mut self, record: Result<Option<&'a R>, &Unreadable>) -> Option<&'a R> {
        record.unwrap_or_else(|error| {
            self.errors.push(error.to_string());
            None
        })
    }
}

/// What became of an attempt.
fn line(record: &NodegroupRecord, open: &Attempt) -> CheckLine {
    let now = record.attempt(open.number);
    CheckLine {
        nodegroup: record.id.to_string(),
        update_id: now.unwrap_or(open).update_id.clone(),
        release_version: open.intent.release_version.clone(),
        status: now.map_or("NotAccepted", |attempt| attempt.status.into()),
    }
}
