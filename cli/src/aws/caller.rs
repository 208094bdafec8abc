//! The caller's account and principal, which every command that writes reports first.

use aws_config::SdkConfig;
use aws_sdk_sts::config::http::HttpResponse;
use aws_sdk_sts::error::SdkError;
use aws_sdk_sts::operation::get_caller_identity::GetCallerIdentityError;
use eks_nodegroup_updater::aws::endpoints::{self, Service};

use crate::aws::place::Place;
use crate::aws::region;
use crate::aws::stack::Deployment;
use crate::failure::Failure;
use terminal::output::say;

/// An account, and a principal in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account's id.
    pub account: String,
    /// The principal's ARN.
    pub arn: String,
}

impl Caller {
    /// Reads the caller's identity, which everybody is allowed to do.
    ///
    /// # Errors
    /// When STS refuses the credentials, or cannot be reached.
    pub async fn ask(configuration: &SdkConfig) -> Result<Self, SdkError<GetCallerIdentityError, HttpResponse>> {
        let sts = aws_sdk_sts::Client::new(&endpoints::of(configuration, Service::Sts));
        let answer = sts.get_caller_identity().send().await?;
        Ok(Self { account: answer.account.unwrap_or_default(), arn: answer.arn.unwrap_or_default() })
    }

    /// Asks the same for a command that writes, and reports it on stderr.
    ///
    /// # Errors
    /// When STS cannot be reached: nothing is written to an unknown account.
    pub async fn introduce(configuration: &SdkConfig) -> Result<Self, Failure> {
        let here = region(configuration);
        let caller = Self::ask(configuration).await.map_err(|error| {
            let failure = Failure::of_call("asking STS for the caller's identity, before anything is written", &error);
            match failure.hint {
                Some(_) => failure,
                None => failure.hint(format!(
                    "A network that cannot reach STS needs the interface endpoint com.amazonaws.{here}.sts, or \
                     AWS_ENDPOINT_URL_STS set to one that can be reached."
                )),
            }
        })?;
        say(format!("Account {}, {}, region {here}", caller.account, caller.arn));
        Ok(caller)
    }

    /// The same for several places: each account once, with its regions.
    ///
    /// # Errors
    /// When one is not known.
    pub async fn introduce_all(places: &[Place]) -> Result<(), Failure> {
        if let [place] = places {
            return Self::introduce(&place.configuration).await.map(drop);
        }
        let mut known: Vec<(Option<&String>, Self, Vec<&str>)> = Vec::new();
        for place in places {
            if let Some((.., regions)) = known.iter_mut().find(|(profile, ..)| *profile == place.profile.as_ref()) {
                regions.push(&place.region);
                continue;
            }
            let caller = Self::ask(&place.configuration).await;
            let caller = caller.map_err(|error| {
                Failure::of_call("asking STS for the caller's identity, before anything is written", &error)
            })?;
            known.push((place.profile.as_ref(), caller, vec![&place.region]));
        }
        for (_, caller, regions) in known {
            say(format!("Account {}, {}, regions {}", caller.account, caller.arn, regions.join(", ")));
        }
        Ok(())
    }

    /// Checks that a stack is in the caller's account.
    ///
    /// # Errors
    /// When it is in another.
    pub fn must_own(&self, deployment: &Deployment) -> Result<(), Failure> {
        if self.account == deployment.account {
            return Ok(());
        }
        let Deployment { stack, account, .. } = deployment;
        let message =
            format!("the stack {stack} is in the account {account}, but these credentials belong to {}", self.account);
        Err(Failure::new(message).hint("Nothing was changed. Choose the credentials with --profile."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn a_stack_of_another_account_is_refused() {
        let caller = |account: &str| Caller { account: account.to_owned(), arn: String::new() };
        let mine = caller("123456789012").must_own(&fixture::deployment());
        assert_eq!(mine.map_err(|failure| failure.to_string()), Ok(()));
        let other = caller("210987654321").must_own(&fixture::deployment()).unwrap_err();
        let expected = "error: the stack eks-nodegroup-updater is in the account 123456789012, but these credentials \
                        belong to \
                        210987654321\n\nNothing was changed. Choose the credentials with --profile.";
        assert_eq!(other.to_string(), expected);
    }
}
