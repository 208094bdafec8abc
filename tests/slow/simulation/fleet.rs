//! The node groups of a simulation, and what AWS publishes for them.

use std::collections::{BTreeMap, BTreeSet};

use eks_nodegroup_updater::model::id::{FleetId, TrackId};
use eks_nodegroup_updater::model::release::track::TrackKey;
use eks_nodegroup_updater::model::settings::{Limits, Settings};
use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use simulated_aws::{
    AlreadyAtTarget, DegradedUpdate, Downgrade, EarlierUpdate, HealthIssue, Nodegroup, TokenReplay, World,
};

use testing::{AL2023, BOTTLEROCKET, FLEET_KEY, minutes, selector};

/// The day of the release that everybody is to run in the end.
pub const LAST: &str = "20261001";
/// The day of a newer one that EKS never knows.
pub const NEVER_KNOWN: &str = "20261003";
/// The day of one more, where a node group is put back again and again.
pub const ONE_MORE: &str = "20261008";
/// The days of those that come out while everything goes wrong.
pub const DAYS: [&str; 3] = ["20260710", "20260721", "20260722"];
/// The day of the one that comes out just before a window closes.
pub const BEFORE_A_CLOSE: &str = "20260725";
/// The day of the release that everybody runs at first.
pub const FIRST: &str = "20260610";
/// The Kubernetes version that everybody runs at first.
pub const OWN_VERSION: &str = "1.33";
pub const NEXT_VERSION: &str = "1.34";
/// What AWS publishes.
const TRACKS: [(&str, &str); 3] = [(AL2023, OWN_VERSION), (BOTTLEROCKET, OWN_VERSION), (BOTTLEROCKET, NEXT_VERSION)];
/// The release tracks.
pub fn tracks() -> impl Iterator<Item = TrackId> {
    let fleet = FleetId::from_key(FLEET_KEY).unwrap();
    TRACKS.into_iter().map(move |(ami_type, version)| TrackId::of(&fleet, &TrackKey::new(version, &ami_type.into())))
}

/// Of every three hours, two are open: it closes often, so that slow runs come to its end.
pub const WINDOW: &str = "Mon-Sun 00:00-02:00 UTC + Mon-Sun 03:00-05:00 UTC + Mon-Sun 06:00-08:00 UTC + Mon-Sun 09:00-11:00 UTC + Mon-Sun 12:00-14:00 UTC + Mon-Sun 15:00-17:00 UTC + Mon-Sun 18:00-20:00 UTC + Mon-Sun 21:00-23:00 UTC";
pub const STOP_SWITCH: &str = "/updater/stop-switch";
const CALENDAR: &str = "freeze";

/// Whether [`WINDOW`] is open.
pub fn window_is_open(at: Timestamp) -> bool {
    window_closes_in(at).is_some()
}

/// How long [`WINDOW`] is still open; nothing where it is closed.
pub fn window_closes_in(at: Timestamp) -> Option<SignedDuration> {
    let seconds = 2 * 3600 - at.as_second().rem_euclid(3 * 3600);
    (seconds > 0).then(|| SignedDuration::from_secs(seconds))
}

/// What keeps a node group from its updates until somebody mends it, however well everything else goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ailment {
    /// A health issue with which EKS refuses updates.
    Unhealthy,
    /// The function may not launch instances with its launch template.
    LaunchTemplateDenied,
    /// EKS does not describe it.
    Unreadable,
    /// Its subnets have no addresses left, so that every update fails.
    NoAddresses,
    /// Its nodes never join, so that every update fails as if the release were bad. One of a fleet at most: two would quarantine
    /// each release.
    NeverJoins,
    /// Somebody puts it back to the first release, whenever it runs a newer one.
    PutBack,
}

/// A node group, and the rules by which it is judged.
#[derive(Clone, Debug)]
pub struct Group {
    pub cluster: String,
    pub name: String,
    pub mode: &'static str,
    pub ring: u32,
    pub min_age: SignedDuration,
    pub min_interval: SignedDuration,
    /// The day of the release that it is to go to and stay on.
    pub pin: Option<&'static str>,
    pub window: bool,
    pub force: bool,
    /// Whether it follows its cluster to the next Kubernetes version. Those that do run Bottlerocket.
    pub follow: bool,
    /// What it suffers from.
    pub ailment: Option<Ailment>,
    /// How many updates it had before anybody looked, most of which changed its size.
    pub earlier_updates: usize,
    /// The day of the release from which the last of those took it back to [`FIRST`].
    pub taken_back_from: Option<&'static str>,
}

impl Group {
    pub fn path(&self) -> String {
        format!("{}/{}", self.cluster, self.name)
    }

    pub fn exists(&self, world: &World) -> bool {
        world.nodegroup(&self.cluster, &self.name).is_some()
    }

    /// Whether it is to be brought to every release.
    pub fn is_auto(&self) -> bool {
        self.mode == "auto"
    }

    /// The release of a day, as its AMI type writes it. Bottlerocket has the same one for every Kubernetes version.
    pub fn release(&self, day: &str) -> String {
        release(self.ami_type(), day)
    }

    pub fn ami_type(&self) -> &'static str {
        if self.follow { BOTTLEROCKET } else { AL2023 }
    }

    fn random(rng: &mut Rng, index: usize) -> Self {
        Self {
            cluster: format!("c{}", rng.u8(0..3)),
            name: format!("ng-{index}"),
            mode: match rng.u8(0..10) {
                0 => "notify",
                1 => "off",
                2 => "",
                _ => "auto",
            },
            ring: u32::from(rng.u8(0..4) == 0),
            min_age: minutes(if rng.u8(0..4) == 0 { 60 } else { 0 }),
            min_interval: minutes(if rng.u8(0..4) == 0 { 90 } else { 0 }),
            pin: (rng.u8(0..8) == 0).then(|| [DAYS[0], DAYS[1], LAST][rng.usize(0..3)]),
            window: rng.u8(0..4) == 0,
            force: rng.u8(0..3) == 0,
            follow: rng.u8(0..3) == 0,
            ailment: match rng.u8(0..40) {
                0 => Some(Ailment::Unhealthy),
                1 => Some(Ailment::LaunchTemplateDenied),
                2 => Some(Ailment::Unreadable),
                3 => Some(Ailment::NoAddresses),
                4 => Some(Ailment::PutBack),
                5 => Some(Ailment::NeverJoins),
                _ => None,
            },
            earlier_updates: match rng.u8(0..60) {
                0 => 700,
                1..5 => rng.usize(100..140),
                5..30 => rng.usize(2..40),
                _ => 0,
            },
            taken_back_from: rng.bool().then_some(DAYS[0]),
        }
    }

    /// Its update history, in no order.
    pub fn history(&self, begin: Timestamp) -> Vec<EarlierUpdate> {
        let installed = |day: &str| Some((OWN_VERSION.to_owned(), self.release(day)));
        let update = |ago: i64, update_type: &str, installed| EarlierUpdate {
            created_at: begin - minutes(ago),
            update_type: update_type.to_owned(),
            status: "Successful".to_owned(),
            installed,
        };
        let Some(others) = self.earlier_updates.checked_sub(2) else { return Vec::new() };
        let before = self.taken_back_from.unwrap_or("20260501");
        let ends = [(200, before), (100, FIRST)].map(|(ago, day)| update(ago, "VersionUpdate", installed(day)));
        let others = (0..others).map(|number| update(50 + number as i64, "ConfigUpdate", None));
        others.chain(ends).collect()
    }

    /// The day of the release that it left by the last of those updates.
    pub fn left(&self) -> Option<&'static str> {
        self.taken_back_from.filter(|_| self.earlier_updates >= 2)
    }

    /// Gives it its ailment.
    pub fn ail(&self, world: &World) {
        match self.ailment {
            Some(Ailment::Unhealthy) => fall_ill(world, &self.cluster, &self.name),
            Some(Ailment::LaunchTemplateDenied) => world.deny_launch_template(&self.cluster, &self.name, true),
            Some(Ailment::Unreadable | Ailment::NoAddresses | Ailment::NeverJoins | Ailment::PutBack) | None => {}
        }
    }

    /// Takes its ailment away.
    pub fn mend(&mut self, world: &World) {
        self.ailment = None;
        world.deny_launch_template(&self.cluster, &self.name, false);
        world.heal(&self.cluster, &self.name);
    }

    pub fn nodegroup(&self) -> Nodegroup {
        let nodegroup = Nodegroup::new(&self.cluster, &self.name).ami_type(self.ami_type());
        let mut nodegroup = nodegroup.release(&self.release(FIRST));
        let rules = [
            ("ami-update", (!self.mode.is_empty()).then(|| self.mode.to_owned())),
            ("ami-update/ring", (self.ring > 0).then(|| self.ring.to_string())),
            ("ami-update/min-age", self.min_age.is_positive().then(|| "60m".to_owned())),
            ("ami-update/min-interval", self.min_interval.is_positive().then(|| "90m".to_owned())),
            ("ami-update/pin", self.pin.map(|day| self.release(day))),
            ("ami-update/window", self.window.then(|| WINDOW.to_owned())),
            ("ami-update/force", self.force.then(|| "after-eviction-failure".to_owned())),
            ("ami-update/kubernetes-version", self.follow.then(|| "follow-cluster".to_owned())),
        ];
        for (key, value) in rules.into_iter().filter_map(|(key, value)| Some((key, value?))) {
            nodegroup = nodegroup.tag(key, &value);
        }
        nodegroup
    }
}

/// Gives a node group a health issue with which EKS refuses updates.
pub fn fall_ill(world: &World, cluster: &str, name: &str) {
    world.edit_nodegroup(cluster, name, |nodegroup| {
        if nodegroup.status == "ACTIVE" {
            "DEGRADED".clone_into(&mut nodegroup.status);
            let (code, message) = ("NodeCreationFailure".to_owned(), "Instances failed to join".to_owned());
            nodegroup.health.push(HealthIssue { code, message, resource_ids: Vec::new() });
        }
    });
}

/// What holds for a whole fleet.
#[derive(Clone, Copy, Debug)]
pub struct FleetRules {
    /// The day of the releases that no node group is updated to.
    pub denied: Option<&'static str>,
    /// When the change calendar is closed.
    pub closed: Option<(Timestamp, Timestamp)>,
    /// How much may be in progress at once.
    pub limits: Limits,
}

impl FleetRules {
    pub fn random(rng: &mut Rng, begin: Timestamp) -> Self {
        let from = begin + minutes(rng.i64(0..200));
        let until = from + minutes(rng.i64(30..120));
        Self {
            denied: (rng.u8(0..4) == 0).then(|| DAYS[rng.usize(0..DAYS.len())]),
            closed: (rng.u8(0..3) == 0).then_some((from, until)),
            limits: Limits {
                updates_per_cluster: rng.usize(1..3),
                updates_in_progress: [1, 10][rng.usize(0..2)],
                starts_per_run: [1, 10][rng.usize(0..2)],
            },
        }
    }

    /// Writes them where the functions find them.
    pub fn set(&self, settings: &mut Settings, world: &World) {
        settings.limits = self.limits;
        settings.denied = self.denied.map(|day| selector(&format!("*-{day}"))).into_iter().collect();
        if let Some((from, until)) = self.closed {
            world.close_calendar(CALENDAR, from, until);
            settings.change_calendars = vec![CALENDAR.to_owned()];
        }
    }
}

pub fn groups(rng: &mut Rng) -> Vec<Group> {
    let mut groups: Vec<Group> = (0..rng.usize(2..7)).map(|index| Group::random(rng, index)).collect();
    let never_join = groups.iter_mut().filter(|group| group.ailment == Some(Ailment::NeverJoins));
    never_join.skip(1).for_each(|group| group.ailment = None);
    groups
}

fn release(ami_type: &str, day: &str) -> String {
    if ami_type == BOTTLEROCKET { format!("1.{day}.0-{day}") } else { format!("{OWN_VERSION}.1-{day}") }
}

/// The day of a release. Within a track, it is their order.
pub fn day(release: &str) -> &str {
    release.rsplit('-').next().unwrap_or_default()
}

/// Whether an update brings a node group forward: to a newer release, or to the next Kubernetes version and no older one.
pub fn is_forward(now: &Nodegroup, version: &str, target: &str) -> bool {
    let (runs, comes) = (day(&now.release), day(target));
    let follows = now.ami_type == BOTTLEROCKET && (now.version.as_str(), version) == (OWN_VERSION, NEXT_VERSION);
    if version == now.version { comes > runs } else { follows && comes >= runs }
}

/// What nobody could verify of AWS, one way or the other.
pub fn choose_unverified(rng: &mut Rng, world: &World) {
    world.token_replay(match rng.u8(0..3) {
        0 => TokenReplay::SameUpdate,
        1 => TokenReplay::ResourceInUse,
        _ => TokenReplay::NewUpdate,
    });
    world.already_at_target(if rng.bool() { AlreadyAtTarget::Update } else { AlreadyAtTarget::Error });
    world.downgrade(if rng.bool() { Downgrade::Accepted } else { Downgrade::Refused });
    world.degraded_update(if rng.bool() { DegradedUpdate::Accepted } else { DegradedUpdate::InUse });
    world.forget_parameter_dates(rng.u8(0..6) == 0);
    world.sparse_tag_pages(rng.bool());
    if rng.bool() {
        world.page_size(rng.usize(1..4));
    }
}

/// What AWS has published.
#[derive(Default)]
pub struct Published {
    /// The days of the releases that its parameters named, one after the other, and since when.
    named: Vec<(Timestamp, &'static str)>,
    /// The days of the releases that EKS does not know.
    unknown: BTreeSet<&'static str>,
    /// Whether the parameters are behind, and since when.
    late: (bool, Timestamp),
}

impl Published {
    pub fn publish(&mut self, world: &World, day: &'static str) {
        for (ami_type, version) in TRACKS {
            let release = release(ami_type, day);
            match self.unknown.contains(day) {
                true => world.publish_release_unknown_to_eks(ami_type, version, &release),
                false => world.publish_release(ami_type, version, &release),
            };
        }
        self.named.push((world.now(), day));
    }

    /// Publishes what EKS does not know, unless it was published before.
    pub fn publish_unknown(&mut self, world: &World, day: &'static str) {
        if self.first_named(day).is_none() {
            self.unknown.insert(day);
            self.publish(world, day);
        }
    }

    /// EKS knows them all from now on.
    pub fn learn(&mut self, world: &World) {
        for day in std::mem::take(&mut self.unknown) {
            TRACKS.iter().for_each(|(ami_type, version)| world.eks_learns(ami_type, version, &release(ami_type, day)));
        }
    }

    /// The parameters show what was some time ago, or what is.
    pub fn late(&mut self, world: &World, by: Option<SignedDuration>) {
        world.late_parameters(by.map(|by| world.now() - by));
        self.late = (by.is_some(), world.now());
    }

    /// When a release was first named.
    pub fn at(&self, release: &str) -> Option<Timestamp> {
        self.first_named(day(release))
    }

    /// Whether EKS takes a release, or may take it one day.
    pub fn is_known(&self, release: &str) -> bool {
        self.at(release).is_some() && !self.unknown.contains(day(release))
    }

    /// Whether AWS took a release back and has named only older ones since, for so long that every run has seen it.
    pub fn is_withdrawn(&self, release: &str, at: Timestamp, seen_after: SignedDuration) -> bool {
        let last = self.named.iter().rposition(|(since, named)| *named == day(release) && *since <= at);
        let Some(now) = self.named.iter().rfind(|(since, _)| *since <= at) else { return false };
        let settled = |since: Timestamp| at.duration_since(since) > seen_after;
        let older = last.is_some() && now.1 < day(release);
        older && settled(now.0) && !self.late.0 && settled(self.late.1)
    }

    /// Whether AWS ever named an older release after it had named this one.
    pub fn was_withdrawn(&self, release: &str) -> bool {
        let named = self.named.iter().map(|(_, named)| *named).skip_while(|named| *named != day(release));
        named.into_iter().any(|named| named < day(release))
    }

    fn first_named(&self, day: &str) -> Option<Timestamp> {
        self.named.iter().find(|(_, named)| *named == day).map(|(since, _)| *since)
    }
}

/// The Kubernetes versions of the clusters, and since when each has its own; and of those that were rolled back, since when they had
/// the next one, and when they left it.
#[derive(Default)]
pub struct Clusters(BTreeMap<String, (&'static str, Timestamp)>, BTreeMap<String, (Timestamp, Timestamp)>);

/// A cluster may be rolled back and upgraded again between two runs, which then know nothing of it.
const BETWEEN_RUNS: SignedDuration = SignedDuration::from_hours(1);

impl Clusters {
    pub fn set(&mut self, world: &World, cluster: &str, version: &'static str) {
        if self.version(cluster) != version {
            world.add_cluster(cluster, version);
            let now = world.now();
            let before = self.1.remove(cluster).filter(|(_, left)| now.duration_since(*left) <= BETWEEN_RUNS);
            self.0.insert(cluster.to_owned(), (version, before.map_or(now, |(since, _)| since)));
        }
    }

    /// Goes back to the version before; only where AWS does.
    pub fn roll_back(&mut self, world: &World, cluster: &str) {
        if self.version(cluster) == NEXT_VERSION && world.roll_back_cluster(cluster) {
            let before = self.0.insert(cluster.to_owned(), (OWN_VERSION, world.now()));
            before.map(|(_, since)| self.1.insert(cluster.to_owned(), (since, world.now())));
        }
    }

    pub fn version(&self, cluster: &str) -> &'static str {
        self.0.get(cluster).map_or("", |(version, _)| *version)
    }

    /// Whether a cluster has had a version for at least so long.
    pub fn has_been(&self, cluster: &str, version: &str, at: Timestamp, long: SignedDuration) -> bool {
        self.0.get(cluster).is_some_and(|(own, since)| *own == version && at.duration_since(*since) >= long)
    }
}
