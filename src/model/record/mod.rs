//! What every item of the table has: a frame around its content.

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
    /// What the record is of: the table's key.
    pub id: C::Id,
    /// The write that was read.
    pub revision: Revision,
    /// What has to be published.
    pub(in crate::model) notices: Notices,
    /// When DynamoDB may delete the item, in seconds since 1970; absent while it holds what must not be forgotten.
    pub expires_at: Option<i64>,
    pub(in crate::model) content: C,
}

/// What an item holds beside its frame.
pub trait Content: Clone + Debug + Default + PartialEq + Serialize + DeserializeOwned {
    /// What identifies the item.
    type Id: Clone + Debug + PartialEq + Serialize + DeserializeOwned;

    /// The kind of item.
    const KIND: Kind;

    /// The key of an item, the attribute `itemKey`.
    fn key(id: &Self::Id) -> &str;

    /// Whether it can be relied upon.
    ///
    /// # Errors
    /// When it cannot, and why.
    fn validate(&self, id: &Self::Id) -> Result<(), Unreadable>;

    /// Whether it waits for something of AWS that `check` has to look at.
    fn is_open(&self) -> bool {
        false
    }

    /// Whether its node group has opted in.
    fn is_opted_in(&self) -> bool {
        false
    }

    /// How long it is kept when nothing of it is pending; `None` where it must not be forgotten.
    fn keep_for(&self) -> Option<SignedDuration> {
        None
    }

    /// Forgets what is no longer needed, beside these notices.
    fn trim(&mut self, notices: &Notices);

    /// Drops the detail that is needed least, where the item is too large. Answers whether there was any.
    fn shed(&mut self) -> bool {
        false
    }
}

/// The kinds of items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
pub enum Kind {
    /// What is known of one node group.
    Nodegroup,
    /// What is known of one release track.
    Track,
    /// What is known of an installation as a whole.
    Fleet,
}

/// Who writes records: the run, and which notices anybody wants. A notice that nobody wants is not kept.
#[derive(Clone, Copy, Debug)]
pub struct Writer<'a> {
    /// The run's id.
    pub id: &'a str,
    /// Which notices are published where.
    pub sinks: &'a Sinks,
}

impl<C: Content> Record<C> {
    /// The record of something of which nothing is known yet.
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

    /// Whether it can be relied upon and counted on.
    ///
    /// # Errors
    /// When it counts more than there can be: it would have no next number.
    pub fn validate(&self) -> Result<(), Unreadable> {
        self.content.validate(&self.id)?;
        self.revision.validate()
    }

    /// Makes it the next revision, forgets what nobody needs, and sets when it may be deleted.
    pub fn prepare(&mut self, writer: Writer<'_>, now: Timestamp) {
        self.revision = Revision { number: self.revision.number + 1, writer: writer.id.to_owned() };
        self.notices.retain(|notice| !writer.sinks.left(notice).is_empty());
        self.content.trim(&self.notices);
        let keep_for = self.content.keep_for().filter(|_| !self.is_pending());
        let end = |keep_for| now.saturating_add(keep_for).unwrap_or(Timestamp::MAX).as_second();
        self.expires_at = keep_for.map(end);
        while self.bytes() > RECORD_BYTES && self.content.shed() {}
    }

    /// About how many bytes it takes in the table.
    #[must_use]
    pub fn bytes(&self) -> usize {
        serde_json::to_vec(self).map_or(0, |item| item.len())
    }

    /// What has to be published, as far as this version knows it.
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

    /// A notice was published there, or is not to be. One that was published everywhere is forgotten.
    pub fn mark_published(&mut self, notice: &Notice, sinks: &[Sink]) {
        self.notices.mark_published(notice, sinks);
    }

    /// Something happened that must be published.
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

/// The version of the items' schema. An item of another version cannot be read. It stays as it is while attributes, words and
/// notices are only added, since those are kept by a version that does not know them.
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
