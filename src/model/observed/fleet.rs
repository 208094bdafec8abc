//! The fleet as a run observed it.

use std::collections::BTreeMap;

use crate::model::decision::reason::Freeze;
use crate::model::id::{ClusterId, FleetId, NodegroupId, TrackId};
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

/// Everything that a run of `start` knows of the fleet before it asks for releases.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    /// The account and region, if there is any node group to look after.
    pub id: Option<FleetId>,
    /// The node groups that the tag index lists, by name.
    pub nodegroups: Vec<Discovered>,
    /// The first of those, in the order in which they were read, that the run did not come to.
    pub next_nodegroup: Option<NodegroupId>,
    /// Entries of the tag index that are not a node group's ARN.
    pub invalid_arns: Vec<String>,
    /// The Kubernetes version of each cluster that a node group follows.
    pub clusters: Clusters,
    /// What the table holds of the fleet.
    pub records: RecordSet,
    /// How long AWS supports Kubernetes versions, as far as EKS says.
    pub supports: Supports,
    /// Whether the table held nothing at all of these node groups and of the fleet.
    pub table_empty: bool,
    /// What the table lists as opted in, and the tag index does not.
    pub missing: Vec<Discovered>,
    /// What could not be read of update histories.
    pub unread_histories: BTreeMap<NodegroupId, UnreadHistory>,
    /// What could not be read beside, and costs nobody an update.
    pub errors: Vec<Problem>,
    /// Why nothing may start anywhere, if the stop switch or a change calendar says so.
    pub freeze: Option<Freeze>,
}

/// The Kubernetes version of clusters, or why it could not be read.
pub type Clusters = BTreeMap<ClusterId, Result<KubernetesVersion, Unreadable>>;

/// A node group that the tag index lists.
#[derive(Clone, Debug, PartialEq)]
pub struct Discovered {
    /// Its names and ARN.
    pub id: NodegroupId,
    /// What EKS says of it.
    pub state: NodegroupState,
}

/// What EKS says of a node group that the tag index lists.
#[derive(Clone, Debug, PartialEq)]
pub enum NodegroupState {
    /// It exists.
    Exists(Box<Nodegroup>),
    /// It was deleted; the index lags.
    Deleted,
    /// It could not be described.
    Unreadable(Unreadable),
    /// The time was over before it was its turn: the next run begins with it.
    NotReached,
}

/// Node groups whose update history is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnreadHistories {
    /// Those that an earlier run could not read whole.
    pub again: Vec<NodegroupId>,
    /// Those that no run has read.
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
    /// A history that was read is not known as long as its record does not say so: another run may keep changing that.
    pub fn note_unrecorded_histories(&mut self, read: UnreadHistories) {
        for id in read.again.into_iter().chain(read.first) {
            let record = self.records.nodegroup(&id).ok().flatten();
            if !record.is_some_and(|record| record.knows_update_history()) {
                let error = "another run keeps changing its record".to_owned();
                self.unread_histories.entry(id).or_insert(UnreadHistory { read: 0, listed: None, error });
            }
        }
    }

    /// What the table holds of the fleet as a whole; `None` where it holds nothing.
    ///
    /// # Errors
    /// When the table holds a record that cannot be read.
    pub fn record(&self) -> Result<Option<&FleetRecord>, &Unreadable> {
        self.id.as_ref().map_or(Ok(None), |id| self.records.fleet(id))
    }

    /// What the table holds of a release track; `None` where it holds nothing.
    ///
    /// # Errors
    /// When the table holds a record that cannot be read.
    pub fn track_record(&self, track: &TrackKey) -> Result<Option<&TrackRecord>, &Unreadable> {
        self.id.as_ref().map_or(Ok(None), |id| self.records.track(&TrackId::of(id, track)))
    }
}
