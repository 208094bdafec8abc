//! The input of a run of `start`, and its plan. The plan is pure, so this needs no AWS.

use std::collections::BTreeSet;

use aws_sdk_eks::types::AmiTypes;
use eks_nodegroup_updater::config::StartConfig;
use eks_nodegroup_updater::event::parse_start;
use eks_nodegroup_updater::model::attempt::Intent;
use eks_nodegroup_updater::model::decision::reason::Reason;
use eks_nodegroup_updater::model::decision::request::StartRequest;
use eks_nodegroup_updater::model::decision::{Decision, Planned};
use eks_nodegroup_updater::model::id::{FleetId, TrackId};
use eks_nodegroup_updater::model::nodegroup::Nodegroup;
use eks_nodegroup_updater::model::observed::fleet::{Discovered, Fleet as Observed, NodegroupState};
use eks_nodegroup_updater::model::observed::releases::{Available, Recommendation, Recommendations, Release, Releases};
use eks_nodegroup_updater::model::problem::Unreadable;
use eks_nodegroup_updater::model::record::fleet::FleetRecord;
use eks_nodegroup_updater::model::record::nodegroup::NodegroupRecord;
use eks_nodegroup_updater::model::record::track::TrackRecord;
use eks_nodegroup_updater::model::release::track::{ReleaseTrack, TrackKey};
use eks_nodegroup_updater::model::release::version::ReleaseVersion;
use eks_nodegroup_updater::model::rules::Rules;
use eks_nodegroup_updater::plan::{PlanInput, plan};
use jiff::Timestamp;
use serde_json::Value;

use crate::fixtures::{NEWER, auto, id, nodegroup, record, start_config};
use crate::time::now;

const OWN_TYPE: AmiTypes = AmiTypes::Al2023X8664Standard;

/// A healthy fleet with an available newer release and default settings; a test changes only what matters to it.
pub struct Fleet {
    /// The observed fleet.
    pub observed: Observed,
    /// The available releases; the first track is that of the usual node groups.
    pub releases: Vec<(TrackKey, Available)>,
    /// The request to the run.
    pub request: StartRequest,
    /// The settings.
    pub config: StartConfig,
    /// When the run begins.
    pub now: Timestamp,
}

/// A release that AWS published at this time; without a time, it was first seen just now.
///
/// # Panics
/// Where it is no release of that AMI type.
pub fn published(ami_type: &AmiTypes, release: &str, published_at: Option<Timestamp>) -> Release {
    let family = ReleaseTrack::of(ami_type, "1.33").expect("a known AMI type").family;
    let published_at = published_at.unwrap_or_else(now);
    let version = ReleaseVersion::parse(family, release).expect("a release");
    Release { version, published_at, first_seen_at: published_at, withdrawn: false, refusal: None }
}

/// These releases are available, newest first, each published at nine on the day in its name.
///
/// # Panics
/// Where one of them is no release of that AMI type.
pub fn offers<const N: usize>(ami_type: &AmiTypes, releases: [&str; N]) -> Available {
    let published = |release: &str| {
        let day = release.rsplit_once('-').map(|(_, day)| format!("{day}T09:00:00Z"));
        published(ami_type, release, day.and_then(|at| at.parse().ok()))
    };
    Available::Releases(releases.map(published).into())
}

/// Something could not be read.
pub fn unreadable(error: &str) -> Unreadable {
    Unreadable(error.to_owned())
}

impl Fleet {
    /// The usual fleet: only `prod/blue`.
    pub fn blue() -> Self {
        Self::of(["prod/blue"])
    }

    /// These node groups.
    pub fn of<const N: usize>(paths: [&str; N]) -> Self {
        Self::made_of(paths.map(nodegroup))
    }

    /// A fleet of these node groups.
    pub fn made_of(nodegroups: impl IntoIterator<Item = Nodegroup>) -> Self {
        let discovered = |nodegroup: Nodegroup| Discovered {
            id: nodegroup.id.clone(),
            state: NodegroupState::Exists(Box::new(nodegroup)),
        };
        let nodegroups: Vec<Discovered> = nodegroups.into_iter().map(discovered).collect();
        let id = nodegroups.first().map(|discovered| FleetId::of(&discovered.id));
        Self {
            observed: Observed { id, nodegroups, ..Observed::default() },
            releases: vec![(TrackKey::new("1.33", &OWN_TYPE), offers(&OWN_TYPE, [NEWER]))],
            request: StartRequest::default(),
            config: start_config(&[]),
            now: now(),
        }
    }

    /// A node group that can be read.
    pub fn nodegroup(&mut self, path: &str) -> &mut Nodegroup {
        match &mut self.at(path).state {
            NodegroupState::Exists(nodegroup) => nodegroup,
            _ => panic!("{path} cannot be read"),
        }
    }

    /// A node group in any observed state.
    pub fn at(&mut self, path: &str) -> &mut Discovered {
        let found = self.observed.nodegroups.iter_mut().find(|discovered| discovered.id.to_string() == path);
        found.unwrap_or_else(|| panic!("there is no {path}"))
    }

    /// Puts this record into the table.
    pub fn remember(&mut self, record: NodegroupRecord) {
        self.observed.records.insert_nodegroup(record.id.clone(), Ok(record));
    }

    /// Puts this record of the fleet into the table.
    pub fn remember_fleet(&mut self, record: FleetRecord) {
        self.observed.records.insert_fleet(record.id.clone(), Ok(record));
    }

    /// Puts an unreadable record of this node group into the table.
    pub fn unreadable_record(&mut self, path: &str, error: &str) {
        self.observed.records.insert_nodegroup(id(path), Err(unreadable(error)));
    }

    /// Changes the record of a node group.
    pub fn change_record(&mut self, path: &str, change: impl FnOnce(&mut NodegroupRecord)) {
        let mut record = self.observed.records.nodegroup_or_new(&id(path)).expect("a readable record");
        change(&mut record);
        self.remember(record);
    }

    /// Changes the record of the fleet.
    pub fn change_fleet_record(&mut self, change: impl FnOnce(&mut FleetRecord)) {
        let id = self.observed.id.clone().expect("a fleet");
        let mut record = self.observed.records.fleet_or_new(&id).expect("a readable record");
        change(&mut record);
        self.remember_fleet(record);
    }

    /// The available releases for the usual node groups.
    pub fn offer(&mut self) -> &mut Available {
        &mut self.releases[0].1
    }

    /// Puts the history of all available releases into the table.
    #[must_use]
    pub fn with_history(mut self) -> Self {
        let fleet = self.observed.id.clone().expect("a fleet");
        for (track, available) in &self.releases {
            let Available::Releases(releases) = available else { continue };
            let mut record = TrackRecord::new(&TrackId::of(&fleet, track));
            for release in releases.iter().rev() {
                record.releases.recommend(&release.version, Some(release.published_at), release.first_seen_at);
            }
            self.observed.records.insert_track(record.id.clone(), Ok(record));
        }
        self
    }

    // ── The first node group, in a chain ───────────────────────────────────────────────────────────────────────────

    /// Changes the first node group.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Nodegroup)) -> Self {
        let path = self.observed.nodegroups[0].id.to_string();
        change(self.nodegroup(&path));
        self
    }

    /// Gives the first node group these rules, and makes these releases available, newest first.
    #[must_use]
    pub fn rules<const N: usize>(mut self, rules: Rules, releases: [&str; N]) -> Self {
        *self.offer() = offers(&OWN_TYPE, releases);
        self.with(|nodegroup| nodegroup.policy = auto(rules))
    }

    /// Sets the observed state of the first node group.
    #[must_use]
    pub fn observed_as(mut self, state: NodegroupState) -> Self {
        self.observed.nodegroups[0].state = state;
        self
    }

    /// The first node group runs a release of this AMI type, and others are available.
    #[must_use]
    pub fn running(self, ami_type: AmiTypes, current: &str, offered: Available) -> Self {
        let mut fleet = self.with(|nodegroup| {
            nodegroup.ami_type = ami_type.clone();
            nodegroup.release_version = Some(current.into());
        });
        fleet.releases = vec![(TrackKey::new("1.33", &ami_type), offered)];
        fleet
    }

    /// Sets the history of the first node group.
    #[must_use]
    pub fn after(mut self, history: impl FnOnce(NodegroupRecord) -> NodegroupRecord) -> Self {
        let path = self.observed.nodegroups[0].id.to_string();
        self.remember(history(record(&path)));
        self
    }

    /// The request to the run.
    #[must_use]
    pub fn event(mut self, event: &Value) -> Self {
        self.request = parse_start(event).expect("an event");
        self
    }

    // ── The plan ───────────────────────────────────────────────────────────────────────────────────────────────────

    /// The input of the plan.
    pub fn input<'a>(&'a self, releases: &'a Releases) -> PlanInput<'a> {
        let (fleet, request, settings) = (&self.observed, &self.request, &self.config.settings);
        PlanInput { fleet, releases, request, request_id: "run", settings, now: self.now }
    }

    /// The available releases, as input of the plan.
    pub fn offered(&self) -> Releases {
        self.releases.iter().cloned().collect()
    }

    /// The recommendations of AWS's parameters: the newest release of each track.
    pub fn recommended(&self) -> Recommendations {
        let recommendation = |available: &Available| match available {
            Available::Releases(releases) => {
                let latest = releases.iter().find(|release| !release.withdrawn).expect("a release");
                Recommendation::Release(latest.version.clone(), Some(latest.published_at))
            }
            Available::NotPublished => Recommendation::NotPublished,
            Available::Unreadable(error) => Recommendation::Unreadable(error.clone()),
        };
        self.releases.iter().map(|(track, available)| (track.clone(), recommendation(available))).collect()
    }

    /// One decision for each node group.
    pub fn plan(&self) -> Vec<Planned> {
        plan(&self.input(&self.offered())).decisions
    }

    /// The node groups that start.
    pub fn starts(&self) -> BTreeSet<String> {
        let started =
            |planned: &Planned| matches!(planned.decision, Decision::Start(_)).then(|| planned.subject().to_string());
        self.plan().iter().filter_map(started).collect()
    }

    /// The decision for a node group.
    pub fn decision(&self, path: &str) -> Decision {
        let planned = self.plan().into_iter().find(|planned| planned.subject().to_string() == path);
        planned.unwrap_or_else(|| panic!("there is no {path}")).decision
    }

    /// The intent of a node group, which must start.
    pub fn intent_of(&self, path: &str) -> Intent {
        match self.decision(path) {
            Decision::Start(intent) => intent,
            decision => panic!("does not start: {decision}"),
        }
    }

    /// The reason why a node group does not start.
    pub fn reason_of(&self, path: &str) -> Reason {
        match self.decision(path) {
            Decision::Skip(reason) => reason,
            decision => panic!("not skipped: {decision}"),
        }
    }
}
