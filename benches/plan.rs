//! How the plan grows with the fleet: all groups on one line of releases, a third of them in each of three rings, and the
//! later rings waiting for the first, which is the most that a plan has to look at.
//!
//! ```sh
//! cargo bench --bench plan
//! ```

use std::collections::HashMap;
use std::hint::black_box;

use aws_sdk_eks::types::{AmiTypes, NodegroupStatus};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use eks_nodegroup_updater::config::StartConfig;
use eks_nodegroup_updater::discover::{Clusters, Found, Seen};
use eks_nodegroup_updater::event::StartEvent;
use eks_nodegroup_updater::model::ami_type::Family;
use eks_nodegroup_updater::model::nodegroup::{Nodegroup, NodegroupId};
use eks_nodegroup_updater::model::policy::{Mode, Policy, Rules};
use eks_nodegroup_updater::model::record::{Intent, Record};
use eks_nodegroup_updater::model::release_version::ReleaseVersion;
use eks_nodegroup_updater::model::update::Status;
use eks_nodegroup_updater::plan::{Facts, lines_that_need_older, plan};
use eks_nodegroup_updater::resolve::{LineKey, Offer, Published, Releases};
use jiff::{SignedDuration, Timestamp};

/// EKS allows thirty node groups in a cluster.
const GROUPS_PER_CLUSTER: u32 = 30;
const RINGS: u32 = 3;
/// Releases that AWS offers.
const OFFERED: u32 = 20;
/// The release of the first ring, and that of the others.
const AHEAD: u32 = 18;
const BEHIND: u32 = 10;

fn now() -> Timestamp {
    "2026-07-21T09:00:00Z".parse().expect("a time")
}

fn release(day: u32) -> String {
    format!("1.33.1-202607{day:02}")
}

fn id(index: u32) -> NodegroupId {
    let (cluster, uuid) = (index / GROUPS_PER_CLUSTER, "9ebf4bd5-f1d2-4f2c-9b7b-1b2c3d4e5f60");
    let arn = format!("arn:aws:eks:eu-central-1:123456789012:nodegroup/cluster-{cluster}/group-{index}/{uuid}");
    NodegroupId::from_arn(&arn).expect("an ARN")
}

fn found(index: u32) -> Found {
    let ring = index % RINGS;
    let nodegroup = Nodegroup {
        id: id(index),
        kubernetes_version: Some("1.33".to_owned()),
        release_version: Some(release(if ring == 0 { AHEAD } else { BEHIND })),
        ami_type: AmiTypes::Al2023X8664Standard,
        status: NodegroupStatus::Active,
        health: Vec::new(),
        policy: Policy::OptedIn(Mode::Auto, Rules { ring, ..Rules::default() }),
        modified_at: None,
    };
    Found { id: id(index), now: Seen::Nodegroup(Box::new(nodegroup)) }
}

/// Ten attempts, as many as are kept.
fn record(index: u32) -> Record {
    let mut record = Record::new(&id(index));
    let last = if index.is_multiple_of(RINGS) { AHEAD } else { BEHIND };
    for day in last - 9..=last {
        let at = now() - SignedDuration::from_hours(24 * (40 - i64::from(day)));
        record.begin(
            &Intent {
                version: "1.33".to_owned(),
                release_version: release(day),
                previous_release_version: release(day - 1),
                force: false,
                may_force: false,
            },
            at,
        );
        record.end(Status::Successful, Vec::new(), at);
    }
    record
}

fn releases() -> Releases {
    let published = |day| Published {
        release: ReleaseVersion::parse(Family::AmazonLinux2023, &release(day)).expect("a release"),
        at: Some(now()),
    };
    let line = LineKey::new("1.33", &AmiTypes::Al2023X8664Standard);
    [(line, Offer::Releases((1..=OFFERED).rev().map(published).collect()))].into_iter().collect()
}

/// What one run of `start` works out: which lines need their older releases, and then the plan.
fn plans(criterion: &mut Criterion) {
    let environment = |name: &str| (name == "UPDATES_TABLE").then(|| "updates".to_owned());
    let config = StartConfig::read(&environment).expect("settings");
    let (event, clusters, releases) = (StartEvent::default(), Clusters::new(), releases());
    let mut group = criterion.benchmark_group("plan");
    for groups in [300, 1_000, 3_000] {
        let found: Vec<Found> = (0..groups).map(found).collect();
        let records: HashMap<String, _> = (0..groups).map(|index| (id(index).arn, Ok(record(index)))).collect();
        let facts = Facts {
            found: &found,
            clusters: &clusters,
            releases: &releases,
            records: &records,
            event: &event,
            limits: config.limits,
            retry_after: &config.retry_after,
            fleet: &config.fleet,
            freeze: None,
            now: now(),
        };
        group.throughput(Throughput::Elements(groups.into()));
        group.bench_with_input(BenchmarkId::from_parameter(groups), &facts, |bencher, facts| {
            bencher.iter(|| (black_box(lines_that_need_older(facts)), black_box(plan(facts))));
        });
    }
}

criterion_group!(benches, plans);
criterion_main!(benches);
