//! Credentials, regions and stacks that are not as they should be: each is a sentence, and a way out.

use std::process::Command;

use crate::served::{Served, command, run};

/// A command without credentials and region.
fn nowhere(arguments: &[&str]) -> Command {
    let mut command = command("127.0.0.1:1", arguments);
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    command
}

/// How a command ends, and what it says.
fn end(mut command: Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "");
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn without_credentials_it_says_how_to_get_them() {
    let (code, stderr) = end(nowhere(&["plan"]));
    assert_eq!(code, Some(3), "{stderr}");
    assert!(stderr.starts_with("error: no AWS credentials were found\n\nChoose a profile"), "{stderr}");
}

#[test]
fn without_a_region_it_asks_for_one() {
    let mut plan = command("127.0.0.1:1", &["plan"]);
    plan.env_remove("AWS_REGION");
    let (code, stderr) = end(plan);
    assert_eq!(code, Some(64), "{stderr}");
    assert!(stderr.starts_with("error: no region is set\n\nGive --region"), "{stderr}");
}

#[test]
fn a_stack_that_is_not_there_is_said_to_be_not_there() {
    let served = Served::at_speed("60");
    let ended = run(&served.address, &["status", "--stack", "other"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(4), "error: there is no stack other in eu-central-1\n"));
}

#[test]
fn a_command_that_is_about_one_region_takes_one() {
    let served = Served::at_speed("60");
    let ended = run(&served.address, &["pause", "--region", "eu-central-1", "--region", "us-east-1"]);
    let expected = "error: this command takes one account and one region; give --profile and --region once\n";
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(64), expected));
}

#[test]
fn where_nothing_answers_it_says_so() {
    let (code, stderr) = end(command("127.0.0.1:1", &["plan"]));
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.starts_with("error: looking for the stack in eu-central-1: "), "{stderr}");
}

#[test]
fn a_name_that_is_not_known_is_answered_with_near_ones() {
    let served = Served::at_speed("60");
    let ended = run(&served.address, &["explain", "prod/genral"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("Did you mean prod/general"), "{}", ended.stderr);
    let ended = run(&served.address, &["retry", "prod/genral", "--yes"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("Did you mean prod/general"), "{}", ended.stderr);
    let ended = run(&served.address, &["explain", "general"]);
    assert_eq!(ended.code, Some(64));
}
