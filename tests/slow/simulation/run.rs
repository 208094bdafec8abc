//! One simulation: hours of chaos, then quiet until the fleet has come to rest.

use std::collections::BTreeMap;
use std::hash::Hasher;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use eks_nodegroup_updater::model::settings::RetryAfter;
use eks_nodegroup_updater::summary::StartSummary;
use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use simulated_aws::{Nodegroup, Request, UpdateScript, World};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::checker::{Checker, Sight};
use super::faults::{Seen, Setting, chaos};
use super::fleet::{
    Ailment, BEFORE_A_CLOSE, Clusters, DAYS, FIRST, FleetRules, Group, LAST, NEVER_KNOWN, NEXT_VERSION, ONE_MORE,
    OWN_VERSION, Published, STOP_SWITCH, choose_unverified, fall_ill, groups, window_closes_in,
};
use testing::{FLEET_KEY, NewerVersion, TestEnv, minutes, only_its_notices_are_pending};

/// Between two runs of `check`; `start` runs at every sixth, in some simulations at every second while there is chaos.
const TICK: Duration = Duration::from_mins(5);
const TICKS_PER_START: u32 = 6;
/// Four hours.
const CHAOS_TICKS: u32 = 48;
/// Three days: time enough for every window, age, ring and retry, and for a release that EKS never knows, which costs a day on each of
/// two tracks.
const QUIESCE_TICKS: u32 = 3 * 24 * 12;
/// How long a node group may be behind before it is reported.
const STALE_AFTER: SignedDuration = SignedDuration::from_hours(8);
/// By then, whatever keeps a node group from being current is reported: what should never last after a day.
const STALE_TICKS: u32 = 26;
/// How long an update may run before it counts as stuck.
pub const STUCK_AFTER: SignedDuration = SignedDuration::from_mins(100);
/// How long a release is to run in one ring before the next.
pub const SOAK: SignedDuration = SignedDuration::from_mins(30);
/// How often a newer version of the updater has the table to itself, where two take turns.
const TICKS_PER_TURN: u32 = 5;
/// How much Lambda's clock may be ahead of EKS's, or behind it.
pub const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(2);

/// What a simulation came to.
pub struct Outcome {
    /// What was broken; nothing, it is to be hoped.
    pub broken: Vec<String>,
    /// Faults, kills and what else happened, by kind.
    pub tally: BTreeMap<String, u64>,
    /// Stands for every request and its fate.
    pub requests: u64,
}

pub struct Simulation {
    env: Rc<TestEnv>,
    groups: Vec<Group>,
    published: Published,
    clusters: Clusters,
    /// The day of the release that everybody is to run by now.
    last: &'static str,
    checker: Checker,
    rng: Rng,
    seen: Arc<Mutex<Seen>>,
    runs: Vec<JoinHandle<Option<StartSummary>>>,
    /// A newer version, in simulations in which two take turns.
    newer: Option<NewerVersion>,
    tally: BTreeMap<String, u64>,
}

impl Simulation {
    pub async fn run(seed: u64, trace: bool) -> Outcome {
        let mut simulation = Self::begin(seed, trace).await;
        simulation.chaos().await;
        simulation.quiesce().await;
        simulation.mend().await;
        simulation.end().await
    }

    async fn begin(seed: u64, trace: bool) -> Self {
        let mut rng = Rng::with_seed(seed);
        let midnight: Timestamp = "2026-07-20T00:00:00Z".parse().unwrap();
        let (begin, zero) = (midnight + minutes(rng.i64(0..24 * 60)), Instant::now());
        let world = World::with_clock(move || begin + SignedDuration::try_from(zero.elapsed()).unwrap());
        let mut env = TestEnv::in_world(world).await;
        // Where the waits are short, each is over when the next run comes.
        let waits = [[20, 40, 60], [10, 20, 25]][rng.usize(0..2)].map(minutes);
        env.start_config.settings.retry_after = RetryAfter(waits.into());
        env.start_config.settings.ring_soak = SOAK;
        env.start_config.settings.defaults.follow_cluster_after = minutes([0, 30][rng.usize(0..2)]);
        env.start_config.settings.defaults.stale_after = Some(STALE_AFTER);
        env.start_config.parameters.stop_switch = Some(STOP_SWITCH.to_owned());
        env.check_config.stuck_after = STUCK_AFTER;
        // Without a margin, a slow run comes to the end of a window while it starts updates.
        env.start_config.settings.window_margin = minutes([0, 0, 0, 30][rng.usize(0..4)]);
        if rng.bool() {
            env.clock_ahead = SignedDuration::from_secs(rng.i64(-CLOCK_SKEW.as_secs()..CLOCK_SKEW.as_secs()));
        }
        env.world.put_parameter(STOP_SWITCH, "running");
        choose_unverified(&mut rng, &env.world);
        let rules = FleetRules::random(&mut rng, begin);
        rules.set(&mut env.start_config.settings, &env.world);
        let groups = groups(&mut rng);
        let mut clusters = Clusters::default();
        for group in &groups {
            env.world.add_nodegroup(group.nodegroup());
            env.world.add_earlier_updates(&group.cluster, &group.name, group.history(begin));
            group.ail(&env.world);
            clusters.set(&env.world, &group.cluster, [OWN_VERSION, NEXT_VERSION][rng.usize(0..2)]);
        }
        let mut published = Published::default();
        published.publish(&env.world, DAYS[0]);
        if rng.bool() {
            env.world.refuse_events(Some(rng.usize(2..6)));
        }
        let seen =
            chaos(&env.world, rng.fork(), Setting { groups: &groups, waits, clock_ahead: env.clock_ahead }, trace);
        let follow_after = env.start_config.settings.defaults.follow_cluster_after;
        let checker = Checker::new(&groups, rules, follow_after, env.world.now());
        let (runs, tally) = (Vec::new(), BTreeMap::new());
        let newer = seed.is_multiple_of(2).then(NewerVersion::default);
        Self { env: Rc::new(env), groups, published, clusters, last: DAYS[0], checker, rng, seen, runs, newer, tally }
    }

    async fn chaos(&mut self) {
        let ticks_per_start = [2, TICKS_PER_START][self.rng.usize(0..2)];
        for tick in 0..CHAOS_TICKS {
            self.perturb();
            self.put_back();
            // Its schedule wakes it, and now and then an event.
            if tick.is_multiple_of(ticks_per_start) || self.rng.u8(0..5) == 0 {
                self.invoke(true, Duration::ZERO);
            }
            // A release comes out just before a window closes, while updates may start.
            let open = window_closes_in(self.env.world.now() + self.env.clock_ahead);
            if let Some(open) = open.filter(|open| *open < SignedDuration::try_from(TICK).unwrap()) {
                self.published.publish(&self.env.world, BEFORE_A_CLOSE);
                self.env.world.put_parameter(STOP_SWITCH, "running");
                self.checker.switched(true, self.env.world.now());
                let before = Duration::from_secs(self.rng.u64(1..5));
                self.invoke(true, Duration::try_from(open).unwrap().saturating_sub(before));
            }
            self.invoke(false, Duration::ZERO);
            if tick.is_multiple_of(TICKS_PER_TURN) {
                self.newer_version_writes().await;
            }
            sleep(TICK).await;
            self.check().await;
        }
    }

    /// A newer version writes what this one does not know.
    async fn newer_version_writes(&mut self) {
        if let Some(newer) = &mut self.newer {
            newer.takes_its_turn(&self.env.observer).await;
            *self.tally.entry("turns of a newer version".to_owned()).or_default() += 1;
        }
    }

    /// Nothing of that is lost.
    async fn keeps_what_the_newer_version_wrote(&mut self) {
        let Some(newer) = &self.newer else { return };
        for lost in newer.lost(&self.env.observer).await {
            self.checker.broken(&format!("what a newer version wrote is lost: {lost}"));
        }
        self.tally.insert("values that a newer version wrote".to_owned(), newer.marked() as u64);
    }

    /// Runs go on beside each other, twice or killed, as the seed decides.
    fn invoke(&mut self, is_start: bool, mut delay: Duration) {
        let id = self.env.next_id();
        for copy in 0..=u8::from(self.rng.u8(0..8) == 0) {
            let (env, event) = (Rc::clone(&self.env), self.event());
            // Lambda tries again under the same id, EventBridge delivers again under another.
            let id = if self.rng.bool() { id.clone() } else { format!("{id}-{copy}") };
            delay += Duration::from_millis(self.rng.u64(1..2_000));
            let killed = self.rng.u8(0..6) == 0;
            let time_limit = match (killed, is_start) {
                (true, _) => Duration::from_millis(self.rng.u64(0..1_500)),
                (false, true) => Duration::from_mins(15),
                (false, false) => Duration::from_mins(5),
            };
            let kind = if killed { "runs killed" } else { "runs" };
            *self.tally.entry(kind.to_owned()).or_default() += 1;
            self.runs.push(tokio::task::spawn_local(async move {
                sleep(delay).await;
                let run = async {
                    if is_start {
                        return env.start_as(&id, &event).await.ok();
                    }
                    drop(env.check_as(&id, &event).await);
                    None
                };
                timeout(time_limit, run).await.ok().flatten()
            }));
        }
    }

    /// Events come by hand or by a schedule, now or late.
    fn event(&mut self) -> Value {
        let at = self.env.world.now() - minutes(self.rng.i64(0..600));
        match self.rng.u8(0..3) {
            0 => json!({}),
            _ => json!({
                "version": "0", "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", "detail-type": "Scheduled Event",
                "source": "aws.events", "account": "123456789012", "time": format!("{at:.0}"),
                "region": "eu-central-1", "resources": [], "detail": {},
            }),
        }
    }

    /// What others do to the fleet meanwhile.
    fn perturb(&mut self) {
        let (world, rng) = (self.env.world.clone(), &mut self.rng);
        let index = rng.usize(0..self.groups.len());
        let group = self.groups[index].clone();
        let Group { cluster, name, .. } = &group;
        let now = world.now();
        let what = match rng.u8(0..100) {
            0..8 => {
                let value = ["stopped", "running", "neither"][rng.usize(0..3)];
                world.put_parameter(STOP_SWITCH, value);
                self.checker.switched(value == "running", now);
                "stop switch flipped"
            }
            8..16 => {
                self.published.publish(&world, DAYS[rng.usize(0..DAYS.len())]);
                "release published or withdrawn"
            }
            16 => {
                self.published.publish_unknown(&world, DAYS[rng.usize(0..DAYS.len())]);
                "release published that EKS does not know"
            }
            17 => {
                self.published.learn(&world);
                "releases learned"
            }
            18..26 => {
                let arn = world.nodegroup(cluster, name).map(|nodegroup| nodegroup.arn).unwrap_or_default();
                let group = &mut self.groups[index];
                group.mode = if group.is_auto() { "" } else { "auto" };
                let mode = group.mode;
                world.edit_nodegroup(cluster, name, |nodegroup| {
                    nodegroup.tags.remove("ami-update");
                    if !mode.is_empty() {
                        nodegroup.tags.insert("ami-update".to_owned(), mode.to_owned());
                    }
                });
                if rng.bool() && !arn.is_empty() {
                    world.index_tags(&arn, &[("ami-update", "auto")]);
                }
                self.checker.retagged(index, mode == "auto", now);
                "tag changed"
            }
            26..34 => {
                let release = group.release(DAYS[rng.usize(0..DAYS.len())]);
                let mut version = world.nodegroup(cluster, name).map(|nodegroup| nodegroup.version).unwrap_or_default();
                // EKS takes the version before, where the cluster can be rolled back to it.
                if group.follow && rng.u8(0..4) == 0 {
                    OWN_VERSION.clone_into(&mut version);
                }
                let after = minutes(rng.i64(6..80));
                let course = if rng.bool() { UpdateScript::Succeed { after } } else { UpdateScript::Cancel { after } };
                world.script_next_update(cluster, name, course);
                let _ = world.start_update(cluster, name, &version, &release);
                "external update"
            }
            34..36 => {
                world.remove_nodegroup(cluster, name);
                "node group deleted"
            }
            36..39 => {
                let running = world.updates(cluster, name).into_iter().find(|update| update.status == "InProgress");
                let Some(running) = running else { return };
                world.remove_update(cluster, &running.id);
                world.edit_nodegroup(cluster, name, |nodegroup| "ACTIVE".clone_into(&mut nodegroup.status));
                self.checker.vanished(&running.id);
                "update vanished"
            }
            39..41 => {
                self.clusters.set(&world, cluster, NEXT_VERSION);
                world.cluster_upgrading(cluster, rng.bool());
                "cluster upgraded"
            }
            41..43 => {
                self.clusters.roll_back(&world, cluster);
                "cluster rolled back"
            }
            43..45 => {
                self.published.late(&world, rng.bool().then(|| minutes(rng.i64(1..180))));
                "parameters late"
            }
            45..48 => {
                match rng.bool() {
                    true => fall_ill(&world, cluster, name),
                    false if group.ailment.is_none() => drop(world.heal(cluster, name)),
                    false => return,
                }
                "node group ill or healed"
            }
            _ => return,
        };
        *self.tally.entry(what.to_owned()).or_default() += 1;
    }

    /// Others put node groups back to the first release, whenever they run a newer one.
    fn put_back(&mut self) {
        let world = &self.env.world;
        for group in self.groups.iter().filter(|group| group.ailment == Some(Ailment::PutBack)) {
            let release = group.release(FIRST);
            let now = world.nodegroup(&group.cluster, &group.name);
            if let Some(now) = now.filter(|now| now.release != release && now.status == "ACTIVE") {
                world.script_next_update(&group.cluster, &group.name, UpdateScript::Succeed { after: minutes(10) });
                if world.start_update(&group.cluster, &group.name, &now.version, &release).is_err() {
                    // AWS does not go back, it is to be believed.
                    world.clear_update_scripts();
                }
            }
        }
    }

    /// Everything works again, and nobody interferes; but what ails a node group goes on.
    async fn quiesce(&mut self) {
        let world = self.env.world.clone();
        self.seen.lock().unwrap().quiet = true;
        world.describe_lag(SignedDuration::ZERO);
        world.refuse_events(None);
        world.clear_update_scripts();
        world.put_parameter(STOP_SWITCH, "running");
        self.published.late(&world, None);
        self.checker.switched(true, world.now());
        for run in std::mem::take(&mut self.runs) {
            match run.await {
                Ok(summary) => summary.iter().for_each(|summary| self.started(summary)),
                Err(_) => self.checker.broken("a run panicked"),
            }
        }
        for _ in 0..2 {
            self.tick(false).await;
        }
        self.checker.stuck(&self.env, world.now());
        self.newer_version_writes().await;
        for (index, group) in self.groups.iter_mut().enumerate() {
            // The tag is fixed, for which higher rings wait.
            if group.mode == "off" {
                group.mode = "auto";
                self.checker.retagged(index, true, world.now());
                world.edit_nodegroup(&group.cluster, &group.name, |nodegroup| {
                    nodegroup.tags.insert("ami-update".to_owned(), "auto".to_owned());
                });
            }
            world.change_update_script(
                &group.cluster,
                &group.name,
                UpdateScript::Succeed { after: SignedDuration::ZERO },
            );
            if group.ailment.is_none() {
                world.heal(&group.cluster, &group.name);
            }
            self.clusters.set(&world, &group.cluster, NEXT_VERSION);
            world.cluster_upgrading(&group.cluster, false);
        }
        self.publish(LAST);
        if self.rng.u8(0..8) == 0 {
            // All wait for it in vain, until it is passed over after a day.
            self.tick(true).await;
            self.published.publish_unknown(&world, NEVER_KNOWN);
        }
        self.settle("while others ail").await;
        self.is_reported_stale().await;
    }

    fn publish(&mut self, day: &'static str) {
        self.published.publish(&self.env.world, day);
        self.last = day;
    }

    /// Lets all that can come to the last release, and be recorded and reported.
    async fn settle(&mut self, when: &str) {
        let mut summary = None;
        for tick in 0..QUIESCE_TICKS {
            self.put_back();
            if let Some(run) = self.tick(tick.is_multiple_of(TICKS_PER_START)).await {
                summary = Some(run);
            }
            if self.lagging().is_empty() && self.checker.nothing_open(&self.env).await {
                return;
            }
        }
        let lines = summary.as_ref().map(|summary| &summary.decisions[..]).unwrap_or_default();
        for group in self.lagging() {
            let line = lines.iter().find(|line| line.nodegroup == group.path());
            let last = self.last;
            self.checker.broken(&format!("{} does not come to the release of {last} {when}: {line:?}", group.path()));
        }
    }

    /// The node groups that should run the last release, and do not.
    fn lagging(&self) -> Vec<Group> {
        let behind: Vec<(usize, &Group)> =
            self.groups.iter().enumerate().filter(|(_, group)| !self.runs_last(group)).collect();
        // What ails one costs no other its place, but later rings wait for it.
        let unreadable = self.groups.iter().any(|other| other.ailment == Some(Ailment::Unreadable));
        let waits = |group: &Group| {
            let is_canary = |other: &Group| other.ring < group.ring && other.follow == group.follow;
            group.ring > 0 && (unreadable || behind.iter().any(|(_, other)| is_canary(other)))
        };
        let stays_downgraded =
            |index: usize, group: &Group| self.downgraded_by_others(group) && self.checker.is_held(index, self.last);
        let excused = |(index, group): &&(usize, &Group)| {
            group.ailment.is_some() || waits(group) || stays_downgraded(*index, group)
        };
        behind.iter().filter(|it| !excused(it)).map(|(_, group)| (*group).clone()).collect()
    }

    /// Whether an external update ever was successful, so that it may have been downgraded.
    fn downgraded_by_others(&self, group: &Group) -> bool {
        let updates = self.env.world.updates(&group.cluster, &group.name);
        group.left().is_some()
            || updates.iter().any(|update| update.client_request_token.is_none() && update.status == "Successful")
    }

    /// What ails node groups is reported after a while, and what holds others because of it.
    async fn is_reported_stale(&mut self) {
        if self.arrived() {
            return;
        }
        for _ in 0..STALE_TICKS {
            self.put_back();
            self.tick(true).await;
            sleep(Duration::from_mins(55)).await;
            self.check().await;
        }
        self.tick(false).await;
        let stale: Vec<Group> = self.groups.iter().filter(|group| self.is_stale(group)).cloned().collect();
        *self.tally.entry("node groups stale".to_owned()).or_default() += stale.len() as u64;
        self.checker.stale_reported(&self.env, &stale.iter().collect::<Vec<_>>());
    }

    /// Whether a node group that exists is not kept current, and nobody said so of itself.
    fn is_stale(&self, group: &Group) -> bool {
        // What is put back is raised again by each release that comes, until it was put back twice.
        let unpinned = group.pin.is_none_or(|pin| pin == self.last);
        group.is_auto() && unpinned && group.exists(&self.env.world) && !self.runs_last(group)
    }

    /// One more release comes where it makes a difference, what ails node groups is mended, and a retry is asked for.
    async fn mend(&mut self) {
        let world = self.env.world.clone();
        let put_back = self.groups.iter().any(|group| group.ailment == Some(Ailment::PutBack));
        if put_back || self.published.at(NEVER_KNOWN).is_some() {
            self.publish(ONE_MORE);
            for _ in 0..4 {
                self.put_back();
                self.tick(true).await;
                sleep(Duration::from_mins(25)).await;
                self.check().await;
            }
        }
        let all_well = self.arrived();
        self.seen.lock().unwrap().mended = true;
        self.groups.iter_mut().for_each(|group| group.mend(&world));
        world.clear_update_scripts();
        // What they have still put back is seen twice.
        for _ in 0..if all_well { 1 } else { 6 } {
            self.tick(!all_well).await;
        }
        if !all_well {
            self.checker.retried(world.now());
            let retry: Vec<String> = self.groups.iter().filter(|group| group.is_auto()).map(Group::path).collect();
            drop(self.env.try_start(&json!({ "retry": retry })).await);
            self.settle("when all is well").await;
        }
        // That a node group is current again is seen by the run after the one that saw its update end.
        self.tick(true).await;
        self.tick(true).await;
        self.checker.current_reported(&self.env, &self.groups);
        self.lose_tag().await;
    }

    /// One of them loses its tag, while the index knows it or not.
    async fn lose_tag(&mut self) {
        let world = self.env.world.clone();
        let auto: Vec<usize> = (0..self.groups.len())
            .filter(|index| self.groups[*index].is_auto() && self.groups[*index].exists(&world))
            .collect();
        if auto.is_empty() || self.rng.bool() {
            return;
        }
        let index = auto[self.rng.usize(0..auto.len())];
        let group = &mut self.groups[index];
        group.mode = "";
        self.checker.retagged(index, false, world.now());
        world.edit_nodegroup(&group.cluster, &group.name, |nodegroup| {
            nodegroup.tags.remove("ami-update");
        });
        let group = group.clone();
        self.tick(true).await;
        self.tick(true).await;
        self.checker.lost_tag_reported(&self.env, &group);
    }

    /// Answers what `start` did, if it ran and could do its job.
    async fn tick(&mut self, start: bool) -> Option<StartSummary> {
        let mut summary = None;
        if start {
            match self.env.try_start(&json!({})).await {
                Ok(run) => {
                    self.started(&run);
                    let mut tagged = self.groups.iter().filter(|it| !it.mode.is_empty() && it.exists(&self.env.world));
                    let all_unreadable = tagged.all(|it| it.ailment == Some(Ailment::Unreadable));
                    let failure = run.failure.as_ref().filter(|_| !all_unreadable);
                    if let Some(failure) = failure {
                        self.checker.broken(&format!("a run fails for all, since one ails: {failure}"));
                    }
                    summary = Some(run);
                }
                Err(error) => self.checker.broken(&format!("a run fails in a quiet world: {error}")),
            }
        }
        drop(self.env.try_check(&json!({})).await);
        sleep(TICK).await;
        self.check().await;
        summary
    }

    fn started(&mut self, summary: &StartSummary) {
        self.checker.within_limits(summary, &self.env.start_config.settings.limits);
        for line in &summary.decisions {
            if let Some(outcome) = line.outcome {
                *self.tally.entry(format!("decisions {}, {outcome}", line.decision)).or_default() += 1;
            }
        }
    }

    fn arrived(&self) -> bool {
        self.groups.iter().all(|group| self.runs_last(group))
    }

    /// Whether a node group runs the last release, if it is to.
    fn runs_last(&self, group: &Group) -> bool {
        let now = self.env.world.nodegroup(&group.cluster, &group.name);
        let version = |now: &Nodegroup| group.follow == (now.version == NEXT_VERSION);
        let is_there = |now: Nodegroup| {
            let release = match group.pin {
                None => now.release == group.release(self.last) && version(&now),
                Some(LAST) => now.release == group.release(LAST),
                // Its release may have failed too often, or an external update may have brought it beyond.
                Some(_) => true,
            };
            release && now.status == "ACTIVE"
        };
        !group.is_auto() || now.is_none_or(is_there)
    }

    async fn check(&mut self) {
        let begun = self.seen.lock().unwrap().begun.clone();
        let sight = Sight { groups: &self.groups, published: &self.published, clusters: &self.clusters };
        self.checker.check(&self.env, sight, &begun).await;
    }

    /// The requests so far that change something.
    fn acts(&self) -> Vec<Request> {
        let acts = ["dynamodb:PutItem", "sns:Publish", "events:PutEvents", "eks:UpdateNodegroupVersion"];
        let is_act =
            |request: &Request| acts.contains(&request.action.as_str()) && !self.is_about_a_refused_pin(request);
        self.env.world.requests().into_iter().filter(is_act).collect()
    }

    /// A pin to what EKS does not know is asked for again and again, ever more rarely.
    fn is_about_a_refused_pin(&self, request: &Request) -> bool {
        let never_out = |group: &&Group| group.pin.is_some_and(|day| !self.published.is_known(&group.release(day)));
        let body = request.body.to_string();
        let is_about = |group: &Group| {
            let named = request.body["nodegroupName"] == group.name.as_str();
            named || body.contains(&group.path())
        };
        self.groups.iter().filter(never_out).any(is_about)
    }

    async fn end(mut self) -> Outcome {
        // Where there is only something to report, or a pinned node group to be tried again, its time comes later, at the latest
        // with its window; then nothing is to be done.
        let pinned_in_window = self.groups.iter().any(|group| group.pin.is_some() && group.window);
        let least = if pinned_in_window { 13 } else { 2 };
        for hour in 0..24 {
            self.env.world.clear_requests();
            sleep(Duration::from_hours(1)).await;
            self.tick(true).await;
            if hour >= least && self.acts().is_empty() {
                break;
            }
        }
        self.env.world.clear_requests();
        let (start, check) = (self.env.try_start(&json!({})).await, self.env.try_check(&json!({})).await);
        let errors = start.map(|summary| summary.errors).and_then(|mut errors| {
            errors.extend(check?.errors);
            Ok(errors)
        });
        if !errors.as_ref().is_ok_and(Vec::is_empty) {
            self.checker.broken(&format!("errors in a quiet world: {errors:?}"));
        }
        let mut acts = self.acts();
        // That a week has begun is written down once.
        let week = acts.iter().position(|request| {
            let item = &request.body["Item"];
            item["itemKey"]["S"] == FLEET_KEY && only_its_notices_are_pending(item)
        });
        week.map(|index| acts.remove(index));
        for request in acts {
            self.checker.broken(&format!("a quiet world causes {}: {}", request.action, request.body));
        }
        self.checker.all_reported(&self.env, &self.groups, self.last).await;
        self.checker.withdrawals_are_true(&self.env, &self.published);
        self.keeps_what_the_newer_version_wrote().await;
        let seen = std::mem::take(&mut *self.seen.lock().unwrap());
        let mut tally = self.tally;
        tally.extend(seen.tally.into_iter().map(|(kind, times)| (format!("requests {kind}"), times)));
        tally.extend(self.checker.tally());
        let broken = [self.checker.into_broken(), seen.broken].concat();
        Outcome { broken, tally, requests: seen.requests.finish() }
    }
}
