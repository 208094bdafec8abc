use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use jiff::SignedDuration;
use simulated_aws::{ApiError, Fault, Nodegroup, World};

use crate::sdk::{clients, patient_clients, refusal, world};

const NEW: &str = "1.33.2-20260701";

fn prod_blue() -> World {
    let world = world();
    world.add_nodegroup(Nodegroup::new("prod", "blue"));
    world.publish_release("AL2023_x86_64_STANDARD", "1.33", NEW);
    world
}

async fn update(eks: &aws_sdk_eks::Client) -> (String, String) {
    let request = eks.update_nodegroup_version().cluster_name("prod").nodegroup_name("blue").version("1.33");
    refusal(request.release_version(NEW).send().await)
}

#[tokio::test]
async fn a_fault_says_whether_the_request_takes_effect_and_what_is_answered() {
    let effects = [
        (Fault::None, true, "accepted"),
        (Fault::Error(ApiError::server()), false, "ServerException"),
        (Fault::ErrorAfter(ApiError::server()), true, "ServerException"),
        (Fault::LostBefore, false, "lost"),
        (Fault::LostAfter, true, "lost"),
        (Fault::Body { status: 200, body: Bytes::from_static(b"<html>") }, true, "unreadable"),
        (Fault::Truncated, true, "unreadable"),
    ];
    for (fault, takes_effect, answer) in effects {
        let world = prod_blue();
        let eks = clients(&world).await.eks;
        let told = fault.clone();
        world.on_request(move |request| {
            assert_eq!(request.action, "eks:UpdateNodegroupVersion");
            told.clone()
        });
        assert_eq!(update(&eks).await.0, answer, "{fault:?}");
        assert_eq!(world.updates("prod", "blue").len(), usize::from(takes_effect), "{fault:?}");
        assert_eq!(world.requests().len(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn an_answer_can_lack_any_one_of_its_members() {
    let world = world();
    world.add_cluster("prod", "1.33");
    let eks = clients(&world).await.eks;
    let mut lacking = BTreeSet::new();
    for number in 0..18 {
        world.on_request(move |_| Fault::WithoutMember(number));
        let answer = eks.describe_cluster().name("prod").send().await.unwrap();
        lacking.insert(answer.cluster.map_or(vec!["cluster"], |cluster| {
            let issues = cluster.health.as_ref().map(|health| health.issues.is_some());
            let members = [
                ("name", cluster.name.is_some()),
                ("arn", cluster.arn.is_some()),
                ("createdAt", cluster.created_at.is_some()),
                ("version", cluster.version.is_some()),
                ("status", cluster.status.is_some()),
                ("health", issues.is_some()),
                ("health.issues", issues.unwrap_or(true)),
                ("tags", cluster.tags.is_some()),
            ];
            members.into_iter().filter(|(_, is_there)| !is_there).map(|(name, _)| name).collect()
        }));
    }
    let each = ["arn", "cluster", "createdAt", "health", "health.issues", "name", "status", "tags", "version"];
    assert_eq!(lacking, each.map(|name| vec![name]).into());
}

#[tokio::test(start_paused = true)]
async fn the_sdk_retries_what_is_transient_and_nothing_else() {
    let world = prod_blue();
    let eks = patient_clients(&world).await.eks;
    for error in [ApiError::throttling(), ApiError::server(), ApiError::service_unavailable()] {
        world.clear_requests();
        world.fail_next("eks:ListClusters", 2, error);
        assert_eq!(refusal(eks.list_clusters().send().await).0, "accepted");
        assert_eq!(world.requests().len(), 3);
    }
    world.clear_requests();
    world.fail_next("eks:ListClusters", 1, ApiError::access_denied("eks:ListClusters"));
    let (code, message) = refusal(eks.list_clusters().send().await);
    assert_eq!(code, "AccessDeniedException");
    assert!(message.contains("is not authorized to perform: eks:ListClusters"), "{message}");
    assert_eq!(world.requests().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_retried_with_the_same_token() {
    let world = prod_blue();
    let eks = patient_clients(&world).await.eks;
    let mut lost = false;
    world.on_request(move |_| if std::mem::replace(&mut lost, true) { Fault::None } else { Fault::LostAfter });
    assert_eq!(update(&eks).await.0, "accepted");
    assert_eq!(world.requests().len(), 2);
    assert_eq!(world.updates("prod", "blue").len(), 1);
}

#[tokio::test]
async fn errors_come_in_each_services_own_form() {
    let world = world();
    let clients = clients(&world).await;
    for action in ["eks:ListClusters", "ssm:GetParameter", "sns:ListTopics", "tag:GetResources", "dynamodb:ListTables"]
    {
        world.fail_next(action, 1, ApiError::access_denied(action));
    }
    let denied = "AccessDeniedException";
    assert_eq!(refusal(clients.eks.list_clusters().send().await).0, denied);
    assert_eq!(refusal(clients.ssm.get_parameter().name("x").send().await).0, denied);
    assert_eq!(refusal(clients.sns.list_topics().send().await).0, "AuthorizationError");
    assert_eq!(refusal(clients.tagging.get_resources().send().await).0, denied);
    assert_eq!(refusal(clients.dynamodb.list_tables().send().await).0, denied);
    assert_eq!(refusal(clients.dynamodb.list_tables().send().await).0, "accepted");
}

#[tokio::test]
async fn a_hook_may_change_the_world_between_two_requests() {
    let world = prod_blue();
    let eks = clients(&world).await.eks;
    let inner = world.clone();
    world.on_request(move |_| {
        inner.advance(SignedDuration::from_mins(1));
        inner.edit_nodegroup("prod", "blue", |nodegroup| nodegroup.status = "DELETING".to_owned());
        Fault::None
    });
    let before = world.now();
    assert_eq!(update(&eks).await.0, "ResourceInUseException");
    assert_eq!(world.now().duration_since(before), SignedDuration::from_mins(1));
    world.fail_next("eks:ListClusters", 9, ApiError::new(400, "Odd", "odd"));
    world.clear_faults();
    assert_eq!(refusal(eks.list_clusters().send().await).0, "accepted");
    assert_eq!(world.now().duration_since(before).unsigned_abs(), Duration::from_secs(60));
}
