use aws_sdk_eks::Client;
use aws_sdk_eks::operation::describe_cluster_versions::builders::DescribeClusterVersionsFluentBuilder;
use aws_sdk_eks::types::VersionStatus;
use jiff::{SignedDuration, Timestamp};
use simulated_aws::{Nodegroup, UpdateScript, World};

use crate::sdk::{clients, refusal, world};
use crate::updates::{minutes, update};

const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A node group at 1.33, and a release of each Kubernetes version from 1.31 to 1.36.
fn prod_blue() -> World {
    let world = world();
    world.add_nodegroup(Nodegroup::new("prod", "blue"));
    for version in 31..=36 {
        world.eks_learns("AL2023_x86_64_STANDARD", &format!("1.{version}"), &release(&format!("1.{version}")));
    }
    world
}

fn release(version: &str) -> String {
    format!("{version}.1-20260610")
}

async fn ask(eks: &Client, version: &str) -> (String, String) {
    refusal(update(eks).version(version).release_version(release(version)).send().await)
}

fn refused(cluster: &str, nodegroup: &str) -> (String, String) {
    let text = format!(
        "Nodegroup Kubernetes version should be equal to Cluster kubernetes version {cluster} or NodeGroup kubernetes \
         version {nodegroup}"
    );
    ("InvalidParameterException".to_owned(), text)
}

async fn shown_version(eks: &Client, cluster: &str) -> anyhow::Result<Option<String>> {
    Ok(eks.describe_cluster().name(cluster).send().await?.cluster.and_then(|cluster| cluster.version))
}

fn version(world: &World) -> String {
    world.nodegroup("prod", "blue").unwrap().version
}

#[tokio::test]
async fn a_node_group_takes_its_own_kubernetes_version_or_its_clusters() {
    let world = prod_blue();
    let eks = clients(&world).await.eks;
    for other in ["1.32", "1.34"] {
        assert_eq!(ask(&eks, other).await, refused("1.33", "1.33"));
    }
    world.add_cluster("prod", "1.34");
    world.add_cluster("prod", "1.35");
    world.add_cluster("prod", "1.36");
    for other in ["1.32", "1.34", "latest"] {
        assert_eq!(ask(&eks, other).await, refused("1.36", "1.33"));
    }
    for accepted in ["1.33", "1.36"] {
        assert_eq!(ask(&eks, accepted).await.0, "accepted");
        world.advance(minutes(10));
        assert_eq!(version(&world), accepted);
    }
}

#[tokio::test]
async fn within_a_week_of_the_clusters_upgrade_a_node_group_may_go_back_to_the_former_version() {
    let world = prod_blue();
    let eks = clients(&world).await.eks;
    world.add_cluster("prod", "1.34");
    for wanted in ["1.34", "1.33", "1.34"] {
        assert_eq!(ask(&eks, wanted).await.0, "accepted");
        world.advance(minutes(10));
        assert_eq!(version(&world), wanted);
    }
    assert_eq!(ask(&eks, "1.32").await, refused("1.34", "1.34"));
}

#[tokio::test]
async fn the_former_version_is_open_for_seven_days() {
    let second = SignedDuration::from_secs(1);
    let accepted = ("accepted".to_owned(), String::new());
    for (after, expected) in [(WEEK, accepted), (WEEK + second, refused("1.34", "1.34"))] {
        let world = prod_blue();
        world.edit_nodegroup("prod", "blue", |nodegroup| nodegroup.version = "1.34".to_owned());
        world.add_cluster("prod", "1.34");
        world.advance(after);
        assert_eq!(ask(&clients(&world).await.eks, "1.33").await, expected);
    }
}

#[tokio::test]
async fn a_cluster_rolls_back_once_its_node_groups_have() -> anyhow::Result<()> {
    let world = prod_blue();
    let eks = clients(&world).await.eks;
    world.add_cluster("prod", "1.34");
    world.start_update("prod", "blue", "1.34", &release("1.34"))?;
    assert!(!world.roll_back_cluster("prod"), "its node group is on its way to 1.34");
    world.advance(minutes(10));
    assert!(!world.roll_back_cluster("prod"), "its node group runs 1.34");
    assert_eq!(shown_version(&eks, "prod").await?.as_deref(), Some("1.34"));

    world.start_update("prod", "blue", "1.33", &release("1.33"))?;
    world.advance(minutes(10));
    assert!(world.roll_back_cluster("prod"));
    assert_eq!(shown_version(&eks, "prod").await?.as_deref(), Some("1.33"));
    assert_eq!(ask(&eks, "1.34").await, refused("1.33", "1.33"));
    assert!(!world.roll_back_cluster("prod"), "it is back already");
    Ok(())
}

#[test]
fn a_cluster_rolls_back_within_a_week_and_by_one_minor_version() {
    let world = world();
    for (cluster, to) in [("late", "1.34"), ("new", "1.33"), ("jumped", "1.35")] {
        world.add_cluster(cluster, "1.33");
        world.add_cluster(cluster, to);
    }
    for cluster in ["new", "jumped", "none"] {
        assert!(!world.roll_back_cluster(cluster), "{cluster}");
    }
    world.advance(WEEK + SignedDuration::from_secs(1));
    assert!(!world.roll_back_cluster("late"));
    world.add_cluster("late", "1.35");
    assert!(world.roll_back_cluster("late"));
}

#[tokio::test]
async fn an_upgrade_under_way_is_visible_before_node_groups_may_follow() -> anyhow::Result<()> {
    let world = prod_blue();
    let eks = clients(&world).await.eks;
    world.add_cluster("prod", "1.34");
    world.cluster_upgrading("prod", true);
    assert_eq!(shown_version(&eks, "prod").await?.as_deref(), Some("1.34"));
    assert_eq!(ask(&eks, "1.34").await, refused("1.33", "1.33"));
    assert!(!world.roll_back_cluster("prod"), "its upgrade is not complete");

    world.advance(WEEK);
    world.cluster_upgrading("prod", false);
    world.advance(WEEK);
    for accepted in ["1.34", "1.33"] {
        assert_eq!(ask(&eks, accepted).await.0, "accepted");
        world.change_update_script("prod", "blue", UpdateScript::Succeed { after: SignedDuration::ZERO });
    }
    assert!(world.roll_back_cluster("prod"), "seven days count from the end of the upgrade");
    Ok(())
}

/// Four Kubernetes versions, as of July 2026: one in standard support, two in extended support, one without.
fn with_versions() -> anyhow::Result<World> {
    let world = world();
    let day = |date: &str| format!("{date}T00:00:00Z").parse::<Timestamp>();
    world.add_kubernetes_version("1.30", day("2025-07-23")?, day("2026-07-01")?);
    world.add_kubernetes_version("1.31", day("2025-11-26")?, day("2026-11-26")?);
    world.add_kubernetes_version("1.32", day("2026-07-01")?, day("2027-03-23")?);
    world.add_kubernetes_version("1.33", day("2026-07-29")?, day("2027-07-29")?);
    Ok(world)
}

async fn listed(request: DescribeClusterVersionsFluentBuilder) -> anyhow::Result<Vec<(String, VersionStatus)>> {
    let versions = request.send().await?.cluster_versions.unwrap_or_default().into_iter();
    Ok(versions.filter_map(|version| Some((version.cluster_version?, version.version_status?))).collect())
}

#[tokio::test]
async fn kubernetes_versions_have_the_support_that_their_dates_give_them() -> anyhow::Result<()> {
    let world = with_versions()?;
    let eks = clients(&world).await.eks;
    let row = |version: &str, status| (version.to_owned(), status);
    let (standard, extended, ended) =
        (VersionStatus::StandardSupport, VersionStatus::ExtendedSupport, VersionStatus::Unsupported);
    let supported =
        [row("1.31", extended.clone()), row("1.32", extended.clone()), row("1.33", standard.clone())].to_vec();
    let request = || eks.describe_cluster_versions();
    assert_eq!(listed(request()).await?, supported);
    let all = [vec![row("1.30", ended.clone())], supported].concat();
    assert_eq!(listed(request().include_all(true)).await?, all);
    assert_eq!(listed(request().version_status(standard)).await?, all[3..]);
    assert_eq!(listed(request().cluster_versions("1.30").cluster_versions("1.31")).await?, all[..2]);
    let answer = request().version_status("none".into()).send().await;
    assert_eq!(refusal(answer).0, "InvalidParameterException");

    let one = request().cluster_versions("1.33").send().await?.cluster_versions.unwrap_or_default().remove(0);
    assert_eq!(one.end_of_standard_support_date.unwrap().to_string(), "2026-07-29T00:00:00Z");
    assert_eq!(one.end_of_extended_support_date.unwrap().to_string(), "2027-07-29T00:00:00Z");
    world.advance(SignedDuration::from_hours(28 * 24));
    assert_eq!(listed(request().cluster_versions("1.33")).await?, [row("1.33", extended)]);
    Ok(())
}

#[tokio::test]
async fn kubernetes_versions_cross_pages_and_concern_no_resource() -> anyhow::Result<()> {
    let world = with_versions()?;
    let eks = clients(&world).await.eks;
    let pages = eks.describe_cluster_versions().include_all(true).max_results(3).into_paginator().send();
    let pages = pages.collect::<Result<Vec<_>, _>>().await?;
    let pages: Vec<Vec<_>> = pages
        .iter()
        .map(|page| page.cluster_versions().iter().filter_map(|version| version.cluster_version()).collect())
        .collect();
    assert_eq!(pages, [vec!["1.30", "1.31", "1.32"], vec!["1.33"]]);
    let [first, _] = &world.requests()[..] else { panic!("two requests") };
    assert_eq!((first.action.as_str(), &first.resources[..]), ("eks:DescribeClusterVersions", &["*".to_owned()][..]));
    Ok(())
}

#[tokio::test]
async fn eks_lists_no_kubernetes_versions_unless_told() -> anyhow::Result<()> {
    let eks = clients(&world()).await.eks;
    assert_eq!(listed(eks.describe_cluster_versions().include_all(true)).await?, []);
    Ok(())
}
