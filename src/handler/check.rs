//! `check`: observe, settle, notify.

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;
use uuid::Uuid;

use crate::aws::{CONCURRENCY, CheckClients};
use crate::config::CheckConfig;
use crate::event::parse_check;
use crate::metrics::{Metrics, UpdateFacts};
use crate::model::attempt::Attempt;
use crate::model::nodegroup_record::NodegroupRecord;
use crate::model::notice::Notice;
use crate::model::problem::{Problem, Unreadable};
use crate::model::record::Record;
use crate::model::records::{AnyRecord, RecordSet};
use crate::model::settle::{Observation, settle};
use crate::model::subject::{ItemKey, Subject};
use crate::notify::{Message, publish};
use crate::observe::updates::observe;
use crate::run::Run;
use crate::store::{NotSaved, RecordStore};
use crate::summary::{CheckLine, CheckSummary, left_over};

/// More notices than this of one kind, release and cause become one message.
const SEPARATE: usize = 3;

/// Watches every open attempt, and publishes what is pending.
///
/// # Errors
/// When the event is not understood or the table cannot be read at all. What goes wrong with one record is an error of the
/// summary, which says itself when the run failed.
pub async fn check(
    clients: &CheckClients,
    config: &CheckConfig,
    event: &Value,
    run: Run<'_>,
) -> anyhow::Result<CheckSummary> {
    parse_check(event)?;
    let store = RecordStore::new(&clients.dynamodb, Some(&config.updates_table), run.id, false);
    let mut pending: Vec<String> = store.pending().await?.into_iter().collect();
    // In another order each run, so that nothing is left over for ever where the time is too short for all.
    pending.sort_by_cached_key(|key| Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("{}/{key}", run.id).as_bytes()));
    let checker = Checker { clients, config, store, run };
    let count = pending.len();
    let mut checked: Vec<Checked> = checker.settle_all(pending).await;
    checked.sort_by(|left, right| left.subject.cmp(&right.subject));

    let mut summary = CheckSummary::default();
    summary.errors.extend(left_over(count - checked.len()));
    let mut records = Vec::new();
    let mut facts = UpdateFacts { complete: count == checked.len(), ..UpdateFacts::default() };
    for Checked { subject, line, record, errors, open_since, ended } in checked {
        facts.in_progress.extend(open_since);
        facts.ended.extend(ended);
        summary.errors.extend(errors.into_iter().map(|error| Problem::with(subject.clone(), error)));
        records.extend(record);
        if let Some(line) = line {
            *summary.counts.entry(line.status).or_default() += 1;
            summary.updates.push(line);
        }
    }
    let notices: usize = records.iter().map(|record| record.pending_notices().len()).sum();
    let Published { ids, errors, failed } = checker.publish_all(records).await;
    facts.notices_pending = notices.saturating_sub(ids.len());
    summary.metrics = Some(Metrics::of_updates(&facts, run.now));
    summary.failure = checker.store.failure().map(str::to_owned);
    if failed > 0 && ids.is_empty() {
        summary.failure.get_or_insert_with(|| "nothing could be published".to_owned());
    }
    summary.published = ids;
    summary.errors.extend(errors);
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

/// What a run of `check` found of one record.
struct Checked {
    subject: Subject,
    line: Option<CheckLine>,
    /// What may have something to publish.
    record: Option<AnyRecord>,
    errors: Vec<String>,
    /// When the update began that is in progress.
    open_since: Option<Timestamp>,
    /// The attempt that was found to have ended.
    ended: Option<Attempt>,
}

/// What was published.
#[derive(Default)]
struct Published {
    ids: Vec<String>,
    errors: Vec<Problem>,
    /// How many messages SNS did not take.
    failed: usize,
}

impl Checker<'_> {
    async fn settle_all(&self, keys: Vec<String>) -> Vec<Checked> {
        let records = self.store.load(keys.iter().filter_map(|key| ItemKey::read(key))).await;
        stream::iter(keys)
            .take_while(|_| std::future::ready(self.has_time()))
            .map(|key| self.settle_one(key, &records))
            .buffered(CONCURRENCY)
            .collect()
            .await
    }

    fn has_time(&self) -> bool {
        Instant::now() < self.run.last_start
    }

    async fn settle_one(&self, key: String, records: &RecordSet) -> Checked {
        let Some(item) = ItemKey::read(&key) else {
            let mut checked = Checked::new(Subject::Entry(key));
            checked.errors.push("the table has an item under a key that is none of the updater's".to_owned());
            return checked;
        };
        let mut checked = Checked::new(item.subject());
        match item {
            ItemKey::Nodegroup(id) => {
                if let Some(record) = checked.readable(records.nodegroup(&id)) {
                    self.settle_nodegroup(record.clone(), &mut checked).await;
                }
            }
            ItemKey::Fleet(_) => checked.record = checked.readable(records.fleet()).cloned().map(AnyRecord::Fleet),
            ItemKey::Track(id) => {
                checked.record = checked.readable(records.track(id.track())).cloned().map(AnyRecord::Track);
            }
        }
        checked
    }

    async fn settle_nodegroup(&self, mut record: NodegroupRecord, checked: &mut Checked) {
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
                Err(error) => {
                    checked.open_since = before.open.map(|attempt| attempt.started_at);
                    return checked.errors.push(error.to_string());
                }
            }
        }
        checked.open_since = record.open.as_ref().map(|attempt| attempt.started_at);
        let attempt = before.open.and_then(|open| record.attempt(open.number));
        checked.ended = attempt.filter(|attempt| attempt.ended_at.is_some()).cloned();
        checked.record = Some(AnyRecord::Nodegroup(record));
    }

    /// Publishes, then marks: a message may be sent twice, but none is lost. Many notices of one kind, release and cause are
    /// one message, and each of them is marked.
    async fn publish_all(&self, records: Vec<AnyRecord>) -> Published {
        let mut groups: BTreeMap<String, Vec<(usize, Notice)>> = BTreeMap::new();
        for (index, record) in records.iter().enumerate() {
            for notice in record.pending_notices() {
                let group = record.group(notice).unwrap_or_else(|| record.notice_id(notice));
                groups.entry(group).or_default().push((index, notice.clone()));
            }
        }
        let (mut messages, mut singles) = (Vec::new(), BTreeMap::<usize, Vec<Notice>>::new());
        for group in groups.into_values() {
            if group.len() > SEPARATE {
                messages.push(group);
            } else {
                group.into_iter().for_each(|(index, notice)| singles.entry(index).or_default().push(notice));
            }
        }
        let mut published = Published::default();
        let mut records = records;
        for group in messages {
            self.publish_group(group, &mut records, &mut published).await;
        }
        let singles = singles.into_iter().filter_map(|(index, notices)| Some((records.get(index)?.clone(), notices)));
        let singles: Vec<_> = singles.collect();
        let done: Vec<Published> = stream::iter(singles)
            .take_while(|_| std::future::ready(self.has_time()))
            .map(|(record, notices)| self.publish_singles(record, notices))
            .buffered(CONCURRENCY)
            .collect()
            .await;
        for Published { ids, errors, failed } in done {
            published.ids.extend(ids);
            published.errors.extend(errors);
            published.failed += failed;
        }
        published
    }

    async fn publish_group(&self, group: Vec<(usize, Notice)>, records: &mut [AnyRecord], published: &mut Published) {
        let members: Vec<(&AnyRecord, &Notice)> =
            group.iter().filter_map(|(index, notice)| Some((records.get(*index)?, notice))).collect();
        let Some(message) = Message::of_group(&members, &self.config.retry_after) else { return };
        let ids: Vec<String> = members.iter().map(|(record, notice)| record.notice_id(notice)).collect();
        if let Err(error) = publish(&self.clients.sns, &self.config.notification_topic_arn, message).await {
            published.failed += 1;
            return published.errors.push(Problem::of_run(error.to_string()));
        }
        published.ids.extend(ids);
        let marks = group.iter().filter_map(|(index, notice)| Some((*index, records.get(*index)?.clone(), notice)));
        let marks: Vec<_> = marks.collect();
        let marked: Vec<_> = stream::iter(marks)
            .map(|(index, record, notice)| async move { (index, self.mark(record, notice).await) })
            .buffer_unordered(CONCURRENCY)
            .collect()
            .await;
        for (index, (record, error)) in marked {
            published.errors.extend(error);
            if let Some(stored) = records.get_mut(index) {
                *stored = record;
            }
        }
    }

    async fn publish_singles(&self, mut record: AnyRecord, notices: Vec<Notice>) -> Published {
        let mut published = Published::default();
        for notice in notices {
            let message = Message::new(record.as_ref(), &notice, &self.config.retry_after);
            if let Err(error) = publish(&self.clients.sns, &self.config.notification_topic_arn, message).await {
                published.failed += 1;
                published.errors.push(Problem::with(record.subject(), error));
                continue;
            }
            published.ids.push(record.notice_id(&notice));
            let (marked, error) = self.mark(record, &notice).await;
            record = marked;
            if let Some(error) = error {
                published.errors.push(error);
                break;
            }
        }
        published
    }

    /// A notice was published.
    async fn mark(&self, record: AnyRecord, notice: &Notice) -> (AnyRecord, Option<Problem>) {
        let subject = record.subject();
        let (record, result) = match record {
            AnyRecord::Nodegroup(record) => self.mark_one(record, notice).await,
            AnyRecord::Fleet(record) => self.mark_one(record, notice).await,
            AnyRecord::Track(record) => self.mark_one(record, notice).await,
        };
        (record, result.err().map(|error| Problem::with(subject, error)))
    }

    async fn mark_one<R: Record + Into<AnyRecord>>(
        &self,
        mut record: R,
        notice: &Notice,
    ) -> (AnyRecord, Result<(), String>) {
        let mark = |record: &mut R| record.mark_published(notice);
        let result = self.store.merge(&mut record, self.run.now, mark).await;
        (record.into(), result.map_err(|error| error.to_string()))
    }
}

impl Checked {
    fn new(subject: Subject) -> Self {
        Self { subject, line: None, record: None, errors: Vec::new(), open_since: None, ended: None }
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
