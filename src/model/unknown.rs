//! Data that a newer version wrote and this version does not know: it is kept and written back.

use std::collections::BTreeMap;

use serde::de::{DeserializeOwned, IntoDeserializer, value};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// The attributes of a stored value that this version does not know. They are kept as long as the value.
///
/// Two values that differ only in these attributes are equal to this version, so it does not replace one with the other.
#[derive(Clone, Debug, Default)]
#[expect(clippy::box_collection, reason = "a record has dozens, nearly all empty: each is a pointer")]
pub struct Unknown(Option<Box<BTreeMap<String, Value>>>);

/// A word of a closed set in a record. A newer version might know more words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Word<T> {
    /// A word that this version knows.
    Known(T),
    /// A word that it does not know.
    Unknown(String),
}

impl Unknown {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The attributes and their values.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.0.iter().flat_map(|attributes| attributes.iter())
    }
}

impl From<BTreeMap<String, Value>> for Unknown {
    fn from(attributes: BTreeMap<String, Value>) -> Self {
        Self((!attributes.is_empty()).then(|| Box::new(attributes)))
    }
}

impl PartialEq for Unknown {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Unknown {}

impl<'de> Deserialize<'de> for Unknown {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        BTreeMap::deserialize(deserializer).map(Self::from)
    }
}

impl Serialize for Unknown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<T> Word<T> {
    /// The word, if this version knows it.
    #[must_use]
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(word) => Some(word),
            Self::Unknown(_) => None,
        }
    }
}

impl<T: Copy + Into<&'static str>> Word<T> {
    /// The word as it is stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Known(word) => (*word).into(),
            Self::Unknown(word) => word,
        }
    }
}

impl<T> From<T> for Word<T> {
    fn from(word: T) -> Self {
        Self::Known(word)
    }
}

impl<T: Default> Default for Word<T> {
    fn default() -> Self {
        Self::Known(T::default())
    }
}

impl<T: PartialEq> PartialEq<T> for Word<T> {
    fn eq(&self, other: &T) -> bool {
        self.known() == Some(other)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        let known = T::deserialize(IntoDeserializer::<value::Error>::into_deserializer(word.as_str()));
        Ok(known.map_or(Self::Unknown(word), Self::Known))
    }
}
