//! What a rule on the bus meets.

use std::collections::BTreeMap;
use std::path::PathBuf;

use eks_nodegroup_updater::model::notice::DetailType;
use eks_nodegroup_updater::model::record::set::AnyRecord;
use eks_nodegroup_updater::notify::{Event, SOURCE};
use serde_json::{Value, json};
use strum::VariantArray as _;
use testing::{assert_generated, retry_after, table};

use super::documentation;
use super::samples::noticed_records;
use crate::schema::assert_is_event;

/// An event as EventBridge delivers it.
fn delivered(event: &Event) -> Value {
    let detail: Value = serde_json::from_str(&event.detail).unwrap();
    json!({
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": event.detail_type,
        "source": SOURCE,
        "account": "123456789012",
        "time": format!("{:.0}", event.time),
        "region": "eu-central-1",
        "resources": event.resources,
        "detail": detail,
    })
}

/// The event of each kind of notice that has one.
fn events() -> Vec<(&'static str, Value)> {
    let event = |(kind, record): &(&'static str, AnyRecord)| {
        let event = Event::new(record.as_ref(), record.pending_notices().last().unwrap(), &retry_after())?;
        Some((*kind, delivered(&event)))
    };
    noticed_records().iter().filter_map(event).collect()
}

#[test]
fn every_event_is_what_the_schema_says() {
    for (_, event) in events() {
        assert_is_event(&event);
    }
}

#[test]
fn the_documentation_lists_every_detail_type() {
    let row = |detail_type: &DetailType| [format!("`{detail_type}`"), documentation(detail_type)];
    let rows = DetailType::VARIANTS.iter().map(row);
    assert_generated("events.md", "the detail types", &table(["detail type", "when"], rows));
}

#[test]
fn there_is_an_example_of_every_kind_of_event() {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/events/published"));
    let mut examples: BTreeMap<String, Value> = BTreeMap::new();
    for (_, event) in events() {
        let name = event["detail-type"].as_str().unwrap().to_lowercase().replace(' ', "-");
        examples.entry(name).or_insert(event);
    }
    for (name, event) in &examples {
        let text = format!("{}\n", serde_json::to_string_pretty(event).unwrap());
        let path = folder.join(format!("{name}.json"));
        if std::env::var_os("INSTA_UPDATE").is_some_and(|update| update == "always") {
            std::fs::write(&path, &text).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), text, "{}", path.display());
    }
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<String> = files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    files.retain(|name| name != "schema");
    files.sort();
    assert_eq!(files, examples.into_keys().collect::<Vec<_>>());
}

#[test]
fn no_event_wakes_start() {
    let types: Vec<Value> = events().iter().map(|(_, event)| event["detail-type"].clone()).collect();
    assert!(!types.contains(&json!("EKS AMI Release")), "{types:?}");
    assert!(types.len() >= 16, "{types:?}");
}
