//! The promises that hold, each with tests that fail when it is broken.

use serde_json::{Value, json};
use simulated_aws::{ApiError, Fault, HealthIssue, Request, UpdateScript};
use testing::{AL2023, CURRENT, NEWER, NODE, TestEnv, decisions, errors, eviction_failure, minutes, opted_in};

mod promise_1_opt_in {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_node_group_without_the_value_auto_is_updated() {
        let nodegroup = |name: &str| opted_in("prod", name);
        let env = TestEnv::with([
            nodegroup("formerly"),
            nodegroup("notify").tag("ami-update", "notify"),
            nodegroup("typo").tag("ami-update", "Auto"),
            nodegroup("rule").tag("ami-update/windw", "Sat"),
            simulated_aws::Nodegroup::new("prod", "untagged").release(CURRENT),
        ])
        .await;
        let formerly = env.world.nodegroup("prod", "formerly").unwrap().arn;
        env.world.edit_nodegroup("prod", "formerly", |nodegroup| nodegroup.tags.clear());
        env.world.index_tags(&formerly, &[("ami-update", "auto")]);
        let summary = env.start().await;
        let expected =
            ["prod/formerly: NotOptedIn", "prod/notify: ReportOnly", "prod/rule: InvalidTag", "prod/typo: InvalidTag"];
        assert_eq!(decisions(&summary), expected);
        assert_eq!(env.calls("eks:UpdateNodegroupVersion"), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_lagging_tag_index_says_is_read_again() {
        let env = TestEnv::with_blue().await;
        let arn = env.world.nodegroup("prod", "blue").unwrap().arn;
        env.world.edit_nodegroup("prod", "blue", |nodegroup| nodegroup.tags.clear());
        env.world.index_tags(&arn, &[("ami-update", "auto")]);
        assert_eq!(decisions(&env.start().await), ["prod/blue: NotOptedIn"]);
        env.world.remove_nodegroup("prod", "blue");
        assert_eq!(decisions(&env.start().await), ["prod/blue: Deleted"]);
    }

    #[tokio::test(start_paused = true)]
    async fn another_node_group_that_bears_the_name_of_a_deleted_one_is_not_taken_for_it() {
        let env = TestEnv::with_blue().await;
        let deleted = env.world.nodegroup("prod", "blue").unwrap().arn;
        env.world.remove_nodegroup("prod", "blue");
        env.world.add_nodegroup(opted_in("prod", "blue").tag("ami-update", "notify"));
        env.world.index_tags(&deleted, &[("ami-update", "auto")]);
        let mut both = decisions(&env.start().await);
        both.sort_unstable();
        assert_eq!(both, ["prod/blue: Deleted", "prod/blue: ReportOnly"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_newer_release_for_a_node_group_set_to_notify_is_reported_once() {
        let env = TestEnv::with([opted_in("prod", "blue").tag("ami-update", "notify")]).await;
        for _ in 0..3 {
            env.start().await;
            env.check().await;
        }
        assert_eq!(env.message_events(), ["UpdateAvailable of blue"]);
        env.world.publish_release(AL2023, "1.33", "1.33.2-20260720");
        env.start().await;
        env.check().await;
        assert_eq!(env.message_events().len(), 2);
        assert_eq!(env.calls("eks:UpdateNodegroupVersion"), 0);
    }
}

mod promise_2_never_guess_never_let_eks_pick {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn every_call_sends_the_node_groups_own_kubernetes_version_the_release_and_a_token() {
        let env = TestEnv::with_blue().await;
        env.world.add_cluster("prod", "1.34");
        env.start().await;
        let calls = env.world.requests();
        let call = calls.iter().find(|request| request.action == "eks:UpdateNodegroupVersion").unwrap();
        let token = env.record("prod", "blue").await.unwrap().open().unwrap().token.clone();
        let expected = json!({
            "clusterName": "prod",
            "nodegroupName": "blue",
            "version": "1.33",
            "releaseVersion": NEWER,
            "clientRequestToken": token,
        });
        assert_eq!(call.body, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn each_line_is_looked_up_once_ten_names_a_call() {
        let env = TestEnv::with([opted_in("prod", "a"), opted_in("prod", "b"), opted_in("dev", "c")]).await;
        for minor in 20..32 {
            env.world.add_nodegroup(opted_in("old", &format!("v{minor}")).version(&format!("1.{minor}")));
        }
        env.start().await;
        let calls = env.world.requests();
        let mut sizes: Vec<usize> = calls
            .iter()
            .filter(|request| request.action == "ssm:GetParameters")
            .map(|request| request.body["Names"].as_array().unwrap().len())
            .collect();
        sizes.sort_unstable();
        assert_eq!(sizes, [3, 10]);
    }
}

mod promise_3_forward_only {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_withdrawn_release_starts_nothing() {
        let env = TestEnv::with([opted_in("prod", "blue").release(NEWER)]).await;
        env.world.publish_release(AL2023, "1.33", "1.33.2-20260720");
        env.world.edit_nodegroup("prod", "blue", |nodegroup| nodegroup.release = "1.33.2-20260720".into());
        env.world.withdraw_release(AL2023, "1.33");
        env.world.downgrade(simulated_aws::Downgrade::Accepted);
        assert_eq!(decisions(&env.start().await), ["prod/blue: RunsWithdrawnRelease"]);
        assert_eq!(env.world.updates("prod", "blue"), []);
    }
}

mod promise_4_at_most_one {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn two_runs_at_once_start_one_update() {
        let env = TestEnv::with_blue().await;
        let (one, other) = futures_util::join!(env.start(), env.start());
        let mut outcomes = [&one, &other].map(|summary| (summary.decisions[0].decision, summary.decisions[0].outcome));
        outcomes.sort_unstable();
        assert_eq!(outcomes, [("Start", Some("Accepted")), ("Start", Some("LostRace"))]);
        assert_eq!(env.calls("eks:UpdateNodegroupVersion"), 1);
        assert_eq!(env.world.updates("prod", "blue").len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_event_that_comes_again_starts_nothing_more() {
        let env = TestEnv::with_blue().await;
        env.start().await;
        for _ in 0..3 {
            assert_eq!(decisions(&env.start().await), ["prod/blue: InProgress"]);
        }
        assert_eq!(env.world.updates("prod", "blue").len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_answer_to_the_intent_does_not_lose_the_lock() {
        let env = TestEnv::with_blue().await;
        let mut first = true;
        env.world.on_request(move |request| {
            let lose = request.action == "dynamodb:PutItem" && std::mem::take(&mut first);
            if lose { Fault::LostAfter } else { Fault::None }
        });
        assert_eq!(decisions(&env.start().await), ["prod/blue: Start, Accepted"]);
    }
}

mod promise_5_nothing_is_lost {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_id_is_recorded_at_once() {
        let env = TestEnv::with_blue().await;
        let summary = env.start().await;
        let update_id = env.world.updates("prod", "blue")[0].id.clone();
        assert_eq!(summary.decisions[0].update_id.as_ref(), Some(&update_id));
        assert_eq!(env.record("prod", "blue").await.unwrap().open().unwrap().update_id, Some(update_id));
    }

    #[tokio::test(start_paused = true)]
    async fn an_accepted_update_whose_answer_was_lost_is_found_by_check() {
        let env = TestEnv::with_blue().await;
        env.world.token_replay(simulated_aws::TokenReplay::ResourceInUse);
        lose_answers(&env);
        let summary = env.start().await;
        assert_eq!(decisions(&summary), ["prod/blue: Start, Unknown"]);
        env.world.clear_faults();
        env.check().await;
        let [update] = &env.world.updates("prod", "blue")[..] else { panic!("one update") };
        assert_eq!(env.record("prod", "blue").await.unwrap().open().unwrap().update_id.as_ref(), Some(&update.id));
    }

    #[tokio::test(start_paused = true)]
    async fn an_accepted_update_whose_id_was_not_recorded_is_found_and_its_failure_reported() {
        let env = TestEnv::with_blue().await;
        env.world.script_next_update("prod", "blue", eviction_failure("blue"));
        let mut accepted = false;
        env.world.on_request(move |request| {
            accepted |= request.action == "eks:UpdateNodegroupVersion";
            let die = accepted && request.action == "dynamodb:PutItem";
            if die { Fault::LostBefore } else { Fault::None }
        });
        let summary = env.start().await;
        assert_eq!(decisions(&summary), ["prod/blue: Start, Accepted"]);
        assert!(summary.errors[0].error.contains("could not be recorded; check finds out"), "{:?}", summary.errors);
        env.world.clear_faults();
        env.advance(17);
        env.check().await;
        assert_eq!(env.message_events(), ["UpdateFailed of blue"]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_external_update_is_not_taken_for_ours() {
        let env = TestEnv::with_blue().await;
        env.world.fail_next("eks:UpdateNodegroupVersion", 5, ApiError::server());
        env.world.publish_release(AL2023, "1.33", "1.33.2-20260701");
        env.world.publish_release(AL2023, "1.33", NEWER);
        env.start().await;
        env.world.start_update("prod", "blue", "1.33", "1.33.2-20260701").unwrap();
        env.check().await;
        assert_eq!(env.record("prod", "blue").await.unwrap().open().unwrap().update_id, None);
        env.advance(20);
        assert_eq!(env.check().await.updates[0].status, "NotAccepted");
        assert_eq!(env.record("prod", "blue").await.unwrap().open(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn of_two_updates_to_the_same_release_the_earlier_is_ours() {
        let env = TestEnv::with_blue().await;
        env.world.on_request(|request| match request.action.as_str() {
            "eks:UpdateNodegroupVersion" => Fault::Body { status: 200, body: "{}".into() },
            _ => Fault::None,
        });
        env.start().await;
        env.world.clear_faults();
        env.advance(11);
        let ours = env.world.updates("prod", "blue").remove(0).id;
        // Until one is listed before ours.
        while env.world.start_update("prod", "blue", "1.33", NEWER).unwrap() > ours {}
        env.check().await;
        assert_eq!(env.record("prod", "blue").await.unwrap().attempts.ended[0].update_id, Some(ours));
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_group_that_is_gone_when_its_update_succeeded_is_reported() {
        let env = TestEnv::with_blue().await;
        env.start().await;
        env.world.on_request(|request| match request.action.as_str() {
            "eks:DescribeNodegroup" => Fault::Error(ApiError::new(404, "ResourceNotFoundException", "No node group")),
            _ => Fault::None,
        });
        env.advance(25);
        let summary = env.check().await;
        assert_eq!((summary.updates[0].status, summary.errors), ("NotFound", vec![]));
        assert_eq!(env.message_events(), ["UpdateNotFound of blue"]);
    }

    /// Loses every answer of the call, after its effect.
    fn lose_answers(env: &TestEnv) {
        env.world.on_request(|request| match request.action.as_str() {
            "eks:UpdateNodegroupVersion" => Fault::LostAfter,
            _ => Fault::None,
        });
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_try_whose_answer_was_lost_is_found_beside_the_first() {
        let env = TestEnv::with_blue().await;
        env.world.script_next_update("prod", "blue", eviction_failure("blue"));
        env.start().await;
        env.advance(17);
        env.check().await;
        env.advance(60);
        env.world.token_replay(simulated_aws::TokenReplay::ResourceInUse);
        lose_answers(&env);
        assert_eq!(decisions(&env.start().await), ["prod/blue: Start, Unknown"]);
        env.world.clear_faults();
        env.check().await;
        let [_, second] = &env.world.updates("prod", "blue")[..] else { panic!("two updates") };
        assert_eq!(env.record("prod", "blue").await.unwrap().open().unwrap().update_id.as_ref(), Some(&second.id));
    }

    #[tokio::test(start_paused = true)]
    async fn an_intent_stays_open_while_updates_cannot_be_listed_and_ends_with_its_node_group() {
        let env = TestEnv::with_blue().await;
        lose_answers(&env);
        env.start().await;
        env.world.on_request(|request| match request.action.as_str() {
            "eks:ListUpdates" => Fault::Error(ApiError::access_denied("eks:ListUpdates")),
            _ => Fault::None,
        });
        env.advance(25);
        let summary = env.check().await;
        assert_eq!(summary.updates[0].status, "Intent");
        assert!(summary.errors[0].error.contains("AccessDeniedException"), "{:?}", summary.errors);
        env.world.clear_faults();
        env.world.remove_nodegroup("prod", "blue");
        let summary = env.check().await;
        assert_eq!((summary.updates[0].status, summary.errors), ("NotAccepted", vec![]));
    }

    #[tokio::test(start_paused = true)]
    async fn no_update_starts_when_the_intent_cannot_be_recorded() {
        let env = TestEnv::with_blue().await;
        let denied = |what: &'static str| {
            move |request: &Request| {
                let deny = request.action == "dynamodb:PutItem" && request.body["Item"].to_string().contains(what);
                if deny { Fault::Error(ApiError::access_denied("dynamodb:PutItem")) } else { Fault::None }
            }
        };
        env.world.on_request(denied("\"Intent\""));
        let summary = env.start().await;
        assert_eq!(decisions(&summary), ["prod/blue: Start, NotRecorded"]);
        let begin = "prod/blue: not started, because the intent could not be recorded: AccessDeniedException";
        assert!(errors(&summary.errors)[0].starts_with(begin), "{:?}", summary.errors);
        assert!(summary.into_response().is_ok(), "what AWS recommends was recorded");

        let env = TestEnv::with_blue().await;
        env.world.on_request(denied(""));
        let summary = env.start().await;
        assert_eq!(decisions(&summary), ["prod/blue: Unreadable"], "nor what AWS recommends");
        let error = summary.into_response().unwrap_err().to_string();
        assert!(error.starts_with("no record could be written: ") && error.contains("AccessDenied"), "{error}");
        assert_eq!(env.calls("eks:UpdateNodegroupVersion"), 0);
    }
}

mod near_lambdas_deadline {
    use std::time::Duration;

    use super::*;

    /// Every answer takes four seconds, and a run may take 76.
    fn slow_down(env: &mut TestEnv) {
        env.time_limit = Duration::from_secs(76);
        let (before, after) = (Duration::from_secs(2), Duration::from_secs(2));
        env.world.on_request(move |_| Fault::Slow { before, after, then: Box::new(Fault::None) });
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_more_starts_and_the_next_run_goes_on() {
        let names = ["a", "b", "c", "d", "e"];
        let mut env = TestEnv::with(names.map(|name| opted_in(name, "ng"))).await;
        slow_down(&mut env);
        let summary = env.start().await;
        let outcomes: Vec<_> = summary.decisions.iter().filter_map(|line| line.outcome).collect();
        assert_eq!(outcomes, ["Accepted", "Accepted", "Accepted", "DeadlineNear", "DeadlineNear"]);
        let left = "2 node groups are left to the next run, because Lambda's time limit is near";
        assert_eq!(errors(&summary.errors), [left]);
        env.world.clear_faults();
        let outcomes: Vec<_> = env.start().await.decisions.iter().map(|line| line.outcome).collect();
        assert_eq!(outcomes, [None, None, None, Some("Accepted"), Some("Accepted")]);
        for name in names {
            assert_eq!(env.world.updates(name, "ng").len(), 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn check_leaves_to_the_next_run_what_it_cannot_end_and_nothing_for_ever() {
        const GROUPS: usize = 50;
        let mut env = TestEnv::with([]).await;
        env.start_config.settings.limits.updates_in_progress = GROUPS;
        env.start_config.settings.limits.starts_per_run = GROUPS;
        for cluster in 0..GROUPS {
            let cluster = format!("c{cluster}");
            env.world.script_next_update(&cluster, "ng", eviction_failure("blue"));
            env.world.add_nodegroup(opted_in(&cluster, "ng"));
        }
        env.start().await;
        env.advance(17);
        slow_down(&mut env);
        let summary = env.check().await;
        let left = GROUPS - summary.updates.len();
        assert!(left > 0 && !summary.updates.is_empty(), "{left}");
        let problem = format!("{left} node groups are left to the next run, because Lambda's time limit is near");
        assert_eq!(errors(&summary.errors), [problem]);
        for _ in 0..20 {
            env.check().await;
        }
        let ids = env.messages().iter().map(|message| message["ids"].as_array().unwrap().len()).sum::<usize>();
        assert_eq!(ids, GROUPS);
    }
}

mod promise_6_every_failure_is_reported {
    use super::*;

    async fn failed() -> TestEnv {
        let env = TestEnv::with_blue().await;
        env.world.script_next_update("prod", "blue", eviction_failure("blue"));
        env.start().await;
        env.advance(17);
        env
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_reported_once_with_the_nodes() {
        let env = failed().await;
        for _ in 0..3 {
            env.check().await;
        }
        let [message] = &env.messages()[..] else { panic!("one message") };
        let errors = json!([{
            "errorCode": "PodEvictionFailure",
            "errorMessage": "Reached max retries while trying to evict pods from nodes in node group blue",
            "resourceIds": [NODE],
        }]);
        assert_eq!((&message["kind"], &message["errors"]), (&json!("UpdateFailed"), &errors));
        let published = env.world.published().remove(0);
        let subject = "EKS update failed: prod/blue to 1.33.2-20260710 (PodEvictionFailure)";
        assert_eq!(published.subject.as_deref(), Some(subject));
        assert!(published.delivered_as("email").contains("kubectl get poddisruptionbudgets"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_publish_leaves_it_pending_and_fails_the_invocation() {
        let env = failed().await;
        env.world.fail_next("sns:Publish", 5, ApiError::new(403, "AuthorizationError", "not authorized"));
        let summary = env.check().await;
        assert_eq!(summary.published, Vec::<String>::new());
        let error = summary.into_response().unwrap_err().to_string();
        assert!(
            error.contains(
                "prod/blue: publishing to arn:aws:sns:eu-central-1:123456789012:notifications: AuthorizationError"
            ),
            "{error}"
        );
        env.world.clear_faults();
        env.check().await.into_response().unwrap();
        env.check().await.into_response().unwrap();
        assert_eq!(env.message_events(), ["UpdateFailed of blue"]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_published_but_not_marked_is_published_again_with_the_same_id() {
        let env = failed().await;
        let mut published = false;
        env.world.on_request(move |request| {
            published |= request.action == "sns:Publish";
            let die = published && request.action == "dynamodb:PutItem";
            if die { Fault::LostBefore } else { Fault::None }
        });
        let summary = env.check().await;
        let begin = "prod/blue: writing the record: dispatch failure";
        assert!(errors(&summary.errors)[0].starts_with(begin), "{:?}", summary.errors);
        assert!(summary.into_response().is_ok(), "it was published");
        env.world.clear_faults();
        env.check().await;
        let [one, again] = &env.messages()[..] else { panic!("two messages") };
        assert_eq!(one["id"], again["id"]);
    }

    #[tokio::test(start_paused = true)]
    async fn cancelled_stuck_vanished_and_ineffective_updates_are_reported() {
        let groups = ["cancelled", "stuck", "vanished", "ineffective", "deleted"];
        let env = TestEnv::with(groups.map(|name| opted_in(name, name))).await;
        env.world.script_next_update("cancelled", "cancelled", UpdateScript::Cancel { after: minutes(5) });
        env.world.script_next_update("stuck", "stuck", UpdateScript::Hang);
        env.world.script_next_update("vanished", "vanished", UpdateScript::Hang);
        env.world.script_next_update(
            "ineffective",
            "ineffective",
            UpdateScript::SucceedWithoutEffect { after: minutes(5) },
        );
        env.start().await;
        let vanished = env.world.updates("vanished", "vanished")[0].id.clone();
        env.world.remove_update("vanished", &vanished);
        env.world.remove_nodegroup("deleted", "deleted");
        for _ in 0..80 {
            env.advance(5);
            env.check().await;
        }
        let mut reported = env.message_events();
        reported.sort_unstable();
        let expected = [
            "UpdateCancelled of cancelled",
            "UpdateNotFound of deleted",
            "UpdateNotFound of vanished",
            "UpdateStuck of stuck",
            "UpdateUnverified of ineffective",
        ];
        assert_eq!(reported, expected);
        env.world.change_update_script("stuck", "stuck", eviction_failure("blue"));
        env.check().await;
        assert_eq!(env.message_events().last().unwrap(), "UpdateFailed of stuck", "it was still watched");
    }
}

mod promise_7_truth_is_describe_update {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_failed_update_leaves_the_node_group_active_and_is_no_success() {
        let env = TestEnv::with_blue().await;
        env.world.script_next_update("prod", "blue", eviction_failure("blue"));
        env.start().await;
        env.advance(17);
        assert_eq!(env.world.nodegroup("prod", "blue").unwrap().status, "ACTIVE");
        assert_eq!(env.check().await.updates[0].status, "Failed");
    }

    #[tokio::test(start_paused = true)]
    async fn success_is_the_release_read_again() {
        let env = TestEnv::with_blue().await;
        env.start().await;
        env.advance(5);
        assert_eq!(env.check().await.updates[0].status, "InProgress");
        env.advance(5);
        assert_eq!(env.check().await.updates[0].status, "Successful");
        assert_eq!(env.world.nodegroup("prod", "blue").unwrap().release, NEWER);
        assert_eq!(decisions(&env.start().await), ["prod/blue: UpToDate"]);
        assert_eq!(env.messages(), Vec::<Value>::new());
    }
}

mod promise_8_one_bad_item_is_one_outcome {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_unreadable_node_group_and_a_malformed_record_stop_no_other() {
        let env = TestEnv::with(["denied", "broken", "good"].map(|name| opted_in(name, name))).await;
        let broken = env.world.nodegroup("broken", "broken").unwrap().arn;
        env.put_item(&json!({"itemKey": broken, "pending": "yes", "revision": "seven"})).await;
        env.world.on_request(|request| match request.action.as_str() {
            "eks:DescribeNodegroup" if request.resources[0].contains("denied") => {
                Fault::Error(ApiError::access_denied("eks:DescribeNodegroup"))
            }
            _ => Fault::None,
        });
        let summary = env.start().await;
        let expected = ["broken/broken: Unreadable", "denied/denied: Unreadable", "good/good: Start, Accepted"];
        assert_eq!(decisions(&summary), expected);
        let [broken, denied] = &errors(&summary.errors)[..] else { panic!("{:?}", summary.errors) };
        assert!(broken.starts_with("broken/broken: its record in the table is malformed"), "{broken}");
        assert!(denied.starts_with("denied/denied: AccessDeniedException"), "{denied}");
        assert!(summary.into_response().is_ok());

        env.advance(10);
        let summary = env.check().await;
        assert_eq!(summary.updates[0].status, "Successful");
        let [broken] = &errors(&summary.errors)[..] else { panic!("{:?}", summary.errors) };
        assert!(broken.starts_with("broken/broken: its record in the table is malformed"), "{broken}");
        assert!(summary.into_response().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_tag_index_lists_without_a_node_groups_arn_stops_no_other() {
        let env = TestEnv::with_blue().await;
        let blue = env.world.nodegroup("prod", "blue").unwrap().arn;
        let listed = json!({"PaginationToken": "", "ResourceTagMappingList": [
            {}, {"ResourceARN": "odd:nodegroup/"}, {"ResourceARN": blue}, {"ResourceARN": "x".repeat(3_000)},
        ]});
        env.world.on_request(move |request| match request.action.as_str() {
            "tag:GetResources" => Fault::Body { status: 200, body: listed.to_string().into() },
            _ => Fault::None,
        });
        let mut summary = env.start().await;
        let blue = summary.decisions.remove(0);
        assert_eq!((blue.nodegroup.as_str(), blue.outcome), ("prod/blue", Some("Accepted")));
        let odd = "odd:nodegroup/: the tag index lists it as \"odd:nodegroup/\", which is not a node group's ARN";
        let without = "unknown: the tag index lists it as \"\", which is not a node group's ARN";
        assert_eq!(errors(&summary.errors)[..2], [without, odd]);
        assert_eq!((summary.errors.len(), summary.decisions.len()), (3, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_start_that_eks_does_not_accept_takes_no_others_place_under_a_limit() {
        let not_active = "Nodegroup cannot be updated as it is currently not in Active State";
        for (error, outcome) in [
            (ApiError::new(409, "ResourceInUseException", not_active), "NotActive"),
            (ApiError::access_denied("eks:UpdateNodegroupVersion"), "AccessDenied"),
            (ApiError::new(404, "ResourceNotFoundException", "No node group found for name: a."), "Deleted"),
            (ApiError::new(400, "InvalidRequestException", "maxSize (2) is equal to desiredSize (2)."), "Refused"),
        ] {
            let env = TestEnv::with(["a", "b", "c"].map(|name| opted_in("prod", name))).await;
            env.world.fail_next("eks:UpdateNodegroupVersion", 1, error);
            let first = format!("prod/a: Start, {outcome}");
            assert_eq!(decisions(&env.start().await), [first.as_str(), "prod/b: Next, Accepted", "prod/c: Next"]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_start_that_may_have_been_accepted_keeps_its_place_under_a_limit() {
        for fault in [
            Fault::LostAfter,
            Fault::Error(ApiError::new(409, "ResourceInUseException", "Nodegroup a has other updates in progress")),
        ] {
            let env = TestEnv::with(["a", "b"].map(|name| opted_in("prod", name))).await;
            env.world.on_request(move |request| {
                let first = request.action == "eks:UpdateNodegroupVersion" && request.body["nodegroupName"] == "a";
                if first { fault.clone() } else { Fault::None }
            });
            assert_eq!(decisions(&env.start().await)[1], "prod/b: Next");
        }
    }
}

mod promise_9_no_endless_retry {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_release_that_fails_is_tried_four_times_and_then_no_more() {
        let env = TestEnv::with_blue().await;
        for _ in 0..20 {
            env.world.script_next_update("prod", "blue", eviction_failure("blue"));
        }
        let begin = env.world.now();
        for _ in 0..72 {
            env.start().await;
            env.advance(30);
            env.check().await;
            env.advance(30);
        }
        let updates = env.world.updates("prod", "blue");
        let hours: Vec<i64> = updates.iter().map(|update| update.created_at.duration_since(begin).as_hours()).collect();
        // One, four and twelve hours after each end was seen, at the next hourly run.
        assert_eq!(hours, [0, 2, 7, 20]);
        assert_eq!(env.message_events().len(), 4, "every failure is reported");
        let what_follows =
            "1.33.2-20260710 is not retried on this node group; a newer release is installed once there is one.";
        assert_eq!(env.messages()[3]["nextAction"], what_follows);

        env.world.publish_release(AL2023, "1.33", "1.33.2-20260720");
        assert_eq!(decisions(&env.start().await), ["prod/blue: Start, Accepted"]);
    }
}

mod promise_10_everything_has_a_reason {
    use super::*;

    async fn mixed_fleet() -> TestEnv {
        let env = TestEnv::with([
            opted_in("prod", "blue"),
            opted_in("prod", "green"),
            opted_in("dev", "current").release(NEWER),
            opted_in("dev", "custom").ami_type("CUSTOM").release("ami-0c099795affa953de"),
            opted_in("dev", "future").ami_type("AL2026_x86_64_STANDARD"),
            opted_in("dev", "unhealthy").status("DEGRADED"),
            opted_in("dev", "windows").ami_type("WINDOWS_CORE_2022_x86_64").release("1.33-2026.06.10"),
        ])
        .await;
        env.world.edit_nodegroup("dev", "unhealthy", |nodegroup| {
            let (code, message) = ("NodeCreationFailure".to_owned(), "text".to_owned());
            nodegroup.health = vec![HealthIssue { code, message, resource_ids: vec![] }];
        });
        env
    }

    #[tokio::test(start_paused = true)]
    async fn the_plan_that_is_printed_is_the_plan_that_runs() {
        let env = mixed_fleet().await;
        let printed = env.try_start(&json!({"dryRun": true})).await.unwrap();
        assert_eq!((env.calls("dynamodb:PutItem"), env.calls("eks:UpdateNodegroupVersion")), (0, 0));
        let ran = env.start().await;
        let plan = |summary: &eks_nodegroup_updater::summary::StartSummary| {
            let decided = |line: &eks_nodegroup_updater::summary::StartLine| {
                (line.nodegroup.clone(), line.decision, line.reason.clone())
            };
            summary.decisions.iter().map(decided).collect::<Vec<_>>()
        };
        assert_eq!(plan(&printed), plan(&ran));
        let expected = [
            ("dev/current", "UpToDate"),
            ("dev/custom", "CustomAmi"),
            ("dev/future", "UnknownAmiType"),
            ("dev/unhealthy", "Unhealthy"),
            ("dev/windows", "NoRelease"),
            ("prod/blue", "Start"),
            ("prod/green", "Next"),
        ];
        let decisions = plan(&ran).into_iter().map(|(name, decision, _)| (name, decision)).collect::<Vec<_>>();
        assert_eq!(decisions, expected.map(|(name, decision)| (name.to_owned(), decision)));
    }

    #[tokio::test(start_paused = true)]
    async fn every_page_is_read_to_the_last() {
        let env = mixed_fleet().await;
        env.world.page_size(2);
        env.world.sparse_tag_pages(true);
        assert_eq!(env.start().await.decisions.len(), 7);
        env.world.script_next_update("dev", "windows", UpdateScript::Hang);
        env.world.publish_release("WINDOWS_CORE_2022_x86_64", "1.33", "1.33-2026.07.10");
        env.start().await;
        assert_eq!(env.check().await.updates.len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_quiet_world_causes_no_writes_and_no_reads_of_eks_by_check() {
    let env = TestEnv::with([opted_in("prod", "blue").release(NEWER)]).await;
    env.start().await;
    env.check().await;
    env.world.clear_requests();
    env.check().await;
    let actions: Vec<String> = env.world.requests().into_iter().map(|request| request.action).collect();
    assert_eq!(actions, ["dynamodb:Query"]);
}
