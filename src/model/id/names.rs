//! Lists of node groups, which can be long.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::id::NodegroupName;
use crate::model::unknown::Unknown;

/// Names that a list keeps; the others are counted.
const NAMES: usize = 20;

/// The first names of a possibly long list, and how many there are.
///
/// ```
/// use eks_nodegroup_updater::model::id::names::Names;
/// use eks_nodegroup_updater::model::id::NodegroupName;
///
/// let names = (1..=22).map(|number| format!("prod/workers-{number}").parse::<NodegroupName>());
/// let names: Names = names.collect::<Result<Vec<_>, _>>()?.into();
/// assert_eq!(names.count, 22);
/// assert!(names.to_string().ends_with("prod/workers-20 and 2 more"));
/// # Ok::<(), eks_nodegroup_updater::model::id::InvalidName>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Names {
    /// The first twenty.
    pub names: Vec<NodegroupName>,
    /// How many there are.
    pub count: usize,
    /// Attributes that only a newer version knows.
    #[serde(flatten)]
    pub unknown: Unknown,
}

impl Names {
    /// The first of these names, out of this total.
    #[must_use]
    pub fn some_of(mut names: Vec<NodegroupName>, count: usize) -> Self {
        names.truncate(NAMES);
        Self { names, count, unknown: Unknown::default() }
    }
}

impl From<Vec<NodegroupName>> for Names {
    fn from(names: Vec<NodegroupName>) -> Self {
        let count = names.len();
        Self::some_of(names, count)
    }
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.names.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{name}")?;
        }
        let more = self.count.saturating_sub(self.names.len());
        if more > 0 { write!(f, " and {more} more") } else { Ok(()) }
    }
}
