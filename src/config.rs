//! The settings, read once from the environment.

use jiff::{SignedDuration, Timestamp};

use crate::model::policy::{BadTag, Rules, age};
use crate::model::release_version::ReleaseVersion;

/// The settings of `start`.
#[derive(Clone, Debug, PartialEq)]
pub struct StartConfig {
    /// `UPDATES_TABLE`: name of the table of records.
    pub updates_table: String,
    /// How much may be under way at once.
    pub limits: Limits,
    /// `RETRY_AFTER`: when a failed release is tried again.
    pub retry_after: RetryAfter,
    /// What holds for the whole fleet.
    pub fleet: Fleet,
}

/// Rules of the whole fleet.
#[derive(Clone, Debug, PartialEq)]
pub struct Fleet {
    /// `RING`, `MIN_AGE`, `WINDOW`, `FORCE`, `MIN_INTERVAL`, `KUBERNETES_VERSION`: the rules of a node group whose tags say
    /// nothing else.
    pub defaults: Rules,
    /// `DENIED_RELEASES`: releases that nothing is updated to.
    pub denied: Vec<Denied>,
    /// `WINDOW_MARGIN`: the last part of a window in which nothing starts any more.
    pub window_margin: SignedDuration,
    /// `RING_SOAK`: how long a ring must have run a release before the next ring takes it.
    pub ring_soak: SignedDuration,
    /// `QUARANTINE_AFTER`: on how many node groups a release must fail to be quarantined.
    pub quarantine_after: usize,
    /// `CHANGE_CALENDARS`: names or ARNs of SSM Change Calendars; all must be open.
    pub change_calendars: Vec<String>,
    /// `STOP_SWITCH`: name of the SSM parameter that stops everything, if there is one.
    pub stop_switch: Option<String>,
}

/// Denied releases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denied {
    /// This one.
    Exact(String),
    /// All of this day, as eight digits, however their family writes it: `*-20260110` and `*.20260110` are
    /// `1.33.1-20260110` and `1.35-2026.01.10`.
    Date(String),
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
    /// `MAX_UPDATES_IN_PROGRESS`: updates in progress in the whole fleet.
    pub updates_in_progress: usize,
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
    #[error("the setting {name} is {value:?}; {expected}")]
    Malformed {
        /// The environment variable.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it should be.
        expected: String,
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
                updates_in_progress: count(environment, "MAX_UPDATES_IN_PROGRESS", 10)?,
                starts_per_run: count(environment, "MAX_STARTS_PER_RUN", 10)?,
            },
            retry_after: retry_after(environment)?,
            fleet: Fleet::read(environment)?,
        })
    }
}

impl Fleet {
    fn read(environment: Environment<'_>) -> Result<Self, InvalidSetting> {
        let mut defaults = Rules::default();
        for (name, rule) in [
            ("RING", "ring"),
            ("MIN_AGE", "min-age"),
            ("WINDOW", "window"),
            ("FORCE", "force"),
            ("MIN_INTERVAL", "min-interval"),
            ("KUBERNETES_VERSION", "kubernetes-version"),
        ] {
            if let Some(value) = environment(name).filter(|value| !value.is_empty()) {
                let rule = defaults.set(rule, &value);
                rule.map_err(|BadTag { expected, .. }| InvalidSetting::Malformed { name, value, expected })?;
            }
        }
        Ok(Self {
            defaults,
            denied: words(environment, "DENIED_RELEASES").map(|word| Denied::parse(&word)).collect::<Result<_, _>>()?,
            window_margin: length(environment, "WINDOW_MARGIN", "30m")?,
            ring_soak: length(environment, "RING_SOAK", "24h")?,
            quarantine_after: count(environment, "QUARANTINE_AFTER", 2)?,
            change_calendars: words(environment, "CHANGE_CALENDARS").collect(),
            stop_switch: environment("STOP_SWITCH").filter(|name| !name.is_empty()),
        })
    }
}

impl Denied {
    fn parse(word: &str) -> Result<Self, InvalidSetting> {
        let denied = match word.strip_prefix('*') {
            // What no family writes so would deny nothing, in silence.
            None => ReleaseVersion::is_of_any_family(word).then(|| Self::Exact(word.to_owned())),
            // A lone star would deny everything, which a stop switch says better.
            Some(ending) => date(ending).map(Self::Date),
        };
        denied.ok_or_else(|| InvalidSetting::Malformed {
            name: "DENIED_RELEASES",
            value: word.to_owned(),
            expected: "expected release versions separated by spaces, or all of a day such as *-20260110".to_owned(),
        })
    }

    /// Whether it denies a release.
    #[must_use]
    pub fn denies(&self, release: &str) -> bool {
        match self {
            Self::Exact(denied) => release == denied,
            Self::Date(denied) => release.split_once('-').and_then(|(_, built)| date(built)).as_ref() == Some(denied),
        }
    }
}

/// A day as eight digits, written so or as `2026.01.10`.
fn date(text: &str) -> Option<String> {
    let digits: String = text.split(['.', '-']).collect();
    (digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(digits)
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
                expected: "expected a duration such as 6h".to_owned(),
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
    number.ok_or(InvalidSetting::Malformed { name, value, expected: "expected a whole number from 1".to_owned() })
}

fn words(environment: Environment<'_>, name: &'static str) -> impl Iterator<Item = String> {
    let value = environment(name).unwrap_or_default();
    value.split_whitespace().map(str::to_owned).collect::<Vec<_>>().into_iter()
}

fn length(environment: Environment<'_>, name: &'static str, default: &str) -> Result<SignedDuration, InvalidSetting> {
    let value = environment(name).unwrap_or_else(|| default.to_owned());
    let expected = "expected a duration such as 30m or 24h".to_owned();
    age(&value).ok_or(InvalidSetting::Malformed { name, value, expected })
}

fn retry_after(environment: Environment<'_>) -> Result<RetryAfter, InvalidSetting> {
    let name = "RETRY_AFTER";
    let value = environment(name).unwrap_or_else(|| "1h 4h 12h".to_owned());
    let waits: Option<Vec<_>> = value.split_whitespace().map(duration).collect();
    waits.map(RetryAfter).ok_or(InvalidSetting::Malformed {
        name,
        value,
        expected: "expected durations separated by spaces, such as 1h 4h 12h".to_owned(),
    })
}

/// A positive duration such as `90m`, `6h` or `7d`; a day is 24 hours.
fn duration(text: &str) -> Option<SignedDuration> {
    age(text).filter(|duration| duration.is_positive())
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
                limits: Limits { updates_per_cluster: 1, updates_in_progress: 10, starts_per_run: 10 },
                retry_after: RetryAfter([1, 4, 12].map(SignedDuration::from_hours).into()),
                fleet: Fleet {
                    defaults: Rules::default(),
                    denied: vec![],
                    window_margin: SignedDuration::from_mins(30),
                    ring_soak: SignedDuration::from_hours(24),
                    quarantine_after: 2,
                    change_calendars: vec![],
                    stop_switch: None,
                },
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
    fn the_fleets_rules_are_settings() {
        let settings: &[_] = &[
            ("UPDATES_TABLE", "t"),
            ("RING", "1"),
            ("WINDOW", ""),
            ("DENIED_RELEASES", "1.33.1-20260610 *-20260110"),
            ("CHANGE_CALENDARS", "freeze arn:aws:ssm:eu-central-1:123456789012:document/holidays"),
            ("STOP_SWITCH", "/updater/switch"),
        ];
        let fleet = StartConfig::read(&environment(settings)).unwrap().fleet;
        assert_eq!(fleet.defaults, Rules { ring: 1, ..Rules::default() });
        assert_eq!(fleet.denied, [Denied::Exact("1.33.1-20260610".into()), Denied::Date("20260110".into())]);
        assert_eq!(fleet.change_calendars.len(), 2);
        assert_eq!(fleet.stop_switch.as_deref(), Some("/updater/switch"));
    }

    #[test]
    fn a_denied_day_is_that_day_however_a_family_writes_it() {
        let denies = |word: &str, release: &str| Denied::parse(word).unwrap().denies(release);
        for word in ["*-20260110", "*.20260110", "*20260110", "*-2026.01.10"] {
            assert!(denies(word, "1.34.9-20260110") && denies(word, "1.35-2026.01.10"), "{word}");
            assert!(!denies(word, "1.34.9-20260111") && !denies(word, "1.34.0-18d04e52"), "{word}");
        }
        assert!(denies("1.33.1-20260610", "1.33.1-20260610") && !denies("1.33.1-20260610", "1.33.1-20260611"));
        for word in ["*", "*2026*", "*-18d04e52", "v20260110", "1.33.1", "1.33.*", "latest"] {
            assert!(Denied::parse(word).is_err(), "{word}");
        }
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
        for (name, value, expected) in [
            ("RING", "prod", "expected a whole number from 0"),
            ("WINDOW_MARGIN", "half", "expected a duration such as 30m or 24h"),
            (
                "DENIED_RELEASES",
                "*",
                "expected release versions separated by spaces, or all of a day such as *-20260110",
            ),
        ] {
            let read = |asked: &str| match asked {
                "UPDATES_TABLE" => Some("t".to_owned()),
                asked => (asked == name).then(|| value.to_owned()),
            };
            let error = StartConfig::read(&read).unwrap_err().to_string();
            assert_eq!(error, format!("the setting {name} is {value:?}; {expected}"));
        }
        let settings: &[_] = &[("UPDATES_TABLE", "t"), ("NOTIFICATION_TOPIC_ARN", "a"), ("STUCK_AFTER", "-6h")];
        assert_eq!(
            CheckConfig::read(&environment(settings)).unwrap_err().to_string(),
            r#"the setting STUCK_AFTER is "-6h"; expected a duration such as 6h"#
        );
    }
}
