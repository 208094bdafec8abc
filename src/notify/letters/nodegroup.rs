//! Letters about a node group that is not kept current.

use std::borrow::Cow;

use serde_json::json;

use crate::model::attempt::hold::{Hold, Running};
use crate::model::decision::DecisionKind;
use crate::model::decision::reason::ReasonKind;
use crate::model::id::NodegroupId;
use crate::model::nodegroup::owner::Owner;
use crate::model::nodegroup::policy::{InvalidTag, OPT_IN_TAG};
use crate::model::notice::stale::Stale;
use crate::notify::case::Case;
use crate::notify::commands::{eks, explain, explain_decision, invoke, opt, own, retry};
use crate::notify::letter::{Data, Fact, Letter, Next, Severity, Status, Step};

pub(super) fn downgraded<'a>(case: &Case<'a>, hold: &'a Hold) -> Letter<'a> {
    let runs = |it: &Running| format!("{} (Kubernetes {})", it.release_version, it.version);
    let (left, release) = (hold.from.release_version.as_str(), hold.to.release_version.as_str());
    let next = if hold.is_of_version() {
        "It follows its cluster's Kubernetes version again when that version changes; newer releases of its own version are \
            still installed.".into()
    } else if hold.ends_with_newer() {
        format!("It stays on {release} until there is a release newer than {left}.")
    } else {
        "It was downgraded again after the updater had updated it, so no update starts before you retry or pin it."
            .into()
    };
    let facts = managed_by(case.owner()).into_iter().chain([
        Fact::new("Ran", runs(&hold.from)),
        Fact::new("Runs", runs(&hold.to)),
        Fact::at("Since", hold.since),
    ]);
    Letter {
        severity: Severity::Warning,
        status: Some(Status::Firing),
        headline: case.headline("EKS node group downgraded: ").then(" to ").then_name(release),
        facts: case.facts(facts),
        meaning:
            "A person, or another tool that manages the node group's release or version, downgraded it. A downgraded \
            node group stays where it is, so it is not kept up to date."
                .into(),
        steps: case.steps(|id| {
            let leave = match case.owner() {
                Some(owner) => format!("In {}, {} ({})", owner.name(), owner.setting(), owner.page()),
                None => {
                    "Leave the release out where the node group is defined; in Terraform: lifecycle { ignore_changes = \
                    [release_version, version] } (docs/ownership.md)"
                        .to_owned()
                }
            };
            vec![
                Step::advice(leave),
                retry(id).comment("updates it again at once"),
                opt(id, "opt-in --notify", "notify").comment("reports newer releases without updating"),
            ]
        }),
        next: Next::new(next),
        data: Data {
            release_version: Some(release),
            owner: case.owner(),
            downgraded: Some(hold),
            similar: cause_of(case.owner()),
            ..Data::default()
        },
    }
}

pub(super) fn stale<'a>(case: &Case<'a>, stale: &'a Stale) -> Letter<'a> {
    let behind = stale.oldest.as_ref().zip(stale.days_behind).map(|(oldest, days)| {
        Fact::new("Behind", format!("{oldest}, published {days} days ago, and all newer releases"))
    });
    let why = Fact::new("Why", format!("{}: {}", stale.reason, stale.detail));
    Letter {
        severity: Severity::Warning,
        status: Some(Status::Firing),
        headline: case.headline("EKS node group not kept current: "),
        facts: case.facts([Fact::at("Since", stale.since)].into_iter().chain(behind).chain([why])),
        meaning: "The node group opted in, and has not been kept current for longer than StaleAfter, or its tag \
            ami-update/stale-after, allows."
            .into(),
        steps: case.steps(|id| {
            let describe = eks(id, "describe-nodegroup", "");
            let remedy = explain_decision(id.region(), id.name(), &stale.reason).or(explain_event(id));
            [remedy].into_iter().chain(without_history(stale, id)).chain([describe]).collect()
        }),
        next: Next::new("The node group is listed every week until it is current again; you are notified then."),
        data: Data {
            release_version: stale.oldest.as_deref(),
            stale: Some(stale),
            reason: stale.reason.code().into(),
            similar: stale.cause.as_str().into(),
            ..Data::default()
        },
    }
}

/// The one cause that a command ends in every case.
fn without_history(stale: &Stale, id: &NodegroupId) -> Option<Step> {
    let is_unread = stale.reason == DecisionKind::Skip(ReasonKind::UpdateHistoryUnread);
    is_unread.then(|| retry(id).comment("starts it without its update history"))
}

pub(super) fn current<'a>(case: &Case<'a>, stale: &'a Stale) -> Letter<'a> {
    Letter {
        severity: Severity::Info,
        status: Some(Status::Resolved),
        headline: case.headline("EKS node group kept current again: "),
        facts: case.facts([Fact::new("It was", format!("{}: {}", stale.reason, stale.detail))]),
        meaning: "The node group was reported as not kept current, and is kept current again.".into(),
        steps: case.steps(|id| vec![explain(id.region(), id.name()).or(explain_event(id))]),
        next: Next::as_before(),
        data: Data {
            release_version: stale.oldest.as_deref(),
            stale: Some(stale),
            reason: stale.reason.code().into(),
            similar: stale.cause.as_str().into(),
            ..Data::default()
        },
    }
}

pub(super) fn tag_lost<'a>(case: &Case<'a>) -> Letter<'a> {
    let owner = case.owner();
    Letter {
        severity: Severity::Warning,
        status: Some(Status::Firing),
        headline: case.headline("EKS node group without its tag: "),
        facts: case.facts(managed_by(owner)),
        meaning:
            "The node group had opted in and no longer has the tag ami-update. Infrastructure as code often removes a \
            tag that was set by hand. The node group is no longer updated."
                .into(),
        steps: case.steps(|id| {
            let there =
                |owner: Owner| Step::advice(format!("Set it in {}: {} ({})", owner.name(), owner.tags(), owner.page()));
            let how = match owner {
                Some(_) => "sets it until its owner removes it again",
                None => "or set the tag where your infrastructure as code sets them",
            };
            let again = opt(id, "opt-in", "auto").comment(how);
            let off = opt(id, "opt-out", "off").comment("opts it out on purpose");
            owner.map(there).into_iter().chain([again, off]).collect()
        }),
        next: Next::new("The node group is kept up to date again once it has the tag."),
        data: Data { owner, similar: cause_of(owner), ..Data::default() },
    }
}

pub(super) fn tag_invalid<'a>(case: &Case<'a>, tag: &'a InvalidTag) -> Letter<'a> {
    let InvalidTag { key, value, expected } = tag;
    Letter {
        severity: Severity::Warning,
        status: Some(Status::Firing),
        headline: case.headline("EKS update tag invalid: "),
        facts: case.facts([Fact::new("Tag", format!("{key}={value}; {expected}"))]),
        meaning:
            "This version does not recognise the tag. The node group is not updated until the tag is fixed or removed."
                .into(),
        steps: case.steps(|id| {
            let tags = format!("aws eks list-tags-for-resource --region {} --resource-arn {}", id.region(), id.arn());
            [explain(id.region(), id.name())]
                .into_iter()
                .chain(without_tag(id, key))
                .chain([Step::command(tags)])
                .collect()
        }),
        next: Next::new("The node group is not updated until the tag is fixed or removed."),
        data: Data { tag: Some(tag), similar: format!("{key}={value}").into(), ..Data::default() },
    }
}

/// The command that removes or fixes a tag. The key must be a plain word, because the command is pasted into a shell.
fn without_tag(id: &NodegroupId, key: &str) -> Option<Step> {
    if key == OPT_IN_TAG {
        return Some(opt(id, "opt-in", "auto").comment("sets it to auto"));
    }
    let rule = key.strip_prefix(OPT_IN_TAG)?.strip_prefix('/')?;
    let is_word = rule.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let untag = format!("aws eks untag-resource --region {} --resource-arn {} --tag-keys {key}", id.region(), id.arn());
    let unset =
        || own(id.region(), &format!("set {id} {rule}=")).or(untag).comment("removes it, so that the default applies");
    is_word.then(unset)
}

fn explain_event(id: &NodegroupId) -> String {
    invoke(id.region(), &json!({ "explain": [id.to_string()] }))
}

fn managed_by(owner: Option<Owner>) -> Option<Fact> {
    owner.map(|owner| Fact::new("Managed by", format!("{}, as its tags show", owner.name())))
}

/// The step depends on the owner's setting, so node groups of different owners get different letters.
fn cause_of(owner: Option<Owner>) -> Cow<'static, str> {
    owner.map(Owner::name).unwrap_or_default().into()
}
