//! What cannot be read says what is wrong with it, and spoils nothing else.

use aws_config::Region;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Credentials;
use eks_nodegroup_updater::aws::config_loader;
use eks_nodegroup_updater::model::id::ItemKey;
use eks_nodegroup_updater::model::problem::Unreadable;
use eks_nodegroup_updater::model::record::Writer;
use eks_nodegroup_updater::model::record::fleet::FleetContent;
use eks_nodegroup_updater::model::record::nodegroup::NodegroupContent;
use eks_nodegroup_updater::store::{NotSaved, RecordStore, item};
use serde_json::json;
use simulated_aws::{Fault, World};
use testing::{FLEET_KEY, fleet_record, unreadable};

use super::table::{
    Item, LAST_REVISION, SINKS, Table, arn, attempts, begun, blank, fleet_key, id, item_of, load, now, number, open,
    text,
};

#[tokio::test]
async fn a_malformed_item_says_what_is_wrong_and_spoils_no_other() {
    type Break = fn(&mut Item);
    let breaks: [(&str, Break, &str); 16] = [
        (
            "text-for-a-number",
            |item| drop(attempts(item).insert("count".into(), text("one"))),
            "attempts.count: Expected num",
        ),
        (
            "number-for-a-text",
            |item| drop(open(item).insert("token".into(), number("7"))),
            "attempts.open.token: Expected string",
        ),
        (
            "text-for-a-list",
            |item| drop(attempts(item).insert("ended".into(), text("none"))),
            "attempts.ended: Expected seq",
        ),
        ("fraction", |item| drop(attempts(item).insert("count".into(), number("1.5"))), "'1.5'"),
        ("negative", |item| drop(attempts(item).insert("count".into(), number("-1"))), "'-1'"),
        ("missing", |item| drop(attempts(item).remove("count")), "missing field `count`"),
        ("number-for-a-status", |item| drop(open(item).insert("status".into(), number("7"))), "attempts.open.status: "),
        ("no-time", |item| drop(open(item).insert("startedAt".into(), text("yesterday"))), "as year"),
        ("missing-within", |item| drop(open(item).remove("intent")), "missing field `intent`"),
        ("fleet", |item| drop(item.insert("kind".into(), text("Fleet"))), "kind: Fleet in place of Nodegroup"),
        ("no-kind", |item| drop(item.remove("kind")), "missing field `kind`"),
        ("tomorrow", |item| drop(item.insert("schemaVersion".into(), number("2"))), "it has schema version 2"),
        ("number", |item| drop(item.insert("revision".into(), number("1"))), "revision: Expected string"),
        ("no-revision", |item| drop(item.insert("revision".into(), text("one"))), "\"one\" is not a revision"),
        ("last-revision", |item| drop(item.insert("revision".into(), text(LAST_REVISION))), "709551615 writes"),
        (
            "last-attempt",
            |item| drop(attempts(item).insert("count".into(), number("4294967295"))),
            "4294967295 attempts",
        ),
    ];
    let table = Table::new().await;
    let good = table.with(begun("good")).await;
    for (name, spoil, _) in &breaks {
        let mut item = item_of(&table.with(begun(name)).await);
        spoil(&mut item);
        table.put(item).await;
    }
    let names: Vec<&str> = breaks.iter().map(|(name, ..)| *name).chain(["good"]).collect();
    let loaded = table.load(&names).await;
    assert_eq!(loaded.nodegroup(&id("good")), Ok(Some(&good)));
    for (name, _, wrong) in breaks {
        let Unreadable(reason) = loaded.nodegroup(&id(name)).unwrap_err();
        assert!(reason.starts_with("its record in the table is malformed: "), "{reason}");
        assert!(reason.contains(wrong), "{name}: {reason}");
        assert!(loaded.nodegroup_or_new(&id(name)).is_err(), "it is not taken for a new one");
    }
}

#[tokio::test]
async fn a_malformed_record_of_the_fleet_says_what_is_wrong_and_spoils_no_node_groups() {
    type Break = fn(&mut Item);
    let breaks: [(Break, &str); 5] = [
        (|item| drop(item.insert("kind".into(), text("Nodegroup"))), "kind: Nodegroup in place of Fleet"),
        (|item| drop(item.insert("schemaVersion".into(), number("2"))), "it has schema version 2"),
        (|item| drop(item.insert("revision".into(), text("one"))), "\"one\" is not a revision"),
        (|item| drop(item.insert("revision".into(), text(LAST_REVISION))), "709551615 writes"),
        (|item| drop(item.insert("quarantines".into(), text("none"))), "quarantines: Expected seq"),
    ];
    let table = Table::new().await;
    let good = table.with(begun("good")).await;
    let whole = item_of(&table.with(fleet_record()).await);
    for (spoil, wrong) in breaks {
        let mut item = whole.clone();
        spoil(&mut item);
        table.put(item).await;
        let loaded = load(&table.of("reader"), [ItemKey::Nodegroup(id("good")), fleet_key()]).await;
        assert_eq!(loaded.nodegroup(&id("good")), Ok(Some(&good)));
        let Unreadable(reason) = loaded.fleet(&fleet_record().id).unwrap_err();
        assert!(reason.starts_with("its record in the table is malformed: "), "{reason}");
        assert!(reason.contains(wrong), "{reason}");
        assert!(loaded.fleet_or_new(&fleet_record().id).is_err(), "it is not taken for a new one");
    }
}

#[test]
fn a_record_whose_key_is_of_nothing_that_it_describes_cannot_be_read() {
    let under = |key: &str, mut item: Item| {
        item.insert("itemKey".to_owned(), text(key));
        item
    };
    let nodegroup = |key: &str| item::read::<NodegroupContent>(under(key, item_of(&begun("blue"))));
    let fleet = |key: &str| item::read::<FleetContent>(under(key, item_of(&fleet_record())));
    assert_eq!(nodegroup(&arn("blue")).unwrap(), begun("blue"));
    assert_eq!(fleet(FLEET_KEY).unwrap(), fleet_record());
    for key in ["prod/blue", "arn:aws:eks:eu-central-1:123456789012:cluster/prod", FLEET_KEY] {
        let wrong = nodegroup(key).unwrap_err().to_string();
        assert!(wrong.contains(&format!("{key:?} is not the key of a node group")), "{wrong}");
    }
    for key in ["fleet", "eu-central-1:fleet", "arn:aws:eks:eu-central-1:123456789012", &arn("blue")] {
        let wrong = fleet(key).unwrap_err().to_string();
        assert!(wrong.contains(&format!("{key:?} is not the key of a fleet")), "{wrong}");
    }
}

#[tokio::test]
async fn an_attribute_of_an_unknown_type_is_a_malformed_record_and_no_panic() {
    let world = World::new(now());
    let config = config_loader().http_client(world.http_client()).region(Region::from_static("eu-central-1"));
    let config = config.credentials_provider(Credentials::new("AKIA", "secret", None, None, "test")).load().await;
    let client = Client::new(&config);
    let records = RecordStore::new(&client, Some("updates")).writing(Writer { id: "reader", sinks: &SINKS });
    for attribute in [json!({"X": "y"}), json!({"L": [{"M": {"a": {"X": "y"}}}]})] {
        let item = json!({"itemKey": {"S": arn("blue")}, "open": attribute});
        let read = json!({"Responses": {"updates": [item]}}).to_string();
        let refused = json!({"__type": "ConditionalCheckFailedException", "Item": item}).to_string();
        world.on_request(move |request| match request.action.as_str() {
            "dynamodb:BatchGetItem" => Fault::Body { status: 200, body: read.clone().into() },
            _ => Fault::Body { status: 400, body: refused.clone().into() },
        });
        let loaded = load(&records, [ItemKey::Nodegroup(id("blue"))]).await;
        let reason = unreadable("its record in the table is malformed: it has an attribute of an unknown type");
        assert_eq!(loaded.nodegroup(&id("blue")), Err(&reason));
        assert_eq!(records.save(&mut blank("blue"), now()).await, Err(NotSaved::Conflict(None)));
    }
}

#[tokio::test]
async fn a_table_that_does_not_exist_is_everybodys_reason() {
    let table = Table::missing().await;
    let records = table.of("first");
    let loaded = load(&records, [ItemKey::Nodegroup(id("blue"))]).await;
    let Unreadable(reason) = loaded.nodegroup(&id("blue")).unwrap_err();
    assert!(reason.starts_with("reading its record: ResourceNotFoundException"), "{reason}");
    let pending = records.pending().await.unwrap_err().to_string();
    assert!(pending.starts_with("reading pending records: ResourceNotFoundException"), "{pending}");
    let mut record = begun("blue");
    let NotSaved::Failed(reason) = records.save(&mut record, now()).await.unwrap_err() else { panic!("no conflict") };
    assert!(reason.starts_with("ResourceNotFoundException"), "{reason}");
    assert_eq!(record, begun("blue"), "stays as it was read");
}
