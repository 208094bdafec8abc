//! How the world behaves where AWS's behaviour is not known or not fixed.

use jiff::{SignedDuration, Timestamp};

/// What `UpdateNodegroupVersion` answers to a `clientRequestToken` that this node group has seen before.
///
/// The API page calls the token a means of idempotency and says no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TokenReplay {
    /// The update that the token started, however it went. The default.
    #[default]
    SameUpdate,
    /// `ResourceInUseException`.
    ResourceInUse,
    /// The token is ignored: another update starts if the node group can be updated.
    NewUpdate,
}

/// What `UpdateNodegroupVersion` answers when the node group already runs what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AlreadyAtTarget {
    /// An update that is `Successful` at once and changes nothing. The default.
    #[default]
    Update,
    /// `InvalidParameterException`.
    Error,
}

/// What `UpdateNodegroupVersion` answers to an older release of the same Kubernetes version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Downgrade {
    /// An update that moves the node group back, as users have seen since 2021. The default.
    #[default]
    Accepted,
    /// `InvalidParameterException`, as the 2020 API did.
    Refused,
}

/// What `UpdateNodegroupVersion` answers for a `DEGRADED` node group whose health issues are all of the kinds with which
/// EKS is said to update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DegradedUpdate {
    /// An update. The default.
    #[default]
    Accepted,
    /// `ResourceInUseException`, since the node group is not `ACTIVE`.
    InUse,
}

/// How the world behaves where AWS's behaviour is not known or not fixed.
#[derive(Default)]
pub(crate) struct Quirks {
    pub(crate) token_replay: TokenReplay,
    pub(crate) already_at_target: AlreadyAtTarget,
    pub(crate) downgrade: Downgrade,
    pub(crate) degraded_update: DegradedUpdate,
    pub(crate) ssm_ahead_of_eks: bool,
    pub(crate) parameters_without_dates: bool,
    /// The time as of which `GetParameters` shows public parameters, when that is not now.
    pub(crate) parameters_as_of: Option<Timestamp>,
    pub(crate) sparse_tag_pages: bool,
    pub(crate) describe_lag: SignedDuration,
    /// Caps every page.
    pub(crate) page_cap: Option<usize>,
}

impl Quirks {
    /// The size of a page: what was asked for, or less.
    pub(crate) fn page_size(&self, wanted: usize) -> usize {
        self.page_cap.map_or(wanted, |cap| cap.min(wanted)).max(1)
    }
}
