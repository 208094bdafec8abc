//! The binaries themselves, each run a process of its own as in Lambda: killed at any instant, two at once, short of time.

mod lambda;

use std::collections::BTreeSet;
use std::time::Duration;

use eks_nodegroup_updater::model::attempt::Status;
use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use lambda::Lambda;
use simulated_aws::{Fault, UpdateScript, World};
use testing::{AL2023, NEWER, TestEnv, minutes, opted_in};
use tokio::net::TcpListener;

/// Processes that are killed before they have ended.
const KILLS: usize = 200;
const GROUPS: usize = 100;

/// A fleet of node groups in clusters of their own, served over HTTP by the clock on the wall.
#[expect(clippy::disallowed_methods, reason = "the binaries read the clock, and the world must agree")]
async fn serve(groups: usize) -> (TestEnv, String) {
    let world = World::with_clock(Timestamp::now);
    for index in 0..groups {
        world.add_nodegroup(opted_in(&format!("c{index}"), "ng"));
    }
    world.publish_release(AL2023, "1.33", NEWER);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(world.clone().serve(listener));
    (TestEnv::in_world(world).await, url)
}

/// Updates that EKS accepted and that no record knows by their ids, and updates too many.
async fn lost_and_doubled(env: &TestEnv, groups: usize) -> (Vec<String>, Vec<String>) {
    let (mut lost, mut doubled) = (Vec::new(), Vec::new());
    for index in 0..groups {
        let cluster = format!("c{index}");
        let record = env.record(&cluster, "ng").await;
        let recorded: BTreeSet<String> = record
            .iter()
            .flat_map(|record| record.attempts.all())
            .filter_map(|attempt| attempt.update_id.clone())
            .collect();
        let updates = env.world.updates(&cluster, "ng");
        lost.extend(updates.iter().map(|update| update.id.clone()).filter(|id| !recorded.contains(id)));
        let ended_well = updates.iter().filter(|update| update.status == "Successful").count();
        let tokens: BTreeSet<_> = updates.iter().map(|update| &update.client_request_token).collect();
        if ended_well != 1 || tokens.len() != updates.len() {
            doubled.push(format!("{cluster}: {ended_well} of {} successful", updates.len()));
        }
    }
    (lost, doubled)
}

#[tokio::test]
async fn two_hundred_processes_killed_at_any_instant_lose_nothing_and_double_nothing() {
    let mut rng = Rng::with_seed(2026);
    let (env, url) = serve(GROUPS).await;
    for index in 0..GROUPS {
        let after = SignedDuration::from_millis(rng.i64(50..2_000));
        let failure = UpdateScript::pod_eviction_failure(after, "ng", &["ip-10-0-0-1.eu-central-1.compute.internal"]);
        let course = if index % 4 == 0 { failure } else { UpdateScript::Succeed { after } };
        env.world.script_next_update(&format!("c{index}"), "ng", course);
    }
    let lambda = Lambda::new(&env, &url);
    // Few starts a run, so that many runs have one to be killed in.
    let start = lambda.function("start", &[("MAX_STARTS_PER_RUN", "2"), ("MAX_UPDATES_IN_PROGRESS", "100")]);
    let check = lambda.function("check", &[]);
    let (start_takes, check_takes) = (start.takes().await, check.takes().await);

    let (mut killed, mut rounds) = (0, 0);
    while killed < KILLS {
        rounds += 1;
        assert!(rounds < 10 * KILLS, "only {killed} of {rounds} were killed before they ended");
        let (first, second) = (start_takes.mul_f64(rng.f64()), start_takes.mul_f64(rng.f64()));
        // Every third time, two at once.
        killed += match rounds % 3 {
            0 => usize::from(start.run_for(first).await),
            1 => usize::from(check.run_for(check_takes.mul_f64(rng.f64())).await),
            _ => {
                let (one, other) = tokio::join!(start.run_for(first), start.run_for(second));
                usize::from(one) + usize::from(other)
            }
        };
    }
    println!("{killed} processes killed; {} updates accepted meanwhile", accepted(&env));

    for _ in 0..2 * 24 {
        let (_, _) = (env.try_start(&serde_json::json!({})).await, env.try_check(&serde_json::json!({})).await);
        env.world.advance(minutes(30));
    }
    assert_eq!(lost_and_doubled(&env, GROUPS).await, (vec![], vec![]));
    let messages = env.messages();
    let ids = messages.iter().flat_map(|message| message["updateIds"].as_array().unwrap());
    let reported: BTreeSet<String> = ids.map(ToString::to_string).collect();
    let mut failed = 0;
    for index in 0..GROUPS {
        let cluster = format!("c{index}");
        for update in env.world.updates(&cluster, "ng").iter().filter(|update| update.status == "Failed") {
            failed += 1;
            assert!(reported.contains(&format!("\"{}\"", update.id)), "nobody was notified of {}", update.id);
        }
        let last = env.record(&cluster, "ng").await.unwrap().attempts.ended.pop().unwrap();
        assert_eq!((last.status, last.intent.release_version.as_str()), (Status::Successful.into(), NEWER));
    }
    assert_eq!(failed, GROUPS / 4);
}

fn accepted(env: &TestEnv) -> usize {
    (0..GROUPS).map(|index| env.world.updates(&format!("c{index}"), "ng").len()).sum()
}

#[tokio::test]
async fn short_of_time_a_process_starts_no_more_and_the_next_one_goes_on() {
    const GROUPS: usize = 10;
    let (env, url) = serve(GROUPS).await;
    let lambda = Lambda::new(&env, &url);
    let start = lambda.function("start", &[]);
    let (before, after) = (Duration::from_millis(100), Duration::from_millis(100));
    env.world.on_request(move |_| Fault::Slow { before, after, then: Box::new(Fault::None) });
    let answer = start.invoke(Duration::from_secs(4)).await;
    assert!(answer.contains("left to the next run, because Lambda's time limit is near"), "{answer}");
    let by_the_first: usize = (0..GROUPS).map(|index| env.world.updates(&format!("c{index}"), "ng").len()).sum();
    assert!(by_the_first < GROUPS);
    env.world.clear_faults();
    start.invoke(Duration::from_mins(15)).await;
    for index in 0..GROUPS {
        assert_eq!(env.world.updates(&format!("c{index}"), "ng").len(), 1);
    }
}
