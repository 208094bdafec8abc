//! The policy of a node group, from its tags.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use strum::VariantArray as _;

use crate::model::rules::{RuleName, Rules};

/// The tag that opts a node group in. Fixed, because the IAM policy of `start` also names it.
pub const OPT_IN_TAG: &str = "ami-update";

/// The policy of a node group, from its tags.
#[derive(Clone, Debug, PartialEq)]
pub enum Policy {
    /// It is opted in, with these rules.
    OptedIn(Mode, Rules),
    /// There is no tag `ami-update`.
    NotOptedIn,
    /// `ami-update=off`: it is left alone on purpose.
    OptedOut,
    /// It has a tag `ami-update` or `ami-update/…` that this version does not recognise, so it is not updated.
    Invalid {
        /// The tag.
        tag: InvalidTag,
        /// The ring, if its tag is valid.
        ring: Option<u32>,
    },
}

/// The value of the opt-in tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `ami-update=auto`: keep it on the newest release that its rules allow.
    Auto,
    /// `ami-update=notify`: report a newer release, and never update.
    Notify,
}

/// The values of the opt-in tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::VariantNames)]
#[strum(serialize_all = "lowercase")]
pub enum OptInValue {
    /// [`Mode::Auto`].
    Auto,
    /// [`Mode::Notify`].
    Notify,
    /// [`Policy::OptedOut`].
    Off,
}

/// A tag that is not recognised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("its tag {key} has the value {value:?}; {expected}")]
pub struct InvalidTag {
    /// The tag's key.
    pub key: String,
    /// The tag's value.
    pub value: String,
    /// The expected format.
    pub expected: String,
}

impl OptInValue {
    /// The values, as they stand in the tag.
    pub const WORDS: &'static [&'static str] = <Self as strum::VariantNames>::VARIANTS;
}

impl Policy {
    /// Reads the policy from a node group's tags. Keys and values are case-sensitive, as in IAM's `StringEquals`.
    #[must_use]
    pub fn from_tags(tags: &HashMap<String, String>, defaults: &Rules) -> Self {
        let Some(value) = tags.get(OPT_IN_TAG) else { return Self::NotOptedIn };
        let invalid = |tag| {
            let ring = tags.get("ami-update/ring").map_or(Some(defaults.ring), |ring| ring.parse().ok());
            Self::Invalid { tag, ring }
        };
        let mode = match value.parse() {
            Ok(OptInValue::Auto) => Mode::Auto,
            Ok(OptInValue::Notify) => Mode::Notify,
            Ok(OptInValue::Off) => return Self::OptedOut,
            Err(_) => return invalid(invalid_tag(OPT_IN_TAG, value, "expected auto, notify or off")),
        };
        let rules: BTreeMap<&str, &str> = tags
            .iter()
            .filter_map(|(key, value)| Some((key.strip_prefix(OPT_IN_TAG)?.strip_prefix('/')?, value.as_str())))
            .collect();
        let mut policy = defaults.clone();
        policy.tagged = RuleName::VARIANTS.iter().copied().filter(|rule| rules.contains_key(rule.name())).collect();
        for (name, value) in rules {
            let rule = RuleName::find(name).ok_or_else(|| "this version has no such rule".to_owned());
            if let Err(expected) = rule.and_then(|rule| policy.set(rule, value)) {
                return invalid(invalid_tag(&format!("{OPT_IN_TAG}/{name}"), value, &expected));
            }
        }
        Self::OptedIn(mode, policy)
    }

    /// Whether a node group with this policy is asked for a proof before a ring gets a release. The intent of an invalid tag is
    /// unknown, so it might have to prove the release.
    #[must_use]
    pub fn is_below(&self, ring: u32) -> bool {
        match self {
            Self::OptedIn(Mode::Auto, rules) => rules.ring < ring,
            Self::Invalid { ring: own, .. } => own.is_none_or(|own| own < ring),
            Self::OptedIn(Mode::Notify, _) | Self::NotOptedIn | Self::OptedOut => false,
        }
    }
}

fn invalid_tag(key: &str, value: &str, expected: &str) -> InvalidTag {
    InvalidTag { key: key.to_owned(), value: value.to_owned(), expected: expected.to_owned() }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use proptest::prelude::*;

    use super::*;
    use crate::model::rules::{Force, VersionPolicy};

    fn policy(tags: &[(&str, &str)]) -> Policy {
        let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Policy::from_tags(&tags, &Rules { ring: 2, ..Rules::default() })
    }

    fn invalid(tags: &[(&str, &str)]) -> String {
        let Policy::Invalid { tag, .. } = policy(tags) else { panic!("{tags:?} was recognised") };
        tag.to_string()
    }

    #[test]
    fn only_the_two_values_opt_in() {
        let defaults = Rules { ring: 2, ..Rules::default() };
        assert_eq!(policy(&[("ami-update", "auto")]), Policy::OptedIn(Mode::Auto, defaults.clone()));
        assert_eq!(policy(&[("ami-update", "notify")]), Policy::OptedIn(Mode::Notify, defaults));
        assert_eq!(policy(&[("ami-update", "off"), ("ami-update/windw", "x")]), Policy::OptedOut);
        assert_eq!(policy(&[("team", "a")]), Policy::NotOptedIn);
        assert_eq!(policy(&[("Ami-Update", "auto")]), Policy::NotOptedIn);
        for value in ["Auto", "true", "", " auto"] {
            let error = format!("its tag ami-update has the value {value:?}; expected auto, notify or off");
            assert_eq!(invalid(&[("ami-update", value)]), error);
        }
    }

    #[test]
    fn a_tag_wins_over_the_default() {
        let tags = [
            ("ami-update", "auto"),
            ("ami-update/ring", "0"),
            ("ami-update/min-age", "7d"),
            ("ami-update/pin", "1.33.1-20260610"),
            ("ami-update/window", "Sat 02:00-06:00 UTC"),
            ("ami-update/force", "after-eviction-failure"),
            ("ami-update/min-interval", "36h"),
            ("ami-update/kubernetes-version", "follow-cluster"),
            ("ami-update/follow-cluster-after", "3d"),
            ("ami-update/stale-after", "21d"),
            ("ami-update/stuck-after", "12h"),
            ("ami-updates", "x"),
        ];
        // The ring of the tag is also the default.
        let rules = Rules {
            min_age: SignedDuration::from_hours(7 * 24),
            pin: Some("1.33.1-20260610".into()),
            window: "Sat 02:00-06:00 UTC".parse().unwrap(),
            force: Force::AfterEvictionFailure,
            min_interval: SignedDuration::from_hours(36),
            kubernetes_version: VersionPolicy::FollowCluster,
            follow_cluster_after: SignedDuration::from_hours(3 * 24),
            stale_after: Some(SignedDuration::from_hours(21 * 24)),
            stuck_after: Some(SignedDuration::from_hours(12)),
            tagged: tags.iter().filter_map(|(key, _)| RuleName::find(key.strip_prefix("ami-update/")?)).collect(),
            ..Rules::default()
        };
        assert_eq!(policy(&tags), Policy::OptedIn(Mode::Auto, rules));
    }

    #[test]
    fn a_rule_that_is_not_recognised_is_quoted_and_never_a_silent_default() {
        for (key, value, expected) in [
            ("ami-update/windw", "Sat", "this version has no such rule"),
            ("ami-update/ring", "-1", "expected a whole number from 0"),
            ("ami-update/ring", "one", "expected a whole number from 0"),
            ("ami-update/min-age", "week", "expected a duration such as 36h or 7d"),
            ("ami-update/min-age", "-7d", "expected a duration such as 36h or 7d"),
            ("ami-update/min-interval", "7", "expected a duration such as 36h or 7d"),
            ("ami-update/pin", "", "expected a release version"),
            ("ami-update/force", "true", "expected never or after-eviction-failure"),
            ("ami-update/kubernetes-version", "1.34", "expected keep or follow-cluster"),
            ("ami-update/follow-cluster-after", "soon", "expected a duration such as 36h or 7d"),
            ("ami-update/stale-after", "0h", "expected a duration such as 14d, or never"),
            ("ami-update/stuck-after", "0h", "expected a duration such as 12h"),
        ] {
            let error = format!("its tag {key} has the value {value:?}; {expected}");
            assert_eq!(invalid(&[("ami-update", "auto"), (key, value)]), error);
        }
        let error = invalid(&[("ami-update", "auto"), ("ami-update/window", "Sat")]);
        assert!(
            error.starts_with(r#"its tag ami-update/window has the value "Sat"; expected windows such as"#),
            "{error}"
        );
    }

    #[test]
    fn the_ring_may_be_known_although_another_tag_is_invalid() {
        let ring = |tags: &[(&str, &str)]| match policy(tags) {
            Policy::Invalid { ring, .. } => ring,
            policy => panic!("{policy:?}"),
        };
        assert_eq!(ring(&[("ami-update", "yes")]), Some(2));
        assert_eq!(ring(&[("ami-update", "auto"), ("ami-update/windw", "Sat"), ("ami-update/ring", "1")]), Some(1));
        assert_eq!(ring(&[("ami-update", "auto"), ("ami-update/ring", "one")]), None);
    }

    proptest! {
        #[test]
        fn no_tag_makes_parsing_panic(name in "[a-z/-]{0,12}", value in "\\PC{0,60}") {
            let tags = [("ami-update".to_owned(), "auto".to_owned()), (format!("ami-update/{name}"), value)];
            let _ = Policy::from_tags(&tags.into(), &Rules::default());
        }
    }
}
