//! What the README's first command compiles, and that nothing is compiled again for what follows.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// The crates that a command would compile, each with the sets of features that it is compiled with. Those of the workspace
/// are left out.
fn compiled(arguments: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
    let mut tree = Command::new(env!("CARGO"));
    tree.args(["tree", "--offline", "--locked", "--prefix", "none", "--format", "{p}|{f}"]).args(arguments);
    let output = tree.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut crates = BTreeMap::<String, BTreeSet<String>>::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let Some((name, features)) = line.split_once('|') else { continue };
        let name = name.trim_end_matches(" (proc-macro)");
        if !name.contains("(/") {
            crates.entry(name.to_owned()).or_default().insert(features.trim_end_matches(" (*)").to_owned());
        }
    }
    crates
}

fn demo() -> BTreeMap<String, BTreeSet<String>> {
    compiled(&["--package", "demo", "--edges", "normal,build"])
}

#[test]
fn of_the_sdk_the_demo_compiles_what_the_functions_call_and_what_finds_credentials() {
    let demo = demo();
    let names = demo.keys().map(|name| name.split(' ').next().unwrap());
    let of_the_sdk: Vec<&str> = names.filter_map(|name| name.strip_prefix("aws-sdk-")).collect();
    let expected =
        ["dynamodb", "eks", "eventbridge", "resourcegroupstagging", "signin", "sns", "ssm", "sso", "ssooidc", "sts"];
    assert_eq!(of_the_sdk, expected);
    assert!(demo.len() <= 300, "{} crates", demo.len());
}

#[test]
fn after_the_demo_neither_the_tests_nor_the_local_functions_compile_a_crate_again() {
    let demo = demo();
    let tests = compiled(&["--workspace"]);
    let local = &["--package", "eks-nodegroup-updater", "--features", "workspace-hack", "--edges", "normal,build"];
    for (command, crates) in [("cargo test --workspace", tests), ("cargo lambda watch", compiled(local))] {
        let again =
            crates.iter().filter(|(name, features)| demo.get(*name).is_some_and(|there| !there.is_superset(features)));
        let again: Vec<&String> = again.map(|(name, _)| name).collect();
        assert_eq!(again, Vec::<&String>::new(), "{command}: features of `workspace-hack` are missing");
    }
}
