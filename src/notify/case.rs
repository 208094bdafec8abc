//! The input of a letter: a notice, its record, and the details that fit.

use uuid::Uuid;

use super::letter::{Envelope, Fact, Headline, Step};
use crate::model::attempt::{Attempt, ErrorDetail};
use crate::model::id::NodegroupId;
use crate::model::id::names::Names;
use crate::model::nodegroup::owner::Owner;
use crate::model::notice::Notice;
use crate::model::record::set::{AnyRecord, RecordRef};
use crate::model::settings::RetryAfter;

/// The maximum number of ARNs in a message.
const ARNS: usize = 20;

/// A notice and its record; for a letter about many, the first of them.
pub(super) struct Case<'a> {
    pub(super) record: RecordRef<'a>,
    pub(super) notice: &'a Notice,
    /// Its attempt, if the record still has it.
    pub(super) attempt: Option<&'a Attempt>,
    /// The attempt's errors that fit.
    pub(super) errors: Vec<ErrorDetail>,
    /// The node groups of a letter about many.
    pub(super) members: Option<Names>,
    /// The node groups whose failed updates it reports as well.
    pub(super) included: Names,
    pub(super) retry_after: &'a RetryAfter,
    /// The other notices that it covers.
    others: Vec<(RecordRef<'a>, &'a Notice)>,
}

impl<'a> Case<'a> {
    pub(super) fn new(record: RecordRef<'a>, notice: &'a Notice, retry_after: &'a RetryAfter) -> Self {
        let attempt = attempt_of(record, notice);
        let errors = attempt.map(|attempt| attempt.errors.clone()).unwrap_or_default();
        let (members, included, others) = (None, Names::default(), Vec::new());
        Self { record, notice, attempt, errors, members, included, retry_after, others }
    }

    /// A letter for notices of one kind, release and cause, and for others that it covers. `None` if there are no notices.
    pub(super) fn of_many(
        members: &[(&'a AnyRecord, &'a Notice)],
        included: &[(&'a AnyRecord, &'a Notice)],
        retry_after: &'a RetryAfter,
    ) -> Option<Self> {
        let mut members = members.to_vec();
        // By name, so that the same notices make the same letter, and its lists have the same order.
        members.sort_by_cached_key(|(record, notice)| (record.subject(), notice.id(record.as_ref().key())));
        let ((record, notice), more) = members.split_first()?;
        let mut case = Self::new(record.as_ref(), notice, retry_after);
        case.members = (!more.is_empty()).then(|| names_of(&members));
        case.included = names_of(included);
        case.others = more.iter().chain(included).map(|(record, notice)| (record.as_ref(), *notice)).collect();
        Some(case)
    }

    pub(super) fn envelope(&self) -> Envelope<'a> {
        let all: Vec<_> = [(self.record, self.notice)].into_iter().chain(self.others.iter().copied()).collect();
        let ids: Vec<String> = all.iter().map(|(record, notice)| notice.id(record.key())).collect();
        let id = match (&self.members, ids.first()) {
            (None, Some(id)) => id.clone(),
            _ => Uuid::new_v5(&Uuid::NAMESPACE_URL, ids.join("/").as_bytes()).to_string(),
        };
        let update_id = |(record, notice): &(RecordRef<'a>, &'a Notice)| attempt_of(*record, notice)?.update_id.clone();
        let members = if self.members.is_some() { all.as_slice() } else { &[(self.record, self.notice)] };
        let arns = members.iter().filter_map(|(record, _)| Some(record.nodegroup()?.id.arn()));
        Envelope {
            id,
            ids,
            update_ids: all.iter().filter_map(update_id).collect(),
            kind: self.notice.kind.code(),
            at: self.notice.at,
            region: self.region(),
            account: self.record.account(),
            nodegroup: self.nodegroup().filter(|_| self.members.is_none()),
            members: self.members.clone(),
            arns: arns.take(ARNS).collect(),
        }
    }

    /// The node group; for a letter about many, the first of them.
    pub(super) fn nodegroup(&self) -> Option<&'a NodegroupId> {
        self.record.nodegroup().map(|record| &record.id)
    }

    /// The tool that manages the node group, if known.
    pub(super) fn owner(&self) -> Option<Owner> {
        self.record.nodegroup()?.owner()
    }

    pub(super) fn region(&self) -> &'a str {
        self.record.region()
    }

    /// `cluster/nodegroup`, or how many there are.
    pub(super) fn name(&self) -> String {
        match &self.members {
            Some(members) => format!("{} node groups", members.count),
            None => self.nodegroup().map(ToString::to_string).unwrap_or_default(),
        }
    }

    /// Its release track, if it is about one.
    pub(super) fn track(&self) -> Option<String> {
        match self.record {
            RecordRef::Track(record) => Some(record.id.track().to_string()),
            RecordRef::Nodegroup(_) | RecordRef::Fleet(_) => None,
        }
    }

    /// AWS's code for what went wrong.
    pub(super) fn error_code(&self) -> Option<&str> {
        self.errors.first().map(|error| error.error_code.as_str())
    }

    /// A headline with this start, followed by the names of the node groups.
    pub(super) fn headline(&self, text: &'static str) -> Headline {
        Headline::text(text).then_name(self.name())
    }

    /// The fact "Where", and these facts.
    pub(super) fn facts(&self, own: impl IntoIterator<Item = Fact>) -> Vec<Fact> {
        let what = match (self.nodegroup(), self.track()) {
            _ if self.members.is_some() => self.name(),
            (Some(id), _) => format!("node group {id}"),
            (None, Some(track)) => format!("every node group on {track}"),
            (None, None) => "every node group".to_owned(),
        };
        self.facts_of(&what, own)
    }

    /// The fact "Where" with another subject than the record's, and these facts.
    pub(super) fn facts_of(&self, what: &str, own: impl IntoIterator<Item = Fact>) -> Vec<Fact> {
        let place = Fact::new("Where", format!("{what} in {}, account {}", self.region(), self.record.account()));
        let example = self.nodegroup().map(ToString::to_string).unwrap_or_default();
        let many = self
            .members
            .as_ref()
            .map(|members| [Fact::new("Which", members.to_string()), Fact::new("Example", example)]);
        [place].into_iter().chain(many.into_iter().flatten()).chain(own).collect()
    }

    /// What to do with the node group.
    pub(super) fn steps(&self, of: impl FnOnce(&'a NodegroupId) -> Vec<Step>) -> Vec<Step> {
        self.nodegroup().map(of).unwrap_or_default()
    }
}

fn attempt_of<'a>(record: RecordRef<'a>, notice: &Notice) -> Option<&'a Attempt> {
    record.nodegroup()?.attempt(notice.kind.attempt()?.number)
}

fn names_of(members: &[(&AnyRecord, &Notice)]) -> Names {
    let names = members.iter().filter_map(|(record, _)| Some(record.as_ref().nodegroup()?.id.name().clone()));
    names.collect::<Vec<_>>().into()
}
