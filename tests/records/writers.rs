//! One writer at a time.

use std::sync::atomic::Ordering;

use eks_nodegroup_updater::model::record::Revision;
use eks_nodegroup_updater::store::NotSaved;
use futures_util::future::join_all;
use testing::{NEWER, intent};

use super::examples::first_revision;
use super::table::{Table, arn, begun, blank, now, text};

#[tokio::test]
async fn the_first_of_two_writers_wins_and_the_other_learns_of_it() {
    let table = Table::new().await;
    let (mut first, mut second) = (begun("blue"), begun("blue"));
    table.of("first").save(&mut first, now()).await.unwrap();
    assert_eq!(table.of("second").save(&mut second, now()).await, table.conflict_with(&first).await);
    assert_eq!(first.revision, first_revision());
    assert_eq!(second, begun("blue"), "stays as it was read");
    assert_eq!(table.record("blue").await, first);
}

#[tokio::test]
async fn a_write_over_a_stale_revision_leaves_the_item() {
    let table = Table::new().await;
    let stale = table.with(begun("blue")).await;
    let mut current = stale.clone();
    current.accept("5fba87af-4c36-3a25-8a6b-7f3b3f3c2d10");
    table.of("second").save(&mut current, now()).await.unwrap();
    let item = table.item(&arn("blue")).await;

    let mut late = stale.clone();
    late.withdraw();
    for writer in ["first", "second", "third"] {
        let saved = table.of(writer).save(&mut late.clone(), now()).await;
        assert_eq!(saved, table.conflict_with(&current).await, "{writer}");
    }
    let mut anew = begun("blue");
    let saved = table.of("second").save(&mut anew, now()).await;
    assert_eq!(saved, table.conflict_with(&current).await, "nor as if there were none");
    assert_eq!(table.item(&arn("blue")).await, item);
}

#[tokio::test]
async fn a_revision_that_another_run_wrote_is_another() {
    let table = Table::new().await;
    let stands = table.with(begun("blue")).await;
    // As if this run had been told that it wrote the first revision, which it did not.
    let mut believed = stands.clone();
    believed.revision.writer = "second".to_owned();
    believed.withdraw();
    let saved = table.of("second").save(&mut believed, now()).await;
    assert_eq!(saved, table.conflict_with(&stands).await);
    assert_eq!(table.record("blue").await, stands);
}

#[tokio::test]
async fn a_record_that_was_deleted_meanwhile_is_not_brought_back() {
    let table = Table::new().await;
    let mut record = table.with(begun("blue")).await;
    let delete = table.client.delete_item().table_name(&table.name).key("itemKey", text(&arn("blue")));
    delete.send().await.unwrap();
    assert_eq!(table.of("first").save(&mut record, now()).await, Err(NotSaved::Conflict(None)));
    assert_eq!(table.item(&arn("blue")).await, None);
}

#[tokio::test]
async fn of_twenty_concurrent_writers_exactly_one_wins_each_revision() {
    let table = Table::new().await;
    let mut writers: Vec<String> = (0..20).map(|writer| format!("writer {writer}")).collect();
    let mut read = blank("blue");
    for revision in 1..=20 {
        let tries = writers.iter().map(|writer| async {
            let mut record = read.clone();
            record.begin(&intent(NEWER), now());
            let saved = table.of(writer).save(&mut record, now()).await;
            (saved, record)
        });
        let (won, lost): (Vec<_>, Vec<_>) = join_all(tries).await.into_iter().partition(|(saved, _)| saved.is_ok());
        let [(_, winner)] = won.as_slice() else { panic!("{} winners of revision {revision}", won.len()) };
        let conflict = table.conflict_with(winner).await;
        assert!(lost.iter().all(|(saved, record)| *saved == conflict && record.revision == read.revision));
        assert_eq!((winner.revision.number, winner.attempts.count), (revision, u32::try_from(revision).unwrap()));
        writers.retain(|writer| *writer != winner.revision.writer);
        read = table.record("blue").await;
        assert_eq!(read, *winner);
    }
    assert_eq!(writers, Vec::<String>::new(), "everybody won once");
}

#[tokio::test]
async fn a_repeated_write_of_the_same_run_counts_as_written_and_that_of_another_does_not() {
    let table = Table::new().await;
    // Where the server does not tell, the layer cannot know, and the safe answer is the other one.
    let own = if table.says_what_was_in_the_way().await { Ok(()) } else { Err(NotSaved::Conflict(None)) };
    let written = table.with(begun("blue")).await;
    assert_eq!(table.of("first").save(&mut begun("blue"), now()).await, own);
    let conflict = table.conflict_with(&written).await;
    assert_eq!(table.of("second").save(&mut begun("blue"), now()).await, conflict, "another run's");
    assert_eq!(table.of("first").save(&mut blank("blue"), now()).await, conflict, "other content");

    let mut next = written.clone();
    next.accept("5fba87af-4c36-3a25-8a6b-7f3b3f3c2d10");
    table.of("second").save(&mut next.clone(), now()).await.unwrap();
    let mut again = next.clone();
    assert_eq!(table.of("second").save(&mut again, now()).await, own, "over a revision, too");
    let stands = table.record("blue").await;
    assert_eq!(stands.revision, Revision { number: 2, writer: "second".to_owned() });
    assert_eq!(table.of("first").save(&mut next, now()).await, table.conflict_with(&stands).await);
    assert_eq!(table.record("blue").await, stands);
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_tried_again_and_written_once() {
    let table = Table::new().await;
    let own = if table.says_what_was_in_the_way().await { Ok(()) } else { Err(NotSaved::Conflict(None)) };
    let mut record = begun("blue");
    table.answers();
    table.wire.lose_next.store(true, Ordering::Relaxed);
    assert_eq!(table.of("first").save(&mut record, now()).await, own);
    assert_eq!(table.answers(), 2);
    let stored = table.record("blue").await;
    assert_eq!((stored.revision.number, stored.attempts.count), (1, 1));
    assert_eq!(record, if own.is_ok() { stored } else { begun("blue") });
}
