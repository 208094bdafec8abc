use std::collections::BTreeSet;

use aws_sdk_eks::Client;
use aws_sdk_eks::operation::update_nodegroup_version::builders::UpdateNodegroupVersionFluentBuilder;
use aws_sdk_eks::types::{ErrorCode, Update, UpdateStatus, UpdateType};
use jiff::SignedDuration;
use simulated_aws::{EarlierUpdate, Nodegroup, UpdateScript, World};

use crate::sdk::{clients, refusal, world};

pub const OLD: &str = "1.33.1-20260610";
pub const NEW: &str = "1.33.2-20260701";

pub fn prod_blue() -> World {
    let world = world();
    world.add_nodegroup(Nodegroup::new("prod", "blue"));
    world.publish_release("AL2023_x86_64_STANDARD", "1.33", NEW);
    world
}

pub fn update(eks: &Client) -> UpdateNodegroupVersionFluentBuilder {
    eks.update_nodegroup_version().cluster_name("prod").nodegroup_name("blue")
}

pub fn to_new(eks: &Client) -> UpdateNodegroupVersionFluentBuilder {
    update(eks).version("1.33").release_version(NEW)
}

pub async fn describe(eks: &Client, id: &str) -> anyhow::Result<Update> {
    let output = eks.describe_update().name("prod").nodegroup_name("blue").update_id(id).send().await?;
    Ok(output.update.unwrap_or_else(|| panic!("an update")))
}

pub fn state_of(world: &World) -> (String, String) {
    let nodegroup = world.nodegroup("prod", "blue").expect("a node group");
    (nodegroup.status, nodegroup.release)
}

pub fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

#[tokio::test]
async fn an_update_takes_its_time_and_then_the_node_group_runs_the_release() -> anyhow::Result<()> {
    let world = prod_blue();
    let eks = clients(&world).await.eks;
    let started = to_new(&eks).force(true).client_request_token("t1").send().await?.update.unwrap();
    assert_eq!(started.status(), Some(&UpdateStatus::InProgress));
    assert_eq!(started.r#type(), Some(&UpdateType::VersionUpdate));
    let params: Vec<_> = started.params().iter().map(|p| (p.r#type().unwrap().as_str(), p.value().unwrap())).collect();
    assert_eq!(params, [("Version", "1.33"), ("ReleaseVersion", NEW)]);
    assert_eq!(state_of(&world), ("UPDATING".into(), OLD.into()));

    world.advance(SignedDuration::from_secs(599));
    assert_eq!(describe(&eks, started.id().unwrap()).await?.status(), Some(&UpdateStatus::InProgress));
    world.advance(SignedDuration::from_secs(1));
    let ended = describe(&eks, started.id().unwrap()).await?;
    assert_eq!(ended.status(), Some(&UpdateStatus::Successful));
    assert_eq!(ended.created_at(), started.created_at());
    assert_eq!(state_of(&world), ("ACTIVE".into(), NEW.into()));

    let [record] = &world.updates("prod", "blue")[..] else { panic!("one update") };
    assert!(record.force);
    assert_eq!(record.client_request_token.as_deref(), Some("t1"));
    assert_eq!(record.finished_at, Some(world.now()));
    Ok(())
}

#[tokio::test]
async fn a_failed_update_says_why_and_leaves_the_old_release() -> anyhow::Result<()> {
    let world = prod_blue();
    let eks = clients(&world).await.eks;
    let node = "ip-10-0-0-1.eu-central-1.compute.internal";
    world.script_next_update("prod", "blue", UpdateScript::pod_eviction_failure(minutes(40), "blue", &[node]));
    world.script_next_update("prod", "blue", UpdateScript::node_creation_failure(minutes(20), "blue"));

    let first = to_new(&eks).send().await?.update.unwrap();
    world.advance(minutes(40));
    let first = describe(&eks, first.id().unwrap()).await?;
    assert_eq!(first.status(), Some(&UpdateStatus::Failed));
    let [error] = first.errors() else { panic!("one error") };
    assert_eq!(error.error_code(), Some(&ErrorCode::PodEvictionFailure));
    assert_eq!(error.resource_ids(), [node]);
    assert_eq!(
        error.error_message(),
        Some("Reached max retries while trying to evict pods from nodes in node group blue")
    );
    assert_eq!(state_of(&world), ("ACTIVE".into(), OLD.into()));

    let second = to_new(&eks).send().await?.update.unwrap();
    world.advance(minutes(20));
    let second = describe(&eks, second.id().unwrap()).await?;
    assert_eq!(second.errors()[0].error_code(), Some(&ErrorCode::NodeCreationFailure));
    Ok(())
}

#[tokio::test]
async fn an_update_can_hang_be_cancelled_succeed_without_effect_or_vanish() -> anyhow::Result<()> {
    let world = prod_blue();
    let eks = clients(&world).await.eks;
    let scripts = [
        (UpdateScript::Cancel { after: minutes(5) }, "Cancelled"),
        (UpdateScript::SucceedWithoutEffect { after: minutes(5) }, "Successful"),
        (UpdateScript::Hang, "InProgress"),
    ];
    for (script, status) in scripts {
        world.script_next_update("prod", "blue", script);
        let started = to_new(&eks).send().await?.update.unwrap();
        world.advance(minutes(60 * 24));
        assert_eq!(describe(&eks, started.id().unwrap()).await?.status().unwrap().as_str(), status);
        assert_eq!(state_of(&world).1, OLD);
    }
    assert_eq!(state_of(&world).0, "UPDATING");
    assert!(world.change_update_script("prod", "blue", UpdateScript::default()));
    assert_eq!(state_of(&world), ("ACTIVE".into(), NEW.into()));
    assert!(!world.change_update_script("prod", "blue", UpdateScript::Hang));

    let id = world.updates("prod", "blue")[2].id.clone();
    world.remove_update("prod", &id);
    let answer = eks.describe_update().name("prod").nodegroup_name("blue").update_id(id).send().await;
    assert_eq!(refusal(answer).0, "ResourceNotFoundException");
    Ok(())
}

#[tokio::test]
async fn a_node_group_that_is_not_active_is_in_use() -> anyhow::Result<()> {
    let world = prod_blue();
    let eks = clients(&world).await.eks;
    let id = world.start_update("prod", "blue", "1.33", NEW)?;
    let text = "Nodegroup cannot be updated as it is currently not in Active State";
    let answer = to_new(&eks).send().await;
    assert_eq!(answer.as_ref().unwrap_err().raw_response().unwrap().status().as_u16(), 409);
    assert_eq!(refusal(answer), ("ResourceInUseException".into(), text.into()));
    assert_eq!(world.start_update("prod", "blue", "1.33", NEW).unwrap_err().status, 409);

    let listed = eks.list_updates().name("prod").nodegroup_name("blue").send().await?;
    assert_eq!(listed.update_ids(), [id]);
    assert!(eks.list_updates().name("prod").send().await?.update_ids().is_empty());
    for status in ["CREATING", "DELETING", "CREATE_FAILED", "DELETE_FAILED", "DEGRADED"] {
        world.edit_nodegroup("prod", "blue", |nodegroup| nodegroup.status = status.to_owned());
        assert_eq!(refusal(to_new(&eks).send().await).0, "ResourceInUseException", "{status}");
    }
    Ok(())
}

#[tokio::test]
async fn only_four_health_issues_are_tolerated() -> anyhow::Result<()> {
    let world = prod_blue();
    let eks = clients(&world).await.eks;
    let ill = |code: &str| {
        let nodegroup = Nodegroup::new("prod", "blue").status("DEGRADED").health_issue(code, "", &[]);
        world.add_nodegroup(nodegroup);
    };
    ill("NodeCreationFailure");
    let text = "Nodegroup health has issues other than [ AsgInstanceLaunchFailures, InstanceLimitExceeded, \
                InsufficientFreeAddresses, ClusterUnreachable ]";
    assert_eq!(refusal(to_new(&eks).send().await), ("InvalidRequestException".into(), text.into()));
    for code in
        ["AsgInstanceLaunchFailures", "InstanceLimitExceeded", "InsufficientFreeAddresses", "ClusterUnreachable"]
    {
        ill(code);
        assert_eq!(refusal(to_new(&eks).send().await).0, "accepted", "{code}");
    }
    world.advance(minutes(10));
    assert!(world.nodegroup("prod", "blue").unwrap().health.is_empty());
    Ok(())
}

#[tokio::test]
async fn eks_knows_which_releases_are_valid() {
    let world = prod_blue();
    let eks = clients(&world).await.eks;
    let refused = |text: &str| ("InvalidParameterException".to_owned(), text.to_owned());
    let answer = update(&eks).version("1.33").release_version("1.33.9-20270101").send().await;
    let text = "Requested release version 1.33.9-20270101 is not valid for kubernetes version 1.33.";
    assert_eq!(refusal(answer), refused(text));

    world.ssm_ahead_of_eks(true);
    world.publish_release("AL2023_x86_64_STANDARD", "1.33", "1.33.2-20260715");
    let later = || update(&eks).version("1.33").release_version("1.33.2-20260715").send();
    assert_eq!(refusal(later().await).0, "InvalidParameterException");
    world.ssm_ahead_of_eks(false);
    assert_eq!(refusal(later().await).0, "accepted");
}

#[tokio::test]
async fn an_omitted_version_moves_the_node_group_to_the_clusters() -> anyhow::Result<()> {
    let world = prod_blue();
    world.add_cluster("prod", "1.34");
    let eks = clients(&world).await.eks;
    assert_eq!(refusal(update(&eks).release_version(NEW).send().await).0, "InvalidParameterException");
    assert_eq!(refusal(update(&eks).send().await).0, "InvalidParameterException");
    world.publish_release("AL2023_x86_64_STANDARD", "1.34", "1.34.1-20260701");
    update(&eks).send().await?;
    world.advance(minutes(10));
    let nodegroup = world.nodegroup("prod", "blue").unwrap();
    assert_eq!((nodegroup.version.as_str(), nodegroup.release.as_str()), ("1.34", "1.34.1-20260701"));
    Ok(())
}

#[tokio::test]
async fn an_update_is_found_only_with_its_node_group() -> anyhow::Result<()> {
    let world = prod_blue();
    let eks = clients(&world).await.eks;
    let id = world.start_update("prod", "blue", "1.33", NEW)?;
    let without = eks.describe_update().name("prod").update_id(&id).send().await;
    assert_eq!(refusal(without).0, "ResourceNotFoundException");
    assert_eq!(describe(&eks, &id).await?.id(), Some(id.as_str()));

    world.remove_nodegroup("prod", "blue");
    world.add_nodegroup(Nodegroup::new("prod", "blue"));
    let of_namesake = eks.describe_update().name("prod").nodegroup_name("blue").update_id(&id).send().await;
    assert_eq!(refusal(of_namesake).0, "ResourceNotFoundException");
    world.advance(minutes(10));
    assert_eq!(state_of(&world), ("ACTIVE".into(), OLD.into()));
    Ok(())
}

#[tokio::test]
async fn updates_list_across_pages() -> anyhow::Result<()> {
    let world = prod_blue();
    world.page_size(2);
    for _ in 0..5 {
        world.script_next_update("prod", "blue", UpdateScript::Cancel { after: minutes(1) });
        world.start_update("prod", "blue", "1.33", NEW)?;
        world.advance(minutes(1));
    }
    let eks = clients(&world).await.eks;
    let pages = eks.list_updates().name("prod").nodegroup_name("blue").into_paginator().items().send();
    let mut listed: Vec<String> = pages.collect::<Result<_, _>>().await?;
    listed.sort();
    let mut started: Vec<String> = world.updates("prod", "blue").into_iter().map(|update| update.id).collect();
    started.sort();
    assert_eq!(listed, started);
    Ok(())
}

#[tokio::test]
async fn updates_are_listed_in_another_order_each_time_with_those_from_before() -> anyhow::Result<()> {
    let world = prod_blue();
    let started = world.start_update("prod", "blue", "1.33", NEW)?;
    let earlier = |number: i64| EarlierUpdate {
        created_at: world.now() - minutes(number),
        update_type: "ConfigUpdate".to_owned(),
        status: "Successful".to_owned(),
        installed: None,
    };
    let mut ids = world.add_earlier_updates("prod", "blue", (1..20).map(earlier).collect());
    ids.push(started);
    ids.sort();
    let eks = clients(&world).await.eks;
    let mut orders = BTreeSet::new();
    for _ in 0..3 {
        let list = eks.list_updates().name("prod").nodegroup_name("blue").send().await?;
        let listed = list.update_ids.unwrap_or_default();
        let mut sorted = listed.clone();
        sorted.sort();
        assert_eq!(sorted, ids);
        orders.insert(listed);
    }
    assert_eq!(orders.len(), 3);
    let update = eks.describe_update().name("prod").nodegroup_name("blue").update_id(&ids[0]).send().await?;
    assert_eq!(update.update.and_then(|update| update.id).as_ref(), Some(&ids[0]));
    Ok(())
}

#[tokio::test]
async fn the_same_story_has_the_same_ids() -> anyhow::Result<()> {
    let mut ids = Vec::new();
    for _ in 0..2 {
        let world = prod_blue();
        ids.push((world.nodegroup("prod", "blue").unwrap().arn, world.start_update("prod", "blue", "1.33", NEW)?));
    }
    assert_eq!(ids[0], ids[1]);
    Ok(())
}
