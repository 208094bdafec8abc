//! Hostile input: with any bytes, nothing panics, and no node group is updated that did not opt in.
//!
//! One function for each target of cargo-fuzz; the tests `hostile` in `tests/slow` run the same ones on the corpus.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use eks_nodegroup_updater::config::{CheckConfig, StartConfig};
use eks_nodegroup_updater::event::{parse_check, parse_start};
use eks_nodegroup_updater::model::nodegroup::policy::Policy;
use eks_nodegroup_updater::model::notice::Sink;
use eks_nodegroup_updater::model::record::fleet::FleetContent;
use eks_nodegroup_updater::model::record::nodegroup::{NodegroupContent, NodegroupRecord};
use eks_nodegroup_updater::model::record::set::RecordRef;
use eks_nodegroup_updater::model::record::track::TrackContent;
use eks_nodegroup_updater::model::record::{Content, Record, Writer};
use eks_nodegroup_updater::model::release::selector::ReleaseSelector;
use eks_nodegroup_updater::model::rules::{Rules, VersionPolicy};
use eks_nodegroup_updater::notify::{CALL_BYTES, Event, Message};
use eks_nodegroup_updater::observe::controls::parse_list;
use eks_nodegroup_updater::settle::{DescribedVersions, Observation, Progress, settle};
use eks_nodegroup_updater::store::item;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use simulated_aws::{Fault, Nodegroup, Request};

use crate::{
    AL2023, CHANGE_CALENDARS, CURRENT, DENIED_RELEASES, NEWER, SETTINGS_DOCUMENT, TABLE, TestEnv, eviction,
    in_virtual_time, minutes, opted_in, unreadable,
};

const UPDATE: &str = "eks:UpdateNodegroupVersion";
/// A release between [`CURRENT`] and [`NEWER`].
const BETWEEN: &str = "1.33.2-20260703";
/// The target of a node group that follows its cluster.
const NEXT_MINOR: &str = "1.34.1-20260710";
const STOP_SWITCH: &str = "/updater/switch";
const CALENDAR: &str = "freeze";
/// The maximum length of a tag's value in AWS, and the maximum size of a function's settings.
const TAG_CHARACTERS: usize = 256;
const SETTINGS_BYTES: usize = 4 * 1024;

/// The actions with a hostile answer, by the first byte from `a` on.
pub const ACTIONS: [&str; 13] = [
    "tag:GetResources",
    "eks:DescribeNodegroup",
    "eks:DescribeCluster",
    UPDATE,
    "eks:ListUpdates",
    "eks:DescribeUpdate",
    "ssm:GetParameters",
    "eks:DescribeClusterVersions",
    "ssm:GetCalendarState",
    "dynamodb:BatchGetItem",
    "dynamodb:Query",
    "dynamodb:PutItem",
    "sns:Publish",
];

/// The statuses of the answer, by the second byte from `0` on.
pub const STATUSES: [u16; 10] = [200, 204, 301, 400, 403, 404, 409, 413, 429, 500];

/// An event of `start` and of `check`.
pub fn event(data: &[u8]) {
    let Ok(event) = serde_json::from_slice::<Value>(data) else { return };
    let asked = parse_start(&event);
    // `start` accepts every event that `check` accepts, so nothing else is left to run.
    let Ok(asked) = asked else {
        assert!(parse_check(&event).is_err());
        return;
    };
    in_virtual_time(async {
        let env = fleet().await;
        assert!(env.try_start(&event).await.is_ok());
        let may_start = !asked.dry_run && asked.includes(&"prod/blue".parse().unwrap());
        assert_eq!(updates(&env).len(), usize::from(may_start));
        assert!(!asked.dry_run || env.calls("dynamodb:PutItem") == 0, "a dry run writes nothing");
        assert_eq!(env.try_check(&event).await.is_ok(), parse_check(&event).is_ok());
        assert_only_blue(&env);
    });
}

/// Lines `NAME=value`: all are the tags of a node group, and all are settings.
pub fn tags_and_settings(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let pairs = text.split('\n').filter_map(|line| line.split_once('='));
    let pairs: HashMap<String, String> = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    // AWS accepts no more, and nothing here has to be fast with more.
    if pairs.iter().any(|(_, value)| value.chars().count() > TAG_CHARACTERS) || text.len() > SETTINGS_BYTES {
        return;
    }
    let environment = |name: &str| pairs.get(name).cloned();
    let start_config = StartConfig::read(&environment);
    let check_config = CheckConfig::read(&environment);
    let defaults = start_config.as_ref().map(|config| config.settings.defaults.clone()).unwrap_or_default();
    if let Policy::OptedIn(_, rules) = Policy::from_tags(&pairs, &defaults) {
        ask_at_the_ends_of_time(&rules);
    }
    ask_at_the_ends_of_time(&defaults);
    let in_tags = |name: &str| name == "ami-update" || name.starts_with("ami-update/");
    let opted_in = pairs.get("ami-update").is_some_and(|value| value == "auto");
    let held = |name: &str| pairs.get(name).is_some_and(|value| !value.trim().is_empty());
    let frozen = start_config.is_ok() && (held("STOP_SWITCH") || held("CHANGE_CALENDARS"));

    in_virtual_time(async {
        let mut env = fleet().await;
        env.world.edit_nodegroup("prod", "blue", |blue| {
            blue.tags = pairs.clone().into_iter().filter(|(name, _)| in_tags(name)).collect();
        });
        if let Ok(config) = start_config {
            env.start_config = StartConfig { updates_table: Some(TABLE.to_owned()), ..config };
        }
        if let Ok(config) = check_config {
            let notification_topic_arn = env.check_config.notification_topic_arn;
            env.check_config = CheckConfig { updates_table: TABLE.to_owned(), notification_topic_arn, ..config };
        }
        run_start(&env).await;
        run_check(&env).await;
        assert_only_blue(&env);
        assert!(opted_in && !frozen || updates(&env).is_empty(), "{pairs:?}");
    });
}

/// The document of settings, the stop switch, and the lists of denied releases and of change calendars, with zeros between them.
/// Invalid ones count as closed.
pub fn parameters(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut values = text.splitn(4, '\0');
    let mut next = || values.next().unwrap_or_default().to_owned();
    let (document, switch, denied, calendars) = (next(), next(), next(), next());
    in_virtual_time(async {
        let mut env = fleet().await;
        env.deploy(&[], &[]);
        let parameters = [
            (SETTINGS_DOCUMENT, &document),
            (crate::STOP_SWITCH, &switch),
            (DENIED_RELEASES, &denied),
            (CHANGE_CALENDARS, &calendars),
        ];
        parameters.into_iter().for_each(|(name, value)| env.world.put_parameter(name, value));
        let understood = env.start_config.with_document(&document).is_ok()
            && switch == "running"
            && parse_list::<ReleaseSelector>(&denied).is_ok()
            && parse_list::<String>(&calendars).is_ok_and(|names| names.iter().all(|name| name == CALENDAR));
        both_functions(&env).await;
        assert!(understood || updates(&env).is_empty(), "{document:?} {switch:?} {denied:?} {calendars:?}");
    });
}

fn ask_at_the_ends_of_time(rules: &Rules) {
    for now in [Timestamp::MIN, Timestamp::MAX] {
        let _ = rules.window.at(now);
        let _ = rules.window.next_start(now, minutes(30));
    }
    let _ = rules.window.to_string();
}

/// A stored record in plain JSON, under the key of `prod/blue` unless it has its own.
pub fn stored_item(data: &[u8]) {
    let Ok(Value::Object(mut item)) = serde_json::from_slice(data) else { return };
    in_virtual_time(async {
        let env = fleet().await;
        let arn = env.world.nodegroup("prod", "blue").unwrap().arn;
        item.entry("itemKey").or_insert_with(|| arn.into());
        item.entry("pending").or_insert_with(|| "yes".into());
        let Ok(item) = serde_dynamo::to_item::<_, HashMap<String, AttributeValue>>(Value::Object(item)) else { return };
        if let Ok(record) = item::read::<NodegroupContent>(item.clone()) {
            settle_all(&record, &env);
            build_on(&record, &env);
        }
        if let Ok(record) = item::read::<FleetContent>(item.clone()) {
            build_on(&record, &env);
        }
        if let Ok(record) = item::read::<TrackContent>(item.clone()) {
            build_on(&record, &env);
        }
        // DynamoDB itself refuses some of them.
        let stored = env.start.dynamodb.put_item().table_name(TABLE).set_item(Some(item)).send().await;
        if stored.is_err() {
            return;
        }
        for _ in 0..2 {
            run_check(&env).await;
            run_start(&env).await;
            env.advance(25);
        }
        assert_only_blue(&env);
    });
}

/// Every observation of a record that could be read.
fn settle_all(read: &NodegroupRecord, env: &TestEnv) {
    let error = eviction();
    let update = |progress| Observation::Update { update_id: "079be772".to_owned(), progress };
    let observations = [
        update(Progress::InProgress),
        update(Progress::Successful(DescribedVersions::default())),
        update(Progress::Failed(vec![error.clone()], vec!["AsgInstanceLaunchFailures".to_owned()])),
        update(Progress::Cancelled(vec![])),
        Observation::NoUpdate,
        Observation::NotFound(error),
        Observation::Unreadable(unreadable("throttled")),
    ];
    for now in [Timestamp::MIN, env.world.now(), Timestamp::MAX] {
        for observation in &observations {
            let mut record = read.clone();
            settle(&mut record, observation, now, env.check_config.stuck_after);
            build_on(&record, env);
            record.allow_retry(now);
        }
    }
}

/// Every operation on a record of any kind.
fn build_on<C: Content>(read: &Record<C>, env: &TestEnv)
where
    for<'a> RecordRef<'a>: From<&'a Record<C>>,
{
    for now in [Timestamp::MIN, env.world.now(), Timestamp::MAX] {
        let mut record = read.clone();
        for notice in record.pending_notices().to_vec() {
            let message = Message::new(&record, &notice, &env.check_config.retry_after);
            assert!(message.subject.len() < 100 && message.subject.bytes().all(|byte| matches!(byte, b' '..=b'~')));
            let event = Event::new(&record, &notice, &env.check_config.retry_after);
            assert!(event.is_none_or(|event| event.size() < CALL_BYTES));
            record.mark_published(&notice, &Sink::ALL);
        }
        record.prepare(Writer { id: "hostile", sinks: &env.check_config.sinks }, now);
    }
}

/// The first byte chooses the action, the second the status, and the rest is the answer to every such request.
///
/// `DescribeNodegroup` is the exception: that answer decides whether a node group opted in, so only the answer for `prod/blue`,
/// which did, is hostile.
pub fn answers(data: &[u8]) {
    let [action, status, body @ ..] = data else { return };
    let action = ACTIONS[usize::from(action.wrapping_sub(b'a')) % ACTIONS.len()];
    let status = STATUSES[usize::from(status.wrapping_sub(b'0')) % STATUSES.len()];
    let body = body.to_vec();
    in_virtual_time(async {
        let mut env = fleet().await;
        let settings = &mut env.start_config.settings;
        settings.defaults.kubernetes_version = VersionPolicy::FollowCluster;
        settings.defaults.follow_cluster_after = SignedDuration::ZERO;
        env.start_config.parameters.stop_switch = Some(STOP_SWITCH.to_owned());
        settings.change_calendars = vec![CALENDAR.to_owned()];
        env.world.on_request(move |request| {
            let hostile = request.action == action && (action != "eks:DescribeNodegroup" || is_blue(request));
            // `check` lists updates only if the answer of the call was lost.
            let lost = request.action == UPDATE && action == "eks:ListUpdates";
            match (hostile, lost) {
                (true, _) => Fault::Body { status, body: body.clone().into() },
                (_, true) => Fault::Body { status: 200, body: "{}".into() },
                _ => Fault::None,
            }
        });
        both_functions(&env).await;
        for request in updates(&env) {
            let (version, release) = (text(&request, "version"), text(&request, "releaseVersion"));
            assert!(action.starts_with("ssm:") || [BETWEEN, NEWER, NEXT_MINOR].contains(&release), "{release}");
            assert!(action.starts_with("ssm:") || release.starts_with(version), "{version} is not that of {release}");
            assert_ne!(request.body["force"], true, "no rule allows force");
        }
    });
}

/// Both functions, twice before the update has ended, and once after.
async fn both_functions(env: &TestEnv) {
    for later in [3, 3, 20] {
        run_start(env).await;
        env.advance(later);
        run_check(env).await;
        assert_only_blue(env);
    }
}

async fn run_start(env: &TestEnv) {
    if let Ok(summary) = env.try_start(&Value::Object(serde_json::Map::new())).await {
        let _ = summary.into_response();
    }
}

async fn run_check(env: &TestEnv) {
    if let Ok(summary) = env.try_check(&Value::Object(serde_json::Map::new())).await {
        let _ = summary.into_response();
    }
}

/// One node group that opted in, three in the same cluster that did not, and one with an external update.
async fn fleet() -> TestEnv {
    let bystander = |name| Nodegroup::new("prod", name).release(CURRENT);
    let env = TestEnv::with([
        opted_in("prod", "blue"),
        bystander("green"),
        bystander("grey").tag("ami-update", "notify"),
        bystander("red").tag("ami-update", "Auto"),
        opted_in("qa", "teal"),
    ])
    .await;
    for (version, release) in [("1.33", BETWEEN), ("1.33", NEWER), ("1.34", NEXT_MINOR)] {
        env.world.publish_release(AL2023, version, release);
    }
    env.world.put_parameter(STOP_SWITCH, "running");
    env.world.add_calendar(CALENDAR);
    env.world.start_update("qa", "teal", "1.33", NEWER).unwrap();
    env.world.clear_requests();
    env
}

/// Only `prod/blue` was ever updated, and only once: there is one newer release.
fn assert_only_blue(env: &TestEnv) {
    let updates = updates(env);
    assert!(updates.iter().all(is_blue), "{updates:?}");
    assert!(env.world.updates("prod", "blue").len() <= 1, "{updates:?}");
}

fn updates(env: &TestEnv) -> Vec<Request> {
    env.world.requests().into_iter().filter(|request| request.action == UPDATE).collect()
}

fn is_blue(request: &Request) -> bool {
    (text(request, "clusterName"), text(request, "nodegroupName")) == ("prod", "blue")
}

fn text<'a>(request: &'a Request, name: &str) -> &'a str {
    request.body[name].as_str().unwrap_or_default()
}
