//! The simulated AWS, as any client finds it.

use std::collections::BTreeSet;
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::served::Served;

#[test]
fn the_first_line_is_where_it_answers() {
    let served = Served::at_speed("60");
    assert!(served.address.starts_with("127.0.0.1:"));
    let clusters = served.eks("GET", "/clusters", &Value::Null);
    assert_eq!(clusters["clusters"], json!(["data", "dev", "prod", "staging"]));
}

#[test]
fn it_is_up_until_it_is_ended() {
    let mut served = Served::at_speed("60");
    assert_eq!(served.process.try_wait().unwrap(), None);
    let address = served.address.clone();
    drop(served);
    assert!(TcpStream::connect(address).is_err());
}

/// Lambda functions that talk to it read the real clock.
#[test]
fn its_time_starts_at_the_real_time() {
    let served = Served::at_speed("1");
    let nodegroup = served.eks("GET", "/clusters/prod/node-groups/web", &Value::Null);
    let created_at = nodegroup["nodegroup"]["createdAt"].as_f64().unwrap();
    let now = UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    assert!((now - created_at).abs() < 60.0, "created at {created_at}, now it is {now}");
}

#[test]
fn its_time_passes_faster() {
    let served = Served::at_speed("3600");
    let update = json!({ "version": "1.33", "releaseVersion": "1.33.2-20260710" });
    let update = served.eks("POST", "/clusters/prod/node-groups/web/update-version", &update)["update"].take();
    assert_eq!(update["status"], "InProgress");
    let path = format!("/clusters/prod/updates/{}?nodegroupName=web", update["id"].as_str().unwrap());
    let asked = Instant::now();
    // A quarter of an hour there.
    while served.eks("GET", &path, &Value::Null)["update"]["status"] != "Successful" {
        assert!(asked.elapsed() < Duration::from_secs(20), "the update did not end");
        sleep(Duration::from_millis(50));
    }
}

const START: &str = "eks-nodegroup-updater-start";
const CHECK: &str = "eks-nodegroup-updater-check";

/// What a run of `start` is to start, and what came of it; without those of `prod`, where a window may be open.
fn started(summary: &Value) -> Vec<(&str, Option<&str>)> {
    let decisions = summary["decisions"].as_array().unwrap().iter();
    let lines = decisions.map(|line| (line["nodegroup"].as_str().unwrap(), line));
    lines
        .filter(|(nodegroup, line)| line["decision"] == "Start" && !nodegroup.starts_with("prod/"))
        .map(|(nodegroup, line)| (nodegroup, line["outcome"].as_str()))
        .collect()
}

#[test]
fn the_functions_run_when_they_are_invoked() {
    let served = Served::at_speed("1");
    let first = ["data/postgres", "dev/ingress", "staging/general"];
    let (failed, plan) = served.invoke(&format!("{START}:readonly"), &json!({}));
    assert_eq!((failed, &plan["dryRun"], &plan["errors"]), (false, &json!(true), &json!([])));
    assert_eq!(started(&plan), first.map(|nodegroup| (nodegroup, None)));
    let nodegroup = served.eks("GET", "/clusters/staging/node-groups/general", &Value::Null);
    assert_eq!(nodegroup["nodegroup"]["status"], "ACTIVE");
    assert_eq!(
        served.invoke(&format!("{START}:readonly"), &json!({ "retry": ["prod/web"] })),
        (
            true,
            json!({
                "errorType": "RunFailed",
                "errorMessage": "the alias readonly only reads; invoke the function itself to retry, to roll back or to \
                                 lift a quarantine, or add \"dryRun\": true to see what that would do",
            })
        )
    );

    let (failed, summary) = served.invoke(START, &json!({}));
    assert_eq!((failed, &summary["dryRun"], &summary["errors"]), (false, &json!(false), &json!([])));
    assert_eq!(started(&summary), first.map(|nodegroup| (nodegroup, Some("Accepted"))));

    let (failed, checked) = served.invoke(CHECK, &json!({}));
    assert_eq!((failed, &checked["errors"]), (false, &json!([])));
    let watched = checked["updates"].as_array().unwrap().iter();
    let watched: Vec<_> = watched
        .map(|line| (line["nodegroup"].as_str().unwrap(), line["status"].as_str().unwrap()))
        .filter(|(nodegroup, _)| !nodegroup.starts_with("prod/"))
        .collect();
    assert_eq!(watched, first.map(|nodegroup| (nodegroup, "InProgress")));
}

#[test]
fn the_stop_switch_stops_the_functions() {
    let served = Served::at_speed("1");
    let put = r#"{ "Name": "/eks-nodegroup-updater/stop-switch", "Value": "stopped", "Overwrite": true }"#;
    assert_eq!(served.ssm("PutParameter", put), json!({ "Version": 2, "Tier": "Standard" }));
    let (failed, summary) = served.invoke(START, &json!({}));
    assert_eq!((failed, started(&summary)), (false, vec![]));
    assert_eq!(summary["freeze"]["message"], "the stop switch /eks-nodegroup-updater/stop-switch is set to stopped");
}

#[test]
fn the_stack_names_what_there_is() {
    let served = Served::at_speed("1");
    let (_, stacks) = served.request("cloudformation", "POST", "/", "Action=DescribeStacks&Version=2010-05-15");
    let texts = |element: &str| -> Vec<String> {
        let start = format!("<{element}>");
        stacks.split(&start).skip(1).map(|part| part.split('<').next().unwrap().to_owned()).collect()
    };
    assert_eq!(texts("StackName"), ["eks-nodegroup-updater"]);
    let outputs: Vec<_> = texts("OutputKey").into_iter().zip(texts("OutputValue")).collect();
    let expected = [
        ("StartFunctionName", START),
        ("CheckFunctionName", CHECK),
        ("UpdatesTableName", "updates"),
        ("NotificationTopicArn", "arn:aws:sns:eu-central-1:123456789012:notifications"),
        ("SettingsName", "/eks-nodegroup-updater/settings"),
        ("StopSwitchName", "/eks-nodegroup-updater/stop-switch"),
        ("DeniedReleasesListName", "/eks-nodegroup-updater/denied-releases"),
        ("ChangeCalendarsListName", "/eks-nodegroup-updater/change-calendars"),
    ];
    assert_eq!(outputs, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    // The stack, and each of its outputs.
    assert_eq!(texts("Description").len(), 9);
    let path = format!("/2015-03-31/functions/{START}/configuration");
    let (_, configuration) = served.request("lambda", "GET", &path, "");
    let configuration: Value = serde_json::from_str(&configuration).unwrap();
    assert_eq!(
        configuration["Environment"]["Variables"],
        json!({
            "UPDATES_TABLE": "updates",
            "NOTIFICATION_TOPIC_ARN": "arn:aws:sns:eu-central-1:123456789012:notifications",
            "EVENT_BUS_NAME": "default",
            "SETTINGS": "/eks-nodegroup-updater/settings",
            "STOP_SWITCH": "/eks-nodegroup-updater/stop-switch",
            "DENIED_RELEASES_LIST": "/eks-nodegroup-updater/denied-releases",
            "CHANGE_CALENDARS_LIST": "/eks-nodegroup-updater/change-calendars",
        })
    );
}

#[test]
fn each_region_has_a_fleet_and_functions_of_its_own_and_no_other_region_is_enabled() {
    let served = Served::with(&["--region", "eu-central-1", "--region", "us-east-1"]);
    let (_, answer) = served.request_in("eu-central-1", "account", "POST /listRegions", "{}");
    let region = |name: &str| json!({ "RegionName": name, "RegionOptStatus": "ENABLED_BY_DEFAULT" });
    let regions = json!({ "Regions": [region("eu-central-1"), region("us-east-1")], "NextToken": null });
    assert_eq!(serde_json::from_str::<Value>(&answer).unwrap(), regions);
    let arn_in = |region: &str| {
        let (_, answer) = served.request_in(region, "eks", "GET /clusters/prod/node-groups/web", "");
        let answer: Value = serde_json::from_str(&answer).unwrap();
        answer["nodegroup"]["nodegroupArn"].as_str().unwrap().to_owned()
    };
    for region in ["eu-central-1", "us-east-1"] {
        let arn = arn_in(region);
        assert!(arn.starts_with(&format!("arn:aws:eks:{region}:123456789012:nodegroup/prod/web/")), "{arn}");
    }

    let (failed, summary) = served.invoke_in("us-east-1", START, &json!({ "nodegroups": ["staging/general"] }));
    assert_eq!((failed, started(&summary)), (false, vec![("staging/general", Some("Accepted"))]));
    let status_in = |region: &str| {
        let (_, answer) = served.request_in(region, "eks", "GET /clusters/staging/node-groups/general", "");
        serde_json::from_str::<Value>(&answer).unwrap()["nodegroup"]["status"].take()
    };
    assert_eq!((status_in("us-east-1"), status_in("eu-central-1")), (json!("UPDATING"), json!("ACTIVE")));

    let (head, body) = served.answer("af-south-1/eks", "GET /clusters", "", "");
    assert!(head.starts_with("HTTP/1.1 403 ") && head.contains("UnrecognizedClientException"), "{head}");
    assert_eq!(body, r#"{"message":"The security token included in the request is invalid"}"#);
}

#[test]
fn a_generated_fleet_has_what_large_fleets_have() {
    let served = Served::with(&["--clusters", "30", "--nodegroups", "10"]);
    let clusters = served.eks("GET", "/clusters", &Value::Null)["clusters"].take();
    assert_eq!(clusters.as_array().unwrap().len(), 30);
    let (failed, plan) = served.invoke(&format!("{START}:readonly"), &json!({}));
    assert_eq!((failed, &plan["errors"]), (false, &json!([])));
    let decisions = plan["decisions"].as_array().unwrap();
    assert_eq!(decisions.len(), 270, "a tenth has not opted in");
    let count_of = |decision: &str| decisions.iter().filter(|line| line["decision"] == decision).count();
    let counts = ["CustomAmi", "InvalidTag", "OptedOut", "ReportOnly", "Unhealthy", "UpToDate"].map(count_of);
    assert_eq!(counts, [1, 3, 2, 2, 1, 32]);
    let rings: BTreeSet<u64> = decisions.iter().filter_map(|line| line["ring"].as_u64()).collect();
    assert_eq!(rings, BTreeSet::from([0, 1, 2]));
    let ami_types: BTreeSet<&str> = decisions.iter().filter_map(|line| line["runs"]["amiType"].as_str()).collect();
    assert_eq!(ami_types.len(), 6);
    let versions: BTreeSet<&str> =
        decisions.iter().filter_map(|line| line["runs"]["kubernetesVersion"].as_str()).collect();
    assert_eq!(versions, BTreeSet::from(["1.32", "1.33", "1.34"]));
    let behind = decisions.iter().filter(|line| line["runs"]["daysBehind"] == 10).count();
    assert_eq!(behind, 236);
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output =
        Command::new(env!("CARGO_BIN_EXE_eks-nodegroup-updater")).args(["serve", "--port", &port]).output().unwrap();
    assert!(!output.status.success());
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains(&format!("listening on 127.0.0.1:{port}")), "{stderr}");
    assert!(output.stdout.is_empty());
}

#[test]
fn options_that_make_no_sense_are_refused() {
    for (options, sentence) in [
        (&["--speed", "0"][..], "0 is not in 1..=3600"),
        (&["--region", "Frankfurt"], "expected a region such as us-east-1"),
        (&["--clusters", "3"], "--nodegroups <N>"),
        (&["--clusters", "3", "--nodegroups", "0"], "0 is not in 1..=100"),
    ] {
        let serve = ["serve", "--port", "0"].iter().chain(options);
        let output = Command::new(env!("CARGO_BIN_EXE_eks-nodegroup-updater")).args(serve).output().unwrap();
        assert_eq!(output.status.code(), Some(64), "{options:?}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains(sentence), "{stderr}");
    }
}
