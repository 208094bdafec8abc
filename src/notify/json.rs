//! What a program reads.

use serde_json::{Value, json};

use super::message::{NextAction, Writer};
use crate::model::attempt::Attempt;
use crate::model::notice::NoticeKind;
use crate::model::subject::NodegroupId;

impl Writer<'_> {
    pub(super) fn machine(&self) -> Value {
        let (id, attempt) = (self.nodegroup().filter(|_| self.members.is_none()), self.attempt);
        let available = match &self.notice.kind {
            NoticeKind::UpdateAvailable { version, .. } => Some(version),
            _ => None,
        };
        let next_try = match self.next {
            NextAction::RetryFrom(from) | NextAction::ForceFrom(from) => Some(from),
            _ => None,
        };
        let mut machine = json!({
            "version": "1",
            "id": self.id,
            "ids": self.ids,
            "nodegroups": self.members,
            "kind": self.notice.kind.code(),
            "severity": self.severity(),
            "status": self.status(),
            "dedupKey": self.dedup_key(),
            "cluster": id.map(NodegroupId::cluster),
            "nodegroup": id.map(NodegroupId::nodegroup),
            "nodegroupArn": id.map(NodegroupId::arn),
            "region": self.region(),
            "account": self.account(),
            "releaseVersion": self.release_version(),
            "launchTemplate": attempt.and_then(|attempt| attempt.intent.launch_template.as_ref()),
            "previousReleaseVersion": attempt.map(|attempt| &attempt.intent.previous_release_version),
            "kubernetesVersion": attempt.map(|attempt| &attempt.intent.version).or(available),
            "track": self.track(),
            "startedBy": attempt.map(|attempt| attempt.started_by),
            "rollback": self.rollback_request(),
            "force": attempt.map(|attempt| attempt.intent.force),
            "attempt": attempt.map(|attempt| attempt.number),
            "updateId": attempt.filter(|_| self.members.is_none()).and_then(|attempt| attempt.update_id.as_ref()),
            "updateIds": self.update_ids,
            "startedAt": attempt.map(|attempt| attempt.started_at),
            "endedAt": attempt.and_then(|attempt| attempt.ended_at),
            "noticedAt": self.notice.at,
            "durationSeconds": self.duration().map(|duration| duration.as_secs()),
            "errors": self.errors,
            "health": attempt.map(Attempt::health_codes).filter(|health| !health.is_empty()),
            "cause": self.cause(),
            "meaning": self.meaning(),
            "nextSteps": self.next_steps(),
            "nextAction": self.next_action(),
            "nextTry": next_try,
        });
        if let (Value::Object(machine), Value::Object(details)) = (&mut machine, self.details()) {
            machine.extend(details);
        }
        machine
    }

    /// What only some kinds have.
    fn details(&self) -> Value {
        json!({
            "failedOn": self.quarantined().map(|held| &held.nodegroups),
            "ranOn": self.quarantined().map(|held| &held.ran_on),
            "sameBuild": self.quarantined().map(|held| &held.same_build),
            "quarantinedIn": self.quarantined().and_then(|held| held.cluster.as_ref()),
            "runs": match &self.notice.kind {
                NoticeKind::UpdateRecovered(over) => Some(&over.runs),
                _ => None,
            },
            "publishedAt": match &self.notice.kind {
                NoticeKind::ReleaseAvailable { published_at, .. } => *published_at,
                _ => None,
            },
            "runningOn": match &self.notice.kind {
                NoticeKind::ReleaseWithdrawn { nodegroups, .. } => Some(nodegroups),
                _ => None,
            },
            "tag": match &self.notice.kind {
                NoticeKind::TagInvalid(tag) => Some(tag),
                _ => None,
            },
            "stale": match &self.notice.kind {
                NoticeKind::NodegroupStale(stale) | NoticeKind::NodegroupCurrent(stale) => Some(stale),
                _ => None,
            },
            "support": match &self.notice.kind {
                NoticeKind::SupportEnded(ended) => Some(ended),
                _ => None,
            },
            "digest": match &self.notice.kind {
                NoticeKind::Digest(digest) => Some(digest),
                _ => None,
            },
            "owner": self.owner(),
            "downgraded": match &self.notice.kind {
                NoticeKind::NodegroupDowngraded(hold) => Some(hold),
                _ => None,
            },
        })
    }
}
