//! SNS's data: topics, and the messages published to them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

/// A topic with its subscriptions: ARN, protocol and endpoint.
#[derive(Default)]
pub(crate) struct Topic {
    pub(crate) subscriptions: Vec<(String, String, String)>,
}

/// A message that a topic accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedMessage {
    /// The topic.
    pub topic_arn: String,
    /// The subject, which e-mail shows.
    pub subject: Option<String>,
    /// The message as it was sent.
    pub message: String,
    /// `json` if the message has one text per protocol.
    pub message_structure: Option<String>,
    /// The message attributes' values; binary ones in Base64.
    pub attributes: BTreeMap<String, String>,
    /// The message group id of a message to a FIFO topic.
    pub message_group_id: Option<String>,
    /// The id that the publisher received.
    pub message_id: String,
    /// When it was accepted.
    pub at: Timestamp,
}

impl PublishedMessage {
    /// What a subscriber with this protocol (`email`, `sqs`, `lambda`, `https`, …) receives.
    pub fn delivered_as(&self, protocol: &str) -> String {
        if self.message_structure.as_deref() != Some("json") {
            return self.message.clone();
        }
        let texts: Value = serde_json::from_str(&self.message).unwrap_or_default();
        let delivered = texts.get(protocol).or_else(|| texts.get("default")).and_then(Value::as_str);
        delivered.unwrap_or_default().to_owned()
    }
}
