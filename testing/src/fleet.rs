//! What one run of `start` sees, and what its plan makes of it. The plan is pure, so this needs no AWS.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_eks::types::AmiTypes;
use eks_nodegroup_updater::config::StartConfig;
use eks_nodegroup_updater::discover::{Clusters, Found, Seen};
use eks_nodegroup_updater::event::StartEvent;
use eks_nodegroup_updater::model::ami_type::Line;
use eks_nodegroup_updater::model::nodegroup::Nodegroup;
use eks_nodegroup_updater::model::policy::Rules;
use eks_nodegroup_updater::model::reason::{Freeze, Reason};
use eks_nodegroup_updater::model::record::{Intent, Record};
use eks_nodegroup_updater::model::release_version::ReleaseVersion;
use eks_nodegroup_updater::plan::{Decision, Facts, Verdict, lines_that_need_older, plan};
use eks_nodegroup_updater::resolve::{LineKey, Offer, Published, Releases};
use jiff::Timestamp;
use serde_json::Value;

use crate::fixtures::{NEWER, auto, nodegroup, record, start_config};
use crate::time::now;

const OWN_TYPE: AmiTypes = AmiTypes::Al2023X8664Standard;

/// A healthy fleet for which a newer release is out, each setting at its default; a test changes what it is about.
pub struct Fleet {
    /// The node groups.
    pub found: Vec<Found>,
    /// What AWS offers; the first line is that of the usual node groups.
    pub releases: Vec<(LineKey, Offer)>,
    /// What is remembered, by ARN.
    pub records: HashMap<String, Result<Record, String>>,
    /// What the run is asked for.
    pub event: StartEvent,
    /// The settings.
    pub config: StartConfig,
    /// What keeps every update from starting.
    pub freeze: Option<Freeze>,
    /// The Kubernetes versions of the control planes.
    pub clusters: Clusters,
    /// When the run begins.
    pub now: Timestamp,
}

/// A release that AWS published at this time, if it says when.
///
/// # Panics
/// Where it is no release of that AMI type.
pub fn published(ami_type: &AmiTypes, release: &str, at: Option<Timestamp>) -> Published {
    let family = Line::of(ami_type, "1.33").expect("a known AMI type").family;
    Published { release: ReleaseVersion::parse(family, release).expect("a release"), at }
}

/// AWS offers these releases, newest first, each published at nine on the day that its name says.
///
/// # Panics
/// Where one of them is no release of that AMI type.
pub fn offers<const N: usize>(ami_type: &AmiTypes, releases: [&str; N]) -> Offer {
    let published = |release: &str| {
        let day = release.rsplit_once('-').map(|(_, day)| format!("{day}T09:00:00Z"));
        published(ami_type, release, day.and_then(|at| at.parse().ok()))
    };
    Offer::Releases(releases.map(published).into())
}

impl Fleet {
    /// The usual one: `prod/blue` alone.
    pub fn blue() -> Self {
        Self::of(["prod/blue"])
    }

    /// These node groups.
    pub fn of<const N: usize>(paths: [&str; N]) -> Self {
        Self::made_of(paths.map(nodegroup))
    }

    /// These node groups, as a test has made them.
    pub fn made_of(nodegroups: impl IntoIterator<Item = Nodegroup>) -> Self {
        let found =
            |nodegroup: Nodegroup| Found { id: nodegroup.id.clone(), now: Seen::Nodegroup(Box::new(nodegroup)) };
        Self {
            found: nodegroups.into_iter().map(found).collect(),
            releases: vec![(LineKey::new("1.33", &OWN_TYPE), offers(&OWN_TYPE, [NEWER]))],
            records: HashMap::new(),
            event: StartEvent::default(),
            config: start_config(&[]),
            freeze: None,
            clusters: Clusters::new(),
            now: now(),
        }
    }

    /// A node group that can be read.
    pub fn nodegroup(&mut self, path: &str) -> &mut Nodegroup {
        match &mut self.at(path).now {
            Seen::Nodegroup(nodegroup) => nodegroup,
            _ => panic!("{path} cannot be read"),
        }
    }

    /// A node group, whatever is seen of it.
    pub fn at(&mut self, path: &str) -> &mut Found {
        let found = self.found.iter_mut().find(|found| found.id.to_string() == path);
        found.unwrap_or_else(|| panic!("there is no {path}"))
    }

    /// Remembers.
    pub fn remember(&mut self, record: Record) {
        self.records.insert(record.nodegroup_arn.clone(), Ok(record));
    }

    /// The record of a node group, or of the fleet, that was remembered under an ARN.
    pub fn record_under(&mut self, arn: &str) -> &mut Record {
        self.records.get_mut(arn).expect("a record").as_mut().expect("a readable record")
    }

    /// What AWS offers for the usual node groups.
    pub fn offer(&mut self) -> &mut Offer {
        &mut self.releases[0].1
    }

    // ── The first node group, in a chain ───────────────────────────────────────────────────────────────────────────

    /// Changes the first node group.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Nodegroup)) -> Self {
        let path = self.found[0].id.to_string();
        change(self.nodegroup(&path));
        self
    }

    /// The first node group has these rules, and AWS offers these releases, newest first.
    #[must_use]
    pub fn rules<const N: usize>(mut self, rules: Rules, releases: [&str; N]) -> Self {
        *self.offer() = offers(&OWN_TYPE, releases);
        self.with(|nodegroup| nodegroup.policy = auto(rules))
    }

    /// This is all that is seen of the first node group.
    #[must_use]
    pub fn seen(mut self, now: Seen) -> Self {
        self.found[0].now = now;
        self
    }

    /// The first node group runs a release of this AMI type, of which AWS offers others.
    #[must_use]
    pub fn running(self, ami_type: AmiTypes, current: &str, offered: Offer) -> Self {
        let mut fleet = self.with(|nodegroup| {
            nodegroup.ami_type = ami_type.clone();
            nodegroup.release_version = Some(current.into());
        });
        fleet.releases = vec![(LineKey::new("1.33", &ami_type), offered)];
        fleet
    }

    /// What the first node group has been through.
    #[must_use]
    pub fn after(mut self, history: impl FnOnce(Record) -> Record) -> Self {
        let path = self.found[0].id.to_string();
        self.remember(history(record(&path)));
        self
    }

    /// What the run is asked for.
    #[must_use]
    pub fn event(mut self, event: &Value) -> Self {
        self.event = StartEvent::parse(event).expect("an event");
        self
    }

    // ── The plan ───────────────────────────────────────────────────────────────────────────────────────────────────

    /// What the plan is made of.
    pub fn facts<'a>(&'a self, releases: &'a Releases) -> Facts<'a> {
        Facts {
            found: &self.found,
            releases,
            records: &self.records,
            event: &self.event,
            limits: self.config.limits,
            retry_after: &self.config.retry_after,
            fleet: &self.config.fleet,
            freeze: self.freeze.as_ref(),
            clusters: &self.clusters,
            now: self.now,
        }
    }

    /// What AWS offers, as the plan reads it.
    pub fn offered(&self) -> Releases {
        self.releases.iter().cloned().collect()
    }

    /// One decision for each node group.
    pub fn plan(&self) -> Vec<Decision> {
        plan(&self.facts(&self.offered()))
    }

    /// The lines of which the older releases are asked for, where only the newest of each is known.
    pub fn needs_older(&self) -> usize {
        let newest = |(line, offer): &(LineKey, Offer)| {
            let offer = match offer {
                Offer::Releases(releases) => Offer::Releases(releases.iter().take(1).cloned().collect()),
                other => other.clone(),
            };
            (line.clone(), offer)
        };
        let newest: Releases = self.releases.iter().map(newest).collect();
        lines_that_need_older(&self.facts(&newest)).len()
    }

    /// The node groups that start.
    pub fn starts(&self) -> BTreeSet<String> {
        let started =
            |decision: &Decision| matches!(decision.verdict, Verdict::Start(_)).then(|| decision.id.to_string());
        self.plan().iter().filter_map(started).collect()
    }

    /// What becomes of a node group.
    pub fn verdict(&self, path: &str) -> Verdict {
        let decision = self.plan().into_iter().find(|decision| decision.id.to_string() == path);
        decision.unwrap_or_else(|| panic!("there is no {path}")).verdict
    }

    /// What a node group sets out to do, which must not wait.
    pub fn intent_of(&self, path: &str) -> Intent {
        match self.verdict(path) {
            Verdict::Start(intent) => intent,
            Verdict::Wait(reason) => panic!("waits: {reason}"),
        }
    }

    /// Why a node group waits, which must not start.
    pub fn reason_of(&self, path: &str) -> Reason {
        match self.verdict(path) {
            Verdict::Wait(reason) => reason,
            Verdict::Start(intent) => panic!("started {intent}"),
        }
    }
}
