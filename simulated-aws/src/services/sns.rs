//! SNS: topics, and the messages published to them.
//!
//! Own code instead of `winterbaume-sns`, which drops a message's subject, attributes and structure: exactly the parts of a
//! notification.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::state::State;
use crate::state::arns::ACCOUNT;
use crate::state::sns::PublishedMessage;
use crate::wire::answer::Answer;
use crate::wire::call::{Call, text};
use crate::wire::error::ApiError;
use crate::wire::paging::page;
use crate::wire::xml;

/// The size of a message with its attributes that a topic accepts by default, in bytes.
const LARGEST_MESSAGE: usize = 262_144;

pub(crate) fn resources(_: &State, call: &Call) -> Vec<String> {
    let arn = text(&call.input, "TopicArn").or_else(|| text(&call.input, "TargetArn"));
    arn.map(str::to_owned).into_iter().collect()
}

pub(crate) fn answer(state: &mut State, call: &Call) -> Result<Answer, ApiError> {
    let input = &call.input;
    match call.operation.as_str() {
        "Publish" => publish(state, input),
        "CreateTopic" => create_topic(state, input),
        "Subscribe" => subscribe(state, input),
        "ListTopics" => list_topics(state, input),
        "ListSubscriptionsByTopic" => list_subscriptions(state, input),
        _ => Err(call.unknown()),
    }
    .map(Answer::Xml)
}

fn create_topic(state: &mut State, input: &Value) -> Result<String, ApiError> {
    let name = text(input, "Name").ok_or_else(|| invalid("Topic Name"))?;
    if name.len() > 256 || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        return Err(invalid("Topic Name"));
    }
    Ok(xml::element("TopicArn", &state.create_topic(name)))
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
    let message_group = text(input, "MessageGroupId");
    if topic_arn.ends_with(".fifo") && message_group.is_none() {
        return Err(invalid("The MessageGroupId parameter is required for FIFO topics"));
    }
    let (attributes, attributes_size) = attributes(input)?;
    if message.len() + attributes_size > LARGEST_MESSAGE {
        return Err(invalid("Message too long"));
    }
    let published = PublishedMessage {
        topic_arn: topic_arn.to_owned(),
        subject: subject.map(str::to_owned),
        message: message.to_owned(),
        message_structure: structure.map(str::to_owned),
        attributes,
        message_group_id: message_group.map(str::to_owned),
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

/// A page of a list, with at most a hundred members.
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
