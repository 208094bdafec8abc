//! Holds of downgraded node groups, and requested rollbacks.

use std::cmp::Ordering;

use aws_sdk_eks::types::AmiTypes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::attempt::Intent;
use crate::model::attempt::hold::{DESCRIPTION_LAGS, DowngradedBy, Hold, Rollback, Running, StepBack};
use crate::model::notice::NoticeKind;
use crate::model::unknown::Unknown;

/// What a node group ran, whether it was downgraded, and whether a rollback is requested.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Downgrade {
    /// What the node group ran when it was last seen, or what the last update installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ran: Option<Running>,
    /// Its hold, if it was downgraded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Box<Hold>>,
    /// The updates that it had before it had a record.
    #[serde(default, skip_serializing_if = "UpdateHistory::is_untouched")]
    pub update_history: UpdateHistory,
    /// The last requested rollback. It is kept afterwards, because the same event can arrive again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<Box<Rollback>>,
    /// Attributes that only a newer version knows.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// How much is known about the updates that a node group had before it had a record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateHistory {
    /// Whether they no longer need to be read.
    #[serde(default)]
    pub read: bool,
    /// Since when not all of them could be read. It is kept when a retry was requested despite that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread_since: Option<Timestamp>,
    /// Attributes that only a newer version knows.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// The description of a node group that is not being updated.
#[derive(Clone, Copy, Debug)]
pub struct Sighting<'a> {
    /// What it runs.
    pub runs: &'a Running,
    /// Its AMI type.
    pub ami_type: &'a AmiTypes,
    /// The Kubernetes version of its cluster, if it follows the cluster: only then a downgraded Kubernetes version needs a
    /// hold, because otherwise nothing updates it.
    pub cluster_version: Option<&'a str>,
    /// When it was seen.
    pub at: Timestamp,
}

/// The meaning of a description, compared with earlier ones.
enum Sight {
    /// It is the first one.
    First,
    /// The node group runs the same version, a newer one, or one that cannot be compared.
    NotLower,
    /// It runs an older version, for the first time.
    Lower {
        /// What it ran before.
        ran: Running,
    },
    /// It still runs the older version, but this might be the same outdated description.
    LowerAgain,
    /// It still runs the older version, and this description is current.
    LowerIndeed,
}

/// The result of a description.
pub(super) struct Seen {
    /// Whether the node group really runs what the description shows.
    pub(super) is_settled: bool,
    /// The notice to publish.
    pub(super) report: Option<NoticeKind>,
}

impl Downgrade {
    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default() && self.update_history.is_untouched() && self.unknown.is_empty()
    }

    /// A description shows what the node group runs. `last_end` is when its last update ended.
    pub(super) fn see(&mut self, sighting: Sighting<'_>, last_end: Option<Timestamp>) -> Seen {
        let Sighting { runs, cluster_version, at, .. } = sighting;
        let is_over = |hold: &&Hold| hold.is_of_version() && hold.cluster_version.as_deref() != cluster_version;
        if self.open_hold().filter(is_over).is_some() {
            self.end_hold(at);
        }
        let sight = self.sight(sighting, last_end);
        let is_settled = matches!(sight, Sight::First | Sight::NotLower);
        let mut report = None;
        match sight {
            Sight::First => self.set_ran(runs),
            Sight::NotLower => {
                self.set_ran(runs);
                self.dismiss_hold(at);
            }
            Sight::Lower { ran } => {
                let times = self.hold.take().map_or(0, |before| before.times) + 1;
                let cluster_version = cluster_version.map(str::to_owned);
                let hold = Hold::new(&ran, runs, DowngradedBy::External, at);
                self.hold = Some(Box::new(Hold { confirmed: false, times, cluster_version, ..hold }));
            }
            Sight::LowerAgain => {}
            Sight::LowerIndeed => {
                self.set_ran(runs);
                report = self.confirm();
            }
        }
        Seen { is_settled, report }
    }

    fn sight(&self, sighting: Sighting<'_>, last_end: Option<Timestamp>) -> Sight {
        let Sighting { runs, ami_type, cluster_version, at } = sighting;
        let Some(ran) = &self.ran else { return Sight::First };
        let is_lower = runs.compare(ran, ami_type) == Some(Ordering::Less);
        if !is_lower || runs.version != ran.version && cluster_version.is_none() {
            return Sight::NotLower;
        }
        let is_current =
            |since: Timestamp| since < at && last_end.is_none_or(|end| at.duration_since(end) >= DESCRIPTION_LAGS);
        match self.open_hold().filter(|hold| !hold.confirmed && hold.to == *runs) {
            Some(hold) if is_current(hold.since) => Sight::LowerIndeed,
            Some(_) => Sight::LowerAgain,
            None => Sight::Lower { ran: ran.clone() },
        }
    }

    /// Records what it runs. Attributes that only a newer version knows are kept.
    fn set_ran(&mut self, runs: &Running) {
        if self.ran.as_ref() != Some(runs) {
            self.ran = Some(runs.clone());
        }
    }

    /// The downgrade is confirmed, which is to be published.
    fn confirm(&mut self) -> Option<NoticeKind> {
        let hold = self.hold.as_mut()?;
        hold.confirmed = true;
        Some(NoticeKind::NodegroupDowngraded((**hold).clone()))
    }

    /// The active hold.
    #[must_use]
    pub fn open_hold(&self) -> Option<&Hold> {
        self.hold.as_deref().filter(|hold| hold.is_open())
    }

    /// Ends the hold: the node group can be updated again.
    pub(super) fn end_hold(&mut self, now: Timestamp) {
        if let Some(hold) = self.hold.as_mut().filter(|hold| hold.is_open()) {
            hold.ended_at = Some(now);
            // A person has decided, so the count starts again.
            if hold.by == DowngradedBy::Rollback {
                hold.times = 0;
            }
        }
    }

    /// The apparent downgrade was an outdated description. The count of real downgrades is kept.
    fn dismiss_hold(&mut self, now: Timestamp) {
        let dismissed = self.hold.take_if(|hold| hold.is_open() && !hold.confirmed);
        let before = dismissed.map(|hold| Hold { times: hold.times.saturating_sub(1), ended_at: Some(now), ..*hold });
        if let Some(before) = before.filter(|before| before.times > 0) {
            self.hold = Some(Box::new(before));
        }
    }

    /// Not all of the updates that it had before could be read.
    pub(super) fn miss_update_history(&mut self, now: Timestamp) {
        self.update_history.unread_since.get_or_insert(now);
    }

    /// All of those were read; if the last one downgraded it, that is to be published.
    pub(super) fn read_update_history(&mut self, downgraded: Option<&StepBack>, now: Timestamp) -> Option<NoticeKind> {
        self.update_history.unread_since = None;
        if std::mem::replace(&mut self.update_history.read, true) || self.hold.is_some() {
            return None;
        }
        let StepBack { from, to } = downgraded?;
        self.hold = Some(Box::new(Hold::new(from, to, DowngradedBy::External, now)));
        self.confirm()
    }

    /// A retry was requested, although not all of those could be read.
    pub(super) fn skip_update_history(&mut self) {
        self.update_history.read |= self.update_history.unread_since.is_some();
    }

    /// The requested rollback that is not carried out yet.
    #[must_use]
    pub fn rollback(&self) -> Option<&Rollback> {
        self.rollback.as_deref().filter(|rollback| !rollback.is_over)
    }

    /// A rollback is requested. A request that this run's event made before changes nothing.
    pub(super) fn request_rollback(&mut self, rollback: &Rollback) {
        if !self.was_requested_by(&rollback.request_id) {
            self.rollback = Some(Box::new(rollback.clone()));
        }
    }

    /// Whether this run received the last rollback request.
    #[must_use]
    pub fn was_requested_by(&self, request_id: &str) -> bool {
        self.rollback.as_ref().is_some_and(|rollback| rollback.request_id == request_id)
    }

    /// The requested rollback has expired. Returns it.
    pub(super) fn end_rollback(&mut self) -> Option<Rollback> {
        let rollback = self.rollback.as_mut().filter(|rollback| !rollback.is_over)?;
        let ended = (**rollback).clone();
        rollback.is_over = true;
        Some(ended)
    }

    /// An update by the updater succeeded.
    pub(super) fn install(&mut self, intent: &Intent, now: Timestamp) {
        let runs = Running::from(intent);
        if intent.rollback.is_some() {
            let from = Running::new(&intent.version, &intent.previous_release_version);
            self.hold = Some(Box::new(Hold::new(&from, &runs, DowngradedBy::Rollback, now)));
        } else if self.open_hold().is_some_and(|hold| hold.from.version == intent.version) {
            self.end_hold(now);
        }
        self.set_ran(&runs);
    }
}

impl UpdateHistory {
    fn is_untouched(&self) -> bool {
        *self == Self::default() && self.unknown.is_empty()
    }
}
