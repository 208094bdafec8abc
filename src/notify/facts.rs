//! What is known, for people.

use super::message::Writer;
use crate::model::attempt::{Attempt, StartedBy, Status};
use crate::model::hold::Running;
use crate::model::notice::{Lasting, NoticeKind, Week};
use crate::model::policy::InvalidTag;

impl Writer<'_> {
    /// A label and a value each; without a label, the value goes on.
    pub(super) fn facts(&self) -> Vec<(&'static str, String)> {
        let what = match (self.nodegroup(), self.track()) {
            _ if self.members.is_some() => self.name(),
            (Some(id), _) => format!("node group {id}"),
            (None, Some(track)) => format!("every node group on {track}"),
            (None, None) => "every node group".to_owned(),
        };
        let mut facts = vec![("Where", format!("{what} in {}, account {}", self.region(), self.account()))];
        facts.extend(self.members.iter().map(|members| ("Which", members.to_string())));
        if self.members.is_some() {
            facts.push(("Example", self.nodegroup().map(ToString::to_string).unwrap_or_default()));
        }
        facts.extend(self.owner().map(|owner| ("Managed by", format!("{}, as its tags show", owner.name()))));
        match &self.notice.kind {
            NoticeKind::TagInvalid(InvalidTag { key, value, expected }) => {
                facts.push(("Tag", format!("{key}={value}; {expected}")));
            }
            NoticeKind::UpdateAvailable { version, .. } => facts.push(("Version", format!("Kubernetes {version}"))),
            NoticeKind::ReleaseQuarantined(held) => {
                facts.push(("Failed on", held.nodegroups.to_string()));
                facts.push((
                    "Came up on",
                    if held.ran_on.count == 0 { "none".to_owned() } else { held.ran_on.to_string() },
                ));
                if self.included.count > 0 {
                    facts.push(("Included", format!("the failed updates of {}", self.included)));
                }
                facts.extend(held.same_build.iter().map(|release| ("Same build", release.clone())));
            }
            NoticeKind::UpdateRecovered(over) => {
                facts.push(("Reported", format!("attempt {}, to {}", over.number, over.release_version)));
                facts.push(("Runs", over.runs.clone()));
            }
            NoticeKind::ReleaseAvailable { published_at, .. } => {
                facts.extend(published_at.map(|at| ("Published", format!("{at:.0}"))));
            }
            NoticeKind::ReleaseWithdrawn { latest, nodegroups, .. } => {
                facts.push(("Latest now", latest.clone()));
                let running = if nodegroups.count == 0 { "no node group".to_owned() } else { nodegroups.to_string() };
                facts.push(("Runs on", running));
            }
            NoticeKind::ReleaseRefused { since, message, .. } => {
                facts.push(("Since", format!("{since:.0}")));
                facts.push(("AWS says", message.clone()));
            }
            NoticeKind::AccessDenied { error } => facts.push(("AWS says", error.clone())),
            NoticeKind::NodegroupStale(stale) => {
                facts.push(("Since", format!("{:.0}", stale.since)));
                facts.extend(stale.oldest.as_ref().zip(stale.days_behind).map(|(oldest, days)| {
                    ("Behind", format!("{oldest}, published {days} days ago, and all newer releases"))
                }));
                facts.push(("Why", format!("{}: {}", stale.reason, stale.detail)));
            }
            NoticeKind::NodegroupCurrent(stale) => {
                facts.push(("It was", format!("{}: {}", stale.reason, stale.detail)))
            }
            NoticeKind::Digest(digest) => {
                facts.extend(digest.needs_you.iter().map(|lasting| ("Needs you", line(lasting))));
                facts.extend(digest.waits.iter().map(|lasting| ("Waits", line(lasting))));
                let Week { from, succeeded, failed, quarantined } = &digest.week;
                facts.push((
                    "Meanwhile",
                    format!(
                        "since {from:.0}: updates succeeded {succeeded}, failed {failed}; releases quarantined {quarantined}"
                    ),
                ));
            }
            NoticeKind::SupportEnded(ended) => {
                facts.push(("Ended", format!("{:.0}", ended.at)));
                facts.push(("Runs on", ended.nodegroups.to_string()));
            }
            NoticeKind::RecordUnreadable(record) => {
                facts.push(("Since", format!("{:.0}", record.since)));
                facts.push(("Why", record.error.clone()));
            }
            NoticeKind::NodegroupDowngraded(hold) => {
                let runs = |it: &Running| format!("{} (Kubernetes {})", it.release_version, it.version);
                facts.push(("Ran", runs(&hold.from)));
                facts.push(("Runs", runs(&hold.to)));
                facts.push(("Since", format!("{:.0}", hold.since)));
            }
            NoticeKind::RollbackExpired(rollback) => {
                facts.push(("To", rollback.release_version.clone()));
                facts.push(("Asked for", format!("{:.0}", rollback.requested_at)));
            }
            _ => {}
        }
        facts.extend(self.attempt.into_iter().flat_map(|attempt| self.facts_of(attempt)));
        let is_under_way = matches!(
            self.notice.kind,
            NoticeKind::UpdateStuck(_) | NoticeKind::UpdateStarted(_) | NoticeKind::RollbackStarted(_)
        );
        let went_well = matches!(
            self.notice.kind,
            NoticeKind::RolledBack(_) | NoticeKind::UpdateForced(_) | NoticeKind::UpdateSucceeded(_)
        );
        if self.attempt.is_some() && self.errors.is_empty() && !is_under_way && !went_well {
            facts.push(("AWS says", "nothing more".to_owned()));
        }
        for error in &self.errors {
            facts.push(("AWS says", format!("{}: {}", error.error_code, error.error_message)));
            facts.extend(error.resource_ids.iter().map(|resource| ("", resource.clone())));
        }
        if let Some(failed) = self.attempt.filter(|attempt| attempt.status == Status::Failed) {
            if !failed.health.is_empty() {
                facts.push(("Health", failed.health_codes().join(", ")));
            }
            let unknown =
                |code: String| format!("{code}: this version does not know the code, so it does not blame the release");
            facts.extend(failed.unknown_codes().into_iter().map(|code| ("Unknown", unknown(code))));
        }
        facts
    }

    fn facts_of(&self, attempt: &Attempt) -> Vec<(&'static str, String)> {
        let mut facts = vec![("What", format!("{}, attempt {}", attempt.intent, attempt.number))];
        if attempt.started_by == StartedBy::External {
            facts.push(("Who", "an external update, not started by the updater".to_owned()));
        }
        facts.extend(self.rollback_request().map(|request_id| ("Asked in", format!("the run {request_id}"))));
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

/// One cause of a digest.
fn line(Lasting { cause, nodegroups, since, until, .. }: &Lasting) -> String {
    let until = until.map(|until| format!(", at least until {until:.0}")).unwrap_or_default();
    format!("{cause}: {nodegroups}; since {since:.0}{until}")
}
