//! A year of a fleet in virtual time, and what it comes to: how far behind each ring is, how often nodes are replaced, how many
//! messages a week are published. Four release tracks in three rings, a release every week, two of them withdrawn, one that is
//! bad for GPUs only, a node group that nothing can be evicted from, one that is unhealthy for a month, and a freeze in December.
//!
//! ```sh
//! NODEGROUPS=300 cargo test --release --test slow year_replay -- --nocapture   # a larger fleet
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use eks_nodegroup_updater::metrics::{Metric, Metrics};
use eks_nodegroup_updater::model::settings::Limits;
use fastrand::Rng;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde_json::Value;
use simulated_aws::{Fault, Nodegroup, Update, UpdateScript};
use testing::{AL2023, BOTTLEROCKET, NEWER, TestEnv, minutes, opted_in, tagged};

const DAY: SignedDuration = SignedDuration::from_hours(24);
const WINDOW: &str = "Sat-Sun 02:00-06:00 Europe/Berlin";
const ARM: &str = "AL2023_ARM_64_STANDARD";
const NVIDIA: &str = "AL2023_x86_64_NVIDIA";
/// The node group whose disruption budget allows no eviction.
const IMMOVABLE: usize = 26;
/// The node group that is unhealthy for a month.
const SICK: usize = 48;
/// The gauges that alarms watch.
const ALARMS: [Metric; 3] = [Metric::NodegroupsFailed, Metric::NodegroupsStale, Metric::NoticesPending];
/// As many as a test run takes.
const NODEGROUPS: usize = 70;

/// What the year comes to. The freeze alone is nineteen days, and the last ring waits for a weekend.
const TABLE: &str = "\
node groups                                       70
updates                                         2930
of these failed                                   50
updates of a node group, median                   46
updates of a node group, most                     49
days behind in ring 0, median                      0
days behind in ring 0, worst                      13
days behind in ring 1, median                      1
days behind in ring 1, worst                      13
days behind in ring 2, median                      7
days behind in ring 2, worst                      20
node groups that met the bad release               2
node groups saved from it                          8
messages: Digest                                  23
messages: NodegroupCurrent                         1
messages: NodegroupStale                           2
messages: ReleaseQuarantined                       1
messages: UpdateFailed                            50
messages: UpdateRecovered                          2
messages a week, median                            2
messages a week, most                              4
messages a day, median                             0
messages a day, most                               2
days with more than one                            3
alarm on NodegroupsFailed, times                   1
alarm on NodegroupsFailed, days                  341
alarm on NodegroupsStale, times                    1
alarm on NodegroupsStale, days                   341
alarm on NoticesPending, times                     0
alarm on NoticesPending, days                      0
events: EKS Nodegroup Current                      3
events: EKS Nodegroup Stale                        2
events: EKS Nodegroup Update Failed               50
events: EKS Nodegroup Update Started            2930
events: EKS Nodegroup Update Succeeded          2880
events: EKS Release Available                    169
events: EKS Release Quarantined                    1
";

/// What it comes to where everything waits for two weeks and for a weekend.
const CAUTIOUS: &str = "\
node groups                                       70
updates                                         2762
of these failed                                    0
updates of a node group, median                   44
updates of a node group, most                     45
days behind in ring 0, median                     14
days behind in ring 0, worst                      28
days behind in ring 1, median                     21
days behind in ring 1, worst                      35
node groups that met the bad release               0
node groups saved from it                         10
messages a week, median                            0
messages a week, most                              0
messages a day, median                             0
messages a day, most                               0
days with more than one                            0
alarm on NodegroupsFailed, times                   0
alarm on NodegroupsFailed, days                    0
alarm on NodegroupsStale, times                    0
alarm on NodegroupsStale, days                     0
alarm on NoticesPending, times                     0
alarm on NoticesPending, days                      0
events: EKS Nodegroup Update Started            2762
events: EKS Nodegroup Update Succeeded          2762
events: EKS Release Available                    169
";

/// A release of the year.
#[derive(Clone)]
struct Release {
    text: String,
    published_at: Timestamp,
    withdrawn_at: Option<Timestamp>,
    bad: bool,
}

struct Year {
    env: TestEnv,
    groups: Vec<Group>,
    /// By AMI type, oldest first; the first is what everybody runs on the first day.
    releases: BTreeMap<&'static str, Vec<Release>>,
    recorded: BTreeSet<String>,
    behind: BTreeMap<u32, Vec<i64>>,
    /// Of each gauge that an alarm watches: whether the alarm is on, how often it went off, and on how many days it was on.
    alarms: BTreeMap<Metric, (bool, usize, usize)>,
    /// How many events of each kind there were.
    events: BTreeMap<String, usize>,
}

#[derive(Clone)]
struct Group {
    cluster: String,
    name: String,
    ring: u32,
    ami_type: &'static str,
    rules: Vec<(&'static str, &'static str)>,
}

/// The size of the fleet that `NODEGROUPS` asks for.
#[expect(clippy::disallowed_methods, reason = "how a test is asked for more than usual")]
fn nodegroups() -> usize {
    std::env::var("NODEGROUPS").ok().and_then(|asked| asked.parse().ok()).unwrap_or(NODEGROUPS)
}

fn begin() -> Timestamp {
    "2026-01-05T01:30:00Z".parse().unwrap()
}

fn groups(count: usize, cautious: bool) -> Vec<Group> {
    let group = |index: usize| {
        let ring = match index % 10 {
            0 | 1 => 0,
            2..6 => 1,
            _ if cautious => 1,
            _ => 2,
        };
        let mut rules = Vec::new();
        if cautious || ring == 2 {
            rules.push(("window", WINDOW));
        }
        if cautious || index % 10 == 9 {
            rules.push(("min-age", if cautious { "14d" } else { "7d" }));
        }
        Group {
            cluster: format!("cluster-{}", index % (count / 10)),
            name: format!("ng-{index:03}"),
            ring,
            ami_type: match index % 7 {
                0 => BOTTLEROCKET,
                1 => NVIDIA,
                2 => ARM,
                _ => AL2023,
            },
            rules,
        }
    };
    (0..count).map(group).collect()
}

fn releases(rng: &mut Rng) -> BTreeMap<&'static str, Vec<Release>> {
    let (bad, first, second) = (20 + rng.u64(0..5), 5 + rng.u64(0..5), 30 + rng.u64(0..5));
    let linux: Vec<Release> = (0..52)
        .map(|week: u64| {
            // The first is out on the first day, since everybody runs it.
            let late = if week == 0 { 0 } else { rng.u64(0..3) };
            let published_at = begin() + (DAY * i32::try_from(week * 7 + late).unwrap());
            let date = published_at.strftime("%Y%m%d").to_string();
            Release {
                text: format!("1.33.{}-{date}", 1 + week / 9),
                published_at,
                withdrawn_at: (week == first || week == second).then(|| published_at + DAY * 3),
                bad: false,
            }
        })
        .collect();
    let mut gpu = linux.clone();
    gpu[usize::try_from(bad).unwrap()].bad = true;
    let bottlerocket = (0..13).map(|month: i32| Release {
        text: format!("1.{}.0-{:08x}", 40 + month, 0x1a2b_3c00 + month),
        published_at: begin() + DAY * (month * 28),
        withdrawn_at: None,
        bad: false,
    });
    let bottlerocket = bottlerocket.collect();
    BTreeMap::from([(AL2023, linux.clone()), (ARM, linux), (NVIDIA, gpu), (BOTTLEROCKET, bottlerocket)])
}

impl Year {
    async fn new(cautious: bool) -> Self {
        let mut rng = Rng::with_seed(2026);
        let releases = releases(&mut rng);
        let mut env = TestEnv::with([]).await;
        env.world.advance(begin().duration_since(env.world.now()));
        let freeze = ("2026-12-20T00:00:00Z".parse().unwrap(), "2027-01-07T00:00:00Z".parse().unwrap());
        env.world.close_calendar("december", freeze.0, freeze.1);
        env.start_config.settings.change_calendars = vec!["december".into()];
        let groups = groups(nodegroups(), cautious);
        // All in one night.
        env.start_config.settings.limits =
            Limits { updates_per_cluster: 10, updates_in_progress: groups.len(), starts_per_run: groups.len() };
        for group in &groups {
            env.world.add_nodegroup(group.nodegroup(&releases[group.ami_type][0].text));
        }
        let mut year = Self {
            env,
            groups,
            releases,
            recorded: BTreeSet::new(),
            behind: BTreeMap::new(),
            alarms: ALARMS.map(|gauge| (gauge, (false, 0, 0))).into(),
            events: BTreeMap::new(),
        };
        year.decide_courses(rng, cautious);
        year
    }

    /// How each update goes is decided when it is asked for. Where all are cautious, nothing goes wrong.
    fn decide_courses(&mut self, mut rng: Rng, all_well: bool) {
        let bad: BTreeSet<(&str, String)> = self
            .releases
            .iter()
            .flat_map(|(ami_type, releases)| releases.iter().map(|release| (*ami_type, release)))
            .filter(|(_, release)| release.bad && !all_well)
            .map(|(ami_type, release)| (ami_type, release.text.clone()))
            .collect();
        let immovable = self.groups[IMMOVABLE].name.clone();
        let world = self.env.world.clone();
        self.env.world.on_request(move |request| {
            if request.action == "eks:UpdateNodegroupVersion" {
                let text = |key: &str| request.body[key].as_str().unwrap_or_default().to_owned();
                let (cluster, name) = (text("clusterName"), text("nodegroupName"));
                let ami_type = world.nodegroup(&cluster, &name).map(|it| it.ami_type).unwrap_or_default();
                let after = minutes(20 + i64::try_from(rng.u64(0..70)).unwrap());
                let course = match () {
                    () if bad.contains(&(ami_type.as_str(), text("releaseVersion"))) => {
                        UpdateScript::node_creation_failure(after, &name)
                    }
                    () if name == immovable && !all_well => {
                        UpdateScript::pod_eviction_failure(after, &name, &["ip-10-0-0-1.ec2.internal"])
                    }
                    () => UpdateScript::Succeed { after },
                };
                world.script_next_update(&cluster, &name, course);
            }
            Fault::None
        });
    }

    /// Publishes and withdraws what is due.
    fn publish(&self, published: &mut BTreeMap<&'static str, usize>) {
        let now = self.env.world.now();
        for (ami_type, releases) in &self.releases {
            let next = published.entry(ami_type).or_default();
            while releases.get(*next).is_some_and(|release| release.published_at <= now) {
                self.env.world.publish_release(ami_type, "1.33", &releases[*next].text);
                *next += 1;
            }
            let latest = &releases[*next - 1];
            let is_out = |release: &Release| release.withdrawn_at.is_some_and(|at| at <= now);
            let offered = self.env.world.parameter(&parameter(ami_type));
            if is_out(latest) && offered.as_deref() == Some(latest.text.as_str()) {
                self.env.world.withdraw_release(ami_type, "1.33");
            }
        }
    }

    /// How long each node group has lacked the next good release.
    fn measure(&mut self) {
        let now = self.env.world.now();
        for (index, group) in self.groups.iter().enumerate() {
            let current = self.env.world.nodegroup(&group.cluster, &group.name).unwrap().release;
            let releases = &self.releases[group.ami_type];
            let at = releases.iter().position(|release| release.text == current).unwrap();
            let good =
                |release: &&Release| !release.bad && release.withdrawn_at.is_none() && release.published_at <= now;
            let missed = releases[at + 1..].iter().find(good);
            let days = missed.map_or(0, |release| now.duration_since(release.published_at).as_hours() / 24);
            if ![IMMOVABLE, SICK].contains(&index) {
                self.behind.entry(group.ring).or_default().push(days);
            }
        }
    }

    async fn run(&mut self, all_well: bool) {
        let mut published = BTreeMap::new();
        for day in 0..364 {
            self.publish(&mut published);
            let Group { cluster, name, .. } = &self.groups[SICK];
            match day {
                100 if !all_well => {
                    self.env.world.edit_nodegroup(cluster, name, |nodegroup| {
                        *nodegroup = nodegroup.clone().health_issue("Ec2SubnetNotFound", "The subnet is gone", &[]);
                    });
                }
                130 => drop(self.env.world.heal(cluster, name)),
                _ => {}
            }
            // It begins on a Monday. On Wednesdays, and on Saturdays, when the windows are open.
            if matches!(day % 7, 2 | 5) {
                let summary = self.env.start().await;
                self.watch(summary.metrics.as_ref());
                self.recorded.extend(summary.decisions.into_iter().filter_map(|line| line.update_id));
            }
            for _ in 0..2 {
                self.env.world.advance(SignedDuration::from_hours(12));
                let summary = self.env.check().await;
                self.watch(summary.metrics.as_ref());
            }
            self.measure();
            self.alarms.values_mut().for_each(|(on, _, days)| *days += usize::from(*on));
            for event in self.env.world.events() {
                *self.events.entry(event.detail_type).or_default() += 1;
            }
            self.env.world.clear_events();
            self.env.world.clear_requests();
        }
    }

    /// An alarm is on from a value above zero to the next zero.
    fn watch(&mut self, metrics: Option<&Metrics>) {
        for (gauge, (on, times, _)) in &mut self.alarms {
            let Some(value) = metrics.and_then(|metrics| metrics.values(*gauge).first()) else { continue };
            *times += usize::from(*value > 0 && !*on);
            *on = *value > 0;
        }
    }

    fn table(&self) -> String {
        let mut table = String::new();
        let mut line = |name: &str, value: usize| writeln!(table, "{name:<44}{value:>8}").unwrap();
        let updates: Vec<Vec<Update>> =
            self.groups.iter().map(|group| self.env.world.updates(&group.cluster, &group.name)).collect();
        let all = || updates.iter().flatten();
        line("node groups", self.groups.len());
        line("updates", all().count());
        line("of these failed", all().filter(|update| update.status == "Failed").count());
        let (median, most) = median_and_most(updates.iter().map(Vec::len));
        line("updates of a node group, median", median);
        line("updates of a node group, most", most);
        for (ring, days) in &self.behind {
            let (median, worst) = median_and_most(days.iter().map(|days| usize::try_from(*days).unwrap()));
            line(&format!("days behind in ring {ring}, median"), median);
            line(&format!("days behind in ring {ring}, worst"), worst);
        }
        let bad = self.releases[NVIDIA].iter().find(|release| release.bad).unwrap();
        let gpus = || self.groups.iter().zip(&updates).filter(|(group, _)| group.ami_type == NVIDIA);
        let failed = |update: &Update| update.release.as_ref() == Some(&bad.text) && update.status == "Failed";
        let hurt = gpus().filter(|(_, updates)| updates.iter().any(failed)).count();
        line("node groups that met the bad release", hurt);
        line("node groups saved from it", gpus().count() - hurt);
        let messages = self.env.messages();
        let mut events: BTreeMap<&str, usize> = BTreeMap::new();
        let mut days: BTreeMap<i64, usize> = (0..364).map(|day| (day, 0)).collect();
        for message in &messages {
            *events.entry(message["kind"].as_str().unwrap()).or_default() += 1;
            let at: Timestamp = message["noticedAt"].as_str().unwrap().parse().unwrap();
            *days.entry(at.duration_since(begin()).as_hours() / 24).or_default() += 1;
        }
        for (event, count) in events {
            line(&format!("messages: {event}"), count);
        }
        let weeks = (0..52).map(|week| (week * 7..week * 7 + 7).map(|day| days[&day]).sum());
        let (median, most) = median_and_most(weeks);
        line("messages a week, median", median);
        line("messages a week, most", most);
        let (median, most) = median_and_most(days.values().copied());
        line("messages a day, median", median);
        line("messages a day, most", most);
        line("days with more than one", days.values().filter(|count| **count > 1).count());
        for (gauge, (_, times, days)) in &self.alarms {
            line(&format!("alarm on {}, times", gauge.name()), *times);
            line(&format!("alarm on {}, days", gauge.name()), *days);
        }
        for (detail_type, count) in &self.events {
            line(&format!("events: {detail_type}"), *count);
        }
        table
    }

    fn nothing_is_lost_and_every_failure_reported(&self) {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let failures = self.env.messages().into_iter().filter(|message| message["kind"] == "UpdateFailed");
        let reported: BTreeSet<String> = failures
            .flat_map(|message| message["updateIds"].as_array().unwrap().iter().map(text).collect::<Vec<_>>())
            .collect();
        for group in &self.groups {
            for update in self.env.world.updates(&group.cluster, &group.name) {
                assert!(self.recorded.contains(&update.id), "{} lost {}", group.path(), update.id);
                assert_eq!(update.status == "Failed", reported.contains(&update.id), "{} {update:?}", group.path());
            }
        }
    }
}

impl Group {
    fn path(&self) -> String {
        format!("{}/{}", self.cluster, self.name)
    }

    fn nodegroup(&self, release: &str) -> Nodegroup {
        let nodegroup = opted_in(&self.cluster, &self.name).ami_type(self.ami_type).release(release);
        let nodegroup = nodegroup.tag("ami-update/ring", &self.ring.to_string());
        self.rules
            .iter()
            .fold(nodegroup, |nodegroup, (rule, value)| nodegroup.tag(&format!("ami-update/{rule}"), value))
    }
}

fn median_and_most(numbers: impl Iterator<Item = usize>) -> (usize, usize) {
    let mut sorted: Vec<usize> = numbers.collect();
    sorted.sort_unstable();
    (sorted[sorted.len() / 2], sorted[sorted.len() - 1])
}

fn parameter(ami_type: &str) -> String {
    let linux = |part: &str| {
        format!("/aws/service/eks/optimized-ami/1.33/amazon-linux-2023/{part}/recommended/release_version")
    };
    match ami_type {
        AL2023 => linux("x86_64/standard"),
        ARM => linux("arm64/standard"),
        NVIDIA => linux("x86_64/nvidia"),
        _ => "/aws/service/bottlerocket/aws-k8s-1.33/x86_64/latest/image_version".to_owned(),
    }
}

async fn replay(cautious: bool, expected: &str) {
    let mut year = Year::new(cautious).await;
    year.run(cautious).await;
    year.nothing_is_lost_and_every_failure_reported();
    let table = year.table();
    println!("{table}");
    if nodegroups() == NODEGROUPS {
        assert_eq!(table, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_year_in_three_rings() {
    replay(false, TABLE).await;
}

#[tokio::test(start_paused = true)]
async fn a_year_of_a_cautious_fleet_without_a_message_about_what_is_stale() {
    replay(true, CAUTIOUS).await;
}

/// An age that waits for the latest release to be old enough would starve here: none ever is.
#[tokio::test(start_paused = true)]
async fn a_fleet_whose_releases_come_faster_than_its_minimum_age_still_moves() {
    let env = TestEnv::with([tagged("prod", "blue", &[("min-age", "30d")])]).await;
    let (mut worst, mut updates) = (0, 0);
    let mut dates = BTreeMap::from([(NEWER.to_owned(), env.world.now())]);
    for day in 0..365 {
        if day % 7 == 6 {
            let now = env.world.now();
            let release = format!("1.33.2-{}", now.strftime("%Y%m%d"));
            env.world.publish_release(AL2023, "1.33", &release);
            dates.insert(release, now);
        }
        env.start().await;
        env.world.advance(SignedDuration::from_hours(24));
        env.check().await;
        let running = env.world.nodegroup("prod", "blue").unwrap().release;
        updates = env.world.updates("prod", "blue").len();
        if let Some(published_at) = dates.get(&running) {
            let age = env.world.now().duration_since(*published_at).as_hours() / 24;
            worst = worst.max(age);
            let since_start = env.world.now().checked_sub(1.hours()).unwrap();
            assert!(since_start.duration_since(*published_at) >= DAY * 30, "nothing younger than its rule allows");
        }
    }
    // Thirty days, the week between two releases, and the day between two runs.
    assert!(worst <= 30 + 7 + 2, "{worst} days");
    assert!(updates >= 45, "{updates} updates");
}
