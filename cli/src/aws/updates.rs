//! The updates of a node group, as EKS lists and describes them.

use aws_sdk_eks::config::http::HttpResponse;
use aws_sdk_eks::error::SdkError;
use aws_sdk_eks::operation::describe_update::DescribeUpdateError;
use aws_sdk_eks::operation::list_updates::ListUpdatesError;
use aws_sdk_eks::types::{Update, UpdateParamType};
use eks_nodegroup_updater::aws::pace::Eks;
use eks_nodegroup_updater::model::id::NodegroupName;

/// The ids of a node group's updates, in no order.
///
/// # Errors
/// When EKS does not list them.
pub async fn update_ids(
    eks: &Eks,
    name: &NodegroupName,
) -> Result<Vec<String>, SdkError<ListUpdatesError, HttpResponse>> {
    let ids = eks.read(async |eks| {
        let pages = eks.list_updates().name(&name.cluster).nodegroup_name(&name.nodegroup).into_paginator();
        pages.items().send().collect::<Result<Vec<String>, _>>().await
    });
    ids.await
}

/// An update of a node group; `None` if EKS's answer is empty.
///
/// # Errors
/// When EKS does not describe it.
pub async fn describe_update(
    eks: &Eks,
    name: &NodegroupName,
    id: &str,
) -> Result<Option<Update>, SdkError<DescribeUpdateError, HttpResponse>> {
    let answer = eks.read(async |eks| {
        let call = eks.describe_update().name(&name.cluster).nodegroup_name(&name.nodegroup).update_id(id);
        call.send().await
    });
    Ok(answer.await?.update)
}

/// The release that an update installs, if it installs one.
pub fn release_of(update: &Update) -> Option<String> {
    let release = update.params().iter().find(|it| it.r#type() == Some(&UpdateParamType::ReleaseVersion));
    release.and_then(|it| it.value()).map(str::to_owned)
}
