//! `plan`: what the next run would do.

use clap::Args;
use eks_nodegroup_updater::model::decision::DecisionKind;
use eks_nodegroup_updater::model::id::{NodegroupName, NodegroupPattern};
use serde::Serialize;
use serde_json::json;

use super::listing::{Located, draw_decisions, numbers};
use super::selection::{Selected, Selection};
use crate::aws::account::Account;
use crate::aws::answer::{DecisionLine, Look, StartAnswer, look, looking};
use crate::aws::location::Location;
use crate::aws::place::{Answers, Place};
use crate::aws::unread::{self, Unread, say_unread};
use crate::failure::{Exit, Failure};
use terminal::kind::Kind;
use terminal::output::Output;
use terminal::page::Page;
use terminal::text::count;

/// Show what the next run would do, and why; nothing is changed
///
/// Where the updater is deployed, its function start makes a dry run, with its own role and settings. Otherwise the same code
/// runs here, with your credentials and default settings. A long answer is folded: equal decisions are one line with their number.
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
    #[command(flatten)]
    selection: Selection,
}

/// The dry run of each account and region.
#[derive(Serialize)]
struct Document {
    regions: Vec<Region>,
    errors: Vec<Unread>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    #[serde(flatten)]
    location: Location,
    #[serde(skip_serializing_if = "Option::is_none")]
    stack: Option<String>,
    #[serde(flatten)]
    answer: StartAnswer,
    #[serde(skip_serializing_if = "Option::is_none")]
    candidates: Option<Vec<DecisionLine>>,
    /// The options for the commands in hints.
    #[serde(skip)]
    options: String,
}

impl Plan {
    /// Makes a dry run in each region and prints it.
    ///
    /// # Errors
    /// When nothing can be read.
    pub async fn run(self, account: &Account, output: Output) -> Result<Exit, Failure> {
        let answers = account.everywhere(async |place| self.of_place(place, account).await).await?;
        let Answers { answers: regions, unread: errors, places } = answers.gathered();
        let document = Document { regions, errors };
        let lines = || document.regions.iter().flat_map(|region| &region.answer.decisions);
        let starts = lines().any(|line| line.decision == DecisionKind::Start);
        let all = account.verbose || !self.filter.is_empty() || !self.selection.is_empty();
        output.print(&document, |page| document.draw(page, places, all))?;
        say_unread(&document.errors);
        Ok(unread::exit(&document.errors, if self.exit_code && starts { Exit::Found } else { Exit::Done }))
    }

    async fn of_place(&self, place: &Place, account: &Account) -> Result<(Region, Vec<Unread>), Failure> {
        let selected = self.selection.of(place, &self.filter).await?;
        let Look { deployment, mut answer } = look(place, account.stack.as_deref(), &self.event(&selected)).await?;
        let mut unread = Unread::of_answer(place, &answer);
        let candidates = if self.all {
            let listed = selected.list(place).await?;
            unread.extend(listed.unread);
            Some(selected.not_opted_in(place, listed.names, &answer).await?)
        } else {
            None
        };
        answer.decisions.retain(|line| selected.includes(line));
        let region = Region {
            location: Location::of(place, deployment.as_ref()).await,
            stack: deployment.map(|deployment| deployment.stack),
            answer,
            candidates,
            options: place.options.clone(),
        };
        Ok((region, unread))
    }

    /// The event of the dry run. A few names are a narrow question, which reads little.
    fn event(&self, selected: &Selected<'_>) -> serde_json::Value {
        let literal: Option<Vec<&NodegroupName>> = self.filter.iter().map(NodegroupPattern::literal).collect();
        match literal.filter(|names| !names.is_empty() && !self.all) {
            Some(names) => json!({"explain": names}),
            None => match selected.named().filter(|names| !self.all && names.len() <= NARROW) {
                Some(names) if !names.is_empty() => json!({"explain": names}),
                _ => looking(),
            },
        }
    }
}

impl Document {
    fn draw(&self, page: &mut Page, places: usize, all: bool) {
        match self.regions.as_slice() {
            [region] if places == 1 => region.draw(page, all),
            regions => draw_regions(page, regions, all),
        }
    }
}

/// One table of several places, and a total.
fn draw_regions(page: &mut Page, regions: &[Region], all: bool) {
    for region in regions {
        page.paragraph(&region.line());
    }
    let places: Vec<String> = regions.iter().map(|region| region.location.name()).collect();
    let located = |of: fn(&Region) -> &[DecisionLine]| -> Vec<Located<'_>> {
        let of_each = regions.iter().zip(&places);
        of_each.flat_map(|(region, place)| of(region).iter().map(move |line| Located { place, line })).collect()
    };
    let decisions = located(|region| &region.answer.decisions);
    let mut folded = false;
    if !decisions.is_empty() {
        page.line("");
        folded = draw_decisions(page, &decisions, all);
    }
    if regions.iter().any(|region| region.candidates.is_some()) {
        draw_candidates(page, &located(|region| region.candidates.as_deref().unwrap_or_default()), all, "");
    }
    page.line("");
    let total = numbers(decisions.iter().map(|it| it.line));
    let end = if total.is_empty() { "none has the tag ami-update".to_owned() } else { total };
    page.paragraph(&format!(
        "Plan for {} in {}: {end}.",
        count(decisions.len(), "node group"),
        count(regions.len(), "region")
    ));
    if folded {
        page.note(UNFOLD);
    }
}

/// How a folded list is unfolded.
const UNFOLD: &str =
    "Each node group: --verbose; those of one cluster: --filter 'CLUSTER/*'; of one decision: --decision DECISION";

/// From this number of names on, a whole run reads less than as many narrow ones.
const NARROW: usize = 20;

impl Region {
    /// Why no update starts now, if none does.
    fn freeze(&self) -> String {
        let freeze = self.answer.freeze.as_ref().map(|freeze| format!(" No update starts now: {}.", freeze.message));
        freeze.unwrap_or_default()
    }

    /// One of several places, in a line.
    fn line(&self) -> String {
        let numbers = numbers(self.answer.decisions.iter());
        let end = if numbers.is_empty() { "no node group has the tag ami-update".to_owned() } else { numbers };
        let by = match &self.stack {
            Some(stack) => format!("stack {stack}"),
            None => "not deployed, so with default settings and without records".to_owned(),
        };
        format!("{} ({by}): {end}.{}", self.location.name(), self.freeze())
    }

    fn draw(&self, page: &mut Page, all: bool) {
        page.paragraph(&self.introduction());
        let decisions = &self.answer.decisions;
        let lines: Vec<Located<'_>> = decisions.iter().map(|line| Located { place: "", line }).collect();
        let mut folded = false;
        if !decisions.is_empty() {
            page.line("");
            folded = draw_decisions(page, &lines, all);
        }
        if let Some(candidates) = &self.candidates {
            let lines: Vec<Located<'_>> = candidates.iter().map(|line| Located { place: "", line }).collect();
            draw_candidates(page, &lines, all, &self.options);
        }
        page.line("");
        page.paragraph(&self.conclusion());
        if folded {
            page.note(UNFOLD);
        }
        if let Some(partial) = &self.answer.partial {
            page.note(&format!("Note: {}", partial.message));
        }
        let waits = |kind| decisions.iter().find(|line| line.sign() == kind);
        if let Some(line) = waits(Kind::NeedsYou).or_else(|| waits(Kind::Waits)) {
            page.note(&format!("Why: eks-nodegroup-updater explain {}{}", line.nodegroup, self.options));
        }
    }

    fn introduction(&self) -> String {
        let Location { account, region, .. } = &self.location;
        let (Some(stack), Some(account)) = (&self.stack, account) else {
            return format!(
                "The updater is not deployed in {region}. This is a dry run with the default settings and your \
                 credentials; nothing was changed. It does not have the records of earlier runs: releases before the \
                 newest, failures, and what the lower rings have proved."
            );
        };
        format!(
            "What the next run of the stack {stack} in {region}, account {account}, would do; nothing was changed.{}",
            self.freeze()
        )
    }

    /// `Plan for 17 node groups: 1 to start, 2 wait, 1 needs you, 12 current.`
    fn conclusion(&self) -> String {
        let decisions = &self.answer.decisions;
        match (decisions.is_empty(), &self.candidates) {
            (false, _) => {
                format!("Plan for {}: {}.", count(decisions.len(), "node group"), numbers(decisions.iter()))
            }
            (true, Some(_)) => "Plan: nothing. No node group has the tag ami-update.".to_owned(),
            (true, None) => format!(
                "Plan: nothing. No node group has the tag ami-update; list all node groups: eks-nodegroup-updater \
                 nodegroups{}",
                self.options
            ),
        }
    }
}

fn draw_candidates(page: &mut Page, candidates: &[Located<'_>], all: bool, options: &str) {
    page.line("");
    if candidates.is_empty() {
        return page.line("Every node group of the region has the tag ami-update.");
    }
    page.paragraph("Not opted in; with the default settings, these would get:");
    draw_decisions(page, candidates, all);
    page.note(&format!("Opt one in: eks-nodegroup-updater opt-in CLUSTER/NODEGROUP{options}"));
}

#[cfg(test)]
mod tests {
    use eks_nodegroup_updater::model::decision::attention::Attention;
    use eks_nodegroup_updater::model::decision::explanation::Description;

    use super::*;
    use crate::fixture::{after, every_output, location};

    async fn first_plan() -> Region {
        let look = after(0, &looking()).await.look;
        Region {
            location: location(),
            stack: look.deployment.map(|deployment| deployment.stack),
            answer: look.answer,
            candidates: None,
            options: String::new(),
        }
    }

    #[tokio::test]
    async fn the_first_plan_of_a_fleet() {
        let document = Document { regions: vec![first_plan().await], errors: Vec::new() };
        insta::assert_snapshot!(every_output(&document, |page| document.draw(page, 1, false)));
    }

    #[tokio::test]
    async fn a_plan_before_the_updater_is_deployed_with_what_has_not_opted_in() {
        let reason = "from 1.33.1-20260610 to 1.33.2-20260710 (Kubernetes 1.33)".to_owned();
        let candidate = DecisionLine {
            opted_in: false,
            runs: Some(Description {
                release_version: Some("1.33.1-20260610".to_owned()),
                kubernetes_version: Some("1.33".to_owned()),
                ami_type: "AL2023_x86_64_STANDARD".to_owned(),
                days_behind: Some(10),
            }),
            target: Some("1.33.2-20260710".to_owned()),
            ..DecisionLine::new("dev/sandbox".to_owned(), DecisionKind::Start, Attention::Moving, reason)
        };
        let mut region = Region { stack: None, candidates: Some(vec![candidate]), ..first_plan().await };
        region.answer.decisions.retain(|line| line.cluster() == "dev");
        let document = Document { regions: vec![region], errors: Vec::new() };
        insta::assert_snapshot!(every_output(&document, |page| document.draw(page, 1, false)));
    }

    fn lines(page: impl FnOnce(&mut Page), width: u16) -> Vec<String> {
        let mut of_page = Page::new(width, jiff::tz::TimeZone::UTC);
        page(&mut of_page);
        anstream::adapter::strip_str(of_page.text()).to_string().lines().map(str::to_owned).collect()
    }

    #[tokio::test]
    async fn a_plan_of_300_node_groups_of_which_290_are_current_fits_40_lines() {
        let mut region = first_plan().await;
        let of = |kind| region.answer.decisions.iter().find(|line| line.sign() == kind).cloned().unwrap();
        let (current, waits) = (of(Kind::Current), of(Kind::Waits));
        region.answer.decisions = (0..300)
            .map(|number| {
                let line = if number % 30 == 0 { &waits } else { &current };
                DecisionLine { nodegroup: format!("cluster-{}/ng-{number}", number / 25), ..line.clone() }
            })
            .collect();
        for width in [80, 120] {
            let lines = lines(|page| region.draw(page, false), width);
            assert!(lines.len() <= 40, "{lines:#?}");
        }
    }

    #[tokio::test]
    async fn where_2900_of_3000_wait_for_one_limit_they_are_one_line() {
        let mut region = first_plan().await;
        let of = |kind| region.answer.decisions.iter().find(|line| line.sign() == kind).cloned().unwrap();
        let next = DecisionLine {
            decision: DecisionKind::Next,
            reason: "MAX_UPDATES_IN_PROGRESS is 10, reached by prod-1/blue, prod-2/blue and 8 more".to_owned(),
            ..of(Kind::Waits)
        };
        let (current, start) = (of(Kind::Current), of(Kind::Start));
        region.answer.decisions = (0..3_000)
            .map(|number| {
                let line = match number {
                    0..10 => &start,
                    10..100 => &current,
                    _ => &next,
                };
                DecisionLine { nodegroup: format!("cluster-{}/ng-{number}", number / 10), ..line.clone() }
            })
            .collect();
        let lines = lines(|page| region.draw(page, false), 100);
        insta::assert_snapshot!(lines.join("\n"));
    }
}
