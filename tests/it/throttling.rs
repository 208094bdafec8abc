//! An account's rates are shared: what the updater takes of them, and what becomes of a fleet that is too large for a run.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use eks_nodegroup_updater::aws::CONCURRENCY;
use simulated_aws::{ApiError, Fault, Nodegroup, World};
use testing::{AL2023, NEWER, TestEnv, errors, now, opted_in, start_config};
use tokio::time::Instant;

/// Calls of one operation of EKS that AWS takes in a second.
const RATE: f64 = 10.0;
const LATENCY: Duration = Duration::from_millis(20);

/// What became of a call, and when.
#[derive(Clone, Copy)]
struct Answer {
    at: Duration,
    is_refusal: bool,
}

type Answers = Arc<Mutex<Vec<Answer>>>;

/// A token bucket for each operation of EKS, which takes so many calls at once after a pause. Returns the answers to come.
fn throttle(world: &World, burst: f64) -> Answers {
    let answers = Answers::default();
    let (seen, began) = (answers.clone(), Instant::now());
    let mut buckets: HashMap<String, (f64, Instant)> = HashMap::new();
    world.on_request(move |request| {
        let then = if request.service == "eks" {
            let now = Instant::now();
            let (tokens, filled_at) = buckets.entry(request.action.clone()).or_insert((burst, now));
            *tokens = (*tokens + (now - *filled_at).as_secs_f64() * RATE).min(burst);
            *filled_at = now;
            let is_refusal = *tokens < 1.0;
            seen.lock().unwrap().push(Answer { at: began.elapsed(), is_refusal });
            if is_refusal {
                Fault::Error(ApiError::throttling())
            } else {
                *tokens -= 1.0;
                Fault::None
            }
        } else {
            Fault::None
        };
        Fault::Slow { before: LATENCY, after: Duration::ZERO, then: Box::new(then) }
    });
    answers
}

/// A current fleet of so many node groups.
async fn fleet(nodegroups: usize) -> TestEnv {
    let world = World::new(now());
    for index in 0..nodegroups {
        world.add_nodegroup(nodegroup(index).release(NEWER));
    }
    world.publish_release(AL2023, "1.33", NEWER);
    TestEnv::in_world(world).await
}

fn nodegroup(index: usize) -> Nodegroup {
    opted_in(&format!("cluster-{}", index / 30), &format!("nodegroup-{index}"))
}

#[tokio::test(start_paused = true)]
async fn only_what_was_in_flight_is_refused_and_some_are_left_to_others() {
    let env = fleet(300).await;
    let answers = throttle(&env.world, RATE);
    let summary = env.start().await;
    assert_eq!((summary.counts["UpToDate"], summary.errors), (300, vec![]));

    let answers = answers.lock().unwrap();
    let refused: Vec<Duration> = answers.iter().filter(|answer| answer.is_refusal).map(|answer| answer.at).collect();
    assert!(refused.len() <= CONCURRENCY && refused.iter().all(|at| *at < Duration::from_secs(1)), "{refused:?}");
    let later = answers.iter().filter(|answer| answer.at > Duration::from_secs(5)).count();
    let last = answers.last().unwrap().at;
    let rate = later as f64 / (last - Duration::from_secs(5)).as_secs_f64();
    // Four fifths of what EKS took at first, which was a little more than its rate.
    assert!((0.7 * RATE..=0.9 * RATE).contains(&rate), "{rate} calls a second");
}

#[tokio::test(start_paused = true)]
async fn a_burst_that_eks_takes_is_not_taken_for_its_rate_for_long() {
    let env = fleet(600).await;
    let answers = throttle(&env.world, 200.0);
    let summary = env.start().await;
    assert_eq!((summary.counts["UpToDate"], summary.errors), (600, vec![]));
    let answers = answers.lock().unwrap();
    let refused = |from: u64, to: u64| {
        let within = Duration::from_secs(from)..Duration::from_secs(to);
        answers.iter().filter(|answer| answer.is_refusal && within.contains(&answer.at)).count()
    };
    assert!(refused(10, 1_000) <= CONCURRENCY, "{} and then {}", refused(0, 10), refused(10, 1_000));
}

#[tokio::test(start_paused = true)]
async fn a_fleet_that_is_too_large_for_a_run_is_read_in_two() {
    let mut env = fleet(600).await;
    env.time_limit = Duration::from_mins(1);
    let mut reached = BTreeSet::new();
    let mut left = Vec::new();
    for _ in 0..2 {
        throttle(&env.world, RATE);
        let summary = env.start().await;
        let not_reached = summary.counts.get("NotReached").copied().unwrap_or_default();
        assert_eq!(summary.counts["UpToDate"], 600 - not_reached);
        let sentence = format!("{not_reached} node groups are left to the next run, since Lambda's time limit is near");
        assert_eq!(errors(&summary.errors), [sentence]);
        assert_eq!(summary.metrics, None, "a part of the fleet must not pass for all of it");
        let lines = summary.decisions.into_iter().filter(|line| line.decision == "UpToDate");
        reached.extend(lines.map(|line| line.nodegroup));
        left.push(not_reached);
    }
    assert_eq!(reached.len(), 600, "each was read in one run or the other, {left:?} left");
    env.world.clear_faults();
    tokio::time::advance(Duration::from_hours(1)).await;
    let summary = env.start().await;
    assert!(summary.metrics.is_some());
    assert_eq!((summary.counts["UpToDate"], summary.errors), (600, vec![]), "a fleet that can be read is read whole");
}

#[tokio::test(start_paused = true)]
async fn a_slow_call_keeps_no_other_from_its_turn() {
    let env = fleet(160).await;
    let (slow, began) = (Duration::from_secs(9), Instant::now());
    let asked: Arc<Mutex<Vec<Duration>>> = Arc::default();
    let seen = asked.clone();
    env.world.on_request(move |request| {
        let mut asked = seen.lock().unwrap();
        if request.action == "eks:DescribeNodegroup" {
            asked.push(began.elapsed());
        }
        let before = if asked.len() == 1 { slow } else { LATENCY };
        Fault::Slow { before, after: Duration::ZERO, then: Box::new(Fault::None) }
    });
    let summary = env.start().await;
    assert_eq!((summary.counts["UpToDate"], summary.errors), (160, vec![]));
    assert!(began.elapsed() > slow);
    let last = asked.lock().unwrap().last().copied().unwrap();
    assert!(last < Duration::from_secs(1), "the last was asked for after {last:?}");
}

#[tokio::test(start_paused = true)]
async fn a_check_ends_in_time_when_eks_refuses_everything() {
    let world = World::new(now());
    for index in 0..40 {
        world.add_nodegroup(opted_in(&format!("cluster-{index}"), "nodegroup"));
    }
    world.publish_release(AL2023, "1.33", NEWER);
    let mut env = TestEnv::in_world(world).await;
    env.start_config =
        start_config(&[("UPDATES_TABLE", "updates"), ("MAX_UPDATES_IN_PROGRESS", "40"), ("MAX_STARTS_PER_RUN", "40")]);
    env.start().await;
    assert_eq!(env.world.updates_in_progress().len(), 40);

    env.time_limit = Duration::from_mins(5);
    env.world.on_request(|request| match request.service {
        "eks" => {
            Fault::Slow { before: LATENCY, after: Duration::ZERO, then: Box::new(Fault::Error(ApiError::throttling())) }
        }
        _ => Fault::None,
    });
    let began = Instant::now();
    let summary = env.check().await;
    assert!(began.elapsed() < env.time_limit, "{:?}", began.elapsed());
    assert!(summary.errors.iter().any(|problem| problem.error.contains("Rate exceeded")), "{:?}", summary.errors);
}
