//! `--verbose`: each call to AWS on stderr, and how many there were.

use crate::proxy::Recorder;
use crate::served::run;

/// A line without what differs each time: how long it took, and the id.
fn masked(line: &str) -> String {
    let Some((what, took)) = line.split_once(" in ") else { return line.to_owned() };
    let (took, rest) = took.split_once(' ').unwrap();
    assert!(took.parse::<f64>().is_ok(), "{line}");
    match rest.split_once("request ") {
        Some((unit, id)) => {
            assert!(id.len() >= 32 && !id.contains(' '), "{line}");
            format!("{what} in N {unit}request ID")
        }
        None => format!("{what} in N {rest}"),
    }
}

#[test]
fn each_call_is_a_line_with_its_request_id_and_the_last_line_is_their_number() {
    let aws = Recorder::new(|_| None);
    let quiet = run(&aws.address, &["quarantine", "list"]);
    assert_eq!((quiet.code, quiet.stderr.as_str(), aws.take().len()), (Some(0), "", 2));
    let ended = run(&aws.address, &["quarantine", "list", "--verbose"]);
    assert_eq!((ended.code, ended.stdout), (Some(0), quiet.stdout));
    let lines: Vec<String> = ended.stderr.lines().map(masked).collect();
    let address = &aws.address;
    let expected = [
        &format!("POST {address} DescribeStacks 200 in N ms, request ID"),
        &format!("POST {address} Scan 200 in N ms, request ID"),
        "2 calls to AWS in N s",
    ];
    assert_eq!((lines, aws.take().len()), (expected.map(str::to_owned).to_vec(), 2));
}

#[test]
fn a_call_without_an_answer_is_a_line_with_the_reason() {
    let ended = run("127.0.0.1:1", &["-v", "quarantine", "list"]);
    assert_eq!(ended.code, Some(1));
    let first = ended.stderr.lines().next().unwrap();
    assert!(first.starts_with("POST 127.0.0.1:1 DescribeStacks failed in "), "{first}");
    assert!(first.contains("Connection refused"), "{first}");
}

#[test]
fn the_demo_calls_no_aws_that_is_to_be_shown() {
    let ended = run("127.0.0.1:1", &["-v", "demo"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert!(ended.stdout.contains("AWS calls\n"), "it is the verbose one: {}", ended.stdout);
}
