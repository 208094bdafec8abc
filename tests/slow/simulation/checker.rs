//! What must hold, asked of the world itself. It knows nothing of the plan.

use std::collections::{BTreeMap, BTreeSet};

use eks_nodegroup_updater::model::attempt::hold::Hold;
use eks_nodegroup_updater::model::decision::reason::Limit;
use eks_nodegroup_updater::model::id::NodegroupName;
use eks_nodegroup_updater::model::id::names::Names;
use eks_nodegroup_updater::model::record::fleet::FleetRecord;
use eks_nodegroup_updater::model::record::nodegroup::NodegroupRecord;
use eks_nodegroup_updater::model::record::track::TrackRecord;
use eks_nodegroup_updater::model::settings::Limits;
use eks_nodegroup_updater::summary::{StartLine, StartSummary};
use jiff::{SignedDuration, Timestamp};
use simulated_aws::{Nodegroup, Update};

use super::case::Case;
use super::fleet::{Clusters, FleetRules, Group, Published, day, tracks};
use super::notices::reports;
use super::run::STUCK_AFTER;
use testing::{FLEET_KEY, TestEnv};

/// A run that saw what held before may act so long after: its time limit, what `DescribeNodegroup` lags, and a slow request.
pub const HINDSIGHT: SignedDuration = SignedDuration::from_mins(30);

/// What an update is judged by, beside the world.
#[derive(Clone, Copy)]
pub struct Sight<'a> {
    pub groups: &'a [Group],
    pub published: &'a Published,
    pub clusters: &'a Clusters,
}

pub struct Checker {
    rules: FleetRules,
    /// How long a cluster has its version before its node groups follow.
    follow_after: SignedDuration,
    broken: Vec<String>,
    /// Updates of ours, by id.
    updates: BTreeMap<String, Ours>,
    /// By node group: whether it is opted in, and since when.
    opted_in: Vec<(bool, Timestamp)>,
    /// Whether the stop switch lets updates start, and since when.
    running: (bool, Timestamp),
    vanished: BTreeSet<String>,
    /// By node group: what it was last seen to run, and that it runs less than an update of ours brought.
    seen: Vec<(Option<Nodegroup>, Option<Downgraded>)>,
    /// By node group: what holds it where it was downgraded to, by its record.
    held: Vec<Option<Box<Hold>>>,
    /// When a retry of everything was asked for.
    retried: Option<Timestamp>,
}

/// A node group runs less than an update of ours brought.
#[derive(Clone)]
pub struct Downgraded {
    pub at: Timestamp,
    /// The Kubernetes version and the release that it left.
    pub from: (String, String),
    /// How often that has happened.
    pub times: u32,
    /// Whether a second run has seen it.
    confirmed: bool,
}

/// An update that this program started.
pub struct Ours {
    pub group: usize,
    pub update: Update,
    /// Whether EKS said successful and the node group runs something else.
    pub without_effect: bool,
}

impl Checker {
    pub fn new(groups: &[Group], rules: FleetRules, follow_after: SignedDuration, now: Timestamp) -> Self {
        Self {
            rules,
            follow_after,
            broken: Vec::new(),
            updates: BTreeMap::new(),
            opted_in: groups.iter().map(|group| (group.is_auto(), now - HINDSIGHT)).collect(),
            running: (true, now),
            vanished: BTreeSet::new(),
            seen: vec![(None, None); groups.len()],
            held: vec![None; groups.len()],
            retried: None,
        }
    }

    /// What failed or was downgraded no longer counts.
    pub fn retried(&mut self, now: Timestamp) {
        self.retried = Some(now);
        self.seen.iter_mut().for_each(|(_, downgraded)| *downgraded = None);
        self.held.fill(None);
    }

    /// Whether the record of a node group holds it where it was downgraded to, although this day's release is out.
    pub fn is_held(&self, group: usize, last: &str) -> bool {
        self.held[group].as_ref().is_some_and(|hold| {
            let ends = hold.confirmed && !hold.is_of_version() && hold.ends_with_newer();
            !ends || day(&hold.from.release_version) >= last
        })
    }

    pub fn updates(&self) -> impl Iterator<Item = (&String, &Ours)> {
        self.updates.iter()
    }

    pub fn has_vanished(&self, update: &str) -> bool {
        self.vanished.contains(update)
    }

    pub fn broken(&mut self, what: &str) {
        self.broken.push(what.to_owned());
    }

    pub fn into_broken(self) -> Vec<String> {
        self.broken
    }

    pub fn switched(&mut self, running: bool, now: Timestamp) {
        if self.running.0 != running {
            self.running = (running, now);
        }
    }

    pub fn retagged(&mut self, group: usize, auto: bool, now: Timestamp) {
        self.opted_in[group] = (auto, now);
    }

    pub fn vanished(&mut self, update: &str) {
        self.vanished.insert(update.to_owned());
    }

    /// Takes note of what the world's updates have come to, and judges those that are new.
    pub async fn check(&mut self, env: &TestEnv, sight: Sight<'_>, begun: &BTreeMap<String, Timestamp>) {
        let Sight { groups, published, clusters } = sight;
        for (index, group) in groups.iter().enumerate() {
            let updates = env.world.updates(&group.cluster, &group.name);
            for update in &updates {
                let Some(token) = &update.client_request_token else { continue };
                if !self.updates.contains_key(&update.id) {
                    let Self { rules, follow_after, updates: ours, opted_in, running, retried, .. } = &*self;
                    let case = Case {
                        env,
                        groups,
                        index,
                        update,
                        updates: &updates,
                        published,
                        rules: *rules,
                        follow_after: *follow_after,
                        ours,
                        opted_in,
                        running: *running,
                        begun: begun.get(token).copied().unwrap_or(update.created_at),
                        downgraded: self.seen[index].1.as_ref(),
                        retried: *retried,
                        clusters,
                    };
                    let broken = case.broken();
                    self.broken.extend(broken);
                    self.has_intent(env, group, update).await;
                    self.not_quarantined(env, groups, group, update).await;
                }
                let now = env.world.nodegroup(&group.cluster, &group.name);
                let runs = now.map(|now| (now.version, now.release)).unzip();
                let ours = Ours { group: index, update: update.clone(), without_effect: false };
                let ours = self.updates.entry(update.id.clone()).or_insert(ours);
                if ours.update.status == "InProgress" && update.status == "Successful" {
                    ours.without_effect = runs != (update.version.clone(), update.release.clone());
                }
                ours.update = update.clone();
            }
            self.see(env, group, index).await;
        }
    }

    /// What a node group runs now, and whether that is less than an update of ours has brought.
    async fn see(&mut self, env: &TestEnv, group: &Group, index: usize) {
        let now = env.world.nodegroup(&group.cluster, &group.name);
        let (before, downgraded) = std::mem::replace(&mut self.seen[index], (now.clone(), None));
        let Some((now, before)) = now.zip(before) else { return };
        let record: Option<NodegroupRecord> = env.record_of(&now.arn).await;
        let is_less =
            |now: &Nodegroup, version: &str, release: &str| now.version == version && day(&now.release) < day(release);
        let brought = |version: &str, release: &str| {
            let mut successes = record.iter().flat_map(|record| record.successes());
            successes.any(|(attempt, _)| attempt.is_for(version, release) && attempt.token.is_some())
        };
        let downgraded = if is_less(&now, &before.version, &before.release) {
            let times = downgraded.as_ref().map_or(0, |downgraded| downgraded.times);
            let from = (before.version, before.release);
            // What no record shows, no run can know.
            let known = brought(&from.0, &from.1);
            let new = Downgraded { at: env.world.now(), from, times, confirmed: false };
            if known { Some(new) } else { downgraded }
        } else {
            downgraded
        };
        let hold = record.as_ref().and_then(|record| record.downgrade.hold.as_ref());
        self.held[index] = hold.filter(|hold| hold.is_open()).cloned();
        let is_confirmed = hold.is_some_and(|hold| hold.is_open() && hold.confirmed);
        self.seen[index].1 = downgraded.map(|mut downgraded| {
            if is_confirmed && !downgraded.confirmed && is_less(&now, &downgraded.from.0, &downgraded.from.1) {
                (downgraded.confirmed, downgraded.times) = (true, downgraded.times + 1);
            }
            downgraded
        });
    }

    /// A release that has failed for its own fault on two node groups of a cluster starts there no more, and nowhere once it
    /// has failed so in two clusters, as soon as the failures are recorded.
    async fn not_quarantined(&mut self, env: &TestEnv, groups: &[Group], group: &Group, update: &Update) {
        let started = update.version.as_deref().zip(update.release.as_deref()).unwrap_or_default();
        let mut blamed: BTreeMap<&str, usize> = BTreeMap::new();
        let same_type = groups.iter().zip(&self.opted_in).filter(|(other, _)| other.ami_type() == group.ami_type());
        for (other, (_, since)) in same_type.filter(|(other, _)| !other.mode.is_empty()) {
            let Some(now) = env.world.nodegroup(&other.cluster, &other.name) else { continue };
            let record: Option<NodegroupRecord> = env.record_of(&now.arn).await;
            // Of a node group whose tag has changed it may not have been known in time.
            let long_known = |at: Timestamp| update.created_at.duration_since(at.max(*since)) > HINDSIGHT;
            let mut blames = record.iter().flat_map(|record| record.blames());
            if blames.any(|(attempt, at)| attempt.is_for(started.0, started.1) && long_known(at)) {
                *blamed.entry(&other.cluster).or_default() += 1;
            }
        }
        if blamed.len() >= 2 || blamed.get(group.cluster.as_str()).is_some_and(|failed| *failed >= 2) {
            let (path, at) = (group.path(), update.created_at);
            self.broken(&format!("{path} starts {started:?} at {at}, which has failed in {blamed:?}"));
        }
    }

    /// One run has EKS accept no more updates than the limits allow, whoever came next for what EKS did not accept.
    pub fn within_limits(&mut self, summary: &StartSummary, limits: &Limits) {
        let accepted = summary.decisions.iter().filter(|line| line.update_id.is_some());
        let mut in_clusters: BTreeMap<&str, usize> = BTreeMap::new();
        for (cluster, _) in accepted.filter_map(|line| line.nodegroup.split_once('/')) {
            *in_clusters.entry(cluster).or_default() += 1;
        }
        let lines = &summary.decisions;
        let takes = ["Accepted", "Unknown", "LostRace", "InUse"];
        let takes_none = !lines.iter().any(|line| line.outcome.is_some_and(|outcome| takes.contains(&outcome)));
        let places: Vec<String> = lines.iter().filter(|line| line.outcome.is_some()).flat_map(its_place).collect();
        let mut left = lines.iter().filter(|line| line.decision == "Next" && line.outcome.is_none());
        let left = left.find(|line| places.contains(&line.reason));
        // Where one is in progress in the whole fleet, another one may have the place.
        if let Some(left) = left.filter(|_| takes_none && limits.updates_in_progress > 1) {
            self.broken(&format!("what EKS refused costs another its place: {left:?}"));
        }
        let in_all: usize = in_clusters.values().sum();
        if in_all > limits.starts_per_run.min(limits.updates_in_progress) {
            self.broken(&format!("a run started {in_all} updates"));
        }
        for (cluster, count) in in_clusters {
            if count > limits.updates_per_cluster {
                self.broken(&format!("a run started {count} updates in {cluster}"));
            }
        }
    }

    /// An accepted update has an intent, from the first moment on.
    async fn has_intent(&mut self, env: &TestEnv, group: &Group, update: &Update) {
        let record: Option<NodegroupRecord> = env.record_of(&update.nodegroup_arn).await;
        let attempts = record.iter().flat_map(|record| record.attempts.all());
        if !attempts.clone().any(|attempt| attempt.token.is_some() && attempt.token == update.client_request_token) {
            self.broken(&format!("{}: EKS accepted {}, of which no record knows", group.path(), update.id));
        }
    }

    /// Whether every record is closed and every notice published.
    pub async fn nothing_open(&self, env: &TestEnv) -> bool {
        for arn in env.world.nodegroup_arns() {
            let record: Option<NodegroupRecord> = env.record_of(&arn).await;
            if record.is_some_and(|record| record.open().is_some() || !record.pending_notices().is_empty()) {
                return false;
            }
        }
        for track in tracks() {
            let record: Option<TrackRecord> = env.record_of(track.key()).await;
            if record.is_some_and(|record| !record.pending_notices().is_empty()) {
                return false;
            }
        }
        let fleet: Option<FleetRecord> = env.record_of(FLEET_KEY).await;
        fleet.is_none_or(|record| record.pending_notices().is_empty())
    }

    /// What hung for long enough is reported as stuck.
    pub fn stuck(&mut self, env: &TestEnv, now: Timestamp) {
        let reports = reports(env);
        for ours in self.updates.values() {
            let Update { id, status, created_at, .. } = &ours.update;
            let long = now.duration_since(*created_at) > STUCK_AFTER + HINDSIGHT;
            let gone = self.vanished.contains(id) || !env.world.nodegroup_arns().contains(&ours.update.nodegroup_arn);
            if status == "InProgress" && long && !gone && !reports.contains_key(&(id.clone(), "UpdateStuck".to_owned()))
            {
                self.broken.push(format!("{id} hangs since {created_at}, and nobody was notified"));
            }
        }
    }

    /// How many updates came to what.
    pub fn tally(&self) -> BTreeMap<String, u64> {
        let mut tally = BTreeMap::new();
        for ours in self.updates.values() {
            let end = if ours.without_effect { "Successful without effect" } else { &ours.update.status };
            *tally.entry(format!("updates {end}")).or_default() += 1;
        }
        tally
    }
}

/// The limits of one update that a node group alone reaches.
fn its_place(line: &StartLine) -> Vec<String> {
    let names = || Names::from(Vec::from_iter(line.nodegroup.parse::<NodegroupName>().ok()));
    vec![Limit::PerCluster(1, names()).to_string(), Limit::InProgress(1, names()).to_string()]
}
