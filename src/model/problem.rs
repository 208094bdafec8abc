//! What went wrong with one item of a run, while the rest of the run goes on.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

use super::id::Subject;

/// Something could not be read, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

/// An error of a run, and what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What kind of error it is.
    pub code: ProblemCode,
    /// What it is about; `None` for the run itself.
    pub subject: Option<Subject>,
    /// What went wrong.
    pub error: String,
}

/// What kind of error of a run it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, strum::VariantArray)]
pub enum ProblemCode {
    /// AWS or the table could not be read.
    Unreadable,
    /// A record could not be written.
    NotRecorded,
    /// EKS refused a start, or it is not known whether it accepted it.
    NotStarted,
    /// EKS refuses all starts because a permission is missing.
    AccessDenied,
    /// A message or an event could not be published.
    NotPublished,
    /// The event asks for what cannot be done.
    InvalidRequest,
    /// Work is left to the next run, since the time was over.
    LeftOver,
    /// One that a newer version knows.
    #[serde(other)]
    Unknown,
}

/// An error as an answer carries it.
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
    /// An error with one node group, with the fleet, or with an entry that is neither.
    #[must_use]
    pub fn with(code: ProblemCode, subject: impl Into<Subject>, error: impl ToString) -> Self {
        Self { code, subject: Some(subject.into()), error: error.to_string() }
    }

    /// An error of the run itself.
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
