//! `retry` and `rollback`: what they show before they ask, and what comes of it.

use serde_json::{Value, json};

use crate::served::{CALLER, Ended, Served, run};

const UNANSWERED: &str = "\nerror: this command changes something and needs a confirmation, but there is no \
                          terminal\n\nUse --yes to \
     confirm without a terminal.\n";

fn decision(served: &Served, name: &str) -> Value {
    let plan = run(&served.address, &["plan", "--filter", name, "--output", "json"]);
    let plan: Value = serde_json::from_str(&plan.stdout).unwrap();
    plan["regions"][0]["decisions"][0]["decision"].clone()
}

#[test]
fn a_rollback_shows_what_the_next_run_would_do_and_asks_before_it_does_it() {
    let served = Served::at_speed("1");
    let rollback = ["rollback", "data/sear*", "--to", "1.32.8-20260610"];
    let preview = "Node group   Runs             Decision\n\
                   ──────────────────────────────────────\n\
                   data/search  1.32.9-20260710  Start\n    back from 1.32.9-20260710 to 1.32.8-20260610 (Kubernetes 1.32)\n";
    let unanswered = run(&served.address, &rollback);
    let stderr = format!("{CALLER}{preview}{UNANSWERED}");
    assert_eq!(unanswered, Ended { code: Some(64), stdout: String::new(), stderr });
    // Neither the table nor EKS knows of it.
    assert_eq!(decision(&served, "data/search"), "UpToDate");

    let answered = run(&served.address, &[&rollback[..], &["--yes", "--output", "json"]].concat());
    assert_eq!((answered.code, answered.stderr), (Some(0), format!("{CALLER}{preview}\n")));
    let answer: Value = serde_json::from_str(&answered.stdout).unwrap();
    let [line] = answer["decisions"].as_array().unwrap().as_slice() else { panic!("{answer}") };
    assert_eq!((&line["nodegroup"], &line["outcome"]), (&json!("data/search"), &json!("Accepted")));
    assert_eq!(decision(&served, "data/search"), "InProgress");
}

#[test]
fn a_rollback_that_would_not_start_says_why_beforehand() {
    let served = Served::at_speed("1");
    let unanswered = run(&served.address, &["rollback", "data/search", "--to", "1.31.1-20260610"]);
    let preview = "Node group   Runs             Decision\n\
                   ─────────────────────────────────────────────\n\
                   data/search  1.32.9-20260710  RollbackBlocked\n    \
                   the requested rollback to 1.31.1-20260610 cannot start: no such release for its AMI type and \
                   Kubernetes version\n";
    let stderr = format!("{CALLER}{preview}{UNANSWERED}");
    assert_eq!(unanswered, Ended { code: Some(64), stdout: String::new(), stderr });
}
