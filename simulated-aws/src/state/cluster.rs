//! Clusters: the Kubernetes version of each, and the versions allowed for its node groups.

use jiff::{SignedDuration, Timestamp};

/// How long after an upgrade a cluster can be rolled back.
const ROLLBACK_WINDOW: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A cluster.
pub(crate) struct Cluster {
    /// The version that `DescribeCluster` shows.
    pub(crate) version: String,
    pub(crate) created_at: Timestamp,
    /// Its last upgrade, unless it was rolled back.
    upgrade: Option<Upgrade>,
    /// Whether the upgrade is visible already, but not complete.
    upgrading: bool,
}

/// An upgrade of a cluster.
struct Upgrade {
    former: String,
    /// The last instant at which it can be rolled back.
    revocable_until: Timestamp,
}

impl Cluster {
    pub(crate) fn new(version: &str, created_at: Timestamp) -> Self {
        Self { version: version.to_owned(), created_at, upgrade: None, upgrading: false }
    }

    /// Gives the cluster a version; a higher one is an upgrade.
    pub(crate) fn set_version(&mut self, version: &str, now: Timestamp) {
        if version == self.version {
            return;
        }
        let former = std::mem::replace(&mut self.version, version.to_owned());
        self.upgrade = is_newer(version, &former).then(|| Upgrade { former, revocable_until: week_after(now) });
    }

    /// Sets whether an upgrade is in progress; the time for a rollback counts from its end.
    pub(crate) fn set_upgrading(&mut self, upgrading: bool, now: Timestamp) {
        if let Some(upgrade) = self.upgrade.as_mut().filter(|_| self.upgrading && !upgrading) {
            upgrade.revocable_until = week_after(now);
        }
        self.upgrading = upgrading;
    }

    /// The version that EKS uses as the cluster's for an update of a node group.
    pub(crate) fn version_for_nodegroups(&self) -> &str {
        match &self.upgrade {
            Some(upgrade) if self.upgrading => &upgrade.former,
            _ => &self.version,
        }
    }

    /// The version to which the cluster can be rolled back now: one minor version lower, for seven days after the
    /// upgrade is complete.
    pub(crate) fn rollback_version(&self, now: Timestamp) -> Option<&str> {
        let upgrade = self.upgrade.as_ref().filter(|upgrade| !self.upgrading && now <= upgrade.revocable_until)?;
        let (major, minor) = minor(&upgrade.former)?;
        (Some((major, minor + 1)) == self::minor(&self.version)).then_some(&upgrade.former)
    }
}

fn week_after(now: Timestamp) -> Timestamp {
    now.saturating_add(ROLLBACK_WINDOW).unwrap_or(Timestamp::MAX)
}

/// Whether a Kubernetes version is higher than another; one that cannot be read is not.
pub(crate) fn is_newer(version: &str, than: &str) -> bool {
    minor(version).zip(minor(than)).is_some_and(|(version, than)| version > than)
}

fn minor(version: &str) -> Option<(u32, u32)> {
    let (major, minor) = version.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
