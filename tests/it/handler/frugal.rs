//! What a run asks of AWS: each call is time, money, and a part of a rate that others need.

use std::collections::BTreeMap;

use serde_json::json;
use simulated_aws::{Nodegroup, UpdateScript, World};
use testing::{AL2023, BOTTLEROCKET, NEWER, TestEnv, decisions, minutes, now, opted_in, tagged};

/// The calls since the last look, by operation.
fn calls(env: &TestEnv) -> Vec<(String, usize)> {
    let mut calls: BTreeMap<String, usize> = BTreeMap::new();
    for request in env.world.requests() {
        *calls.entry(request.action).or_default() += 1;
    }
    env.world.clear_requests();
    calls.into_iter().collect()
}

fn these<const N: usize>(calls: [(&str, usize); N]) -> Vec<(String, usize)> {
    calls.map(|(action, count)| (action.to_owned(), count)).into()
}

/// A current fleet of so many node groups that earlier runs have seen.
async fn fleet(nodegroups: usize) -> TestEnv {
    let world = World::new(now());
    for index in 0..nodegroups {
        let nodegroup: Nodegroup = opted_in(&format!("cluster-{}", index / 30), &format!("nodegroup-{index}"));
        world.add_nodegroup(nodegroup.release(NEWER));
    }
    world.publish_release(AL2023, "1.33", NEWER);
    let env = TestEnv::in_world(world).await;
    env.start().await;
    env.check().await;
    env.world.clear_requests();
    env
}

#[tokio::test]
async fn a_quiet_start_reads_each_node_group_once_and_writes_nothing() {
    let env = fleet(300).await;
    env.start().await;
    let expected = [
        ("dynamodb:BatchGetItem", 5), // 300 node groups and the fleet, a hundred at a time, and the release track
        ("dynamodb:Query", 1),        // what had opted in
        ("eks:DescribeClusterVersions", 1), // how long AWS supports them
        ("eks:DescribeNodegroup", 300),
        ("ssm:GetParameters", 1),
        ("tag:GetResources", 3), // a hundred node groups each
    ];
    assert_eq!(calls(&env), these(expected));
}

/// Ten node groups in each of three hundred clusters, which run an earlier release.
async fn thousands(nodegroup: impl Fn(usize, &str, &str) -> Nodegroup) -> TestEnv {
    let world = World::new(now());
    for cluster in 0..300 {
        for name in 0..10 {
            world.add_nodegroup(nodegroup(cluster, &format!("cluster-{cluster}"), &format!("nodegroup-{name}")));
        }
    }
    world.publish_release(AL2023, "1.33", NEWER);
    TestEnv::in_world(world).await
}

#[tokio::test(start_paused = true)]
async fn to_explain_one_of_three_thousand_node_groups_reads_its_cluster() {
    let mut env = thousands(|_, cluster, name| opted_in(cluster, name)).await;
    env.deploy(&[], &[]);
    env.world.clear_requests();
    let summary = env.try_start(&json!({"explain": ["cluster-7/nodegroup-0"]})).await.unwrap();
    assert_eq!(decisions(&summary), ["cluster-7/nodegroup-0: Start"]);
    assert_eq!(summary.partial.map(|partial| partial.nodegroups), Some(10));
    let expected = [
        ("dynamodb:BatchGetItem", 2), // the records of the cluster and of the fleet, and the release track
        ("dynamodb:Query", 1),        // the updates in progress elsewhere
        ("eks:DescribeClusterVersions", 1),
        ("eks:DescribeNodegroup", 10),
        ("eks:ListNodegroups", 1),
        ("eks:ListUpdates", 1),   // its update history, since it would start
        ("ssm:GetParameters", 2), // settings and controls, and the release
    ];
    assert_eq!(calls(&env), these(expected));
}

#[tokio::test(start_paused = true)]
async fn to_explain_a_node_group_of_the_default_ring_reads_the_canaries_too() {
    let canary = |cluster: usize| cluster.is_multiple_of(15);
    let mut env = thousands(|number, cluster, name| match canary(number) {
        true => tagged(cluster, name, &[("ring", "0")]),
        false => opted_in(cluster, name),
    })
    .await;
    env.start_config.settings.defaults.ring = 1;
    let summary = env.try_start(&json!({"explain": ["cluster-7/nodegroup-0"]})).await.unwrap();
    assert_eq!(decisions(&summary), ["cluster-7/nodegroup-0: WaitingForRing"]);
    let expected = [
        ("dynamodb:BatchGetItem", 4), // 10 node groups, 200 canaries and the fleet, and the release track
        ("dynamodb:Query", 1),
        ("eks:DescribeClusterVersions", 1),
        ("eks:DescribeNodegroup", 210),
        ("eks:ListNodegroups", 1),
        ("ssm:GetParameters", 1),
        ("tag:GetResources", 2), // those with a ring of their own
    ];
    assert_eq!(calls(&env), these(expected));
}

#[tokio::test(start_paused = true)]
async fn to_explain_a_node_group_of_a_later_ring_reads_the_tag_index_and_of_it_the_lower_rings() {
    let env = thousands(|number, cluster, name| {
        let ring = ["1", "2", "3"][number % 3];
        match number {
            // Only these are in the default ring, which is 0, and one of them has the AMI type.
            0 => opted_in(cluster, name).ami_type(if name.ends_with('3') { AL2023 } else { BOTTLEROCKET }),
            _ => tagged(cluster, name, &[("ring", ring)]),
        }
    })
    .await;
    let summary = env.try_start(&json!({"explain": ["cluster-3/nodegroup-0"]})).await.unwrap();
    assert_eq!(decisions(&summary), ["cluster-3/nodegroup-0: WaitingForRing"]);
    assert_eq!(summary.partial.map(|partial| partial.nodegroups), Some(11));
    let expected = [
        ("dynamodb:BatchGetItem", 2), // 10 node groups, the lower one and the fleet, and the release track
        ("dynamodb:Query", 1),
        ("eks:DescribeClusterVersions", 1),
        ("eks:DescribeNodegroup", 20),
        ("ssm:GetParameters", 1),
        ("tag:GetResources", 30),
    ];
    assert_eq!(calls(&env), these(expected));
}

#[tokio::test]
async fn pages_of_the_tag_index_that_are_empty_change_nothing() {
    let env = fleet(2).await;
    env.world.sparse_tag_pages(true);
    env.start().await;
    let calls: BTreeMap<String, usize> = calls(&env).into_iter().collect();
    assert_eq!((calls.get("dynamodb:BatchGetItem"), calls.get("dynamodb:PutItem")), (Some(&2), None));
}

#[tokio::test]
async fn a_quiet_check_makes_one_call() {
    let env = fleet(300).await;
    env.check().await;
    assert_eq!(calls(&env), these([("dynamodb:Query", 1)]));
}

#[tokio::test]
async fn an_update_costs_five_writes_of_its_record_two_of_its_track_and_one_more_the_first_time() {
    let env = fleet(2).await;
    env.world.remove_nodegroup("cluster-0", "nodegroup-1");
    env.start().await;
    env.world.clear_requests();
    let quiet = [
        ("dynamodb:BatchGetItem", 2),
        ("dynamodb:Query", 1),
        ("eks:DescribeClusterVersions", 1),
        ("eks:DescribeNodegroup", 1),
        ("ssm:GetParameters", 1),
        ("tag:GetResources", 1),
    ];
    env.start().await;
    assert_eq!(calls(&env), these(quiet));

    for (release, past) in [("1.33.4-20260801", true), ("1.33.4-20260815", false)] {
        env.world.publish_release(AL2023, "1.33", release);
        env.world.script_next_update("cluster-0", "nodegroup-0", UpdateScript::Succeed { after: minutes(20) });
        env.start().await;
        let mut started: BTreeMap<String, usize> = these(quiet).into_iter().collect();
        started.insert("eks:UpdateNodegroupVersion".to_owned(), 1);
        // The track's new release, the intent, and the update's id; before its first update ever, that its past was read.
        started.insert("dynamodb:PutItem".to_owned(), if past { 4 } else { 3 });
        if past {
            started.insert("eks:ListUpdates".to_owned(), 1);
        }
        assert_eq!(calls(&env), started.into_iter().collect::<Vec<_>>(), "{release}");

        env.check().await;
        let begun = [
            ("dynamodb:BatchGetItem", 1),
            ("dynamodb:PutItem", 2), // that the release and the start were published
            ("dynamodb:Query", 1),
            ("eks:DescribeUpdate", 1),
            ("events:PutEvents", 1),
        ];
        assert_eq!(calls(&env), these(begun), "an update that has begun");
        env.check().await;
        let in_progress = [("dynamodb:BatchGetItem", 1), ("dynamodb:Query", 1), ("eks:DescribeUpdate", 1)];
        assert_eq!(calls(&env), these(in_progress), "an update in progress");

        env.world.advance(minutes(30));
        env.check().await;
        let ended = [
            ("dynamodb:BatchGetItem", 1),
            ("dynamodb:PutItem", 2), // the end, and that it was published
            ("dynamodb:Query", 1),
            ("eks:DescribeNodegroup", 1),
            ("eks:DescribeUpdate", 1),
            ("events:PutEvents", 1),
        ];
        assert_eq!(calls(&env), these(ended), "an update that has succeeded");
        env.world.advance(minutes(24 * 60));
    }
}
