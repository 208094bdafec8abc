//! The rules of a node group that its tags set, a row each. Every list of the rules is made from these rows.

pub mod window;

use jiff::{SignedDuration, Span, SpanRelativeTo};
use strum::{VariantArray as _, VariantNames as _};

use super::rules::window::{InvalidWindow, Windows};

/// The rules of a node group: its tags `ami-update/…`, and the settings for the rest.
///
/// ```
/// use eks_nodegroup_updater::model::rules::{RuleName, Rules};
///
/// let mut rules = Rules::default();
/// rules.set(RuleName::MinAge, "7d")?;
/// assert_eq!(rules.min_age.as_hours(), 7 * 24);
/// let expected = rules.set(RuleName::MinAge, "a week").unwrap_err();
/// assert_eq!(expected, "expected a duration such as 36h or 7d");
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    /// `/ring`: its rollout ring. It gets a release once the lower rings have run it.
    pub ring: u32,
    /// `/min-age`: how long ago AWS must have published a release.
    pub min_age: SignedDuration,
    /// `/pin`: the one release to update to and stay on.
    pub pin: Option<String>,
    /// `/window`: when an update may start.
    pub window: Windows,
    /// `/force`: whether to override disruption budgets after they made an update fail.
    pub force: Force,
    /// `/min-interval`: minimum time between two updates.
    pub min_interval: SignedDuration,
    /// `/kubernetes-version`: whether to follow the cluster.
    pub kubernetes_version: VersionPolicy,
    /// `/follow-cluster-after`: how long the cluster must have run its Kubernetes version.
    pub follow_cluster_after: SignedDuration,
    /// `/stale-after`: how long it can go without being kept current before that is reported; `None` for never.
    pub stale_after: Option<SignedDuration>,
    /// `/stuck-after`: how long an update may run before it is reported as stuck; `None` for `check`'s `StuckAfter`, or longer
    /// if its updates take longer.
    pub stuck_after: Option<SignedDuration>,
    /// The rules that a tag sets.
    pub tagged: Vec<RuleName>,
}

/// A rule, in the order of the documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::VariantArray)]
#[expect(missing_docs, reason = "the row of each says what it is")]
pub enum RuleName {
    Ring,
    MinAge,
    Pin,
    Window,
    Force,
    MinInterval,
    KubernetesVersion,
    FollowClusterAfter,
    StaleAfter,
    StuckAfter,
}

/// The row of a rule.
#[derive(Clone, Copy, Debug)]
pub struct RuleRow {
    /// Its tag is `ami-update/NAME`.
    pub name: &'static str,
    /// The default without the tag, if a setting has it.
    pub setting: Option<RuleDefault>,
    /// The expected format of a value.
    pub expected: &'static str,
    /// Example values, for the documentation.
    pub examples: &'static [&'static str],
    /// The values that are words: all values, or those besides the format.
    pub words: &'static [&'static str],
    /// What it does, for the documentation.
    pub about: &'static str,
    set: fn(&mut Rules, &str) -> Result<(), Unexpected>,
}

/// The setting of a rule.
#[derive(Clone, Copy, Debug)]
pub struct RuleDefault {
    /// The template's parameter.
    pub parameter: &'static str,
    /// The environment variable.
    pub variable: &'static str,
    /// Its default.
    pub value: &'static str,
    /// Whether it is a setting of `check`, which watches updates, and not of `start`.
    pub of_check: bool,
}

/// An invalid value of a rule; with the cause, if it adds to the expected format.
struct Unexpected(Option<String>);

/// When an update overrides disruption budgets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, strum::EnumString, strum::VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum Force {
    /// Never.
    #[default]
    Never,
    /// Once, after the same release failed with `PodEvictionFailure`.
    AfterEvictionFailure,
}

/// Which Kubernetes version a node group is updated to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, strum::EnumString, strum::VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum VersionPolicy {
    /// Its current version.
    #[default]
    Keep,
    /// Its cluster's version, in one step.
    FollowCluster,
}

/// The setting of `stuck-after`.
pub const STUCK_AFTER: RuleDefault =
    RuleDefault { parameter: "StuckAfter", variable: "STUCK_AFTER", value: "6h", of_check: true };

/// The value of `stale-after` that turns it off.
const NEVER: &str = "never";

const AGE: &str = "expected a duration such as 36h or 7d";

impl RuleName {
    /// The rule of the tag `ami-update/NAME`.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::VARIANTS.iter().copied().find(|rule| rule.name() == name)
    }

    /// The names of all rules.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::VARIANTS.iter().map(|rule| rule.name())
    }

    /// Its name: the part after `ami-update/` in a tag.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// Its row.
    #[must_use]
    pub const fn row(self) -> RuleRow {
        match self {
            Self::Ring => RuleRow {
                name: "ring",
                setting: of_start("Ring", "RING", "0"),
                expected: "expected a whole number from 0",
                examples: &["1"],
                words: &[],
                about: "Rollout ring. A node group gets a release once the lower rings have proved it. \
                        See [Rings](rules.md#rings).",
                set: |rules, value| put(&mut rules.ring, value.parse().ok()),
            },
            Self::MinAge => RuleRow {
                name: "min-age",
                setting: of_start("MinAge", "MIN_AGE", "0h"),
                expected: AGE,
                examples: &["36h", "7d"],
                words: &[],
                about: "Minimum age of a release.",
                set: |rules, value| put(&mut rules.min_age, parse_duration(value)),
            },
            Self::Pin => RuleRow {
                name: "pin",
                setting: None,
                expected: "expected a release version",
                examples: &["1.33.1-20260610"],
                words: &[],
                about: "Updates to this release and stays on it, whatever its cluster does. Ignores minimum age and \
                        rings. Never downgrades.",
                set: |rules, value| put(&mut rules.pin, (!value.is_empty()).then(|| Some(value.to_owned()))),
            },
            Self::Window => RuleRow {
                name: "window",
                setting: of_start("Window", "WINDOW", ""),
                expected: "expected windows such as Sat-Sun 02:00-06:00 Europe/Berlin, separated by +",
                examples: &["Sat-Sun 02:00-06:00 Europe/Berlin"],
                words: &[],
                about: "When updates may *start*, except in the last `WindowMargin`. Combine several with ` + `. \
                        Empty: at any time. See [Windows](rules.md#windows).",
                set: |rules, value| {
                    let window = value.parse().map_err(|InvalidWindow(wrong)| Unexpected(Some(wrong)))?;
                    put(&mut rules.window, Some(window))
                },
            },
            Self::Force => RuleRow {
                name: "force",
                setting: of_start("Force", "FORCE", "never"),
                expected: "expected never or after-eviction-failure",
                examples: &["after-eviction-failure"],
                words: Force::VARIANTS,
                about: "After `PodEvictionFailure`, one retry overrides disruption budgets; you are notified before and \
                        after it. Or `never`.",
                set: |rules, value| put(&mut rules.force, value.parse().ok()),
            },
            Self::MinInterval => RuleRow {
                name: "min-interval",
                setting: of_start("MinInterval", "MIN_INTERVAL", "0h"),
                expected: AGE,
                examples: &["14d"],
                words: &[],
                about: "Minimum time between two updates.",
                set: |rules, value| put(&mut rules.min_interval, parse_duration(value)),
            },
            Self::KubernetesVersion => RuleRow {
                name: "kubernetes-version",
                setting: of_start("KubernetesVersion", "KUBERNETES_VERSION", "keep"),
                expected: "expected keep or follow-cluster",
                examples: &["follow-cluster"],
                words: VersionPolicy::VARIANTS,
                about: "Follows the cluster's Kubernetes version. Or `keep`. \
                        See [Following the cluster](rules.md#following-the-cluster).",
                set: |rules, value| put(&mut rules.kubernetes_version, value.parse().ok()),
            },
            Self::FollowClusterAfter => RuleRow {
                name: "follow-cluster-after",
                // AWS can roll back a cluster upgrade for this long, unless a node group has followed it.
                setting: of_start("FollowClusterAfter", "FOLLOW_CLUSTER_AFTER", "7d"),
                expected: AGE,
                examples: &["7d"],
                words: &[],
                about: "How long the cluster must have run its Kubernetes version before the node group follows.",
                set: |rules, value| put(&mut rules.follow_cluster_after, parse_duration(value)),
            },
            Self::StaleAfter => RuleRow {
                name: "stale-after",
                // AWS publishes a release about once a week.
                setting: of_start("StaleAfter", "STALE_AFTER", "14d"),
                expected: "expected a duration such as 14d, or never",
                examples: &["14d", NEVER],
                words: &[NEVER],
                about: "How long the node group can go without being kept current before you are notified. \
                        See [Nothing goes stale in silence](rules.md#nothing-goes-stale-in-silence).",
                set: |rules, value| {
                    let never = (value == NEVER).then_some(None);
                    put(&mut rules.stale_after, never.or_else(|| positive_duration(value).map(Some)))
                },
            },
            Self::StuckAfter => RuleRow {
                name: "stuck-after",
                setting: Some(STUCK_AFTER),
                expected: "expected a duration such as 12h",
                examples: &["12h"],
                words: &[],
                about: "How long an update may run before you are notified. \
                        See [How long an update may run](rules.md#how-long-an-update-may-run).",
                set: |rules, value| put(&mut rules.stuck_after, positive_duration(value).map(Some)),
            },
        }
    }
}

impl Rules {
    /// Sets a rule.
    ///
    /// # Errors
    /// For an invalid value, with the expected format: an update that ignored the tag might violate the intended rule.
    pub fn set(&mut self, rule: RuleName, value: &str) -> Result<(), String> {
        let RuleRow { expected, set, .. } = rule.row();
        set(self, value).map_err(|Unexpected(wrong)| match wrong {
            Some(wrong) => format!("{expected}: {wrong}"),
            None => expected.to_owned(),
        })
    }
}

const fn of_start(parameter: &'static str, variable: &'static str, value: &'static str) -> Option<RuleDefault> {
    Some(RuleDefault { parameter, variable, value, of_check: false })
}

fn put<T>(field: &mut T, value: Option<T>) -> Result<(), Unexpected> {
    *field = value.ok_or(Unexpected(None))?;
    Ok(())
}

/// A duration of zero or more, such as `90m`, `36h` or `7d`; a day is 24 hours.
#[must_use]
pub fn parse_duration(text: &str) -> Option<SignedDuration> {
    let span: Span = text.parse().ok()?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    (!duration.is_negative()).then_some(duration)
}

/// The same, but of more than zero.
#[must_use]
pub fn positive_duration(text: &str) -> Option<SignedDuration> {
    parse_duration(text).filter(SignedDuration::is_positive)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_example_every_word_and_every_default_is_understood() {
        for rule in RuleName::VARIANTS {
            let RuleRow { name, setting, examples, words, .. } = rule.row();
            assert_eq!(RuleName::find(name), Some(*rule));
            let default = setting.map(|setting| setting.value).filter(|value| !value.is_empty());
            for value in examples.iter().chain(words).copied().chain(default) {
                assert_eq!(Rules::default().set(*rule, value), Ok(()), "{name}={value}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_value_makes_parsing_panic(value in "\\PC{0,60}") {
            for rule in RuleName::VARIANTS {
                let _ = Rules::default().set(*rule, &value);
            }
        }
    }
}
