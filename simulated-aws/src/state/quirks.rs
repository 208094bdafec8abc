//! The behaviour of the world where AWS's behaviour is unknown or not fixed.

use jiff::{SignedDuration, Timestamp};

/// The answer of `UpdateNodegroupVersion` to a `clientRequestToken` that this node group has seen before.
///
/// The API page only says that the token is for idempotency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TokenReplay {
    /// The update that the token started, whatever its result. The default.
    #[default]
    SameUpdate,
    /// `ResourceInUseException`.
    ResourceInUse,
    /// The token is ignored: another update starts if the node group can be updated.
    NewUpdate,
}

/// The answer of `UpdateNodegroupVersion` if the node group already runs the requested release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AlreadyAtTarget {
    /// An update that is `Successful` at once and changes nothing. The default.
    #[default]
    Update,
    /// `InvalidParameterException`.
    Error,
}

/// The answer of `UpdateNodegroupVersion` to an older release of the same Kubernetes version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Downgrade {
    /// An update that downgrades the node group, as users have seen since 2021. The default.
    #[default]
    Accepted,
    /// `InvalidParameterException`, as the 2020 API did.
    Refused,
}

/// The answer of `UpdateNodegroupVersion` for a `DEGRADED` node group whose health issues are all of the documented tolerated
/// kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DegradedUpdate {
    /// An update. The default.
    #[default]
    Accepted,
    /// `ResourceInUseException`, because the node group is not `ACTIVE`.
    InUse,
}

/// The behaviour of the world where AWS's behaviour is unknown or not fixed.
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
    /// The size of a page: the requested size, or less.
    pub(crate) fn page_size(&self, wanted: usize) -> usize {
        self.page_cap.map_or(wanted, |cap| cap.min(wanted)).max(1)
    }
}
