//! Every file in `events/` is accepted by the real handler, and what is not understood starts nothing.

use std::fs;

use serde_json::{Value, json};
use testing::{NEWER, TestEnv, decisions, opted_in};

fn events(prefix: &str) -> Vec<(String, Value)> {
    let files = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/events")).unwrap();
    let mut events: Vec<(String, Value)> = files
        .map(|file| file.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(prefix))
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            (path.file_stem().unwrap().to_str().unwrap().to_owned(), serde_json::from_str(&text).unwrap())
        })
        .collect();
    events.sort_by(|left, right| left.0.cmp(&right.0));
    events
}

#[test]
fn there_is_an_event_of_each_kind() {
    let names = |prefix| events(prefix).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    let start = [
        "ami-release",
        "image-builder",
        "manual",
        "manual-dry-run",
        "manual-explain",
        "manual-filter",
        "manual-lift-quarantine",
        "manual-retry",
        "manual-rollback",
        "scheduled",
        "scheduler",
        "sns",
    ];
    assert_eq!(names("start-"), start.map(|kind| format!("start-{kind}")));
    assert_eq!(names("check-"), ["manual", "scheduled", "scheduler"].map(|kind| format!("check-{kind}")));
}

#[tokio::test(start_paused = true)]
async fn start_accepts_every_event() {
    for (name, event) in events("start-") {
        let env = TestEnv::with([opted_in("prod", "blue"), opted_in("staging", "green")]).await;
        let summary = env.try_start(&event).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        let started = decisions(&summary).iter().filter(|line| line.ends_with(": Start, Accepted")).count();
        let expected = match name.as_str() {
            "start-manual-dry-run" | "start-manual-explain" => 0,
            // It names node groups and clusters.
            "start-manual-filter" => 1,
            // It runs what it is to go back to.
            "start-manual-rollback" => 1,
            _ => 2,
        };
        assert_eq!(started, expected, "{name}: {summary:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn check_accepts_every_event() {
    for (name, event) in events("check-") {
        let env = TestEnv::with_blue().await;
        env.start().await;
        let summary = env.try_check(&event).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(summary.updates.len(), 1, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_not_understood_starts_nothing() {
    let env = TestEnv::with_blue().await;
    for event in
        [json!(null), json!("run"), json!({"dryrun": true}), json!({"nodegroup": "prod/blue"}), json!({"dryRun": "no"})]
    {
        env.try_start(&event).await.unwrap_err();
    }
    assert_eq!(env.world.requests(), []);
}

#[tokio::test(start_paused = true)]
async fn a_release_that_an_event_carries_is_not_trusted() {
    let env = TestEnv::with_blue().await;
    let event = json!({
        "version": "0",
        "source": "eks-nodegroup-updater",
        "detail-type": "EKS AMI Release",
        "detail": {"releaseVersion": "1.33.9-20990101", "time": "2099-01-01T00:00:00Z"},
    });
    env.try_start(&event).await.unwrap();
    assert_eq!(env.world.updates("prod", "blue")[0].release.as_deref(), Some(NEWER));
}
