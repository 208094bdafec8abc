//! What a phone shows.

use std::sync::LazyLock;

use eks_nodegroup_updater::model::attempt::Status;
use eks_nodegroup_updater::model::notice::Notice;
use eks_nodegroup_updater::model::record::nodegroup::NodegroupRecord;
use eks_nodegroup_updater::model::record::set::AnyRecord;
use eks_nodegroup_updater::notify::Message;
use proptest::prelude::*;
use proptest::test_runner::Config;
use testing::{History, NEWER, at, error, intent, retry_after, template};

use super::samples::noticed;
use super::{last_message, part};

/// The GSM 7-bit alphabet, without the line feed, the carriage return and the escape, and what an escape comes before.
const GSM: &str = "@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
                   ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
const ESCAPED: &str = "^{}\\[~]|€";

fn septets(text: &str) -> usize {
    let of = |character| match character {
        _ if GSM.contains(character) => 1,
        _ if ESCAPED.contains(character) => 2,
        _ => panic!("{character:?} is not in the alphabet: {text}"),
    };
    text.chars().map(of).sum()
}

static DISPLAY_NAME: LazyLock<String> = LazyLock::new(|| {
    let name = &template()["Resources"]["NotificationTopic"]["Properties"]["DisplayName"];
    name.as_str().unwrap().to_uppercase()
});

/// The SMS as it arrives, which is one.
fn received(message: &Message) -> String {
    let text = format!("{}> {}", *DISPLAY_NAME, part(message, "sms"));
    assert!(septets(&text) <= 160, "{}: {text}", septets(&text));
    text
}

fn failed(path: &str, release: &str, code: &str) -> NodegroupRecord {
    testing::record(path).ended(&intent(release), Status::Failed, vec![error(code, "")], at("2026-07-20T09:16:02Z"))
}

#[test]
fn every_notification_is_one_sms() {
    let mut texts: Vec<String> =
        noticed().iter().map(|(kind, message)| format!("{kind}\n  {}", received(message))).collect();
    texts.sort();
    insta::assert_snapshot!("every_kind", texts.join("\n"));
}

#[test]
fn many_node_groups_are_a_count_and_the_first_name() {
    let records: Vec<AnyRecord> =
        (1..=23).map(|number| failed(&format!("prod/n-{number:02}"), NEWER, "PodEvictionFailure").into()).collect();
    let notices: Vec<Notice> = records.iter().map(|record| record.pending_notices()[1].clone()).collect();
    let members: Vec<_> = records.iter().zip(&notices).collect();
    assert_eq!(
        received(&Message::of_many(&members, &[], &retry_after()).unwrap()),
        "EKS NODE GROUP UPDATES> ERROR: EKS update failed: 23 node groups to 1.33.2-20260710 (PodEvictionFailure), prod/n-01 and 22 more, eu-central-1"
    );
}

#[test]
fn long_names_lose_their_middle_and_push_nothing_out() {
    let path = format!("{}-{}/{}-{}", "c".repeat(50), "d".repeat(49), "m".repeat(31), "n".repeat(31));
    assert_eq!(
        received(&last_message(&failed(&path, NEWER, "PodEvictionFailure"))),
        "EKS NODE GROUP UPDATES> ERROR: EKS update failed: ccccccccccccc..dddddddddddd/mmmmmmmmmmmmm..nnnnnnnnnnnn to 1.33.2-20260710 (PodEvictionFailure), eu-central-1"
    );
}

#[test]
fn what_the_alphabet_lacks_is_a_question_mark() {
    let record = failed("prod/b`lue", NEWER, "Große\u{202E}€\nLücke");
    assert_eq!(
        received(&last_message(&record)),
        "EKS NODE GROUP UPDATES> ERROR: EKS update failed: prod/b?lue to 1.33.2-20260710 (Gro?e???L?cke), eu-central-1"
    );
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::with_cases(256) })]

    #[test]
    fn whatever_the_names_are_it_is_one_sms_that_says_what_happened(
        cluster in "[A-Za-z0-9][A-Za-z0-9_-]{0,99}",
        nodegroup in "[A-Za-z0-9][A-Za-z0-9_-]{0,62}",
        release in "\\PC{1,40}",
        code in "\\PC{1,300}",
    ) {
        let text = received(&last_message(&failed(&format!("{cluster}/{nodegroup}"), &release, &code)));
        prop_assert!(text.starts_with("EKS NODE GROUP UPDATES> ERROR: EKS update failed: "), "{text}");
        prop_assert!(text.ends_with(", eu-central-1"), "{text}");
        let beginning = |name: &str| name.chars().take(2).collect::<String>();
        prop_assert!(text.contains(&format!(": {}", beginning(&cluster))), "{text}");
        prop_assert!(text.contains(&format!("/{}", beginning(&nodegroup))), "{text}");
    }

    #[test]
    fn short_names_are_whole(cluster in "[A-Za-z0-9][A-Za-z0-9_-]{0,24}", nodegroup in "[A-Za-z0-9][A-Za-z0-9_-]{0,24}") {
        let path = format!("{cluster}/{nodegroup}");
        prop_assert_eq!(
            received(&last_message(&testing::record(&path).evicted(NEWER, at("2026-07-20T09:16:02Z")))),
            format!("EKS NODE GROUP UPDATES> ERROR: EKS update failed: {path} to {NEWER} (PodEvictionFailure), eu-central-1")
        );
    }
}
