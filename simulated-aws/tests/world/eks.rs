use aws_sdk_eks::types::NodegroupStatus;
use simulated_aws::Nodegroup;

use crate::sdk::{clients, refusal, world};

#[tokio::test]
async fn a_node_group_reads_as_it_was_added() -> anyhow::Result<()> {
    let world = world();
    let arn = world.add_nodegroup(
        Nodegroup::new("prod", "blue")
            .ami_type("AL2023_ARM_64_STANDARD")
            .tag("ami-update", "auto")
            .launch_template("workers", "7")
            .status("DEGRADED")
            .health_issue("NodeCreationFailure", "no node joined", &["i-0123"])
            .capacity_type("SPOT")
            .max_unavailable(2)
            .nodes(5),
    );
    let eks = clients(&world).await.eks;

    let output = eks.describe_nodegroup().cluster_name("prod").nodegroup_name("blue").send().await?;
    let nodegroup = output.nodegroup().unwrap();
    assert_eq!(nodegroup.nodegroup_arn(), Some(arn.as_str()));
    assert!(arn.starts_with("arn:aws:eks:eu-central-1:123456789012:nodegroup/prod/blue/"));
    assert_eq!(nodegroup.ami_type().unwrap().as_str(), "AL2023_ARM_64_STANDARD");
    assert_eq!(nodegroup.version(), Some("1.33"));
    assert_eq!(nodegroup.release_version(), Some("1.33.1-20260610"));
    assert_eq!(nodegroup.status(), Some(&NodegroupStatus::Degraded));
    assert_eq!(nodegroup.capacity_type().unwrap().as_str(), "SPOT");
    assert_eq!(nodegroup.tags().unwrap()["ami-update"], "auto");
    assert_eq!(nodegroup.launch_template().unwrap().version(), Some("7"));
    assert_eq!(nodegroup.scaling_config().unwrap().desired_size(), Some(5));
    assert_eq!(nodegroup.update_config().unwrap().max_unavailable(), Some(2));
    assert_eq!(nodegroup.created_at().unwrap().secs(), world.now().as_second());
    let [issue] = nodegroup.health().unwrap().issues() else { panic!("one issue") };
    assert_eq!(issue.code().unwrap().as_str(), "NodeCreationFailure");
    assert_eq!(issue.resource_ids(), ["i-0123"]);

    let cluster = eks.describe_cluster().name("prod").send().await?;
    assert_eq!(cluster.cluster().unwrap().version(), Some("1.33"));
    Ok(())
}

#[tokio::test]
async fn a_node_group_can_have_no_nodes() -> anyhow::Result<()> {
    let world = world();
    world.add_nodegroup(Nodegroup::new("prod", "blue").nodes(0));
    let eks = clients(&world).await.eks;
    let output = eks.describe_nodegroup().cluster_name("prod").nodegroup_name("blue").send().await?;
    let scaling = output.nodegroup.and_then(|nodegroup| nodegroup.scaling_config).unwrap();
    assert_eq!((scaling.min_size(), scaling.desired_size(), scaling.max_size()), (Some(0), Some(0), Some(1)));
    Ok(())
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let world = world();
    world.add_nodegroup(Nodegroup::new("prod", "blue"));
    let eks = clients(&world).await.eks;
    let not_found = |text: &str| ("ResourceNotFoundException".to_owned(), text.to_owned());

    let answer = eks.describe_nodegroup().cluster_name("prod").nodegroup_name("red").send().await;
    let error = answer.as_ref().unwrap_err().as_service_error().unwrap();
    assert!(error.is_resource_not_found_exception());
    assert_eq!(refusal(answer), not_found("No node group found for name: red."));
    let answer = eks.describe_nodegroup().cluster_name("dev").nodegroup_name("blue").send().await;
    assert_eq!(refusal(answer), not_found("No cluster found for name: dev."));
    assert_eq!(refusal(eks.describe_cluster().name("dev").send().await).0, "ResourceNotFoundException");
    assert_eq!(refusal(eks.list_nodegroups().cluster_name("dev").send().await).0, "ResourceNotFoundException");
    let answer = eks.describe_update().name("prod").nodegroup_name("blue").update_id("x").send().await;
    assert_eq!(refusal(answer), not_found("No update found for ID: x"));

    world.remove_cluster("prod");
    assert_eq!(world.nodegroup("prod", "blue"), None);
}

#[tokio::test]
async fn lists_cross_pages() -> anyhow::Result<()> {
    let world = world();
    for cluster in ["a", "b", "c", "d", "e"] {
        world.add_cluster(cluster, "1.33");
        world.add_nodegroup(Nodegroup::new("big", cluster));
    }
    world.page_size(2);
    let eks = clients(&world).await.eks;

    let clusters: Result<Vec<String>, _> = eks.list_clusters().into_paginator().items().send().collect().await;
    assert_eq!(clusters?, ["a", "b", "big", "c", "d", "e"]);
    let nodegroups: Result<Vec<String>, _> =
        eks.list_nodegroups().cluster_name("big").into_paginator().items().send().collect().await;
    assert_eq!(nodegroups?, ["a", "b", "c", "d", "e"]);
    assert_eq!(world.requests().len(), 6);

    let one = eks.list_clusters().max_results(1).send().await?;
    assert_eq!(one.clusters(), ["a"]);
    world.remove_cluster("a");
    let next = eks.list_clusters().set_next_token(one.next_token).max_results(1).send().await?;
    assert_eq!(next.clusters(), ["b"], "what goes between two pages shifts nothing");
    for refused in [eks.list_clusters().max_results(101), eks.list_clusters().next_token("zz")] {
        assert_eq!(refusal(refused.send().await).0, "InvalidParameterException");
    }
    Ok(())
}

#[tokio::test]
async fn tags_are_added_read_and_removed() -> anyhow::Result<()> {
    let world = world();
    let arn = world.add_nodegroup(Nodegroup::new("prod", "blue").tag("team", "web"));
    let eks = clients(&world).await.eks;

    eks.tag_resource().resource_arn(&arn).tags("ami-update", "auto").send().await?;
    let tags = eks.list_tags_for_resource().resource_arn(&arn).send().await?.tags.unwrap();
    assert_eq!(tags["ami-update"], "auto");
    eks.untag_resource().resource_arn(&arn).tag_keys("team").tag_keys("x").send().await?;
    let nodegroup = world.nodegroup("prod", "blue").unwrap();
    assert_eq!(nodegroup.tags.keys().collect::<Vec<_>>(), ["ami-update"]);

    let answer = eks.tag_resource().resource_arn(format!("{arn}x")).tags("a", "b").send().await;
    assert_eq!(refusal(answer).0, "NotFoundException");
    Ok(())
}

#[tokio::test]
async fn tags_keep_to_the_restrictions_of_aws() -> anyhow::Result<()> {
    let world = world();
    let arn = world.add_nodegroup(Nodegroup::new("prod", "blue").tag("aws:cloudformation:stack-name", "eks"));
    let eks = clients(&world).await.eks;

    for (key, value) in [("", "b"), ("a", "b,c"), ("a;", "b"), ("aws:a", "b"), ("a", "AWS:b")] {
        let answer = eks.tag_resource().resource_arn(&arn).tags(key, value).send().await;
        assert_eq!(refusal(answer).0, "BadRequestException", "{key}={value}");
    }
    for (key, value) in [("a".repeat(129), "b".to_owned()), ("a".to_owned(), "b".repeat(257))] {
        let answer = eks.tag_resource().resource_arn(&arn).tags(key, value).send().await;
        assert_eq!(refusal(answer).0, "BadRequestException");
    }
    let answer = eks.untag_resource().resource_arn(&arn).tag_keys("aws:cloudformation:stack-name").send().await;
    assert_eq!(refusal(answer).0, "BadRequestException");

    let fifty = (0..50).map(|number| (format!("é {number} _.:/=+-@"), String::new())).collect();
    eks.tag_resource().resource_arn(&arn).set_tags(Some(fifty)).send().await?;
    let answer = eks.tag_resource().resource_arn(&arn).tags("a", "b").send().await;
    assert_eq!(refusal(answer).0, "BadRequestException", "a tag of AWS does not count, the 51st of others does");
    assert_eq!(world.nodegroup("prod", "blue").unwrap().tags.len(), 51);
    Ok(())
}

#[tokio::test]
async fn requests_are_recorded_with_what_iam_would_check() -> anyhow::Result<()> {
    let world = world();
    let arn = world.add_nodegroup(Nodegroup::new("prod", "blue"));
    let eks = clients(&world).await.eks;
    eks.describe_nodegroup().cluster_name("prod").nodegroup_name("blue").send().await?;
    let _ = eks.describe_update().name("prod").nodegroup_name("blue").update_id("x").send().await;

    let [describe, update] = &world.requests()[..] else { panic!("two requests") };
    assert_eq!((describe.service, describe.operation.as_str()), ("eks", "DescribeNodegroup"));
    assert_eq!(describe.action, "eks:DescribeNodegroup");
    assert_eq!(describe.resources, [arn.as_str()]);
    assert_eq!(describe.access_key_id, "AKIDTEST");
    assert_eq!(describe.body["nodegroupName"], "blue");
    assert_eq!(describe.at, world.now());
    assert_eq!(update.resources, ["arn:aws:eks:eu-central-1:123456789012:cluster/prod", arn.as_str()]);

    world.clear_requests();
    assert!(world.requests().is_empty());
    Ok(())
}

#[tokio::test]
async fn an_operation_it_does_not_have_is_a_clear_error() {
    let world = world();
    let clients = clients(&world).await;
    let answer = clients.eks.delete_cluster().name("prod").send().await;
    assert_eq!(refusal(answer).0, "UnknownOperationException");
    let answer = clients.ssm.describe_parameters().send().await;
    assert_eq!(
        refusal(answer),
        ("UnknownOperationException".to_owned(), "This simulation has no operation ssm:DescribeParameters".to_owned())
    );
    assert_eq!(refusal(clients.sns.list_platform_applications().send().await).0, "InvalidAction");
    assert_eq!(refusal(clients.tagging.get_tag_keys().send().await).0, "UnknownOperationException");
}
