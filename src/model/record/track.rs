//! The record of one release track: the releases that AWS has recommended on it, and those that EKS refuses.
//!
//! Only a version that AWS's parameter named is a release: AWS also keeps parameters of builds that it never released or that
//! it withdrew.

use std::cmp::Ordering;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::model::id::TrackId;
use crate::model::id::names::Names;
use crate::model::notice::NoticeKind;
use crate::model::notice::pending::Notices;
use crate::model::problem::Unreadable;
use crate::model::record::{Content, Kind, Record};
use crate::model::release::track::Family;
use crate::model::release::version::ReleaseVersion;
use crate::model::unknown::Unknown;

/// The maximum number of releases; AWS publishes about one a week.
const RELEASES: usize = 64;
/// A withdrawal is reported once a run that starts this long after the first sighting still sees it.
const CONFIRM_WITHDRAWAL_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// A release that EKS has refused for this long is reported, and an older one is installed instead. If that happened earlier,
/// the node group could be rotated twice within hours.
const PASS_OVER_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// The state of one release track.
pub type TrackRecord = Record<TrackContent>;

/// The history of one release track.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TrackContent {
    /// The releases that AWS's parameter has named, oldest first.
    #[serde(default)]
    pub releases: ReleaseHistory,
    /// Attributes that only a newer version knows.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// The releases that AWS's parameter has named, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseHistory(Vec<KnownRelease>);

/// A release that AWS's parameter has named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KnownRelease {
    /// The release.
    pub release_version: String,
    /// The parameter's date when it first named the release; `None` if AWS gave none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_at: Option<Timestamp>,
    /// When the updater first saw it.
    pub first_seen_at: Timestamp,
    /// The parameter's date when it last named the release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub named_at: Option<Timestamp>,
    /// Its withdrawal by AWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawal: Option<Withdrawal>,
    /// EKS's refusal of it as invalid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
    /// Attributes that only a newer version knows.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// AWS withdrew a release: its parameter names an older one, with a later date.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Withdrawal {
    /// The parameter's date when it named the older release; without a date, when that was seen.
    pub at: Timestamp,
    /// When the updater first saw it.
    pub seen_at: Timestamp,
    /// Whether the parameter had a date. Without one the release is not used, and nothing is reported.
    pub dated: bool,
    /// Whether it was reported.
    #[serde(default)]
    pub reported: bool,
    /// Attributes that only a newer version knows.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// EKS refuses a release as invalid: it does not know the release, yet or ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// When EKS first refused it.
    pub since: Timestamp,
    /// When EKS last refused it.
    pub last: Timestamp,
    /// How often.
    pub times: usize,
    /// EKS's words.
    pub message: String,
    /// Whether it was reported.
    #[serde(default)]
    pub reported: bool,
    /// Attributes that only a newer version knows.
    #[serde(flatten)]
    pub unknown: Unknown,
}

impl TrackRecord {
    /// AWS's parameter names a release, with this date.
    pub fn recommend(&mut self, release: &ReleaseVersion, date: Option<Timestamp>, now: Timestamp) {
        let is_new = !self.releases.iter().any(|known| known.release_version == release.as_str());
        self.releases.recommend(release, date, now);
        if is_new {
            let kind = NoticeKind::ReleaseAvailable { release_version: release.to_string(), published_at: date };
            self.notify(kind, now);
        }
    }

    /// Whether a withdrawal has now been seen for long enough to be reported.
    #[must_use]
    pub fn withdrawals_to_report(&self, now: Timestamp) -> Vec<&KnownRelease> {
        let confirmed = |held: &Withdrawal| {
            held.dated && !held.reported && now.duration_since(held.seen_at) >= CONFIRM_WITHDRAWAL_AFTER
        };
        self.releases.iter().filter(|known| known.withdrawal.as_ref().is_some_and(confirmed)).collect()
    }

    /// A withdrawn release is reported, once.
    pub fn report_withdrawn(&mut self, release: &str, latest: &str, running: &Names, now: Timestamp) {
        let Some(known) = self.known_mut(release) else { return };
        let Some(held) = known.withdrawal.as_mut().filter(|held| !held.reported) else { return };
        held.reported = true;
        let kind = NoticeKind::ReleaseWithdrawn {
            release_version: release.to_owned(),
            latest: latest.to_owned(),
            nodegroups: running.clone(),
        };
        self.notify(kind, now);
    }

    /// EKS refused a release as invalid. A release that is not in the history, such as a pin, is not remembered.
    pub fn refuse(&mut self, release: &str, message: &str, now: Timestamp) {
        let Some(known) = self.known_mut(release) else { return };
        match &mut known.refusal {
            Some(refusal) if refusal.last >= now => {}
            Some(refusal) => {
                refusal.times += 1;
                refusal.last = now;
                message.clone_into(&mut refusal.message);
            }
            None => {
                known.refusal = Some(Refusal::new(now, now, 1, message));
            }
        }
    }

    /// EKS accepted a release.
    pub fn accept(&mut self, release: &str) {
        if let Some(known) = self.known_mut(release) {
            known.refusal = None;
        }
    }

    /// Whether EKS refused a release at the last attempt.
    #[must_use]
    pub fn is_refused(&self, release: &str) -> bool {
        self.releases.iter().any(|known| known.release_version == release && known.refusal.is_some())
    }

    /// The releases that EKS has refused for long enough to be reported.
    #[must_use]
    pub fn refusals_to_report(&self, now: Timestamp) -> Vec<&KnownRelease> {
        let to_report = |refusal: &Refusal| !refusal.reported && refusal.is_passed_over(now);
        self.releases.iter().filter(|known| known.refusal.as_ref().is_some_and(to_report)).collect()
    }

    /// A release that EKS refuses is reported, once.
    pub fn report_refused(&mut self, release: &str, now: Timestamp) {
        let Some(known) = self.known_mut(release) else { return };
        let Some(refusal) = known.refusal.as_mut().filter(|refusal| !refusal.reported) else { return };
        refusal.reported = true;
        let kind = NoticeKind::ReleaseRefused {
            release_version: release.to_owned(),
            since: refusal.since,
            message: refusal.message.clone(),
        };
        self.notify(kind, now);
    }

    fn known_mut(&mut self, release: &str) -> Option<&mut KnownRelease> {
        self.releases.0.iter_mut().find(|known| known.release_version == release)
    }
}

impl ReleaseHistory {
    /// The releases, oldest first.
    pub fn iter(&self) -> std::slice::Iter<'_, KnownRelease> {
        self.0.iter()
    }

    /// AWS's parameter names a release, with this date.
    ///
    /// Two runs can see it in either order, so a release's state depends on dates alone: it is withdrawn while an older one was
    /// named with a later date. A future date counts as now; otherwise no withdrawal could be later.
    pub fn recommend(&mut self, release: &ReleaseVersion, date: Option<Timestamp>, now: Timestamp) {
        let date = date.map(|date| date.min(now));
        match self.0.iter_mut().find(|known| known.release_version == release.as_str()) {
            Some(known) => {
                known.published_at = [known.published_at, date].into_iter().flatten().min();
                known.named_at = known.named_at.max(date);
            }
            None => self.0.push(KnownRelease {
                release_version: release.to_string(),
                published_at: date,
                first_seen_at: now,
                named_at: date,
                withdrawal: None,
                refusal: None,
                unknown: Unknown::default(),
            }),
        }
        let family = release.family();
        self.0.sort_by(|left, right| {
            let order = order(family, &left.release_version, &right.release_version);
            // Only two builds of one Bottlerocket version cannot be ordered.
            order.unwrap_or_else(|| left.named_at.cmp(&right.named_at))
        });
        self.withdraw(release, date.is_none(), now);
        let surplus = self.0.len().saturating_sub(RELEASES);
        self.0.drain(..surplus);
    }

    /// Marks withdrawn releases, now that the parameter names a release.
    fn withdraw(&mut self, named: &ReleaseVersion, without_date: bool, now: Timestamp) {
        let mut latest_below: Option<Timestamp> = None;
        for known in &mut self.0 {
            let own = known.named_at.unwrap_or(known.first_seen_at);
            let dated = latest_below.filter(|below| own < *below);
            let named_again = known.release_version == named.as_str();
            // Without a date a late answer cannot be detected, so the next answer that names it counts.
            let holds = |held: &Withdrawal| if held.dated { own < held.at } else { !named_again };
            let held = known.withdrawal.take().filter(holds);
            known.withdrawal = match (dated, held) {
                (Some(at), Some(held)) if held.dated => Some(Withdrawal { at: held.at.max(at), ..held }),
                (Some(at), _) => Some(Withdrawal::seen(at, true, now)),
                (None, Some(held)) => Some(held),
                (None, None) => {
                    let taken_back = without_date && named.is_older_than(&known.release_version);
                    taken_back.then(|| Withdrawal::seen(now, false, now))
                }
            };
            latest_below = latest_below.max(known.named_at);
        }
    }
}

fn order(family: Family, left: &str, right: &str) -> Option<Ordering> {
    let parse = |text| ReleaseVersion::parse(family, text).ok();
    parse(left)?.compare(&parse(right)?).ok()
}

impl Withdrawal {
    fn seen(at: Timestamp, dated: bool, now: Timestamp) -> Self {
        Self { at, seen_at: now, dated, reported: false, unknown: Unknown::default() }
    }
}

impl Refusal {
    /// A refusal with this count, from the first time to the last, in EKS's words.
    #[must_use]
    pub fn new(since: Timestamp, last: Timestamp, times: usize, message: &str) -> Self {
        Self { since, last, times, message: message.to_owned(), reported: false, unknown: Unknown::default() }
    }

    /// Whether an older release is installed instead.
    #[must_use]
    pub fn is_passed_over(&self, now: Timestamp) -> bool {
        now.duration_since(self.since) >= PASS_OVER_AFTER
    }
}

impl Content for TrackContent {
    type Id = TrackId;

    const KIND: Kind = Kind::Track;

    fn key(id: &TrackId) -> &str {
        id.key()
    }

    fn validate(&self, id: &TrackId) -> Result<(), Unreadable> {
        let Ok(track) = id.track().track() else { return Ok(()) };
        let parse = |known: &KnownRelease| ReleaseVersion::parse(track.family, &known.release_version).map(|_| ());
        self.releases.iter().try_for_each(parse).map_err(|error| Unreadable(error.to_string()))
    }

    fn trim(&mut self, _: &Notices) {}
}
