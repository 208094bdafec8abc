//! A fleet, both functions, and an afternoon: the real handlers through the real SDK on the simulated AWS.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use eks_nodegroup_updater::aws::{CheckClients, StartClients};
use eks_nodegroup_updater::config::{CheckConfig, StartConfig};
use eks_nodegroup_updater::handler;
use eks_nodegroup_updater::model::id::scope::Scope;
use eks_nodegroup_updater::model::problem::Problem;
use eks_nodegroup_updater::model::record::fleet::FleetRecord;
use eks_nodegroup_updater::model::record::nodegroup::NodegroupRecord;
use eks_nodegroup_updater::model::record::track::TrackRecord;
use eks_nodegroup_updater::model::record::{Content, Record, Writer};
use eks_nodegroup_updater::run::Run;
use eks_nodegroup_updater::store::item::{self, Item};
use eks_nodegroup_updater::summary::{CheckSummary, StartSummary};
use jiff::SignedDuration;
use sandbox::functions::{CHECK_KEY, START_KEY};
use sandbox::template::{SsmParameters, updates_table};
use serde_json::{Value, json};
use simulated_aws::{Nodegroup, PublishedMessage, PutEvent, World};

use crate::aws::{OBSERVER_KEY, check_clients, sdk_config, start_clients};
use crate::fixtures::{AL2023, FLEET_KEY, NEWER, TRACK_KEY, check_config, fleet_record, opted_in, start_config};
use crate::time::{minutes, now};

/// The ARN of the functions.
const FUNCTION_ARN: &str = "arn:aws:lambda:eu-central-1:123456789012:function:updater";
/// The table that holds the records.
pub const TABLE: &str = "updates";

/// The SSM parameters of a stack.
pub const SETTINGS_DOCUMENT: &str = "/updater/settings";
/// The stop switch.
pub const STOP_SWITCH: &str = "/updater/stop-switch";
/// The list of denied releases.
pub const DENIED_RELEASES: &str = "/updater/denied-releases";
/// The list of change calendars.
pub const CHANGE_CALENDARS: &str = "/updater/change-calendars";

const PARAMETERS: SsmParameters = SsmParameters {
    settings: SETTINGS_DOCUMENT,
    stop_switch: STOP_SWITCH,
    denied_releases: DENIED_RELEASES,
    change_calendars: CHANGE_CALENDARS,
};

/// A simulated AWS, and both functions as they are deployed, with every setting at its default.
pub struct TestEnv {
    /// The simulated AWS.
    pub world: World,
    /// The clients of `start`.
    pub start: StartClients,
    /// The clients of `check`.
    pub check: CheckClients,
    /// The settings of `start`.
    pub start_config: StartConfig,
    /// The settings of `check`.
    pub check_config: CheckConfig,
    /// Reads and writes the table for the test itself.
    pub observer: aws_sdk_dynamodb::Client,
    /// Lambda's time limit.
    pub time_limit: Duration,
    /// How far Lambda's clock is ahead of AWS's.
    pub clock_ahead: SignedDuration,
    /// The function's ARN from its runtime.
    pub function_arn: &'static str,
    runs: AtomicU32,
}

impl TestEnv {
    /// A world with these node groups, a newer release for those on AL2023, the table and the topic.
    pub async fn with<const N: usize>(nodegroups: [Nodegroup; N]) -> Self {
        let world = World::new(now());
        for nodegroup in nodegroups {
            world.add_nodegroup(nodegroup);
        }
        world.publish_release(AL2023, "1.33", NEWER);
        Self::in_world(world).await
    }

    /// The usual environment: one opted-in node group, `prod/blue`.
    pub async fn with_blue() -> Self {
        Self::with([opted_in("prod", "blue")]).await
    }

    /// The table and the topic, in a world that has everything else.
    pub async fn in_world(world: World) -> Self {
        let observer = check_clients(&sdk_config(&world, OBSERVER_KEY).await).dynamodb;
        world.create_table(&updates_table(TABLE));
        let topic = world.create_topic("notifications");
        let env = Self {
            start: start_clients(&sdk_config(&world, START_KEY).await),
            check: check_clients(&sdk_config(&world, CHECK_KEY).await),
            observer,
            start_config: start_config(&[("UPDATES_TABLE", TABLE), ("EVENT_BUS_NAME", "default")]),
            check_config: check_config(&[
                ("UPDATES_TABLE", TABLE),
                ("NOTIFICATION_TOPIC_ARN", &topic),
                ("EVENT_BUS_NAME", "default"),
            ]),
            world,
            time_limit: Duration::from_mins(15),
            clock_ahead: SignedDuration::ZERO,
            function_arn: FUNCTION_ARN,
            runs: 0.into(),
        };
        env.has_run_before().await;
        env
    }

    /// The fleet's item from an earlier run, so that this is not a new installation.
    async fn has_run_before(&self) {
        let mut fleet = fleet_record();
        fleet.digest_at = Some(self.world.now());
        fleet.prepare(Writer { id: "earlier", sinks: &self.check_config.sinks }, self.world.now());
        self.put_item(&serde_json::to_value(fleet).expect("JSON")).await;
        self.world.clear_requests();
    }

    /// Gives `start` the SSM parameters of the template, with these values of the template's parameters, and these variables in
    /// addition to the template's.
    pub fn deploy(&mut self, parameters: &[(&str, &str)], variables: &[(&str, &str)]) {
        let parameters = PARAMETERS.put(&self.world, parameters);
        let resources = [("UPDATES_TABLE", TABLE), ("EVENT_BUS_NAME", "default")];
        self.start_config = start_config(&[&resources[..], &parameters, variables].concat());
    }

    /// Empties the table: a new installation.
    pub async fn empty_table(&self) {
        let key = AttributeValue::S(FLEET_KEY.to_owned());
        self.observer.delete_item().table_name(TABLE).key("itemKey", key).send().await.expect("the table answers");
    }

    fn run<'a>(&self, id: &'a str) -> Run<'a> {
        let run = Run::new(id, self.world.now() + self.clock_ahead, self.time_limit);
        Run { scope: Scope::of_function(self.function_arn), ..run }
    }

    /// Runs `start` with this request id and event.
    ///
    /// # Errors
    /// When the handler fails.
    pub async fn start_as(&self, id: &str, event: &Value) -> anyhow::Result<StartSummary> {
        handler::start(&self.start, &self.start_config, event, self.run(id)).await
    }

    /// Runs `start` with this event.
    ///
    /// # Errors
    /// When the handler fails.
    pub async fn try_start(&self, event: &Value) -> anyhow::Result<StartSummary> {
        self.start_as(&self.next_id(), event).await
    }

    /// Runs `start`, as its schedule does.
    pub async fn start(&self) -> StartSummary {
        self.try_start(&json!({})).await.expect("start succeeds")
    }

    /// Runs `check` with this request id and event.
    ///
    /// # Errors
    /// When the handler fails.
    pub async fn check_as(&self, id: &str, event: &Value) -> anyhow::Result<CheckSummary> {
        handler::check(&self.check, &self.check_config, event, self.run(id)).await
    }

    /// Runs `check` with this event.
    ///
    /// # Errors
    /// When the handler fails.
    pub async fn try_check(&self, event: &Value) -> anyhow::Result<CheckSummary> {
        self.check_as(&self.next_id(), event).await
    }

    /// Runs `check`, as its schedule does.
    pub async fn check(&self) -> CheckSummary {
        self.try_check(&json!({})).await.expect("check succeeds")
    }

    /// Lets this many minutes pass.
    pub fn advance(&self, by: i64) {
        self.world.advance(minutes(by));
    }

    /// The JSON of every message so far.
    pub fn messages(&self) -> Vec<Value> {
        let read =
            |published: &PublishedMessage| serde_json::from_str(&published.delivered_as("lambda")).expect("JSON");
        self.world.published().iter().map(read).collect()
    }

    /// Every event so far, as a rule on the bus receives it.
    pub fn events(&self) -> Vec<Value> {
        let read = |event: &PutEvent| {
            json!({
                "source": event.source,
                "detail-type": event.detail_type,
                "resources": event.resources,
                "detail": serde_json::from_str::<Value>(&event.detail).expect("JSON"),
            })
        };
        self.world.events().iter().map(read).collect()
    }

    /// Every message so far, such as `UpdateFailed of blue`.
    pub fn message_events(&self) -> Vec<String> {
        let text = |message: &Value, key: &str| message[key].as_str().expect("text").to_owned();
        let event = |message: &Value| format!("{} of {}", text(message, "kind"), text(message, "nodegroup"));
        self.messages().iter().map(event).collect()
    }

    /// The record of a node group, as the table holds it.
    pub async fn record(&self, cluster: &str, name: &str) -> Option<NodegroupRecord> {
        self.record_of(&self.world.nodegroup(cluster, name).expect("the node group exists").arn).await
    }

    /// The record of the fleet.
    pub async fn fleet_record(&self) -> FleetRecord {
        self.record_of(FLEET_KEY).await.expect("the fleet has a record")
    }

    /// The record of the usual release track.
    pub async fn track_record(&self) -> TrackRecord {
        self.record_of(TRACK_KEY).await.expect("the track has a record")
    }

    /// The record under a key.
    pub async fn record_of<C: Content>(&self, key: &str) -> Option<Record<C>> {
        Some(item::read(self.attributes_of(key).await?).expect("a record"))
    }

    /// The item under a key.
    pub async fn item(&self, key: &str) -> Option<Value> {
        Some(serde_dynamo::from_item(self.attributes_of(key).await?).expect("JSON"))
    }

    async fn attributes_of(&self, key: &str) -> Option<Item> {
        let get = self.observer.get_item().table_name(TABLE).key("itemKey", AttributeValue::S(key.to_owned()));
        get.send().await.expect("the table answers").item
    }

    /// Writes an item that no function would write.
    pub async fn put_item(&self, item: &Value) {
        let item = serde_dynamo::to_item(item).expect("an item");
        self.observer.put_item().table_name(TABLE).set_item(Some(item)).send().await.expect("the table takes it");
    }

    /// How often an action was called.
    pub fn calls(&self, action: &str) -> usize {
        self.world.requests().iter().filter(|request| request.action == action).count()
    }

    /// A new request id.
    pub fn next_id(&self) -> String {
        self.runs.fetch_add(1, Ordering::Relaxed).to_string()
    }
}

/// The decisions of a run of `start`, such as `prod/blue: Start, Accepted` and `prod/green: UpToDate`.
#[must_use]
pub fn decisions(summary: &StartSummary) -> Vec<String> {
    let line = |line: &eks_nodegroup_updater::summary::StartLine| match line.outcome {
        Some(outcome) => format!("{}: {}, {outcome}", line.nodegroup, line.decision),
        None => format!("{}: {}", line.nodegroup, line.decision),
    };
    summary.decisions.iter().map(line).collect()
}

/// The errors of a run, such as `prod/blue: AccessDeniedException: no`.
#[must_use]
pub fn errors(errors: &[Problem]) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}
