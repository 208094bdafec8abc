//! What is published, as its readers see it.

mod batch;
mod causes;
mod chat;
mod messages;
mod published_events;
mod samples;
mod sms;

use eks_nodegroup_updater::model::record::set::RecordRef;
use eks_nodegroup_updater::model::record::{Content, Record};
use eks_nodegroup_updater::notify::Message;
use serde_json::Value;
use strum::EnumMessage;
use testing::retry_after;

/// The last notice that is pending, in words.
fn last_message<C: Content>(record: &Record<C>) -> Message
where
    for<'a> RecordRef<'a>: From<&'a Record<C>>,
{
    Message::new(record, record.pending_notices().last().unwrap(), &retry_after())
}

fn part(message: &Message, protocol: &str) -> String {
    let body: Value = serde_json::from_str(&message.body).unwrap();
    body[protocol].as_str().unwrap().to_owned()
}

fn machine(message: &Message) -> Value {
    serde_json::from_str(&part(message, "default")).unwrap()
}

/// What a variant says of itself, in a line without its full stop.
fn documentation(variant: &impl EnumMessage) -> String {
    let sentence = variant.get_documentation().unwrap().trim_end().replace('\n', " ");
    sentence.strip_suffix('.').unwrap().to_owned()
}
