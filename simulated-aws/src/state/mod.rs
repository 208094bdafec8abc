//! The state of the world: plain data, and the effects of changes.

pub(crate) mod arns;
pub(crate) mod cloudformation;
pub(crate) mod cluster;
pub(crate) mod eventbridge;
pub(crate) mod ids;
pub(crate) mod kubernetes;
pub(crate) mod lambda;
pub(crate) mod nodegroup;
pub(crate) mod quirks;
pub(crate) mod regions;
pub(crate) mod releases;
pub(crate) mod request;
pub(crate) mod script;
pub(crate) mod sns;
pub(crate) mod ssm;
pub(crate) mod update;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use http::Extensions;
use jiff::Timestamp;

use crate::state::arns::Arns;
use crate::state::cloudformation::Stack;
use crate::state::cluster::Cluster;
use crate::state::eventbridge::Buses;
use crate::state::ids::Ids;
use crate::state::kubernetes::KubernetesVersion;
use crate::state::lambda::Function;
use crate::state::nodegroup::{Key, Nodegroup, key};
use crate::state::quirks::Quirks;
use crate::state::regions::Regions;
use crate::state::releases::Releases;
use crate::state::request::Request;
use crate::state::script::UpdateScript;
use crate::state::sns::{PublishedMessage, Topic};
use crate::state::ssm::{Calendar, Parameter, Prefixes};
use crate::state::update::{EarlierUpdate, Running};

/// The data of all services; one lock guards it, so that each request sees and leaves it consistent.
#[derive(Default)]
pub(crate) struct State {
    /// The time as of this request.
    pub(crate) now: Timestamp,
    /// The ARNs in the world's region.
    pub(crate) arns: Arns,
    /// The regions of the account.
    pub(crate) regions: Regions,
    pub(crate) clusters: BTreeMap<String, Cluster>,
    pub(crate) kubernetes_versions: BTreeMap<String, KubernetesVersion>,
    pub(crate) nodegroups: BTreeMap<Key, Nodegroup>,
    /// Node groups whose launch template a caller is not allowed to launch instances with.
    pub(crate) denied_launch_templates: BTreeSet<Key>,
    /// Former states of node groups, and until when; kept only while `DescribeNodegroup` lags.
    formerly: BTreeMap<Key, Vec<(Timestamp, Nodegroup)>>,
    pub(crate) updates: Vec<Running>,
    /// Updates from before the world, by the node group's ARN and their ids.
    pub(crate) earlier_updates: BTreeMap<String, BTreeMap<String, EarlierUpdate>>,
    /// How often updates were listed from the beginning: each time in another order.
    pub(crate) update_lists: u64,
    /// The scripts of the next updates of a node group.
    pub(crate) update_scripts: BTreeMap<Key, VecDeque<UpdateScript>>,
    /// By AMI type and Kubernetes version.
    pub(crate) releases: BTreeMap<(String, String), Releases>,
    pub(crate) parameters: BTreeMap<String, Parameter>,
    /// Prefixes without public parameters in this region.
    pub(crate) absent_prefixes: Prefixes,
    pub(crate) calendars: BTreeMap<String, Calendar>,
    pub(crate) topics: BTreeMap<String, Topic>,
    pub(crate) published: Vec<PublishedMessage>,
    pub(crate) buses: Buses,
    /// By name.
    pub(crate) functions: BTreeMap<String, Function>,
    /// By name.
    pub(crate) stacks: BTreeMap<String, Stack>,
    /// ARNs that have or had tags.
    pub(crate) ever_tagged: BTreeSet<String>,
    /// Tags in the tag index that differ from the resource's own.
    pub(crate) tag_index: BTreeMap<String, BTreeMap<String, String>>,
    pub(crate) quirks: Quirks,
    pub(crate) requests: Vec<Request>,
    /// Private state of single services, by type.
    pub(crate) extensions: Extensions,
    ids: Ids,
}

impl State {
    /// The next id of this kind: the same one in every run.
    pub(crate) fn next_id(&mut self, kind: &'static str) -> String {
        self.ids.next(kind)
    }

    /// The effective page size for a list whose request asked for `wanted`.
    pub(crate) fn page_size(&self, wanted: usize) -> usize {
        self.quirks.page_size(wanted)
    }

    pub(crate) fn nodegroup(&self, cluster: &str, name: &str) -> Option<&Nodegroup> {
        self.nodegroups.get(&key(cluster, name))
    }

    /// A node group as `DescribeNodegroup` shows it: as it was [`Quirks::describe_lag`] ago.
    pub(crate) fn described<'a>(&'a self, now: &'a Nodegroup) -> &'a Nodegroup {
        let shown_at = self.now.saturating_sub(self.quirks.describe_lag).unwrap_or(Timestamp::MIN);
        let former = self.formerly.get(&key(&now.cluster, &now.name)).into_iter().flatten();
        let mut former = former.filter(|(until, former)| *until > shown_at && former.arn == now.arn);
        former.next().map_or(now, |(_, former)| former)
    }

    /// Keeps the state of a node group just before it changes.
    fn keep_former(&mut self, key: &Key, until: Timestamp) {
        if let Some(nodegroup) = self.nodegroups.get(key).filter(|_| self.quirks.describe_lag.is_positive()) {
            self.formerly.entry(key.clone()).or_default().push((until, nodegroup.clone()));
        }
    }

    /// Adds a node group, with the effects of it.
    pub(crate) fn insert(&mut self, nodegroup: Nodegroup) {
        let key = key(&nodegroup.cluster, &nodegroup.name);
        self.nodegroups.insert(key.clone(), nodegroup);
        self.note_tags(&key);
    }

    /// Changes a node group, with the effects of it.
    pub(crate) fn change<R>(&mut self, key: &Key, change: impl FnOnce(&mut Nodegroup) -> R) -> Option<R> {
        self.note_tags(key);
        self.keep_former(key, self.now);
        let nodegroup = self.nodegroups.get_mut(key)?;
        nodegroup.modified_at = self.now;
        let result = change(nodegroup);
        self.note_tags(key);
        Some(result)
    }

    /// Remembers that a node group has tags, as the tag index does.
    fn note_tags(&mut self, key: &Key) {
        if let Some(nodegroup) = self.nodegroups.get(key).filter(|nodegroup| !nodegroup.tags.is_empty()) {
            self.ever_tagged.insert(nodegroup.arn.clone());
        }
    }

    /// Finishes every update that is due by now, in the order in which they end.
    pub(crate) fn finish_due_updates(&mut self) {
        let mut due: Vec<(Timestamp, usize)> = self
            .updates
            .iter()
            .enumerate()
            .filter_map(|(index, running)| Some((running.due()?, index)))
            .filter(|&(at, _)| at <= self.now)
            .collect();
        due.sort_unstable();
        for (at, index) in due {
            self.finish_update(index, at);
        }
    }

    fn finish_update(&mut self, index: usize, at: Timestamp) {
        let Some(running) = self.updates.get_mut(index) else { return };
        running.finish(at);
        let running = running.clone();
        let key = key(&running.cluster, &running.nodegroup);
        self.keep_former(&key, at);
        if let Some(nodegroup) = self.nodegroups.get_mut(&key).filter(|of| of.arn == running.update.nodegroup_arn) {
            running.apply_to(nodegroup, at);
        }
    }

    /// Writes a new version of a parameter; returns its number.
    pub(crate) fn put_parameter(&mut self, name: &str, value: &str) -> usize {
        let now = self.now;
        let versions = &mut self.parameters.entry(name.to_owned()).or_default().versions;
        versions.push((value.to_owned(), now));
        versions.len()
    }

    /// Subscribes to a topic; returns the subscription's ARN, or `None` if there is no such topic.
    pub(crate) fn subscribe(&mut self, topic_arn: &str, protocol: &str, endpoint: &str) -> Option<String> {
        let arn = format!("{topic_arn}:{}", self.next_id("subscription"));
        let topic = self.topics.get_mut(topic_arn)?;
        topic.subscriptions.push((arn.clone(), protocol.to_owned(), endpoint.to_owned()));
        Some(arn)
    }

    /// Creates a topic, unless it exists; returns its ARN.
    pub(crate) fn create_topic(&mut self, name: &str) -> String {
        let arn = self.arns.topic(name);
        self.topics.entry(arn.clone()).or_default();
        arn
    }
}
