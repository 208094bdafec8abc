//! What a run may ask of EKS, and when it fails as a whole.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::json;
use simulated_aws::{ApiError, Fault, Request, World};
use testing::{AL2023, NEWER, TestEnv, at, decisions, errors, eviction_failure, in_virtual_time, opted_in, tagged};
use tokio::time::{Instant, sleep};

const UPDATE: &str = "eks:UpdateNodegroupVersion";
const HOUR: i64 = 60;
const DAY: i64 = 24 * HOUR;

/// An opted-in node group in each of so many clusters.
async fn clusters<const N: usize>(names: [&str; N]) -> TestEnv {
    TestEnv::with(names.map(|name| opted_in(name, "ng"))).await
}

/// Refuses each call of an action that is about this.
fn denying(action: &'static str, about: &'static str) -> impl FnMut(&Request) -> Fault {
    move |request| {
        let deny = request.action == action && request.body.to_string().contains(about);
        if deny { Fault::Error(ApiError::access_denied(action)) } else { Fault::None }
    }
}

/// The outcome of each start, by name.
fn outcomes(summary: &eks_nodegroup_updater::summary::StartSummary) -> Vec<&'static str> {
    summary.decisions.iter().filter_map(|line| line.outcome).collect()
}

#[tokio::test(start_paused = true)]
async fn after_three_refusals_for_want_of_rights_a_run_asks_no_more_and_that_is_reported_once() {
    let env = clusters(["a", "b", "c", "d", "e"]).await;
    env.world.on_request(denying(UPDATE, ""));
    let summary = env.start().await;
    assert_eq!(outcomes(&summary), ["AccessDenied", "AccessDenied", "AccessDenied", "NotAsked", "NotAsked"]);
    let [problem] = &errors(&summary.errors)[..] else { panic!("{:?}", summary.errors) };
    assert!(problem.starts_with("no further updates were started: AccessDeniedException: "), "{problem}");
    assert!(summary.into_response().is_ok());
    for _ in 0..2 * 24 {
        env.check().await;
        env.advance(HOUR);
        env.start().await;
    }
    let events: Vec<String> = env.messages().iter().map(|message| message["kind"].to_string()).collect();
    assert_eq!(events, ["\"AccessDenied\""]);
    assert!(env.calls(UPDATE) <= 5 * 8, "each node group backs off: {}", env.calls(UPDATE));

    env.world.clear_faults();
    env.advance(12 * HOUR);
    assert_eq!(outcomes(&env.start().await), ["Accepted"; 5]);
    assert_eq!(env.fleet_record().await.access_denied, None, "it would be reported again");
}

#[tokio::test(start_paused = true)]
async fn another_answer_in_between_says_that_the_function_has_its_rights() {
    let env = clusters(["a", "b", "c", "d", "e"]).await;
    let mut calls = 0;
    env.world.on_request(move |request| {
        calls += usize::from(request.action == UPDATE);
        let deny = request.action == UPDATE && calls != 3;
        if deny { Fault::Error(ApiError::access_denied(UPDATE)) } else { Fault::None }
    });
    let summary = env.start().await;
    let expected = ["AccessDenied", "AccessDenied", "Accepted", "AccessDenied", "AccessDenied"];
    assert_eq!((outcomes(&summary), summary.errors), (expected.to_vec(), vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_run_asks_at_most_twice_as_often_as_it_may_start() {
    let mut env = clusters(["a", "b", "c", "d", "e", "f"]).await;
    env.start_config.settings.limits.starts_per_run = 2;
    env.world.fail_next(UPDATE, 9, ApiError::new(400, "InvalidRequestException", "maxSize is equal to desiredSize."));
    let summary = env.start().await;
    let refused = ["a/ng: Start, Refused", "b/ng: Start, Refused", "c/ng: Next, Refused", "d/ng: Next, Refused"];
    let decisions = decisions(&summary);
    assert_eq!(
        (&decisions[..4], &decisions[4..]),
        (&refused.map(str::to_owned)[..], &["e/ng: Next, NotAsked", "f/ng: Next, NotAsked"].map(str::to_owned)[..])
    );
    let detail = "not requested in this run: the run has made 4 calls, twice MAX_STARTS_PER_RUN";
    assert_eq!(summary.decisions[5].detail.as_deref(), Some(detail));
    assert_eq!((env.calls(UPDATE), summary.errors.len()), (4, 4));
    assert!(summary.into_response().is_ok(), "refusals are lines of the summary");
}

#[tokio::test(start_paused = true)]
async fn what_is_tried_in_vain_day_after_day_costs_no_other_its_turn() {
    let mut env = clusters(["a", "b", "c"]).await;
    env.start_config.settings.limits.starts_per_run = 1;
    env.world.on_request(|request| {
        let in_use = request.action == UPDATE && request.body["clusterName"] != "c";
        let error = ApiError::new(409, "ResourceInUseException", "Nodegroup cannot be updated");
        if in_use { Fault::Error(error) } else { Fault::None }
    });
    assert_eq!(decisions(&env.start().await), ["a/ng: Start, InUse", "b/ng: Next", "c/ng: Next"]);
    env.advance(DAY);
    assert_eq!(decisions(&env.start().await), ["a/ng: Next", "b/ng: Start, InUse", "c/ng: Next"]);
    env.advance(DAY);
    assert_eq!(decisions(&env.start().await), ["a/ng: Next", "b/ng: Next", "c/ng: Start, Accepted"]);
}

#[tokio::test(start_paused = true)]
async fn start_fails_where_all_of_one_kind_fails_and_not_for_some() {
    for (action, some, failure) in [
        ("eks:DescribeNodegroup", "/prod/", "no node group could be described"),
        ("dynamodb:PutItem", "/prod/", "no record could be written"),
    ] {
        let env = clusters(["dev", "prod"]).await;
        let about = move |request: &Request| {
            request.body.to_string().contains(some) || request.resources.concat().contains(some)
        };
        env.world.on_request(move |request| {
            let deny = request.action == action && about(request);
            if deny { Fault::Error(ApiError::access_denied(action)) } else { Fault::None }
        });
        let summary = env.start().await;
        assert_eq!(outcomes(&summary)[0], "Accepted", "{action}");
        assert!(!summary.errors.is_empty());
        assert!(summary.into_response().is_ok(), "{action}");

        let env = clusters(["dev", "prod"]).await;
        env.world.on_request(denying(action, ""));
        let dry = env.try_start(&json!({"dryRun": true})).await.unwrap();
        assert!(dry.into_response().is_ok(), "a dry run only looks");
        let error = env.start().await.into_response().unwrap_err().to_string();
        assert!(error.starts_with(&format!("{failure}: ")), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fleet_without_node_groups_is_no_failure() {
    let env = TestEnv::with([]).await;
    assert!(env.start().await.into_response().is_ok());
    assert!(env.check().await.into_response().is_ok());
}

#[tokio::test(start_paused = true)]
async fn check_fails_where_nothing_could_be_published_and_not_for_one_message() {
    let env = clusters(["a", "b"]).await;
    for name in ["a", "b"] {
        env.world.script_next_update(name, "ng", eviction_failure("ng"));
    }
    env.start().await;
    env.advance(17);
    env.world.on_request(denying("sns:Publish", ""));
    let error = env.check().await.into_response().unwrap_err().to_string();
    assert!(error.starts_with("nothing could be published: "), "{error}");
    env.world.on_request(denying("sns:Publish", "EKS update failed: a/ng"));
    let summary = env.check().await;
    assert_eq!((summary.published.len(), summary.errors.len()), (1, 1));
    assert!(summary.into_response().is_ok());
    env.world.clear_faults();
    env.check().await;
    assert_eq!(env.messages().len(), 2, "nothing is lost");
}

#[tokio::test(start_paused = true)]
async fn what_a_canary_has_proved_lets_the_next_ring_go_on_when_the_canary_scales_to_nothing() {
    let prod = [("ring", "1"), ("window", "Wed 02:00-06:00 UTC")];
    let dev = async |nodes_on_tuesday: u32| {
        let env = TestEnv::with([opted_in("dev", "canary"), tagged("prod", "blue", &prod)]).await;
        env.start().await;
        env.advance(15);
        env.check().await;
        env.world.edit_nodegroup("dev", "canary", |canary| canary.nodes = nodes_on_tuesday);
        // Tuesday at ten, when the canary has run it for a day.
        env.advance(DAY + 45);
        env.start().await;
        env.world.edit_nodegroup("dev", "canary", |canary| canary.nodes = 0);
        env.advance(16 * HOUR);
        let line = env.start().await.decisions.remove(1);
        (line.decision, line.reason)
    };
    assert_eq!(dev(3).await.0, "Start");
    let waits = "waiting for a lower ring: dev/canary has no nodes, and no other node group of the lower rings proves 1.33.2-20260710";
    assert_eq!(dev(0).await, ("WaitingForRing", waits.to_owned()));
}

#[tokio::test(start_paused = true)]
async fn while_its_cluster_is_upgraded_eks_refuses_the_step_and_the_own_version_goes_on() {
    let mut env = TestEnv::with([tagged("prod", "blue", &[("kubernetes-version", "follow-cluster")])]).await;
    env.start_config.settings.defaults.follow_cluster_after = jiff::SignedDuration::ZERO;
    env.world.add_cluster("prod", "1.35");
    env.world.publish_release(testing::AL2023, "1.35", "1.35.0-20260710");
    let message = "Nodegroup Kubernetes version should be equal to Cluster kubernetes version 1.34 or NodeGroup kubernetes version 1.33";
    env.world.on_request(move |request| {
        let refuse = request.action == UPDATE && request.body["version"] == "1.35";
        if refuse { Fault::Error(ApiError::new(400, "InvalidParameterException", message)) } else { Fault::None }
    });
    assert_eq!(decisions(&env.start().await), ["prod/blue: Start, VersionNotReady"]);
    env.advance(5);
    let own = env.start().await.decisions.remove(0);
    assert_eq!((own.outcome, own.target.as_deref()), (Some("Accepted"), Some(testing::NEWER)));
    env.advance(15);
    env.check().await;
    env.advance(HOUR);
    assert_eq!(decisions(&env.start().await), ["prod/blue: Start, VersionNotReady"]);
    assert_eq!(decisions(&env.start().await), ["prod/blue: BackingOff"]);
    env.world.clear_faults();
    env.advance(HOUR);
    assert_eq!(decisions(&env.start().await), ["prod/blue: Start, Accepted"]);
    assert_eq!(env.world.updates("prod", "blue").pop().unwrap().version.as_deref(), Some("1.35"));
    assert_eq!(env.messages().len(), 0, "it is no failure of the release");
}

#[test]
fn a_run_that_is_overtaken_after_its_plan_starts_nothing() {
    in_virtual_time(async {
        let zero = Instant::now();
        let world =
            World::with_clock(move || at("2026-07-20T09:00:00Z") + SignedDuration::try_from(zero.elapsed()).unwrap());
        world.add_nodegroup(opted_in("prod", "blue"));
        world.publish_release(AL2023, "1.33", NEWER);
        let env = TestEnv::in_world(world).await;
        env.world.fail_next(UPDATE, 1, ApiError::new(409, "ResourceInUseException", "Nodegroup cannot be updated"));
        assert_eq!(decisions(&env.start().await), ["prod/blue: Start, InUse"]);

        sleep(Duration::from_hours(2)).await;
        let mut first = true;
        env.world.on_request(move |request| {
            let is_record = request.action == "dynamodb:PutItem" && request.body.to_string().contains("nodegroup/");
            match is_record && std::mem::take(&mut first) {
                true => {
                    Fault::Slow { before: Duration::from_secs(5), after: Duration::ZERO, then: Box::new(Fault::None) }
                }
                false => Fault::None,
            }
        });
        let event = json!({});
        let (overtaken, other) = tokio::join!(env.start_as("overtaken", &event), async {
            sleep(Duration::from_secs(1)).await;
            env.start_as("other", &event).await
        });
        assert_eq!(decisions(&other.unwrap()), ["prod/blue: Start, Accepted"]);
        assert_eq!(decisions(&overtaken.unwrap()), ["prod/blue: Start, LostRace"]);
        let record = env.record("prod", "blue").await.unwrap();
        let update = &env.world.updates("prod", "blue")[0];
        assert_eq!(record.open().unwrap().update_id, Some(update.id.clone()));
    });
}
