//! Whether the node groups that opted in can be kept current, and are found.

use std::collections::{BTreeMap, BTreeSet};

use eks_nodegroup_updater::model::decision::DecisionKind;
use eks_nodegroup_updater::model::decision::attention::Attention;
use eks_nodegroup_updater::model::decision::reason::ReasonKind;
use eks_nodegroup_updater::model::decision::rule::Rule;
use eks_nodegroup_updater::model::id::NodegroupName;
use eks_nodegroup_updater::model::nodegroup::policy::OPT_IN_TAG;

use crate::aws::answer::DecisionLine;
use crate::aws::nodegroups::{Described, describe, list};
use crate::aws::unread::Unread;
use crate::failure::{Exit, Failure};
use terminal::message::Message;
use terminal::text::count;

use super::{Check, Checks, Installation, Question, Status};

const DECISIONS: Question = Question {
    name: "Decisions",
    about: "decision for each node group",
    action: "lambda:InvokeFunction on the alias readonly",
};
const INDEX: Question =
    Question { name: "TagIndex", about: "node groups of the region", action: "eks:ListClusters or eks:ListNodegroups" };
const CLUSTERS: Question =
    Question { name: "Clusters", about: "node groups of each cluster", action: "eks:ListNodegroups" };
const DESCRIPTIONS: Question =
    Question { name: "Descriptions", about: "tags of node groups", action: "eks:DescribeNodegroup" };
const WITHOUT_TAG: Question = Question { name: "WithoutTag", about: "node groups without the tag", action: "" };

/// The maximum number of node groups in one check.
const NAMED: usize = 20;

pub fn checks<'a>(installation: &'a Installation<'a>) -> Vec<Checks<'a>> {
    vec![Box::pin(decisions(installation)), Box::pin(tag_index(installation))]
}

async fn decisions<'a>(installation: &'a Installation<'a>) -> Result<Vec<Check>, Check> {
    let answer = installation.answer().await.as_ref().map_err(|failure| {
        // For a deployed function, the section Stack has the cause.
        match (&installation.deployment, failure.exit) {
            (Some(_), _) => DECISIONS.skipped("the dry run of start failed"),
            (None, Exit::Denied) => Question { action: "tag:GetResources", ..DECISIONS }.not_done(failure),
            (None, _) => DECISIONS.not_done(failure),
        }
    })?;
    Ok(decision_checks(&answer.decisions))
}

fn decision_checks(lines: &[DecisionLine]) -> Vec<Check> {
    let mut blocked: BTreeMap<&DecisionKind, Vec<&DecisionLine>> = BTreeMap::new();
    // Separate checks cover everything that stops all updates.
    let is_frozen = |line: &DecisionLine| line.decision == DecisionKind::Skip(ReasonKind::Frozen);
    for line in lines.iter().filter(|line| line.attention == Attention::NeedsYou && !is_frozen(line)) {
        blocked.entry(&line.decision).or_default().push(line);
    }
    let mut checks: Vec<Check> = blocked.into_iter().map(|(decision, lines)| blocked_check(decision, &lines)).collect();
    if checks.is_empty() {
        checks.push(DECISIONS.passed(match lines.len() {
            0 => format!("no node group has the tag {OPT_IN_TAG}"),
            number => format!("{} with the tag {OPT_IN_TAG}, and none needs you", count(number, "node group")),
        }));
    }
    checks
}

/// Node groups with one decision that needs attention.
fn blocked_check(decision: &DecisionKind, lines: &[&DecisionLine]) -> Check {
    let guide = decision.guide();
    // Wrong configuration is a problem of the installation; the rest is the state of node groups.
    let status = match guide.map(|guide| guide.rule) {
        Some(Rule::Readable | Rule::OptedIn | Rule::Pin | Rule::Window) => Status::Failed,
        _ => Status::Warning,
    };
    let reasons = lines.iter().map(|line| format!("{}: {}", line.nodegroup, line.reason));
    let name = match decision {
        DecisionKind::Skip(reason) => reason.into(),
        DecisionKind::Start | DecisionKind::Next | DecisionKind::Unknown(_) => DECISIONS.name,
    };
    let question = Question { name, ..DECISIONS };
    let check = question
        .is(status, format!("{}: {decision}", count(lines.len(), "node group")))
        .cause(listed(reasons.collect()))
        .see("docs/decisions.md");
    let name = match lines {
        [line] => &line.nodegroup,
        _ => "CLUSTER/NODEGROUP",
    };
    match guide.and_then(|guide| guide.remedy) {
        Some(remedy) => check.remedy(capitalized(&remedy.replace("NODEGROUP", name))),
        None => check,
    }
}

async fn tag_index<'a>(installation: &'a Installation<'a>) -> Result<Vec<Check>, Check> {
    let all = async {
        let listed = list(installation.place, &[]).await.map_err(|failure| INDEX.not_done(&failure))?;
        Ok::<_, Check>((describe(installation.place, listed.names).await, listed.unread))
    };
    let (all, answer) = futures_util::join!(all, installation.answer());
    let (described, unread) = all?;
    let known: Option<BTreeSet<&str>> =
        answer.as_ref().ok().map(|answer| answer.decisions.iter().map(|line| line.nodegroup.as_str()).collect());
    let mut checks = index_checks(&described, known.as_ref());
    checks.extend(unread_check(&unread));
    Ok(checks)
}

/// The check about clusters that could not be listed.
fn unread_check(unread: &[Unread]) -> Option<Check> {
    if unread.is_empty() {
        return None;
    }
    let causes = unread.iter().map(|it| format!("{}: {}", it.what, it.error)).collect();
    let check =
        CLUSTERS.failed(format!("{} could not be listed", count(unread.len(), "cluster"))).cause(listed(causes));
    Some(match unread.iter().find_map(|it| it.remedy.as_ref()) {
        Some(remedy) => check.remedy(remedy),
        None => check,
    })
}

/// Compares what EKS describes with what the tag index showed to `start`.
fn index_checks(described: &[Described], known: Option<&BTreeSet<&str>>) -> Vec<Check> {
    let mut checks = Vec::new();
    let (mut tagged, mut without, mut unknown) = (Vec::new(), 0, Vec::new());
    for Described { name, description } in described {
        match description {
            Ok(nodegroup) if nodegroup.tags().is_some_and(|tags| tags.contains_key(OPT_IN_TAG)) => {
                tagged.push(name.to_string());
            }
            Ok(_) => without += 1,
            Err(failure) => unknown.push((name, failure)),
        }
    }
    let missing: Vec<String> = match known {
        Some(known) => tagged.iter().filter(|name| !known.contains(name.as_str())).cloned().collect(),
        None => Vec::new(),
    };
    checks.push(match known {
        None => Question { about: "tag index", ..INDEX }.skipped("the dry run of start failed"),
        Some(_) if missing.is_empty() => INDEX.passed(match tagged.len() {
            0 => "the tag index is complete: no node group has the tag".to_owned(),
            number => format!("the tag index has every node group with the tag: {number}"),
        }),
        Some(_) => INDEX
            .failed(format!("{} with the tag that start does not find", count(missing.len(), "node group")))
            .cause(listed(missing))
            .remedy(
                "The tag index shows a change within minutes. If the node groups stay missing, set the tag again \
                 where they are defined.",
            )
            .see("docs/operations.md#a-lost-tag"),
    });
    if !unknown.is_empty() {
        checks.push(descriptions_check(&unknown));
    }
    checks.push(WITHOUT_TAG.passed(match without {
        0 if described.is_empty() => "the region has no node groups".to_owned(),
        0 => "every node group has the tag".to_owned(),
        _ => format!("{without} of {} without the tag, left alone", count(described.len(), "node group")),
    }));
    checks
}

/// The check about node groups that could not be described.
fn descriptions_check(unknown: &[(&NodegroupName, &Failure)]) -> Check {
    if unknown.iter().all(|(_, failure)| failure.exit == Exit::Denied) {
        return DESCRIPTIONS.unanswered(&super::NoAnswer::Denied);
    }
    let message = format!("{} could not be described", count(unknown.len(), "node group"));
    let causes = unknown.iter().map(|(name, failure)| format!("{name}: {}", failure.message));
    DESCRIPTIONS.failed(message).cause(listed(causes.collect()))
}

/// The first lines, and how many more there are.
fn listed(mut lines: Vec<String>) -> Message {
    let more = lines.len().saturating_sub(NAMED);
    lines.truncate(NAMED);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines.into_iter().collect()
}

fn capitalized(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use aws_sdk_eks::types::Nodegroup;

    use super::*;

    fn line(nodegroup: &str, decision: DecisionKind, attention: Attention) -> DecisionLine {
        DecisionLine::new(nodegroup.to_owned(), decision, attention, "because".to_owned())
    }

    fn described(name: &str, tags: Option<&[&str]>) -> Described {
        let tags =
            tags.map(|tags| tags.iter().map(|tag| ((*tag).to_owned(), "auto".to_owned())).collect::<HashMap<_, _>>());
        let nodegroup = Nodegroup::builder().set_tags(tags).build();
        Described { name: name.parse().unwrap(), description: Ok(Box::new(nodegroup)) }
    }

    #[test]
    fn each_decision_that_needs_somebody_is_a_check_and_what_waits_is_none() {
        let skip = DecisionKind::Skip;
        let waits = [
            line("prod/a", skip(ReasonKind::OutsideWindow), Attention::Waits),
            line("prod/b", skip(ReasonKind::UpToDate), Attention::Current),
        ];
        let [check] = <[Check; 1]>::try_from(decision_checks(&waits)).unwrap();
        assert_eq!(check.message, "2 node groups with the tag ami-update, and none needs you");
        let needs_you = [
            line("prod/a", skip(ReasonKind::OutsideWindow), Attention::NeedsYou),
            line("prod/b", skip(ReasonKind::InvalidTag), Attention::NeedsYou),
            line("prod/c", skip(ReasonKind::InvalidTag), Attention::NeedsYou),
            line("prod/d", skip(ReasonKind::CustomAmi), Attention::NeedsYou),
            line("prod/e", DecisionKind::Unknown("NotYetInvented".to_owned()), Attention::NeedsYou),
        ];
        let checks = decision_checks(&needs_you);
        let found: Vec<(Status, &str)> = checks.iter().map(|check| (check.status, check.message.as_str())).collect();
        assert_eq!(
            found,
            [
                (Status::Failed, "2 node groups: InvalidTag"),
                (Status::Warning, "1 node group: CustomAmi"),
                (Status::Failed, "1 node group: OutsideWindow"),
                (Status::Warning, "1 node group: NotYetInvented"),
            ]
        );
        let cause = Message::new("prod/b: because").line("prod/c: because");
        assert_eq!(checks[0].cause, Some(cause));
    }

    #[test]
    fn a_node_group_that_the_index_lacks_is_named() {
        let all =
            [described("prod/a", Some(&["ami-update"])), described("prod/b", Some(&[])), described("prod/c", None)];
        let checks = index_checks(&all, Some(&BTreeSet::from(["prod/a"])));
        assert_eq!(checks[0].message, "the tag index has every node group with the tag: 1");
        assert_eq!(checks[1].message, "2 of 3 node groups without the tag, left alone");
        let checks = index_checks(&all, Some(&BTreeSet::new()));
        assert_eq!((checks[0].status, &checks[0].cause), (Status::Failed, &Some("prod/a".into())));
        assert_eq!(index_checks(&all, None)[0].status, Status::Skipped);
    }

    #[test]
    fn a_long_list_is_capped() {
        let lines: Vec<String> = (0..25).map(|number| format!("prod/{number}")).collect();
        assert!(listed(lines).to_string().ends_with("prod/19\nand 5 more"));
    }
}
