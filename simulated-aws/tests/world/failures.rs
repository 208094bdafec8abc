use aws_sdk_eks::types::CancellationStatus;
use simulated_aws::{HealthIssue, Node, UpdateScript, World};

use crate::sdk::{clients, refusal};
use crate::updates::{NEW, OLD, describe, minutes, prod_blue, to_new};

/// The release of each node, and whether it is cordoned.
fn mixed_nodes(world: &World) -> Vec<(String, bool)> {
    let nodes = world.nodegroup("prod", "blue").unwrap().mixed_nodes.into_iter();
    nodes.map(|Node { release, cordoned }| (release, cordoned)).collect()
}

fn health(world: &World) -> (String, Vec<HealthIssue>) {
    let nodegroup = world.nodegroup("prod", "blue").unwrap();
    (nodegroup.status, nodegroup.health)
}

#[test]
fn a_failed_update_leaves_the_nodes_mixed_until_one_succeeds() -> anyhow::Result<()> {
    let world = prod_blue();
    let node = |release: &str, cordoned| (release.to_owned(), cordoned);
    world.script_next_update("prod", "blue", UpdateScript::pod_eviction_failure(minutes(5), "blue", &[]));
    world.script_next_update("prod", "blue", UpdateScript::node_creation_failure(minutes(5), "blue"));
    world.script_next_update("prod", "blue", UpdateScript::Cancel { after: minutes(5) });

    world.start_update("prod", "blue", "1.33", NEW)?;
    assert_eq!(mixed_nodes(&world), []);
    world.advance(minutes(5));
    assert_eq!(mixed_nodes(&world), [node(NEW, false), node(OLD, false), node(OLD, true)]);
    assert_eq!(world.nodegroup("prod", "blue").unwrap().release, OLD);

    let uncordoned = [node(NEW, false), node(OLD, false), node(OLD, false)];
    for _ in ["node creation fails", "cancelled"] {
        world.start_update("prod", "blue", "1.33", NEW)?;
        world.advance(minutes(5));
        assert_eq!(mixed_nodes(&world), uncordoned);
    }
    world.start_update("prod", "blue", "1.33", NEW)?;
    world.advance(minutes(10));
    assert_eq!(mixed_nodes(&world), []);
    Ok(())
}

#[test]
fn a_failed_update_mixes_no_more_nodes_than_there_are() -> anyhow::Result<()> {
    let world = prod_blue();
    for (count, expected) in [(0, vec![]), (1, vec![(OLD.to_owned(), true)])] {
        world.edit_nodegroup("prod", "blue", |nodegroup| nodegroup.nodes = count);
        world.script_next_update("prod", "blue", UpdateScript::pod_eviction_failure(minutes(5), "blue", &[]));
        world.start_update("prod", "blue", "1.33", NEW)?;
        world.advance(minutes(5));
        assert_eq!(mixed_nodes(&world), expected);
    }
    Ok(())
}

#[tokio::test]
async fn health_names_the_cause_of_a_failure_until_it_is_healed() -> anyhow::Result<()> {
    let world = prod_blue();
    let eks = clients(&world).await.eks;
    let failure = UpdateScript::node_creation_failure(minutes(5), "blue");
    world.script_next_update("prod", "blue", failure.with_health("Ec2SubnetInvalidConfiguration", "no public IPs"));
    to_new(&eks).send().await?;
    assert_eq!(health(&world), ("UPDATING".to_owned(), vec![]));
    world.advance(minutes(5));
    let issue = HealthIssue {
        code: "Ec2SubnetInvalidConfiguration".to_owned(),
        message: "no public IPs".to_owned(),
        resource_ids: Vec::new(),
    };
    assert_eq!(health(&world), ("DEGRADED".to_owned(), vec![issue]));
    assert_eq!(refusal(to_new(&eks).send().await).0, "InvalidRequestException");

    assert!(world.heal("prod", "blue"));
    assert_eq!(health(&world), ("ACTIVE".to_owned(), vec![]));
    assert_eq!(refusal(to_new(&eks).send().await).0, "accepted");
    assert!(!world.heal("prod", "red"));
    Ok(())
}

#[test]
fn health_issues_end_with_the_next_successful_update() -> anyhow::Result<()> {
    let world = prod_blue();
    let failure = || UpdateScript::node_creation_failure(minutes(5), "blue");
    world.script_next_update("prod", "blue", failure().with_health("InsufficientFreeAddresses", "the subnet is full"));
    world.script_next_update("prod", "blue", failure());
    for issues in [1, 1] {
        world.start_update("prod", "blue", "1.33", NEW)?;
        world.advance(minutes(5));
        let (status, health) = health(&world);
        assert_eq!((status.as_str(), health.len()), ("DEGRADED", issues));
    }
    world.start_update("prod", "blue", "1.33", NEW)?;
    world.advance(minutes(10));
    assert_eq!(health(&world), ("ACTIVE".to_owned(), vec![]));
    Ok(())
}

#[test]
fn a_node_group_healed_during_an_update_that_fails_is_active() -> anyhow::Result<()> {
    let world = prod_blue();
    world.edit_nodegroup("prod", "blue", |nodegroup| {
        *nodegroup = nodegroup.clone().status("DEGRADED").health_issue("ClusterUnreachable", "", &[]);
    });
    world.script_next_update("prod", "blue", UpdateScript::node_creation_failure(minutes(5), "blue"));
    world.start_update("prod", "blue", "1.33", NEW)?;
    world.heal("prod", "blue");
    assert_eq!(health(&world), ("UPDATING".to_owned(), vec![]));
    world.advance(minutes(5));
    assert_eq!(health(&world), ("ACTIVE".to_owned(), vec![]));
    Ok(())
}

#[tokio::test]
async fn a_cancelled_update_may_say_why() -> anyhow::Result<()> {
    let world = prod_blue();
    let eks = clients(&world).await.eks;
    let reason = "The update was cancelled by the service";
    let scripts = [
        (UpdateScript::Cancel { after: minutes(5) }, None),
        (UpdateScript::CancelFor { after: minutes(5), reason: reason.to_owned() }, Some(reason)),
    ];
    for (script, expected) in scripts {
        world.script_next_update("prod", "blue", script);
        let id = world.start_update("prod", "blue", "1.33", NEW)?;
        assert_eq!(describe(&eks, &id).await?.cancellation(), None);
        world.advance(minutes(5));
        let update = describe(&eks, &id).await?;
        let cancellation = update.cancellation().map(|of| (of.status(), of.reason()));
        assert_eq!(update.status().unwrap().as_str(), "Cancelled");
        assert_eq!(cancellation, expected.map(|reason| (Some(&CancellationStatus::Successful), Some(reason))));
    }
    Ok(())
}
