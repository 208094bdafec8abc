//! Reads only what decides about a few node groups: their descriptions, the others of their clusters, the node groups of lower
//! rings, and which updates are in progress.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_eks::types::AmiTypes;
use futures_util::stream;

use super::nodegroups::{self, Indexed};
use super::{Found, Observer, controls, note_supports, support};
use crate::aws::{StartClients, concurrently};
use crate::config::StartConfig;
use crate::model::decision::reason::Reason;
use crate::model::id::{ItemKey, NodegroupId, NodegroupName, Subject};
use crate::model::nodegroup::Nodegroup;
use crate::model::nodegroup::policy::Policy;
use crate::model::observed::fleet::{Discovered, Fleet, Narrow, NodegroupState};
use crate::model::problem::{Problem, ProblemCode};
use crate::model::rules::Rules;

/// What a request needs besides the node groups that it names.
struct Needs {
    /// The highest ring of these node groups: each lower ring has to prove releases for them.
    ring: u32,
    /// Their clusters, whose other node groups count against the same limit.
    clusters: BTreeSet<String>,
    /// The node groups themselves.
    asked: BTreeSet<NodegroupName>,
}

impl Observer<'_> {
    /// Reads the settings, and the part of the fleet that decides about these node groups. Which one has the tag is known from
    /// its description, so the tag index is read only for lower rings.
    ///
    /// # Errors
    /// When the settings or the tag index cannot be read. Other read errors are part of the result.
    pub async fn narrow(self, config: &StartConfig, names: &[NodegroupName]) -> anyhow::Result<Found> {
        let Self { clients: StartClients { eks, ssm, .. }, store, run } = self;
        let asked = async {
            let (config, controls) = controls::settings_and_controls(ssm, config).await?;
            let names = names.iter().cloned().collect();
            let asked = nodegroups::describe_by_name(eks, names, &config.settings.defaults, run.last_read).await;
            anyhow::Ok((config, controls, asked))
        };
        let (asked, supports, pending) = futures_util::join!(asked, support::supports(eks), store.pending());
        let (config, controls, asked) = asked?;
        let (nodegroups, undescribed) = described(asked);
        let planned = nodegroups.iter().map(|discovered| discovered.id.clone()).collect();
        let mut narrow = Narrow { planned, undescribed, ..Narrow::default() };
        let mut fleet = Fleet { nodegroups, freeze: controls.freeze.clone(), ..Fleet::default() };
        note_supports(&mut fleet, supports);
        if let Some(needs) = Needs::of(&fleet.nodegroups) {
            self.add_needs(&mut fleet, &needs, &config.settings.defaults).await?;
            needs.reduce(&mut fleet, &mut narrow);
        }
        fleet.nodegroups.sort_by(|one, other| one.id.cmp(&other.id));
        fleet.id = fleet.nodegroups.first().map(|discovered| self.fleet_of(&discovered.id));
        let pending = pending.unwrap_or_else(|error| {
            fleet.errors.push(Problem::of_run(ProblemCode::Unreadable, error.to_string()));
            BTreeSet::new()
        });
        let pending = pending.iter().filter_map(|key| NodegroupId::from_arn(key)).collect();
        self.add_records(&mut fleet, &mut narrow, pending).await;
        fleet.narrow = Some(narrow);
        Ok(Found { config, controls, fleet })
    }

    /// Adds the node groups of lower rings, and the others of the same clusters. The tag index lists all of them; where each
    /// lower ring is in a tag, because it is not the default, a small part of the index is enough, and EKS lists the clusters.
    async fn add_needs(self, fleet: &mut Fleet, needs: &Needs, defaults: &Rules) -> anyhow::Result<()> {
        let Self { clients: StartClients { eks, tagging, .. }, run, .. } = self;
        let is_tagged = needs.ring <= defaults.ring;
        let index = async {
            match needs.ring {
                0 => Ok(Indexed::default()),
                _ => nodegroups::indexed(tagging, is_tagged, defaults).await,
            }
        };
        let clusters = needs.clusters.iter().filter(|_| is_tagged).cloned();
        let list = |cluster: String| async move {
            let listed = nodegroups::names_in(eks, &cluster).await;
            (cluster, listed)
        };
        let (index, clusters) = futures_util::join!(index, concurrently(stream::iter(clusters.map(list))));
        let Indexed { policies, invalid_arns } = index?;
        let mut names = BTreeSet::new();
        for (cluster, listed) in clusters {
            match listed {
                Ok(listed) => names.extend(listed),
                Err(error) => {
                    let error = format!("listing the node groups of {cluster}: {error}");
                    fleet.errors.push(Problem::of_run(ProblemCode::Unreadable, error));
                }
            }
        }
        names.retain(|name| !needs.asked.contains(name));
        let is_needed = |(id, policy): &(NodegroupId, Policy)| {
            let is_other = !needs.asked.contains(id.name()) && !names.contains(id.name());
            is_other && (policy.is_below(needs.ring) || needs.clusters.contains(id.cluster()))
        };
        let ids: Vec<NodegroupId> = policies.into_iter().filter(is_needed).map(|(id, _)| id).collect();
        let (by_id, by_name) = futures_util::join!(
            nodegroups::describe(eks, stream::iter(ids), defaults, run.last_read),
            nodegroups::describe_by_name(eks, names, defaults, run.last_read),
        );
        fleet.invalid_arns = invalid_arns;
        fleet.nodegroups.extend(by_id);
        let (others, undescribed) = described(by_name);
        fleet.nodegroups.extend(others);
        // Whether they have the tag is unknown.
        let undescribed = undescribed.into_iter().map(|(name, reason)| (Subject::Nodegroup(name), reason));
        let problem = |(subject, reason)| Problem::with(ProblemCode::Unreadable, subject, reason);
        fleet.errors.extend(undescribed.map(problem));
        Ok(())
    }

    /// Adds the records of the node groups and of those that might have an update in progress elsewhere.
    async fn add_records(self, fleet: &mut Fleet, narrow: &mut Narrow, pending: Vec<NodegroupId>) {
        let own = fleet.nodegroups.iter().map(|discovered| &discovered.id);
        let keys = own.chain(&pending).cloned().map(ItemKey::Nodegroup);
        let keys: Vec<ItemKey> = keys.chain(fleet.id.iter().cloned().map(ItemKey::Fleet)).collect();
        let clusters = nodegroups::followed_clusters(&self.clients.eks, &fleet.nodegroups);
        (fleet.records, fleet.clusters) = futures_util::join!(self.store.load(keys.into_iter()), clusters);
        let records = &fleet.records;
        let is_updating =
            |id: &NodegroupId| matches!(records.nodegroup(id), Ok(Some(record)) if record.open().is_some());
        narrow.updating = pending.into_iter().filter(is_updating).collect();
    }
}

impl Needs {
    /// What these node groups need, if one of them is to be kept current.
    fn of(nodegroups: &[Discovered]) -> Option<Self> {
        let opted_in = nodegroups.iter().filter_map(Discovered::nodegroup);
        let opted_in = opted_in.filter_map(|nodegroup| Some((nodegroup.id.cluster().to_owned(), ring_of(nodegroup)?)));
        let (clusters, rings): (BTreeSet<String>, Vec<u32>) = opted_in.unzip();
        Some(Self {
            ring: rings.into_iter().max()?,
            clusters,
            asked: nodegroups.iter().map(|discovered| discovered.id.name().clone()).collect(),
        })
    }

    /// Plans also for those that take turns; and drops those that neither prove a release for a planned node group, nor count
    /// against the limit of its cluster.
    fn reduce(&self, fleet: &mut Fleet, narrow: &mut Narrow) {
        let others = fleet.nodegroups.iter().filter(|discovered| self.takes_turn(discovered));
        narrow.planned.extend(others.map(|discovered| discovered.id.clone()));
        let planned = fleet.nodegroups.iter().filter(|discovered| narrow.planned.contains(&discovered.id));
        let ami_types: BTreeSet<AmiTypes> =
            planned.filter_map(|discovered| Some(discovered.nodegroup()?.ami_type.clone())).collect();
        fleet.nodegroups.retain(|discovered| {
            narrow.planned.contains(&discovered.id)
                || self.clusters.contains(discovered.id.cluster())
                || discovered.nodegroup().is_none_or(|nodegroup| ami_types.contains(&nodegroup.ami_type))
        });
    }

    /// Whether a node group can take a turn under the limit of a cluster, as far as that is known: what a higher ring waits for
    /// was not read.
    fn takes_turn(&self, discovered: &Discovered) -> bool {
        let ring = discovered.nodegroup().and_then(ring_of);
        self.clusters.contains(discovered.id.cluster()) && ring.is_some_and(|ring| ring <= self.ring)
    }
}

/// The ring of a node group that has opted in.
fn ring_of(nodegroup: &Nodegroup) -> Option<u32> {
    match &nodegroup.policy {
        Policy::OptedIn(_, rules) => Some(rules.ring),
        Policy::NotOptedIn | Policy::OptedOut | Policy::Invalid { .. } => None,
    }
}

/// The node groups that have the tag by their descriptions, which decide; and why others could not be described.
fn described(states: Vec<(NodegroupName, NodegroupState)>) -> (Vec<Discovered>, BTreeMap<NodegroupName, Reason>) {
    let (mut nodegroups, mut undescribed) = (Vec::new(), BTreeMap::new());
    for (name, state) in states {
        match state {
            NodegroupState::Exists(nodegroup) if nodegroup.policy == Policy::NotOptedIn => {}
            NodegroupState::Exists(nodegroup) => {
                let id = nodegroup.id.clone();
                nodegroups.push(Discovered { id, state: NodegroupState::Exists(nodegroup) });
            }
            NodegroupState::Deleted => {}
            NodegroupState::Unreadable(error) => {
                undescribed.insert(name, Reason::Unreadable(error));
            }
            NodegroupState::NotReached => {
                undescribed.insert(name, Reason::NotReached);
            }
        }
    }
    (nodegroups, undescribed)
}
