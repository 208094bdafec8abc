//! What is pending, and what may be forgotten.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{PutRequest, WriteRequest};
use eks_nodegroup_updater::model::attempt::Status;
use eks_nodegroup_updater::model::notice::Sink;
use testing::{NEWER, days, intent};

use super::examples::invalid_tag;
use super::table::{Item, Table, arn, begun, blank, names, now, number, text};

#[tokio::test]
async fn only_what_is_open_or_unreported_is_pending() {
    let table = Table::new().await;
    let records = table.of("first");
    assert_eq!(table.pending().await, names(&[]));
    table.with(blank("quiet")).await;
    assert_eq!(table.pending().await, names(&[]));
    let mut blue = table.with(begun("blue")).await;
    let mut green = table.with(begun("green")).await;
    let mut red = blank("red");
    red.report_available("1.33", NEWER, now());
    let mut red = table.with(red).await;
    assert_eq!(table.pending().await, names(&["blue", "green", "red"]));

    blue.end(Status::Successful, vec![], now());
    records.save(&mut blue, now()).await.unwrap();
    green.end(Status::Failed, vec![], now());
    records.save(&mut green, now()).await.unwrap();
    assert_eq!(table.pending().await, names(&["green", "red"]), "a success needs no message");

    for record in [&mut green, &mut red] {
        let notice = record.pending_notices()[0].clone();
        record.mark_published(&notice, &Sink::ALL);
        records.save(record, now()).await.unwrap();
    }
    assert_eq!(table.pending().await, names(&[]));

    green.begin(&intent(NEWER), now());
    records.save(&mut green, now()).await.unwrap();
    assert_eq!(table.pending().await, names(&["green"]), "and comes back");
}

#[tokio::test]
async fn a_key_that_is_no_arn_is_pending_like_any_other() {
    let table = Table::new().await;
    table.with(begun("blue")).await;
    table.put(Item::from([("itemKey".into(), text("prod/green")), ("pending".into(), text("yes"))])).await;
    assert_eq!(table.pending().await, BTreeSet::from([arn("blue"), "prod/green".to_owned()]));
}

#[tokio::test]
async fn only_what_is_settled_expires_and_in_seconds() {
    let table = Table::new().await;
    let mut record = table.with(begun("blue")).await;
    let item = table.item(&arn("blue")).await.unwrap();
    assert_eq!((item.get("pending"), item.get("expiresAt")), (Some(&text("yes")), None), "open");

    record.end(Status::Failed, vec![], now());
    table.of("first").save(&mut record, now()).await.unwrap();
    let item = table.item(&arn("blue")).await.unwrap();
    assert_eq!((item.get("pending"), item.get("expiresAt")), (Some(&text("yes")), None), "a notice is pending");

    let notice = record.pending_notices()[0].clone();
    record.mark_published(&notice, &Sink::ALL);
    table.of("first").save(&mut record, now()).await.unwrap();
    let item = table.item(&arn("blue")).await.unwrap();
    let expected = number(&(now() + days(400)).as_second().to_string());
    assert_eq!((item.get("pending"), item.get("expiresAt")), (None, Some(&expected)), "settled");

    record.begin(&intent(NEWER), now());
    table.of("first").save(&mut record, now()).await.unwrap();
    let item = table.item(&arn("blue")).await.unwrap();
    assert_eq!((item.get("pending"), item.get("expiresAt")), (Some(&text("yes")), None), "open again");

    let mut reported = blank("green");
    reported.report_available("1.33", NEWER, now());
    let notice = reported.pending_notices()[0].clone();
    reported.mark_published(&notice, &Sink::ALL);
    table.with(reported).await;
    let item = table.item(&arn("green")).await.unwrap();
    assert_eq!((item.get("pending"), item.get("expiresAt")), (None, None), "what was reported is not forgotten");

    let mut reported = blank("red");
    reported.report_invalid_tag(&invalid_tag(), now());
    let notice = reported.pending_notices()[0].clone();
    reported.mark_published(&notice, &Sink::ALL);
    table.with(reported).await;
    let item = table.item(&arn("red")).await.unwrap();
    assert_eq!((item.get("pending"), item.get("expiresAt")), (None, None), "nor is a tag");
}

#[tokio::test]
async fn what_is_pending_is_read_to_the_last_page() {
    let table = Table::new().await;
    // Keys of about two kilobytes, so that six hundred are more than the megabyte of one answer.
    let arns: Vec<String> = (0..600).map(|name| arn(&format!("{name}-{}", "x".repeat(1900)))).collect();
    let item = |arn: &String| Item::from([("itemKey".into(), text(arn)), ("pending".into(), text("yes"))]);
    for some in arns.chunks(25) {
        let puts = some.iter().map(|arn| PutRequest::builder().set_item(Some(item(arn))).build().unwrap());
        let puts = puts.map(|put| WriteRequest::builder().put_request(put).build()).collect();
        let written = table.client.batch_write_item().request_items(&table.name, puts).send().await.unwrap();
        assert!(written.unprocessed_items.unwrap_or_default().is_empty());
    }
    if let Some(world) = &table.world {
        world.page_size(250);
    }
    table.answers();
    assert_eq!(table.pending().await, arns.into_iter().collect());
    assert!(table.answers() > 1, "more than one page");
}
