//! The caller, and the account.

use aws_config::SdkConfig;

use crate::aws::caller::Caller;
use crate::aws::region;

use super::{Check, Question};

const CREDENTIALS: Question = Question { name: "Credentials", about: "credentials", action: "sts:GetCallerIdentity" };
const REGION: Question = Question { name: "Region", about: "region", action: "" };

/// Asks whose credentials these are.
pub async fn caller(configuration: &SdkConfig) -> Result<Caller, Check> {
    CREDENTIALS.answered(Caller::ask(configuration).await)
}

pub fn checks(configuration: &SdkConfig, caller: Result<&Caller, Check>) -> [Check; 2] {
    let credentials = match caller {
        Ok(Caller { account, arn }) => CREDENTIALS.passed(format!("account {account}, as {arn}")),
        Err(check) => check,
    };
    [credentials, REGION.passed(format!("region {}", region(configuration)))]
}
