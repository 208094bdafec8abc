//! The record layer on a DynamoDB: the simulated one, or the server that `DYNAMODB_ENDPOINT_URL` names.
//!
//! `tests/python/test_records.py` runs these same tests on two servers that nobody here wrote. Unlike the simulated one,
//! both refuse expressions that use DynamoDB's reserved words, and items that are too large.

use std::collections::{BTreeSet, HashMap};
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use aws_config::Region;
use aws_config::retry::RetryConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_dynamodb::config::retry::RetryPartition;
use aws_sdk_dynamodb::config::{ConfigBag, Credentials, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, PutRequest, ReturnValuesOnConditionCheckFailure, TableStatus, WriteRequest,
};
use eks_nodegroup_updater::aws::{config_loader, http};
use eks_nodegroup_updater::model::attempt::{Attempt, ErrorDetail, Intent, StartedBy, Status};
use eks_nodegroup_updater::model::fleet_record::{FleetContent, FleetRecord};
use eks_nodegroup_updater::model::hold::{DowngradedBy, Hold, Rollback, Running};
use eks_nodegroup_updater::model::names::Names;
use eks_nodegroup_updater::model::nodegroup_record::{
    BackOff, Downgrade, NodegroupContent, NodegroupRecord, Proof, SeenVersion, Standing, UpdateHistory,
};
use eks_nodegroup_updater::model::notice::{AttemptRef, Notice, NoticeKind, Sink, Sinks};
use eks_nodegroup_updater::model::outcome::OutcomeKind;
use eks_nodegroup_updater::model::owner::Owner;
use eks_nodegroup_updater::model::policy::InvalidTag;
use eks_nodegroup_updater::model::problem::{Problem, ProblemCode, Unreadable};
use eks_nodegroup_updater::model::record::{Content, Record, Revision, Writer};
use eks_nodegroup_updater::model::records::RecordSet;
use eks_nodegroup_updater::model::release_version::ReleaseVersion;
use eks_nodegroup_updater::model::stale::{Obstacle, ReportedStale, Stale};
use eks_nodegroup_updater::model::subject::{ItemKey, NodegroupId};
use eks_nodegroup_updater::model::track_record::TrackRecord;
use eks_nodegroup_updater::model::unknown::{Unknown, Word};
use eks_nodegroup_updater::reconcile::{FleetChange, NodegroupChange, Reconciled, TrackChange};
use eks_nodegroup_updater::store::item;
use eks_nodegroup_updater::store::{NotSaved, RecordStore};
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use serde_json::json;
use simulated_aws::{ApiError, Fault, World};
use testing::{
    CURRENT, FLEET_KEY, History, NEWER, TRACK_KEY, at, create_updates_table, days, eviction, fleet_record, hours,
    intent, quarantine, selector, track, track_record, unreadable,
};

type Item = HashMap<String, AttributeValue>;

/// What is published by default where there is no bus.
static SINKS: Sinks = Sinks { events: false, more_messages: Vec::new(), fewer_messages: Vec::new() };

const LAST_REVISION: &str = "18446744073709551615/first";

/// Sits between client and server: counts the answers, and loses the next one if it is told to.
#[derive(Clone, Debug, Default)]
struct Wire {
    answers: Arc<AtomicUsize>,
    lose_next: Arc<AtomicBool>,
}

impl Intercept for Wire {
    fn name(&self) -> &'static str {
        "Wire"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.answers.fetch_add(1, Ordering::Relaxed);
        if self.lose_next.swap(false, Ordering::Relaxed) {
            *context.response_mut().status_mut() = 500.try_into()?;
        }
        Ok(())
    }
}

/// A table of its own for each test.
struct Table {
    client: Client,
    name: String,
    wire: Wire,
    /// Absent where a server is under test.
    world: Option<World>,
}

#[expect(clippy::disallowed_methods, reason = "the environment says what is under test")]
fn endpoint() -> Option<String> {
    std::env::var("DYNAMODB_ENDPOINT_URL").ok()
}

impl Table {
    /// A new table, as the template defines it.
    async fn new() -> Self {
        let table = Self::missing().await;
        create_updates_table(&table.client, &table.name).await;
        while table.status().await != Some(TableStatus::Active) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        table.wire.answers.store(0, Ordering::Relaxed);
        table
    }

    async fn status(&self) -> Option<TableStatus> {
        let described = self.client.describe_table().table_name(&self.name).send().await.unwrap();
        described.table?.table_status
    }

    /// The name of a table that nobody has created.
    async fn missing() -> Self {
        static TABLES: AtomicUsize = AtomicUsize::new(0);
        let name = format!("records-{}-{}", process::id(), TABLES.fetch_add(1, Ordering::Relaxed));
        let loader = config_loader()
            .credentials_provider(Credentials::new("AKIATEST000000000000", "secret", None, None, "test"))
            .region(Region::from_static(simulated_aws::REGION));
        let (loader, world) = match endpoint() {
            Some(url) => (loader.endpoint_url(url).http_client(http::client(&|_| None).unwrap()), None),
            None => {
                let world = World::new(now());
                (loader.http_client(world.http_client()), Some(world))
            }
        };
        let wire = Wire::default();
        let config = aws_sdk_dynamodb::config::Builder::from(&loader.load().await)
            .retry_config(RetryConfig::adaptive().with_initial_backoff(Duration::from_millis(10)))
            .retry_partition(RetryPartition::new(name.clone()))
            .interceptor(wire.clone());
        Self { client: Client::from_conf(config.build()), name, wire, world }
    }

    fn of<'a>(&'a self, writer: &'a str) -> RecordStore<'a> {
        RecordStore::new(&self.client, Some(&self.name)).writing(Writer { id: writer, sinks: &SINKS })
    }

    /// Writes a record that must not exist yet, and returns it as the table has it.
    async fn with<C: Content>(&self, record: Record<C>) -> Record<C> {
        let mut record = record;
        self.of("first").save(&mut record, now()).await.unwrap();
        record
    }

    async fn load(&self, names: &[&str]) -> RecordSet {
        let keys: Vec<ItemKey> = names.iter().map(|name| ItemKey::Nodegroup(id(name))).collect();
        load(&self.of("reader"), keys).await
    }

    async fn record(&self, name: &str) -> NodegroupRecord {
        self.load(&[name]).await.nodegroup(&id(name)).unwrap().unwrap().clone()
    }

    async fn track_record(&self) -> TrackRecord {
        load(&self.of("reader"), [ItemKey::Track(track_record().id)])
            .await
            .track(&track_record().id)
            .unwrap()
            .unwrap()
            .clone()
    }

    async fn fleet_record(&self) -> FleetRecord {
        load(&self.of("reader"), [fleet_key()]).await.fleet(&fleet_record().id).unwrap().unwrap().clone()
    }

    /// What is really in the table.
    async fn item(&self, arn: &str) -> Option<Item> {
        let get = self.client.get_item().table_name(&self.name).key("itemKey", text(arn)).consistent_read(true);
        get.send().await.unwrap().item
    }

    async fn put(&self, item: Item) {
        self.client.put_item().table_name(&self.name).set_item(Some(item)).send().await.unwrap();
    }

    async fn pending(&self) -> BTreeSet<String> {
        self.of("reader").pending().await.unwrap()
    }

    /// Whether a failed condition brings the item that was in the way, as DynamoDB does since 2023.
    async fn says_what_was_in_the_way(&self) -> bool {
        let item = Item::from([("itemKey".to_owned(), text("in the way"))]);
        self.put(item.clone()).await;
        let put = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item.clone()))
            .condition_expression("attribute_not_exists(itemKey)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match put.send().await.unwrap_err().into_service_error() {
            PutItemError::ConditionalCheckFailedException(lost) => lost.item() == Some(&item),
            error => panic!("{error}"),
        }
    }

    /// The next writes fail for what is in the way, and nothing says what it is. Without effect where a server is under test.
    fn do_not_say_what_was_in_the_way(&self, writes: usize) {
        if let Some(world) = &self.world {
            let refused = ApiError::new(400, "ConditionalCheckFailedException", "The conditional request failed");
            world.fail_next("dynamodb:PutItem", writes, refused);
        }
    }

    /// How a write fails that meets this record, where the server says so.
    async fn conflict_with<C: Content>(&self, stored: &Record<C>) -> Result<(), NotSaved<Record<C>>> {
        let stored = self.says_what_was_in_the_way().await.then(|| Box::new(stored.clone()));
        Err(NotSaved::Conflict(stored))
    }

    fn answers(&self) -> usize {
        self.wire.answers.swap(0, Ordering::Relaxed)
    }
}

/// What the table holds of these.
async fn load(store: &RecordStore<'_>, keys: impl IntoIterator<Item = ItemKey>) -> RecordSet {
    store.load(keys.into_iter()).await
}

fn fleet_key() -> ItemKey {
    ItemKey::Fleet(fleet_record().id)
}

fn now() -> Timestamp {
    at("2026-07-20T09:00:00.123456789Z")
}

fn arn(name: &str) -> String {
    testing::arn(&format!("prod/{name}"))
}

fn id(name: &str) -> NodegroupId {
    testing::id(&format!("prod/{name}"))
}

/// The record of a node group of which nothing is known.
fn blank(name: &str) -> NodegroupRecord {
    testing::record(&format!("prod/{name}"))
}

/// The record of a node group whose update is about to be asked for.
fn begun(name: &str) -> NodegroupRecord {
    blank(name).intended(NEWER, now())
}

fn error(message: String, resource_ids: Vec<String>) -> ErrorDetail {
    ErrorDetail { error_message: message, resource_ids, ..eviction() }
}

fn item_of<C: Content>(record: &Record<C>) -> Item {
    item::write(record).unwrap()
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn number(number: &str) -> AttributeValue {
    AttributeValue::N(number.to_owned())
}

/// The attributes of a part of an item.
fn part<'a>(item: &'a mut Item, name: &str) -> &'a mut Item {
    match item.get_mut(name) {
        Some(AttributeValue::M(part)) => part,
        _ => panic!("it has no {name}"),
    }
}

/// The attempts of a node group's item, as attributes.
fn attempts(item: &mut Item) -> &mut Item {
    part(item, "attempts")
}

/// The attributes of its open attempt.
fn open(item: &mut Item) -> &mut Item {
    part(attempts(item), "open")
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| arn(name)).collect()
}

// ── What is written is what is read ────────────────────────────────────────────────────────────────────────────────

fn invalid_tag() -> InvalidTag {
    InvalidTag { key: "ami-update/window".into(), value: "Sat".into(), expected: "expected windows".into() }
}

/// A record in which everything is filled in.
fn full() -> NodegroupRecord {
    let statuses = [
        Status::Intent,
        Status::InProgress,
        Status::Successful,
        Status::Failed,
        Status::Cancelled,
        Status::Unverified,
        Status::NotFound,
        Status::Refused,
    ];
    let about = AttemptRef { number: u32::MAX, release_version: NEWER.to_owned() };
    let tag = invalid_tag();
    let kinds = [
        NoticeKind::UpdateFailed(about.clone()),
        NoticeKind::UpdateCancelled(about.clone()),
        NoticeKind::UpdateStuck(about.clone()),
        NoticeKind::UpdateNotFound(about.clone()),
        NoticeKind::UpdateRefused(about.clone()),
        NoticeKind::UpdateUnverified(about.clone()),
        NoticeKind::UpdateForced(about),
        NoticeKind::UpdateAvailable { version: "1.33".into(), release_version: NEWER.into() },
        NoticeKind::ReleaseQuarantined(quarantine(NEWER, names_of(2), now()).into()),
        NoticeKind::AccessDenied { error: "AccessDeniedException: no".into() },
        NoticeKind::ReleaseWithdrawn { release_version: NEWER.into(), latest: CURRENT.into(), nodegroups: names_of(2) },
        NoticeKind::ReleaseRefused { release_version: NEWER.into(), since: now(), message: "is not valid".into() },
        NoticeKind::TagInvalid(tag.clone()),
    ];
    let nodes = (0..500).map(|node| format!("ip-10-0-{}-{node}.eu-central-1.compute.internal", node % 7)).collect();
    let attempt = |status: Status| Attempt {
        number: u32::MAX,
        intent: Intent {
            force: true,
            may_force: true,
            start_before: Some(now()),
            stuck_after: Some(Box::new(hours(12))),
            update_history_unread: true,
            ..intent(NEWER)
        },
        token: Some("0b5ad5cf-6d3c-5c8e-9a57-1e2d3c4b5a69".to_owned()),
        started_by: StartedBy::External.into(),
        recovered_at: None,
        retry_requested_at: Some(now()),
        started_at: Timestamp::UNIX_EPOCH,
        update_id: Some("5fba87af-4c36-3a25-8a6b-7f3b3f3c2d10".to_owned()),
        status: status.into(),
        ended_at: Some(now()),
        errors: vec![],
        health: vec!["AsgInstanceLaunchFailures".into()],
        last_took: Some(hours(2)),
        stuck_notified: true,
        successful_since: Some(now()),
        unknown: Unknown::default(),
    };
    let mut full = blank("größe-☃-𝔘");
    full.attempts.history.clone_from(&blank("blue").failed(NEWER, now()).attempts.history);
    kinds.into_iter().for_each(|kind| full.notify(kind, now()));
    full.attempts.count = u32::MAX / 2;
    full.attempts.open = Some(Box::new(Attempt {
        update_id: None,
        ended_at: None,
        successful_since: None,
        token: None,
        ..attempt(Status::Intent)
    }));
    full.attempts.ended = statuses.map(attempt).into();
    full.attempts.ended[0].errors =
        vec![error(String::new(), vec![]), error("\0 \"quoted\" \\ \n 日本語 é 👩‍🚀".to_owned(), nodes)];
    full.attempts.back_off = Some(Box::new(BackOff {
        outcome: OutcomeKind::VersionNotReady.into(),
        error: "Nodegroup Kubernetes version should be equal to Cluster kubernetes version".into(),
        version: Some("1.34".into()),
        release_version: Some("1.34.1-20260710".into()),
        since: now(),
        last: now(),
        times: 2,
        unknown: Unknown::default(),
    }));
    let runs = Running::new("1.33", CURRENT);
    full.downgrade = Downgrade {
        ran: Some(runs.clone()),
        hold: Some(Box::new(Hold::new(&Running::new("1.33", NEWER), &runs, DowngradedBy::Rollback, now()))),
        update_history: UpdateHistory { read: true, unread_since: Some(now()), unknown: Unknown::default() },
        rollback: Some(Box::new(Rollback::new(CURRENT, now(), "8f1d6a52"))),
        unknown: Unknown::default(),
    };
    let stale = Stale {
        oldest: Some(NEWER.into()),
        days_behind: Some(30),
        ..Stale::new(now(), "OutsideWindow".into(), "outside its window", "OutsideWindow")
    };
    full.standing = Standing {
        opted_in_since: Some(now()),
        owner: Some(Word::Known(Owner::Terraform)),
        obstacle: Some(Obstacle::new("CustomAmi".into(), now())),
        stale: Some(Box::new(ReportedStale::new(&stale, now()))),
        unknown: Unknown::default(),
    };
    full.cluster_version = Some(SeenVersion::new("1.34", now()));
    full.proofs = vec![Proof::new("1.33", NEWER, now())];
    full.report_invalid_tag(&tag, now());
    full.report_available("1.33", "1.45.0-18d04e52", now());
    full
}

fn names_of(count: usize) -> Names {
    (0..count).map(|index| format!("dev/ü{index}").parse().unwrap()).collect::<Vec<_>>().into()
}

fn first_revision() -> Revision {
    Revision { number: 1, writer: "first".to_owned() }
}

#[tokio::test]
async fn a_record_round_trips_whole() {
    let table = Table::new().await;
    for record in [full(), blank("bare"), begun("begun")] {
        let written = table.with(record.clone()).await;
        let mut changed_by_writing = record;
        changed_by_writing.revision = first_revision();
        changed_by_writing.expires_at = written.expires_at;
        assert_eq!(written, changed_by_writing);
        assert_eq!(table.record(written.id.nodegroup()).await, written);
    }
}

#[tokio::test]
async fn the_fleets_record_round_trips_whole_and_never_expires() {
    let table = Table::new().await;
    let mut fleet = fleet_record();
    fleet.quarantine(&quarantine(NEWER, names_of(23), now()));
    fleet.quarantine(&quarantine(CURRENT, names_of(2), now()));
    fleet.lift_quarantine(&selector(CURRENT), now() + days(1));
    fleet.quarantines[0].superseded_by = Some("1.33.2-20260719".into());
    let written = table.with(fleet.clone()).await;
    fleet.revision = first_revision();
    assert_eq!(written, fleet);
    let twenty_and_a_count = names_of(23);
    assert_eq!((twenty_and_a_count.names.len(), twenty_and_a_count.count), (20, 23));
    assert_eq!(written.quarantines[0].nodegroups, twenty_and_a_count);
    let listed = NoticeKind::ReleaseQuarantined(quarantine(NEWER, twenty_and_a_count, now()).into());
    assert_eq!(written.pending_notices()[0], Notice::new(listed, now()));
    assert_eq!(table.fleet_record().await, written);
    let item = table.item(FLEET_KEY).await.unwrap();
    assert_eq!((item.get("kind"), item.get("expiresAt")), (Some(&text("Fleet")), None));
    assert_eq!(table.pending().await, BTreeSet::from([FLEET_KEY.to_owned()]));
}

/// A track on which two releases were named, the newer one withdrawn, and the older one refused.
fn withdrawn_and_refused() -> TrackRecord {
    let mut track = track_record();
    track.releases.name(&release_of(CURRENT), Some(now() - days(30)), now());
    track.releases.name(&release_of(NEWER), Some(now() - days(2)), now());
    track.releases.name(&release_of(CURRENT), Some(now() - days(1)), now());
    track.report_withdrawn(NEWER, CURRENT, &names_of(23), now());
    track.refuse(CURRENT, "Requested release version is not valid", now());
    track
}

fn release_of(text: &str) -> ReleaseVersion {
    ReleaseVersion::parse(track().track().unwrap().family, text).unwrap()
}

#[tokio::test]
async fn a_tracks_record_round_trips_whole_and_never_expires() {
    let table = Table::new().await;
    let mut track = withdrawn_and_refused();
    let written = table.with(track.clone()).await;
    track.revision = first_revision();
    assert_eq!(written, track);
    assert_eq!(table.track_record().await, written);
    let item = table.item(TRACK_KEY).await.unwrap();
    assert_eq!((item.get("kind"), item.get("expiresAt")), (Some(&text("Track")), None));
    assert_eq!(table.pending().await, BTreeSet::from([TRACK_KEY.to_owned()]));
}

#[tokio::test]
async fn two_runs_that_see_different_releases_of_a_track_lose_neither() {
    let table = Table::new().await;
    let name = |release: &str, date: Timestamp| {
        let changes = vec![TrackChange::Name { release: release_of(release), date: Some(date), at: now() }];
        Reconciled { tracks: [(track_record().id, changes)].into(), ..Reconciled::default() }
    };
    let (mut one, mut other) = (RecordSet::default(), RecordSet::default());
    assert_eq!(table.of("one").write(name(CURRENT, now() - days(9)), &mut one, now()).await, []);
    assert_eq!(table.of("other").write(name(NEWER, now() - hours(1)), &mut other, now()).await, []);
    let stored = table.track_record().await;
    let known: Vec<&str> = stored.releases.iter().map(|known| known.release_version.as_str()).collect();
    assert_eq!(known, [CURRENT, NEWER]);
    assert_eq!(other.track(&track_record().id), Ok(Some(&stored)));
}

#[tokio::test]
async fn two_hundred_and_fifty_records_load_in_three_calls_and_missing_ones_are_left_out() {
    let table = Table::new().await;
    let all: Vec<String> = (0..250).map(|name| name.to_string()).collect();
    let (there, missing) = all.split_at(240);
    let saved: Vec<NodegroupRecord> =
        stream::iter(there).map(|name| table.with(begun(name))).buffer_unordered(8).collect().await;
    assert_eq!(missing.len(), 10);
    table.answers();

    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let loaded = table.load(&all).await;
    assert_eq!(table.answers(), 3);
    for record in &saved {
        assert_eq!(loaded.nodegroup(&record.id), Ok(Some(record)));
    }
    for name in missing {
        assert_eq!(loaded.nodegroup(&id(name)), Ok(None));
    }
    assert_eq!(loaded.readable().count(), saved.len());

    assert_eq!(table.load(&[]).await, RecordSet::default());
    assert_eq!(table.answers(), 0, "nothing asked, nothing called");
}

#[tokio::test]
async fn records_too_large_for_one_answer_are_asked_for_again() {
    let table = Table::new().await;
    let names: Vec<String> = (0..12).map(|name| name.to_string()).collect();
    for name in &names {
        let mut record = begun(name);
        record.end(Status::Failed, vec![], now());
        record.attempts.ended[0].errors = vec![error("x".repeat(200_000), vec![])];
        table.with(record).await;
    }
    if let Some(world) = &table.world {
        world.page_size(5);
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let loaded = table.load(&names).await;
    assert_eq!(loaded.readable().count(), names.len());
    assert!(loaded.readable().all(|record| record.attempts.ended[0].errors.len() == 1));
}

#[tokio::test]
async fn a_malformed_item_says_what_is_wrong_and_spoils_no_other() {
    type Break = fn(&mut Item);
    let breaks: [(&str, Break, &str); 16] = [
        (
            "text-for-a-number",
            |item| drop(attempts(item).insert("count".into(), text("one"))),
            "attempts.count: Expected num",
        ),
        (
            "number-for-a-text",
            |item| drop(open(item).insert("token".into(), number("7"))),
            "attempts.open.token: Expected string",
        ),
        (
            "text-for-a-list",
            |item| drop(attempts(item).insert("ended".into(), text("none"))),
            "attempts.ended: Expected seq",
        ),
        ("fraction", |item| drop(attempts(item).insert("count".into(), number("1.5"))), "'1.5'"),
        ("negative", |item| drop(attempts(item).insert("count".into(), number("-1"))), "'-1'"),
        ("missing", |item| drop(attempts(item).remove("count")), "missing field `count`"),
        ("number-for-a-status", |item| drop(open(item).insert("status".into(), number("7"))), "attempts.open.status: "),
        ("no-time", |item| drop(open(item).insert("startedAt".into(), text("yesterday"))), "as year"),
        ("missing-within", |item| drop(open(item).remove("intent")), "missing field `intent`"),
        ("fleet", |item| drop(item.insert("kind".into(), text("Fleet"))), "kind: Fleet in place of Nodegroup"),
        ("no-kind", |item| drop(item.remove("kind")), "missing field `kind`"),
        ("tomorrow", |item| drop(item.insert("schemaVersion".into(), number("2"))), "it has schema version 2"),
        ("number", |item| drop(item.insert("revision".into(), number("1"))), "revision: Expected string"),
        ("no-revision", |item| drop(item.insert("revision".into(), text("one"))), "\"one\" is not a revision"),
        ("last-revision", |item| drop(item.insert("revision".into(), text(LAST_REVISION))), "709551615 writes"),
        (
            "last-attempt",
            |item| drop(attempts(item).insert("count".into(), number("4294967295"))),
            "4294967295 attempts",
        ),
    ];
    let table = Table::new().await;
    let good = table.with(begun("good")).await;
    for (name, spoil, _) in &breaks {
        let mut item = item_of(&table.with(begun(name)).await);
        spoil(&mut item);
        table.put(item).await;
    }
    let names: Vec<&str> = breaks.iter().map(|(name, ..)| *name).chain(["good"]).collect();
    let loaded = table.load(&names).await;
    assert_eq!(loaded.nodegroup(&id("good")), Ok(Some(&good)));
    for (name, _, wrong) in breaks {
        let Unreadable(reason) = loaded.nodegroup(&id(name)).unwrap_err();
        assert!(reason.starts_with("its record in the table is malformed: "), "{reason}");
        assert!(reason.contains(wrong), "{name}: {reason}");
        assert!(loaded.nodegroup_or_new(&id(name)).is_err(), "it is not taken for a new one");
    }
}

#[tokio::test]
async fn a_malformed_record_of_the_fleet_says_what_is_wrong_and_spoils_no_node_groups() {
    type Break = fn(&mut Item);
    let breaks: [(Break, &str); 5] = [
        (|item| drop(item.insert("kind".into(), text("Nodegroup"))), "kind: Nodegroup in place of Fleet"),
        (|item| drop(item.insert("schemaVersion".into(), number("2"))), "it has schema version 2"),
        (|item| drop(item.insert("revision".into(), text("one"))), "\"one\" is not a revision"),
        (|item| drop(item.insert("revision".into(), text(LAST_REVISION))), "709551615 writes"),
        (|item| drop(item.insert("quarantines".into(), text("none"))), "quarantines: Expected seq"),
    ];
    let table = Table::new().await;
    let good = table.with(begun("good")).await;
    let whole = item_of(&table.with(fleet_record()).await);
    for (spoil, wrong) in breaks {
        let mut item = whole.clone();
        spoil(&mut item);
        table.put(item).await;
        let loaded = load(&table.of("reader"), [ItemKey::Nodegroup(id("good")), fleet_key()]).await;
        assert_eq!(loaded.nodegroup(&id("good")), Ok(Some(&good)));
        let Unreadable(reason) = loaded.fleet(&fleet_record().id).unwrap_err();
        assert!(reason.starts_with("its record in the table is malformed: "), "{reason}");
        assert!(reason.contains(wrong), "{reason}");
        assert!(loaded.fleet_or_new(&fleet_record().id).is_err(), "it is not taken for a new one");
    }
}

#[test]
fn a_record_whose_key_is_of_nothing_that_it_describes_cannot_be_read() {
    let under = |key: &str, mut item: Item| {
        item.insert("itemKey".to_owned(), text(key));
        item
    };
    let nodegroup = |key: &str| item::read::<NodegroupContent>(under(key, item_of(&begun("blue"))));
    let fleet = |key: &str| item::read::<FleetContent>(under(key, item_of(&fleet_record())));
    assert_eq!(nodegroup(&arn("blue")).unwrap(), begun("blue"));
    assert_eq!(fleet(FLEET_KEY).unwrap(), fleet_record());
    for key in ["prod/blue", "arn:aws:eks:eu-central-1:123456789012:cluster/prod", FLEET_KEY] {
        let wrong = nodegroup(key).unwrap_err().to_string();
        assert!(wrong.contains(&format!("{key:?} is not the key of a node group")), "{wrong}");
    }
    for key in ["fleet", "eu-central-1:fleet", "arn:aws:eks:eu-central-1:123456789012", &arn("blue")] {
        let wrong = fleet(key).unwrap_err().to_string();
        assert!(wrong.contains(&format!("{key:?} is not the key of a fleet")), "{wrong}");
    }
}

#[tokio::test]
async fn an_attribute_of_an_unknown_type_is_a_malformed_record_and_no_panic() {
    let world = World::new(now());
    let config = config_loader().http_client(world.http_client()).region(Region::from_static("eu-central-1"));
    let config = config.credentials_provider(Credentials::new("AKIA", "secret", None, None, "test")).load().await;
    let client = Client::new(&config);
    let records = RecordStore::new(&client, Some("updates")).writing(Writer { id: "reader", sinks: &SINKS });
    for attribute in [json!({"X": "y"}), json!({"L": [{"M": {"a": {"X": "y"}}}]})] {
        let item = json!({"itemKey": {"S": arn("blue")}, "open": attribute});
        let read = json!({"Responses": {"updates": [item]}}).to_string();
        let refused = json!({"__type": "ConditionalCheckFailedException", "Item": item}).to_string();
        world.on_request(move |request| match request.action.as_str() {
            "dynamodb:BatchGetItem" => Fault::Body { status: 200, body: read.clone().into() },
            _ => Fault::Body { status: 400, body: refused.clone().into() },
        });
        let loaded = load(&records, [ItemKey::Nodegroup(id("blue"))]).await;
        let reason = unreadable("its record in the table is malformed: it has an attribute of an unknown type");
        assert_eq!(loaded.nodegroup(&id("blue")), Err(&reason));
        assert_eq!(records.save(&mut blank("blue"), now()).await, Err(NotSaved::Conflict(None)));
    }
}

#[tokio::test]
async fn a_table_that_does_not_exist_is_everybodys_reason() {
    let table = Table::missing().await;
    let records = table.of("first");
    let loaded = load(&records, [ItemKey::Nodegroup(id("blue"))]).await;
    let Unreadable(reason) = loaded.nodegroup(&id("blue")).unwrap_err();
    assert!(reason.starts_with("reading its record: ResourceNotFoundException"), "{reason}");
    let pending = records.pending().await.unwrap_err().to_string();
    assert!(pending.starts_with("reading what is pending: ResourceNotFoundException"), "{pending}");
    let mut record = begun("blue");
    let NotSaved::Failed(reason) = records.save(&mut record, now()).await.unwrap_err() else { panic!("no conflict") };
    assert!(reason.starts_with("ResourceNotFoundException"), "{reason}");
    assert_eq!(record, begun("blue"), "stays as it was read");
}

// ── One writer at a time ───────────────────────────────────────────────────────────────────────────────────────────

#[tokio::test]
async fn the_first_of_two_writers_wins_and_the_other_learns_of_it() {
    let table = Table::new().await;
    let (mut first, mut second) = (begun("blue"), begun("blue"));
    table.of("first").save(&mut first, now()).await.unwrap();
    assert_eq!(table.of("second").save(&mut second, now()).await, table.conflict_with(&first).await);
    assert_eq!(first.revision, first_revision());
    assert_eq!(second, begun("blue"), "stays as it was read");
    assert_eq!(table.record("blue").await, first);
}

#[tokio::test]
async fn a_write_over_a_stale_revision_leaves_the_item() {
    let table = Table::new().await;
    let stale = table.with(begun("blue")).await;
    let mut current = stale.clone();
    current.accept("5fba87af-4c36-3a25-8a6b-7f3b3f3c2d10");
    table.of("second").save(&mut current, now()).await.unwrap();
    let item = table.item(&arn("blue")).await;

    let mut late = stale.clone();
    late.withdraw();
    for writer in ["first", "second", "third"] {
        let saved = table.of(writer).save(&mut late.clone(), now()).await;
        assert_eq!(saved, table.conflict_with(&current).await, "{writer}");
    }
    let mut anew = begun("blue");
    let saved = table.of("second").save(&mut anew, now()).await;
    assert_eq!(saved, table.conflict_with(&current).await, "nor as if there were none");
    assert_eq!(table.item(&arn("blue")).await, item);
}

#[tokio::test]
async fn a_revision_that_another_run_wrote_is_another() {
    let table = Table::new().await;
    let stands = table.with(begun("blue")).await;
    // As if this run had been told that it wrote the first revision, which it did not.
    let mut believed = stands.clone();
    believed.revision.writer = "second".to_owned();
    believed.withdraw();
    let saved = table.of("second").save(&mut believed, now()).await;
    assert_eq!(saved, table.conflict_with(&stands).await);
    assert_eq!(table.record("blue").await, stands);
}

#[tokio::test]
async fn a_record_that_was_deleted_meanwhile_is_not_brought_back() {
    let table = Table::new().await;
    let mut record = table.with(begun("blue")).await;
    let delete = table.client.delete_item().table_name(&table.name).key("itemKey", text(&arn("blue")));
    delete.send().await.unwrap();
    assert_eq!(table.of("first").save(&mut record, now()).await, Err(NotSaved::Conflict(None)));
    assert_eq!(table.item(&arn("blue")).await, None);
}

#[tokio::test]
async fn of_twenty_concurrent_writers_exactly_one_wins_each_revision() {
    let table = Table::new().await;
    let mut writers: Vec<String> = (0..20).map(|writer| format!("writer {writer}")).collect();
    let mut read = blank("blue");
    for revision in 1..=20 {
        let tries = writers.iter().map(|writer| async {
            let mut record = read.clone();
            record.begin(&intent(NEWER), now());
            let saved = table.of(writer).save(&mut record, now()).await;
            (saved, record)
        });
        let (won, lost): (Vec<_>, Vec<_>) = join_all(tries).await.into_iter().partition(|(saved, _)| saved.is_ok());
        let [(_, winner)] = won.as_slice() else { panic!("{} winners of revision {revision}", won.len()) };
        let conflict = table.conflict_with(winner).await;
        assert!(lost.iter().all(|(saved, record)| *saved == conflict && record.revision == read.revision));
        assert_eq!((winner.revision.number, winner.attempts.count), (revision, u32::try_from(revision).unwrap()));
        writers.retain(|writer| *writer != winner.revision.writer);
        read = table.record("blue").await;
        assert_eq!(read, *winner);
    }
    assert_eq!(writers, Vec::<String>::new(), "everybody won once");
}

#[tokio::test]
async fn a_repeated_write_of_the_same_run_counts_as_written_and_that_of_another_does_not() {
    let table = Table::new().await;
    // Where the server does not tell, the layer cannot know, and the safe answer is the other one.
    let own = if table.says_what_was_in_the_way().await { Ok(()) } else { Err(NotSaved::Conflict(None)) };
    let written = table.with(begun("blue")).await;
    assert_eq!(table.of("first").save(&mut begun("blue"), now()).await, own);
    let conflict = table.conflict_with(&written).await;
    assert_eq!(table.of("second").save(&mut begun("blue"), now()).await, conflict, "another run's");
    assert_eq!(table.of("first").save(&mut blank("blue"), now()).await, conflict, "other content");

    let mut next = written.clone();
    next.accept("5fba87af-4c36-3a25-8a6b-7f3b3f3c2d10");
    table.of("second").save(&mut next.clone(), now()).await.unwrap();
    let mut again = next.clone();
    assert_eq!(table.of("second").save(&mut again, now()).await, own, "over a revision, too");
    let stands = table.record("blue").await;
    assert_eq!(stands.revision, Revision { number: 2, writer: "second".to_owned() });
    assert_eq!(table.of("first").save(&mut next, now()).await, table.conflict_with(&stands).await);
    assert_eq!(table.record("blue").await, stands);
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_tried_again_and_written_once() {
    let table = Table::new().await;
    let own = if table.says_what_was_in_the_way().await { Ok(()) } else { Err(NotSaved::Conflict(None)) };
    let mut record = begun("blue");
    table.answers();
    table.wire.lose_next.store(true, Ordering::Relaxed);
    assert_eq!(table.of("first").save(&mut record, now()).await, own);
    assert_eq!(table.answers(), 2);
    let stored = table.record("blue").await;
    assert_eq!((stored.revision.number, stored.attempts.count), (1, 1));
    assert_eq!(record, if own.is_ok() { stored } else { begun("blue") });
}

// ── Changes that do not depend on order ────────────────────────────────────────────────────────────────────────────

#[tokio::test]
async fn a_change_that_meets_another_runs_write_is_made_to_that() {
    let table = Table::new().await;
    let mut read = table.with(begun("blue")).await;
    let mut others = read.clone();
    others.accept("5fba87af-4c36-3a25-8a6b-7f3b3f3c2d10");
    table.of("second").save(&mut others, now()).await.unwrap();

    let change = |record: &mut NodegroupRecord| record.report_available("1.33", NEWER, now());
    table.of("first").merge(&mut read, now(), change).await.unwrap();
    change(&mut others);
    others.revision = Revision { number: 3, writer: "first".to_owned() };
    others.expires_at = None;
    assert_eq!(read, others);
    assert_eq!(table.record("blue").await, read);
}

#[tokio::test]
async fn what_stands_in_the_way_of_a_change_is_read_where_the_server_does_not_say_it() {
    let table = Table::new().await;
    let mut read = table.with(begun("blue")).await;
    let mut others = read.clone();
    others.accept("5fba87af-4c36-3a25-8a6b-7f3b3f3c2d10");
    table.of("second").save(&mut others, now()).await.unwrap();

    table.do_not_say_what_was_in_the_way(1);
    table.answers();
    let change = |record: &mut NodegroupRecord| record.report_available("1.33", NEWER, now());
    table.of("first").merge(&mut read, now(), change).await.unwrap();
    if table.world.is_some() {
        assert_eq!(table.answers(), 3, "a write, a read and a write");
    }
    change(&mut others);
    others.revision = Revision { number: 3, writer: "first".to_owned() };
    assert_eq!(read, others);
    assert_eq!(table.record("blue").await, read);
}

#[tokio::test]
async fn a_change_that_changes_nothing_writes_nothing() {
    let table = Table::new().await;
    let mut record = table.with(begun("blue")).await;
    table.answers();
    table.of("first").merge(&mut record, now(), |_| ()).await.unwrap();
    assert_eq!(table.answers(), 0);
}

#[tokio::test]
async fn a_change_that_never_wins_goes_on_with_what_the_table_says() {
    let table = Table::new().await;
    let mut record = table.with(begun("blue")).await;
    let Some(world) = &table.world else { return };
    let mut stands = record.clone();
    stands.accept("5fba87af-4c36-3a25-8a6b-7f3b3f3c2d10");
    let item = item_of(&stands);
    let attributes = item.iter().map(|(name, value)| (name.clone(), json_of(value)));
    let refused = json!({
        "__type": "ConditionalCheckFailedException", "Item": serde_json::Map::from_iter(attributes),
    });
    world.on_request(move |_| Fault::Body { status: 400, body: refused.to_string().into() });
    table.answers();
    table.of("first").merge(&mut record, now(), |record| record.report_available("1.33", NEWER, now())).await.unwrap();
    assert_eq!(record, stands);
    assert_eq!(table.answers(), 4, "one write and three more");
}

#[tokio::test]
async fn a_change_that_never_wins_is_no_error_where_the_server_does_not_say_why() {
    let table = Table::new().await;
    let mut record = table.with(begun("blue")).await;
    if table.world.is_none() {
        return;
    }
    let mut stands = record.clone();
    stands.accept("5fba87af-4c36-3a25-8a6b-7f3b3f3c2d10");
    table.of("second").save(&mut stands, now()).await.unwrap();
    table.do_not_say_what_was_in_the_way(4);
    table.answers();
    table.of("first").merge(&mut record, now(), |record| record.report_available("1.33", NEWER, now())).await.unwrap();
    assert_eq!(record, stands);
    assert_eq!(table.answers(), 8, "each write is followed by a read");
    assert_eq!(table.record("blue").await, stands);
}

#[tokio::test]
async fn a_change_that_another_run_made_already_is_not_made_twice() {
    let table = Table::new().await;
    let mut record = table.with(begun("blue")).await;
    let change = |record: &mut NodegroupRecord| record.report_available("1.33", NEWER, now());
    let mut others = record.clone();
    table.of("second").merge(&mut others, now(), change).await.unwrap();
    table.of("first").merge(&mut record, now(), change).await.unwrap();
    assert_eq!(others.revision, Revision { number: 2, writer: "second".to_owned() });
    assert_eq!(record, others);
    assert_eq!(table.record("blue").await, others);
}

#[tokio::test]
async fn a_change_that_meets_what_cannot_be_read_leaves_it_and_says_so() {
    let table = Table::new().await;
    let read = table.with(begun("blue")).await;
    let mut item = item_of(&read);
    item.insert("revision".to_owned(), text("2/second"));
    item.insert("schemaVersion".to_owned(), number("2"));
    table.put(item.clone()).await;
    let mut record = read.clone();
    let change = |record: &mut NodegroupRecord| record.report_available("1.33", NEWER, now());
    let refused = table.of("first").merge(&mut record, now(), change).await.unwrap_err().to_string();
    assert!(refused.starts_with("writing the record: its record in the table is malformed: "), "{refused}");
    assert!(refused.contains("it has schema version 2"), "{refused}");
    assert_eq!(record, read, "stays as it was read");
    assert_eq!(table.item(&arn("blue")).await, Some(item));
}

/// An attribute as DynamoDB sends it, of the types that a record has.
fn json_of(value: &AttributeValue) -> serde_json::Value {
    match value {
        AttributeValue::S(text) => json!({"S": text}),
        AttributeValue::N(number) => json!({"N": number}),
        AttributeValue::Bool(value) => json!({"BOOL": value}),
        AttributeValue::L(values) => json!({"L": values.iter().map(json_of).collect::<Vec<_>>()}),
        AttributeValue::M(values) => {
            let members = values.iter().map(|(name, value)| (name.clone(), json_of(value)));
            json!({"M": serde_json::Map::from_iter(members)})
        }
        value => panic!("{value:?}"),
    }
}

#[tokio::test]
async fn a_change_to_a_record_that_was_deleted_meanwhile_is_dropped() {
    let table = Table::new().await;
    let mut record = table.with(begun("blue")).await;
    let delete = table.client.delete_item().table_name(&table.name).key("itemKey", text(&arn("blue")));
    delete.send().await.unwrap();
    let change = |record: &mut NodegroupRecord| record.report_available("1.33", NEWER, now());
    let read = record.clone();
    table.of("first").merge(&mut record, now(), change).await.unwrap();
    assert_eq!(record, read, "without the change");
    assert_eq!(table.item(&arn("blue")).await, None);
}

/// A release to report to `prod/blue` and `prod/green`, and one to quarantine.
fn reconciled() -> Reconciled {
    let report = NodegroupChange::ReportAvailable { version: "1.33".into(), release_version: NEWER.into(), at: now() };
    Reconciled {
        nodegroups: ["blue", "green"].map(|name| (id(name), vec![report.clone()])).into(),
        fleet: Some((fleet_record().id, vec![FleetChange::Quarantine(quarantine(CURRENT, names_of(3), now()))])),
        ..Reconciled::default()
    }
}

#[tokio::test]
async fn what_was_reconciled_is_written_and_what_cannot_be_read_is_reported() {
    let table = Table::new().await;
    let mut blue = table.with(begun("blue")).await;
    let green = table.with(begun("green")).await;
    let mut item = item_of(&green);
    item.insert("schemaVersion".to_owned(), number("2"));
    table.put(item.clone()).await;
    let mut records = table.load(&["blue", "green"]).await;
    let Unreadable(of_green) = records.nodegroup(&id("green")).unwrap_err().clone();
    // Meanwhile another run writes.
    blue.accept("5fba87af-4c36-3a25-8a6b-7f3b3f3c2d10");
    table.of("second").save(&mut blue, now()).await.unwrap();

    let of_red = unreadable("AccessDeniedException: no");
    let unreadable = vec![(id("red"), of_red.clone())];
    let errors = table.of("first").write(Reconciled { unreadable, ..reconciled() }, &mut records, now()).await;
    assert_eq!(
        errors,
        [
            (ProblemCode::Unreadable, "red", of_red.to_string()),
            (ProblemCode::NotRecorded, "green", of_green.to_string())
        ]
        .map(|(code, name, error)| Problem::with(code, &id(name), error))
    );
    assert_eq!(records.nodegroup(&id("red")), Err(&of_red), "nothing is built upon it");

    blue.report_available("1.33", NEWER, now());
    blue.opt_in(now());
    blue.revision = Revision { number: 3, writer: "first".to_owned() };
    assert_eq!(records.nodegroup(&id("blue")), Ok(Some(&blue)));
    assert_eq!(table.record("blue").await, blue);
    let mut fleet = fleet_record();
    fleet.quarantine(&quarantine(CURRENT, names_of(3), now()));
    fleet.revision = first_revision();
    assert_eq!(records.fleet(&fleet_record().id), Ok(Some(&fleet)));
    assert_eq!(table.fleet_record().await, fleet);
    assert_eq!(table.item(&arn("green")).await, Some(item), "what cannot be read is not written over");
}

#[tokio::test]
async fn a_dry_run_takes_in_what_was_reconciled_and_writes_nothing() {
    let table = Table::new().await;
    let mut records = RecordSet::default();
    let dry = RecordStore::new(&table.client, Some(&table.name));
    assert_eq!(dry.write(reconciled(), &mut records, now()).await, []);
    assert_eq!(table.answers(), 0);
    for name in ["blue", "green"] {
        let mut record = blank(name);
        record.report_available("1.33", NEWER, now());
        record.opt_in(now());
        assert_eq!(records.nodegroup(&id(name)), Ok(Some(&record)));
    }
    let mut fleet = fleet_record();
    fleet.quarantine(&quarantine(CURRENT, names_of(3), now()));
    assert_eq!(records.fleet(&fleet_record().id), Ok(Some(&fleet)));
}

// ── What is pending, and what may be forgotten ─────────────────────────────────────────────────────────────────────

#[tokio::test]
async fn only_what_is_open_or_unreported_is_pending() {
    let table = Table::new().await;
    let records = table.of("first");
    assert_eq!(table.pending().await, names(&[]));
    table.with(blank("quiet")).await;
    assert_eq!(table.pending().await, names(&[]));
    let mut blue = table.with(begun("blue")).await;
    let mut green = table.with(begun("green")).await;
    let mut red = blank("red");
    red.report_available("1.33", NEWER, now());
    let mut red = table.with(red).await;
    assert_eq!(table.pending().await, names(&["blue", "green", "red"]));

    blue.end(Status::Successful, vec![], now());
    records.save(&mut blue, now()).await.unwrap();
    green.end(Status::Failed, vec![], now());
    records.save(&mut green, now()).await.unwrap();
    assert_eq!(table.pending().await, names(&["green", "red"]), "a success needs no message");

    for record in [&mut green, &mut red] {
        let notice = record.pending_notices()[0].clone();
        record.mark_published(&notice, &Sink::ALL);
        records.save(record, now()).await.unwrap();
    }
    assert_eq!(table.pending().await, names(&[]));

    green.begin(&intent(NEWER), now());
    records.save(&mut green, now()).await.unwrap();
    assert_eq!(table.pending().await, names(&["green"]), "and comes back");
}

#[tokio::test]
async fn a_key_that_is_no_arn_is_pending_like_any_other() {
    let table = Table::new().await;
    table.with(begun("blue")).await;
    table.put(Item::from([("itemKey".into(), text("prod/green")), ("pending".into(), text("yes"))])).await;
    assert_eq!(table.pending().await, BTreeSet::from([arn("blue"), "prod/green".to_owned()]));
}

#[tokio::test]
async fn only_what_is_settled_expires_and_in_seconds() {
    let table = Table::new().await;
    let mut record = table.with(begun("blue")).await;
    let item = table.item(&arn("blue")).await.unwrap();
    assert_eq!((item.get("pending"), item.get("expiresAt")), (Some(&text("yes")), None), "open");

    record.end(Status::Failed, vec![], now());
    table.of("first").save(&mut record, now()).await.unwrap();
    let item = table.item(&arn("blue")).await.unwrap();
    assert_eq!((item.get("pending"), item.get("expiresAt")), (Some(&text("yes")), None), "a notice is pending");

    let notice = record.pending_notices()[0].clone();
    record.mark_published(&notice, &Sink::ALL);
    table.of("first").save(&mut record, now()).await.unwrap();
    let item = table.item(&arn("blue")).await.unwrap();
    let expected = number(&(now() + days(400)).as_second().to_string());
    assert_eq!((item.get("pending"), item.get("expiresAt")), (None, Some(&expected)), "settled");

    record.begin(&intent(NEWER), now());
    table.of("first").save(&mut record, now()).await.unwrap();
    let item = table.item(&arn("blue")).await.unwrap();
    assert_eq!((item.get("pending"), item.get("expiresAt")), (Some(&text("yes")), None), "open again");

    let mut reported = blank("green");
    reported.report_available("1.33", NEWER, now());
    let notice = reported.pending_notices()[0].clone();
    reported.mark_published(&notice, &Sink::ALL);
    table.with(reported).await;
    let item = table.item(&arn("green")).await.unwrap();
    assert_eq!((item.get("pending"), item.get("expiresAt")), (None, None), "what was reported is not forgotten");

    let mut reported = blank("red");
    reported.report_invalid_tag(&invalid_tag(), now());
    let notice = reported.pending_notices()[0].clone();
    reported.mark_published(&notice, &Sink::ALL);
    table.with(reported).await;
    let item = table.item(&arn("red")).await.unwrap();
    assert_eq!((item.get("pending"), item.get("expiresAt")), (None, None), "nor is a tag");
}

#[tokio::test]
async fn what_is_pending_is_read_to_the_last_page() {
    let table = Table::new().await;
    // Keys of about two kilobytes, so that six hundred are more than the megabyte of one answer.
    let arns: Vec<String> = (0..600).map(|name| arn(&format!("{name}-{}", "x".repeat(1900)))).collect();
    let item = |arn: &String| Item::from([("itemKey".into(), text(arn)), ("pending".into(), text("yes"))]);
    for some in arns.chunks(25) {
        let puts = some.iter().map(|arn| PutRequest::builder().set_item(Some(item(arn))).build().unwrap());
        let puts = puts.map(|put| WriteRequest::builder().put_request(put).build()).collect();
        let written = table.client.batch_write_item().request_items(&table.name, puts).send().await.unwrap();
        assert!(written.unprocessed_items.unwrap_or_default().is_empty());
    }
    if let Some(world) = &table.world {
        world.page_size(250);
    }
    table.answers();
    assert_eq!(table.pending().await, arns.into_iter().collect());
    assert!(table.answers() > 1, "more than one page");
}

// ── How much fits ──────────────────────────────────────────────────────────────────────────────────────────────────

#[tokio::test]
async fn ten_attempts_with_the_longest_errors_fit() {
    let table = Table::new().await;
    let nodes = |attempt| (0..2000).map(|node| format!("i-{attempt:08x}{node:09x}")).collect::<Vec<String>>();
    let mut record = begun("blue");
    for attempt in 0..10 {
        record.begin(&intent(NEWER), now());
        record.end(Status::Failed, vec![error("ü".repeat(4000), nodes(attempt)); 3], now());
    }
    record.begin(&intent(NEWER), now());
    assert_eq!((record.attempts.ended.len(), record.pending_notices().len()), (10, 10));
    let written = table.with(record).await;
    assert_eq!(table.record("blue").await, written);
}

#[tokio::test]
async fn a_record_near_the_limit_is_kept_and_one_above_it_fails_with_the_cause() {
    let table = Table::new().await;
    let of_size = |bytes: usize| {
        let mut record = begun("blue");
        record.attempts.open.as_mut().unwrap().errors = vec![error("x".repeat(bytes), vec![])];
        record
    };
    let small = table.with(of_size(400_000)).await;
    assert_eq!(table.record("blue").await, small);

    if let Some(world) = &table.world {
        let message = "Item size has exceeded the maximum allowed size";
        world.fail_next("dynamodb:PutItem", 1, ApiError::new(400, "ValidationException", message));
    }
    let mut large = of_size(400 * 1024);
    large.revision = small.revision.clone();
    let mut record = large.clone();
    let refused = table.of("first").save(&mut record, now()).await.unwrap_err();
    let sentence = "writing the record: ValidationException: Item size has exceeded the maximum allowed size";
    assert_eq!(refused.to_string(), sentence);
    assert_eq!(record, large, "stays as it was read");
    assert_eq!(table.record("blue").await, small);
}

#[tokio::test]
async fn a_record_above_its_limit_sheds_the_details_of_its_oldest_attempts() {
    let table = Table::new().await;
    let mut record = begun("blue");
    for _ in 0..5 {
        record.end(Status::Failed, vec![], now());
        record.begin(&intent(NEWER), now());
    }
    for attempt in &mut record.attempts.ended {
        attempt.errors = vec![error("x".repeat(90_000), vec![])];
    }
    let written = table.with(record.clone()).await;
    let shed = ErrorDetail::new(
        "Shortened",
        "1 further errors and resources are left out here; `aws eks describe-update` shows them",
    );
    for attempt in &mut record.attempts.ended[..2] {
        attempt.errors = vec![shed.clone()];
    }
    record.revision = first_revision();
    assert_eq!((record.attempts.ended.len(), record.pending_notices().len(), record.open().is_some()), (5, 5, true));
    assert_eq!(written, record, "the three latest keep their details, and nothing else is missing");
    assert!(serde_json::to_vec(&written).unwrap().len() <= 300 * 1024);
    assert_eq!(table.record("blue").await, written);
}

#[tokio::test]
async fn the_fleet_keeps_thirty_two_quarantines_and_drops_those_that_are_over_first() {
    let table = Table::new().await;
    let mut fleet = fleet_record();
    let release = |index: usize| format!("1.33.2-{}", 20_260_000 + index);
    for index in 0..35 {
        fleet.quarantine(&quarantine(&release(index), names_of(1), now()));
    }
    fleet.lift_quarantine(&selector(&release(5)), now());
    fleet.quarantines[30].superseded_by = Some("1.33.3-20260719".into());
    let written = table.with(fleet).await;
    let kept: Vec<&str> = written.quarantines.iter().map(|quarantine| quarantine.release_version.as_str()).collect();
    let expected: Vec<String> = (1..35).filter(|index| ![5, 30].contains(index)).map(release).collect();
    assert_eq!(kept, expected, "both that are over went, and only then the oldest that holds");
    assert_eq!(kept.len(), 32);
    assert_eq!(written.pending_notices().len(), 35, "all are still reported");
    assert_eq!(table.fleet_record().await, written);
}
