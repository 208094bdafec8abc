//! Whether all deployed resources exist and are in order.

use aws_sdk_cloudformation::types::StackStatus;
use aws_sdk_dynamodb::types::{PointInTimeRecoveryStatus, TableStatus};
use aws_sdk_eventbridge::operation::describe_event_bus::DescribeEventBusError;
use aws_sdk_lambda::types::{LastUpdateStatus, State};
use aws_sdk_sns::types::Subscription;
use aws_sdk_sqs::types::QueueAttributeName;
use eks_nodegroup_updater::aws::endpoints::{self, Service};

use crate::aws::stack::Deployment;
use crate::failure::{Exit, Failure};
use terminal::message::Message;
use terminal::text::count;

use super::installation::event_bus;
use super::{Check, Checks, Installation, Question};

const STACK: Question = Question { name: "Stack", about: "stack", action: "cloudformation:DescribeStacks" };
const VERSION: Question =
    Question { name: "Version", about: "functions' version", action: "lambda:InvokeFunction on the alias readonly" };
const START: Question =
    Question { name: "StartFunction", about: "state of start", action: "lambda:GetFunctionConfiguration" };
const CHECK: Question =
    Question { name: "CheckFunction", about: "state of check", action: "lambda:GetFunctionConfiguration" };
const TABLE: Question = Question { name: "Table", about: "table", action: "dynamodb:DescribeTable" };
const RECOVERY: Question = Question {
    name: "PointInTimeRecovery",
    about: "table's point-in-time recovery",
    action: "dynamodb:DescribeContinuousBackups",
};
const PROTECTION: Question =
    Question { name: "DeletionProtection", about: "table's deletion protection", action: "dynamodb:DescribeTable" };
const QUEUE: Question =
    Question { name: "DeadLetterQueue", about: "dead-letter queue", action: "sqs:GetQueueAttributes" };
const SUBSCRIPTIONS: Question =
    Question { name: "Subscriptions", about: "topic's subscriptions", action: "sns:ListSubscriptionsByTopic" };
const BUS: Question = Question { name: "EventBus", about: "bus for events", action: "events:DescribeEventBus" };

/// The version of this command line.
const VERSION_HERE: &str = env!("CARGO_PKG_VERSION");
/// Characters of an endpoint that are shown; a URL can be long.
const ENDPOINT: usize = 100;

/// The check that replaces all checks of a missing stack.
pub fn not_deployed(region: &str) -> Check {
    Question { about: "stack, runs and permissions", ..STACK }
        .skipped(format!("the updater is not deployed in {region}"))
        .remedy(
            Message::new("Deploy it, name its stack with --stack, or look in another region with --region:")
                .command("sam build && sam deploy --guided"),
        )
}

/// The check that replaces them if the stack could not be looked up.
pub fn not_found(failure: &Failure) -> Check {
    match failure.exit {
        Exit::Denied => Question { about: "stack, runs and permissions", ..STACK }.not_done(failure),
        _ => STACK.not_done(failure),
    }
}

pub fn checks<'a>(installation: &'a Installation<'a>) -> Vec<Checks<'a>> {
    let Some(deployment) = &installation.deployment else { return Vec::new() };
    vec![
        Box::pin(async { Ok(vec![stack(deployment)]) }),
        Box::pin(version(installation, deployment)),
        Box::pin(function(installation, START, &deployment.start)),
        Box::pin(function(installation, CHECK, &deployment.check)),
        Box::pin(table(installation, deployment)),
        Box::pin(recovery(installation, deployment)),
        Box::pin(queue(installation, deployment)),
        Box::pin(subscriptions(installation, deployment)),
        Box::pin(bus(installation, deployment)),
    ]
}

fn stack(deployment: &Deployment) -> Check {
    let Deployment { stack, status, .. } = deployment;
    let found = format!("stack {stack} is {status}");
    let events =
        || Message::new("See why:").command(format!("aws cloudformation describe-stack-events --stack-name {stack}"));
    match StackStatus::from(status.as_str()) {
        StackStatus::CreateComplete | StackStatus::UpdateComplete | StackStatus::ImportComplete => STACK.passed(found),
        StackStatus::UpdateRollbackComplete | StackStatus::ImportRollbackComplete => {
            STACK.warning(found).cause("Its last deployment failed; it runs as before.").remedy(events())
        }
        _ if status.ends_with("_IN_PROGRESS") && !status.contains("ROLLBACK") => {
            STACK.warning(found).cause("It is being deployed; the results below might change.")
        }
        _ => STACK.failed(found).remedy(events()),
    }
}

async fn version<'a>(installation: &'a Installation<'a>, deployment: &Deployment) -> Result<Vec<Check>, Check> {
    let answer = installation.answer().await.as_ref().map_err(|failure| {
        let check = VERSION.not_done(failure);
        match failure.exit {
            Exit::Denied => check,
            _ => Check { message: format!("{} failed its dry run", deployment.start), ..check }
                .see("docs/decisions.md#when-a-run-fails"),
        }
    })?;
    Ok(vec![version_check(&answer.version, &deployment.stack)])
}

fn version_check(deployed: &str, stack: &str) -> Check {
    match deployed {
        VERSION_HERE => VERSION.passed(format!("the functions are version {deployed}, as this command line")),
        "" => VERSION
            .warning(format!("the functions are older than this command line ({VERSION_HERE})"))
            .remedy(format!("Deploy this version to the stack {stack}.")),
        _ => VERSION
            .warning(format!("the functions are version {deployed}, and this command line is {VERSION_HERE}"))
            .remedy("Use the same version of both."),
    }
}

async fn function<'a>(installation: &'a Installation<'a>, question: Question, name: &str) -> Result<Vec<Check>, Check> {
    let function = installation.function(name).await.as_ref().map_err(|why| question.unanswered(why))?;
    let (state, updated) = (function.state(), function.last_update_status());
    let reason = |reason: Option<&str>| reason.unwrap_or("Lambda gives no reason").to_owned();
    let again = "Deploy the stack again.";
    Ok(vec![match (state, updated) {
        (Some(State::Failed), _) => {
            question.failed(format!("function {name} is Failed")).cause(reason(function.state_reason())).remedy(again)
        }
        (_, Some(LastUpdateStatus::Failed)) => question
            .failed(format!("the last update of the function {name} failed"))
            .cause(reason(function.last_update_status_reason()))
            .remedy(again),
        (Some(State::Pending), _) | (_, Some(LastUpdateStatus::InProgress)) => {
            question.warning(format!("function {name} is being deployed")).remedy("Check again in a minute.")
        }
        // Lambda releases the resources of a function that was not called for weeks; the next call restores them.
        (Some(State::Active | State::Inactive), _) => {
            question.passed(format!("function {name} is {}", state.map_or("", State::as_str)))
        }
        _ => question.skipped("Lambda does not report its state"),
    }])
}

async fn table<'a>(installation: &'a Installation<'a>, deployment: &Deployment) -> Result<Vec<Check>, Check> {
    let dynamodb = aws_sdk_dynamodb::Client::new(&endpoints::of(installation.configuration, Service::DynamoDb));
    let name = &deployment.table;
    let answer = TABLE.answered(dynamodb.describe_table().table_name(name).send().await)?;
    let described = answer.table();
    let status = described.and_then(|table| table.table_status());
    let found = format!("table {name} is {}", status.map_or("of an unknown status", TableStatus::as_str));
    let is_protected = described.and_then(|table| table.deletion_protection_enabled()).unwrap_or_default();
    Ok(vec![
        match status {
            Some(TableStatus::Active | TableStatus::Updating) => TABLE.passed(found),
            _ => TABLE.failed(found).see("docs/operations.md#installing-again"),
        },
        match is_protected {
            true => PROTECTION.passed("the table is protected from deletion"),
            false => {
                PROTECTION
                    .warning("the table is not protected from deletion")
                    .cause("Deleting it deletes every hold, quarantine and failure.")
                    .remedy(Message::default().command(format!(
                        "aws dynamodb update-table --table-name {name} --deletion-protection-enabled"
                    )))
                    .see("docs/operations.md#installing-again")
            }
        },
    ])
}

async fn recovery<'a>(installation: &'a Installation<'a>, deployment: &Deployment) -> Result<Vec<Check>, Check> {
    let dynamodb = aws_sdk_dynamodb::Client::new(&endpoints::of(installation.configuration, Service::DynamoDb));
    let name = &deployment.table;
    let answer = RECOVERY.answered(dynamodb.describe_continuous_backups().table_name(name).send().await)?;
    let status = answer
        .continuous_backups_description()
        .and_then(|backups| backups.point_in_time_recovery_description())
        .and_then(|recovery| recovery.point_in_time_recovery_status());
    Ok(vec![match status {
        Some(PointInTimeRecoveryStatus::Enabled) => RECOVERY.passed("the table can be restored to any second"),
        _ => RECOVERY
            .warning("the table has no point-in-time recovery")
            .cause("Lost or damaged data in it cannot be restored.")
            .remedy(Message::default().command(format!(
                "aws dynamodb update-continuous-backups --table-name {name} --point-in-time-recovery-specification \
                 PointInTimeRecoveryEnabled=true"
            )))
            .see("docs/operations.md#installing-again"),
    }])
}

async fn queue<'a>(installation: &'a Installation<'a>, deployment: &Deployment) -> Result<Vec<Check>, Check> {
    let sqs = aws_sdk_sqs::Client::new(&endpoints::of(installation.configuration, Service::Sqs));
    let url = QUEUE.output(deployment, "DeadLetterQueueUrl")?;
    let call = sqs.get_queue_attributes().queue_url(url);
    let call = call
        .attribute_names(QueueAttributeName::ApproximateNumberOfMessages)
        .attribute_names(QueueAttributeName::ApproximateNumberOfMessagesNotVisible);
    let answer = QUEUE.answered(call.send().await)?;
    let attributes = answer.attributes.unwrap_or_default();
    let numbers: Option<usize> = attributes.values().map(|number| number.parse::<usize>().ok()).sum();
    Ok(vec![queue_check(numbers.filter(|_| !attributes.is_empty()), url)])
}

fn queue_check(messages: Option<usize>, url: &str) -> Check {
    match messages {
        Some(0) => QUEUE.passed("dead-letter queue is empty"),
        Some(number) => QUEUE
            .warning(format!("dead-letter queue has {}", count(number, "event")))
            .cause("These events could not be delivered or handled. The schedules still run.")
            .remedy(
                Message::new("Read the reason, then delete the event:")
                    .command(format!("aws sqs receive-message --queue-url {url} --message-attribute-names All")),
            )
            .see("docs/operations.md#alarms"),
        None => QUEUE.skipped("SQS does not report how many events it has"),
    }
}

async fn subscriptions<'a>(installation: &'a Installation<'a>, deployment: &Deployment) -> Result<Vec<Check>, Check> {
    let sns = aws_sdk_sns::Client::new(&endpoints::of(installation.configuration, Service::Sns));
    let topic = SUBSCRIPTIONS.output(deployment, "NotificationTopicArn")?;
    let call = sns.list_subscriptions_by_topic().topic_arn(topic).into_paginator().items().send();
    let subscriptions: Result<Vec<Subscription>, _> = call.collect().await;
    Ok(subscription_checks(&SUBSCRIPTIONS.answered(subscriptions)?, topic))
}

fn subscription_checks(subscriptions: &[Subscription], topic: &str) -> Vec<Check> {
    const SEE: &str = "docs/operations.md#an-e-mail-subscription-that-is-gone";
    let subscribe = |protocol: &str, endpoint: &str| {
        format!("aws sns subscribe --topic-arn {topic} --protocol {protocol} --notification-endpoint {endpoint}")
    };
    // A confirmed subscription has an ARN here; others have PendingConfirmation or Deleted.
    let (confirmed, others): (Vec<_>, Vec<_>) = subscriptions
        .iter()
        .partition(|subscription| subscription.subscription_arn().is_some_and(|arn| arn.starts_with("arn:")));
    let mut checks = Vec::new();
    if subscriptions.is_empty() {
        let check = SUBSCRIPTIONS.failed("nobody is notified: the topic has no subscriptions");
        let remedy = Message::new("Subscribe somebody:").command(subscribe("email", "ops@example.com"));
        checks.push(check.remedy(remedy).see(SEE));
    }
    if !confirmed.is_empty() {
        checks.push(SUBSCRIPTIONS.passed(count(confirmed.len(), "confirmed subscription")));
    }
    for subscription in others {
        let (protocol, endpoint) =
            (subscription.protocol().unwrap_or("email"), subscription.endpoint().unwrap_or("an unknown endpoint"));
        let endpoint: String = endpoint.chars().take(ENDPOINT).collect();
        let nobody = if confirmed.is_empty() { "nobody is notified: " } else { "" };
        let remedy = "AWS sent it a confirmation link, which expires after a few days. To send it again:";
        let remedy = Message::new(remedy).command(subscribe(protocol, &endpoint));
        let check = SUBSCRIPTIONS.failed(format!("{nobody}{endpoint} has not confirmed its subscription"));
        checks.push(check.remedy(remedy).see(SEE));
    }
    checks
}

/// Whether the bus exists: EventBridge accepts events for a missing bus, and drops them.
async fn bus<'a>(installation: &'a Installation<'a>, deployment: &Deployment) -> Result<Vec<Check>, Check> {
    let function = installation.function(&deployment.check).await.as_ref().map_err(|why| BUS.unanswered(why))?;
    let Some(bus) = event_bus(function) else { return Ok(Vec::new()) };
    let eventbridge =
        aws_sdk_eventbridge::Client::new(&endpoints::of(installation.configuration, Service::EventBridge));
    let answer = eventbridge.describe_event_bus().name(bus).send().await;
    let is_absent = answer.as_ref().is_err_and(|error| {
        error.as_service_error().is_some_and(DescribeEventBusError::is_resource_not_found_exception)
    });
    if is_absent {
        let check = BUS.failed(format!("events are lost: there is no event bus {bus}"));
        return Ok(vec![
            check
                .cause("EventBridge accepts events for a bus that does not exist, and drops them.")
                .remedy(
                    Message::new("Create it, or deploy the stack with another EventBusName:")
                        .command(format!("aws events create-event-bus --name {bus}")),
                )
                .see("docs/events.md#what-is-put-on-a-bus"),
        ]);
    }
    BUS.answered(answer)?;
    Ok(vec![BUS.passed(format!("events go to the bus {bus}"))])
}

#[cfg(test)]
mod tests {
    use super::super::Status::{self, Failed, Passed, Skipped, Warning};
    use super::*;

    fn statuses(checks: &[Check]) -> Vec<Status> {
        checks.iter().map(|check| check.status).collect()
    }

    #[test]
    fn a_status_of_the_stack_is_well_a_warning_or_a_problem() {
        for (status, expected) in [
            ("CREATE_COMPLETE", Passed),
            ("UPDATE_COMPLETE", Passed),
            ("UPDATE_IN_PROGRESS", Warning),
            ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", Warning),
            ("UPDATE_ROLLBACK_COMPLETE", Warning),
            ("UPDATE_ROLLBACK_IN_PROGRESS", Failed),
            ("ROLLBACK_COMPLETE", Failed),
            ("UPDATE_ROLLBACK_FAILED", Failed),
            ("DELETE_FAILED", Failed),
            ("SOMETHING_NEW", Failed),
        ] {
            let text = String::new;
            let deployment = Deployment {
                stack: "updater".to_owned(),
                region: text(),
                account: text(),
                status: status.to_owned(),
                start: text(),
                check: text(),
                table: text(),
                outputs: std::collections::BTreeMap::new(),
            };
            assert_eq!(stack(&deployment).status, expected, "{status}");
        }
    }

    #[test]
    fn functions_of_another_version_are_a_warning() {
        assert_eq!(version_check(VERSION_HERE, "updater").status, Passed);
        assert_eq!(version_check("", "updater").status, Warning);
        assert_eq!(version_check("99.0.0", "updater").status, Warning);
    }

    #[test]
    fn an_event_in_the_queue_is_a_warning() {
        assert_eq!(queue_check(Some(0), "url").status, Passed);
        assert_eq!(queue_check(Some(1), "url").message, "dead-letter queue has 1 event");
        assert_eq!(queue_check(Some(1), "url").status, Warning);
        assert_eq!(queue_check(None, "url").status, Skipped);
    }

    #[test]
    fn who_has_not_confirmed_is_named() {
        let subscription = |arn: &str, endpoint: &str| {
            Subscription::builder().subscription_arn(arn).protocol("email").endpoint(endpoint).build()
        };
        let (ops, dev) =
            (subscription("arn:aws:sns:r:a:t:id", "ops@example.com"), subscription("PendingConfirmation", "dev@x.io"));
        assert_eq!(statuses(&subscription_checks(&[], "t")), [Failed]);
        assert_eq!(statuses(&subscription_checks(std::slice::from_ref(&ops), "t")), [Passed]);
        let both = subscription_checks(&[ops, dev.clone()], "t");
        assert_eq!(statuses(&both), [Passed, Failed]);
        assert_eq!(both[1].message, "dev@x.io has not confirmed its subscription");
        let alone = subscription_checks(&[dev], "t");
        assert_eq!(alone[0].message, "nobody is notified: dev@x.io has not confirmed its subscription");
        assert_eq!(statuses(&alone), [Failed]);
    }
}
