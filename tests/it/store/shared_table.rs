//! A table that stacks of several regions or accounts share, such as a global table: each leaves alone what is not its own.

use eks_nodegroup_updater::metrics::Metric;
use eks_nodegroup_updater::model::attempt::Status;
use eks_nodegroup_updater::model::id::NodegroupId;
use eks_nodegroup_updater::model::nodegroup::Nodegroup;
use eks_nodegroup_updater::model::record::fleet::Quarantine;
use eks_nodegroup_updater::model::record::nodegroup::NodegroupRecord;
use serde_json::{Value, json};
use simulated_aws::UpdateScript;
use testing::{
    CURRENT, FLEET_KEY, Fleet, History as _, NEWER, TRACK_KEY, TestEnv, cluster, decisions, fleet_record, id, names,
    nodegroup, now, opted_in, quarantine,
};

/// The owners of what is in the table beside: another region, and another account.
const OTHERS: [(&str, &str); 2] = [("eu-central-1", "us-east-1"), ("123456789012", "210987654321")];

/// The items of this region: those of a node group whose update hangs, of its track and of the fleet, in which a release is
/// quarantined.
async fn items() -> (TestEnv, Vec<Value>) {
    let env = TestEnv::with([opted_in("prod", "blue"), opted_in("prod", "green")]).await;
    env.world.script_next_update("prod", "blue", UpdateScript::Hang);
    assert_eq!(decisions(&env.start().await), ["prod/blue: Start, Accepted", "prod/green: Next"]);
    let mut fleet = fleet_record();
    fleet.quarantine(&quarantine(NEWER, names([]), now()));
    let mut items = vec![serde_json::to_value(fleet).unwrap()];
    for key in env.world.nodegroup_arns().into_iter().chain([TRACK_KEY.to_owned()]) {
        items.push(env.item(&key).await.unwrap());
    }
    (env, items)
}

/// The same items, of another region or account.
fn moved(items: &[Value], own: &str, other: &str) -> Vec<Value> {
    items.iter().map(|item| serde_json::from_str(&item.to_string().replace(own, other)).unwrap()).collect()
}

/// A region with a node group of the same name and a table in which others' items lie.
async fn shared() -> (TestEnv, Vec<Value>) {
    let (_, items) = items().await;
    let others: Vec<Value> = OTHERS.iter().flat_map(|(own, other)| moved(&items, own, other)).collect();
    let env = TestEnv::with([opted_in("prod", "blue"), opted_in("prod", "green")]).await;
    for item in &others {
        env.put_item(item).await;
    }
    (env, others)
}

async fn stored(env: &TestEnv, items: &[Value]) -> Vec<Value> {
    let mut stored = Vec::new();
    for item in items {
        stored.push(env.item(item["itemKey"].as_str().unwrap()).await.expect("it is still there"));
    }
    stored
}

#[tokio::test(start_paused = true)]
async fn check_ends_and_publishes_nothing_of_others() {
    let (env, others) = shared().await;
    let summary = env.check().await;
    assert_eq!((summary.updates, summary.published, summary.events, summary.errors), (vec![], vec![], 0, vec![]));
    env.advance(600);
    env.check().await;
    assert_eq!(stored(&env, &others).await, others);
    assert_eq!((env.calls("eks:DescribeUpdate"), env.calls("eks:ListUpdates"), env.messages()), (0, 0, vec![]));
}

#[tokio::test(start_paused = true)]
async fn start_counts_others_neither_as_lost_nor_as_updating_nor_as_quarantined() {
    let (env, others) = shared().await;
    assert_eq!(decisions(&env.start().await), ["prod/blue: Start, Accepted", "prod/green: Next"]);
    env.check().await;
    assert_eq!(stored(&env, &others).await, others);
    assert_eq!(env.message_events(), [""; 0]);
    let own = env.record("prod", "blue").await.unwrap();
    assert_eq!(own.open().map(|attempt| attempt.status.clone()), Some(Status::InProgress.into()));
}

#[tokio::test(start_paused = true)]
async fn metrics_are_of_what_is_looked_after() {
    let (env, _) = shared().await;
    let start = env.start().await.metrics.unwrap();
    let check = env.check().await.metrics.unwrap();
    let value = |metric| [start.values(metric), check.values(metric)].concat();
    let expected = [(Metric::Nodegroups, 2), (Metric::ReleasesQuarantined, 0), (Metric::UpdatesInProgress, 1)];
    for (metric, expected) in expected {
        assert_eq!(value(metric), [expected], "{metric:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_ones_own_is_found_beside_what_is_not() {
    let (env, items) = items().await;
    for (own, other) in OTHERS {
        for item in moved(&items, own, other) {
            env.put_item(&item).await;
        }
    }
    let fleet = items.iter().find(|item| item["itemKey"] == FLEET_KEY).unwrap();
    env.put_item(fleet).await;
    env.world.edit_nodegroup("prod", "green", |nodegroup| nodegroup.tags.clear());
    env.advance(60);
    let summary = env.start().await;
    assert_eq!(decisions(&summary), ["prod/blue: InProgress"]);
    assert_eq!(summary.metrics.unwrap().values(Metric::ReleasesQuarantined), [1]);
    env.check().await;
    let lost: Vec<Value> = env.messages().into_iter().filter(|message| message["kind"] == "TagLost").collect();
    assert_eq!(lost.len(), 1);
    assert_eq!((&lost[0]["region"], &lost[0]["account"]), (&json!("eu-central-1"), &json!("123456789012")));
    assert_eq!(env.world.nodegroup("prod", "green").unwrap().release, CURRENT);
}

/// The same node group in another region: its cluster has the same name.
fn elsewhere(id: &NodegroupId) -> NodegroupId {
    NodegroupId::from_arn(&id.arn().replace("eu-central-1", "us-east-1")).unwrap()
}

#[test]
fn a_quarantine_in_a_cluster_is_none_in_the_cluster_of_the_same_name_in_another_region() {
    let here = nodegroup("prod/blue");
    let there = Nodegroup { id: elsewhere(&here.id), ..here.clone() };
    let mut fleet = Fleet::made_of([here, there]);
    let held = Quarantine { cluster: Some(cluster("prod")), ..quarantine(NEWER, names([]), now()) };
    fleet.change_fleet_record(|record| record.quarantine(&held));
    let decisions: Vec<&str> = fleet.plan().iter().map(|planned| planned.decision.code()).collect();
    assert_eq!(decisions, ["Quarantined", "Start"]);
}

#[tokio::test(start_paused = true)]
async fn a_local_runtime_publishes_of_each_region_what_its_own_quarantine_does_not_say() {
    let mut env = TestEnv::with([]).await;
    // It sees both regions, since it does not know its own.
    env.function_arn = "";
    let failed = |id: &NodegroupId| NodegroupRecord::new(id).broken(NEWER, now());
    let here = ["prod/blue", "prod/green"].map(|path| failed(&id(path)));
    let there = failed(&elsewhere(&id("prod/blue")));
    let mut fleet = fleet_record();
    let held =
        Quarantine { cluster: Some(cluster("prod")), ..quarantine(NEWER, names(["prod/blue", "prod/green"]), now()) };
    fleet.quarantine(&held);
    env.put_item(&serde_json::to_value(fleet).unwrap()).await;
    for record in here.iter().chain([&there]) {
        env.put_item(&serde_json::to_value(record).unwrap()).await;
    }
    env.check().await;
    let messages = env.messages();
    let mut published: Vec<(&str, &str, usize)> = messages
        .iter()
        .map(|message| {
            let text = |name: &str| message[name].as_str().unwrap_or_default();
            (text("kind"), text("region"), message["ids"].as_array().unwrap().len())
        })
        .collect();
    published.sort_unstable();
    assert_eq!(published, [("ReleaseQuarantined", "eu-central-1", 3), ("UpdateFailed", "us-east-1", 1)]);
}
