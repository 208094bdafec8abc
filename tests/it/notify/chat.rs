//! What a chat shows.

use eks_nodegroup_updater::model::attempt::{ErrorDetail, Intent, Status};
use eks_nodegroup_updater::model::nodegroup::owner::Owner;
use eks_nodegroup_updater::model::notice::Notice;
use eks_nodegroup_updater::model::record::nodegroup::NodegroupRecord;
use eks_nodegroup_updater::model::record::set::AnyRecord;
use eks_nodegroup_updater::model::release::track::Family;
use eks_nodegroup_updater::model::release::version::ReleaseVersion;
use eks_nodegroup_updater::notify::Message;
use serde_json::{Value, json};
use strum::VariantArray as _;
use testing::{CURRENT, History, NEWER, arn, at, error, eviction, intent, names, retry_after};

use super::samples::{noticed, taken_back, track_with};
use super::{last_message, machine, part};
use crate::schema::assert_is_chat_notification;

fn chat(message: &Message) -> Value {
    let notification = serde_json::from_str(&part(message, "https")).unwrap();
    assert_is_chat_notification(&notification);
    notification
}

/// An update of this node group to the newer release failed.
fn failed(path: &str, errors: Vec<ErrorDetail>) -> NodegroupRecord {
    testing::record(path).ended(&intent(NEWER), Status::Failed, errors, at("2026-07-20T09:16:02Z"))
}

/// All texts that a chat shows.
fn texts(notification: &Value) -> Vec<String> {
    let content = &notification["content"];
    let lists = [&content["nextSteps"], &content["keywords"]];
    let singles = [&content["title"], &content["description"], &notification["metadata"]["summary"]];
    let lists = lists.into_iter().filter_map(Value::as_array).flatten();
    singles.into_iter().chain(lists).map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// What is left of a text without its code spans, which end in the line in which they begin.
fn outside_code(text: &str) -> String {
    let of_line = |line: &str| {
        assert_eq!(line.matches('`').count() % 2, 0, "a code span stays open: {line}");
        line.split('`').step_by(2).collect::<String>()
    };
    text.lines().map(of_line).collect::<Vec<_>>().join("\n")
}

fn assert_nothing_acts(notification: &Value) {
    for text in texts(notification) {
        assert!(!text.contains(['<', '>', '&', '@']), "{text}");
        let outside = outside_code(&text);
        assert!(!outside.contains(['*', '_', '~', '[', ']', '|', '\\']) && !outside.contains("://"), "{text}");
    }
}

#[test]
fn every_notification_reads_like_this_in_a_chat() {
    for (event, message) in noticed() {
        let (read, notification) = (machine(&message), chat(&message));
        assert_nothing_acts(&notification);
        assert_eq!(notification["id"], read["id"], "{event}");
        let context = &notification["metadata"]["additionalContext"];
        for key in ["kind", "severity", "region", "account", "dedupKey"] {
            assert_eq!(context[key], read[key], "{event}: {key}");
        }
        let text = serde_json::to_string_pretty(&notification).unwrap();
        insta::assert_snapshot!(event, text.replace(read["id"].as_str().unwrap(), "ID"));
    }
}

#[test]
fn each_owner_is_named_with_what_to_do_and_no_word_of_that_is_cut() {
    for owner in Owner::VARIANTS {
        let [downgraded, lost] = taken_back(Some(*owner)).map(|record| last_message(&record));
        for (message, what) in [(downgraded, owner.setting()), (lost, owner.tags())] {
            let (read, notification) = (machine(&message), chat(&message));
            assert_nothing_acts(&notification);
            assert_eq!(read["owner"], json!(owner));
            let fact = format!("\nManaged by {}, as its tags show\n", owner.name());
            assert!(part(&message, "email").contains(&fact), "{}", part(&message, "email"));
            let end = format!("{what} ({})", owner.page());
            assert!(read["nextSteps"][0].as_str().unwrap().ends_with(&end), "{read}");
            let steps = notification["content"]["nextSteps"].to_string();
            assert!(steps.contains(&end), "{steps}");
        }
    }
}

#[test]
fn what_others_wrote_is_neither_formatting_nor_a_link_nor_a_mention() {
    let hostile = "`*bold* _it_ ~gone~ <!channel> <@U012> <https://evil.example|here> &lt;!here&gt; @channel \
                   [click](https://evil.example) www.evil.example :bomb: ```\n# title\n> quote \u{202E}";
    let path = "*prod*_x_<!here>/`@here`~[blue](evil.example)&";
    let detail = ErrorDetail { resource_ids: vec![hostile.to_owned(), "i-1".to_owned()], ..error(hostile, hostile) };
    let message = last_message(&failed(path, vec![detail]));
    let notification = chat(&message);
    assert_nothing_acts(&notification);
    let content = &notification["content"];
    let title = "✗ EKS update failed: `*prod*_x_‹!here›/ˋ＠hereˋ~[blue](evil.example)＆` to 1.33.2-20260710 (`ˋ*bold* ";
    assert!(content["title"].as_str().unwrap().starts_with(title), "{content}");
    let description = content["description"].as_str().unwrap();
    assert!(description.contains("\nNot all steps fit here"), "{description}");
    assert!(description.contains("‹https://evil.example|here›"), "it can still be read: {description}");
    // A command that would have to be changed to be shown is not.
    assert_eq!(content.get("nextSteps"), None);
    assert_eq!(machine(&message)["errors"][0]["errorMessage"], hostile, "others read it as it is");
    assert!(!part(&message, "email").contains('\u{202E}'));
}

#[test]
fn a_name_can_be_copied() {
    let content = chat(&last_message(&failed("prod_eu/my_team", vec![])))["content"].clone();
    assert_eq!(content["title"], "✗ EKS update failed: `prod_eu/my_team` to 1.33.2-20260710");
    assert_eq!(content["nextSteps"][0], "`eks-nodegroup-updater explain prod_eu/my_team --region eu-central-1`");
}

#[test]
fn a_long_text_is_cut_and_keeps_what_matters() {
    let mut record = failed("prod/blue", vec![]);
    record.attempts.ended[0].errors = vec![error("PodEvictionFailure", &"😀".repeat(3_000)); 100];
    let message = last_message(&record);
    assert!(message.body.len() <= 250 * 1024, "{}", message.body.len());
    let content = chat(&message)["content"].clone();
    let description = content["description"].as_str().unwrap();
    assert!(description.starts_with("Pods did not leave a node within 15 minutes"), "{description}");
    assert!(description.contains("\nNext: 1.33.2-20260710 is retried after 2026-07-20T10:16:02Z, "), "{description}");
    assert!(description.ends_with("😀`…"), "{description}");
    assert!(description.encode_utf16().count() > 7_990);
    assert!(!content["nextSteps"].as_array().unwrap().is_empty());
}

#[test]
fn a_command_that_is_too_long_is_left_out_and_not_cut() {
    let mut track = track_with(NEWER);
    let (current, later) =
        (ReleaseVersion::parse(Family::AmazonLinux2023, CURRENT).unwrap(), at("2026-07-20T09:00:00Z"));
    track.releases.recommend(&current, Some(later), later);
    let long = names([&format!("{}/{}", "c".repeat(100), "n".repeat(63)), &format!("prod/{}", "n".repeat(63))]);
    track.report_withdrawn(NEWER, CURRENT, &long, at("2026-07-20T10:00:00Z"));
    let content = chat(&last_message(&track))["content"].clone();
    assert_eq!(content.get("nextSteps"), None);
}

#[test]
fn a_thread_is_about_a_node_group_and_a_release() {
    let of = |record: &NodegroupRecord| {
        let notification = chat(&last_message(record));
        let text = |key: &str| notification["metadata"][key].as_str().unwrap().to_owned();
        let key = notification["metadata"]["additionalContext"]["dedupKey"].as_str().unwrap().to_owned();
        assert!(key.len() <= 255, "{key}");
        (text("threadId"), key)
    };
    let mut record = failed("prod/blue", vec![eviction()]);
    let before = of(&record);
    assert_eq!(before.0, "eu-central-1/prod/blue/1.33.2-20260710");
    assert_eq!(before.1, "123456789012/eu-central-1/prod/blue/1.33.2-20260710");
    record.begin(&Intent { force: true, may_force: true, ..intent(NEWER) }, at("2026-07-20T11:00:00Z"));
    record.end(Status::Successful, vec![], at("2026-07-20T11:20:00Z"));
    assert_eq!(of(&record), before, "what ends a trouble is in its thread");

    let path = format!("{}/{}", "c".repeat(100), "n".repeat(63));
    let (long, other) = (format!("{NEWER}-{}", "x".repeat(40)), format!("{NEWER}-{}", "y".repeat(40)));
    let of_release = |release: &str| of(&testing::record(&path).failed(release, at("2026-07-20T09:16:02Z")));
    assert_ne!(of_release(&long).0, of_release(&other).0, "one that is too long is told from others");
    assert_eq!(of_release(&long), of_release(&long));
}

#[test]
fn the_end_of_a_trouble_has_its_key() {
    let of = |event: &str| {
        let (_, message) = noticed().into_iter().find(|(name, _)| *name == event).unwrap();
        let read = machine(&message);
        assert_eq!(message.attributes.iter().find(|(name, _)| *name == "status").unwrap().1, read["status"]);
        (read["status"].clone(), read["dedupKey"].clone())
    };
    let ((stale, trouble), (current, end)) = (of("NodegroupStale"), of("NodegroupCurrent"));
    assert_eq!((stale, current), (json!("firing"), json!("resolved")));
    assert_eq!(trouble, end);
}

#[test]
fn many_node_groups_are_one_notification() {
    let records: Vec<AnyRecord> =
        (1..=23).map(|number| failed(&format!("prod/n-{number:02}"), vec![eviction()]).into()).collect();
    let notices: Vec<Notice> = records.iter().map(|record| record.pending_notices()[1].clone()).collect();
    let members: Vec<_> = records.iter().zip(&notices).collect();
    let notification = chat(&Message::of_many(&members, &[], &retry_after()).unwrap());
    assert_nothing_acts(&notification);
    let metadata = &notification["metadata"];
    assert_eq!(
        notification["content"]["title"],
        "✗ EKS update failed: 23 node groups to 1.33.2-20260710 (PodEvictionFailure)"
    );
    assert_eq!(metadata["threadId"], "eu-central-1/1.33.2-20260710");
    assert_eq!(metadata["relatedResources"].as_array().unwrap().len(), 20);
    assert_eq!(metadata["relatedResources"][0], arn("prod/n-01"));
    let context = &metadata["additionalContext"];
    assert_eq!((context.get("cluster"), context.get("updateId")), (None, None));
    let single = machine(&Message::new(records[0].as_ref(), &notices[0], &retry_after()));
    assert_ne!(context["dedupKey"], single["dedupKey"], "some may still be ill when one is well");
}
