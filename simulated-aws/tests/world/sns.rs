use aws_sdk_sns::types::MessageAttributeValue;

use crate::sdk::{clients, refusal, world};

fn text(value: &str) -> MessageAttributeValue {
    MessageAttributeValue::builder().data_type("String").string_value(value).build().expect("a data type")
}

#[tokio::test]
async fn a_message_keeps_its_subject_structure_and_attributes() -> anyhow::Result<()> {
    let world = world();
    let topic = world.create_topic("updates");
    assert!(world.subscribe(&topic, "email").is_some());
    assert!(world.subscribe("arn:aws:sns:eu-central-1:123456789012:none", "email").is_none());
    let sns = clients(&world).await.sns;
    let message = r#"{"default": "{\"event\": 1}", "email": "Two lines\n& <more>", "https": "{}"}"#;
    let output = sns
        .publish()
        .topic_arn(&topic)
        .subject("Update of prod/blue failed")
        .message(message)
        .message_structure("json")
        .message_attributes("severity", text("error"))
        .message_attributes("cluster", text("prod"))
        .send()
        .await?;

    let [published] = &world.published()[..] else { panic!("one message") };
    assert_eq!(output.message_id(), Some(published.message_id.as_str()));
    assert_eq!(published.subject.as_deref(), Some("Update of prod/blue failed"));
    assert_eq!(published.message, message);
    assert_eq!(published.delivered_as("email"), "Two lines\n& <more>");
    assert_eq!(published.delivered_as("https"), "{}");
    assert_eq!(published.delivered_as("sqs"), r#"{"event": 1}"#);
    assert_eq!(published.delivered_as("http"), r#"{"event": 1}"#, "another protocol");
    assert_eq!(published.attributes["severity"], "error");
    assert_eq!(published.attributes["cluster"], "prod");
    assert_eq!(published.at, world.now());
    world.clear_published();
    assert!(world.published().is_empty());
    Ok(())
}

#[tokio::test]
async fn what_a_topic_refuses() {
    let world = world();
    let topic = world.create_topic("updates");
    let sns = clients(&world).await.sns;
    let publish = || sns.publish().topic_arn(&topic).message("text");
    let invalid = |what: &str| ("InvalidParameter".to_owned(), format!("Invalid parameter: {what}"));

    assert_eq!(refusal(publish().subject("a".repeat(99)).send().await).0, "accepted");
    for subject in ["a".repeat(100), "two\nlines".to_owned(), "bell\u{7}".to_owned(), String::new()] {
        assert_eq!(refusal(publish().subject(subject).send().await), invalid("Subject"));
    }
    assert_eq!(refusal(publish().message("a".repeat(262_144)).send().await).0, "accepted");
    let too_long = publish().message("a".repeat(262_140)).message_attributes("severity", text("error"));
    assert_eq!(refusal(too_long.send().await), invalid("Message too long"));
    assert_eq!(refusal(publish().message("").send().await), invalid("Empty message"));
    assert_eq!(
        refusal(publish().message_structure("json").message(r#"{"email": "x"}"#).send().await),
        invalid("Message Structure - No default entry in JSON message body")
    );
    assert_eq!(
        refusal(publish().message_structure("json").send().await),
        invalid("Message Structure - JSON message body failed to parse")
    );
    assert_eq!(refusal(publish().topic_arn("updates").send().await), invalid("TopicArn"));

    world.remove_topic(&topic);
    let gone = publish().send().await;
    assert!(gone.as_ref().unwrap_err().as_service_error().unwrap().is_not_found_exception());
    assert_eq!(refusal(gone).1, "Topic does not exist");
}

#[tokio::test]
async fn a_fifo_topic_wants_a_group() {
    let world = world();
    let topic = world.create_topic("updates.fifo");
    let sns = clients(&world).await.sns;
    let publish = || sns.publish().topic_arn(&topic).message("text");
    assert_eq!(refusal(publish().send().await).0, "InvalidParameter");
    assert_eq!(refusal(publish().message_group_id("prod/blue").send().await).0, "accepted");
    assert_eq!(world.published()[0].message_group_id.as_deref(), Some("prod/blue"));
}

#[tokio::test]
async fn topics_and_subscriptions_are_made_and_listed() -> anyhow::Result<()> {
    let world = world();
    world.page_size(1);
    let sns = clients(&world).await.sns;
    let first = sns.create_topic().name("first").send().await?.topic_arn.unwrap();
    assert_eq!(first, "arn:aws:sns:eu-central-1:123456789012:first");
    sns.create_topic().name("second").send().await?;
    assert_eq!(refusal(sns.create_topic().name("a b").send().await).0, "InvalidParameter");
    let topics = sns.list_topics().into_paginator().items().send().collect::<Result<Vec<_>, _>>().await?;
    assert_eq!(topics.len(), 2);

    sns.subscribe().topic_arn(&first).protocol("email").endpoint("ops@example.com").send().await?;
    let listed = sns.list_subscriptions_by_topic().topic_arn(&first).send().await?;
    assert_eq!(listed.subscriptions()[0].endpoint(), Some("ops@example.com"));
    let none = sns.subscribe().topic_arn(format!("{first}x")).protocol("email").send().await;
    assert_eq!(refusal(none).0, "NotFound");
    Ok(())
}
