//! A record as an item of the table.
//!
//! Attributes that this version does not know are read and written as JSON. DynamoDB has types that JSON lacks, and numbers
//! that do not fit into a Rust number: those are marked when they are read, so that they are written back unchanged.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;

use crate::model::problem::Unreadable;
use crate::model::record::{Content, Record};

/// An item of the table.
pub type Item = HashMap<String, AttributeValue>;

/// The prefix of the attribute that marks a type which JSON lacks. No attribute of the updater starts with it.
const MARK: &str = "\u{1}";

/// Reads a record.
///
/// # Errors
/// When it is malformed, with the path.
pub fn read<C: Content>(item: Item) -> Result<Record<C>, Unreadable> {
    let malformed = |error: &str| Unreadable(format!("its record in the table is malformed: {error}"));
    let mut item = AttributeValue::M(item);
    // On any other, `serde_dynamo` panics.
    mark(&mut item).ok_or_else(|| malformed("it has an attribute of an unknown type"))?;
    // With the path to the malformed attribute, which the error itself does not have.
    let item = serde_dynamo::Deserializer::from_attribute_value(item.into());
    let record: Record<C> = serde_path_to_error::deserialize(item).map_err(|error| malformed(&error.to_string()))?;
    record.validate().map_err(|error| malformed(&error.to_string()))?;
    Ok(record)
}

/// The item of a record.
///
/// # Errors
/// Never for a record that this version made or read.
pub fn write<C: Content>(record: &Record<C>) -> Result<Item, String> {
    let mut item: Item = serde_dynamo::to_item(record).map_err(|error| error.to_string())?;
    item.values_mut().for_each(unmark);
    Ok(item)
}

/// Marks values that JSON cannot represent. `None` if a value has a type that the SDK does not know.
fn mark(value: &mut AttributeValue) -> Option<()> {
    let (kind, texts) = match value {
        AttributeValue::M(attributes) => return attributes.values_mut().try_for_each(mark),
        AttributeValue::L(values) => return values.iter_mut().try_for_each(mark),
        AttributeValue::S(_) | AttributeValue::Bool(_) | AttributeValue::Null(_) => return Some(()),
        AttributeValue::N(number) if is_exact(number) => return Some(()),
        AttributeValue::N(number) => ("N", vec![std::mem::take(number)]),
        AttributeValue::Ns(numbers) => ("NS", std::mem::take(numbers)),
        AttributeValue::Ss(texts) => ("SS", std::mem::take(texts)),
        AttributeValue::B(bytes) => ("B", vec![text_of(bytes)]),
        AttributeValue::Bs(all) => ("BS", all.iter().map(text_of).collect()),
        _ => return None,
    };
    let texts = texts.into_iter().map(AttributeValue::S).collect();
    *value = AttributeValue::M(HashMap::from([(format!("{MARK}{kind}"), AttributeValue::L(texts))]));
    Some(())
}

/// Removes the marks.
fn unmark(value: &mut AttributeValue) {
    match value {
        AttributeValue::M(attributes) => match marked(attributes) {
            Some(unmarked) => *value = unmarked,
            None => attributes.values_mut().for_each(unmark),
        },
        AttributeValue::L(values) => values.iter_mut().for_each(unmark),
        _ => {}
    }
}

fn marked(attributes: &Item) -> Option<AttributeValue> {
    let (name, texts) = attributes.iter().next().filter(|_| attributes.len() == 1)?;
    let kind = name.strip_prefix(MARK)?;
    let texts = texts.as_l().ok()?.iter().map(|text| text.as_s().ok().cloned());
    let mut texts = texts.collect::<Option<Vec<String>>>()?;
    match kind {
        "N" => texts.pop().map(AttributeValue::N),
        "NS" => Some(AttributeValue::Ns(texts)),
        "SS" => Some(AttributeValue::Ss(texts)),
        "B" => texts.pop().map(|text| AttributeValue::B(bytes_of(&text))),
        "BS" => Some(AttributeValue::Bs(texts.iter().map(|text| bytes_of(text)).collect())),
        _ => None,
    }
}

/// Whether a number survives being read and written.
fn is_exact(number: &str) -> bool {
    let is_same = |read: Option<String>| read.as_deref() == Some(number);
    is_same(number.parse::<i64>().ok().map(|it| it.to_string()))
        || is_same(number.parse::<u64>().ok().map(|it| it.to_string()))
        || is_same(number.parse::<f64>().ok().filter(|it| it.is_finite()).map(|it| it.to_string()))
}

/// Bytes as a text with one character per byte.
fn text_of(bytes: &Blob) -> String {
    bytes.as_ref().iter().copied().map(char::from).collect()
}

fn bytes_of(text: &str) -> Blob {
    Blob::new(text.chars().filter_map(|character| u8::try_from(character).ok()).collect::<Vec<u8>>())
}
