//! AMI releases: SSM's recommendations, and the releases that EKS accepts.

use std::collections::BTreeSet;

/// The releases of one AMI type for one Kubernetes version.
#[derive(Default)]
pub(crate) struct Releases {
    /// The releases that EKS accepts.
    accepted: BTreeSet<String>,
    /// SSM's recommendations, the current one last.
    recommended: Vec<String>,
    /// Releases published in SSM while EKS lags.
    withheld: Vec<String>,
}

impl Releases {
    pub(crate) fn accept(&mut self, release: &str) {
        self.accepted.insert(release.to_owned());
    }

    /// Makes EKS accept this release once it has caught up with SSM.
    pub(crate) fn withhold(&mut self, release: &str) {
        self.withheld.push(release.to_owned());
    }

    /// Makes EKS refuse this release until [`Releases::accept`] is called.
    pub(crate) fn refuse(&mut self, release: &str) {
        self.accepted.remove(release);
        self.withheld.retain(|withheld| withheld != release);
    }

    /// Makes this release the recommendation.
    pub(crate) fn recommend(&mut self, release: &str) {
        self.recommended.retain(|recommended| recommended != release);
        self.recommended.push(release.to_owned());
    }

    /// Withdraws the recommendation; returns the one before, or `None` if there is none, in which case nothing changes.
    pub(crate) fn withdraw(&mut self) -> Option<String> {
        let [.., older, _] = &self.recommended[..] else { return None };
        let older = older.clone();
        self.recommended.pop();
        Some(older)
    }

    pub(crate) fn accept_withheld(&mut self) {
        self.accepted.extend(self.withheld.drain(..));
    }

    pub(crate) fn accepts(&self, release: &str) -> bool {
        self.accepted.contains(release)
    }

    /// The release for a request without one: the last recommendation that EKS accepts.
    pub(crate) fn latest(&self, ami_type: &str) -> Option<&String> {
        let recommended = self.recommended.iter().rev().find(|release| self.accepts(release));
        recommended.or_else(|| self.accepted.iter().max_by_key(|release| rank(ami_type, release)))
    }
}

/// A number by which releases of one AMI type order: patch and date for Amazon Linux and Windows, the version
/// without its hash for Bottlerocket.
pub(crate) fn rank(ami_type: &str, release: &str) -> Vec<u64> {
    let ordered = match release.split_once('-') {
        Some((version, _hash)) if ami_type.starts_with("BOTTLEROCKET") => version,
        _ => release,
    };
    ordered.split(['.', '-']).map(|part| part.parse().unwrap_or(0)).collect()
}
