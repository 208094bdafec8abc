//! What the table holds, for those who look.

use aws_config::SdkConfig;
use eks_nodegroup_updater::aws::endpoints::{self, Service};
use eks_nodegroup_updater::model::records::RecordSet;
use eks_nodegroup_updater::store::RecordStore;

use crate::failure::Failure;

/// Reads the whole table.
///
/// # Errors
/// When it cannot be read.
pub async fn scan(configuration: &SdkConfig, table: &str) -> Result<RecordSet, Failure> {
    let client = aws_sdk_dynamodb::Client::new(&endpoints::of(configuration, Service::DynamoDb));
    let store = RecordStore::new(&client, Some(table), "here", true);
    store.scan().await.map_err(|error| {
        let failure = format!("{error:#}");
        match failure.contains("AccessDenied") {
            true => {
                Failure::denied(failure).hint("The stack's output ViewerPolicyArn is a policy with the rights to look.")
            }
            false => Failure::new(failure),
        }
    })
}
