//! When what was reported of updates is over.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use aws_sdk_eks::types::AmiTypes;
use jiff::Timestamp;

use super::NodegroupRecord;
use crate::model::attempt::Attempt;
use crate::model::hold::Running;
use crate::model::notice::{NoticeKind, Recovery};

impl NodegroupRecord {
    /// The node group runs this: what failed or hung on the way to it, or to anything older, is over. Said once for each
    /// release that it was reported of.
    pub(super) fn recover(&mut self, runs: &Running, now: Timestamp) {
        let mut over: BTreeMap<String, u32> = BTreeMap::new();
        for attempt in self.history.iter_mut().filter(|attempt| is_trouble(attempt)) {
            let ami_type = AmiTypes::from(attempt.intent.ami_type.as_str());
            let order = runs.compare(&Running::from(&attempt.intent), &ami_type);
            if order.is_some_and(Ordering::is_ge) {
                attempt.recovered_at = Some(now);
                // The history is sorted, so the last number stays.
                over.insert(attempt.intent.release_version.clone(), attempt.number);
            }
        }
        for (release_version, number) in over {
            let runs = runs.release_version.clone();
            self.notify(NoticeKind::UpdateRecovered(Recovery { number, release_version, runs }), now);
        }
    }

    /// An update was successful in spite of disruption budgets, which is reported and says that what failed before is over.
    pub(super) fn recover_by_force(&mut self, release: &str, now: Timestamp) {
        let same = |attempt: &&mut Attempt| is_trouble(attempt) && attempt.intent.release_version == release;
        self.history.iter_mut().filter(same).for_each(|attempt| attempt.recovered_at = Some(now));
    }
}

/// Whether it was reported, and that it is over was not. A rollback that failed is not tried again, so there is no end of it.
pub(super) fn is_trouble(attempt: &Attempt) -> bool {
    (attempt.ended_without_success() || attempt.stuck_notified)
        && attempt.recovered_at.is_none()
        && attempt.intent.rollback.is_none()
}
