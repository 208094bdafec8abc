//! What the tags of a node group allow.

use std::collections::HashMap;

/// The tag that opts a node group in. Fixed, since the IAM policy of `start` names it too.
pub const OPT_IN_TAG: &str = "ami-update";

/// What a node group's tags allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Policy {
    /// `ami-update=auto`: keep it on the newest release.
    Auto,
    /// `ami-update=notify`: say when there is a newer release, and never update.
    Notify,
    /// There is no tag `ami-update`.
    NotOptedIn,
    /// A tag whose key or value means nothing here. Somebody meant something by it, so nothing is done.
    Unknown {
        /// The tag's key.
        key: String,
        /// The tag's value.
        value: String,
    },
}

impl Policy {
    /// Reads the policy from a node group's tags. Keys and values are case-sensitive, as in IAM's `StringEquals`.
    #[must_use]
    pub fn of(tags: &HashMap<String, String>) -> Self {
        let Some(value) = tags.get(OPT_IN_TAG) else {
            return Self::NotOptedIn;
        };
        let unknown = |key: &str, value: &str| Self::Unknown { key: key.to_owned(), value: value.to_owned() };
        // A rule that this version does not know would be broken by an update that ignores it.
        let rule =
            tags.iter().filter(|(key, _)| key.strip_prefix(OPT_IN_TAG).is_some_and(|rest| rest.starts_with('/'))).min();
        match (value.as_str(), rule) {
            ("auto" | "notify", Some((key, value))) => unknown(key, value),
            ("auto", None) => Self::Auto,
            ("notify", None) => Self::Notify,
            (value, _) => unknown(OPT_IN_TAG, value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(tags: &[(&str, &str)]) -> Policy {
        Policy::of(&tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
    }

    fn unknown(key: &str, value: &str) -> Policy {
        Policy::Unknown { key: key.into(), value: value.into() }
    }

    #[test]
    fn only_the_two_values_opt_in() {
        assert_eq!(policy(&[("ami-update", "auto")]), Policy::Auto);
        assert_eq!(policy(&[("ami-update", "notify")]), Policy::Notify);
        assert_eq!(policy(&[("team", "a")]), Policy::NotOptedIn);
        assert_eq!(policy(&[("Ami-Update", "auto")]), Policy::NotOptedIn);
        for value in ["Auto", "true", "", " auto"] {
            assert_eq!(policy(&[("ami-update", value)]), unknown("ami-update", value));
        }
    }

    #[test]
    fn a_rule_that_is_not_known_is_not_ignored() {
        assert_eq!(policy(&[("ami-update", "auto"), ("ami-update/windw", "Sat")]), unknown("ami-update/windw", "Sat"));
        assert_eq!(policy(&[("ami-update", "auto"), ("ami-updates", "x")]), Policy::Auto);
    }
}
