//! What `template.yaml` defines.

use serde_json::Value;

/// The template. Of CloudFormation's short functions, such as `!Ref`, only the argument is left.
///
/// # Panics
/// Where it is no YAML.
#[must_use]
pub fn template() -> Value {
    serde_saphyr::from_str(include_str!("../../template.yaml")).expect("template.yaml is YAML")
}

/// The properties of the table that holds the records, under this name: what `CreateTable` takes, and what CloudFormation
/// sets by other calls.
#[must_use]
pub fn updates_table(name: &str) -> Value {
    let mut table = template()["Resources"]["UpdatesTable"]["Properties"].take();
    table["TableName"] = name.into();
    table
}

/// The document of settings as a deployment writes it, with these parameters and the defaults of the others.
///
/// # Panics
/// Where it refers to what is no parameter.
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
