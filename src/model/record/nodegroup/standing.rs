//! Whether a node group has opted in, and whether it is kept current.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::model::nodegroup::owner::Owner;
use crate::model::notice::NoticeKind;
use crate::model::notice::stale::{Obstacle, ReportedStale, Stale};
use crate::model::unknown::{Unknown, Word};

/// How long a node group that was reported as not kept current is not reported again.
const REPORT_AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The standing of a node group: since when it has opted in, which tool manages it, and its obstacle.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// When it was first seen opted in; absent if it is not opted in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opted_in_since: Option<Timestamp>,
    /// The tool that might manage its release and tags, as last seen. The tags that show it might be lost together with the
    /// opt-in tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Word<Owner>>,
    /// The obstacle that blocks updates regardless of the release, and since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub obstacle: Option<Obstacle>,
    /// The report that it is not kept current.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale: Option<Box<ReportedStale>>,
    /// Attributes that only a newer version knows.
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

    /// The node group is no longer opted in. A lost tag is to be published.
    pub(super) fn opt_out(&mut self, lost_tag: bool) -> Option<NoticeKind> {
        let was_opted_in = self.opted_in_since.take().is_some();
        (self.obstacle, self.stale) = (None, None);
        (was_opted_in && lost_tag).then_some(NoticeKind::TagLost)
    }

    /// Records the tool that might manage its release and tags. If this version sees none, an owner that only a newer version
    /// knows is kept.
    pub(super) fn set_owner(&mut self, owner: Option<Owner>) {
        if owner.is_some() || self.owner().is_some() {
            self.owner = owner.map(Word::Known);
        }
    }

    /// The tool that might manage its release and tags, if this version knows it.
    #[must_use]
    pub fn owner(&self) -> Option<Owner> {
        self.owner.as_ref()?.known().copied()
    }

    /// It is not kept current: published once, and again only after a week.
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

    /// It is not kept current on purpose, or that is reported by another notice.
    pub(super) fn forget_stale(&mut self, now: Timestamp) {
        self.obstacle = None;
        self.end_stale(now);
    }

    /// It is kept current again, or at least no longer stale; published if it was reported.
    pub(super) fn report_current(&mut self, obstacle: Option<&Obstacle>, now: Timestamp) -> Option<NoticeKind> {
        self.set_obstacle(obstacle);
        self.end_stale(now).map(NoticeKind::NodegroupCurrent)
    }

    /// The report that it is not kept current, while it lasts.
    #[must_use]
    pub fn open_stale(&self) -> Option<&ReportedStale> {
        self.stale.as_deref().filter(|reported| reported.is_open())
    }

    fn end_stale(&mut self, now: Timestamp) -> Option<Stale> {
        let reported = self.stale.as_mut().filter(|reported| reported.is_open())?;
        reported.over_at = Some(now);
        Some(reported.stale.clone())
    }

    /// Records the obstacle. Attributes that only a newer version knows are kept.
    fn set_obstacle(&mut self, obstacle: Option<&Obstacle>) {
        if self.obstacle.as_ref() != obstacle {
            self.obstacle = obstacle.cloned();
        }
    }
}
