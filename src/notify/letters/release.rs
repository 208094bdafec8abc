//! Letters about a release of a track.

use jiff::Timestamp;
use serde_json::json;

use crate::model::id::ClusterId;
use crate::model::id::names::Names;
use crate::model::notice::QuarantinedRelease;
use crate::model::release::selector::day_of;
use crate::notify::case::Case;
use crate::notify::commands::{deny, invoke, own, rollback};
use crate::notify::letter::{Data, Fact, Headline, Letter, Next, Severity, Status, Step};

pub(super) fn quarantined<'a>(case: &Case<'a>, held: &'a QuarantinedRelease) -> Letter<'a> {
    let QuarantinedRelease { release_version: release, nodegroups, ran_on, same_build, .. } = held;
    let track = format!("{}/{}", held.version, held.ami_type);
    let included = Some(&case.included).filter(|included| included.count > 0);
    let included = included.map(|names| Fact::new("Included", format!("the failed updates of {names}")));
    let facts = [
        Fact::new("Failed on", nodegroups.to_string()),
        Fact::new("Came up on", if ran_on.count == 0 { "none".to_owned() } else { ran_on.to_string() }),
    ];
    let same_build_facts = same_build.iter().map(|release| Fact::new("Same build", release));
    let lifted = format!("{track}/{release}");
    let lift = own(case.region(), &format!("quarantine lift {lifted}"))
        .or(invoke(case.region(), &json!({ "liftQuarantine": [lifted] })))
        .comment("once the cause is understood");
    let previous = held.previous_release_version.as_str();
    let back = (!ran_on.names.is_empty() && !previous.is_empty())
        .then(|| rollback(case.region(), &ran_on.names, previous).comment("rolls back the node groups that run it"));
    let deny_build = day_of(release)
        .map(|day| deny(case.region(), &format!("'*-{day}'")).comment("denies the same build everywhere"));
    Letter {
        severity: Severity::Critical,
        status: Some(Status::Firing),
        headline: Headline::text("EKS release quarantined: ").then_name(release),
        facts: case.facts_of(
            &format!("every node group on {track}"),
            facts.into_iter().chain(included).chain(same_build_facts),
        ),
        meaning:
            "Nodes with this release did not come up on several node groups, and neither capacity nor network explains \
            it. No further node group there is updated to it."
                .into(),
        steps: [lift].into_iter().chain(back).chain(deny_build).collect(),
        next: Next::new(format!(
            "The next newer release is installed. {release} stays quarantined until the quarantine is lifted."
        )),
        data: Data {
            release_version: Some(release),
            track: Some(track),
            failed_on: Some(nodegroups),
            ran_on: Some(ran_on),
            same_build: Some(same_build),
            quarantined_in: held.cluster.as_ref().map(ClusterId::name),
            reason: "FailedOnSeveralNodegroups".into(),
            nodegroups: Some(nodegroups.clone()),
            ..Data::default()
        },
    }
}

pub(super) fn available<'a>(case: &Case<'a>, release: &'a str, published_at: Option<Timestamp>) -> Letter<'a> {
    let plan = own(case.region(), "plan").or(invoke(case.region(), &json!({ "dryRun": true })));
    Letter {
        severity: Severity::Info,
        status: None,
        headline: Headline::text("EKS release available: ").then_name(release),
        facts: case.facts(published_at.map(|at| Fact::at("Published", at))),
        meaning: "AWS recommends this release. Node groups are updated to it under their rules.".into(),
        steps: vec![
            plan.comment("shows what a run would decide"),
            denied(case, release).comment("prevents updates to it"),
        ],
        next: Next::as_before(),
        data: Data {
            release_version: Some(release),
            track: case.track(),
            published_at,
            reason: "Recommended".into(),
            ..Data::default()
        },
    }
}

pub(super) fn withdrawn<'a>(case: &Case<'a>, release: &'a str, latest: &'a str, runs: &'a Names) -> Letter<'a> {
    let running = if runs.count == 0 { "no node group".to_owned() } else { runs.to_string() };
    let back =
        (!runs.names.is_empty()).then(|| rollback(case.region(), &runs.names, latest).comment("rolls them back"));
    Letter {
        severity: Severity::Warning,
        status: Some(Status::Firing),
        headline: Headline::text("EKS release withdrawn: ").then_name(release),
        facts: case.facts([Fact::new("Latest now", latest), Fact::new("Runs on", running)]),
        meaning:
            "AWS recommended this release and now recommends an older one. No node group is updated to it; those that \
            run it stay on it."
                .into(),
        steps: back.into_iter().collect(),
        next: Next::new(format!("{release} is no longer installed, unless AWS recommends it again.")),
        data: Data {
            release_version: Some(release),
            track: case.track(),
            running_on: Some(runs),
            reason: "NoLongerRecommended".into(),
            nodegroups: Some(runs.clone()),
            ..Data::default()
        },
    }
}

pub(super) fn refused<'a>(case: &Case<'a>, release: &'a str, since: Timestamp, message: &'a str) -> Letter<'a> {
    Letter {
        severity: Severity::Warning,
        status: Some(Status::Firing),
        headline: Headline::text("EKS refuses a release: ").then_name(release),
        facts: case.facts([Fact::at("Since", since), Fact::new("AWS says", message)]),
        meaning: "AWS recommends this release, but EKS has refused it as invalid for a day. EKS might accept it later, or never.".into(),
        steps: vec![denied(case, release).comment("no longer tries it")],
        next: Next::new(
            "The next older release, if there is one, is installed instead; this release is retried after a wait.",
        ),
        data: Data { release_version: Some(release), track: case.track(), ..Data::default() },
    }
}

/// Denies a release of the track.
fn denied(case: &Case<'_>, release: &str) -> Step {
    deny(case.region(), &format!("{}/{release}", case.track().unwrap_or_default()))
}
