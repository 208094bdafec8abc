use aws_sdk_resourcegroupstagging::Client;
use aws_sdk_resourcegroupstagging::types::TagFilter;
use simulated_aws::{Nodegroup, World};

use crate::sdk::{clients, refusal, serve, world};

fn filter(key: &str, values: &[&str]) -> TagFilter {
    let values = values.iter().map(|&value| value.to_owned()).collect();
    TagFilter::builder().key(key).set_values(Some(values)).build()
}

async fn found(client: &Client, filters: &[TagFilter]) -> anyhow::Result<Vec<String>> {
    let request = client.get_resources().resource_type_filters("eks:nodegroup");
    let pages = request.set_tag_filters(Some(filters.to_vec())).into_paginator().items().send();
    let mappings = pages.collect::<Result<Vec<_>, _>>().await?;
    Ok(mappings.into_iter().filter_map(|mapping| mapping.resource_arn).collect())
}

fn three() -> (World, [String; 3]) {
    let world = world();
    let arns = [("blue", "auto"), ("green", "notify"), ("red", "auto")]
        .map(|(name, value)| world.add_nodegroup(Nodegroup::new("prod", name).tag("ami-update", value)));
    world.add_nodegroup(Nodegroup::new("prod", "untagged"));
    (world, arns)
}

#[tokio::test]
async fn resources_are_found_by_tags_and_type() -> anyhow::Result<()> {
    let (world, [blue, green, red]) = three();
    let client = clients(&world).await.tagging;
    world.edit_nodegroup("prod", "red", |nodegroup| {
        nodegroup.tags.insert("team".to_owned(), "web".to_owned());
    });
    assert_eq!(found(&client, &[filter("ami-update", &["auto"])]).await?, [blue.clone(), red.clone()]);
    assert_eq!(found(&client, &[filter("ami-update", &["auto", "notify"])]).await?.len(), 3);
    assert_eq!(found(&client, &[filter("ami-update", &[])]).await?, [blue, green, red.clone()]);
    assert_eq!(found(&client, &[filter("ami-update", &["auto"]), filter("team", &["web"])]).await?, [red]);
    let clusters = client.get_resources().resource_type_filters("eks:cluster").send().await?;
    assert!(clusters.resource_tag_mapping_list().is_empty());
    assert_eq!(world.requests()[0].action, "tag:GetResources");
    Ok(())
}

#[tokio::test]
async fn pages_can_be_short_and_empty() -> anyhow::Result<()> {
    let (world, arns) = three();
    let client = clients(&world).await.tagging;
    world.page_size(2);
    world.sparse_tag_pages(true);
    assert_eq!(found(&client, &[]).await?, arns);
    assert_eq!(world.requests().len(), 4);
    let answer = client.get_resources().pagination_token("~?").send().await;
    assert_eq!(refusal(answer).0, "PaginationTokenExpiredException");
    assert_eq!(refusal(client.get_resources().resources_per_page(101).send().await).0, "InvalidParameterException");
    Ok(())
}

#[tokio::test]
async fn the_index_lists_what_once_had_tags_and_lags_when_told_to() -> anyhow::Result<()> {
    let (world, [blue, green, red]) = three();
    let client = clients(&world).await.tagging;
    world.edit_nodegroup("prod", "blue", |nodegroup| nodegroup.tags.clear());
    assert_eq!(found(&client, &[]).await?, [blue.clone(), green.clone(), red.clone()]);
    assert_eq!(found(&client, &[filter("ami-update", &["auto"])]).await?, [red.as_str()]);

    world.remove_nodegroup("prod", "red");
    assert_eq!(found(&client, &[]).await?, [blue.clone(), green.clone()]);
    for arn in [&blue, &red] {
        world.index_tags(arn, &[("ami-update", "auto")]);
    }
    assert_eq!(found(&client, &[filter("ami-update", &["auto"])]).await?, [blue.clone(), red.clone()]);
    world.reindex_tags(&blue);
    assert_eq!(found(&client, &[filter("ami-update", &["auto"])]).await?, [red]);
    Ok(())
}

#[tokio::test]
async fn it_speaks_cbor_to_clients_that_do() -> anyhow::Result<()> {
    let (world, _) = three();
    let endpoint = serve(&world).await?;
    let body = [&[0xa1, 0x70][..], b"ResourcesPerPage", &[1]].concat();
    let path = "/service/ResourceGroupsTaggingAPI_20170126/operation/GetResources";
    let headers = "smithy-protocol: rpc-v2-cbor\r\ncontent-type: application/cbor\r\n\
                   authorization: AWS4-HMAC-SHA256 Credential=A/20260701/eu-central-1/tagging/aws4_request, x\r\n";
    let answer = crate::http::raw(&endpoint, &format!("POST {path} HTTP/1.1"), headers, &body).await?;
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("application/cbor") && answer.contains("nodegroup/prod/blue"), "{answer}");
    Ok(())
}
