//! What is recorded before a plan, and because of it.

mod changes;
mod reports;
mod stale;

use eks_nodegroup_updater::reconcile::{NodegroupChange, Reconciled, reconcile};
use serde_json::Value;
use simulated_aws::{HealthIssue, Nodegroup};
use testing::{Fleet, TestEnv};

pub(crate) fn reconciled(fleet: &Fleet) -> Reconciled {
    without_sights(reconcile(&fleet.input(&fleet.offered()), &fleet.recommended(), vec![]))
}

/// But for what node groups run, which each first run writes down.
fn without_sights(mut reconciled: Reconciled) -> Reconciled {
    for changes in reconciled.nodegroups.values_mut() {
        changes.retain(|change| !matches!(change, NodegroupChange::RecordRunning { .. }));
    }
    reconciled.nodegroups.retain(|_, changes| !changes.is_empty());
    reconciled
}

/// So many days, in each of which `start` runs every six hours and `check` after it.
async fn days(env: &TestEnv, days: i64) {
    for _ in 0..days * 4 {
        env.advance(6 * 60);
        env.start().await;
        env.check().await;
    }
}

/// What was said, such as `NodegroupStale of blue: Unhealthy`.
fn said(env: &TestEnv) -> Vec<String> {
    let line = |message: &Value| {
        let text = |value: &Value| value.as_str().unwrap_or("all").to_owned();
        let reason = message["stale"]["reason"].as_str().map(|reason| format!(": {reason}")).unwrap_or_default();
        format!("{} of {}{reason}", text(&message["kind"]), text(&message["nodegroup"]))
    };
    env.messages().iter().map(line).collect()
}

fn unhealthy(nodegroup: &mut Nodegroup) {
    nodegroup.status = "DEGRADED".to_owned();
    nodegroup.health = vec![HealthIssue {
        code: "Ec2SubnetNotFound".to_owned(),
        message: "The subnet is not found".to_owned(),
        resource_ids: vec![],
    }];
}
