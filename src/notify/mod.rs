//! Publishes notices to SNS.

mod chat;
mod email;
mod facts;
mod json;
mod message;
mod text;

use aws_sdk_sns::Client;
use aws_sdk_sns::types::MessageAttributeValue;

use crate::aws::describe;

pub use message::Message;

/// Publishes a message to the topic.
///
/// # Errors
/// When SNS does not take it: the notice is then still pending.
pub async fn publish(sns: &Client, topic_arn: &str, message: Message) -> anyhow::Result<()> {
    let mut request =
        sns.publish().topic_arn(topic_arn).subject(message.subject).message_structure("json").message(message.body);
    for (name, value) in message.attributes {
        let attribute = MessageAttributeValue::builder().data_type("String").string_value(value).build()?;
        request = request.message_attributes(name, attribute);
    }
    request.send().await.map_err(|error| anyhow::anyhow!("publishing to {topic_arn}: {}", describe(&error)))?;
    Ok(())
}
