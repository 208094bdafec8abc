//! Who looks, and where.

use aws_config::SdkConfig;
use eks_nodegroup_updater::aws::endpoints::{self, Service};

use crate::account::region;

use super::{Check, Question};

const CREDENTIALS: Question = Question { name: "Credentials", about: "credentials", action: "sts:GetCallerIdentity" };
const REGION: Question = Question { name: "Region", about: "region", action: "" };

/// Whose credentials these are.
#[derive(Clone, Debug)]
pub struct Identity {
    pub account: String,
    pub arn: String,
}

/// Asks whose credentials these are.
pub async fn identity(configuration: &SdkConfig) -> Result<Identity, Check> {
    let sts = aws_sdk_sts::Client::new(&endpoints::of(configuration, Service::Sts));
    let answer = CREDENTIALS.answered(sts.get_caller_identity().send().await)?;
    let (account, arn) = (answer.account.unwrap_or_default(), answer.arn.unwrap_or_default());
    Ok(Identity { account, arn })
}

pub fn checks(configuration: &SdkConfig, identity: Result<&Identity, Check>) -> [Check; 2] {
    let credentials = match identity {
        Ok(Identity { account, arn }) => CREDENTIALS.passed(format!("account {account}, as {arn}")),
        Err(check) => check,
    };
    [credentials, REGION.passed(format!("region {}", region(configuration)))]
}
