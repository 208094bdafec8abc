//! The demo, as a person and as a script run it.

use std::process::{Command, Output};
use std::sync::LazyLock;

use serde_json::{Value, json};

fn cli(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eks-nodegroup-updater"));
    command.args(arguments);
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

static STORY: LazyLock<String> = LazyLock::new(|| stdout_of(cli(&["demo", "--output", "json"])));
static PAGE: LazyLock<String> = LazyLock::new(|| stdout_of(cli(&["demo"])));

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

#[test]
fn the_first_run_has_the_expected_decision_for_every_family() {
    let plan = each(&story()["plan"], ["nodegroup", "amiType", "decision"]);
    let expected = [
        ["data/etl", "CUSTOM", "customAmi"],
        ["data/postgres", "AL2023_x86_64_STANDARD", "start"],
        ["data/reports", "BOTTLEROCKET_ARM_64", "reportOnly"],
        ["data/search", "AL2023_x86_64_STANDARD", "upToDate"],
        ["data/spark", "AL2023_x86_64_STANDARD", "unhealthy"],
        ["prod/general", "AL2023_x86_64_STANDARD", "start"],
        ["prod/gpu", "AL2023_x86_64_NVIDIA", "overLimit"],
        ["prod/legacy", "AL2_x86_64", "lineEnded"],
        ["prod/web", "AL2023_ARM_64_STANDARD", "overLimit"],
        ["staging/canary", "AL2023_x86_64_STANDARD", "newerThanOffered"],
        ["staging/edge", "BOTTLEROCKET_x86_64", "start"],
        ["staging/tools", "AL2023_ARM_64_STANDARD", "unknownRule"],
        ["staging/windows", "WINDOWS_CORE_2022_x86_64", "overLimit"],
    ];
    assert_eq!(plan, expected.map(|line| line.map(str::to_owned)));
    assert_eq!(story()["withoutTag"], json!(["staging/sandbox"]));
}

#[test]
fn one_update_fails_one_hangs_and_the_others_succeed() {
    let updates = each(&story()["updates"], ["nodegroup", "status", "errorCodes"]);
    let expected = [
        ["data/postgres", "InProgress", "[]"],
        ["prod/general", "Failed", r#"["PodEvictionFailure"]"#],
        ["staging/edge", "Successful", "[]"],
        ["prod/gpu", "Successful", "[]"],
        ["staging/windows", "Successful", "[]"],
        // Tried again after the back-off.
        ["prod/general", "Successful", "[]"],
        ["prod/web", "Successful", "[]"],
    ];
    assert_eq!(updates, expected.map(|line| line.map(str::to_owned)));
    assert_eq!(story()["problems"], json!([]));
}

#[test]
fn every_update_that_eks_accepted_is_recorded_and_told() {
    let story = story();
    let mut accepted: Vec<&Value> =
        story["updates"].as_array().unwrap().iter().map(|update| &update["updateId"]).collect();
    let records = story["records"].as_array().unwrap();
    let attempts = |record: &'static str| records.iter().map(move |all| &all[record]).filter(|value| !value.is_null());
    let mut recorded: Vec<&Value> = attempts("history")
        .flat_map(|history| history.as_array().unwrap())
        .chain(attempts("open"))
        .map(|attempt| &attempt["updateId"])
        .collect();
    accepted.sort_by_key(|id| id.as_str());
    recorded.sort_by_key(|id| id.as_str());
    assert_eq!(accepted, recorded);
    assert_eq!(attempts("untold").count(), 0);
}

#[test]
fn exactly_what_must_be_told_is_published() {
    let messages = story()["messages"].take();
    assert_eq!(
        each(&messages, ["at", "subject"]),
        [
            ["2026-07-20T09:05:00Z", "EKS release available: data/reports could run 1.46.1-9d20f4ae"],
            ["2026-07-20T09:50:00Z", "EKS update failed: prod/general to 1.33.2-20260710 (PodEvictionFailure)"],
            ["2026-07-20T15:00:00Z", "EKS update still running: data/postgres to 1.33.2-20260710"],
        ]
        .map(|line| line.map(str::to_owned))
    );
}

#[test]
fn the_failure_names_the_nodes_to_people_and_machines() {
    let failure = &story()["messages"][1];
    let nodes = &failure["default"]["errors"][0]["resourceIds"];
    assert_eq!(nodes.as_array().unwrap().len(), 2);
    for node in nodes.as_array().unwrap() {
        let node = node.as_str().unwrap();
        assert!(failure["email"].as_str().unwrap().contains(node));
        assert!(PAGE.contains(node));
    }
}

#[test]
fn start_publishes_nothing_and_check_updates_nothing() {
    assert!(actions("start").contains(&"eks:UpdateNodegroupVersion".to_owned()));
    assert!(!actions("start").contains(&"sns:Publish".to_owned()));
    assert!(actions("check").contains(&"sns:Publish".to_owned()));
    assert!(!actions("check").contains(&"eks:UpdateNodegroupVersion".to_owned()));
}

#[test]
fn a_page_that_is_not_for_a_terminal_has_no_escapes_and_fits() {
    assert!(!PAGE.contains('\u{1b}'));
    let tables = PAGE.split("The failure, exactly").next().unwrap();
    let widest = tables.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(widest <= 120, "{widest} columns");
}

#[test]
fn the_page_holds_the_failures_mail_word_for_word() {
    let story = story();
    let failure = &story["messages"][1];
    assert!(PAGE.contains(failure["email"].as_str().unwrap().trim_end()));
    assert!(PAGE.contains(&format!("Subject: {}\n", failure["subject"].as_str().unwrap())));
}

#[test]
fn the_page_ends_with_what_to_do_next() {
    let last: Vec<&str> = PAGE.lines().rev().take(2).collect();
    assert!(last[1].contains("sam deploy --guided"));
    assert!(last[0].ends_with("-- serve"));
}

#[test]
fn the_story_is_the_same_each_time_whatever_the_machine_is_set_up_for() {
    let mut again = cli(&["demo", "--output", "json"]);
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
fn an_unknown_flag_is_a_clear_error() {
    let output = output(cli(&["demo", "--outptu", "json"]));
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("unexpected argument '--outptu'") && stderr.contains("'--output'"), "{stderr}");
    assert!(output.stdout.is_empty());
}

#[test]
fn an_unknown_output_is_a_clear_error() {
    let output = output(cli(&["demo", "--output", "yaml"]));
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("'yaml'") && stderr.contains("table, json"), "{stderr}");
}

#[test]
fn every_command_has_help() {
    for (arguments, expected) in [(["demo", "--help"], "eight hours"), (["serve", "--help"], "--speed")] {
        let help = stdout_of(cli(&arguments)).to_lowercase();
        assert!(help.contains(expected), "{help}");
    }
}
