//! The desired tags, as given on the command line.

use std::collections::BTreeMap;
use std::str::FromStr;

use eks_nodegroup_updater::model::id::NodegroupPattern;
use eks_nodegroup_updater::model::nodegroup::policy::{OPT_IN_TAG, Policy};
use eks_nodegroup_updater::model::rules::{RuleName, Rules};

use crate::commands::selection::Selection;
use crate::failure::Failure;
use terminal::text::nearest;

/// How `set` names the opt-in tag itself.
pub const MODE: &str = "mode";
/// Characters of a tag's value.
const VALUE_CHARACTERS: usize = 256;
/// The characters that AWS allows in tags besides letters and digits.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-eks-accessentry-tag.html>
const OTHER_CHARACTERS: &str = " _.:/=+-@";

/// The desired tags, by key; `None` for a tag to remove.
pub type Wanted = BTreeMap<String, Option<String>>;

/// An argument of `set`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    /// `CLUSTER/NODEGROUP`.
    Nodegroups(NodegroupPattern),
    /// `RULE=VALUE`, or `RULE=` for a tag to remove.
    Rule {
        /// The rule's name.
        rule: String,
        /// Its value.
        value: Option<String>,
    },
}

impl FromStr for Argument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // No name of a cluster or node group has an equals sign.
        let Some((rule, value)) = text.split_once('=') else {
            let nodegroups = text.parse().map(Self::Nodegroups);
            return nodegroups.map_err(|_| "expected CLUSTER/NODEGROUP or RULE=VALUE".to_owned());
        };
        check(rule, value)?;
        let value = (!value.is_empty()).then(|| value.to_owned());
        Ok(Self::Rule { rule: rule.to_owned(), value })
    }
}

/// Checks a rule's value.
fn check(rule: &str, value: &str) -> Result<(), String> {
    match (rule, value) {
        (MODE, "") => Err("a removed tag ami-update is reported as lost; to opt out: mode=off".to_owned()),
        (MODE, _) => {
            let tags = [(OPT_IN_TAG.to_owned(), value.to_owned())].into();
            match Policy::from_tags(&tags, &Rules::default()) {
                Policy::Invalid { tag, .. } => Err(tag.expected),
                _ => Ok(()),
            }
        }
        // A tag that is not a rule can be removed: it blocks updates of its node group.
        (_, "") if !rule.is_empty() => Ok(()),
        _ => {
            let rule = RuleName::find(rule).ok_or_else(|| no_such_rule(rule))?;
            Rules::default().set(rule, value).and_then(|()| check_characters(value))
        }
    }
}

/// The error that there is no such rule, with similar ones.
pub fn no_such_rule(rule: &str) -> String {
    let known = || RuleName::names().chain([MODE]);
    match nearest(rule, known()).as_slice() {
        [] => format!("there is no rule {rule:?}; expected one of {}", known().collect::<Vec<_>>().join(", ")),
        near => format!("there is no rule {rule:?}; did you mean {}?", near.join(" or ")),
    }
}

/// Checks that AWS allows a value. The keys are all within its limits.
fn check_characters(value: &str) -> Result<(), String> {
    let is_allowed = |character: &char| character.is_alphanumeric() || OTHER_CHARACTERS.contains(*character);
    if let Some(character) = value.chars().find(|character| !is_allowed(character)) {
        return Err(format!("AWS does not allow {character:?} in a tag"));
    }
    if value.to_lowercase().starts_with("aws:") {
        return Err("AWS reserves values that begin with aws:".to_owned());
    }
    match value.chars().count() {
        0..=VALUE_CHARACTERS => Ok(()),
        number => Err(format!("AWS allows {VALUE_CHARACTERS} characters in a tag's value; these are {number}")),
    }
}

/// The key of a rule's tag.
pub fn key(rule: &str) -> String {
    if rule == MODE { OPT_IN_TAG.to_owned() } else { format!("{OPT_IN_TAG}/{rule}") }
}

/// The rule of a tag's key.
pub fn rule(key: &str) -> &str {
    key.strip_prefix(OPT_IN_TAG).and_then(|rest| rest.strip_prefix('/')).unwrap_or(MODE)
}

/// Node groups and rules, each in their place.
///
/// # Errors
/// When there are none of one kind, or a rule is set twice.
pub fn sort_out(arguments: Vec<Argument>, selection: &Selection) -> Result<(Vec<NodegroupPattern>, Wanted), Failure> {
    let (mut patterns, mut wanted) = (Vec::new(), Wanted::new());
    for argument in arguments {
        match argument {
            Argument::Nodegroups(pattern) => patterns.push(pattern),
            Argument::Rule { rule, value } => {
                if wanted.insert(key(&rule), value).is_some() {
                    return Err(Failure::usage(format!("{rule} is set twice")));
                }
            }
        }
    }
    let missing = match (patterns.is_empty(), wanted.is_empty()) {
        (true, _) if selection.is_empty() => "no node group given",
        (_, true) => "no RULE=VALUE given",
        _ => return Ok((patterns, wanted)),
    };
    Err(Failure::usage(missing).hint("Such as: eks-nodegroup-updater set prod/blue ring=1 min-age=7d"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(argument: &str) -> String {
        argument.parse::<Argument>().unwrap_err()
    }

    fn sorted(arguments: &[&str]) -> Result<(Vec<String>, Wanted), String> {
        let arguments = arguments.iter().map(|argument| argument.parse().unwrap()).collect();
        let sorted = sort_out(arguments, &Selection::default()).map_err(|failure| failure.to_string());
        sorted.map(|(patterns, wanted)| (patterns.iter().map(ToString::to_string).collect(), wanted))
    }

    #[test]
    fn node_groups_and_rules_may_stand_in_any_order() {
        let wanted = Wanted::from([
            ("ami-update".to_owned(), Some("auto".to_owned())),
            ("ami-update/pin".to_owned(), None),
            ("ami-update/window".to_owned(), Some("Sat 02:00-06:00 Europe/Berlin".to_owned())),
        ]);
        let names = vec!["prod/blue".to_owned(), "dev/*".to_owned()];
        let window = "window=Sat 02:00-06:00 Europe/Berlin";
        let expected = Ok((names, wanted));
        assert_eq!(sorted(&["prod/blue", "dev/*", "mode=auto", "pin=", window]), expected);
        assert_eq!(sorted(&[window, "prod/blue", "pin=", "dev/*", "mode=auto"]), expected);
    }

    #[test]
    fn both_node_groups_and_rules_are_needed_and_each_rule_once() {
        let hint = "\n\nSuch as: eks-nodegroup-updater set prod/blue ring=1 min-age=7d";
        assert_eq!(sorted(&["ring=1"]), Err(format!("error: no node group given{hint}")));
        assert_eq!(sorted(&["prod/blue"]), Err(format!("error: no RULE=VALUE given{hint}")));
        assert_eq!(sorted(&["prod/blue", "ring=1", "ring=2"]), Err("error: ring is set twice".to_owned()));
    }

    #[test]
    fn what_no_rule_can_be_is_refused_with_what_is_expected() {
        for (argument, expected) in [
            ("blue", "expected CLUSTER/NODEGROUP or RULE=VALUE"),
            ("ring=one", "expected a whole number from 0"),
            ("min-age=week", "expected a duration such as 36h or 7d"),
            ("mode=yes", "expected auto, notify or off"),
            ("mode=", "a removed tag ami-update is reported as lost; to opt out: mode=off"),
            ("windw=Sat 02:00-06:00 UTC", r#"there is no rule "windw"; did you mean window?"#),
        ] {
            assert_eq!(error(argument), expected, "{argument}");
        }
        let names: Vec<&str> = RuleName::names().chain([MODE]).collect();
        assert_eq!(error("x=1"), format!("there is no rule \"x\"; expected one of {}", names.join(", ")));
    }

    #[test]
    fn what_aws_does_not_take_as_a_value_is_refused() {
        assert_eq!(error("pin=1.33.1,1.33.2"), "AWS does not allow ',' in a tag");
        assert_eq!(error("pin=AWS:1"), "AWS reserves values that begin with aws:");
        let long = format!("pin={}", "1".repeat(257));
        assert_eq!(error(&long), "AWS allows 256 characters in a tag's value; these are 257");
        assert!(long[..260].parse::<Argument>().is_ok());
    }

    #[test]
    fn a_rule_is_known_by_its_key() {
        for name in RuleName::names().chain([MODE]) {
            assert_eq!(rule(&key(name)), name);
            assert!(key(name).len() <= 128);
            assert_eq!(check_characters(&key(name)), Ok(()));
        }
    }
}
