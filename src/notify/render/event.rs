//! Events on EventBridge: one for each notice that other programs might act on.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::json::json as members;
use crate::model::notice::DetailType;
use crate::notify::letter::{Envelope, Letter};

/// The `source` of every event.
pub const SOURCE: &str = "eks-nodegroup-updater";
/// The `version` of `metadata`. Within one, fields are only added.
const VERSION: &str = "1";
/// Members of a message's JSON that `data` does not have: those in `metadata`, and those of messages about many notices.
const OF_MESSAGES: [&str; 7] = ["version", "id", "ids", "nodegroups", "status", "dedupKey", "updateIds"];

/// An event for `PutEvents`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The kind of event, such as `EKS Nodegroup Update Failed`.
    pub detail_type: &'static str,
    /// The ARN of its node group, if it is about one.
    pub resources: Vec<String>,
    /// `metadata` and `data`, a JSON object.
    pub detail: String,
    /// When it was noticed.
    pub time: Timestamp,
}

impl Event {
    /// Its size, as EventBridge counts it.
    #[must_use]
    pub fn size(&self) -> usize {
        let resources: usize = self.resources.iter().map(String::len).sum();
        // The time counts for 14 bytes.
        14 + SOURCE.len() + self.detail_type.len() + self.detail.len() + resources
    }
}

/// The event of a letter.
pub(in crate::notify) fn event(detail_type: DetailType, envelope: &Envelope<'_>, letter: &Letter<'_>) -> Event {
    Event {
        detail_type: detail_type.into(),
        resources: envelope.arns.iter().map(|arn| (*arn).to_owned()).collect(),
        detail: detail(envelope, letter).to_string(),
        time: envelope.at,
    }
}

fn detail(envelope: &Envelope<'_>, letter: &Letter<'_>) -> Value {
    let mut data = members(envelope, letter);
    let mut metadata = json!({ "id": envelope.id, "version": VERSION, "dedupKey": data.get("dedupKey") });
    if let (Value::Object(metadata), Some(status)) = (&mut metadata, letter.status) {
        metadata.insert("status".to_owned(), status.word().into());
    }
    data.retain(|name, value| !value.is_null() && !OF_MESSAGES.contains(&name.as_str()));
    if letter.data.attempt.is_none() {
        data.remove("errors");
    }
    data.insert("reason".to_owned(), letter.data.reason.as_ref().into());
    data.insert("message".to_owned(), letter.headline.to_string().into());
    json!({ "metadata": metadata, "data": data })
}
