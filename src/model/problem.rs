//! What went wrong with one item of a run, while the rest of the run goes on.

use std::fmt;

use serde::{Serialize, Serializer};

use super::subject::Subject;

/// Something could not be read, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

/// An error of a run, and what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What it is about; `None` for the run itself.
    pub subject: Option<Subject>,
    /// What went wrong.
    pub error: String,
}

impl Problem {
    /// An error with one node group, with the fleet, or with an entry that is neither.
    #[must_use]
    pub fn with(subject: impl Into<Subject>, error: impl ToString) -> Self {
        Self { subject: Some(subject.into()), error: error.to_string() }
    }

    /// An error of the run itself.
    #[must_use]
    pub fn of_run(error: impl Into<String>) -> Self {
        Self { subject: None, error: error.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.subject {
            Some(subject) => write!(f, "{subject}: {}", self.error),
            None => f.write_str(&self.error),
        }
    }
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Why the update history of a node group is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadHistory {
    /// How many updates could be read.
    pub read: usize,
    /// Of how many, where EKS listed them.
    pub listed: Option<usize>,
    /// What went wrong first.
    pub error: String,
}

impl fmt::Display for UnreadHistory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { read, listed, error } = self;
        match listed {
            Some(listed) => write!(f, "{read} of its {listed} earlier updates could be read: {error}"),
            None => write!(f, "its earlier updates could not be listed: {error}"),
        }
    }
}
