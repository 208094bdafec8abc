//! What a decision asks of people is the same wherever it is shown: in metrics, in the answer, and in the weekly digest. And
//! `docs/decisions.md` is written from it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use eks_nodegroup_updater::aws::pace::Throttling;
use eks_nodegroup_updater::execute::Execution;
use eks_nodegroup_updater::explain::View;
use eks_nodegroup_updater::metrics::{Metric, Metrics};
use eks_nodegroup_updater::model::decision::attention::Attention;
use eks_nodegroup_updater::model::decision::reason::ReasonKind;
use eks_nodegroup_updater::model::decision::rule::{Rule, Step};
use eks_nodegroup_updater::model::decision::{Decision, DecisionKind};
use eks_nodegroup_updater::model::notice::Digest;
use eks_nodegroup_updater::model::notice::stale::Stale;
use eks_nodegroup_updater::plan::plan;
use eks_nodegroup_updater::reconcile::{FleetChange, reports};
use eks_nodegroup_updater::summary::StartSummary;
use strum::VariantArray as _;
use testing::{Fleet, assert_generated, days, now, table};

use crate::plan::reasons::every_reason;

#[test]
fn every_reason_is_listed_with_what_it_asks_of_people() {
    let reasons = every_reason();
    let listed: BTreeSet<ReasonKind> = reasons.iter().map(|(reason, _)| reason.kind()).collect();
    assert_eq!(listed, ReasonKind::VARIANTS.iter().copied().collect());
    for (reason, attention) in reasons {
        assert_eq!(reason.attention(), attention, "{reason}");
    }
}

#[test]
fn what_needs_somebody_says_what_to_do() {
    for (reason, _) in every_reason().iter().filter(|(_, attention)| *attention == Attention::NeedsYou) {
        assert!(reason.kind().guide().remedy.is_some(), "{reason}");
    }
}

/// What a run says of a node group with this decision: the metric that counts it, the attention in the answer, and the half of the
/// digest that lists it.
fn shown(decision: Decision) -> (Option<Metric>, Attention, Option<bool>) {
    let mut fleet = Fleet::blue();
    fleet.change_record("prod/blue", |record| {
        let stale = Stale::new(now() - days(40), decision.kind(), &decision.to_string(), decision.code());
        record.report_stale(&stale, None, now() - days(30));
    });
    fleet.change_fleet_record(|record| record.report_digest(None, now() - days(8)));
    let offered = fleet.offered();
    let input = fleet.input(&offered);
    let mut plan = plan(&input);
    plan.decisions[0].decision = decision;
    let metrics = Metrics::of_fleet(&input, &plan, &BTreeMap::new(), Throttling::default()).unwrap();
    let counts = |metric: &Metric| metrics.values(*metric) == [1];
    let counted = Attention::VARIANTS.iter().filter_map(|attention| Metric::of(*attention)).find(counts);
    let answer = StartSummary::new(input.request, &plan, View::default(), &Execution::default(), vec![]);
    let digest = reports(&input, &plan).fleet.into_iter().flat_map(|(_, changes)| changes).find_map(|change| {
        let FleetChange::Digest(digest, _) = change else { return None };
        digest
    });
    let needs_you = digest.map(|Digest { needs_you, waits, .. }| {
        assert_eq!(needs_you.len() + waits.len(), 1);
        !needs_you.is_empty()
    });
    (counted, answer.decisions[0].attention, needs_you)
}

#[test]
fn metrics_the_answer_and_the_digest_agree_on_every_decision() {
    let uncounted = [ReasonKind::Excluded, ReasonKind::Deleted, ReasonKind::NotOptedIn, ReasonKind::OptedOut];
    for (reason, attention) in every_reason() {
        let kind = reason.kind();
        let counted = Metric::of(attention).filter(|_| !uncounted.contains(&kind) && kind != ReasonKind::NotFound);
        let shown = shown(Decision::Skip(reason));
        assert_eq!(shown, (counted, attention, Some(attention == Attention::NeedsYou)), "{kind:?}");
    }
}

#[test]
fn the_decisions_are_documented_by_the_code() {
    let mut attentions: BTreeMap<ReasonKind, BTreeSet<Attention>> = BTreeMap::new();
    for (reason, attention) in every_reason() {
        attentions.entry(reason.kind()).or_default().insert(attention);
    }
    let mut decisions = String::new();
    for step in Step::VARIANTS {
        let (heading, question) = match step {
            Step::Selection => ("Selection", "Is the node group opted in and readable?"),
            Step::Nodegroup => ("Node group", "Can it be updated at all?"),
            Step::Release => ("Release", "Which release can it be updated to?"),
            Step::Start => ("Start", "Is its update allowed to start now?"),
        };
        let mut kinds: Vec<&ReasonKind> = ReasonKind::VARIANTS.iter().collect();
        kinds.retain(|kind| kind.guide().rule.step() == *step);
        kinds.sort_by_key(|kind| kind.guide().rule);
        let skipped = kinds.into_iter().map(|kind| (DecisionKind::Skip(*kind), attentions[kind].clone()));
        let planned = [(DecisionKind::Next, Attention::Waits), (DecisionKind::Start, Attention::Moving)];
        let planned = planned.map(|(kind, attention)| (kind, BTreeSet::from([attention])));
        let planned = planned.into_iter().filter(|_| *step == Rule::Limits.step());
        let rows = skipped.chain(planned).map(|(kind, attentions)| row(&kind, &attentions));
        let table = table(["decision", "attention", "why", "what to do"], rows);
        let _ = write!(decisions, "### {heading}\n\n{question}\n\n{table}\n");
    }
    assert_generated("decisions.md", "the decisions", decisions.trim_end_matches('\n'));
}

fn row(decision: &DecisionKind, attentions: &BTreeSet<Attention>) -> [String; 4] {
    let attentions: Vec<&str> = attentions.iter().map(|attention| attention.words()).collect();
    let guide = decision.guide().unwrap();
    let program = "eks-nodegroup-updater";
    let remedy = guide.remedy.map(|remedy| match remedy.split_once(program) {
        Some((what, command)) => format!("{what}`{program}{command}`"),
        None => remedy.to_owned(),
    });
    let see = guide.see.map(|see| format!("[more]({see})"));
    let remedy: Vec<String> = remedy.into_iter().chain(see).collect();
    [format!("`{decision}`"), attentions.join(", or "), guide.why.to_owned(), remedy.join("; ")]
}
