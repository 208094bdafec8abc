//! What `docs/settings.md` says is what the template has, and `docs/ownership.md` has a section about each owner. (Decisions and
//! outcomes are compared where each is tested.)

use eks_nodegroup_updater::model::owner::Owner;
use serde_json::Value;
use strum::VariantArray as _;
use testing::{OWNERSHIP, SETTINGS, template};

#[test]
fn every_owner_has_a_section_at_the_place_that_messages_name() {
    let anchor = |heading: &str| heading.replace(' ', "-").replace('`', "").to_lowercase();
    let headings = OWNERSHIP.lines().filter_map(|line| line.strip_prefix("## "));
    let places: Vec<String> = headings.map(|heading| format!("docs/ownership.md#{}", anchor(heading))).collect();
    for owner in Owner::VARIANTS {
        assert!(places.iter().any(|place| place == owner.page()), "{owner:?}: {places:?}");
    }
}

#[test]
fn every_parameter_has_a_row_with_its_default() {
    let template = template();
    let parameters = template["Parameters"].as_object().unwrap();
    assert!(parameters.len() > 10, "{parameters:?}");
    for (name, parameter) in parameters {
        let row = SETTINGS.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        let cell = row.unwrap_or_else(|| panic!("no row for {name}")).split('|').nth(3).unwrap().trim();
        let expected = match &parameter["Default"] {
            Value::Null => "empty".to_owned(),
            Value::String(default) if default.is_empty() => "empty".to_owned(),
            Value::String(default) => format!("`{default}`"),
            default => format!("`{default}`"),
        };
        assert_eq!(cell, expected, "{name}");
    }
}

#[test]
fn every_environment_variable_that_a_function_gets_has_a_row() {
    let template = template();
    let functions = template["Resources"].as_object().unwrap().values();
    let of = |function: &Value| function.pointer("/Properties/Environment/Variables")?.as_object().cloned();
    let variables: Vec<String> = functions.filter_map(of).flatten().map(|(name, _)| name).collect();
    assert!(variables.len() > 5, "{variables:?}");
    for variable in variables {
        assert!(SETTINGS.contains(&format!("`{variable}`")), "{variable}");
    }
}
