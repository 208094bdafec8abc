//! The words of each notice: how grave it is, what it means, and what to do.

use super::message::{NextAction, Writer};
use crate::model::attempt::{Attempt, Status};
use crate::model::decision::DecisionKind;
use crate::model::error_code::Cause;
use crate::model::notice::{Digest, Lasting, NoticeKind};
use crate::model::owner::Owner;
use crate::model::reason::ReasonKind;
use crate::model::settings::day_of;
use crate::model::subject::{NodegroupId, NodegroupName};
use crate::model::support::Ended;

/// How many commands name a node each.
const NODES_IN_COMMANDS: usize = 3;

impl Writer<'_> {
    pub(super) fn severity(&self) -> &'static str {
        match self.notice.kind {
            NoticeKind::UpdateFailed(_)
            | NoticeKind::UpdateUnverified(_)
            | NoticeKind::UpdateRefused(_)
            | NoticeKind::UpdateNotFound(_) => "error",
            NoticeKind::UpdateStuck(_) | NoticeKind::UpdateCancelled(_) | NoticeKind::TagInvalid(_) => "warning",
            NoticeKind::RecordUnreadable(_) => "error",
            NoticeKind::NodegroupDowngraded(_)
            | NoticeKind::RollbackExpired(_)
            | NoticeKind::NodegroupStale(_)
            | NoticeKind::TagLost
            | NoticeKind::SupportEnded(_) => "warning",
            NoticeKind::Digest(ref digest) if !digest.needs_you.is_empty() => "warning",
            NoticeKind::Digest(_) => "info",
            NoticeKind::UpdateAvailable { .. }
            | NoticeKind::ReleaseAvailable { .. }
            | NoticeKind::UpdateStarted(_)
            | NoticeKind::UpdateSucceeded(_)
            | NoticeKind::UpdateRecovered(_)
            | NoticeKind::NodegroupCurrent(_)
            | NoticeKind::TableEmpty
            | NoticeKind::UpdateForced(_)
            | NoticeKind::RollbackStarted(_)
            | NoticeKind::RolledBack(_) => "info",
            NoticeKind::ReleaseQuarantined(_) | NoticeKind::AccessDenied { .. } => "critical",
            NoticeKind::ReleaseWithdrawn { .. } | NoticeKind::ReleaseRefused { .. } => "warning",
        }
    }

    /// Whether it is a trouble, the end of one, or neither. A forced update follows a failure of the same release.
    pub(super) fn status(&self) -> Option<&'static str> {
        match self.notice.kind {
            NoticeKind::NodegroupCurrent(_)
            | NoticeKind::UpdateSucceeded(_)
            | NoticeKind::UpdateRecovered(_)
            | NoticeKind::UpdateForced(_)
            | NoticeKind::RolledBack(_) => Some("resolved"),
            NoticeKind::UpdateAvailable { .. }
            | NoticeKind::ReleaseAvailable { .. }
            | NoticeKind::UpdateStarted(_)
            | NoticeKind::RollbackStarted(_)
            | NoticeKind::Digest(_)
            | NoticeKind::TableEmpty => None,
            NoticeKind::UpdateFailed(_)
            | NoticeKind::UpdateCancelled(_)
            | NoticeKind::UpdateStuck(_)
            | NoticeKind::UpdateNotFound(_)
            | NoticeKind::UpdateRefused(_)
            | NoticeKind::UpdateUnverified(_)
            | NoticeKind::RollbackExpired(_)
            | NoticeKind::NodegroupDowngraded(_)
            | NoticeKind::NodegroupStale(_)
            | NoticeKind::TagLost
            | NoticeKind::SupportEnded(_)
            | NoticeKind::RecordUnreadable(_)
            | NoticeKind::ReleaseQuarantined(_)
            | NoticeKind::AccessDenied { .. }
            | NoticeKind::ReleaseWithdrawn { .. }
            | NoticeKind::ReleaseRefused { .. }
            | NoticeKind::TagInvalid(_) => Some("firing"),
        }
    }

    /// One line. What others named is shown by `show`.
    pub(super) fn headline(&self, show: impl Fn(&str) -> String) -> String {
        let (name, release) = (show(&self.name()), show(&self.release()));
        match &self.notice.kind {
            NoticeKind::UpdateStarted(_) => format!("EKS update started: {name} to {release}"),
            NoticeKind::UpdateSucceeded(_) => format!("EKS update succeeded: {name} to {release}"),
            NoticeKind::UpdateRecovered(over) if self.members.is_some() => {
                format!("EKS updates recovered: {name} run {} or newer", show(&over.release_version))
            }
            NoticeKind::UpdateRecovered(over) => format!("EKS update recovered: {name} runs {}", show(&over.runs)),
            NoticeKind::ReleaseAvailable { .. } => format!("EKS release available: {release}"),
            NoticeKind::UpdateFailed(_) => format!("EKS update failed: {name} to {release}"),
            NoticeKind::UpdateCancelled(_) => format!("EKS update cancelled: {name} to {release}"),
            NoticeKind::UpdateStuck(_) => format!("EKS update still running: {name} to {release}"),
            NoticeKind::UpdateNotFound(_) => format!("EKS update not found: {name} to {release}"),
            NoticeKind::UpdateRefused(_) => format!("EKS update refused: {name} to {release}"),
            NoticeKind::UpdateUnverified(_) => format!("EKS update without effect: {name} to {release}"),
            NoticeKind::UpdateForced(_) => format!("EKS update forced: {name} to {release}"),
            NoticeKind::UpdateAvailable { .. } => format!("EKS release available: {name} can run {release}"),
            NoticeKind::ReleaseQuarantined(_) => format!("EKS release quarantined: {release}"),
            NoticeKind::ReleaseWithdrawn { .. } => format!("EKS release withdrawn: {release}"),
            NoticeKind::ReleaseRefused { .. } => format!("EKS refuses a release: {release}"),
            NoticeKind::AccessDenied { .. } => "EKS updates refused: the updater lacks a right".to_owned(),
            NoticeKind::TagInvalid(_) => format!("EKS update tag invalid: {name}"),
            NoticeKind::NodegroupStale(_) => format!("EKS node group not kept current: {name}"),
            NoticeKind::NodegroupCurrent(_) => format!("EKS node group kept current again: {name}"),
            NoticeKind::TagLost => format!("EKS node group without its tag: {name}"),
            NoticeKind::Digest(Digest { needs_you, count, .. }) => {
                let need: usize = needs_you.iter().map(|lasting| lasting.nodegroups.count).sum();
                let need = if need == 0 { "none needs".to_owned() } else { format!("{need} need") };
                format!("EKS node groups not kept current: {count}, of which {need} you")
            }
            NoticeKind::SupportEnded(ended) => match ended.ended {
                Ended::StandardSupport => format!("{}: standard support has ended", show(&ended.what)),
                Ended::AllSupport => format!("{}: support has ended", show(&ended.what)),
            },
            NoticeKind::RecordUnreadable(record) => {
                format!("EKS node group with an unreadable record: {}", show(&record.nodegroup.to_string()))
            }
            NoticeKind::TableEmpty => "The table of the EKS node group updater was empty".to_owned(),
            NoticeKind::RollbackStarted(_) => format!("EKS rollback started: {name} to {release}"),
            NoticeKind::RolledBack(_) => format!("EKS rollback done: {name} to {release}"),
            NoticeKind::RollbackExpired(_) => format!("EKS rollback not carried out: {name} to {release}"),
            NoticeKind::NodegroupDowngraded(_) => format!("EKS node group downgraded: {name} to {release}"),
        }
    }

    pub(super) fn meaning(&self) -> &'static str {
        if let (NoticeKind::UpdateFailed(_), Some(cause)) = (&self.notice.kind, self.cause()) {
            return cause.meaning();
        }
        match (&self.notice.kind, self.error_code()) {
            (NoticeKind::UpdateFailed(_), Some("PodEvictionFailure")) => {
                "Pods did not leave a node within 15 minutes, usually because a PodDisruptionBudget allows no eviction. Nodes that were replaced by then may stay on the new release, and one that could not be drained may stay cordoned."
            }
            (NoticeKind::UpdateFailed(_), Some("NodeCreationFailure")) => {
                "New nodes did not start or did not join the cluster within 15 minutes: check capacity, quotas, subnets, security groups, user data (which may run longer than that) and the node role."
            }
            (NoticeKind::UpdateFailed(_), _) => {
                "The update ended without success. Nodes that were replaced by then may stay on the new release."
            }
            (NoticeKind::UpdateRefused(_), _) if self.lacks_launch_template() => {
                "The function start may not launch instances with the node group's launch template, which EKS checks. docs/operations.md has a policy for its role, under Launch templates. No node was touched."
            }
            (NoticeKind::UpdateCancelled(_), _) => {
                "AWS or another client cancelled the update; the updater never cancels one."
            }
            (NoticeKind::UpdateStuck(_), _) => {
                "The update has been running for longer than StuckAfter, or than the tag ami-update/stuck-after allows. EKS cannot cancel it, and no other update of this node group starts meanwhile."
            }
            (NoticeKind::UpdateNotFound(_), _) => {
                "EKS no longer knows the update: the node group, its cluster or the record of the update was deleted."
            }
            (NoticeKind::UpdateRefused(_), _) => "EKS did not start the update. No node was touched.",
            (NoticeKind::UpdateUnverified(_), _) => {
                "EKS reports success, but the node group runs another release. It may have been changed meanwhile."
            }
            (NoticeKind::UpdateStarted(_), _) => "EKS accepted the update and replaces the nodes, one after the other.",
            (NoticeKind::UpdateSucceeded(_), _) => "EKS ended the update with success.",
            (NoticeKind::UpdateRecovered(_), _) => {
                "You were notified of an update that failed or took too long. The node group now runs its release, or a newer one."
            }
            (NoticeKind::ReleaseAvailable { .. }, _) => {
                "AWS recommends this release. Node groups are updated to it as their rules say."
            }
            (NoticeKind::UpdateForced(_), _) => {
                "The update overrode disruption budgets, as the node group's tag ami-update/force allows after an eviction failure, and was successful."
            }
            (NoticeKind::ReleaseQuarantined(_), _) => {
                "Nodes with this release did not come up on several node groups, and neither capacity nor network explains it. No further node group there is updated to it."
            }
            (NoticeKind::ReleaseWithdrawn { .. }, _) => {
                "AWS recommended this release and now recommends an older one. No node group is updated to it; those that run it stay on it."
            }
            (NoticeKind::ReleaseRefused { .. }, _) => {
                "AWS recommends this release, but EKS has refused it as not valid for a day. EKS may not know it yet, or never will."
            }
            (NoticeKind::AccessDenied { .. }, _) => {
                "EKS refuses one update after the other because the function start lacks a right: by its role's policy, or by one of your organisation. No update starts."
            }
            (NoticeKind::NodegroupStale(_), _) => {
                "The node group opted in, and has not been kept current for longer than it may."
            }
            (NoticeKind::NodegroupCurrent(_), _) => "What kept the node group from being current is over.",
            (NoticeKind::TagLost, _) => {
                "The node group had opted in and no longer has the tag ami-update. Infrastructure as code often removes a tag that was set by hand. It is not updated any more."
            }
            (NoticeKind::Digest(_), _) => {
                "These node groups opted in and have not been kept current for a week or more since you were notified. What waits goes on by itself, by your rules."
            }
            (NoticeKind::SupportEnded(ended), _) => match ended.ended {
                Ended::StandardSupport => {
                    "Extended support has begun: AWS charges more for the cluster, and still publishes AMI releases."
                }
                Ended::AllSupport => {
                    "AWS publishes no AMI releases for it any more, security fixes included. Clusters of a Kubernetes version without support are upgraded by AWS."
                }
            },
            (NoticeKind::RecordUnreadable(_), _) => {
                "The table holds a record of the node group that cannot be read, so nothing is started on it."
            }
            (NoticeKind::TableEmpty, _) => {
                "On a new installation this is as it should be. Otherwise every hold, quarantine and withdrawal of before is forgotten."
            }
            (NoticeKind::RollbackStarted(_), _) => {
                "EKS accepted the update that takes the node group back to an older release, as it was asked for."
            }
            (NoticeKind::RolledBack(_), _) => "The node group runs the older release that was asked for.",
            (NoticeKind::RollbackExpired(_), _) => {
                "The rollback that was asked for did not start within a day. The runs of start since then say why."
            }
            (NoticeKind::NodegroupDowngraded(_), _) => {
                "A person, or a tool that manages its release or version as well, took the node group back. What was downgraded stays, so it is not kept up to date."
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

    pub(super) fn next_steps(&self) -> Vec<String> {
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
            (NoticeKind::NodegroupStale(_) | NoticeKind::NodegroupCurrent(_), Some(id)) => {
                let event = format!("{{\"dryRun\": true, \"nodegroups\": [\"{id}\"]}}");
                let mut steps = vec![
                    format!("{}   # says what a run would decide", invoke(&event)),
                    format!("aws eks describe-nodegroup {}", options(id)),
                ];
                if matches!(&self.notice.kind, NoticeKind::NodegroupStale(stale) if stale.reason == DecisionKind::Skip(ReasonKind::WaitingForRing)) {
                    steps.push("Mend the node group that the ring waits for, or take it out of its ring: ami-update/ring, or ami-update=off".to_owned());
                }
                if matches!(&self.notice.kind, NoticeKind::NodegroupStale(stale) if stale.reason == DecisionKind::Skip(ReasonKind::UpdateHistoryUnread)) {
                    let retry = invoke(&format!("{{\"retry\": [\"{id}\"]}}"));
                    steps.push(format!("{retry}   # starts it without its update history"));
                }
                steps
            }
            (NoticeKind::UpdateSucceeded(_) | NoticeKind::UpdateRecovered(_), Some(_)) => Vec::new(),
            (NoticeKind::TagLost, Some(id)) => {
                let there = |owner: Owner| format!("Set it in {}: {} ({})", owner.name(), owner.tags(), owner.page());
                let why = match self.owner() {
                    Some(_) => "sets it until its owner removes it again",
                    None => "or where your infrastructure as code sets the tags of the node group",
                };
                let steps = [tag(id, "ami-update=auto", why), tag(id, "ami-update=off", "says that it is left alone on purpose")];
                self.owner().map(there).into_iter().chain(steps).collect()
            }
            (NoticeKind::NodegroupDowngraded(_), Some(id)) => vec![
                match self.owner() {
                    Some(owner) => format!("In {}, {} ({})", owner.name(), owner.setting(), owner.page()),
                    None => "Leave the release out where the node group is defined; in Terraform: lifecycle { ignore_changes = [release_version, version] } (docs/ownership.md)".to_owned(),
                },
                tag(id, "ami-update=notify", "reports newer releases, and updates nothing"),
                format!("{}   # raises it again", invoke(&format!("{{\"retry\": [\"{id}\"]}}"))),
            ],
            (NoticeKind::RollbackExpired(rollback), Some(id)) => {
                let release = &rollback.release_version;
                vec![format!("{}   # asks again", invoke(&format!("{{\"rollback\": {{\"{id}\": \"{release}\"}}}}")))]
            }
            (_, Some(id)) => self.steps_after_update(id),
            (NoticeKind::ReleaseQuarantined(held), None) => {
                let release = format!("{}/{}/{}", held.version, held.ami_type, held.release_version);
                let mut steps = vec![format!(
                    "{}   # lifts the quarantine, once the cause is understood",
                    invoke(&format!("{{\"liftQuarantine\": [\"{release}\"]}}"))
                )];
                if !held.ran_on.names.is_empty() && !held.previous_release_version.is_empty() {
                    let event = rollback_event(&held.ran_on.names, &held.previous_release_version);
                    steps.push(format!("{}   # takes those back that run it", invoke(&event)));
                }
                steps.extend(day_of(&held.release_version).map(|day| {
                    format!("sam deploy --parameter-overrides DeniedReleases='*-{day}'   # denies the same build everywhere")
                }));
                steps
            }
            (NoticeKind::ReleaseAvailable { release_version, .. }, None) => {
                let denied = format!("DeniedReleases={}/{release_version}", self.track().unwrap_or_default());
                vec![
                    format!("{}   # says what a run would decide", invoke("{\"dryRun\": true}")),
                    format!("sam deploy --parameter-overrides {denied}   # keeps node groups from it"),
                ]
            }
            (NoticeKind::ReleaseRefused { release_version, .. }, None) => {
                let track = self.track().unwrap_or_default();
                let denied = format!("DeniedReleases={track}/{release_version}");
                vec![format!("sam deploy --parameter-overrides {denied}   # no longer asks for it")]
            }
            (NoticeKind::SupportEnded(ended), None) => {
                let version = ended.what.strip_prefix("Kubernetes ").map(|version| format!(" --cluster-versions {version}"));
                vec![format!("aws eks describe-cluster-versions --include-all{}", version.unwrap_or_default())]
            }
            (NoticeKind::TableEmpty, None) => vec![
                "sam deploy --parameter-overrides ExistingTable=NAME   # takes over the table of an earlier stack".to_owned(),
            ],
            (NoticeKind::Digest(digest), None) => {
                let explain = |lasting: &Lasting| {
                    let first = lasting.nodegroups.names.first()?.to_string();
                    let todo = lasting.decision.guide().and_then(|guide| guide.todo);
                    let todo = todo.map(|todo| todo.replace("NODEGROUP", &first));
                    let why = todo.map_or_else(String::new, |todo| format!("   # {}: {todo}", lasting.decision));
                    Some(format!("eks-nodegroup-updater explain {first}{why}"))
                };
                let all = "eks-nodegroup-updater status   # shows every node group".to_owned();
                digest.needs_you.iter().filter_map(explain).chain([all]).collect()
            }
            (NoticeKind::RecordUnreadable(_), None) => {
                vec!["aws dynamodb scan --table-name TABLE --filter-expression 'kind = :kind' --expression-attribute-values '{\":kind\": {\"S\": \"Nodegroup\"}}'".to_owned()]
            }
            (NoticeKind::ReleaseWithdrawn { latest, nodegroups, .. }, None) => {
                let event = rollback_event(&nodegroups.names, latest);
                let back = format!("{}   # takes them back", invoke(&event));
                if nodegroups.names.is_empty() { Vec::new() } else { vec![back] }
            }
            (_, None) => vec!["aws cloudtrail lookup-events --lookup-attributes AttributeKey=EventName,AttributeValue=UpdateNodegroupVersion".to_owned()],
        }
    }

    fn steps_after_update(&self, id: &NodegroupId) -> Vec<String> {
        let (region, cluster, nodegroup) = (id.region(), id.cluster(), id.nodegroup());
        let mut steps = Vec::new();
        if let Some(update_id) = self.attempt.and_then(|attempt| attempt.update_id.as_ref()) {
            steps.push(format!("aws eks describe-update --region {region} --name {cluster} --nodegroup-name {nodegroup} --update-id {update_id}"));
        }
        steps.push(format!("aws eks describe-nodegroup {} --query nodegroup.health", options(id)));
        if let Some(cause) = self.cause() {
            steps.push(cause.step().replace("NODEGROUP", &options(id)).replace("REGION", region));
        }
        match self.error_code() {
            Some("PodEvictionFailure") => {
                steps.push("kubectl get poddisruptionbudgets --all-namespaces".to_owned());
                for node in self.nodes().filter(|node| is_node_name(node)).take(NODES_IN_COMMANDS) {
                    let pods = format!("--field-selector spec.nodeName={node}");
                    steps.push(format!("kubectl get pods --all-namespaces --output wide {pods}"));
                }
                steps.push(format!("{}   # which release each node runs, and which are cordoned", nodes_of(nodegroup)));
                steps.push("kubectl uncordon NODE   # for one that was left cordoned".to_owned());
            }
            Some("NodeCreationFailure") => {
                steps.push(format!("{}   # which release each node runs", nodes_of(nodegroup)));
                steps.push("kubectl get events --all-namespaces --field-selector involvedObject.kind=Node".to_owned());
            }
            _ => {}
        }
        steps
    }

    /// What prevented an update that failed, whatever its release; not where pods did not leave, which needs no other cause.
    pub(super) fn cause(&self) -> Option<Cause> {
        let failed = self.attempt.filter(|attempt| attempt.status == Status::Failed)?;
        failed.cause().filter(|_| self.error_code() != Some("PodEvictionFailure"))
    }

    fn lacks_launch_template(&self) -> bool {
        let says_so = |text: &str| text.to_ascii_lowercase().contains("not authorized to launch instances");
        self.errors.iter().any(|error| says_so(&error.error_message))
    }

    pub(super) fn next_action(&self) -> String {
        let release = self.release();
        match self.next {
            NextAction::RetryFrom(from) if self.attempt.is_some_and(Attempt::blames_release) => format!(
                "From {from:.0} on, a run in which all its rules allow it tries {release} again, unless it is quarantined by then for failing elsewhere too."
            ),
            NextAction::RetryFrom(from) => {
                format!("From {from:.0} on, a run in which all its rules allow it tries {release} again.")
            }
            NextAction::ForceFrom(from) => {
                format!(
                    "From {from:.0} on, a run in which all its rules allow it tries {release} again, with force: pods that do not leave are deleted, whatever their disruption budgets say."
                )
            }
            NextAction::Theirs => {
                "Nothing: the updater did not start this update. It goes on as the node group's tags say.".to_owned()
            }
            NextAction::NoMore => format!("{release} was asked for once, and is not tried again."),
            NextAction::Nothing => "Nothing; the next update is not forced.".to_owned(),
            NextAction::Quarantine => {
                format!("The next newer release is taken. {release} stays quarantined until the quarantine is lifted.")
            }
            NextAction::Remind => "What lasts is listed each week; you are notified when it is over.".to_owned(),
            NextAction::WaitForRecord => "The node group is looked at again in each run.".to_owned(),
            NextAction::StayBack => match &self.notice.kind {
                NoticeKind::NodegroupDowngraded(hold) if hold.is_of_version() => {
                    "It follows again when its cluster's Kubernetes version changes; newer releases of its own version go on.".to_owned()
                }
                NoticeKind::NodegroupDowngraded(hold) if !hold.ends_with_newer() => {
                    "It was downgraded again after the updater had raised it, so nothing starts before a retry or a pin.".to_owned()
                }
                _ => {
                    let left = match &self.notice.kind {
                        NoticeKind::NodegroupDowngraded(hold) => hold.from.release_version.as_str(),
                        _ => self.attempt.map_or("it", |attempt| attempt.intent.previous_release_version.as_str()),
                    };
                    format!("It stays on {release} until there is a release newer than {left}.")
                }
            },
            NextAction::CarryOn => "Node groups are kept up to date as their rules say.".to_owned(),
            NextAction::Withdrawn => format!("{release} is not installed any more, unless AWS recommends it again."),
            NextAction::PassOver => {
                "The next older release is taken where there is one; this release is asked for again after a wait.".to_owned()
            }
            NextAction::AskAgain => "EKS is asked again after a wait; you are not notified again before it accepts an update.".to_owned(),
            NextAction::WaitForTag if matches!(self.notice.kind, NoticeKind::TagLost) => {
                "The node group is kept up to date again once it has the tag.".to_owned()
            }
            NextAction::WaitForTag => "The node group is not updated until the tag is fixed or removed.".to_owned(),
            NextAction::GiveUp => {
                format!("{release} is not tried again on this node group; another newer release is, where there is one.")
            }
            NextAction::Watch if matches!(self.notice.kind, NoticeKind::UpdateStarted(_)) => {
                "It is watched until it ends.".to_owned()
            }
            NextAction::Watch => "It is still being watched; you are notified when it ends.".to_owned(),
            NextAction::ReportOnly => "The next newer release is reported again.".to_owned(),
        }
    }
}

/// The function's name is CloudFormation's; the stack's is the one that the README proposes.
fn invoke(event: &str) -> String {
    format!("sam remote invoke StartFunction --stack-name eks-nodegroup-updater --event '{event}'")
}

fn nodes_of(nodegroup: &str) -> String {
    format!(
        "kubectl get nodes --selector eks.amazonaws.com/nodegroup={nodegroup} --label-columns eks.amazonaws.com/nodegroup-image"
    )
}

fn rollback_event(nodegroups: &[NodegroupName], release: &str) -> String {
    let back: Vec<String> = nodegroups.iter().map(|name| format!("\"{name}\": \"{release}\"")).collect();
    format!("{{\"rollback\": {{{}}}}}", back.join(", "))
}

fn tag(id: &NodegroupId, tag: &str, why: &str) -> String {
    let (region, arn) = (id.region(), id.arn());
    format!("aws eks tag-resource --region {region} --resource-arn {arn} --tags {tag}   # {why}")
}

fn options(id: &NodegroupId) -> String {
    format!("--region {} --cluster-name {} --nodegroup-name {}", id.region(), id.cluster(), id.nodegroup())
}

/// Only a node's name may become part of a command that will be pasted into a shell.
fn is_node_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    !text.is_empty() && text.len() <= 253 && text.bytes().all(allowed) && !text.starts_with('-')
}
