//! As much of JSON Schema as the schema of `tests/schemas` uses. `tests/python/test_chat.py` has another's validator read the
//! same schema.

use serde_json::Value;

const SCHEMA: &str = include_str!("../schemas/chat-notification.json");

/// The notification has the fields, types and lengths of the schema.
pub(crate) fn assert_is_chat_notification(notification: &Value) {
    check(&serde_json::from_str(SCHEMA).unwrap(), notification, "notification");
}

fn check(schema: &Value, value: &Value, path: &str) {
    for (keyword, expected) in schema.as_object().unwrap() {
        let limit = || usize::try_from(expected.as_u64().unwrap()).unwrap();
        match keyword.as_str() {
            "$schema" | "title" | "description" => {}
            "const" => assert_eq!(value, expected, "{path}"),
            "type" => assert_eq!(expected, kind(value), "{path}: {value}"),
            "minLength" => assert!(value.as_str().unwrap().chars().count() >= limit(), "{path}: {value}"),
            // AWS does not say what it counts, so the larger number has to fit.
            "maxLength" => assert!(value.as_str().unwrap().encode_utf16().count() <= limit(), "{path}: {value}"),
            "minItems" => assert!(value.as_array().unwrap().len() >= limit(), "{path}: {value}"),
            "maxItems" => assert!(value.as_array().unwrap().len() <= limit(), "{path}: {value}"),
            "items" => value.as_array().unwrap().iter().for_each(|item| check(expected, item, path)),
            "required" => {
                for name in expected.as_array().unwrap() {
                    assert!(value.get(name.as_str().unwrap()).is_some(), "{path} has no {name}");
                }
            }
            "properties" => {
                for (name, member) in value.as_object().unwrap() {
                    if let Some(schema) = expected.get(name) {
                        check(schema, member, &format!("{path}.{name}"));
                    }
                }
            }
            "additionalProperties" => {
                let known = schema.get("properties");
                for (name, member) in value.as_object().unwrap() {
                    if known.is_some_and(|known| known.get(name).is_some()) {
                        continue;
                    }
                    assert_ne!(expected, &Value::Bool(false), "{path}.{name} is not documented");
                    check(expected, member, &format!("{path}.{name}"));
                }
            }
            _ => panic!("{keyword} is not understood"),
        }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
