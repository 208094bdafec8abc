use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::clock::Clock;
use crate::dynamodb::DynamoDb;
use crate::faults::Faults;
use crate::releases::Releases;
use crate::sns::{Published, Topic};
use crate::ssm::Parameter;
use crate::switches::Switches;
use crate::update::Running;
use crate::{Course, Nodegroup, Request, Update};

/// Everything there is, in one place. A clone is another handle to the same world.
#[derive(Clone)]
pub struct World {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Clock,
    state: Mutex<State>,
    faults: Faults,
    dynamodb: DynamoDb,
}

/// A node group's cluster and name.
pub(crate) type Key = (String, String);

/// A cluster.
pub(crate) struct Cluster {
    pub(crate) version: String,
    pub(crate) created_at: Timestamp,
}

/// What the services know; one lock guards it, so a request sees and leaves it whole.
#[derive(Default)]
pub(crate) struct State {
    /// The time as of this request.
    pub(crate) now: Timestamp,
    pub(crate) clusters: BTreeMap<String, Cluster>,
    pub(crate) nodegroups: BTreeMap<Key, Nodegroup>,
    /// What node groups were, and until when; only where `DescribeNodegroup` is to lag.
    formerly: BTreeMap<Key, Vec<(Timestamp, Nodegroup)>>,
    pub(crate) updates: Vec<Running>,
    pub(crate) courses: BTreeMap<Key, VecDeque<Course>>,
    /// By AMI type and Kubernetes version.
    pub(crate) releases: BTreeMap<(String, String), Releases>,
    pub(crate) parameters: BTreeMap<String, Parameter>,
    /// When each calendar is closed.
    pub(crate) calendars: BTreeMap<String, Vec<(Timestamp, Timestamp)>>,
    pub(crate) topics: BTreeMap<String, Topic>,
    pub(crate) published: Vec<Published>,
    /// ARNs that have or had tags.
    pub(crate) ever_tagged: BTreeSet<String>,
    /// What the tag index says, where that differs from the truth.
    pub(crate) tag_index: BTreeMap<String, BTreeMap<String, String>>,
    pub(crate) switches: Switches,
    pub(crate) requests: Vec<Request>,
    ids: BTreeMap<&'static str, u64>,
}

impl State {
    /// The next id of this kind: the same one in every run.
    pub(crate) fn next_id(&mut self, kind: &'static str) -> String {
        let counter = self.ids.entry(kind).or_default();
        *counter += 1;
        Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("{kind}/{counter}").as_bytes()).to_string()
    }

    pub(crate) fn nodegroup(&self, cluster: &str, name: &str) -> Option<&Nodegroup> {
        self.nodegroups.get(&key(cluster, name))
    }

    /// A node group as `DescribeNodegroup` shows it: later than it is.
    pub(crate) fn described<'a>(&'a self, now: &'a Nodegroup) -> &'a Nodegroup {
        let shown_at = self.now.saturating_sub(self.switches.describe_lag).unwrap_or(Timestamp::MIN);
        let former = self.formerly.get(&key(&now.cluster, &now.name)).into_iter().flatten();
        let mut former = former.filter(|(until, former)| *until > shown_at && former.arn == now.arn);
        former.next().map_or(now, |(_, former)| former)
    }

    /// Keeps what a node group is, just before it changes.
    pub(crate) fn keep_former(&mut self, key: &Key, until: Timestamp) {
        if let Some(nodegroup) = self.nodegroups.get(key).filter(|_| self.switches.describe_lag.is_positive()) {
            self.formerly.entry(key.clone()).or_default().push((until, nodegroup.clone()));
        }
    }

    /// Remembers that a node group has tags, as the tag index does.
    fn note_tags(&mut self, key: &Key) {
        if let Some(nodegroup) = self.nodegroups.get(key).filter(|nodegroup| !nodegroup.tags.is_empty()) {
            self.ever_tagged.insert(nodegroup.arn.clone());
        }
    }

    /// Changes a node group and notes what follows from it.
    pub(crate) fn change<R>(&mut self, key: &Key, change: impl FnOnce(&mut Nodegroup) -> R) -> Option<R> {
        self.note_tags(key);
        self.keep_former(key, self.now);
        let nodegroup = self.nodegroups.get_mut(key)?;
        nodegroup.modified_at = self.now;
        let result = change(nodegroup);
        self.note_tags(key);
        Some(result)
    }
}

/// The key of a node group.
pub(crate) fn key(cluster: &str, name: &str) -> Key {
    (cluster.to_owned(), name.to_owned())
}

/// Hexadecimal digits that follow from `seed`, for ids that AWS writes so; at most 32.
pub(crate) fn hexadecimal(seed: &str, digits: usize) -> String {
    let id = Uuid::new_v5(&Uuid::NAMESPACE_URL, seed.as_bytes()).simple().to_string();
    id.chars().take(digits).collect()
}

impl World {
    /// An empty world whose time is `start` until [`World::advance`] moves it.
    pub fn new(start: Timestamp) -> Self {
        Self::with_clock(move || start)
    }

    /// An empty world that takes its time from `clock`, for instance one in which a second is a minute. The clock
    /// must not use the world.
    pub fn with_clock(clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        let inner = Inner {
            clock: Clock::new(clock),
            state: Mutex::default(),
            faults: Faults::default(),
            dynamodb: DynamoDb::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The world's time.
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Moves the world's time.
    pub fn advance(&self, by: SignedDuration) {
        self.inner.clock.advance(by);
    }

    /// Adds a cluster whose control plane runs `kubernetes_version`, or gives one that exists this version.
    pub fn add_cluster(&self, name: &str, kubernetes_version: &str) {
        let mut state = self.state();
        let created_at = state.now;
        state
            .clusters
            .entry(name.to_owned())
            .or_insert_with(|| Cluster { version: String::new(), created_at })
            .version = kubernetes_version.to_owned();
    }

    /// Removes a cluster with its node groups.
    pub fn remove_cluster(&self, name: &str) {
        let mut state = self.state();
        state.clusters.remove(name);
        state.nodegroups.retain(|(cluster, _), _| cluster != name);
    }

    /// Adds a node group and answers its ARN. A missing cluster is created with the same Kubernetes version, and
    /// EKS knows the node group's release as valid from now on.
    pub fn add_nodegroup(&self, nodegroup: Nodegroup) -> String {
        let mut state = self.state();
        let now = state.now;
        let id = state.next_id("nodegroup");
        let arn = crate::eks::nodegroup_arn(&nodegroup.cluster, &nodegroup.name, &id);
        let nodegroup = Nodegroup { arn: arn.clone(), created_at: now, modified_at: now, ..nodegroup };
        state
            .clusters
            .entry(nodegroup.cluster.clone())
            .or_insert_with(|| Cluster { version: nodegroup.version.clone(), created_at: now });
        state
            .releases
            .entry((nodegroup.ami_type.clone(), nodegroup.version.clone()))
            .or_default()
            .learn(&nodegroup.release);
        let key = key(&nodegroup.cluster, &nodegroup.name);
        state.nodegroups.insert(key.clone(), nodegroup);
        state.note_tags(&key);
        arn
    }

    /// A node group as it is now.
    pub fn nodegroup(&self, cluster: &str, name: &str) -> Option<Nodegroup> {
        self.state().nodegroup(cluster, name).cloned()
    }

    /// The ARN of every node group there is.
    pub fn nodegroup_arns(&self) -> Vec<String> {
        self.state().nodegroups.values().map(|nodegroup| nodegroup.arn.clone()).collect()
    }

    /// Changes a node group behind everybody's back; answers whether it exists.
    pub fn edit_nodegroup(&self, cluster: &str, name: &str, edit: impl FnOnce(&mut Nodegroup)) -> bool {
        self.state().change(&key(cluster, name), edit).is_some()
    }

    /// Removes a node group; its updates are gone for `DescribeUpdate` as well.
    pub fn remove_nodegroup(&self, cluster: &str, name: &str) {
        self.state().nodegroups.remove(&key(cluster, name));
    }

    /// Says how the next accepted update of this node group will go. Several calls make a queue; without any, an
    /// update succeeds after ten minutes.
    pub fn next_update(&self, cluster: &str, name: &str, course: Course) {
        self.state().courses.entry(key(cluster, name)).or_default().push_back(course);
    }

    /// Forgets what [`World::next_update`] has queued.
    pub fn clear_courses(&self) {
        self.state().courses.clear();
    }

    /// Changes the course of the update that is running, for instance one that hung; its time still counts from its
    /// start. Answers whether there was one.
    pub fn change_course(&self, cluster: &str, name: &str, course: Course) -> bool {
        let mut state = self.state();
        let running = state.updates.iter_mut().find(|running| {
            running.update.status == "InProgress" && running.cluster == cluster && running.nodegroup == name
        });
        running.map(|running| running.course = course).is_some()
    }

    /// Every update that was ever accepted for a node group of this name, oldest first.
    pub fn updates(&self, cluster: &str, name: &str) -> Vec<Update> {
        let state = self.state();
        let of_nodegroup =
            state.updates.iter().filter(|running| running.cluster == cluster && running.nodegroup == name);
        of_nodegroup.map(|running| running.update.clone()).collect()
    }

    /// Every update that is in progress, oldest first.
    pub fn updates_in_progress(&self) -> Vec<Update> {
        let state = self.state();
        let running = state.updates.iter().map(|running| &running.update);
        running.filter(|update| update.status == "InProgress").cloned().collect()
    }

    /// Makes EKS forget an update. The node group stays as it is.
    pub fn remove_update(&self, cluster: &str, id: &str) {
        self.state().updates.retain(|running| running.cluster != cluster || running.update.id != id);
    }

    /// Every request so far, in order, whatever became of it.
    pub fn requests(&self) -> Vec<Request> {
        self.state().requests.clone()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.state().requests.clear();
    }

    /// The state as of now, with every update that is due brought to its end.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        let now = self.now();
        let mut state = self.inner.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.now = now;
        state.settle();
        state
    }

    pub(crate) fn faults(&self) -> &Faults {
        &self.inner.faults
    }

    pub(crate) fn dynamodb(&self) -> &DynamoDb {
        &self.inner.dynamodb
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("now", &self.now()).finish_non_exhaustive()
    }
}
