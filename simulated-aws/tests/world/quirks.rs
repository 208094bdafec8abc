use aws_sdk_eks::Client;
use jiff::SignedDuration;
use simulated_aws::{AlreadyAtTarget, DegradedUpdate, Downgrade, Nodegroup, TokenReplay, World};

use crate::sdk::{clients, refusal, world};

const OLD: &str = "1.33.1-20260610";
const NEW: &str = "1.33.2-20260701";

async fn ask(eks: &Client, release: &str, token: &str) -> (String, String) {
    let request = eks.update_nodegroup_version().cluster_name("prod").nodegroup_name("blue").version("1.33");
    match request.release_version(release).client_request_token(token).send().await {
        Ok(output) => ("accepted".to_owned(), output.update.and_then(|update| update.id).unwrap_or_default()),
        refused => refusal(refused),
    }
}

async fn prod_blue() -> (World, Client) {
    let world = world();
    world.add_nodegroup(Nodegroup::new("prod", "blue"));
    world.publish_release("AL2023_x86_64_STANDARD", "1.33", NEW);
    let eks = clients(&world).await.eks;
    (world, eks)
}

#[tokio::test]
async fn a_token_seen_before_is_answered_with_its_update() {
    let (world, eks) = prod_blue().await;
    let first = ask(&eks, NEW, "token").await;
    assert_eq!(ask(&eks, NEW, "token").await, first);
    assert_eq!(ask(&eks, OLD, "token").await.0, "InvalidParameterException");
    world.advance(SignedDuration::from_hours(1));
    assert_eq!(ask(&eks, NEW, "token").await, first);
    assert_eq!(world.updates("prod", "blue").len(), 1);
}

#[tokio::test]
async fn a_token_seen_before_is_refused() {
    let (world, eks) = prod_blue().await;
    world.token_replay(TokenReplay::ResourceInUse);
    assert_eq!(ask(&eks, NEW, "token").await.0, "accepted");
    world.advance(SignedDuration::from_hours(1));
    assert_eq!(ask(&eks, NEW, "token").await.0, "ResourceInUseException");
}

#[tokio::test]
async fn a_token_seen_before_means_nothing() {
    let (world, eks) = prod_blue().await;
    world.token_replay(TokenReplay::NewUpdate);
    assert_eq!(ask(&eks, NEW, "token").await.0, "accepted");
    assert_eq!(ask(&eks, NEW, "token").await.0, "ResourceInUseException");
    world.advance(SignedDuration::from_hours(1));
    assert_eq!(ask(&eks, NEW, "token").await.0, "accepted");
    assert_eq!(world.updates("prod", "blue").len(), 2);
}

#[tokio::test]
async fn asking_for_what_runs_already_is_an_update_or_an_error() {
    let (world, eks) = prod_blue().await;
    assert_eq!(ask(&eks, OLD, "a").await.0, "accepted");
    let [update] = &world.updates("prod", "blue")[..] else { panic!("one update") };
    assert_eq!(update.status, "Successful");
    assert_eq!(world.nodegroup("prod", "blue").unwrap().status, "ACTIVE");
    world.already_at_target(AlreadyAtTarget::Error);
    assert_eq!(ask(&eks, OLD, "b").await.0, "InvalidParameterException");
}

#[tokio::test]
async fn an_older_release_is_accepted_or_refused() {
    let (world, eks) = prod_blue().await;
    for (token, release) in [("a", NEW), ("b", OLD), ("c", NEW)] {
        assert_eq!(ask(&eks, release, token).await.0, "accepted");
        world.advance(SignedDuration::from_hours(1));
        assert_eq!(world.nodegroup("prod", "blue").unwrap().release, release);
    }
    world.downgrade(Downgrade::Refused);
    let text = format!("Requested Nodegroup release version {OLD} is invalid. Allowed release version is {NEW}");
    assert_eq!(ask(&eks, OLD, "d").await, ("InvalidParameterException".to_owned(), text));
}

#[tokio::test]
async fn a_degraded_node_group_with_tolerated_issues_is_updated_or_in_use() {
    let (world, eks) = prod_blue().await;
    let degraded = Nodegroup::new("prod", "blue").status("DEGRADED");
    world.add_nodegroup(degraded.health_issue("AsgInstanceLaunchFailures", "no capacity", &[]));
    world.degraded_update(DegradedUpdate::InUse);
    let text = "Nodegroup cannot be updated as it is currently not in Active State".to_owned();
    assert_eq!(ask(&eks, NEW, "a").await, ("ResourceInUseException".to_owned(), text));
    world.degraded_update(DegradedUpdate::Accepted);
    assert_eq!(ask(&eks, NEW, "b").await.0, "accepted");
}
