//! All changes of a command, and how they are shown.

use std::collections::{BTreeMap, BTreeSet};

use eks_nodegroup_updater::model::rules::RuleName;
use serde::Serialize;

use super::change::{At, Change, Current, Outcome, after, check_number, warnings};
use super::wanted::{Wanted, no_such_rule, rule};
use crate::aws::nodegroups::Described;
use crate::aws::place::Place;
use crate::aws::unread::{self, Unread, say_unread};
use crate::failure::{Exit, Failure};
use terminal::output::say;
use terminal::page::Page;
use terminal::text::count;

/// Names in a sentence.
const NAMES: usize = 20;

/// All changes of a command.
#[derive(Debug, Serialize)]
pub struct Document {
    /// By place, and then by node group.
    pub changes: Vec<Change>,
    warnings: Vec<String>,
    /// What could not be read, so that it is unknown whether something changes there.
    pub errors: Vec<Unread>,
}

/// The node groups of a place to change.
#[derive(Debug)]
pub struct Chosen {
    /// The place.
    pub place: Place,
    /// Its account.
    pub account: String,
    /// The node groups.
    pub described: Vec<Described>,
}

impl Document {
    /// The changes of these node groups.
    ///
    /// # Errors
    /// When one of them cannot have the desired tags.
    pub fn of(chosen: Vec<Chosen>, wanted: &Wanted) -> Result<Self, Failure> {
        let (mut changes, mut warned, mut present) = (Vec::new(), BTreeMap::<_, Vec<_>>::new(), BTreeSet::new());
        for (at, Described { name, description }) in chosen.into_iter().flat_map(Chosen::located) {
            let described = description.and_then(|nodegroup| {
                let arn = nodegroup.nodegroup_arn.ok_or_else(|| Failure::new("EKS's answer has no ARN"))?;
                Ok((arn, nodegroup.tags.unwrap_or_default()))
            });
            let name = name.to_string();
            let (arn, tags) = match described {
                Ok(described) => described,
                Err(failure) => {
                    changes.push(Change::unreadable(at, name, failure));
                    continue;
                }
            };
            let after = after(&tags, wanted);
            check_number(&after).map_err(|error| Failure::new(format!("{name}: {error}")))?;
            present.extend(wanted.keys().filter(|key| tags.contains_key(*key)).cloned());
            let change = Change::of(at, name.clone(), Current { arn, tags: &tags }, wanted);
            for warning in warnings(&change, &after) {
                warned.entry(warning).or_default().push(name.clone());
            }
            changes.push(change);
        }
        for (key, value) in wanted {
            let rule = rule(key);
            // A tag that is not a rule can be removed; a tag that no node group has is a typo.
            if value.is_none() && !present.contains(key) && RuleName::find(rule).is_none() {
                return Err(Failure::usage(no_such_rule(rule)));
            }
        }
        let warnings = warned.into_iter().map(|(warning, nodegroups)| {
            let example = nodegroups.first().map_or("NODEGROUP", String::as_str);
            format!("{}: {}", names(&nodegroups), warning.replace("NODEGROUP", example))
        });
        Ok(Self { warnings: warnings.collect(), changes, errors: Vec::new() })
    }

    /// The changes to write.
    pub fn waiting(&self) -> impl Iterator<Item = &Change> {
        self.with(Outcome::NotReached)
    }

    fn with(&self, outcome: Outcome) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(move |change| change.result == outcome)
    }

    /// Writes nothing.
    pub fn skip(&mut self) {
        for change in &mut self.changes {
            if change.result == Outcome::NotReached {
                change.result = Outcome::DryRun;
            }
        }
    }

    /// How the command ends.
    pub fn exit(&self) -> Exit {
        if self.with(Outcome::Failed).next().is_none() {
            unread::exit(&self.errors, Exit::Done)
        } else if self.with(Outcome::Failed).all(|change| change.exit == Exit::Denied) {
            Exit::Denied
        } else {
            Exit::Failed
        }
    }

    /// Prints the warnings.
    pub fn say_warnings(&self) {
        self.warnings.iter().for_each(|warning| say(format!("warning: {warning}")));
    }

    /// Prints the failures, a line each, and the hint once.
    pub fn say_failures(&self) {
        let mut hints = BTreeSet::new();
        for change @ Change { error, hint, .. } in self.with(Outcome::Failed) {
            say(format!("error: {}: {}", change.name(), error.as_deref().unwrap_or_default()));
            hints.extend(hint);
        }
        hints.into_iter().for_each(|hint| {
            say("");
            say(hint);
        });
        say_unread(&self.errors);
    }

    /// The preview.
    pub fn draw_changes(&self, page: &mut Page) {
        for change in self.waiting() {
            change.draw(page);
            page.line("");
        }
        let unchanged = self.with(Outcome::Unchanged).count();
        if unchanged > 0 {
            let verb = if unchanged == 1 { "is" } else { "are" };
            page.line(&format!("{} {verb} unchanged.", count(unchanged, "node group")));
        }
        let unreadable = self.with(Outcome::Failed).count();
        if unreadable > 0 {
            page.line(&format!("{} cannot be read.", count(unreadable, "node group")));
        }
    }

    /// The result.
    pub fn draw_results(&self, page: &mut Page) {
        let written = nodegroups(self.with(Outcome::Written));
        let not_reached = nodegroups(self.with(Outcome::NotReached));
        if !written.is_empty() {
            page.line(&format!("Wrote the tags of {}.", count(written.len(), "node group")));
        }
        // After an interruption, each of them matters.
        if !not_reached.is_empty() {
            if !written.is_empty() {
                page.paragraph(&format!("Written: {}.", written.join(", ")));
            }
            page.paragraph(&format!("Not written: {}.", not_reached.join(", ")));
        }
        // A failed change might be written in part.
        if written.is_empty() && self.with(Outcome::Failed).next().is_none() {
            page.line("Nothing was changed.");
        }
    }
}

impl Chosen {
    /// Each node group, and where it is.
    fn located(self) -> impl Iterator<Item = (At, Described)> {
        let Self { place, account, described } = self;
        let at = At { account, place };
        described.into_iter().map(move |described| (at.clone(), described))
    }
}

fn nodegroups<'a>(changes: impl Iterator<Item = &'a Change>) -> Vec<String> {
    changes.map(Change::name).collect()
}

/// As many names as fit into a sentence.
fn names(names: &[String]) -> String {
    let more = names.len().saturating_sub(NAMES);
    let first = names.iter().take(NAMES).map(String::as_str).collect::<Vec<_>>().join(", ");
    if more == 0 { first } else { format!("{first} and {more} more") }
}

#[cfg(test)]
mod tests {
    use aws_sdk_eks::types::Nodegroup;
    use serde_json::{Value, json};

    use super::*;
    use crate::fixture::{at, every_output};

    fn described(name: &str, tags: &[(&str, &str)]) -> Described {
        let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let nodegroup = Nodegroup::builder().nodegroup_arn(format!("arn:{name}")).set_tags(Some(tags)).build();
        Described { name: name.parse().unwrap(), description: Ok(Box::new(nodegroup)) }
    }

    fn unreadable(name: &str, error: &str) -> Described {
        Described { name: name.parse().unwrap(), description: Err(Failure::of_text(error)) }
    }

    fn document(described: Vec<Described>, key: &str, value: Option<&str>) -> Result<Document, String> {
        let wanted = [(key.to_owned(), value.map(str::to_owned))].into();
        let At { place, account } = at();
        let chosen = Chosen { place, account, described };
        Document::of(vec![chosen], &wanted).map_err(|failure| failure.to_string())
    }

    fn text(draw: impl FnOnce(&mut Page)) -> String {
        let mut page = Page::new(80, jiff::tz::TimeZone::UTC);
        draw(&mut page);
        anstream::adapter::strip_str(page.text()).to_string()
    }

    #[test]
    fn what_is_written_as_it_is_shown() {
        let described = vec![
            described("prod/blue", &[("Terraform", "true"), ("ami-update", "notify")]),
            described("prod/green", &[("ami-update", "auto")]),
            described("prod/web", &[]),
        ];
        let document = document(described, "ami-update", Some("auto")).unwrap();
        insta::assert_snapshot!(every_output(&document, |page| {
            document.draw_changes(page);
            document.draw_results(page);
        }));
    }

    #[test]
    fn each_node_group_is_changed_unchanged_or_unreadable() {
        let described = vec![
            described("prod/blue", &[("ManagedBy", "eksctl")]),
            described("prod/green", &[("ami-update", "auto")]),
            unreadable("prod/red", "AccessDeniedException: no"),
            described("prod/web", &[("ManagedBy", "eksctl")]),
        ];
        let document = document(described, "ami-update", Some("auto")).unwrap();
        let change = |mut change: Value| {
            change["account"] = "123456789012".into();
            change["region"] = "eu-central-1".into();
            change["removed"] = json!([]);
            change
        };
        let expected = json!({
            "changes": [
                change(json!({"nodegroup": "prod/blue", "set": {"ami-update": "auto"}, "result": "NotReached"})),
                change(json!({"nodegroup": "prod/green", "set": {}, "result": "Unchanged"})),
                change(json!({
                    "nodegroup": "prod/red", "set": {}, "result": "Failed", "error": "AccessDeniedException: no",
                })),
                change(json!({"nodegroup": "prod/web", "set": {"ami-update": "auto"}, "result": "NotReached"})),
            ],
            "errors": [],
            "warnings": [
                "prod/blue, prod/web: managed by eksctl (tag ManagedBy=eksctl), which might undo this; set the same there: \
                 tags of the managedNodeGroups entry in its config file (docs/ownership.md#eksctl)",
                "prod/blue, prod/web: managed by eksctl, which might revert updates; to avoid that, leave releaseVersion \
                 out of its config file, and do not run eksctl upgrade nodegroup",
            ],
        });
        assert_eq!(serde_json::to_value(&document).unwrap(), expected);
        assert_eq!(
            text(|page| document.draw_changes(page)),
            "prod/blue\n  + ami-update=auto\n\nprod/web\n  + ami-update=auto\n\n1 node group is unchanged.\n\
             1 node group cannot be read.\n"
        );
    }

    #[test]
    fn it_ends_denied_only_where_every_failure_is_for_want_of_rights() {
        let exit = |described| document(described, "ami-update", Some("auto")).unwrap().exit();
        let denied = || unreadable("prod/red", "AccessDeniedException: no");
        assert_eq!(exit(vec![described("prod/blue", &[])]), Exit::Done);
        assert_eq!(exit(vec![described("prod/blue", &[]), denied()]), Exit::Denied);
        assert_eq!(exit(vec![denied(), unreadable("prod/web", "ServerException: no")]), Exit::Failed);
    }

    #[test]
    fn an_interruption_names_what_is_written_and_what_is_not() {
        let described = ["prod/blue", "prod/green", "prod/red"].map(|name| described(name, &[]));
        let mut document = document(described.into(), "ami-update", Some("auto")).unwrap();
        document.changes[1].end(Ok(()));
        assert_eq!(
            text(|page| document.draw_results(page)),
            "Wrote the tags of 1 node group.\nWritten: prod/green.\nNot written: prod/blue, prod/red.\n"
        );
    }

    #[test]
    fn a_tag_that_is_no_rule_can_be_removed_where_it_is() {
        let typo = [("ami-update", "auto"), ("ami-update/windw", "Sat")];
        let both = vec![described("prod/blue", &typo), described("prod/green", &[("ami-update", "auto")])];
        let document_of_both = document(both, "ami-update/windw", None).unwrap();
        assert_eq!(
            text(|page| document_of_both.draw_changes(page)),
            "prod/blue\n  - ami-update/windw=Sat\n\n1 node group is unchanged.\n"
        );
        let error = r#"error: there is no rule "rnig"; did you mean ring?"#;
        assert_eq!(document(vec![described("prod/blue", &typo)], "ami-update/rnig", None).unwrap_err(), error);
    }

    #[test]
    fn nothing_is_written_where_a_node_group_would_have_too_many_tags() {
        let many: Vec<String> = (0..50).map(|number| format!("tag-{number}")).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|key| (key.as_str(), "")).collect();
        let error = document(vec![described("prod/blue", &many)], "ami-update", Some("auto")).unwrap_err();
        assert_eq!(error, "error: prod/blue: it would have 51 tags; AWS allows 50");
    }
}
