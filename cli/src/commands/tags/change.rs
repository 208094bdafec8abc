//! The change of a node group's tags, its result, and how both are shown.

use std::collections::{BTreeMap, HashMap};

use anstyle::{AnsiColor, Style};
use eks_nodegroup_updater::model::nodegroup::owner::Owner;
use eks_nodegroup_updater::model::nodegroup::policy::{Mode, OPT_IN_TAG, Policy};
use eks_nodegroup_updater::model::rules::Rules;
use serde::Serialize;

use super::wanted::{Wanted, rule};
use crate::aws::place::Place;
use crate::failure::{Exit, Failure};
use terminal::message::Message;
use terminal::page::{Page, Piece};
use terminal::text::count;

/// Tags that AWS allows on a resource, without its own.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-eks-accessentry-tag.html>
const TAGS: usize = 50;
/// How the keys of AWS's own tags begin.
const AWS_KEYS: &str = "aws:";

/// Where a node group is.
#[derive(Clone, Debug)]
pub struct At {
    /// Its account and region, and the credentials for them.
    pub place: Place,
    /// The account.
    pub account: String,
}

/// A node group as it is.
#[derive(Clone, Debug)]
pub struct Current<'a> {
    /// Its ARN.
    pub arn: String,
    /// Its tags.
    pub tags: &'a HashMap<String, String>,
}

/// A node group, and what changes on it.
#[derive(Debug, Serialize)]
pub struct Change {
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<String>,
    account: String,
    region: String,
    /// `cluster/nodegroup`.
    pub nodegroup: String,
    /// Its ARN; empty if it could not be described.
    #[serde(skip)]
    pub arn: String,
    /// Where it is written.
    #[serde(skip)]
    pub place: Place,
    /// Tags that are written.
    pub set: BTreeMap<String, String>,
    /// The keys of tags that are removed.
    pub removed: Vec<String>,
    /// The result.
    pub result: Outcome,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The current values of those tags.
    #[serde(skip)]
    before: BTreeMap<String, String>,
    /// The exit code of the command if all had failed like this one.
    #[serde(skip)]
    pub exit: Exit,
    /// What to do about it.
    #[serde(skip)]
    pub hint: Option<Message>,
}

/// The result of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Outcome {
    /// The tags are written.
    Written,
    /// They were so before.
    Unchanged,
    /// EKS refused it.
    Failed,
    /// It was not begun.
    NotReached,
    /// It was not to be done.
    DryRun,
}

impl Change {
    /// The change from these tags to the desired ones, not started yet.
    pub fn of(at: At, nodegroup: String, current: Current<'_>, wanted: &Wanted) -> Self {
        let At { place, account } = at;
        let Current { arn, tags } = current;
        let (mut set, mut removed, mut before) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
        for (key, value) in wanted {
            let is = tags.get(key);
            if is == value.as_ref() {
                continue;
            }
            match value {
                Some(value) => drop(set.insert(key.clone(), value.clone())),
                None => removed.push(key.clone()),
            }
            before.extend(is.map(|is| (key.clone(), is.clone())));
        }
        let result = if set.is_empty() && removed.is_empty() { Outcome::Unchanged } else { Outcome::NotReached };
        Self {
            profile: place.profile.clone(),
            account,
            region: place.region.clone(),
            nodegroup,
            arn,
            place,
            set,
            removed,
            result,
            error: None,
            before,
            exit: Exit::Done,
            hint: None,
        }
    }

    /// Its name in messages: with its account and region if the command names several.
    pub fn name(&self) -> String {
        match self.place.is_one_of_several {
            true => format!("{} ({})", self.nodegroup, self.place.name()),
            false => self.nodegroup.clone(),
        }
    }

    /// A node group that EKS did not describe.
    pub fn unreadable(at: At, nodegroup: String, failure: Failure) -> Self {
        let current = Current { arn: String::new(), tags: &HashMap::new() };
        let mut change = Self::of(at, nodegroup, current, &Wanted::new());
        change.end(Err(failure));
        change
    }

    /// The result.
    pub fn end(&mut self, result: Result<(), Failure>) {
        match result {
            Ok(()) => self.result = Outcome::Written,
            Err(failure) => {
                self.result = Outcome::Failed;
                (self.error, self.exit, self.hint) = (Some(failure.message), failure.exit, failure.hint);
            }
        }
    }

    /// Shows the tags that change.
    pub fn draw(&self, page: &mut Page) {
        page.styled(Style::new().bold(), &self.name());
        let mut line = |color: AnsiColor, text: String| {
            page.pieces(4, &[Piece::plain("  "), Piece::new(color.on_default(), &text)])
        };
        for (key, value) in &self.set {
            match self.before.get(key) {
                Some(before) => line(AnsiColor::Yellow, format!("~ {key} {} → {value}", quoted(before))),
                None => line(AnsiColor::Green, format!("+ {key}={value}")),
            }
        }
        for key in &self.removed {
            let before = self.before.get(key).map_or("", String::as_str);
            line(AnsiColor::Red, format!("- {key}={before}"));
        }
    }
}

/// A value as it is, except that an empty one is made visible.
fn quoted(value: &str) -> &str {
    if value.is_empty() { "\"\"" } else { value }
}

/// The tags of a node group after the change.
pub fn after(tags: &HashMap<String, String>, wanted: &Wanted) -> HashMap<String, String> {
    let mut tags = tags.clone();
    for (key, value) in wanted {
        match value {
            Some(value) => drop(tags.insert(key.clone(), value.clone())),
            None => drop(tags.remove(key)),
        }
    }
    tags
}

/// Checks that AWS allows this number of tags.
///
/// # Errors
/// With how many there would be.
pub fn check_number(after: &HashMap<String, String>) -> Result<(), String> {
    let number = after.keys().filter(|key| !key.to_lowercase().starts_with(AWS_KEYS)).count();
    if number <= TAGS { Ok(()) } else { Err(format!("it would have {}; AWS allows {TAGS}", count(number, "tag"))) }
}

/// Warnings about these tags: they have no effect, or another tool might revert them or updates.
pub fn warnings(change: &Change, after: &HashMap<String, String>) -> Vec<String> {
    let policy = Policy::from_tags(after, &Rules::default());
    let is_updated = matches!(policy, Policy::OptedIn(Mode::Auto, _));
    let effect = match policy {
        Policy::NotOptedIn => Some(
            "not opted in, so its rules have no effect; to opt it in: eks-nodegroup-updater opt-in NODEGROUP"
                .to_owned(),
        ),
        Policy::Invalid { tag, .. } => {
            let way_out = if tag.key == OPT_IN_TAG { "mode=auto".to_owned() } else { format!("{}=", rule(&tag.key)) };
            Some(format!("not updated, because {tag}; to fix this: eks-nodegroup-updater set NODEGROUP {way_out}"))
        }
        Policy::OptedOut if !change.set.contains_key(OPT_IN_TAG) && change.result != Outcome::Unchanged => Some(
            "ami-update is off, so its rules have no effect; to opt it in: eks-nodegroup-updater opt-in NODEGROUP"
                .to_owned(),
        ),
        Policy::OptedOut | Policy::OptedIn(..) => None,
    };
    let mut warnings = Vec::from_iter(effect);
    if let Some((owner, key, value)) = Owner::with_evidence(after).filter(|_| change.result != Outcome::Unchanged) {
        let (name, tags, setting, page) = (owner.name(), owner.tags(), owner.setting(), owner.page());
        warnings.push(format!(
            "managed by {name} (tag {key}={value}), which might undo this; set the same there: {tags} ({page})"
        ));
        if is_updated {
            warnings.push(format!("managed by {name}, which might revert updates; to avoid that, {setting}"));
        }
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn tags(tags: &[(&str, &str)]) -> HashMap<String, String> {
        tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn wanted(wanted: &[(&str, Option<&str>)]) -> Wanted {
        wanted.iter().map(|(key, value)| ((*key).to_owned(), value.map(str::to_owned))).collect()
    }

    fn change(is: &[(&str, &str)], to_be: &[(&str, Option<&str>)]) -> Change {
        let current = Current { arn: "arn".to_owned(), tags: &tags(is) };
        Change::of(fixture::at(), "prod/blue".to_owned(), current, &wanted(to_be))
    }

    fn warned(is: &[(&str, &str)], to_be: &[(&str, Option<&str>)]) -> Vec<String> {
        warnings(&change(is, to_be), &after(&tags(is), &wanted(to_be)))
    }

    fn drawn(change: &Change) -> String {
        let mut page = Page::new(80, jiff::tz::TimeZone::UTC);
        change.draw(&mut page);
        anstream::adapter::strip_str(page.text()).to_string()
    }

    #[test]
    fn each_tag_is_added_changed_removed_or_left() {
        let is =
            [("ami-update", "auto"), ("ami-update/pin", "1.33.1-20260610"), ("ami-update/ring", "0"), ("team", "a")];
        let to_be = [
            ("ami-update", Some("auto")),
            ("ami-update/min-age", Some("7d")),
            ("ami-update/pin", None),
            ("ami-update/ring", Some("1")),
            ("ami-update/window", None),
        ];
        let change = change(&is, &to_be);
        assert_eq!(
            drawn(&change),
            "prod/blue\n  + ami-update/min-age=7d\n  ~ ami-update/ring 0 → 1\n  - ami-update/pin=1.33.1-20260610\n"
        );
        let json = serde_json::json!({
            "account": "123456789012",
            "region": "eu-central-1",
            "nodegroup": "prod/blue",
            "set": {"ami-update/min-age": "7d", "ami-update/ring": "1"},
            "removed": ["ami-update/pin"],
            "result": "NotReached",
        });
        assert_eq!(serde_json::to_value(&change).unwrap(), json);
        let expected =
            tags(&[("ami-update", "auto"), ("ami-update/min-age", "7d"), ("ami-update/ring", "1"), ("team", "a")]);
        assert_eq!(after(&tags(&is), &wanted(&to_be)), expected);
    }

    #[test]
    fn tags_that_are_as_wanted_stay() {
        let change = change(&[("ami-update", "auto")], &[("ami-update", Some("auto")), ("ami-update/pin", None)]);
        assert_eq!((change.set, change.removed, change.result), (BTreeMap::new(), vec![], Outcome::Unchanged));
    }

    #[test]
    fn a_tag_that_would_steer_the_terminal_is_made_visible() {
        let change = change(&[("ami-update", "\u{1b}[2J")], &[("ami-update", Some("off"))]);
        assert_eq!(drawn(&change), "prod/blue\n  ~ ami-update \\u{1b}[2J → off\n");
    }

    #[test]
    fn tags_of_aws_do_not_count() {
        let mut tags: HashMap<_, _> = (0..50).map(|number| (format!("tag-{number}"), String::new())).collect();
        tags.insert("aws:cloudformation:stack-name".to_owned(), "eks".to_owned());
        assert_eq!(check_number(&tags), Ok(()));
        tags.insert("ami-update".to_owned(), "auto".to_owned());
        assert_eq!(check_number(&tags), Err("it would have 51 tags; AWS allows 50".to_owned()));
    }

    #[test]
    fn tags_without_effect_are_warned_of() {
        let ring = [("ami-update/ring", Some("1"))];
        let opt_in = "to opt it in: eks-nodegroup-updater opt-in NODEGROUP";
        assert_eq!(warned(&[], &ring), [format!("not opted in, so its rules have no effect; {opt_in}")]);
        let off = [format!("ami-update is off, so its rules have no effect; {opt_in}")];
        assert_eq!(warned(&[("ami-update", "off")], &ring), off);
        assert_eq!(warned(&[("ami-update", "auto")], &[("ami-update", Some("off"))]), [""; 0]);
        assert_eq!(warned(&[("ami-update", "auto")], &ring), [""; 0]);
    }

    #[test]
    fn a_tag_that_is_not_recognised_is_warned_of_with_the_command_that_removes_it() {
        let is = [("ami-update/windw", "Sat")];
        let expected = "not updated, because its tag ami-update/windw has the value \"Sat\"; this version has no such \
                        rule; to fix this: eks-nodegroup-updater set NODEGROUP windw=";
        assert_eq!(warned(&is, &[("ami-update", Some("auto"))]), [expected]);
        let expected = "not updated, because its tag ami-update has the value \"yes\"; expected auto, notify or off; \
                        to fix this: eks-nodegroup-updater set NODEGROUP mode=auto";
        assert_eq!(warned(&[("ami-update", "yes")], &[("ami-update/ring", Some("1"))]), [expected]);
    }

    #[test]
    fn another_owner_is_warned_of_where_something_changes() {
        let is = [("ami-update", "auto"), ("Terraform", "true")];
        assert_eq!(warned(&is, &[("ami-update", Some("auto"))]), [""; 0]);
        let tags = "managed by Terraform or OpenTofu (tag Terraform=true), which might undo this; set the same there: \
                    tags of \
                    the aws_eks_node_group; not tags of the module terraform-aws-eks, which replace all nodes \
                    (docs/ownership.md#the-module-terraform-aws-eks)";
        assert_eq!(warned(&is, &[("ami-update", Some("notify"))]), [tags]);
        let release = "managed by Terraform or OpenTofu, which might revert updates; to avoid that, leave release_version \
                       out, or name it in ignore_changes; in the module terraform-aws-eks, set \
                       use_latest_ami_release_version = false";
        assert_eq!(warned(&is, &[("ami-update/ring", Some("1"))]), [tags, release]);
    }
}
