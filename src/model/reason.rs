//! Why nothing starts on a node group: a closed set, each with the sentence an operator reads.

use std::fmt;

use aws_sdk_eks::types::NodegroupStatus;
use jiff::Timestamp;

use super::nodegroup::HealthIssue;
use super::policy::{BadTag, OPT_IN_TAG};
use super::release_version::{NotComparable, ReleaseVersion};
use super::update::{Origin, Status};
use super::window::Windows;

/// Why nothing starts on a node group.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the fields are the words of each sentence")]
pub enum Reason {
    /// The event asks for other node groups.
    Excluded,
    /// The event names it, but none with the tag bears this name.
    NotFound,
    /// The tag index lists it, but it was deleted.
    Deleted,
    /// AWS, or the record, could not be read.
    CouldNotBeRead { error: String },
    /// The tag index lists it, but it has no tag `ami-update` now.
    NotOptedIn,
    /// A tag `ami-update` or `ami-update/…` means nothing here: an update might break the rule that somebody meant.
    MalformedTag(BadTag),
    /// An update is under way, by this program or by somebody else.
    InProgress { since: Option<Timestamp>, origin: Origin },
    /// Its launch template brings an AMI of its own.
    CustomAmi,
    /// An AMI type that this program does not know.
    UnknownAmiType { ami_type: String },
    /// AWS publishes no release for this AMI type and Kubernetes version.
    NoRelease { version: String, ami_type: String, ended: bool },
    /// It runs the last release of a line that AWS ended.
    LineEnded { current: String },
    /// It runs the newest release.
    UpToDate { current: String },
    /// It runs a newer release than AWS offers, so AWS has withdrawn it.
    NewerThanOffered { current: String, target: ReleaseVersion },
    /// The release it runs and the newest one have no order.
    NotComparable { current: String, target: ReleaseVersion, error: NotComparable },
    /// It runs the release that its tag pins it to.
    Pinned { release: String },
    /// It is pinned to an older release than it runs, and EKS does not go back.
    PinnedOlder { pin: String, current: String },
    /// It is pinned to a release that AWS does not offer.
    PinUnknown { pin: String },
    /// The setting denies the release.
    Denied { target: ReleaseVersion },
    /// The release is younger than its rules allow.
    TooYoung { target: ReleaseVersion, until: Option<Timestamp> },
    /// The release failed on several node groups.
    Quarantined { target: String, since: Timestamp },
    /// An earlier ring has not proved the release yet.
    RingWaits { target: ReleaseVersion, nodegroup: String, wait: RingWait },
    /// There is a newer release, and the tag says to report only.
    ReportOnly { version: String, target: String },
    /// EKS updates active node groups only.
    NotActive { status: NodegroupStatus },
    /// It has health issues with which EKS refuses an update.
    Unhealthy { issues: Vec<HealthIssue> },
    /// The release failed on it before.
    FailedBefore { target: String, failures: usize, status: Status, until: Option<Timestamp> },
    /// Its last update is not long enough ago.
    TooSoon { until: Timestamp },
    /// Nothing starts anywhere now.
    Frozen(Freeze),
    /// Its window is closed, or closes too soon.
    OutsideWindow { window: Windows, opens: Option<Timestamp> },
    /// Enough is under way.
    OverLimit(Limit),
}

/// Why a ring waits for a node group of an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RingWait {
    /// It does not run the release yet.
    NotThere,
    /// The release failed on it.
    Failed,
    /// It runs the release, but not long enough.
    Soaking(Timestamp),
    /// It cannot be read, and so proves nothing.
    Unreadable,
    /// Its tags are not understood, and so it proves nothing.
    Malformed,
}

/// Why nothing starts anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the words of each sentence")]
pub enum Freeze {
    /// The stop switch says `stopped`.
    Stopped { parameter: String },
    /// A change calendar is closed.
    CalendarClosed { until: Option<Timestamp> },
    /// The stop switch or a calendar cannot be read, or says something unknown.
    Unreadable { error: String },
}

/// Which limit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Updates in progress in the cluster.
    PerCluster(usize),
    /// Updates in progress in the whole fleet.
    InProgress(usize),
    /// Updates started by this run.
    PerRun(usize),
}

impl Reason {
    /// The reason's name in summaries and logs, the same for every node group that has it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Excluded => "excluded",
            Self::NotFound => "notFound",
            Self::Deleted => "deleted",
            Self::CouldNotBeRead { .. } => "couldNotBeRead",
            Self::NotOptedIn => "notOptedIn",
            Self::MalformedTag(_) => "malformedTag",
            Self::InProgress { .. } => "inProgress",
            Self::CustomAmi => "customAmi",
            Self::UnknownAmiType { .. } => "unknownAmiType",
            Self::NoRelease { .. } => "noRelease",
            Self::LineEnded { .. } => "lineEnded",
            Self::UpToDate { .. } => "upToDate",
            Self::NewerThanOffered { .. } => "newerThanOffered",
            Self::NotComparable { .. } => "notComparable",
            Self::Pinned { .. } => "pinned",
            Self::PinnedOlder { .. } => "pinnedOlder",
            Self::PinUnknown { .. } => "pinUnknown",
            Self::Denied { .. } => "denied",
            Self::TooYoung { .. } => "tooYoung",
            Self::Quarantined { .. } => "quarantined",
            Self::RingWaits { .. } => "ringWaits",
            Self::ReportOnly { .. } => "reportOnly",
            Self::NotActive { .. } => "notActive",
            Self::Unhealthy { .. } => "unhealthy",
            Self::FailedBefore { .. } => "failedBefore",
            Self::TooSoon { .. } => "tooSoon",
            Self::Frozen(_) => "frozen",
            Self::OutsideWindow { .. } => "outsideWindow",
            Self::OverLimit(_) => "overLimit",
        }
    }

    /// When it may no longer hold, where that is known.
    #[must_use]
    pub fn until(&self) -> Option<Timestamp> {
        match self {
            Self::FailedBefore { until, .. } | Self::TooYoung { until, .. } => *until,
            Self::RingWaits { wait: RingWait::Soaking(until), .. } | Self::TooSoon { until } => Some(*until),
            Self::Frozen(Freeze::CalendarClosed { until }) => *until,
            Self::OutsideWindow { opens, .. } => *opens,
            _ => None,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Excluded => f.write_str("the event asks for other node groups"),
            Self::NotFound => {
                write!(f, "no node group with the tag {OPT_IN_TAG} bears this name; check name, tag and region")
            }
            Self::Deleted => f.write_str("it was deleted; the tag index still lists it"),
            Self::CouldNotBeRead { error } => write!(f, "could not be read: {error}"),
            Self::NotOptedIn => write!(f, "it has no tag {OPT_IN_TAG} any more"),
            Self::MalformedTag(error) => error.fmt(f),
            Self::InProgress { since, origin } => {
                f.write_str(match origin {
                    Origin::Ours => "an update is in progress",
                    Origin::Other => "an update that somebody else started is in progress",
                })?;
                since.map_or(Ok(()), |since| write!(f, " since {since:.0}"))
            }
            Self::CustomAmi => f.write_str("it runs a custom AMI, for which AWS publishes no releases"),
            Self::UnknownAmiType { ami_type } => {
                write!(f, "its AMI type {ami_type} is not known to this version, and is not guessed")
            }
            Self::NoRelease { version, ami_type, ended } => {
                write!(f, "AWS publishes no release of {ami_type} for Kubernetes {version}")?;
                if *ended { f.write_str("; it ended Amazon Linux 2 on 2025-11-26") } else { Ok(()) }
            }
            Self::LineEnded { current } => {
                write!(f, "it runs {current}, the last release of Amazon Linux 2, which AWS ended on 2025-11-26")
            }
            Self::UpToDate { current } => write!(f, "it runs {current}, the newest release"),
            Self::NewerThanOffered { current, target } => {
                write!(f, "it runs {current}, newer than {target}, which AWS offers now: AWS has withdrawn it")
            }
            Self::NotComparable { current, target, error } => {
                write!(f, "whether {target} is newer than {current} cannot be told: {error}")
            }
            Self::Pinned { release } => write!(f, "its tag {OPT_IN_TAG}/pin keeps it on {release}"),
            Self::PinnedOlder { pin, current } => {
                write!(f, "its tag {OPT_IN_TAG}/pin names {pin}, but it runs {current}, and EKS does not go back")
            }
            Self::PinUnknown { pin } => {
                write!(f, "its tag {OPT_IN_TAG}/pin names {pin}, which AWS does not offer for it")
            }
            Self::Denied { target } => {
                write!(f, "the setting DENIED_RELEASES denies {target}, and no other release is newer")
            }
            Self::TooYoung { target, until: Some(until) } => {
                write!(
                    f,
                    "{target} is younger than its rules allow, and no other release is newer; old enough from {until:.0}"
                )
            }
            Self::TooYoung { target, until: None } => {
                write!(f, "AWS does not say how old {target} is, and its rules ask for an age")
            }
            Self::Quarantined { target, since } => {
                write!(f, "{target} is quarantined since {since:.0}, because it failed on several node groups")
            }
            Self::RingWaits { target, nodegroup, wait } => {
                write!(f, "its ring waits for {target} until {nodegroup}, in an earlier ring, ")?;
                match wait {
                    RingWait::NotThere => f.write_str("runs it"),
                    RingWait::Failed => f.write_str("runs it: it failed there"),
                    RingWait::Soaking(until) => write!(f, "has run it long enough, at {until:.0}"),
                    RingWait::Unreadable => f.write_str("can be read"),
                    RingWait::Malformed => f.write_str("has tags that are understood"),
                }
            }
            Self::TooSoon { until } => {
                write!(
                    f,
                    "its last update is too recent for {OPT_IN_TAG}/min-interval, or for EKS to have described it; from {until:.0}"
                )
            }
            Self::Frozen(Freeze::Stopped { parameter }) => {
                write!(f, "somebody stopped everything with the parameter {parameter}")
            }
            Self::Frozen(Freeze::CalendarClosed { until }) => {
                f.write_str("a change calendar is closed")?;
                until.map_or(Ok(()), |until| write!(f, "; it opens at {until:.0}"))
            }
            Self::Frozen(Freeze::Unreadable { error }) => {
                write!(f, "whether a freeze is on cannot be read, so nothing starts: {error}")
            }
            Self::OutsideWindow { window, opens } => {
                write!(f, "updates may start {window}; ")?;
                match opens {
                    Some(opens) => write!(f, "next at {opens:.0}"),
                    None => f.write_str("no opening within two weeks is long enough"),
                }
            }
            Self::ReportOnly { version, target } => {
                let notify = format_args!("the tag {OPT_IN_TAG}=notify says to report only");
                write!(f, "{target} (Kubernetes {version}) is available; {notify}")
            }
            Self::NotActive { status } => write!(f, "its status is {status}, and EKS updates active node groups only"),
            Self::Unhealthy { issues } => {
                f.write_str("EKS updates no node group with the health issues")?;
                issues.iter().enumerate().try_for_each(|(index, issue)| {
                    let separator = if index == 0 { " " } else { "; " };
                    write!(f, "{separator}{} ({})", issue.code, issue.message)
                })
            }
            Self::FailedBefore { target, failures, status, until } => {
                let tries = if *failures == 1 { "once".to_owned() } else { format!("{failures} times") };
                let how = if *status == Status::Refused { "EKS refused" } else { "the update failed to reach" };
                write!(f, "{how} {target} {tries}; ")?;
                match until {
                    Some(until) => write!(f, "it is tried again from {until:.0}"),
                    None => f.write_str("it is not tried again before a newer release"),
                }
            }
            Self::OverLimit(Limit::PerCluster(limit)) => {
                write!(f, "its cluster may have no more than {limit} in progress; it follows in a later run")
            }
            Self::OverLimit(Limit::InProgress(limit)) => {
                write!(f, "no more than {limit} may be in progress; it follows in a later run")
            }
            Self::OverLimit(Limit::PerRun(limit)) => {
                write!(f, "a run starts no more than {limit}; it follows in a later run")
            }
        }
    }
}
