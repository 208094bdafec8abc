//! How the plan grows with the fleet: all node groups on one release track, a third of them in each of three rings, and the
//! higher rings waiting for the first, which is the most that a plan has to look at.
//!
//! ```sh
//! cargo bench --bench plan
//! ```

use std::hint::black_box;

use aws_sdk_eks::types::AmiTypes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use eks_nodegroup_updater::model::nodegroup::Nodegroup;
use eks_nodegroup_updater::model::observed::releases::Available;
use eks_nodegroup_updater::model::record::nodegroup::NodegroupRecord;
use eks_nodegroup_updater::model::rules::Rules;
use eks_nodegroup_updater::plan::plan;
use eks_nodegroup_updater::reconcile::reconcile;
use testing::{Fleet, History, at, auto, days, nodegroup, published};

/// EKS allows thirty node groups in a cluster.
const GROUPS_PER_CLUSTER: u32 = 30;
const RINGS: u32 = 3;
/// Releases that AWS offers.
const OFFERED: u32 = 20;
/// The release of the first ring, and that of the others.
const AHEAD: u32 = 18;
const BEHIND: u32 = 10;

fn release(day: u32) -> String {
    format!("1.33.1-202607{day:02}")
}

fn path(index: u32) -> String {
    format!("cluster-{}/group-{index}", index / GROUPS_PER_CLUSTER)
}

fn member(index: u32) -> Nodegroup {
    let ring = index % RINGS;
    Nodegroup {
        release_version: Some(release(if ring == 0 { AHEAD } else { BEHIND })),
        policy: auto(Rules { ring, ..Rules::default() }),
        ..nodegroup(&path(index))
    }
}

/// Ten attempts, as many as are kept.
fn record(fleet: &Fleet, index: u32) -> NodegroupRecord {
    let last = if index.is_multiple_of(RINGS) { AHEAD } else { BEHIND };
    (last - 9..=last).fold(testing::record(&path(index)), |record, day| {
        record.updated(&release(day), fleet.now - days(40 - i64::from(day)))
    })
}

fn fleet(groups: u32) -> Fleet {
    let mut fleet = Fleet::made_of((0..groups).map(member));
    fleet.now = at("2026-07-21T09:00:00Z");
    for index in 0..groups {
        let record = record(&fleet, index);
        fleet.remember(record);
    }
    let ami_type = AmiTypes::Al2023X8664Standard;
    let now = fleet.now;
    let published = |day| published(&ami_type, &release(day), Some(now));
    *fleet.offer() = Available::Releases((1..=OFFERED).rev().map(published).collect());
    fleet
}

/// What one run of `start` works out: what has to be recorded, and then the plan.
fn plans(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("plan");
    for groups in [300, 1_000, 3_000] {
        let fleet = fleet(groups);
        let (releases, recommended) = (fleet.offered(), fleet.recommended());
        let input = fleet.input(&releases);
        group.throughput(Throughput::Elements(groups.into()));
        group.bench_with_input(BenchmarkId::from_parameter(groups), &input, |bencher, input| {
            bencher.iter(|| (black_box(reconcile(input, &recommended, vec![])), black_box(plan(input))));
        });
    }
}

criterion_group!(benches, plans);
criterion_main!(benches);
