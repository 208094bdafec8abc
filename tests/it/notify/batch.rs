//! Which notices are one message.

use eks_nodegroup_updater::model::nodegroup::owner::Owner;
use eks_nodegroup_updater::model::record::set::AnyRecord;
use eks_nodegroup_updater::notify::batches;
use testing::retry_after;

use super::samples::taken_back;

#[test]
fn node_groups_of_different_owners_are_in_different_messages() {
    let owners = [None, Some(Owner::Terraform), Some(Owner::Eksctl)];
    for kind in 0..2 {
        let record = |owner: &Option<Owner>| AnyRecord::from(taken_back(*owner)[kind].clone());
        let records: Vec<AnyRecord> = owners.iter().flat_map(|owner| [owner; 4]).map(record).collect();
        let batches = batches(&records, |_| true, &[], &retry_after());
        let records: Vec<Vec<usize>> =
            batches.iter().map(|batch| batch.notices.iter().map(|(record, _)| *record).collect()).collect();
        assert_eq!(records, [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]);
    }
}
