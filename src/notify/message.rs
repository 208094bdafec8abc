//! The text of a notice, for people and for machines.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::model::attempt::{Attempt, ErrorDetail, StartedBy, shorten};
use crate::model::notice::{Notice, NoticeKind};
use crate::model::policy::InvalidTag;
use crate::model::record::Record as _;
use crate::model::records::RecordRef;
use crate::model::settings::RetryAfter;
use crate::model::subject::NodegroupId;

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

impl Message {
    /// The message of a record's notice. Error details that SNS has no room for are left out, and the message says so.
    #[must_use]
    pub fn new<'a>(record: impl Into<RecordRef<'a>>, notice: &'a Notice, retry_after: &RetryAfter) -> Self {
        let mut writer = Writer::new(record.into(), notice, retry_after);
        let mut room = MESSAGE_BYTES;
        loop {
            writer.errors = shorten(writer.attempt.map(|attempt| attempt.errors.clone()).unwrap_or_default(), room);
            let body = json!({ "default": writer.machine().to_string(), "email": writer.human() }).to_string();
            if body.len() <= MESSAGE_BYTES || room == 0 {
                return Self { subject: writer.subject(), body, attributes: writer.attributes() };
            }
            room /= 2;
        }
    }
}

/// Everything that a message says.
struct Writer<'a> {
    record: RecordRef<'a>,
    id: String,
    notice: &'a Notice,
    attempt: Option<&'a Attempt>,
    /// Those of the attempt's errors that the message has room for.
    errors: Vec<ErrorDetail>,
    next: NextAction,
}

/// What the updater does next about the release.
enum NextAction {
    /// It starts another update, at the first run from then on.
    RetryFrom(Timestamp),
    /// It starts another update with force, at the first run from then on.
    ForceFrom(Timestamp),
    /// The tries are used up.
    GiveUp,
    /// It keeps watching the update.
    Watch,
    /// It never updates this node group.
    ReportOnly,
    /// The update was successful.
    Nothing,
    /// No node group is updated to this release until the quarantine is lifted.
    Quarantine,
    /// The node group is not updated until its tag is fixed.
    WaitForTag,
}

impl NextAction {
    fn of(record: RecordRef<'_>, notice: &Notice, attempt: Option<&Attempt>, retry_after: &RetryAfter) -> Self {
        match &notice.kind {
            NoticeKind::UpdateStuck(_) => Self::Watch,
            NoticeKind::UpdateAvailable { .. } => Self::ReportOnly,
            NoticeKind::UpdateForced(_) => Self::Nothing,
            NoticeKind::ReleaseQuarantined { .. } => Self::Quarantine,
            NoticeKind::TagInvalid(_) => Self::WaitForTag,
            NoticeKind::UpdateFailed(about)
            | NoticeKind::UpdateCancelled(about)
            | NoticeKind::UpdateGone(about)
            | NoticeKind::UpdateRefused(about)
            | NoticeKind::UpdateUnverified(about) => {
                let version = attempt.map_or("", |attempt| attempt.intent.version.as_str());
                let failures = match record {
                    RecordRef::Nodegroup(record) => record.failures(version, &about.release_version).count(),
                    RecordRef::Fleet(_) => 0,
                };
                let last = attempt.and_then(|attempt| attempt.ended_at).unwrap_or(notice.at);
                let forces = attempt.is_some_and(|attempt| {
                    attempt.intent.may_force && !attempt.intent.force && attempt.failed_with("PodEvictionFailure")
                });
                let from = if forces { Self::ForceFrom } else { Self::RetryFrom };
                retry_after.next_try(failures, last).map_or(Self::GiveUp, from)
            }
        }
    }
}

impl<'a> Writer<'a> {
    fn new(record: RecordRef<'a>, notice: &'a Notice, retry_after: &RetryAfter) -> Self {
        let (id, attempt) = match record {
            RecordRef::Nodegroup(record) => {
                let number = notice.kind.attempt().map(|attempt| attempt.number);
                (record.notice_id(notice), number.and_then(|number| record.attempt(number)))
            }
            RecordRef::Fleet(record) => (record.notice_id(notice), None),
        };
        let next = NextAction::of(record, notice, attempt, retry_after);
        Self { record, id, notice, attempt, errors: Vec::new(), next }
    }

    fn nodegroup(&self) -> Option<&'a NodegroupId> {
        match self.record {
            RecordRef::Nodegroup(record) => Some(&record.id),
            RecordRef::Fleet(_) => None,
        }
    }

    /// `cluster/nodegroup`; nothing where the notice is about the fleet.
    fn name(&self) -> String {
        self.nodegroup().map(ToString::to_string).unwrap_or_default()
    }

    fn region(&self) -> &'a str {
        match self.record {
            RecordRef::Nodegroup(record) => record.id.region(),
            RecordRef::Fleet(record) => record.id.region(),
        }
    }

    fn account(&self) -> &'a str {
        match self.record {
            RecordRef::Nodegroup(record) => record.id.account(),
            RecordRef::Fleet(record) => record.id.account(),
        }
    }

    fn release(&self) -> &str {
        self.notice.kind.release_version().unwrap_or_default()
    }

    fn error_code(&self) -> Option<&str> {
        self.errors.first().map(|error| error.error_code.as_str())
    }

    fn severity(&self) -> &'static str {
        match self.notice.kind {
            NoticeKind::UpdateFailed(_)
            | NoticeKind::UpdateUnverified(_)
            | NoticeKind::UpdateRefused(_)
            | NoticeKind::UpdateGone(_) => "error",
            NoticeKind::UpdateStuck(_) | NoticeKind::UpdateCancelled(_) | NoticeKind::TagInvalid(_) => "warning",
            NoticeKind::UpdateAvailable { .. } | NoticeKind::UpdateForced(_) => "info",
            NoticeKind::ReleaseQuarantined { .. } => "critical",
        }
    }

    fn headline(&self) -> String {
        let (name, release) = (self.name(), self.release());
        match self.notice.kind {
            NoticeKind::UpdateFailed(_) => format!("EKS update failed: {name} to {release}"),
            NoticeKind::UpdateCancelled(_) => format!("EKS update cancelled: {name} to {release}"),
            NoticeKind::UpdateStuck(_) => format!("EKS update still running: {name} to {release}"),
            NoticeKind::UpdateGone(_) => format!("EKS update vanished: {name} to {release}"),
            NoticeKind::UpdateRefused(_) => format!("EKS update refused: {name} to {release}"),
            NoticeKind::UpdateUnverified(_) => format!("EKS update without effect: {name} to {release}"),
            NoticeKind::UpdateForced(_) => format!("EKS update forced: {name} to {release}"),
            NoticeKind::UpdateAvailable { .. } => format!("EKS release available: {name} can run {release}"),
            NoticeKind::ReleaseQuarantined { .. } => format!("EKS release quarantined: {release}"),
            NoticeKind::TagInvalid(_) => format!("EKS update tag invalid: {name}"),
        }
    }

    fn subject(&self) -> String {
        let code = self.error_code().map(|code| format!(" ({code})")).unwrap_or_default();
        ascii_line(&format!("{}{code}", self.headline()), SUBJECT_CHARACTERS)
    }

    fn attributes(&self) -> Vec<(&'static str, String)> {
        let mut attributes =
            vec![("event", self.notice.kind.code().to_owned()), ("severity", self.severity().to_owned())];
        if let Some(id) = self.nodegroup() {
            attributes.push(("cluster", id.cluster().to_owned()));
            attributes.push(("nodegroup", id.nodegroup().to_owned()));
        }
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
        match (&self.notice.kind, self.error_code()) {
            (NoticeKind::UpdateFailed(_), Some("PodEvictionFailure")) => {
                "Pods did not leave a node within 15 minutes, usually because a PodDisruptionBudget allows no eviction. EKS put the node group back to its previous release."
            }
            (NoticeKind::UpdateFailed(_), Some("NodeCreationFailure")) => {
                "New nodes did not start or did not join the cluster: check capacity, quotas, subnets, user data and the node role. EKS put the node group back to its previous release."
            }
            (NoticeKind::UpdateFailed(_), Some("ClusterUnreachable" | "AccessDenied" | "AdmissionRequestDenied")) => {
                "EKS could not use the cluster's Kubernetes API: a webhook, an access entry or the network prevented it."
            }
            (NoticeKind::UpdateFailed(_), Some("InsufficientFreeAddresses" | "IpNotAvailable" | "EniLimitReached")) => {
                "The subnets had no addresses left for the new nodes."
            }
            (NoticeKind::UpdateFailed(_), _) => {
                "The update ended without success; EKS then puts a node group back to its previous release."
            }
            (NoticeKind::UpdateCancelled(_), _) => "The update was cancelled, which the updater cannot do.",
            (NoticeKind::UpdateStuck(_), _) => {
                "The update runs longer than STUCK_AFTER. EKS cannot cancel it, and no other update of this node group starts meanwhile."
            }
            (NoticeKind::UpdateGone(_), _) => {
                "EKS no longer knows the update: the node group, its cluster or the record of the update was deleted."
            }
            (NoticeKind::UpdateRefused(_), _) => "EKS did not start the update. No node was touched.",
            (NoticeKind::UpdateUnverified(_), _) => {
                "EKS reports success, but the node group runs another release. It may have been changed meanwhile."
            }
            (NoticeKind::UpdateForced(_), _) => {
                "The update overrode disruption budgets, as the node group's tag ami-update/force allows after an eviction failure, and was successful."
            }
            (NoticeKind::ReleaseQuarantined { .. }, _) => {
                "Nodes with this release did not come up on several node groups. No further node group is updated to it."
            }
            (NoticeKind::TagInvalid(_), _) => {
                "This version does not recognise the tag. The node group is not updated until the tag is fixed or removed."
            }
            (NoticeKind::UpdateAvailable { .. }, _) => {
                "The node group's tag ami-update=notify says to report only; no update was started."
            }
        }
    }

    fn nodes(&self) -> impl Iterator<Item = &str> {
        self.errors.iter().flat_map(|error| &error.resource_ids).map(String::as_str)
    }

    fn next_steps(&self) -> Vec<String> {
        let region = self.region();
        match (&self.notice.kind, self.nodegroup()) {
            (NoticeKind::UpdateAvailable { version, release_version }, Some(id)) => {
                // Without the version, EKS may take the node group to that of its cluster.
                let target = format!("--kubernetes-version {version} --release-version {release_version}");
                let arn = id.arn();
                vec![
                    format!("aws eks update-nodegroup-version {} {target}", options(id)),
                    format!("aws eks tag-resource --region {region} --resource-arn {arn} --tags ami-update=auto"),
                ]
            }
            (NoticeKind::TagInvalid(_), Some(id)) => {
                vec![format!("aws eks list-tags-for-resource --region {region} --resource-arn {}", id.arn())]
            }
            (_, Some(id)) => self.steps_after_update(id),
            (_, None) => {
                let payload = format!("{{\"liftQuarantine\": [\"{}\"]}}", self.release());
                // The function's name is CloudFormation's; the stack's is the one that the README proposes.
                let invoke = "sam remote invoke StartFunction --stack-name eks-nodegroup-updater --event";
                vec![format!("{invoke} '{payload}'   # lifts the quarantine, once the cause is understood")]
            }
        }
    }

    fn steps_after_update(&self, id: &NodegroupId) -> Vec<String> {
        let (region, cluster, nodegroup) = (id.region(), id.cluster(), id.nodegroup());
        let mut steps = Vec::new();
        if let Some(update_id) = self.attempt.and_then(|attempt| attempt.update_id.as_ref()) {
            steps.push(format!("aws eks describe-update --region {region} --name {cluster} --nodegroup-name {nodegroup} --update-id {update_id}"));
        }
        steps.push(format!("aws eks describe-nodegroup {} --query nodegroup.health", options(id)));
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

    fn next_action(&self) -> String {
        let release = self.release();
        match self.next {
            NextAction::RetryFrom(from) if self.attempt.is_some_and(Attempt::blames_release) => format!(
                "The first scheduled run from {from:.0} tries {release} again, unless it is quarantined by then for failing elsewhere too."
            ),
            NextAction::RetryFrom(from) => format!("The first scheduled run from {from:.0} tries {release} again."),
            NextAction::ForceFrom(from) => {
                format!(
                    "The first scheduled run from {from:.0} tries {release} again, with force: pods that do not leave are deleted, whatever their disruption budgets say."
                )
            }
            NextAction::Nothing => "Nothing; the next update is not forced.".to_owned(),
            NextAction::Quarantine => {
                format!("The next newer release is taken. {release} stays quarantined until the quarantine is lifted.")
            }
            NextAction::WaitForTag => "The node group is not updated until the tag is fixed or removed.".to_owned(),
            NextAction::GiveUp => {
                format!("{release} is not tried again on this node group; the next newer release is.")
            }
            NextAction::Watch => "It is still being watched; you are notified when it ends.".to_owned(),
            NextAction::ReportOnly => "The next newer release is reported again.".to_owned(),
        }
    }

    fn machine(&self) -> Value {
        let (id, attempt) = (self.nodegroup(), self.attempt);
        let available = match &self.notice.kind {
            NoticeKind::UpdateAvailable { version, .. } => Some(version),
            _ => None,
        };
        let next_try = match self.next {
            NextAction::RetryFrom(from) | NextAction::ForceFrom(from) => Some(from),
            _ => None,
        };
        json!({
            "version": "1",
            "id": self.id,
            "event": self.notice.kind.code(),
            "severity": self.severity(),
            "cluster": id.map(NodegroupId::cluster),
            "nodegroup": id.map(NodegroupId::nodegroup),
            "nodegroupArn": id.map(NodegroupId::arn),
            "region": self.region(),
            "account": self.account(),
            "releaseVersion": self.notice.kind.release_version(),
            "previousReleaseVersion": attempt.map(|attempt| &attempt.intent.previous_release_version),
            "kubernetesVersion": attempt.map(|attempt| &attempt.intent.version).or(available),
            "failedOn": match &self.notice.kind {
                NoticeKind::ReleaseQuarantined { nodegroups, .. } => Some(nodegroups),
                _ => None,
            },
            "tag": match &self.notice.kind {
                NoticeKind::TagInvalid(tag) => Some(tag),
                _ => None,
            },
            "startedBy": attempt.map(|attempt| attempt.started_by),
            "force": attempt.map(|attempt| attempt.intent.force),
            "attempt": attempt.map(|attempt| attempt.number),
            "updateId": attempt.and_then(|attempt| attempt.update_id.as_ref()),
            "startedAt": attempt.map(|attempt| attempt.started_at),
            "endedAt": attempt.and_then(|attempt| attempt.ended_at),
            "noticedAt": self.notice.at,
            "durationSeconds": self.duration().map(|duration| duration.as_secs()),
            "errors": self.errors,
            "meaning": self.meaning(),
            "nextSteps": self.next_steps(),
            "nextAction": self.next_action(),
            "nextTry": next_try,
        })
    }

    fn human(&self) -> String {
        let mut text = format!("{}\n\n", printable(&self.headline()));
        for (label, value) in self.facts() {
            let _ = writeln!(text, "{label:<10}{}", printable(&value));
        }
        let _ = write!(text, "\nWhat it means\n  {}\n\nWhat to do\n", self.meaning());
        for step in self.next_steps() {
            let _ = writeln!(text, "  {}", printable(&step));
        }
        let next_action = printable(&self.next_action());
        let _ = write!(text, "\nWhat happens next\n  {next_action}\n\nMessage {}\n", self.id);
        text
    }

    /// What is known, a label and a value each.
    fn facts(&self) -> Vec<(&'static str, String)> {
        let what = match self.nodegroup() {
            Some(id) => format!("node group {id}"),
            None => "every node group".to_owned(),
        };
        let mut facts = vec![("Where", format!("{what} in {}, account {}", self.region(), self.account()))];
        match &self.notice.kind {
            NoticeKind::TagInvalid(InvalidTag { key, value, expected }) => {
                facts.push(("Tag", format!("{key}={value}; {expected}")));
            }
            NoticeKind::UpdateAvailable { version, .. } => facts.push(("Version", format!("Kubernetes {version}"))),
            NoticeKind::ReleaseQuarantined { nodegroups, .. } => facts.push(("Failed on", nodegroups.to_string())),
            _ => {}
        }
        facts.extend(self.attempt.into_iter().flat_map(|attempt| self.facts_of(attempt)));
        let is_stuck = matches!(self.notice.kind, NoticeKind::UpdateStuck(_));
        if self.attempt.is_some() && self.errors.is_empty() && !is_stuck {
            facts.push(("AWS says", "nothing more".to_owned()));
        }
        for error in &self.errors {
            facts.push(("AWS says", format!("{}: {}", error.error_code, error.error_message)));
            facts.extend(error.resource_ids.iter().map(|resource| ("", resource.clone())));
        }
        facts
    }

    fn facts_of(&self, attempt: &Attempt) -> Vec<(&'static str, String)> {
        let (from, to) = (&attempt.intent.previous_release_version, &attempt.intent.release_version);
        let (version, number) = (&attempt.intent.version, attempt.number);
        let mut facts = vec![("What", format!("from {from} to {to} (Kubernetes {version}), attempt {number}"))];
        if attempt.started_by == StartedBy::External {
            facts.push(("Who", "an external update, not started by the updater".to_owned()));
        }
        if attempt.intent.force {
            facts.push(("Force", "yes, it overrides disruption budgets".to_owned()));
        }
        facts.push(("Update", attempt.update_id.clone().unwrap_or_else(|| "EKS gave no id".to_owned())));
        facts.push(("Since", format!("{:.0}", attempt.started_at)));
        let duration = self.duration().unwrap_or_default();
        // The end is when it was noticed; EKS does not say when it was.
        facts.push(match attempt.ended_at {
            Some(_) => ("Took", format!("at most {duration:#}")),
            None => ("Running", format!("{duration:#}")),
        });
        facts
    }
}

fn options(id: &NodegroupId) -> String {
    format!("--region {} --cluster-name {} --nodegroup-name {}", id.region(), id.cluster(), id.nodegroup())
}

/// Printable ASCII, this many characters at most. Everything else becomes a question mark.
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

/// Only a node's name may become part of a command that will be pasted into a shell.
fn is_node_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    !text.is_empty() && text.len() <= 253 && text.bytes().all(allowed) && !text.starts_with('-')
}
