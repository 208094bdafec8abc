//! Kills a run at every request it makes, before and after the request takes effect, and lets the schedule go on. However it
//! was killed: nothing is lost, nothing doubled, every failure reported.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use simulated_aws::{Fault, Nodegroup, TokenReplay, UpdateScript};
use testing::{
    BOTTLEROCKET, NEWER, TestEnv, eviction_failure, in_virtual_time, minutes, node_creation_failure, on_every_core,
    opted_in, tagged,
};
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

/// What happens to a fleet in those hours, undisturbed.
#[derive(Clone, Copy, Debug)]
enum Scenario {
    /// One update succeeds, one fails, one release is only reported.
    Everyday,
    /// A release fails on two node groups and is quarantined, one update is forced, one is external.
    Troubled,
}

impl Scenario {
    async fn env(self) -> TestEnv {
        match self {
            Self::Everyday => {
                let reported = opted_in("qa", "reported").tag("ami-update", "notify");
                let env = TestEnv::with([opted_in("dev", "good"), opted_in("prod", "bad"), reported]).await;
                for _ in 0..10 {
                    env.world.script_next_update("prod", "bad", eviction_failure("bad"));
                }
                env
            }
            Self::Troubled => {
                let bottlerocket = |cluster: &str| {
                    let nodegroup = Nodegroup::new(cluster, "ng").ami_type(BOTTLEROCKET).release("1.40.0-1a2b3c01");
                    nodegroup.tag("ami-update", "auto")
                };
                let forced = tagged("d", "ng", &[("force", "after-eviction-failure")]);
                let saved = bottlerocket("c").tag("ami-update/ring", "1");
                let env =
                    TestEnv::with([bottlerocket("a"), bottlerocket("b"), saved, forced, opted_in("e", "ng")]).await;
                env.world.publish_release(BOTTLEROCKET, "1.33", "1.41.0-1a2b3c02");
                for cluster in ["a", "b"] {
                    env.world.script_next_update(cluster, "ng", node_creation_failure("ng"));
                }
                env.world.script_next_update("d", "ng", eviction_failure("ng"));
                // Long enough that it is found even if the first run is killed.
                env.world.script_next_update("e", "ng", UpdateScript::pod_eviction_failure(minutes(40), "ng", &[]));
                env.world.start_update("e", "ng", "1.33", NEWER).unwrap();
                env
            }
        }
    }

    /// What is the same however a run was killed, in sentences.
    async fn ending(self, env: &TestEnv) -> Vec<String> {
        let mut ending = Vec::new();
        let groups: &[(&str, &str)] = match self {
            Self::Everyday => &[("dev", "good"), ("prod", "bad")],
            Self::Troubled => &[("a", "ng"), ("b", "ng"), ("c", "ng"), ("d", "ng"), ("e", "ng")],
        };
        let ids = |event: &str, key: &str| -> BTreeSet<String> {
            let messages = env.messages().into_iter().filter(|message| message["event"] == event);
            let all = |message: serde_json::Value| message[key].as_array().cloned().unwrap_or_default();
            messages.flat_map(all).map(|id| id.to_string()).collect()
        };
        let failures = ids("UpdateFailed", "updateIds");
        for (cluster, name) in groups {
            let record = env.record(cluster, name).await;
            let attempts = record.iter().flat_map(|record| record.history.iter().chain(record.open.as_deref()));
            let recorded: Vec<Option<String>> = attempts.map(|attempt| attempt.update_id.clone()).collect();
            let updates = env.world.updates(cluster, name);
            for update in &updates {
                assert!(
                    recorded.contains(&Some(update.id.clone())),
                    "{cluster}: EKS accepted {}, unrecorded",
                    update.id
                );
                let reported = failures.contains(&format!("\"{}\"", update.id));
                assert_eq!(reported, update.status == "Failed", "{cluster}: {} is {}", update.id, update.status);
            }
            if let Some(now) = env.world.nodegroup(cluster, name) {
                let successful = updates.iter().filter(|update| update.status == "Successful").count();
                ending.push(format!("{cluster}/{name} runs {} after {successful} successful updates", now.release));
            }
        }
        assert_eq!(ids("UpdateFailed", "ids").len(), failures.len(), "each failure has one id");
        for event in ["UpdateAvailable", "ReleaseQuarantined", "UpdateForced"] {
            ending.push(format!("{event} is reported under {} ids", ids(event, "ids").len()));
        }
        ending
    }
}

/// Lets a run go until its `request`th request, and drops it there as Lambda does: at once. Returns how many it made.
async fn run_until(env: &TestEnv, run: usize, crash: Option<Crash>) -> usize {
    let (killed, made) = (Arc::new(Notify::new()), Arc::new(Mutex::new(0)));
    let (kill, count) = (Arc::clone(&killed), Arc::clone(&made));
    env.world.on_request(move |_| {
        let mut count = count.lock().unwrap();
        *count += 1;
        match crash {
            Some(crash) if *count == crash.request => {
                kill.notify_one();
                if crash.after { Fault::LostAfter } else { Fault::LostBefore }
            }
            // Requests that were sent beside it, in the same instant, never arrive.
            Some(crash) if *count > crash.request => Fault::LostBefore,
            _ => Fault::None,
        }
    });
    let event = serde_json::json!({});
    tokio::select! {
        biased;
        () = killed.notified() => {}
        () = async {
            if is_start(run) { drop(env.try_start(&event).await) } else { drop(env.try_check(&event).await) }
        } => {}
    }
    env.world.clear_faults();
    *made.lock().unwrap()
}

/// The schedule: `start` every half hour, `check` every five minutes.
fn is_start(run: usize) -> bool {
    run.is_multiple_of(6)
}

/// Three hours of the schedule, one of its runs killed: how they end, and how many requests each run made.
async fn day(scenario: Scenario, crash: Option<Crash>) -> (Vec<String>, Vec<usize>) {
    let env = scenario.env().await;
    if let Some(crash) = crash {
        env.world.token_replay(crash.replay);
    }
    let mut requests = Vec::new();
    for run in 0..RUNS {
        let crash = crash.filter(|crash| crash.run == run);
        requests.push(run_until(&env, run, crash).await);
        env.advance(5);
    }
    (scenario.ending(&env).await, requests)
}

fn crash_points(requests: Vec<usize>) -> Vec<Crash> {
    let mut points = Vec::new();
    for (run, made) in requests.into_iter().enumerate() {
        // A quiet check asks once whether something is pending; there is nothing to lose.
        for request in (1..=made).filter(|_| made > 1) {
            let replays: &[_] = match is_start(run) {
                true => &[TokenReplay::SameUpdate, TokenReplay::ResourceInUse],
                false => &[TokenReplay::SameUpdate],
            };
            for after in [false, true] {
                points.extend(replays.iter().map(|&replay| Crash { run, request, after, replay }));
            }
        }
    }
    points
}

/// Kills at each point in turn.
fn sweep(scenario: Scenario, expected: &[&str]) {
    let (undisturbed, requests) = in_virtual_time(day(scenario, None));
    assert_eq!(undisturbed, expected);
    let points = crash_points(requests);
    on_every_core(0..points.len() as u64, |index| {
        let crash = points[index as usize];
        assert_eq!(in_virtual_time(day(scenario, Some(crash))).0, expected, "{crash:?}");
    });
    println!("{} crash points", points.len());
    assert!(points.len() > 100, "{}", points.len());
}

#[test]
fn a_run_may_be_killed_at_any_request_of_an_everyday_scenario() {
    let expected = [
        "dev/good runs 1.33.2-20260710 after 1 successful updates",
        "prod/bad runs 1.33.1-20260610 after 0 successful updates",
        "UpdateAvailable is reported under 1 ids",
        "ReleaseQuarantined is reported under 0 ids",
        "UpdateForced is reported under 0 ids",
    ];
    sweep(Scenario::Everyday, &expected);
}

#[test]
fn a_run_may_be_killed_at_any_request_of_a_troubled_scenario() {
    let expected = [
        "a/ng runs 1.40.0-1a2b3c01 after 0 successful updates",
        "b/ng runs 1.40.0-1a2b3c01 after 0 successful updates",
        "c/ng runs 1.40.0-1a2b3c01 after 0 successful updates",
        "d/ng runs 1.33.2-20260710 after 1 successful updates",
        "e/ng runs 1.33.2-20260710 after 1 successful updates",
        "UpdateAvailable is reported under 0 ids",
        "ReleaseQuarantined is reported under 1 ids",
        "UpdateForced is reported under 1 ids",
    ];
    sweep(Scenario::Troubled, &expected);
}
