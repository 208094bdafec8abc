//! A node group that is to be kept current, and what is known about it.

use aws_sdk_eks::types::NodegroupStatus;

use super::eligible::Candidate;
use super::input::PlanInput;
use crate::model::attempt::StartedBy;
use crate::model::decision::reason::Reason;
use crate::model::nodegroup::Nodegroup;
use crate::model::nodegroup::policy::{Mode, Policy};
use crate::model::observed::fleet::{Discovered, NodegroupState};
use crate::model::record::nodegroup::NodegroupRecord;
use crate::model::rules::Rules;

/// A node group that is to be kept current, and what is known about it.
#[derive(Clone, Copy)]
pub(crate) struct Selected<'a> {
    pub(crate) input: &'a PlanInput<'a>,
    pub(crate) nodegroup: &'a Nodegroup,
    pub(crate) mode: Mode,
    pub(crate) rules: &'a Rules,
    pub(crate) record: Option<&'a NodegroupRecord>,
}

impl<'a> Selected<'a> {
    /// A node group that the event selects, that could be read and that has opted in.
    ///
    /// # Errors
    /// The first reason why it is not selected.
    pub(crate) fn of(input: &'a PlanInput<'a>, discovered: &'a Discovered) -> Result<Self, Reason> {
        if !input.request.includes(discovered.id.name()) || !input.fleet.plans(&discovered.id) {
            return Err(Reason::Excluded);
        }
        let nodegroup = match &discovered.state {
            NodegroupState::Exists(nodegroup) => nodegroup,
            NodegroupState::Deleted => return Err(Reason::Deleted),
            NodegroupState::NotReached => return Err(Reason::NotReached),
            NodegroupState::Unreadable(error) => return Err(Reason::Unreadable(error.clone())),
        };
        let (mode, rules) = opted_in(nodegroup)?;
        let record = input.fleet.records.nodegroup(&discovered.id);
        let record = record.map_err(|error| Reason::Unreadable(error.clone()))?;
        Ok(Self { input, nodegroup, mode, rules, record })
    }

    /// The node group, as a candidate for a release.
    ///
    /// # Errors
    /// When its AMI type has no releases, or EKS's description lacks its release or version.
    pub(crate) fn candidate(&self) -> Result<Candidate<'a>, Reason> {
        // Earlier failures are no reason against a report.
        let tried = self.record.filter(|_| self.mode == Mode::Auto);
        Candidate::of(self.input, self.nodegroup, self.rules, tried)
    }

    /// Also prevents decisions based on a release that is just being replaced.
    ///
    /// # Errors
    /// When an update is in progress.
    pub(crate) fn not_in_progress(&self) -> Result<(), Reason> {
        match self.record.and_then(|record| record.open()) {
            Some(attempt) => Err(Reason::InProgress { since: Some(attempt.started_at), started_by: attempt.starter() }),
            None if self.nodegroup.status == NodegroupStatus::Updating => {
                Err(Reason::InProgress { since: None, started_by: StartedBy::External })
            }
            None => Ok(()),
        }
    }
}

pub(crate) fn opted_in(nodegroup: &Nodegroup) -> Result<(Mode, &Rules), Reason> {
    match &nodegroup.policy {
        Policy::OptedIn(mode, rules) => Ok((*mode, rules)),
        Policy::NotOptedIn => Err(Reason::NotOptedIn),
        Policy::OptedOut => Err(Reason::OptedOut),
        Policy::Invalid { tag, .. } => Err(Reason::InvalidTag(tag.clone())),
    }
}
