//! What programs of others read is what the schemas say.

use jsonschema::{Draft, Validator};
use serde_json::Value;

const CHAT_NOTIFICATION: &str = include_str!("../schemas/chat-notification.json");
const EVENT: &str = include_str!("../../events/published/schema.json");

/// The notification has the fields, types and lengths that chats show.
pub(crate) fn assert_is_chat_notification(notification: &Value) {
    assert_fits(&validator(Draft::Draft7, &read(CHAT_NOTIFICATION)), notification);
    // AWS does not say what it counts, so the larger number has to fit.
    let content = &notification["content"];
    for (text, limit) in [(&content["title"], 250), (&content["description"], 8_000)] {
        assert!(text.as_str().unwrap().encode_utf16().count() <= limit, "{text}");
    }
}

/// The event has the fields of the schema, and none that it does not name: whoever reads events is only told that there may be
/// more one day.
pub(crate) fn assert_is_event(event: &Value) {
    let mut schema = read(EVENT);
    let definitions = schema["definitions"].as_object_mut().unwrap();
    definitions.values_mut().for_each(close);
    assert_fits(&validator(Draft::Draft4, &schema), event);
}

/// Allows no further members.
fn close(schema: &mut Value) {
    let Some(members) = schema.as_object_mut() else { return };
    if let Some(properties) = members.get_mut("properties") {
        properties.as_object_mut().unwrap().values_mut().for_each(close);
        members.entry("additionalProperties").or_insert(false.into());
    }
    members.get_mut("items").into_iter().for_each(close);
}

fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn validator(draft: Draft, schema: &Value) -> Validator {
    jsonschema::options().with_draft(draft).build(schema).unwrap()
}

fn assert_fits(validator: &Validator, value: &Value) {
    let errors: Vec<String> =
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?} in {value:#}");
}
