//! What must hold, asked of the world itself. It knows nothing of the plan.

use std::collections::{BTreeMap, BTreeSet};

use eks_nodegroup_updater::model::fleet_record::FleetRecord;
use eks_nodegroup_updater::model::nodegroup_record::NodegroupRecord;
use eks_nodegroup_updater::model::settings::Limits;
use eks_nodegroup_updater::summary::StartSummary;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use simulated_aws::Update;

use super::case::Case;
use super::fleet::{FleetRules, Group, LAST, Published};
use super::run::STUCK_AFTER;
use testing::{FLEET_KEY, TestEnv};

/// A run that saw what held before may act so long after: its time limit, what `DescribeNodegroup` lags, and a slow request.
pub const HINDSIGHT: SignedDuration = SignedDuration::from_mins(30);

pub struct Checker {
    rules: FleetRules,
    broken: Vec<String>,
    /// Updates of ours, by id.
    updates: BTreeMap<String, Ours>,
    /// By node group: whether it is opted in, and since when.
    opted_in: Vec<(bool, Timestamp)>,
    /// Whether the stop switch lets updates start, and since when.
    running: (bool, Timestamp),
    vanished: BTreeSet<String>,
}

/// An update that this program started.
pub struct Ours {
    group: usize,
    update: Update,
    /// Whether EKS said successful and the node group runs something else.
    pub without_effect: bool,
}

impl Checker {
    pub fn new(groups: &[Group], rules: FleetRules, now: Timestamp) -> Self {
        Self {
            rules,
            broken: Vec::new(),
            updates: BTreeMap::new(),
            opted_in: groups.iter().map(|group| (group.is_auto(), now - HINDSIGHT)).collect(),
            running: (true, now),
            vanished: BTreeSet::new(),
        }
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
    pub async fn check(&mut self, env: &TestEnv, groups: &[Group], published: &Published) {
        for (index, group) in groups.iter().enumerate() {
            let updates = env.world.updates(&group.cluster, &group.name);
            for update in &updates {
                let known = self.updates.contains_key(&update.id);
                if !known && update.client_request_token.is_some() {
                    let Self { rules, updates: ours, opted_in, running, .. } = &*self;
                    let (rules, running) = (*rules, *running);
                    let case = Case {
                        env,
                        groups,
                        index,
                        update,
                        updates: &updates,
                        published,
                        rules,
                        ours,
                        opted_in,
                        running,
                    };
                    let broken = case.broken();
                    self.broken.extend(broken);
                    self.has_intent(env, group, update).await;
                    self.not_quarantined(env, groups, group, update).await;
                }
                if update.client_request_token.is_some() {
                    let now = env.world.nodegroup(&group.cluster, &group.name);
                    let runs = now.map(|now| (now.version, now.release)).unzip();
                    let ours = Ours { group: index, update: update.clone(), without_effect: false };
                    let ours = self.updates.entry(update.id.clone()).or_insert(ours);
                    if ours.update.status == "InProgress" && update.status == "Successful" {
                        ours.without_effect = runs != (update.version.clone(), update.release.clone());
                    }
                    ours.update = update.clone();
                }
            }
        }
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
            let mut blames = record.iter().flat_map(NodegroupRecord::blames);
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
        let attempts = record.iter().flat_map(|record| record.open.iter().chain(&record.history));
        if !attempts.clone().any(|attempt| attempt.token.is_some() && attempt.token == update.client_request_token) {
            self.broken(&format!("{}: EKS accepted {}, of which no record knows", group.path(), update.id));
        }
    }

    /// Whether every record is closed and every notice published.
    pub async fn nothing_open(&self, env: &TestEnv) -> bool {
        for arn in env.world.nodegroup_arns() {
            let record: Option<NodegroupRecord> = env.record_of(&arn).await;
            if record.is_some_and(|record| record.open.is_some() || !record.pending_notices.is_empty()) {
                return false;
            }
        }
        let fleet: Option<FleetRecord> = env.record_of(FLEET_KEY).await;
        fleet.is_none_or(|record| record.pending_notices.is_empty())
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

    /// Every end but success is reported, each under one id; and every update is in its record.
    pub async fn all_reported(&mut self, env: &TestEnv, groups: &[Group]) {
        let reports = reports(env);
        for ((id, event), messages) in &reports {
            if messages.len() > 1 {
                self.broken.push(format!("{event} of {id} is reported under {} ids", messages.len()));
            }
        }
        let arns = env.world.nodegroup_arns();
        for ours in self.updates.values() {
            let Update { id, status, .. } = &ours.update;
            let record: Option<NodegroupRecord> = env.record_of(&ours.update.nodegroup_arn).await;
            let recorded = record
                .is_some_and(|record| record.history.iter().any(|attempt| attempt.update_id.as_ref() == Some(id)));
            let has = |event: &str| reports.contains_key(&(id.clone(), event.to_owned()));
            let gone = self.vanished.contains(id) || !arns.contains(&ours.update.nodegroup_arn);
            let is_reported = match (gone, status.as_str()) {
                (true, "Successful") => true,
                // What was gone before anybody learned its id cannot be reported.
                (true, _) => reports.keys().any(|(reported, _)| reported == id) || !recorded,
                (false, "Failed") => has("UpdateFailed"),
                (false, "Cancelled") => has("UpdateCancelled"),
                // Unless an external update brought it there meanwhile.
                (false, "Successful") if ours.without_effect => has("UpdateUnverified") || brought(ours, groups, env),
                (false, "Successful") => !ours.update.force || has("UpdateForced"),
                (false, _) => false,
            };
            if !is_reported {
                let path = groups[ours.group].path();
                self.broken.push(format!("{path}: nobody was notified that {id} is {status}, gone: {gone}"));
            }
        }
        for (id, ours) in self.updates.iter().filter(|(id, _)| !self.vanished.contains(*id)) {
            let record: Option<NodegroupRecord> = env.record_of(&ours.update.nodegroup_arn).await;
            let Some(record) = record else {
                self.broken.push(format!("{id} has no record"));
                continue;
            };
            let known = record.history.iter().any(|attempt| attempt.update_id.as_ref() == Some(id));
            let forgotten = record.history.len() >= 10;
            if !known && !forgotten && arns.contains(&ours.update.nodegroup_arn) {
                self.broken.push(format!("{id} is not in its record"));
            }
        }
        for group in groups.iter().filter(|group| group.mode == "notify" && group.pin.is_none_or(|pin| pin == LAST)) {
            let available = env.messages().into_iter().filter(|message| {
                (&message["event"], &message["nodegroup"], &message["releaseVersion"])
                    == (&"UpdateAvailable".into(), &group.name.clone().into(), &group.release(LAST).into())
            });
            let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
            for message in available {
                ids.entry(message["kubernetesVersion"].to_string()).or_default().insert(message["id"].to_string());
            }
            let once = !ids.is_empty() && ids.values().all(|ids| ids.len() == 1);
            if !once && env.world.nodegroup(&group.cluster, &group.name).is_some() {
                self.broken.push(format!("{}: the release of {LAST} is reported under {ids:?}", group.path()));
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

/// Whether an external update brought the node group to the same release.
fn brought(ours: &Ours, groups: &[Group], env: &TestEnv) -> bool {
    let group = &groups[ours.group];
    let updates = env.world.updates(&group.cluster, &group.name);
    let others = updates.iter().filter(|update| update.client_request_token.is_none());
    let mut same =
        others.filter(|other| (&other.version, &other.release) == (&ours.update.version, &ours.update.release));
    same.any(|update| update.status == "Successful")
}

/// The ids of the messages about an update, by its id and the event.
fn reports(env: &TestEnv) -> BTreeMap<(String, String), BTreeSet<String>> {
    let text = |message: &Value, key: &str| message[key].as_str().unwrap_or_default().to_owned();
    let mut reports: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    for message in &env.messages() {
        let all =
            |key: &str| message[key].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
        for (update, id) in all("updateIds").zip(all("ids")) {
            reports.entry((update, text(message, "event"))).or_default().insert(id);
        }
    }
    reports
}
