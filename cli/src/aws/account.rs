//! The caller's AWS accounts, and the regions to look at.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::{Region, SdkConfig};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use clap::Args;
use eks_nodegroup_updater::aws::{concurrently, config_loader, http};
use eks_nodegroup_updater::config::process_environment;
use futures_util::stream;
use jiff::SignedDuration;

use super::call_log::Calls;
use super::caller::Caller;
use super::credentials::{Choice, profiles};
use super::enabled;
use super::place::{Answers, Place, everywhere};
use super::unread::Unread;
use crate::failure::{Exit, Failure};
use terminal::output::say;

/// Which accounts, regions and stack a command is about
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "AWS account")]
pub struct Account {
    /// A profile of ~/.aws/config, or several: give it again, or a pattern such as prod-*. Only their credentials are used.
    /// Default, as in the AWS CLI: keys in the environment, then AWS_PROFILE, then the usual chain
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Vec<String>,
    /// A region, or several: give it again. Default, as in the AWS CLI: AWS_REGION, then AWS_DEFAULT_REGION, then the profile's
    #[arg(long, global = true, value_name = "REGION")]
    pub region: Vec<String>,
    /// Every region that is enabled in the account
    #[arg(long, global = true)]
    pub all_regions: bool,
    /// The CloudFormation stack of the updater; by default the stack with the updater's outputs
    #[arg(long, global = true, value_name = "NAME")]
    pub stack: Option<String>,
    /// Give up on a region after this time, such as 30s or 5m; for wait and run start --wait, the time to wait in all
    #[arg(long, global = true, value_name = "DURATION", value_parser = time_limit)]
    pub timeout: Option<Duration>,
    /// Show everything: each node group of a long list, and on stderr each call to AWS with its request id
    #[arg(long, short, global = true, help_heading = "Output")]
    pub verbose: bool,
    /// The calls of this command, if they are to be shown.
    #[arg(skip)]
    pub calls: Calls,
}

/// The places of a command.
#[derive(Debug, Default)]
pub struct Places {
    /// Those with credentials.
    pub places: Vec<Place>,
    /// Profiles without credentials.
    pub unread: Vec<Unread>,
}

fn time_limit(text: &str) -> Result<Duration, String> {
    let limit = text.parse::<SignedDuration>().ok().and_then(|limit| Duration::try_from(limit).ok());
    limit.filter(|limit| !limit.is_zero()).ok_or_else(|| "expected a duration such as 30s or 5m".to_owned())
}

impl Account {
    /// Reads every place that the command is about.
    ///
    /// # Errors
    /// When there are no credentials for any, and as of [`everywhere`].
    pub async fn everywhere<T>(&self, read: impl AsyncFn(&Place) -> Result<T, Failure>) -> Result<Answers<T>, Failure> {
        let Places { places, unread } = self.places().await?;
        let mut answers = everywhere(places, read).await?;
        answers.places += unread.len();
        answers.unread.splice(0..0, unread);
        Ok(answers)
    }

    /// The places of the profiles and regions. With several profiles, one without credentials stops no other.
    ///
    /// # Errors
    /// When there are no credentials, or no region.
    pub async fn places(&self) -> Result<Places, Failure> {
        let mut all = self.all_places().await?;
        let several = all.places.len() > 1;
        all.places.iter_mut().for_each(|place| place.is_one_of_several = several);
        Ok(all)
    }

    async fn all_places(&self) -> Result<Places, Failure> {
        let profiles = profiles(&self.profile, &process_environment).await?;
        let http = http::client(&process_environment)?;
        let http = if self.verbose { self.calls.logged(http) } else { http };
        let [profile] = profiles.as_slice() else {
            let of_each = profiles.iter().map(|profile| self.of_profile(profile.as_deref(), &http));
            let mut all = Places::default();
            for (profile, places) in profiles.iter().zip(concurrently(stream::iter(of_each)).await) {
                match places {
                    Ok(places) => all.places.extend(places),
                    Err(failure) if failure.exit == Exit::Usage => return Err(failure),
                    Err(failure) => {
                        all.unread.push(Unread::of_profile(profile.as_deref().unwrap_or_default(), failure));
                    }
                }
            }
            return Ok(all);
        };
        Ok(Places { places: self.of_profile(profile.as_deref(), &http).await?, unread: Vec::new() })
    }

    /// The one place of a command that is about one.
    ///
    /// # Errors
    /// The same, and when several are given.
    pub async fn one_place(&self) -> Result<Place, Failure> {
        match <[Place; 1]>::try_from(self.places().await?.places) {
            Ok([place]) => Ok(place),
            Err(_) => {
                Err(Failure::usage("this command takes one account and one region; give --profile and --region once"))
            }
        }
    }

    /// The one place of a command that writes, and the caller, who is reported first.
    ///
    /// # Errors
    /// The same, and when STS does not answer.
    pub async fn to_write(&self) -> Result<(Place, Caller), Failure> {
        let place = self.one_place().await?;
        let caller = Caller::introduce(&place.configuration).await?;
        Ok((place, caller))
    }

    /// The options of this command that name its places and the stack, as they were given.
    pub fn given(&self) -> String {
        let named = |name: &'static str, values: &[String]| {
            values.iter().map(move |value| format!(" --{name} {value}")).collect()
        };
        let all_regions = if self.all_regions { " --all-regions" } else { "" };
        let (profiles, regions): (String, String) = (named("profile", &self.profile), named("region", &self.region));
        let stack = self.stack.iter().map(|stack| format!(" --stack {stack}")).collect::<String>();
        format!("{profiles}{regions}{all_regions}{stack}")
    }

    /// The options of this command that name a place and the stack, for the commands in its hints.
    fn options(&self, place: &Place) -> String {
        let mut options = String::new();
        let mut add = |name: &str, value: &str| options.push_str(&format!(" --{name} {value}"));
        if let Some(profile) = &place.profile {
            add("profile", profile);
        }
        if self.all_regions || !self.region.is_empty() {
            add("region", &place.region);
        }
        if let Some(stack) = &self.stack {
            add("stack", stack);
        }
        options
    }

    /// The places of one profile; without a name, of the credentials that the AWS CLI would use.
    async fn of_profile(&self, profile: Option<&str>, http: &SharedHttpClient) -> Result<Vec<Place>, Failure> {
        let choice = Choice::new(profile, &process_environment).await?;
        let first = self.configuration(&choice, http).await?;
        choice.check(&first).await?;
        let regions = match self.all_regions {
            true => self.enabled(&first).await?,
            false => self.region.clone(),
        };
        let mut places = Vec::new();
        if regions.is_empty() {
            places.push(Place::new(profile.map(str::to_owned), first));
        } else {
            for region in &regions {
                // Its credentials, loaded once, are valid in all regions.
                let configuration = first.to_builder().region(Region::new(region.clone())).build();
                places.push(Place::new(profile.map(str::to_owned), configuration));
            }
        }
        for place in &mut places {
            place.options = self.options(place);
            place.timeout = self.timeout;
        }
        Ok(places)
    }

    /// The enabled regions; if they cannot be listed, those of the command line.
    async fn enabled(&self, configuration: &SdkConfig) -> Result<Vec<String>, Failure> {
        match enabled::regions(configuration).await {
            Ok(regions) => Ok(regions),
            Err(failure) if self.region.is_empty() => Err(failure.hint(
                "--all-regions needs the permission account:ListRegions; name the regions with --region instead.",
            )),
            Err(failure) => {
                say(format!("warning: {}; only the regions that --region names are read", failure.message));
                Ok(self.region.clone())
            }
        }
    }

    /// The configuration of the first region.
    async fn configuration(&self, choice: &Choice, http: &SharedHttpClient) -> Result<SdkConfig, Failure> {
        let mut loader = config_loader().http_client(http.clone()).retry_config(retries());
        if let Some(profile) = choice.explicit() {
            loader = loader.profile_name(profile).no_credentials();
        }
        if let Some(region) = self.region.first() {
            loader = loader.region(Region::new(region.clone()));
        }
        let configuration = loader.load().await;
        match configuration.region() {
            Some(_) => Ok(choice.apply(configuration)),
            None if self.all_regions => {
                let region = Region::new(enabled::ALWAYS_ENABLED);
                Ok(choice.apply(configuration.into_builder().region(region).build()))
            }
            None => Err(Failure::usage("no region is set")
                .hint("Give --region, set AWS_REGION, or set the region of the profile: aws configure set region eu-central-1")),
        }
    }
}

/// Somebody waits for the answer.
fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(4).with_max_backoff(Duration::from_secs(2))
}
