//! The text of a notice, for people and for machines.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use uuid::Uuid;

use crate::model::attempt::{Attempt, ErrorDetail, Intent, StartedBy, shorten};
use crate::model::names::Names;
use crate::model::notice::{Notice, NoticeKind, QuarantinedRelease};
use crate::model::owner::Owner;
use crate::model::records::{AnyRecord, RecordRef};
use crate::model::settings::RetryAfter;
use crate::model::subject::NodegroupId;

/// A subject has less than 100 characters, says
/// [Publish](https://docs.aws.amazon.com/sns/latest/api/API_Publish.html).
const SUBJECT_CHARACTERS: usize = 99;
/// A message has 256 KiB at most; the rest is for the attributes.
const MESSAGE_BYTES: usize = 250 * 1024;
/// The longest value of a message attribute.
const ATTRIBUTE_CHARACTERS: usize = 256;

/// How many ARNs a message names.
const ARNS: usize = 20;

/// A message as SNS takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// One line of ASCII.
    pub subject: String,
    /// The text under `email`, the notification for chats under `https`, the SMS under `sms` and the JSON under `default`, in
    /// SNS's JSON message structure.
    pub body: String,
    /// Names and values to filter a subscription by.
    pub attributes: Vec<(&'static str, String)>,
}

impl Message {
    /// The message of a record's notice. Error details that SNS has no room for are left out, and the message says so.
    #[must_use]
    pub fn new<'a>(record: impl Into<RecordRef<'a>>, notice: &'a Notice, retry_after: &RetryAfter) -> Self {
        Self::write(Writer::new(record.into(), notice, retry_after))
    }

    /// The one message of notices of one kind, release and cause, and of others that need no message of their own because it
    /// says as much; `None` where there is none.
    #[must_use]
    pub fn of_many(
        members: &[(&AnyRecord, &Notice)],
        included: &[(&AnyRecord, &Notice)],
        retry_after: &RetryAfter,
    ) -> Option<Self> {
        if let [(record, notice)] = members {
            let mut writer = Writer::new(record.as_ref(), notice, retry_after);
            writer.ids.extend(included.iter().map(|(record, notice)| record.notice_id(notice)));
            let updates = included.iter().filter_map(|(record, notice)| update_id(record.as_ref(), notice));
            writer.update_ids.extend(updates.map(str::to_owned));
            writer.included = names_of(included);
            return Some(Self::write(writer));
        }
        let mut members = members.to_vec();
        // By name, so that the same notices are the same message, and its lists go together.
        members.sort_by_cached_key(|(record, notice)| (record.subject(), record.notice_id(notice)));
        let (record, notice) = members.first()?;
        let mut writer = Writer::new(record.as_ref(), notice, retry_after);
        writer.ids = members.iter().map(|(record, notice)| record.notice_id(notice)).collect();
        writer.id = Uuid::new_v5(&Uuid::NAMESPACE_URL, writer.ids.join("/").as_bytes()).to_string();
        let updates = members.iter().filter_map(|(record, notice)| update_id(record.as_ref(), notice));
        writer.update_ids = updates.map(str::to_owned).collect();
        let arns = members.iter().filter_map(|(record, _)| Some(record.as_ref().nodegroup()?.id.arn()));
        writer.arns = arns.take(ARNS).collect();
        writer.members = Some(names_of(&members));
        Some(Self::write(writer))
    }

    fn write(mut writer: Writer<'_>) -> Self {
        let body = writer.fitting(MESSAGE_BYTES, |writer| {
            let machine = writer.machine();
            let (default, https) = (machine.to_string(), writer.chat(&machine).to_string());
            json!({ "default": default, "email": writer.email(), "https": https, "sms": writer.sms() }).to_string()
        });
        Self { subject: writer.subject(), body, attributes: writer.attributes() }
    }
}

/// Everything that a message says.
pub(super) struct Writer<'a> {
    pub(super) record: RecordRef<'a>,
    pub(super) id: String,
    pub(super) notice: &'a Notice,
    pub(super) attempt: Option<&'a Attempt>,
    /// Those of the attempt's errors that the message has room for.
    pub(super) errors: Vec<ErrorDetail>,
    pub(super) next: NextAction,
    /// The node groups of a message that is about many.
    pub(super) members: Option<Names>,
    /// The node groups whose failed updates it reports as well.
    pub(super) included: Names,
    /// The ids of all notices that the message stands for, and those of their updates.
    pub(super) ids: Vec<String>,
    pub(super) update_ids: Vec<String>,
    /// The ARNs of the node groups that it is about, twenty at most.
    pub(super) arns: Vec<&'a str>,
}

/// What the updater does next about the release.
pub(super) enum NextAction {
    /// It starts another update, at the first run from then on.
    RetryFrom(Timestamp),
    /// It starts another update with force, at the first run from then on.
    ForceFrom(Timestamp),
    /// The tries are used up.
    GiveUp,
    /// It is an external update.
    Theirs,
    /// A rollback is tried once.
    NoMore,
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
    /// No node group is updated to this release.
    Withdrawn,
    /// An older release is taken in its place, and this one is asked for again.
    PassOver,
    /// EKS is asked again after a wait.
    AskAgain,
    /// The node group stays where it was brought.
    StayBack,
    /// The node group is kept up to date as before.
    CarryOn,
    /// What lasts is listed each week.
    Remind,
    /// Nothing is done before its record can be read.
    WaitForRecord,
}

impl NextAction {
    fn of(record: RecordRef<'_>, notice: &Notice, attempt: Option<&Attempt>, retry_after: &RetryAfter) -> Self {
        match &notice.kind {
            NoticeKind::UpdateStuck(_) => Self::Watch,
            NoticeKind::UpdateAvailable { .. } => Self::ReportOnly,
            NoticeKind::UpdateForced(_) => Self::Nothing,
            NoticeKind::UpdateStarted(_) | NoticeKind::RollbackStarted(_) => Self::Watch,
            NoticeKind::UpdateSucceeded(_) | NoticeKind::UpdateRecovered(_) | NoticeKind::ReleaseAvailable { .. } => {
                Self::CarryOn
            }
            NoticeKind::RolledBack(_) => Self::StayBack,
            NoticeKind::RollbackExpired(_) => Self::CarryOn,
            NoticeKind::NodegroupDowngraded(_) => Self::StayBack,
            NoticeKind::NodegroupStale(_) | NoticeKind::Digest(_) => Self::Remind,
            NoticeKind::NodegroupCurrent(_) | NoticeKind::SupportEnded(_) | NoticeKind::TableEmpty => Self::CarryOn,
            NoticeKind::TagLost => Self::WaitForTag,
            NoticeKind::RecordUnreadable(_) => Self::WaitForRecord,
            NoticeKind::ReleaseQuarantined(_) => Self::Quarantine,
            NoticeKind::TagInvalid(_) => Self::WaitForTag,
            NoticeKind::ReleaseWithdrawn { .. } => Self::Withdrawn,
            NoticeKind::ReleaseRefused { .. } => Self::PassOver,
            NoticeKind::AccessDenied { .. } => Self::AskAgain,
            NoticeKind::UpdateFailed(about)
            | NoticeKind::UpdateCancelled(about)
            | NoticeKind::UpdateNotFound(about)
            | NoticeKind::UpdateRefused(about)
            | NoticeKind::UpdateUnverified(about) => {
                if attempt.is_some_and(|attempt| attempt.started_by == StartedBy::External) {
                    return Self::Theirs;
                }
                if attempt.is_some_and(|attempt| attempt.intent.rollback.is_some()) {
                    return Self::NoMore;
                }
                let version = attempt.map_or("", |attempt| attempt.intent.version.as_str());
                let failures =
                    record.nodegroup().map_or(0, |record| record.failures(version, &about.release_version).count());
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
    pub(super) fn new(record: RecordRef<'a>, notice: &'a Notice, retry_after: &RetryAfter) -> Self {
        let number = notice.kind.attempt().map(|attempt| attempt.number);
        let attempt = record.nodegroup().zip(number).and_then(|(record, number)| record.attempt(number));
        let id = record.notice_id(notice);
        let next = NextAction::of(record, notice, attempt, retry_after);
        let ids = vec![id.clone()];
        let update_ids = update_id(record, notice).map(str::to_owned).into_iter().collect();
        let arns = record.nodegroup().map(|record| record.id.arn()).into_iter().collect();
        Self {
            record,
            id,
            notice,
            attempt,
            errors: Vec::new(),
            next,
            members: None,
            included: Names::default(),
            ids,
            update_ids,
            arns,
        }
    }

    /// What is written, with as many of the attempt's errors as fit into so many bytes.
    pub(super) fn fitting(&mut self, bytes: usize, write: impl Fn(&Self) -> String) -> String {
        let mut room = bytes;
        loop {
            self.errors = shorten(self.attempt.map(|attempt| attempt.errors.clone()).unwrap_or_default(), room);
            let written = write(self);
            if written.len() <= bytes || room == 0 {
                return written;
            }
            room /= 2;
        }
    }

    pub(super) fn nodegroup(&self) -> Option<&'a NodegroupId> {
        self.record.nodegroup().map(|record| &record.id)
    }

    /// `cluster/nodegroup`; nothing where the notice is about more than one node group.
    pub(super) fn name(&self) -> String {
        match &self.members {
            Some(members) => format!("{} node groups", members.count),
            None => self.nodegroup().map(ToString::to_string).unwrap_or_default(),
        }
    }

    /// Who else may hold the node group's release and tags, where that is of use and known.
    pub(super) fn owner(&self) -> Option<Owner> {
        self.record.nodegroup().filter(|_| self.notice.kind.is_of_owner())?.owner
    }

    pub(super) fn region(&self) -> &'a str {
        self.record.region()
    }

    pub(super) fn account(&self) -> &'a str {
        self.record.account()
    }

    /// The release track that it is about, where it is about one and not about one node group.
    pub(super) fn track(&self) -> Option<String> {
        match self.record {
            RecordRef::Track(record) => Some(record.id.track().to_string()),
            _ => self.quarantined().map(|held| format!("{}/{}", held.version, held.ami_type)),
        }
    }

    /// The run that a rollback was asked of.
    pub(super) fn rollback_request(&self) -> Option<&'a str> {
        match &self.notice.kind {
            NoticeKind::RollbackExpired(rollback) => Some(&rollback.request_id),
            _ => self.attempt?.intent.rollback.as_deref(),
        }
    }

    pub(super) fn quarantined(&self) -> Option<&'a QuarantinedRelease> {
        match &self.notice.kind {
            NoticeKind::ReleaseQuarantined(held) => Some(held),
            _ => None,
        }
    }

    /// The release that it is about, as people read it; for an external update of the launch template alone, that.
    pub(super) fn release(&self) -> String {
        match self.attempt.map(|attempt| &attempt.intent) {
            Some(Intent { launch_template: Some(template), .. }) => format!("the launch template {template}"),
            _ => self.release_version().unwrap_or("a release that EKS does not name").to_owned(),
        }
    }

    /// The release that it is about, where that is known.
    pub(super) fn release_version(&self) -> Option<&str> {
        self.notice.kind.release_version().filter(|release| !release.is_empty())
    }

    pub(super) fn error_code(&self) -> Option<&str> {
        self.errors.first().map(|error| error.error_code.as_str())
    }

    fn subject(&self) -> String {
        let code = self.error_code().map(|code| format!(" ({code})")).unwrap_or_default();
        ascii_line(&format!("{}{code}", self.headline(str::to_owned)), SUBJECT_CHARACTERS)
    }

    fn attributes(&self) -> Vec<(&'static str, String)> {
        let mut attributes =
            vec![("kind", self.notice.kind.code().to_owned()), ("severity", self.severity().to_owned())];
        attributes.extend(self.status().map(|status| ("status", status.to_owned())));
        if let Some(id) = self.nodegroup().filter(|_| self.members.is_none()) {
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
    pub(super) fn duration(&self) -> Option<SignedDuration> {
        let attempt = self.attempt?;
        let until = attempt.ended_at.unwrap_or(self.notice.at);
        Some(SignedDuration::from_secs(until.duration_since(attempt.started_at).as_secs()))
    }
}

fn names_of(members: &[(&AnyRecord, &Notice)]) -> Names {
    let names = members.iter().filter_map(|(record, _)| Some(record.as_ref().nodegroup()?.id.name().clone()));
    names.collect::<Vec<_>>().into()
}

/// The id of the update that a notice is about.
fn update_id<'a>(record: RecordRef<'a>, notice: &Notice) -> Option<&'a str> {
    record.nodegroup()?.attempt(notice.kind.attempt()?.number)?.update_id.as_deref()
}

/// Printable ASCII, this many characters at most. Everything else becomes a question mark.
fn ascii_line(text: &str, characters: usize) -> String {
    let printable = |character: char| if matches!(character, ' '..='~') { character } else { '?' };
    text.chars().take(characters).map(printable).collect()
}
