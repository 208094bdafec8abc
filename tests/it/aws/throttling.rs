//! An account's rates are shared: what the updater takes of them, and what becomes of a fleet that is too large for a run.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use eks_nodegroup_updater::aws::CONCURRENCY;
use eks_nodegroup_updater::metrics::Metric;
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

/// A token bucket for each operation of EKS.
struct Buckets {
    burst: f64,
    filled: HashMap<String, (f64, Instant)>,
}

impl Buckets {
    /// Buckets that are full.
    fn new(burst: f64) -> Self {
        Self { burst, filled: HashMap::new() }
    }

    /// Whether a call is accepted, in a time in which so many tokens a second are left.
    fn accepts(&mut self, action: &str, rate: f64) -> bool {
        let now = Instant::now();
        let (tokens, filled_at) = self.filled.entry(action.to_owned()).or_insert((self.burst, now));
        *tokens = (*tokens + (now - *filled_at).as_secs_f64() * rate).min(self.burst);
        *filled_at = now;
        let is_accepted = *tokens >= 1.0;
        if is_accepted {
            *tokens -= 1.0;
        }
        is_accepted
    }
}

/// EKS accepts a call or refuses it for the rate, each after the latency. Returns the answers to come.
fn eks(world: &World, mut accepts: impl FnMut(&str) -> bool + Send + 'static) -> Answers {
    let answers = Answers::default();
    let (seen, began) = (answers.clone(), Instant::now());
    world.on_request(move |request| {
        let mut then = Fault::None;
        if request.service == "eks" {
            let is_refusal = !accepts(&request.action);
            seen.lock().unwrap().push(Answer { at: began.elapsed(), is_refusal });
            if is_refusal {
                then = Fault::Error(ApiError::throttling());
            }
        }
        Fault::Slow { before: LATENCY, after: Duration::ZERO, then: Box::new(then) }
    });
    answers
}

/// A bucket for each operation, with a rate that stays, and so many calls at once after a pause.
fn throttle(world: &World, burst: f64) -> Answers {
    let mut buckets = Buckets::new(burst);
    eks(world, move |action| buckets.accepts(action, RATE))
}

fn refusals(answers: &Answers) -> usize {
    answers.lock().unwrap().iter().filter(|answer| answer.is_refusal).count()
}

/// How long a run takes that finds everything current.
async fn time_of_run(env: &TestEnv, nodegroups: usize) -> Duration {
    let began = Instant::now();
    let summary = env.start().await;
    assert_eq!((summary.counts["UpToDate"], summary.errors), (nodegroups, vec![]));
    began.elapsed()
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
async fn a_few_refusals_at_the_start_cost_a_run_half_its_time_at_most() {
    let (unhindered, hindered) = (fleet(300).await, fleet(300).await);
    eks(&unhindered.world, |_| true);
    let mut refused = 0;
    let answers = eks(&hindered.world, move |_| {
        refused += 1;
        refused > 5
    });
    let ideal = time_of_run(&unhindered, 300).await;
    let time = time_of_run(&hindered, 300).await;
    assert_eq!(refusals(&answers), 5);
    assert!(time <= ideal.mul_f64(1.5), "{time:?} instead of {ideal:?}");
}

#[tokio::test(start_paused = true)]
async fn a_steady_rate_is_found_with_few_refusals_and_used() {
    let env = fleet(300).await;
    let answers = throttle(&env.world, RATE);
    let time = time_of_run(&env, 300).await;
    let (refused, all) = (refusals(&answers), answers.lock().unwrap().len());
    assert!(refused * 20 <= all, "{refused} of {all} were refused");
    let ideal = Duration::from_secs_f64(300.0 / RATE);
    assert!(time <= ideal.mul_f64(1.35), "{time:?} instead of {ideal:?}");
}

#[tokio::test(start_paused = true)]
async fn the_pace_finds_its_way_back_once_a_neighbour_is_gone() {
    let env = fleet(600).await;
    let began = Instant::now();
    let mut buckets = Buckets::new(RATE);
    let is_there = |at: Duration| (Duration::from_secs(10)..Duration::from_secs(30)).contains(&at);
    let answers = eks(&env.world, move |action| {
        buckets.accepts(action, if is_there(began.elapsed()) { RATE / 2.0 } else { RATE })
    });
    time_of_run(&env, 600).await;
    let answers = answers.lock().unwrap();
    let rate = |from: u64, to: u64| {
        let within = Duration::from_secs(from)..Duration::from_secs(to);
        let accepted = answers.iter().filter(|answer| !answer.is_refusal && within.contains(&answer.at)).count();
        accepted as f64 / (to - from) as f64
    };
    let (before, during, after) = (rate(4, 10), rate(20, 30), rate(45, 55));
    assert!(during <= RATE / 2.0 + 0.5, "{during} calls a second");
    assert!(after >= 0.9 * before && after >= 0.8 * RATE, "{after} calls a second, and {before} before");
}

#[tokio::test(start_paused = true)]
async fn two_that_read_at_once_share_the_rate() {
    let (one, other) = (fleet(300).await, fleet(300).await);
    let buckets = Arc::new(Mutex::new(Buckets::new(RATE)));
    let shared = buckets.clone();
    let answers = eks(&one.world, move |action| shared.lock().unwrap().accepts(action, RATE));
    let other_answers = eks(&other.world, move |action| buckets.lock().unwrap().accepts(action, RATE));
    tokio::join!(time_of_run(&one, 300), time_of_run(&other, 300));
    let accepted = |answers: &Answers| {
        let within = Duration::from_secs(10)..Duration::from_secs(50);
        answers.lock().unwrap().iter().filter(|answer| !answer.is_refusal && within.contains(&answer.at)).count()
    };
    let (left, right) = (accepted(&answers), accepted(&other_answers));
    let both = left + right;
    assert!(left * 4 >= both && right * 4 >= both, "{left} and {right}");
    assert!(both as f64 >= 40.0 * RATE * 0.8, "{both} in 40 seconds");
    let (refused, all) = (
        refusals(&answers) + refusals(&other_answers),
        answers.lock().unwrap().len() + other_answers.lock().unwrap().len(),
    );
    assert!(refused * 10 <= all, "{refused} of {all} were refused");
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
        let sentence =
            format!("{not_reached} node groups are left to the next run, because Lambda's time limit is near");
        assert_eq!(errors(&summary.errors), [sentence]);
        let metrics = summary.metrics.unwrap();
        assert!(metrics.values(Metric::Nodegroups).is_empty(), "a part of the fleet must not pass for all of it");
        assert!(metrics.values(Metric::ThrottledSeconds) > [30].as_slice(), "{metrics:?}");
        let lines = summary.decisions.into_iter().filter(|line| line.decision == "UpToDate");
        reached.extend(lines.map(|line| line.nodegroup));
        left.push(not_reached);
    }
    assert_eq!(reached.len(), 600, "each was read in one run or the other, {left:?} left");
    env.world.clear_faults();
    tokio::time::advance(Duration::from_hours(1)).await;
    let summary = env.start().await;
    assert_eq!((summary.counts["UpToDate"], summary.errors), (600, vec![]), "a fleet that can be read is read whole");
    let metrics = summary.metrics.unwrap();
    assert_eq!((metrics.values(Metric::Nodegroups), metrics.values(Metric::ThrottledSeconds)), (&[600][..], &[0][..]));
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
async fn a_run_that_is_slowed_down_for_long_says_so() {
    let env = fleet(300).await;
    throttle(&env.world, RATE);
    let throttled = env.start().await.throttled.unwrap();
    assert!((20..40).contains(&throttled.waited_seconds) && throttled.refusals > 0, "{throttled:?}");
    let sentence = format!(
        "EKS throttled this run: it refused {} calls, and calls waited {} s in total",
        throttled.refusals, throttled.waited_seconds
    );
    assert_eq!(throttled.to_string(), sentence);

    env.world.clear_faults();
    tokio::time::advance(Duration::from_hours(1)).await;
    assert_eq!(env.start().await.throttled, None);
}

#[tokio::test(start_paused = true)]
async fn a_run_in_which_eks_refuses_every_call_fails() {
    let env = fleet(20).await;
    eks(&env.world, |_| false);
    let summary = env.start().await;
    assert_eq!(summary.failure.as_deref(), Some("no node group could be described"));
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
