//! `deny` and `allow`: releases are denied and allowed without a deployment.

use serde_json::{Value, json};

use crate::served::{CALLER, Ended, Served, run};

const LIST: &str = "/eks-nodegroup-updater/denied-releases";
const SETTINGS: &str = "/eks-nodegroup-updater/settings";
const RELEASE: &str = "1.46.1-9d20f4ae";

fn value(served: &Served, name: &str) -> Value {
    let answer = served.ssm("GetParameter", &json!({ "Name": name }).to_string());
    serde_json::from_str(answer["Parameter"]["Value"].as_str().unwrap()).unwrap()
}

fn put(served: &Served, name: &str, value: &str) {
    served.ssm("PutParameter", &json!({ "Name": name, "Value": value, "Overwrite": true }).to_string());
}

/// What the next run would decide about `dev/ingress`.
fn decision(served: &Served) -> Value {
    let plan = run(&served.address, &["plan", "--filter", "dev/ingress", "--output", "json"]);
    let plan: Value = serde_json::from_str(&plan.stdout).unwrap_or_else(|_| panic!("{plan:?}"));
    plan["regions"][0]["decisions"][0]["decision"].clone()
}

#[test]
fn a_release_is_denied_in_the_next_run_and_allowed_again() {
    let served = Served::at_speed("1");
    assert_eq!(decision(&served), "Start");
    let deny = ["deny", RELEASE, "BOTTLEROCKET_x86_64/1.45.0-1e6a7c0b"];
    let asked = run(&served.address, &deny);
    assert_eq!(asked.code, Some(64), "nobody can be asked: {}", asked.stderr);
    assert_eq!(value(&served, LIST), json!([]));

    let Ended { code, stdout, stderr } = run(&served.address, &[&deny[..], &["--yes"]].concat());
    assert_eq!((code, stderr.as_str()), (Some(0), CALLER));
    let expected = "Denied by the list /eks-nodegroup-updater/denied-releases, from the next run on: \
                    1.46.1-9d20f4ae, BOTTLEROCKET_x86_64/1.45.0-1e6a7c0b.";
    assert!(stdout.replace('\n', " ").starts_with(expected), "{stdout}");
    assert_eq!(value(&served, LIST), json!([RELEASE, "BOTTLEROCKET_x86_64/1.45.0-1e6a7c0b"]));
    assert_eq!(decision(&served), "Denied");
    let again = run(&served.address, &["deny", RELEASE, "--output", "json"]);
    let again: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!((&again["changed"], &again["unchanged"]), (&json!([]), &json!([RELEASE])), "nothing to be asked");

    let allowed = run(&served.address, &["allow", RELEASE, "--yes", "--output", "json"]);
    let allowed: Value = serde_json::from_str(&allowed.stdout).unwrap();
    assert_eq!(allowed["list"], json!(["BOTTLEROCKET_x86_64/1.45.0-1e6a7c0b"]));
    assert_eq!(decision(&served), "Start");
}

#[test]
fn what_the_template_denies_cannot_be_allowed_and_is_named() {
    let served = Served::at_speed("1");
    put(&served, SETTINGS, &json!({ "DeniedReleases": RELEASE }).to_string());
    let allow = run(&served.address, &["allow", RELEASE]);
    assert_eq!((allow.code, allow.stderr.as_str()), (Some(0), CALLER));
    let expected = "Not on the list /eks-nodegroup-updater/denied-releases: 1.46.1-9d20f4ae.\n\
                    Still denied, by the template's parameter DeniedReleases: 1.46.1-9d20f4ae.\n";
    assert!(allow.stdout.starts_with(expected), "{}", allow.stdout);
    assert_eq!(decision(&served), "Denied");
}

#[test]
fn a_list_that_is_not_understood_is_not_written_over() {
    let served = Served::at_speed("1");
    put(&served, LIST, r#"{"1.33.1": true}"#);
    let denied = run(&served.address, &["deny", RELEASE, "--yes"]);
    assert_eq!(denied.code, Some(1));
    assert!(
        denied.stderr.contains(&format!("the denied releases {LIST}: expected a JSON list of strings")),
        "{denied:?}"
    );
    assert_eq!(value(&served, LIST), json!({ "1.33.1": true }));
    let wrong = run(&served.address, &["deny", "latest", "--yes"]);
    assert!(wrong.code == Some(64) && wrong.stderr.contains("does not name a release"), "{wrong:?}");
}

/// The messages of the settings that `doctor` finds, and their statuses.
fn settings(served: &Served) -> Vec<(String, String, String)> {
    let report: Value = serde_json::from_str(&run(&served.address, &["doctor", "--output", "json"]).stdout).unwrap();
    let sections = report["regions"][0]["sections"].as_array().unwrap();
    let section = sections.iter().find(|section| section["name"] == "Settings").unwrap();
    let text = |check: &Value, key: &str| check[key].as_str().unwrap_or_default().to_owned();
    let checks = section["checks"].as_array().unwrap().iter();
    checks.map(|check| (text(check, "status"), text(check, "message"), text(check, "cause"))).collect()
}

#[test]
fn doctor_shows_each_setting_and_where_it_is_from() {
    let served = Served::at_speed("1");
    put(&served, LIST, &json!([RELEASE]).to_string());
    let shown = settings(&served);
    for expected in [
        "RingSoak is 2h (document of the template)",
        "Window is empty (document of the template)",
        "EventBusName is default (variable EVENT_BUS_NAME)",
        "StuckAfter is 6h (default)",
        "the list /eks-nodegroup-updater/denied-releases has denied releases: 1.46.1-9d20f4ae",
        "the list /eks-nodegroup-updater/change-calendars has no change calendars",
    ] {
        assert!(
            shown.iter().any(|(status, message, _)| status == "Passed" && message == expected),
            "{expected}: {shown:?}"
        );
    }

    put(&served, SETTINGS, r#"{"RingSoak": "long"}"#);
    put(&served, LIST, "[1]");
    let failed: Vec<String> =
        settings(&served).into_iter().filter(|(status, ..)| status == "Failed").map(|(_, _, cause)| cause).collect();
    let [document, list] = failed.as_slice() else { panic!("{failed:?}") };
    assert!(document.starts_with(r#"/eks-nodegroup-updater/settings: the setting RingSoak is "long"; "#), "{document}");
    assert!(list.starts_with("/eks-nodegroup-updater/denied-releases: expected a JSON list of strings"), "{list}");
}
