//! What `template.yaml` defines.

use serde_json::Value;
use simulated_aws::World;

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

/// The names of a stack's SSM parameters.
#[derive(Clone, Copy, Debug)]
pub struct SsmParameters {
    /// The document of settings.
    pub settings: &'static str,
    /// The stop switch.
    pub stop_switch: &'static str,
    /// The list of denied releases.
    pub denied_releases: &'static str,
    /// The list of change calendars.
    pub change_calendars: &'static str,
}

impl SsmParameters {
    /// Writes the parameters as a deployment does, with these of the template's own parameters. Returns the variables of `start`
    /// that name them.
    #[must_use]
    pub fn put(&self, world: &World, parameters: &[(&str, &str)]) -> [(&'static str, &'static str); 4] {
        let document = settings_document(parameters);
        let all = [
            ("SETTINGS", self.settings, document.as_str()),
            ("STOP_SWITCH", self.stop_switch, "running"),
            ("DENIED_RELEASES_LIST", self.denied_releases, "[]"),
            ("CHANGE_CALENDARS_LIST", self.change_calendars, "[]"),
        ];
        all.map(|(variable, name, value)| {
            world.put_parameter(name, value);
            (variable, name)
        })
    }
}

fn text<'a>(of: &'a Value, property: &str) -> &'a str {
    of[property].as_str().unwrap_or_else(|| panic!("{property} is text"))
}
