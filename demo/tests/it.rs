//! The demo, as a person and as a script run it.

use std::process::{Command, Output};
use std::sync::LazyLock;

use serde_json::{Value, json};

fn demo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_demo"));
    command.args(arguments).env("LC_ALL", "C.UTF-8");
    command
}

fn output(mut command: Command) -> Output {
    command.output().unwrap()
}

fn stdout_of(command: Command) -> String {
    let output = output(command);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stderr}");
    // Without a terminal there is no progress to show.
    assert_eq!(stderr, "");
    String::from_utf8(output.stdout).unwrap()
}

static STORY: LazyLock<String> = LazyLock::new(|| stdout_of(demo(&["--output", "json"])));
static PAGE: LazyLock<String> = LazyLock::new(|| stdout_of(demo(&["--verbose"])));

fn story() -> Value {
    serde_json::from_str(&STORY).unwrap()
}

/// These members of every element of a list.
fn each<const N: usize>(list: &Value, members: [&str; N]) -> Vec<[String; N]> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    list.as_array().unwrap().iter().map(|element| members.map(|member| text(&element[member]))).collect()
}

/// The calls that a function made, without how often.
fn actions(function: &str) -> Vec<String> {
    story()["calls"][function].as_object().unwrap().keys().cloned().collect()
}

fn owned<const N: usize, const M: usize>(rows: [[&str; M]; N]) -> Vec<[String; M]> {
    rows.map(|row| row.map(str::to_owned)).to_vec()
}

#[test]
fn the_first_run_has_the_expected_decision_for_every_family() {
    let expected = [
        ["data/etl", "CUSTOM", "CustomAmi", "null"],
        ["data/legacy", "AL2_x86_64", "EndOfSupport", "null"],
        ["data/postgres", "AL2023_x86_64_STANDARD", "Start", "null"],
        ["data/reports", "AL2023_ARM_64_STANDARD", "ReportOnly", "null"],
        ["data/search", "AL2023_x86_64_STANDARD", "UpToDate", "null"],
        ["data/spark", "AL2023_x86_64_STANDARD", "Unhealthy", "null"],
        ["dev/ingress", "BOTTLEROCKET_x86_64", "Start", "null"],
        ["dev/windows", "WINDOWS_CORE_2022_x86_64", "RunsWithdrawnRelease", "null"],
        ["prod/general", "AL2023_x86_64_STANDARD", "WaitingForRing", "null"],
        ["prod/gpu", "AL2023_x86_64_NVIDIA", "OutsideWindow", "2026-07-20T15:00:00Z"],
        ["prod/ingress", "BOTTLEROCKET_x86_64", "WaitingForRing", "null"],
        ["prod/web", "AL2023_ARM_64_STANDARD", "WaitingForRing", "null"],
        ["staging/general", "AL2023_x86_64_STANDARD", "Start", "null"],
        ["staging/ingress", "BOTTLEROCKET_x86_64", "Next", "null"],
        ["staging/mesh", "BOTTLEROCKET_x86_64", "Next", "null"],
        ["staging/tools", "AL2023_ARM_64_STANDARD", "InvalidTag", "null"],
        ["staging/web", "AL2023_ARM_64_STANDARD", "Next", "null"],
    ];
    let plan = each(&story()["plans"][0]["decisions"], ["nodegroup", "amiType", "decision", "until"]);
    assert_eq!(plan, owned(expected));
    assert_eq!(story()["withoutTag"], json!(["dev/sandbox"]));
}

#[test]
fn four_hours_later_a_ring_soaks_a_window_is_awaited_and_a_release_is_quarantined() {
    let plan = each(&story()["plans"][1]["decisions"], ["nodegroup", "runs", "decision", "until"]);
    let expected = [
        ["data/etl", "ami-0c099795affa953de", "CustomAmi", "null"],
        ["data/legacy", "1.32.9-20251112", "EndOfSupport", "null"],
        ["data/postgres", "1.32.8-20260610", "InProgress", "null"],
        ["data/reports", "1.32.8-20260610", "ReportOnly", "null"],
        ["data/search", "1.32.9-20260710", "UpToDate", "null"],
        ["data/spark", "1.32.8-20260610", "Unhealthy", "null"],
        ["dev/ingress", "1.45.0-1e6a7c0b", "Quarantined", "null"],
        ["dev/windows", "1.33-2026.07.16", "RunsWithdrawnRelease", "null"],
        ["prod/general", "1.33.1-20260610", "FailedBefore", "2026-07-20T13:50:00Z"],
        ["prod/gpu", "1.33.1-20260610", "OutsideWindow", "2026-07-20T15:00:00Z"],
        ["prod/ingress", "1.45.0-1e6a7c0b", "Quarantined", "null"],
        ["prod/web", "1.33.1-20260610", "WaitingForRing", "2026-07-20T13:15:00Z"],
        ["staging/general", "1.33.2-20260710", "UpToDate", "null"],
        ["staging/ingress", "1.45.0-1e6a7c0b", "Quarantined", "null"],
        ["staging/mesh", "1.45.0-1e6a7c0b", "Quarantined", "null"],
        ["staging/tools", "1.33.1-20260610", "InvalidTag", "null"],
        ["staging/web", "1.33.2-20260710", "UpToDate", "null"],
    ];
    assert_eq!(plan, owned(expected));
    assert_eq!(story()["plans"][1]["at"], "2026-07-20T13:00:00Z");
}

#[test]
fn rings_and_the_window_are_kept_one_update_hangs_and_what_fails_is_tried_again() {
    let updates = each(&story()["updates"], ["nodegroup", "startedAt", "endedAt", "status", "errorCodes"]);
    let expected = [
        ["data/postgres", "2026-07-20T09:00:00Z", "null", "InProgress", "[]"],
        ["dev/ingress", "2026-07-20T09:00:00Z", "2026-07-20T09:21:00Z", "Failed", r#"["NodeCreationFailure"]"#],
        ["staging/general", "2026-07-20T09:00:00Z", "2026-07-20T09:18:00Z", "Successful", "[]"],
        ["staging/ingress", "2026-07-20T10:00:00Z", "2026-07-20T10:16:00Z", "Failed", r#"["NodeCreationFailure"]"#],
        ["staging/web", "2026-07-20T11:00:00Z", "2026-07-20T11:12:00Z", "Successful", "[]"],
        // The first run after `staging/general` has had it for two hours.
        ["prod/general", "2026-07-20T12:00:00Z", "2026-07-20T12:47:00Z", "Failed", r#"["PodEvictionFailure"]"#],
        // The other one of the cluster has waited longer than what has just been tried.
        ["prod/web", "2026-07-20T14:00:00Z", "2026-07-20T14:14:00Z", "Successful", "[]"],
        // Its window opens.
        ["prod/gpu", "2026-07-20T15:00:00Z", "2026-07-20T15:22:00Z", "Successful", "[]"],
        // Tried again after the back-off.
        ["prod/general", "2026-07-20T16:00:00Z", "2026-07-20T16:26:00Z", "Successful", "[]"],
    ];
    assert_eq!(updates, owned(expected));
    assert_eq!(story()["errors"], json!([]));
}

#[test]
fn the_bad_release_is_stopped_before_it_reaches_the_others() {
    let expected = json!([{
        "releaseVersion": "1.46.1-9d20f4ae",
        "since": "2026-07-20T11:00:00Z",
        "failedOn": {"names": ["dev/ingress", "staging/ingress"], "count": 2},
        "saved": ["prod/ingress", "staging/mesh"],
    }]);
    assert_eq!(story()["quarantines"], expected);
}

#[test]
fn every_update_that_eks_accepted_is_recorded_and_reported() {
    let story = story();
    let mut accepted: Vec<&Value> =
        story["updates"].as_array().unwrap().iter().map(|update| &update["updateId"]).collect();
    let records = story["nodegroupRecords"].as_array().unwrap();
    let held = |path: &'static str| records.iter().filter_map(move |record| record.pointer(path));
    let mut recorded: Vec<&Value> = held("/attempts/ended")
        .flat_map(|ended| ended.as_array().unwrap())
        .chain(held("/attempts/open"))
        .map(|attempt| &attempt["updateId"])
        .collect();
    accepted.sort_by_key(|id| id.as_str());
    recorded.sort_by_key(|id| id.as_str());
    assert_eq!(accepted, recorded);
    assert_eq!(held("/pendingNotices").count(), 0);
    assert_eq!(story["fleetRecord"]["kind"], "Fleet");
    assert_eq!(story["fleetRecord"]["pendingNotices"], Value::Null);
}

#[test]
fn exactly_what_must_be_reported_is_published() {
    let story = story();
    let message = |message: &Value| {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        [text(&message["at"]), text(&message["attributes"]["severity"]), text(&message["subject"])]
    };
    let mut messages: Vec<[String; 3]> = story["messages"].as_array().unwrap().iter().map(message).collect();
    // Those of one run are published at the same time.
    messages.sort();
    let expected = [
        ["2026-07-20T09:05:00Z", "info", "EKS release available: data/reports can run 1.32.9-20260710"],
        ["2026-07-20T09:05:00Z", "info", "The table of the EKS node group updater was empty"],
        ["2026-07-20T09:05:00Z", "warning", "Amazon Linux 2: support has ended"],
        ["2026-07-20T09:05:00Z", "warning", "EKS update tag invalid: staging/tools"],
        ["2026-07-20T09:25:00Z", "error", "EKS update failed: dev/ingress to 1.46.1-9d20f4ae (NodeCreationFailure)"],
        [
            "2026-07-20T10:20:00Z",
            "error",
            "EKS update failed: staging/ingress to 1.46.1-9d20f4ae (NodeCreationFailure)",
        ],
        ["2026-07-20T11:05:00Z", "critical", "EKS release quarantined: 1.46.1-9d20f4ae"],
        ["2026-07-20T12:50:00Z", "error", "EKS update failed: prod/general to 1.33.2-20260710 (PodEvictionFailure)"],
        ["2026-07-20T15:00:00Z", "warning", "EKS update still running: data/postgres to 1.32.9-20260710"],
        ["2026-07-20T16:30:00Z", "info", "EKS update recovered: prod/general runs 1.33.2-20260710"],
    ];
    assert_eq!(messages, owned(expected));
}

/// The message about the update that disruption budgets made fail.
fn failure() -> Value {
    story()["messages"][7].take()
}

#[test]
fn the_failure_names_the_nodes_to_people_and_machines() {
    let failure = failure();
    let nodes = &failure["default"]["errors"][0]["resourceIds"];
    assert_eq!(nodes.as_array().unwrap().len(), 2);
    for node in nodes.as_array().unwrap() {
        let node = node.as_str().unwrap();
        assert!(failure["email"].as_str().unwrap().contains(node));
        assert!(PAGE.contains(node));
    }
}

#[test]
fn every_run_hands_out_its_answer_and_its_line_of_metrics() {
    let story = story();
    let runs = story["runs"].as_array().unwrap();
    for (function, metric, count) in [("start", "NodegroupsCurrent", 9), ("check", "UpdatesInProgress", 97)] {
        let of_function: Vec<&Value> = runs.iter().filter(|run| run["function"] == function).collect();
        assert_eq!(of_function.len(), count);
        assert!(of_function.iter().all(|run| run["answer"]["counts"].is_object()));
        assert!(of_function.iter().all(|run| run["metrics"][metric].is_u64()));
    }
    let last = &runs.last().unwrap();
    assert_eq!(last["at"], "2026-07-20T17:00:00Z");
    assert_eq!((&last["metrics"]["Nodegroups"], &last["metrics"]["NodegroupsCurrent"]), (&json!(17), &json!(6)));
}

#[test]
fn start_publishes_nothing_and_check_updates_nothing() {
    assert!(actions("start").contains(&"eks:UpdateNodegroupVersion".to_owned()));
    assert!(
        !actions("start").contains(&"sns:Publish".to_owned())
            && !actions("start").contains(&"events:PutEvents".to_owned())
    );
    assert!(actions("check").contains(&"sns:Publish".to_owned()));
    assert!(!actions("check").contains(&"eks:UpdateNodegroupVersion".to_owned()));
}

#[test]
fn a_page_that_is_not_for_a_terminal_has_no_escapes_and_fits() {
    assert!(!PAGE.contains('\u{1b}'));
    let tables = PAGE.split("A failure, exactly").next().unwrap();
    let widest = tables.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(widest <= 120, "{widest} columns");
}

#[test]
fn the_page_holds_the_mails_word_for_word() {
    let story = story();
    let (quarantine, failure) = (&story["messages"][6], failure());
    for message in [quarantine, &failure] {
        assert!(PAGE.contains(message["email"].as_str().unwrap().trim_end()));
        assert!(PAGE.contains(&format!("Subject: {}\n", message["subject"].as_str().unwrap())));
    }
}

#[test]
fn the_page_says_when_each_wait_ends_and_what_the_quarantine_saved() {
    let squeezed = PAGE.split_whitespace().collect::<Vec<_>>().join(" ");
    for expected in [
        "FailedBefore, until 13:50",
        "OutsideWindow, until 15:00",
        "WaitingForRing, until 13:15",
        "It has been quarantined since 11:00: prod/ingress and staging/mesh never got it",
    ] {
        assert!(squeezed.contains(expected), "{expected}");
    }
}

#[test]
fn the_page_ends_with_what_to_do_next() {
    let last: Vec<&str> = PAGE.lines().rev().take(2).collect();
    assert!(last[1].contains("sam deploy --guided"));
    assert!(last[0].ends_with("--bin serve"));
}

#[test]
fn the_story_is_the_same_each_time_whatever_the_machine_is_set_up_for() {
    let mut again = demo(&["--output", "json"]);
    again
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        .env("AWS_ENDPOINT_URL_EKS", "http://127.0.0.1:1")
        .env("AWS_USE_FIPS_ENDPOINT", "true")
        .env("AWS_USE_DUALSTACK_ENDPOINT", "true")
        .env("AWS_REGION", "us-west-2")
        .env("AWS_PROFILE", "there-is-no-such-profile")
        .env("HTTP_PROXY", "http://127.0.0.1:1")
        .env("UPDATES_TABLE", "another");
    assert!(stdout_of(again) == *STORY);
}

#[test]
fn the_last_screen_fits_on_one() {
    for width in ["80", "120"] {
        let mut demo = demo(&[]);
        demo.env("COLUMNS", width);
        let screen = stdout_of(demo);
        let widest = screen.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= width.parse().unwrap() && screen.lines().count() <= 45, "{screen}");
        insta::assert_snapshot!(format!("the_last_screen_at_{width}_columns"), screen);
    }
}

#[test]
fn the_last_screen_in_color() {
    let mut demo = demo(&[]);
    demo.env("COLUMNS", "120").env("CLICOLOR_FORCE", "1");
    insta::assert_snapshot!(stdout_of(demo).replace('\u{1b}', "ESC"));
}

#[test]
fn the_long_account() {
    insta::assert_snapshot!(*PAGE);
}
