//! What no plan may ever hold, over random fleets. The oracle below is naive on purpose: one question a rule.

use aws_sdk_eks::types::{AmiTypes, NodegroupStatus};
use eks_nodegroup_updater::model::attempt::outcome::OutcomeKind;
use eks_nodegroup_updater::model::attempt::{Intent, Status};
use eks_nodegroup_updater::model::decision::reason::Freeze;
use eks_nodegroup_updater::model::decision::{Decision, Planned};
use eks_nodegroup_updater::model::nodegroup::Nodegroup;
use eks_nodegroup_updater::model::nodegroup::policy::{Mode, Policy};
use eks_nodegroup_updater::model::observed::releases::{Available, Release};
use eks_nodegroup_updater::model::record::fleet::Quarantine;
use eks_nodegroup_updater::model::record::nodegroup::{NodegroupRecord, NotTaken, Proof};
use eks_nodegroup_updater::model::release::selector::ReleaseSelector;
use eks_nodegroup_updater::model::release::track::TrackKey;
use eks_nodegroup_updater::model::rules::window::{Opening, Windows};
use eks_nodegroup_updater::model::rules::{Force, Rules, VersionPolicy};
use eks_nodegroup_updater::model::settings::Limits;
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::Config;
use proptest_derive::Arbitrary;
use testing::{
    Fleet, History, at, auto, cluster, days, error, intent, minutes, names, nodegroup, now, published, quarantine,
    record, selector,
};

/// A node group of a random fleet. Small domains, so that rules meet. A release stands as the day of July on which it came.
#[derive(Clone, Debug, Arbitrary)]
pub(crate) struct Group {
    #[proptest(strategy = "1..20u32")]
    runs: u32,
    /// The minor version of Kubernetes.
    #[proptest(strategy = "33..35u32")]
    version: u32,
    /// Not opted in, notify, or, most often, auto.
    #[proptest(strategy = "0..8u32")]
    pub(crate) mode: u32,
    #[proptest(strategy = "0..3u32")]
    ring: u32,
    #[proptest(strategy = "prop_oneof![Just(0), 0..12i64]")]
    min_age: i64,
    #[proptest(strategy = "prop_oneof![Just(0), 0..12i64]")]
    pub(crate) min_interval: i64,
    #[proptest(strategy = "prop::option::weighted(0.2, 1..20u32)")]
    pub(crate) pin: Option<u32>,
    #[proptest(strategy = "prop::option::weighted(0.3, 0..WINDOWS.len())")]
    pub(crate) window: Option<usize>,
    force: bool,
    #[proptest(strategy = "prop::bool::weighted(0.3)")]
    follow: bool,
    #[proptest(strategy = "0..3i64")]
    follow_after: i64,
    /// Since how many days the cluster is known to be ahead.
    #[proptest(strategy = "prop::option::weighted(0.8, 0..4i64)")]
    ahead_for: Option<i64>,
    #[proptest(strategy = "prop_oneof![4 => Just(0usize), 1 => 1..STATUSES.len()]")]
    pub(crate) status: usize,
    /// Whether it has no nodes.
    #[proptest(strategy = "prop::bool::weighted(0.15)")]
    empty: bool,
    /// The release that it has proved.
    #[proptest(strategy = "prop::option::weighted(0.2, 1..20u32)")]
    proof: Option<u32>,
    /// Whether EKS did not take an update of it lately.
    #[proptest(strategy = "prop::bool::weighted(0.1)")]
    backing_off: bool,
    #[proptest(strategy = "prop::collection::vec(any::<Ended>(), 0..4)")]
    pub(crate) history: Vec<Ended>,
    /// Whether an attempt of ours is open.
    #[proptest(strategy = "prop::bool::weighted(0.1)")]
    pub(crate) open: bool,
}

/// An attempt that has ended.
#[derive(Clone, Debug, Arbitrary)]
pub(crate) struct Ended {
    #[proptest(strategy = "1..20u32")]
    release: u32,
    #[proptest(strategy = "0..ENDS.len()")]
    end: usize,
    #[proptest(strategy = "0..10i64")]
    pub(crate) days_ago: i64,
}

#[derive(Clone, Debug, Arbitrary)]
pub(crate) struct World {
    #[proptest(strategy = "prop::collection::vec(any::<Group>(), 1..9)")]
    pub(crate) groups: Vec<Group>,
    /// Whether the fleet runs Bottlerocket, whose releases are the same for every Kubernetes version, or Amazon Linux 2023.
    bottlerocket: bool,
    /// The newest release.
    #[proptest(strategy = "8..20u32")]
    newest: u32,
    #[proptest(strategy = "prop::option::weighted(0.3, 1..20u32)")]
    denied: Option<u32>,
    #[proptest(strategy = "prop::option::weighted(0.3, 1..20u32)")]
    quarantined: Option<u32>,
    /// The cluster of the quarantine, where it is one cluster's only.
    #[proptest(strategy = "prop::option::weighted(0.5, 0..3usize)")]
    quarantined_in: Option<usize>,
    #[proptest(strategy = "prop::option::weighted(0.3, 1..20u32)")]
    withdrawn: Option<u32>,
    #[proptest(strategy = "prop::bool::weighted(0.1)")]
    pub(crate) frozen: bool,
    #[proptest(strategy = "1..3usize")]
    per_cluster: usize,
    #[proptest(strategy = "1..5usize")]
    in_progress: usize,
    #[proptest(strategy = "1..4usize")]
    per_run: usize,
}

const WINDOWS: [&str; 3] = ["Mon 08:00-10:00 UTC", "Mon 08:00-09:20 UTC", "Sat 02:00-06:00 Europe/Berlin"];
/// Whether each of them is open now, and for long enough.
pub(crate) const WINDOW_IS_OPEN: [bool; 3] = [true, false, false];
pub(crate) const STATUSES: [NodegroupStatus; 3] =
    [NodegroupStatus::Active, NodegroupStatus::Updating, NodegroupStatus::Degraded];
const ENDS: [Status; 4] = [Status::Successful, Status::Failed, Status::Failed, Status::Refused];

fn days_ago(so_many: i64) -> Timestamp {
    now() - days(so_many)
}

impl Ended {
    pub(crate) fn successful(&self) -> bool {
        ENDS[self.end] == Status::Successful
    }
}

impl World {
    fn path(index: usize) -> String {
        format!("c{}/g{index}", index % 3)
    }

    fn ami_type(&self) -> AmiTypes {
        if self.bottlerocket { AmiTypes::BottlerocketX8664 } else { AmiTypes::Al2023X8664Standard }
    }

    fn release(&self, version: u32, day: u32) -> String {
        if self.bottlerocket { format!("1.{day}.0-{day:08x}") } else { format!("1.{version}.1-202607{day:02}") }
    }

    /// The day of a release.
    pub(crate) fn day(&self, release: &str) -> u32 {
        let day = if self.bottlerocket { release.split('.').nth(1) } else { release.get(release.len() - 2..) };
        day.unwrap().parse().unwrap()
    }

    fn rules(&self, group: &Group) -> Rules {
        Rules {
            ring: group.ring,
            min_age: days(group.min_age),
            pin: group.pin.map(|day| self.release(group.version, day)),
            window: group.window.map(|index| WINDOWS[index].parse::<Windows>().unwrap()).unwrap_or_default(),
            force: if group.force { Force::AfterEvictionFailure } else { Force::Never },
            min_interval: days(group.min_interval),
            kubernetes_version: if group.follow { VersionPolicy::FollowCluster } else { VersionPolicy::Keep },
            follow_cluster_after: days(group.follow_after),
            ..Rules::default()
        }
    }

    fn nodegroup(&self, index: usize, group: &Group) -> Nodegroup {
        Nodegroup {
            kubernetes_version: Some(format!("1.{}", group.version)),
            release_version: Some(self.release(group.version, group.runs)),
            ami_type: self.ami_type(),
            status: STATUSES[group.status].clone(),
            policy: match group.mode {
                0 => Policy::NotOptedIn,
                1 => Policy::OptedIn(Mode::Notify, self.rules(group)),
                _ => auto(self.rules(group)),
            },
            modified_at: Some(days_ago(30)),
            desired_size: Some(if group.empty { 0 } else { 3 }),
            ..nodegroup(&Self::path(index))
        }
    }

    fn record(&self, index: usize, group: &Group) -> NodegroupRecord {
        let version = format!("1.{}", group.version);
        let intent = |day| Intent {
            version: version.clone(),
            ami_type: self.ami_type().as_str().into(),
            may_force: group.force,
            ..intent(&self.release(group.version, day))
        };
        let mut history = group.history.clone();
        history.sort_by_key(|ended| -ended.days_ago);
        let mut record = history.iter().fold(record(&Self::path(index)), |record, ended| {
            // The second kind of failure is the nodes' fault, the third the budgets'.
            let code = if ended.end == 1 { "NodeCreationFailure" } else { "PodEvictionFailure" };
            let errors = if ENDS[ended.end] == Status::Failed { vec![error(code, "")] } else { vec![] };
            record.ended(&intent(ended.release), ENDS[ended.end], errors, days_ago(ended.days_ago))
        });
        let proof = |day| Proof::new(&version, &self.release(group.version, day), now());
        record.proofs = group.proof.map(proof).into_iter().collect();
        if group.backing_off {
            record.start_back_off(OutcomeKind::InUse, "ResourceInUseException", NotTaken::Update, days_ago(0));
        }
        if let Some(days) = group.ahead_for {
            record.record_cluster_version("1.34", days_ago(days));
        }
        if group.open {
            record.begin(&intent(group.runs), days_ago(0));
        }
        record
    }

    /// The releases of a Kubernetes version, newest first.
    fn offered(&self, version: u32) -> Available {
        let published = |day: u32| {
            let at = at(&format!("2026-07-{day:02}T09:00:00Z"));
            let withdrawn = self.withdrawn == Some(day);
            Release { withdrawn, ..published(&self.ami_type(), &self.release(version, day), Some(at)) }
        };
        Available::Releases((1..=self.newest).rev().map(published).collect())
    }

    pub(crate) fn fleet(&self) -> Fleet {
        let groups = || self.groups.iter().enumerate();
        let mut fleet = Fleet::made_of(groups().map(|(index, group)| self.nodegroup(index, group)));
        groups().for_each(|(index, group)| fleet.remember(self.record(index, group)));
        if let Some(day) = self.quarantined {
            let held = Quarantine {
                ami_type: self.ami_type().as_str().into(),
                cluster: self.quarantined_in.map(|number| cluster(&format!("c{number}"))),
                ..quarantine(&self.release(33, day), names([]), now())
            };
            fleet.change_fleet_record(|record| record.quarantine(&held));
        }
        let clusters = (0..3).map(|number| (cluster(&format!("c{number}")), Ok("1.34".parse().unwrap())));
        fleet.observed.clusters = clusters.collect();
        fleet.config.settings.denied = self.denied.iter().flat_map(|day| self.denials(*day)).collect();
        fleet.config.settings.limits = Limits {
            updates_per_cluster: self.per_cluster,
            updates_in_progress: self.in_progress,
            starts_per_run: self.per_run,
        };
        fleet.observed.freeze = self.frozen.then(|| Freeze::Stopped { parameter: "switch".into() });
        let line = |version: u32| (TrackKey::new(&format!("1.{version}"), &self.ami_type()), self.offered(version));
        fleet.releases = [33, 34].map(line).into();
        fleet
    }

    pub(crate) fn plan(&self) -> Vec<(usize, Intent)> {
        let decisions = self.fleet().plan();
        assert_eq!(decisions.len(), self.groups.len(), "each node group has one decision");
        let started = |(index, planned): (usize, Planned)| match planned.decision {
            Decision::Start(intent) => Some((index, intent)),
            Decision::Next(..) | Decision::Skip(_) => None,
        };
        decisions.into_iter().enumerate().filter_map(started).collect()
    }

    fn denials(&self, day: u32) -> Vec<ReleaseSelector> {
        match self.bottlerocket {
            true => vec![selector(&self.release(33, day))],
            false => vec![selector(&format!("*-202607{day:02}"))],
        }
    }

    /// Whether a release is quarantined for a node group.
    fn is_quarantined(&self, index: usize, version: u32, day: u32) -> bool {
        version == 33 && self.quarantined == Some(day) && self.quarantined_in.is_none_or(|cluster| cluster == index % 3)
    }

    pub(crate) fn busy(&self, index: usize) -> bool {
        self.groups[index].status == 1 || self.groups[index].open
    }

    /// Whether the earlier rings have proved a release, asked of each of their groups.
    fn proved(&self, index: usize, version: u32, day: u32) -> bool {
        let answers = (0..self.groups.len()).map(|other| self.proof(index, other, version, day));
        let answers: Vec<Answer> = answers.collect();
        let without_nodes = answers.contains(&Answer::WithoutNodes) && !answers.contains(&Answer::Proved);
        !answers.contains(&Answer::Holds) && !without_nodes
    }

    fn proof(&self, index: usize, other_index: usize, version: u32, day: u32) -> Answer {
        let (me, other) = (&self.groups[index], &self.groups[other_index]);
        let earlier = other.mode >= 2 && other.ring < me.ring;
        // A pinned group stays where its pin is.
        let follows = other.follow && other.pin.is_none() && other.version + 1 == version;
        let comes_there = other.version == version || follows;
        let elsewhere = other.pin.is_some_and(|pin| pin != day);
        if !earlier || !comes_there || elsewhere {
            return Answer::NotApplicable;
        }
        let unhealthy = STATUSES[other.status] == NodegroupStatus::Degraded;
        if unhealthy || self.is_quarantined(other_index, version, day) {
            return Answer::Holds;
        }
        // What the history does not hold was not withdrawn either.
        let withdrawn = self.withdrawn.filter(|day| *day <= self.newest);
        let good = |newer: u32| withdrawn != Some(newer) && !self.is_quarantined(other_index, version, newer);
        let proves = |ran: u32| other.version == version && (ran == day || ran > day && good(ran));
        if other.proof.is_some_and(proves) {
            return Answer::Proved;
        }
        if other.empty {
            return Answer::WithoutNodes;
        }
        let proofs = other.history.iter().filter(|ended| ended.successful() && proves(ended.release));
        // Without a proof of ours: since its last change, thirty days ago.
        let longest = proofs.map(|proof| proof.days_ago).max();
        if proves(other.runs) && longest.unwrap_or(30) >= 1 { Answer::Proved } else { Answer::Holds }
    }
}

/// What a group of an earlier ring says of a release.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Proved,
    Holds,
    WithoutNodes,
    NotApplicable,
}

proptest! {
    #![proptest_config(Config { cases: 5_000, ..Config::default() })]

    #[test]
    fn no_plan_breaks_a_rule(world: World) {
        let starts = world.plan();
        prop_assert!(starts.is_empty() || !world.frozen, "Frozen");
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
            prop_assert!(!next || group.ahead_for.unwrap_or(0) >= group.follow_after, "not at once");
            prop_assert!(!group.backing_off, "asked again after a wait");
            let forward = if next { day >= group.runs || !world.bottlerocket } else { day > group.runs };
            prop_assert!(forward, "forward only");
            prop_assert!(day <= world.newest || group.pin == Some(day), "offered");
            prop_assert!(world.withdrawn != Some(day) || day > world.newest, "not withdrawn");
            prop_assert!(world.denied != Some(day), "not denied");
            prop_assert!(!world.is_quarantined(*index, version, day), "not quarantined");
            match group.pin {
                Some(pin) => prop_assert_eq!(day, pin),
                None => {
                    prop_assert!(i64::from(20 - day) >= group.min_age, "old enough");
                    prop_assert!(group.ring == 0 || world.proved(*index, version, day), "its ring's turn");
                }
            }
            let last = group.history.iter().filter(|ended| ended.successful()).map(|ended| ended.days_ago).min();
            prop_assert!(last.is_none_or(|days| days >= group.min_interval), "long enough ago");
            let of_target = |ended: &&Ended| ended.release == day && version == group.version && !ended.successful();
            let failures: Vec<_> = group.history.iter().filter(of_target).collect();
            prop_assert!(failures.len() <= 3 && failures.iter().all(|failure| failure.days_ago >= 1), "backed off");
            prop_assert!(!intent.force || (group.force && failures.iter().any(|failure| failure.end == 2)), "force only after an eviction failure");
            if let Some(window) = group.window {
                let windows = WINDOWS[window].parse::<Windows>().unwrap();
                let Opening::Open(Some(closes)) = windows.at(now()) else { return Err(TestCaseError::fail("closed")) };
                prop_assert!(closes.duration_since(now()) > minutes(30));
            }
        }
        prop_assert_eq!(world.plan(), starts, "the same facts, the same plan");
    }

    #[test]
    fn what_could_start_does(world: World) {
        // A lone group without rules, on an older release, for which nothing speaks against the newest.
        let group = Group {
            runs: 1, version: 33, mode: 2, ring: 2, min_age: 0, min_interval: 0, pin: None, window: None, force: false,
            follow: false, follow_after: 0, ahead_for: None, status: 0, empty: false, proof: None, backing_off: false,
            history: vec![], open: false,
        };
        let world = World { groups: vec![group], denied: None, quarantined: None, withdrawn: None, frozen: false, ..world };
        let starts: Vec<String> = world.plan().into_iter().map(|(_, intent)| intent.release_version).collect();
        prop_assert_eq!(starts, [world.release(33, world.newest)]);
    }
}
