//! The values of settings, and their sources.

use std::collections::BTreeMap;

use super::document;
use crate::model::settings::setting::{Setting, SettingRow};

/// A setting that is missing or invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSetting {
    /// It has no default.
    #[error("the setting {0} is missing")]
    Missing(&'static str),
    /// Its value is invalid.
    #[error("the setting {name} is {value:?}; {expected}")]
    Malformed {
        /// The environment variable, or the field of the document.
        name: &'static str,
        /// Its value.
        value: String,
        /// The expected format.
        expected: String,
    },
}

/// The environment: the value of a name, if it has one.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The values of settings, before they are parsed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values {
    /// By environment variable.
    variables: BTreeMap<&'static str, String>,
    /// By template parameter.
    document: BTreeMap<&'static str, String>,
}

/// The source of a setting's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// It is set nowhere.
    Default,
    /// The environment variable.
    Environment,
    /// The document that the template writes.
    Document,
}

impl Values {
    /// Those of the environment.
    #[must_use]
    pub fn of(environment: Environment<'_>) -> Self {
        let variables = SettingRow::all().filter_map(|row| Some((row.variable, environment(row.variable)?)));
        Self { variables: variables.collect(), document: BTreeMap::new() }
    }

    /// Adds the values of the document.
    ///
    /// # Errors
    /// When the document is invalid, or repeats a variable.
    pub fn with_document(&self, text: &str) -> Result<Self, String> {
        let document = document::parse(text)?;
        let mut rows = SettingRow::all().filter(|row| document.contains_key(row.parameter));
        match rows.find(|row| self.variables.contains_key(row.variable)) {
            Some(row) => {
                Err(format!("{} is also set by the variable {}: set one of them", row.parameter, row.variable))
            }
            None => Ok(Self { variables: self.variables.clone(), document }),
        }
    }

    /// A setting's value, and its source.
    #[must_use]
    pub fn value(&self, row: SettingRow) -> (&str, Source) {
        let document = self.document.get(row.parameter).map(|value| (value.as_str(), Source::Document));
        let variable = || self.variables.get(row.variable).map(|value| (value.as_str(), Source::Environment));
        document.or_else(variable).unwrap_or((row.default, Source::Default))
    }

    /// Reads a setting, or its default if it is not set.
    pub(super) fn read<T>(&self, row: SettingRow, parse: impl Fn(&str) -> Option<T>) -> Result<T, InvalidSetting> {
        let (value, _) = self.value(row);
        parse(value).ok_or_else(|| self.malformed(row, value, row.expected))
    }

    /// Reads a list of words; an error names the one that cannot be read, not the whole list.
    pub(super) fn list<T>(&self, name: Setting, parse: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, InvalidSetting> {
        let row = name.row();
        let words = self.value(row).0.split_whitespace();
        words.map(|word| parse(word).ok_or_else(|| self.malformed(row, word, row.expected))).collect()
    }

    /// The error of a value, with the setting's name in its source.
    pub(super) fn malformed(&self, row: SettingRow, value: &str, expected: &str) -> InvalidSetting {
        let name = match self.value(row).1 {
            Source::Document => row.parameter,
            Source::Environment | Source::Default => row.variable,
        };
        InvalidSetting::Malformed { name, value: value.to_owned(), expected: expected.to_owned() }
    }
}
