//! `plan`: what the next run would do.

use std::collections::BTreeMap;

use clap::Args;
use eks_nodegroup_updater::model::decision::DecisionKind;
use eks_nodegroup_updater::model::id::NodegroupPattern;
use serde::Serialize;

use crate::aws::account::Account;
use crate::aws::answer::{DecisionLine, Look, StartAnswer, look, looking};
use crate::aws::nodegroups::{Candidate, candidates};
use crate::failure::{Exit, Failure};
use terminal::kind::Kind;
use terminal::output::{Output, say};
use terminal::page::{Page, Rows};
use terminal::text::{count, safe};

/// Show what the next run would do, and why; nothing is changed
///
/// Where the updater is deployed, its function start makes a dry run, with its own role and settings. Otherwise the same code
/// runs here, with your credentials and default settings.
#[derive(Args)]
pub struct Plan {
    /// Only node groups with this name; * matches any characters except the slash, as in prod/*
    #[arg(long, value_name = "PATTERN")]
    filter: Vec<NodegroupPattern>,
    /// Also node groups without the tag ami-update, and what they would get if they opted in
    #[arg(long)]
    all: bool,
    /// Exit with 2 if an update would start
    #[arg(long)]
    exit_code: bool,
}

/// The dry run of each region.
#[derive(Serialize)]
struct Document {
    regions: Vec<Region>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    region: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stack: Option<String>,
    #[serde(flatten)]
    answer: StartAnswer,
    #[serde(skip_serializing_if = "Option::is_none")]
    candidates: Option<Vec<Candidate>>,
}

impl Plan {
    /// Makes a dry run in each region and prints it.
    ///
    /// # Errors
    /// When a region cannot be read.
    pub async fn run(self, account: &Account, output: Output) -> Result<Exit, Failure> {
        let mut regions = Vec::new();
        for configuration in account.regions().await? {
            let look = look(&configuration, account.stack.as_deref(), &looking()).await?;
            let known: Vec<String> = look.answer.decisions.iter().map(|line| line.nodegroup.clone()).collect();
            let candidates = if self.all { Some(candidates(&configuration, &known).await?) } else { None };
            regions.push(Region::of(look, candidates, |name| self.is_wanted(name)));
        }
        let starts =
            regions.iter().flat_map(|region| &region.answer.decisions).any(|line| line.decision == DecisionKind::Start);
        let document = Document { regions };
        output.print(&document, |page| document.regions.iter().for_each(|region| region.draw(page)))?;
        for region in &document.regions {
            region.answer.throttled.iter().for_each(|throttled| say(&format!("warning: {throttled}")));
            region.answer.errors.iter().for_each(|error| say(&format!("warning: {}", safe(&error.to_string()))));
        }
        Ok(if self.exit_code && starts { Exit::Found } else { Exit::Done })
    }

    fn is_wanted(&self, name: &str) -> bool {
        self.filter.is_empty()
            || name.parse().is_ok_and(|name| self.filter.iter().any(|pattern| pattern.matches(&name)))
    }
}

impl Region {
    fn of(look: Look, candidates: Option<Vec<Candidate>>, is_wanted: impl Fn(&str) -> bool) -> Self {
        let Look { region, deployment, mut answer } = look;
        let (stack, account) = deployment.map(|deployment| (deployment.stack, deployment.account)).unzip();
        answer.decisions.retain(|line| is_wanted(&line.nodegroup));
        let candidates = candidates.map(|mut candidates| {
            candidates.retain(|candidate| is_wanted(&candidate.nodegroup));
            candidates
        });
        Self { region, account, stack, answer, candidates }
    }

    fn draw(&self, page: &mut Page) {
        page.paragraph(&self.introduction());
        let decisions = &self.answer.decisions;
        if !decisions.is_empty() {
            page.line("");
            draw_decisions(page, decisions);
        }
        if let Some(candidates) = &self.candidates {
            draw_candidates(page, candidates);
        }
        page.line("");
        page.paragraph(&conclusion(decisions));
        let waits = |kind| decisions.iter().find(|line| line.sign() == kind);
        if let Some(line) = waits(Kind::NeedsYou).or_else(|| waits(Kind::Waits)) {
            page.note(&format!("Why: eks-nodegroup-updater explain {}", safe(&line.nodegroup)));
        }
    }

    fn introduction(&self) -> String {
        let region = &self.region;
        let (Some(stack), Some(account)) = (&self.stack, &self.account) else {
            return format!(
                "The updater is not deployed in {region}. This is a dry run with the default settings and your \
                 credentials; nothing was changed. It does not have the records of earlier runs: releases before the \
                 newest, failures, and what the lower rings have proved."
            );
        };
        let freeze =
            self.answer.freeze.as_ref().map(|freeze| format!(" No update starts now: {}.", safe(&freeze.message)));
        format!(
            "What the next run of the stack {stack} in {region}, account {account}, would do; nothing was changed.{}",
            freeze.unwrap_or_default()
        )
    }
}

/// Draws decisions by cluster; those that are current are one line of their cluster.
pub fn draw_decisions(page: &mut Page, decisions: &[DecisionLine]) {
    let mut clusters: BTreeMap<&str, Vec<&DecisionLine>> = BTreeMap::new();
    for line in decisions {
        clusters.entry(line.nodegroup.split('/').next().unwrap_or_default()).or_default().push(line);
    }
    let mut rows = Rows::new(["  Node group", "Runs", "Target", "Decision"]);
    for (cluster, lines) in clusters {
        let is_current = |line: &&&DecisionLine| line.sign() == Kind::Current;
        let glyph = Kind::Current.glyph();
        let current = match lines.iter().filter(is_current).count() {
            0 => String::new(),
            current => format!("{glyph} {current} current"),
        };
        rows.title(&safe(cluster), &current, Kind::Current.style());
        for line in lines.iter().filter(|line| !is_current(line)) {
            let kind = line.sign();
            let name = line.nodegroup.split_once('/').map_or(line.nodegroup.as_str(), |(_, name)| name);
            let runs = line.runs.as_ref().and_then(|runs| runs.release_version.as_deref()).unwrap_or_default();
            let cells = [
                format!("  {} {}", kind.glyph(), safe(name)),
                safe(runs).into_owned(),
                safe(line.target.as_deref().unwrap_or_default()).into_owned(),
                line.outcome
                    .as_ref()
                    .map_or_else(|| line.decision.to_string(), |it| format!("{}: {it}", line.decision)),
            ];
            rows.row(cells, kind.style(), detail(page, line));
        }
    }
    page.rows(&rows);
}

/// The reason, unless the decision and its target are enough.
fn detail(page: &Page, line: &DecisionLine) -> Option<String> {
    let reason = match (&line.detail, &line.decision) {
        (Some(detail), _) if line.update_id.is_none() => detail,
        (_, DecisionKind::Start) => return None,
        _ => &line.reason,
    };
    let until = line.until.map(|until| format!("until {}: ", page.time(until)));
    Some(format!("{}{}", until.unwrap_or_default(), safe(reason)))
}

fn draw_candidates(page: &mut Page, candidates: &[Candidate]) {
    page.line("");
    if candidates.is_empty() {
        return page.line("Every node group of the region has the tag ami-update.");
    }
    page.paragraph("Not opted in; with the default settings, these would get:");
    let mut rows = Rows::new(["  Node group", "Runs", "Target", "Decision"]);
    for Candidate { nodegroup, runs, target, decision, .. } in candidates {
        let text = |text: &Option<String>| safe(text.as_deref().unwrap_or_default()).into_owned();
        let name = format!("  {} {}", Kind::LeftAlone.glyph(), safe(nodegroup));
        rows.row([name, text(runs), text(target), decision.to_string()], Kind::LeftAlone.style(), None);
    }
    page.rows(&rows);
    page.note("Opt one in: eks-nodegroup-updater opt-in CLUSTER/NODEGROUP");
}

/// `Plan: 1 to start, 2 wait, 1 needs you, 12 current.`
fn conclusion(decisions: &[DecisionLine]) -> String {
    if decisions.is_empty() {
        return "Plan: nothing. No node group has the tag ami-update; list all node groups: eks-nodegroup-updater plan --all"
            .to_owned();
    }
    let number = |kind| decisions.iter().filter(|line| line.sign() == kind).count();
    let verb = |number: usize, one: &str, many: &str| format!("{number} {}", if number == 1 { one } else { many });
    let parts = [
        (number(Kind::Start), "to start", "to start"),
        (number(Kind::Updating), "updating", "updating"),
        (number(Kind::Waits), "waits", "wait"),
        (number(Kind::NeedsYou), "needs you", "need you"),
        (number(Kind::LeftAlone), "left alone", "left alone"),
        (number(Kind::Current), "current", "current"),
    ];
    let parts = parts.into_iter().filter(|(number, ..)| *number > 0);
    let parts: Vec<String> = parts.map(|(number, one, many)| verb(number, one, many)).collect();
    format!("Plan for {}: {}.", count(decisions.len(), "node group"), parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{after, every_output};

    #[tokio::test]
    async fn the_first_plan_of_a_fleet() {
        let document = Region::of(after(0, &looking()).await.look, None, |_| true);
        insta::assert_snapshot!(every_output(&document, |page| document.draw(page)));
    }

    #[tokio::test]
    async fn a_plan_before_the_updater_is_deployed_with_what_has_not_opted_in() {
        let look = Look { deployment: None, ..after(0, &looking()).await.look };
        let candidate = Candidate {
            nodegroup: "dev/sandbox".to_owned(),
            runs: Some("1.33.1-20260610".to_owned()),
            target: Some("1.33.2-20260710".to_owned()),
            decision: DecisionKind::Start,
            reason: "from 1.33.1-20260610 to 1.33.2-20260710 (Kubernetes 1.33)".to_owned(),
        };
        let document = Region::of(look, Some(vec![candidate]), |name| name.starts_with("dev/"));
        insta::assert_snapshot!(every_output(&document, |page| document.draw(page)));
    }

    #[tokio::test]
    async fn a_plan_of_300_node_groups_of_which_290_are_current_fits_40_lines() {
        let mut look = after(0, &looking()).await.look;
        let of = |kind| look.answer.decisions.iter().find(|line| line.sign() == kind).cloned().unwrap();
        let (current, waits) = (of(Kind::Current), of(Kind::Waits));
        look.answer.decisions = (0..300)
            .map(|number| {
                let line = if number % 30 == 0 { &waits } else { &current };
                DecisionLine { nodegroup: format!("cluster-{}/ng-{number}", number / 25), ..line.clone() }
            })
            .collect();
        let document = Region::of(look, None, |_| true);
        for width in [80, 120] {
            let mut page = Page::new(width, jiff::tz::TimeZone::UTC);
            document.draw(&mut page);
            assert!(page.text.lines().count() <= 40, "{}", page.text);
        }
    }
}
