//! The Kubernetes versions of EKS, and how long it supports them.

use jiff::Timestamp;

/// A Kubernetes version of EKS.
pub(crate) struct KubernetesVersion {
    pub(crate) end_of_standard_support: Timestamp,
    pub(crate) end_of_extended_support: Timestamp,
}

/// How EKS supports a Kubernetes version.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Support {
    Standard,
    Extended,
    Ended,
}

impl KubernetesVersion {
    pub(crate) fn support(&self, now: Timestamp) -> Support {
        if now < self.end_of_standard_support {
            Support::Standard
        } else if now < self.end_of_extended_support {
            Support::Extended
        } else {
            Support::Ended
        }
    }
}
