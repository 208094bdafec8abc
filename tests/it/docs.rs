//! The tables of `docs/rules.md` and `docs/settings.md` are those of the code and the template, and `docs/ownership.md` has a
//! section about each owner. (Decisions and outcomes are compared where each is tested.)

use std::collections::BTreeMap;

use eks_nodegroup_updater::model::nodegroup::owner::Owner;
use eks_nodegroup_updater::model::rules::{RuleName, RuleRow};
use eks_nodegroup_updater::model::settings::setting::{Of, SettingRow};
use serde_json::{Value, json};
use strum::VariantArray as _;
use testing::{OWNERSHIP, SETTINGS, assert_generated, assert_written, table, template};

#[test]
fn every_owner_has_a_section_at_the_place_that_messages_name() {
    let anchor = |heading: &str| heading.replace(' ', "-").replace('`', "").to_lowercase();
    let headings = OWNERSHIP.lines().filter_map(|line| line.strip_prefix("## "));
    let places: Vec<String> = headings.map(|heading| format!("docs/ownership.md#{}", anchor(heading))).collect();
    for owner in Owner::VARIANTS {
        assert!(places.iter().any(|place| place == owner.page()), "{owner:?}: {places:?}");
    }
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn value(text: &str) -> String {
    if text.is_empty() { "empty".to_owned() } else { code(text) }
}

/// A parameter of the template.
struct Parameter {
    name: String,
    default: String,
    description: String,
}

/// The template's parameters, in the order of their groups.
fn parameters() -> Vec<Parameter> {
    let template = template();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"].as_array().unwrap();
    let names = groups.iter().flat_map(|group| group["Parameters"].as_array().unwrap());
    let parameters = names.map(text).map(|name| {
        let parameter = &template["Parameters"][&name];
        Parameter { default: text(&parameter["Default"]), description: text(&parameter["Description"]), name }
    });
    parameters.collect()
}

#[test]
fn the_rules_are_documented_by_their_rows() {
    let row = |rule: &RuleName| {
        let RuleRow { name, setting, examples, about, .. } = rule.row();
        let examples: Vec<String> = examples.iter().map(|example| code(example)).collect();
        let default = setting.map(|setting| format!("`{}`: {}", setting.parameter, value(setting.value)));
        [code(&format!("ami-update/{name}")), examples.join(", "), default.unwrap_or_default(), about.to_owned()]
    };
    let rules = table(["tag", "example", "without the tag", "meaning"], RuleName::VARIANTS.iter().map(row));
    assert_generated("rules.md", "the rules", &rules);
}

#[test]
fn the_settings_are_documented_by_their_rows_and_the_template() {
    let rows: BTreeMap<&str, SettingRow> = SettingRow::all().map(|row| (row.parameter, row)).collect();
    let parameter = |Parameter { name, default, description }: Parameter| {
        let row = rows.get(name.as_str());
        let about = row.map_or(description, |row| match row.rule {
            Some(rule) => format!("Without the tag `ami-update/{}`: {}", rule.name(), row.about),
            None => row.about.to_owned(),
        });
        let given = row.map_or("", |row| match row.of {
            Of::Start => "document",
            Of::Check => "variable of `check`",
            Of::Both => "document, and variable of `check`",
            Of::Environment => "variable of both",
        });
        let variable = row.map(|row| code(row.variable)).unwrap_or_default();
        [code(&name), variable, given.to_owned(), value(&default), about]
    };
    let settings =
        table(["parameter", "variable", "given as", "default", "meaning"], parameters().into_iter().map(parameter));
    assert_generated("settings.md", "the settings", &settings);
}

#[test]
fn the_schema_of_the_document_is_that_of_its_rows() {
    let field = |row: SettingRow| {
        let description = format!("{} ({})", row.expected, row.variable);
        (row.parameter.to_owned(), json!({"type": "string", "default": row.default, "description": description}))
    };
    let fields: serde_json::Map<String, Value> =
        SettingRow::all().filter(|row| row.of.in_document()).map(field).collect();
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The settings of start, as the template writes them into the SSM parameter /STACK/settings",
        "type": "object",
        "additionalProperties": false,
        "properties": fields,
    });
    assert_written("settings.schema.json", &format!("{schema:#}\n"));
}

#[test]
fn every_setting_is_a_parameter_of_the_template_with_its_default() {
    let defaults: BTreeMap<String, String> = parameters().into_iter().map(|it| (it.name, it.default)).collect();
    // Without the template there is no stack, and no bus.
    let of_the_template = [("EventBusName", "default"), ("Metrics", "on")];
    for SettingRow { parameter, default, .. } in SettingRow::all() {
        let expected = of_the_template.iter().find(|(name, _)| *name == parameter).map_or(default, |(_, value)| *value);
        assert_eq!(defaults.get(parameter).map(String::as_str), Some(expected), "{parameter}");
    }
}

#[test]
fn every_environment_variable_that_a_function_gets_is_documented() {
    let template = template();
    let functions = template["Resources"].as_object().unwrap().values();
    let of = |function: &Value| function.pointer("/Properties/Environment/Variables")?.as_object().cloned();
    let variables: Vec<String> = functions.filter_map(of).flatten().map(|(name, _)| name).collect();
    assert!(variables.len() > 5, "{variables:?}");
    for variable in variables {
        assert!(SETTINGS.contains(&format!("`{variable}`")), "{variable}");
    }
}
