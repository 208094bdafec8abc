//! Whether the functions are invoked, and whether updates can start.

use aws_sdk_cloudwatch::types::{MetricAlarm, StateValue};
use aws_sdk_scheduler::types::ScheduleState;
use eks_nodegroup_updater::aws::endpoints::{self, Service};
use eks_nodegroup_updater::model::decision::reason::FreezeKind;
use eks_nodegroup_updater::model::problem::{ErrorLine, ProblemCode};
use jiff::Timestamp;

use crate::aws::answer::StartAnswer;
use crate::aws::stack::Deployment;
use terminal::message::Message;
use terminal::page::local_time;
use terminal::text::count;

use super::{Check, Checks, Installation, Question};

const SWITCH: Question = Question { name: "StopSwitch", about: "stop switch", action: "ssm:GetParameter" };
const FREEZE: Question =
    Question { name: "Freeze", about: "change calendars", action: "lambda:InvokeFunction on the alias readonly" };
const ERRORS: Question =
    Question { name: "Errors", about: "errors of a dry run", action: "lambda:InvokeFunction on the alias readonly" };
const START_SCHEDULE: Question =
    Question { name: "StartSchedule", about: "schedule of start", action: "scheduler:GetSchedule" };
const CHECK_SCHEDULE: Question =
    Question { name: "CheckSchedule", about: "schedule of check", action: "scheduler:GetSchedule" };
const ALARMS: Question = Question { name: "Alarms", about: "alarms", action: "cloudwatch:DescribeAlarms" };
const LAST_CHECK: Question = Question { name: "LastCheck", about: "last run of check", action: "" };

/// Errors of a dry run that are shown.
const ERRORS_SHOWN: usize = 5;

pub fn checks<'a>(installation: &'a Installation<'a>) -> Vec<Checks<'a>> {
    let Some(deployment) = &installation.deployment else { return Vec::new() };
    vec![
        Box::pin(switch(installation, deployment)),
        Box::pin(dry_run(installation)),
        Box::pin(schedule(installation, deployment, START_SCHEDULE, "StartScheduleName", "start")),
        Box::pin(schedule(installation, deployment, CHECK_SCHEDULE, "CheckScheduleName", "check")),
        Box::pin(alarms(installation, deployment)),
    ]
}

async fn switch<'a>(installation: &'a Installation<'a>, deployment: &Deployment) -> Result<Vec<Check>, Check> {
    let ssm = aws_sdk_ssm::Client::new(&endpoints::of(installation.configuration, Service::Ssm));
    let name = SWITCH.output(deployment, "StopSwitchName")?;
    let answer = SWITCH.answered(ssm.get_parameter().name(name).send().await)?;
    let parameter = answer.parameter();
    let since = parameter.and_then(|parameter| parameter.last_modified_date());
    let since = since.and_then(|at| Timestamp::from_second(at.secs()).ok());
    Ok(vec![switch_check(parameter.and_then(|parameter| parameter.value()).unwrap_or_default(), since, deployment)])
}

fn switch_check(value: &str, since: Option<Timestamp>, deployment: &Deployment) -> Check {
    const SEE: &str = "docs/rules.md#stopping-updates";
    match value {
        "running" => SWITCH.passed("the stop switch is set to running"),
        "stopped" => SWITCH
            .warning(format!(
                "no update starts: the stop switch is set to stopped{}",
                since.map(|since| format!(", since {}", local_time(since))).unwrap_or_default()
            ))
            .remedy(Message::new("To allow updates to start again:").command(format!(
                "eks-nodegroup-updater resume --stack {} --region {}",
                deployment.stack, deployment.region
            )))
            .see(SEE),
        _ => SWITCH
            .failed(format!("no update starts: the stop switch is set to {value:?}"))
            .cause("It must be running or stopped. Until then, every run of start fails.")
            .see(SEE),
    }
}

async fn dry_run<'a>(installation: &'a Installation<'a>) -> Result<Vec<Check>, Check> {
    // Why the dry run failed is reported once, with the version.
    let Ok(answer) = installation.answer().await else {
        return Err(Question { about: "change calendars and errors of a dry run", ..FREEZE }
            .skipped("the dry run of start failed"));
    };
    Ok(freeze_check(answer).into_iter().chain([errors_check(answer)]).collect())
}

/// Freezes other than the stop switch, which has its own check.
fn freeze_check(answer: &StartAnswer) -> Option<Check> {
    let Some(freeze) = &answer.freeze else { return Some(FREEZE.passed("no change calendar is closed")) };
    match freeze.code {
        FreezeKind::Stopped => None,
        FreezeKind::CalendarClosed => Some(FREEZE.warning("no update starts now").cause(&freeze.message)),
        FreezeKind::Unreadable => Some(FREEZE.failed("no update starts").cause(&freeze.message)),
    }
}

/// The errors that are not part of a node group's decision.
fn errors_check(answer: &StartAnswer) -> Check {
    let is_told = |error: &&ErrorLine| error.code == ProblemCode::Unreadable && error.subject.is_some();
    let errors = answer.errors.iter().filter(|error| !is_told(error));
    let mut errors: Vec<String> = errors.map(ToString::to_string).collect();
    let number = errors.len();
    if number == 0 {
        return ERRORS.passed("a dry run of start had no errors");
    }
    errors.truncate(ERRORS_SHOWN);
    if number > ERRORS_SHOWN {
        errors.push(format!("and {} more", number - ERRORS_SHOWN));
    }
    ERRORS
        .warning(format!("a dry run of start had {}", count(number, "error")))
        .cause(errors.into_iter().collect::<Message>())
}

async fn schedule<'a>(
    installation: &'a Installation<'a>,
    deployment: &Deployment,
    question: Question,
    output: &str,
    function: &str,
) -> Result<Vec<Check>, Check> {
    let scheduler = aws_sdk_scheduler::Client::new(&endpoints::of(installation.configuration, Service::Scheduler));
    let name = question.output(deployment, output)?;
    let answer = question.answered(scheduler.get_schedule().name(name).send().await)?;
    let expression = answer.schedule_expression().unwrap_or("an unknown schedule");
    Ok(vec![match answer.state() {
        Some(ScheduleState::Enabled) => question.passed(format!("schedule of {function} is enabled: {expression}")),
        Some(ScheduleState::Disabled) => question
            .failed(format!("nothing wakes {function}: its schedule is disabled"))
            .remedy(format!("Enable the schedule {name} in EventBridge Scheduler."))
            .see("docs/operations.md#alarms"),
        _ => question.skipped("EventBridge Scheduler does not report its state"),
    }])
}

async fn alarms<'a>(installation: &'a Installation<'a>, deployment: &Deployment) -> Result<Vec<Check>, Check> {
    let cloudwatch = aws_sdk_cloudwatch::Client::new(&endpoints::of(installation.configuration, Service::CloudWatch));
    let names: Vec<String> = ALARMS.output(deployment, "AlarmNames")?.split_whitespace().map(str::to_owned).collect();
    let answer = cloudwatch.describe_alarms().set_alarm_names(Some(names.clone())).send().await;
    Ok(alarm_checks(&names, ALARMS.answered(answer)?.metric_alarms(), &deployment.stack))
}

fn alarm_checks(names: &[String], alarms: &[MetricAlarm], stack: &str) -> Vec<Check> {
    const SEE: &str = "docs/operations.md#alarms";
    let mut checks = Vec::new();
    let mut calm = 0;
    for name in names {
        let alarm = alarms.iter().find(|alarm| alarm.alarm_name() == Some(name));
        match alarm.map(|alarm| (alarm, alarm.state_value())) {
            Some((_, Some(StateValue::Ok))) => {
                calm += 1;
                // Its data is whether the function was invoked, hour by hour.
                if name.contains("CheckNotRun") {
                    checks.push(LAST_CHECK.passed("check has run within the last hour, according to its alarm"));
                }
            }
            Some((alarm, Some(StateValue::Alarm))) => checks.push(
                ALARMS
                    .failed(format!("alarm {name} is in ALARM"))
                    .cause(alarm.alarm_description().or(alarm.state_reason()).unwrap_or("CloudWatch gives no reason"))
                    .see(SEE),
            ),
            Some(_) => checks.push(Check {
                message: format!("alarm {name}"),
                ..ALARMS.skipped("CloudWatch has no data for it yet")
            }),
            None => checks.push(
                ALARMS
                    .failed(format!("the alarm {name} does not exist"))
                    .remedy(
                        Message::new("See what else is missing:")
                            .command(format!("aws cloudformation detect-stack-drift --stack-name {stack}")),
                    )
                    .see(SEE),
            ),
        }
    }
    if calm > 0 {
        checks.insert(0, ALARMS.passed(format!("{calm} of {} OK", count(names.len(), "alarm"))));
    }
    checks
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use eks_nodegroup_updater::model::decision::reason::Freeze;
    use eks_nodegroup_updater::model::problem::Unreadable;
    use eks_nodegroup_updater::summary::Stopped;

    use super::super::Status::{self, Failed, Passed, Skipped, Warning};
    use super::*;

    fn deployment() -> Deployment {
        Deployment {
            stack: "updater".to_owned(),
            region: "eu-central-1".to_owned(),
            account: "123456789012".to_owned(),
            status: "CREATE_COMPLETE".to_owned(),
            start: "start".to_owned(),
            check: "check".to_owned(),
            table: "table".to_owned(),
            outputs: BTreeMap::new(),
        }
    }

    #[test]
    fn a_switch_that_says_stopped_is_a_warning_and_one_that_says_anything_else_a_problem() {
        let since = "2026-07-20T12:00:00Z".parse().ok();
        assert_eq!(switch_check("running", since, &deployment()).status, Passed);
        let stopped = switch_check("stopped", since, &deployment());
        assert_eq!(stopped.status, Warning);
        assert!(stopped.message.contains("since Mon 20 Jul"), "{}", stopped.message);
        assert_eq!(switch_check("paused", since, &deployment()).status, Failed);
        assert_eq!(switch_check("", None, &deployment()).status, Failed);
    }

    #[test]
    fn a_freeze_by_the_switch_is_told_once() {
        let answer = |freeze: Option<Freeze>| StartAnswer {
            freeze: freeze.as_ref().map(Stopped::from),
            ..StartAnswer::default()
        };
        let status = |freeze| freeze_check(&answer(freeze)).map(|check| check.status);
        assert_eq!(status(None), Some(Passed));
        assert_eq!(status(Some(Freeze::Stopped { parameter: "/updater/stop-switch".to_owned() })), None);
        assert_eq!(status(Some(Freeze::CalendarClosed { until: None })), Some(Warning));
        let unreadable = Freeze::Unreadable(Unreadable("the change calendars: no".to_owned()));
        assert_eq!(status(Some(unreadable)), Some(Failed));
    }

    #[test]
    fn errors_of_a_dry_run_are_shown_up_to_five_without_those_that_a_decision_tells() {
        let error = |code, subject: Option<&str>| ErrorLine {
            code,
            subject: subject.map(str::to_owned),
            message: "no".to_owned(),
        };
        let mut errors = vec![error(ProblemCode::NotRecorded, Some("prod/blue")); 7];
        errors.push(error(ProblemCode::Unreadable, Some("prod/green")));
        let answer = StartAnswer { errors, ..StartAnswer::default() };
        let check = errors_check(&answer);
        assert_eq!(check.message, "a dry run of start had 7 errors");
        let cause = check.cause.unwrap();
        assert_eq!((cause.lines().count(), cause.lines().last()), (6, Some("and 2 more")));
    }

    #[test]
    fn each_alarm_that_is_not_ok_has_its_line() {
        let alarm = |name: &str, state: StateValue| MetricAlarm::builder().alarm_name(name).state_value(state).build();
        let names = ["a", "CheckNotRun", "b", "c"].map(str::to_owned);
        let alarms = [
            alarm("a", StateValue::Alarm),
            alarm("CheckNotRun", StateValue::Ok),
            alarm("b", StateValue::InsufficientData),
        ];
        let checks = alarm_checks(&names, &alarms, "updater");
        let lines: Vec<(Status, &str)> = checks.iter().map(|check| (check.status, check.message.as_str())).collect();
        assert_eq!(
            lines,
            [
                (Passed, "1 of 4 alarms OK"),
                (Failed, "alarm a is in ALARM"),
                (Passed, "check has run within the last hour, according to its alarm"),
                (Skipped, "alarm b"),
                (Failed, "the alarm c does not exist"),
            ]
        );
    }
}
