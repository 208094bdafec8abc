//! A fleet in which every text of others forges lines, colors what follows, turns the reading direction around and hides.
//!
//! All that is printed about it is what is printed about a fleet with harmless texts of the same width, with the escapes in place
//! of them: nothing begins a line, and nothing is unseen.

use std::sync::mpsc::channel;
use std::thread;

use jiff::SignedDuration;
use sandbox::deployed::DeployedFunctions;
use sandbox::fleet::{TABLE, TOPIC};
use sandbox::template::updates_table;
use serde_json::json;
use simulated_aws::{ApiError, Fault, Nodegroup, UpdateScript, World};
use tokio::net::TcpListener;
use tokio::runtime::Builder;

use crate::served::command;

/// What a name, a tag or a message ends with, and how that is shown.
const HOSTILE: &str = "\r\nerror:\u{1b}[31m\t\u{202e}\u{2066}\u{200b}\u{2028}\u{fe0f}";
const SHOWN: &str = r"\r\nerror:\u{1b}[31m\t\u{202e}\u{2066}\u{200b}\u{2028}\u{fe0f}";

/// A simulated AWS with such a fleet, and where it answers.
fn serve(ending: &str) -> (World, String) {
    let world = World::new("2026-07-20T09:00:00Z".parse().unwrap());
    let name = |text: &str| format!("{text}{ending}");
    let (prod, dev) = (name("prod"), name("dev"));
    let auto = |name: String| Nodegroup::new(&prod, &name).tag("ami-update", "auto").release("1.33.1-20260610");
    for cluster in [&prod, &dev] {
        world.add_cluster(cluster, "1.33");
    }
    for release in ["1.33.1-20260610", "1.33.2-20260710"] {
        world.publish_release("AL2023_x86_64_STANDARD", "1.33", release);
    }
    let degraded = auto(name("red")).status("DEGRADED");
    for nodegroup in [
        auto(name("blue")),
        auto(name("green")).tag(&name("ami-update/window"), &name("Sat")),
        auto(name("grey")).tag("ami-update/pin", &name("1.33.1-20260610")),
        auto(name("lime")).release(&name("1.33.0-20260510")),
        auto(name("pink")).ami_type(&name("AL2024")),
        degraded.health_issue(&name("Ec2SubnetNotFound"), &name("The subnet is gone"), &[&name("subnet-0")]),
        Nodegroup::new(&dev, &name("teal")).tag("ManagedBy", &name("eksctl")).release(&name("1.33.1-20260610")),
    ] {
        world.add_nodegroup(nodegroup);
    }
    let fails = UpdateScript::Fail {
        after: SignedDuration::from_mins(10),
        code: name("PodEvictionFailure"),
        message: name("The pods stay"),
        resource_ids: vec![name("ip-10-0-0-1")],
        health: Vec::new(),
    };
    world.script_next_update(&prod, &name("blue"), fails);
    world.create_table(&updates_table(TABLE));
    let topic_arn = world.create_topic(TOPIC);
    let (ready, address) = channel();
    let served = world.clone();
    thread::spawn(move || {
        Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap().to_string();
            let endpoint = format!("http://{address}");
            let mut functions = DeployedFunctions::at(&endpoint);
            functions.deploy(served.clone(), &topic_arn).await.unwrap();
            ready.send(address).unwrap();
            tokio::select! {
                ended = served.serve(listener) => panic!("{ended:?}"),
                () = functions.run() => {}
            }
        });
    });
    (world, address.recv().unwrap())
}

/// What each command prints, one after the other.
fn printed(ending: &str) -> Vec<String> {
    let (world, address) = serve(ending);
    let name = |text: &str| format!("{text}{ending}");
    let [blue, green, teal] = [("prod", "blue"), ("prod", "green"), ("dev", "teal")]
        .map(|(cluster, nodegroup)| format!("{}/{}", name(cluster), name(nodegroup)));
    let mut printed = Vec::new();
    let mut print = |arguments: &[&str]| {
        // So wide that nothing is shortened.
        let output = command(&address, arguments).env("COLUMNS", "2000").output().unwrap();
        let [stdout, stderr] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        printed.push(format!("{} ended with {:?}\n{stdout}{stderr}", arguments[0], output.status.code()));
    };
    print(&["plan", "--all"]);
    print(&["run", "start"]);
    world.advance(SignedDuration::from_mins(20));
    print(&["run", "check"]);
    for arguments in [
        &["plan"][..],
        &["status"],
        &["nodegroups"],
        &["nodegroups", "--output", "wide"],
        &["nodegroups", "--output", "csv"],
        &["nodegroups", "--output", "name"],
        &["history"],
        &["history", &blue],
        &["history", "--releases"],
        &["explain", &blue],
        &["explain", &green],
        &["explain", &teal],
        &["explain", "z/z"],
        &["retry", &blue],
        &["rollback", &blue, "--to", &name("1.33.1-20260610")],
        &["opt-in", &teal, "--dry-run"],
        &["opt-out", &blue, "--dry-run"],
        &["set", "z/z", "ring=1"],
        &["doctor"],
        &["doctor", "--verify-aws"],
    ] {
        print(arguments);
    }
    world.put_parameter("/eks-nodegroup-updater/stop-switch", &name("closed"));
    print(&["status"]);
    print(&["doctor"]);
    print(&["pause", "--yes"]);
    world.put_parameter("/eks-nodegroup-updater/denied-releases", &json!([name("1.33")]).to_string());
    print(&["deny", "1.33.2-20260710", "--yes"]);
    let refusal = name("User is not authorized");
    world.on_request(move |request| {
        // In XML no message can steer a terminal, and without these two no other is sent.
        let is_of_xml = ["cloudformation:", "sts:"].iter().any(|service| request.action.starts_with(service));
        if is_of_xml { Fault::None } else { Fault::Error(ApiError::new(403, "AccessDeniedException", &refusal)) }
    });
    for arguments in [&["plan"][..], &["status"], &["nodegroups"], &["history"], &["opt-in", &teal], &["doctor"]] {
        print(arguments);
    }
    printed
}

#[test]
fn no_text_of_others_begins_a_line_or_is_unseen() {
    let harmless = "m".repeat(SHOWN.len());
    let expected = printed(&harmless).into_iter().map(|text| text.replace(&harmless, SHOWN));
    for (printed, expected) in printed(HOSTILE).into_iter().zip(expected) {
        assert_eq!(printed, expected);
    }
}
