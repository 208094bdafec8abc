//! The table: one DynamoDB item for each node group, each release track and the fleet; every write is conditional on the
//! revision that was read.
//!
//! There are two kinds of write. [`RecordStore::save`] is the lock: a conflict means that another run was first.
//! [`RecordStore::merge`] is everything else: on a conflict the change is applied again to the current record.

pub mod item;

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

use self::item::Item;
use crate::aws::{CONCURRENCY, describe};
use crate::model::id::scope::Scope;
use crate::model::id::{ItemKey, Subject};
use crate::model::problem::{Problem, ProblemCode, Unreadable};
use crate::model::record::fleet::FleetContent;
use crate::model::record::nodegroup::NodegroupContent;
use crate::model::record::set::RecordSet;
use crate::model::record::track::TrackContent;
use crate::model::record::{Content, Record, Writer, YES};
use crate::reconcile::{Change, Reconciled};

/// The table's key.
const KEY: &str = "itemKey";
/// The sparse index of items with an open attempt or a pending notice.
const PENDING_INDEX: &str = "pending-index";
/// The sparse index of node groups that have opted in.
const OPTED_IN_INDEX: &str = "opted-in-index";
/// The maximum number of keys in one `BatchGetItem`.
const KEYS_PER_CALL: usize = 100;
/// How often keys are requested again if DynamoDB left all of them unprocessed, and the first wait, which doubles.
const ROUNDS: u32 = 8;
const FIRST_WAIT: Duration = Duration::from_millis(50);
/// How often a change is applied again after a conflict with another run.
const MERGES: usize = 3;

/// The table.
#[derive(Debug)]
pub struct RecordStore<'a> {
    client: &'a Client,
    /// `None` before the updater is deployed.
    table: Option<&'a str>,
    /// `None` for a read-only run.
    writer: Option<Writer<'a>>,
    /// Records outside of it are not read.
    scope: Scope<'a>,
    reads: Tally,
    /// A conflict does not count as a failure.
    writes: Tally,
}

/// A record's key, and the result of writing it.
type Written<C> = (<C as Content>::Id, Result<Record<C>, Unreadable>);

/// The number of calls of one kind, and of failed ones.
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
    /// Another run changed it meanwhile, to this record if it can be read.
    #[error("another run changed the record meanwhile")]
    Conflict(Option<Box<R>>),
    /// DynamoDB did not accept it.
    #[error("writing the record: {0}")]
    Failed(String),
}

impl<'a> RecordStore<'a> {
    /// The table of this name, for a read-only run. Without a table there are no records, and nothing can be written.
    #[must_use]
    pub fn new(client: &'a Client, table: Option<&'a str>) -> Self {
        let (writer, scope) = (None, Scope::default());
        Self { client, table, writer, scope, reads: Tally::default(), writes: Tally::default() }
    }

    /// For a run that writes.
    #[must_use]
    pub fn writing(self, writer: Writer<'a>) -> Self {
        Self { writer: self.table.map(|_| writer), ..self }
    }

    /// Limits it to the part of the table that the installation manages.
    #[must_use]
    pub fn within(self, scope: Scope<'a>) -> Self {
        Self { scope, ..self }
    }

    /// The kind of calls that all failed, if there were any.
    #[must_use]
    pub fn failure(&self) -> Option<&'static str> {
        if self.reads.all_failed() {
            return Some("no record could be read");
        }
        self.writes.all_failed().then_some("no record could be written")
    }

    /// Reads these records with their current state. Missing records are left out; unreadable ones have the reason.
    pub async fn load(&self, keys: impl Iterator<Item = ItemKey>) -> RecordSet {
        let mut records = RecordSet::default();
        let keys: BTreeSet<String> = keys.map(|key| key.key().to_owned()).collect();
        let keys: Vec<String> = keys.into_iter().collect();
        let calls = keys.chunks(KEYS_PER_CALL).map(|keys| self.load_some(keys.to_vec()));
        let mut answers = pin!(stream::iter(calls).buffer_unordered(CONCURRENCY));
        // An item is many times as large as its record, so each answer is converted as it arrives.
        while let Some(items) = answers.next().await {
            items.into_iter().for_each(|(key, item)| insert(&mut records, &key, item));
        }
        records
    }

    /// Reads all records of its scope, for the command line; no run does.
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
        let mut rounds = 0;
        while rounds < ROUNDS {
            let answer = self.batch_get(table, &asked).await;
            self.reads.count(answer.is_err());
            let answer = match answer {
                Ok(answer) => answer,
                Err(error) => return all_unreadable(asked, items, &error),
            };
            let (found, left) = answer;
            let asked_for = |item: Item| Some((key_of(&item).filter(|key| asked.contains(key))?, Ok(item)));
            items.extend(found.into_iter().filter_map(asked_for));
            let before = asked.len();
            asked.retain(|key| left.contains(key));
            if asked.is_empty() {
                return items;
            }
            // An answer has at most 16 MB, so large items arrive a few at a time.
            rounds = if asked.len() < before { 0 } else { rounds + 1 };
            tokio::time::sleep(FIRST_WAIT * 2_u32.pow(rounds.saturating_sub(1))).await;
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
        pending.map_err(|error| anyhow::anyhow!("reading pending records: {error}"))
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

    /// Writes a record over the revision that was read, and over no other one.
    ///
    /// # Errors
    /// When another run was first, or DynamoDB did not accept it; the record then stays as it was read.
    pub async fn save<C: Content>(&self, record: &mut Record<C>, now: Timestamp) -> Result<(), NotSaved<Record<C>>> {
        let Some(writer) = self.writer else {
            return Err(NotSaved::Failed("this run is read-only".to_owned()));
        };
        let before = record.revision.clone();
        let mut next = record.clone();
        next.prepare(writer, now);
        let item = item::write(&next).map_err(NotSaved::Failed)?;
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
            let stored: Option<Record<C>> = lost.item().and_then(|item| item::read(item.clone()).ok());
            // The answer to a first attempt might have been lost before the SDK retried.
            if stored.as_ref() != Some(&next) {
                return Err(NotSaved::Conflict(stored.map(Box::new)));
            }
        }
        *record = next;
        Ok(())
    }

    /// Applies a change, and writes the record if it changed. On a conflict the change is applied again to the other run's
    /// record, a few times; afterwards the record is the one in the table.
    ///
    /// # Errors
    /// When DynamoDB did not accept it, or the other run's record cannot be read.
    pub async fn merge<C: Content>(
        &self,
        record: &mut Record<C>,
        now: Timestamp,
        change: impl Fn(&mut Record<C>),
    ) -> Result<(), NotSaved<Record<C>>> {
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
                // DynamoDB does not return the current item: it is missing or unreadable.
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

    async fn reload<C: Content>(&self, key: &str) -> Result<Option<Record<C>>, Unreadable> {
        let items = self.load_some(vec![key.to_owned()]).await;
        items.into_iter().next().map(|(_, item)| item.and_then(item::read)).transpose()
    }

    /// Applies and writes all changes, and updates the records. Returns the errors; records that could not be written must not
    /// be used.
    pub async fn write(&self, reconciled: Reconciled, records: &mut RecordSet, now: Timestamp) -> Vec<Problem> {
        let Reconciled { nodegroups, tracks, fleet, unreadable, mut errors } = reconciled;
        for (id, error) in unreadable {
            errors.push(Problem::with(ProblemCode::Unreadable, &id, &error));
            records.insert_nodegroup(id, Err(error));
        }
        // The fleet's record first: that the table was empty is no longer visible once it has records of node groups.
        let fleet = fleet.and_then(|(id, changes)| Some((records.fleet_or_new(&id).ok()?, changes)));
        for (id, record) in self.write_all(fleet.into_iter().collect(), now).await {
            errors.extend(
                record.as_ref().err().map(|error| Problem::with(ProblemCode::NotRecorded, Subject::Fleet, error)),
            );
            records.insert_fleet(id, record);
        }
        let mut readable = Vec::new();
        for (id, changes) in nodegroups {
            match records.nodegroup_or_new(&id) {
                Ok(record) => readable.push((record, changes)),
                Err(error) => errors.push(Problem::with(ProblemCode::NotRecorded, &id, error)),
            }
        }
        // For an unreadable track, the plan reports that no update starts, and why.
        let tracks = tracks.into_iter().filter_map(|(id, changes)| Some((records.track_or_new(&id).ok()?, changes)));
        let tracks = tracks.collect();
        let (nodegroups, tracks) = futures_util::join!(self.write_all(readable, now), self.write_all(tracks, now));
        for (id, record) in nodegroups {
            errors.extend(record.as_ref().err().map(|error| Problem::with(ProblemCode::NotRecorded, &id, error)));
            records.insert_nodegroup(id, record);
        }
        for (id, record) in tracks {
            let subject = || Subject::Track(Box::new(id.track().clone()));
            errors.extend(record.as_ref().err().map(|error| Problem::with(ProblemCode::NotRecorded, subject(), error)));
            records.insert_track(id, record);
        }
        errors
    }

    /// Applies the changes of these records and writes them. Returns each record as it then is, or why it was not written.
    async fn write_all<A: Change>(
        &self,
        changes: Vec<(Record<A::Content>, Vec<A>)>,
        now: Timestamp,
    ) -> Vec<Written<A::Content>> {
        let writes = changes.into_iter().map(|(mut record, changes)| async move {
            let id = record.id.clone();
            let change = |record: &mut _| changes.iter().for_each(|change| change.apply(record));
            if self.writer.is_none() {
                change(&mut record);
                return (id, Ok(record));
            }
            let merged = self.merge(&mut record, now, change).await;
            (id, merged.map(|()| record).map_err(|error| Unreadable(error.to_string())))
        });
        stream::iter(writes).buffer_unordered(CONCURRENCY).collect().await
    }
}

fn insert(records: &mut RecordSet, key: &str, item: Result<Item, Unreadable>) {
    match ItemKey::read(key) {
        Some(ItemKey::Nodegroup(id)) => {
            let record = item.and_then(item::read::<NodegroupContent>);
            // The same, held once.
            let id = record.as_ref().map_or(id, |record| record.id.clone());
            records.insert_nodegroup(id, record);
        }
        Some(ItemKey::Fleet(id)) => records.insert_fleet(id, item.and_then(item::read::<FleetContent>)),
        Some(ItemKey::Track(id)) => records.insert_track(id, item.and_then(item::read::<TrackContent>)),
        None => {}
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
