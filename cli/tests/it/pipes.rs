//! Commands whose reader has read enough, as `head` has.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use crate::served::{Served, command};

/// How a command ends, and what it says, where nobody reads what it prints.
fn unread(mut command: Command) -> (Option<i32>, String) {
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(process.stdout.take());
    let mut stderr = process.stderr.take().unwrap();
    // It says no more when it has ended.
    let (said, all_said) = channel();
    thread::spawn(move || {
        let mut text = String::new();
        stderr.read_to_string(&mut text).unwrap();
        said.send(text)
    });
    let Ok(text) = all_said.recv_timeout(Duration::from_mins(1)) else {
        process.kill().unwrap();
        panic!("it goes on although nobody reads");
    };
    (process.wait().unwrap().code(), text)
}

#[test]
fn a_reader_that_has_read_enough_is_no_error() {
    let quiet = (Some(0), String::new());
    for arguments in
        [&["completions", "bash"][..], &["completions", "zsh"], &["--help"], &["plan", "--help"], &["demo"]]
    {
        assert_eq!(unread(command("127.0.0.1:1", arguments)), quiet, "{arguments:?}");
    }
    let served = Served::at_speed("60");
    for arguments in [&["plan"][..], &["explain", "prod/web"], &["history"], &["quarantine", "list"]] {
        assert_eq!(unread(command(&served.address, arguments)), quiet, "{arguments:?}");
    }
}

#[test]
fn a_command_that_watches_ends_when_nobody_reads() {
    let served = Served::at_speed("60");
    assert_eq!(unread(command(&served.address, &["status", "--watch"])), (Some(0), String::new()));
}
