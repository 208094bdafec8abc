//! How long AWS supports Kubernetes versions.
//!
//! See [DescribeClusterVersions](https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribeClusterVersions.html).

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::names::Names;

/// The support of Kubernetes versions, as far as EKS says.
pub type Supports = BTreeMap<String, Support>;

/// How long AWS supports a Kubernetes version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Support {
    /// When standard support ends.
    pub standard_until: Option<Timestamp>,
    /// When extended support ends, after which AWS upgrades clusters by itself and publishes no images.
    pub extended_until: Option<Timestamp>,
}

/// What has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Ended {
    /// Standard support: AWS charges more for such a cluster from then on.
    StandardSupport,
    /// All support: AWS publishes no images any more.
    AllSupport,
}

/// The support of a Kubernetes version or an AMI type that node groups run has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SupportEnded {
    /// The Kubernetes version or the AMI type, as people name it.
    pub what: String,
    /// What has ended.
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

impl Support {
    /// What has ended by now, and when.
    #[must_use]
    pub fn ended(self, now: Timestamp) -> Option<(Ended, Timestamp)> {
        let over = |until: Option<Timestamp>| until.filter(|until| *until <= now);
        let all = over(self.extended_until).map(|at| (Ended::AllSupport, at));
        all.or_else(|| over(self.standard_until).map(|at| (Ended::StandardSupport, at)))
    }
}
