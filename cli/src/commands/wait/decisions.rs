//! Until a node group is current: a narrow dry run of those that are not.

use std::collections::HashMap;

use eks_nodegroup_updater::model::decision::DecisionKind;
use eks_nodegroup_updater::model::decision::attention::Attention;
use eks_nodegroup_updater::model::decision::reason::ReasonKind;
use eks_nodegroup_updater::model::id::NodegroupName;
use eks_nodegroup_updater::model::nodegroup::policy::OPT_IN_TAG;
use serde_json::json;

use super::item::{Item, Subject};
use crate::aws::answer::{DecisionLine, StartAnswer, look_of};
use crate::aws::nodegroups::describe_one;
use crate::aws::place::Place;
use crate::aws::stack::Deployment;
use crate::failure::Failure;

/// A node group on which no dry run has decided yet.
pub fn undecided(name: &NodegroupName) -> DecisionLine {
    let reason = "no dry run has decided on it yet".to_owned();
    DecisionLine::new(name.to_string(), DecisionKind::Skip(ReasonKind::NotReached), Attention::Waits, reason)
}

/// Looks at the node groups that are not over, by a dry run of the deployed function.
///
/// # Errors
/// When the dry run is not possible.
pub async fn look(place: &Place, deployment: &Deployment, items: Vec<Item>) -> Result<Vec<Item>, Failure> {
    let left: Vec<&NodegroupName> = items.iter().filter(|item| !item.is_over()).map(|item| &item.name).collect();
    if left.is_empty() {
        return Ok(items);
    }
    let answer = look_of(place, Some(deployment), &json!({"explain": left})).await?;
    let mut seen = Vec::new();
    for item in items {
        seen.push(match item.is_over() {
            true => item,
            false => {
                let decided = decided(place, &item.name, &answer).await;
                item.with(decided.map(|line| Subject::Decision(Box::new(line))))
            }
        });
    }
    Ok(seen)
}

/// The decision on a node group.
async fn decided(place: &Place, name: &NodegroupName, answer: &StartAnswer) -> Result<DecisionLine, Failure> {
    let named = name.to_string();
    let line = answer.decisions.iter().find(|line| line.nodegroup == named);
    let line = line.ok_or_else(|| Failure::new(format!("the function's answer does not include {named}")))?;
    match &line.decision {
        DecisionKind::Skip(ReasonKind::Unreadable | ReasonKind::NotReached) => {
            let error = answer.errors.iter().find(|error| error.subject.as_ref() == Some(&named));
            Err(error.map_or_else(|| Failure::new(&line.reason), |error| Failure::of_text(&error.message)))
        }
        DecisionKind::Skip(ReasonKind::NotFound) => not_found(place, name, line).await,
        _ => Ok(line.clone()),
    }
}

/// A node group without the tag, or that does not exist any more.
async fn not_found(place: &Place, name: &NodegroupName, line: &DecisionLine) -> Result<DecisionLine, Failure> {
    let described = match describe_one(place, name).await {
        Ok(described) => described,
        Err(failure) if failure.is_not_found() => {
            let (decision, reason) = (DecisionKind::Skip(ReasonKind::Deleted), "it does not exist any more".to_owned());
            return Ok(DecisionLine::new(line.nodegroup.clone(), decision, Attention::NeedsYou, reason));
        }
        Err(failure) => return Err(failure),
    };
    let none = HashMap::new();
    Ok(match described.tags().unwrap_or(&none).contains_key(OPT_IN_TAG) {
        // It got the tag just now.
        true => undecided(name),
        false => DecisionLine {
            decision: DecisionKind::Skip(ReasonKind::NotOptedIn),
            attention: Attention::Deliberate,
            opted_in: false,
            reason: "it has no tag ami-update, so the updater leaves it alone".to_owned(),
            ..line.clone()
        },
    })
}
