//! What is reported of node groups that are not updated, and of the fleet as a whole.

use eks_nodegroup_updater::model::nodegroup::policy::{Mode, Policy};
use eks_nodegroup_updater::model::rules::Rules;
use eks_nodegroup_updater::plan::plan;
use eks_nodegroup_updater::reconcile::{NodegroupChange, Reconciled, reports};
use jiff::SignedDuration;
use serde_json::json;
use testing::{Fleet, NEWER, TestEnv, decisions, id, now, opted_in, tagged};

use super::{days, said, unhealthy};

#[test]
fn a_plan_leaves_what_must_be_published_of_node_groups_that_are_not_updated() {
    // A run that is filtered says nothing of the fleet beside.
    let mut fleet = Fleet::of(["prod/blue", "prod/green", "prod/red"]).event(&json!({"clusters": ["prod"]}));
    fleet.nodegroup("prod/blue").policy = Policy::OptedIn(Mode::Notify, Rules::default());
    let tags = [("ami-update".to_owned(), "yes".to_owned())].into();
    fleet.nodegroup("prod/green").policy = Policy::from_tags(&tags, &Rules::default());
    let Policy::Invalid { tag, .. } = fleet.nodegroup("prod/green").policy.clone() else { panic!("it is valid") };
    let available =
        NodegroupChange::ReportAvailable { version: "1.33".into(), release_version: NEWER.into(), at: now() };
    let invalid = NodegroupChange::ReportInvalidTag(tag, now());
    let expected = Reconciled {
        nodegroups: [(id("prod/blue"), vec![available]), (id("prod/green"), vec![invalid])].into(),
        ..Reconciled::default()
    };
    let offered = fleet.offered();
    let input = fleet.input(&offered);
    assert_eq!(reports(&input, &plan(&input)), expected);
}

#[tokio::test(start_paused = true)]
async fn what_lasts_is_listed_on_mondays_with_what_needs_somebody_first() {
    let waits = tagged("prod", "denied", &[("window", "Sun 02:00-02:45 UTC")]);
    let env = TestEnv::with([opted_in("dev", "well"), opted_in("prod", "blue"), waits]).await;
    env.world.edit_nodegroup("prod", "blue", unhealthy);
    env.start().await;
    // It is a Monday; two weeks later it is reported, and a week after that listed.
    days(&env, 30).await;
    let stale = ["NodegroupStale of blue: Unhealthy", "NodegroupStale of denied: OutsideWindow"];
    assert_eq!(said(&env), [&stale[..], &["Digest of all", "Digest of all"]].concat());
    let lasting = |code: &str, name: &str| {
        let nodegroups = json!({"names": [name], "count": 1});
        json!({"decision": code, "cause": code, "nodegroups": nodegroups, "since": "2026-07-20T09:00:00Z"})
    };
    let mut waits = lasting("OutsideWindow", "prod/denied");
    waits["until"] = json!("2026-08-16T02:00:00Z");
    let mut expected = json!({
        "count": 2,
        "needsYou": [lasting("Unhealthy", "prod/blue")],
        "waits": [waits],
        "week": {"from": "2026-08-03T09:00:00Z", "succeeded": 0, "failed": 0, "quarantined": 0},
    });
    assert_eq!(env.messages()[2]["digest"], expected);
    expected["waits"][0]["until"] = json!("2026-08-23T02:00:00Z");
    expected["week"]["from"] = json!("2026-08-10T09:00:00Z");
    assert_eq!(env.messages()[3]["digest"], expected);
}

#[tokio::test(start_paused = true)]
async fn a_lost_tag_is_reported_once_and_a_tag_that_says_off_never() {
    let env = TestEnv::with([
        opted_in("prod", "blue").release(NEWER),
        opted_in("dev", "green").release(NEWER),
        opted_in("qa", "red").release(NEWER),
    ])
    .await;
    env.start().await;
    env.world.edit_nodegroup("prod", "blue", |nodegroup| nodegroup.tags.clear());
    env.world.edit_nodegroup("dev", "green", |nodegroup| {
        nodegroup.tags.insert("ami-update".to_owned(), "off".to_owned());
    });
    env.world.remove_nodegroup("qa", "red");
    days(&env, 20).await;
    assert_eq!(said(&env), ["TagLost of blue"]);
    env.world.edit_nodegroup("prod", "blue", |nodegroup| {
        nodegroup.tags.insert("ami-update".to_owned(), "auto".to_owned());
    });
    assert!(decisions(&env.start().await).contains(&"prod/blue: NoNewReleases".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_lost_tag_names_the_owner_that_its_tags_showed_before_though_they_are_gone_too() {
    let env = TestEnv::with([opted_in("prod", "blue").release(NEWER).tag("pulumi:Project", "eks")]).await;
    env.start().await;
    env.world.edit_nodegroup("prod", "blue", |nodegroup| nodegroup.tags.clear());
    env.start().await;
    env.check().await;
    let message = env.messages().remove(0);
    assert_eq!((&message["kind"], &message["owner"]), (&json!("TagLost"), &json!("Pulumi")));
    let expected = "Set it in Pulumi: tags of the NodeGroup in its program (docs/ownership.md#pulumi)";
    assert_eq!(message["nextSteps"][0], expected);
}

#[tokio::test(start_paused = true)]
async fn a_new_installation_says_once_that_it_knows_nothing_of_before() {
    let env = TestEnv::with([opted_in("prod", "blue").release(NEWER)]).await;
    env.empty_table().await;
    for _ in 0..3 {
        env.start().await;
        env.check().await;
        env.world.advance(SignedDuration::from_hours(1));
    }
    assert_eq!(said(&env), ["TableEmpty of all"]);
}
