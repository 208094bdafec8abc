//! How much fits.

use eks_nodegroup_updater::model::attempt::{ErrorDetail, Status};
use eks_nodegroup_updater::model::notice::Sink;
use simulated_aws::ApiError;
use testing::{NEWER, NODE, fleet_record, intent, quarantine, selector};

use super::examples::{first_revision, names_of};
use super::table::{Table, begun, blank, error, now};

#[tokio::test]
async fn ten_attempts_with_the_longest_errors_fit() {
    let table = Table::new().await;
    let nodes = |attempt| (0..2000).map(|node| format!("i-{attempt:08x}{node:09x}")).collect::<Vec<String>>();
    let mut record = begun("blue");
    for attempt in 0..10 {
        record.begin(&intent(NEWER), now());
        record.end(Status::Failed, vec![error("ü".repeat(4000), nodes(attempt)); 3], now());
    }
    record.begin(&intent(NEWER), now());
    assert_eq!((record.attempts.ended.len(), record.pending_notices().len()), (10, 10));
    let written = table.with(record).await;
    assert_eq!(table.record("blue").await, written);
}

#[tokio::test]
async fn a_record_near_the_limit_is_kept_and_one_above_it_fails_with_the_cause() {
    let table = Table::new().await;
    let of_size = |bytes: usize| {
        let mut record = begun("blue");
        record.attempts.open.as_mut().unwrap().errors = vec![error("x".repeat(bytes), vec![])];
        record
    };
    let small = table.with(of_size(400_000)).await;
    assert_eq!(table.record("blue").await, small);

    if let Some(world) = &table.world {
        let message = "Item size has exceeded the maximum allowed size";
        world.fail_next("dynamodb:PutItem", 1, ApiError::new(400, "ValidationException", message));
    }
    let mut large = of_size(400 * 1024);
    large.revision = small.revision.clone();
    let mut record = large.clone();
    let refused = table.of("first").save(&mut record, now()).await.unwrap_err();
    let sentence = "writing the record: ValidationException: Item size has exceeded the maximum allowed size";
    assert_eq!(refused.to_string(), sentence);
    assert_eq!(record, large, "stays as it was read");
    assert_eq!(table.record("blue").await, small);
}

#[tokio::test]
async fn a_record_above_its_limit_sheds_the_details_of_its_oldest_attempts() {
    let table = Table::new().await;
    let mut record = begun("blue");
    for _ in 0..5 {
        record.end(Status::Failed, vec![], now());
        record.begin(&intent(NEWER), now());
    }
    for attempt in &mut record.attempts.ended {
        attempt.errors = vec![error("x".repeat(90_000), vec![])];
    }
    let written = table.with(record.clone()).await;
    let shed = ErrorDetail::new(
        "Shortened",
        "1 further errors and resources are left out here; `aws eks describe-update` shows them",
    );
    for attempt in &mut record.attempts.ended[..2] {
        attempt.errors = vec![shed.clone()];
    }
    record.revision = first_revision();
    assert_eq!((record.attempts.ended.len(), record.pending_notices().len(), record.open().is_some()), (5, 5, true));
    assert_eq!(written, record, "the three latest keep their details, and nothing else is missing");
    assert!(serde_json::to_vec(&written).unwrap().len() <= 300 * 1024);
    assert_eq!(table.record("blue").await, written);
}

#[tokio::test]
async fn the_fleet_keeps_thirty_two_quarantines_and_drops_those_that_are_over_first() {
    let table = Table::new().await;
    let mut fleet = fleet_record();
    let release = |index: usize| format!("1.33.2-{}", 20_260_000 + index);
    for index in 0..35 {
        fleet.quarantine(&quarantine(&release(index), names_of(1), now()));
    }
    fleet.lift_quarantine(&selector(&release(5)), now());
    fleet.quarantines[30].superseded_by = Some("1.33.3-20260719".into());
    let written = table.with(fleet).await;
    let kept: Vec<&str> = written.quarantines.iter().map(|quarantine| quarantine.release_version.as_str()).collect();
    let expected: Vec<String> = (1..35).filter(|index| ![5, 30].contains(index)).map(release).collect();
    assert_eq!(kept, expected, "both that are over went, and only then the oldest that holds");
    assert_eq!(kept.len(), 32);
    assert_eq!(written.pending_notices().len(), 35, "all are still reported");
    assert_eq!(table.fleet_record().await, written);
}

#[tokio::test]
async fn a_long_past_in_which_everything_failed_with_the_longest_errors_fits() {
    let table = Table::new().await;
    let mut record = blank("blue");
    for number in 0..120 {
        record.begin(&intent(NEWER), now());
        record.accept(&format!("5fba87af-4c36-3a25-8a6b-7f3b3f3c2d{number:03}"));
        record.end(Status::Failed, vec![error("ü".repeat(4000), vec![NODE.to_owned(); 500]); 3], now());
        let notices = record.pending_notices().to_vec();
        notices.iter().for_each(|notice| record.mark_published(notice, &Sink::ALL));
    }
    let written = table.with(record).await;
    let lines: Vec<u32> = written.attempts.history.iter().map(|past| past.number).collect();
    assert_eq!((written.attempts.ended.len(), lines), (110, (57..=120).collect()));
    assert!(written.bytes() <= 300 * 1024, "{}", written.bytes());
    assert_eq!(table.record("blue").await, written);
}
