//! What is remembered of the releases that AWS recommends: what it took back, and what EKS refuses.

use eks_nodegroup_updater::model::record::track::ReleaseHistory;
use eks_nodegroup_updater::model::release::track::Family;
use eks_nodegroup_updater::model::release::version::ReleaseVersion;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};
use simulated_aws::{ApiError, Fault};
use testing::{AL2023, BOTTLEROCKET, CURRENT, NEWER, TestEnv, days, decisions, hours, now, opted_in, tagged};

const HOUR: i64 = 60;
const DAY: i64 = 24 * HOUR;
/// A release between [`CURRENT`] and [`NEWER`].
const BETWEEN: &str = "1.33.2-20260703";

fn release(text: &str) -> ReleaseVersion {
    ReleaseVersion::parse(Family::AmazonLinux2023, text).unwrap()
}

/// What is known once these were seen, in this order, with their dates, all of them now.
fn seen(names: &[(&str, Option<Timestamp>)]) -> ReleaseHistory {
    let mut history = ReleaseHistory::default();
    for (name, date) in names {
        history.name(&release(name), *date, now());
    }
    history
}

fn withdrawn(history: &ReleaseHistory) -> Vec<&str> {
    let withdrawn = history.iter().filter(|known| known.withdrawal.is_some());
    withdrawn.map(|known| known.release_version.as_str()).collect()
}

fn ago(so_many: i64) -> Option<Timestamp> {
    Some(now() - days(so_many))
}

#[test]
fn what_is_newer_than_a_release_that_is_named_later_is_withdrawn_until_it_is_named_again() {
    let mut history = seen(&[(CURRENT, ago(9)), (BETWEEN, ago(8)), (NEWER, ago(7)), (CURRENT, ago(2))]);
    assert_eq!(withdrawn(&history), [BETWEEN, NEWER]);
    history.name(&release(BETWEEN), ago(1), now());
    assert_eq!(withdrawn(&history), [NEWER]);
    let published: Vec<_> = history.iter().map(|known| known.published_at).collect();
    assert_eq!(published, [ago(9), ago(8), ago(7)], "it was published when it was first named");
}

#[test]
fn a_late_answer_changes_nothing() {
    for late in [ago(8), ago(7)] {
        assert_eq!(withdrawn(&seen(&[(CURRENT, ago(9)), (NEWER, ago(7)), (CURRENT, late)])), [""; 0]);
    }
}

#[test]
fn an_older_release_without_a_date_withdraws_until_the_newer_one_is_named_again_and_is_not_reported() {
    let mut history = seen(&[(NEWER, ago(7)), (CURRENT, None)]);
    assert_eq!(withdrawn(&history), [NEWER]);
    let held = history.iter().last().unwrap().withdrawal.clone().unwrap();
    assert_eq!((held.dated, held.seen_at), (false, now()));
    history.name(&release(NEWER), ago(7), now() + hours(1));
    assert_eq!(withdrawn(&history), [""; 0]);
}

#[test]
fn a_newer_release_without_a_date_is_not_taken_for_an_older_one() {
    let mut history = seen(&[(CURRENT, ago(9)), (NEWER, None)]);
    assert_eq!(withdrawn(&history), [""; 0]);
    history.name(&release(CURRENT), Some(now() + hours(1)), now() + hours(1));
    assert_eq!(withdrawn(&history), [NEWER]);
}

#[test]
fn a_date_that_is_still_to_come_counts_as_now() {
    let mut history = seen(&[(CURRENT, ago(9)), (NEWER, Some(now() + days(3_000)))]);
    assert_eq!(history.iter().last().unwrap().published_at, Some(now()));
    history.name(&release(CURRENT), Some(now() + hours(1)), now() + hours(2));
    assert_eq!(withdrawn(&history), [NEWER], "or no withdrawal would ever be later");
}

#[test]
fn the_last_sixty_four_releases_are_kept() {
    let mut history = ReleaseHistory::default();
    for patch in 0..70 {
        history.name(&release(&format!("1.33.{patch}-20260610")), ago(100 - patch), now());
    }
    let kept: Vec<_> = history.iter().map(|known| known.release_version.clone()).collect();
    assert_eq!((kept.len(), kept[0].as_str()), (64, "1.33.6-20260610"));
}

/// The patch numbers of releases, and how many days ago the parameter named them.
type Namings = Vec<(u8, i64)>;

fn in_any_order() -> impl Strategy<Value = (Namings, Namings)> {
    let namings = prop::collection::vec((0..6u8, 0..12i64), 0..12);
    namings.prop_flat_map(|namings| (Just(namings.clone()), Just(namings).prop_shuffle()))
}

proptest! {
    #[test]
    fn in_whatever_order_runs_see_dated_answers_the_same_releases_are_withdrawn((one, other) in in_any_order()) {
        let history = |namings: &Namings| {
            let mut history = ReleaseHistory::default();
            for (patch, days) in namings {
                history.name(&release(&format!("1.33.{patch}-20260610")), ago(*days), now());
            }
            history.iter().map(|known| (known.release_version.clone(), known.published_at, known.withdrawal.is_some())).collect::<Vec<_>>()
        };
        prop_assert_eq!(history(&one), history(&other));
    }
}

/// The message of this event, which must be one.
fn message(env: &TestEnv, event: &str) -> Value {
    let of_event: Vec<Value> = env.messages().into_iter().filter(|message| message["kind"] == event).collect();
    let [message] = &of_event[..] else { panic!("{of_event:?}") };
    message.clone()
}

/// Decision and release of the first node group in a new run.
async fn decided(env: &TestEnv) -> (&'static str, Option<String>) {
    let line = env.start().await.decisions.remove(0);
    (line.decision, line.target)
}

#[tokio::test(start_paused = true)]
async fn what_aws_took_back_is_not_installed_while_a_newer_release_is_too_young() {
    let env = TestEnv::with([tagged("prod", "blue", &[("min-age", "3d")])]).await;
    env.start().await;
    env.advance(DAY);
    env.world.publish_release(AL2023, "1.33", "1.33.2-20260721");
    env.start().await;
    env.advance(DAY);
    env.world.withdraw_release(AL2023, "1.33");
    assert_eq!(decided(&env).await, ("MinAgeNotReached", Some(NEWER.into())));
    env.advance(DAY);
    assert_eq!(decided(&env).await, ("Start", Some(NEWER.into())), "its age counts from when it was first named");
    env.advance(15);
    env.check().await;
    env.world.publish_release(AL2023, "1.33", "1.33.2-20260723");
    for _ in 0..2 {
        env.advance(DAY);
        assert_eq!(decided(&env).await, ("MinAgeNotReached", Some("1.33.2-20260723".into())));
    }
    env.advance(DAY);
    assert_eq!(decided(&env).await, ("Start", Some("1.33.2-20260723".into())));
}

#[tokio::test(start_paused = true)]
async fn a_withdrawal_is_reported_once_when_it_is_still_seen_an_hour_later() {
    let env = TestEnv::with_blue().await;
    env.world.publish_release(AL2023, "1.33", "1.33.2-20260720");
    env.world.edit_nodegroup("prod", "blue", |blue| blue.release = "1.33.2-20260720".into());
    assert_eq!(decisions(&env.start().await), ["prod/blue: UpToDate"]);
    env.advance(5);
    env.world.withdraw_release(AL2023, "1.33");
    for later in [59, 1] {
        assert_eq!(decisions(&env.start().await), ["prod/blue: RunsWithdrawnRelease"]);
        env.check().await;
        assert_eq!(env.messages(), Vec::<Value>::new());
        env.advance(later);
    }
    for _ in 0..3 {
        env.start().await;
        env.check().await;
        env.advance(HOUR);
    }
    let message = message(&env, "ReleaseWithdrawn");
    let running = json!({"names": ["prod/blue"], "count": 1});
    assert_eq!((&message["releaseVersion"], &message["runningOn"]), (&json!("1.33.2-20260720"), &running));
    assert_eq!(message["track"], "1.33/AL2023_x86_64_STANDARD");
}

#[tokio::test(start_paused = true)]
async fn a_pin_to_what_aws_took_back_starts_nothing() {
    let env = TestEnv::with([tagged("prod", "blue", &[("pin", "1.33.2-20260720")]), opted_in("dev", "a")]).await;
    env.world.publish_release(AL2023, "1.33", "1.33.2-20260720");
    env.try_start(&json!({"nodegroups": ["dev/a"]})).await.unwrap();
    env.advance(5);
    env.world.withdraw_release(AL2023, "1.33");
    assert_eq!(decisions(&env.start().await)[1], "prod/blue: PinWithdrawn");
}

/// Hour and release of each call for a node group.
fn asked(env: &TestEnv, name: &str) -> Vec<(i64, String)> {
    let calls = env
        .world
        .requests()
        .into_iter()
        .filter(|request| request.action == "eks:UpdateNodegroupVersion" && request.body["nodegroupName"] == name);
    let hour = |at: Timestamp| at.duration_since(now()).as_hours();
    calls.map(|call| (hour(call.at), call.body["releaseVersion"].as_str().unwrap().to_owned())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_release_that_eks_refuses_costs_no_other_its_place_and_is_passed_over_after_a_day() {
    const REFUSED: &str = "1.33.2-20260720";
    let other = opted_in("prod", "other").ami_type(BOTTLEROCKET).release("1.40.0-1a2b3c01");
    let mut env = TestEnv::with([opted_in("prod", "a"), opted_in("prod", "alike"), other]).await;
    env.start_config.parameters.stop_switch = Some("/switch".into());
    env.world.put_parameter("/switch", "stopped");
    env.start().await;
    env.world.put_parameter("/switch", "running");
    env.world.publish_release(BOTTLEROCKET, "1.33", "1.41.0-1a2b3c02");
    env.world.ssm_ahead_of_eks(true);
    env.world.publish_release(AL2023, "1.33", REFUSED);
    let first = ["prod/a: Start, NotReady", "prod/alike: Next, NotAsked", "prod/other: Next, Accepted"];
    assert_eq!(decisions(&env.start().await), first, "in the same run");
    for hour in 1..48 {
        env.advance(30);
        env.check().await;
        env.advance(30);
        env.world.ssm_ahead_of_eks(hour < 30);
        env.start().await;
    }
    let expected = [(0, REFUSED), (1, REFUSED), (5, REFUSED), (17, REFUSED), (24, NEWER), (29, REFUSED), (41, REFUSED)];
    assert_eq!(asked(&env, "a"), expected.map(|(hour, release)| (hour, release.to_owned())));
    assert_eq!(env.world.nodegroup("prod", "a").unwrap().release, REFUSED);
    let message = message(&env, "ReleaseRefused");
    let track = "1.33/AL2023_x86_64_STANDARD";
    assert_eq!((&message["releaseVersion"], &message["track"]), (&json!(REFUSED), &json!(track)));
    assert_eq!(env.messages().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_pin_that_eks_does_not_know_keeps_no_other_pin_waiting() {
    let env = TestEnv::with([tagged("prod", "blue", &[("pin", "1.33.2-20260720")])]).await;
    assert_eq!(decisions(&env.start().await), ["prod/blue: Start, NotReady"]);
    assert_eq!(decisions(&env.start().await), ["prod/blue: BackingOff"]);
    env.world.edit_nodegroup("prod", "blue", |blue| {
        blue.tags.insert("ami-update/pin".to_owned(), NEWER.to_owned());
    });
    assert_eq!(decisions(&env.start().await), ["prod/blue: Start, Accepted"]);
}

#[tokio::test(start_paused = true)]
async fn a_release_that_eks_never_knows_is_passed_over_where_a_run_comes_only_when_each_wait_is_over() {
    let mut env = TestEnv::with([opted_in("dev", "a"), opted_in("prod", "b")]).await;
    env.start_config.parameters.stop_switch = Some("/switch".into());
    env.world.put_parameter("/switch", "stopped");
    env.start().await;
    env.world.put_parameter("/switch", "running");
    env.world.publish_release_unknown_to_eks(AL2023, "1.33", "1.33.2-20260720");
    let refused = ["dev/a: Start, NotReady", "prod/b: Start, NotAsked"];
    assert_eq!(decisions(&env.start().await), refused);
    env.advance(DAY);
    assert_eq!(decisions(&env.start().await), ["dev/a: Start, Accepted", "prod/b: Start, Accepted"]);
    env.advance(HOUR);
    env.check().await;
    env.advance(DAY);
    assert_eq!(decisions(&env.start().await), refused, "which now have nothing else");
    let releases = ["dev/a", "prod/b"].map(|path| path.split_once('/').unwrap());
    let releases = releases.map(|(cluster, name)| env.world.nodegroup(cluster, name).unwrap().release);
    assert_eq!(releases, [NEWER, NEWER]);
}

#[tokio::test(start_paused = true)]
async fn in_a_region_without_the_parameters_of_one_family_the_others_are_read() {
    let windows = opted_in("dev", "win").ami_type("WINDOWS_CORE_2022_x86_64").release("1.33-2026.06.10");
    let env = TestEnv::with([windows, opted_in("prod", "blue")]).await;
    env.world.on_request(|request| {
        let refused = request.action == "ssm:GetParameters" && request.body["Names"].to_string().contains("windows");
        let error = ApiError::new(400, "ValidationException", "Parameter name: not supported in this region");
        if refused { Fault::Error(error) } else { Fault::None }
    });
    let summary = env.start().await;
    assert_eq!(decisions(&summary), ["dev/win: Unreadable", "prod/blue: Start, Accepted"]);
    assert_eq!(env.calls("ssm:GetParameters"), 3, "together, and then one by one");
    assert!(summary.into_response().is_ok());
}

#[tokio::test(start_paused = true)]
async fn parameters_that_aws_throttles_are_not_asked_for_one_by_one() {
    let windows = opted_in("dev", "win").ami_type("WINDOWS_CORE_2022_x86_64").release("1.33-2026.06.10");
    let env = TestEnv::with([windows, opted_in("prod", "blue")]).await;
    env.world.on_request(|request| match request.action.as_str() {
        "ssm:GetParameters" => Fault::Error(ApiError::throttling()),
        _ => Fault::None,
    });
    assert_eq!(decisions(&env.start().await), ["dev/win: Unreadable", "prod/blue: Unreadable"]);
    let calls = env.world.requests().into_iter().filter(|request| request.action == "ssm:GetParameters");
    assert!(calls.into_iter().all(|call| call.body["Names"].as_array().unwrap().len() == 2));
}
