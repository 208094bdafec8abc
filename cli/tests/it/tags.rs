//! `opt-in`, `opt-out` and `set`, on a simulated AWS that is served.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

use serde_json::{Value, json};

use crate::proxy;
use crate::served::{CALLER, Ended, Served, command, run};

/// How a command that writes ends. On stderr the caller comes first.
fn ended(code: i32, stdout: &str, stderr: &str) -> Ended {
    Ended { code: Some(code), stdout: stdout.to_owned(), stderr: format!("{CALLER}{stderr}") }
}

fn tags(served: &Served, cluster: &str, name: &str) -> Value {
    served.eks("GET", &format!("/clusters/{cluster}/node-groups/{name}"), &Value::Null)["nodegroup"]["tags"].take()
}

#[test]
fn a_node_group_is_opted_in_once() {
    let served = Served::at_speed("60");
    let opted_in = run(&served.address, &["opt-in", "dev/sandbox", "--yes"]);
    let shown = "dev/sandbox\n  + ami-update=auto\n\nWrote the tags of 1 node group.\n";
    assert_eq!(opted_in, ended(0, shown, ""));
    assert_eq!(tags(&served, "dev", "sandbox"), json!({"ami-update": "auto"}));

    // Nothing changes the second time, so nobody needs to be asked.
    let again = run(&served.address, &["opt-in", "dev/sandbox"]);
    assert_eq!(again, ended(0, "1 node group is unchanged.\nNothing was changed.\n", ""));
}

#[test]
fn a_node_group_is_opted_out_by_a_tag_that_stays() {
    let served = Served::at_speed("60");
    let opted_out = run(&served.address, &["opt-out", "prod/web", "--yes"]);
    let shown = "prod/web\n  ~ ami-update auto → off\n\nWrote the tags of 1 node group.\n";
    assert_eq!(opted_out, ended(0, shown, ""));
    assert_eq!(tags(&served, "prod", "web"), json!({"ami-update": "off", "ami-update/ring": "1"}));
}

#[test]
fn rules_are_set_and_removed_and_a_program_reads_what_changed() {
    let served = Served::at_speed("60");
    let set =
        run(&served.address, &["set", "prod/*", "ring=", "mode=notify", "min-age=7d", "--yes", "--output", "json"]);
    assert_eq!((set.code, set.stderr.as_str()), (Some(0), CALLER));
    let change = |name: &str| {
        json!({
            "account": "123456789012",
            "region": "eu-central-1",
            "nodegroup": name,
            "set": {"ami-update": "notify", "ami-update/min-age": "7d"},
            "removed": ["ami-update/ring"],
            "result": "Written",
        })
    };
    let changes = ["prod/general", "prod/gpu", "prod/ingress", "prod/web"].map(change);
    let expected = json!({"changes": changes, "warnings": [], "errors": []});
    assert_eq!(serde_json::from_str::<Value>(&set.stdout).unwrap(), expected);
    assert_eq!(tags(&served, "prod", "web"), json!({"ami-update": "notify", "ami-update/min-age": "7d"}));
}

#[test]
fn a_tag_that_is_no_rule_is_warned_of_and_can_be_removed() {
    let served = Served::at_speed("60");
    let set = run(&served.address, &["set", "staging/tools", "ring=2", "--yes"]);
    let warning = "warning: staging/tools: not updated, because its tag ami-update/windw has the value \"Sat \
                   02:00-04:00 UTC\"; \
                   this version has no such rule; to fix this: eks-nodegroup-updater set staging/tools windw=\n";
    let shown = "staging/tools\n  ~ ami-update/ring 1 → 2\n\nWrote the tags of 1 node group.\n";
    assert_eq!(set, ended(0, shown, warning));
    let set = run(&served.address, &["set", "staging/tools", "windw=", "--yes"]);
    let shown = "staging/tools\n  - ami-update/windw=Sat 02:00-04:00 UTC\n\nWrote the tags of 1 node group.\n";
    assert_eq!(set, ended(0, shown, ""));
    assert_eq!(tags(&served, "staging", "tools"), json!({"ami-update": "auto", "ami-update/ring": "2"}));
}

#[test]
fn a_dry_run_writes_nothing() {
    let served = Served::at_speed("60");
    let looked = run(&served.address, &["opt-in", "dev/*", "--notify", "--dry-run"]);
    let shown = "dev/ingress\n  ~ ami-update auto → notify\n\ndev/sandbox\n  + ami-update=notify\n\n\
                 dev/windows\n  ~ ami-update auto → notify\n\nNothing was changed.\n";
    assert_eq!(looked, ended(0, shown, ""));
    assert_eq!(tags(&served, "dev", "sandbox"), json!({}));
}

#[test]
fn without_a_terminal_nothing_is_written_that_was_not_said_beforehand() {
    let served = Served::at_speed("60");
    let asked = run(&served.address, &["opt-in", "dev/sandbox"]);
    let error = "error: this command changes something and needs a confirmation, but there is no terminal\n\nUse --yes to \
         confirm without a terminal.\n";
    assert_eq!(asked, ended(64, "dev/sandbox\n  + ami-update=auto\n\n", error));
    assert_eq!(tags(&served, "dev", "sandbox"), json!({}));
}

#[test]
fn a_value_that_no_rule_has_is_refused_before_aws_is_asked() {
    // Nothing answers there.
    let refused = run("127.0.0.1:1", &["set", "dev/sandbox", "ring=one", "--yes"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(64), ""));
    assert!(refused.stderr.contains("'ring=one'"), "{}", refused.stderr);
    assert!(refused.stderr.contains("expected a whole number from 0"), "{}", refused.stderr);
    let refused = run("127.0.0.1:1", &["set", "dev/sandbox", "--yes"]);
    assert_eq!(refused.code, Some(64));
    assert!(refused.stderr.starts_with("error: no RULE=VALUE given"), "{}", refused.stderr);
}

#[test]
fn a_pattern_that_names_nothing_stops_it_before_anything_is_written() {
    let served = Served::at_speed("60");
    let refused = run(&served.address, &["opt-in", "dev/sandbox", "dev/sandbx", "--yes"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""));
    let error = format!("{CALLER}error: there is no node group dev/sandbx in eu-central-1\n\nDid you mean dev/sandbox");
    assert!(refused.stderr.starts_with(&error), "{}", refused.stderr);
    assert_eq!(tags(&served, "dev", "sandbox"), json!({}));
}

#[test]
fn a_node_group_that_cannot_be_tagged_is_one_line_and_stops_no_other() {
    let served = Served::at_speed("60");
    let proxy = proxy::before(&served, |request| {
        let refused = request.first_line.starts_with("POST /tags/") && request.first_line.contains("prod%2Fgpu");
        let body = r#"{"message":"not authorized to perform: eks:TagResource"}"#;
        refused.then(|| proxy::answer("403 Forbidden", "x-amzn-errortype: AccessDeniedException\r\n", body))
    });
    let denied = run(&proxy, &["opt-out", "prod/g*", "--yes", "--output", "json"]);
    let error = "writing its tags: AccessDeniedException: not authorized to perform: eks:TagResource";
    let hint = "The stack's outputs ViewerPolicyArn and OperatorPolicyArn are policies with read-only and operator \
                permissions.";
    assert_eq!((denied.code, denied.stderr), (Some(3), format!("{CALLER}error: prod/gpu: {error}\n\n{hint}\n")));
    let set = json!({"ami-update": "off"});
    let changes = json!([
        {
            "account": "123456789012", "region": "eu-central-1", "nodegroup": "prod/general",
            "set": set, "removed": [], "result": "Written",
        },
        {
            "account": "123456789012", "region": "eu-central-1", "nodegroup": "prod/gpu",
            "set": set, "removed": [], "result": "Failed", "error": error,
        },
    ]);
    assert_eq!(serde_json::from_str::<Value>(&denied.stdout).unwrap()["changes"], changes);
    assert_eq!(tags(&served, "prod", "general")["ami-update"], "off");
    assert_eq!(tags(&served, "prod", "gpu")["ami-update"], "auto");
}

/// Eight calls are in progress at once: these are awaited, and no other is made.
#[cfg(unix)]
#[test]
fn ctrl_c_leaves_no_node_group_half_written_and_names_those_that_are() {
    let served = Served::at_speed("60");
    let (arrived, arrivals) = channel();
    let (let_go, gate) = channel();
    let (arrived, gate) = (Mutex::new(arrived), Mutex::new(gate));
    let proxy = proxy::before(&served, move |request| {
        if request.first_line.starts_with("POST /tags/") {
            let _: Result<(), _> = Sender::send(&arrived.lock().unwrap(), ());
            // Until the test drops the other end.
            let _: Result<(), _> = Receiver::recv(&gate.lock().unwrap());
        }
        None
    });
    let all = ["set", "*/*", "min-age=1d", "--yes", "--output", "json"];
    let mut process = command(&proxy, &all).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    for _ in 0..8 {
        arrivals.recv().unwrap();
    }
    let interrupt = Command::new("kill").args(["-INT", &process.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    let mut said = BufReader::new(process.stderr.take().unwrap()).lines().map(Result::unwrap);
    let interrupted = said.find(|line| !line.starts_with("Account ") && !line.starts_with("warning: "));
    assert_eq!(interrupted.as_deref(), Some("Interrupted; waiting for the calls that are in progress."));
    drop::<Sender<()>>(let_go);

    let output = process.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let results = document["changes"].as_array().unwrap().iter().map(|change| {
        let (cluster, name) = change["nodegroup"].as_str().unwrap().split_once('/').unwrap();
        let is_tagged = tags(&served, cluster, name)["ami-update/min-age"] == "1d";
        (change["result"].as_str().unwrap().to_owned(), is_tagged)
    });
    let results: Vec<(String, bool)> = results.collect();
    assert_eq!(results[..8], vec![("Written".to_owned(), true); 8]);
    assert_eq!(results[8..], vec![("NotReached".to_owned(), false); 10]);
}
