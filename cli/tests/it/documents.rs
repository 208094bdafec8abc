//! The JSON documents, and the schema that `docs/cli.schema.json` promises for them.

use serde_json::{Value, json};

use crate::proxy;
use crate::served::{Served, run};

/// Asserts that a document is as the schema has it, under this name.
fn assert_is(definition: &str, text: &str) {
    let schema = include_str!("../../../docs/cli.schema.json");
    let mut schema: Value = serde_json::from_str(schema).unwrap();
    schema["$ref"] = format!("#/$defs/{definition}").into();
    let document: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{definition}: {error}: {text}"));
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(&document).map(|error| format!("{} {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{definition}: {errors:#?}\n{document:#}");
}

#[test]
fn every_document_is_as_its_schema_has_it() {
    let served = Served::at_speed("3600");
    for (definition, arguments) in [
        ("plan", &["plan", "--all"][..]),
        ("plan", &["plan", "--filter", "prod/web"]),
        ("nodegroups", &["nodegroups"]),
        ("explain", &["explain", "prod/gpu"]),
        ("explain", &["explain", "dev/sandbox"]),
        ("start", &["run", "start"]),
        ("check", &["run", "check"]),
        ("start", &["run", "start", "--wait", "--timeout", "1s"]),
        ("wait", &["wait", "*/*", "--timeout", "1s"]),
        ("wait", &["wait", "*/*", "--for", "current"]),
        ("status", &["status"]),
        ("history", &["history"]),
        ("history", &["history", "staging/general"]),
        ("releases", &["history", "--releases"]),
        ("quarantines", &["quarantine", "list"]),
        ("doctor", &["doctor"]),
        ("tags", &["opt-in", "dev/*", "--dry-run"]),
        ("tags", &["set", "prod/*", "ring=2", "--yes"]),
        ("denied", &["deny", "*-20260710", "--yes"]),
        ("denied", &["allow", "*-20260710", "--yes"]),
        ("switch", &["pause", "--yes"]),
        ("switch", &["resume", "--yes"]),
        ("start", &["retry", "staging/general", "--yes"]),
        ("failure", &["explain", "prod/nobody"]),
        ("failure", &["status", "--stack", "nobody"]),
    ] {
        let ended = run(&served.address, &[arguments, &["--output", "json"]].concat());
        assert_is(definition, &ended.stdout);
    }
}

#[test]
fn what_could_not_be_read_is_in_the_document_too() {
    let served = Served::at_speed("60");
    let proxy = proxy::before(&served, |request| {
        let body = r#"{"message":"no"}"#;
        let denied = || proxy::answer("403 Forbidden", "x-amzn-errortype: AccessDeniedException\r\n", body);
        request.first_line.starts_with("GET /clusters/prod/node-groups ").then(denied)
    });
    let ended =
        run(&proxy, &["plan", "--all", "--region", "eu-central-1", "--region", "eu-north-1", "--output", "json"]);
    assert_is("plan", &ended.stdout);
    let errors = serde_json::from_str::<Value>(&ended.stdout).unwrap()["errors"].take();
    let subjects: Vec<(&Value, &Value)> =
        errors.as_array().unwrap().iter().map(|error| (&error["region"], &error["cluster"])).collect();
    assert_eq!(subjects, [(&json!("eu-north-1"), &Value::Null), (&json!("eu-central-1"), &json!("prod"))]);
}
