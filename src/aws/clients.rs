//! The clients, and how they are configured.

use std::sync::OnceLock;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::{BehaviorVersion, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};

use super::endpoints::{self, Service};
use super::http;
use super::pace::{ATTEMPTS, Eks};
use crate::config::Environment;

/// The same for events, and the timeout of such a call: the next run sends them again, and a network that cannot reach
/// EventBridge must not use up the time of this run.
const EVENT_ATTEMPTS: u32 = 2;

const EVENT_TIMEOUT: Duration = Duration::from_secs(20);

/// The clients that `start` calls.
#[derive(Clone, Debug)]
pub struct StartClients {
    /// Node groups and their updates.
    pub eks: Eks,
    /// Which node groups have the opt-in tag.
    pub tagging: aws_sdk_resourcegroupstagging::Client,
    /// The releases that AWS publishes.
    pub ssm: aws_sdk_ssm::Client,
    /// The table.
    pub dynamodb: aws_sdk_dynamodb::Client,
}

/// The clients that `check` calls. A quiet run calls only the table, and building a client is relatively slow: the others are
/// built when they are first used.
#[derive(Clone, Debug)]
pub struct CheckClients {
    /// The table.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// Node groups and their updates.
    pub eks: OnceLock<Eks>,
    /// Where notices are published as messages.
    pub sns: OnceLock<aws_sdk_sns::Client>,
    /// Where notices are published as events.
    pub eventbridge: OnceLock<aws_sdk_eventbridge::Client>,
    /// What they are built from.
    pub config: SdkConfig,
}

impl StartClients {
    /// The clients of one configuration.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        warn_of_ordinary_hosts(
            config,
            &[Service::Eks, Service::ResourceGroupsTagging, Service::Ssm, Service::DynamoDb],
        );
        Self {
            eks: Eks::new((&*endpoints::of(config, Service::Eks)).into()),
            tagging: aws_sdk_resourcegroupstagging::Client::new(&endpoints::of(config, Service::ResourceGroupsTagging)),
            ssm: aws_sdk_ssm::Client::new(&endpoints::of(config, Service::Ssm)),
            dynamodb: aws_sdk_dynamodb::Client::new(&endpoints::of(config, Service::DynamoDb)),
        }
    }
}

impl CheckClients {
    /// The clients of one configuration.
    #[must_use]
    pub fn new(config: SdkConfig) -> Self {
        warn_of_ordinary_hosts(&config, &[Service::DynamoDb, Service::Eks, Service::Sns, Service::EventBridge]);
        let dynamodb = aws_sdk_dynamodb::Client::new(&endpoints::of(&config, Service::DynamoDb));
        Self { dynamodb, eks: OnceLock::new(), sns: OnceLock::new(), eventbridge: OnceLock::new(), config }
    }

    /// Node groups and their updates.
    pub fn eks(&self) -> &Eks {
        self.eks.get_or_init(|| Eks::new((&*endpoints::of(&self.config, Service::Eks)).into()))
    }

    /// Where notices are published as messages.
    pub fn sns(&self) -> &aws_sdk_sns::Client {
        self.sns.get_or_init(|| aws_sdk_sns::Client::new(&endpoints::of(&self.config, Service::Sns)))
    }

    /// Where notices are published as events.
    pub fn eventbridge(&self) -> &aws_sdk_eventbridge::Client {
        self.eventbridge.get_or_init(|| {
            let config =
                aws_sdk_eventbridge::config::Builder::from(&*endpoints::of(&self.config, Service::EventBridge));
            let config = config.retry_config(RetryConfig::standard().with_max_attempts(EVENT_ATTEMPTS));
            aws_sdk_eventbridge::Client::from_conf(config.timeout_config(timeouts(EVENT_TIMEOUT)).build())
        })
    }
}

/// Warns about services without FIPS, which matters to those who need it.
fn warn_of_ordinary_hosts(config: &SdkConfig, services: &[Service]) {
    for sentence in endpoints::ordinary(config, services) {
        tracing::warn!("{sentence}; standard endpoints are used instead");
    }
}

/// The configuration of every client, with the HTTP client that they share.
///
/// Lambda passes a function's credentials in the environment. The SDK's provider chain also starts there, but first builds an
/// STS client, which takes as long as any other client.
///
/// # Errors
/// When `AWS_CA_BUNDLE` cannot be read.
pub async fn configuration(environment: Environment<'_>) -> anyhow::Result<SdkConfig> {
    let mut loader = config_loader().http_client(http::client(environment)?);
    if environment("AWS_ACCESS_KEY_ID").is_some_and(|id| !id.is_empty()) {
        loader = loader.credentials_provider(EnvironmentVariableCredentialsProvider::new());
    }
    Ok(loader.load().await)
}

/// The configuration of every client: adaptive retries, and timeouts within a Lambda's lifetime. After a throttled request the
/// adaptive rate starts low, so the next ones wait for many seconds: an operation as a whole may take minutes. Credentials,
/// region and `AWS_ENDPOINT_URL` come from the SDK's usual sources.
#[must_use]
pub fn config_loader() -> aws_config::ConfigLoader {
    aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::adaptive().with_max_attempts(ATTEMPTS))
        .timeout_config(timeouts(Duration::from_secs(180)))
}

fn timeouts(operation: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(Duration::from_secs(10))
        .operation_timeout(operation)
        .build()
}
