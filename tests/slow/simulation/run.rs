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

use super::checker::Checker;
use super::faults::{Seen, chaos};
use super::fleet::{DAYS, FleetRules, Group, LAST, NEXT_VERSION, Published, STOP_SWITCH, choose_unverified, groups};
use testing::{FLEET_KEY, TestEnv, minutes};

/// Between two runs of `check`; `start` runs at every sixth, in some simulations at every second while there is chaos.
const TICK: Duration = Duration::from_mins(5);
const TICKS_PER_START: u32 = 6;
/// Four hours.
const CHAOS_TICKS: u32 = 48;
/// Two days: time enough for every window, age, ring and retry.
const QUIESCE_TICKS: u32 = 2 * 24 * 12;
/// How long an update may run before it counts as stuck.
pub const STUCK_AFTER: SignedDuration = SignedDuration::from_mins(100);
/// How long a release is to run in one ring before the next.
pub const SOAK: SignedDuration = SignedDuration::from_mins(30);
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
    checker: Checker,
    rng: Rng,
    seen: Arc<Mutex<Seen>>,
    runs: Vec<JoinHandle<Option<StartSummary>>>,
    tally: BTreeMap<String, u64>,
}

impl Simulation {
    pub async fn run(seed: u64, trace: bool) -> Outcome {
        let mut simulation = Self::begin(seed, trace).await;
        simulation.chaos().await;
        simulation.quiesce().await;
        simulation.end().await
    }

    async fn begin(seed: u64, trace: bool) -> Self {
        let mut rng = Rng::with_seed(seed);
        let midnight: Timestamp = "2026-07-20T00:00:00Z".parse().unwrap();
        let (begin, zero) = (midnight + minutes(rng.i64(0..24 * 60)), Instant::now());
        let world = World::with_clock(move || begin + SignedDuration::try_from(zero.elapsed()).unwrap());
        let mut env = TestEnv::in_world(world).await;
        env.start_config.settings.retry_after = RetryAfter([20, 40, 60].map(minutes).into());
        env.start_config.settings.ring_soak = SOAK;
        env.start_config.settings.defaults.follow_cluster_after = minutes([0, 30][rng.usize(0..2)]);
        env.start_config.settings.stop_switch = Some(STOP_SWITCH.to_owned());
        env.check_config.stuck_after = STUCK_AFTER;
        // Without a margin, a slow run comes to the end of a window while it starts updates.
        env.start_config.settings.window_margin = minutes([0, 30][rng.usize(0..2)]);
        if rng.bool() {
            env.clock_ahead = SignedDuration::from_secs(rng.i64(-CLOCK_SKEW.as_secs()..CLOCK_SKEW.as_secs()));
        }
        env.world.put_parameter(STOP_SWITCH, "running");
        choose_unverified(&mut rng, &env.world);
        let rules = FleetRules::random(&mut rng, begin);
        rules.set(&mut env.start_config.settings, &env.world);
        let groups = groups(&mut rng);
        let arns = groups.iter().map(|group| env.world.add_nodegroup(group.nodegroup())).collect();
        for group in &groups {
            env.world.add_cluster(&group.cluster, NEXT_VERSION);
        }
        let mut published = Published::default();
        published.publish(&env.world, DAYS[0]);
        let seen = chaos(&env.world, rng.fork(), arns, trace);
        let checker = Checker::new(&groups, rules, env.world.now());
        let (runs, tally) = (Vec::new(), BTreeMap::new());
        Self { env: Rc::new(env), groups, published, checker, rng, seen, runs, tally }
    }

    async fn chaos(&mut self) {
        let ticks_per_start = [2, TICKS_PER_START][self.rng.usize(0..2)];
        for tick in 0..CHAOS_TICKS {
            self.perturb();
            // Its schedule wakes it, and now and then an event.
            if tick.is_multiple_of(ticks_per_start) || self.rng.u8(0..5) == 0 {
                self.invoke(true);
            }
            self.invoke(false);
            sleep(TICK).await;
            self.check().await;
        }
    }

    /// Runs go on beside each other, twice or killed, as the seed decides.
    fn invoke(&mut self, is_start: bool) {
        let id = self.env.next_id();
        let mut delay = Duration::ZERO;
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
            8..18 => {
                self.published.publish(&world, DAYS[rng.usize(0..DAYS.len())]);
                "release published or withdrawn"
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
                let version = world.nodegroup(cluster, name).map(|nodegroup| nodegroup.version).unwrap_or_default();
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
            _ => return,
        };
        *self.tally.entry(what.to_owned()).or_default() += 1;
    }

    /// Everything works again, and nobody interferes.
    async fn quiesce(&mut self) {
        let world = self.env.world.clone();
        world.clear_faults();
        world.clear_update_scripts();
        world.put_parameter(STOP_SWITCH, "running");
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
        }
        self.published.publish(&world, LAST);
        for tick in 0..QUIESCE_TICKS {
            self.tick(tick.is_multiple_of(TICKS_PER_START)).await;
            if self.arrived() && self.checker.nothing_open(&self.env).await {
                return;
            }
        }
        let lines = self.env.try_start(&json!({})).await.map(|summary| summary.decisions).unwrap_or_default();
        let lagging: Vec<Group> = self.groups.iter().filter(|group| !self.runs_last(group)).cloned().collect();
        for group in lagging {
            let line = lines.iter().find(|line| line.nodegroup == group.path());
            self.checker.broken(&format!("{} does not come to the release of {LAST}: {line:?}", group.path()));
        }
    }

    async fn tick(&mut self, start: bool) {
        if start && let Ok(summary) = self.env.try_start(&json!({})).await {
            self.started(&summary);
        }
        drop(self.env.try_check(&json!({})).await);
        sleep(TICK).await;
        self.check().await;
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
                None => now.release == group.release(LAST) && version(&now),
                Some(LAST) => now.release == group.release(LAST),
                // Its release may have failed too often, or an external update may have brought it beyond.
                Some(_) => true,
            };
            release && now.status == "ACTIVE"
        };
        !group.is_auto() || now.is_none_or(is_there)
    }

    async fn check(&mut self) {
        self.checker.check(&self.env, &self.groups, &self.published).await;
    }

    /// The requests so far that change something.
    fn acts(&self) -> Vec<Request> {
        let acts = ["dynamodb:PutItem", "sns:Publish", "eks:UpdateNodegroupVersion"];
        let is_act =
            |request: &Request| acts.contains(&request.action.as_str()) && !self.is_about_a_refused_pin(request);
        self.env.world.requests().into_iter().filter(is_act).collect()
    }

    /// A pin to what AWS never published is asked for again and again, ever more rarely.
    fn is_about_a_refused_pin(&self, request: &Request) -> bool {
        let never_out = |group: &&Group| group.pin.is_some_and(|day| self.published.at(&group.release(day)).is_none());
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
            request.body["Item"]["itemKey"]["S"] == FLEET_KEY && request.body["Item"]["pendingNotices"].is_null()
        });
        week.map(|index| acts.remove(index));
        for request in acts {
            self.checker.broken(&format!("a quiet world causes {}: {}", request.action, request.body));
        }
        self.checker.all_reported(&self.env, &self.groups).await;
        let seen = std::mem::take(&mut *self.seen.lock().unwrap());
        let mut tally = self.tally;
        tally.extend(seen.tally.into_iter().map(|(kind, times)| (format!("requests {kind}"), times)));
        tally.extend(self.checker.tally());
        let broken = [self.checker.into_broken(), seen.backward].concat();
        Outcome { broken, tally, requests: seen.requests.finish() }
    }
}
