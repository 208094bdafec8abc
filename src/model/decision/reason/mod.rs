//! Why no update of a node group starts: a closed set. Each reason has the sentence an operator reads, and what it asks of
//! people.
//!
//! The parts that are the same for every node group with a reason (its rule, what to do) are in [`guide`](super::guide).

mod parts;

use aws_sdk_eks::types::NodegroupStatus;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::attempt::hold::{DowngradedBy, Hold};
use crate::model::attempt::{StartedBy, Status};
use crate::model::decision::attention::{Attention, Reported};
use crate::model::id::Subject;
use crate::model::nodegroup::HealthIssue;
use crate::model::nodegroup::policy::InvalidTag;
use crate::model::problem::{UnreadHistory, Unreadable};
use crate::model::release::version::{NotComparable, ReleaseVersion};
use crate::model::rules::window::Windows;

pub use parts::{Freeze, FreezeKind, Limit, RingWait, RollbackBlock};

/// Why no update of a node group starts. The first one that applies is the reason, in the order of `docs/decisions.md`.
#[derive(Clone, Debug, PartialEq, thiserror::Error, strum::IntoStaticStr, strum::EnumDiscriminants)]
#[strum_discriminants(
    name(ReasonKind),
    doc = "A reason without its details: what answers and records name.",
    derive(
        Hash,
        PartialOrd,
        Ord,
        Serialize,
        Deserialize,
        strum::EnumString,
        strum::IntoStaticStr,
        strum::VariantArray
    )
)]
#[expect(missing_docs, reason = "the fields are the words of each sentence")]
pub enum Reason {
    /// The event selects other node groups.
    #[error("the event selects other node groups")]
    Excluded,
    /// The event names it, but no node group with the tag has this name.
    #[error("no node group with the tag ami-update has this name; check name, tag and region")]
    NotFound,
    /// The tag index lists it, but it was deleted.
    #[error("it was deleted; the tag index still lists it")]
    Deleted,
    /// AWS throttled the run before it reached this node group.
    #[error("AWS throttled this run before it reached this node group; the next run starts with it")]
    NotReached,
    /// AWS, the release or the record could not be read.
    #[error("could not be read: {0}")]
    Unreadable(Unreadable),
    /// The tag index lists it, but it has no tag `ami-update` now.
    #[error("it no longer has the tag ami-update")]
    NotOptedIn,
    /// Its tag opts it out.
    #[error("its tag ami-update=off opts it out")]
    OptedOut,
    /// A tag `ami-update` or `ami-update/…` is not recognised: an update might violate the intended rule.
    #[error("{0}")]
    InvalidTag(InvalidTag),
    /// An update is in progress.
    #[error("{}", in_progress(.started_by, .since))]
    InProgress { since: Option<Timestamp>, started_by: StartedBy },
    /// Its launch template sets a custom AMI.
    #[error("it runs a custom AMI, for which AWS publishes no releases")]
    CustomAmi,
    /// This version does not recognise its AMI type.
    #[error("this version does not recognise its AMI type {ami_type}")]
    UnknownAmiType { ami_type: String },
    /// A requested rollback cannot start.
    #[error("the requested rollback to {target} cannot start: {why}")]
    RollbackBlocked { target: String, why: RollbackBlock },
    /// It was downgraded, and stays on the older release.
    #[error("{}", downgraded(.0))]
    Downgraded(Box<Hold>),
    /// It runs the release that its tag pins it to.
    #[error("its tag ami-update/pin keeps it on {release}")]
    Pinned { release: String },
    /// It is pinned to an older release than it runs.
    #[error("its tag ami-update/pin names {pin}, which is older than {current}, the release it runs")]
    PinIsDowngrade { pin: String, current: String },
    /// Its pin is not a release of its AMI type and Kubernetes version.
    #[error("its tag ami-update/pin names {pin}, which is not a release of its AMI type and Kubernetes version")]
    PinUnknown { pin: String },
    /// It is pinned to a release that AWS withdrew.
    #[error("its tag ami-update/pin names {pin}, which AWS has withdrawn")]
    PinWithdrawn { pin: String },
    /// AWS publishes no release for this AMI type and Kubernetes version.
    #[error("AWS publishes no release of {ami_type} for Kubernetes {version}")]
    NoRelease { version: String, ami_type: String },
    /// It runs the last release of an AMI type or a Kubernetes version that AWS no longer supports.
    #[error("it runs {current}, the last release of {what}, which AWS has not supported since {since}")]
    EndOfSupport { current: String, what: String, since: String },
    /// It runs the latest release.
    #[error("it runs {current}, the latest release")]
    UpToDate { current: String },
    /// It runs the latest release, but AWS has published none for longer than its stale-after.
    #[error("it runs {current}, the latest release, but AWS has published none since {since:.0}")]
    NoNewReleases { current: String, since: Timestamp },
    /// It runs a newer release than AWS recommends.
    #[error("it runs {current}, which is newer than {latest}, the latest release that AWS recommends")]
    RunsWithdrawnRelease { current: String, latest: ReleaseVersion },
    /// The release it runs and the latest one cannot be compared.
    #[error("cannot tell whether {target} is newer than {current}: {error}")]
    NotComparable { current: String, target: ReleaseVersion, error: NotComparable },
    /// The setting denies the release.
    #[error("{target} is denied, and there is no other newer release")]
    Denied { target: ReleaseVersion },
    /// The release is younger than its minimum age.
    #[error("{target} has not reached its minimum age, and there is no other newer release; eligible from {until:.0}")]
    MinAgeNotReached { target: ReleaseVersion, until: Timestamp },
    /// The release failed on several node groups.
    #[error("{target} has been quarantined in {} since {since:.0}, because it failed on several node groups", place(.cluster))]
    Quarantined { target: ReleaseVersion, since: Timestamp, cluster: Option<String> },
    /// EKS refuses the release as invalid.
    #[error("EKS has refused {target} as invalid since {since:.0}; next attempt from {until:.0}")]
    ReleaseRefused { target: ReleaseVersion, since: Timestamp, until: Timestamp, passed_over: bool },
    /// Its cluster runs a newer Kubernetes version, but not for long enough yet.
    #[error("its cluster runs Kubernetes {version}; ami-update/follow-cluster-after lets it follow from {until:.0}")]
    ClusterUpgradedRecently { version: String, until: Timestamp },
    /// A lower ring has not proved the release yet.
    #[error("waiting for a lower ring: {nodegroup} {}", wait.sentence(.target))]
    WaitingForRing { target: ReleaseVersion, nodegroup: Subject, wait: RingWait },
    /// There is a newer release, and the tag allows reports only.
    #[error("{target} (Kubernetes {version}) is available; the tag ami-update=notify only reports it")]
    ReportOnly { version: String, target: String },
    /// It has health issues that make EKS refuse an update.
    #[error("EKS does not update a node group with these health issues: {}", list(.issues))]
    Unhealthy { issues: Vec<HealthIssue> },
    /// EKS updates active node groups only.
    #[error("its status is {status}; EKS updates only active node groups")]
    NotActive { status: NodegroupStatus },
    /// The release failed on it before.
    #[error("{} {target} {}; {}", if *.status == Status::Refused { "EKS refused" } else { "the update failed to reach" }, times(*.failures), retry(.until))]
    FailedBefore { target: String, failures: usize, status: Status, until: Option<Timestamp> },
    /// EKS rejected its last update, for a cause unrelated to the release.
    #[error("EKS rejected its last update: {error}; next attempt from {until:.0}")]
    BackingOff { error: String, until: Timestamp, access_denied: bool },
    /// Its last update is too recent.
    #[error(
        "its last update is too recent for ami-update/min-interval, or for EKS to show its result; next update from \
         {until:.0}"
    )]
    MinIntervalNotReached { until: Timestamp },
    /// No update is allowed to start anywhere now.
    #[error("{0}")]
    Frozen(Freeze),
    /// Its window is closed, or closes too soon.
    #[error("updates may start {window}; {}", next_opening(.opens))]
    OutsideWindow { window: Windows, opens: Option<Timestamp> },
    /// It was never updated by the updater, and not all of its earlier updates could be read.
    #[error("{0}; its last update might have been a downgrade, so no update starts until all are read")]
    UpdateHistoryUnread(UnreadHistory),
}

impl Reason {
    /// The reason's name in summaries and logs, the same for every node group that has it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.into()
    }

    /// The reason without its details.
    #[must_use]
    pub fn kind(&self) -> ReasonKind {
        self.into()
    }

    /// The attention it needs from the people who run the fleet.
    #[must_use]
    pub fn attention(&self) -> Attention {
        let unless = |ends_by_itself: bool| if ends_by_itself { Attention::Waits } else { Attention::NeedsYou };
        match self {
            Self::Excluded | Self::Deleted | Self::NotOptedIn | Self::OptedOut | Self::ReportOnly { .. } => {
                Attention::Deliberate
            }
            Self::InProgress { .. } => Attention::Moving,
            // Windows releases are months apart, so a `stale-after` without a new one is no reason for an alarm.
            Self::UpToDate { .. } | Self::NoNewReleases { .. } | Self::Pinned { .. } => Attention::Current,
            Self::NotReached
            | Self::RunsWithdrawnRelease { .. }
            | Self::Denied { .. }
            | Self::MinAgeNotReached { .. }
            | Self::ReleaseRefused { .. }
            | Self::ClusterUpgradedRecently { .. }
            | Self::MinIntervalNotReached { .. }
            | Self::UpdateHistoryUnread(_) => Attention::Waits,
            Self::Downgraded(hold) => unless(!hold.confirmed || hold.is_of_version() || hold.ends_with_newer()),
            Self::FailedBefore { until, .. } => unless(until.is_some()),
            Self::WaitingForRing { wait, .. } => unless(wait.ends_by_itself()),
            Self::NotActive { status } => {
                unless(matches!(status, NodegroupStatus::Creating | NodegroupStatus::Deleting))
            }
            Self::BackingOff { access_denied, .. } => unless(!access_denied),
            Self::Frozen(freeze) => unless(freeze.ends_by_itself()),
            Self::OutsideWindow { opens, .. } => unless(opens.is_some()),
            Self::NotFound
            | Self::Unreadable(_)
            | Self::InvalidTag(_)
            | Self::CustomAmi
            | Self::UnknownAmiType { .. }
            | Self::RollbackBlocked { .. }
            | Self::PinIsDowngrade { .. }
            | Self::PinUnknown { .. }
            | Self::PinWithdrawn { .. }
            | Self::NoRelease { .. }
            | Self::EndOfSupport { .. }
            | Self::NotComparable { .. }
            | Self::Quarantined { .. }
            | Self::Unhealthy { .. } => Attention::NeedsYou,
        }
    }

    /// After how long it is reported.
    #[must_use]
    pub fn reported(&self) -> Reported {
        match self {
            Self::Excluded
            | Self::NotFound
            | Self::Deleted
            | Self::NotOptedIn
            | Self::OptedOut
            | Self::InvalidTag(_)
            | Self::ReportOnly { .. }
            | Self::EndOfSupport { .. } => Reported::Never,
            Self::CustomAmi
            | Self::UnknownAmiType { .. }
            | Self::NotComparable { .. }
            | Self::NoRelease { .. }
            | Self::PinUnknown { .. }
            | Self::PinWithdrawn { .. } => Reported::Always,
            Self::Unreadable(_) | Self::BackingOff { .. } | Self::UpdateHistoryUnread(_) => Reported::AfterADay,
            Self::WaitingForRing { wait, .. } if wait.proves_nothing() => Reported::AfterADay,
            Self::WaitingForRing { .. }
            | Self::NotReached
            | Self::InProgress { .. }
            | Self::RollbackBlocked { .. }
            | Self::Downgraded(_)
            | Self::Pinned { .. }
            | Self::PinIsDowngrade { .. }
            | Self::UpToDate { .. }
            | Self::NoNewReleases { .. }
            | Self::RunsWithdrawnRelease { .. }
            | Self::Denied { .. }
            | Self::MinAgeNotReached { .. }
            | Self::Quarantined { .. }
            | Self::ReleaseRefused { .. }
            | Self::ClusterUpgradedRecently { .. }
            | Self::Unhealthy { .. }
            | Self::NotActive { .. }
            | Self::FailedBefore { .. }
            | Self::MinIntervalNotReached { .. }
            | Self::Frozen(_)
            | Self::OutsideWindow { .. } => Reported::WhileBehind,
        }
    }

    /// The release that it blocks, if it is about one.
    #[must_use]
    pub fn target(&self) -> Option<&str> {
        match self {
            Self::NotComparable { target, .. }
            | Self::Denied { target }
            | Self::MinAgeNotReached { target, .. }
            | Self::Quarantined { target, .. }
            | Self::ReleaseRefused { target, .. }
            | Self::WaitingForRing { target, .. } => Some(target.as_str()),
            Self::ReportOnly { target, .. }
            | Self::FailedBefore { target, .. }
            | Self::RollbackBlocked { target, .. } => Some(target),
            _ => None,
        }
    }

    /// When it might end, if that is known.
    #[must_use]
    pub fn until(&self) -> Option<Timestamp> {
        match self {
            Self::FailedBefore { until, .. } => *until,
            Self::MinAgeNotReached { until, .. }
            | Self::ReleaseRefused { until, .. }
            | Self::ClusterUpgradedRecently { until, .. }
            | Self::BackingOff { until, .. }
            | Self::WaitingForRing { wait: RingWait::Soaking(until), .. }
            | Self::MinIntervalNotReached { until } => Some(*until),
            Self::Frozen(freeze) => freeze.until(),
            Self::OutsideWindow { opens, .. } => *opens,
            _ => None,
        }
    }

    /// Since when it applies, if that is known.
    #[must_use]
    pub fn since(&self) -> Option<Timestamp> {
        match self {
            Self::InProgress { since, .. } => *since,
            Self::Downgraded(hold) => Some(hold.since),
            Self::NoNewReleases { since, .. }
            | Self::Quarantined { since, .. }
            | Self::ReleaseRefused { since, .. } => Some(*since),
            _ => None,
        }
    }
}

fn downgraded(hold: &Hold) -> String {
    let (from, to) = (&hold.from, &hold.to);
    let (from_release, to_release) = (&from.release_version, &to.release_version);
    if !hold.confirmed {
        return format!(
            "it runs {to_release} (Kubernetes {}) and ran {from_release} (Kubernetes {}) before; no update starts \
             until another run confirms it",
            to.version, from.version
        );
    }
    if hold.is_of_version() {
        let (from, to) = (&from.version, &to.version);
        return format!(
            "its Kubernetes version was downgraded from {from} to {to}; it follows its cluster again when the \
             cluster's version changes"
        );
    }
    let end = if hold.ends_with_newer() {
        format!("until a release newer than {from_release}, a retry or a pin")
    } else {
        "until a retry or a pin to another release, because it was downgraded again after the updater had updated it"
            .to_owned()
    };
    if hold.by == DowngradedBy::Rollback {
        format!("it was rolled back from {from_release} to {to_release} and stays {end}")
    } else {
        format!("an external update downgraded it from {from_release} to {to_release}; it stays {end}")
    }
}

fn in_progress(started_by: &StartedBy, since: &Option<Timestamp>) -> String {
    let update = match started_by {
        StartedBy::Updater => "an update",
        StartedBy::External => "an external update",
    };
    match since {
        Some(since) => format!("{update} has been in progress since {since:.0}"),
        None => format!("{update} is in progress"),
    }
}

fn place(cluster: &Option<String>) -> String {
    cluster.as_ref().map_or_else(|| "all clusters".to_owned(), |cluster| format!("the cluster {cluster}"))
}

fn list(issues: &[HealthIssue]) -> String {
    let issues: Vec<String> = issues.iter().map(|issue| format!("{} ({})", issue.code, issue.message)).collect();
    issues.join("; ")
}

fn times(failures: usize) -> String {
    if failures == 1 { "once".to_owned() } else { format!("{failures} times") }
}

fn retry(until: &Option<Timestamp>) -> String {
    match until {
        Some(until) => format!("it is retried from {until:.0}"),
        None => "no retry before a newer release".to_owned(),
    }
}

fn next_opening(opens: &Option<Timestamp>) -> String {
    match opens {
        Some(opens) => format!("next at {opens:.0}"),
        None => "no window in the next two weeks is long enough".to_owned(),
    }
}
