//! The credentials of a command: only those of the profile on the command line, if given; otherwise those that the AWS CLI
//! would use.
//!
//! The SDK's own chain would prefer keys in the environment to the given profile, and so write to the wrong account.

use std::error::Error;
use std::iter::successors;

use aws_config::SdkConfig;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileSet};
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use eks_nodegroup_updater::config::Environment;
use wildmatch::WildMatchPattern;

use crate::failure::Failure;
use terminal::message::Message;

const SIGN_IN: &str = "Choose a profile with --profile or AWS_PROFILE, or sign in, for example: aws sso login";

/// The choice of credentials.
#[derive(Debug)]
pub struct Choice {
    /// The profile that the command line names.
    explicit: Option<String>,
    /// The same, or the one that the environment names.
    profile: Option<String>,
    profiles: ProfileSet,
    /// The files with profiles.
    files: String,
}

/// The profiles that the command line names, each once, where `*` matches any characters; without any, the one choice that
/// needs no name.
///
/// # Errors
/// When a pattern matches none, or the files cannot be read.
pub async fn profiles(named: &[String], environment: Environment<'_>) -> Result<Vec<Option<String>>, Failure> {
    if named.is_empty() {
        return Ok(vec![None]);
    }
    let mut chosen = Vec::new();
    for name in named {
        let mut meant = vec![name.clone()];
        if name.contains('*') {
            let existing = read_profiles().await?;
            let pattern = WildMatchPattern::<'*', '\0'>::new(name);
            meant = existing.profiles().filter(|it| pattern.matches(it)).map(str::to_owned).collect();
            meant.sort();
            if meant.is_empty() {
                let message = format!("no profile matches {name:?} in {}", files(environment));
                return Err(Failure::denied(message).hint(self::existing(&existing)));
            }
        }
        for profile in meant {
            if !chosen.contains(&Some(profile.clone())) {
                chosen.push(Some(profile));
            }
        }
    }
    Ok(chosen)
}

/// The profiles of the AWS CLI's files.
///
/// # Errors
/// When a file cannot be read.
pub async fn read_profiles() -> Result<ProfileSet, Failure> {
    let read = aws_config::profile::load(&<_>::default(), &<_>::default(), &<_>::default(), None).await;
    read.map_err(|error| Failure::denied(format!("reading the AWS profiles: {}", reason(&error))))
}

impl Choice {
    /// The profile that the command line names.
    pub fn explicit(&self) -> Option<&str> {
        self.explicit.as_deref()
    }

    /// Checks the choice before AWS is called. A profile that is named and does not exist is an error whatever keys the environment
    /// holds, as with the AWS CLI.
    ///
    /// # Errors
    /// When there is no such profile, the files cannot be read, or the environment has half of a pair of keys that would be used.
    pub async fn new(explicit: Option<&str>, environment: Environment<'_>) -> Result<Self, Failure> {
        let explicit = explicit.map(str::to_owned);
        let profile = explicit.clone().or_else(|| variable(environment, "AWS_PROFILE"));
        let files = files(environment);
        let profiles = read_profiles().await?;
        if let Some(name) = profile.as_ref().filter(|name| profiles.get_profile(name).is_none()) {
            let named = if explicit.is_some() { "" } else { ", which AWS_PROFILE names," };
            let message = format!("there is no profile {name:?}{named} in {files}");
            return Err(Failure::denied(message).hint(existing(&profiles)));
        }
        if explicit.is_none()
            && let Some((set, missing)) = half_of_the_keys(environment)
        {
            let hint = "Set both variables, or neither. With --profile, neither is used.";
            return Err(Failure::denied(format!("{set} is set, but {missing} is not")).hint(hint));
        }
        Ok(Self { explicit, profile, profiles, files })
    }

    /// The configuration with the credentials that are chosen; it must have its region.
    pub fn apply(&self, configuration: SdkConfig) -> SdkConfig {
        let Some(name) = &self.explicit else { return configuration };
        let mut provider = ProviderConfig::without_region().with_region(configuration.region().cloned());
        if let Some(client) = configuration.http_client() {
            provider = provider.with_http_client(client);
        }
        let credentials = ProfileFileCredentialsProvider::builder().configure(&provider).profile_name(name).build();
        configuration.into_builder().credentials_provider(SharedCredentialsProvider::new(credentials)).build()
    }

    /// Loads the credentials, so that problems with them are reported before the first call.
    ///
    /// # Errors
    /// When there are none, or they cannot be loaded.
    pub async fn check(&self, configuration: &SdkConfig) -> Result<(), Failure> {
        let loaded = match configuration.credentials_provider() {
            Some(provider) => provider.provide_credentials().await.map(drop),
            None => Err(CredentialsError::not_loaded_no_source()),
        };
        let Err(error) = loaded else { return Ok(()) };
        let is_missing = matches!(error, CredentialsError::CredentialsNotLoaded(_));
        let why = reason(&error);
        let failure = match &self.explicit {
            None if is_missing => Failure::denied("no AWS credentials were found").hint(self.way_in()),
            None => Failure::denied(format!("AWS credentials could not be loaded: {why}")).hint(self.way_in()),
            Some(name) if is_missing && error.source().is_none() => {
                let hint =
                    format!("Add a role, a sign-in or keys to it, for example: aws configure sso --profile {name}");
                Failure::denied(format!("the profile {name} has no credentials")).hint(hint)
            }
            Some(name) => {
                let failure =
                    Failure::denied(format!("the credentials of the profile {name} could not be loaded: {why}"));
                match is_missing || matches!(error, CredentialsError::InvalidConfiguration(_)) {
                    true => failure.hint(format!("Correct the profile in {}.", self.files)),
                    false => failure.hint(self.way_in()),
                }
            }
        };
        Err(failure)
    }

    /// What to do if credentials could not be loaded.
    fn way_in(&self) -> Message {
        let named = self.profile.iter().map(String::as_str);
        for name in named.flat_map(|name| self.with_sources(name)) {
            let Some(profile) = self.profiles.get_profile(name) else { continue };
            let has = |key| profile.get(key).is_some();
            if has("mfa_serial") {
                let needs = format!(
                    "The profile {name} needs MFA, which the AWS SDK for Rust does not support. Use the AWS CLI for it:"
                );
                return Message::new(needs)
                    .line("")
                    .command(format!("eval \"$(aws configure export-credentials --profile {name} --format env)\""))
                    .line("")
                    .line("and omit --profile.");
            }
            if has("sso_session") || has("sso_start_url") {
                return sign_in(format!("aws sso login --profile {name}"));
            }
            if has("login_session") {
                return sign_in(format!("aws login --profile {name}"));
            }
        }
        SIGN_IN.into()
    }

    /// A profile, and the profiles with which its role is assumed.
    fn with_sources<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let source = |name: &&'a str| self.profiles.get_profile(name)?.get("source_profile");
        // A profile can be its own source, for its keys, and others can form a cycle.
        successors(Some(name), source).take(self.profiles.profiles().count())
    }
}

fn sign_in(command: String) -> Message {
    Message::new("Sign in again:").line("").command(command)
}

/// A variable that is set and not empty.
fn variable(environment: Environment<'_>, name: &str) -> Option<String> {
    environment(name).filter(|value| !value.trim().is_empty())
}

/// The one of the two variables that is set without the other.
fn half_of_the_keys(environment: Environment<'_>) -> Option<(&'static str, &'static str)> {
    let is_set = |name| variable(environment, name).is_some();
    let (id, secret) = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY");
    match (is_set(id), is_set(secret)) {
        // The SDK's other name of the secret.
        (true, false) if !is_set("SECRET_ACCESS_KEY") => Some((id, secret)),
        (false, true) => Some((secret, id)),
        _ => None,
    }
}

/// The files with profiles.
fn files(environment: Environment<'_>) -> String {
    let file = |name, usual: &str| variable(environment, name).unwrap_or_else(|| usual.to_owned());
    let config = file("AWS_CONFIG_FILE", "~/.aws/config");
    format!("{config} or {}", file("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"))
}

/// The existing profiles.
fn existing(profiles: &ProfileSet) -> String {
    let mut names: Vec<&str> = profiles.profiles().collect();
    names.sort_unstable();
    match names.as_slice() {
        [] => "There are no profiles; to create one: aws configure sso".to_owned(),
        names => format!("Existing profiles: {}", names.join(", ")),
    }
}

/// Why credentials could not be loaded, without the SDK's sentences that add nothing.
fn reason(error: &(dyn Error + 'static)) -> String {
    let texts = successors(Some(error), |error| (**error).source()).map(ToString::to_string);
    let tells = |text: &String| {
        !["an error occurred while loading credentials", "the credentials provider was not properly configured"]
            .contains(&text.as_str())
    };
    let texts: Vec<String> = texts.filter(tells).collect();
    texts.join(": ")
}
