//! Both functions, with what Lambda would give them: clients of a simulated AWS, and settings.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_config::{Region, SdkConfig};
use aws_sdk_dynamodb::config::Credentials;
use eks_nodegroup_updater::aws::{CheckClients, StartClients, config_loader};
use eks_nodegroup_updater::config::{CheckConfig, StartConfig};
use eks_nodegroup_updater::handler;
use eks_nodegroup_updater::run::Run;
use eks_nodegroup_updater::summary::{CheckSummary, StartSummary};
use serde_json::Value;

use crate::fleet;

/// `RING_SOAK`, by default a day, so that a ring follows within a simulated morning.
pub const RING_SOAK: &str = "2h";
/// The functions' time-out.
pub const TIME_OUT: Duration = Duration::from_mins(15);
/// Access keys, by which the simulated AWS tells the callers apart.
pub const START_KEY: &str = "AKIASTART";
pub const CHECK_KEY: &str = "AKIACHECK";

/// Environment variables.
pub type Settings = BTreeMap<&'static str, String>;

/// Both functions.
pub struct Functions {
    start: StartClients,
    start_config: StartConfig,
    check: CheckClients,
    check_config: CheckConfig,
}

impl Functions {
    /// Both functions, as clients of the AWS at this endpoint.
    ///
    /// # Errors
    /// When a setting is missing or invalid.
    pub async fn new(endpoint: &str, settings: &Settings) -> anyhow::Result<Self> {
        Self::in_region(endpoint, simulated_aws::REGION, settings).await
    }

    /// The same in another region than the simulated AWS has by default.
    ///
    /// # Errors
    /// When a setting is missing or invalid.
    pub async fn in_region(endpoint: &str, region: &str, settings: &Settings) -> anyhow::Result<Self> {
        let environment = |name: &str| settings.get(name).cloned();
        let config = async |access_key| {
            let config = sdk_config(endpoint, access_key).await;
            config.into_builder().region(Region::new(region.to_owned())).build()
        };
        Ok(Self {
            start: StartClients::new(&config(START_KEY).await),
            start_config: StartConfig::read(&environment)?,
            check: CheckClients::new(config(CHECK_KEY).await),
            check_config: CheckConfig::read(&environment)?,
        })
    }

    /// Runs `start`.
    ///
    /// # Errors
    /// When the run fails at once.
    pub async fn start(&self, event: &Value, run: Run<'_>) -> anyhow::Result<StartSummary> {
        handler::start(&self.start, &self.start_config, event, run).await
    }

    /// Runs `check`.
    ///
    /// # Errors
    /// When the run fails at once.
    pub async fn check(&self, event: &Value, run: Run<'_>) -> anyhow::Result<CheckSummary> {
        handler::check(&self.check, &self.check_config, event, run).await
    }
}

/// The resources without which neither function runs, and the soak time.
pub fn settings(topic_arn: &str) -> Settings {
    let mut settings = resources(topic_arn);
    settings.insert("RING_SOAK", RING_SOAK.to_owned());
    settings
}

/// The resources without which neither function runs.
pub fn resources(topic_arn: &str) -> Settings {
    BTreeMap::from([
        ("UPDATES_TABLE", fleet::TABLE.to_owned()),
        ("NOTIFICATION_TOPIC_ARN", topic_arn.to_owned()),
        ("EVENT_BUS_NAME", "default".to_owned()),
    ])
}

/// As in a Lambda function, but with this endpoint: regardless of the environment, no request goes elsewhere or through a proxy.
pub async fn sdk_config(endpoint: &str, access_key: &str) -> SdkConfig {
    config_loader()
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(endpoint)
        .credentials_provider(Credentials::new(access_key, "simulated", None, None, "simulation"))
        .region(Region::from_static(simulated_aws::REGION))
        .use_fips(false)
        .use_dual_stack(false)
        .load()
        .await
}
