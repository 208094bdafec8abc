//! The regions of the account.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Whether a region is enabled for an account, in the words of
/// [AWS's `Region`](https://docs.aws.amazon.com/accounts/latest/reference/API_Region.html).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RegionOptStatus {
    /// It was opted in.
    Enabled,
    /// It is being enabled.
    Enabling,
    /// It is being disabled.
    Disabling,
    /// It was never opted in, or opted out again.
    Disabled,
    /// It needs no opt-in.
    EnabledByDefault,
}

/// The regions of an account, by name.
pub(crate) type Regions = BTreeMap<String, RegionOptStatus>;
