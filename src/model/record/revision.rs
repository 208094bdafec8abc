//! The writes of an item, counted.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::problem::Unreadable;

/// Counts the writes of an item and names the run that wrote it. Every write is conditional on the revision it read, and on
/// its writer: if a refused write were ever taken as done, the next write would still detect the conflict.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Revision {
    /// How often the item was written; zero for one that is not in the table yet.
    pub number: u64,
    /// The run that wrote it.
    pub writer: String,
}

/// A text that is not a revision such as `3/8f1d6a52`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a revision such as 3/8f1d6a52")]
pub struct InvalidRevision(String);

impl Revision {
    /// Whether there can be a next one.
    ///
    /// # Errors
    /// When it counts more writes than there can be.
    pub fn validate(&self) -> Result<(), Unreadable> {
        let number = self.number;
        let sane = number <= u64::MAX / 2;
        sane.then_some(()).ok_or_else(|| Unreadable(format!("it counts {number} writes, more than there can be")))
    }
}

impl TryFrom<String> for Revision {
    type Error = InvalidRevision;

    fn try_from(text: String) -> Result<Self, InvalidRevision> {
        let parsed = text
            .split_once('/')
            .and_then(|(number, writer)| Some(Self { number: number.parse().ok()?, writer: writer.to_owned() }));
        parsed.ok_or(InvalidRevision(text))
    }
}

impl From<Revision> for String {
    fn from(revision: Revision) -> Self {
        revision.to_string()
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.writer)
    }
}
