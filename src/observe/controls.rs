//! The controls, which people set without a deployment: the stop switch, and the lists of denied releases and of change
//! calendars. They are read in one call with the settings, and again before the plan of a slow run.

use std::fmt::Display;
use std::time::Duration;

use aws_sdk_ssm::Client;
use tokio::time::Instant;

use crate::aws::describe;
use crate::config::{ParameterNames, StartConfig};
use crate::model::decision::reason::Freeze;
use crate::model::problem::Unreadable;
use crate::model::release::selector::ReleaseSelector;
use crate::model::settings::Settings;

/// After how long they are read again, so that changes made meanwhile apply.
const OLD: Duration = Duration::from_mins(1);

/// The controls, which people set without a deployment.
#[derive(Clone, Debug)]
pub struct Controls {
    /// Whether updates are stopped: by the stop switch, or because a control cannot be read.
    pub freeze: Option<Freeze>,
    /// Releases that no node group is updated to.
    pub denied: Vec<ReleaseSelector>,
    /// Change calendars, all of which must be open.
    pub change_calendars: Vec<String>,
    read_at: Instant,
}

/// The settings cannot be read, or are invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no updates were started: the settings {parameter}: {error}")]
pub struct UnreadableSettings {
    parameter: String,
    error: String,
}

/// Reads the settings and the controls. Without a document, the settings are those of the environment.
///
/// # Errors
/// When the settings document exists but cannot be read or is invalid: then there is nothing to plan with.
pub async fn settings_and_controls(
    ssm: &Client,
    config: &StartConfig,
) -> Result<(StartConfig, Controls), UnreadableSettings> {
    let names = &config.parameters;
    let read = Read::of(ssm, names, names.settings.as_ref()).await;
    let config = match &names.settings {
        None => config.clone(),
        Some(parameter) => {
            let read = read.value(parameter).and_then(|text| config.with_document(text));
            read.map_err(|error| UnreadableSettings { parameter: parameter.clone(), error })?
        }
    };
    Ok((config, read.controls(names)))
}

/// Reads the controls alone.
pub async fn controls(ssm: &Client, names: &ParameterNames) -> Controls {
    Read::of(ssm, names, None).await.controls(names)
}

impl Controls {
    /// Whether they might have changed since they were read.
    #[must_use]
    pub fn are_old(&self) -> bool {
        self.read_at.elapsed() > OLD
    }

    /// The settings, with the entries of the lists added.
    #[must_use]
    pub fn added_to(&self, settings: &Settings) -> Settings {
        let mut settings = settings.clone();
        settings.denied.extend(self.denied.iter().cloned());
        let known = settings.change_calendars.clone();
        settings.change_calendars.extend(self.change_calendars.iter().filter(|name| !known.contains(name)).cloned());
        settings
    }
}

/// The values of parameters, or why the call failed.
struct Read {
    values: Result<Vec<(String, String)>, String>,
    at: Instant,
}

impl Read {
    /// Makes one call for all of them, or none if there are no names.
    async fn of(ssm: &Client, names: &ParameterNames, settings: Option<&String>) -> Self {
        let ParameterNames { stop_switch, denied_releases, change_calendars, .. } = names;
        let lists = [stop_switch, denied_releases, change_calendars];
        let names: Vec<String> = settings.into_iter().chain(lists.into_iter().flatten()).cloned().collect();
        let at = Instant::now();
        if names.is_empty() {
            return Self { values: Ok(Vec::new()), at };
        }
        let answer = ssm.get_parameters().set_names(Some(names)).send().await;
        let values = answer.map_err(|error| describe(&error)).map(|answer| {
            let values = answer.parameters.unwrap_or_default().into_iter();
            // A parameter shared by another account is requested by its ARN.
            let named = values.flat_map(|parameter| {
                let value = parameter.value.unwrap_or_default();
                [parameter.name, parameter.arn].into_iter().flatten().map(move |name| (name, value.clone()))
            });
            named.collect()
        });
        Self { values, at }
    }

    fn value(&self, name: &str) -> Result<&str, String> {
        let values = self.values.as_ref().map_err(Clone::clone)?;
        let value = values.iter().find(|(known, _)| known == name);
        value.map(|(_, value)| value.as_str()).ok_or_else(|| "there is no such parameter".to_owned())
    }

    fn controls(&self, names: &ParameterNames) -> Controls {
        let stopped = names.stop_switch.as_ref().and_then(|name| self.stopped(name));
        let (denied, no_releases) = self.list("the denied releases", names.denied_releases.as_ref());
        let (change_calendars, no_calendars) = self.list("the change calendars", names.change_calendars.as_ref());
        Controls { freeze: stopped.or(no_releases).or(no_calendars), denied, change_calendars, read_at: self.at }
    }

    fn stopped(&self, name: &str) -> Option<Freeze> {
        match self.value(name) {
            Ok("running") => None,
            Ok("stopped") => Some(Freeze::Stopped { parameter: name.to_owned() }),
            Ok(value) => Some(unreadable(
                "the stop switch",
                name,
                &format!("its value is {value:?}; expected running or stopped"),
            )),
            Err(error) => Some(unreadable("the stop switch", name, &error)),
        }
    }

    /// A list in JSON; if it cannot be read, an empty list and a freeze.
    fn list<T: TryFrom<String, Error: Display>>(&self, what: &str, name: Option<&String>) -> (Vec<T>, Option<Freeze>) {
        let Some(name) = name else { return (Vec::new(), None) };
        match self.value(name).and_then(parse_list) {
            Ok(list) => (list, None),
            Err(error) => (Vec::new(), Some(unreadable(what, name, &error))),
        }
    }
}

/// Reads a JSON list of strings, none of which is empty.
///
/// # Errors
/// When it is not such a list, or for the first empty string.
pub fn parse_list<T: TryFrom<String, Error: Display>>(text: &str) -> Result<Vec<T>, String> {
    let words: Vec<String> =
        serde_json::from_str(text).map_err(|error| format!("expected a JSON list of strings: {error}"))?;
    words.into_iter().map(|word| T::try_from(word).map_err(|error| error.to_string())).collect()
}

fn unreadable(what: &str, name: &str, error: &str) -> Freeze {
    Freeze::Unreadable(Unreadable(format!("{what} {name}: {error}")))
}
