//! The notices of a record. Notices that only a newer version can read are kept for it.

use std::collections::BTreeMap;
use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Error, Value};

use crate::model::notice::{Notice, Sink};
use crate::model::unknown::{Unknown, Word};

/// The attribute with the sinks to which a notice was published already.
const PUBLISHED: &str = "published";

/// The pending notices. Those that this version knows are available as a slice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notices {
    known: Vec<Notice>,
    /// Notices that this version cannot read, such as those of newer kinds, as they were stored.
    unknown: Vec<Value>,
}

impl Notices {
    /// Whether there are none, known or unknown.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty() && self.unknown.is_empty()
    }

    /// The notices that are left to a newer version.
    #[must_use]
    pub fn unknown(&self) -> &[Value] {
        &self.unknown
    }

    /// Whether one of them is about the attempt with this number, including those that this version cannot read.
    #[must_use]
    pub fn are_about(&self, number: u32) -> bool {
        let is_about = |notice: &Value| attempt_of(notice) == Some(u64::from(number));
        self.known.iter().any(|notice| notice.kind.attempt().is_some_and(|attempt| attempt.number == number))
            || self.unknown.iter().any(is_about)
    }

    pub(in crate::model) fn push(&mut self, notice: Notice) {
        self.known.push(notice);
    }

    /// Removes the known notices that are not published anywhere.
    pub(in crate::model) fn retain(&mut self, is_wanted: impl Fn(&Notice) -> bool) {
        self.known.retain(is_wanted);
    }

    /// Marks a notice as published to a sink, or as not to be published there. A notice published everywhere is removed.
    pub(in crate::model) fn mark_published(&mut self, notice: &Notice, sinks: &[Sink]) {
        for marked in self.known.iter_mut().filter(|pending| pending.is(notice)) {
            marked.published.extend(sinks);
            marked.published.sort_unstable();
            marked.published.dedup();
        }
        self.known.retain(|pending| pending.published != Sink::ALL);
    }
}

impl Deref for Notices {
    type Target = [Notice];

    fn deref(&self) -> &[Notice] {
        &self.known
    }
}

impl<'de> Deserialize<'de> for Notices {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut notices = Self::default();
        for stored in Vec::<Value>::deserialize(deserializer)? {
            match read(&stored) {
                Ok(notice) => notices.known.push(notice),
                Err(_) => notices.unknown.push(stored),
            }
        }
        Ok(notices)
    }
}

impl Serialize for Notices {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let known = self.known.iter().map(|notice| Stored::Known(WithUnknown(notice)));
        serializer.collect_seq(known.chain(self.unknown.iter().map(Stored::Unknown)))
    }
}

/// A notice as it is stored.
#[derive(Serialize)]
#[serde(untagged)]
enum Stored<'a> {
    Known(WithUnknown<'a>),
    Unknown(&'a Value),
}

/// A notice, with the attributes that a newer version wrote.
struct WithUnknown<'a>(&'a Notice);

impl Serialize for WithUnknown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(notice) = self;
        if notice.original.is_empty() {
            return notice.serialize(serializer);
        }
        let mut stored: BTreeMap<&str, Value> =
            notice.original.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        let known = notice.published.iter().copied().map(Word::Known);
        let unknown = stored.get(PUBLISHED).into_iter().flat_map(sinks).filter(|sink| sink.known().is_none());
        let published: Vec<Word<Sink>> = known.chain(unknown).collect();
        if !published.is_empty() {
            stored.insert(PUBLISHED, serde_json::to_value(published).map_err(serde::ser::Error::custom)?);
        }
        stored.serialize(serializer)
    }
}

/// Reads a notice. Attributes that only a newer version can read are kept with it.
fn read(stored: &Value) -> Result<Notice, Error> {
    let mut readable = stored.clone();
    if let Some(published) = readable.get_mut(PUBLISHED).filter(|published| published.is_array()) {
        *published = sinks(published).filter(|sink| sink.known().is_some()).map(|sink| json(&sink)).collect();
    }
    let mut notice = Notice::deserialize(readable)?;
    if json(&notice) != *stored {
        notice.original = Unknown::from(BTreeMap::deserialize(stored)?);
    }
    Ok(notice)
}

/// The sinks to which a notice was published, including those that only a newer version knows.
fn sinks(published: &Value) -> impl Iterator<Item = Word<Sink>> {
    published.as_array().into_iter().flatten().filter_map(|sink| Word::deserialize(sink).ok())
}

fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// The number of the notice's attempt.
fn attempt_of(notice: &Value) -> Option<u64> {
    notice.get("kind")?.as_object()?.values().next()?.get("number")?.as_u64()
}
