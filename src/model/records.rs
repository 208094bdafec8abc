//! What the table holds: one record for each node group, one for each release track, and one for the whole fleet.

use std::collections::BTreeMap;

use super::ami_type::TrackKey;
use super::fleet_record::FleetRecord;
use super::nodegroup_record::NodegroupRecord;
use super::notice::Notice;
use super::problem::Unreadable;
use super::record::Record as _;
use super::subject::{FleetId, NodegroupId, Subject, TrackId};
use super::track_record::TrackRecord;

/// A record of any kind.
#[derive(Clone, Copy, Debug)]
pub enum RecordRef<'a> {
    /// A node group's.
    Nodegroup(&'a NodegroupRecord),
    /// The fleet's.
    Fleet(&'a FleetRecord),
    /// A release track's.
    Track(&'a TrackRecord),
}

/// A record of any kind, owned.
#[derive(Clone, Debug, PartialEq)]
pub enum AnyRecord {
    /// A node group's.
    Nodegroup(Box<NodegroupRecord>),
    /// The fleet's.
    Fleet(FleetRecord),
    /// A release track's.
    Track(TrackRecord),
}

impl AnyRecord {
    /// The record.
    #[must_use]
    pub fn as_ref(&self) -> RecordRef<'_> {
        match self {
            Self::Nodegroup(record) => record.as_ref().into(),
            Self::Fleet(record) => record.into(),
            Self::Track(record) => record.into(),
        }
    }

    /// What has to be published.
    #[must_use]
    pub fn pending_notices(&self) -> &[Notice] {
        match self {
            Self::Nodegroup(record) => record.pending_notices(),
            Self::Fleet(record) => record.pending_notices(),
            Self::Track(record) => record.pending_notices(),
        }
    }

    /// What it is about, as people name it.
    #[must_use]
    pub fn subject(&self) -> Subject {
        match self {
            Self::Nodegroup(record) => (&record.id).into(),
            Self::Fleet(_) => Subject::Fleet,
            Self::Track(record) => Subject::Track(Box::new(record.id.track().clone())),
        }
    }
}

impl From<NodegroupRecord> for AnyRecord {
    fn from(record: NodegroupRecord) -> Self {
        Self::Nodegroup(Box::new(record))
    }
}

impl From<FleetRecord> for AnyRecord {
    fn from(record: FleetRecord) -> Self {
        Self::Fleet(record)
    }
}

impl From<TrackRecord> for AnyRecord {
    fn from(record: TrackRecord) -> Self {
        Self::Track(record)
    }
}

impl<'a> RecordRef<'a> {
    /// The record of a node group, where it is one.
    #[must_use]
    pub fn nodegroup(self) -> Option<&'a NodegroupRecord> {
        match self {
            Self::Nodegroup(record) => Some(record),
            Self::Fleet(_) | Self::Track(_) => None,
        }
    }

    /// The key of the item.
    #[must_use]
    pub fn key(self) -> &'a str {
        match self {
            Self::Nodegroup(record) => record.key(),
            Self::Fleet(record) => record.key(),
            Self::Track(record) => record.key(),
        }
    }

    /// The region.
    #[must_use]
    pub fn region(self) -> &'a str {
        match self {
            Self::Nodegroup(record) => record.id.region(),
            Self::Fleet(record) => record.id.region(),
            Self::Track(record) => record.id.region(),
        }
    }

    /// The account.
    #[must_use]
    pub fn account(self) -> &'a str {
        match self {
            Self::Nodegroup(record) => record.id.account(),
            Self::Fleet(record) => record.id.account(),
            Self::Track(record) => record.id.account(),
        }
    }
}

impl<'a> From<&'a NodegroupRecord> for RecordRef<'a> {
    fn from(record: &'a NodegroupRecord) -> Self {
        Self::Nodegroup(record)
    }
}

impl<'a> From<&'a FleetRecord> for RecordRef<'a> {
    fn from(record: &'a FleetRecord) -> Self {
        Self::Fleet(record)
    }
}

impl<'a> From<&'a TrackRecord> for RecordRef<'a> {
    fn from(record: &'a TrackRecord) -> Self {
        Self::Track(record)
    }
}

/// The items that were asked for. One that is not in the table is new; one that cannot be read is neither.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecordSet {
    // Boxed, since a node of the map is half empty.
    nodegroups: BTreeMap<NodegroupId, Result<Box<NodegroupRecord>, Unreadable>>,
    fleet: Option<Result<FleetRecord, Unreadable>>,
    tracks: BTreeMap<TrackKey, Result<TrackRecord, Unreadable>>,
}

impl RecordSet {
    /// The record of a node group; `None` where the table holds none.
    ///
    /// # Errors
    /// When the table holds one that cannot be read.
    pub fn nodegroup(&self, id: &NodegroupId) -> Result<Option<&NodegroupRecord>, &Unreadable> {
        self.nodegroups.get(id).map(Result::as_deref).transpose()
    }

    /// The record of a node group, or its first one.
    ///
    /// # Errors
    /// When the table holds one that cannot be read. It must not be written over.
    pub fn nodegroup_or_new(&self, id: &NodegroupId) -> Result<NodegroupRecord, &Unreadable> {
        Ok(self.nodegroup(id)?.cloned().unwrap_or_else(|| NodegroupRecord::new(id)))
    }

    /// The record of the fleet; `None` where the table holds none.
    ///
    /// # Errors
    /// When the table holds one that cannot be read.
    pub fn fleet(&self) -> Result<Option<&FleetRecord>, &Unreadable> {
        self.fleet.as_ref().map(Result::as_ref).transpose()
    }

    /// The record of the fleet, or its first one.
    ///
    /// # Errors
    /// When the table holds one that cannot be read. It must not be written over.
    pub fn fleet_or_new(&self, id: &FleetId) -> Result<FleetRecord, &Unreadable> {
        Ok(self.fleet()?.cloned().unwrap_or_else(|| FleetRecord::new(id)))
    }

    /// The record of a release track; `None` where the table holds none.
    ///
    /// # Errors
    /// When the table holds one that cannot be read.
    pub fn track(&self, key: &TrackKey) -> Result<Option<&TrackRecord>, &Unreadable> {
        self.tracks.get(key).map(Result::as_ref).transpose()
    }

    /// The record of a release track, or its first one.
    ///
    /// # Errors
    /// When the table holds one that cannot be read. It must not be written over.
    pub fn track_or_new(&self, id: &TrackId) -> Result<TrackRecord, &Unreadable> {
        Ok(self.track(id.track())?.cloned().unwrap_or_else(|| TrackRecord::new(id)))
    }

    /// Every record of a node group that could be read.
    pub fn readable(&self) -> impl Iterator<Item = &NodegroupRecord> + Clone {
        self.nodegroups.values().filter_map(|record| record.as_deref().ok())
    }

    /// Every record of a release track that could be read.
    pub fn readable_tracks(&self) -> impl Iterator<Item = &TrackRecord> {
        self.tracks.values().filter_map(|record| record.as_ref().ok())
    }

    /// Takes in the record of a node group, or why it cannot be read or relied upon.
    pub fn insert_nodegroup(&mut self, id: NodegroupId, record: Result<NodegroupRecord, Unreadable>) {
        self.nodegroups.insert(id, record.map(Box::new));
    }

    /// Takes in what was read beside.
    pub fn extend(&mut self, other: Self) {
        let Self { nodegroups, fleet, tracks } = other;
        self.nodegroups.extend(nodegroups);
        self.tracks.extend(tracks);
        self.fleet = fleet.or(self.fleet.take());
    }

    /// Takes in the record of the fleet, or why it cannot be read or relied upon.
    pub fn insert_fleet(&mut self, record: Result<FleetRecord, Unreadable>) {
        self.fleet = Some(record);
    }

    /// Takes in the record of a release track, or why it cannot be read or relied upon.
    pub fn insert_track(&mut self, key: TrackKey, record: Result<TrackRecord, Unreadable>) {
        self.tracks.insert(key, record);
    }
}
