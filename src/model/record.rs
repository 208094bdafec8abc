//! What every item of the table has.

use std::fmt;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::notice::{Notice, Sink};
use super::problem::Unreadable;

/// The value of `pending` and `optedIn`, the keys of the sparse indexes.
pub const YES: &str = "yes";

/// An item of the table.
pub trait Record: Clone + PartialEq + Serialize + DeserializeOwned {
    /// Its key, the attribute `itemKey`.
    fn key(&self) -> &str;

    /// The revision that was read.
    fn revision(&self) -> &Revision;

    /// Whether it can be relied upon and counted on.
    ///
    /// # Errors
    /// When it counts more than there can be: it would have no next number.
    fn validate(&self) -> Result<(), Unreadable>;

    /// Makes it the next revision, and sets what follows from the rest: index keys, expiry, and what must be shed to fit.
    fn prepare(&mut self, revision: Revision, now: Timestamp);

    /// What has to be published.
    fn pending_notices(&self) -> &[Notice];

    /// What has to be published, to be changed.
    fn pending_notices_mut(&mut self) -> &mut Vec<Notice>;

    /// A notice was published there, or is not to be. One that was published everywhere is forgotten.
    fn mark_published(&mut self, notice: &Notice, sinks: &[Sink]) {
        let pending = self.pending_notices_mut();
        for marked in pending.iter_mut().filter(|pending| pending.is(notice)) {
            marked.published.extend(sinks);
            marked.published.sort_unstable();
            marked.published.dedup();
        }
        pending.retain(|pending| pending.published != Sink::ALL);
    }
}

/// Counts the writes of an item and names the run that wrote it. Every write is conditional on the revision it read, and on
/// its writer: should a refused write ever pass for done, the next one still meets what is really there.
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

/// The version of the items' schema. An item of another version cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct SchemaVersion;

const SCHEMA_VERSION: u32 = 1;

/// A schema version that this version of the updater does not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it has schema version {0}, but this version of the updater reads {SCHEMA_VERSION}")]
pub struct UnknownSchemaVersion(u32);

impl TryFrom<u32> for SchemaVersion {
    type Error = UnknownSchemaVersion;

    fn try_from(version: u32) -> Result<Self, UnknownSchemaVersion> {
        if version == SCHEMA_VERSION { Ok(Self) } else { Err(UnknownSchemaVersion(version)) }
    }
}

impl From<SchemaVersion> for u32 {
    fn from(_: SchemaVersion) -> Self {
        SCHEMA_VERSION
    }
}
