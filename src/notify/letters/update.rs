//! Letters about an update.

use super::attempt::{cause, data, facts, facts_of_trouble, fix, headline, look, next_try};
use crate::model::attempt::error_code::{NODE_CREATION_FAILURE, POD_EVICTION_FAILURE};
use crate::model::notice::{AttemptRef, Recovery};
use crate::notify::case::Case;
use crate::notify::commands::{eks, opt};
use crate::notify::letter::{Data, Fact, Letter, Next, Severity, Status};

pub(super) fn started<'a>(case: &Case<'a>, about: &'a AttemptRef) -> Letter<'a> {
    Letter {
        severity: Severity::Info,
        status: None,
        headline: headline(case, "EKS update started: ", about),
        facts: facts(case),
        meaning: "EKS accepted the update and is replacing the nodes.".into(),
        steps: look(case),
        next: Next::new("It is watched until it ends."),
        data: data(case, about),
    }
}

pub(super) fn succeeded<'a>(case: &Case<'a>, about: &'a AttemptRef) -> Letter<'a> {
    Letter {
        severity: Severity::Info,
        status: Some(Status::Resolved),
        headline: headline(case, "EKS update succeeded: ", about),
        facts: facts(case),
        meaning: "EKS completed the update successfully.".into(),
        steps: Vec::new(),
        next: Next::as_before(),
        data: data(case, about),
    }
}

pub(super) fn recovered<'a>(case: &Case<'a>, over: &'a Recovery) -> Letter<'a> {
    let headline = case.headline("EKS update recovered: ");
    Letter {
        severity: Severity::Info,
        status: Some(Status::Resolved),
        headline: match case.members {
            Some(_) => headline.then(" run ").then_name(&over.release_version).then(" or newer"),
            None => headline.then(" runs ").then_name(&over.runs),
        },
        facts: case.facts([
            Fact::new("Reported", format!("attempt {}, to {}", over.number, over.release_version)),
            Fact::new("Runs", &over.runs),
        ]),
        meaning: "You were notified of an update that failed or took too long. The node group now runs its release, or a newer one.".into(),
        steps: Vec::new(),
        next: Next::as_before(),
        data: Data { release_version: Some(&over.release_version), runs: Some(&over.runs), reason: "Recovered".into(), ..Data::default() },
    }
}

pub(super) fn failed<'a>(case: &Case<'a>, about: &'a AttemptRef) -> Letter<'a> {
    let meaning = match (cause(case), case.error_code()) {
        (Some(cause), _) => cause.meaning(),
        (None, Some(POD_EVICTION_FAILURE)) => {
            "Pods did not leave a node within 15 minutes, usually because a PodDisruptionBudget allows no eviction. Nodes \
                that were replaced by then may stay on the new release, and one that could not be drained may stay cordoned."
        }
        (None, Some(NODE_CREATION_FAILURE)) => {
            "New nodes did not start or did not join the cluster within 15 minutes: check capacity, quotas, subnets, \
                security groups, user data (which may run longer than that) and the node role."
        }
        (None, _) => "The update ended without success. Nodes that were replaced by then may stay on the new release.",
    };
    Letter {
        severity: Severity::Error,
        status: Some(Status::Firing),
        headline: headline(case, "EKS update failed: ", about),
        facts: facts_of_trouble(case),
        meaning: meaning.into(),
        steps: fix(case),
        next: next_try(case, about),
        data: data(case, about),
    }
}

pub(super) fn refused<'a>(case: &Case<'a>, about: &'a AttemptRef) -> Letter<'a> {
    // Only these words of AWS distinguish it from other refusals.
    let says_so = |text: &str| text.to_ascii_lowercase().contains("not authorized to launch instances");
    let is_launch_template = case.errors.iter().any(|error| says_so(&error.error_message));
    let meaning = if is_launch_template {
        "The function start is not allowed to launch instances from the node group's launch template, which EKS checks. \
            docs/operations.md has a policy for its role, under Launch templates. No node was touched."
    } else {
        "EKS did not start the update. No node was touched."
    };
    Letter {
        severity: Severity::Error,
        status: Some(Status::Firing),
        headline: headline(case, "EKS update refused: ", about),
        facts: facts_of_trouble(case),
        meaning: meaning.into(),
        steps: fix(case),
        next: next_try(case, about),
        data: data(case, about),
    }
}

pub(super) fn unverified<'a>(case: &Case<'a>, about: &'a AttemptRef) -> Letter<'a> {
    Letter {
        severity: Severity::Error,
        status: Some(Status::Firing),
        headline: headline(case, "EKS update without effect: ", about),
        facts: facts_of_trouble(case),
        meaning: "EKS reports success, but the node group runs another release. It may have been changed meanwhile."
            .into(),
        steps: fix(case),
        next: next_try(case, about),
        data: data(case, about),
    }
}

pub(super) fn not_found<'a>(case: &Case<'a>, about: &'a AttemptRef) -> Letter<'a> {
    Letter {
        severity: Severity::Error,
        status: Some(Status::Firing),
        headline: headline(case, "EKS update not found: ", about),
        facts: facts_of_trouble(case),
        meaning: "EKS no longer knows the update: the node group, its cluster or the record of the update was deleted."
            .into(),
        steps: fix(case),
        next: next_try(case, about),
        data: data(case, about),
    }
}

pub(super) fn cancelled<'a>(case: &Case<'a>, about: &'a AttemptRef) -> Letter<'a> {
    Letter {
        severity: Severity::Warning,
        status: Some(Status::Firing),
        headline: headline(case, "EKS update cancelled: ", about),
        facts: facts_of_trouble(case),
        meaning: "AWS or another client cancelled the update; the updater never cancels one.".into(),
        steps: fix(case),
        next: next_try(case, about),
        data: data(case, about),
    }
}

pub(super) fn stuck<'a>(case: &Case<'a>, about: &'a AttemptRef) -> Letter<'a> {
    Letter {
        severity: Severity::Warning,
        status: Some(Status::Firing),
        headline: headline(case, "EKS update still running: ", about),
        facts: facts(case),
        meaning:
            "The update has been running for longer than StuckAfter, or than the tag ami-update/stuck-after allows. \
            EKS cannot cancel it, and no other update of this node group starts meanwhile."
                .into(),
        steps: look(case),
        next: Next::new("It is still being watched; you are notified when it ends."),
        data: data(case, about),
    }
}

pub(super) fn forced<'a>(case: &Case<'a>, about: &'a AttemptRef) -> Letter<'a> {
    Letter {
        severity: Severity::Info,
        // It follows a failure of the same release.
        status: Some(Status::Resolved),
        headline: headline(case, "EKS update forced: ", about),
        facts: facts(case),
        meaning:
            "The update overrode disruption budgets, as the node group's tag ami-update/force allows after an eviction \
            failure, and succeeded."
                .into(),
        steps: look(case),
        next: Next::new("Nothing; the next update is not forced."),
        data: data(case, about),
    }
}

pub(super) fn available<'a>(case: &Case<'a>, version: &'a str, release: &'a str) -> Letter<'a> {
    // Without the version, EKS might update the node group to its cluster's version.
    let target = format!("--kubernetes-version {version} --release-version {release}");
    Letter {
        severity: Severity::Info,
        status: None,
        headline: case.headline("EKS release available: ").then(" can run ").then_name(release),
        facts: case.facts([Fact::new("Version", format!("Kubernetes {version}"))]),
        meaning: "The node group's tag ami-update=notify allows reports only; no update was started.".into(),
        steps: case.steps(|id| {
            vec![
                opt(id, "opt-in", "auto").comment("updates it from now on"),
                eks(id, "update-nodegroup-version", &target).comment("updates it once"),
            ]
        }),
        next: Next::new("The next newer release is reported, too."),
        data: Data { release_version: Some(release), kubernetes_version: Some(version), ..Data::default() },
    }
}
