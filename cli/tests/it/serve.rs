//! The simulated AWS, as any client finds it.

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
fn a_speed_that_is_none_is_refused() {
    let output = Command::new(env!("CARGO_BIN_EXE_eks-nodegroup-updater"))
        .args(["serve", "--port", "0", "--speed", "0"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert!(String::from_utf8(output.stderr).unwrap().contains("0 is not in 1..=3600"));
}
