//! What the table holds of the whole fleet: its quarantined releases.

use aws_sdk_eks::types::AmiTypes;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::ami_type::TrackKey;
use super::names::Names;
use super::notice::{Digest, Notice, NoticeKind, QuarantinedRelease};
use super::problem::Unreadable;
use super::record::{Record, Revision, SchemaVersion, YES};
use super::release_version::ReleaseVersion;
use super::settings::ReleaseSelector;
use super::stale::UnreadableRecord;
use super::subject::{FleetId, NodegroupId, NodegroupName};
use super::support::{Ended, SupportEnded, Supported};

/// Quarantines that are kept: with the longest names, and all still to report, they fit into an item of 400 KB. Those that
/// no longer stop anything go first.
const QUARANTINES: usize = 32;

/// Ends of support that are kept.
const REPORTED_ENDS: usize = 20;
/// Unreadable records that are kept.
const UNREADABLE_RECORDS: usize = 20;
/// A record that cannot be read is reported after so long.
const REPORT_UNREADABLE_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// What holds for all node groups of one account and region: one item of the table, always written whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FleetRecord {
    /// The fleet, the table's key.
    #[serde(rename = "itemKey")]
    pub id: FleetId,
    kind: Kind,
    schema_version: SchemaVersion,
    /// The write that was read.
    pub revision: Revision,
    /// Releases that are or were quarantined.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quarantines: Vec<Quarantine>,
    /// That EKS refuses updates because a permission is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_denied: Option<AccessDenied>,
    /// The freeze that lasts, or the last one, of those whose end is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freeze: Option<FreezeSpan>,
    /// When what lasts was last listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest_at: Option<Timestamp>,
    /// The node group with which the next run begins to read, where the last one did not come to all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_nodegroup: Option<NodegroupId>,
    /// The ends of support that were reported: of what, and which.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reported_ends: Vec<(Supported, Ended)>,
    /// Node groups whose records cannot be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable_records: Vec<UnreadableRecord>,
    /// What has to be published.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending_notices: Vec<Notice>,
    /// Present while a notice is pending: the key of the sparse index `pending-index`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Kind {
    Fleet,
}

/// A release that no node group of the fleet, or of one cluster, is updated to, since it failed on several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quarantine {
    /// The Kubernetes version of the release track.
    pub version: String,
    /// The AMI type of the release track.
    pub ami_type: String,
    /// The release.
    pub release_version: String,
    /// The cluster, where it is quarantined in one only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// The node groups that it failed on.
    pub nodegroups: Names,
    /// The node groups that it came up on.
    #[serde(default)]
    pub ran_on: Names,
    /// The release that the first of those ran, and runs again.
    #[serde(default)]
    pub previous_release_version: String,
    /// Releases of the same build on other tracks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub same_build: Vec<String>,
    /// When it was lifted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifted_at: Option<Timestamp>,
    /// A newer release of the same track, which makes it pointless.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<String>,
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
}

/// EKS refuses updates because the function lacks a right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessDenied {
    /// Since when.
    pub since: Timestamp,
    /// EKS's words.
    pub error: String,
}

impl FleetRecord {
    /// The record of a fleet of which nothing is known yet.
    #[must_use]
    pub fn new(id: &FleetId) -> Self {
        Self {
            id: id.clone(),
            kind: Kind::Fleet,
            schema_version: SchemaVersion,
            revision: Revision::default(),
            quarantines: Vec::new(),
            access_denied: None,
            freeze: None,
            digest_at: None,
            next_nodegroup: None,
            reported_ends: Vec::new(),
            unreadable_records: Vec::new(),
            pending_notices: Vec::new(),
            pending: None,
        }
    }

    /// A release failed on several node groups: from now on none is updated to it. Without effect where it is quarantined so
    /// already.
    pub fn quarantine(&mut self, quarantine: &Quarantine) {
        let track = quarantine.track();
        let same = self.quarantines.iter().any(|held| {
            held.is_of(&track, &quarantine.release_version)
                && held.lifted_at.is_none()
                && held.cluster == quarantine.cluster
        });
        if same {
            return;
        }
        self.quarantines.push(quarantine.clone());
        self.pending_notices
            .push(Notice::new(NoticeKind::ReleaseQuarantined(quarantine.clone().into()), quarantine.since));
    }

    /// Whether a release of a track is quarantined: in the whole fleet, or in this cluster.
    #[must_use]
    pub fn quarantined(&self, track: &TrackKey, release: &str, cluster: Option<&str>) -> Option<&Quarantine> {
        self.quarantines.iter().find(|held| {
            held.is_of(track, release)
                && held.lifted_at.is_none()
                && held.cluster.as_deref().is_none_or(|in_one| Some(in_one) == cluster)
        })
    }

    /// When a quarantine of a release was last lifted.
    #[must_use]
    pub fn last_lifted(&self, track: &TrackKey, release: &str) -> Option<Timestamp> {
        let of_release = self.quarantines.iter().filter(|held| held.is_of(track, release));
        of_release.filter_map(|held| held.lifted_at).max()
    }

    /// A newer release of a quarantined one's track is out. The quarantined one stays so.
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

    /// EKS refused updates because the function lacks a right: reported once, until EKS accepts one again.
    pub fn report_access_denied(&mut self, error: &str, now: Timestamp) {
        if self.access_denied.is_none() {
            self.access_denied = Some(AccessDenied { since: now, error: error.to_owned() });
            self.pending_notices.push(Notice::new(NoticeKind::AccessDenied { error: error.to_owned() }, now));
        }
    }

    /// EKS accepted an update.
    pub fn access_granted(&mut self) {
        self.access_denied = None;
    }

    /// Whether a freeze whose end is known lasts.
    pub fn see_freeze(&mut self, frozen: bool, now: Timestamp) {
        let is_open = self.freeze.as_ref().is_some_and(|freeze| freeze.ended_at.is_none());
        match &mut self.freeze {
            Some(freeze) if is_open && !frozen => freeze.ended_at = Some(now),
            freeze if !is_open && frozen => *freeze = Some(FreezeSpan { since: now, ended_at: None }),
            _ => {}
        }
    }

    /// The support of a Kubernetes version has ended: reported once.
    pub fn report_support(&mut self, ended: &SupportEnded, now: Timestamp) {
        let end = (ended.what.clone(), ended.ended);
        if !self.reported_ends.contains(&end) {
            self.reported_ends.push(end);
            self.reported_ends.drain(..self.reported_ends.len().saturating_sub(REPORTED_ENDS));
            self.pending_notices.push(Notice::new(NoticeKind::SupportEnded(ended.clone()), now));
        }
    }

    /// A week has begun; what lasts is listed, where there is any.
    pub fn report_digest(&mut self, digest: Option<&Digest>, now: Timestamp) {
        if self.digest_at.is_none_or(|at| at < now) {
            self.digest_at = Some(now);
            let notice = digest.map(|digest| Notice::new(NoticeKind::Digest(digest.clone()), now));
            self.pending_notices.extend(notice);
        }
    }

    /// The table held nothing.
    pub fn note_empty_table(&mut self, now: Timestamp) {
        if self.revision.number == 0 {
            self.pending_notices.push(Notice::new(NoticeKind::TableEmpty, now));
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
            });
            if !known.reported && now.duration_since(known.since) >= REPORT_UNREADABLE_AFTER {
                known.reported = true;
                self.pending_notices.push(Notice::new(NoticeKind::RecordUnreadable(known.clone()), now));
            }
            self.unreadable_records.push(known);
        }
    }

    fn trim(&mut self) {
        while self.quarantines.len() > QUARANTINES {
            let is_over =
                |quarantine: &Quarantine| quarantine.lifted_at.is_some() || quarantine.superseded_by.is_some();
            let oldest = self.quarantines.iter().position(is_over).unwrap_or(0);
            self.quarantines.remove(oldest);
        }
    }
}

impl Quarantine {
    /// The release track.
    #[must_use]
    pub fn track(&self) -> TrackKey {
        TrackKey::new(&self.version, &AmiTypes::from(self.ami_type.as_str()))
    }

    /// Whether it still stops anything: nobody has lifted it, and no newer release has made it pointless.
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

impl Record for FleetRecord {
    fn key(&self) -> &str {
        self.id.key()
    }

    fn revision(&self) -> &Revision {
        &self.revision
    }

    fn validate(&self) -> Result<(), Unreadable> {
        self.revision.validate()
    }

    fn prepare(&mut self, revision: Revision, _now: Timestamp) {
        self.revision = revision;
        self.pending = (!self.pending_notices.is_empty()).then(|| YES.to_owned());
        self.trim();
    }

    fn pending_notices(&self) -> &[Notice] {
        &self.pending_notices
    }

    fn pending_notices_mut(&mut self) -> &mut Vec<Notice> {
        &mut self.pending_notices
    }
}
