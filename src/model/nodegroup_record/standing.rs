//! Whether a node group has opted in, and whether it is kept current.

use jiff::{SignedDuration, Timestamp};

use super::NodegroupRecord;
use crate::model::notice::NoticeKind;
use crate::model::record::YES;
use crate::model::stale::{Obstacle, ReportedStale, Stale};

/// What was reported as not kept current is not reported again within so long.
const REPORT_AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(7 * 24);

impl NodegroupRecord {
    /// The node group has opted in.
    pub fn opt_in(&mut self, now: Timestamp) {
        self.opted_in = Some(YES.to_owned());
        self.opted_in_since.get_or_insert(now);
    }

    /// The node group has not opted in any more: it was deleted, its tag says so, or the tag is lost, which is reported.
    pub fn opt_out(&mut self, lost_tag: bool, now: Timestamp) {
        if self.opted_in.take().is_some() && lost_tag {
            self.notify(NoticeKind::TagLost, now);
        }
        if let Some(rollback) = self.rollback.take() {
            self.notify(NoticeKind::RollbackExpired(*rollback), now);
        }
        (self.opted_in_since, self.obstacle, self.stale) = (None, None, None);
    }

    /// It is not kept current: reported once, and again only where a week has passed.
    pub fn report_stale(&mut self, stale: &Stale, obstacle: Option<&Obstacle>, now: Timestamp) {
        self.obstacle = obstacle.cloned();
        match &self.stale {
            Some(reported) if reported.over_at.is_none() => {}
            Some(reported) if now.duration_since(reported.at) < REPORT_AGAIN_AFTER => {}
            _ => {
                self.stale = Some(Box::new(ReportedStale { stale: stale.clone(), at: now, over_at: None }));
                self.notify(NoticeKind::NodegroupStale(stale.clone()), now);
            }
        }
    }

    /// That it is not kept current is deliberate now, or reported otherwise.
    pub fn forget_stale(&mut self, now: Timestamp) {
        self.obstacle = None;
        if let Some(reported) = &mut self.stale {
            reported.over_at.get_or_insert(now);
        }
    }

    /// It is kept current again, or at least not stale any more; said where it was reported.
    pub fn report_current(&mut self, obstacle: Option<&Obstacle>, now: Timestamp) {
        self.obstacle = obstacle.cloned();
        let Some(reported) = self.stale.as_mut().filter(|reported| reported.over_at.is_none()) else { return };
        reported.over_at = Some(now);
        let stale = reported.stale.clone();
        self.notify(NoticeKind::NodegroupCurrent(stale), now);
    }
}
