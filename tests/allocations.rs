//! What a plan allocates: a fleet of thousands shares 128 MB, and each allocation is time on a fourteenth of a processor.

use allocation_counter::{AllocationInfo, measure};
use eks_nodegroup_updater::model::nodegroup::Nodegroup;
use eks_nodegroup_updater::model::rules::Rules;
use eks_nodegroup_updater::plan::{Plan, plan};
use testing::{Fleet, auto, nodegroup};

/// What a plan for so many outdated node groups allocates, a third of them in each of three rings.
fn allocated(nodegroups: u32) -> AllocationInfo {
    let member = |index: u32| Nodegroup {
        policy: auto(Rules { ring: index % 3, ..Rules::default() }),
        ..nodegroup(&format!("cluster-{}/nodegroup-{index}", index / 30))
    };
    let fleet = Fleet::made_of((0..nodegroups).map(member));
    let releases = fleet.offered();
    let input = fleet.input(&releases);
    let mut made: Option<Plan> = None;
    let allocated = measure(|| made = Some(plan(&input)));
    assert_eq!(made.map(|plan| plan.decisions.len()), usize::try_from(nodegroups).ok());
    allocated
}

#[test]
fn a_plan_allocates_little_for_each_node_group() {
    let (few, many) = (allocated(300), allocated(3_000));
    let each = |few: u64, many: u64| (many - few).div_ceil(2_700);
    let (count, bytes) = (each(few.count_total, many.count_total), each(few.bytes_max, many.bytes_max));
    assert!(count <= 25 && bytes <= 600, "{count} allocations for a node group, and {bytes} bytes at once");
}
