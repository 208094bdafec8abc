//! What a subscriber reads.

use eks_nodegroup_updater::model::attempt::{ErrorDetail, Intent, Status};
use eks_nodegroup_updater::model::nodegroup::policy::InvalidTag;
use eks_nodegroup_updater::model::notice::NoticeKind;
use eks_nodegroup_updater::model::record::nodegroup::ExternalUpdate;
use eks_nodegroup_updater::notify::Message;
use serde_json::{Value, json};
use strum::VariantNames as _;
use testing::{
    CURRENT, History, NEWER, UPDATE_ID, arn, assert_generated, at, eviction, fleet_record, intent, names, quarantine,
    retry_after, table,
};

use super::samples::{noticed, noticed_records, record};
use super::{documentation, last_message, machine, part};

fn detail(code: &str, text: &str, resources: &[&str]) -> ErrorDetail {
    let resource_ids = resources.iter().map(|resource| (*resource).to_owned()).collect();
    ErrorDetail { resource_ids, ..ErrorDetail::new(code, text) }
}

fn ended(status: Status, errors: Vec<ErrorDetail>) -> Message {
    let mut record = record();
    record.end(status, errors, at("2026-07-20T09:16:02Z"));
    last_message(&record)
}

#[test]
fn the_documentation_lists_every_kind() {
    let row = |kind: &&str| {
        let (_, record) = noticed_records().into_iter().find(|(name, _)| name == kind).unwrap();
        let notice = record.pending_notices().last().unwrap();
        let said = machine(&Message::new(record.as_ref(), notice, &retry_after()));
        let status = said["status"].as_str().map_or("–".to_owned(), |status| format!("`{status}`"));
        let event_only = if notice.kind.is_event_only() { "; an event only, unless you ask for messages" } else { "" };
        let severity = format!("`{}`", said["severity"].as_str().unwrap());
        [format!("`{kind}`"), severity, status, format!("{}{event_only}", documentation(&notice.kind))]
    };
    let rows = NoticeKind::VARIANTS.iter().map(row);
    assert_generated("notifications.md", "the kinds", &table(["kind", "severity", "status", "meaning"], rows));
}

#[test]
fn every_notification_reads_like_this() {
    for (event, message) in noticed() {
        assert_eq!(machine(&message)["kind"], event);
        let id = machine(&message)["id"].as_str().unwrap().to_owned();
        let text = format!("Subject: {}\n\n{}", message.subject, part(&message, "email"));
        assert!(text.ends_with(&format!("\nMessage {id}\n")), "{text}");
        insta::assert_snapshot!(event, text.replace(&id, "ID"));
    }
}

#[test]
fn machines_read_the_same_as_json() {
    let message = ended(Status::Failed, vec![eviction()]);
    let mut read = machine(&message);
    let members = read.as_object_mut().unwrap();
    assert_eq!(members["ids"], json!([members["id"]]));
    for key in ["id", "ids", "meaning", "nextSteps", "nextAction"] {
        assert!(members.remove(key).is_some(), "{key}");
    }
    for key in [
        "nodegroups",
        "launchTemplate",
        "rollback",
        "stale",
        "support",
        "digest",
        "downgraded",
        "owner",
        "track",
        "failedOn",
        "ranOn",
        "sameBuild",
        "quarantinedIn",
        "runningOn",
        "runs",
        "publishedAt",
        "cause",
        "health",
        "tag",
    ] {
        assert_eq!(members.remove(key), Some(Value::Null), "{key}");
    }
    let expected = json!({
        "version": "1",
        "kind": "UpdateFailed",
        "severity": "error",
        "status": "firing",
        "dedupKey": "123456789012/eu-central-1/prod/blue/1.33.2-20260710",
        "cluster": "prod",
        "nodegroup": "blue",
        "nodegroupArn": arn("prod/blue"),
        "region": "eu-central-1",
        "account": "123456789012",
        "releaseVersion": NEWER,
        "previousReleaseVersion": CURRENT,
        "kubernetesVersion": "1.33",
        "startedBy": "Updater",
        "force": false,
        "attempt": 1,
        "updateId": UPDATE_ID,
        "updateIds": [UPDATE_ID],
        "startedAt": "2026-07-20T09:00:00Z",
        "endedAt": "2026-07-20T09:16:02Z",
        "noticedAt": "2026-07-20T09:16:02Z",
        "durationSeconds": 962,
        "errors": [{
            "errorCode": "PodEvictionFailure",
            "errorMessage": "Reached max retries while trying to evict pods from nodes in node group blue",
            "resourceIds": ["ip-192-168-2-44.eu-central-1.compute.internal"],
        }],
        "nextTry": "2026-07-20T10:16:02Z",
    });
    assert_eq!(read, expected);
}

#[test]
fn attributes_let_a_subscription_filter() {
    let expected = [
        ("kind", "UpdateFailed"),
        ("severity", "error"),
        ("status", "firing"),
        ("cluster", "prod"),
        ("nodegroup", "blue"),
        ("errorCode", "PodEvictionFailure"),
    ];
    let message = ended(Status::Failed, vec![eviction()]);
    assert_eq!(message.attributes, expected.map(|(name, value)| (name, value.to_owned())));
}

#[test]
fn every_event_has_its_subject_and_severity() {
    let subjects = [
        (Status::Failed, "EKS update failed: prod/blue to 1.33.2-20260710", "error"),
        (Status::Cancelled, "EKS update cancelled: prod/blue to 1.33.2-20260710", "warning"),
        (Status::Unverified, "EKS update without effect: prod/blue to 1.33.2-20260710", "error"),
        (Status::NotFound, "EKS update not found: prod/blue to 1.33.2-20260710", "error"),
        (Status::Refused, "EKS update refused: prod/blue to 1.33.2-20260710", "error"),
    ];
    for (status, subject, severity) in subjects {
        let message = ended(status, vec![]);
        assert_eq!((message.subject.as_str(), &machine(&message)["severity"]), (subject, &json!(severity)));
        assert!(part(&message, "email").contains("AWS says   nothing more\n"));
    }
    let mut stuck = record();
    stuck.report_stuck(at("2026-07-20T15:00:00Z"));
    let message = last_message(&stuck);
    assert_eq!(message.subject, "EKS update still running: prod/blue to 1.33.2-20260710");
    assert!(part(&message, "email").contains("Running    6h\n"));
    assert!(part(&message, "email").contains("It is still being watched; you are notified when it ends."));

    let mut available = record();
    available.withdraw();
    let before = available.pending_notices().len();
    available.report_available("1.33", NEWER, at("2026-07-20T15:00:00Z"));
    available.report_available("1.33", NEWER, at("2026-07-20T16:00:00Z"));
    assert_eq!(available.pending_notices().len(), before + 1, "reported once a release");
    let message = last_message(&available);
    assert_eq!(message.subject, "EKS release available: prod/blue can run 1.33.2-20260710");
    assert_eq!(machine(&message)["severity"], "info");
}

#[test]
fn the_last_failure_says_that_there_is_no_further_try() {
    let mut record = record();
    for _ in 0..3 {
        record.end(Status::Failed, vec![], at("2026-07-20T09:16:02Z"));
        record.begin(&intent(NEWER), at("2026-07-20T09:00:00Z"));
    }
    record.end(Status::Failed, vec![], at("2026-07-21T09:16:02Z"));
    let message = last_message(&record);
    let sentence = "1.33.2-20260710 is not retried on this node group; a newer release is installed once there is one.";
    assert!(part(&message, "email").contains(sentence));
    assert_eq!(machine(&message)["nextTry"], Value::Null);
}

#[test]
fn the_id_is_the_same_each_time_and_another_for_another_event() {
    let failed = || ended(Status::Failed, vec![]);
    assert_eq!(machine(&failed())["id"], machine(&failed())["id"]);
    assert_ne!(machine(&failed())["id"], machine(&ended(Status::Cancelled, vec![]))["id"]);
}

#[test]
fn hostile_text_neither_breaks_the_subject_nor_becomes_a_command() {
    let hostile = detail("Bad\r\nCode\u{202E}é", "\u{0}line\nbreak\u{202E}desrever", &["$(reboot)", "-rf", "ip-1; ls"]);
    let eviction = ErrorDetail { error_code: "PodEvictionFailure".into(), ..hostile.clone() };
    let message = ended(Status::Failed, vec![hostile]);
    assert_eq!(message.subject, "EKS update failed: prod/blue to 1.33.2-20260710 (Bad??Code??)");
    let text = part(&message, "email");
    assert!(text.contains("AWS says   Bad  Code é:  line break desrever\n"), "{text}");
    let text = part(&ended(Status::Failed, vec![eviction]), "email");
    assert!(!text.contains("spec.nodeName="), "{text}");
}

#[test]
fn longer_than_sns_allows_is_shortened_and_never_lost() {
    let long = detail("PodEvictionFailure", &"\u{1}\"".repeat(500_000), &["x".repeat(300).as_str()]);
    let mut record = record();
    record.end(Status::Failed, vec![long.clone()], at("2026-07-20T09:16:02Z"));
    // What is stored is bounded already; the builder does not rely on it.
    record.attempts.ended[0].errors = vec![long; 1000];
    let message = last_message(&record);
    assert!(message.body.len() <= 250 * 1024, "{}", message.body.len());
    assert_eq!(message.subject, "EKS update failed: prod/blue to 1.33.2-20260710 (PodEvictionFailure)");
    assert!(part(&message, "email").contains("further errors and resources are left out here"));
    assert_eq!(machine(&message)["kind"], "UpdateFailed");
}

#[test]
fn long_names_leave_a_valid_subject() {
    let name = "n".repeat(100);
    let record = testing::record(&format!("{name}/{name}")).failed(NEWER, at("2026-07-20T09:16:02Z"));
    assert_eq!(last_message(&record).subject.len(), 99);
}

#[test]
fn a_quarantine_is_critical_and_says_how_to_lift_it() {
    let mut record = fleet_record();
    record.quarantine(&quarantine(NEWER, names(["dev/a", "prod/blue"]), at("2026-07-20T10:00:00Z")));
    let message = last_message(&record);
    assert_eq!(message.subject, "EKS release quarantined: 1.33.2-20260710");
    assert_eq!(machine(&message)["severity"], "critical");
    assert_eq!(machine(&message)["nodegroup"], Value::Null);
    let attributes = [("kind", "ReleaseQuarantined"), ("severity", "critical"), ("status", "firing")];
    assert_eq!(message.attributes, attributes.map(|(name, value)| (name, value.to_owned())));
    let text = part(&message, "email");
    assert!(
        text.contains(
            "Where      every node group on 1.33/AL2023_x86_64_STANDARD in eu-central-1, account 123456789012\n"
        ),
        "{text}"
    );
    assert!(text.contains("Failed on  dev/a, prod/blue\n"), "{text}");
    let lift = r#"--event '{"liftQuarantine":["1.33/AL2023_x86_64_STANDARD/1.33.2-20260710"]}'"#;
    assert!(text.contains(lift), "{text}");
    assert!(
        text.contains("eks-nodegroup-updater deny '*-20260710' --region eu-central-1"),
        "it says how to deny the build everywhere: {text}"
    );
}

#[test]
fn an_invalid_tag_is_quoted() {
    let mut record = record();
    record.withdraw();
    let before = record.pending_notices().len();
    let (key, value, expected) = ("ami-update/window".to_owned(), "Sat".to_owned(), "expected windows".to_owned());
    let tag = InvalidTag { key, value, expected };
    record.report_invalid_tag(&tag, at("2026-07-20T10:00:00Z"));
    record.report_invalid_tag(&tag, at("2026-07-20T11:00:00Z"));
    assert_eq!(record.pending_notices().len(), before + 1, "reported once");
    let message = last_message(&record);
    assert_eq!(message.subject, "EKS update tag invalid: prod/blue");
    assert!(part(&message, "email").contains("Tag        ami-update/window=Sat; expected windows\n"));
}

#[test]
fn force_is_said_before_and_after() {
    let mut record = record();
    let open = record.attempts.open.as_mut().unwrap();
    open.intent.may_force = true;
    record.end(Status::Failed, vec![eviction()], at("2026-07-20T09:16:02Z"));
    let before = "1.33.2-20260710 is retried after 2026-07-20T10:16:02Z, once all rules allow it, with force: pods \
                  that do not leave are deleted, regardless of their disruption budgets.";
    assert_eq!(machine(&last_message(&record))["nextAction"], before);
    record.begin(&Intent { force: true, may_force: true, ..intent(NEWER) }, at("2026-07-20T11:00:00Z"));
    record.end(Status::Successful, vec![], at("2026-07-20T11:20:00Z"));
    let message = last_message(&record);
    assert_eq!(message.subject, "EKS update forced: prod/blue to 1.33.2-20260710");
    assert!(part(&message, "email").contains("overriding disruption budgets, which made it fail before, attempt 2\n"));
}

#[test]
fn an_external_update_is_marked_as_such() {
    let mut record = record();
    record.withdraw();
    let update_id = "9ebf4bd5-f1d2-4f2c-9b7b-1b2c3d4e5f60".to_owned();
    record.adopt(&ExternalUpdate { update_id, intent: intent(NEWER), started_at: at("2026-07-20T09:00:00Z") });
    record.end(Status::Failed, vec![eviction()], at("2026-07-20T09:16:02Z"));
    let message = last_message(&record);
    assert_eq!(machine(&message)["startedBy"], "External");
    assert!(part(&message, "email").contains("Who        an external update, not started by the updater\n"));
}
