//! Why nothing starts on a node group: a closed set, each with the sentence an operator reads.

use std::fmt;

use aws_sdk_eks::types::NodegroupStatus;
use jiff::Timestamp;

use super::nodegroup::HealthIssue;
use super::policy::OPT_IN_TAG;
use super::release_version::{NotComparable, ReleaseVersion};
use super::update::Status;

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
    /// The tag `ami-update` has a value that means nothing.
    UnknownTagValue { value: String },
    /// A tag `ami-update/…` that means nothing here: an update might break the rule that somebody meant.
    UnknownRule { key: String, value: String },
    /// An update is under way, by this program or by somebody else.
    InProgress { since: Option<Timestamp> },
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
    /// There is a newer release, and the tag says to report only.
    ReportOnly { target: ReleaseVersion },
    /// EKS updates active node groups only.
    NotActive { status: NodegroupStatus },
    /// It has health issues with which EKS refuses an update.
    Unhealthy { issues: Vec<HealthIssue> },
    /// The release failed on it before.
    FailedBefore { target: String, failures: usize, status: Status, until: Option<Timestamp> },
    /// Enough is under way.
    OverLimit(Limit),
}

/// Which limit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Updates in progress in the cluster.
    PerCluster(usize),
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
            Self::UnknownTagValue { .. } => "unknownTagValue",
            Self::UnknownRule { .. } => "unknownRule",
            Self::InProgress { .. } => "inProgress",
            Self::CustomAmi => "customAmi",
            Self::UnknownAmiType { .. } => "unknownAmiType",
            Self::NoRelease { .. } => "noRelease",
            Self::LineEnded { .. } => "lineEnded",
            Self::UpToDate { .. } => "upToDate",
            Self::NewerThanOffered { .. } => "newerThanOffered",
            Self::NotComparable { .. } => "notComparable",
            Self::ReportOnly { .. } => "reportOnly",
            Self::NotActive { .. } => "notActive",
            Self::Unhealthy { .. } => "unhealthy",
            Self::FailedBefore { .. } => "failedBefore",
            Self::OverLimit(_) => "overLimit",
        }
    }

    /// When it may no longer hold, where that is known.
    #[must_use]
    pub fn until(&self) -> Option<Timestamp> {
        match self {
            Self::FailedBefore { until, .. } => *until,
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
            Self::UnknownTagValue { value } => {
                write!(f, "its tag {OPT_IN_TAG} has the value {value:?}; only auto and notify mean something")
            }
            Self::UnknownRule { key, value } => {
                write!(f, "its tag {key} with the value {value:?} is no rule that this version knows")
            }
            Self::InProgress { since: Some(since) } => write!(f, "an update is in progress since {since:.0}"),
            Self::InProgress { since: None } => f.write_str("an update that somebody else started is in progress"),
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
            Self::ReportOnly { target } => {
                write!(f, "{target} is available; the tag {OPT_IN_TAG}=notify says to report only")
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
            Self::OverLimit(Limit::PerRun(limit)) => {
                write!(f, "a run starts no more than {limit}; it follows in a later run")
            }
        }
    }
}
