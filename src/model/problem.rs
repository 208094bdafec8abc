//! Errors of single items of a run, while the rest of the run continues.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

use super::id::Subject;

/// Why something could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

/// An error of a run, and its subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What kind of error it is.
    pub code: ProblemCode,
    /// What it is about; `None` for the run itself.
    pub subject: Option<Subject>,
    /// What went wrong.
    pub error: String,
}

/// The kind of an error of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, strum::VariantArray)]
pub enum ProblemCode {
    /// AWS or the table could not be read.
    Unreadable,
    /// A record could not be written.
    NotRecorded,
    /// EKS refused a start, or it is unknown whether EKS accepted it.
    NotStarted,
    /// EKS refuses all starts because a permission is missing.
    AccessDenied,
    /// A message or an event could not be published.
    NotPublished,
    /// The event requests something that cannot be done.
    InvalidRequest,
    /// Work is left to the next run, because the time was over.
    LeftOver,
    /// A kind that only a newer version knows.
    #[serde(other)]
    Unknown,
}

/// An error in an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorLine {
    /// What it is about, such as `prod/blue`; absent for the run itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// What kind of error it is.
    pub code: ProblemCode,
    /// What went wrong.
    pub message: String,
}

impl Problem {
    /// An error about one node group, the fleet, or an entry that is neither.
    #[must_use]
    pub fn with(code: ProblemCode, subject: impl Into<Subject>, error: impl ToString) -> Self {
        Self { code, subject: Some(subject.into()), error: error.to_string() }
    }

    /// An error about the run itself.
    #[must_use]
    pub fn of_run(code: ProblemCode, error: impl Into<String>) -> Self {
        Self { code, subject: None, error: error.into() }
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

impl From<&Problem> for ErrorLine {
    fn from(problem: &Problem) -> Self {
        let Problem { code, subject, error } = problem;
        Self { subject: subject.as_ref().map(ToString::to_string), code: *code, message: error.clone() }
    }
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ErrorLine::from(self).serialize(serializer)
    }
}

impl fmt::Display for ErrorLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.subject {
            Some(subject) => write!(f, "{subject}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// Why the update history of a node group is unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadHistory {
    /// How many updates could be read.
    pub read: usize,
    /// The number of updates, if EKS listed them.
    pub listed: Option<usize>,
    /// The first error.
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
