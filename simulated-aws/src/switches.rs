use jiff::SignedDuration;

use crate::World;
use crate::world::State;

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
    /// An update that moves the node group back.
    Accepted,
    /// `InvalidParameterException`, as the 2020 API did. The default.
    #[default]
    Refused,
}

/// How the world behaves where AWS's behaviour is not known or not fixed.
#[derive(Default)]
pub(crate) struct Switches {
    pub(crate) token_replay: TokenReplay,
    pub(crate) already_at_target: AlreadyAtTarget,
    pub(crate) downgrade: Downgrade,
    pub(crate) ssm_ahead_of_eks: bool,
    pub(crate) sparse_tag_pages: bool,
    pub(crate) describe_lag: SignedDuration,
    page_size: Option<usize>,
}

impl Switches {
    /// The size of a page: what was asked for, or less.
    pub(crate) fn page_size(&self, wanted: usize) -> usize {
        self.page_size.map_or(wanted, |cap| cap.min(wanted)).max(1)
    }

    /// The cap that [`World::page_size`] set.
    pub(crate) fn page_cap(&self) -> Option<usize> {
        self.page_size
    }
}

impl World {
    /// Caps the page size of every list, so that a handful of items crosses pages. `BatchGetItem` answers at
    /// most this many keys, too, and hands the others back as `UnprocessedKeys`.
    pub fn page_size(&self, items: usize) {
        self.state().switches.page_size = Some(items.max(1));
    }

    /// Sets the answer to a repeated `clientRequestToken`.
    pub fn token_replay(&self, answer: TokenReplay) {
        self.state().switches.token_replay = answer;
    }

    /// Sets the answer to a request for what the node group already runs.
    pub fn already_at_target(&self, answer: AlreadyAtTarget) {
        self.state().switches.already_at_target = answer;
    }

    /// Sets the answer to a request for an older release of the same Kubernetes version.
    pub fn downgrade(&self, answer: Downgrade) {
        self.state().switches.downgrade = answer;
    }

    /// While on, [`World::publish_release`] writes the SSM parameters only, and EKS refuses the release as not
    /// valid. Switching it off makes EKS learn every release published meanwhile.
    pub fn ssm_ahead_of_eks(&self, ahead: bool) {
        let mut state = self.state();
        state.switches.ssm_ahead_of_eks = ahead;
        if !ahead {
            state.releases.values_mut().for_each(crate::releases::Releases::learn_withheld);
        }
    }

    /// While on, every page of `GetResources` is preceded by an empty one that carries a token, as the API
    /// reserves the right to do.
    pub fn sparse_tag_pages(&self, sparse: bool) {
        self.state().switches.sparse_tag_pages = sparse;
    }

    /// From now on `DescribeNodegroup` shows a node group as it was so long ago, as far back as this call.
    pub fn describe_lag(&self, lag: SignedDuration) {
        self.state().switches.describe_lag = lag;
    }
}

impl State {
    /// The effective page size for a list whose request asked for `wanted`.
    pub(crate) fn page_size(&self, wanted: usize) -> usize {
        self.switches.page_size(wanted)
    }
}
