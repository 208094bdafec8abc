//! The settings: those of the environment, read once, and those of the document that the template writes, which each run of
//! `start` reads.

mod document;

mod values;

use jiff::SignedDuration;

use jiff::tz::TimeZone;

use strum::{VariantArray as _, VariantNames as _};

use crate::model::notice::{NoticeKind, Sinks};

use crate::model::release::selector::ReleaseSelector;

use crate::model::rules::{RuleName, Rules, STUCK_AFTER, parse_duration, positive_duration};

use crate::model::settings::setting::{Of, Setting, SettingRow};

use crate::model::settings::{Limits, RetryAfter, Settings};

pub use self::values::{Environment, InvalidSetting, Source, Values};

/// The settings of `start`.
#[derive(Clone, Debug, PartialEq)]
pub struct StartConfig {
    /// `UPDATES_TABLE`: name of the table. Always set in Lambda; absent for the command line before a deployment.
    pub updates_table: Option<String>,
    /// The parameters in Parameter Store that each run reads.
    pub parameters: ParameterNames,
    /// The settings of the plan without a settings document.
    pub settings: Settings,
    /// The sinks of notices, without a settings document.
    pub sinks: Sinks,
    /// The values of the environment, to which a document adds.
    pub values: Values,
}

/// Names of SSM parameters, if set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParameterNames {
    /// `SETTINGS`: the document of settings.
    pub settings: Option<String>,
    /// `STOP_SWITCH`: the switch that stops all updates.
    pub stop_switch: Option<String>,
    /// `DENIED_RELEASES_LIST`: denied releases in addition to those of the settings.
    pub denied_releases: Option<String>,
    /// `CHANGE_CALENDARS_LIST`: change calendars in addition to those of the settings.
    pub change_calendars: Option<String>,
}

/// The settings of `check`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckConfig {
    /// `UPDATES_TABLE`: name of the table.
    pub updates_table: String,
    /// `NOTIFICATION_TOPIC_ARN`: the topic that notices are published to.
    pub notification_topic_arn: String,
    /// `STUCK_AFTER`: how long an update may run before it is reported, once, as stuck.
    pub stuck_after: SignedDuration,
    /// `RETRY_AFTER`: when a failed release is retried, for messages.
    pub retry_after: RetryAfter,
    /// `EVENT_BUS_NAME`: the bus for events, if there is one.
    pub event_bus: Option<String>,
    /// The sinks of notices.
    pub sinks: Sinks,
}

/// `STACK_NAME`: the stack whose metrics a function writes. Without one it writes none: they cost money, and those of two
/// installations would be mixed.
#[must_use]
pub fn stack_name(environment: Environment<'_>) -> Option<String> {
    environment("STACK_NAME").filter(|name| !name.is_empty())
}

impl StartConfig {
    /// Reads the settings.
    ///
    /// # Errors
    /// For the first setting that is missing or invalid.
    pub fn read(environment: Environment<'_>) -> Result<Self, InvalidSetting> {
        let updates_table = Some(required(environment, "UPDATES_TABLE")?);
        let parameters =
            ParameterNames { settings: name(environment, "SETTINGS"), ..ParameterNames::of_lists(environment) };
        Self::of(Values::of(environment), updates_table, parameters)
    }

    /// Reads the settings for the command line before a deployment, when there is no document yet.
    ///
    /// # Errors
    /// For the first setting that is invalid.
    pub fn without_table(environment: Environment<'_>) -> Result<Self, InvalidSetting> {
        Self::of(Values::of(environment), None, ParameterNames::of_lists(environment))
    }

    /// The same with a document of settings.
    ///
    /// # Errors
    /// When the document is invalid, repeats a setting of the environment, or has an invalid value.
    pub fn with_document(&self, text: &str) -> Result<Self, String> {
        let values = self.values.with_document(text)?;
        let config = Self::of(values, self.updates_table.clone(), self.parameters.clone());
        config.map_err(|error| error.to_string())
    }

    fn of(values: Values, updates_table: Option<String>, parameters: ParameterNames) -> Result<Self, InvalidSetting> {
        Ok(Self { updates_table, parameters, settings: settings(&values)?, sinks: sinks(&values)?, values })
    }
}

impl ParameterNames {
    fn of_lists(environment: Environment<'_>) -> Self {
        Self {
            settings: None,
            stop_switch: name(environment, "STOP_SWITCH"),
            denied_releases: name(environment, "DENIED_RELEASES_LIST"),
            change_calendars: name(environment, "CHANGE_CALENDARS_LIST"),
        }
    }
}

impl CheckConfig {
    /// Reads the settings.
    ///
    /// # Errors
    /// For the first setting that is missing or invalid.
    pub fn read(environment: Environment<'_>) -> Result<Self, InvalidSetting> {
        let values = Values::of(environment);
        let stuck_after = SettingRow::of_default(RuleName::StuckAfter, STUCK_AFTER);
        Ok(Self {
            updates_table: required(environment, "UPDATES_TABLE")?,
            notification_topic_arn: notification_topic(environment)?,
            stuck_after: values.read(stuck_after, positive_duration)?,
            retry_after: retry_after(&values)?,
            event_bus: event_bus(&values)?,
            sinks: sinks(&values)?,
        })
    }
}

/// The ARN of a standard topic.
/// [A FIFO topic](https://docs.aws.amazon.com/sns/latest/dg/sns-fifo-topics.html), whose name ends with `.fifo`,
/// refuses a message without a group, and delivers only to queues.
fn notification_topic(environment: Environment<'_>) -> Result<String, InvalidSetting> {
    let name = "NOTIFICATION_TOPIC_ARN";
    let value = required(environment, name)?;
    if value.ends_with(".fifo") {
        let expected = "expected the ARN of a standard topic: a FIFO topic cannot deliver to e-mail addresses, phones \
                        or HTTPS \
             endpoints";
        return Err(InvalidSetting::Malformed { name, value, expected: expected.to_owned() });
    }
    Ok(value)
}

/// The name or the ARN of a bus of the classic kind.
/// [A Custom Event Bus](https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-custom-bus-names.html) has an API of its own.
fn event_bus(values: &Values) -> Result<Option<String>, InvalidSetting> {
    let is_classic = |bus: &str| !(bus.starts_with("event-busv2/") || bus.contains(":event-busv2/"));
    let bus = values.read(Setting::EventBusName.row(), |bus| is_classic(bus).then(|| bus.to_owned()))?;
    Ok(Some(bus).filter(|bus| !bus.is_empty()))
}

/// The sinks of notices.
fn sinks(values: &Values) -> Result<Sinks, InvalidSetting> {
    let mut sinks = Sinks { events: event_bus(values)?.is_some(), ..Sinks::default() };
    let kind = |word: &str| {
        let (kind, is_left_out) = word.strip_prefix('-').map_or((word, false), |kind| (kind, true));
        NoticeKind::VARIANTS.iter().find(|known| **known == kind).map(|known| (*known, is_left_out))
    };
    for (kind, is_left_out) in values.list(Setting::NotificationKinds, kind)? {
        if is_left_out { &mut sinks.fewer_messages } else { &mut sinks.more_messages }.push(kind);
    }
    Ok(sinks)
}

fn settings(values: &Values) -> Result<Settings, InvalidSetting> {
    let count = |name: Setting| values.read(name.row(), |text| text.parse().ok().filter(|number| *number > 0));
    let duration = |name: Setting| values.read(name.row(), parse_duration);
    Ok(Settings {
        defaults: default_rules(values)?,
        limits: Limits {
            updates_per_cluster: count(Setting::MaxUpdatesPerCluster)?,
            updates_in_progress: count(Setting::MaxUpdatesInProgress)?,
            starts_per_run: count(Setting::MaxStartsPerRun)?,
        },
        retry_after: retry_after(values)?,
        denied: values.list(Setting::DeniedReleases, ReleaseSelector::parse)?,
        window_margin: duration(Setting::WindowMargin)?,
        ring_soak: duration(Setting::RingSoak)?,
        quarantine_after: count(Setting::QuarantineAfter)?,
        change_calendars: values.list(Setting::ChangeCalendars, |name| Some(name.to_owned()))?,
        time_zone: values.read(Setting::StartScheduleTimezone.row(), |name| TimeZone::get(name).ok())?,
    })
}

/// The rules of node groups without tags for them.
fn default_rules(values: &Values) -> Result<Rules, InvalidSetting> {
    let mut defaults = Rules::default();
    for rule in RuleName::VARIANTS {
        let Some(row) = SettingRow::of_rule(*rule).filter(|row| row.of == Of::Start) else { continue };
        let value = Some(values.value(row).0).filter(|value| !value.is_empty()).unwrap_or(row.default);
        // No window means always open.
        if !value.is_empty() {
            defaults.set(*rule, value).map_err(|expected| values.malformed(row, value, &expected))?;
        }
    }
    Ok(defaults)
}

fn retry_after(values: &Values) -> Result<RetryAfter, InvalidSetting> {
    let waits = |text: &str| text.split_whitespace().map(positive_duration).collect();
    values.read(Setting::RetryAfter.row(), waits).map(RetryAfter)
}

fn required(environment: Environment<'_>, variable: &'static str) -> Result<String, InvalidSetting> {
    name(environment, variable).ok_or(InvalidSetting::Missing(variable))
}

/// The name of a resource, if a variable has one.
fn name(environment: Environment<'_>, variable: &str) -> Option<String> {
    environment(variable).filter(|name| !name.is_empty())
}

/// The process's own environment, for `read`.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub fn process_environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::release::track::TrackKey;

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
                updates_table: Some("updates".into()),
                settings: Settings {
                    defaults: Rules {
                        follow_cluster_after: SignedDuration::from_hours(7 * 24),
                        stale_after: Some(SignedDuration::from_hours(14 * 24)),
                        ..Rules::default()
                    },
                    limits: Limits { updates_per_cluster: 1, updates_in_progress: 10, starts_per_run: 10 },
                    retry_after: RetryAfter([1, 4, 12].map(SignedDuration::from_hours).into()),
                    denied: vec![],
                    window_margin: SignedDuration::from_mins(30),
                    ring_soak: SignedDuration::from_hours(24),
                    quarantine_after: 2,
                    change_calendars: vec![],
                    time_zone: TimeZone::UTC,
                },
                parameters: ParameterNames::default(),
                sinks: Sinks::default(),
                values: Values::default(),
            })
        );
    }

    #[test]
    fn check_needs_table_and_topic() {
        let settings: &[_] = &[
            ("UPDATES_TABLE", "updates"),
            ("NOTIFICATION_TOPIC_ARN", "arn:topic"),
            ("STUCK_AFTER", "1d"),
            ("EVENT_BUS_NAME", ""),
        ];
        assert_eq!(
            CheckConfig::read(&environment(settings)),
            Ok(CheckConfig {
                updates_table: "updates".into(),
                notification_topic_arn: "arn:topic".into(),
                stuck_after: SignedDuration::from_hours(24),
                retry_after: RetryAfter([1, 4, 12].map(SignedDuration::from_hours).into()),
                event_bus: None,
                sinks: Sinks::default(),
            })
        );
    }

    #[test]
    fn a_bus_and_the_kinds_of_messages_are_settings_of_both() {
        let settings: &[_] = &[
            ("UPDATES_TABLE", "updates"),
            ("NOTIFICATION_TOPIC_ARN", "arn:topic"),
            ("EVENT_BUS_NAME", "platform"),
            ("NOTIFICATION_KINDS", "UpdateSucceeded -UpdateStuck  -TagLost"),
        ];
        let sinks = Sinks {
            events: true,
            more_messages: vec!["UpdateSucceeded"],
            fewer_messages: vec!["UpdateStuck", "TagLost"],
        };
        let check = CheckConfig::read(&environment(settings)).unwrap();
        assert_eq!((check.event_bus.as_deref(), &check.sinks), (Some("platform"), &sinks));
        assert_eq!(StartConfig::read(&environment(settings)).unwrap().sinks, sinks);
        let wrong: &[_] = &[("UPDATES_TABLE", "updates"), ("NOTIFICATION_KINDS", "UpdateSucceeded +UpdateStuck")];
        assert_eq!(
            StartConfig::read(&environment(wrong)).unwrap_err().to_string(),
            r#"the setting NOTIFICATION_KINDS is "+UpdateStuck"; expected kinds separated by spaces, such as UpdateSucceeded -UpdateStuck"#
        );
    }

    #[test]
    fn a_custom_event_bus_and_a_fifo_topic_are_refused_and_what_would_do_is_said() {
        let check = |name: &'static str, value: &'static str| {
            let read = |asked: &str| match asked {
                "UPDATES_TABLE" => Some("updates".to_owned()),
                asked if asked == name => Some(value.to_owned()),
                "NOTIFICATION_TOPIC_ARN" => Some("arn:aws:sns:eu-central-1:123456789012:updates".to_owned()),
                _ => None,
            };
            let start = StartConfig::read(&read).map(|config| config.sinks).map_err(|error| error.to_string());
            let check = CheckConfig::read(&read).map(|config| (config.event_bus, config.notification_topic_arn));
            (start.map(|sinks| sinks.events), check.map_err(|error| error.to_string()))
        };
        let classic =
            "expected the name or the ARN of a classic event bus; its rules can forward events to a Custom Event Bus";
        for bus in
            ["arn:aws:events:eu-central-1:123456789012:event-busv2/orders/1a2b3c4d", "event-busv2/orders/1a2b3c4d"]
        {
            let error = format!("the setting EVENT_BUS_NAME is {bus:?}; {classic}");
            assert_eq!(check("EVENT_BUS_NAME", bus), (Err(error.clone()), Err(error)));
        }
        let topic = "arn:aws:sns:eu-central-1:123456789012:updates";
        for bus in [
            "default",
            "platform.event-busv2",
            "aws.partner/example.com/123/orders",
            "arn:aws:events:us-east-1:210987654321:event-bus/platform",
            "arn:aws-us-gov:events:us-gov-west-1:123456789012:event-bus/default",
        ] {
            assert_eq!(check("EVENT_BUS_NAME", bus), (Ok(true), Ok((Some(bus.to_owned()), topic.to_owned()))));
        }

        let fifo = "arn:aws:sns:eu-central-1:123456789012:updates.fifo";
        let error = "the setting NOTIFICATION_TOPIC_ARN is \"arn:aws:sns:eu-central-1:123456789012:updates.fifo\"; \
                     expected the ARN of a standard topic: a FIFO topic cannot deliver to e-mail addresses, phones or \
                     HTTPS endpoints";
        assert_eq!(check("NOTIFICATION_TOPIC_ARN", fifo), (Ok(false), Err(error.to_owned())));
        let standard = "arn:aws:sns:eu-central-1:123456789012:fifo";
        assert_eq!(check("NOTIFICATION_TOPIC_ARN", standard), (Ok(false), Ok((None, standard.to_owned()))));
    }

    #[test]
    fn a_missing_setting_is_named() {
        let error = StartConfig::read(&environment(&[])).unwrap_err();
        assert_eq!(error.to_string(), "the setting UPDATES_TABLE is missing");
        let error = CheckConfig::read(&environment(&[("UPDATES_TABLE", "updates"), ("NOTIFICATION_TOPIC_ARN", "")]));
        assert_eq!(error.unwrap_err().to_string(), "the setting NOTIFICATION_TOPIC_ARN is missing");
    }

    #[test]
    fn without_a_stacks_name_there_are_no_metrics() {
        assert_eq!(stack_name(&environment(&[("STACK_NAME", "updater")])).as_deref(), Some("updater"));
        assert_eq!(stack_name(&environment(&[("STACK_NAME", "")])), None);
        assert_eq!(stack_name(&environment(&[])), None);
    }

    #[test]
    fn default_rules_and_lists_are_settings() {
        let settings: &[_] = &[
            ("UPDATES_TABLE", "t"),
            ("RING", "1"),
            ("WINDOW", ""),
            ("FOLLOW_CLUSTER_AFTER", "36h"),
            ("DENIED_RELEASES", "1.33.1-20260610 AL2023_x86_64_NVIDIA/*-20260110"),
            ("CHANGE_CALENDARS", "freeze arn:aws:ssm:eu-central-1:123456789012:document/holidays"),
            ("SETTINGS", ""),
            ("STOP_SWITCH", "/updater/switch"),
            ("DENIED_RELEASES_LIST", "/updater/denied-releases"),
            ("CHANGE_CALENDARS_LIST", "/updater/change-calendars"),
        ];
        let StartConfig { settings, parameters, .. } = StartConfig::read(&environment(settings)).unwrap();
        let follow_cluster_after = SignedDuration::from_hours(36);
        let stale_after = Some(SignedDuration::from_hours(14 * 24));
        assert_eq!(settings.defaults, Rules { ring: 1, follow_cluster_after, stale_after, ..Rules::default() });
        let denied = ["1.33.1-20260610", "AL2023_x86_64_NVIDIA/*-20260110"];
        assert_eq!(settings.denied.iter().map(ReleaseSelector::to_string).collect::<Vec<_>>(), denied);
        assert_eq!(settings.change_calendars.len(), 2);
        let expected = ParameterNames {
            settings: None,
            stop_switch: Some("/updater/switch".to_owned()),
            denied_releases: Some("/updater/denied-releases".to_owned()),
            change_calendars: Some("/updater/change-calendars".to_owned()),
        };
        assert_eq!(parameters, expected);
    }

    #[test]
    fn a_denied_day_is_that_day_however_a_family_writes_it() {
        let track = TrackKey::new("1.33", &"AL2023_x86_64_STANDARD".into());
        let denies = |word: &str, release: &str| ReleaseSelector::parse(word).unwrap().matches(&track, release);
        for word in ["*-20260110", "*.20260110", "*20260110", "*-2026.01.10"] {
            assert!(denies(word, "1.34.9-20260110") && denies(word, "1.35-2026.01.10"), "{word}");
            assert!(!denies(word, "1.34.9-20260111") && !denies(word, "1.34.0-18d04e52"), "{word}");
        }
        assert!(denies("1.33.1-20260610", "1.33.1-20260610") && !denies("1.33.1-20260610", "1.33.1-20260611"));
        for word in ["*", "*2026*", "*-18d04e52", "v20260110", "1.33.1", "1.33.*", "latest"] {
            assert!(ReleaseSelector::parse(word).is_none(), "{word}");
        }
    }

    #[test]
    fn a_denied_release_is_that_of_one_ami_type_or_kubernetes_version_where_it_names_one() {
        let release = "1.33.1-20260610";
        let denies = |selector: &str, version: &str, ami_type: &str| {
            let track = TrackKey::new(version, &ami_type.into());
            ReleaseSelector::parse(&format!("{selector}{release}")).unwrap().matches(&track, release)
        };
        let of_type = |version, ami_type| denies("AL2023_x86_64_NVIDIA/", version, ami_type);
        assert!(of_type("1.33", "AL2023_x86_64_NVIDIA") && of_type("1.34", "AL2023_x86_64_NVIDIA"));
        assert!(!of_type("1.33", "AL2023_x86_64_STANDARD"));
        let of_track = |version, ami_type| denies("1.33/AL2023_x86_64_NVIDIA/", version, ami_type);
        assert!(of_track("1.33", "AL2023_x86_64_NVIDIA") && !of_track("1.34", "AL2023_x86_64_NVIDIA"));
        assert!(!of_track("1.33", "AL2023_x86_64_STANDARD"));
        for wrong in ["AL2026_x86_64/", "1.33/", "prod/1.33/AL2023_x86_64_NVIDIA/", "one/AL2023_x86_64_NVIDIA/", "/"] {
            assert!(ReleaseSelector::parse(&format!("{wrong}{release}")).is_none(), "{wrong}");
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
                "expected release versions separated by spaces, or all of a day such as *-20260110, each also as AMI-TYPE/… \
                    or KUBERNETES-VERSION/AMI-TYPE/…",
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
            r#"the setting STUCK_AFTER is "-6h"; expected a duration such as 12h"#
        );
    }

    /// The result of a document with these variables: the settings and their source, or the error.
    fn with_document(variables: &'static [(&str, &str)], document: &str) -> Result<StartConfig, String> {
        let table = |name: &str| (name == "UPDATES_TABLE").then(|| "t".to_owned());
        let config = StartConfig::read(&|name| environment(variables)(name).or_else(|| table(name))).unwrap();
        config.with_document(document)
    }

    #[test]
    fn the_document_says_what_the_environment_does_not() {
        let document = r#"{"RingSoak": "1h", "MinAge": "7d", "NotificationKinds": "UpdateSucceeded", "Window": ""}"#;
        let config = with_document(&[("RING", "2"), ("EVENT_BUS_NAME", "default")], document).unwrap();
        assert_eq!(config.settings.ring_soak, SignedDuration::from_hours(1));
        assert_eq!((config.settings.defaults.ring, config.settings.defaults.min_age.as_hours()), (2, 7 * 24));
        assert_eq!((config.sinks.events, config.sinks.more_messages), (true, vec!["UpdateSucceeded"]));
        let source = |name: Setting| config.values.value(name.row());
        assert_eq!(source(Setting::RingSoak), ("1h", Source::Document));
        assert_eq!(source(Setting::EventBusName), ("default", Source::Environment));
        assert_eq!(source(Setting::WindowMargin), ("30m", Source::Default));
        assert_eq!(with_document(&[], "{}").unwrap().settings, with_document(&[], r#"{"Ring": ""}"#).unwrap().settings);
    }

    #[test]
    fn every_setting_of_the_document_is_read() {
        // An invalid value for each of them, so that every setting must reject it.
        for row in SettingRow::all().filter(|row| row.of.in_document()) {
            let takes_all = row.parameter == "ChangeCalendars";
            let read = with_document(&[], &format!(r#"{{"{}": "-"}}"#, row.parameter));
            let malformed = |expected| format!(r#"the setting {} is "-"; {expected}"#, row.parameter);
            match read {
                Ok(config) => assert!(takes_all && config.settings.change_calendars == ["-"], "{}", row.parameter),
                Err(error) => assert!(error.starts_with(&malformed(row.expected)), "{error}"),
            }
        }
    }

    #[test]
    fn what_the_document_should_not_say_is_named() {
        for (document, error) in [
            ("", "they are not a JSON object: EOF while parsing a value at line 1 column 0"),
            ("[]", "they are not a JSON object: invalid type: sequence, expected an object at line 1 column 0"),
            (r#"{"Ring": "1""#, "they are not a JSON object: EOF while parsing an object at line 1 column 12"),
            (r#"{"Rings": "1"}"#, r#"this version accepts no setting "Rings" there"#),
            (r#"{"RING": "1"}"#, r#"this version accepts no setting "RING" there"#),
            (r#"{"StuckAfter": "6h"}"#, r#"this version accepts no setting "StuckAfter" there"#),
            (r#"{"EventBusName": "default"}"#, r#"this version accepts no setting "EventBusName" there"#),
            (r#"{"Ring": 1}"#, "Ring is 1; expected a string"),
            (r#"{"Ring": null}"#, "Ring is null; expected a string"),
            (r#"{"Ring": "1", "Ring": "2"}"#, "Ring is set twice"),
            (r#"{"Ring": "one"}"#, r#"the setting Ring is "one"; expected a whole number from 0"#),
            (r#"{"MinAge": "7d"}"#, "MinAge is also set by the variable MIN_AGE: set one of them"),
        ] {
            let variables = &[("MIN_AGE", "7d")];
            assert_eq!(with_document(variables, document).map(|_| ()), Err(error.to_owned()), "{document}");
        }
    }
}
