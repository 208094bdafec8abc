//! What the run makes of each answer that `UpdateNodegroupVersion` can give, in AWS's own words.

use eks_nodegroup_updater::model::attempt::Status;
use serde_json::json;
use simulated_aws::{ApiError, Fault};
use testing::{AL2023, NEWER, TestEnv, assert_documented, decisions, minutes, opted_in};

use crate::UPDATE;

/// The outcome, its sentence, and whether it is an error of the summary. It never fails the run.
async fn answered(env: &TestEnv) -> (Option<&'static str>, String, bool) {
    let summary = env.start().await;
    let line = summary.decisions[0].clone();
    assert_eq!(line.decision, "Start");
    let outcome = line.outcome.unwrap();
    assert_documented(outcome);
    let is_error = !summary.errors.is_empty();
    assert!(summary.into_response().is_ok());
    (line.outcome, line.detail.unwrap(), is_error)
}

async fn answering(error: ApiError) -> (TestEnv, (Option<&'static str>, String, bool)) {
    let env = TestEnv::with_blue().await;
    env.world.fail_next(UPDATE, 1, error);
    let answer = answered(&env).await;
    env.world.clear_faults();
    (env, answer)
}

/// What is asked again an hour later, and is no failure of the release.
async fn is_asked_again_after_an_hour(env: &TestEnv, outcome: &'static str, reason: &'static str) {
    let record = env.record("prod", "blue").await.unwrap();
    assert_eq!(
        (record.open(), &*record.attempts.ended, record.pending_notices()),
        (None, &[][..], &[][..]),
        "not a failure"
    );
    let kept = record.back_off().map(|back_off| back_off.outcome.as_str());
    assert_eq!(kept, (reason == "BackingOff").then_some(outcome));
    env.advance(59);
    let waiting = env.start().await.decisions.remove(0);
    let until = env.world.now() + minutes(1);
    assert_eq!((waiting.decision, waiting.until), (reason, Some(until)));
    env.advance(1);
    assert_eq!(answered(env).await.0, Some("Accepted"));
    let record = env.record("prod", "blue").await.unwrap();
    assert_eq!(record.back_off(), None);
}

#[tokio::test(start_paused = true)]
async fn another_change_is_in_progress() {
    let message = "Nodegroup blue has other updates in progress";
    let (env, answer) = answering(ApiError::new(409, "ResourceInUseException", message)).await;
    let reason = format!("another change of the node group is in progress: ResourceInUseException: {message}");
    assert_eq!(answer, (Some("InUse"), reason, false));
    is_asked_again_after_an_hour(&env, "InUse", "BackingOff").await;
}

#[tokio::test(start_paused = true)]
async fn it_or_its_cluster_is_not_active_by_now() {
    for (status, code, message) in [
        (409, "ResourceInUseException", "Nodegroup cannot be updated as it is currently not in Active State"),
        (400, "InvalidRequestException", "Cluster prod is not in ACTIVE status"),
        (
            400,
            "InvalidRequestException",
            "Nodegroup health has issues other than [ AsgInstanceLaunchFailures, InstanceLimitExceeded, InsufficientFreeAddresses, ClusterUnreachable ]",
        ),
    ] {
        let (env, answer) = answering(ApiError::new(status, code, message)).await;
        let reason = format!("the node group or its cluster is not active: {code}: {message}");
        assert_eq!(answer, (Some("NotActive"), reason, false));
        is_asked_again_after_an_hour(&env, "NotActive", "BackingOff").await;
    }
}

#[tokio::test(start_paused = true)]
async fn eks_does_not_know_the_release_yet() {
    for message in [
        "Requested release version 1.33.2-20260710 is not valid for kubernetes version 1.33.",
        "Requested Nodegroup release version 1.33.2-20260710 is invalid. Allowed release version is 1.33.1-20260610",
    ] {
        let (env, answer) = answering(ApiError::new(400, "InvalidParameterException", message)).await;
        let reason = format!("EKS refuses this release as invalid: InvalidParameterException: {message}");
        assert_eq!(answer, (Some("NotReady"), reason, false));
        is_asked_again_after_an_hour(&env, "NotReady", "ReleaseRefused").await;
        assert!(!env.track_record().await.is_refused(NEWER), "it was accepted");
    }
}

#[tokio::test(start_paused = true)]
async fn a_release_that_ssm_announces_before_eks_knows_it_is_taken_when_it_does() {
    let env = TestEnv::with_blue().await;
    env.world.ssm_ahead_of_eks(true);
    env.world.publish_release(AL2023, "1.33", "1.33.2-20260720");
    assert_eq!(answered(&env).await.0, Some("NotReady"));
    env.world.ssm_ahead_of_eks(false);
    env.advance(60);
    assert_eq!(answered(&env).await.0, Some("Accepted"));
}

#[tokio::test(start_paused = true)]
async fn other_refusals_are_recorded_and_reported_once() {
    for (code, message) in [
        ("InvalidParameterException", "Launch template details can't be null for Custom ami type node group"),
        ("InvalidParameterException", "You cannot specify the field kubernetesVersion when using custom AMIs."),
        ("ClientException", "The caller lacks the rights for this."),
        ("InvalidParameterException", "Nodegroup can't be upgraded because maxSize (2) is equal to desiredSize (2)."),
    ] {
        let (env, answer) = answering(ApiError::new(400, code, message)).await;
        assert_eq!(answer, (Some("Refused"), format!("EKS refused: {code}: {message}"), true));
        let record = env.record("prod", "blue").await.unwrap();
        assert_eq!(
            (record.attempts.ended[0].status.clone(), record.attempts.ended[0].errors[0].error_message.as_str()),
            (Status::Refused.into(), message)
        );
        env.check().await;
        env.check().await;
        let [reported] = &env.messages()[..] else { panic!("one message") };
        assert_eq!((&reported["kind"], &reported["errors"][0]["errorCode"]), (&json!("UpdateRefused"), &json!(code)));
        assert_eq!(decisions(&env.start().await), ["prod/blue: FailedBefore"]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_lacks_rights_to_its_launch_template_alone_is_reported_of_that_node_group() {
    let message = "You are not authorized to launch instances with this launch template.";
    let (env, answer) = answering(ApiError::new(400, "InvalidRequestException", message)).await;
    let reason = format!("EKS refused: missing permissions for its launch template: {message}");
    assert_eq!(answer, (Some("LaunchTemplateDenied"), reason, true));
    env.check().await;
    assert_eq!(env.message_events(), ["UpdateRefused of blue"]);
    assert_eq!(decisions(&env.start().await), ["prod/blue: FailedBefore"]);
}

#[tokio::test(start_paused = true)]
async fn missing_permissions_are_no_failure_of_the_release() {
    for error in [
        ApiError::access_denied(UPDATE),
        ApiError::new(403, "UnrecognizedClientException", "The security token included in the request is invalid."),
    ] {
        let (env, (outcome, reason, is_error)) = answering(error).await;
        assert_eq!((outcome, is_error), (Some("AccessDenied"), false), "{reason}");
        assert!(reason.starts_with("the function is not allowed to start it: "), "{reason}");
        is_asked_again_after_an_hour(&env, "AccessDenied", "BackingOff").await;
    }
}

#[tokio::test(start_paused = true)]
async fn it_was_deleted_meanwhile() {
    let message = "No node group found for name: blue.";
    let (env, answer) = answering(ApiError::new(404, "ResourceNotFoundException", message)).await;
    let reason = format!("it was deleted meanwhile: ResourceNotFoundException: {message}");
    assert_eq!(answer, (Some("Deleted"), reason, false));
    assert_eq!(env.record("prod", "blue").await.unwrap().open(), None);
}

#[tokio::test(start_paused = true)]
async fn throttling_and_server_errors_are_tried_again() {
    for error in [ApiError::throttling(), ApiError::server(), ApiError::service_unavailable()] {
        let env = TestEnv::with_blue().await;
        env.world.fail_next(UPDATE, 2, error);
        assert_eq!(answered(&env).await.0, Some("Accepted"));
        assert_eq!(env.calls(UPDATE), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn throttling_without_end_is_an_outcome_of_that_node_group_and_tried_again() {
    for error in [ApiError::throttling(), ApiError::server()] {
        let env = TestEnv::with([opted_in("prod", "blue"), opted_in("qa", "green")]).await;
        let answer = error.clone();
        env.world.on_request(move |request| {
            let blue = request.body["nodegroupName"] == "blue";
            if request.action == UPDATE && blue { Fault::Error(answer.clone()) } else { Fault::None }
        });
        let outcomes: Vec<_> = env.start().await.decisions.into_iter().map(|line| line.outcome).collect();
        assert_eq!(outcomes, [Some("Unknown"), Some("Accepted")]);
        assert!(env.calls(UPDATE) > 2, "it was tried again");
        env.world.clear_faults();
        env.advance(20);
        env.check().await;
        assert_eq!(env.messages(), Vec::<serde_json::Value>::new());
        assert_eq!(decisions(&env.start().await)[0], "prod/blue: Start, Accepted");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_the_updates_id_is_found_out() {
    let env = TestEnv::with_blue().await;
    env.world.on_request(|request| match request.action.as_str() {
        UPDATE => Fault::Body { status: 200, body: r#"{"update":{"status":"InProgress"}}"#.into() },
        _ => Fault::None,
    });
    let (outcome, reason, problem) = answered(&env).await;
    let expected =
        "it is unknown whether EKS accepted the update; check finds out: EKS answered without the update's id";
    assert_eq!((outcome, reason.as_str(), problem), (Some("Unknown"), expected, true));
    env.world.clear_faults();
    env.check().await;
    let found = env.record("prod", "blue").await.unwrap().open().unwrap().update_id.clone();
    assert_eq!(found.as_ref(), env.world.updates("prod", "blue").first().map(|update| &update.id));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_no_json_is_found_out() {
    for verdict in
        [Fault::Truncated, Fault::Body { status: 200, body: "<html>".into() }, Fault::ErrorAfter(ApiError::server())]
    {
        let env = TestEnv::with_blue().await;
        env.world.on_request(move |request| if request.action == UPDATE { verdict.clone() } else { Fault::None });
        assert_eq!(answered(&env).await.0, Some("Unknown"));
        env.world.clear_faults();
        env.check().await;
        assert!(env.record("prod", "blue").await.unwrap().open().unwrap().update_id.is_some());
    }
}
