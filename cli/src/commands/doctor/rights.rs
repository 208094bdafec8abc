//! Whether the functions have exactly the permissions they need, as simulated by IAM.
//!
//! See [SimulatePrincipalPolicy](https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html).

use aws_sdk_iam::operation::simulate_principal_policy::SimulatePrincipalPolicyOutput;
use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, PolicyEvaluationDecisionType};
use eks_nodegroup_updater::aws::endpoints::{self, Service};
use eks_nodegroup_updater::model::nodegroup::policy::OPT_IN_TAG;
use eks_nodegroup_updater::notify::SOURCE;

use crate::aws::stack::Deployment;

use super::installation::event_bus;
use super::{Check, Checks, Installation, Question};

/// The limits of the simulation.
pub const NOTE: &str = "Simulated by IAM from the roles' policies, permissions boundaries and service control \
                        policies. Resource control policies, resource policies and VPC endpoint policies are not \
                        evaluated.";

const SEE: &str = "docs/operations.md#access-denied";
const SIMULATE: &str = "iam:SimulatePrincipalPolicy";

/// A permission that a function must have, or must not have.
#[derive(Clone, Copy, Debug)]
struct Right {
    question: Question,
    function: Function,
    action: &'static str,
    on: On,
    /// The value of the node group's tag `ami-update`, if it has one.
    tag: Option<&'static str>,
    must: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Function {
    Start,
    Check,
}

/// The resource of an action.
#[derive(Clone, Copy, Debug)]
enum On {
    Nodegroup,
    Table,
    Settings,
    StopSwitch,
    Topic,
    EventBus,
    Everything,
}

const fn may(name: &'static str, function: Function, about: &'static str, action: &'static str, on: On) -> Right {
    Right { question: Question { name, about, action: SIMULATE }, function, action, on, tag: None, must: true }
}

const UPDATE: &str = "eks:UpdateNodegroupVersion";

const RIGHTS: [Right; 10] = [
    Right {
        tag: Some("auto"),
        ..may(
            "UpdateOptedIn",
            Function::Start,
            "whether start can update node groups with ami-update=auto",
            UPDATE,
            On::Nodegroup,
        )
    },
    Right {
        tag: Some("off"),
        must: false,
        ..may(
            "UpdateOptedOut",
            Function::Start,
            "whether start can update node groups with ami-update=off",
            UPDATE,
            On::Nodegroup,
        )
    },
    Right {
        must: false,
        ..may(
            "UpdateUntagged",
            Function::Start,
            "whether start can update node groups without the tag",
            UPDATE,
            On::Nodegroup,
        )
    },
    may("WriteTable", Function::Start, "whether start can write to the table", "dynamodb:PutItem", On::Table),
    may("ReadSettings", Function::Start, "whether start can read its settings", "ssm:GetParameters", On::Settings),
    may(
        "ReadStopSwitch",
        Function::Start,
        "whether start can read the stop switch",
        "ssm:GetParameters",
        On::StopSwitch,
    ),
    may(
        "FindNodegroups",
        Function::Start,
        "whether start can find node groups by their tag",
        "tag:GetResources",
        On::Everything,
    ),
    may("Publish", Function::Check, "whether check can publish on the topic", "sns:Publish", On::Topic),
    may("PutEvents", Function::Check, "whether check can put events on the bus", "events:PutEvents", On::EventBus),
    may("DescribeUpdates", Function::Check, "whether check can describe updates", "eks:DescribeUpdate", On::Nodegroup),
];

pub fn checks<'a>(installation: &'a Installation<'a>) -> Vec<Checks<'a>> {
    let Some(deployment) = &installation.deployment else { return Vec::new() };
    RIGHTS.into_iter().map(|right| -> Checks<'a> { Box::pin(simulate(installation, deployment, right)) }).collect()
}

async fn simulate<'a>(
    installation: &'a Installation<'a>,
    deployment: &Deployment,
    right: Right,
) -> Result<Vec<Check>, Check> {
    let Right { question, function, action, on, tag, .. } = right;
    let name = if function == Function::Start { &deployment.start } else { &deployment.check };
    let function = installation.function(name).await.as_ref().map_err(|why| {
        // Without its role there is nothing to simulate.
        Question { action: "lambda:GetFunctionConfiguration", ..question }.unanswered(why)
    })?;
    let role = function.role().ok_or_else(|| question.skipped("Lambda does not report its role"))?;
    let partition = role.split(':').nth(1).unwrap_or("aws");
    let bus = event_bus(function).map(String::as_str);
    if matches!(on, On::EventBus) && bus.is_none() {
        return Ok(Vec::new());
    }
    let resource =
        on.arn(partition, deployment, bus.unwrap_or_default()).map_err(|missing| question.skipped(missing))?;
    let iam = aws_sdk_iam::Client::new(&endpoints::of(installation.configuration, Service::Iam));
    let mut call = iam
        .simulate_principal_policy()
        .policy_source_arn(role)
        .action_names(action)
        .resource_arns(resource)
        // Service control policies often depend on it.
        .context_entries(entry("aws:RequestedRegion", &deployment.region));
    if let Some(value) = tag {
        call = call.context_entries(entry(&format!("aws:ResourceTag/{OPT_IN_TAG}"), value));
    }
    if matches!(on, On::EventBus) {
        call = call.context_entries(entry("events:source", SOURCE));
        call = call.context_entries(entry("events:detail-type", "EKS Nodegroup Update Started"));
    }
    let answer = question.answered(call.send().await)?;
    Ok(vec![right.judge(&answer)])
}

fn entry(key: &str, value: &str) -> ContextEntry {
    ContextEntry::builder()
        .context_key_name(key)
        .context_key_values(value)
        .context_key_type(ContextKeyTypeEnum::String)
        .build()
}

impl On {
    /// A possible ARN: IAM compares only names.
    fn arn(self, partition: &str, deployment: &Deployment, bus: &str) -> Result<String, String> {
        let Deployment { region, account, .. } = deployment;
        let arn = |service: &str, rest: &str| format!("arn:{partition}:{service}:{region}:{account}:{rest}");
        let output = |name: &str| deployment.output(name).map(str::to_owned).map_err(|failure| failure.message);
        let parameter = |name: String| arn("ssm", &format!("parameter/{}", name.trim_start_matches('/')));
        Ok(match self {
            Self::Nodegroup => arn("eks", "nodegroup/cluster/nodegroup/00000000-0000-4000-8000-000000000000"),
            Self::Table => arn("dynamodb", &format!("table/{}", deployment.table)),
            Self::Settings => parameter(output("SettingsName")?),
            Self::StopSwitch => parameter(output("StopSwitchName")?),
            Self::Topic => output("NotificationTopicArn")?,
            Self::EventBus => arn("events", &format!("event-bus/{bus}")),
            Self::Everything => "*".to_owned(),
        })
    }
}

impl Right {
    fn judge(self, answer: &SimulatePrincipalPolicyOutput) -> Check {
        let Some(result) = answer.evaluation_results().first() else {
            return self.question.skipped("IAM's answer has no decision");
        };
        let is_allowed = *result.eval_decision() == PolicyEvaluationDecisionType::Allowed;
        let by_organization =
            result.organizations_decision_detail().is_some_and(|detail| !detail.allowed_by_organizations());
        self.judge_decision(
            is_allowed,
            result.eval_decision().as_str(),
            by_organization,
            result.missing_context_values(),
        )
    }

    fn judge_decision(self, is_allowed: bool, decision: &str, by_organization: bool, missing: &[String]) -> Check {
        let Self { question, action, tag, must, .. } = self;
        let may = question.about.trim_start_matches("whether ").to_owned();
        let may_not = may.replacen(" can ", " cannot ", 1);
        // The tag is left out on purpose for a node group without it.
        let opt_in = format!("aws:ResourceTag/{OPT_IN_TAG}");
        let missing: Vec<&str> = missing
            .iter()
            .map(String::as_str)
            .filter(|key| tag.is_some() || !key.eq_ignore_ascii_case(&opt_in))
            .collect();
        match (must, is_allowed) {
            (true, true) => question.passed(may),
            (false, false) => question.passed(may_not),
            (false, true) => question
                .failed(may)
                .cause(format!("A policy other than the stack's own allows its role {action}."))
                .remedy("Remove that policy from the role: with it, only the program enforces the opt-in, not IAM.")
                .see(SEE),
            (true, false) if !missing.is_empty() => Check {
                message: may,
                ..question.skipped(format!("it depends on {}, which the simulation does not set", missing.join(", ")))
            },
            (true, false) => {
                let by = if by_organization { ", by a service control policy" } else { "" };
                question
                    .failed(may_not)
                    .cause(format!("{action} is {decision}{by}"))
                    .remedy("Deploy the stack again, or find the policy that denies it.")
                    .see(SEE)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;

    fn status(right: usize, is_allowed: bool, missing: &[&str]) -> Status {
        let missing: Vec<String> = missing.iter().map(|&key| key.to_owned()).collect();
        RIGHTS[right].judge_decision(is_allowed, "implicitDeny", false, &missing).status
    }

    #[test]
    fn what_a_function_must_be_able_to_do_is_a_problem_where_it_is_denied() {
        assert_eq!(status(0, true, &[]), Status::Passed);
        assert_eq!(status(0, false, &[]), Status::Failed);
        let check = RIGHTS[0].judge_decision(false, "explicitDeny", true, &[]);
        let cause = "eks:UpdateNodegroupVersion is explicitDeny, by a service control policy";
        assert_eq!(check.cause, Some(cause.into()));
    }

    #[test]
    fn what_it_must_not_be_able_to_do_is_a_problem_where_it_is_allowed() {
        assert_eq!((status(1, false, &[]), status(1, true, &[])), (Status::Passed, Status::Failed));
        assert_eq!((status(2, false, &[]), status(2, true, &[])), (Status::Passed, Status::Failed));
        // Without the tag, its key is missing as it should be.
        assert_eq!(status(2, false, &["aws:ResourceTag/ami-update"]), Status::Passed);
    }

    #[test]
    fn what_depends_on_more_than_the_simulation_knows_is_skipped() {
        assert_eq!(status(0, false, &["aws:SourceVpc"]), Status::Skipped);
        assert_eq!(status(0, true, &["aws:SourceVpc"]), Status::Passed);
    }
}
