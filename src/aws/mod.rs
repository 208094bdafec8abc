//! The AWS clients, and AWS's errors as text.

pub mod endpoints;
pub mod http;
pub mod pace;

use std::sync::OnceLock;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::{BehaviorVersion, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_eks::config::http::HttpResponse;
use aws_sdk_eks::error::{ProvideErrorMetadata, SdkError};
use futures_util::{FutureExt as _, Stream, StreamExt as _};

use self::endpoints::Service;
use self::pace::Eks;
use crate::config::Environment;

/// How many requests of one kind are in flight at once. EKS publishes no request rates, so this is cautious; the adaptive
/// retries slow down further when AWS throttles.
pub const CONCURRENCY: usize = 8;

/// The maximum number of attempts of a call.
const ATTEMPTS: u32 = 5;

/// The same for events, and the timeout of such a call: the next run sends them again, and a network that cannot reach
/// EventBridge must not use up the time of this run.
const EVENT_ATTEMPTS: u32 = 2;
const EVENT_TIMEOUT: Duration = Duration::from_secs(20);

/// How much of an answer from something other than AWS is quoted.
const BODY_CHARACTERS: usize = 200;

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

/// Makes calls, [`CONCURRENCY`] of them at once, and returns their results in order. With `buffered`, a slow call would delay
/// those after it.
pub async fn concurrently<T>(calls: impl Stream<Item: Future<Output = T>>) -> Vec<T> {
    let numbered = calls.enumerate().map(|(number, call)| call.map(move |result| (number, result)));
    let mut results: Vec<(usize, T)> = numbered.buffer_unordered(CONCURRENCY).collect().await;
    results.sort_unstable_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

fn timeouts(operation: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(Duration::from_secs(10))
        .operation_timeout(operation)
        .build()
}

/// Whether AWS throttled a call.
pub fn is_throttled<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    error.code().is_some_and(|code| code.contains("Throttl") || code.contains("TooMany"))
        || error.raw_response().is_some_and(|response| response.status().as_u16() == 429)
}

/// An error of AWS as `Code: message`. The SDK's `Display` is only "service error", and its `Debug` has whole answers; for an
/// answer from something other than AWS, such as a proxy's page, the status and the beginning are enough.
pub fn describe<E>(error: &SdkError<E, HttpResponse>) -> String
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    match (error.code(), error.message(), error.raw_response()) {
        (Some(code), Some(message), _) => format!("{code}: {message}"),
        (Some(code), None, _) => code.to_owned(),
        (None, _, Some(response)) => {
            let body = response.body().bytes().map(String::from_utf8_lossy).unwrap_or_default();
            let begin: String = body.chars().take(BODY_CHARACTERS).collect();
            format!("HTTP status {} with a body that is not AWS's: {begin:?}", response.status().as_u16())
        }
        // No answer at all: the sources have the cause.
        (None, _, None) => {
            let sources = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
            sources.map(ToString::to_string).collect::<Vec<_>>().join(": ")
        }
    }
}
