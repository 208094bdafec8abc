//! The node groups, records and releases of tests.

use aws_sdk_eks::types::{AmiTypes, NodegroupStatus};
use eks_nodegroup_updater::config::{CheckConfig, StartConfig};
use eks_nodegroup_updater::model::attempt::{ErrorDetail, Intent, Status};
use eks_nodegroup_updater::model::id::names::Names;
use eks_nodegroup_updater::model::id::{ClusterId, FleetId, NodegroupId, TrackId};
use eks_nodegroup_updater::model::nodegroup::Nodegroup;
use eks_nodegroup_updater::model::nodegroup::policy::{Mode, Policy};
use eks_nodegroup_updater::model::record::fleet::{FleetRecord, Quarantine};
use eks_nodegroup_updater::model::record::nodegroup::NodegroupRecord;
use eks_nodegroup_updater::model::record::track::TrackRecord;
use eks_nodegroup_updater::model::release::selector::ReleaseSelector;
use eks_nodegroup_updater::model::release::track::TrackKey;
use eks_nodegroup_updater::model::rules::Rules;
use eks_nodegroup_updater::model::settings::RetryAfter;
use eks_nodegroup_updater::model::unknown::Unknown;
use jiff::Timestamp;
use simulated_aws::UpdateScript;

use crate::time::minutes;

/// The AMI type of most node groups here.
pub const AL2023: &str = "AL2023_x86_64_STANDARD";
/// The AMI type whose releases are the same for every Kubernetes version.
pub const BOTTLEROCKET: &str = "BOTTLEROCKET_x86_64";
/// The release that node groups run.
pub const CURRENT: &str = "1.33.1-20260610";
/// The available newer release.
pub const NEWER: &str = "1.33.2-20260710";
/// EKS's id of an update.
pub const UPDATE_ID: &str = "079be772-956e-37c4-a966-960c1a6755a5";
/// A node with a problem.
pub const NODE: &str = "ip-192-168-2-44.eu-central-1.compute.internal";
/// The key of the fleet's record.
pub const FLEET_KEY: &str = "arn:aws:eks:eu-central-1:123456789012:fleet";
/// The key of the record of the usual release track.
pub const TRACK_KEY: &str = "arn:aws:eks:eu-central-1:123456789012:track/1.33/AL2023_x86_64_STANDARD";

// ── In the simulated AWS ───────────────────────────────────────────────────────────────────────────────────────────

/// An opted-in node group for which [`NEWER`] is available.
#[must_use]
pub fn opted_in(cluster: &str, name: &str) -> simulated_aws::Nodegroup {
    simulated_aws::Nodegroup::new(cluster, name).release(CURRENT).tag("ami-update", "auto")
}

/// One with these rules, such as `("min-age", "7d")`.
#[must_use]
pub fn tagged(cluster: &str, name: &str, rules: &[(&str, &str)]) -> simulated_aws::Nodegroup {
    let nodegroup = opted_in(cluster, name);
    rules.iter().fold(nodegroup, |nodegroup, (rule, value)| nodegroup.tag(&format!("ami-update/{rule}"), value))
}

/// An update of this node group that fails because of a disruption budget, after 16 minutes.
#[must_use]
pub fn eviction_failure(name: &str) -> UpdateScript {
    UpdateScript::pod_eviction_failure(minutes(16), name, &[NODE])
}

/// An update of this node group that fails because new nodes do not join, which points at the release; after 16 minutes.
#[must_use]
pub fn node_creation_failure(name: &str) -> UpdateScript {
    UpdateScript::node_creation_failure(minutes(16), name)
}

// ── In the updater ─────────────────────────────────────────────────────────────────────────────────────────────────

/// The settings of `start`, with defaults except for these.
///
/// # Panics
/// Where one of them is invalid.
#[must_use]
pub fn start_config(settings: &[(&str, &str)]) -> StartConfig {
    StartConfig::read(&|name| setting(settings, name)).expect("settings of start")
}

/// The settings of `check`, with defaults except for these.
///
/// # Panics
/// Where one of them is invalid.
#[must_use]
pub fn check_config(settings: &[(&str, &str)]) -> CheckConfig {
    CheckConfig::read(&|name| setting(settings, name)).expect("settings of check")
}

/// When a failed update is retried by default.
#[must_use]
pub fn retry_after() -> RetryAfter {
    start_config(&[]).settings.retry_after
}

fn setting(settings: &[(&str, &str)], name: &str) -> Option<String> {
    let required = [("UPDATES_TABLE", "updates"), ("NOTIFICATION_TOPIC_ARN", "topic")];
    let value = settings.iter().chain(&required).find(|(key, _)| *key == name);
    value.map(|(_, value)| (*value).to_owned())
}

/// The ARN of `cluster/nodegroup`.
#[must_use]
pub fn arn(path: &str) -> String {
    format!("arn:aws:eks:eu-central-1:123456789012:nodegroup/{path}/9ebf4bd5-f1d2-4f2c-9b7b-1b2c3d4e5f60")
}

/// The id of `cluster/nodegroup`.
///
/// # Panics
/// Where it has no slash, or two.
#[must_use]
pub fn id(path: &str) -> NodegroupId {
    NodegroupId::from_arn(&arn(path)).expect("cluster/nodegroup")
}

/// A cluster of this name.
#[must_use]
pub fn cluster(name: &str) -> ClusterId {
    id(&format!("{name}/any")).cluster_id()
}

/// A new record of a fleet.
#[must_use]
pub fn fleet_record() -> FleetRecord {
    FleetRecord::new(&FleetId::of(&id("prod/blue")))
}

/// The release track of most node groups here.
#[must_use]
pub fn track() -> TrackKey {
    TrackKey::new("1.33", &AmiTypes::Al2023X8664Standard)
}

/// A new record of that track.
#[must_use]
pub fn track_record() -> TrackRecord {
    TrackRecord::new(&TrackId::of(&fleet_record().id, &track()))
}

/// Quarantines a release of that track in the whole fleet, because it failed on these node groups.
#[must_use]
pub fn quarantine(release: &str, nodegroups: Names, since: Timestamp) -> Quarantine {
    Quarantine {
        version: "1.33".into(),
        ami_type: AL2023.into(),
        release_version: release.into(),
        cluster: None,
        since,
        nodegroups,
        ran_on: Names::default(),
        previous_release_version: CURRENT.into(),
        same_build: vec![],
        lifted_at: None,
        superseded_by: None,
        unknown: Unknown::default(),
    }
}

/// Node groups by name.
///
/// # Panics
/// Where one of them is not `cluster/nodegroup`.
#[must_use]
pub fn names<const N: usize>(names: [&str; N]) -> Names {
    names.map(|name| name.parse().expect("cluster/nodegroup")).to_vec().into()
}

/// Release selectors, from text.
///
/// # Panics
/// Where the text names none.
#[must_use]
pub fn selector(text: &str) -> ReleaseSelector {
    ReleaseSelector::parse(text).expect("releases")
}

/// A policy that updates to every release that these rules allow.
#[must_use]
pub fn auto(rules: Rules) -> Policy {
    Policy::OptedIn(Mode::Auto, rules)
}

/// A healthy, opted-in node group on [`CURRENT`].
#[must_use]
pub fn nodegroup(path: &str) -> Nodegroup {
    Nodegroup {
        id: id(path),
        kubernetes_version: Some("1.33".into()),
        release_version: Some(CURRENT.into()),
        ami_type: AmiTypes::Al2023X8664Standard,
        status: NodegroupStatus::Active,
        health: Vec::new(),
        policy: auto(Rules::default()),
        owner: None,
        modified_at: None,
        desired_size: Some(3),
    }
}

/// An intent to go from [`CURRENT`] to a release.
#[must_use]
pub fn intent(release: &str) -> Intent {
    Intent::new("1.33", &AmiTypes::Al2023X8664Standard, CURRENT, release)
}

/// A new record of a node group.
#[must_use]
pub fn record(path: &str) -> NodegroupRecord {
    NodegroupRecord::new(&id(path))
}

/// The history of a node group in its record, in order.
pub trait History: Sized {
    /// An attempt has an intent, and EKS has not been called yet.
    #[must_use]
    fn intended(self, release: &str, at: Timestamp) -> Self;

    /// An update to the release was accepted, and is in progress.
    #[must_use]
    fn updating(self, release: &str, at: Timestamp) -> Self;

    /// An attempt ended like this at the instant it began.
    #[must_use]
    fn ended(self, intent: &Intent, status: Status, errors: Vec<ErrorDetail>, at: Timestamp) -> Self;

    /// The node group was updated to the release.
    #[must_use]
    fn updated(self, release: &str, at: Timestamp) -> Self {
        self.ended(&intent(release), Status::Successful, vec![], at)
    }

    /// An update to the release failed, without a cause from EKS.
    #[must_use]
    fn failed(self, release: &str, at: Timestamp) -> Self {
        self.ended(&intent(release), Status::Failed, vec![], at)
    }

    /// EKS refused an update to the release.
    #[must_use]
    fn refused(self, release: &str, at: Timestamp) -> Self {
        self.ended(&intent(release), Status::Refused, vec![], at)
    }

    /// An update to the release failed because of a disruption budget.
    #[must_use]
    fn evicted(self, release: &str, at: Timestamp) -> Self {
        self.ended(&intent(release), Status::Failed, vec![eviction()], at)
    }

    /// An update failed because of the release.
    #[must_use]
    fn broken(self, release: &str, at: Timestamp) -> Self {
        self.ended(
            &intent(release),
            Status::Failed,
            vec![error("NodeCreationFailure", "new nodes are not joining")],
            at,
        )
    }
}

impl History for NodegroupRecord {
    fn intended(mut self, release: &str, at: Timestamp) -> Self {
        self.begin(&intent(release), at);
        self
    }

    fn updating(self, release: &str, at: Timestamp) -> Self {
        let mut record = self.intended(release, at);
        record.accept(UPDATE_ID);
        record
    }

    fn ended(mut self, intent: &Intent, status: Status, errors: Vec<ErrorDetail>, at: Timestamp) -> Self {
        self.begin(intent, at);
        self.accept(UPDATE_ID);
        self.end(status, errors, at);
        self
    }
}

/// EKS's error of a failed update.
#[must_use]
pub fn error(code: &str, message: &str) -> ErrorDetail {
    ErrorDetail::new(code, message)
}

/// EKS's error of an update of `prod/blue` that failed because of a disruption budget.
#[must_use]
pub fn eviction() -> ErrorDetail {
    let message = "Reached max retries while trying to evict pods from nodes in node group blue";
    ErrorDetail { resource_ids: vec![NODE.into()], ..error("PodEvictionFailure", message) }
}
