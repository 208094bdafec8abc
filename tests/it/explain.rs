//! What is explained of a decision, over random fleets.

use aws_sdk_eks::types::NodegroupStatus;
use eks_nodegroup_updater::explain::View;
use eks_nodegroup_updater::model::decision::explanation::{Condition, ConditionStatus, Explanation, Objection};
use eks_nodegroup_updater::model::decision::rule::Rule;
use eks_nodegroup_updater::model::decision::{Decision, Planned};
use eks_nodegroup_updater::plan::plan;
use proptest::prelude::*;
use proptest::test_runner::Config;

use crate::plan::invariants::{STATUSES, WINDOW_IS_OPEN, World};

/// Each decision, and what is explained of it.
fn explanations(world: &World) -> Vec<(Planned, Explanation)> {
    let mut fleet = world.fleet();
    fleet.request.dry_run = true;
    fleet.request.explain = fleet.observed.nodegroups.iter().map(|it| it.id.name().clone()).collect();
    let releases = fleet.offered();
    let plan = plan(&fleet.input(&releases));
    let explanations = View::of(&fleet.input(&releases), &plan).explanations;
    assert_eq!(explanations.len(), plan.decisions.len());
    plan.decisions.into_iter().zip(explanations).collect()
}

proptest! {
    #![proptest_config(Config { cases: 5_000, ..Config::default() })]

    #[test]
    fn an_explanation_is_the_plans_and_leaves_out_nothing_that_stands_against_an_update(world: World) {
        for (group, (planned, explained)) in world.groups.iter().zip(explanations(&world)) {
            let decision = &planned.decision;
            let said = (explained.decision.code(), explained.reason.clone());
            prop_assert_eq!(said, (decision.code(), decision.to_string()));
            let deciding: Vec<&Condition> = explained.conditions.iter().filter(|it| it.decides).collect();
            let failed = |rule| explained.conditions.iter().any(|it| it.rule == rule && it.status == ConditionStatus::False);
            let failures = explained.conditions.iter().filter(|it| it.status == ConditionStatus::False).count();
            match decision {
                Decision::Start(intent) => {
                    prop_assert_eq!((failures, explained.starts_at), (0, None));
                    prop_assert_eq!(explained.target.as_ref(), Some(&intent.release_version));
                    prop_assert!(explained.conditions.iter().all(|it| it.status == ConditionStatus::True));
                    let of_track = explained.releases.iter().filter(|it| it.kubernetes_version == intent.version);
                    let (taken, newer): (Vec<_>, Vec<_>) = of_track
                        .take_while(|it| world.day(&it.release_version) >= world.day(&intent.release_version))
                        .partition(|it| it.release_version == intent.release_version);
                    prop_assert!(newer.iter().all(|it| !it.against.is_empty()), "each newer one was passed over");
                    // A pinned node group waits for neither.
                    let passes = |it: &Objection| ["MinAgeNotReached", "WaitingForRing"].contains(&it.reason.as_str());
                    let passes = |it: &Objection| group.pin.is_some() && passes(it);
                    prop_assert!(taken.iter().flat_map(|it| &it.against).all(passes), "and this one was not");
                }
                Decision::Next(..) => {
                    prop_assert_eq!((failures, deciding.len()), (1, 1));
                    prop_assert_eq!(deciding[0].rule, Rule::Limits);
                }
                Decision::Skip(reason) => {
                    prop_assert_eq!(deciding.len(), 1);
                    let decides = (deciding[0].rule, deciding[0].reason.as_str(), deciding[0].message.clone());
                    prop_assert_eq!(decides, (reason.kind().guide().rule, reason.code(), reason.to_string()));
                }
            }
            if group.mode >= 1 {
                prop_assert_eq!(failed(Rule::NotFrozen), world.frozen);
                prop_assert_eq!(failed(Rule::Healthy), STATUSES[group.status] == NodegroupStatus::Degraded);
                prop_assert_eq!(failed(Rule::NoUpdateInProgress), group.status == 1 || group.open);
                prop_assert_eq!(failed(Rule::Window), group.window.is_some_and(|window| !WINDOW_IS_OPEN[window]));
                let last = group.history.iter().filter(|ended| ended.successful()).map(|ended| ended.days_ago).min();
                prop_assert_eq!(failed(Rule::MinInterval), last.is_some_and(|days| days < group.min_interval.max(1)));
            }
        }
    }
}
