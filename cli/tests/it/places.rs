//! Several accounts and regions at once, and what cannot be read of them: the rest is shown, and each failure is one line.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Mutex;
use std::sync::mpsc::channel;

use serde_json::{Value, json};

use crate::proxy::{self, Recorder, Request};
use crate::served::{Ended, Served, command, run};

const TWO: [&str; 4] = ["--region", "eu-central-1", "--region", "us-east-1"];

fn json_of(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

/// The regions of a document.
fn regions(document: &Value) -> Vec<&str> {
    document["regions"].as_array().unwrap().iter().map(|region| region["region"].as_str().unwrap()).collect()
}

fn is_for(request: &Request, service: &str, region: &str) -> bool {
    request.signature.as_ref().is_some_and(|signed| signed.service == service && signed.region == region)
}

/// CloudFormation's answer where no stack is deployed.
fn no_stacks(request: &Request) -> Option<String> {
    let asked = request.body.starts_with("Action=DescribeStacks&");
    let body =
        "<DescribeStacksResponse><DescribeStacksResult><Stacks/></DescribeStacksResult></DescribeStacksResponse>";
    asked.then(|| proxy::answer("200 OK", "", body))
}

/// A refusal of EKS.
fn refusal(status: &str, code: &str) -> String {
    proxy::answer(status, &format!("x-amzn-errortype: {code}\r\n"), r#"{"message":"no"}"#)
}

/// A function that answers this.
fn function_that_answers(served: &Served, answer: Value) -> String {
    let answer = answer.to_string();
    proxy::before(served, move |request| {
        request.first_line.contains("/invocations").then(|| proxy::answer("200 OK", "", &answer))
    })
}

#[test]
fn two_regions_are_one_table_with_a_total() {
    let served = Served::in_regions(&["eu-central-1", "us-east-1"]);
    let plan = run(&served.address, &[&["plan"], &TWO[..]].concat());
    assert_eq!((plan.code, plan.stderr.as_str()), (Some(0), ""));
    let places: BTreeSet<&str> =
        plan.stdout.lines().filter_map(|line| line.split_once("prod (")).map(|it| it.1).collect();
    assert_eq!(places, BTreeSet::from(["123456789012, eu-central-1)", "123456789012, us-east-1)"]), "{}", plan.stdout);
    let total = "Plan for 34 node groups in 2 regions: 6 to start, 16 wait, 8 need you, 2 left alone, 2 current.\n";
    assert!(plan.stdout.contains(total), "{}", plan.stdout);

    let status = run(&served.address, &[&["status"], &TWO[..]].concat());
    assert_eq!((status.code, status.stderr.as_str()), (Some(0), ""));
    assert!(status.stdout.lines().any(|line| line.starts_with("Total")), "{}", status.stdout);
    for command in ["plan", "status", "doctor"] {
        let ended = run(&served.address, &[&[command, "--output", "json"], &TWO[..]].concat());
        assert_eq!(regions(&json_of(&ended)), ["eu-central-1", "us-east-1"], "{command}");
    }
}

#[test]
fn all_regions_are_those_that_are_enabled() {
    let served = Served::in_regions(&["eu-central-1", "us-east-1"]);
    let listed = run(&served.address, &["nodegroups", "--all-regions", "--output", "csv"]);
    assert_eq!((listed.code, listed.stderr.as_str()), (Some(0), ""));
    let regions: BTreeSet<&str> = listed.stdout.lines().skip(1).map(|line| line.rsplit(',').next().unwrap()).collect();
    assert_eq!((regions, listed.stdout.lines().count()), (BTreeSet::from(["eu-central-1", "us-east-1"]), 37));
}

#[test]
fn without_the_permission_to_list_regions_those_that_are_named_are_read() {
    let served = Served::in_regions(&["eu-central-1", "us-east-1"]);
    let proxy = proxy::before(&served, |request| {
        let is_it = request.signature.as_ref().is_some_and(|signed| signed.service == "account");
        is_it.then(|| refusal("403 Forbidden", "AccessDeniedException"))
    });
    let named = run(&proxy, &["plan", "--all-regions", "--region", "us-east-1", "--output", "json"]);
    assert_eq!((named.code, regions(&json_of(&named))), (Some(0), vec!["us-east-1"]));
    let warning = "warning: listing the enabled regions: AccessDeniedException: no; only the regions that --region names are \
                   read\n";
    assert_eq!(named.stderr, warning);
    let unnamed = run(&proxy, &["plan", "--all-regions"]);
    let hint = "--all-regions needs the permission account:ListRegions; name the regions with --region instead.";
    let error = format!("error: listing the enabled regions: AccessDeniedException: no\n\n{hint}\n");
    assert_eq!((unnamed.code, unnamed.stderr), (Some(3), error));
}

#[test]
fn a_region_that_is_not_enabled_is_said_to_be_not_enabled_and_the_others_are_shown() {
    let served = Served::in_regions(&["eu-central-1", "us-east-1"]);
    let arguments = [&["plan", "--output", "json", "--region", "eu-north-1"], &TWO[..]].concat();
    let plan = run(&served.address, &arguments);
    let document = json_of(&plan);
    assert_eq!((plan.code, regions(&document)), (Some(1), vec!["eu-central-1", "us-east-1"]));
    let error = "the region eu-north-1 is not enabled in this account";
    assert_eq!(
        (&document["errors"][0]["region"], &document["errors"][0]["error"]),
        (&json!("eu-north-1"), &json!(error))
    );
    assert!(plan.stderr.starts_with(&format!("error: eu-north-1: {error}\n")), "{}", plan.stderr);
    assert!(plan.stderr.ends_with("\nNot read: 1 region. The rest is shown.\n"), "{}", plan.stderr);
    assert!(!plan.stderr.contains("sso login"), "{}", plan.stderr);

    // Also if it is the only one.
    let plan = run(&served.address, &["plan", "--region", "eu-north-1"]);
    assert_eq!((plan.code, plan.stderr.starts_with(&format!("error: {error}\n"))), (Some(1), true), "{}", plan.stderr);
}

#[test]
fn a_region_that_a_service_control_policy_denies_is_one_line_with_its_own_remedy() {
    let served = Served::in_regions(&["eu-central-1", "us-east-1"]);
    let message = "User: x is not authorized to perform: cloudformation:DescribeStacks with an explicit deny in a service \
                   control policy";
    let body =
        format!("<ErrorResponse><Error><Code>AccessDenied</Code><Message>{message}</Message></Error></ErrorResponse>");
    let proxy = proxy::before(&served, move |request| {
        is_for(request, "cloudformation", "us-east-1").then(|| proxy::answer("403 Forbidden", "", &body))
    });
    let plan = run(&proxy, &[&["plan", "--output", "json"], &TWO[..]].concat());
    assert_eq!((plan.code, regions(&json_of(&plan))), (Some(3), vec!["eu-central-1"]));
    assert!(plan.stderr.contains("A policy denies this explicitly, whatever else allows it."), "{}", plan.stderr);
}

#[test]
fn a_region_that_does_not_answer_in_time_is_given_up() {
    let served = Served::in_regions(&["eu-central-1", "us-east-1"]);
    let (end, ended) = channel::<()>();
    let ended = Mutex::new(ended);
    let proxy = proxy::before(&served, move |request| {
        if is_for(request, "cloudformation", "us-east-1") {
            // Until the test is over.
            let _ = ended.lock().unwrap().recv();
        }
        None
    });
    let plan = run(&proxy, &[&["plan", "--timeout", "2s", "--output", "json"], &TWO[..]].concat());
    assert_eq!((plan.code, regions(&json_of(&plan))), (Some(1), vec!["eu-central-1"]));
    let error = "error: us-east-1: not read within 2 s, the --timeout\n";
    assert!(plan.stderr.starts_with(error), "{}", plan.stderr);
    drop(end);
}

#[test]
fn clusters_that_cannot_be_listed_are_named_and_the_others_are_shown() {
    let served = Served::at_speed("60");
    let proxy = proxy::before(&served, |request| match request.first_line.as_str() {
        "GET /clusters/prod/node-groups HTTP/1.1" => Some(refusal("403 Forbidden", "AccessDeniedException")),
        "GET /clusters/dev/node-groups HTTP/1.1" => Some(refusal("404 Not Found", "ResourceNotFoundException")),
        _ => None,
    });
    let listed = run(&proxy, &["nodegroups", "--output", "json"]);
    assert_eq!(listed.code, Some(1));
    let expected = "error: eu-central-1: dev: there is no such cluster\n\
                    error: eu-central-1: prod: listing its node groups: AccessDeniedException: no\n";
    assert!(listed.stderr.starts_with(expected), "{}", listed.stderr);
    assert!(listed.stderr.ends_with("\nNot read: 2 clusters. The rest is shown.\n"), "{}", listed.stderr);
    let document = json_of(&listed);
    let errors: Vec<&Value> = document["errors"].as_array().unwrap().iter().map(|error| &error["cluster"]).collect();
    assert_eq!(errors, ["dev", "prod"]);
    // What opted in is known by the function; only dev/sandbox has not, and is not found.
    let names = document["nodegroups"].as_array().unwrap().iter().map(|item| item["nodegroup"].as_str().unwrap());
    assert_eq!((names.clone().count(), names.filter(|name| *name == "dev/sandbox").count()), (17, 0));
}

#[test]
fn node_groups_that_the_function_could_not_read_are_counted_and_change_the_exit_code() {
    let served = Served::at_speed("60");
    let line =
        |number: usize| json!({"nodegroup": format!("prod/ng-{number}"), "decision": "Unreadable", "reason": "r"});
    let error = |number: usize| json!({"subject": format!("prod/ng-{number}"), "code": "Unreadable", "message": "ThrottlingException: Rate exceeded"});
    let answer = json!({
        "decisions": (0..840).map(line).collect::<Vec<_>>(),
        "errors": (0..840).map(error).collect::<Vec<_>>(),
    });
    let proxy = function_that_answers(&served, answer);
    for arguments in [&["plan", "--exit-code"][..], &["status"], &["nodegroups"]] {
        let ended = run(&proxy, arguments);
        let error = "error: eu-central-1: 840 node groups (prod/ng-0, prod/ng-1, prod/ng-2, 837 more): ThrottlingException: \
                     Rate exceeded\n";
        assert!(ended.stderr.starts_with(error), "{arguments:?}: {}", ended.stderr);
        assert_eq!(ended.code, Some(1), "{arguments:?}");
    }
}

#[test]
fn an_answer_of_an_older_function_or_of_six_megabytes_is_read() {
    let served = Served::at_speed("60");
    let old = json!({"decisions": [{"nodegroup": "prod/web", "decision": "Start", "reason": "from 1 to 2"}]});
    let plan = run(&function_that_answers(&served, old), &["plan"]);
    assert_eq!((plan.code, plan.stderr.as_str()), (Some(0), ""));
    assert!(plan.stdout.contains("Plan for 1 node group: 1 to start.\n"), "{}", plan.stdout);

    let line = |number: usize| json!({"nodegroup": format!("prod/{number:0>63}"), "decision": "UpToDate", "attention": "Current", "reason": "r".repeat(150)});
    let large = json!({"decisions": (0..20_000).map(line).collect::<Vec<_>>()});
    assert!(large.to_string().len() > 5_500_000);
    let plan = run(&function_that_answers(&served, large), &["plan"]);
    assert_eq!((plan.code, plan.stderr.as_str()), (Some(0), ""));
    assert!(plan.stdout.ends_with("Plan for 20000 node groups: 20000 current.\n"), "{}", plan.stdout);
    let broken = proxy::before(&served, |request| {
        request.first_line.contains("/invocations").then(|| proxy::answer("200 OK", "", r#"{"decisions": [{"#))
    });
    let plan = run(&broken, &["plan"]);
    assert!(plan.code == Some(1) && plan.stderr.contains("returned invalid JSON"), "{plan:?}");
}

#[test]
fn where_nothing_is_deployed_status_shows_what_can_be_read_and_other_commands_end_with_4() {
    let served = Served::at_speed("60");
    let proxy = proxy::before(&served, no_stacks);
    let status = run(&proxy, &["status"]);
    assert_eq!((status.code, status.stderr.as_str()), (Some(4), ""));
    let introduction = "The updater is not deployed in eu-central-1, account 123456789012.";
    assert!(status.stdout.starts_with(introduction), "{}", status.stdout);
    assert!(status.stdout.contains("17 node groups: "), "{}", status.stdout);
    for arguments in [&["history"][..], &["pause", "--yes"], &["quarantine", "list"], &["retry", "prod/web", "--yes"]] {
        let ended = run(&proxy, arguments);
        assert_eq!(ended.code, Some(4), "{arguments:?}: {}", ended.stderr);
    }
}

#[test]
fn a_region_without_a_stack_is_no_error_beside_one_that_has_it() {
    let served = Served::in_regions(&["eu-central-1", "us-east-1"]);
    let proxy =
        proxy::before(
            &served,
            |request| {
                if is_for(request, "cloudformation", "us-east-1") { no_stacks(request) } else { None }
            },
        );
    let history = run(&proxy, &[&["quarantine", "list", "--output", "json"], &TWO[..]].concat());
    let note = "note: the updater is not deployed in us-east-1\n";
    assert_eq!((history.code, history.stderr.as_str()), (Some(0), note));
    assert_eq!(regions(&json_of(&history)), ["eu-central-1"]);
    let nowhere = run(&proxy::before(&served, no_stacks), &[&["history"], &TWO[..]].concat());
    let error = "error: the updater is not deployed in eu-central-1; us-east-1\n";
    assert_eq!((nowhere.code, nowhere.stderr.starts_with(error)), (Some(4), true), "{}", nowhere.stderr);
}

#[test]
fn profiles_are_read_at_once_and_one_without_credentials_is_one_line() {
    let served = Served::at_speed("60");
    let folder = std::env::temp_dir().join(format!("eks-nodegroup-updater-profiles-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let keys = "aws_access_key_id = simulated\naws_secret_access_key = simulated\n";
    let config = folder.join("config");
    fs::write(
        &config,
        format!("[profile team-a]\n{keys}[profile team-b]\n{keys}[profile team-c]\nregion = us-east-1\n"),
    )
    .unwrap();
    let plan =
        command(&served.address, &["plan", "--profile", "team-*", "--region", "eu-central-1", "--output", "json"])
            .env("AWS_CONFIG_FILE", &config)
            .output()
            .unwrap();
    fs::remove_dir_all(&folder).unwrap();
    let stderr = String::from_utf8(plan.stderr).unwrap();
    let document: Value = serde_json::from_slice(&plan.stdout).unwrap();
    let profiles: Vec<&Value> =
        document["regions"].as_array().unwrap().iter().map(|region| &region["profile"]).collect();
    assert_eq!((plan.status.code(), profiles), (Some(3), vec![&json!("team-a"), &json!("team-b")]), "{stderr}");
    assert_eq!(document["errors"][0]["profile"], "team-c");
    assert!(stderr.starts_with("error: team-c: the profile team-c has no credentials\n"), "{stderr}");
}

#[test]
fn a_narrow_question_asks_little() {
    let aws = Recorder::new(|_| None);
    let asked = |arguments: &[&str], code: i32| {
        let ended = run(&aws.address, arguments);
        assert_eq!(ended.code, Some(code), "{arguments:?}: {}", ended.stderr);
        aws.take().into_iter().map(|(name, _)| name.trim_end_matches(" HTTP/1.1").to_owned()).collect::<Vec<_>>()
    };
    let invoke = "POST /2015-03-31/functions/eks-nodegroup-updater-start/invocations?Qualifier=readonly";
    assert_eq!(asked(&["explain", "prod/web"], 0), ["Action=DescribeStacks", invoke]);
    let tag = asked(&["opt-in", "dev/sandbox", "--yes"], 0);
    assert_eq!(tag[..2], ["Action=GetCallerIdentity", "GET /clusters/dev/node-groups/sandbox"]);
    assert!(tag.len() == 3 && tag[2].starts_with("POST /tags/"), "{tag:?}");
    let pattern = asked(&["opt-out", "dev/s*", "--dry-run"], 0);
    let expected =
        ["Action=GetCallerIdentity", "GET /clusters/dev/node-groups", "GET /clusters/dev/node-groups/sandbox"];
    assert_eq!(pattern, expected);
}

#[test]
fn a_node_group_that_has_not_opted_in_is_explained_as_if_it_had() {
    let served = Served::at_speed("60");
    let explained = run(&served.address, &["explain", "dev/sandbox", "--region", "eu-central-1", "--output", "json"]);
    let document = json_of(&explained);
    assert_eq!(
        (explained.code, &document["nodegroup"], &document["decision"]),
        (Some(0), &json!("dev/sandbox"), &json!("Start"))
    );
    let note = "dev/sandbox has no tag ami-update, so the updater leaves it alone; this is what would happen if it opted in, \
                with default settings and without records. To opt it in: eks-nodegroup-updater opt-in dev/sandbox --region \
                eu-central-1";
    assert_eq!((&document["notes"][0], explained.stderr.as_str()), (&json!(note), ""));
}

#[test]
fn node_groups_are_selected_by_tag_ami_type_decision_and_attention() {
    let served = Served::at_speed("60");
    let names = |arguments: &[&str]| {
        let listed = run(&served.address, &[&["nodegroups", "--output", "name"], arguments].concat());
        assert_eq!((listed.code, listed.stderr.as_str()), (Some(0), ""), "{arguments:?}");
        listed.stdout.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(names(&["--selector", "ami-update=notify"]), ["data/reports"]);
    assert_eq!(names(&["--ami-type", "WINDOWS_*"]), ["dev/windows"]);
    assert_eq!(names(&["--decision", "CustomAmi"]), ["data/etl"]);
    assert_eq!(names(&["--attention", "start"]), ["data/postgres", "dev/ingress", "staging/general"]);
    assert_eq!(names(&["prod/*", "--ami-type", "BOTTLEROCKET_*"]), ["prod/ingress"]);
    assert_eq!(names(&["dev/*", "--sort-by", "decision"]), ["dev/sandbox", "dev/windows", "dev/ingress"]);
    let tagged =
        run(&served.address, &["opt-out", "--selector", "ami-update/ring=1", "--attention", "waits", "--dry-run"]);
    let shown: Vec<&str> = tagged.stdout.lines().filter(|line| line.contains('/')).collect();
    assert_eq!(
        (tagged.code, shown),
        (Some(0), vec!["prod/general", "prod/gpu", "prod/ingress", "prod/web"]),
        "{tagged:?}"
    );
    let unknown = run(&served.address, &["nodegroups", "--decision", "WaitingForRings"]);
    assert!(unknown.code == Some(64) && unknown.stderr.contains("did you mean WaitingForRing?"), "{unknown:?}");
}
