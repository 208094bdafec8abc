//! A fleet, both functions, and an afternoon: the real handlers through the real SDK on the simulated AWS.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::ops::Range;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use aws_config::{Region, SdkConfig};
use aws_sdk_eks::config::Credentials;
use aws_sdk_eks::config::retry::RetryPartition;
use aws_smithy_async::time::TimeSource;
use eks_nodegroup_updater::aws::{CheckClients, StartClients, config_loader};
use eks_nodegroup_updater::config::{CheckConfig, Fleet, Limits, RetryAfter, StartConfig};
use eks_nodegroup_updater::handler::{self, Run};
use eks_nodegroup_updater::model::policy::Rules;
use eks_nodegroup_updater::model::record::Record;
use eks_nodegroup_updater::summary::{CheckSummary, StartSummary};
use jiff::SignedDuration;
use serde_json::{Value, json};
use simulated_aws::{Nodegroup, World};
use tokio::time::Instant;

pub const TABLE: &str = "updates";
pub const AL2023: &str = "AL2023_x86_64_STANDARD";
pub const CURRENT: &str = "1.33.1-20260610";
pub const NEWER: &str = "1.33.2-20260710";

/// The access keys by which the world tells the functions apart.
pub const START_KEY: &str = "AKIASTART";
pub const CHECK_KEY: &str = "AKIACHECK";
/// That of the test itself.
pub const OBSERVER_KEY: &str = "AKIAOBSERVER";

pub struct Stage {
    pub world: World,
    pub start: StartClients,
    pub check: CheckClients,
    pub start_config: StartConfig,
    pub check_config: CheckConfig,
    /// Reads the table for the test itself.
    observer: aws_sdk_dynamodb::Client,
    /// How long Lambda lets a run live.
    pub life: Duration,
    /// How much Lambda's clock is ahead of AWS's.
    pub clock_ahead: SignedDuration,
    runs: AtomicU32,
}

/// Runs a future to its end in virtual time, on this thread.
pub fn in_virtual_time<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, future)
}

/// Does each piece of work in turn, on every core.
pub fn on_every_core(work: Range<u64>, each: impl Fn(u64) + Sync) {
    let next = AtomicU64::new(work.start);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(piece) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|piece| work.contains(piece))
                {
                    each(piece);
                }
            });
        }
    });
}

pub fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

/// The rules of the whole fleet where no setting says anything.
pub fn fleet() -> Fleet {
    Fleet {
        defaults: Rules::default(),
        denied: vec![],
        window_margin: minutes(30),
        ring_soak: SignedDuration::from_hours(24),
        quarantine_after: 2,
        change_calendars: vec![],
        stop_switch: None,
    }
}

/// An opted-in group for which [`NEWER`] is out.
pub fn opted_in(cluster: &str, name: &str) -> Nodegroup {
    Nodegroup::new(cluster, name).release(CURRENT).tag("ami-update", "auto")
}

/// Tokio's clock, which stands still in a test but for what somebody waits for; the SDK measures throttling by it.
#[derive(Debug)]
struct PausedTime(Instant);

impl TimeSource for PausedTime {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_784_538_000) + self.0.elapsed()
    }
}

pub async fn sdk_config(world: &World, access_key: &str) -> SdkConfig {
    config_loader()
        .http_client(world.http_client())
        .credentials_provider(Credentials::new(access_key, "secret", None, None, "simulation"))
        .time_source(PausedTime(Instant::now()))
        .region(Region::from_static(simulated_aws::REGION))
        .load()
        .await
}

/// The SDK shares what it learns of throttling among all clients of a process, and so among tests; this keeps it apart.
fn partition() -> RetryPartition {
    static CLIENTS: AtomicU32 = AtomicU32::new(0);
    RetryPartition::new(format!("client {}", CLIENTS.fetch_add(1, Ordering::Relaxed)))
}

fn start_clients(config: &SdkConfig) -> StartClients {
    let eks = aws_sdk_eks::config::Builder::from(config).retry_partition(partition());
    let tagging = aws_sdk_resourcegroupstagging::config::Builder::from(config).retry_partition(partition());
    let ssm = aws_sdk_ssm::config::Builder::from(config).retry_partition(partition());
    let dynamodb = aws_sdk_dynamodb::config::Builder::from(config).retry_partition(partition());
    StartClients {
        eks: aws_sdk_eks::Client::from_conf(eks.build()),
        tagging: aws_sdk_resourcegroupstagging::Client::from_conf(tagging.build()),
        ssm: aws_sdk_ssm::Client::from_conf(ssm.build()),
        dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb.build()),
    }
}

fn check_clients(config: &SdkConfig) -> CheckClients {
    let eks = aws_sdk_eks::config::Builder::from(config).retry_partition(partition());
    let dynamodb = aws_sdk_dynamodb::config::Builder::from(config).retry_partition(partition());
    let sns = aws_sdk_sns::config::Builder::from(config).retry_partition(partition());
    CheckClients {
        eks: aws_sdk_eks::Client::from_conf(eks.build()),
        dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb.build()),
        sns: aws_sdk_sns::Client::from_conf(sns.build()),
    }
}

impl Stage {
    /// A world with these node groups, a newer release for those on AL2023, the table and the topic.
    pub async fn with<const N: usize>(nodegroups: [Nodegroup; N]) -> Self {
        let world = World::new("2026-07-20T09:00:00Z".parse().unwrap());
        for nodegroup in nodegroups {
            world.add_nodegroup(nodegroup);
        }
        world.publish_release(AL2023, "1.33", NEWER);
        Self::in_world(world).await
    }

    /// The table and the topic, in a world that has everything else.
    pub async fn in_world(world: World) -> Self {
        world.create_updates_table(TABLE).await;
        let topic = world.create_topic("notifications");
        let retry_after = RetryAfter([1, 4, 12].map(SignedDuration::from_hours).into());
        Self {
            start: start_clients(&sdk_config(&world, START_KEY).await),
            check: check_clients(&sdk_config(&world, CHECK_KEY).await),
            observer: check_clients(&sdk_config(&world, OBSERVER_KEY).await).dynamodb,
            start_config: StartConfig {
                updates_table: TABLE.into(),
                limits: Limits { updates_per_cluster: 1, updates_in_progress: 10, starts_per_run: 10 },
                retry_after: retry_after.clone(),
                fleet: fleet(),
            },
            check_config: CheckConfig {
                updates_table: TABLE.into(),
                notification_topic_arn: topic,
                stuck_after: SignedDuration::from_hours(6),
                retry_after,
            },
            world,
            life: Duration::from_mins(15),
            clock_ahead: SignedDuration::ZERO,
            runs: 0.into(),
        }
    }

    /// The usual stage: one opted-in group, `prod/blue`.
    pub async fn with_blue() -> Self {
        Self::with([opted_in("prod", "blue")]).await
    }

    fn run<'a>(&self, id: &'a str) -> Run<'a> {
        Run { id, now: self.world.now() + self.clock_ahead, deadline: Instant::now() + self.life }
    }

    pub async fn start_as(&self, id: &str, event: &Value) -> anyhow::Result<StartSummary> {
        handler::start(&self.start, &self.start_config, event, self.run(id)).await
    }

    pub async fn try_start(&self, event: &Value) -> anyhow::Result<StartSummary> {
        self.start_as(&self.next_id(), event).await
    }

    pub async fn start(&self) -> StartSummary {
        self.try_start(&json!({})).await.unwrap()
    }

    pub async fn check_as(&self, id: &str, event: &Value) -> anyhow::Result<CheckSummary> {
        handler::check(&self.check, &self.check_config, event, self.run(id)).await
    }

    pub async fn try_check(&self, event: &Value) -> anyhow::Result<CheckSummary> {
        self.check_as(&self.next_id(), event).await
    }

    pub async fn check(&self) -> CheckSummary {
        self.try_check(&json!({})).await.unwrap()
    }

    pub fn advance(&self, minutes: i64) {
        self.world.advance(SignedDuration::from_mins(minutes));
    }

    /// `(node group, decision, outcome)` of every line.
    pub fn lines(summary: &StartSummary) -> Vec<(String, &'static str, Option<&'static str>)> {
        summary.decisions.iter().map(|line| (line.nodegroup.clone(), line.decision, line.outcome)).collect()
    }

    /// What a machine reads of every message so far.
    pub fn told(&self) -> Vec<Value> {
        let read =
            |published: &simulated_aws::Published| serde_json::from_str(&published.delivered_as("lambda")).unwrap();
        self.world.published().iter().map(read).collect()
    }

    /// Event and node group of every message so far.
    pub fn told_events(&self) -> Vec<(String, String)> {
        let text = |message: &Value, key: &str| message[key].as_str().unwrap().to_owned();
        self.told().iter().map(|message| (text(message, "event"), text(message, "nodegroup"))).collect()
    }

    /// The record of a node group, as the table holds it.
    pub async fn record(&self, cluster: &str, name: &str) -> Option<Record> {
        self.record_of(&self.world.nodegroup(cluster, name).unwrap().arn).await
    }

    /// The record of what holds for the whole fleet.
    pub async fn fleet_record(&self) -> Record {
        self.record_of("arn:aws:eks:eu-central-1:123456789012:fleet").await.unwrap()
    }

    /// The record under an ARN.
    pub async fn record_of(&self, arn: &str) -> Option<Record> {
        let key = aws_sdk_dynamodb::types::AttributeValue::S(arn.to_owned());
        let item = self.observer.get_item().table_name(TABLE).key("nodegroupArn", key).send().await.unwrap().item?;
        Some(serde_dynamo::from_item(item).unwrap())
    }

    /// How often an action was called.
    pub fn calls(&self, action: &str) -> usize {
        self.world.requests().iter().filter(|request| request.action == action).count()
    }

    /// A request id that no run has had.
    pub fn next_id(&self) -> String {
        self.runs.fetch_add(1, Ordering::Relaxed).to_string()
    }
}
