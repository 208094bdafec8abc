//! What no plan may ever hold, over random fleets. The oracle below is naive on purpose: one question a rule.

mod support;

use std::collections::HashMap;

use aws_sdk_eks::types::{AmiTypes, NodegroupStatus};
use eks_nodegroup_updater::config::{Denied, Fleet, Limits, RetryAfter};
use eks_nodegroup_updater::discover::{Clusters, Found, Seen};
use eks_nodegroup_updater::event::StartEvent;
use eks_nodegroup_updater::model::ami_type::Family;
use eks_nodegroup_updater::model::nodegroup::{Nodegroup, NodegroupId};
use eks_nodegroup_updater::model::policy::{Force, KubernetesVersion, Mode, Policy, Rules};
use eks_nodegroup_updater::model::reason::Freeze;
use eks_nodegroup_updater::model::record::{Intent, Record};
use eks_nodegroup_updater::model::release_version::ReleaseVersion;
use eks_nodegroup_updater::model::update::{ErrorDetail, Status};
use eks_nodegroup_updater::model::window::{Opening, Windows};
use eks_nodegroup_updater::plan::{Facts, Verdict, lines_that_need_older, plan};
use eks_nodegroup_updater::resolve::{LineKey, Offer, Published, Releases};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::Config;

const DAY: i64 = 24;

/// A node group of a random fleet. Small domains, so that rules meet.
#[derive(Clone, Debug)]
struct Group {
    runs: u32,
    version: u32,
    mode: u32,
    ring: u32,
    min_age: i64,
    min_interval: i64,
    pin: Option<u32>,
    window: Option<usize>,
    force: bool,
    follow: bool,
    status: usize,
    /// Ended attempts: release, how it ended, days ago.
    history: Vec<(u32, usize, i64)>,
    open: bool,
}

#[derive(Clone, Debug)]
struct World {
    groups: Vec<Group>,
    /// Whether the fleet runs Bottlerocket, whose releases are the same for every Kubernetes version, or Amazon Linux 2023.
    bottlerocket: bool,
    /// The newest release; each is published on the day of July that its number says.
    newest: u32,
    denied: Option<u32>,
    quarantined: Option<u32>,
    frozen: bool,
    per_cluster: usize,
    in_progress: usize,
    per_run: usize,
}

const WINDOWS: [&str; 3] = ["Mon 08:00-10:00 UTC", "Mon 08:00-09:20 UTC", "Sat 02:00-06:00 Europe/Berlin"];
const STATUSES: [NodegroupStatus; 3] = [NodegroupStatus::Active, NodegroupStatus::Updating, NodegroupStatus::Degraded];
const ENDS: [Status; 4] = [Status::Successful, Status::Failed, Status::Failed, Status::Refused];

/// Monday, 20 July 2026.
fn now() -> Timestamp {
    "2026-07-20T09:00:00Z".parse().unwrap()
}

fn days_ago(days: i64) -> Timestamp {
    now().checked_sub(SignedDuration::from_hours(days * DAY)).unwrap()
}

fn group() -> impl Strategy<Value = Group> {
    let identity = (1..20u32, 33..35u32, 0..8u32, 0..3u32);
    let ages = (prop_oneof![Just(0), 0..12i64], prop_oneof![Just(0), 0..12i64]);
    let pin = prop::option::weighted(0.2, 1..20u32);
    let window = prop::option::weighted(0.3, 0..WINDOWS.len());
    let flags = (any::<bool>(), prop::bool::weighted(0.3), prop::bool::weighted(0.1));
    let status = prop_oneof![4 => Just(0usize), 1 => 1..STATUSES.len()];
    let history = prop::collection::vec((1..20u32, 0..ENDS.len(), 0..10i64), 0..4);
    (identity, ages, pin, window, flags, status, history).prop_map(
        |(
            (runs, version, mode, ring),
            (min_age, min_interval),
            pin,
            window,
            (force, follow, open),
            status,
            history,
        )| Group {
            runs,
            version,
            mode,
            ring,
            min_age,
            min_interval,
            pin,
            window,
            force,
            follow,
            status,
            history,
            open,
        },
    )
}

fn world() -> impl Strategy<Value = World> {
    let day = || prop::option::weighted(0.3, 1..20u32);
    let limits = (1..3usize, 1..5usize, 1..4usize);
    let fleet = (prop::collection::vec(group(), 1..9), any::<bool>());
    (fleet, 8..20u32, day(), day(), prop::bool::weighted(0.1), limits).prop_map(
        |((groups, bottlerocket), newest, denied, quarantined, frozen, (per_cluster, in_progress, per_run))| World {
            groups,
            bottlerocket,
            newest,
            denied,
            quarantined,
            frozen,
            per_cluster,
            in_progress,
            per_run,
        },
    )
}

impl World {
    fn id(index: usize) -> NodegroupId {
        let (cluster, name) = (format!("c{}", index % 3), format!("g{index}"));
        let arn = format!("arn:aws:eks:eu-central-1:123456789012:nodegroup/{cluster}/{name}/{index}");
        NodegroupId { cluster, name, arn }
    }

    fn ami_type(&self) -> AmiTypes {
        if self.bottlerocket { AmiTypes::BottlerocketX8664 } else { AmiTypes::Al2023X8664Standard }
    }

    fn release(&self, version: u32, day: u32) -> String {
        if self.bottlerocket { format!("1.{day}.0-{day:08x}") } else { format!("1.{version}.1-202607{day:02}") }
    }

    /// The day of a release.
    fn day(&self, release: &str) -> u32 {
        let day = if self.bottlerocket { release.split('.').nth(1) } else { release.get(release.len() - 2..) };
        day.unwrap().parse().unwrap()
    }

    fn rules(&self, group: &Group) -> Rules {
        Rules {
            ring: group.ring,
            min_age: SignedDuration::from_hours(group.min_age * DAY),
            pin: group.pin.map(|day| self.release(group.version, day)),
            window: group.window.map(|index| Windows::parse(WINDOWS[index]).unwrap()).unwrap_or_default(),
            force: if group.force { Force::AfterEvictionFailure } else { Force::Never },
            min_interval: SignedDuration::from_hours(group.min_interval * DAY),
            kubernetes_version: if group.follow { KubernetesVersion::FollowCluster } else { KubernetesVersion::Keep },
        }
    }

    fn found(&self) -> Vec<Found> {
        let found = |(index, group): (usize, &Group)| {
            let policy = match group.mode {
                0 => Policy::NotOptedIn,
                1 => Policy::OptedIn(Mode::Notify, self.rules(group)),
                _ => Policy::OptedIn(Mode::Auto, self.rules(group)),
            };
            let nodegroup = Nodegroup {
                id: Self::id(index),
                kubernetes_version: Some(format!("1.{}", group.version)),
                release_version: Some(self.release(group.version, group.runs)),
                ami_type: self.ami_type(),
                status: STATUSES[group.status].clone(),
                health: vec![],
                policy,
                modified_at: Some(days_ago(30)),
            };
            Found { id: Self::id(index), now: Seen::Nodegroup(Box::new(nodegroup)) }
        };
        self.groups.iter().enumerate().map(found).collect()
    }

    fn record(&self, index: usize, group: &Group) -> Record {
        let mut record = Record::new(&Self::id(index));
        let intent = |day| Intent {
            version: format!("1.{}", group.version),
            release_version: self.release(group.version, day),
            previous_release_version: "before".into(),
            force: false,
            may_force: group.force,
        };
        let mut history = group.history.clone();
        history.sort_by_key(|(_, _, days)| -days);
        for (day, end, days) in history {
            record.begin(&intent(day), days_ago(days));
            // The second kind of failure is the nodes' fault, the third the budgets'.
            let code = if end == 1 { "NodeCreationFailure" } else { "PodEvictionFailure" };
            let error = ErrorDetail { error_code: code.into(), error_message: String::new(), resource_ids: vec![] };
            let errors = if ENDS[end] == Status::Failed { vec![error] } else { vec![] };
            record.end(ENDS[end], errors, days_ago(days));
        }
        if index == 0
            && let Some(day) = self.quarantined
        {
            record.quarantine(&self.release(33, day), &[], now());
        }
        if group.open {
            record.begin(&intent(group.runs), days_ago(0));
        }
        record
    }

    /// The releases of a Kubernetes version, newest first.
    fn offered(&self, version: u32) -> Vec<Published> {
        let family = if self.bottlerocket { Family::Bottlerocket } else { Family::AmazonLinux2023 };
        let published = |day: u32| Published {
            release: ReleaseVersion::parse(family, &self.release(version, day)).unwrap(),
            at: format!("2026-07-{day:02}T09:00:00Z").parse().ok(),
        };
        (1..=self.newest).rev().map(published).collect()
    }

    fn plan(&self) -> Vec<(usize, Intent)> {
        let found = self.found();
        let records: HashMap<_, _> = self
            .groups
            .iter()
            .enumerate()
            .map(|(index, group)| (Self::id(index).arn, Ok(self.record(index, group))))
            .collect();
        let clusters: Clusters = (0..3).map(|cluster| (format!("c{cluster}"), Ok("1.34".to_owned()))).collect();
        let fleet =
            Fleet { denied: self.denied.iter().flat_map(|day| self.denials(*day)).collect(), ..support::fleet() };
        let freeze = self.frozen.then(|| Freeze::Stopped { parameter: "switch".into() });
        let (event, retry_after) =
            (StartEvent::default(), RetryAfter([1, 4, 12].map(SignedDuration::from_hours).into()));
        let offers = |all: bool| -> Releases {
            let line = |version: u32| {
                let published = self.offered(version);
                let published = if all { published } else { published.into_iter().take(1).collect() };
                (LineKey::new(&format!("1.{version}"), &self.ami_type()), Offer::Releases(published))
            };
            [33, 34].map(line).into_iter().collect()
        };
        let (newest, all) = (offers(false), offers(true));
        let facts = |releases| Facts {
            found: &found,
            clusters: &clusters,
            releases,
            records: &records,
            event: &event,
            limits: Limits {
                updates_per_cluster: self.per_cluster,
                updates_in_progress: self.in_progress,
                starts_per_run: self.per_run,
            },
            retry_after: &retry_after,
            fleet: &fleet,
            freeze: freeze.as_ref(),
            now: now(),
        };
        let _ = lines_that_need_older(&facts(&newest));
        let decisions = plan(&facts(&all));
        assert_eq!(decisions.len(), self.groups.len(), "each node group has one decision");
        let started = |(index, decision): (usize, eks_nodegroup_updater::plan::Decision)| match decision.verdict {
            Verdict::Start(intent) => Some((index, intent)),
            Verdict::Wait(_) => None,
        };
        decisions.into_iter().enumerate().filter_map(started).collect()
    }

    fn denials(&self, day: u32) -> Vec<Denied> {
        match self.bottlerocket {
            true => vec![Denied::Exact(self.release(33, day))],
            false => vec![Denied::Date(format!("202607{day:02}"))],
        }
    }

    fn busy(&self, index: usize) -> bool {
        self.groups[index].status == 1 || self.groups[index].open
    }

    /// Whether an earlier ring has proved a release, asked of each of its groups.
    fn proved(&self, index: usize, version: u32, day: u32) -> bool {
        let me = &self.groups[index];
        self.groups.iter().enumerate().all(|(other_index, other)| {
            let earlier = other_index != index && other.mode >= 2 && other.ring < me.ring;
            // A pinned group stays where its pin is.
            let follows = other.follow && other.pin.is_none() && other.version + 1 == version;
            let comes_there = other.version == version || follows;
            let elsewhere = other.pin.is_some_and(|pin| pin != day);
            if !earlier || !comes_there || elsewhere {
                return true;
            }
            let there = other.version == version && other.runs >= day;
            let history = other.history.iter();
            let proofs = history.filter(|(to, end, _)| ENDS[*end] == Status::Successful && *to >= day);
            // Without a proof of ours: since its last change, thirty days ago.
            let longest = proofs.map(|(_, _, days)| *days).max();
            there && longest.unwrap_or(30) >= 1
        })
    }
}

proptest! {
    #![proptest_config(Config { cases: 5_000, ..Config::default() })]

    #[test]
    fn no_plan_breaks_a_rule(world in world()) {
        let starts = world.plan();
        prop_assert!(starts.is_empty() || !world.frozen, "frozen");
        prop_assert!(starts.len() <= world.per_run);
        let busy = (0..world.groups.len()).filter(|index| world.busy(*index));
        prop_assert!(starts.is_empty() || busy.clone().count() + starts.len() <= world.in_progress);
        for cluster in 0..3 {
            let started = starts.iter().filter(|(index, _)| index % 3 == cluster).count();
            let running = busy.clone().filter(|index| index % 3 == cluster).count();
            prop_assert!(started == 0 || started + running <= world.per_cluster);
        }
        for (index, intent) in &starts {
            let group = &world.groups[*index];
            prop_assert!(group.mode >= 2, "opted in");
            prop_assert!(!world.busy(*index), "at most one");
            prop_assert_eq!(group.status, 0, "active");
            let version: u32 = intent.version[2..].parse().unwrap();
            let day = world.day(&intent.release_version);
            prop_assert_eq!(&intent.release_version, &world.release(version, day), "the release is of that Kubernetes version");
            let next = group.follow && group.version == 33 && version == 34;
            prop_assert!(version == group.version || next);
            let forward = if next { day >= group.runs || !world.bottlerocket } else { day > group.runs };
            prop_assert!(forward, "forward only");
            prop_assert!(day <= world.newest, "offered, and not withdrawn");
            prop_assert!(world.denied != Some(day), "not denied");
            let other_release = version != 33 && !world.bottlerocket;
            prop_assert!(other_release || world.quarantined != Some(day), "not quarantined");
            match group.pin {
                Some(pin) => prop_assert_eq!(day, pin),
                None => {
                    prop_assert!(i64::from(20 - day) >= group.min_age, "old enough");
                    prop_assert!(group.ring == 0 || world.proved(*index, version, day), "its ring's turn");
                }
            }
            let last = group.history.iter().filter(|(_, end, _)| ENDS[*end] == Status::Successful).map(|(_, _, days)| *days).min();
            prop_assert!(last.is_none_or(|days| days >= group.min_interval), "long enough ago");
            let of_target = |(to, end, _): &&(u32, usize, i64)| *to == day && version == group.version && ENDS[*end] != Status::Successful;
            let failures: Vec<_> = group.history.iter().filter(of_target).collect();
            prop_assert!(failures.len() <= 3 && failures.iter().all(|(_, _, days)| *days >= 1 || failures.is_empty()), "backed off");
            prop_assert!(!intent.force || (group.force && failures.iter().any(|(_, end, _)| *end == 2)), "force only after an eviction failure");
            if let Some(window) = group.window {
                let windows = Windows::parse(WINDOWS[window]).unwrap();
                let Opening::Open(Some(closes)) = windows.at(now()) else { return Err(TestCaseError::fail("closed")) };
                prop_assert!(closes.duration_since(now()) > SignedDuration::from_mins(30));
            }
        }
        prop_assert_eq!(world.plan(), starts, "the same facts, the same plan");
    }

    #[test]
    fn what_could_start_does(world in world()) {
        // A lone group without rules, on an older release, for which nothing speaks against the newest.
        let group = Group {
            runs: 1, version: 33, mode: 2, ring: 2, min_age: 0, min_interval: 0, pin: None, window: None, force: false,
            follow: false, status: 0, history: vec![], open: false,
        };
        let world = World { groups: vec![group], denied: None, quarantined: None, frozen: false, ..world };
        let starts: Vec<String> = world.plan().into_iter().map(|(_, intent)| intent.release_version).collect();
        prop_assert_eq!(starts, [world.release(33, world.newest)]);
    }
}
