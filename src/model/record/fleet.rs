//! The record of the whole fleet: its quarantined releases, and more.

use aws_sdk_eks::types::AmiTypes;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::model::id::names::Names;
use crate::model::id::{ClusterId, FleetId, NodegroupId, NodegroupName};
use crate::model::notice::pending::Notices;
use crate::model::notice::stale::UnreadableRecord;
use crate::model::notice::support::{Ended, SupportEnded, Supported};
use crate::model::notice::{Digest, NoticeKind, QuarantinedRelease};
use crate::model::problem::Unreadable;
use crate::model::record::{Content, Kind, Record};
use crate::model::release::selector::ReleaseSelector;
use crate::model::release::track::TrackKey;
use crate::model::release::version::ReleaseVersion;
use crate::model::unknown::{Unknown, Word};

/// The maximum number of quarantines: with the longest names, and all still to report, they fit into an item of 400 KB. Those
/// that no longer stop anything are removed first.
const QUARANTINES: usize = 32;

/// The maximum number of reported ends of support.
const REPORTED_ENDS: usize = 20;
/// The maximum number of unreadable records.
const UNREADABLE_RECORDS: usize = 20;
/// After how long an unreadable record is reported.
const REPORT_UNREADABLE_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// The state of an installation as a whole.
pub type FleetRecord = Record<FleetContent>;

/// The shared state of all node groups of one account and region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FleetContent {
    /// Releases that are or were quarantined.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quarantines: Vec<Quarantine>,
    /// Set while EKS refuses updates because a permission is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_denied: Option<AccessDenied>,
    /// The current or last freeze, of those whose end is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freeze: Option<FreezeSpan>,
    /// When the last weekly digest was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest_at: Option<Timestamp>,
    /// The node group with which the next run starts to read, if the last run did not reach all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_nodegroup: Option<NodegroupId>,
    /// The ends of support that were reported.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reported_ends: Vec<ReportedEnd>,
    /// Node groups whose records cannot be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable_records: Vec<UnreadableRecord>,
    /// Attributes that only a newer version knows.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// An end of support that was reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportedEnd {
    /// What was supported.
    pub what: Word<Supported>,
    /// The kind of support that has ended.
    pub ended: Word<Ended>,
    /// Attributes that only a newer version knows.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// A release that failed on several node groups, so that no node group of the fleet, or of one cluster, is updated to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quarantine {
    /// The Kubernetes version of the release track.
    pub version: String,
    /// The AMI type of the release track.
    pub ami_type: String,
    /// The release.
    pub release_version: String,
    /// The cluster, if it is quarantined in one only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterId>,
    /// Since when.
    pub since: Timestamp,
    /// The node groups that it failed on.
    pub nodegroups: Names,
    /// The node groups that it came up on.
    #[serde(default)]
    pub ran_on: Names,
    /// The release that the first of those ran before, and runs again.
    #[serde(default)]
    pub previous_release_version: String,
    /// Releases of the same build on other tracks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub same_build: Vec<String>,
    /// When it was lifted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifted_at: Option<Timestamp>,
    /// A newer release of the same track, which supersedes the quarantine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<String>,
    /// Attributes that only a newer version knows.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// A freeze whose end is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FreezeSpan {
    /// When it was first seen.
    pub since: Timestamp,
    /// When it was first seen to be over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Attributes that only a newer version knows.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// EKS refuses updates because the function is missing a permission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessDenied {
    /// Since when.
    pub since: Timestamp,
    /// EKS's words.
    pub error: String,
    /// Attributes that only a newer version knows.
    #[serde(flatten)]
    pub unknown: Unknown,
}

impl FleetContent {
    /// The quarantine of a release of a track that applies to a node group: in the whole fleet, or in its cluster.
    #[must_use]
    pub fn quarantined_for(&self, track: &TrackKey, release: &str, nodegroup: &NodegroupId) -> Option<&Quarantine> {
        let holds = |held: &&Quarantine| held.cluster.as_ref().is_none_or(|cluster| cluster.contains(nodegroup));
        self.quarantines_of(track, release).find(holds)
    }

    /// Whether a release of a track is quarantined in this cluster, alone or with the whole fleet; without a cluster: in the
    /// whole fleet.
    #[must_use]
    pub fn is_quarantined_in(&self, track: &TrackKey, release: &str, cluster: Option<&ClusterId>) -> bool {
        let holds = |held: &Quarantine| held.cluster.is_none() || held.cluster.as_ref() == cluster;
        self.quarantines_of(track, release).any(holds)
    }

    /// The quarantines of a release of a track that have not been lifted.
    fn quarantines_of(&self, track: &TrackKey, release: &str) -> impl Iterator<Item = &Quarantine> {
        self.quarantines.iter().filter(move |held| held.is_of(track, release) && held.lifted_at.is_none())
    }

    /// Whether an end of support was reported.
    #[must_use]
    pub fn has_reported_end(&self, what: &Supported, ended: Ended) -> bool {
        self.reported_ends.iter().any(|reported| reported.what == *what && reported.ended == ended)
    }

    /// When a quarantine of a release was last lifted.
    #[must_use]
    pub fn last_lifted(&self, track: &TrackKey, release: &str) -> Option<Timestamp> {
        let of_release = self.quarantines.iter().filter(|held| held.is_of(track, release));
        of_release.filter_map(|held| held.lifted_at).max()
    }
}

impl FleetRecord {
    /// A release failed on several node groups: from now on none is updated to it. No effect if it is already quarantined there.
    pub fn quarantine(&mut self, quarantine: &Quarantine) {
        let track = quarantine.track();
        let is_same = |held: &Quarantine| held.cluster == quarantine.cluster;
        if self.quarantines_of(&track, &quarantine.release_version).any(is_same) {
            return;
        }
        self.quarantines.push(quarantine.clone());
        self.notify(NoticeKind::ReleaseQuarantined(quarantine.clone().into()), quarantine.since);
    }

    /// A newer release is available on the track of a quarantined one, which stays quarantined.
    pub fn supersede(&mut self, track: &TrackKey, latest: &ReleaseVersion) {
        for quarantine in self.quarantines.iter_mut().filter(|quarantine| quarantine.superseded_by.is_none()) {
            if quarantine.track() == *track && latest.is_newer_than(&quarantine.release_version) {
                quarantine.superseded_by = Some(latest.to_string());
            }
        }
    }

    /// The quarantines of these releases are lifted.
    pub fn lift_quarantine(&mut self, releases: &ReleaseSelector, now: Timestamp) {
        for quarantine in self.quarantines.iter_mut().filter(|quarantine| quarantine.lifted_at.is_none()) {
            if releases.matches(&quarantine.track(), &quarantine.release_version) {
                quarantine.lifted_at = Some(now);
            }
        }
    }

    /// EKS refused updates because the function is missing a permission: reported once, until EKS accepts one again.
    pub fn report_access_denied(&mut self, error: &str, now: Timestamp) {
        if self.access_denied.is_none() {
            let (error, unknown) = (error.to_owned(), Unknown::default());
            self.access_denied = Some(AccessDenied { since: now, error: error.clone(), unknown });
            self.notify(NoticeKind::AccessDenied { error }, now);
        }
    }

    /// EKS accepted an update.
    pub fn access_granted(&mut self) {
        self.access_denied = None;
    }

    /// Records whether a freeze with a known end is in effect.
    pub fn record_freeze(&mut self, frozen: bool, now: Timestamp) {
        let is_open = self.freeze.as_ref().is_some_and(|freeze| freeze.ended_at.is_none());
        match &mut self.freeze {
            Some(freeze) if is_open && !frozen => freeze.ended_at = Some(now),
            freeze if !is_open && frozen => {
                *freeze = Some(FreezeSpan { since: now, ended_at: None, unknown: Unknown::default() });
            }
            _ => {}
        }
    }

    /// The support of a Kubernetes version has ended: reported once.
    pub fn report_support(&mut self, support_ended: &SupportEnded, now: Timestamp) {
        let SupportEnded { what, ended, .. } = support_ended;
        if !self.has_reported_end(what, *ended) {
            let (what, ended) = (what.clone().into(), (*ended).into());
            self.reported_ends.push(ReportedEnd { what, ended, unknown: Unknown::default() });
            let surplus = self.reported_ends.len().saturating_sub(REPORTED_ENDS);
            self.reported_ends.drain(..surplus);
            self.notify(NoticeKind::SupportEnded(support_ended.clone()), now);
        }
    }

    /// A week has begun: the digest is reported, if it has anything to list.
    pub fn report_digest(&mut self, digest: Option<&Digest>, now: Timestamp) {
        if self.digest_at.is_none_or(|at| at < now) {
            self.digest_at = Some(now);
            self.notify(digest.cloned().map(NoticeKind::Digest), now);
        }
    }

    /// The table was empty.
    pub fn note_empty_table(&mut self, now: Timestamp) {
        if self.revision.number == 0 {
            self.notify(NoticeKind::TableEmpty, now);
        }
    }

    /// The node groups whose records cannot be read now, and why: each is reported after a day.
    pub fn see_unreadable_records(&mut self, unreadable: &[(NodegroupName, String)], now: Timestamp) {
        let before = std::mem::take(&mut self.unreadable_records);
        for (nodegroup, error) in unreadable.iter().take(UNREADABLE_RECORDS) {
            let known = before.iter().find(|known| known.nodegroup == *nodegroup).cloned();
            let mut known = known.unwrap_or_else(|| UnreadableRecord {
                nodegroup: nodegroup.clone(),
                error: error.clone(),
                since: now,
                reported: false,
                unknown: Unknown::default(),
            });
            if !known.reported && now.duration_since(known.since) >= REPORT_UNREADABLE_AFTER {
                known.reported = true;
                self.notify(NoticeKind::RecordUnreadable(known.clone()), now);
            }
            self.unreadable_records.push(known);
        }
    }
}

impl Quarantine {
    /// The release track.
    #[must_use]
    pub fn track(&self) -> TrackKey {
        TrackKey::new(&self.version, &AmiTypes::from(self.ami_type.as_str()))
    }

    /// Whether it still stops anything: it was not lifted, and no newer release supersedes it.
    #[must_use]
    pub fn lasts(&self) -> bool {
        self.lifted_at.is_none() && self.superseded_by.is_none()
    }

    fn is_of(&self, track: &TrackKey, release: &str) -> bool {
        self.release_version == release && self.track() == *track
    }
}

impl From<Quarantine> for QuarantinedRelease {
    fn from(quarantine: Quarantine) -> Self {
        Self {
            version: quarantine.version,
            ami_type: quarantine.ami_type,
            release_version: quarantine.release_version,
            cluster: quarantine.cluster,
            nodegroups: quarantine.nodegroups,
            ran_on: quarantine.ran_on,
            previous_release_version: quarantine.previous_release_version,
            same_build: quarantine.same_build,
        }
    }
}

impl Content for FleetContent {
    type Id = FleetId;

    const KIND: Kind = Kind::Fleet;

    fn key(id: &FleetId) -> &str {
        id.key()
    }

    fn validate(&self, _: &FleetId) -> Result<(), Unreadable> {
        Ok(())
    }

    fn trim(&mut self, _: &Notices) {
        while self.quarantines.len() > QUARANTINES {
            let is_over =
                |quarantine: &Quarantine| quarantine.lifted_at.is_some() || quarantine.superseded_by.is_some();
            let oldest = self.quarantines.iter().position(is_over).unwrap_or(0);
            self.quarantines.remove(oldest);
        }
    }
}
