//! What `template.yaml` defines.

use serde_json::Value;

/// The template. CloudFormation's short functions, such as `!Ref`, are replaced by their argument.
///
/// # Panics
/// If it is not YAML.
#[must_use]
pub fn template() -> Value {
    serde_saphyr::from_str(include_str!("../../template.yaml")).expect("template.yaml is YAML")
}

/// The properties of the table of records, with this name: those of `CreateTable`, and those that CloudFormation sets with
/// other calls.
#[must_use]
pub fn updates_table(name: &str) -> Value {
    let mut table = template()["Resources"]["UpdatesTable"]["Properties"].take();
    table["TableName"] = name.into();
    table
}

/// The document of settings as a deployment writes it, with these parameters and the defaults of the others.
///
/// # Panics
/// If it refers to something other than a parameter.
#[must_use]
pub fn settings_document(parameters: &[(&str, &str)]) -> String {
    let template = template();
    let mut document = text(&template["Resources"]["Settings"]["Properties"], "Value").to_owned();
    for (name, parameter) in template["Parameters"].as_object().expect("parameters") {
        let given = parameters.iter().find(|(given, _)| given == name).map(|(_, value)| (*value).to_owned());
        let default = || parameter["Default"].as_str().map_or_else(|| parameter["Default"].to_string(), str::to_owned);
        document = document.replace(&format!("${{{name}}}"), &given.unwrap_or_else(default));
    }
    assert!(!document.contains("${"), "{document}");
    document
}

fn text<'a>(of: &'a Value, property: &str) -> &'a str {
    of[property].as_str().unwrap_or_else(|| panic!("{property} is text"))
}
