//! What an external update downgraded stays.

use serde_json::{Value, json};
use simulated_aws::{Downgrade, UpdateScript};
use testing::{AL2023, BOTTLEROCKET, CURRENT, NEWER, TestEnv, decisions, minutes, opted_in, tagged};

const LATER: &str = "1.33.2-20260722";

/// A node group that the updater brought to [`NEWER`].
async fn raised() -> TestEnv {
    let env = TestEnv::with_blue().await;
    env.world.downgrade(Downgrade::Accepted);
    env.start().await;
    env.advance(15);
    env.check().await;
    env.advance(60);
    assert_eq!(decisions(&env.start().await), ["prod/blue: UpToDate"]);
    env
}

/// An external update lowers it, and the next two runs see that.
async fn lower(env: &TestEnv, release: &str) {
    env.world.script_next_update("prod", "blue", UpdateScript::Succeed { after: minutes(5) });
    env.world.start_update("prod", "blue", "1.33", release).unwrap();
    env.advance(10);
}

async fn hourly(env: &TestEnv) -> String {
    env.advance(30);
    env.check().await;
    env.advance(30);
    decisions(&env.start().await).remove(0)
}

#[tokio::test(start_paused = true)]
async fn a_downgraded_release_stays_until_one_newer_than_what_it_left_and_is_reported_once() {
    let env = raised().await;
    lower(&env, CURRENT).await;
    assert_eq!(
        decisions(&env.start().await),
        ["prod/blue: Downgraded"],
        "nothing starts from the first description on"
    );
    assert!(env.message_events().is_empty());
    for _ in 0..5 {
        assert_eq!(hourly(&env).await, "prod/blue: Downgraded");
    }
    assert_eq!(env.message_events(), ["NodegroupDowngraded of blue"]);
    let steps = env.messages()[0]["nextSteps"].to_string();
    for cure in ["ignore_changes", "ami-update=notify", "retry"] {
        assert!(steps.contains(cure), "{steps}");
    }
    assert_eq!(env.messages()[0]["owner"], Value::Null);
    env.world.publish_release(AL2023, "1.33", LATER);
    assert_eq!(hourly(&env).await, "prod/blue: Start, Accepted");
}

/// What the message says of a node group with these tags that was downgraded: its owner, and the first thing to do.
async fn reported(tags: &[(&str, &str)]) -> (Value, String) {
    let env = raised().await;
    env.world.edit_nodegroup("prod", "blue", |nodegroup| {
        nodegroup.tags.extend(tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    });
    lower(&env, CURRENT).await;
    hourly(&env).await;
    hourly(&env).await;
    env.check().await;
    let message = env.messages().remove(0);
    (message["owner"].clone(), message["nextSteps"][0].as_str().unwrap().to_owned())
}

#[tokio::test(start_paused = true)]
async fn the_owner_that_the_tags_show_is_named_with_its_setting() {
    let (owner, step) = reported(&[("ManagedBy", "Terraform")]).await;
    assert_eq!(owner, "Terraform");
    let expected = "In Terraform or OpenTofu, leave release_version out, or name it in ignore_changes; in the module \
                    terraform-aws-eks, set use_latest_ami_release_version = false \
                    (docs/ownership.md#the-module-terraform-aws-eks)";
    assert_eq!(step, expected);
    let (owner, step) = reported(&[("alpha.eksctl.io/nodegroup-name", "blue"), ("ManagedBy", "Terraform")]).await;
    assert_eq!(owner, "Eksctl");
    let expected = "In eksctl, leave releaseVersion out of its config file, and do not run eksctl upgrade nodegroup \
                    (docs/ownership.md#eksctl)";
    assert_eq!(step, expected);
    let (owner, step) = reported(&[("team", "platform")]).await;
    assert_eq!(owner, Value::Null);
    let expected = "Leave the release out where the node group is defined; in Terraform: lifecycle { ignore_changes = \
                    [release_version, version] } (docs/ownership.md)";
    assert_eq!(step, expected);
}

#[tokio::test(start_paused = true)]
async fn the_owner_is_named_where_the_last_update_before_there_was_a_record_was_a_step_back() {
    let env = TestEnv::with([opted_in("prod", "blue").tag("Terraform", "true")]).await;
    env.world.downgrade(Downgrade::Accepted);
    for release in [NEWER, CURRENT] {
        env.world.start_update("prod", "blue", "1.33", release).unwrap();
        env.advance(20);
    }
    assert_eq!(decisions(&env.start().await), ["prod/blue: Downgraded"]);
    env.check().await;
    assert_eq!(env.messages()[0]["owner"], "Terraform");
}

#[tokio::test(start_paused = true)]
async fn one_description_that_shows_less_is_no_proof() {
    let env = raised().await;
    env.world.edit_nodegroup("prod", "blue", |nodegroup| nodegroup.release = CURRENT.to_owned());
    assert_eq!(decisions(&env.start().await), ["prod/blue: Downgraded"]);
    env.world.edit_nodegroup("prod", "blue", |nodegroup| nodegroup.release = NEWER.to_owned());
    assert_eq!(hourly(&env).await, "prod/blue: UpToDate");
    assert!(env.message_events().is_empty());
}

#[tokio::test(start_paused = true)]
async fn where_it_is_downgraded_again_no_newer_release_ends_the_hold_but_a_retry_does() {
    let env = raised().await;
    lower(&env, CURRENT).await;
    for _ in 0..3 {
        hourly(&env).await;
    }
    env.world.publish_release(AL2023, "1.33", LATER);
    assert_eq!(hourly(&env).await, "prod/blue: Start, Accepted");
    hourly(&env).await;
    lower(&env, NEWER).await;
    for _ in 0..3 {
        assert_eq!(hourly(&env).await, "prod/blue: Downgraded");
    }
    env.world.publish_release(AL2023, "1.33", "1.33.2-20260729");
    assert_eq!(hourly(&env).await, "prod/blue: Downgraded");
    assert_eq!(env.message_events(), ["NodegroupDowngraded of blue", "NodegroupDowngraded of blue"]);
    let summary = env.try_start(&json!({"retry": ["prod/blue"]})).await.unwrap();
    assert_eq!(decisions(&summary), ["prod/blue: Start, Accepted"]);
}

#[tokio::test(start_paused = true)]
async fn a_pin_to_something_newer_ends_a_hold() {
    let env = raised().await;
    lower(&env, CURRENT).await;
    for _ in 0..3 {
        hourly(&env).await;
    }
    env.world.edit_nodegroup("prod", "blue", |nodegroup| {
        nodegroup.tags.insert("ami-update/pin".to_owned(), NEWER.to_owned());
    });
    assert_eq!(hourly(&env).await, "prod/blue: Start, Accepted");
}

#[tokio::test(start_paused = true)]
async fn a_pin_to_what_it_was_downgraded_from_raises_it_once_and_not_again_and_again() {
    let env = raised().await;
    env.world.edit_nodegroup("prod", "blue", |nodegroup| {
        nodegroup.tags.insert("ami-update/pin".to_owned(), NEWER.to_owned());
    });
    let mut starts = 0;
    for _ in 0..4 {
        lower(&env, CURRENT).await;
        for _ in 0..5 {
            starts += usize::from(hourly(&env).await == "prod/blue: Start, Accepted");
        }
    }
    assert_eq!(starts, 1);
    assert_eq!(hourly(&env).await, "prod/blue: Downgraded");
    env.world.edit_nodegroup("prod", "blue", |nodegroup| {
        nodegroup.tags.insert("ami-update/pin".to_owned(), CURRENT.to_owned());
    });
    assert_eq!(hourly(&env).await, "prod/blue: Pinned", "a cure");
}

#[tokio::test(start_paused = true)]
async fn a_node_group_without_a_record_whose_last_update_was_a_step_back_stays() {
    let env = TestEnv::with([opted_in("prod", "blue"), opted_in("dev", "green")]).await;
    env.world.downgrade(Downgrade::Accepted);
    for release in [NEWER, CURRENT] {
        env.world.start_update("prod", "blue", "1.33", release).unwrap();
        env.advance(20);
    }
    assert_eq!(decisions(&env.start().await), ["dev/green: Start, Accepted", "prod/blue: Downgraded"]);
    let lists = env.calls("eks:ListUpdates");
    env.check().await;
    assert_eq!(env.message_events(), ["NodegroupDowngraded of blue"]);
    for _ in 0..3 {
        hourly(&env).await;
    }
    assert_eq!(env.calls("eks:ListUpdates"), lists, "the past is read once");
}

#[tokio::test(start_paused = true)]
async fn a_downgraded_kubernetes_version_stays_until_the_clusters_changes_while_its_releases_go_on() {
    let rules = [("kubernetes-version", "follow-cluster"), ("follow-cluster-after", "0h")];
    let (old, new) = ("1.45.0-1e6a7c0b", "1.46.1-9d20f4ae");
    let env = TestEnv::with([tagged("prod", "blue", &rules).ami_type(BOTTLEROCKET).release(old)]).await;
    env.world.add_cluster("prod", "1.34");
    for version in ["1.33", "1.34"] {
        env.world.publish_release(BOTTLEROCKET, version, old);
    }
    assert_eq!(hourly(&env).await, "prod/blue: Start, Accepted");
    assert_eq!(hourly(&env).await, "prod/blue: UpToDate");
    let set = |version: &'static str| {
        env.world.edit_nodegroup("prod", "blue", |nodegroup| nodegroup.version = version.to_owned())
    };
    set("1.33");
    for _ in 0..3 {
        assert_eq!(hourly(&env).await, "prod/blue: Downgraded");
    }
    env.world.publish_release(BOTTLEROCKET, "1.33", new);
    assert_eq!(hourly(&env).await, "prod/blue: Start, Accepted");
    assert_eq!(hourly(&env).await, "prod/blue: Downgraded");
    let now = env.world.nodegroup("prod", "blue").unwrap();
    assert_eq!((now.version.as_str(), now.release.as_str()), ("1.33", new));

    env.world.add_cluster("prod", "1.35");
    env.world.publish_release(BOTTLEROCKET, "1.35", new);
    assert_eq!(hourly(&env).await, "prod/blue: Start, Accepted");
}
