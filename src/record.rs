//! Keeps the records: one DynamoDB table, one item a node group, every write conditional on the item that was read.

use std::collections::HashMap;

use anyhow::Context as _;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, ReturnValuesOnConditionCheckFailure};
use futures_util::{StreamExt, stream};
use jiff::Timestamp;

use crate::aws::{CONCURRENCY, describe};
use crate::model::nodegroup::NodegroupId;
use crate::model::record::{PENDING, Record};

/// The table's key.
const KEY: &str = "nodegroupArn";
/// The sparse index: only records in which something is open or untold have its key.
const INDEX: &str = "pending-index";
/// Keys that one `BatchGetItem` takes.
const KEYS_PER_CALL: usize = 100;
/// How often the keys that DynamoDB left unprocessed are asked for again.
const ROUNDS: usize = 8;

/// The table of records.
#[derive(Clone, Copy, Debug)]
pub struct Records<'a> {
    /// The client.
    pub client: &'a Client,
    /// The table's name.
    pub table: &'a str,
    /// The run that writes.
    pub writer: &'a str,
}

/// Why a record was not written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSaved {
    /// Another run changed it meanwhile.
    #[error("another run changed the record meanwhile")]
    Conflict,
    /// DynamoDB did not take it.
    #[error("writing the record: {0}")]
    Failed(String),
}

impl Records<'_> {
    /// Reads the records of these node groups, as they are now. A node group without one is left out; one whose record
    /// cannot be read comes with the reason.
    pub async fn load(&self, arns: Vec<String>) -> HashMap<String, Result<Record, String>> {
        let calls = arns.chunks(KEYS_PER_CALL).map(|arns| self.load_some(arns.to_vec()));
        stream::iter(calls).buffer_unordered(CONCURRENCY).flat_map(stream::iter).collect().await
    }

    async fn load_some(&self, arns: Vec<String>) -> HashMap<String, Result<Record, String>> {
        let mut records = HashMap::new();
        let mut asked: Vec<String> = arns;
        for _ in 0..ROUNDS {
            let keys = asked.iter().map(|arn| HashMap::from([(KEY.to_owned(), AttributeValue::S(arn.clone()))]));
            let request = KeysAndAttributes::builder().set_keys(Some(keys.collect())).consistent_read(true).build();
            let answer = match request {
                Ok(request) => self.client.batch_get_item().request_items(self.table, request).send().await,
                Err(error) => return all(asked, records, &format!("asking for its record: {error}")),
            };
            let mut answer = match answer {
                Ok(answer) => answer,
                Err(error) => return all(asked, records, &format!("reading its record: {}", describe(&error))),
            };
            let Some(tables) = &mut answer.responses else {
                return all(asked, records, "reading its record: DynamoDB's answer has no Responses");
            };
            let items = tables.remove(self.table).unwrap_or_default();
            records.extend(items.into_iter().filter_map(parse));
            let left = answer.unprocessed_keys.as_mut().and_then(|tables| tables.remove(self.table));
            asked = left.map(|left| left.keys.iter().filter_map(arn_of).collect()).unwrap_or_default();
            if asked.is_empty() {
                return records;
            }
        }
        all(asked, records, "reading its record: DynamoDB left it unprocessed again and again")
    }

    /// The ARNs of the node groups for which something is open or untold.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub async fn pending(&self) -> anyhow::Result<Vec<String>> {
        let query = self
            .client
            .query()
            .table_name(self.table)
            .index_name(INDEX)
            .key_condition_expression("pending = :pending")
            .expression_attribute_values(":pending", AttributeValue::S(PENDING.to_owned()));
        let pages: Result<Vec<_>, _> = query.into_paginator().send().collect().await;
        let pages = pages.map_err(|error| anyhow::anyhow!("reading what is pending: {}", describe(&error)))?;
        let items: Option<Vec<_>> = pages.into_iter().map(|page| page.items).collect();
        let items = items.context("reading what is pending: DynamoDB's answer has no Items")?;
        Ok(items.iter().flatten().filter_map(arn_of).collect())
    }

    /// Writes a record over the revision that was read, and none other. The revision's writer is part of the condition: should a
    /// refused write ever pass for done, the next one still meets what really stands there.
    ///
    /// # Errors
    /// When another run was first, or DynamoDB did not take it; the record then stays as it was read.
    pub async fn save(&self, record: &mut Record, now: Timestamp) -> Result<(), NotSaved> {
        let read = record.revision;
        let mut next = record.clone();
        next.revision += 1;
        next.writer = self.writer.to_owned();
        next.settle_index(now);
        let item: HashMap<String, AttributeValue> =
            serde_dynamo::to_item(&next).map_err(|error| NotSaved::Failed(error.to_string()))?;
        let put = self
            .client
            .put_item()
            .table_name(self.table)
            .set_item(Some(item))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let put = if read == 0 {
            put.condition_expression(format!("attribute_not_exists({KEY})"))
        } else {
            put.condition_expression("revision = :read AND writer = :writer")
                .expression_attribute_values(":read", AttributeValue::N(read.to_string()))
                .expression_attribute_values(":writer", AttributeValue::S(record.writer.clone()))
        };
        match put.send().await {
            Ok(_) => {}
            Err(error) => match error.as_service_error() {
                // The answer to a first try may have been lost, and the SDK then tried again.
                Some(PutItemError::ConditionalCheckFailedException(lost)) if holds(lost.item(), &next) => {}
                Some(PutItemError::ConditionalCheckFailedException(_)) => return Err(NotSaved::Conflict),
                _ => return Err(NotSaved::Failed(describe(&error))),
            },
        }
        *record = next;
        Ok(())
    }
}

fn holds(item: Option<&HashMap<String, AttributeValue>>, record: &Record) -> bool {
    let stored = item.and_then(|item| read(item.clone()).ok());
    stored.as_ref() == Some(record)
}

fn parse(item: HashMap<String, AttributeValue>) -> Option<(String, Result<Record, String>)> {
    let arn = arn_of(&item)?;
    let record = read(item).and_then(|record| believe(&arn, record));
    Some((arn, record.map_err(|error| format!("its record in the table is malformed: {error}"))))
}

fn read(item: HashMap<String, AttributeValue>) -> Result<Record, String> {
    // On any other, `serde_dynamo` panics.
    if !item.values().all(is_known) {
        return Err("it has an attribute of a type that is not known".to_owned());
    }
    // With the path to what is wrong, which the error alone does not tell.
    let item = serde_dynamo::Deserializer::from_attribute_value(AttributeValue::M(item).into());
    serde_path_to_error::deserialize(item).map_err(|error| error.to_string())
}

fn is_known(value: &AttributeValue) -> bool {
    match value {
        AttributeValue::L(values) => values.iter().all(is_known),
        AttributeValue::M(values) => values.values().all(is_known),
        value => !value.is_unknown(),
    }
}

/// A record that names another node group than its key would bring the update to that one, and one that counts to the end
/// has no next number.
fn believe(arn: &str, record: Record) -> Result<Record, String> {
    let names = NodegroupId::from_arn(arn).map(|id| (id.cluster, id.name)).unwrap_or_default();
    if (&record.cluster, &record.nodegroup) != (&names.0, &names.1) {
        return Err(format!("it names {}, and its key {arn}", record.id()));
    }
    let (writes, attempts) = (record.revision, record.attempts);
    if writes > u64::MAX / 2 || attempts > u32::MAX / 2 {
        return Err(format!("it counts {writes} writes and {attempts} attempts, more than there can be"));
    }
    Ok(record)
}

fn arn_of(item: &HashMap<String, AttributeValue>) -> Option<String> {
    item.get(KEY)?.as_s().ok().cloned()
}

fn all(
    arns: Vec<String>,
    mut records: HashMap<String, Result<Record, String>>,
    error: &str,
) -> HashMap<String, Result<Record, String>> {
    records.extend(arns.into_iter().map(|arn| (arn, Err(error.to_owned()))));
    records
}
