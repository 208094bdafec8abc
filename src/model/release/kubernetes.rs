//! Kubernetes minor versions.

use std::fmt;
use std::str::FromStr;

/// A Kubernetes minor version, such as `1.33`.
///
/// ```
/// use eks_nodegroup_updater::model::release::kubernetes::KubernetesVersion;
///
/// let version: KubernetesVersion = "1.9".parse()?;
/// assert!("1.10".parse::<KubernetesVersion>()? > version);
/// # Ok::<(), eks_nodegroup_updater::model::release::kubernetes::InvalidVersion>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KubernetesVersion {
    major: u32,
    minor: u32,
}

/// A text that is not a Kubernetes minor version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a Kubernetes version such as 1.33")]
pub struct InvalidVersion(String);

impl FromStr for KubernetesVersion {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, InvalidVersion> {
        let version = || {
            let (major, minor) = text.split_once('.')?;
            Some(Self { major: major.parse().ok()?, minor: minor.parse().ok()? })
        };
        version().ok_or_else(|| InvalidVersion(text.to_owned()))
    }
}

impl fmt::Display for KubernetesVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}
