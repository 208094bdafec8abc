//! Reads a record: the attributes of its frame, and the rest as its content.
//!
//! serde's own `flatten` would buffer the whole content, which costs time, and lose the path to an error in it.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, IntoDeserializer as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Content, Kind, Notices, Record, Revision, SchemaVersion};

/// The part of the frame that was read so far.
struct Frame<C: Content> {
    id: Option<C::Id>,
    kind: Option<KindOf<C>>,
    schema_version: Option<SchemaVersion>,
    revision: Option<Revision>,
    notices: Option<Notices>,
    expires_at: Option<i64>,
}

/// Checks that an item is of the expected kind.
struct KindOf<C>(PhantomData<C>);

/// The attributes of an item that do not belong to its frame. Frame attributes are extracted on the way.
struct Others<'a, M, C: Content> {
    attributes: M,
    frame: &'a mut Frame<C>,
}

struct RecordVisitor<C>(PhantomData<C>);

impl<'de, C: Content> Deserialize<'de> for Record<C> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RecordVisitor(PhantomData))
    }
}

impl<'de, C: Content> Visitor<'de> for RecordVisitor<C> {
    type Value = Record<C>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a record of the kind {}", C::KIND)
    }

    fn visit_map<M: MapAccess<'de>>(self, attributes: M) -> Result<Record<C>, M::Error> {
        let mut frame: Frame<C> =
            Frame { id: None, kind: None, schema_version: None, revision: None, notices: None, expires_at: None };
        let content = C::deserialize(MapAccessDeserializer::new(Others { attributes, frame: &mut frame }))?;
        let missing = M::Error::missing_field;
        frame.kind.ok_or_else(|| missing("kind"))?;
        frame.schema_version.ok_or_else(|| missing("schemaVersion"))?;
        Ok(Record {
            id: frame.id.ok_or_else(|| missing("itemKey"))?,
            revision: frame.revision.ok_or_else(|| missing("revision"))?,
            notices: frame.notices.unwrap_or_default(),
            expires_at: frame.expires_at,
            content,
        })
    }
}

impl<'de, M: MapAccess<'de>, C: Content> MapAccess<'de> for Others<'_, M, C> {
    type Error = M::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, M::Error> {
        while let Some(attribute) = self.attributes.next_key::<String>()? {
            match attribute.as_str() {
                "itemKey" => self.frame.id = Some(self.attributes.next_value()?),
                "kind" => self.frame.kind = Some(self.attributes.next_value()?),
                "schemaVersion" => self.frame.schema_version = Some(self.attributes.next_value()?),
                "revision" => self.frame.revision = Some(self.attributes.next_value()?),
                "pendingNotices" => self.frame.notices = Some(self.attributes.next_value()?),
                "expiresAt" => self.frame.expires_at = Some(self.attributes.next_value()?),
                // The keys of the indexes follow from the rest.
                "pending" | "optedIn" => drop(self.attributes.next_value::<IgnoredAny>()?),
                _ => return seed.deserialize(attribute.into_deserializer()).map(Some),
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, M::Error> {
        self.attributes.next_value_seed(seed)
    }
}

impl<'de, C: Content> Deserialize<'de> for KindOf<C> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let kind = Kind::deserialize(deserializer)?;
        if kind == C::KIND {
            return Ok(Self(PhantomData));
        }
        Err(D::Error::custom(format!("{kind} in place of {}", C::KIND)))
    }
}
