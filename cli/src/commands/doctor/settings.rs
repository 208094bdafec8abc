//! The settings of the functions: each with its value and its source.

use std::collections::HashMap;

use aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationOutput;
use eks_nodegroup_updater::aws::endpoints::{self, Service};
use eks_nodegroup_updater::config::{CheckConfig, ParameterNames, Source, StartConfig, Values};
use eks_nodegroup_updater::model::release::selector::ReleaseSelector;
use eks_nodegroup_updater::model::settings::setting::{Of, SettingRow};
use eks_nodegroup_updater::observe::controls::parse_list;

use crate::aws::stack::Deployment;

use super::{Check, Checks, Installation, Question};

const FUNCTION: Question = Question { name: "Settings", about: "settings", action: "lambda:GetFunctionConfiguration" };
const DOCUMENT: Question = Question { name: "Settings", about: "settings of start", action: "ssm:GetParameters" };
const SEE: &str = "docs/settings.md";

pub fn checks<'a>(installation: &'a Installation<'a>) -> Vec<Checks<'a>> {
    let Some(deployment) = &installation.deployment else { return Vec::new() };
    vec![Box::pin(of_start(installation, deployment)), Box::pin(of_check(installation, deployment))]
}

/// The environment of a function.
fn environment(function: &GetFunctionConfigurationOutput) -> impl Fn(&str) -> Option<String> {
    let variables = function.environment().and_then(|environment| environment.variables());
    move |name| variables?.get(name).cloned()
}

async fn of_start<'a>(installation: &'a Installation<'a>, deployment: &Deployment) -> Result<Vec<Check>, Check> {
    let function = installation.function(&deployment.start).await.as_ref().map_err(|why| FUNCTION.unanswered(why))?;
    let config =
        StartConfig::read(&environment(function)).map_err(|error| not_understood("start", error.to_string()))?;
    let ParameterNames { settings, denied_releases, change_calendars, .. } = &config.parameters;
    let names: Vec<String> = [settings, denied_releases, change_calendars].into_iter().flatten().cloned().collect();
    let mut values: HashMap<String, String> = HashMap::new();
    if !names.is_empty() {
        let ssm = aws_sdk_ssm::Client::new(&endpoints::of(installation.configuration, Service::Ssm));
        let answer = DOCUMENT.answered(ssm.get_parameters().set_names(Some(names)).send().await)?;
        let parameters = answer.parameters.unwrap_or_default().into_iter();
        values.extend(parameters.filter_map(|parameter| parameter.name.zip(parameter.value)));
    }
    let value = |name: &String| values.get(name).cloned().ok_or_else(|| format!("{name}: there is no such parameter"));
    let config = match settings {
        None => Ok(config.clone()),
        Some(name) => {
            let with = |text: String| config.with_document(&text).map_err(|error| format!("{name}: {error}"));
            value(name).and_then(with)
        }
    };
    let mut checks = match config {
        Ok(config) => {
            let rows = SettingRow::all().filter(|row| row.of != Of::Check);
            rows.map(|row| shown(&config.values, row)).collect()
        }
        Err(error) => vec![not_understood("start", error)],
    };
    if let Some(name) = denied_releases {
        let list = value(name).and_then(|text| read_list::<ReleaseSelector>(name, &text));
        checks.push(of_list("denied releases", name, list));
    }
    if let Some(name) = change_calendars {
        let list = value(name).and_then(|text| read_list::<String>(name, &text));
        checks.push(of_list("change calendars", name, list));
    }
    Ok(checks)
}

async fn of_check<'a>(installation: &'a Installation<'a>, deployment: &Deployment) -> Result<Vec<Check>, Check> {
    let function = installation.function(&deployment.check).await.as_ref().map_err(|why| FUNCTION.unanswered(why))?;
    let environment = environment(function);
    CheckConfig::read(&environment).map_err(|error| not_understood("check", error.to_string()))?;
    let values = Values::of(&environment);
    Ok(SettingRow::all().filter(|row| row.of == Of::Check).map(|row| shown(&values, row)).collect())
}

/// A list in JSON, in the words of the command line.
fn read_list<T: TryFrom<String, Error: std::fmt::Display> + ToString>(
    name: &str,
    text: &str,
) -> Result<Vec<String>, String> {
    let list = parse_list::<T>(text).map_err(|error| format!("{name}: {error}"))?;
    Ok(list.iter().map(T::to_string).collect())
}

fn of_list(what: &str, name: &str, list: Result<Vec<String>, String>) -> Check {
    match list {
        Ok(list) if list.is_empty() => FUNCTION.passed(format!("the list {name} has no {what}")),
        Ok(list) => FUNCTION.passed(format!("the list {name} has {what}: {}", list.join(", "))),
        Err(error) => not_understood("start", error),
    }
}

fn shown(values: &Values, row: SettingRow) -> Check {
    let (value, source) = values.value(row);
    let value = if value.is_empty() { "empty" } else { value };
    let source = match source {
        Source::Default => "default".to_owned(),
        Source::Environment => format!("variable {}", row.variable),
        Source::Document => "document of the template".to_owned(),
    };
    FUNCTION.passed(format!("{} is {value} ({source})", row.parameter))
}

fn not_understood(function: &str, error: String) -> Check {
    let found = format!("the settings of {function} are invalid, so each of its runs fails or starts nothing");
    FUNCTION.failed(found).cause(error).remedy("Fix the setting, or deploy the stack again.").see(SEE)
}
