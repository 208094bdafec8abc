//! The node groups of a simulation, and what AWS publishes for them.

use std::collections::BTreeMap;

use eks_nodegroup_updater::model::settings::Settings;
use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use simulated_aws::{AlreadyAtTarget, Downgrade, Nodegroup, TokenReplay, World};

use testing::{AL2023, BOTTLEROCKET, minutes, selector};

/// The day of the release that everybody is to run in the end.
pub const LAST: &str = "20261001";
/// The days of those that come out while everything goes wrong.
pub const DAYS: [&str; 3] = ["20260710", "20260721", "20260722"];
/// The day of the release that everybody runs at first.
const FIRST: &str = "20260610";
/// What everybody runs at first, and the version of every control plane.
const OWN_VERSION: &str = "1.33";
pub const NEXT_VERSION: &str = "1.34";
/// What AWS publishes.
const TRACKS: [(&str, &str); 3] = [(AL2023, OWN_VERSION), (BOTTLEROCKET, OWN_VERSION), (BOTTLEROCKET, NEXT_VERSION)];
/// Of every three hours, two are open: it closes often, so that slow runs come to its end.
pub const WINDOW: &str = "Mon-Sun 00:00-02:00 UTC + Mon-Sun 03:00-05:00 UTC + Mon-Sun 06:00-08:00 UTC + Mon-Sun 09:00-11:00 UTC + Mon-Sun 12:00-14:00 UTC + Mon-Sun 15:00-17:00 UTC + Mon-Sun 18:00-20:00 UTC + Mon-Sun 21:00-23:00 UTC";
pub const STOP_SWITCH: &str = "/updater/stop-switch";
const CALENDAR: &str = "freeze";

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
}

impl Group {
    pub fn path(&self) -> String {
        format!("{}/{}", self.cluster, self.name)
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
        }
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

/// What holds for a whole fleet.
#[derive(Clone, Copy, Debug)]
pub struct FleetRules {
    /// The day of the releases that no node group is updated to.
    pub denied: Option<&'static str>,
    /// When the change calendar is closed.
    pub closed: Option<(Timestamp, Timestamp)>,
}

impl FleetRules {
    pub fn random(rng: &mut Rng, begin: Timestamp) -> Self {
        let from = begin + minutes(rng.i64(0..200));
        let until = from + minutes(rng.i64(30..120));
        Self {
            denied: (rng.u8(0..4) == 0).then(|| DAYS[rng.usize(0..DAYS.len())]),
            closed: (rng.u8(0..3) == 0).then_some((from, until)),
        }
    }

    /// Writes them where the functions find them.
    pub fn set(&self, settings: &mut Settings, world: &World) {
        settings.denied = self.denied.map(|day| selector(&format!("*-{day}"))).into_iter().collect();
        if let Some((from, until)) = self.closed {
            world.close_calendar(CALENDAR, from, until);
            settings.change_calendars = vec![CALENDAR.to_owned()];
        }
    }
}

pub fn groups(rng: &mut Rng) -> Vec<Group> {
    (0..rng.usize(2..7)).map(|index| Group::random(rng, index)).collect()
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
    world.sparse_tag_pages(rng.bool());
    if rng.bool() {
        world.page_size(rng.usize(1..4));
    }
}

/// When the releases of each day were published.
#[derive(Default)]
pub struct Published(BTreeMap<String, Timestamp>);

impl Published {
    pub fn publish(&mut self, world: &World, day: &str) {
        for (ami_type, version) in TRACKS {
            world.publish_release(ami_type, version, &release(ami_type, day));
        }
        self.0.entry(day.to_owned()).or_insert(world.now());
    }

    pub fn at(&self, release: &str) -> Option<Timestamp> {
        self.0.get(day(release)).copied()
    }
}
