//! The fleet as a run observed it.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::decision::reason::{Freeze, Reason};
use crate::model::id::{ClusterId, FleetId, NodegroupId, NodegroupName, TrackId};
use crate::model::nodegroup::Nodegroup;
use crate::model::nodegroup::policy::Policy;
use crate::model::notice::support::Supports;
use crate::model::problem::{Problem, UnreadHistory, Unreadable};
use crate::model::record::fleet::FleetRecord;
use crate::model::record::set::RecordSet;
use crate::model::record::track::TrackRecord;
use crate::model::release::kubernetes::KubernetesVersion;
use crate::model::release::track::TrackKey;
use crate::model::rules::VersionPolicy;

/// Everything that a run of `start` knows about the fleet before it reads releases.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    /// The account and region, if there is any node group to manage.
    pub id: Option<FleetId>,
    /// The node groups that the tag index lists, by name.
    pub nodegroups: Vec<Discovered>,
    /// The first of those, in reading order, that the run did not reach.
    pub next_nodegroup: Option<NodegroupId>,
    /// Entries of the tag index that are not a node group's ARN.
    pub invalid_arns: Vec<String>,
    /// The Kubernetes version of each cluster that a node group follows.
    pub clusters: Clusters,
    /// The records of the fleet.
    pub records: RecordSet,
    /// How long AWS supports Kubernetes versions, if EKS returned it.
    pub supports: Supports,
    /// Whether the table had no record of these node groups or of the fleet.
    pub table_empty: bool,
    /// Node groups that the table lists as opted in, and the tag index does not.
    pub missing: Vec<Discovered>,
    /// Update histories that could not be read.
    pub unread_histories: BTreeMap<NodegroupId, UnreadHistory>,
    /// Other read errors, which block no update.
    pub errors: Vec<Problem>,
    /// Why no update is allowed to start, if the stop switch or a change calendar stops updates.
    pub freeze: Option<Freeze>,
    /// What is known of the rest, if only that part of the fleet was read which decides about some node groups.
    pub narrow: Option<Narrow>,
}

/// A part of the fleet: the node groups that a request is about, the others of their clusters, and those of lower rings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Narrow {
    /// The node groups that are planned: those of the request, and those of their clusters that can take their turns. The others
    /// are known to prove releases, and to count against limits.
    pub planned: BTreeSet<NodegroupId>,
    /// Node groups of the rest with an update in progress, by their records.
    pub updating: BTreeSet<NodegroupId>,
    /// Why node groups of the request could not be described. Without a description their ARNs are unknown.
    pub undescribed: BTreeMap<NodegroupName, Reason>,
}

/// The Kubernetes version of clusters, or why it could not be read.
pub type Clusters = BTreeMap<ClusterId, Result<KubernetesVersion, Unreadable>>;

/// A node group that the tag index lists.
#[derive(Clone, Debug, PartialEq)]
pub struct Discovered {
    /// Its names and ARN.
    pub id: NodegroupId,
    /// Its state in EKS.
    pub state: NodegroupState,
}

/// The state in EKS of a node group that the tag index lists.
#[derive(Clone, Debug, PartialEq)]
pub enum NodegroupState {
    /// It exists.
    Exists(Box<Nodegroup>),
    /// It was deleted; the index lags.
    Deleted,
    /// It could not be described.
    Unreadable(Unreadable),
    /// The time ran out before its turn: the next run starts with it.
    NotReached,
}

/// Node groups whose update history is unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnreadHistories {
    /// Node groups whose history an earlier run could not read completely.
    pub again: Vec<NodegroupId>,
    /// Node groups whose history no run has read.
    pub first: Vec<NodegroupId>,
}

impl UnreadHistories {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.again.is_empty() && self.first.is_empty()
    }
}

impl Discovered {
    /// The node group, if it exists and could be described.
    #[must_use]
    pub fn nodegroup(&self) -> Option<&Nodegroup> {
        match &self.state {
            NodegroupState::Exists(nodegroup) => Some(nodegroup),
            NodegroupState::Deleted | NodegroupState::Unreadable(_) | NodegroupState::NotReached => None,
        }
    }

    /// Whether it opted in and follows its cluster's Kubernetes version.
    #[must_use]
    pub fn follows_cluster(&self) -> bool {
        matches!(
            self.nodegroup().map(|nodegroup| &nodegroup.policy),
            Some(Policy::OptedIn(_, rules)) if rules.kubernetes_version == VersionPolicy::FollowCluster
        )
    }
}

impl Fleet {
    /// A history counts as known only once its record has it: another run might keep changing the record.
    pub fn note_unrecorded_histories(&mut self, read: UnreadHistories) {
        for id in read.again.into_iter().chain(read.first) {
            let record = self.records.nodegroup(&id).ok().flatten();
            if !record.is_some_and(|record| record.knows_update_history()) {
                let error = "another run keeps changing its record".to_owned();
                self.unread_histories.entry(id).or_insert(UnreadHistory { read: 0, listed: None, error });
            }
        }
    }

    /// Whether a node group is planned.
    #[must_use]
    pub fn plans(&self, id: &NodegroupId) -> bool {
        self.narrow.as_ref().is_none_or(|narrow| narrow.planned.contains(id))
    }

    /// The record of the fleet as a whole; `None` if there is none.
    ///
    /// # Errors
    /// When the record cannot be read.
    pub fn record(&self) -> Result<Option<&FleetRecord>, &Unreadable> {
        self.id.as_ref().map_or(Ok(None), |id| self.records.fleet(id))
    }

    /// The record of a release track; `None` if there is none.
    ///
    /// # Errors
    /// When the record cannot be read.
    pub fn track_record(&self, track: &TrackKey) -> Result<Option<&TrackRecord>, &Unreadable> {
        self.id.as_ref().map_or(Ok(None), |id| self.records.track(&TrackId::of(id, track)))
    }
}
