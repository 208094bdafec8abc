//! The settings, the stop switch and the lists in Parameter Store: what holds, and what happens where they are not understood.

use std::time::Duration;

use eks_nodegroup_updater::config::StartConfig;
use eks_nodegroup_updater::summary::StartSummary;
use serde_json::json;
use simulated_aws::{ApiError, EarlierUpdate, Fault, World};
use testing::{
    CHANGE_CALENDARS, CURRENT, DENIED_RELEASES, NEWER, SETTINGS_DOCUMENT, STOP_SWITCH, TABLE, TestEnv, at, days,
    decisions, opted_in, settings_document, start_config,
};

/// One opted-in node group, and a stack with these parameters.
async fn deployed(parameters: &[(&str, &str)]) -> TestEnv {
    let mut env = TestEnv::with_blue().await;
    env.deploy(parameters, &[]);
    env
}

/// Why a run failed that could not do its job.
fn failure(summary: StartSummary) -> String {
    summary.into_response().unwrap_err().to_string()
}

#[test]
fn the_document_of_the_template_says_the_defaults() {
    let config = start_config(&[]);
    let StartConfig { settings, sinks, .. } = config.with_document(&settings_document(&[])).unwrap();
    assert_eq!((settings, sinks), (config.settings, config.sinks));
}

#[tokio::test(start_paused = true)]
async fn a_run_goes_by_the_document() {
    let mut env = TestEnv::with([opted_in("prod", "blue")]).await;
    env.deploy(&[("DeniedReleases", "*-20260710")], &[]);
    assert_eq!(decisions(&env.start().await), ["prod/blue: Denied"]);
    env.world.put_parameter(SETTINGS_DOCUMENT, &settings_document(&[("Window", "Tue 02:00-06:00 UTC")]));
    assert_eq!(decisions(&env.start().await), ["prod/blue: OutsideWindow"]);
    env.world.put_parameter(SETTINGS_DOCUMENT, "{}");
    assert_eq!(decisions(&env.start().await), ["prod/blue: Start, Accepted"]);
}

#[tokio::test(start_paused = true)]
async fn a_setting_in_the_document_and_in_the_environment_is_an_error_that_names_it() {
    let mut env = TestEnv::with_blue().await;
    env.deploy(&[], &[("RING_SOAK", "24h")]);
    let error = env.try_start(&json!({})).await.unwrap_err().to_string();
    assert_eq!(
        error,
        "no updates were started: the settings /updater/settings: RingSoak is also set by the variable RING_SOAK: set one of them"
    );
    assert_eq!(env.world.updates("prod", "blue"), []);
}

#[tokio::test(start_paused = true)]
async fn a_document_that_is_not_understood_starts_nothing_and_fails_the_run() {
    let env = deployed(&[]).await;
    for (document, error) in [
        (Some("{"), "they are not a JSON object: EOF while parsing an object at line 1 column 1"),
        (Some(r#"{"Ringsoak": "1h"}"#), r#"this version accepts no setting "Ringsoak" there"#),
        (Some(r#"{"RingSoak": 24}"#), "RingSoak is 24; expected a string"),
        (Some(r#"{"RingSoak": "long"}"#), r#"the setting RingSoak is "long"; expected a duration such as 30m or 24h"#),
        (None, "there is no such parameter"),
    ] {
        match document {
            Some(document) => env.world.put_parameter(SETTINGS_DOCUMENT, document),
            None => env.world.remove_parameter(SETTINGS_DOCUMENT),
        }
        for event in [json!({}), json!({"dryRun": true}), json!({"retry": ["prod/blue"]})] {
            let failed = env.try_start(&event).await.unwrap_err().to_string();
            assert_eq!(failed, format!("no updates were started: the settings /updater/settings: {error}"));
        }
    }
    env.world.put_parameter(SETTINGS_DOCUMENT, &settings_document(&[]));
    env.world.fail_next("ssm:GetParameters", 1, ApiError::access_denied("ssm:GetParameters"));
    let failed = env.try_start(&json!({})).await.unwrap_err().to_string();
    assert!(failed.starts_with("no updates were started: the settings /updater/settings: AccessDenied"), "{failed}");
    assert_eq!(env.world.updates("prod", "blue"), []);
    assert_eq!(decisions(&env.start().await), ["prod/blue: Start, Accepted"], "once it is understood");
}

#[tokio::test(start_paused = true)]
async fn a_release_is_denied_and_allowed_without_a_deployment() {
    let env = deployed(&[]).await;
    for denied in [NEWER, "*-20260710", "1.33/AL2023_x86_64_STANDARD/*-20260710"] {
        env.world.put_parameter(DENIED_RELEASES, &json!([denied]).to_string());
        assert_eq!(decisions(&env.start().await), ["prod/blue: Denied"], "{denied}");
    }
    env.world.put_parameter(DENIED_RELEASES, "[]");
    assert_eq!(decisions(&env.start().await), ["prod/blue: Start, Accepted"]);
}

#[tokio::test(start_paused = true)]
async fn what_the_template_denies_and_what_the_list_denies_hold_together() {
    let env = deployed(&[("DeniedReleases", NEWER), ("ChangeCalendars", "freeze")]).await;
    env.world.put_parameter(DENIED_RELEASES, r#"["1.33.9-20260101"]"#);
    env.world.add_calendar("freeze");
    assert_eq!(decisions(&env.start().await), ["prod/blue: Denied"]);
    let until = at("2026-07-22T00:00:00Z");
    env.world.put_parameter(SETTINGS_DOCUMENT, &settings_document(&[("ChangeCalendars", "freeze")]));
    env.world.put_parameter(CHANGE_CALENDARS, r#"["freeze", "holidays"]"#);
    env.world.close_calendar("holidays", env.world.now(), until);
    let line = env.start().await.decisions.remove(0);
    assert_eq!((line.decision, line.until), ("Frozen", Some(until)));
    let asked = env.world.requests().into_iter().rfind(|request| request.action == "ssm:GetCalendarState").unwrap();
    assert_eq!(asked.body["CalendarNames"], json!(["freeze", "holidays"]), "each once");
    env.world.put_parameter(CHANGE_CALENDARS, "[]");
    assert_eq!(decisions(&env.start().await), ["prod/blue: Start, Accepted"]);
}

#[tokio::test(start_paused = true)]
async fn while_a_list_is_not_understood_nothing_starts_and_the_run_fails() {
    let env = deployed(&[]).await;
    for (parameter, what) in [
        (DENIED_RELEASES, "the denied releases"),
        (CHANGE_CALENDARS, "the change calendars"),
        (STOP_SWITCH, "the stop switch"),
    ] {
        let before = env.world.parameter(parameter).unwrap();
        for value in [Some("freeze"), Some("[1]"), Some(r#"{"a": "b"}"#), Some("\"[]\""), Some(" "), None] {
            match value {
                Some(value) => env.world.put_parameter(parameter, value),
                None => env.world.remove_parameter(parameter),
            }
            let summary = env.start().await;
            assert_eq!(decisions(&summary), ["prod/blue: Frozen"], "{parameter}: {value:?}");
            let error = failure(summary);
            assert!(error.starts_with(&format!("no updates were started: {what} {parameter}: ")), "{error}");
        }
        env.world.put_parameter(parameter, &before);
    }
    env.world.put_parameter(DENIED_RELEASES, r#"["1.33.1"]"#);
    assert_eq!(
        failure(env.start().await),
        "no updates were started: the denied releases /updater/denied-releases: \"1.33.1\" does not name a release; \
         expected one, or all of \
         a day such as *-20260110, each also as AMI-TYPE/… or KUBERNETES-VERSION/AMI-TYPE/…"
    );
    env.world.put_parameter(DENIED_RELEASES, "[]");
    assert_eq!(decisions(&env.start().await), ["prod/blue: Start, Accepted"]);
}

/// So many earlier updates, each of which EKS takes five seconds to describe, eight at once; when the first is asked for, somebody
/// acts.
fn read_slowly(env: &TestEnv, updates: i64, act: impl Fn(&World) + Send + 'static) {
    let update = |number: i64| EarlierUpdate {
        created_at: env.world.now() - days(number),
        update_type: "ConfigUpdate".to_owned(),
        status: "Successful".to_owned(),
        installed: None,
    };
    env.world.add_earlier_updates("prod", "blue", (1..=updates).map(update).collect::<Vec<_>>());
    let (world, mut acted) = (env.world.clone(), false);
    env.world.on_request(move |request| {
        if request.action != "eks:DescribeUpdate" {
            return Fault::None;
        }
        if !std::mem::replace(&mut acted, true) {
            act(&world);
        }
        Fault::Slow { before: Duration::from_secs(5), after: Duration::ZERO, then: Box::new(Fault::None) }
    });
}

#[tokio::test(start_paused = true)]
async fn what_people_do_while_a_run_reads_for_more_than_a_minute_holds() {
    for (parameter, value, decision) in [
        (DENIED_RELEASES, r#"["*-20260710"]"#, "Denied"),
        (STOP_SWITCH, "stopped", "Frozen"),
        (CHANGE_CALENDARS, r#"["freeze"]"#, "Frozen"),
        (DENIED_RELEASES, "gone", "Frozen"),
    ] {
        let env = deployed(&[]).await;
        env.world.close_calendar("freeze", env.world.now(), at("2026-07-22T00:00:00Z"));
        read_slowly(&env, 120, move |world| world.put_parameter(parameter, value));
        assert_eq!(decisions(&env.start().await), [format!("prod/blue: {decision}")], "{parameter}");
        assert_eq!(env.calls("ssm:GetParameters"), 3, "when it begins, for the releases, and before the plan");
        assert_eq!(env.world.updates("prod", "blue"), []);
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_takes_less_than_a_minute_reads_them_once() {
    let env = deployed(&[]).await;
    read_slowly(&env, 40, |_| {});
    assert_eq!(decisions(&env.start().await), ["prod/blue: Start, Accepted"]);
    assert_eq!(env.calls("ssm:GetParameters"), 2);
}

#[tokio::test(start_paused = true)]
async fn the_stack_s_parameters_are_one_call() {
    let env = deployed(&[]).await;
    env.start().await;
    env.check().await;
    let calls = env.world.requests().into_iter().filter(|request| request.action == "ssm:GetParameters");
    let names: Vec<_> = calls.map(|request| request.body["Names"].clone()).collect();
    assert_eq!(names[0], json!([SETTINGS_DOCUMENT, STOP_SWITCH, DENIED_RELEASES, CHANGE_CALENDARS]));
    assert_eq!(names.len(), 2, "and one for the releases: {names:?}");
}

#[tokio::test(start_paused = true)]
async fn without_the_template_every_setting_is_a_variable_and_no_parameter_is_read() {
    let mut env = TestEnv::with_blue().await;
    env.start_config = start_config(&[("UPDATES_TABLE", TABLE), ("DENIED_RELEASES", NEWER)]);
    assert_eq!(decisions(&env.start().await), ["prod/blue: Denied"]);
    assert_eq!(env.calls("ssm:GetParameters"), 1, "for the releases");
    assert_eq!(env.world.nodegroup("prod", "blue").unwrap().release, CURRENT);
}
