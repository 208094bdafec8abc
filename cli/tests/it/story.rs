//! A day of an operator, on a simulated AWS that is served: from the first look to a failure and its retry.

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::served::{CALLER, Ended, Served, run};

fn json_of(served: &Served, arguments: &[&str]) -> Value {
    let Ended { code, stdout, stderr } = run(&served.address, &[arguments, &["--output", "json"]].concat());
    // Commands that write report the account first.
    assert_eq!((code, stderr.strip_prefix(CALLER).unwrap_or(&stderr)), (Some(0), ""), "{arguments:?}");
    serde_json::from_str(&stdout).unwrap()
}

/// The decision about a node group in the plan.
fn decision(served: &Served, name: &str) -> String {
    let plan = json_of(served, &["plan", "--filter", name]);
    plan["regions"][0]["decisions"][0]["decision"].as_str().unwrap().to_owned()
}

/// Runs `check` until this is so; simulated time goes on meanwhile.
fn until(served: &Served, is_so: impl Fn() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < Duration::from_mins(1), "it never came to that");
        sleep(Duration::from_millis(200));
        json_of(served, &["run", "check"]);
    }
}

#[test]
fn from_the_first_plan_over_a_failure_to_its_retry() {
    let served = Served::at_speed("3600");

    // What has not opted in is a candidate.
    let candidates = json_of(&served, &["plan", "--all", "--filter", "dev/sandbox"]);
    let sandbox = &candidates["regions"][0]["candidates"][0];
    assert_eq!((&sandbox["nodegroup"], &sandbox["decision"]), (&json!("dev/sandbox"), &json!("Start")));
    json_of(&served, &["opt-in", "dev/sandbox", "--yes"]);
    assert_eq!(decision(&served, "dev/sandbox"), "Next", "one at a time in a cluster, and dev/ingress goes first");

    // A run starts it, and history knows.
    let started = json_of(&served, &["run", "start"]);
    let outcomes = started["decisions"].as_array().unwrap().iter().filter(|line| line["outcome"] == "Accepted");
    assert_eq!(outcomes.count(), 3, "one in each cluster but prod, which waits for the others");
    assert_eq!(decision(&served, "dev/ingress"), "InProgress");

    // dev/ingress is the first to get a release with which no node comes up.
    let status_of = |name: &str| json_of(&served, &["history", name])["updates"][0]["status"].clone();
    until(&served, || status_of("dev/ingress") == "Failed");
    let explained = json_of(&served, &["explain", "dev/ingress"]);
    let conditions = explained["conditions"].as_array().unwrap();
    let decides: Vec<&Value> = conditions.iter().filter(|condition| condition["decides"] == true).collect();
    assert_eq!(decides.len(), 1);
    assert_eq!((&decides[0]["type"], &decides[0]["status"]), (&json!("NotFailedBefore"), &json!("False")));

    // Nobody is asked without a terminal, and with --yes it is tried again.
    let asked = run(&served.address, &["retry", "dev/ingress"]);
    assert_eq!(asked.code, Some(64), "{}", asked.stderr);
    // What the retry would do, not what stands in its way now.
    let preview =
        "dev/ingress  1.45.0-1e6a7c0b  Start\n    from 1.45.0-1e6a7c0b to 1.46.1-9d20f4ae (Kubernetes 1.33)\n";
    assert!(asked.stderr.contains(preview), "{}", asked.stderr);
    let Ended { code, stdout, stderr } = run(&served.address, &["retry", "dev/ingress", "--yes"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.contains("Run of start: "), "{stdout}");

    // The stop switch stops everything, and says so.
    json_of(&served, &["pause", "--yes"]);
    let frozen = json_of(&served, &["status"])["regions"][0]["freeze"]["message"].clone();
    assert_eq!(frozen, json!("the stop switch /eks-nodegroup-updater/stop-switch is set to stopped"));
    json_of(&served, &["resume", "--yes"]);
    assert_eq!(json_of(&served, &["status"])["regions"][0]["freeze"], Value::Null);
}
