//! Whether a node group has opted in, and whether it is kept current.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::model::nodegroup::owner::Owner;
use crate::model::notice::NoticeKind;
use crate::model::notice::stale::{Obstacle, ReportedStale, Stale};
use crate::model::unknown::{Unknown, Word};

/// What was reported as not kept current is not reported again within so long.
const REPORT_AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How a node group stands: since when it has opted in, what else manages it, and what keeps it from being current.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// When it was first seen opted in; absent where it has not, or no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opted_in_since: Option<Timestamp>,
    /// Who else may hold its release and tags, as it was last seen. A lost tag may have gone with those that show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Word<Owner>>,
    /// What keeps it from being looked after, and since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub obstacle: Option<Obstacle>,
    /// That it was reported as not kept current.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale: Option<Box<ReportedStale>>,
    /// What a newer version knows beside.
    #[serde(flatten)]
    pub unknown: Unknown,
}

impl Standing {
    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default() && self.unknown.is_empty()
    }

    /// The node group has opted in.
    pub(super) fn opt_in(&mut self, now: Timestamp) {
        self.opted_in_since.get_or_insert(now);
    }

    /// The node group has not opted in any more. A lost tag is to be published.
    pub(super) fn opt_out(&mut self, lost_tag: bool) -> Option<NoticeKind> {
        let was_opted_in = self.opted_in_since.take().is_some();
        (self.obstacle, self.stale) = (None, None);
        (was_opted_in && lost_tag).then_some(NoticeKind::TagLost)
    }

    /// Who else may hold its release and tags. Where this version sees nobody, an owner that only a newer one knows stays.
    pub(super) fn set_owner(&mut self, owner: Option<Owner>) {
        if owner.is_some() || self.owner().is_some() {
            self.owner = owner.map(Word::Known);
        }
    }

    /// Who else may hold its release and tags, if this version knows it.
    #[must_use]
    pub fn owner(&self) -> Option<Owner> {
        self.owner.as_ref()?.known().copied()
    }

    /// It is not kept current: published once, and again only where a week has passed.
    pub(super) fn report_stale(
        &mut self,
        stale: &Stale,
        obstacle: Option<&Obstacle>,
        now: Timestamp,
    ) -> Option<NoticeKind> {
        self.set_obstacle(obstacle);
        match &self.stale {
            Some(reported) if reported.is_open() => None,
            Some(reported) if now.duration_since(reported.at) < REPORT_AGAIN_AFTER => None,
            _ => {
                self.stale = Some(Box::new(ReportedStale::new(stale, now)));
                Some(NoticeKind::NodegroupStale(stale.clone()))
            }
        }
    }

    /// That it is not kept current is deliberate now, or reported otherwise.
    pub(super) fn forget_stale(&mut self, now: Timestamp) {
        self.obstacle = None;
        self.end_stale(now);
    }

    /// It is kept current again, or at least not stale any more; published where it was reported.
    pub(super) fn report_current(&mut self, obstacle: Option<&Obstacle>, now: Timestamp) -> Option<NoticeKind> {
        self.set_obstacle(obstacle);
        self.end_stale(now).map(NoticeKind::NodegroupCurrent)
    }

    /// That it was reported as not kept current, while that lasts.
    #[must_use]
    pub fn open_stale(&self) -> Option<&ReportedStale> {
        self.stale.as_deref().filter(|reported| reported.is_open())
    }

    fn end_stale(&mut self, now: Timestamp) -> Option<Stale> {
        let reported = self.stale.as_mut().filter(|reported| reported.is_open())?;
        reported.over_at = Some(now);
        Some(reported.stale.clone())
    }

    /// What keeps it from being looked after. What a newer version knows of that stays.
    fn set_obstacle(&mut self, obstacle: Option<&Obstacle>) {
        if self.obstacle.as_ref() != obstacle {
            self.obstacle = obstacle.cloned();
        }
    }
}
