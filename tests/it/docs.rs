//! What `docs/settings.md` says is what the template has. (Decisions and outcomes are compared where each is tested.)

use serde_json::Value;
use testing::{SETTINGS, template};

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
