//! How the command line is called.

use std::process::{Command, Output};

fn output(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_eks-nodegroup-updater")).args(arguments).output().unwrap()
}

fn stdout_of(arguments: &[&str]) -> String {
    let output = output(arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn an_unknown_flag_is_a_clear_error() {
    let output = output(&["demo", "--outptu", "json"]);
    assert_eq!(output.status.code(), Some(64));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("unexpected argument '--outptu'") && stderr.contains("'--output'"), "{stderr}");
    assert!(output.stdout.is_empty());
}

#[test]
fn an_unknown_output_is_a_clear_error() {
    let output = output(&["demo", "--output", "yaml"]);
    assert_eq!(output.status.code(), Some(64));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("'yaml'") && stderr.contains("table, wide, json, csv, name"), "{stderr}");
}

#[test]
fn every_command_has_help() {
    for (arguments, expected) in [(["demo", "--help"], "eight hours"), (["serve", "--help"], "--speed")] {
        let help = stdout_of(&arguments).to_lowercase();
        assert!(help.contains(expected), "{help}");
    }
}

#[test]
fn the_demo_suggests_the_commands_of_the_installed_program() {
    let screen = stdout_of(&["demo"]);
    for command in ["eks-nodegroup-updater demo --verbose", "eks-nodegroup-updater serve"] {
        assert!(screen.contains(command), "{screen}");
    }
}
