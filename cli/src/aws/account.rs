//! The caller's AWS account, and the regions to look at.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::{Region, SdkConfig};
use clap::Args;
use eks_nodegroup_updater::aws::{config_loader, http};
use eks_nodegroup_updater::config::process_environment;

use crate::aws::caller::Caller;
use crate::aws::credentials::Choice;
use crate::failure::Failure;

/// Which account, regions and stack a command is about
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "AWS account")]
pub struct Account {
    /// A profile of ~/.aws/config: only its credentials are used. Default, as in the AWS CLI: keys in the environment, then
    /// AWS_PROFILE, then the usual chain
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,
    /// A region; can be given several times. Default, as in the AWS CLI: AWS_REGION, then AWS_DEFAULT_REGION, then the profile's
    #[arg(long, global = true, value_name = "REGION")]
    pub region: Vec<String>,
    /// The CloudFormation stack of the updater; by default the stack with the updater's outputs
    #[arg(long, global = true, value_name = "NAME")]
    pub stack: Option<String>,
}

impl Account {
    /// The configuration of each region, with credentials that were found.
    ///
    /// # Errors
    /// When there are none, or no region.
    pub async fn regions(&self) -> Result<Vec<SdkConfig>, Failure> {
        let choice = Choice::new(self.profile.as_deref(), &process_environment).await?;
        let mut configurations = Vec::new();
        if self.region.is_empty() {
            configurations.push(self.configuration(&choice, None).await?);
        }
        for region in &self.region {
            configurations.push(self.configuration(&choice, Some(region)).await?);
        }
        if let Some(first) = configurations.first() {
            choice.check(first).await?;
        }
        Ok(configurations)
    }

    /// The one region of a command that is about one.
    ///
    /// # Errors
    /// The same, and when several are given.
    pub async fn one_region(&self) -> Result<SdkConfig, Failure> {
        match <[SdkConfig; 1]>::try_from(self.regions().await?) {
            Ok([region]) => Ok(region),
            Err(_) => Err(Failure::usage("this command takes one region; give --region once")),
        }
    }

    /// The one region of a command that writes, and the caller, who is reported first.
    ///
    /// # Errors
    /// The same, and when STS does not answer.
    pub async fn to_write(&self) -> Result<(SdkConfig, Caller), Failure> {
        let configuration = self.one_region().await?;
        let caller = Caller::introduce(&configuration).await?;
        Ok((configuration, caller))
    }

    async fn configuration(&self, choice: &Choice, region: Option<&String>) -> Result<SdkConfig, Failure> {
        let mut loader = config_loader().http_client(http::client(&process_environment)?).retry_config(retries());
        if let Some(profile) = &self.profile {
            loader = loader.profile_name(profile).no_credentials();
        }
        if let Some(region) = region {
            loader = loader.region(Region::new(region.clone()));
        }
        let configuration = loader.load().await;
        match configuration.region() {
            Some(_) => Ok(choice.apply(configuration)),
            None => Err(Failure::usage("no region is set")
                .hint("Give --region, set AWS_REGION, or set the region of the profile: aws configure set region eu-central-1")),
        }
    }
}

/// Somebody waits for the answer.
fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(4).with_max_backoff(Duration::from_secs(2))
}
