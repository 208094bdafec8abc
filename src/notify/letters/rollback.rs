//! Letters about a requested rollback.

use super::attempt::{data, facts, headline, look};
use crate::model::attempt::hold::Rollback;
use crate::model::notice::AttemptRef;
use crate::notify::case::Case;
use crate::notify::commands::{explain, rollback};
use crate::notify::letter::{Data, Fact, Letter, Next, Severity, Status};

pub(super) fn started<'a>(case: &Case<'a>, about: &'a AttemptRef) -> Letter<'a> {
    Letter {
        severity: Severity::Info,
        status: None,
        headline: headline(case, "EKS rollback started: ", about),
        facts: facts(case),
        meaning: "EKS accepted the requested rollback to an older release.".into(),
        steps: look(case),
        next: Next::new("It is still being watched; you are notified when it ends."),
        data: data(case, about),
    }
}

pub(super) fn done<'a>(case: &Case<'a>, about: &'a AttemptRef) -> Letter<'a> {
    let left = case.attempt.map_or("it", |attempt| &attempt.intent.previous_release_version);
    let next = format!("It stays on {} until there is a release newer than {left}.", about.release_version);
    Letter {
        severity: Severity::Info,
        status: Some(Status::Resolved),
        headline: headline(case, "EKS rollback done: ", about),
        facts: facts(case),
        meaning: "The node group runs the requested older release.".into(),
        steps: look(case),
        next: Next::new(next),
        data: data(case, about),
    }
}

pub(super) fn expired<'a>(case: &Case<'a>, asked: &'a Rollback) -> Letter<'a> {
    let release = asked.release_version.as_str();
    Letter {
        severity: Severity::Warning,
        status: Some(Status::Firing),
        headline: case.headline("EKS rollback not carried out: ").then(" to ").then_name(release),
        facts: case.facts([Fact::new("To", release), Fact::at("Requested", asked.requested_at)]),
        meaning: "The requested rollback did not start within a day. The results of start since then give the reason."
            .into(),
        steps: case.steps(|id| {
            let again = rollback(id.region(), &[id.name().clone()], release).comment("requests it again");
            vec![explain(id.region(), id.name()), again]
        }),
        next: Next::as_before(),
        data: Data { release_version: Some(release), rollback: Some(&asked.request_id), ..Data::default() },
    }
}
