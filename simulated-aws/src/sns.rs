//! SNS: topics, and what was published to them.
//!
//! Own code rather than `winterbaume-sns`, which forgets a message's subject, its attributes and its structure:
//! just what a notification is made of.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use crate::paging::page;
use crate::request::{Call, text};
use crate::world::State;
use crate::{ACCOUNT, ApiError, REGION, World, xml};

/// The size of a message with its attributes that a topic accepts by default, in bytes.
const LARGEST_MESSAGE: usize = 262_144;

/// A topic with its subscriptions: ARN, protocol and endpoint.
#[derive(Default)]
pub(crate) struct Topic {
    subscriptions: Vec<(String, String, String)>,
}

/// A message that a topic accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The topic.
    pub topic_arn: String,
    /// The subject, which e-mail shows.
    pub subject: Option<String>,
    /// The message as it was sent.
    pub message: String,
    /// `json` when the message holds one text per protocol.
    pub message_structure: Option<String>,
    /// The message attributes' values; binary ones in Base64.
    pub attributes: BTreeMap<String, String>,
    /// The group of a message to a FIFO topic.
    pub message_group_id: Option<String>,
    /// The id that the publisher got.
    pub message_id: String,
    /// When it was accepted.
    pub at: Timestamp,
}

impl Published {
    /// What a subscriber with this protocol (`email`, `sqs`, `lambda`, `https`, …) gets to read.
    pub fn delivered_as(&self, protocol: &str) -> String {
        if self.message_structure.as_deref() != Some("json") {
            return self.message.clone();
        }
        let texts: Value = serde_json::from_str(&self.message).unwrap_or_default();
        let delivered = texts.get(protocol).or_else(|| texts.get("default")).and_then(Value::as_str);
        delivered.unwrap_or_default().to_owned()
    }
}

impl World {
    /// Creates a topic and answers its ARN; one that exists stays as it is. A name that ends in `.fifo` makes a
    /// FIFO topic.
    pub fn create_topic(&self, name: &str) -> String {
        self.state().create_topic(name)
    }

    /// Removes a topic: publishing to it is answered with `NotFound`.
    pub fn remove_topic(&self, topic_arn: &str) {
        self.state().topics.remove(topic_arn);
    }

    /// Subscribes to a topic with this protocol, for instance `email`; answers the subscription's ARN, or nothing
    /// when there is no such topic.
    pub fn subscribe(&self, topic_arn: &str, protocol: &str) -> Option<String> {
        self.state().subscribe(topic_arn, protocol, "")
    }

    /// Every message that was accepted, in order.
    pub fn published(&self) -> Vec<Published> {
        self.state().published.clone()
    }

    /// Forgets the messages so far.
    pub fn clear_published(&self) {
        self.state().published.clear();
    }
}

impl State {
    fn create_topic(&mut self, name: &str) -> String {
        let arn = format!("arn:aws:sns:{REGION}:{ACCOUNT}:{name}");
        self.topics.entry(arn.clone()).or_default();
        arn
    }

    fn subscribe(&mut self, topic_arn: &str, protocol: &str, endpoint: &str) -> Option<String> {
        let arn = format!("{topic_arn}:{}", self.next_id("subscription"));
        let topic = self.topics.get_mut(topic_arn)?;
        topic.subscriptions.push((arn.clone(), protocol.to_owned(), endpoint.to_owned()));
        Some(arn)
    }
}

/// The ARN that IAM checks.
pub(crate) fn resources(input: &Value) -> Vec<String> {
    let arn = text(input, "TopicArn").or_else(|| text(input, "TargetArn"));
    vec![arn.unwrap_or("*").to_owned()]
}

pub(crate) fn answer(state: &mut State, call: &Call) -> Result<String, ApiError> {
    let input = &call.input;
    match call.operation.as_str() {
        "Publish" => publish(state, input),
        "CreateTopic" => {
            let name = text(input, "Name").ok_or_else(|| invalid("Topic Name"))?;
            if name.len() > 256 || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
                return Err(invalid("Topic Name"));
            }
            Ok(xml::element("TopicArn", &state.create_topic(name)))
        }
        "Subscribe" => subscribe(state, input),
        "ListTopics" => list_topics(state, input),
        "ListSubscriptionsByTopic" => list_subscriptions(state, input),
        _ => Err(call.unknown()),
    }
}

fn publish(state: &mut State, input: &Value) -> Result<String, ApiError> {
    let topic_arn = text(input, "TopicArn").or_else(|| text(input, "TargetArn"));
    let topic_arn =
        topic_arn.ok_or_else(|| invalid("TopicArn or TargetArn Reason: no value for required parameter"))?;
    if !topic_arn.starts_with("arn:aws:sns:") {
        return Err(invalid("TopicArn"));
    }
    if !state.topics.contains_key(topic_arn) {
        return Err(not_found());
    }
    let message = text(input, "Message").ok_or_else(|| invalid("Empty message"))?;
    let subject = input.get("Subject").and_then(Value::as_str);
    if subject.is_some_and(|subject| !is_subject(subject)) {
        return Err(invalid("Subject"));
    }
    let structure = text(input, "MessageStructure");
    check_structure(structure, message)?;
    let group = text(input, "MessageGroupId");
    if topic_arn.ends_with(".fifo") && group.is_none() {
        return Err(invalid("The MessageGroupId parameter is required for FIFO topics"));
    }
    let (attributes, attributes_size) = attributes(input)?;
    if message.len() + attributes_size > LARGEST_MESSAGE {
        return Err(invalid("Message too long"));
    }
    let published = Published {
        topic_arn: topic_arn.to_owned(),
        subject: subject.map(str::to_owned),
        message: message.to_owned(),
        message_structure: structure.map(str::to_owned),
        attributes,
        message_group_id: group.map(str::to_owned),
        message_id: state.next_id("message"),
        at: state.now,
    };
    let result = xml::element("MessageId", &published.message_id);
    state.published.push(published);
    Ok(result)
}

/// Text without line breaks or control characters, 1 to 99 characters.
fn is_subject(subject: &str) -> bool {
    !subject.is_empty() && subject.chars().count() < 100 && !subject.chars().any(char::is_control)
}

fn check_structure(structure: Option<&str>, message: &str) -> Result<(), ApiError> {
    match structure {
        None => Ok(()),
        Some("json") => match serde_json::from_str::<Value>(message) {
            Ok(texts) if texts.get("default").is_some_and(Value::is_string) => Ok(()),
            Ok(Value::Object(_)) => Err(invalid("Message Structure - No default entry in JSON message body")),
            _ => Err(invalid("Message Structure - JSON message body failed to parse")),
        },
        Some(_) => Err(invalid("MessageStructure")),
    }
}

/// `MessageAttributes.entry.N.{Name, Value.DataType, Value.StringValue, Value.BinaryValue}`, and their size in bytes.
fn attributes(input: &Value) -> Result<(BTreeMap<String, String>, usize), ApiError> {
    let (mut attributes, mut size) = (BTreeMap::new(), 0);
    for number in 1.. {
        let member = |name: &str| text(input, &format!("MessageAttributes.entry.{number}.{name}"));
        let Some(name) = member("Name") else { break };
        let kind = member("Value.DataType");
        let kind = kind.ok_or_else(|| invalid(&format!("The message attribute '{name}' must contain a DataType")))?;
        let value = member("Value.StringValue").or_else(|| member("Value.BinaryValue"));
        let value = value.ok_or_else(|| {
            invalid(&format!("The message attribute '{name}' must contain a non-empty message attribute value"))
        })?;
        size += name.len() + kind.len() + value.len();
        attributes.insert(name.to_owned(), value.to_owned());
    }
    Ok((attributes, size))
}

fn subscribe(state: &mut State, input: &Value) -> Result<String, ApiError> {
    let topic_arn = text(input, "TopicArn").ok_or_else(|| invalid("TopicArn"))?;
    let protocol = text(input, "Protocol").ok_or_else(|| invalid("Protocol"))?;
    let endpoint = text(input, "Endpoint").unwrap_or_default();
    let arn = state.subscribe(topic_arn, protocol, endpoint).ok_or_else(not_found)?;
    Ok(xml::element("SubscriptionArn", &arn))
}

fn list_topics(state: &State, input: &Value) -> Result<String, ApiError> {
    let topics = state.topics.keys().map(|arn| (arn.clone(), xml::element("TopicArn", arn)));
    members(state, input, "Topics", topics)
}

fn list_subscriptions(state: &State, input: &Value) -> Result<String, ApiError> {
    let topic_arn = text(input, "TopicArn").ok_or_else(|| invalid("TopicArn"))?;
    let topic = state.topics.get(topic_arn).ok_or_else(not_found)?;
    let subscriptions = topic.subscriptions.iter().enumerate().map(|(number, (arn, protocol, endpoint))| {
        let described = [
            xml::element("SubscriptionArn", arn),
            xml::element("Owner", ACCOUNT),
            xml::element("Protocol", protocol),
            xml::element("Endpoint", endpoint),
            xml::element("TopicArn", topic_arn),
        ];
        (format!("{number:010}"), described.concat())
    });
    members(state, input, "Subscriptions", subscriptions)
}

/// A page of a list, a hundred members at most.
fn members(
    state: &State,
    input: &Value,
    list: &str,
    sorted: impl IntoIterator<Item = (String, String)>,
) -> Result<String, ApiError> {
    let page = page(sorted, text(input, "NextToken"), state.page_size(100)).map_err(|_| invalid("NextToken"))?;
    let members: String = page.items.iter().map(|member| format!("<member>{member}</member>")).collect();
    let next = page.next.map(|next| xml::element("NextToken", &next)).unwrap_or_default();
    Ok(format!("<{list}>{members}</{list}>{next}"))
}

fn invalid(what: &str) -> ApiError {
    ApiError::new(400, "InvalidParameter", format!("Invalid parameter: {what}"))
}

fn not_found() -> ApiError {
    ApiError::new(404, "NotFound", "Topic does not exist")
}
