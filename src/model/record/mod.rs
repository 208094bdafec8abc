//! The common frame of every item of the table, around its content.

pub mod fleet;
pub mod nodegroup;
mod reading;
mod revision;
pub mod set;
pub mod track;

use std::fmt::Debug;
use std::ops::{Deref, DerefMut};

use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};

pub use self::revision::{InvalidRevision, Revision};
use super::notice::pending::Notices;
use super::notice::{Notice, NoticeKind, Sink, Sinks};
use super::problem::Unreadable;

/// The value of `pending` and `optedIn`, the keys of the sparse indexes.
pub const YES: &str = "yes";
/// The largest record. DynamoDB takes items of 400 KB and counts a little differently.
const RECORD_BYTES: usize = 300 * 1024;

/// An item of the table, always written whole: the frame that every item has, and its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<C: Content> {
    /// The subject of the record: the table's key.
    pub id: C::Id,
    /// The revision that was read.
    pub revision: Revision,
    /// The pending notices.
    pub(in crate::model) notices: Notices,
    /// When DynamoDB may delete the item, in seconds since 1970; absent while the item must be kept.
    pub expires_at: Option<i64>,
    pub(in crate::model) content: C,
}

/// The content of an item, inside its frame.
pub trait Content: Clone + Debug + Default + PartialEq + Serialize + DeserializeOwned {
    /// The item's identifier.
    type Id: Clone + Debug + PartialEq + Serialize + DeserializeOwned;

    /// The kind of item.
    const KIND: Kind;

    /// The key of an item, the attribute `itemKey`.
    fn key(id: &Self::Id) -> &str;

    /// Whether it is valid.
    ///
    /// # Errors
    /// When it is invalid, and why.
    fn validate(&self, id: &Self::Id) -> Result<(), Unreadable>;

    /// Whether `check` has to look at it, because it waits for AWS.
    fn is_open(&self) -> bool {
        false
    }

    /// Whether its node group has opted in.
    fn is_opted_in(&self) -> bool {
        false
    }

    /// How long it is kept while nothing is pending; `None` if it must be kept.
    fn keep_for(&self) -> Option<SignedDuration> {
        None
    }

    /// Removes data that is no longer needed, except data that these notices need.
    fn trim(&mut self, notices: &Notices);

    /// Drops the least important detail, if the item is too large. Returns whether there was any.
    fn drop_details(&mut self) -> bool {
        false
    }
}

/// The kinds of items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
pub enum Kind {
    /// The state of one node group.
    Nodegroup,
    /// The state of one release track.
    Track,
    /// The state of an installation as a whole.
    Fleet,
}

/// The writer of records: the run, and which notices are published where. A notice that is published nowhere is not kept.
#[derive(Clone, Copy, Debug)]
pub struct Writer<'a> {
    /// The run's id.
    pub id: &'a str,
    /// Which notices are published where.
    pub sinks: &'a Sinks,
}

impl<C: Content> Record<C> {
    /// A new record, without any state.
    #[must_use]
    pub fn new(id: &C::Id) -> Self {
        Self::with(id.clone(), C::default())
    }

    /// The first record with this content.
    pub(in crate::model) fn with(id: C::Id, content: C) -> Self {
        Self { id, revision: Revision::default(), notices: Notices::default(), expires_at: None, content }
    }

    /// Its key, the attribute `itemKey`.
    #[must_use]
    pub fn key(&self) -> &str {
        C::key(&self.id)
    }

    /// Whether it is valid, and its counters can still count.
    ///
    /// # Errors
    /// When a counter has no next number.
    pub fn validate(&self) -> Result<(), Unreadable> {
        self.content.validate(&self.id)?;
        self.revision.validate()
    }

    /// Makes it the next revision, removes data that is no longer needed, and sets when it may be deleted.
    pub fn prepare(&mut self, writer: Writer<'_>, now: Timestamp) {
        self.revision = Revision { number: self.revision.number + 1, writer: writer.id.to_owned() };
        self.notices.retain(|notice| !writer.sinks.left(notice).is_empty());
        self.content.trim(&self.notices);
        let keep_for = self.content.keep_for().filter(|_| !self.is_pending());
        let end = |keep_for| now.saturating_add(keep_for).unwrap_or(Timestamp::MAX).as_second();
        self.expires_at = keep_for.map(end);
        while self.bytes() > RECORD_BYTES && self.content.drop_details() {}
    }

    /// Its approximate size in the table, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        serde_json::to_vec(self).map_or(0, |item| item.len())
    }

    /// The pending notices that this version knows.
    #[must_use]
    pub fn pending_notices(&self) -> &[Notice] {
        &self.notices
    }

    /// How many notices are pending that only a newer version knows and publishes.
    #[must_use]
    pub fn unknown_notices(&self) -> usize {
        self.notices.unknown().len()
    }

    /// Whether `check` has to look at it.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.content.is_open() || !self.notices.is_empty()
    }

    /// Marks a notice as published to a sink, or as not to be published there. A notice published everywhere is removed.
    pub fn mark_published(&mut self, notice: &Notice, sinks: &[Sink]) {
        self.notices.mark_published(notice, sinks);
    }

    /// Adds a notice to publish.
    pub fn notify(&mut self, kind: impl Into<Option<NoticeKind>>, at: Timestamp) {
        if let Some(kind) = kind.into() {
            self.notices.push(Notice::new(kind, at));
        }
    }
}

impl<C: Content> Deref for Record<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.content
    }
}

impl<C: Content> DerefMut for Record<C> {
    fn deref_mut(&mut self) -> &mut C {
        &mut self.content
    }
}

/// A record as it is stored. The keys of the indexes follow from the rest.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Stored<'a, C: Content> {
    item_key: &'a C::Id,
    kind: Kind,
    schema_version: SchemaVersion,
    revision: &'a Revision,
    #[serde(skip_serializing_if = "Notices::is_empty")]
    pending_notices: &'a Notices,
    /// Present while an attempt is open or a notice pending: the key of the sparse index `pending-index`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pending: Option<&'static str>,
    /// Present once the node group had opted in when it was written: the key of the sparse index `opted-in-index`.
    #[serde(skip_serializing_if = "Option::is_none")]
    opted_in: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
    #[serde(flatten)]
    content: &'a C,
}

impl<C: Content> Serialize for Record<C> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let stored = Stored {
            item_key: &self.id,
            kind: C::KIND,
            schema_version: SchemaVersion,
            revision: &self.revision,
            pending_notices: &self.notices,
            pending: self.is_pending().then_some(YES),
            opted_in: self.content.is_opted_in().then_some(YES),
            expires_at: self.expires_at,
            content: &self.content,
        };
        stored.serialize(serializer)
    }
}

/// The schema version of items. An item of another version cannot be read. The version stays the same while attributes, words
/// and notices are only added, because older versions keep those.
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
