//! The settings, read once from the environment.

use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};

/// The settings of `start`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartConfig {
    /// `UPDATES_TABLE`: name of the table of records.
    pub updates_table: String,
    /// How much may be under way at once.
    pub limits: Limits,
    /// `RETRY_AFTER`: when a failed release is tried again.
    pub retry_after: RetryAfter,
}

/// The settings of `check`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckConfig {
    /// `UPDATES_TABLE`: name of the table of records.
    pub updates_table: String,
    /// `NOTIFICATION_TOPIC_ARN`: the topic that people are told through.
    pub notification_topic_arn: String,
    /// `STUCK_AFTER`: how long an update may run before people are told that it still does.
    pub stuck_after: SignedDuration,
    /// `RETRY_AFTER`: when a failed release is tried again, for the message that says so.
    pub retry_after: RetryAfter,
}

/// How much may be under way at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `MAX_UPDATES_PER_CLUSTER`: updates in progress in one cluster.
    pub updates_per_cluster: usize,
    /// `MAX_STARTS_PER_RUN`: updates that one run starts.
    pub starts_per_run: usize,
}

/// The waits before each further try of a release that failed on a node group. After the last try there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryAfter(pub Vec<SignedDuration>);

impl RetryAfter {
    /// When a release may be tried again that failed so many times, at last then; `None` when its tries are used up.
    #[must_use]
    pub fn next_try(&self, failures: usize, last: Timestamp) -> Option<Timestamp> {
        let wait = self.0.get(failures.saturating_sub(1))?;
        last.checked_add(*wait).ok()
    }
}

/// A setting that is missing or says nothing that can be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSetting {
    /// It has no default.
    #[error("the setting {0} is missing")]
    Missing(&'static str),
    /// Its value is malformed.
    #[error("the setting {name} is {value:?}; expected {expected}")]
    Malformed {
        /// The environment variable.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
}

/// The environment: a name's value, if it has one.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

impl StartConfig {
    /// Reads the settings.
    ///
    /// # Errors
    /// For the first setting that is missing or malformed.
    pub fn read(environment: Environment<'_>) -> Result<Self, InvalidSetting> {
        Ok(Self {
            updates_table: required(environment, "UPDATES_TABLE")?,
            limits: Limits {
                updates_per_cluster: count(environment, "MAX_UPDATES_PER_CLUSTER", 1)?,
                starts_per_run: count(environment, "MAX_STARTS_PER_RUN", 10)?,
            },
            retry_after: retry_after(environment)?,
        })
    }
}

impl CheckConfig {
    /// Reads the settings.
    ///
    /// # Errors
    /// For the first setting that is missing or malformed.
    pub fn read(environment: Environment<'_>) -> Result<Self, InvalidSetting> {
        let stuck_after = "STUCK_AFTER";
        let value = environment(stuck_after).unwrap_or_else(|| "6h".to_owned());
        Ok(Self {
            updates_table: required(environment, "UPDATES_TABLE")?,
            notification_topic_arn: required(environment, "NOTIFICATION_TOPIC_ARN")?,
            stuck_after: duration(&value).ok_or(InvalidSetting::Malformed {
                name: stuck_after,
                value,
                expected: "a duration such as 6h",
            })?,
            retry_after: retry_after(environment)?,
        })
    }
}

/// The process's own environment, for `read`.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub fn process_environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn required(environment: Environment<'_>, name: &'static str) -> Result<String, InvalidSetting> {
    environment(name).filter(|value| !value.is_empty()).ok_or(InvalidSetting::Missing(name))
}

fn count(environment: Environment<'_>, name: &'static str, default: usize) -> Result<usize, InvalidSetting> {
    let Some(value) = environment(name) else {
        return Ok(default);
    };
    let number = value.parse().ok().filter(|number| *number > 0);
    number.ok_or(InvalidSetting::Malformed { name, value, expected: "a whole number from 1" })
}

fn retry_after(environment: Environment<'_>) -> Result<RetryAfter, InvalidSetting> {
    let name = "RETRY_AFTER";
    let value = environment(name).unwrap_or_else(|| "1h 4h 12h".to_owned());
    let waits: Option<Vec<_>> = value.split_whitespace().map(duration).collect();
    waits.map(RetryAfter).ok_or(InvalidSetting::Malformed {
        name,
        value,
        expected: "durations separated by spaces, such as 1h 4h 12h",
    })
}

/// A positive duration such as `90m`, `6h` or `7d`; a day is 24 hours.
fn duration(text: &str) -> Option<SignedDuration> {
    let span: Span = text.parse().ok()?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    duration.is_positive().then_some(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(settings: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<String> {
        move |name| {
            let setting = settings.iter().find(|(key, _)| *key == name);
            setting.map(|(_, value)| (*value).to_owned())
        }
    }

    #[test]
    fn start_needs_only_the_table() {
        assert_eq!(
            StartConfig::read(&environment(&[("UPDATES_TABLE", "updates")])),
            Ok(StartConfig {
                updates_table: "updates".into(),
                limits: Limits { updates_per_cluster: 1, starts_per_run: 10 },
                retry_after: RetryAfter([1, 4, 12].map(SignedDuration::from_hours).into()),
            })
        );
    }

    #[test]
    fn check_needs_table_and_topic() {
        let settings: &[_] =
            &[("UPDATES_TABLE", "updates"), ("NOTIFICATION_TOPIC_ARN", "arn:topic"), ("STUCK_AFTER", "1d")];
        assert_eq!(
            CheckConfig::read(&environment(settings)),
            Ok(CheckConfig {
                updates_table: "updates".into(),
                notification_topic_arn: "arn:topic".into(),
                stuck_after: SignedDuration::from_hours(24),
                retry_after: RetryAfter([1, 4, 12].map(SignedDuration::from_hours).into()),
            })
        );
    }

    #[test]
    fn a_missing_setting_is_named() {
        let error = StartConfig::read(&environment(&[])).unwrap_err();
        assert_eq!(error.to_string(), "the setting UPDATES_TABLE is missing");
        let error = CheckConfig::read(&environment(&[("UPDATES_TABLE", "updates"), ("NOTIFICATION_TOPIC_ARN", "")]));
        assert_eq!(error.unwrap_err().to_string(), "the setting NOTIFICATION_TOPIC_ARN is missing");
    }

    #[test]
    fn a_malformed_setting_is_named_with_its_value() {
        let start = |settings| StartConfig::read(&environment(settings)).unwrap_err().to_string();
        assert_eq!(
            start(&[("UPDATES_TABLE", "t"), ("MAX_UPDATES_PER_CLUSTER", "0")]),
            r#"the setting MAX_UPDATES_PER_CLUSTER is "0"; expected a whole number from 1"#
        );
        assert_eq!(
            start(&[("UPDATES_TABLE", "t"), ("MAX_STARTS_PER_RUN", "ten")]),
            r#"the setting MAX_STARTS_PER_RUN is "ten"; expected a whole number from 1"#
        );
        assert_eq!(
            start(&[("UPDATES_TABLE", "t"), ("RETRY_AFTER", "1h soon")]),
            r#"the setting RETRY_AFTER is "1h soon"; expected durations separated by spaces, such as 1h 4h 12h"#
        );
        let settings: &[_] = &[("UPDATES_TABLE", "t"), ("NOTIFICATION_TOPIC_ARN", "a"), ("STUCK_AFTER", "-6h")];
        assert_eq!(
            CheckConfig::read(&environment(settings)).unwrap_err().to_string(),
            r#"the setting STUCK_AFTER is "-6h"; expected a duration such as 6h"#
        );
    }
}
