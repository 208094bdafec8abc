//! Which node groups a command is about, beyond patterns of their names.

use std::collections::{BTreeSet, HashMap};
use std::str::FromStr;

use aws_sdk_eks::types as eks;
use aws_sdk_resourcegroupstagging::types::TagFilter;
use clap::Args;
use eks_nodegroup_updater::aws::StartClients;
use eks_nodegroup_updater::model::decision::DecisionKind;
use eks_nodegroup_updater::model::decision::reason::ReasonKind;
use eks_nodegroup_updater::model::id::{NodegroupId, NodegroupName, NodegroupPattern};
use strum::VariantArray as _;
use wildmatch::WildMatchPattern;

use crate::aws::answer::{DecisionLine, StartAnswer, look, looking};
use crate::aws::nodegroups::{Described, Listed, describe, if_opted_in, list};
use crate::aws::place::Place;
use crate::aws::unread::Unread;
use crate::failure::Failure;
use terminal::kind::Kind;
use terminal::text::nearest;

/// Which node groups a command is about; all conditions have to be met
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Selection")]
pub struct Selection {
    /// Only node groups with this tag, such as team=shop, or team for any value. It is read from AWS's tag index, which can be a
    /// few minutes behind
    #[arg(long, short = 'l', value_name = "KEY[=VALUE]")]
    selector: Vec<Tag>,
    /// Only node groups with this AMI type; * matches any characters, as in AL2023_*
    #[arg(long, value_name = "TYPE")]
    ami_type: Vec<String>,
    /// Only opted-in node groups with this decision, such as WaitingForRing
    #[arg(long, value_name = "DECISION", value_parser = decision)]
    decision: Vec<DecisionKind>,
    /// Only opted-in node groups in this state
    #[arg(long, value_enum, value_name = "STATE")]
    attention: Vec<Kind>,
}

/// The arguments that select node groups without naming them.
pub const SELECTED: [&str; 4] = ["selector", "ami_type", "decision", "attention"];

/// A tag, or a key with any value.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Tag {
    key: String,
    value: Option<String>,
}

/// The selected node groups of a place.
#[derive(Debug)]
pub struct Selected<'a> {
    selection: &'a Selection,
    patterns: &'a [NodegroupPattern],
    /// Those that the tag index lists, if it matters.
    tagged: Option<BTreeSet<NodegroupName>>,
}

/// The names of all decisions.
pub fn decisions() -> impl Iterator<Item = &'static str> {
    ReasonKind::VARIANTS.iter().map(Into::into).chain(["Start", "Next"])
}

fn decision(text: &str) -> Result<DecisionKind, String> {
    match DecisionKind::from(text) {
        DecisionKind::Unknown(_) => {
            let near = nearest(text, decisions());
            let meant = if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(" or ")) };
            Err(format!("there is no such decision{meant}"))
        }
        known => Ok(known),
    }
}

impl FromStr for Tag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key, Some(value.to_owned())),
            None => (text, None),
        };
        match key.is_empty() {
            true => Err("expected KEY=VALUE, or KEY for any value".to_owned()),
            false => Ok(Self { key: key.to_owned(), value }),
        }
    }
}

impl Selection {
    /// Whether it excludes nothing.
    pub fn is_empty(&self) -> bool {
        let Self { selector, ami_type, decision, attention } = self;
        selector.is_empty() && ami_type.is_empty() && decision.is_empty() && attention.is_empty()
    }

    /// Whether it is about decisions, which only a dry run knows.
    pub fn needs_decisions(&self) -> bool {
        !self.decision.is_empty() || !self.attention.is_empty()
    }

    /// The selected node groups of a place, with those that have the tags.
    ///
    /// # Errors
    /// When the tag index cannot be read.
    pub async fn of<'a>(&'a self, place: &Place, patterns: &'a [NodegroupPattern]) -> Result<Selected<'a>, Failure> {
        let tagged = if self.selector.is_empty() { None } else { Some(self.tagged(place).await?) };
        Ok(Selected { selection: self, patterns, tagged })
    }

    /// The selected node groups of a place as EKS describes them, without those that do not exist; and what could not be listed.
    ///
    /// # Errors
    /// When neither the tag index nor the clusters can be read, or the decisions cannot.
    pub async fn described(
        &self,
        place: &Place,
        patterns: &[NodegroupPattern],
        stack: Option<&str>,
    ) -> Result<(Vec<Described>, Vec<Unread>), Failure> {
        let selected = self.of(place, patterns).await?;
        let Listed { mut names, unread } = selected.list(place).await?;
        if self.needs_decisions() {
            let mut answer = look(place, stack, &looking()).await?.answer;
            answer.decisions.retain(|line| selected.includes(line));
            let wanted: BTreeSet<String> = answer.decisions.into_iter().map(|line| line.nodegroup).collect();
            names.retain(|name| wanted.contains(&name.to_string()));
        }
        let mut described = describe(place, names).await;
        described.retain(|it| match &it.description {
            Ok(nodegroup) => selected.includes_described(nodegroup),
            Err(failure) => !failure.is_not_found(),
        });
        Ok((described, unread))
    }

    async fn tagged(&self, place: &Place) -> Result<BTreeSet<NodegroupName>, Failure> {
        let filters = self.selector.iter().map(|tag| {
            TagFilter::builder().key(&tag.key).set_values(tag.value.clone().map(|value| vec![value])).build()
        });
        let pages = StartClients::new(&place.configuration)
            .tagging
            .get_resources()
            .resource_type_filters("eks:nodegroup")
            .set_tag_filters(Some(filters.collect()))
            .resources_per_page(100)
            .into_paginator()
            .items()
            .send();
        let resources: Result<Vec<_>, _> = pages.collect().await;
        let resources = resources.map_err(|error| Failure::of_call("reading the tag index", &error))?;
        let ids = resources.into_iter().filter_map(|it| NodegroupId::from_arn(&it.resource_arn?));
        Ok(ids.map(|id| id.name().clone()).collect())
    }
}

impl Selected<'_> {
    /// The names to read without listing anything, if the tag index has them.
    pub fn named(&self) -> Option<Vec<NodegroupName>> {
        let tagged = self.tagged.as_ref()?;
        Some(tagged.iter().filter(|name| self.includes_name(name)).cloned().collect())
    }

    /// Those that can be listed, opted in or not.
    ///
    /// # Errors
    /// When the clusters cannot be listed.
    pub async fn list(&self, place: &Place) -> Result<Listed, Failure> {
        match self.named() {
            Some(names) => Ok(Listed { names, unread: Vec::new() }),
            None => list(place, self.patterns).await,
        }
    }

    /// Those of these names that a dry run of the opted-in node groups does not have, and what they would get if they opted in.
    ///
    /// # Errors
    /// When the settings are invalid.
    pub async fn not_opted_in(
        &self,
        place: &Place,
        mut names: Vec<NodegroupName>,
        answer: &StartAnswer,
    ) -> Result<Vec<DecisionLine>, Failure> {
        let known: BTreeSet<&str> = answer.decisions.iter().map(|line| line.nodegroup.as_str()).collect();
        names.retain(|name| !known.contains(name.to_string().as_str()));
        let mut lines = if_opted_in(place, describe(place, names).await, Vec::new()).await?.decisions;
        lines.retain(|line| self.includes(line));
        Ok(lines)
    }

    /// Whether a name can be one of them.
    pub fn includes_name(&self, name: &NodegroupName) -> bool {
        let is_tagged = self.tagged.as_ref().is_none_or(|tagged| tagged.contains(name));
        is_tagged && (self.patterns.is_empty() || self.patterns.iter().any(|pattern| pattern.matches(name)))
    }

    /// Whether a described node group can be one of them.
    pub fn includes_described(&self, nodegroup: &eks::Nodegroup) -> bool {
        let ami_type = nodegroup.ami_type().map_or("", |ami_type| ami_type.as_str());
        let none = HashMap::new();
        let tags = nodegroup.tags().unwrap_or(&none);
        // The index can be behind.
        let has = |tag: &Tag| tags.get(&tag.key).is_some_and(|is| tag.value.as_ref().is_none_or(|value| value == is));
        self.includes_ami_type(ami_type) && self.selection.selector.iter().all(has)
    }

    /// Whether a node group with a decision is one of them.
    pub fn includes(&self, line: &DecisionLine) -> bool {
        let Selection { decision, attention, .. } = self.selection;
        let ami_type = line.runs.as_ref().map_or("", |runs| runs.ami_type.as_str());
        let by_decision = decision.is_empty() || (line.opted_in && decision.contains(&line.decision));
        let by_attention = attention.is_empty() || (line.opted_in && attention.contains(&line.sign()));
        by_decision
            && by_attention
            && self.includes_ami_type(ami_type)
            // An entry of the tag index that is no node group has no such name.
            && line.nodegroup.parse().map_or(self.patterns.is_empty(), |name| self.includes_name(&name))
    }

    fn includes_ami_type(&self, ami_type: &str) -> bool {
        let wanted = &self.selection.ami_type;
        let is_it = |pattern: &String| WildMatchPattern::<'*', '\0'>::new(pattern).matches(ami_type);
        wanted.is_empty() || wanted.iter().any(is_it)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_has_a_value_or_any() {
        let tag = |text: &str| text.parse::<Tag>().map(|tag| (tag.key, tag.value));
        assert_eq!(tag("team=shop"), Ok(("team".to_owned(), Some("shop".to_owned()))));
        assert_eq!(tag("team="), Ok(("team".to_owned(), Some(String::new()))));
        assert_eq!(tag("team"), Ok(("team".to_owned(), None)));
        assert_eq!(tag("=shop"), Err("expected KEY=VALUE, or KEY for any value".to_owned()));
    }

    #[test]
    fn a_decision_that_does_not_exist_is_answered_with_a_near_one() {
        assert_eq!(decision("Next"), Ok(DecisionKind::Next));
        let error = decision("WaitingForRings").unwrap_err();
        assert_eq!(error, "there is no such decision; did you mean WaitingForRing?");
    }
}
