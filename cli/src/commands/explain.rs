//! `explain`: the result of every rule for a node group.

use std::collections::BTreeMap;

use anstyle::AnsiColor;
use clap::Args;
use eks_nodegroup_updater::model::decision::DecisionKind;
use eks_nodegroup_updater::model::decision::explanation::{Condition, ConditionStatus, ConsideredRelease, Explanation};
use eks_nodegroup_updater::model::decision::reason::ReasonKind;
use eks_nodegroup_updater::model::id::NodegroupName;
use serde::Serialize;
use serde_json::json;

use crate::aws::account::Account;
use crate::aws::answer::{Look, StartAnswer, look};
use crate::aws::location::Location;
use crate::aws::nodegroups::{Described, describe_one, if_opted_in, no_such_nodegroup};
use crate::aws::place::Place;
use crate::aws::unread::{self, Unread, say_unread};
use crate::failure::{Exit, Failure};
use terminal::kind::Kind;
use terminal::output::Output;
use terminal::page::{Page, Piece, QUIET};

/// Releases that are listed.
const RELEASES: usize = 8;

/// Show the result of every rule for a node group, and what has to change for an update to start
#[derive(Args)]
pub struct Explain {
    /// The node group, as CLUSTER/NODEGROUP
    nodegroup: NodegroupName,
}

/// The explanation, and where it is valid.
#[derive(Serialize)]
struct Document {
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    region: String,
    /// The options for the commands in it.
    #[serde(skip)]
    options: String,
    /// What it does not take into account.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    #[serde(flatten)]
    explanation: Explanation,
}

impl Explain {
    /// Asks for the explanation and prints it.
    ///
    /// # Errors
    /// When there is no such node group, or the dry run fails.
    pub async fn run(self, account: &Account, output: Output) -> Result<Exit, Failure> {
        let place = account.one_place().await?;
        let (document, unread) = place.in_time(self.read(&place, account.stack.as_deref())).await?;
        output.print(&document, |page| document.draw(page))?;
        say_unread(&unread);
        Ok(unread::exit(&unread, Exit::Done))
    }

    async fn read(self, place: &Place, stack: Option<&str>) -> Result<(Document, Vec<Unread>), Failure> {
        let event = json!({"explain": [self.nodegroup]});
        let Look { deployment, mut answer } = look(place, stack, &event).await?;
        let mut notes = Vec::new();
        if deployment.is_none() {
            let region = &place.region;
            notes.push(format!("nothing is deployed in {region}; evaluated with default settings and without records"));
        }
        notes.extend(answer.partial.take().map(|partial| partial.message));
        let name = self.nodegroup.to_string();
        let mut explanation = explanation_of(&answer, &name)?;
        let mut unread = Unread::of_answer(place, &answer);
        if explanation.decision == DecisionKind::Skip(ReasonKind::NotFound) {
            let described = describe_one(place, &self.nodegroup).await;
            if described.as_ref().is_err_and(Failure::is_not_found) {
                let pattern = name.parse().map_err(Failure::usage)?;
                return Err(no_such_nodegroup(place, &pattern).await);
            }
            let described = Described { name: self.nodegroup.clone(), description: Ok(described?) };
            let answer = if_opted_in(place, vec![described], vec![self.nodegroup]).await?;
            explanation = explanation_of(&answer, &name)?;
            unread = Unread::of_answer(place, &answer);
            notes = vec![format!(
                "{name} has no tag ami-update, so the updater leaves it alone; this is what would happen if it opted in, with \
                 default settings and without records. To opt it in: eks-nodegroup-updater opt-in {name}{}",
                place.options
            )];
        }
        let Location { account, region, .. } = Location::of(place, deployment.as_ref()).await;
        let options = place.options.clone();
        Ok((Document { account, region, options, notes, explanation }, unread))
    }
}

impl Document {
    fn draw(&self, page: &mut Page) {
        draw(page, &self.explanation, &self.options);
        for note in &self.notes {
            page.line("");
            page.note(&format!("Note: {note}"));
        }
    }
}

fn explanation_of(answer: &StartAnswer, name: &str) -> Result<Explanation, Failure> {
    let explanation = answer.explanations.iter().find(|explanation| explanation.nodegroup == name).cloned();
    explanation.ok_or_else(|| Failure::new(format!("the function's answer does not include {name}")))
}

fn draw(page: &mut Page, explanation: &Explanation, options: &str) {
    page.paragraph(&headline(explanation));
    page.line("");
    page.note("→ decides   ✔ satisfied   ✗ prevents an update   · not evaluated");
    let width = explanation.conditions.iter().map(|condition| label(condition).len()).max().unwrap_or_default();
    for condition in &explanation.conditions {
        draw_condition(page, condition, width);
    }
    if !explanation.releases.is_empty() {
        page.heading("Releases newer than the current one");
        explanation.releases.iter().take(RELEASES).for_each(|release| draw_release(page, release));
        let more = explanation.releases.len().saturating_sub(RELEASES);
        if more > 0 {
            page.note(&format!("and {more} older ones"));
        }
    }
    draw_way_out(page, explanation, options);
}

/// Its state, in a sentence.
fn headline(explanation: &Explanation) -> String {
    let Explanation { nodegroup, decision, attention, runs, .. } = explanation;
    let runs = runs.as_ref().map(|runs| {
        let release = runs.release_version.as_deref().unwrap_or("an unknown release");
        let version = runs.kubernetes_version.as_deref().unwrap_or("of an unknown version");
        let behind = match runs.days_behind {
            Some(0) => ", less than a day behind".to_owned(),
            Some(1) => ", 1 day behind".to_owned(),
            Some(days) => format!(", {days} days behind"),
            None => String::new(),
        };
        format!(" runs {release} ({}, Kubernetes {version}){behind}", runs.ami_type)
    });
    let what = match Kind::of(decision, *attention) {
        Kind::Start => "an update starts with the next run",
        Kind::Updating => "an update is in progress",
        Kind::Waits => "it waits",
        Kind::NeedsYou => "it needs you",
        Kind::LeftAlone => "it is left alone",
        Kind::Current => "it is current",
    };
    format!("{}{}: {what}. {decision}: {}", nodegroup, runs.unwrap_or_default(), explanation.reason)
}

/// A rule's name, in words.
fn label(condition: &Condition) -> String {
    let mut words = String::new();
    for character in condition.rule.name().chars() {
        if character.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(character.to_lowercase());
    }
    words.replace(" ami", " AMI")
}

fn draw_condition(page: &mut Page, condition: &Condition, width: usize) {
    let (glyph, color) = match condition.status {
        ConditionStatus::True => ("✔", AnsiColor::Green),
        ConditionStatus::False => ("✗", AnsiColor::Red),
        ConditionStatus::Unknown => ("·", AnsiColor::BrightBlack),
    };
    let until = condition.until.map(|until| format!(" (until {})", page.time(until))).unwrap_or_default();
    let message = match condition.status {
        ConditionStatus::Unknown => "not evaluated".to_owned(),
        ConditionStatus::False => format!("{}: {}{until}", condition.reason, condition.message),
        ConditionStatus::True => condition.message.clone(),
    };
    let source = format!("[{}]", condition.source);
    let decides = if condition.decides { "→ " } else { "  " };
    let message = format!(" {:width$}  {message} ", label(condition));
    let pieces = [
        Piece::plain(decides),
        Piece::new(color.on_default(), glyph),
        Piece::plain(&message),
        Piece::new(QUIET, &source),
    ];
    page.pieces(width + 6, &pieces);
}

fn draw_release(page: &mut Page, release: &ConsideredRelease) {
    let ConsideredRelease { release_version, kubernetes_version, published_at, against } = release;
    let against: Vec<&str> = against.iter().map(|objection| objection.reason.as_str()).collect();
    let verdict = if against.is_empty() { "allowed".to_owned() } else { against.join(", ") };
    let (release, published) = (release_version, page.date(*published_at));
    page.paragraph(&format!("  {release}  Kubernetes {kubernetes_version}, published {published}: {verdict}"));
}

/// What has to change for an update to start, and when that might be.
fn draw_way_out(page: &mut Page, explanation: &Explanation, options: &str) {
    let failed = explanation.conditions.iter().filter(|condition| condition.status == ConditionStatus::False);
    let mut remedies: BTreeMap<&str, String> = BTreeMap::new();
    for condition in failed {
        let guide = DecisionKind::from(condition.reason.as_str()).guide();
        if let Some(remedy) = guide.and_then(|guide| guide.remedy) {
            remedies.insert(&condition.reason, remedy.replace("NODEGROUP", &explanation.nodegroup));
        }
    }
    if let Some(at) = explanation.starts_at {
        page.heading("When an update can start");
        page.line(&format!("If nothing else changes, from {}.", page.time(at)));
    }
    if !remedies.is_empty() {
        page.heading("What to do");
        for (reason, remedy) in remedies {
            // A command stays in one piece, so that it can be copied.
            match remedy.split_once(": eks-nodegroup-updater") {
                Some((what, command)) => {
                    page.paragraph(&format!("  {reason}: {what}"));
                    page.line(&format!("    eks-nodegroup-updater{command}{options}"));
                }
                None => page.paragraph(&format!("  {reason}: {remedy}")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{after, every_output};

    async fn explained(hours: i64, name: &str) -> Explanation {
        let moment = after(hours, &json!({"explain": [name]})).await;
        let [explanation] = <[Explanation; 1]>::try_from(moment.look.answer.explanations).unwrap();
        explanation
    }

    #[tokio::test]
    async fn a_node_group_that_waits_for_a_lower_ring() {
        let explanation = explained(0, "prod/general").await;
        insta::assert_snapshot!(every_output(&explanation, |page| draw(page, &explanation, "")));
    }

    #[tokio::test]
    async fn a_node_group_whose_last_update_failed() {
        let explanation = explained(4, "prod/general").await;
        insta::assert_snapshot!(every_output(&explanation, |page| draw(page, &explanation, "")));
    }

    #[tokio::test]
    async fn a_node_group_with_an_invalid_tag() {
        let explanation = explained(0, "staging/tools").await;
        insta::assert_snapshot!(every_output(&explanation, |page| draw(page, &explanation, "")));
    }
}
