//! Keys of tables and indexes.

use serde_json::Value;

use crate::wire::call::text;

/// The attribute names of a key schema, hash key first.
pub(super) fn key_names(owner: &Value) -> Vec<String> {
    let schema = owner.get("KeySchema").and_then(Value::as_array).into_iter().flatten();
    let mut names: Vec<(&str, &str)> =
        schema.filter_map(|element| Some((text(element, "KeyType")?, text(element, "AttributeName")?))).collect();
    names.sort_unstable();
    names.into_iter().map(|(_, name)| name.to_owned()).collect()
}

/// The named attributes of an item.
pub(super) fn only(item: &Value, names: &[String]) -> Value {
    let attributes = names.iter().filter_map(|name| Some((name.clone(), item.get(name)?.clone())));
    Value::Object(attributes.collect())
}
