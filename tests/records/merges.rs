//! Changes that do not depend on order.

use aws_sdk_dynamodb::types::AttributeValue;
use eks_nodegroup_updater::model::problem::{Problem, ProblemCode, Unreadable};
use eks_nodegroup_updater::model::record::Revision;
use eks_nodegroup_updater::model::record::nodegroup::NodegroupRecord;
use eks_nodegroup_updater::model::record::set::RecordSet;
use eks_nodegroup_updater::reconcile::{FleetChange, NodegroupChange, Reconciled};
use eks_nodegroup_updater::store::RecordStore;
use serde_json::json;
use simulated_aws::Fault;
use testing::{CURRENT, NEWER, fleet_record, quarantine, unreadable};

use super::examples::{first_revision, names_of};
use super::table::{Table, arn, begun, blank, id, item_of, now, number, text};

#[tokio::test]
async fn a_change_that_meets_another_runs_write_is_made_to_that() {
    let table = Table::new().await;
    let mut read = table.with(begun("blue")).await;
    let mut others = read.clone();
    others.accept("5fba87af-4c36-3a25-8a6b-7f3b3f3c2d10");
    table.of("second").save(&mut others, now()).await.unwrap();

    let change = |record: &mut NodegroupRecord| record.report_available("1.33", NEWER, now());
    table.of("first").merge(&mut read, now(), change).await.unwrap();
    change(&mut others);
    others.revision = Revision { number: 3, writer: "first".to_owned() };
    others.expires_at = None;
    assert_eq!(read, others);
    assert_eq!(table.record("blue").await, read);
}

#[tokio::test]
async fn what_stands_in_the_way_of_a_change_is_read_where_the_server_does_not_say_it() {
    let table = Table::new().await;
    let mut read = table.with(begun("blue")).await;
    let mut others = read.clone();
    others.accept("5fba87af-4c36-3a25-8a6b-7f3b3f3c2d10");
    table.of("second").save(&mut others, now()).await.unwrap();

    table.do_not_say_what_was_in_the_way(1);
    table.answers();
    let change = |record: &mut NodegroupRecord| record.report_available("1.33", NEWER, now());
    table.of("first").merge(&mut read, now(), change).await.unwrap();
    if table.world.is_some() {
        assert_eq!(table.answers(), 3, "a write, a read and a write");
    }
    change(&mut others);
    others.revision = Revision { number: 3, writer: "first".to_owned() };
    assert_eq!(read, others);
    assert_eq!(table.record("blue").await, read);
}

#[tokio::test]
async fn a_change_that_changes_nothing_writes_nothing() {
    let table = Table::new().await;
    let mut record = table.with(begun("blue")).await;
    table.answers();
    table.of("first").merge(&mut record, now(), |_| ()).await.unwrap();
    assert_eq!(table.answers(), 0);
}

#[tokio::test]
async fn a_change_that_never_wins_goes_on_with_what_the_table_says() {
    let table = Table::new().await;
    let mut record = table.with(begun("blue")).await;
    let Some(world) = &table.world else { return };
    let mut stands = record.clone();
    stands.accept("5fba87af-4c36-3a25-8a6b-7f3b3f3c2d10");
    let item = item_of(&stands);
    let attributes = item.iter().map(|(name, value)| (name.clone(), json_of(value)));
    let refused = json!({
        "__type": "ConditionalCheckFailedException", "Item": serde_json::Map::from_iter(attributes),
    });
    world.on_request(move |_| Fault::Body { status: 400, body: refused.to_string().into() });
    table.answers();
    table.of("first").merge(&mut record, now(), |record| record.report_available("1.33", NEWER, now())).await.unwrap();
    assert_eq!(record, stands);
    assert_eq!(table.answers(), 4, "one write and three more");
}

#[tokio::test]
async fn a_change_that_never_wins_is_no_error_where_the_server_does_not_say_why() {
    let table = Table::new().await;
    let mut record = table.with(begun("blue")).await;
    if table.world.is_none() {
        return;
    }
    let mut stands = record.clone();
    stands.accept("5fba87af-4c36-3a25-8a6b-7f3b3f3c2d10");
    table.of("second").save(&mut stands, now()).await.unwrap();
    table.do_not_say_what_was_in_the_way(4);
    table.answers();
    table.of("first").merge(&mut record, now(), |record| record.report_available("1.33", NEWER, now())).await.unwrap();
    assert_eq!(record, stands);
    assert_eq!(table.answers(), 8, "each write is followed by a read");
    assert_eq!(table.record("blue").await, stands);
}

#[tokio::test]
async fn a_change_that_another_run_made_already_is_not_made_twice() {
    let table = Table::new().await;
    let mut record = table.with(begun("blue")).await;
    let change = |record: &mut NodegroupRecord| record.report_available("1.33", NEWER, now());
    let mut others = record.clone();
    table.of("second").merge(&mut others, now(), change).await.unwrap();
    table.of("first").merge(&mut record, now(), change).await.unwrap();
    assert_eq!(others.revision, Revision { number: 2, writer: "second".to_owned() });
    assert_eq!(record, others);
    assert_eq!(table.record("blue").await, others);
}

#[tokio::test]
async fn a_change_that_meets_what_cannot_be_read_leaves_it_and_says_so() {
    let table = Table::new().await;
    let read = table.with(begun("blue")).await;
    let mut item = item_of(&read);
    item.insert("revision".to_owned(), text("2/second"));
    item.insert("schemaVersion".to_owned(), number("2"));
    table.put(item.clone()).await;
    let mut record = read.clone();
    let change = |record: &mut NodegroupRecord| record.report_available("1.33", NEWER, now());
    let refused = table.of("first").merge(&mut record, now(), change).await.unwrap_err().to_string();
    assert!(refused.starts_with("writing the record: its record in the table is malformed: "), "{refused}");
    assert!(refused.contains("it has schema version 2"), "{refused}");
    assert_eq!(record, read, "stays as it was read");
    assert_eq!(table.item(&arn("blue")).await, Some(item));
}

/// An attribute as DynamoDB sends it, of the types that a record has.
fn json_of(value: &AttributeValue) -> serde_json::Value {
    match value {
        AttributeValue::S(text) => json!({"S": text}),
        AttributeValue::N(number) => json!({"N": number}),
        AttributeValue::Bool(value) => json!({"BOOL": value}),
        AttributeValue::L(values) => json!({"L": values.iter().map(json_of).collect::<Vec<_>>()}),
        AttributeValue::M(values) => {
            let members = values.iter().map(|(name, value)| (name.clone(), json_of(value)));
            json!({"M": serde_json::Map::from_iter(members)})
        }
        value => panic!("{value:?}"),
    }
}

#[tokio::test]
async fn a_change_to_a_record_that_was_deleted_meanwhile_is_dropped() {
    let table = Table::new().await;
    let mut record = table.with(begun("blue")).await;
    let delete = table.client.delete_item().table_name(&table.name).key("itemKey", text(&arn("blue")));
    delete.send().await.unwrap();
    let change = |record: &mut NodegroupRecord| record.report_available("1.33", NEWER, now());
    let read = record.clone();
    table.of("first").merge(&mut record, now(), change).await.unwrap();
    assert_eq!(record, read, "without the change");
    assert_eq!(table.item(&arn("blue")).await, None);
}

/// A release to report to `prod/blue` and `prod/green`, and one to quarantine.
fn reconciled() -> Reconciled {
    let report = NodegroupChange::ReportAvailable { version: "1.33".into(), release_version: NEWER.into(), at: now() };
    Reconciled {
        nodegroups: ["blue", "green"].map(|name| (id(name), vec![report.clone()])).into(),
        fleet: Some((fleet_record().id, vec![FleetChange::Quarantine(quarantine(CURRENT, names_of(3), now()))])),
        ..Reconciled::default()
    }
}

#[tokio::test]
async fn what_was_reconciled_is_written_and_what_cannot_be_read_is_reported() {
    let table = Table::new().await;
    let mut blue = table.with(begun("blue")).await;
    let green = table.with(begun("green")).await;
    let mut item = item_of(&green);
    item.insert("schemaVersion".to_owned(), number("2"));
    table.put(item.clone()).await;
    let mut records = table.load(&["blue", "green"]).await;
    let Unreadable(of_green) = records.nodegroup(&id("green")).unwrap_err().clone();
    // Meanwhile another run writes.
    blue.accept("5fba87af-4c36-3a25-8a6b-7f3b3f3c2d10");
    table.of("second").save(&mut blue, now()).await.unwrap();

    let of_red = unreadable("AccessDeniedException: no");
    let unreadable = vec![(id("red"), of_red.clone())];
    let errors = table.of("first").write(Reconciled { unreadable, ..reconciled() }, &mut records, now()).await;
    assert_eq!(
        errors,
        [
            (ProblemCode::Unreadable, "red", of_red.to_string()),
            (ProblemCode::NotRecorded, "green", of_green.to_string())
        ]
        .map(|(code, name, error)| Problem::with(code, &id(name), error))
    );
    assert_eq!(records.nodegroup(&id("red")), Err(&of_red), "nothing is built upon it");

    blue.report_available("1.33", NEWER, now());
    blue.opt_in(now());
    blue.revision = Revision { number: 3, writer: "first".to_owned() };
    assert_eq!(records.nodegroup(&id("blue")), Ok(Some(&blue)));
    assert_eq!(table.record("blue").await, blue);
    let mut fleet = fleet_record();
    fleet.quarantine(&quarantine(CURRENT, names_of(3), now()));
    fleet.revision = first_revision();
    assert_eq!(records.fleet(&fleet_record().id), Ok(Some(&fleet)));
    assert_eq!(table.fleet_record().await, fleet);
    assert_eq!(table.item(&arn("green")).await, Some(item), "what cannot be read is not written over");
}

#[tokio::test]
async fn a_dry_run_takes_in_what_was_reconciled_and_writes_nothing() {
    let table = Table::new().await;
    let mut records = RecordSet::default();
    let dry = RecordStore::new(&table.client, Some(&table.name));
    assert_eq!(dry.write(reconciled(), &mut records, now()).await, []);
    assert_eq!(table.answers(), 0);
    for name in ["blue", "green"] {
        let mut record = blank(name);
        record.report_available("1.33", NEWER, now());
        record.opt_in(now());
        assert_eq!(records.nodegroup(&id(name)), Ok(Some(&record)));
    }
    let mut fleet = fleet_record();
    fleet.quarantine(&quarantine(CURRENT, names_of(3), now()));
    assert_eq!(records.fleet(&fleet_record().id), Ok(Some(&fleet)));
}
