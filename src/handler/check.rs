//! `check`: observe, settle, notify.

use std::collections::BTreeSet;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::outbox::{Outbox, Published};
use crate::aws::pace::Eks;
use crate::aws::{CheckClients, concurrently};
use crate::config::CheckConfig;
use crate::event::parse_check;
use crate::metrics::{Metrics, UpdateFacts};
use crate::model::attempt::Attempt;
use crate::model::id::{FleetId, ItemKey, Subject};
use crate::model::problem::{Problem, ProblemCode, Unreadable};
use crate::model::record::Writer;
use crate::model::record::fleet::FleetRecord;
use crate::model::record::nodegroup::NodegroupRecord;
use crate::model::record::set::{AnyRecord, RecordSet};
use crate::observe::updates::observe;
use crate::run::Run;
use crate::settle::{Observation, settle};
use crate::store::{NotSaved, RecordStore};
use crate::summary::{CheckLine, CheckSummary, Throttled, left_over};

/// Watches every open attempt, and publishes what is pending.
///
/// # Errors
/// When the event is invalid or the table cannot be read at all. An error of one record is part of the summary, which also has
/// whether the run failed.
pub async fn check(
    clients: &CheckClients,
    config: &CheckConfig,
    event: &Value,
    run: Run<'_>,
) -> anyhow::Result<CheckSummary> {
    parse_check(event)?;
    let writer = Writer { id: run.id, sinks: &config.sinks };
    let store = RecordStore::new(&clients.dynamodb, Some(&config.updates_table)).within(run.scope).writing(writer);
    let mut pending: Vec<String> = store.pending().await?.into_iter().collect();
    // Shuffled each run, so that a short deadline never starves the same items.
    pending.sort_by_cached_key(|key| Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("{}/{key}", run.id).as_bytes()));
    let checker = Checker { clients, config, store: &store, run };
    let count = pending.len();
    let (mut checked, fleets) = checker.settle_all(pending).await;
    checked.sort_by(|left, right| left.subject.cmp(&right.subject));

    let mut summary = CheckSummary::default();
    summary.errors.extend(left_over(count - checked.len()));
    let mut records = Vec::new();
    let mut facts = UpdateFacts { complete: count == checked.len(), ..UpdateFacts::default() };
    for Checked { subject, line, record, errors, open_since, ended } in checked {
        facts.in_progress.extend(open_since);
        facts.ended.extend(ended);
        summary.errors.extend(errors.into_iter().map(|(code, error)| Problem::with(code, subject.clone(), error)));
        records.extend(record);
        if let Some(line) = line {
            *summary.counts.entry(line.status).or_default() += 1;
            summary.updates.push(line);
        }
    }
    let outbox = Outbox { clients, config, store: &store, run };
    let Published { ids, events, pending, errors, failed } = outbox.empty(records, &fleets).await;
    facts.notices_pending = pending;
    let throttling = clients.eks.get().map(Eks::take_throttling).unwrap_or_default();
    summary.throttled = Throttled::of(throttling);
    summary.metrics = Some(Metrics::of_updates(&facts, throttling, run.now));
    summary.failure = store.failure().map(str::to_owned);
    if failed > 0 && ids.is_empty() {
        summary.failure.get_or_insert_with(|| "nothing could be published".to_owned());
    }
    summary.published = ids;
    summary.events = events;
    summary.errors.extend(errors);
    summary.log();
    Ok(summary)
}

/// The context of a run of `check`.
struct Checker<'a> {
    clients: &'a CheckClients,
    config: &'a CheckConfig,
    store: &'a RecordStore<'a>,
    run: Run<'a>,
}

/// The findings of a run of `check` about one record.
struct Checked {
    subject: Subject,
    line: Option<CheckLine>,
    /// The record, which might have something to publish.
    record: Option<AnyRecord>,
    errors: Vec<(ProblemCode, String)>,
    /// When the update in progress began.
    open_since: Option<Timestamp>,
    /// The attempt that was found to have ended.
    ended: Option<Attempt>,
}

impl Checker<'_> {
    /// The result of every attempt; and the records of the fleets, which have the quarantines.
    async fn settle_all(&self, keys: Vec<String>) -> (Vec<Checked>, Vec<FleetRecord>) {
        let items: Vec<ItemKey> = keys.iter().filter_map(|key| ItemKey::read(key)).collect();
        // If the function's account and region are unknown, there can be several.
        let fleets = items.iter().filter_map(|item| match item {
            ItemKey::Nodegroup(id) => Some(FleetId::of(id)),
            ItemKey::Fleet(_) | ItemKey::Track(_) => None,
        });
        let fleets: BTreeSet<FleetId> = fleets.collect();
        let records = self.store.load(items.into_iter().chain(fleets.into_iter().map(ItemKey::Fleet))).await;
        let keys = stream::iter(keys).take_while(|_| std::future::ready(self.run.has_time()));
        let checked = concurrently(keys.map(|key| self.settle_one(key, &records))).await;
        (checked, records.fleets().filter_map(Result::ok).cloned().collect())
    }

    async fn settle_one(&self, key: String, records: &RecordSet) -> Checked {
        let Some(item) = ItemKey::read(&key) else {
            let mut checked = Checked::new(Subject::Entry(key));
            let error = "the table has an item whose key is not one of the updater's";
            checked.errors.push((ProblemCode::Unreadable, error.to_owned()));
            return checked;
        };
        let mut checked = Checked::new(item.subject());
        match item {
            ItemKey::Nodegroup(id) => {
                if let Some(record) = checked.readable(records.nodegroup(&id)) {
                    self.settle_nodegroup(record.clone(), &mut checked).await;
                }
            }
            ItemKey::Fleet(id) => checked.record = checked.readable(records.fleet(&id)).cloned().map(AnyRecord::Fleet),
            ItemKey::Track(id) => {
                checked.record = checked.readable(records.track(&id)).cloned().map(AnyRecord::Track);
            }
        }
        checked
    }

    async fn settle_nodegroup(&self, mut record: NodegroupRecord, checked: &mut Checked) {
        let (before, now) = (record.clone(), self.run.now);
        if let Some(attempt) = before.open() {
            let observation = observe(self.clients.eks(), &before, attempt).await;
            settle(&mut record, &observation, now, self.config.stuck_after);
            checked.line = Some(line(&record, attempt));
            if let Observation::Unreadable(error) = observation {
                checked.errors.push((ProblemCode::Unreadable, error.to_string()));
            }
        }
        if record != before {
            match self.store.save(&mut record, now).await {
                Ok(()) => {}
                // Another run was first, and does the rest.
                Err(NotSaved::Conflict(_)) => return,
                Err(error) => {
                    checked.open_since = before.open().map(|attempt| attempt.started_at);
                    return checked.errors.push((ProblemCode::NotRecorded, error.to_string()));
                }
            }
        }
        checked.open_since = record.open().map(|attempt| attempt.started_at);
        let attempt = before.open().and_then(|open| record.attempt(open.number));
        checked.ended = attempt.filter(|attempt| attempt.ended_at.is_some()).cloned();
        checked.record = Some(AnyRecord::Nodegroup(Box::new(record)));
    }
}

impl Checked {
    fn new(subject: Subject) -> Self {
        Self { subject, line: None, record: None, errors: Vec::new(), open_since: None, ended: None }
    }

    fn readable<'a, R>(&mut self, record: Result<Option<&'a R>, &Unreadable>) -> Option<&'a R> {
        record.unwrap_or_else(|error| {
            self.errors.push((ProblemCode::Unreadable, error.to_string()));
            None
        })
    }
}

/// The result of an attempt.
fn line(record: &NodegroupRecord, open: &Attempt) -> CheckLine {
    let now = record.attempt(open.number);
    CheckLine {
        nodegroup: record.id.to_string(),
        update_id: now.unwrap_or(open).update_id.clone(),
        release_version: open.intent.release_version.clone(),
        status: now.map_or("NotAccepted", |attempt| attempt.status.known().map_or("Unknown", Into::into)),
    }
}
