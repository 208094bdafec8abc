//! A pin: a node group goes to the release that its tag names, and stays there.

use eks_nodegroup_updater::model::observed::releases::Available;
use eks_nodegroup_updater::model::rules::Rules;
use serde_json::json;
use simulated_aws::Nodegroup;
use testing::{
    AL2023, CURRENT, Fleet, History, NEWER, TestEnv, decisions, hours, now, opted_in, selector, tagged, unreadable,
};

use super::{Alone, OFFERED, newest, targets};
use crate::{HOUR, decide};

#[test]
fn pinned() {
    let pin = |release: &str| Rules { pin: Some(release.into()), ..Rules::default() };
    assert_eq!(Fleet::blue().rules(pin("1.33.2-20260716"), OFFERED).goes_to(), "1.33.2-20260716");
    Fleet::blue().rules(pin(CURRENT), OFFERED).waits("Pinned", "its tag ami-update/pin keeps it on 1.33.1-20260610");
    let young = Rules { min_age: hours(10_000), ring: 3, ..pin(NEWER) };
    assert_eq!(Fleet::blue().rules(young, OFFERED).goes_to(), NEWER, "a pin is a choice");
    let mut denied = Fleet::blue().rules(pin(NEWER), OFFERED);
    denied.config.settings.denied = vec![selector(NEWER)];
    assert_eq!(denied.reason().0, "Denied", "but what is known to be bad is not");
    let failed = Fleet::blue().rules(pin(NEWER), OFFERED).after(|record| record.failed(NEWER, now()));
    assert_eq!(failed.reason().0, "FailedBefore", "nor tried without end");
}

#[test]
fn pinned_older_than_what_runs() {
    let rules = Rules { pin: Some("1.33.1-20260601".into()), ..Rules::default() };
    let sentence =
        "its tag ami-update/pin names 1.33.1-20260601, which is older than 1.33.1-20260610, the release it runs";
    Fleet::blue().rules(rules, OFFERED).waits("PinIsDowngrade", sentence);
}

#[test]
fn pinned_to_what_is_no_release_of_its_kind() {
    for pin in ["1.34.0-20260719", "1.46.1-9d20f4ae", "latest"] {
        let rules = Rules { pin: Some(pin.into()), ..Rules::default() };
        let sentence = format!(
            "its tag ami-update/pin names {pin}, which is not a release of its AMI type and Kubernetes version"
        );
        Fleet::blue().rules(rules, OFFERED).waits("PinUnknown", &sentence);
    }
}

#[test]
fn pinned_to_what_the_history_does_not_hold_lets_eks_judge() {
    let pin = || Rules { pin: Some("1.33.2-20260701".into()), ..Rules::default() };
    assert_eq!(Fleet::blue().rules(pin(), OFFERED).goes_to(), "1.33.2-20260701");
    let mut fleet = Fleet::blue().rules(pin(), OFFERED);
    *fleet.offer() = Available::NotPublished;
    assert_eq!(fleet.goes_to(), "1.33.2-20260701", "even where AWS names none");
    *fleet.offer() = Available::Unreadable(unreadable("throttled"));
    assert_eq!(fleet.reason().0, "Unreadable", "but not where it is not known what AWS took back");
}

#[test]
fn pinned_to_what_aws_took_back() {
    let mut fleet = Fleet::blue().rules(Rules { pin: Some(OFFERED[0].into()), ..Rules::default() }, OFFERED);
    newest(&mut fleet).withdrawn = true;
    fleet.waits("PinWithdrawn", "its tag ami-update/pin names 1.33.2-20260719, which AWS has withdrawn");
}

#[tokio::test(start_paused = true)]
async fn a_pin_goes_there_and_stays() {
    let env = TestEnv::with([tagged("prod", "blue", &[("pin", NEWER)])]).await;
    env.world.publish_release(AL2023, "1.33", "1.33.2-20260720");
    env.start().await;
    env.advance(15);
    env.check().await;
    assert_eq!(targets(&env, "prod", "blue"), [NEWER]);
    assert_eq!(decide(&env, "prod/blue").await.0, "Pinned");
    let pin = |release: &'static str| {
        move |nodegroup: &mut Nodegroup| {
            nodegroup.tags.insert("ami-update/pin".into(), release.into());
        }
    };
    env.world.edit_nodegroup("prod", "blue", pin(CURRENT));
    assert_eq!(decide(&env, "prod/blue").await.0, "PinIsDowngrade");
    env.world.edit_nodegroup("prod", "blue", pin("latest"));
    assert_eq!(decide(&env, "prod/blue").await.0, "PinUnknown");
    assert_eq!(env.world.updates("prod", "blue").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_pin_that_nobody_knows_is_judged_by_eks_which_is_asked_ever_more_rarely() {
    let env = TestEnv::with([tagged("prod", "blue", &[("pin", "1.33.2-20260701")])]).await;
    assert_eq!(decisions(&env.start().await), ["prod/blue: Start, NotReady"]);
    let mut hours = vec![0];
    for hour in 1..54 {
        env.advance(HOUR);
        hours.extend((decisions(&env.start().await) == ["prod/blue: Start, NotReady"]).then_some(hour));
    }
    assert_eq!(hours, [0, 1, 5, 17, 29, 41, 53], "the waits of RETRY_AFTER, the last of which repeats");
    env.world.eks_learns(AL2023, "1.33", "1.33.2-20260701");
    assert_eq!(decide(&env, "prod/blue").await.0, "BackingOff");
    env.try_start(&json!({"retry": ["prod/blue"]})).await.unwrap();
    assert_eq!(targets(&env, "prod", "blue"), ["1.33.2-20260701"]);
}

#[tokio::test(start_paused = true)]
async fn a_pin_to_what_aws_took_back_starts_nothing() {
    let env = TestEnv::with([tagged("prod", "blue", &[("pin", "1.33.2-20260720")]), opted_in("dev", "a")]).await;
    env.world.publish_release(AL2023, "1.33", "1.33.2-20260720");
    env.try_start(&json!({"nodegroups": ["dev/a"]})).await.unwrap();
    env.advance(5);
    env.world.withdraw_release(AL2023, "1.33");
    assert_eq!(decisions(&env.start().await)[1], "prod/blue: PinWithdrawn");
}

#[tokio::test(start_paused = true)]
async fn a_pin_that_eks_does_not_know_keeps_no_other_pin_waiting() {
    let env = TestEnv::with([tagged("prod", "blue", &[("pin", "1.33.2-20260720")])]).await;
    assert_eq!(decisions(&env.start().await), ["prod/blue: Start, NotReady"]);
    assert_eq!(decisions(&env.start().await), ["prod/blue: BackingOff"]);
    env.world.edit_nodegroup("prod", "blue", |blue| {
        blue.tags.insert("ami-update/pin".to_owned(), NEWER.to_owned());
    });
    assert_eq!(decisions(&env.start().await), ["prod/blue: Start, Accepted"]);
}
