use serde_json::{Value, json};
use simulated_aws::{ApiError, RegionOptStatus};

use crate::http::signed;
use crate::sdk::{serve, world};

/// A `ListRegions` with these members: the status, and the body.
async fn list_regions(endpoint: &str, input: Value) -> anyhow::Result<(u16, Value)> {
    let body = input.to_string();
    let answer = signed(endpoint, "account", "POST /listRegions HTTP/1.1", "", body.as_bytes()).await?;
    Ok((answer.status, serde_json::from_str(&answer.body)?))
}

fn regions<const N: usize>(regions: [(&str, &str); N], next: Option<&str>) -> (u16, Value) {
    let region = |(name, status): (&str, &str)| json!({ "RegionName": name, "RegionOptStatus": status });
    (200, json!({ "Regions": regions.map(region).to_vec(), "NextToken": next }))
}

#[tokio::test]
async fn an_account_has_the_worlds_region_and_those_that_a_test_adds() -> anyhow::Result<()> {
    let world = world();
    let endpoint = serve(&world).await?;
    let own = ("eu-central-1", "ENABLED_BY_DEFAULT");
    assert_eq!(list_regions(&endpoint, json!({})).await?, regions([own], None));
    world.set_region("af-south-1", RegionOptStatus::Disabled);
    world.set_region("me-south-1", RegionOptStatus::Enabled);
    world.set_region("il-central-1", RegionOptStatus::Enabling);
    let (disabled, enabled) = (("af-south-1", "DISABLED"), ("me-south-1", "ENABLED"));
    let all = regions([disabled, own, ("il-central-1", "ENABLING"), enabled], None);
    assert_eq!(list_regions(&endpoint, json!({})).await?, all);
    let usable = json!({ "RegionOptStatusContains": ["ENABLED", "ENABLED_BY_DEFAULT"] });
    assert_eq!(list_regions(&endpoint, usable).await?, regions([own, enabled], None));

    let request = &world.requests()[0];
    assert_eq!(
        (request.action.as_str(), &request.resources[..]),
        ("account:ListRegions", &["arn:aws:account::123456789012:account".to_owned()][..])
    );
    Ok(())
}

#[tokio::test]
async fn regions_are_listed_in_pages() -> anyhow::Result<()> {
    let world = world();
    world.set_region("us-east-1", RegionOptStatus::EnabledByDefault);
    let endpoint = serve(&world).await?;
    let token = "65752d63656e7472616c2d31";
    let first = regions([("eu-central-1", "ENABLED_BY_DEFAULT")], Some(token));
    assert_eq!(list_regions(&endpoint, json!({ "MaxResults": 1 })).await?, first);
    let second = regions([("us-east-1", "ENABLED_BY_DEFAULT")], None);
    assert_eq!(list_regions(&endpoint, json!({ "MaxResults": 1, "NextToken": token })).await?, second);
    Ok(())
}

#[tokio::test]
async fn a_request_that_is_invalid_or_forbidden_is_an_error() -> anyhow::Result<()> {
    let world = world();
    let endpoint = serve(&world).await?;
    for input in [
        json!({ "MaxResults": 0 }),
        json!({ "MaxResults": 51 }),
        json!({ "NextToken": "?" }),
        json!({ "RegionOptStatusContains": ["enabled"] }),
    ] {
        let (status, body) = list_regions(&endpoint, input.clone()).await?;
        assert_eq!((status, &body["reason"]), (400, &json!("fieldValidationFailed")), "{input}");
    }
    let denied = ApiError::access_denied("account:ListRegions");
    let refused = (403, json!({ "message": denied.message }));
    assert_eq!(list_regions(&endpoint, json!({ "AccountId": "210987654321" })).await?, refused);
    world.fail_next("account:ListRegions", 1, denied);
    assert_eq!(list_regions(&endpoint, json!({})).await?, refused);
    let answer = signed(&endpoint, "account", "POST /getRegionOptStatus HTTP/1.1", "", b"{}").await?;
    assert_eq!(answer.status, 404);
    Ok(())
}
