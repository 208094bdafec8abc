//! How long AWS supports Kubernetes versions.
//!
//! See [DescribeClusterVersions](https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribeClusterVersions.html).

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::id::names::Names;
use crate::model::release::track::Family;

/// The prefix of the version in the name of a Kubernetes version.
const KUBERNETES: &str = "Kubernetes ";

/// The support dates of Kubernetes versions that EKS returned.
pub type Supports = BTreeMap<String, Support>;

/// How long AWS supports a Kubernetes version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Support {
    /// When standard support ends.
    pub standard_until: Option<Timestamp>,
    /// When extended support ends. After that, AWS upgrades clusters automatically and publishes no images.
    pub extended_until: Option<Timestamp>,
}

/// The kind of support that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Ended {
    /// Standard support: AWS charges more for such a cluster from then on.
    StandardSupport,
    /// All support: AWS no longer publishes images.
    AllSupport,
}

/// Something that AWS supports for a limited time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Supported {
    /// Amazon Linux 2 on EKS.
    AmazonLinux2,
    /// A Kubernetes version.
    Kubernetes(String),
}

/// A text that names neither Amazon Linux 2 nor a Kubernetes version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither Amazon Linux 2 nor a Kubernetes version")]
pub struct NotSupported(String);

/// The support of a Kubernetes version or an AMI family in use has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SupportEnded {
    /// What was supported.
    pub what: Supported,
    /// The kind of support that has ended.
    pub ended: Ended,
    /// When.
    pub at: Timestamp,
    /// The node groups that run it.
    pub nodegroups: Names,
}

/// The end of Amazon Linux 2 on EKS, 26 November 2025.
#[must_use]
pub fn amazon_linux_2() -> Support {
    let end = Timestamp::from_second(1_764_115_200).ok();
    Support { standard_until: end, extended_until: end }
}

impl fmt::Display for Supported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AmazonLinux2 => Family::AmazonLinux2.fmt(f),
            Self::Kubernetes(version) => write!(f, "{KUBERNETES}{version}"),
        }
    }
}

impl From<Supported> for String {
    fn from(what: Supported) -> Self {
        what.to_string()
    }
}

impl TryFrom<String> for Supported {
    type Error = NotSupported;

    fn try_from(text: String) -> Result<Self, NotSupported> {
        match text.strip_prefix(KUBERNETES) {
            Some(version) => Ok(Self::Kubernetes(version.to_owned())),
            None if text == Self::AmazonLinux2.to_string() => Ok(Self::AmazonLinux2),
            None => Err(NotSupported(text)),
        }
    }
}

impl Support {
    /// The kind of support that has ended so far, and when.
    #[must_use]
    pub fn ended(self, now: Timestamp) -> Option<(Ended, Timestamp)> {
        let over = |until: Option<Timestamp>| until.filter(|until| *until <= now);
        let all = over(self.extended_until).map(|at| (Ended::AllSupport, at));
        all.or_else(|| over(self.standard_until).map(|at| (Ended::StandardSupport, at)))
    }
}
