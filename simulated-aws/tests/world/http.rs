use std::collections::BTreeMap;

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use simulated_aws::{Fault, Nodegroup, World};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::dynamodb::updates_table;
use crate::sdk::{refusal, remote_clients, serve, world};

/// Sends one request as it stands and reads all there is to the end of the connection.
pub async fn raw(endpoint: &str, start: &str, headers: &str, body: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(endpoint.trim_start_matches("http://")).await?;
    let head =
        format!("{start}\r\nhost: localhost\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer)
}

/// An answer, as far as a service says what is in it.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// The headers that a service adds, but for the id of the request.
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Answer {
    pub fn new(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let headers = headers.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { status, headers, body: body.to_owned() }
    }
}

/// Sends a request that is signed for a service.
pub async fn signed(endpoint: &str, service: &str, start: &str, headers: &str, body: &[u8]) -> anyhow::Result<Answer> {
    signed_for(endpoint, &format!("eu-central-1/{service}"), start, headers, body).await
}

/// Sends a request that is signed for a region and a service, such as `eu-central-1/eks`.
pub async fn signed_for(
    endpoint: &str,
    scope: &str,
    start: &str,
    headers: &str,
    body: &[u8],
) -> anyhow::Result<Answer> {
    let scope = format!("Credential=A/20260701/{scope}/aws4_request, x");
    let headers = format!("authorization: AWS4-HMAC-SHA256 {scope}\r\n{headers}");
    let answer = String::from_utf8(raw(endpoint, start, &headers, body).await?)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("no head")?;
    let status = head.split(' ').nth(1).context("no status")?.parse()?;
    let headers = head.lines().filter_map(|line| line.split_once(": "));
    let own = |(name, _): &(&str, &str)| name.starts_with("x-amz") && *name != "x-amzn-requestid";
    Ok(Answer::new(status, &headers.filter(own).collect::<Vec<_>>(), body))
}

#[tokio::test]
async fn every_service_answers_over_http_from_the_same_world() -> anyhow::Result<()> {
    let world = world();
    world.add_nodegroup(Nodegroup::new("prod", "blue").tag("ami-update", "auto"));
    world.put_parameter("/own", "value");
    let topic = world.create_topic("updates");
    world.create_table(&updates_table());
    let remote = remote_clients(&world).await?;

    let nodegroup = remote.eks.describe_nodegroup().cluster_name("prod").nodegroup_name("blue").send().await?;
    assert_eq!(nodegroup.nodegroup().unwrap().version(), Some("1.33"));
    let parameter = remote.ssm.get_parameter().name("/own").send().await?;
    assert_eq!(parameter.parameter().unwrap().value(), Some("value"));
    remote.sns.publish().topic_arn(topic).message("a".repeat(200_000)).send().await?;
    assert_eq!(world.published().len(), 1);
    let resources = remote.tagging.get_resources().send().await?;
    assert_eq!(resources.resource_tag_mapping_list().len(), 1);
    let table = remote.dynamodb.describe_table().table_name("updates").send().await?;
    assert_eq!(table.table().unwrap().table_name(), Some("updates"));

    let missing = remote.eks.describe_cluster().name("dev").send().await;
    assert_eq!(refusal(missing).0, "ResourceNotFoundException");
    assert_eq!(world.requests().len(), 6);
    Ok(())
}

#[tokio::test]
async fn a_lost_connection_is_one_over_http_too() -> anyhow::Result<()> {
    let world = world();
    world.add_cluster("prod", "1.33");
    let remote = remote_clients(&world).await?;
    let mut faults = vec![Fault::Truncated, Fault::LostAfter, Fault::LostBefore];
    world.on_request(move |_| faults.pop().unwrap_or_default());
    for answer in ["lost", "lost", "unreadable", "accepted"] {
        assert_eq!(refusal(remote.eks.list_clusters().send().await).0, answer);
    }
    Ok(())
}

#[tokio::test]
async fn whatever_arrives_gets_an_answer() -> anyhow::Result<()> {
    let world = world();
    world.add_nodegroup(Nodegroup::new("prod", "blue"));
    let endpoint = serve(&world).await?;
    let signed = |service: &str| {
        format!("authorization: AWS4-HMAC-SHA256 Credential=A/20260701/eu-central-1/{service}/aws4_request, x\r\n")
    };
    let target = |service: &str, name: &str| format!("{}x-amz-target: {name}\r\n", signed(service));
    let update = "POST /clusters/prod/node-groups/blue/update-version HTTP/1.1";
    let cases: Vec<(&str, String, &[u8], &str)> = vec![
        ("GET / HTTP/1.1", String::new(), b"", "403"),
        ("GET / HTTP/1.1", "authorization: Bearer x\r\n".to_owned(), b"", "403"),
        ("GET / HTTP/1.1", "authorization: Credential=\r\n".to_owned(), b"", "403"),
        ("GET / HTTP/1.1", signed("s3"), b"", "404"),
        ("GET /%ff%00/../.. HTTP/1.1", signed("eks"), b"", "404"),
        ("PATCH /tags/x HTTP/1.1", signed("eks"), b"", "404"),
        ("GET /tags HTTP/1.1", signed("eks"), b"", "404"),
        ("GET /clusters?maxResults=-1 HTTP/1.1", signed("eks"), b"", "400"),
        ("GET /clusters?nextToken=%F0%9F HTTP/1.1", signed("eks"), b"", "400"),
        (update, signed("eks"), b"{", "400"),
        (update, signed("eks"), b"[]", "400"),
        (update, signed("eks"), br#"{"version": 1}"#, "400"),
        (update, signed("eks"), br#"{"version": "99999999999.1"}"#, "400"),
        (update, signed("eks"), b"\xff\xfe", "400"),
        ("POST / HTTP/1.1", signed("ssm"), b"{}", "400"),
        ("POST / HTTP/1.1", target("ssm", "AmazonSSM.GetParameters"), br#"{"Names": 3}"#, "400"),
        ("POST / HTTP/1.1", target("ssm", "AmazonSSM.GetParameter"), br#"{"Name": ":"}"#, "400"),
        (
            "POST / HTTP/1.1",
            target("ssm", "AmazonSSM.GetParametersByPath"),
            br#"{"Path": "/", "MaxResults": 0}"#,
            "400",
        ),
        ("POST / HTTP/1.1", target("tagging", "X.GetResources"), br#"{"TagFilters": {}}"#, "400"),
        ("POST / HTTP/1.1", signed("sns"), b"", "400"),
        ("POST / HTTP/1.1", signed("sns"), b"Action=%ff&%%%=1", "400"),
        ("POST / HTTP/1.1", signed("sns"), b"Action=Publish&TopicArn=arn:aws:sns:", "404"),
        ("POST / HTTP/1.1", signed("sts"), b"Action=GetCallerIdentity", "200"),
        ("POST / HTTP/1.1", signed("sts"), b"Action=<&>", "400"),
        ("POST / HTTP/1.1", target("dynamodb", "DynamoDB_20120810.GetItem"), b"{}", "400"),
        ("POST / HTTP/1.1", target("dynamodb", "DynamoDB_20120810.PutItem"), br#"{"Item": 7}"#, "400"),
        ("POST / HTTP/1.1", target("dynamodb", "DynamoDB_20120810.BatchGetItem"), b"{}", "400"),
        ("POST / HTTP/1.1", target("dynamodb", "DynamoDB_20120810.Query"), br#"{"IndexName": "x"}"#, "400"),
    ];
    for (start, headers, body, status) in cases {
        let answer = raw(&endpoint, start, &headers, body).await?;
        let answer = String::from_utf8_lossy(&answer);
        let expected = format!("HTTP/1.1 {status} ");
        assert!(answer.starts_with(&expected), "{start} {headers}{body:?}: {answer}");
    }
    let answer = raw(&endpoint, "POST / HTTP/1.1", &signed("sns"), &vec![b'a'; 17 * 1024 * 1024]).await;
    assert!(answer.is_err() || answer.is_ok_and(|answer| answer.starts_with(b"HTTP/1.1 413")));
    Ok(())
}

#[test]
fn time_can_come_from_outside() {
    let world = World::with_clock(|| Timestamp::UNIX_EPOCH);
    world.advance(SignedDuration::from_hours(1));
    assert_eq!(world.now().as_second(), 3600);
    world.advance(SignedDuration::MAX);
    assert_eq!(world.now(), Timestamp::MAX);
}
