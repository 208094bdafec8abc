//! Settings of a test where AWS's behaviour is unknown or not fixed.

use jiff::{SignedDuration, Timestamp};

use crate::state::quirks::{AlreadyAtTarget, DegradedUpdate, Downgrade, TokenReplay};
use crate::state::releases::Releases;
use crate::world::World;

impl World {
    /// Caps the page size of every list, so that a handful of items crosses pages. `BatchGetItem` answers at
    /// most this many keys, too, and hands the others back as `UnprocessedKeys`.
    pub fn page_size(&self, items: usize) {
        self.state().quirks.page_cap = Some(items.max(1));
    }

    /// Sets the answer to a repeated `clientRequestToken`.
    pub fn token_replay(&self, answer: TokenReplay) {
        self.state().quirks.token_replay = answer;
    }

    /// Sets the answer to a request for the current release.
    pub fn already_at_target(&self, answer: AlreadyAtTarget) {
        self.state().quirks.already_at_target = answer;
    }

    /// Sets the answer to a request for an older release of the same Kubernetes version.
    pub fn downgrade(&self, answer: Downgrade) {
        self.state().quirks.downgrade = answer;
    }

    /// Sets the answer to a request for a `DEGRADED` node group with none but tolerated health issues.
    pub fn degraded_update(&self, answer: DegradedUpdate) {
        self.state().quirks.degraded_update = answer;
    }

    /// While on, [`World::publish_release`] writes the SSM parameters only, and EKS refuses the release as not
    /// valid. Turning it off makes EKS accept every release published meanwhile.
    pub fn ssm_ahead_of_eks(&self, ahead: bool) {
        let mut state = self.state();
        state.quirks.ssm_ahead_of_eks = ahead;
        if !ahead {
            state.releases.values_mut().for_each(Releases::accept_withheld);
        }
    }

    /// While on, Parameter Store answers parameters without their `LastModifiedDate`.
    pub fn forget_parameter_dates(&self, forget: bool) {
        self.state().quirks.parameters_without_dates = forget;
    }

    /// While set, `GetParameters` answers every public parameter (`/aws/service/…`) as it was at this time, value and
    /// date both, as a late answer from a cache does.
    pub fn late_parameters(&self, as_of: Option<Timestamp>) {
        self.state().quirks.parameters_as_of = as_of;
    }

    /// While on, every page of `GetResources` is preceded by an empty one that carries a token, as the API
    /// reserves the right to do.
    pub fn sparse_tag_pages(&self, sparse: bool) {
        self.state().quirks.sparse_tag_pages = sparse;
    }

    /// From now on `DescribeNodegroup` shows a node group as it was this long ago, as far back as this call.
    pub fn describe_lag(&self, lag: SignedDuration) {
        self.state().quirks.describe_lag = lag;
    }
}
