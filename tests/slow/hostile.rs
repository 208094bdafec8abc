//! Hostile input: the targets of `fuzz/`, on the committed corpus, on what mutating it gives, and on generated input.

use std::path::Path;

use aws_sdk_eks::types::AmiTypes;
use eks_nodegroup_updater::model::attempt::{ErrorDetail, Intent, Status};
use eks_nodegroup_updater::model::nodegroup::policy::OPT_IN_TAG;
use eks_nodegroup_updater::model::rules::RuleName;
use eks_nodegroup_updater::model::settings::setting::SettingRow;
use eks_nodegroup_updater::notify::{Event, Message};
use fastrand::Rng;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Map, Value, json};
use testing::{FLEET_KEY, TRACK_KEY, hostile, now, record, retry_after};

/// How many mutations and generated inputs of each target: seconds in all.
const MUTATIONS: usize = 80;
const GENERATED: u32 = 60;

type Target = fn(&[u8]);

#[test]
fn no_event_causes_a_panic_or_an_update_that_it_does_not_ask_for() {
    let request = ["dryRun", "nodegroups", "clusters", "explain", "retry", "rollback", "liftQuarantine"];
    let keys = [&request[..], &["Records", "EventSource", "source"]].concat();
    let envelope = ["detail-type", "detail", "time", "id", "account", "region", "resources", "version"];
    let words = ["prod/blue", "prod", "prod/green", "/", "a/b/c", "aws:sns", "aws.events", "2026-11-23T09:05:00Z"];
    let json = json(&[&keys[..], &envelope].concat(), &words);
    try_all("event", hostile::event, json.prop_map(|event| event.to_string().into_bytes()));
}

#[test]
fn no_tag_or_setting_causes_a_panic_or_an_update_without_opting_in() {
    let tags = RuleName::names().map(|name| format!("{OPT_IN_TAG}/{name}"));
    let variables = SettingRow::all().map(|row| row.variable.to_owned());
    let names: Vec<String> = [OPT_IN_TAG.to_owned()].into_iter().chain(tags).chain(variables).collect();
    let names = prop::sample::select(names);
    let value = prop_oneof![
        Just("auto".to_owned()),
        "[0-9]{1,20}[smhdwy]?",
        "(Mon|Sat-Sun|Sun-Mon) [0-2][0-9]:[0-6][0-9]-[0-2][0-9]:[0-6][0-9] (UTC|Europe/Berlin|Etc/GMT\\+2|Local)",
        "1\\.3[34]\\.[0-9]-202607[0-3][0-9]",
        "\\PC{0,60}",
    ];
    let lines = prop::collection::vec((names, value), 0..8);
    let text = lines.prop_map(|lines| {
        let lines = lines.into_iter().map(|(name, value)| format!("{name}={value}\n"));
        format!("ami-update=auto\n{}", lines.collect::<String>()).into_bytes()
    });
    try_all("tags_and_settings", hostile::tags_and_settings, text);
}

#[test]
fn no_parameter_causes_a_panic_and_what_is_not_understood_starts_nothing() {
    let in_document = SettingRow::all().filter(|row| row.of.in_document());
    let parameters: Vec<&str> = in_document.map(|row| row.parameter).collect();
    let words = ["24h", "0", "never", "Mon 00:00-24:00 UTC", "*-20260710", "1h 4h", "freeze", "UTC"];
    let value = |mostly: &'static [&'static str]| {
        let any = json(&parameters, &words).prop_map(|value| value.to_string());
        prop_oneof![6 => prop::sample::select(mostly.to_vec()).prop_map(str::to_owned), 1 => any, 1 => "\\PC{0,20}"]
    };
    let texts = (
        value(&["{}", r#"{"RingSoak": "1h"}"#, r#"{"Ring": "1", "Ring": "2"}"#]),
        value(&["running", "stopped"]),
        value(&["[]", r#"["*-20260710"]"#, r#"["latest"]"#]),
        value(&["[]", r#"["freeze"]"#, r#"["gone"]"#]),
    );
    let texts = texts.prop_map(|(document, switch, denied, calendars)| {
        [document, switch, denied, calendars].join("\0").into_bytes()
    });
    try_all("parameters", hostile::parameters, texts);
}

#[test]
fn no_stored_item_causes_a_panic_or_an_update_of_another_node_group() {
    let attempt = json!({
        "number": 1, "token": "t",
        "intent": {
            "version": "1.33", "amiType": "AL2023_x86_64_STANDARD", "releaseVersion": "1.33.2-20260710",
            "previousReleaseVersion": "1.33.1-20260610",
            "force": false, "mayForce": true, "startBefore": "2026-07-20T09:30:00Z",
        },
        "startedBy": "Updater", "startedAt": "2026-07-20T08:00:00Z",
        "status": "InProgress", "updateId": "u", "errors": [{"errorCode": "NodeCreationFailure", "errorMessage": "m"}],
    });
    let notice = json!({
        "kind": {"UpdateFailed": {"number": 1, "releaseVersion": "1.33.2-20260710"}}, "at": "2026-07-20T08:30:00Z",
    });
    let back_off = json!({
        "outcome": "InUse", "error": "e", "since": "2026-07-20T08:00:00Z", "last": "2026-07-20T08:00:00Z", "times": 1,
    });
    let past = json!({
        "number": 1, "version": "1.33", "from": "1.33.1-20260610", "to": "1.33.2-20260710", "status": "Failed",
        "startedBy": "Updater", "startedAt": "2026-07-20T08:00:00Z", "endedAt": "2026-07-20T08:20:00Z",
    });
    let runs = json!({"version": "1.33", "releaseVersion": "1.33.1-20260610"});
    let hold = json!({
        "from": {"version": "1.33", "releaseVersion": "1.33.2-20260710"}, "to": runs, "by": "External",
        "since": "2026-07-20T08:00:00Z", "confirmed": true, "times": 1,
    });
    let record = json!({
        "kind": "Nodegroup", "schemaVersion": 1, "revision": "3/w",
        "attempts": {"count": 1, "open": attempt, "ended": [attempt], "history": [past], "backOff": back_off},
        "downgrade": {
            "ran": runs, "hold": hold, "updateHistory": {"unreadSince": "2026-07-20T08:00:00Z"},
            "rollback": {"releaseVersion": "1.33.1-20260610", "requestedAt": "2026-07-20T08:00:00Z", "requestId": "r"},
        },
        "standing": {"optedInSince": "2026-07-20T08:00:00Z", "owner": "Radius"},
        "reported": {
            "tag": {"key": "ami-update", "value": "on", "at": "2026-07-20T08:00:00Z"},
            "release": {"version": "1.33", "releaseVersion": "1.33.2-20260710"},
        },
        "pendingNotices": [notice, {"kind": {"UpdatePaused": {"number": 1}}, "at": "2026-07-20T08:30:00Z"}], "expiresAt": 1,
        "unknown": {"in": ["any", "version"]},
        "clusterVersion": {"version": "1.34", "since": "2026-07-20T08:00:00Z"},
        "proofs": [{"version": "1.33", "releaseVersion": "1.33.2-20260710", "at": "2026-07-20T08:00:00Z"}],
    });
    let keys = ["status", "startedAt", "endedAt", "number", "intent", "kind", "at", "startedBy", "force", "revision"];
    let words = ["Failed", "Successful", "Intent", "NotFound", "Fleet", "3/w", "-009999-01-02T01:59:59Z", "yes"];
    let part = json(&keys, &words);
    let quarantine = json!({
        "version": "1.33", "amiType": "AL2023_x86_64_STANDARD", "releaseVersion": "1.33.2-20260710", "since": "2026-07-20T08:00:00Z",
        "nodegroups": {"names": ["a/b"], "count": 1}, "liftedAt": "2026-07-20T08:30:00Z",
    });
    let quarantined = json!({
        "version": "1.33", "amiType": "AL2023_x86_64_STANDARD", "releaseVersion": "1.33.2-20260710", "cluster": "a",
        "nodegroups": {"names": ["a/b"], "count": 1}, "ranOn": {"names": [], "count": 0}, "sameBuild": ["1.34/x/y"],
    });
    let fleet = json!({
        "itemKey": FLEET_KEY, "kind": "Fleet", "schemaVersion": 1, "revision": "3/w", "quarantines": [quarantine],
        "pendingNotices": [{"kind": {"ReleaseQuarantined": quarantined}, "at": "2026-07-20T08:30:00Z"}],
    });
    let withdrawn = json!({
        "releaseVersion": "1.33.2-20260715", "latest": "1.33.2-20260710", "nodegroups": {"names": ["a/b"], "count": 1},
    });
    let track = json!({
        "itemKey": TRACK_KEY, "kind": "Track", "schemaVersion": 1, "revision": "3/w",
        "releases": [
            {"releaseVersion": "1.33.2-20260710", "firstSeenAt": "2026-07-10T08:00:00Z", "namedAt": "2026-07-20T08:00:00Z"},
            {
                "releaseVersion": "1.33.2-20260715", "publishedAt": "2026-07-15T08:00:00Z",
                "firstSeenAt": "2026-07-15T08:00:00Z", "namedAt": "2026-07-15T08:00:00Z",
                "withdrawal": {"at": "2026-07-20T08:00:00Z", "seenAt": "2026-07-20T08:00:00Z", "dated": true},
                "refusal": {
                    "since": "2026-07-15T08:00:00Z", "last": "2026-07-16T08:00:00Z", "times": 3, "message": "no",
                },
            },
        ],
        "pendingNotices": [{"kind": {"ReleaseWithdrawn": withdrawn}, "at": "2026-07-20T08:30:00Z"}],
    });
    let changes = prop::collection::vec((any::<prop::sample::Index>(), part), 0..4);
    let item = prop::sample::select(vec![record, fleet, track]);
    let items = (changes, item).prop_map(move |(changes, mut item)| {
        for (place, part) in changes {
            let mut places = Vec::new();
            pointers(&item, String::new(), &mut places);
            *item.pointer_mut(&places[place.index(places.len())]).unwrap() = part;
        }
        item.to_string().into_bytes()
    });
    try_all("stored_item", hostile::stored_item, items);
}

#[test]
fn no_answer_of_aws_causes_a_panic_or_an_update_of_another_node_group() {
    let keys = [
        "nodegroup",
        "tags",
        "ami-update",
        "status",
        "amiType",
        "version",
        "releaseVersion",
        "nodegroupArn",
        "update",
        "errors",
        "type",
        "params",
        "createdAt",
        "updateIds",
        "nextToken",
        "Parameters",
        "Name",
        "Value",
        "State",
        "ResourceTagMappingList",
        "ResourceARN",
        "PaginationToken",
        "Responses",
        "updates",
        "UnprocessedKeys",
        "Items",
        "LastEvaluatedKey",
        "Item",
        "S",
        "N",
        "M",
        "L",
        "NULL",
        "__type",
        "message",
    ];
    let words =
        ["auto", "ACTIVE", "InProgress", "Failed", "CLOSED", "1.33.2-20260710", "1e999", "ResourceInUseException"];
    let body = prop_oneof![
        4 => json(&keys, &words).prop_map(|body| body.to_string().into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..200),
        1 => "(<[a-z!?/]{1,8}>|&#?[a-z0-9]{1,4};|\\PC){0,40}".prop_map(String::into_bytes),
    ];
    let first = (0..hostile::ACTIONS.len(), prop_oneof![3 => Just(0), 1 => 0..hostile::STATUSES.len()]);
    let answers = (first, body).prop_map(|((action, status), body)| {
        [vec![b'a' + u8::try_from(action).unwrap(), b'0' + u8::try_from(status).unwrap()], body].concat()
    });
    try_all("answers", hostile::answers, answers);
}

#[test]
fn a_hundred_thousand_hostile_errors_are_reported_in_a_message_that_sns_takes() {
    let mut record = record("prod/blue");
    let ami_type = AmiTypes::from("AL2023\u{202E}");
    let intent = Intent::new("1.33\u{202E}", &ami_type, "1.33.1\u{FEFF}", "1.33.2-20260710\n\u{1B}[2J");
    record.begin(&intent, now());
    record.accept("079be772\u{2066}\r");
    let error = ErrorDetail {
        resource_ids: vec!["$(reboot)".into()],
        ..ErrorDetail::new("Pod\u{202E}Eviction\0", "\u{2066}\r\n\u{1B}[31m\u{FEFF}")
    };
    record.end(Status::Failed, vec![], now());
    record.attempts.ended[0].errors = vec![error; 100_000];
    let failed = &record.pending_notices()[1];
    let event = Event::new(&record, failed, &retry_after()).unwrap();
    assert!(event.detail.len() <= 60 * 1024, "EventBridge charges for every 64 KiB: {}", event.detail.len());
    let message = Message::new(&record, failed, &retry_after());
    assert!(message.body.len() <= 250 * 1024, "{}", message.body.len());
    let body: Value = serde_json::from_str(&message.body).unwrap();
    let text = body["email"].as_str().unwrap();
    assert!(text.contains("further errors and resources are left out here"));
    let hidden = |character: char| {
        character != '\n' && (character.is_control() || "\u{202E}\u{2066}\u{FEFF}".contains(character))
    };
    assert!(!text.contains(hidden));
    let chat: Value = serde_json::from_str(body["https"].as_str().unwrap()).unwrap();
    for key in ["title", "description"] {
        let text = chat["content"][key].as_str().unwrap();
        assert!(!text.contains(hidden) && text.len() <= 24_000, "{text}");
    }
}

/// Runs a target on its corpus, on mutations of it, and on generated input.
fn try_all(name: &str, target: Target, generated: impl Strategy<Value = Vec<u8>>) {
    let seeds = corpus(name);
    for (file, seed) in &seeds {
        tried(&format!("{name}/{file}"), target, seed);
    }
    // The same mutations in every run.
    let mut rng = Rng::with_seed(1);
    for count in 0..MUTATIONS {
        let (_, seed) = &seeds[count % seeds.len()];
        let (_, other) = &seeds[below(&mut rng, seeds.len())];
        tried(&format!("mutation {count} of {name}"), target, &mutate(seed, other, &mut rng));
    }
    let config = Config { cases: GENERATED, failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let result = TestRunner::new_with_rng(config, rng).run(&generated, |input| {
        target(&input);
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{name}: {failure}"));
    println!("{name}: {} files of the corpus, {MUTATIONS} mutations, {GENERATED} generated", seeds.len());
}

/// Tries one input, and says which it was where that fails.
fn tried(what: &str, target: Target, input: &[u8]) {
    let outcome = std::panic::catch_unwind(|| target(input));
    assert!(outcome.is_ok(), "{what} failed: {:?}", String::from_utf8_lossy(input));
}

/// The files of a target's corpus by name, which must not be none.
fn corpus(name: &str) -> Vec<(String, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let files = std::fs::read_dir(&directory).unwrap().map(|file| file.unwrap());
    let mut files: Vec<_> =
        files.map(|file| (file.file_name().into_string().unwrap(), std::fs::read(file.path()).unwrap())).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", directory.display());
    files
}

/// A place in something of this length; 0 where it is empty.
fn below(rng: &mut Rng, end: usize) -> usize {
    rng.usize(0..end.max(1))
}

fn mutate(seed: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8> {
    // What makes an input huge is in the corpus itself.
    let mut input = seed[..seed.len().min(8 * 1024)].to_vec();
    match below(rng, 4) {
        0 => input.truncate(below(rng, input.len())),
        1 => input = [&input[..below(rng, input.len())], &other[below(rng, other.len().min(8 * 1024))..]].concat(),
        2 => {
            let digits: Vec<usize> = (0..input.len()).filter(|place| input[*place].is_ascii_digit()).collect();
            if !digits.is_empty() {
                let place = digits[below(rng, digits.len())];
                input.splice(place..=place, b"99999999999999999999".iter().copied().take(1 + below(rng, 20)));
            }
        }
        _ => {
            for _ in 0..=below(rng, 3) {
                let place = below(rng, input.len());
                if let Some(byte) = input.get_mut(place) {
                    *byte ^= 1 << below(rng, 8);
                }
            }
        }
    }
    input.truncate(16 * 1024);
    input
}

/// JSON of these keys and words, and of what is neither.
fn json(keys: &[&'static str], words: &[&'static str]) -> impl Strategy<Value = Value> + use<> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop::sample::select(vec![u64::MAX, u64::from(u32::MAX), 0, 1]).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(words.to_vec()).prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    let key = prop_oneof![9 => prop::sample::select(keys.to_vec()).prop_map(str::to_owned), 1 => "\\PC{0,8}"];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(key.clone(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// The JSON pointer of everything in a value.
fn pointers(value: &Value, here: String, all: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| {
            pointers(value, format!("{here}/{}", key.replace('~', "~0").replace('/', "~1")), all);
        }),
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(index, value)| pointers(value, format!("{here}/{index}"), all));
        }
        _ => {}
    }
    if !here.is_empty() {
        all.push(here);
    }
}
