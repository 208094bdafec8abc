//! Systems Manager's data: parameters and change calendars.

use std::collections::BTreeSet;

use jiff::Timestamp;

/// A parameter with all its versions, the first one first; there is always one.
#[derive(Default)]
pub(crate) struct Parameter {
    pub(crate) versions: Vec<(String, Timestamp)>,
}

impl Parameter {
    /// The versions that existed at a time.
    pub(crate) fn versions_at(&self, at: Timestamp) -> &[(String, Timestamp)] {
        &self.versions[..self.versions.partition_point(|(_, written)| *written <= at)]
    }
}

/// Paths of parameters.
#[derive(Default)]
pub(crate) struct Prefixes(BTreeSet<String>);

impl Prefixes {
    pub(crate) fn insert(&mut self, prefix: &str) {
        self.0.insert(prefix.trim_end_matches('/').to_owned());
    }

    /// The path under which a parameter lies.
    pub(crate) fn of(&self, name: &str) -> Option<&str> {
        let covers = |prefix: &&String| {
            name.strip_prefix(prefix.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.0.iter().find(covers).map(String::as_str)
    }
}

/// A change calendar.
#[derive(Default)]
pub(crate) struct Calendar {
    /// When it is closed: from an instant until just before another.
    pub(crate) closed: Vec<(Timestamp, Timestamp)>,
}
