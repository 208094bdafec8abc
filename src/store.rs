//! The table: one DynamoDB item for each node group, each release track and the fleet; every write is conditional on what was read.
//!
//! There are two kinds of write. [`RecordStore::save`] is the lock: a conflict means that another run was first.
//! [`RecordStore::merge`] is everything else: on a conflict the change is made again to what stands in the table now.

use std::collections::{BTreeSet, HashMap};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, ReturnValuesOnConditionCheckFailure};
use futures_util::{StreamExt, stream};
use jiff::Timestamp;

use crate::aws::{CONCURRENCY, describe};
use crate::model::nodegroup_record::NodegroupRecord;
use crate::model::notice::Sinks;
use crate::model::problem::{Problem, ProblemCode, Unreadable};
use crate::model::record::{Record, Revision, YES};
use crate::model::records::RecordSet;
use crate::model::scope::Scope;
use crate::model::subject::{ItemKey, Subject};
use crate::reconcile::Reconciled;

/// The table's key.
const KEY: &str = "itemKey";
/// The sparse index of items with an open attempt or a pending notice.
const PENDING_INDEX: &str = "pending-index";
/// The sparse index of node groups that have opted in.
const OPTED_IN_INDEX: &str = "opted-in-index";
/// Keys that one `BatchGetItem` takes.
const KEYS_PER_CALL: usize = 100;
/// How often the keys that DynamoDB left unprocessed are asked for again, and after which wait at first; it doubles.
const ROUNDS: u32 = 8;
const FIRST_WAIT: Duration = Duration::from_millis(50);
/// How often a change is made again to what another run wrote meanwhile.
const MERGES: usize = 3;

/// For who writes nothing.
static NO_EVENTS: Sinks = Sinks { events: false, more_messages: Vec::new(), fewer_messages: Vec::new() };

type Item = HashMap<String, AttributeValue>;

/// The table.
#[derive(Debug)]
pub struct RecordStore<'a> {
    client: &'a Client,
    /// `None` before the updater is deployed.
    table: Option<&'a str>,
    writer: &'a str,
    dry_run: bool,
    /// What is published nowhere is not kept.
    sinks: &'a Sinks,
    /// What lies outside is not read.
    scope: Scope<'a>,
    reads: Tally,
    /// A conflict is no failure.
    writes: Tally,
}

/// How many calls of one kind there were, and how many of them failed.
#[derive(Debug, Default)]
struct Tally {
    calls: AtomicUsize,
    failed: AtomicUsize,
}

impl Tally {
    fn all_failed(&self) -> bool {
        let calls = self.calls.load(Ordering::Relaxed);
        calls > 0 && calls == self.failed.load(Ordering::Relaxed)
    }

    fn count(&self, failed: bool) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.failed.fetch_add(failed.into(), Ordering::Relaxed);
    }
}

/// Why a record was not written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSaved<R> {
    /// Another run changed it meanwhile, to this, where it can be read.
    #[error("another run changed the record meanwhile")]
    Conflict(Option<Box<R>>),
    /// DynamoDB did not take it.
    #[error("writing the record: {0}")]
    Failed(String),
}

impl<'a> RecordStore<'a> {
    /// The table of this name, for a run that writes under this id; a dry run writes nothing. Where there is no table yet,
    /// nothing is recorded, and nothing can be.
    #[must_use]
    pub fn new(client: &'a Client, table: Option<&'a str>, writer: &'a str, dry_run: bool) -> Self {
        let dry_run = dry_run || table.is_none();
        let (sinks, scope) = (&NO_EVENTS, Scope::default());
        Self { client, table, writer, dry_run, sinks, scope, reads: Tally::default(), writes: Tally::default() }
    }

    /// With what is published where, for a run that writes.
    #[must_use]
    pub fn publishing(self, sinks: &'a Sinks) -> Self {
        Self { sinks, ..self }
    }

    /// With the part of the table that is looked after.
    #[must_use]
    pub fn within(self, scope: Scope<'a>) -> Self {
        Self { scope, ..self }
    }

    /// What DynamoDB refused altogether, where there was any of it to do.
    #[must_use]
    pub fn failure(&self) -> Option<&'static str> {
        if self.reads.all_failed() {
            return Some("no record could be read");
        }
        self.writes.all_failed().then_some("no record could be written")
    }

    /// Reads these records, as they are now. One that the table does not hold is left out; one that cannot be read comes with
    /// the reason.
    pub async fn load(&self, keys: impl Iterator<Item = ItemKey>) -> RecordSet {
        let mut records = RecordSet::default();
        let keys: BTreeSet<String> = keys.map(|key| key.key().to_owned()).collect();
        let keys: Vec<String> = keys.into_iter().collect();
        let calls = keys.chunks(KEYS_PER_CALL).map(|keys| self.load_some(keys.to_vec()));
        let mut answers = pin!(stream::iter(calls).buffer_unordered(CONCURRENCY));
        // An item is many times as large as its record, so each answer is read as it comes.
        while let Some(items) = answers.next().await {
            items.into_iter().for_each(|(key, item)| insert(&mut records, &key, item));
        }
        records
    }

    /// Reads everything of its scope that the table holds, for people who look; no run does.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn scan(&self) -> anyhow::Result<RecordSet> {
        let mut records = RecordSet::default();
        let Some(table) = self.table else { return Ok(records) };
        let mut pages = self.client.scan().table_name(table).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| anyhow::anyhow!("reading the table {table}: {}", describe(&error)))?;
            for item in page.items.unwrap_or_default() {
                if let Some(key) = key_of(&item).filter(|key| self.scope.may_contain_key(key)) {
                    insert(&mut records, &key, Ok(item));
                }
            }
        }
        Ok(records)
    }

    async fn load_some(&self, keys: Vec<String>) -> Vec<(String, Result<Item, Unreadable>)> {
        let Some(table) = self.table else { return Vec::new() };
        let mut items = Vec::new();
        let mut asked = keys;
        for round in 0..ROUNDS {
            let answer = self.batch_get(table, &asked).await;
            self.reads.count(answer.is_err());
            let answer = match answer {
                Ok(answer) => answer,
                Err(error) => return all_unreadable(asked, items, &error),
            };
            let (found, left) = answer;
            let asked_for = |item: Item| Some((key_of(&item).filter(|key| asked.contains(key))?, Ok(item)));
            items.extend(found.into_iter().filter_map(asked_for));
            asked = left;
            if asked.is_empty() {
                return items;
            }
            tokio::time::sleep(FIRST_WAIT * 2_u32.pow(round)).await;
        }
        all_unreadable(asked, items, &Unreadable("reading its record: DynamoDB left it unprocessed".to_owned()))
    }

    /// The items of these keys, and the keys that DynamoDB left unprocessed.
    async fn batch_get(&self, table: &str, keys: &[String]) -> Result<(Vec<Item>, Vec<String>), Unreadable> {
        let unreadable = |error: &str| Unreadable(format!("reading its record: {error}"));
        let keys = keys.iter().map(|key| HashMap::from([(KEY.to_owned(), AttributeValue::S(key.clone()))]));
        let request = KeysAndAttributes::builder().set_keys(Some(keys.collect())).consistent_read(true).build();
        let request = request.map_err(|error| unreadable(&error.to_string()))?;
        let answer = self.client.batch_get_item().request_items(table, request).send().await;
        let answer = answer.map_err(|error| unreadable(&describe(&error)))?;
        let mut tables = answer.responses.ok_or_else(|| unreadable("DynamoDB's answer has no Responses"))?;
        let left = answer.unprocessed_keys.and_then(|mut tables| tables.remove(table));
        let left = left.map(|left| left.keys.iter().filter_map(key_of).collect()).unwrap_or_default();
        Ok((tables.remove(table).unwrap_or_default(), left))
    }

    /// The keys of the items with an open attempt or a pending notice.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub async fn pending(&self) -> anyhow::Result<BTreeSet<String>> {
        let pending = self.indexed(PENDING_INDEX, "pending").await;
        pending.map_err(|error| anyhow::anyhow!("reading what is pending: {error}"))
    }

    /// The keys of the node groups that had opted in when they were last seen.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub async fn opted_in(&self) -> Result<BTreeSet<String>, Unreadable> {
        self.indexed(OPTED_IN_INDEX, "optedIn").await.map_err(|error| Unreadable(error.to_string()))
    }

    async fn indexed(&self, index: &str, key: &str) -> anyhow::Result<BTreeSet<String>> {
        let Some(table) = self.table else { return Ok(BTreeSet::new()) };
        let query = self
            .client
            .query()
            .table_name(table)
            .index_name(index)
            .key_condition_expression(format!("{key} = :yes"))
            .expression_attribute_values(":yes", AttributeValue::S(YES.to_owned()));
        let pages: Result<Vec<_>, _> = query.into_paginator().send().collect().await;
        let pages = pages.map_err(|error| anyhow::anyhow!("{}", describe(&error)))?;
        let items: Option<Vec<_>> = pages.into_iter().map(|page| page.items).collect();
        let items = items.context("DynamoDB's answer has no Items")?;
        let keys = items.iter().flatten().filter_map(key_of);
        Ok(keys.filter(|key| self.scope.may_contain_key(key)).collect())
    }

    /// Writes a record over the revision that was read, and none other.
    ///
    /// # Errors
    /// When another run was first, or DynamoDB did not take it; the record then stays as it was read.
    pub async fn save<R: Record>(&self, record: &mut R, now: Timestamp) -> Result<(), NotSaved<R>> {
        let before = record.revision().clone();
        let mut next = record.clone();
        next.pending_notices_mut().retain(|notice| !self.sinks.left(notice).is_empty());
        next.prepare(Revision { number: before.number + 1, writer: self.writer.to_owned() }, now);
        let item: Item = serde_dynamo::to_item(&next).map_err(|error| NotSaved::Failed(error.to_string()))?;
        let put = self
            .client
            .put_item()
            .set_table_name(self.table.map(str::to_owned))
            .set_item(Some(item))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let put = if before.number == 0 {
            put.condition_expression(format!("attribute_not_exists({KEY})"))
        } else {
            put.condition_expression("revision = :read")
                .expression_attribute_values(":read", AttributeValue::S(before.to_string()))
        };
        let answer = put.send().await;
        let is_conflict = |error: &SdkError<PutItemError, _>| {
            matches!(error.as_service_error(), Some(PutItemError::ConditionalCheckFailedException(_)))
        };
        self.writes.count(answer.as_ref().is_err_and(|error| !is_conflict(error)));
        if let Err(error) = answer {
            let Some(PutItemError::ConditionalCheckFailedException(lost)) = error.as_service_error() else {
                return Err(NotSaved::Failed(describe(&error)));
            };
            let stored: Option<R> = lost.item().and_then(|item| read(item.clone()).ok());
            // The answer to a first try may have been lost, and the SDK then tried again.
            if stored.as_ref() != Some(&next) {
                return Err(NotSaved::Conflict(stored.map(Box::new)));
            }
        }
        *record = next;
        Ok(())
    }

    /// Makes a change and writes it where it is one. On a conflict the change is made again to what another run wrote, a few
    /// times; after that the record is what the table says.
    ///
    /// # Errors
    /// When DynamoDB did not take it, or what another run wrote cannot be read.
    pub async fn merge<R: Record>(
        &self,
        record: &mut R,
        now: Timestamp,
        change: impl Fn(&mut R),
    ) -> Result<(), NotSaved<R>> {
        for _ in 0..=MERGES {
            let mut next = record.clone();
            change(&mut next);
            if next == *record {
                return Ok(());
            }
            match self.save(&mut next, now).await {
                Ok(()) => {
                    *record = next;
                    return Ok(());
                }
                Err(NotSaved::Conflict(Some(stored))) => *record = *stored,
                // DynamoDB does not say what is there: nothing, or what cannot be read.
                Err(NotSaved::Conflict(None)) => match self.reload(record.key()).await {
                    Ok(Some(stored)) => *record = stored,
                    Ok(None) => break,
                    Err(error) => return Err(NotSaved::Failed(error.to_string())),
                },
                Err(error) => return Err(error),
            }
        }
        tracing::warn!(
            key = record.key(),
            "gave up on a change of {}: other runs keep changing it, or it was deleted",
            record.key()
        );
        Ok(())
    }

    async fn reload<R: Record>(&self, key: &str) -> Result<Option<R>, Unreadable> {
        let items = self.load_some(vec![key.to_owned()]).await;
        items.into_iter().next().map(|(_, item)| item.and_then(read)).transpose()
    }

    /// Makes and writes all changes, and takes them into the records. Returns what went wrong; what is not recorded is not
    /// built upon.
    pub async fn write(&self, reconciled: Reconciled, records: &mut RecordSet, now: Timestamp) -> Vec<Problem> {
        let Reconciled { nodegroups, tracks, fleet, unreadable, mut errors } = reconciled;
        for (id, error) in unreadable {
            errors.push(Problem::with(ProblemCode::Unreadable, &id, &error));
            records.insert_nodegroup(id, Err(error));
        }
        // The fleet's first: that nothing was known is lost once there are records of node groups.
        if let Some((id, changes)) = fleet
            && let Ok(record) = records.fleet_or_new(&id)
        {
            let change = |record: &mut _| changes.iter().for_each(|change| change.apply(record));
            let record = self.write_one(record, now, change).await;
            errors.extend(
                record.as_ref().err().map(|error| Problem::with(ProblemCode::NotRecorded, Subject::Fleet, error)),
            );
            records.insert_fleet(record);
        }
        let mut nodegroup_writes = Vec::new();
        for (id, changes) in nodegroups {
            match records.nodegroup_or_new(&id) {
                Ok(record) => nodegroup_writes.push(async move {
                    let change = |record: &mut _| changes.iter().for_each(|change| change.apply(record));
                    (id, self.write_one(record, now, change).await)
                }),
                Err(error) => errors.push(Problem::with(ProblemCode::NotRecorded, &id, error)),
            }
        }
        let mut track_writes = Vec::new();
        for (id, changes) in tracks {
            // The plan says of one that cannot be read that nothing starts, and why.
            if let Ok(record) = records.track_or_new(&id) {
                track_writes.push(async move {
                    let change = |record: &mut _| changes.iter().for_each(|change| change.apply(record));
                    (id, self.write_one(record, now, change).await)
                });
            }
        }
        let (nodegroups, tracks): (Vec<_>, Vec<_>) = futures_util::join!(
            stream::iter(nodegroup_writes).buffer_unordered(CONCURRENCY).collect(),
            stream::iter(track_writes).buffer_unordered(CONCURRENCY).collect(),
        );
        for (id, record) in nodegroups {
            errors.extend(record.as_ref().err().map(|error| Problem::with(ProblemCode::NotRecorded, &id, error)));
            records.insert_nodegroup(id, record);
        }
        for (id, record) in tracks {
            let subject = || Subject::Track(Box::new(id.track().clone()));
            errors.extend(record.as_ref().err().map(|error| Problem::with(ProblemCode::NotRecorded, subject(), error)));
            records.insert_track(id.track().clone(), record);
        }
        errors
    }

    async fn write_one<R: Record>(
        &self,
        mut record: R,
        now: Timestamp,
        change: impl Fn(&mut R),
    ) -> Result<R, Unreadable> {
        if self.dry_run {
            change(&mut record);
            return Ok(record);
        }
        let merged = self.merge(&mut record, now, change).await;
        merged.map(|()| record).map_err(|error| Unreadable(error.to_string()))
    }
}

fn insert(records: &mut RecordSet, key: &str, item: Result<Item, Unreadable>) {
    match ItemKey::read(key) {
        Some(ItemKey::Nodegroup(id)) => {
            let record: Result<NodegroupRecord, _> = item.and_then(read);
            // The same, held once.
            let id = record.as_ref().map_or(id, |record| record.id.clone());
            records.insert_nodegroup(id, record);
        }
        Some(ItemKey::Fleet(_)) => records.insert_fleet(item.and_then(read)),
        Some(ItemKey::Track(id)) => records.insert_track(id.track().clone(), item.and_then(read)),
        None => {}
    }
}

fn read<R: Record>(item: Item) -> Result<R, Unreadable> {
    let malformed = |error: &str| Unreadable(format!("its record in the table is malformed: {error}"));
    // On any other, `serde_dynamo` panics.
    if !item.values().all(is_known) {
        return Err(malformed("it has an attribute of an unknown type"));
    }
    // With the path to what is wrong, which the error alone does not tell.
    let item = serde_dynamo::Deserializer::from_attribute_value(AttributeValue::M(item).into());
    let record: R = serde_path_to_error::deserialize(item).map_err(|error| malformed(&error.to_string()))?;
    record.validate().map_err(|error| malformed(&error.to_string()))?;
    Ok(record)
}

fn is_known(value: &AttributeValue) -> bool {
    match value {
        AttributeValue::L(values) => values.iter().all(is_known),
        AttributeValue::M(values) => values.values().all(is_known),
        value => !value.is_unknown(),
    }
}

fn key_of(item: &Item) -> Option<String> {
    item.get(KEY)?.as_s().ok().cloned()
}

fn all_unreadable(
    keys: Vec<String>,
    mut items: Vec<(String, Result<Item, Unreadable>)>,
    error: &Unreadable,
) -> Vec<(String, Result<Item, Unreadable>)> {
    items.extend(keys.into_iter().map(|key| (key, Err(error.clone()))));
    items
}
