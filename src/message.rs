//! Words a notice, for people and for machines.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::config::RetryAfter;
use crate::model::notice::{Event, Notice};
use crate::model::record::Record;
use crate::model::update::{Attempt, ErrorDetail, Origin, shorten};

/// A subject has less than 100 characters, says
/// [Publish](https://docs.aws.amazon.com/sns/latest/api/API_Publish.html).
const SUBJECT_CHARACTERS: usize = 99;
/// A message has 256 KiB at most; the rest is for the attributes.
const MESSAGE_BYTES: usize = 250 * 1024;
/// The longest value of a message attribute.
const ATTRIBUTE_CHARACTERS: usize = 256;
/// How many commands name a node each.
const NODES_IN_COMMANDS: usize = 3;

/// A message as SNS takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// One line of ASCII.
    pub subject: String,
    /// The text under `email` and the JSON under `default`, in SNS's JSON message structure.
    pub body: String,
    /// Names and values to filter a subscription by.
    pub attributes: Vec<(&'static str, String)>,
}

/// Words a notice of a record. Error details that SNS has no room for are left out, and the message says so.
#[must_use]
pub fn message(record: &Record, notice: &Notice, retry_after: &RetryAfter) -> Message {
    let mut story = Story::new(record, notice, retry_after);
    let mut room = MESSAGE_BYTES;
    loop {
        story.errors = shorten(story.attempt.map(|attempt| attempt.errors.clone()).unwrap_or_default(), room);
        let body = json!({ "default": story.machine().to_string(), "email": story.human() }).to_string();
        if body.len() <= MESSAGE_BYTES || room == 0 {
            return Message { subject: story.subject(), body, attributes: story.attributes() };
        }
        room /= 2;
    }
}

/// Everything a message says.
struct Story<'a> {
    record: &'a Record,
    notice: &'a Notice,
    attempt: Option<&'a Attempt>,
    /// Those of the attempt's errors that the message has room for.
    errors: Vec<ErrorDetail>,
    next_try: NextTry,
}

/// What this program does next about the release.
enum NextTry {
    /// It starts another update, at the first run from then on.
    From(Timestamp),
    /// The tries are used up.
    Never,
    /// It follows the update on.
    Follow,
    /// It starts another update with force, at the first run from then on.
    ForceFrom(Timestamp),
    /// It never updates this node group.
    ReportOnly,
    /// The update was successful.
    Nothing,
    /// Nothing starts with this release until a newer one, or until somebody lifts it.
    Quarantine,
    /// Nothing starts on the node group until its tag is corrected.
    LeftAlone,
}

impl<'a> Story<'a> {
    fn new(record: &'a Record, notice: &'a Notice, retry_after: &RetryAfter) -> Self {
        let attempt = record.attempt(notice.attempt);
        let next_try = match notice.event {
            Event::UpdateStuck => NextTry::Follow,
            Event::UpdateAvailable => NextTry::ReportOnly,
            Event::UpdateForced => NextTry::Nothing,
            Event::ReleaseQuarantined => NextTry::Quarantine,
            Event::TagMalformed => NextTry::LeftAlone,
            _ => {
                let version = attempt.map_or("", |attempt| attempt.version.as_str());
                let failures = record.failures(version, &notice.release_version).count();
                let last = attempt.and_then(|attempt| attempt.ended_at).unwrap_or(notice.at);
                let forces = attempt.is_some_and(|attempt| {
                    attempt.may_force && !attempt.force && attempt.failed_with("PodEvictionFailure")
                });
                let from = if forces { NextTry::ForceFrom } else { NextTry::From };
                retry_after.next_try(failures, last).map_or(NextTry::Never, from)
            }
        };
        Self { record, notice, attempt, errors: Vec::new(), next_try }
    }

    fn place(&self) -> String {
        format!("{}/{}", self.record.cluster, self.record.nodegroup)
    }

    fn error_code(&self) -> Option<&str> {
        self.errors.first().map(|error| error.error_code.as_str())
    }

    /// Region and account, out of the ARN.
    fn arn_part(&self, index: usize) -> &str {
        self.record.nodegroup_arn.split(':').nth(index).unwrap_or("unknown")
    }

    fn severity(&self) -> &'static str {
        match self.notice.event {
            Event::UpdateFailed | Event::UpdateUnverified | Event::UpdateRefused | Event::UpdateGone => "error",
            Event::UpdateStuck | Event::UpdateCancelled | Event::TagMalformed => "warning",
            Event::UpdateAvailable | Event::UpdateForced => "info",
            Event::ReleaseQuarantined => "critical",
        }
    }

    fn headline(&self) -> String {
        let (place, release) = (self.place(), &self.notice.release_version);
        match self.notice.event {
            Event::UpdateFailed => format!("EKS update failed: {place} to {release}"),
            Event::UpdateCancelled => format!("EKS update cancelled: {place} to {release}"),
            Event::UpdateStuck => format!("EKS update still running: {place} to {release}"),
            Event::UpdateGone => format!("EKS update vanished: {place} to {release}"),
            Event::UpdateRefused => format!("EKS update refused: {place} to {release}"),
            Event::UpdateUnverified => format!("EKS update without effect: {place} to {release}"),
            Event::UpdateAvailable => format!("EKS release available: {place} could run {release}"),
            Event::UpdateForced => format!("EKS update forced: {place} to {release}"),
            Event::ReleaseQuarantined => format!("EKS release quarantined: {release}"),
            Event::TagMalformed => format!("EKS update tag not understood: {place}"),
        }
    }

    fn subject(&self) -> String {
        let code = self.error_code().map(|code| format!(" ({code})")).unwrap_or_default();
        ascii_line(&format!("{}{code}", self.headline()), SUBJECT_CHARACTERS)
    }

    fn attributes(&self) -> Vec<(&'static str, String)> {
        let mut attributes = vec![
            ("event", self.notice.event.as_str().to_owned()),
            ("severity", self.severity().to_owned()),
            ("cluster", self.record.cluster.clone()),
            ("nodegroup", self.record.nodegroup.clone()),
        ];
        attributes.extend(self.error_code().map(|code| ("errorCode", code.to_owned())));
        for (_, value) in &mut attributes {
            *value = ascii_line(value, ATTRIBUTE_CHARACTERS);
        }
        attributes.retain(|(_, value)| !value.is_empty());
        attributes
    }

    /// How long the update took, or has been running.
    fn duration(&self) -> Option<SignedDuration> {
        let attempt = self.attempt?;
        let until = attempt.ended_at.unwrap_or(self.notice.at);
        Some(SignedDuration::from_secs(until.duration_since(attempt.started_at).as_secs()))
    }

    fn meaning(&self) -> &'static str {
        match (self.notice.event, self.error_code()) {
            (Event::UpdateFailed, Some("PodEvictionFailure")) => {
                "Pods did not leave a node within 15 minutes, usually because a PodDisruptionBudget allows no eviction. EKS put the node group back to its previous release."
            }
            (Event::UpdateFailed, Some("NodeCreationFailure")) => {
                "New nodes did not start or did not join the cluster: look for capacity, quotas, subnets, user data and the node role. EKS put the node group back to its previous release."
            }
            (Event::UpdateFailed, Some("ClusterUnreachable" | "AccessDenied" | "AdmissionRequestDenied")) => {
                "EKS could not work with the cluster's Kubernetes API: a webhook, an access entry or the network stood in its way."
            }
            (Event::UpdateFailed, Some("InsufficientFreeAddresses" | "IpNotAvailable" | "EniLimitReached")) => {
                "The subnets had no room for the new nodes."
            }
            (Event::UpdateFailed, _) => {
                "The update ended without success; EKS puts a node group back to its previous release then."
            }
            (Event::UpdateCancelled, _) => "Somebody cancelled the update; this program cannot.",
            (Event::UpdateStuck, _) => {
                "The update runs longer than the setting STUCK_AFTER allows. EKS cannot cancel it, and nothing else starts on this node group meanwhile."
            }
            (Event::UpdateGone, _) => {
                "EKS no longer knows the update. The node group or its cluster was deleted, or the record of the update was."
            }
            (Event::UpdateRefused, _) => "EKS did not start the update. No node was touched.",
            (Event::UpdateUnverified, _) => {
                "EKS reports success, but the node group runs another release. Somebody may have changed it meanwhile."
            }
            (Event::UpdateForced, _) => {
                "The update overrode disruption budgets, as the node group's tag ami-update/force allows after an eviction failure, and was successful."
            }
            (Event::ReleaseQuarantined, _) => {
                "The release failed on several node groups because its nodes did not come up. Nothing starts with it any more, anywhere."
            }
            (Event::TagMalformed, _) => {
                "Somebody meant something by this tag that this version does not understand, so the node group is left alone."
            }
            (Event::UpdateAvailable, _) => {
                "The node group's tag ami-update=notify says to report only; nothing was started."
            }
        }
    }

    fn nodes(&self) -> impl Iterator<Item = &str> {
        self.errors.iter().flat_map(|error| &error.resource_ids).map(String::as_str)
    }

    fn next_steps(&self) -> Vec<String> {
        let (cluster, nodegroup, region) = (&self.record.cluster, &self.record.nodegroup, self.arn_part(3));
        let of_nodegroup = format!("--region {region} --cluster-name {cluster} --nodegroup-name {nodegroup}");
        let mut steps = Vec::new();
        if let Some(update_id) = self.attempt.and_then(|attempt| attempt.update_id.as_ref()) {
            steps.push(format!("aws eks describe-update --region {region} --name {cluster} --nodegroup-name {nodegroup} --update-id {update_id}"));
        }
        if self.notice.event == Event::UpdateAvailable {
            let (arn, release, version) =
                (&self.record.nodegroup_arn, &self.notice.release_version, &self.notice.detail);
            // Without the version, EKS may take the group to that of its cluster.
            let target = format!("--kubernetes-version {version} --release-version {release}");
            steps.push(format!("aws eks update-nodegroup-version {of_nodegroup} {target}"));
            steps.push(format!("aws eks tag-resource --region {region} --resource-arn {arn} --tags ami-update=auto"));
            return steps;
        }
        if self.notice.event == Event::ReleaseQuarantined {
            let release = &self.notice.release_version;
            let payload = format!("{{\"liftQuarantine\": [\"{release}\"]}}");
            // The function's name is CloudFormation's; the stack's is the one that the README proposes.
            let invoke = "sam remote invoke StartFunction --stack-name eks-nodegroup-updater --event";
            steps.push(format!("{invoke} '{payload}'   # lifts it; only if you know better"));
            return steps;
        }
        if self.notice.event == Event::TagMalformed {
            let arn = &self.record.nodegroup_arn;
            steps.push(format!("aws eks list-tags-for-resource --region {region} --resource-arn {arn}"));
            return steps;
        }
        steps.push(format!("aws eks describe-nodegroup {of_nodegroup} --query nodegroup.health"));
        match self.error_code() {
            Some("PodEvictionFailure") => {
                steps.push("kubectl get poddisruptionbudgets --all-namespaces".to_owned());
                let pods = |node| {
                    format!("kubectl get pods --all-namespaces --output wide --field-selector spec.nodeName={node}")
                };
                steps.extend(self.nodes().filter(|node| is_node_name(node)).take(NODES_IN_COMMANDS).map(pods));
            }
            Some("NodeCreationFailure") => {
                steps.push(format!(
                    "kubectl get nodes --selector eks.amazonaws.com/nodegroup={nodegroup} --output wide"
                ));
                steps.push("kubectl get events --all-namespaces --field-selector involvedObject.kind=Node".to_owned());
            }
            _ => {}
        }
        steps
    }

    fn what_follows(&self) -> String {
        let release = &self.notice.release_version;
        match self.next_try {
            NextTry::From(from) if self.attempt.is_some_and(Attempt::blames_release) => format!(
                "The first scheduled run from {from:.0} tries {release} again, unless it is quarantined by then for failing elsewhere too."
            ),
            NextTry::From(from) => format!("The first scheduled run from {from:.0} tries {release} again."),
            NextTry::ForceFrom(from) => {
                format!(
                    "The first scheduled run from {from:.0} tries {release} again, with force: pods that do not leave are deleted, whatever their disruption budgets say."
                )
            }
            NextTry::Nothing => "Nothing; the next update goes without force again.".to_owned(),
            NextTry::Quarantine => format!(
                "The next newer release is taken. {release} starts nowhere, unless somebody lifts the quarantine."
            ),
            NextTry::LeftAlone => "Nothing starts on this node group until the tag is corrected or removed.".to_owned(),
            NextTry::Never => format!("{release} is not tried again on this node group; the next newer release is."),
            NextTry::Follow => "The update is followed on, and its end is told.".to_owned(),
            NextTry::ReportOnly => "The next newer release is reported again.".to_owned(),
        }
    }

    fn machine(&self) -> Value {
        let attempt = self.attempt;
        let available = (self.notice.event == Event::UpdateAvailable).then_some(&self.notice.detail);
        let next_try = match self.next_try {
            NextTry::From(from) | NextTry::ForceFrom(from) => Some(from),
            _ => None,
        };
        json!({
            "version": "1",
            "id": self.record.notice_id(self.notice),
            "event": self.notice.event.as_str(),
            "severity": self.severity(),
            "cluster": named(&self.record.cluster),
            "nodegroup": named(&self.record.nodegroup),
            "nodegroupArn": named(&self.record.nodegroup).map(|_| &self.record.nodegroup_arn),
            "region": self.arn_part(3),
            "account": self.arn_part(4),
            "releaseVersion": self.notice.release_version,
            "previousReleaseVersion": attempt.map(|attempt| &attempt.previous_release_version),
            "kubernetesVersion": attempt.map(|attempt| &attempt.version).or(available),
            "detail": self.notice.detail,
            "startedBy": attempt.map(|attempt| match attempt.origin {
                Origin::Ours => "eks-nodegroup-updater",
                Origin::Other => "somebody else",
            }),
            "force": attempt.map(|attempt| attempt.force),
            "attempt": attempt.map(|attempt| attempt.number),
            "updateId": attempt.and_then(|attempt| attempt.update_id.as_ref()),
            "startedAt": attempt.map(|attempt| attempt.started_at),
            "endedAt": attempt.and_then(|attempt| attempt.ended_at),
            "noticedAt": self.notice.at,
            "durationSeconds": self.duration().map(|duration| duration.as_secs()),
            "errors": self.errors,
            "meaning": self.meaning(),
            "nextSteps": self.next_steps(),
            "whatFollows": self.what_follows(),
            "nextTry": next_try,
        })
    }

    fn human(&self) -> String {
        let mut text = format!("{}\n\n", printable(&self.headline()));
        let mut line = |name: &str, value: &str| {
            let _ = writeln!(text, "{name:<10}{}", printable(value));
        };
        let (region, account) = (self.arn_part(3), self.arn_part(4));
        let place = if self.record.nodegroup.is_empty() {
            "every node group".to_owned()
        } else {
            format!("node group {}", self.place())
        };
        line("Where", &format!("{place} in {region}, account {account}"));
        if !self.notice.detail.is_empty() {
            let name = match self.notice.event {
                Event::TagMalformed => "Tag",
                Event::UpdateAvailable => "Kubernetes",
                _ => "Failed on",
            };
            line(name, &self.notice.detail);
        }
        if let Some(attempt) = self.attempt {
            let (from, to, version) = (&attempt.previous_release_version, &attempt.release_version, &attempt.version);
            line("What", &format!("from {from} to {to} (Kubernetes {version}), attempt {}", attempt.number));
            if attempt.origin == Origin::Other {
                line("Who", "somebody else started it, not this program");
            }
            if attempt.force {
                line("Force", "yes, it overrides disruption budgets");
            }
            line("Update", attempt.update_id.as_deref().unwrap_or("EKS gave no id"));
            line("Since", &format!("{:.0}", attempt.started_at));
            let duration = self.duration().unwrap_or_default();
            // The end is when it was noticed; EKS does not say when it was.
            match attempt.ended_at {
                Some(_) => line("Took", &format!("at most {duration:#}")),
                None => line("Running", &format!("{duration:#}")),
            }
        }
        if self.attempt.is_some() && self.errors.is_empty() && self.notice.event != Event::UpdateStuck {
            line("AWS says", "nothing more");
        }
        for error in &self.errors {
            line("AWS says", &format!("{}: {}", error.error_code, error.error_message));
            for resource in &error.resource_ids {
                line("", resource);
            }
        }
        let _ = write!(text, "\nWhat it means\n  {}\n\nWhat to do\n", self.meaning());
        for step in self.next_steps() {
            let _ = writeln!(text, "  {}", printable(&step));
        }
        let id = self.record.notice_id(self.notice);
        let follows = printable(&self.what_follows());
        let _ = write!(text, "\nWhat happens next\n  {follows}\n\nMessage {id}\n");
        text
    }
}

/// Nothing, where a notice is about the whole fleet.
fn named(name: &str) -> Option<&str> {
    (!name.is_empty()).then_some(name)
}

/// Printable ASCII, so many characters at most. Whatever else stands there becomes a question mark.
fn ascii_line(text: &str, characters: usize) -> String {
    let printable = |character: char| if matches!(character, ' '..='~') { character } else { '?' };
    text.chars().take(characters).map(printable).collect()
}

/// Without control characters and without marks that turn the direction of reading.
fn printable(text: &str) -> String {
    let hidden = |character: char| {
        character.is_control()
            || matches!(character, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
    };
    text.chars().map(|character| if hidden(character) { ' ' } else { character }).collect()
}

/// Only what is a node's name may become part of a command that somebody will paste.
fn is_node_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    !text.is_empty() && text.len() <= 253 && text.bytes().all(allowed) && !text.starts_with('-')
}
