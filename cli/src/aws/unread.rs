//! What a command could not read: the rest is shown, and each of these named.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Serialize, Serializer};

use super::answer::StartAnswer;
use super::location::name_of;
use super::place::Place;
use crate::failure::{Exit, Failure};
use terminal::message::Message;
use terminal::output::say;
use terminal::text::count;

/// Names in one message.
const NAMES: usize = 3;

/// Something that could not be read, and why.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unread {
    /// The profile, if the command line names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// What is missing.
    #[serde(flatten)]
    pub what: What,
    /// Why, in AWS's words where it refused something.
    pub error: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<Message>,
    /// How the command ends if nothing else went wrong.
    #[serde(skip)]
    exit: Exit,
}

/// What could not be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// All of a profile.
    Profile,
    /// All of a region.
    Region,
    /// A cluster's list of node groups.
    Cluster(String),
    /// A node group.
    Nodegroup(String),
    /// Something else, such as the releases of a track.
    Other(String),
    /// Something that all node groups of a run need, such as a change calendar.
    Run,
}

impl Serialize for What {
    /// The name under its key; nothing if it is all of a place.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let named = match self {
            Self::Profile | Self::Region | Self::Run => None,
            Self::Cluster(name) => Some(("cluster", name)),
            Self::Nodegroup(name) => Some(("nodegroup", name)),
            Self::Other(name) => Some(("subject", name)),
        };
        serializer.collect_map(named)
    }
}

impl Unread {
    /// A whole region.
    pub fn of_place(place: &Place, failure: Failure) -> Self {
        Self::of(place, What::Region, failure)
    }

    /// A part of a region.
    pub fn of(place: &Place, what: What, failure: Failure) -> Self {
        let Failure { exit, message: error, hint: remedy, .. } = failure;
        Self { profile: place.profile.clone(), region: Some(place.region.clone()), what, error, remedy, exit }
    }

    /// A whole profile.
    pub fn of_profile(profile: &str, failure: Failure) -> Self {
        let Failure { exit, message: error, hint: remedy, .. } = failure;
        Self { profile: Some(profile.to_owned()), region: None, what: What::Profile, error, remedy, exit }
    }

    /// The errors of a run, each about one of its node groups or something else.
    pub fn of_answer(place: &Place, answer: &StartAnswer) -> Vec<Self> {
        let nodegroups: BTreeSet<&String> = answer.decisions.iter().map(|line| &line.nodegroup).collect();
        let unread = answer.errors.iter().map(|error| {
            let what = match &error.subject {
                Some(subject) if nodegroups.contains(subject) => What::Nodegroup(subject.clone()),
                Some(subject) => What::Other(subject.clone()),
                None => What::Run,
            };
            Self::of(place, what, Failure::of_text(&error.message))
        });
        unread.collect()
    }

    /// Its place, as people name it.
    fn place(&self) -> String {
        name_of(self.profile.as_deref(), self.region.as_deref())
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name().unwrap_or_else(|| self.noun()))
    }
}

impl What {
    fn name(&self) -> Option<&str> {
        match self {
            Self::Profile | Self::Region | Self::Run => None,
            Self::Cluster(name) | Self::Nodegroup(name) | Self::Other(name) => Some(name),
        }
    }

    fn noun(&self) -> &'static str {
        match self {
            Self::Profile => "profile",
            Self::Region => "region",
            Self::Cluster(_) => "cluster",
            Self::Nodegroup(_) => "node group",
            Self::Other(_) | Self::Run => "other item",
        }
    }
}

/// How a command ends that could not read all of this: with its own end only if there was nothing.
pub fn exit(unread: &[Unread], otherwise: Exit) -> Exit {
    if unread.is_empty() {
        otherwise
    } else if unread.iter().all(|it| it.exit == Exit::Denied) {
        Exit::Denied
    } else {
        Exit::Failed
    }
}

/// Prints what could not be read: equal errors in one message, each remedy once, and how much is missing.
pub fn say_unread(unread: &[Unread]) {
    if !unread.is_empty() {
        say(messages(unread));
    }
}

/// What could not be read, in messages for people.
pub fn messages(unread: &[Unread]) -> Message {
    let mut groups: Vec<Vec<&Unread>> = Vec::new();
    let is_like = |one: &Unread, other: &Unread| {
        one.place() == other.place() && one.error == other.error && one.what.noun() == other.what.noun()
    };
    for it in unread {
        match groups.iter_mut().find(|group| group.first().is_some_and(|first| is_like(first, it))) {
            Some(group) => group.push(it),
            None => groups.push(vec![it]),
        }
    }
    let lines: Message = groups.iter().map(|group| message(group)).collect();
    let remedies: BTreeSet<&Message> = unread.iter().filter_map(|it| it.remedy.as_ref()).collect();
    let lines = remedies.into_iter().fold(lines, |lines, remedy| remedy.lines().fold(lines.line(""), Message::line));
    let mut counts: Vec<(&'static str, usize)> = Vec::new();
    for it in unread {
        match counts.iter_mut().find(|(noun, _)| *noun == it.what.noun()) {
            Some((_, number)) => *number += 1,
            None => counts.push((it.what.noun(), 1)),
        }
    }
    let parts: Vec<String> = counts.into_iter().map(|(noun, number)| count(number, noun)).collect();
    lines.line("").line(format!("Not read: {}. The rest is shown.", parts.join(", ")))
}

/// One message about things that could not be read for the same cause.
fn message(group: &[&Unread]) -> String {
    let Some(first) = group.first() else { return String::new() };
    let mut names: Vec<&str> = group.iter().filter_map(|it| it.what.name()).take(NAMES).collect();
    let more = format!("{} more", group.len().saturating_sub(NAMES));
    let about = if group.len() > NAMES {
        names.push(&more);
        format!(" {} ({}):", count(group.len(), first.what.noun()), names.join(", "))
    } else if names.is_empty() {
        String::new()
    } else {
        format!(" {}:", names.join(", "))
    };
    format!("error: {}:{about} {}", first.place(), first.error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unread(what: What, error: &str, exit: Exit) -> Unread {
        let remedy = (exit == Exit::Denied).then(|| "Ask for the permission.".into());
        Unread { profile: None, region: Some("eu-central-1".to_owned()), what, error: error.to_owned(), remedy, exit }
    }

    #[test]
    fn equal_errors_are_one_message_and_each_remedy_is_said_once() {
        let throttled = |number| {
            unread(What::Nodegroup(format!("prod/ng-{number}")), "ThrottlingException: Rate exceeded", Exit::Failed)
        };
        let mut all: Vec<Unread> = (0..2_876).map(throttled).collect();
        all.push(unread(What::Cluster("dev".to_owned()), "AccessDeniedException: no", Exit::Denied));
        all.push(unread(What::Region, "not read within 30 s, the --timeout", Exit::Failed));
        let expected = [
            "error: eu-central-1: 2876 node groups (prod/ng-0, prod/ng-1, prod/ng-2, 2873 more): ThrottlingException: \
             Rate exceeded",
            "error: eu-central-1: dev: AccessDeniedException: no",
            "error: eu-central-1: not read within 30 s, the --timeout",
            "",
            "Ask for the permission.",
            "",
            "Not read: 2876 node groups, 1 cluster, 1 region. The rest is shown.",
        ];
        assert_eq!(messages(&all).lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_command_ends_denied_only_if_every_failure_is_for_a_missing_permission() {
        let denied = unread(What::Region, "AccessDenied: no", Exit::Denied);
        let failed = unread(What::Region, "ServerException: no", Exit::Failed);
        assert_eq!(exit(&[], Exit::Found), Exit::Found);
        assert_eq!(exit(std::slice::from_ref(&denied), Exit::Done), Exit::Denied);
        assert_eq!(exit(&[denied, failed], Exit::Found), Exit::Failed);
    }
}
