//! Whose turn it is, where limits apply.

use simulated_aws::{ApiError, Fault};
use testing::{CURRENT, Fleet, History, at, decisions, record};

use super::paths;
use crate::{DAY, UPDATE, clusters};

#[test]
fn the_node_group_that_has_waited_longest_goes_first() {
    let mut fleet = Fleet::of(["prod/a", "prod/b", "prod/c"]);
    for (path, ended) in
        [("prod/a", "2026-07-10T10:00:00Z"), ("prod/b", "2026-07-03T10:00:00Z"), ("prod/c", "2026-07-06T10:00:00Z")]
    {
        fleet.remember(record(path).updated(CURRENT, at(ended)));
    }
    assert_eq!(fleet.starts(), paths(["prod/b"]));
    fleet.remember(record("prod/c"));
    assert_eq!(fleet.starts(), paths(["prod/c"]), "before all, one that never was updated");
}

#[tokio::test(start_paused = true)]
async fn what_is_tried_in_vain_day_after_day_costs_no_other_its_turn() {
    let mut env = clusters(["a", "b", "c"]).await;
    env.start_config.settings.limits.starts_per_run = 1;
    env.world.on_request(|request| {
        let in_use = request.action == UPDATE && request.body["clusterName"] != "c";
        let error = ApiError::new(409, "ResourceInUseException", "Nodegroup cannot be updated");
        if in_use { Fault::Error(error) } else { Fault::None }
    });
    assert_eq!(decisions(&env.start().await), ["a/ng: Start, InUse", "b/ng: Next", "c/ng: Next"]);
    env.advance(DAY);
    assert_eq!(decisions(&env.start().await), ["a/ng: Next", "b/ng: Start, InUse", "c/ng: Next"]);
    env.advance(DAY);
    assert_eq!(decisions(&env.start().await), ["a/ng: Next", "b/ng: Next", "c/ng: Start, Accepted"]);
}
