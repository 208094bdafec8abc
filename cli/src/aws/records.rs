//! The records of the table, for read-only commands.

use aws_config::SdkConfig;
use eks_nodegroup_updater::aws::endpoints::{self, Service};
use eks_nodegroup_updater::model::id::scope::Scope;
use eks_nodegroup_updater::model::record::set::RecordSet;
use eks_nodegroup_updater::store::RecordStore;

use crate::aws::stack::Deployment;
use crate::failure::Failure;

/// DynamoDB's error for a missing permission.
const DENIED: &str = "AccessDeniedException";

/// Reads the records of the stack's account and region.
///
/// # Errors
/// When it cannot be read.
pub async fn scan(configuration: &SdkConfig, deployment: &Deployment) -> Result<RecordSet, Failure> {
    let Deployment { table, account, region, .. } = deployment;
    let client = aws_sdk_dynamodb::Client::new(&endpoints::of(configuration, Service::DynamoDb));
    let store = RecordStore::new(&client, Some(table)).within(Scope::new(account, region));
    store.scan().await.map_err(|error| {
        let failure = format!("{error:#}");
        match failure.contains(DENIED) {
            true => Failure { code: Some(DENIED.to_owned()), ..Failure::denied(failure) }
                .hint("The stack's output ViewerPolicyArn is a policy with read-only permissions."),
            false => Failure::new(failure),
        }
    })
}
