//! Publishes notices: messages to SNS, events to EventBridge.

mod batch;
mod case;
mod commands;
mod letter;
mod letters;
mod message;
mod render;

use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, PutEventsResultEntry};
use aws_sdk_sns::types::MessageAttributeValue;

use crate::aws::describe;

pub use batch::{Batch, CALL_BYTES, Position, batches, calls};
pub use message::Message;
pub use render::event::{Event, SOURCE};

/// Publishes a message to the topic.
///
/// # Errors
/// When SNS does not accept it: the notice is then still pending.
pub async fn publish(sns: &aws_sdk_sns::Client, topic_arn: &str, message: Message) -> anyhow::Result<()> {
    let mut request =
        sns.publish().topic_arn(topic_arn).subject(message.subject).message_structure("json").message(message.body);
    for (name, value) in message.attributes {
        let attribute = MessageAttributeValue::builder().data_type("String").string_value(value).build()?;
        request = request.message_attributes(name, attribute);
    }
    request.send().await.map_err(|error| anyhow::anyhow!("publishing to {topic_arn}: {}", describe(&error)))?;
    Ok(())
}

/// Puts events on a bus, at most ten. Returns one result each, in their order: why EventBridge did not accept it.
///
/// # Errors
/// When EventBridge does not answer, or refuses the call as a whole.
///
/// Events for a bus that does not exist are accepted and lost:
/// [AWS answers as if it existed](https://github.com/aws/aws-sdk/issues/186).
pub async fn put_events(
    eventbridge: &aws_sdk_eventbridge::Client,
    bus: &str,
    events: &[Event],
) -> Result<Vec<Result<(), String>>, String> {
    let failed = |error: &str| format!("putting events on {bus}: {error}");
    let entries = events.iter().map(|event| {
        PutEventsRequestEntry::builder()
            .event_bus_name(bus)
            .source(SOURCE)
            .detail_type(event.detail_type)
            .set_resources(Some(event.resources.clone()).filter(|resources| !resources.is_empty()))
            .time(DateTime::from_secs(event.time.as_second()))
            .detail(&event.detail)
            .build()
    });
    let answer = eventbridge.put_events().set_entries(Some(entries.collect())).send().await;
    let entries = answer.map_err(|error| failed(&describe(&error)))?.entries.unwrap_or_default();
    if entries.len() != events.len() {
        return Err(failed(&format!("its answer is about {} events of {}", entries.len(), events.len())));
    }
    let result = |entry: PutEventsResultEntry| match (entry.event_id, entry.error_code) {
        (Some(_), None) => Ok(()),
        (_, code) => {
            let (code, message) = (code.unwrap_or_default(), entry.error_message.unwrap_or_default());
            Err(format!("putting an event on {bus}: {code}: {message}"))
        }
    };
    Ok(entries.into_iter().map(result).collect())
}
