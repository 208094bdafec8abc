//! Why about one node group, from a part of the fleet: the same as from the whole fleet.

use std::collections::BTreeSet;

use eks_nodegroup_updater::summary::StartSummary;
use jiff::SignedDuration;
use serde_json::json;
use simulated_aws::{ApiError, Fault, Nodegroup, World};
use testing::generated::{self, Size};
use testing::{AL2023, CURRENT, NEWER, STOP_SWITCH, TestEnv, errors, node_creation_failure, now, opted_in, tagged};

use crate::{DAY, HOUR};

/// The answers about these node groups from a part of the fleet, and from the whole fleet.
async fn both(env: &TestEnv, names: &[String]) -> (StartSummary, StartSummary) {
    let narrow = env.try_start(&json!({"explain": names})).await.unwrap();
    let clusters: Vec<String> =
        env.world.nodegroup_arns().iter().map(|arn| arn.split('/').nth(1).unwrap().to_owned()).collect();
    let whole = env.try_start(&json!({"explain": names, "clusters": clusters})).await.unwrap();
    assert_eq!((narrow.partial.is_some(), whole.partial.is_some()), (true, false));
    (narrow, whole)
}

/// The decision about a node group, from a part of the fleet and from the whole.
async fn decided(env: &TestEnv, name: &str) -> &'static str {
    let (narrow, whole) = both(env, &[name.to_owned()]).await;
    assert_eq!(narrow.decisions, whole.decisions);
    assert_eq!(narrow.explanations, whole.explanations);
    assert_eq!(narrow.errors, whole.errors);
    let [line] = &narrow.decisions[..] else { panic!("{:?}", narrow.decisions) };
    line.decision
}

#[tokio::test(start_paused = true)]
async fn one_that_waits_for_a_lower_ring() {
    let mut env = TestEnv::with([opted_in("dev", "a"), tagged("prod", "blue", &[("ring", "1")])]).await;
    assert_eq!(decided(&env, "prod/blue").await, "WaitingForRing");
    // Where the lower ring is in a tag, in whatever form.
    for ring in ["0", "00", "+0", "one"] {
        env.world.edit_nodegroup("dev", "a", |nodegroup| {
            nodegroup.tags.insert("ami-update/ring".to_owned(), ring.to_owned());
        });
        env.world.edit_nodegroup("prod", "blue", |nodegroup| {
            nodegroup.tags.remove("ami-update/ring");
        });
        env.start_config.settings.defaults.ring = 1;
        assert_eq!(decided(&env, "prod/blue").await, "WaitingForRing", "{ring}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_whose_lower_ring_has_proved_the_release_or_has_another_ami_type() {
    let env = TestEnv::with([
        opted_in("dev", "a").release(NEWER),
        opted_in("dev", "b").ami_type("AL2023_ARM_64_STANDARD"),
        tagged("prod", "blue", &[("ring", "1")]),
    ])
    .await;
    assert_eq!(decided(&env, "prod/blue").await, "WaitingForRing", "it soaks");
    env.advance(DAY);
    assert_eq!(decided(&env, "prod/blue").await, "Start");
}

#[tokio::test(start_paused = true)]
async fn one_whose_cluster_has_an_update_in_progress() {
    let env = TestEnv::with([opted_in("prod", "blue"), opted_in("prod", "green"), opted_in("qa", "red")]).await;
    env.start().await;
    assert_eq!(decided(&env, "prod/blue").await, "InProgress");
    assert_eq!(decided(&env, "prod/green").await, "Next");

    let env = TestEnv::with([opted_in("prod", "blue"), opted_in("prod", "green")]).await;
    env.world.start_update("prod", "green", "1.33", NEWER).unwrap();
    assert_eq!(decided(&env, "prod/blue").await, "Next", "an external one counts");
    assert_eq!(decided(&env, "prod/green").await, "InProgress");

    let env = TestEnv::with([opted_in("prod", "blue"), opted_in("prod", "off").tag("ami-update", "off")]).await;
    env.world.start_update("prod", "off", "1.33", NEWER).unwrap();
    assert_eq!(decided(&env, "prod/blue").await, "Next", "with any tag ami-update");
    let untagged = Nodegroup::new("prod", "off");
    let env = TestEnv::with([opted_in("prod", "blue"), untagged]).await;
    env.world.start_update("prod", "off", "1.33", NEWER).unwrap();
    assert_eq!(decided(&env, "prod/blue").await, "Start", "without the tag none");
}

#[tokio::test(start_paused = true)]
async fn one_whose_turn_another_of_its_cluster_has() {
    let env = TestEnv::with([opted_in("prod", "blue"), opted_in("prod", "green")]).await;
    assert_eq!(decided(&env, "prod/blue").await, "Start");
    assert_eq!(decided(&env, "prod/green").await, "Next");
}

#[tokio::test(start_paused = true)]
async fn one_under_a_limit_that_updates_of_other_clusters_have_reached() {
    let mut env = TestEnv::with([opted_in("a", "x"), opted_in("b", "x"), opted_in("c", "x")]).await;
    env.start_config.settings.limits.updates_in_progress = 2;
    env.start().await;
    assert_eq!(decided(&env, "c/x").await, "Next");
}

#[tokio::test(start_paused = true)]
async fn one_that_was_downgraded() {
    let env = TestEnv::with([opted_in("prod", "blue").release(NEWER), opted_in("prod", "green").release(NEWER)]).await;
    env.start().await;
    env.world.eks_learns(AL2023, "1.33", CURRENT);
    env.world.start_update("prod", "blue", "1.33", CURRENT).unwrap();
    env.advance(HOUR);
    env.start().await;
    assert_eq!(decided(&env, "prod/blue").await, "Downgraded");
    assert_eq!(decided(&env, "prod/green").await, "UpToDate");
}

#[tokio::test(start_paused = true)]
async fn one_whose_release_is_quarantined() {
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| opted_in("prod", name));
    let env = TestEnv::with([a, b, c, d, opted_in("qa", "red").release(NEWER)]).await;
    for name in ["a", "b"] {
        env.world.script_next_update("prod", name, node_creation_failure(name));
        env.start().await;
        env.advance(20);
        env.check().await;
    }
    assert_eq!(decided(&env, "prod/c").await, "Quarantined", "with the failures of its cluster alone");
    env.start().await;
    assert_eq!(decided(&env, "prod/c").await, "Quarantined");
}

#[tokio::test(start_paused = true)]
async fn one_without_the_tag_one_that_is_not_there_and_one_with_an_invalid_tag() {
    let env = TestEnv::with([
        opted_in("prod", "blue"),
        opted_in("prod", "deleted"),
        opted_in("prod", "off").tag("ami-update", "off"),
        tagged("prod", "wrong", &[("windw", "Sat")]),
        Nodegroup::new("prod", "untagged"),
    ])
    .await;
    env.world.remove_nodegroup("prod", "deleted");
    for (name, decision) in [
        ("prod/untagged", "NotFound"),
        ("prod/deleted", "NotFound"),
        ("nowhere/blue", "NotFound"),
        ("prod/off", "OptedOut"),
        ("prod/wrong", "InvalidTag"),
    ] {
        assert_eq!(decided(&env, name).await, decision, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_while_updates_are_stopped() {
    let mut env = TestEnv::with_blue().await;
    env.deploy(&[], &[]);
    env.world.put_parameter(STOP_SWITCH, "stopped");
    assert_eq!(decided(&env, "prod/blue").await, "Frozen");
}

#[tokio::test(start_paused = true)]
async fn one_that_cannot_be_described_and_one_whose_cluster_cannot_be_listed() {
    let env = TestEnv::with([opted_in("prod", "blue"), opted_in("prod", "green")]).await;
    let denying = |action: &'static str, about: &'static str| {
        move |request: &simulated_aws::Request| match request.action == action
            && request.body.to_string().contains(about)
        {
            true => Fault::Error(ApiError::access_denied(action)),
            false => Fault::None,
        }
    };
    env.world.on_request(denying("eks:DescribeNodegroup", "blue"));
    let (narrow, whole) = both(&env, &["prod/blue".to_owned()]).await;
    assert_eq!(
        (narrow.decisions[0].decision, &narrow.decisions, &narrow.errors),
        ("Unreadable", &whole.decisions, &whole.errors)
    );

    env.world.on_request(denying("eks:ListNodegroups", ""));
    let narrow = env.try_start(&json!({"explain": ["prod/blue"]})).await.unwrap();
    assert_eq!(narrow.decisions[0].decision, "Start");
    let [error] = &errors(&narrow.errors)[..] else { panic!("{:?}", narrow.errors) };
    assert!(error.starts_with("listing the node groups of prod: AccessDeniedException: "), "{error}");
}

#[tokio::test(start_paused = true)]
async fn turns_of_other_clusters_and_of_higher_rings_are_known_from_the_whole_fleet_alone() {
    let arm = tagged("prod", "arm", &[("ring", "1")]).ami_type("AL2023_ARM_64_STANDARD");
    let mut env = TestEnv::with([arm, opted_in("prod", "blue"), opted_in("a", "x")]).await;
    env.world.publish_release("AL2023_ARM_64_STANDARD", "1.33", NEWER);
    let decisions = async |env: &TestEnv| {
        let (narrow, whole) = both(env, &["prod/blue".to_owned()]).await;
        (narrow.decisions[0].decision, whole.decisions[0].reason.split(';').next().unwrap().to_owned())
    };
    let of_cluster = "MAX_UPDATES_PER_CLUSTER is 1, reached by prod/arm";
    assert_eq!(decisions(&env).await, ("Start", of_cluster.to_owned()));
    env.world.remove_nodegroup("prod", "arm");
    env.start_config.settings.limits.starts_per_run = 1;
    let of_run = "MAX_STARTS_PER_RUN is 1, reached by this run";
    assert_eq!(decisions(&env).await, ("Start", of_run.to_owned()));
}

#[tokio::test(start_paused = true)]
async fn every_node_group_of_a_fleet_in_which_no_limit_of_the_fleet_is_reached() {
    let world = World::new(now() - generated::PAST);
    generated::populate(&world, Size { clusters: 6, nodegroups: 6 });
    let mut env = TestEnv::in_world(world).await;
    let limits = &mut env.start_config.settings.limits;
    (limits.updates_per_cluster, limits.updates_in_progress, limits.starts_per_run) = (3, 1000, 1000);
    env.start_config.settings.ring_soak = SignedDuration::from_hours(1);
    let mut seen = BTreeSet::new();
    for _ in 0..4 {
        env.start().await;
        let names: Vec<String> = env.world.nodegroup_arns().iter().map(|arn| name_of(arn)).collect();
        let (narrow, whole) = both(&env, &names).await;
        assert_eq!((narrow.decisions, narrow.explanations), (whole.decisions.clone(), whole.explanations.clone()));
        for (line, explanation) in whole.decisions.into_iter().zip(whole.explanations) {
            let narrow = env.try_start(&json!({"explain": [line.nodegroup]})).await.unwrap();
            seen.insert(line.decision);
            assert_eq!((narrow.decisions, narrow.explanations), (vec![line], vec![explanation]));
        }
        env.advance(3 * HOUR);
        env.check().await;
    }
    let expected = [
        "CustomAmi",
        "InProgress",
        "Next",
        "NotFound",
        "OptedOut",
        "OutsideWindow",
        "ReportOnly",
        "UpToDate",
        "WaitingForRing",
    ];
    assert_eq!(Vec::from_iter(seen), expected);
}

fn name_of(arn: &str) -> String {
    let parts: Vec<&str> = arn.split('/').collect();
    format!("{}/{}", parts[1], parts[2])
}
