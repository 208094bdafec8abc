//! The common parts of all letters about an update.

use std::borrow::Cow;

use jiff::SignedDuration;

use super::causes;
use crate::model::attempt::error_code::{Cause, NODE_CREATION_FAILURE, POD_EVICTION_FAILURE};
use crate::model::attempt::{Attempt, ErrorDetail, Intent, StartedBy, Status as AttemptStatus};
use crate::model::id::NodegroupId;
use crate::model::notice::AttemptRef;
use crate::notify::case::Case;
use crate::notify::commands::{describe_update, eks, explain, nodes, pods_on, retry, rollback};
use crate::notify::letter::{Data, Fact, Headline, Next, Step};

/// The maximum number of commands about a single node.
const NODES_IN_COMMANDS: usize = 3;
const NO_CODE: &str = "Unknown";

/// The release, for people; for an external update of only the launch template, the launch template.
pub(super) fn release(case: &Case<'_>, about: &AttemptRef) -> String {
    match case.attempt.map(|attempt| &attempt.intent) {
        Some(Intent { launch_template: Some(template), .. }) => format!("the launch template {template}"),
        _ => version(about).unwrap_or("a release that EKS does not name").to_owned(),
    }
}

/// A headline with this start: which node group is updated to which release.
pub(super) fn headline(case: &Case<'_>, text: &'static str, about: &AttemptRef) -> Headline {
    case.headline(text).then(" to ").then_name(release(case, about))
}

/// The error's code, or the status of the update.
fn reason<'a>(case: &Case<'a>) -> Cow<'a, str> {
    let code = case.error_code().map(|code| code.to_owned().into());
    let status = case.attempt.map(|attempt| attempt.status.as_str().into());
    code.or(status).unwrap_or(NO_CODE.into())
}

/// The cause that letters about other node groups might share: the first error, as AWS gave it.
fn similar<'a>(case: &Case<'a>) -> Cow<'a, str> {
    let first = case.attempt.and_then(|attempt| attempt.errors.first());
    first.map(|error| error.error_code.as_str()).unwrap_or_default().into()
}

/// The facts of an update that is in progress or succeeded.
pub(super) fn facts(case: &Case<'_>) -> Vec<Fact> {
    let errors = case.errors.iter().map(error_fact);
    case.facts(of_attempt(case).into_iter().chain(errors).chain(of_failure(case)))
}

/// The facts of an update that ended without success, including that AWS gave no error.
pub(super) fn facts_of_trouble(case: &Case<'_>) -> Vec<Fact> {
    let nothing = case.attempt.filter(|_| case.errors.is_empty()).map(|_| Fact::new("AWS says", "nothing more"));
    let errors = case.errors.iter().map(error_fact);
    case.facts(of_attempt(case).into_iter().chain(nothing).chain(errors).chain(of_failure(case)))
}

fn of_attempt(case: &Case<'_>) -> Vec<Fact> {
    let Some(attempt) = case.attempt else { return Vec::new() };
    let mut facts = vec![Fact::new("What", format!("{}, attempt {}", attempt.intent, attempt.number))];
    if attempt.starter() == StartedBy::External {
        facts.push(Fact::new("Who", "an external update, not started by the updater"));
    }
    facts.extend(attempt.intent.rollback.iter().map(|run| Fact::new("Requested", format!("in the run {run}"))));
    facts.push(Fact::new("Update", attempt.update_id.as_deref().unwrap_or("EKS gave no id")));
    facts.push(Fact::at("Since", attempt.started_at));
    let duration = duration(case, attempt);
    // The end is when it was noticed; EKS does not return the real end.
    facts.push(match attempt.ended_at {
        Some(_) => Fact::new("Took", format!("at most {duration:#}")),
        None => Fact::new("Running", format!("{duration:#}")),
    });
    facts
}

fn error_fact(error: &ErrorDetail) -> Fact {
    let said = format!("{}: {}", error.error_code, error.error_message);
    Fact { label: "AWS says", values: [said].into_iter().chain(error.resource_ids.iter().cloned()).collect() }
}

fn of_failure(case: &Case<'_>) -> Vec<Fact> {
    let Some(failed) = case.attempt.filter(|attempt| attempt.status == AttemptStatus::Failed) else {
        return Vec::new();
    };
    let health = (!failed.health.is_empty()).then(|| Fact::new("Health", failed.health_codes().join(", ")));
    let unknown = failed.unknown_codes().into_iter().map(|code| {
        Fact::new("Unknown", format!("{code}: this version does not know the code, so it does not blame the release"))
    });
    health.into_iter().chain(unknown).collect()
}

pub(super) fn data<'a>(case: &Case<'a>, about: &'a AttemptRef) -> Data<'a> {
    let release_version = version(about);
    let (reason, similar) = (reason(case), similar(case));
    let Some(attempt) = case.attempt else { return Data { release_version, reason, ..Data::default() } };
    let intent = &attempt.intent;
    Data {
        release_version,
        launch_template: intent.launch_template.as_deref(),
        previous_release_version: Some(&intent.previous_release_version),
        kubernetes_version: Some(&intent.version),
        started_by: Some(attempt.starter()),
        rollback: intent.rollback.as_deref(),
        force: Some(intent.force),
        attempt: Some(attempt.number),
        update_id: attempt.update_id.as_deref().filter(|_| case.members.is_none()),
        started_at: Some(attempt.started_at),
        ended_at: attempt.ended_at,
        duration_seconds: Some(duration(case, attempt).as_secs()),
        errors: case.errors.clone(),
        health: Some(attempt.health_codes()).filter(|health| !health.is_empty()),
        cause: cause(case),
        reason,
        similar,
        ..Data::default()
    }
}

/// What prevented a failed update, regardless of its release; not if pods did not leave, which is cause enough.
pub(super) fn cause(case: &Case<'_>) -> Option<Cause> {
    let failed = case.attempt.filter(|attempt| attempt.status == AttemptStatus::Failed)?;
    failed.cause().filter(|_| case.error_code() != Some(POD_EVICTION_FAILURE))
}

/// What to look at while an update runs, or after it succeeded.
pub(super) fn look(case: &Case<'_>) -> Vec<Step> {
    case.steps(|id| {
        let update_id = case.attempt.and_then(|attempt| attempt.update_id.as_ref());
        let update = update_id.map(|update_id| describe_update(id, update_id));
        let health = eks(id, "describe-nodegroup", "--query nodegroup.health");
        [explain(id.region(), id.name())].into_iter().chain(update).chain([health]).collect()
    })
}

/// What to do about an update that ended without success: first how to retry it, then what to look at.
pub(super) fn fix(case: &Case<'_>) -> Vec<Step> {
    case.steps(|id| {
        let mut look = look(case);
        let others = look.split_off(1);
        look.extend(again(case, id));
        look.extend(cause(case).map(|cause| causes::step(cause, id)));
        look.extend(of_code(case, id));
        look.extend(others);
        look
    })
}

/// The command that requests a retry, if the updater started the update.
fn again(case: &Case<'_>, id: &NodegroupId) -> Option<Step> {
    let attempt = case.attempt.filter(|attempt| attempt.started_by == StartedBy::Updater)?;
    Some(match attempt.intent.rollback {
        Some(_) => {
            let back = rollback(id.region(), &[id.name().clone()], &attempt.intent.release_version);
            back.comment("requests it again, once the cause is fixed")
        }
        None => retry(id).comment("retries at once, when the cause is fixed"),
    })
}

fn of_code(case: &Case<'_>, id: &NodegroupId) -> Vec<Step> {
    match case.error_code() {
        Some(POD_EVICTION_FAILURE) => {
            let resources = case.errors.iter().flat_map(|error| &error.resource_ids);
            let pods = resources.filter_map(|node| pods_on(node)).take(NODES_IN_COMMANDS);
            let nodes = nodes(id).comment("which release each node runs, and which are cordoned");
            let uncordon = Step::command("kubectl uncordon NODE").comment("for a node that was left cordoned");
            let budgets = Step::command("kubectl get poddisruptionbudgets --all-namespaces");
            [budgets].into_iter().chain(pods).chain([nodes, uncordon]).collect()
        }
        Some(NODE_CREATION_FAILURE) => vec![
            nodes(id).comment("which release each node runs"),
            Step::command("kubectl get events --all-namespaces --field-selector involvedObject.kind=Node"),
        ],
        _ => Vec::new(),
    }
}

/// When an update that ended without success is retried, if at all.
pub(super) fn next_try(case: &Case<'_>, about: &AttemptRef) -> Next {
    let release = release(case, about);
    match case.attempt {
        Some(attempt) if attempt.starter() == StartedBy::External => {
            Next::new("Nothing: the updater did not start this update. It keeps following the node group's tags.")
        }
        Some(attempt) if attempt.intent.rollback.is_some() => {
            Next::new(format!("{release} was requested once, and is not retried."))
        }
        attempt => retry_of(case, about, attempt, &release),
    }
}

fn retry_of(case: &Case<'_>, about: &AttemptRef, attempt: Option<&Attempt>, release: &str) -> Next {
    let version = attempt.map_or("", |attempt| attempt.intent.version.as_str());
    let failures = case.record.nodegroup().map_or(0, |record| record.failures(version, &about.release_version).count());
    let last = attempt.and_then(|attempt| attempt.ended_at).unwrap_or(case.notice.at);
    let Some(from) = case.retry_after.next_try(failures, last) else {
        return Next::new(format!(
            "{release} is not retried on this node group; a newer release is installed once there is one."
        ));
    };
    let is_forced = |attempt: &Attempt| {
        attempt.intent.may_force && !attempt.intent.force && attempt.failed_with(POD_EVICTION_FAILURE)
    };
    let how = match attempt {
        Some(attempt) if is_forced(attempt) => {
            ", with force: pods that do not leave are deleted, regardless of their disruption budgets"
        }
        Some(attempt) if attempt.blames_release() => {
            ", unless it is quarantined by then because it also failed elsewhere"
        }
        _ => "",
    };
    Next {
        sentence: format!("{release} is retried after {from:.0}, once all rules allow it{how}.").into(),
        at: Some(from),
    }
}

/// How long the update took, or has been running.
fn duration(case: &Case<'_>, attempt: &Attempt) -> SignedDuration {
    let until = attempt.ended_at.unwrap_or(case.notice.at);
    SignedDuration::from_secs(until.duration_since(attempt.started_at).as_secs())
}

/// The release, if EKS names it.
fn version(about: &AttemptRef) -> Option<&str> {
    Some(about.release_version.as_str()).filter(|release| !release.is_empty())
}
