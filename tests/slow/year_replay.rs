//! A year of a fleet in virtual time: forty node groups in three rings over four clusters, a release every week, two of them
//! withdrawn, one that is bad, one node group that nothing can be evicted from, and a freeze in December. After every run the
//! rules are asked again, by a checker that knows nothing of the plan.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use chrono::{Datelike, TimeZone as _, Timelike, Utc};
use fastrand::Rng;
use jiff::{SignedDuration, Timestamp, ToSpan};
use simulated_aws::{Fault, Nodegroup, UpdateScript};
use testing::{AL2023, BOTTLEROCKET, NEWER, TestEnv, minutes, opted_in, tagged};

const DAY: SignedDuration = SignedDuration::from_hours(24);
const WINDOW: &str = "Sat-Sun 02:00-06:00 Europe/Berlin";
/// The node group whose disruption budget allows no eviction.
const IMMOVABLE: usize = 25;

/// What the year comes to. The freeze alone is nineteen days, and the last ring waits for a weekend.
const TABLE: &str = "\
updates                                         1699
of these failed                                   55
updates of a node group, median                   45
updates of a node group, most                     49
days behind in ring 0, median                      0
days behind in ring 0, worst                      18
days behind in ring 1, median                      1
days behind in ring 1, worst                      20
days behind in ring 2, median                      8
days behind in ring 2, worst                      26
node groups that met the bad release               7
node groups saved from it                         29
messages: NodegroupStale                           1
messages: ReleaseQuarantined                       1
messages: Reminder                                23
messages: UpdateFailed                            49
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
    freeze: (Timestamp, Timestamp),
    recorded: BTreeSet<String>,
    behind: BTreeMap<u32, Vec<i64>>,
}

#[derive(Clone)]
struct Group {
    cluster: String,
    name: String,
    ring: u32,
    ami_type: &'static str,
    min_age: SignedDuration,
}

fn begin() -> Timestamp {
    "2026-01-05T01:30:00Z".parse().unwrap()
}

fn groups() -> Vec<Group> {
    let group = |index: usize| Group {
        cluster: format!("cluster-{}", index % 4),
        name: format!("ng-{index:02}"),
        ring: match index {
            0..8 => 0,
            8..20 => 1,
            _ => 2,
        },
        ami_type: if index % 10 == 7 { BOTTLEROCKET } else { AL2023 },
        min_age: if index >= 34 { DAY * 7 } else { SignedDuration::ZERO },
    };
    (0..40).map(group).collect()
}

fn releases(rng: &mut Rng) -> BTreeMap<&'static str, Vec<Release>> {
    let (bad, first, second) = (20 + rng.u64(0..5), 5 + rng.u64(0..5), 30 + rng.u64(0..5));
    let linux = (0..52).map(|week: u64| {
        // The first is out on the first day, since everybody runs it.
        let late = if week == 0 { 0 } else { rng.u64(0..3) };
        let published_at = begin() + (DAY * i32::try_from(week * 7 + late).unwrap());
        let date = published_at.strftime("%Y%m%d").to_string();
        Release {
            text: format!("1.33.{}-{date}", 1 + week / 9),
            published_at,
            withdrawn_at: (week == first || week == second).then(|| published_at + DAY * 3),
            bad: week == bad,
        }
    });
    let linux = linux.collect();
    let bottlerocket = (0..13).map(|month: i32| Release {
        text: format!("1.{}.0-{:08x}", 40 + month, 0x1a2b_3c00 + month),
        published_at: begin() + DAY * (month * 28),
        withdrawn_at: None,
        bad: false,
    });
    BTreeMap::from([(AL2023, linux), (BOTTLEROCKET, bottlerocket.collect())])
}

impl Year {
    async fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let releases = releases(&mut rng);
        let mut env = TestEnv::with([]).await;
        env.world.advance(begin().duration_since(env.world.now()));
        let freeze = ("2026-12-14T00:00:00Z".parse().unwrap(), "2027-01-02T00:00:00Z".parse().unwrap());
        env.world.close_calendar("december", freeze.0, freeze.1);
        env.start_config.settings.change_calendars = vec!["december".into()];
        env.start_config.settings.limits = eks_nodegroup_updater::model::settings::Limits {
            updates_per_cluster: 10,
            updates_in_progress: 40,
            starts_per_run: 40,
        };
        let groups = groups();
        for group in &groups {
            env.world.add_nodegroup(group.nodegroup(&releases[group.ami_type][0].text));
        }
        let mut year = Self { env, groups, releases, freeze, recorded: BTreeSet::new(), behind: BTreeMap::new() };
        year.decide_courses(rng);
        year
    }

    /// How each update goes is decided when it is asked for.
    fn decide_courses(&mut self, mut rng: Rng) {
        let bad: BTreeSet<String> =
            self.releases[AL2023].iter().filter(|release| release.bad).map(|release| release.text.clone()).collect();
        let immovable = self.groups[IMMOVABLE].name.clone();
        let world = self.env.world.clone();
        self.env.world.on_request(move |request| {
            if request.action == "eks:UpdateNodegroupVersion" {
                let text = |key: &str| request.body[key].as_str().unwrap_or_default().to_owned();
                let (cluster, name) = (text("clusterName"), text("nodegroupName"));
                let after = minutes(20 + i64::try_from(rng.u64(0..70)).unwrap());
                let course = match () {
                    () if bad.contains(&text("releaseVersion")) => UpdateScript::node_creation_failure(after, &name),
                    () if name == immovable => {
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

    fn release(&self, ami_type: &str, text: &str) -> (usize, &Release) {
        self.releases[ami_type].iter().enumerate().find(|(_, release)| release.text == text).unwrap()
    }

    /// Asks of each update that this run started whether it was allowed.
    fn judge(&self, started: &[String]) {
        let now = self.env.world.now();
        for group in self.groups.iter().filter(|group| started.contains(&group.path())) {
            let update = self.env.world.updates(&group.cluster, &group.name).pop().unwrap();
            let current = self.env.world.nodegroup(&group.cluster, &group.name).unwrap().release;
            let target = update.release.unwrap();
            let (index, release) = self.release(group.ami_type, &target);
            let place = format!("{} to {target} at {now}", group.path());
            assert!(index > self.release(group.ami_type, &current).0, "forward: {place}");
            // A withdrawn release keeps a parameter of its own.
            assert!(release.withdrawn_at.is_none_or(|at| now < at), "not what AWS took back: {place}");
            let offered = self.env.world.parameter(&parameter(group.ami_type)).unwrap();
            assert!(index <= self.release(group.ami_type, &offered).0, "not beyond what AWS recommends: {place}");
            assert!(now.duration_since(release.published_at) >= group.min_age, "old enough: {place}");
            assert!(now < self.freeze.0 || now >= self.freeze.1, "not frozen: {place}");
            assert!(!update.force, "never forced: {place}");
            if group.ring == 2 {
                let zone: chrono_tz::Tz = "Europe/Berlin".parse().unwrap();
                let clock = Utc.timestamp_opt(now.as_second(), 0).unwrap().with_timezone(&zone);
                let minute = clock.hour() * 60 + clock.minute();
                let weekend = clock.weekday().num_days_from_monday() >= 5;
                assert!(weekend && (120..330).contains(&minute), "in its window: {place}");
            }
            for other in self.groups.iter().filter(|other| other.ring < group.ring && other.ami_type == group.ami_type)
            {
                assert!(self.proved(other, index, now), "{} has not proved it: {place}", other.path());
            }
        }
    }

    /// Whether a node group has run a release, or a later one, for a day.
    fn proved(&self, other: &Group, index: usize, now: Timestamp) -> bool {
        let current = self.env.world.nodegroup(&other.cluster, &other.name).unwrap().release;
        let there = self.release(other.ami_type, &current).0 >= index;
        let updates = self.env.world.updates(&other.cluster, &other.name);
        let reached = updates.iter().filter(|update| {
            let target = self.release(other.ami_type, update.release.as_deref().unwrap()).0;
            update.status == "Successful" && target >= index
        });
        let since = reached.filter_map(|update| update.finished_at).min().unwrap_or(begin());
        there && now.duration_since(since) >= DAY
    }

    fn at_most_one_runs(&self) {
        let mut updating = BTreeSet::new();
        for update in self.env.world.updates_in_progress() {
            assert!(updating.insert(update.nodegroup_arn.clone()), "one of two in progress: {update:?}");
        }
    }

    /// How long each node group has lacked the next good release.
    fn measure(&mut self) {
        let now = self.env.world.now();
        for group in &self.groups {
            let current = self.env.world.nodegroup(&group.cluster, &group.name).unwrap().release;
            let index = self.release(group.ami_type, &current).0;
            let good =
                |release: &&Release| !release.bad && release.withdrawn_at.is_none() && release.published_at <= now;
            let missed = self.releases[group.ami_type][index + 1..].iter().find(good);
            let days = missed.map_or(0, |release| now.duration_since(release.published_at).as_hours() / 24);
            if group.name != self.groups[IMMOVABLE].name {
                self.behind.entry(group.ring).or_default().push(days);
            }
        }
    }

    async fn run(&mut self) {
        let mut published = BTreeMap::new();
        for day in 0..364 {
            self.publish(&mut published);
            // It begins on a Monday. On Wednesdays, and on Saturdays, when the windows are open.
            if matches!(day % 7, 2 | 5) {
                let summary = self.env.start().await;
                let started = summary.decisions.iter().filter(|line| line.outcome == Some("Accepted"));
                self.judge(&started.clone().map(|line| line.nodegroup.clone()).collect::<Vec<_>>());
                self.recorded.extend(started.filter_map(|line| line.update_id.clone()));
            }
            for _ in 0..2 {
                self.env.world.advance(SignedDuration::from_hours(12));
                self.env.check().await;
                self.at_most_one_runs();
            }
            self.measure();
        }
    }

    fn table(&self) -> String {
        let mut table = String::new();
        let mut line = |name: &str, value: String| writeln!(table, "{name:<44}{value:>8}").unwrap();
        let updates: Vec<(usize, Vec<simulated_aws::Update>)> =
            self.groups.iter().map(|group| self.env.world.updates(&group.cluster, &group.name)).enumerate().collect();
        let all = || updates.iter().flat_map(|(_, updates)| updates);
        let mut restarts: Vec<usize> = updates.iter().map(|(_, updates)| updates.len()).collect();
        restarts.sort_unstable();
        line("updates", all().count().to_string());
        line("of these failed", all().filter(|update| update.status == "Failed").count().to_string());
        line("updates of a node group, median", restarts[restarts.len() / 2].to_string());
        line("updates of a node group, most", restarts[restarts.len() - 1].to_string());
        for (ring, days) in &self.behind {
            let mut days = days.clone();
            days.sort_unstable();
            line(&format!("days behind in ring {ring}, median"), days[days.len() / 2].to_string());
            line(&format!("days behind in ring {ring}, worst"), days[days.len() - 1].to_string());
        }
        let bad = self.releases[AL2023].iter().find(|release| release.bad).unwrap();
        let tried = |updates: &&(usize, Vec<simulated_aws::Update>)| {
            updates.1.iter().any(|update| update.release.as_ref() == Some(&bad.text))
        };
        let linux = self.groups.iter().filter(|group| group.ami_type == AL2023).count();
        let hurt = updates.iter().filter(tried).count();
        line("node groups that met the bad release", hurt.to_string());
        line("node groups saved from it", (linux - hurt).to_string());
        let mut events: BTreeMap<String, usize> = BTreeMap::new();
        for (event, _) in self.reports() {
            *events.entry(event).or_default() += 1;
        }
        for (event, count) in events {
            line(&format!("messages: {event}"), count.to_string());
        }
        table
    }

    /// Event and updates of every message.
    fn reports(&self) -> Vec<(String, Vec<String>)> {
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let updates = |message: &serde_json::Value| message["updateIds"].as_array().unwrap().iter().map(text).collect();
        self.env.messages().iter().map(|message| (text(&message["event"]), updates(message))).collect()
    }

    fn nothing_is_lost_and_every_failure_reported(&self) {
        let reported: BTreeSet<String> =
            self.reports().into_iter().filter(|(event, _)| event == "UpdateFailed").flat_map(|(_, ids)| ids).collect();
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
        let nodegroup = if self.ring == 2 { nodegroup.tag("ami-update/window", WINDOW) } else { nodegroup };
        if self.min_age.is_zero() { nodegroup } else { nodegroup.tag("ami-update/min-age", "7d") }
    }
}

fn parameter(ami_type: &str) -> String {
    match ami_type {
        AL2023 => "/aws/service/eks/optimized-ami/1.33/amazon-linux-2023/x86_64/standard/recommended/release_version",
        _ => "/aws/service/bottlerocket/aws-k8s-1.33/x86_64/latest/image_version",
    }
    .to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_year_in_three_rings() {
    let mut year = Year::new(2026).await;
    year.run().await;
    year.nothing_is_lost_and_every_failure_reported();
    let table = year.table();
    println!("{table}");
    assert_eq!(table, TABLE);
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
