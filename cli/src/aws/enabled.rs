//! The regions that are enabled in an account.

use aws_config::SdkConfig;
use aws_sdk_account::types::RegionOptStatus;
use aws_sdk_sts::config::Region;
use eks_nodegroup_updater::aws::endpoints::{self, Service};

use super::caller::Caller;
use super::place::Place;
use crate::failure::{Exit, Failure};

/// A region that cannot be disabled, in the one partition that has others.
/// <https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html>
pub const ALWAYS_ENABLED: &str = "us-east-1";
/// How AWS answers credentials that are not valid, or not valid in this region.
const INVALID_CREDENTIALS: [&str; 2] = ["InvalidClientTokenId", "UnrecognizedClientException"];

/// The regions that are enabled in the account.
///
/// # Errors
/// When they cannot be listed.
pub async fn regions(configuration: &SdkConfig) -> Result<Vec<String>, Failure> {
    let client = aws_sdk_account::Client::new(&endpoints::of(configuration, Service::Account));
    let pages = client
        .list_regions()
        .region_opt_status_contains(RegionOptStatus::Enabled)
        .region_opt_status_contains(RegionOptStatus::EnabledByDefault)
        .into_paginator()
        .items()
        .send()
        .collect::<Result<Vec<_>, _>>();
    let regions = pages.await.map_err(|error| Failure::of_call("listing the enabled regions", &error))?;
    let mut names: Vec<String> = regions.into_iter().filter_map(|region| region.region_name).collect();
    names.sort();
    Ok(names)
}

/// Whether AWS does not know the credentials.
pub fn is_of_credentials(failure: &Failure) -> bool {
    failure.code.as_deref().is_some_and(|code| INVALID_CREDENTIALS.contains(&code))
}

/// The same failure, and the remedy if its cause is the region: credentials that are valid elsewhere are refused in a region that
/// is not enabled in their account.
pub async fn explained(place: &Place, failure: Failure) -> Failure {
    if !is_of_credentials(&failure) || place.region == ALWAYS_ENABLED {
        return failure;
    }
    let elsewhere = place.configuration.to_builder().region(Region::new(ALWAYS_ENABLED)).build();
    match Caller::ask(&elsewhere).await {
        Ok(_) => not_enabled(place, failure),
        Err(_) => failure,
    }
}

/// The failure of valid credentials in this region.
pub fn not_enabled(place: &Place, failure: Failure) -> Failure {
    let region = &place.region;
    let message = format!("the region {region} is not enabled in this account");
    Failure { message, exit: Exit::Failed, ..failure }.lasting().hint(
        "Leave out a region that is not enabled, or enable it: aws account enable-region --region-name REGION. If it is \
         enabled, these are session tokens of the global STS endpoint, which are not valid there: set \
         AWS_STS_REGIONAL_ENDPOINTS=regional.",
    )
}
