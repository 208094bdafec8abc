//! The caller's AWS account: credentials by every usual way, and the regions to look at.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::{Region, SdkConfig};
use aws_credential_types::provider::ProvideCredentials as _;
use aws_credential_types::provider::error::CredentialsError;
use clap::Args;
use eks_nodegroup_updater::aws::{config_loader, http};
use eks_nodegroup_updater::config::process_environment;

use crate::caller::Caller;
use crate::failure::Failure;

/// Which account, regions and stack a command is about
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "AWS account")]
pub struct Account {
    /// A profile of ~/.aws/config; by default AWS_PROFILE, or else the usual chain of credentials
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,
    /// A region; may be given several times. By default AWS_REGION, or the profile's
    #[arg(long, global = true, value_name = "REGION")]
    pub region: Vec<String>,
    /// The CloudFormation stack of the updater; by default it is found by its outputs
    #[arg(long, global = true, value_name = "NAME")]
    pub stack: Option<String>,
}

impl Account {
    /// The configuration of each region, with credentials that were found.
    ///
    /// # Errors
    /// When there are none, or no region.
    pub async fn regions(&self) -> Result<Vec<SdkConfig>, Failure> {
        let mut configurations = Vec::new();
        if self.region.is_empty() {
            configurations.push(self.configuration(None).await?);
        }
        for region in &self.region {
            configurations.push(self.configuration(Some(region)).await?);
        }
        if let Some(first) = configurations.first() {
            self.check_credentials(first).await?;
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
            Err(_) => Err(Failure::usage("this command is about one region; give --region once")),
        }
    }

    /// The one region of a command that writes, and who the caller is, which is said first.
    ///
    /// # Errors
    /// The same, and when it cannot be asked who the caller is.
    pub async fn to_write(&self) -> Result<(SdkConfig, Caller), Failure> {
        let configuration = self.one_region().await?;
        let caller = Caller::introduce(&configuration).await?;
        Ok((configuration, caller))
    }

    async fn configuration(&self, region: Option<&String>) -> Result<SdkConfig, Failure> {
        let mut loader = config_loader().http_client(http::client(&process_environment)?).retry_config(retries());
        if let Some(profile) = &self.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(region) = region {
            loader = loader.region(Region::new(region.clone()));
        }
        let configuration = loader.load().await;
        match configuration.region() {
            Some(_) => Ok(configuration),
            None => Err(Failure::usage("no region is set")
                .hint("Give --region, set AWS_REGION, or set the region of the profile: aws configure set region eu-central-1")),
        }
    }

    async fn check_credentials(&self, configuration: &SdkConfig) -> Result<(), Failure> {
        let provided = match configuration.credentials_provider() {
            Some(provider) => provider.provide_credentials().await.map(drop),
            None => Err(CredentialsError::not_loaded("there is no provider")),
        };
        let message = match provided {
            Ok(()) => return Ok(()),
            Err(CredentialsError::CredentialsNotLoaded(_)) => "no AWS credentials were found".to_owned(),
            Err(error) => {
                let sources = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
                let sources: Vec<String> = sources.map(ToString::to_string).collect();
                format!("AWS credentials could not be loaded: {}", sources.join(": "))
            }
        };
        Err(Failure::denied(message).hint(self.way_in().await))
    }

    /// What to do where credentials could not be loaded.
    async fn way_in(&self) -> String {
        let name = self.profile.clone().or_else(|| process_environment("AWS_PROFILE"));
        let Some(name) = name else { return SIGN_IN.to_owned() };
        let files = aws_config::profile::load(&<_>::default(), &<_>::default(), &<_>::default(), None).await;
        let Ok(profiles) = files else { return SIGN_IN.to_owned() };
        let Some(profile) = profiles.get_profile(&name) else {
            let mut known: Vec<&str> = profiles.profiles().collect();
            known.sort_unstable();
            return format!(
                "There is no profile {name:?} in ~/.aws/config. Those that there are: {}",
                known.join(", ")
            );
        };
        if profile.get("mfa_serial").is_some() {
            return format!(
                "The profile {name} asks for MFA, which the AWS SDK for Rust does not do. Let the AWS CLI do it:\n\n  \
                 eval \"$(aws configure export-credentials --profile {name} --format env)\""
            );
        }
        if profile.get("sso_session").or_else(|| profile.get("sso_start_url")).is_some() {
            return format!("Sign in again:\n\n  aws sso login --profile {name}");
        }
        if profile.get("login_session").is_some() {
            return format!("Sign in again:\n\n  aws login --profile {name}");
        }
        SIGN_IN.to_owned()
    }
}

const SIGN_IN: &str = "Choose a profile with --profile or AWS_PROFILE, or sign in, such as with: aws sso login";

/// Somebody waits for the answer.
fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(4).with_max_backoff(Duration::from_secs(2))
}

/// The name of a configuration's region.
pub fn region(configuration: &SdkConfig) -> &str {
    configuration.region().map_or("", |region| region.as_ref())
}
