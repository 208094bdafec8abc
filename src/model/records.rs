//! What the table holds: one record for each node group, and one for the whole fleet.

use std::collections::BTreeMap;

use super::fleet_record::FleetRecord;
use super::nodegroup_record::NodegroupRecord;
use super::problem::Unreadable;
use super::subject::{FleetId, NodegroupId};

/// A record of either kind.
#[derive(Clone, Copy, Debug)]
pub enum RecordRef<'a> {
    /// A node group's.
    Nodegroup(&'a NodegroupRecord),
    /// The fleet's.
    Fleet(&'a FleetRecord),
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

/// The items that were asked for. One that is not in the table is new; one that cannot be read is neither.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecordSet {
    nodegroups: BTreeMap<NodegroupId, Result<NodegroupRecord, Unreadable>>,
    fleet: Option<Result<FleetRecord, Unreadable>>,
}

impl RecordSet {
    /// The record of a node group; `None` where the table holds none.
    ///
    /// # Errors
    /// When the table holds one that cannot be read.
    pub fn nodegroup(&self, id: &NodegroupId) -> Result<Option<&NodegroupRecord>, &Unreadable> {
        self.nodegroups.get(id).map(Result::as_ref).transpose()
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

    /// Every record of a node group that could be read.
    pub fn readable(&self) -> impl Iterator<Item = &NodegroupRecord> + Clone {
        self.nodegroups.values().filter_map(|record| record.as_ref().ok())
    }

    /// Takes in the record of a node group, or why it cannot be read or relied upon.
    pub fn insert_nodegroup(&mut self, id: NodegroupId, record: Result<NodegroupRecord, Unreadable>) {
        self.nodegroups.insert(id, record);
    }

    /// Takes in the record of the fleet, or why it cannot be read or relied upon.
    pub fn insert_fleet(&mut self, record: Result<FleetRecord, Unreadable>) {
        self.fleet = Some(record);
    }
}
