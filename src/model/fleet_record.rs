//! What the table holds of the whole fleet: its quarantined releases.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::notice::{Names, Notice, NoticeKind};
use super::problem::Unreadable;
use super::record::{Record, Revision, SchemaVersion, YES};
use super::release_version::ReleaseVersion;
use super::subject::FleetId;

/// Quarantines that are kept: with the longest names, and all still to report, they fit into an item of 400 KB. Those that
/// no longer stop anything go first.
const QUARANTINES: usize = 32;

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

/// A release that no node group is updated to, since it failed on several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quarantine {
    /// The release.
    pub release_version: String,
    /// Since when.
    pub since: Timestamp,
    /// The node groups that it failed on.
    pub nodegroups: Names,
    /// When it was lifted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifted_at: Option<Timestamp>,
    /// A newer release of the same track, which makes it pointless.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<String>,
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
            pending_notices: Vec::new(),
            pending: None,
        }
    }

    /// A release failed on these node groups: from now on no node group is updated to it. Without effect where it is
    /// quarantined already.
    pub fn quarantine(&mut self, release: &str, nodegroups: &Names, now: Timestamp) {
        if self.quarantined(release).is_some() {
            return;
        }
        self.quarantines.push(Quarantine {
            release_version: release.to_owned(),
            since: now,
            nodegroups: nodegroups.clone(),
            lifted_at: None,
            superseded_by: None,
        });
        let kind =
            NoticeKind::ReleaseQuarantined { release_version: release.to_owned(), nodegroups: nodegroups.clone() };
        self.pending_notices.push(Notice { kind, at: now });
    }

    /// Whether a release is quarantined.
    #[must_use]
    pub fn quarantined(&self, release: &str) -> Option<&Quarantine> {
        let held = |quarantine: &&Quarantine| quarantine.release_version == release && quarantine.lifted_at.is_none();
        self.quarantines.iter().find(held)
    }

    /// A newer release of a quarantined one's track is out. The quarantined one stays so.
    pub fn supersede(&mut self, latest: &ReleaseVersion) {
        for quarantine in self.quarantines.iter_mut().filter(|quarantine| quarantine.superseded_by.is_none()) {
            if latest.is_newer_than(&quarantine.release_version) {
                quarantine.superseded_by = Some(latest.to_string());
            }
        }
    }

    /// The quarantine of a release is lifted.
    pub fn lift_quarantine(&mut self, release: &str, now: Timestamp) {
        for quarantine in &mut self.quarantines {
            if quarantine.release_version == release && quarantine.lifted_at.is_none() {
                quarantine.lifted_at = Some(now);
            }
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

    fn mark_published(&mut self, notice: &Notice) {
        self.pending_notices.retain(|pending| pending != notice);
    }

    fn notice_id(&self, notice: &Notice) -> String {
        let (code, release) = (notice.kind.code(), notice.kind.release_version().unwrap_or_default());
        let name = format!("{}/{code}/{release}/{}", self.id.key(), notice.at);
        Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()).to_string()
    }
}
