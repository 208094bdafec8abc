//! What AWS took back is not installed: what the history of a track makes of the releases that it names.

use eks_nodegroup_updater::model::record::track::ReleaseHistory;
use eks_nodegroup_updater::model::release::track::Family;
use eks_nodegroup_updater::model::release::version::ReleaseVersion;
use eks_nodegroup_updater::model::rules::Rules;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};
use testing::{AL2023, CURRENT, Fleet, NEWER, TestEnv, days, decisions, hours, now, offers, tagged};

use super::{Alone, OFFERED, STANDARD, message, newest};
use crate::{DAY, HOUR};

/// A release between [`CURRENT`] and [`NEWER`].
const BETWEEN: &str = "1.33.2-20260703";

fn release(text: &str) -> ReleaseVersion {
    ReleaseVersion::parse(Family::AmazonLinux2023, text).unwrap()
}

/// What is known once these were seen, in this order, with their dates, all of them now.
fn seen(names: &[(&str, Option<Timestamp>)]) -> ReleaseHistory {
    let mut history = ReleaseHistory::default();
    for (name, date) in names {
        history.recommend(&release(name), *date, now());
    }
    history
}

fn withdrawn(history: &ReleaseHistory) -> Vec<&str> {
    let withdrawn = history.iter().filter(|known| known.withdrawal.is_some());
    withdrawn.map(|known| known.release_version.as_str()).collect()
}

fn ago(so_many: i64) -> Option<Timestamp> {
    Some(now() - days(so_many))
}

#[test]
fn what_is_newer_than_a_release_that_is_named_later_is_withdrawn_until_it_is_named_again() {
    let mut history = seen(&[(CURRENT, ago(9)), (BETWEEN, ago(8)), (NEWER, ago(7)), (CURRENT, ago(2))]);
    assert_eq!(withdrawn(&history), [BETWEEN, NEWER]);
    history.recommend(&release(BETWEEN), ago(1), now());
    assert_eq!(withdrawn(&history), [NEWER]);
    let published: Vec<_> = history.iter().map(|known| known.published_at).collect();
    assert_eq!(published, [ago(9), ago(8), ago(7)], "it was published when it was first named");
}

#[test]
fn a_late_answer_changes_nothing() {
    for late in [ago(8), ago(7)] {
        assert_eq!(withdrawn(&seen(&[(CURRENT, ago(9)), (NEWER, ago(7)), (CURRENT, late)])), [""; 0]);
    }
}

#[test]
fn an_older_release_without_a_date_withdraws_until_the_newer_one_is_named_again_and_is_not_reported() {
    let mut history = seen(&[(NEWER, ago(7)), (CURRENT, None)]);
    assert_eq!(withdrawn(&history), [NEWER]);
    let held = history.iter().last().unwrap().withdrawal.clone().unwrap();
    assert_eq!((held.dated, held.seen_at), (false, now()));
    history.recommend(&release(NEWER), ago(7), now() + hours(1));
    assert_eq!(withdrawn(&history), [""; 0]);
}

#[test]
fn a_newer_release_without_a_date_is_not_taken_for_an_older_one() {
    let mut history = seen(&[(CURRENT, ago(9)), (NEWER, None)]);
    assert_eq!(withdrawn(&history), [""; 0]);
    history.recommend(&release(CURRENT), Some(now() + hours(1)), now() + hours(1));
    assert_eq!(withdrawn(&history), [NEWER]);
}

#[test]
fn a_date_that_is_still_to_come_counts_as_now() {
    let mut history = seen(&[(CURRENT, ago(9)), (NEWER, Some(now() + days(3_000)))]);
    assert_eq!(history.iter().last().unwrap().published_at, Some(now()));
    history.recommend(&release(CURRENT), Some(now() + hours(1)), now() + hours(2));
    assert_eq!(withdrawn(&history), [NEWER], "or no withdrawal would ever be later");
}

#[test]
fn the_last_sixty_four_releases_are_kept() {
    let mut history = ReleaseHistory::default();
    for patch in 0..70 {
        history.recommend(&release(&format!("1.33.{patch}-20260610")), ago(100 - patch), now());
    }
    let kept: Vec<_> = history.iter().map(|known| known.release_version.clone()).collect();
    assert_eq!((kept.len(), kept[0].as_str()), (64, "1.33.6-20260610"));
}

/// The patch numbers of releases, and how many days ago the parameter named them.
type Namings = Vec<(u8, i64)>;

fn in_any_order() -> impl Strategy<Value = (Namings, Namings)> {
    let namings = prop::collection::vec((0..6u8, 0..12i64), 0..12);
    namings.prop_flat_map(|namings| (Just(namings.clone()), Just(namings).prop_shuffle()))
}

proptest! {
    #[test]
    fn in_whatever_order_runs_see_dated_answers_the_same_releases_are_withdrawn((one, other) in in_any_order()) {
        let history = |namings: &Namings| {
            let mut history = ReleaseHistory::default();
            for (patch, days) in namings {
                history.recommend(&release(&format!("1.33.{patch}-20260610")), ago(*days), now());
            }
            history.iter().map(|known| (known.release_version.clone(), known.published_at, known.withdrawal.is_some())).collect::<Vec<_>>()
        };
        prop_assert_eq!(history(&one), history(&other));
    }
}

#[test]
fn what_aws_took_back_is_no_candidate() {
    let mut fleet = Fleet::blue().rules(Rules::default(), OFFERED);
    newest(&mut fleet).withdrawn = true;
    assert_eq!(fleet.goes_to(), "1.33.2-20260716");
}

#[test]
fn running_a_release_newer_than_aws_offers() {
    let fleet = Fleet::blue().running(STANDARD, NEWER, offers(&STANDARD, [CURRENT]));
    let sentence =
        "it runs 1.33.2-20260710, which is newer than 1.33.1-20260610, the latest release that AWS recommends";
    fleet.waits("RunsWithdrawnRelease", sentence);
}

/// Decision and release of the first node group in a new run.
async fn decided(env: &TestEnv) -> (&'static str, Option<String>) {
    let line = env.start().await.decisions.remove(0);
    (line.decision, line.target)
}

#[tokio::test(start_paused = true)]
async fn what_aws_took_back_is_not_installed_while_a_newer_release_is_too_young() {
    let env = TestEnv::with([tagged("prod", "blue", &[("min-age", "3d")])]).await;
    env.start().await;
    env.advance(DAY);
    env.world.publish_release(AL2023, "1.33", "1.33.2-20260721");
    env.start().await;
    env.advance(DAY);
    env.world.withdraw_release(AL2023, "1.33");
    assert_eq!(decided(&env).await, ("MinAgeNotReached", Some(NEWER.into())));
    env.advance(DAY);
    assert_eq!(decided(&env).await, ("Start", Some(NEWER.into())), "its age counts from when it was first named");
    env.advance(15);
    env.check().await;
    env.world.publish_release(AL2023, "1.33", "1.33.2-20260723");
    for _ in 0..2 {
        env.advance(DAY);
        assert_eq!(decided(&env).await, ("MinAgeNotReached", Some("1.33.2-20260723".into())));
    }
    env.advance(DAY);
    assert_eq!(decided(&env).await, ("Start", Some("1.33.2-20260723".into())));
}

#[tokio::test(start_paused = true)]
async fn a_withdrawal_is_reported_once_when_it_is_still_seen_an_hour_later() {
    let env = TestEnv::with_blue().await;
    env.world.publish_release(AL2023, "1.33", "1.33.2-20260720");
    env.world.edit_nodegroup("prod", "blue", |blue| blue.release = "1.33.2-20260720".into());
    assert_eq!(decisions(&env.start().await), ["prod/blue: UpToDate"]);
    env.advance(5);
    env.world.withdraw_release(AL2023, "1.33");
    for later in [59, 1] {
        assert_eq!(decisions(&env.start().await), ["prod/blue: RunsWithdrawnRelease"]);
        env.check().await;
        assert_eq!(env.messages(), Vec::<Value>::new());
        env.advance(later);
    }
    for _ in 0..3 {
        env.start().await;
        env.check().await;
        env.advance(HOUR);
    }
    let message = message(&env, "ReleaseWithdrawn");
    let running = json!({"names": ["prod/blue"], "count": 1});
    assert_eq!((&message["releaseVersion"], &message["runningOn"]), (&json!("1.33.2-20260720"), &running));
    assert_eq!(message["track"], "1.33/AL2023_x86_64_STANDARD");
}
