//! The records of the table: one for each node group, one for each release track, and one for the whole fleet.

use std::collections::BTreeMap;

use super::fleet::FleetRecord;
use super::nodegroup::NodegroupRecord;
use super::track::TrackRecord;
use crate::model::id::{FleetId, NodegroupId, Subject, TrackId};
use crate::model::notice::Notice;
use crate::model::problem::Unreadable;

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

/// The same of a record of any kind.
macro_rules! of_any {
    ($any:expr, $record:ident => $answer:expr) => {
        match $any {
            RecordRef::Nodegroup($record) => $answer,
            RecordRef::Fleet($record) => $answer,
            RecordRef::Track($record) => $answer,
        }
    };
}

impl AnyRecord {
    /// The record.
    #[must_use]
    pub fn as_ref(&self) -> RecordRef<'_> {
        match self {
            Self::Nodegroup(record) => RecordRef::Nodegroup(record),
            Self::Fleet(record) => RecordRef::Fleet(record),
            Self::Track(record) => RecordRef::Track(record),
        }
    }

    /// The pending notices that this version knows.
    #[must_use]
    pub fn pending_notices(&self) -> &[Notice] {
        of_any!(self.as_ref(), record => record.pending_notices())
    }

    /// How many notices are left to a newer version.
    #[must_use]
    pub fn unknown_notices(&self) -> usize {
        of_any!(self.as_ref(), record => record.unknown_notices())
    }

    /// Its subject, as people name it.
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
    /// The record, if it is a node group's.
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
        of_any!(self, record => record.key())
    }

    /// The region.
    #[must_use]
    pub fn region(self) -> &'a str {
        of_any!(self, record => record.id.region())
    }

    /// The account.
    #[must_use]
    pub fn account(self) -> &'a str {
        of_any!(self, record => record.id.account())
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

/// The requested items. An item that is not in the table is new; an item that cannot be read is neither.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecordSet {
    // Boxed, because a node of the map is half empty.
    nodegroups: BTreeMap<NodegroupId, Result<Box<NodegroupRecord>, Unreadable>>,
    fleets: BTreeMap<FleetId, Result<FleetRecord, Unreadable>>,
    tracks: BTreeMap<TrackId, Result<TrackRecord, Unreadable>>,
}

impl RecordSet {
    /// The record of a node group; `None` if there is none.
    ///
    /// # Errors
    /// When the record cannot be read.
    pub fn nodegroup(&self, id: &NodegroupId) -> Result<Option<&NodegroupRecord>, &Unreadable> {
        self.nodegroups.get(id).map(Result::as_deref).transpose()
    }

    /// The record of a node group, or its first one.
    ///
    /// # Errors
    /// When the record cannot be read. It must not be overwritten.
    pub fn nodegroup_or_new(&self, id: &NodegroupId) -> Result<NodegroupRecord, &Unreadable> {
        Ok(self.nodegroup(id)?.cloned().unwrap_or_else(|| NodegroupRecord::new(id)))
    }

    /// The record of a fleet; `None` if there is none.
    ///
    /// # Errors
    /// When the record cannot be read.
    pub fn fleet(&self, id: &FleetId) -> Result<Option<&FleetRecord>, &Unreadable> {
        self.fleets.get(id).map(Result::as_ref).transpose()
    }

    /// The record of a fleet, or its first one.
    ///
    /// # Errors
    /// When the record cannot be read. It must not be overwritten.
    pub fn fleet_or_new(&self, id: &FleetId) -> Result<FleetRecord, &Unreadable> {
        Ok(self.fleet(id)?.cloned().unwrap_or_else(|| FleetRecord::new(id)))
    }

    /// The record of a release track; `None` if there is none.
    ///
    /// # Errors
    /// When the record cannot be read.
    pub fn track(&self, id: &TrackId) -> Result<Option<&TrackRecord>, &Unreadable> {
        self.tracks.get(id).map(Result::as_ref).transpose()
    }

    /// The record of a release track, or its first one.
    ///
    /// # Errors
    /// When the record cannot be read. It must not be overwritten.
    pub fn track_or_new(&self, id: &TrackId) -> Result<TrackRecord, &Unreadable> {
        Ok(self.track(id)?.cloned().unwrap_or_else(|| TrackRecord::new(id)))
    }

    /// Every record of a node group that could be read.
    pub fn readable(&self) -> impl Iterator<Item = &NodegroupRecord> + Clone {
        self.nodegroups.values().filter_map(|record| record.as_deref().ok())
    }

    /// Every record of a release track that could be read.
    pub fn readable_tracks(&self) -> impl Iterator<Item = &TrackRecord> {
        self.tracks.values().filter_map(|record| record.as_ref().ok())
    }

    /// Every record of a fleet, or why it cannot be read.
    pub fn fleets(&self) -> impl Iterator<Item = Result<&FleetRecord, &Unreadable>> {
        self.fleets.values().map(Result::as_ref)
    }

    /// Takes in the record of a node group, or why it cannot be read or relied upon.
    pub fn insert_nodegroup(&mut self, id: NodegroupId, record: Result<NodegroupRecord, Unreadable>) {
        self.nodegroups.insert(id, record.map(Box::new));
    }

    /// Takes in the record of a fleet, or why it cannot be read or relied upon.
    pub fn insert_fleet(&mut self, id: FleetId, record: Result<FleetRecord, Unreadable>) {
        self.fleets.insert(id, record);
    }

    /// Takes in the record of a release track, or why it cannot be read or relied upon.
    pub fn insert_track(&mut self, id: TrackId, record: Result<TrackRecord, Unreadable>) {
        self.tracks.insert(id, record);
    }

    /// Adds the other records.
    pub fn extend(&mut self, other: Self) {
        let Self { nodegroups, fleets, tracks } = other;
        self.nodegroups.extend(nodegroups);
        self.fleets.extend(fleets);
        self.tracks.extend(tracks);
    }
}
