//! Commands that look again and again, while AWS goes away, node groups are deleted, and somebody presses Ctrl-C.

use std::io::{BufRead as _, BufReader, Lines};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::proxy::{self, Away};
use crate::served::{CALLER, Ended, Served, command, run};

const START: &str = "eks-nodegroup-updater-start";

/// A command that runs, and what it has printed so far.
struct Running {
    process: Child,
    stdout: Lines<BufReader<ChildStdout>>,
    stderr: Lines<BufReader<ChildStderr>>,
}

impl Running {
    fn new(address: &str, arguments: &[&str]) -> Self {
        let mut process = command(address, arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(process.stdout.take().unwrap()).lines();
        let stderr = BufReader::new(process.stderr.take().unwrap()).lines();
        Self { process, stdout, stderr }
    }

    /// Waits for the next line on stdout.
    fn prints(&mut self) -> String {
        self.stdout.next().unwrap().unwrap()
    }

    /// Waits for a line on stderr that begins like this.
    fn says(&mut self, beginning: &str) -> String {
        let line = self.stderr.by_ref().map(Result::unwrap).find(|line| line.starts_with(beginning));
        line.unwrap_or_else(|| panic!("it never said {beginning}"))
    }

    /// Presses Ctrl-C.
    fn interrupt(mut self) -> Ended {
        let interrupt = Command::new("kill").args(["-INT", &self.process.id().to_string()]).status().unwrap();
        assert!(interrupt.success());
        let since = Instant::now();
        let ended = self.end();
        assert!(since.elapsed() < Duration::from_secs(3), "it did not end at once");
        ended
    }

    /// Waits for its end; what it had printed before is not part of it.
    fn end(&mut self) -> Ended {
        let rest = |lines: &mut dyn Iterator<Item = std::io::Result<String>>| -> String {
            lines.map(|line| line.unwrap() + "\n").collect()
        };
        let (stdout, stderr) = (rest(&mut self.stdout), rest(&mut self.stderr));
        Ended { code: self.process.wait().unwrap().code(), stdout, stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // After a failed assertion.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Each node group of a document, and how its update ended.
fn statuses(document: &Value) -> Vec<(&str, &str)> {
    let items = document.as_array().unwrap().iter();
    items.map(|item| (item["nodegroup"].as_str().unwrap(), item["status"].as_str().unwrap())).collect()
}

/// `dev/ingress` fails, `staging/general` is deleted meanwhile, and `data/postgres` hangs.
#[test]
fn a_run_waits_until_each_of_its_updates_has_ended_or_the_time_is_over() {
    let served = Served::at_speed("3600");
    let upstream = served.address.clone();
    let proxy = proxy::before(&served, move |request| {
        let not_found = r#"{"message":"No node group found for name: general."}"#;
        let headers = "x-amzn-errortype: ResourceNotFoundException\r\n";
        let path = request.first_line.split(' ').nth(1)?;
        if path.starts_with("/clusters/staging/") {
            return Some(proxy::answer("404 Not Found", headers, not_found));
        }
        // An answer that takes as long as the update.
        while path.starts_with("/clusters/dev/updates/") {
            let update = Served::get(&upstream, path);
            if update["update"]["status"] != "InProgress" {
                return None;
            }
            sleep(Duration::from_millis(50));
        }
        None
    });
    let ended = run(&proxy, &["run", "start", "--wait", "--timeout", "4s", "--output", "json"]);
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    let updates = [("data/postgres", "InProgress"), ("dev/ingress", "Failed"), ("staging/general", "Deleted")];
    assert_eq!((statuses(&document["updates"]), &document["timedOut"]), (updates.to_vec(), &json!(true)));
    assert_eq!(document["updates"][1]["errors"][0]["errorCode"], "NodeCreationFailure");
    assert_eq!(document["updates"][1]["releaseVersion"], "1.46.1-9d20f4ae");
    let said = "Waiting for data/postgres; polling every 15 s.\n\
                error: not over within 4 s, the --timeout: data/postgres\n";
    assert_eq!((ended.code, ended.stderr), (Some(1), format!("{CALLER}{said}")));
}

#[test]
fn a_run_that_starts_nothing_has_nothing_to_wait_for() {
    let served = Served::at_speed("60");
    assert_eq!(run(&served.address, &["pause", "--yes"]).code, Some(0));
    let ended = run(&served.address, &["run", "start", "--wait", "--output", "json"]);
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((ended.code, &document["updates"], &document["timedOut"]), (Some(0), &json!([]), &json!(false)));
}

/// Each has to look several times, so they do at once.
#[test]
fn looks_go_on_while_aws_is_away_and_after_credentials_have_expired() {
    scope(|scope| {
        scope.spawn(waiting_outlives_an_aws_that_is_away);
        scope.spawn(a_watched_status_is_a_json_document_in_each_line_whether_or_not_aws_is_there);
        scope.spawn(a_watched_status_outlives_expired_credentials_and_says_since_when_it_is_old);
    });
}

/// The update takes nine seconds.
fn waiting_outlives_an_aws_that_is_away() {
    let served = Served::at_speed("120");
    let aws = Away::new(&served);
    served.invoke(START, &json!({}));
    let mut wait = Running::new(&aws.address, &["wait", "staging/general", "staging/w*", "--every", "5s"]);
    assert_eq!(wait.says("Waiting for"), "Waiting for staging/general; polling every 5 s.");
    aws.go();
    let old = wait.says("error: ");
    let why = ": staging/general: describing its update: dispatch failure";
    assert!(old.starts_with("error: eu-central-1 is known as of ") && old.contains(why), "{old}");
    aws.come_back();
    assert_eq!(wait.says("AWS"), "AWS answers again.");
    let Ended { code, stdout, .. } = wait.end();
    assert!(stdout.ends_with("\n2 node groups: 1 Successful, 1 NotUpdating.\n"), "{stdout}");
    assert_eq!(code, Some(0));
}

#[test]
fn node_groups_without_an_update_have_ended_already() {
    let served = Served::at_speed("60");
    let ended = run(&served.address, &["wait", "prod/*", "--output", "json"]);
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    let names = ["prod/general", "prod/gpu", "prod/ingress", "prod/web"];
    assert_eq!(statuses(&document["nodegroups"]), names.map(|name| (name, "NotUpdating")));
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
}

#[test]
fn a_node_group_that_does_not_exist_or_is_not_given_is_an_error() {
    let served = Served::at_speed("60");
    let ended = run(&served.address, &["wait", "prod/genral"]);
    let expected = "error: there is no node group prod/genral in eu-central-1\n\nDid you mean prod/general";
    assert_eq!((ended.code, ended.stderr.starts_with(expected)), (Some(1), true), "{}", ended.stderr);
    let ended = run(&served.address, &["wait"]);
    assert_eq!(ended.code, Some(64), "{}", ended.stderr);
    let ended = run(&served.address, &["wait", "prod/web", "--every", "1s"]);
    assert_eq!(ended.code, Some(64), "{}", ended.stderr);
    let ended = run(&served.address, &["wait", "--attention", "updating"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(1), "error: no node group is selected\n"));
}

#[test]
fn waiting_for_current_ends_with_the_first_node_group_that_needs_somebody() {
    let served = Served::at_speed("60");
    let wait = |names: &[&str]| {
        let ended = run(&served.address, &[&["wait", "--for", "current", "--timeout", "3s"], names].concat());
        let last = ended.stdout.lines().last().unwrap_or_default().to_owned();
        (ended.code, last, ended.stderr)
    };
    let none = String::new();
    assert_eq!(wait(&["data/search"]), (Some(0), "1 node group: 1 current.".to_owned(), none.clone()));
    let needs_you = "2 node groups: 1 waits, 1 needs you.".to_owned();
    assert_eq!(wait(&["prod/web", "staging/tools"]), (Some(1), needs_you, none.clone()));
    let left_alone = "1 node group: 1 left alone.".to_owned();
    assert_eq!(wait(&["dev/sandbox"]), (Some(1), left_alone, none.clone()), "it never will be");
    let waits = "4 node groups: 4 wait.".to_owned();
    let said = "Waiting for prod/general, prod/gpu, prod/ingress and 1 more node group; polling every 60 s.\n\
                error: not over within 3 s, the --timeout: prod/general, prod/gpu, prod/ingress and 1 more node group\n";
    assert_eq!(wait(&["prod/*"]), (Some(1), waits, said.to_owned()));
}

#[test]
fn waiting_for_current_leaves_out_what_only_a_pattern_names_and_nobody_updates() {
    let served = Served::at_speed("60");
    let ended = run(&served.address, &["wait", "d*/s*", "--for", "current", "--timeout", "3s"]);
    // data/spark is unhealthy, data/search is current.
    assert!(ended.stdout.ends_with("\n3 node groups: 1 needs you, 1 left alone, 1 current.\n"), "{}", ended.stdout);
    let ended = run(&served.address, &["wait", "d*/se*", "dev/sa*", "--for", "current"]);
    assert!(ended.stdout.ends_with("\n2 node groups: 1 left alone, 1 current.\n"), "{}", ended.stdout);
    assert_eq!(ended.code, Some(0));
}

#[test]
fn a_missing_permission_ends_the_waiting() {
    let served = Served::at_speed("60");
    let proxy = proxy::before(&served, |request| {
        let body = r#"{"message":"User is not authorized to perform: eks:DescribeNodegroup"}"#;
        let asked = request.first_line.starts_with("GET /clusters/prod/node-groups/web ");
        asked.then(|| proxy::answer("403 Forbidden", "x-amzn-errortype: AccessDeniedException\r\n", body))
    });
    let ended = run(&proxy, &["wait", "prod/web", "prod/gpu"]);
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert!(ended.stderr.starts_with("error: eu-central-1: prod/web: describing it: AccessDenied"), "{}", ended.stderr);
}

#[test]
fn a_region_that_is_not_enabled_stops_no_other() {
    let served = Served::at_speed("60");
    let ended = run(
        &served.address,
        &["wait", "prod/web", "--region", "eu-central-1", "--region", "eu-north-1", "--timeout", "1m", "-o", "json"],
    );
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(statuses(&document["nodegroups"]), [("prod/web", "NotUpdating")]);
    assert_eq!((&document["errors"][0]["region"], ended.code), (&json!("eu-north-1"), Some(1)));
    let error = "error: eu-north-1: the region eu-north-1 is not enabled in this account";
    assert!(ended.stderr.starts_with(error), "{}", ended.stderr);
}

/// The credentials expire, and somebody signs in again.
fn a_watched_status_outlives_expired_credentials_and_says_since_when_it_is_old() {
    let served = Served::at_speed("60");
    let looks = Mutex::new(0);
    let proxy = proxy::before(&served, move |request| {
        if !request.body.starts_with("Action=DescribeStacks") {
            return None;
        }
        let mut looks = looks.lock().unwrap();
        *looks += 1;
        let body = "<ErrorResponse><Error><Code>ExpiredToken</Code><Message>The security token included in the request \
                    is expired</Message></Error></ErrorResponse>";
        (*looks == 2).then(|| proxy::answer("403 Forbidden", "Content-Type: text/xml\r\n", body))
    });
    let mut status = Running::new(&proxy, &["status", "--watch", "5"]);
    let page = |status: &mut Running| -> Vec<String> {
        std::iter::from_fn(|| Some(status.prints())).take_while(|line| !line.contains("OutsideWindow")).collect()
    };
    let first = page(&mut status);
    assert!(first[0].starts_with("── ") && first[1].starts_with("Stack eks-nodegroup-updater in "), "{first:?}");
    assert_eq!(status.says(""), "Refreshing every 5 s.");
    let old = status.says("error: ");
    let why = "ExpiredToken: The security token included in the request is expired";
    assert!(old.starts_with("error: eu-central-1 is shown as of ") && old.ends_with(why), "{old}");
    assert_eq!(
        (status.says("Sign").as_str(), status.says("eu")),
        ("Sign in again, for example: aws sso login", "eu-central-1 can be read again.".to_owned())
    );
    status.prints();
    assert_eq!(page(&mut status)[1..], first[1..]);
}

fn a_watched_status_is_a_json_document_in_each_line_whether_or_not_aws_is_there() {
    let served = Served::at_speed("60");
    let aws = Away::new(&served);
    let mut status = Running::new(&aws.address, &["status", "--watch", "5", "--output", "json"]);
    let document = |status: &mut Running| {
        let document: Value = serde_json::from_str(&status.prints()).unwrap();
        let lengths = ["regions", "errors"].map(|list| document[list].as_array().unwrap().len());
        (lengths, document)
    };
    assert_eq!(document(&mut status).0, [1, 0]);
    aws.go();
    let (lengths, away) = document(&mut status);
    assert_eq!((lengths, &away["errors"][0]["region"]), ([0, 1], &json!("eu-central-1")));
    aws.come_back();
    assert_eq!(document(&mut status).0, [1, 0]);
    let ended = status.interrupt();
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(130), ""));
}

/// On a terminal, a line on stderr would be in the middle of the page.
#[test]
fn a_watched_status_shows_throttling_on_its_page_and_not_beside_it() {
    let served = Served::at_speed("60");
    let proxy = proxy::before(&served, |request| {
        let throttled = json!({"refusals": 9, "waitedSeconds": 95});
        let answer = json!({"version": "0.1.0", "dryRun": true, "decisions": [], "errors": [], "throttled": throttled});
        request.first_line.contains("/invocations").then(|| proxy::answer("200 OK", "", &answer.to_string()))
    });
    let mut status = Running::new(&proxy, &["status", "--watch", "5", "--output", "json"]);
    let document: Value = serde_json::from_str(&status.prints()).unwrap();
    assert_eq!(document["regions"][0]["throttledSeconds"], 95);
    assert_eq!(status.says(""), "Refreshing every 5 s.");
}

#[test]
fn a_watched_status_ends_when_a_permission_is_missing() {
    let served = Served::at_speed("60");
    let proxy = proxy::before(&served, |request| {
        let body =
            "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not authorized</Message></Error></ErrorResponse>";
        let asked = request.body.starts_with("Action=DescribeStacks");
        asked.then(|| proxy::answer("403 Forbidden", "Content-Type: text/xml\r\n", body))
    });
    let ended = run(&proxy, &["status", "--watch", "--output", "json"]);
    assert_eq!((ended.code, ended.stdout.lines().count()), (Some(3), 1), "{}", ended.stdout);
    assert!(ended.stderr.starts_with("error: looking for the stack "), "{}", ended.stderr);
}

#[test]
fn ctrl_c_ends_the_waiting_and_the_updates_continue() {
    let served = Served::at_speed("1");
    let mut start = Running::new(&served.address, &["run", "start", "--wait", "--output", "json"]);
    start.says("Waiting for data/postgres, dev/ingress, staging/general; polling every 15 s.");
    let Ended { code, stdout, stderr } = start.interrupt();
    let document: Value = serde_json::from_str(&stdout).unwrap();
    let names = ["data/postgres", "dev/ingress", "staging/general"];
    assert_eq!(statuses(&document["updates"]), names.map(|name| (name, "InProgress")));
    let said = "Interrupted. The updates continue; see them: eks-nodegroup-updater status\n";
    assert_eq!((code, &document["timedOut"], stderr.as_str()), (Some(130), &json!(false), said));

    let mut wait = Running::new(&served.address, &["wait", "*/*"]);
    wait.says("Waiting for data/postgres, dev/ingress, staging/general; polling every 15 s.");
    let ended = wait.interrupt();
    assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.as_str()), (Some(130), "", ""));
}

#[test]
fn ctrl_c_during_a_run_ends_the_command_and_not_the_run() {
    let served = Served::at_speed("60");
    let (arrived, arrivals) = channel();
    let arrived = Mutex::new(arrived);
    let (let_go, gate) = channel::<()>();
    let gate = Mutex::new(gate);
    let proxy = proxy::before(&served, move |request| {
        if request.first_line.contains("/invocations ") {
            arrived.lock().unwrap().send(()).unwrap();
            // Until the test drops the other end.
            let _ = gate.lock().unwrap().recv();
        }
        None
    });
    let start = Running::new(&proxy, &["run", "start", "--wait"]);
    arrivals.recv().unwrap();
    let Ended { code, stdout, stderr } = start.interrupt();
    let said = "Interrupted. A run that has begun continues; see what it starts: eks-nodegroup-updater status\n";
    assert_eq!((code, stdout.as_str(), stderr), (Some(130), "", format!("{CALLER}{said}")));
    drop(let_go);
}
