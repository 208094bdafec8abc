//! JSON answers with a member missing.

use serde_json::Value;

/// Removes the member with this number, counted round; members deeper than `depth`, those named for a token and
/// single tags do not count.
pub(crate) fn remove(answer: &mut Value, depth: usize, number: usize) {
    let mut members = Vec::new();
    find(answer, "", depth, &mut members);
    let Some((parent, name)) = number.checked_rem(members.len()).map(|index| &members[index]) else { return };
    if let Some(parent) = answer.pointer_mut(parent).and_then(Value::as_object_mut) {
        parent.remove(name);
    }
}

/// All members in `value`: the JSON pointer to the object, and the name.
fn find(value: &Value, pointer: &str, depth: usize, members: &mut Vec<(String, String)>) {
    match value {
        Value::Object(object) if depth > 0 => {
            for (name, value) in object.iter().filter(|(name, _)| !name.to_lowercase().ends_with("token")) {
                members.push((pointer.to_owned(), name.clone()));
                let depth = if name == "tags" { 0 } else { depth - 1 };
                find(value, &format!("{pointer}/{name}"), depth, members);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                find(item, &format!("{pointer}/{index}"), depth, members);
            }
        }
        _ => {}
    }
}
