//! What is written is what is read.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use eks_nodegroup_updater::model::attempt::Status;
use eks_nodegroup_updater::model::notice::{Notice, NoticeKind};
use eks_nodegroup_updater::model::record::nodegroup::NodegroupRecord;
use eks_nodegroup_updater::model::record::set::RecordSet;
use eks_nodegroup_updater::model::record::{Content, Record};
use eks_nodegroup_updater::reconcile::{Reconciled, TrackChange};
use eks_nodegroup_updater::store::item;
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use testing::{CURRENT, FLEET_KEY, NEWER, TRACK_KEY, days, fleet_record, hours, quarantine, selector, track_record};

use super::examples::{first_revision, full, names_of, release_of, withdrawn_and_refused};
use super::table::{Item, Table, begun, blank, error, id, now, number, text};

#[tokio::test]
async fn a_record_round_trips_whole() {
    let table = Table::new().await;
    for record in [full(), blank("bare"), begun("begun")] {
        let written = table.with(record.clone()).await;
        let mut changed_by_writing = record;
        changed_by_writing.revision = first_revision();
        changed_by_writing.expires_at = written.expires_at;
        assert_eq!(written, changed_by_writing);
        assert_eq!(table.record(written.id.nodegroup()).await, written);
    }
}

#[tokio::test]
async fn the_fleets_record_round_trips_whole_and_never_expires() {
    let table = Table::new().await;
    let mut fleet = fleet_record();
    fleet.quarantine(&quarantine(NEWER, names_of(23), now()));
    fleet.quarantine(&quarantine(CURRENT, names_of(2), now()));
    fleet.lift_quarantine(&selector(CURRENT), now() + days(1));
    fleet.quarantines[0].superseded_by = Some("1.33.2-20260719".into());
    let written = table.with(fleet.clone()).await;
    fleet.revision = first_revision();
    assert_eq!(written, fleet);
    let twenty_and_a_count = names_of(23);
    assert_eq!((twenty_and_a_count.names.len(), twenty_and_a_count.count), (20, 23));
    assert_eq!(written.quarantines[0].nodegroups, twenty_and_a_count);
    let listed = NoticeKind::ReleaseQuarantined(quarantine(NEWER, twenty_and_a_count, now()).into());
    assert_eq!(written.pending_notices()[0], Notice::new(listed, now()));
    assert_eq!(table.fleet_record().await, written);
    let item = table.item(FLEET_KEY).await.unwrap();
    assert_eq!((item.get("kind"), item.get("expiresAt")), (Some(&text("Fleet")), None));
    assert_eq!(table.pending().await, BTreeSet::from([FLEET_KEY.to_owned()]));
}

#[tokio::test]
async fn a_tracks_record_round_trips_whole_and_never_expires() {
    let table = Table::new().await;
    let mut track = withdrawn_and_refused();
    let written = table.with(track.clone()).await;
    track.revision = first_revision();
    assert_eq!(written, track);
    assert_eq!(table.track_record().await, written);
    let item = table.item(TRACK_KEY).await.unwrap();
    assert_eq!((item.get("kind"), item.get("expiresAt")), (Some(&text("Track")), None));
    assert_eq!(table.pending().await, BTreeSet::from([TRACK_KEY.to_owned()]));
}

#[tokio::test]
async fn two_runs_that_see_different_releases_of_a_track_lose_neither() {
    let table = Table::new().await;
    let name = |release: &str, date: Timestamp| {
        let changes = vec![TrackChange::Recommend { release: release_of(release), date: Some(date), at: now() }];
        Reconciled { tracks: [(track_record().id, changes)].into(), ..Reconciled::default() }
    };
    let (mut one, mut other) = (RecordSet::default(), RecordSet::default());
    assert_eq!(table.of("one").write(name(CURRENT, now() - days(9)), &mut one, now()).await, []);
    assert_eq!(table.of("other").write(name(NEWER, now() - hours(1)), &mut other, now()).await, []);
    let stored = table.track_record().await;
    let known: Vec<&str> = stored.releases.iter().map(|known| known.release_version.as_str()).collect();
    assert_eq!(known, [CURRENT, NEWER]);
    assert_eq!(other.track(&track_record().id), Ok(Some(&stored)));
}

#[tokio::test]
async fn two_hundred_and_fifty_records_load_in_three_calls_and_missing_ones_are_left_out() {
    let table = Table::new().await;
    let all: Vec<String> = (0..250).map(|name| name.to_string()).collect();
    let (there, missing) = all.split_at(240);
    let saved: Vec<NodegroupRecord> =
        stream::iter(there).map(|name| table.with(begun(name))).buffer_unordered(8).collect().await;
    assert_eq!(missing.len(), 10);
    table.answers();

    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let loaded = table.load(&all).await;
    assert_eq!(table.answers(), 3);
    for record in &saved {
        assert_eq!(loaded.nodegroup(&record.id), Ok(Some(record)));
    }
    for name in missing {
        assert_eq!(loaded.nodegroup(&id(name)), Ok(None));
    }
    assert_eq!(loaded.readable().count(), saved.len());

    assert_eq!(table.load(&[]).await, RecordSet::default());
    assert_eq!(table.answers(), 0, "nothing asked, nothing called");
}

#[tokio::test]
async fn records_too_large_for_one_answer_are_asked_for_again() {
    let table = Table::new().await;
    let names: Vec<String> = (0..12).map(|name| name.to_string()).collect();
    for name in &names {
        let mut record = begun(name);
        record.end(Status::Failed, vec![], now());
        record.attempts.ended[0].errors = vec![error("x".repeat(200_000), vec![])];
        table.with(record).await;
    }
    if let Some(world) = &table.world {
        world.page_size(5);
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let loaded = table.load(&names).await;
    assert_eq!(loaded.readable().count(), names.len());
    assert!(loaded.readable().all(|record| record.attempts.ended[0].errors.len() == 1));
}

/// Gives every value of an item an attribute that only a newer version knows, of every type that DynamoDB has. Of a notice, the
/// kind is the name of a value, and has no attributes of its own.
fn extend(value: &mut AttributeValue, name: &str) {
    match value {
        AttributeValue::M(attributes) => {
            attributes.iter_mut().for_each(|(name, value)| extend(value, name));
            if name != "kind" {
                attributes.insert("later".to_owned(), every_type());
            }
        }
        AttributeValue::L(values) => values.iter_mut().for_each(|value| extend(value, "")),
        _ => {}
    }
}

fn every_type() -> AttributeValue {
    let bytes = || Blob::new([0, 127, 255]);
    let numbers = ["-7", "0.1", "12345678901234567890123456789012345678"].map(number).to_vec();
    let types = [
        ("bytes", AttributeValue::B(bytes())),
        ("setOfBytes", AttributeValue::Bs(vec![bytes()])),
        ("flag", AttributeValue::Bool(true)),
        ("nothing", AttributeValue::Null(true)),
        ("setOfTexts", AttributeValue::Ss(vec!["größe".to_owned()])),
        ("setOfNumbers", AttributeValue::Ns(vec!["0.5".to_owned()])),
        ("list", AttributeValue::L([numbers, vec![text("☃")]].concat())),
        ("map", AttributeValue::M(Item::from([("empty".to_owned(), AttributeValue::M(Item::new()))]))),
    ];
    AttributeValue::M(types.map(|(name, value)| (name.to_owned(), value)).into())
}

/// What the table holds after a write over an item to which a newer version has added something everywhere, and what it should.
async fn rewritten<C: Content>(table: &Table, record: Record<C>) -> (Item, Item) {
    let written = table.with(record).await;
    let mut item = AttributeValue::M(table.item(written.key()).await.unwrap());
    extend(&mut item, "");
    let Ok(item) = item.as_m().cloned() else { panic!("an item is a map") };
    table.put(item.clone()).await;
    let mut read: Record<C> = item::read(table.item(written.key()).await.unwrap()).unwrap();
    assert_eq!(read, written, "it is the same to this version");
    table.of("second").save(&mut read, now()).await.unwrap();
    let expected = [item, Item::from([("revision".to_owned(), text("2/second"))])].into_iter().flatten().collect();
    (table.item(written.key()).await.unwrap(), expected)
}

#[tokio::test]
async fn what_only_a_newer_version_knows_is_written_back_as_it_was() {
    let table = Table::new().await;
    let (nodegroup, expected) = rewritten(&table, full()).await;
    assert_eq!(nodegroup, expected);
    let mut fleet = fleet_record();
    fleet.quarantine(&quarantine(NEWER, names_of(2), now()));
    fleet.record_freeze(true, now());
    fleet.report_access_denied("no", now());
    let (fleet, expected) = rewritten(&table, fleet).await;
    assert_eq!(fleet, expected);
    let (track, expected) = rewritten(&table, withdrawn_and_refused()).await;
    assert_eq!(track, expected);
}
