//! The settings of the functions, a row each. Every list of the settings is made from these rows.

use strum::VariantArray as _;

use crate::model::rules::{RuleDefault, RuleName, RuleRow};

/// A setting that is not a rule's default. The defaults of rules are in the [rows of the rules](RuleRow).
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::VariantArray)]
#[expect(missing_docs, reason = "the row of each says what it is")]
pub enum Setting {
    NotificationKinds,
    EventBusName,
    StartScheduleTimezone,
    MaxUpdatesPerCluster,
    MaxUpdatesInProgress,
    MaxStartsPerRun,
    RetryAfter,
    RingSoak,
    WindowMargin,
    DeniedReleases,
    QuarantineAfter,
    ChangeCalendars,
    Metrics,
    LogLevel,
}

/// The row of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettingRow {
    /// The template's parameter.
    pub parameter: &'static str,
    /// The environment variable.
    pub variable: &'static str,
    /// Its default value.
    pub default: &'static str,
    /// The expected format of a value.
    pub expected: &'static str,
    /// What it does, for the documentation; for a rule's default, what the rule does.
    pub about: &'static str,
    /// The functions that have it.
    pub of: Of,
    /// The rule whose default it is.
    pub rule: Option<RuleName>,
}

/// The functions that have a setting, and how the template passes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// `start`, in its settings document.
    Start,
    /// `check`, in an environment variable.
    Check,
    /// Both, in these ways.
    Both,
    /// Both, in an environment variable: it is a resource's name, or is needed before the document is read.
    Environment,
}

impl Of {
    /// Whether it is in `start`'s settings document.
    #[must_use]
    pub fn in_document(self) -> bool {
        matches!(self, Self::Start | Self::Both)
    }
}

/// The expected format of the limits.
const COUNT: &str = "expected a whole number from 1";
const DURATION: &str = "expected a duration such as 30m or 24h";

impl Setting {
    /// Its row.
    #[must_use]
    pub const fn row(self) -> SettingRow {
        let (parameter, variable, default, expected, of, about) = match self {
            Self::NotificationKinds => (
                "NotificationKinds",
                "NOTIFICATION_KINDS",
                "",
                "expected kinds separated by spaces, such as UpdateSucceeded -UpdateStuck",
                Of::Both,
                "[Kinds](notifications.md) of notices to send messages for in addition to the default ones, separated \
                 by spaces, such as `UpdateSucceeded`; a minus sign, as in `-UpdateStuck`, leaves a kind out.",
            ),
            Self::EventBusName => (
                "EventBusName",
                "EVENT_BUS_NAME",
                "",
                "expected the name or the ARN of a classic event bus; its rules can forward events to a Custom Event Bus",
                Of::Environment,
                "The event bus for [events](events.md#what-is-put-on-a-bus): a classic one, not a *Custom Event Bus* \
                 (`event-busv2`), which has another API. It must exist: EventBridge accepts events for a missing bus \
                 and drops them. Empty: none.",
            ),
            Self::StartScheduleTimezone => (
                "StartScheduleTimezone",
                "TIME_ZONE",
                "UTC",
                "expected a time zone such as Europe/Berlin",
                Of::Start,
                "Time zone of a `cron` expression in `StartSchedule`, and of the week that the [weekly \
                 digest](notifications.md) covers.",
            ),
            Self::MaxUpdatesPerCluster => (
                "MaxUpdatesPerCluster",
                "MAX_UPDATES_PER_CLUSTER",
                "1",
                COUNT,
                Of::Start,
                "Maximum number of opted-in node groups of one cluster that update at the same time.",
            ),
            Self::MaxUpdatesInProgress => (
                "MaxUpdatesInProgress",
                "MAX_UPDATES_IN_PROGRESS",
                "10",
                COUNT,
                Of::Start,
                "Maximum number of opted-in node groups of all clusters that update at the same time.",
            ),
            Self::MaxStartsPerRun => (
                "MaxStartsPerRun",
                "MAX_STARTS_PER_RUN",
                "10",
                COUNT,
                Of::Start,
                "Maximum number of updates that one run starts.",
            ),
            Self::RetryAfter => (
                "RetryAfter",
                "RETRY_AFTER",
                "1h 4h 12h",
                "expected durations separated by spaces, such as 1h 4h 12h",
                Of::Both,
                "Waits before each retry of a release that failed on a node group; after the last retry it is given \
                 up. An update that EKS rejects for another cause is retried after the same waits, and the last wait \
                 repeats.",
            ),
            Self::RingSoak => (
                "RingSoak",
                "RING_SOAK",
                "24h",
                DURATION,
                Of::Start,
                "How long a ring must run a release before the next ring gets it.",
            ),
            Self::WindowMargin => (
                "WindowMargin",
                "WINDOW_MARGIN",
                "30m",
                DURATION,
                Of::Start,
                "Last part of a window, in which no update starts.",
            ),
            Self::DeniedReleases => (
                "DeniedReleases",
                "DENIED_RELEASES",
                "",
                "expected release versions separated by spaces, or all of a day such as *-20260110, each also as AMI-TYPE/… \
                    or KUBERNETES-VERSION/AMI-TYPE/…",
                Of::Start,
                "Releases that no node group is updated to, or all of a day such as `*-20260110`, separated by spaces; each also \
                 [of one track](rules.md#release-names) only. [A list](settings.md#without-a-deployment) adds to them.",
            ),
            Self::QuarantineAfter => (
                "QuarantineAfter",
                "QUARANTINE_AFTER",
                "2",
                COUNT,
                Of::Start,
                "Number of node groups of a cluster on which a release must fail to be \
                 [quarantined](rules.md#quarantine) there, and number of clusters in which it must fail to be \
                 quarantined in all clusters.",
            ),
            Self::ChangeCalendars => (
                "ChangeCalendars",
                "CHANGE_CALENDARS",
                "",
                "expected names or ARNs of SSM Change Calendars, separated by spaces",
                Of::Start,
                "Names or ARNs of SSM Change Calendars, separated by spaces. No update starts while one is closed. \
                 [A list](settings.md#without-a-deployment) adds to them.",
            ),
            Self::Metrics => (
                "Metrics",
                "STACK_NAME",
                "",
                "expected the name of the stack",
                Of::Environment,
                "Whether the functions write metrics. `off` leaves the variable empty; otherwise it is the stack's name.",
            ),
            Self::LogLevel => (
                "LogLevel",
                "LOG_LEVEL",
                "INFO",
                "expected TRACE, DEBUG, INFO, WARN or ERROR",
                Of::Environment,
                "`DEBUG` also logs the node groups that are up to date. Metrics are written at every level.",
            ),
        };
        SettingRow { parameter, variable, default, expected, about, of, rule: None }
    }
}

impl SettingRow {
    /// The rows of all settings.
    pub fn all() -> impl Iterator<Item = Self> {
        let of_rules = RuleName::VARIANTS.iter().filter_map(|rule| Self::of_rule(*rule));
        Setting::VARIANTS.iter().map(|setting| setting.row()).chain(of_rules)
    }

    /// The setting of a rule, if it has one.
    #[must_use]
    pub fn of_rule(rule: RuleName) -> Option<Self> {
        rule.row().setting.map(|default| Self::of_default(rule, default))
    }

    /// The setting of a rule with this default.
    #[must_use]
    pub const fn of_default(rule: RuleName, default: RuleDefault) -> Self {
        let RuleRow { expected, about, .. } = rule.row();
        let RuleDefault { parameter, variable, value, of_check } = default;
        let of = if of_check { Of::Check } else { Of::Start };
        Self { parameter, variable, default: value, expected, about, of, rule: Some(rule) }
    }
}
