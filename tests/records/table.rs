//! A table of its own for each test, and what is in it.

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
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure, TableStatus};
use eks_nodegroup_updater::aws::{config_loader, http};
use eks_nodegroup_updater::model::attempt::ErrorDetail;
use eks_nodegroup_updater::model::id::{ItemKey, NodegroupId};
use eks_nodegroup_updater::model::notice::Sinks;
use eks_nodegroup_updater::model::record::fleet::FleetRecord;
use eks_nodegroup_updater::model::record::nodegroup::NodegroupRecord;
use eks_nodegroup_updater::model::record::set::RecordSet;
use eks_nodegroup_updater::model::record::track::TrackRecord;
use eks_nodegroup_updater::model::record::{Content, Record, Writer};
use eks_nodegroup_updater::store::{NotSaved, RecordStore, item};
use jiff::Timestamp;
use simulated_aws::{ApiError, World};
use testing::{History, NEWER, at, create_updates_table, eviction, fleet_record, track_record};

pub type Item = HashMap<String, AttributeValue>;

/// What is published by default where there is no bus.
pub static SINKS: Sinks = Sinks { events: false, more_messages: Vec::new(), fewer_messages: Vec::new() };

pub const LAST_REVISION: &str = "18446744073709551615/first";

/// Sits between client and server: counts the answers, and loses the next one if it is told to.
#[derive(Clone, Debug, Default)]
pub struct Wire {
    pub answers: Arc<AtomicUsize>,
    pub lose_next: Arc<AtomicBool>,
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
pub struct Table {
    pub client: Client,
    pub name: String,
    pub wire: Wire,
    /// Absent where a server is under test.
    pub world: Option<World>,
}

#[expect(clippy::disallowed_methods, reason = "the environment says what is under test")]
pub fn endpoint() -> Option<String> {
    std::env::var("DYNAMODB_ENDPOINT_URL").ok()
}

impl Table {
    /// A new table, as the template defines it.
    pub async fn new() -> Self {
        let table = Self::missing().await;
        create_updates_table(&table.client, &table.name).await;
        while table.status().await != Some(TableStatus::Active) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        table.wire.answers.store(0, Ordering::Relaxed);
        table
    }

    pub async fn status(&self) -> Option<TableStatus> {
        let described = self.client.describe_table().table_name(&self.name).send().await.unwrap();
        described.table?.table_status
    }

    /// The name of a table that nobody has created.
    pub async fn missing() -> Self {
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

    pub fn of<'a>(&'a self, writer: &'a str) -> RecordStore<'a> {
        RecordStore::new(&self.client, Some(&self.name)).writing(Writer { id: writer, sinks: &SINKS })
    }

    /// Writes a record that must not exist yet, and returns it as the table has it.
    pub async fn with<C: Content>(&self, record: Record<C>) -> Record<C> {
        let mut record = record;
        self.of("first").save(&mut record, now()).await.unwrap();
        record
    }

    pub async fn load(&self, names: &[&str]) -> RecordSet {
        let keys: Vec<ItemKey> = names.iter().map(|name| ItemKey::Nodegroup(id(name))).collect();
        load(&self.of("reader"), keys).await
    }

    pub async fn record(&self, name: &str) -> NodegroupRecord {
        self.load(&[name]).await.nodegroup(&id(name)).unwrap().unwrap().clone()
    }

    pub async fn track_record(&self) -> TrackRecord {
        load(&self.of("reader"), [ItemKey::Track(track_record().id)])
            .await
            .track(&track_record().id)
            .unwrap()
            .unwrap()
            .clone()
    }

    pub async fn fleet_record(&self) -> FleetRecord {
        load(&self.of("reader"), [fleet_key()]).await.fleet(&fleet_record().id).unwrap().unwrap().clone()
    }

    /// What is really in the table.
    pub async fn item(&self, arn: &str) -> Option<Item> {
        let get = self.client.get_item().table_name(&self.name).key("itemKey", text(arn)).consistent_read(true);
        get.send().await.unwrap().item
    }

    pub async fn put(&self, item: Item) {
        self.client.put_item().table_name(&self.name).set_item(Some(item)).send().await.unwrap();
    }

    pub async fn pending(&self) -> BTreeSet<String> {
        self.of("reader").pending().await.unwrap()
    }

    /// Whether a failed condition brings the item that was in the way, as DynamoDB does since 2023.
    pub async fn says_what_was_in_the_way(&self) -> bool {
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
    pub fn do_not_say_what_was_in_the_way(&self, writes: usize) {
        if let Some(world) = &self.world {
            let refused = ApiError::new(400, "ConditionalCheckFailedException", "The conditional request failed");
            world.fail_next("dynamodb:PutItem", writes, refused);
        }
    }

    /// How a write fails that meets this record, where the server says so.
    pub async fn conflict_with<C: Content>(&self, stored: &Record<C>) -> Result<(), NotSaved<Record<C>>> {
        let stored = self.says_what_was_in_the_way().await.then(|| Box::new(stored.clone()));
        Err(NotSaved::Conflict(stored))
    }

    pub fn answers(&self) -> usize {
        self.wire.answers.swap(0, Ordering::Relaxed)
    }
}

/// What the table holds of these.
pub async fn load(store: &RecordStore<'_>, keys: impl IntoIterator<Item = ItemKey>) -> RecordSet {
    store.load(keys.into_iter()).await
}

pub fn fleet_key() -> ItemKey {
    ItemKey::Fleet(fleet_record().id)
}

pub fn now() -> Timestamp {
    at("2026-07-20T09:00:00.123456789Z")
}

pub fn arn(name: &str) -> String {
    testing::arn(&format!("prod/{name}"))
}

pub fn id(name: &str) -> NodegroupId {
    testing::id(&format!("prod/{name}"))
}

/// The record of a node group of which nothing is known.
pub fn blank(name: &str) -> NodegroupRecord {
    testing::record(&format!("prod/{name}"))
}

/// The record of a node group whose update is about to be asked for.
pub fn begun(name: &str) -> NodegroupRecord {
    blank(name).intended(NEWER, now())
}

pub fn error(message: String, resource_ids: Vec<String>) -> ErrorDetail {
    ErrorDetail { error_message: message, resource_ids, ..eviction() }
}

pub fn item_of<C: Content>(record: &Record<C>) -> Item {
    item::write(record).unwrap()
}

pub fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

pub fn number(number: &str) -> AttributeValue {
    AttributeValue::N(number.to_owned())
}

/// The attributes of a part of an item.
pub fn part<'a>(item: &'a mut Item, name: &str) -> &'a mut Item {
    match item.get_mut(name) {
        Some(AttributeValue::M(part)) => part,
        _ => panic!("it has no {name}"),
    }
}

/// The attempts of a node group's item, as attributes.
pub fn attempts(item: &mut Item) -> &mut Item {
    part(item, "attempts")
}

/// The attributes of its open attempt.
pub fn open(item: &mut Item) -> &mut Item {
    part(attempts(item), "open")
}

pub fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| arn(name)).collect()
}
