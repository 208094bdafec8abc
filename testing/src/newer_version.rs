//! A newer version of the updater, as visible in the table: it knows more attributes, words and notices.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use eks_nodegroup_updater::store::item::Item;
use serde_json::{Map, Value, json};

use crate::TABLE;

/// An attribute that only the newer version knows.
const LATER: &str = "later";
/// A kind of notice that only the newer version knows.
const NOTICE: &str = "UpdatePaused";

/// Whether an item, as DynamoDB writes it, has no pending notices but those that only the newer version knows.
#[must_use]
pub fn only_its_notices_are_pending(item: &Value) -> bool {
    let pending = item["pendingNotices"]["L"].as_array();
    pending.into_iter().flatten().all(|notice| notice["M"]["kind"]["M"].get(NOTICE).is_some())
}

/// The data of the newer version that this version must keep.
#[derive(Clone, Debug, Default)]
pub struct NewerVersion {
    turns: u64,
    /// By item: the values to which it added an attribute, by their identity.
    marked: BTreeMap<String, BTreeSet<String>>,
    /// By item: how many of its own notices it left.
    notices: BTreeMap<String, u64>,
}

impl NewerVersion {
    /// Writes each item of the table, with an additional attribute in every extensible value, and its own notice. An item that
    /// a run writes at the same time is skipped.
    ///
    /// # Panics
    /// If the table does not answer.
    pub async fn takes_its_turn(&mut self, client: &Client) {
        self.turns += 1;
        for mut item in items(client).await {
            let read = item["revision"].as_str().expect("a revision").to_owned();
            let (number, _) = read.split_once('/').expect("a revision");
            let next = number.parse::<u64>().expect("a number") + 1;
            let key = item["itemKey"].as_str().expect("a key").to_owned();
            let mut marked = BTreeSet::new();
            for_each_value(&mut item, |what, value| {
                value.insert(LATER.to_owned(), json!({"by": "the newer version", "of": what}));
                marked.insert(what);
            });
            let notice = json!({"kind": {NOTICE: {"number": 1, "turn": self.turns}}, "at": "2026-07-20T08:00:00Z"});
            let notices = item.as_object_mut().expect("an item").entry("pendingNotices").or_insert_with(|| json!([]));
            notices.as_array_mut().expect("a list").push(notice);
            (item["pending"], item["revision"]) = ("yes".into(), format!("{next}/newer").into());
            if put(client, &item, &read).await {
                self.marked.entry(key.clone()).or_default().extend(marked);
                *self.notices.entry(key).or_default() += 1;
            }
        }
    }

    /// Data of the newer version that was lost, although the value it belongs to still exists.
    ///
    /// # Panics
    /// If the table does not answer.
    pub async fn lost(&self, client: &Client) -> Vec<String> {
        let mut lost = Vec::new();
        let mut missing: BTreeSet<&String> = self.marked.keys().collect();
        for mut item in items(client).await {
            let key = item["itemKey"].as_str().expect("a key").to_owned();
            missing.remove(&key);
            let Some(marked) = self.marked.get(&key) else { continue };
            let pending = item["pendingNotices"].as_array().into_iter().flatten();
            let notices = pending.filter(|notice| notice["kind"].get(NOTICE).is_some()).count() as u64;
            if Some(&notices) != self.notices.get(&key) || item["pending"] != "yes" {
                lost.push(format!("{key} has {notices} notices of the newer version"));
            }
            for_each_value(&mut item, |what, value| {
                if marked.contains(&what) && value.get(LATER).is_none_or(|later| later["of"] != what.as_str()) {
                    lost.push(format!("{key}: {what}"));
                }
            });
        }
        lost.extend(missing.into_iter().map(|key| format!("{key} is not there any more")));
        lost
    }

    /// How many values it added an attribute to.
    #[must_use]
    pub fn marked(&self) -> usize {
        self.marked.values().map(BTreeSet::len).sum()
    }
}

async fn items(client: &Client) -> Vec<Value> {
    let items = client.scan().table_name(TABLE).into_paginator().items().send();
    let items: Vec<Item> = items.collect::<Result<_, _>>().await.expect("the table answers");
    items.into_iter().map(|item| serde_dynamo::from_item(item).expect("JSON")).collect()
}

/// Whether it was written, over the revision that was read.
async fn put(client: &Client, item: &Value, read: &str) -> bool {
    let item: Item = serde_dynamo::to_item(item).expect("an item");
    let put = client.put_item().table_name(TABLE).set_item(Some(item)).condition_expression("revision = :read");
    put.expression_attribute_values(":read", AttributeValue::S(read.to_owned())).send().await.is_ok()
}

/// The extensible values of an item that are never replaced by another one with the same identity.
fn for_each_value(item: &mut Value, mut take: impl FnMut(String, &mut Map<String, Value>)) {
    let mut at = |item: &mut Value, path: &str, what: &dyn Fn(&Value) -> String| {
        let Some(value) = item.pointer_mut(path) else { return };
        let values = match value {
            Value::Array(values) => values.iter_mut().collect(),
            value => vec![value],
        };
        for value in values {
            let what = what(value);
            take(what, value.as_object_mut().expect("a map"));
        }
    };
    at(item, "", &|_| "the record".to_owned());
    for part in ["attempts", "downgrade", "downgrade/updateHistory", "standing", "reported"] {
        at(item, &format!("/{part}"), &|_| part.to_owned());
    }
    for path in ["/attempts/open", "/attempts/ended"] {
        at(item, path, &|attempt| format!("attempt {}", attempt["number"]));
    }
    at(item, "/attempts/history", &|past| format!("line {}", past["number"]));
    at(item, "/downgrade/hold", &|hold| format!("hold since {}", hold["since"]));
    at(item, "/standing/stale", &|stale| format!("stale at {}", stale["at"]));
    at(item, "/releases", &|release| format!("release {}", release["releaseVersion"]));
    at(item, "/quarantines", &|held| format!("quarantine of {} since {}", held["releaseVersion"], held["since"]));
}
