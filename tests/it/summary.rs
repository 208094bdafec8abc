//! The answer of a run of `start`.

use aws_sdk_eks::types::NodegroupStatus;
use eks_nodegroup_updater::execute::Execution;
use eks_nodegroup_updater::explain::View;
use eks_nodegroup_updater::model::nodegroup::owner::Owner;
use eks_nodegroup_updater::model::rules::Rules;
use eks_nodegroup_updater::plan::plan;
use eks_nodegroup_updater::summary::{Partial, StartSummary};
use testing::{Fleet, auto, nodegroup};

/// The size that Lambda allows: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
const LARGEST: usize = 6 * 1024 * 1024;

#[test]
fn the_answer_about_three_thousand_node_groups_with_the_longest_names_is_not_too_large_for_lambda() {
    let nodegroups = (0..3_000).map(|index| {
        let mut nodegroup = nodegroup(&format!("{:c>100}/{index:n>63}", index / 10));
        nodegroup.owner = Some(Owner::Ack);
        nodegroup.policy = auto(Rules { ring: 0, ..Rules::default() });
        nodegroup
    });
    let mut fleet = Fleet::made_of(nodegroups);
    fleet.request.dry_run = true;
    for index in 0..20 {
        let path = format!("{:c>100}/{:n>63}", index, index * 10);
        fleet.nodegroup(&path).status = NodegroupStatus::Updating;
    }
    fleet.config.settings.limits.updates_per_cluster = 20;
    fleet.config.settings.limits.updates_in_progress = 20;
    let releases = fleet.offered();
    let input = fleet.input(&releases);
    let plan = plan(&input);
    let summary = StartSummary::new(&fleet.request, &plan, View::of(&input, &plan), &Execution::default(), Vec::new());
    assert_eq!(summary.counts.get("Next"), Some(&2_980));
    let answer = serde_json::to_string(&summary).unwrap();
    assert!(answer.len() < LARGEST, "{} bytes, such as {:?}", answer.len(), summary.decisions.last());
}

#[test]
fn an_answer_from_a_part_of_the_fleet_says_how_much_was_read() {
    let rest =
        "not the whole fleet: when a limit applies, node groups of other clusters or of higher rings can go first";
    for (nodegroups, read) in [(0, "read 0 node groups"), (1, "read 1 node group"), (12, "read 12 node groups")] {
        assert_eq!(Partial::new(nodegroups), Partial { nodegroups, message: format!("{read}, {rest}") });
    }
}
