//! How long AWS supports Kubernetes versions.

use aws_sdk_eks::primitives::DateTime;
use jiff::Timestamp;

use crate::aws::describe;
use crate::aws::pace::Eks;
use crate::model::notice::support::{Support, Supports};
use crate::model::problem::Unreadable;

/// Reads all Kubernetes versions, once a run.
///
/// # Errors
/// When EKS cannot be read, which blocks no update.
pub async fn supports(eks: &Eks) -> Result<Supports, Unreadable> {
    let pages: Result<Vec<_>, _> = eks
        .read(async |eks| eks.describe_cluster_versions().include_all(true).into_paginator().send().collect().await)
        .await;
    let pages = pages.map_err(|error| Unreadable(describe(&error)))?;
    let versions = pages.into_iter().flat_map(|page| page.cluster_versions.unwrap_or_default());
    let support = versions.filter_map(|version| {
        let standard_until = timestamp(version.end_of_standard_support_date());
        let extended_until = timestamp(version.end_of_extended_support_date());
        Some((version.cluster_version?, Support { standard_until, extended_until }))
    });
    Ok(support.collect())
}

fn timestamp(at: Option<&DateTime>) -> Option<Timestamp> {
    Timestamp::new(at?.secs(), 0).ok()
}
