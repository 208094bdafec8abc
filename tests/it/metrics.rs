//! What runs measure, and that CloudWatch can read it.

use std::collections::BTreeMap;

use eks_nodegroup_updater::aws::pace::Throttling;
use eks_nodegroup_updater::metrics::{Metric, Metrics, NAMESPACE, UpdateFacts};
use eks_nodegroup_updater::model::attempt::{Attempt, Status};
use eks_nodegroup_updater::plan::plan;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::Config;
use serde_json::{Value, json};
use simulated_aws::{ApiError, HealthIssue, UpdateScript, World};
use strum::VariantArray as _;
use testing::{
    AL2023, CURRENT, NEWER, TestEnv, assert_generated, eviction_failure, intent, minutes, node_creation_failure, now,
    opted_in, record, table, tagged,
};

use crate::plan::invariants;

/// The names of both functions' metrics and their units: the template's alarms and dashboard are held to it, too.
const NAMES: &str = include_str!("../schemas/metrics.json");

/// A line, read as CloudWatch would: what breaks the specification is named.
fn read(metrics: &Metrics, stack: &str, now: Timestamp) -> Result<Value, String> {
    let line = metrics.line(stack, now);
    let document: Value = serde_json::from_str(&line).map_err(|error| error.to_string())?;
    let ensure = |holds: bool, what: &str| if holds { Ok(()) } else { Err(format!("{what}: {line}")) };
    ensure(line.len() < 256 * 1024 && !line.contains('\n'), "one line of at most 256 KB")?;
    let aws = document["_aws"].as_object().ok_or("no _aws")?;
    ensure(aws.len() == 2 && aws["Timestamp"].is_u64(), "the time in milliseconds, and nothing else")?;
    let directives = aws["CloudWatchMetrics"].as_array().ok_or("no directives")?;
    ensure(directives.len() == 1, "one directive")?;
    for directive in directives {
        ensure(
            directive["Namespace"] == NAMESPACE && directive.as_object().map_or(0, |it| it.len()) == 3,
            "directive",
        )?;
        for dimension in
            directive["Dimensions"].as_array().into_iter().flatten().flat_map(|set| set.as_array()).flatten()
        {
            let value = dimension.as_str().and_then(|name| document[name].as_str());
            ensure(value.is_some_and(|value| (1..=1024).contains(&value.len())), "the value of a dimension is a text")?;
        }
        let definitions = directive["Metrics"].as_array().ok_or("no metrics")?;
        ensure(definitions.len() <= 100, "100 metrics at most")?;
        for definition in definitions {
            ensure(["Count", "Seconds"].contains(&definition["Unit"].as_str().unwrap_or_default()), "a unit")?;
            let value = &document[definition["Name"].as_str().ok_or("no name")?];
            let values = value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice);
            ensure((1..=100).contains(&values.len()), "1 to 100 values")?;
            ensure(values.iter().all(Value::is_u64), "each a number from zero")?;
        }
    }
    Ok(document)
}

/// What a line says but for its frame.
fn measured(metrics: Option<&Metrics>) -> Value {
    let mut line = read(metrics.expect("the run measured something"), "updater", now()).unwrap();
    let line = line.as_object_mut().unwrap();
    for frame in ["_aws", "timestamp", "level", "message", "function", "Stack"] {
        assert!(line.remove(frame).is_some(), "{frame}");
    }
    Value::Object(line.clone())
}

fn values(metrics: Option<&Metrics>, metric: Metric) -> Vec<u64> {
    metrics.expect("the run measured something").values(metric).to_vec()
}

#[tokio::test(start_paused = true)]
async fn start_says_how_the_fleet_stands() {
    let custom = opted_in("prod", "custom").ami_type("CUSTOM").release("ami-0c099795affa953de");
    let env = TestEnv::with([
        opted_in("prod", "blue"),
        opted_in("prod", "current").release(NEWER),
        tagged("dev", "young", &[("min-age", "30d")]),
        tagged("dev", "pinned", &[("pin", CURRENT)]),
        tagged("qa", "wrong", &[("rings", "1")]),
        opted_in("qa", "reported").tag("ami-update", "notify"),
        opted_in("qa", "off").tag("ami-update", "off"),
        custom,
    ])
    .await;
    let start = env.start().await;
    let decisions = json!({
        "CustomAmi": 1, "InvalidTag": 1, "MinAgeNotReached": 1, "OptedOut": 1, "Pinned": 1, "ReportOnly": 1, "Start": 1,
        "UpToDate": 1,
    });
    let age = values(start.metrics.as_ref(), Metric::BehindSeconds)[0];
    assert_eq!(
        measured(start.metrics.as_ref()),
        json!({
            "decisions": decisions,
            "Nodegroups": 7,
            "NodegroupsCurrent": 2,
            "NodegroupsBehind": 4,
            "BehindSeconds": [age, age, age, age],
            "NodegroupsWaiting": 1,
            "NodegroupsNeedingYou": 2,
            "NodegroupsLeftAlone": 1,
            "NodegroupsFailed": 0,
            "ThrottledSeconds": 0,
            "NodegroupsStale": 0,
            "ReleasesQuarantined": 0,
        })
    );
    env.advance(24 * 60);
    let later = env.start().await;
    assert!(values(later.metrics.as_ref(), Metric::BehindSeconds).contains(&(age + 24 * 3600)), "by the day");
}

#[tokio::test]
async fn a_line_has_the_frame_by_which_cloudwatch_and_lambda_know_it() {
    let env = TestEnv::with([]).await;
    let start = env.start().await;
    let line = read(&start.metrics.unwrap(), "updater", now()).unwrap();
    let names: Vec<Value> = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap().clone();
    assert_eq!(names[0], json!({"Name": "Nodegroups", "Unit": "Count"}));
    assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([["Stack"]]));
    assert_eq!(line["_aws"]["Timestamp"], json!(now().as_millisecond()));
    let frame =
        ["timestamp", "level", "message", "function", "Stack"].map(|name| line[name].as_str().unwrap().to_owned());
    assert_eq!(frame, [&format!("{:.3}", now()), "INFO", "metrics", "start", "updater"]);
    assert_eq!((&line["Nodegroups"], &line["BehindSeconds"]), (&json!(0), &Value::Null), "an empty fleet has zeros");
}

#[tokio::test]
async fn what_looks_at_a_part_or_starts_nothing_says_nothing_of_the_fleet() {
    let env = TestEnv::with([opted_in("prod", "blue"), opted_in("dev", "green")]).await;
    for event in [
        json!({"dryRun": true}),
        json!({"explain": ["prod/blue"]}),
        json!({"nodegroups": ["prod/blue"]}),
        json!({"clusters": ["prod"]}),
    ] {
        assert_eq!(env.try_start(&event).await.unwrap().metrics, None, "{event}");
    }
    env.world.fail_next("eks:DescribeNodegroup", 100, ApiError::new(403, "AccessDeniedException", "no"));
    let failed = env.start().await;
    assert!(failed.failure.is_some() && failed.metrics.is_none(), "a run that failed");
    env.world.clear_faults();
    assert!(env.start().await.metrics.is_some());
}

#[tokio::test]
async fn one_that_cannot_be_described_is_not_missing() {
    let env = TestEnv::with([opted_in("prod", "blue"), opted_in("dev", "green")]).await;
    env.world.fail_next("eks:DescribeNodegroup", 1, ApiError::new(403, "AccessDeniedException", "no"));
    let start = env.start().await;
    assert_eq!(values(start.metrics.as_ref(), Metric::Nodegroups), [2]);
    assert_eq!(values(start.metrics.as_ref(), Metric::NodegroupsNeedingYou), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_counts_until_the_node_group_is_current() {
    let env = TestEnv::with_blue().await;
    env.world.script_next_update("prod", "blue", eviction_failure("blue"));
    let failed =
        |start: &eks_nodegroup_updater::summary::StartSummary| values(start.metrics.as_ref(), Metric::NodegroupsFailed);
    assert_eq!(failed(&env.start().await), [0]);
    env.advance(30);
    env.check().await;
    assert_eq!(failed(&env.start().await), [1], "it waits for its retry");
    env.world.script_next_update("prod", "blue", UpdateScript::Succeed { after: minutes(20) });
    env.advance(60);
    assert_eq!(failed(&env.start().await), [1], "it is tried again");
    env.advance(10);
    assert_eq!(failed(&env.start().await), [1], "the retry is in progress");
    env.advance(30);
    env.check().await;
    assert_eq!(failed(&env.start().await), [0]);
}

#[tokio::test(start_paused = true)]
async fn what_eks_refuses_counts_at_once_and_what_was_reported_as_stale_until_it_is_over() {
    let env = TestEnv::with_blue().await;
    let refused = ApiError::new(400, "InvalidRequestException", "Instance profile is gone");
    env.world.fail_next("eks:UpdateNodegroupVersion", 1, refused);
    let start = env.start().await;
    assert_eq!(values(start.metrics.as_ref(), Metric::NodegroupsFailed), [1], "{start:?}");

    let env = TestEnv::with_blue().await;
    env.world.edit_nodegroup("prod", "blue", |nodegroup| {
        nodegroup.status = "DEGRADED".to_owned();
        nodegroup.health = vec![HealthIssue {
            code: "Ec2SubnetNotFound".to_owned(),
            message: "The subnet is not found".to_owned(),
            resource_ids: vec![],
        }];
    });
    let stale =
        |start: &eks_nodegroup_updater::summary::StartSummary| values(start.metrics.as_ref(), Metric::NodegroupsStale);
    assert_eq!(stale(&env.start().await), [0]);
    env.advance(20 * 24 * 60);
    assert_eq!(stale(&env.start().await), [1]);
    env.world.edit_nodegroup("prod", "blue", |nodegroup| {
        nodegroup.status = "ACTIVE".to_owned();
        nodegroup.health.clear();
    });
    env.start().await;
    env.advance(60);
    env.check().await;
    assert_eq!(stale(&env.start().await), [0]);
}

#[tokio::test(start_paused = true)]
async fn a_quarantine_counts_until_it_is_lifted_or_a_newer_release_is_out() {
    let env = TestEnv::with([opted_in("prod", "a"), opted_in("dev", "b"), opted_in("qa", "c")]).await;
    for (cluster, name) in [("prod", "a"), ("dev", "b"), ("qa", "c")] {
        env.world.script_next_update(cluster, name, node_creation_failure(name));
    }
    env.start().await;
    env.advance(30);
    env.check().await;
    let start = env.start().await;
    assert!(values(start.metrics.as_ref(), Metric::ReleasesQuarantined)[0] > 0);
    env.world.publish_release(AL2023, "1.33", "1.33.4-20260801");
    let start = env.start().await;
    assert_eq!(values(start.metrics.as_ref(), Metric::ReleasesQuarantined), [0]);
}

#[tokio::test(start_paused = true)]
async fn check_says_what_is_in_progress_and_how_it_ended() {
    let env = TestEnv::with([opted_in("prod", "blue"), opted_in("dev", "green")]).await;
    let quiet = json!({
        "UpdatesInProgress": 0, "OldestUpdateSeconds": 0, "UpdatesSucceeded": 0, "UpdatesFailed": 0, "NoticesPending": 0,
        "ThrottledSeconds": 0,
    });
    assert_eq!(measured(env.check().await.metrics.as_ref()), quiet);

    env.world.script_next_update("prod", "blue", UpdateScript::Succeed { after: minutes(20) });
    env.world.script_next_update("dev", "green", eviction_failure("green"));
    env.start().await;
    env.advance(10);
    let check = env.check().await;
    let in_progress = [Metric::UpdatesInProgress, Metric::OldestUpdateSeconds];
    assert_eq!(in_progress.map(|metric| values(check.metrics.as_ref(), metric)), [vec![2], vec![600]]);

    env.advance(20);
    env.world.fail_next("sns:Publish", 5, ApiError::new(403, "AuthorizationError", "not authorized"));
    let ended = json!({
        "UpdatesInProgress": 0, "OldestUpdateSeconds": 0, "UpdatesSucceeded": 1, "UpdatesFailed": 1,
        "UpdateSeconds": [1800, 1800], "NoticesPending": 1, "ThrottledSeconds": 0,
    });
    assert_eq!(measured(env.check().await.metrics.as_ref()), ended, "and the failure could not be published");
    env.world.clear_faults();
    assert_eq!(measured(env.check().await.metrics.as_ref()), quiet, "published");
}

#[tokio::test]
async fn a_clock_that_is_set_back_makes_no_time_negative() {
    let mut env = TestEnv::with_blue().await;
    env.start().await;
    env.clock_ahead = SignedDuration::from_hours(-24 * 365);
    let (check, start) = (env.check().await, env.start().await);
    assert_eq!(values(check.metrics.as_ref(), Metric::OldestUpdateSeconds), [0]);
    assert!(values(start.metrics.as_ref(), Metric::BehindSeconds).iter().all(|seconds| *seconds == 0));
}

#[tokio::test(start_paused = true)]
async fn a_large_fleet_is_a_sample_with_its_extremes() {
    let world = World::new(now());
    for index in 0..250 {
        world.add_nodegroup(tagged(&format!("cluster-{}", index / 30), &format!("n-{index}"), &[("min-age", "90d")]));
    }
    world.publish_release(AL2023, "1.33", NEWER);
    let env = TestEnv::in_world(world).await;
    let start = env.start().await;
    assert_eq!(values(start.metrics.as_ref(), Metric::NodegroupsBehind), [250]);
    assert_eq!(values(start.metrics.as_ref(), Metric::BehindSeconds).len(), 100);
    read(&start.metrics.unwrap(), "updater", now()).unwrap();

    let ended = (1..=1000).map(|seconds| ended(now(), now() + SignedDuration::from_secs(seconds), true));
    let facts = UpdateFacts { ended: ended.collect(), ..UpdateFacts::default() };
    let metrics = Metrics::of_updates(&facts, Throttling::default(), now());
    let sample = metrics.values(Metric::UpdateSeconds);
    assert_eq!((sample.len(), sample.first(), sample.last()), (100, Some(&1), Some(&1000)));
    assert!((495..=505).contains(&sample[50]), "{sample:?}");
}

fn ended(started_at: Timestamp, ended_at: Timestamp, succeeded: bool) -> Attempt {
    let mut record = record("prod/blue");
    record.begin(&intent(NEWER), started_at);
    let status = if succeeded { Status::Successful } else { Status::Failed };
    Attempt { started_at, ended_at: Some(ended_at), status: status.into(), ..record.open().unwrap().clone() }
}

#[test]
fn the_names_and_units_are_those_that_the_template_is_held_to() {
    let names: BTreeMap<String, BTreeMap<String, String>> = serde_json::from_str(NAMES).unwrap();
    let listed: BTreeMap<&str, &str> =
        names.values().flatten().map(|(name, unit)| (name.as_str(), unit.as_str())).collect();
    let known = Metric::VARIANTS.iter().map(|metric| (metric.name(), metric.unit())).collect();
    assert_eq!(listed, known);
}

#[test]
fn the_metrics_are_documented_by_the_code() {
    for function in ["start", "check"] {
        let metrics = Metric::VARIANTS.iter().filter(|metric| metric.functions().contains(&function));
        let rows = metrics.map(|metric| {
            let name = format!("`{}`", metric.name());
            [name, metric.unit().to_owned(), metric.statistics().join(", "), metric.answers().to_owned()]
        });
        let table = table(["metric", "unit", "statistic", "meaning"], rows);
        assert_generated("metrics.md", &format!("metrics of {function}"), &table);
    }
}

fn instants() -> impl Strategy<Value = Timestamp> {
    (0..4_102_444_800_i64).prop_map(|second| Timestamp::from_second(second).unwrap())
}

proptest! {
    /// Whatever clocks say, and whatever the stack is called.
    #[test]
    fn every_line_is_one_that_cloudwatch_reads(
        now in instants(),
        in_progress in prop::collection::vec(instants(), 0..300),
        attempts in prop::collection::vec((instants(), instants(), any::<bool>()), 0..300),
        notices_pending in any::<usize>(),
        complete in any::<bool>(),
        stack in "[^\\x00]{1,40}",
    ) {
        let attempts = attempts.into_iter().map(|(started, end, succeeded)| ended(started, end, succeeded));
        let facts = UpdateFacts { complete, in_progress, ended: attempts.collect(), notices_pending };
        prop_assert!(read(&Metrics::of_updates(&facts, Throttling::default(), now), &stack, now).is_ok_and(|line| line["Stack"] == stack));
    }
}

/// What a run measures that starts all that is to start.
fn metrics_of(world: &invariants::World) -> Metrics {
    let fleet = world.fleet();
    let releases = fleet.offered();
    let input = fleet.input(&releases);
    Metrics::of_fleet(&input, &plan(&input), &BTreeMap::new(), Throttling::default())
        .expect("the run looks at the whole fleet")
}

proptest! {
    #![proptest_config(Config { cases: 5_000, ..Config::default() })]

    #[test]
    fn what_is_measured_of_a_fleet_adds_up_and_can_be_read(world: invariants::World) {
        let metrics = metrics_of(&world);
        let count = |metric: Metric| metrics.values(metric)[0];
        let held = [Metric::NodegroupsWaiting, Metric::NodegroupsNeedingYou, Metric::NodegroupsLeftAlone];
        let kept = world.groups.iter().filter(|group| group.mode >= 1).count();
        let moving = (0..world.groups.len()).filter(|index| world.groups[*index].mode >= 1 && world.busy(*index)).count();
        let moving = u64::try_from(moving + world.plan().len()).unwrap();
        prop_assert_eq!(count(Metric::Nodegroups), u64::try_from(kept).unwrap());
        let sum = count(Metric::NodegroupsCurrent) + held.into_iter().map(count).sum::<u64>() + moving;
        prop_assert_eq!(sum, count(Metric::Nodegroups));
        let not_current = count(Metric::Nodegroups) - count(Metric::NodegroupsCurrent);
        prop_assert!(count(Metric::NodegroupsBehind).max(count(Metric::NodegroupsFailed)) <= not_current);
        prop_assert_eq!(count(Metric::NodegroupsBehind), u64::try_from(metrics.values(Metric::BehindSeconds).len()).unwrap());
        let line = read(&metrics, "updater", now());
        prop_assert!(line.is_ok(), "{:?}", line);
    }
}
