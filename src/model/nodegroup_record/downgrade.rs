//! What was downgraded stays, and what was asked to go back.

use std::cmp::Ordering;

use aws_sdk_eks::types::AmiTypes;
use jiff::Timestamp;

use super::NodegroupRecord;
use crate::model::attempt::{Intent, StartedBy};
use crate::model::hold::{DESCRIPTION_LAGS, DowngradedBy, Hold, Rollback, Running, StepBack};
use crate::model::notice::NoticeKind;

impl NodegroupRecord {
    /// A description shows what the node group runs, and it is not being updated.
    ///
    /// `cluster_version` is that of the cluster, where the node group follows it: only then is a downgraded Kubernetes version
    /// held, since nothing raises it otherwise.
    pub fn see(&mut self, runs: &Running, ami_type: &AmiTypes, cluster_version: Option<&str>, now: Timestamp) {
        let held = self.hold.as_ref().filter(|hold| hold.is_open());
        let is_over =
            held.is_some_and(|hold| hold.is_of_version() && hold.cluster_version.as_deref() != cluster_version);
        if is_over {
            self.end_hold(now);
        }
        let Some(ran) = self.ran.clone() else {
            self.ran = Some(runs.clone());
            self.recover(runs, now);
            return;
        };
        let lower = runs.compare(&ran, ami_type) == Some(Ordering::Less);
        let keeps_version = runs.version == ran.version || cluster_version.is_some();
        if !lower || !keeps_version {
            self.ran = Some(runs.clone());
            self.dismiss_hold(now);
            self.recover(runs, now);
            return;
        }
        let open = self.hold.as_mut().filter(|hold| hold.is_open() && !hold.confirmed && hold.to == *runs);
        let settled = self.history.iter().filter_map(|attempt| attempt.ended_at).max();
        let is_current =
            |since: Timestamp| since < now && settled.is_none_or(|end| now.duration_since(end) >= DESCRIPTION_LAGS);
        match open {
            Some(hold) if is_current(hold.since) => {
                hold.confirmed = true;
                self.ran = Some(runs.clone());
                self.report_downgrade(now);
            }
            Some(_) => {}
            None => {
                let times = self.hold.take().map_or(0, |before| before.times) + 1;
                self.hold = Some(Box::new(Hold {
                    from: ran,
                    to: runs.clone(),
                    since: now,
                    by: DowngradedBy::External,
                    confirmed: false,
                    times,
                    ended_at: None,
                    cluster_version: cluster_version.map(str::to_owned),
                }));
            }
        }
    }

    /// Whether the updates that the node group had before its first one by the updater need not be read.
    #[must_use]
    pub fn knows_update_history(&self) -> bool {
        let mut attempts = self.history.iter().chain(self.open.as_deref());
        self.update_history_read || attempts.any(|attempt| attempt.started_by == StartedBy::Updater)
    }

    /// Whether a retry was asked for although those could not be read.
    #[must_use]
    pub fn skips_update_history(&self) -> bool {
        self.update_history_read && self.update_history_unread_since.is_some()
    }

    /// Not all of those could be read.
    pub fn miss_update_history(&mut self, now: Timestamp) {
        self.update_history_unread_since.get_or_insert(now);
    }

    /// All of those were read; the last of them may have downgraded it.
    pub fn read_update_history(&mut self, downgraded: Option<&StepBack>, now: Timestamp) {
        self.update_history_unread_since = None;
        if std::mem::replace(&mut self.update_history_read, true) || self.hold.is_some() {
            return;
        }
        if let Some(StepBack { from, to }) = downgraded {
            self.hold = Some(Box::new(Hold {
                from: from.clone(),
                to: to.clone(),
                since: now,
                by: DowngradedBy::External,
                confirmed: true,
                times: 1,
                ended_at: None,
                cluster_version: None,
            }));
            self.report_downgrade(now);
        }
    }

    /// What was downgraded may be raised again.
    pub fn end_hold(&mut self, now: Timestamp) {
        if let Some(hold) = self.hold.as_mut().filter(|hold| hold.is_open()) {
            hold.ended_at = Some(now);
            // A person has decided, so the count begins anew with what the updater was asked for.
            if hold.by == DowngradedBy::Rollback {
                hold.times = 0;
            }
        }
    }

    /// What looked downgraded was an old description. How often it was really downgraded is kept.
    fn dismiss_hold(&mut self, now: Timestamp) {
        let dismissed = self.hold.take_if(|hold| hold.is_open() && !hold.confirmed);
        let before = dismissed.map(|hold| Hold { times: hold.times.saturating_sub(1), ended_at: Some(now), ..*hold });
        if let Some(before) = before.filter(|before| before.times > 0) {
            self.hold = Some(Box::new(before));
        }
    }

    fn report_downgrade(&mut self, now: Timestamp) {
        if let Some(hold) = self.hold.clone() {
            self.notify(NoticeKind::NodegroupDowngraded(*hold), now);
        }
    }

    /// A rollback is asked for. One that this run's event asked for before changes nothing.
    pub fn request_rollback(&mut self, rollback: &Rollback) {
        if self.rollback_request.as_ref() != Some(&rollback.request_id) {
            self.rollback_request = Some(rollback.request_id.clone());
            self.rollback = Some(Box::new(rollback.clone()));
        }
    }

    /// A rollback was not carried out in time, and no longer will be.
    pub fn expire_rollback(&mut self, request_id: &str, now: Timestamp) {
        if let Some(rollback) = self.rollback.take_if(|rollback| rollback.request_id == request_id) {
            self.notify(NoticeKind::RollbackExpired(*rollback), now);
        }
    }

    /// An update of the updater was successful.
    pub(super) fn brought(&mut self, intent: &Intent, now: Timestamp) {
        let runs = Running::from(intent);
        if intent.rollback.is_some() {
            let from =
                Running { version: intent.version.clone(), release_version: intent.previous_release_version.clone() };
            self.hold = Some(Box::new(Hold {
                from,
                to: runs.clone(),
                since: now,
                by: DowngradedBy::Rollback,
                confirmed: true,
                times: 1,
                ended_at: None,
                cluster_version: None,
            }));
        } else if self.hold.as_ref().is_some_and(|hold| hold.is_open() && hold.from.version == intent.version) {
            self.end_hold(now);
        }
        self.ran = Some(runs);
    }
}
