//! Two versions take turns on one table, as when a deployment goes back by one: what only the newer one knows is kept, and stops
//! nothing.

use eks_nodegroup_updater::metrics::Metric;
use serde_json::{Value, json};
use simulated_aws::ApiError;
use testing::{CURRENT, NEWER, NewerVersion, TestEnv, decisions, errors, eviction_failure, opted_in};

async fn blue_and_green() -> TestEnv {
    let env = TestEnv::with([opted_in("prod", "blue"), opted_in("dev", "green")]).await;
    env.world.script_next_update("dev", "green", eviction_failure("green"));
    env
}

fn not_authorized() -> ApiError {
    ApiError::new(403, "AuthorizationError", "not authorized")
}

/// Changes the item of a node group as only a newer version would.
async fn rewrite(env: &TestEnv, name: &str, change: impl FnOnce(&mut Value)) {
    let arn = env.world.nodegroup("prod", name).unwrap().arn;
    let mut item = env.item(&arn).await.unwrap();
    change(&mut item);
    env.put_item(&item).await;
}

#[tokio::test(start_paused = true)]
async fn updates_succeed_and_fail_and_nothing_that_a_newer_version_wrote_is_lost() {
    let env = blue_and_green().await;
    let mut newer = NewerVersion::default();
    let (mut started, mut problems) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let start = env.start().await;
        started.push(decisions(&start));
        newer.takes_its_turn(&env.observer).await;
        let during = env.check().await;
        newer.takes_its_turn(&env.observer).await;
        env.advance(30);
        let after = env.check().await;
        newer.takes_its_turn(&env.observer).await;
        problems.extend([start.errors, during.errors, after.errors].iter().flat_map(|of_run| errors(of_run)));
    }
    let all_start = ["dev/green: Start, Accepted", "prod/blue: Start, Accepted"];
    assert_eq!(started[0], all_start);
    assert_eq!(started[2], ["dev/green: FailedBefore", "prod/blue: UpToDate"]);
    assert_eq!(problems, [""; 0]);
    assert_eq!(env.message_events(), ["UpdateFailed of green"]);
    assert_eq!(newer.lost(&env.observer).await, [""; 0]);
    assert!(newer.marked() >= 15, "four items and their parts, not {}", newer.marked());
}

#[tokio::test(start_paused = true)]
async fn a_notice_of_an_unknown_kind_stays_pending_and_is_not_published() {
    let env = TestEnv::with([opted_in("prod", "blue").release(NEWER)]).await;
    env.start().await;
    env.check().await;
    NewerVersion::default().takes_its_turn(&env.observer).await;
    let published = env.messages().len();
    for _ in 0..2 {
        let summary = env.check().await;
        assert_eq!((errors(&summary.errors), summary.published, summary.events), (vec![], vec![], 0));
        // Of the node group, the fleet and the release track.
        assert_eq!(summary.metrics.unwrap().values(Metric::NoticesPending), [3]);
        assert_eq!(decisions(&env.start().await), ["prod/blue: UpToDate"]);
    }
    assert_eq!(env.messages().len(), published);
}

#[tokio::test(start_paused = true)]
async fn what_a_newer_version_wrote_into_a_notice_stays_in_it_until_it_is_published() {
    let env = TestEnv::with_blue().await;
    env.world.script_next_update("prod", "blue", eviction_failure("blue"));
    env.start().await;
    env.advance(30);
    env.world.fail_next("sns:Publish", 1, not_authorized());
    env.check().await;
    let unknown = json!({"severity": "page"});
    rewrite(&env, "blue", |item| {
        let notice = item["pendingNotices"][0].as_object_mut().unwrap();
        notice["kind"]["UpdateFailed"]["escalation"] = unknown.clone();
        notice.insert("published".to_owned(), json!(["Event", "Pager"]));
    })
    .await;
    env.start().await;
    let arn = env.world.nodegroup("prod", "blue").unwrap().arn;
    rewrite(&env, "blue", |item| item["revision"] = "90/newer".into()).await;
    env.world.fail_next("sns:Publish", 1, not_authorized());
    env.check().await;
    let item = env.item(&arn).await.unwrap();
    assert_eq!(item["pendingNotices"][0]["kind"]["UpdateFailed"]["escalation"], unknown);
    assert_eq!(item["pendingNotices"][0]["published"], json!(["Event", "Pager"]));
    env.check().await;
    assert_eq!(env.message_events(), ["UpdateFailed of blue"]);
    assert_eq!(env.item(&arn).await.unwrap().get("pendingNotices"), None);
}

#[tokio::test(start_paused = true)]
async fn words_that_only_a_newer_version_knows_are_carried_and_stop_nothing() {
    let env = TestEnv::with([opted_in("prod", "blue").release(NEWER)]).await;
    env.start().await;
    rewrite(&env, "blue", |item| {
        item["standing"]["owner"] = "Radius".into();
        item["standing"]["obstacle"] = json!({"reason": "NotApproved", "since": "2026-07-20T08:00:00Z"});
        item["attempts"] = json!({"count": 0, "backOff": {
            "outcome": "NotApproved", "error": "", "version": "1.40", "since": "2026-07-20T08:00:00Z",
            "last": "2026-07-20T08:00:00Z", "times": 1,
        }});
    })
    .await;
    env.world.edit_nodegroup("prod", "blue", |blue| CURRENT.clone_into(&mut blue.release));
    let (start, check) = (env.start().await, env.check().await);
    assert_eq!((errors(&start.errors), errors(&check.errors)), (vec![], vec![]));
    let item = env.item(&env.world.nodegroup("prod", "blue").unwrap().arn).await.unwrap();
    assert_eq!(item["standing"]["owner"], "Radius");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_status_of_the_open_attempt_is_settled_by_eks() {
    let env = TestEnv::with_blue().await;
    env.start().await;
    rewrite(&env, "blue", |item| item["attempts"]["open"]["status"] = "Verifying".into()).await;
    assert_eq!(decisions(&env.start().await), ["prod/blue: InProgress"]);
    env.advance(30);
    let summary = env.check().await;
    assert_eq!(summary.updates[0].status, "Successful");
    assert_eq!(decisions(&env.start().await), ["prod/blue: UpToDate"]);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_end_of_an_attempt_is_neither_a_success_nor_a_failure() {
    let env = TestEnv::with_blue().await;
    env.world.script_next_update("prod", "blue", eviction_failure("blue"));
    env.start().await;
    env.advance(30);
    env.check().await;
    assert_eq!(decisions(&env.start().await), ["prod/blue: FailedBefore"]);
    rewrite(&env, "blue", |item| item["attempts"]["ended"][0]["status"] = "Superseded".into()).await;
    assert_eq!(decisions(&env.start().await), ["prod/blue: Start, Accepted"], "it counts against no release");
    let record = env.record("prod", "blue").await.unwrap();
    assert_eq!(record.last_success(), None, "nor does it as a success");
    let item = env.item(record.key()).await.unwrap();
    assert_eq!(item["attempts"]["ended"][0]["status"], "Superseded");
}
