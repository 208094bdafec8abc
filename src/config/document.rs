//! The settings document: a JSON object with a string for each template parameter of `start`.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use crate::model::settings::setting::SettingRow;

/// The fields of a JSON object in order, including duplicates.
struct Fields(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// Reads the document: the values by parameter.
pub(super) fn parse(text: &str) -> Result<BTreeMap<&'static str, String>, String> {
    let Fields(fields) = serde_json::from_str(text).map_err(|error| format!("they are not a JSON object: {error}"))?;
    let mut values = BTreeMap::new();
    for (name, value) in fields {
        let known = SettingRow::all().find(|row| row.parameter == name && row.of.in_document());
        let row = known.ok_or_else(|| format!("this version accepts no setting {name:?} there"))?;
        let Value::String(value) = value else { return Err(format!("{name} is {value}; expected a string")) };
        if values.insert(row.parameter, value).is_some() {
            return Err(format!("{name} is set twice"));
        }
    }
    Ok(values)
}
