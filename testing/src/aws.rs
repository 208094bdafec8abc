//! The SDK's clients of a simulated AWS.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use aws_config::{Region, SdkConfig};
use aws_sdk_eks::config::Credentials;
use aws_sdk_eks::config::retry::RetryPartition;
use aws_smithy_async::time::TimeSource;
use eks_nodegroup_updater::aws::pace::Eks;
use eks_nodegroup_updater::aws::{CheckClients, StartClients, config_loader};
use simulated_aws::World;
use tokio::time::Instant;

/// The access key by which the world knows the test itself.
pub const OBSERVER_KEY: &str = "AKIAOBSERVER";

/// Tokio's clock, which only advances in a test when something waits for it; the SDK measures throttling with it.
#[derive(Debug)]
struct PausedTime(Instant);

impl TimeSource for PausedTime {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_784_538_000) + self.0.elapsed()
    }
}

/// The SDK's configuration as in the functions, with a world in place of AWS.
pub async fn sdk_config(world: &World, access_key: &str) -> SdkConfig {
    config_loader()
        .http_client(world.http_client())
        .credentials_provider(Credentials::new(access_key, "secret", None, None, "simulation"))
        .time_source(PausedTime(Instant::now()))
        .region(Region::from_static(simulated_aws::REGION))
        .load()
        .await
}

/// The SDK shares its throttling state among all clients of a process, and so among tests; this separates them.
fn partition() -> RetryPartition {
    static CLIENTS: AtomicU32 = AtomicU32::new(0);
    RetryPartition::new(format!("client {}", CLIENTS.fetch_add(1, Ordering::Relaxed)))
}

pub(crate) fn start_clients(config: &SdkConfig) -> StartClients {
    let eks = aws_sdk_eks::config::Builder::from(config).retry_partition(partition());
    let tagging = aws_sdk_resourcegroupstagging::config::Builder::from(config).retry_partition(partition());
    let ssm = aws_sdk_ssm::config::Builder::from(config).retry_partition(partition());
    let dynamodb = aws_sdk_dynamodb::config::Builder::from(config).retry_partition(partition());
    StartClients {
        eks: Eks::new(eks),
        tagging: aws_sdk_resourcegroupstagging::Client::from_conf(tagging.build()),
        ssm: aws_sdk_ssm::Client::from_conf(ssm.build()),
        dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb.build()),
    }
}

pub(crate) fn check_clients(config: &SdkConfig) -> CheckClients {
    let eks = aws_sdk_eks::config::Builder::from(config).retry_partition(partition());
    let dynamodb = aws_sdk_dynamodb::config::Builder::from(config).retry_partition(partition());
    let sns = aws_sdk_sns::config::Builder::from(config).retry_partition(partition());
    let eventbridge = aws_sdk_eventbridge::config::Builder::from(config).retry_partition(partition());
    CheckClients {
        dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb.build()),
        eks: Eks::new(eks).into(),
        sns: aws_sdk_sns::Client::from_conf(sns.build()).into(),
        eventbridge: aws_sdk_eventbridge::Client::from_conf(eventbridge.build()).into(),
        config: config.clone(),
    }
}
