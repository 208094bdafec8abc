//! Kills a run at every request it makes, before and after the request takes effect, and lets the schedule go on. However it
//! was killed: nothing is lost, nothing doubled, every failure told.

mod support;

use std::sync::{Arc, Mutex};

use serde_json::Value;
use simulated_aws::{Course, TokenReplay, Verdict};
use support::{NEWER, Stage, minutes, opted_in};
use tokio::sync::Notify;

/// Three hours hold every step: starts, settlements, notices, a second try.
const RUNS: usize = 37;

/// When the victim is killed.
#[derive(Clone, Copy, Debug)]
struct Crash {
    /// Which of the runs is the victim.
    run: usize,
    /// At which of its requests.
    request: usize,
    /// Whether that request still takes effect.
    after: bool,
    /// What EKS answers to a token that it has seen.
    replay: TokenReplay,
}

/// One update that succeeds, one that fails, and one release that is only reported.
async fn stage() -> Stage {
    let stage = Stage::with([
        opted_in("dev", "good"),
        opted_in("prod", "bad"),
        opted_in("qa", "told").tag("ami-update", "notify"),
    ])
    .await;
    let nodes = ["ip-192-168-2-44.eu-central-1.compute.internal"];
    for _ in 0..10 {
        stage.world.next_update("prod", "bad", Course::pod_eviction_failure(minutes(16), "bad", &nodes));
    }
    stage
}

/// Lets a run go until its `request`th request, and drops it there as Lambda does: at once. Returns how many it made.
async fn run_until(stage: &Stage, run: usize, crash: Option<Crash>) -> usize {
    let (killed, made) = (Arc::new(Notify::new()), Arc::new(Mutex::new(0)));
    let (kill, count) = (Arc::clone(&killed), Arc::clone(&made));
    stage.world.on_request(move |_| {
        let mut count = count.lock().unwrap();
        *count += 1;
        match crash {
            Some(crash) if *count == crash.request => {
                kill.notify_one();
                if crash.after { Verdict::LostAfter } else { Verdict::LostBefore }
            }
            // Requests that were sent beside it, in the same instant, never arrive.
            Some(crash) if *count > crash.request => Verdict::LostBefore,
            _ => Verdict::Answer,
        }
    });
    let event = serde_json::json!({});
    tokio::select! {
        biased;
        () = killed.notified() => {}
        () = async {
            if is_start(run) { drop(stage.try_start(&event).await) } else { drop(stage.try_check(&event).await) }
        } => {}
    }
    stage.world.clear_faults();
    *made.lock().unwrap()
}

/// The schedule: `start` every half hour, `check` every five minutes.
fn is_start(run: usize) -> bool {
    run.is_multiple_of(6)
}

/// Three hours of the schedule, one of its runs killed.
async fn day(crash: Option<Crash>) -> (Stage, Vec<usize>) {
    let stage = stage().await;
    if let Some(crash) = crash {
        stage.world.token_replay(crash.replay);
    }
    let mut requests = Vec::new();
    for run in 0..RUNS {
        let crash = crash.filter(|crash| crash.run == run);
        requests.push(run_until(&stage, run, crash).await);
        at_most_one_open(&stage);
        stage.advance(5);
    }
    (stage, requests)
}

fn at_most_one_open(stage: &Stage) {
    for (cluster, name) in [("dev", "good"), ("prod", "bad")] {
        let running = stage.world.updates(cluster, name).iter().filter(|update| update.status == "InProgress").count();
        assert!(running <= 1, "{name} has {running} updates in progress");
    }
}

async fn nothing_lost_nothing_doubled(stage: &Stage) {
    for (cluster, name) in [("dev", "good"), ("prod", "bad")] {
        let record = stage.record(cluster, name).await.unwrap();
        let recorded: Vec<Option<String>> =
            record.history.iter().chain(&record.open).map(|attempt| attempt.update_id.clone()).collect();
        for update in stage.world.updates(cluster, name) {
            assert!(recorded.contains(&Some(update.id.clone())), "{name}: EKS accepted {}, unrecorded", update.id);
        }
    }
    assert_eq!(stage.world.updates("dev", "good").len(), 1, "one update is enough");
    assert_eq!(stage.world.nodegroup("dev", "good").unwrap().release, NEWER, "the fleet converges");
    let failed = stage.world.updates("prod", "bad").iter().filter(|update| update.status == "Failed").count();
    let told = |event: &str| {
        stage.told().into_iter().filter(|told| told["event"] == event).map(|told| told["id"].clone()).distinct()
    };
    assert_eq!(told("UpdateFailed").len(), failed, "every failure is told, each under one id");
    assert_eq!(told("UpdateAvailable").len(), 1);
}

/// JSON values have no order; their texts do.
trait Distinct {
    fn distinct(self) -> Vec<String>;
}

impl<I: Iterator<Item = Value>> Distinct for I {
    fn distinct(self) -> Vec<String> {
        let mut texts: Vec<String> = self.map(|value| value.to_string()).collect();
        texts.sort_unstable();
        texts.dedup();
        texts
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_may_be_killed_at_any_request() {
    let (undisturbed, requests) = day(None).await;
    nothing_lost_nothing_doubled(&undisturbed).await;
    let mut swept = 0;
    for (run, made) in requests.into_iter().enumerate() {
        // A quiet check asks once whether something is pending; there is nothing to lose.
        for request in (1..=made).filter(|_| made > 1) {
            let replays: &[_] = match is_start(run) {
                true => &[TokenReplay::SameUpdate, TokenReplay::ResourceInUse],
                false => &[TokenReplay::SameUpdate],
            };
            for (after, replay) in
                [false, true].into_iter().flat_map(|after| replays.iter().map(move |replay| (after, *replay)))
            {
                let crash = Crash { run, request, after, replay };
                println!("{crash:?}");
                let (stage, _) = day(Some(crash)).await;
                nothing_lost_nothing_doubled(&stage).await;
                swept += 1;
            }
        }
    }
    println!("{swept} crash points");
    assert!(swept > 100, "{swept}");
}
