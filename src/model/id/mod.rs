//! What a decision, an error, a record or a message is about.

mod arn;
mod name;
pub mod names;
pub mod scope;

use std::fmt;

use crate::model::release::track::TrackKey;

pub use arn::{ClusterId, FleetId, InvalidKey, NodegroupId, TrackId};
pub use name::{InvalidName, NodegroupName, NodegroupPattern};

/// The key of an item of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemKey {
    /// A node group's.
    Nodegroup(NodegroupId),
    /// The fleet's.
    Fleet(FleetId),
    /// A release track's.
    Track(TrackId),
}

/// The subject of a decision, an error or a message.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A node group.
    Nodegroup(NodegroupName),
    /// The whole fleet.
    Fleet,
    /// A release track.
    Track(Box<TrackKey>),
    /// An entry of the tag index or the table that is not a node group's ARN.
    Entry(String),
}

impl ItemKey {
    /// Reads a key; `None` for a key that is not the updater's.
    #[must_use]
    pub fn read(key: &str) -> Option<Self> {
        let nodegroup = NodegroupId::from_arn(key).map(Self::Nodegroup);
        let fleet = || FleetId::from_key(key).map(Self::Fleet);
        nodegroup.or_else(fleet).or_else(|| TrackId::from_key(key).map(Self::Track))
    }

    /// The key, the attribute `itemKey`.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Nodegroup(id) => id.arn(),
            Self::Fleet(id) => id.key(),
            Self::Track(id) => id.key(),
        }
    }

    /// Its name, for people.
    #[must_use]
    pub fn subject(&self) -> Subject {
        match self {
            Self::Nodegroup(id) => id.into(),
            Self::Fleet(_) => Subject::Fleet,
            Self::Track(id) => Subject::Track(Box::new(id.track().clone())),
        }
    }
}

impl From<&NodegroupId> for Subject {
    fn from(id: &NodegroupId) -> Self {
        Self::Nodegroup(id.name().clone())
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nodegroup(name) => name.fmt(f),
            Self::Fleet => f.write_str("fleet"),
            Self::Track(track) => track.fmt(f),
            Self::Entry(entry) if entry.is_empty() => f.write_str("unknown"),
            Self::Entry(entry) => f.write_str(entry),
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_eks::types::AmiTypes;

    use super::*;

    const ARN: &str = "arn:aws:eks:eu-central-1:123456789012:nodegroup/prod/blue/9ebf4bd5-f1d2-4f2c-9b7b-1b2c3d4e5f60";

    #[test]
    fn an_arn_names_cluster_and_node_group() {
        let id = NodegroupId::from_arn(ARN).unwrap();
        assert_eq!((id.to_string().as_str(), id.arn()), ("prod/blue", ARN));
    }

    #[test]
    fn what_is_no_node_group_arn_is_refused() {
        for arn in [
            "",
            "prod/blue",
            "arn:aws:eks:eu-central-1:123456789012:cluster/prod",
            "arn:aws:eks:eu-central-1:123456789012:nodegroup/prod/blue",
            "arn:aws:eks:eu-central-1:123456789012:nodegroup//blue/9ebf4bd5",
            "arn:aws:eks:eu-central-1:123456789012:nodegroup/prod/blue/9ebf4bd5/more",
        ] {
            assert_eq!(NodegroupId::from_arn(arn), None, "{arn}");
        }
    }

    #[test]
    fn a_fleet_is_known_by_account_and_region() {
        let fleet = FleetId::of(&NodegroupId::from_arn(ARN).unwrap());
        assert_eq!(fleet.key(), "arn:aws:eks:eu-central-1:123456789012:fleet");
        assert_eq!(FleetId::from_key(fleet.key()), Some(fleet.clone()));
        assert_eq!((fleet.region(), fleet.account()), ("eu-central-1", "123456789012"));
        assert_eq!(FleetId::from_key("fleet"), None);
    }

    #[test]
    fn each_item_of_the_table_is_known_by_its_key() {
        let fleet = FleetId::of(&NodegroupId::from_arn(ARN).unwrap());
        let track = TrackId::of(&fleet, &TrackKey::new("1.33", &AmiTypes::Al2023X8664Standard));
        assert_eq!(track.key(), "arn:aws:eks:eu-central-1:123456789012:track/1.33/AL2023_x86_64_STANDARD");
        assert_eq!((track.region(), track.account()), ("eu-central-1", "123456789012"));
        let read = |key: &str| ItemKey::read(key).map(|item| (item.key().to_owned(), item.subject().to_string()));
        let item = |key: &str, subject: &str| Some((key.to_owned(), subject.to_owned()));
        assert_eq!(read(ARN), item(ARN, "prod/blue"));
        assert_eq!(read(fleet.key()), item(fleet.key(), "fleet"));
        assert_eq!(read(track.key()), item(track.key(), "1.33/AL2023_x86_64_STANDARD"));
        for key in ["", "fleet", "track/1.33/CUSTOM", "arn:aws:eks:eu-central-1:123456789012:track/1.33"] {
            assert_eq!(read(key), None, "{key}");
        }
    }
}
