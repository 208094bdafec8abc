//! What to look at if something other than the release prevented an update.

use crate::model::attempt::error_code::Cause;
use crate::model::id::NodegroupId;
use crate::notify::commands::eks;
use crate::notify::letter::Step;

/// The step for a cause.
pub(super) fn step(cause: Cause, id: &NodegroupId) -> Step {
    let region = id.region();
    let query = |what: &str| eks(id, "describe-nodegroup", &format!("--query {what}"));
    match cause {
        Cause::Capacity => {
            Step::advice("Add instance types or Availability Zones to the node group, or wait for capacity")
                .comment("the Auto Scaling group's activities name the reason")
        }
        Cause::Quota => {
            let quotas = "aws service-quotas list-service-quotas --service-code ec2";
            Step::command(format!("{quotas} --region {region}")).comment("then request a higher quota")
        }
        Cause::Addresses => {
            let subnets = "'Subnets[].[SubnetId,AvailableIpAddressCount]'";
            Step::command(format!("aws ec2 describe-subnets --region {region} --query {subnets}"))
        }
        Cause::Network => query("'nodegroup.[subnets,resources]'"),
        Cause::LaunchTemplate => query("nodegroup.launchTemplate"),
        Cause::AutoScalingGroup => query("nodegroup.resources.autoScalingGroups").comment("then its activities"),
        Cause::NodeRole => query("nodegroup.nodeRole"),
        Cause::Permission => Step::advice(
            "Look for a service control policy that denies AWSServiceRoleForAmazonEKSNodegroup the action in the error",
        ),
        Cause::ClusterApi => Step::command("kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations"),
        Cause::Configuration => query("'nodegroup.[instanceTypes,labels]'"),
        Cause::Aws => Step::advice("Wait: the update is retried"),
    }
}
