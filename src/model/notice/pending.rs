//! The notices of a record. Those that only a newer version can read stay for it.

use std::collections::BTreeMap;
use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Error, Value};

use crate::model::notice::{Notice, Sink};
use crate::model::unknown::{Unknown, Word};

/// The attribute that says where a notice was published already.
const PUBLISHED: &str = "published";

/// What has to be published. What this version knows is a slice of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notices {
    known: Vec<Notice>,
    /// Those that this version cannot read, such as those of kinds that only a newer one knows, as they were stored.
    unknown: Vec<Value>,
}

impl Notices {
    /// Whether there are none, known or not.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty() && self.unknown.is_empty()
    }

    /// Those that are left to a newer version.
    #[must_use]
    pub fn unknown(&self) -> &[Value] {
        &self.unknown
    }

    /// Whether one of them is about the attempt with this number. Those that this version cannot read say so as others do.
    #[must_use]
    pub fn are_about(&self, number: u32) -> bool {
        let is_about = |notice: &Value| attempt_of(notice) == Some(u64::from(number));
        self.known.iter().any(|notice| notice.kind.attempt().is_some_and(|attempt| attempt.number == number))
            || self.unknown.iter().any(is_about)
    }

    pub(in crate::model) fn push(&mut self, notice: Notice) {
        self.known.push(notice);
    }

    /// Forgets those of the known that nobody wants.
    pub(in crate::model) fn retain(&mut self, is_wanted: impl Fn(&Notice) -> bool) {
        self.known.retain(is_wanted);
    }

    /// A notice was published there, or is not to be. One that was published everywhere is forgotten.
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

/// A notice, with what a newer version wrote into it.
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

/// Reads a notice. What only a newer version can read of it is kept beside it.
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

/// Where a notice was published, also where only a newer version publishes.
fn sinks(published: &Value) -> impl Iterator<Item = Word<Sink>> {
    published.as_array().into_iter().flatten().filter_map(|sink| Word::deserialize(sink).ok())
}

fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// The number of the attempt that a notice is about.
fn attempt_of(notice: &Value) -> Option<u64> {
    notice.get("kind")?.as_object()?.values().next()?.get("number")?.as_u64()
}
