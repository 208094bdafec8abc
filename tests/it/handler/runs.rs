//! What a run may ask of EKS, and when it fails as a whole.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::json;
use simulated_aws::{ApiError, Fault, Request, World};
use testing::{
    AL2023, CURRENT, NEWER, TestEnv, at, decisions, errors, eviction_failure, in_virtual_time, opted_in, tagged,
};
use tokio::time::{Instant, sleep};

use crate::{HOUR, UPDATE, clusters};

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

#[tokio::test(start_paused = true)]
async fn a_table_or_an_index_that_cannot_be_read_fails_the_run_and_starts_nothing() {
    let env = TestEnv::with_blue().await;
    let denied = |action: &'static str| {
        move |request: &simulated_aws::Request| match request.action.as_str() {
            seen if seen == action => Fault::Error(ApiError::access_denied(action)),
            _ => Fault::None,
        }
    };
    env.world.on_request(denied("tag:GetResources"));
    let error = env.try_start(&json!({})).await.unwrap_err().to_string();
    assert!(error.starts_with("finding tagged node groups: AccessDenied"), "{error}");
    for (action, failure) in [
        ("dynamodb:BatchGetItem", "no updates were started: the fleet's quarantines: reading its record: "),
        ("ssm:GetParameters", "no release could be read"),
        ("eks:DescribeNodegroup", "no node group could be described"),
    ] {
        env.world.on_request(denied(action));
        let summary = env.start().await;
        assert_eq!(decisions(&summary), ["prod/blue: Unreadable"], "{action}");
        let error = summary.into_response().unwrap_err().to_string();
        assert!(error.starts_with(failure) && error.contains("AccessDenied"), "{error}");
    }
    env.world.on_request(denied("dynamodb:Query"));
    let error = env.try_check(&json!({})).await.unwrap_err().to_string();
    assert!(error.starts_with("reading pending records: AccessDenied"), "{error}");
    assert_eq!(env.calls(UPDATE), 0);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_shows_everything_and_writes_nothing() {
    let env = TestEnv::with([tagged("prod", "blue", &[("window", "Saturday night")]), opted_in("qa", "green")]).await;
    env.world.start_update("qa", "green", "1.33", NEWER).unwrap();
    let event = json!({"dryRun": true, "retry": ["prod/blue"], "liftQuarantine": [NEWER]});
    let codes: Vec<_> = env.try_start(&event).await.unwrap().decisions.iter().map(|line| line.decision).collect();
    assert_eq!(codes, ["InvalidTag", "InProgress"]);
    assert_eq!(env.calls("dynamodb:PutItem"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_shows_the_ring_that_applies_and_the_owner_and_a_real_run_neither() {
    let invalid = tagged("prod", "invalid", &[("ring", "0"), ("windw", "Sat")]);
    let terraform = |nodegroup: simulated_aws::Nodegroup| nodegroup.tag("ManagedBy", "terraform");
    let mut env = TestEnv::with([
        invalid,
        opted_in("prod", "off").tag("ami-update", "off"),
        terraform(opted_in("prod", "setting")),
        terraform(tagged("prod", "tag", &[("ring", "2")])).tag("alpha.eksctl.io/nodegroup-name", "tag"),
    ])
    .await;
    env.start_config.settings.defaults.ring = 1;
    let shown = |summary: eks_nodegroup_updater::summary::StartSummary| -> Vec<_> {
        summary.decisions.into_iter().map(|line| (line.nodegroup, line.ring, line.owner)).collect()
    };
    let expected = [
        ("prod/invalid", None, None),
        ("prod/off", None, None),
        ("prod/setting", Some(1), Some("Terraform or OpenTofu")),
        ("prod/tag", Some(2), Some("eksctl")),
    ];
    let expected = expected.map(|(name, ring, owner)| (name.to_owned(), ring, owner));
    assert_eq!(shown(env.try_start(&json!({"dryRun": true})).await.unwrap()), expected);
    let neither = expected.map(|(name, ..)| (name, None, None));
    assert_eq!(shown(env.start().await), neither);
}

/// The items of the table that two runs must leave the same, whoever is first.
async fn left_by(env: &TestEnv) -> Vec<(String, String)> {
    let mut left = Vec::new();
    for name in ["a", "b", "c", "d", "e"] {
        let record = env.record(name, "ng").await.unwrap();
        let open = record.open().map(|attempt| attempt.intent.release_version.clone()).unwrap_or_default();
        left.push((name.to_owned(), open));
    }
    left
}

#[tokio::test(start_paused = true)]
async fn two_runs_at_once_in_which_five_tracks_get_a_release_leave_what_one_leaves() {
    let types = [
        ("a", AL2023, "1.33.2-20260722"),
        ("b", "AL2023_ARM_64_STANDARD", "1.33.2-20260722"),
        ("c", "AL2023_x86_64_NVIDIA", "1.33.2-20260722"),
        ("d", "BOTTLEROCKET_x86_64", "1.46.1-9d20f4ae"),
        ("e", "BOTTLEROCKET_ARM_64", "1.46.1-9d20f4ae"),
    ];
    let fleet = || async {
        let nodegroups = types.map(|(name, ami_type, _)| {
            let runs = if ami_type.starts_with("BOTTLEROCKET") { "1.45.0-1e6a7c0b" } else { CURRENT };
            opted_in(name, "ng").ami_type(ami_type).release(runs)
        });
        let env = TestEnv::with(nodegroups).await;
        for (_, ami_type, release) in types {
            env.world.publish_release(ami_type, "1.33", release);
        }
        env
    };
    let (one, two) = (fleet().await, fleet().await);
    one.start().await;
    let event = json!({});
    let (first, second) = tokio::join!(two.try_start(&event), two.try_start(&event));
    for summary in [first.unwrap(), second.unwrap()] {
        assert_eq!((summary.failure, summary.errors), (None, vec![]));
    }
    assert_eq!(left_by(&two).await, left_by(&one).await);
    assert_eq!(left_by(&one).await, types.map(|(name, _, release)| (name.to_owned(), release.to_owned())));
    for (name, ..) in types {
        assert_eq!(two.world.updates(name, "ng").len(), 1);
    }
}
