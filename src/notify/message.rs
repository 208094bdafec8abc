//! Letters in the formats of SNS and EventBridge.

use serde_json::{Value, json};

use super::case::Case;
use super::letter::{Envelope, Letter};
use super::letters::letter;
use super::render::chat::chat;
use super::render::email::email;
use super::render::event::{Event, event};
use super::render::json::json;
use super::render::sms::sms;
use crate::model::attempt::{Attempt, shorten};
use crate::model::notice::Notice;
use crate::model::record::set::{AnyRecord, RecordRef};
use crate::model::settings::RetryAfter;

/// A subject has fewer than 100 characters, according to
/// [Publish](https://docs.aws.amazon.com/sns/latest/api/API_Publish.html).
const SUBJECT_CHARACTERS: usize = 99;
/// A message has at most 256 KiB; the rest is for the attributes.
const MESSAGE_BYTES: usize = 250 * 1024;
/// EventBridge charges for every 64 KiB of an event.
const EVENT_BYTES: usize = 60 * 1024;
/// The maximum length of a message attribute's value.
const ATTRIBUTE_CHARACTERS: usize = 256;

/// A message for SNS.
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
    /// The message of a record's notice. Error details that exceed SNS's limit are left out, and the message states it.
    #[must_use]
    pub fn new<'a>(record: impl Into<RecordRef<'a>>, notice: &'a Notice, retry_after: &'a RetryAfter) -> Self {
        Self::of(Case::new(record.into(), notice, retry_after))
    }

    /// One message for notices of one kind, release and cause, and for others that it covers; `None` if there are no notices.
    #[must_use]
    pub fn of_many(
        members: &[(&AnyRecord, &Notice)],
        included: &[(&AnyRecord, &Notice)],
        retry_after: &RetryAfter,
    ) -> Option<Self> {
        Case::of_many(members, included, retry_after).map(Self::of)
    }

    fn of(case: Case<'_>) -> Self {
        fitting(case, MESSAGE_BYTES, Self::write, |message| message.body.len())
    }

    fn write(envelope: &Envelope<'_>, letter: &Letter<'_>) -> Self {
        let members = json(envelope, letter);
        let body = json!({
            "email": email(envelope, letter),
            "https": chat(envelope, letter, &members).to_string(),
            "sms": sms(envelope, letter),
            "default": Value::Object(members).to_string(),
        });
        Self { subject: subject(letter), body: body.to_string(), attributes: attributes(envelope, letter) }
    }
}

impl Event {
    /// The event of a record's notice; `None` for a kind without events. Error details that exceed the limit are left out, and
    /// the event states it.
    #[must_use]
    pub fn new<'a>(record: impl Into<RecordRef<'a>>, notice: &'a Notice, retry_after: &'a RetryAfter) -> Option<Self> {
        let detail_type = notice.kind.detail_type()?;
        let case = Case::new(record.into(), notice, retry_after);
        Some(fitting(
            case,
            EVENT_BYTES,
            |envelope, letter| event(detail_type, envelope, letter),
            |event| event.detail.len(),
        ))
    }
}

/// The output, with as many of the attempt's errors as fit into this many bytes.
fn fitting<T>(
    mut case: Case<'_>,
    bytes: usize,
    write: impl Fn(&Envelope<'_>, &Letter<'_>) -> T,
    size: impl Fn(&T) -> usize,
) -> T {
    let envelope = case.envelope();
    let mut room = bytes;
    loop {
        case.errors = shorten(case.attempt.map(|attempt: &Attempt| attempt.errors.clone()).unwrap_or_default(), room);
        let written = write(&envelope, &letter(&case));
        if size(&written) <= bytes || room == 0 {
            return written;
        }
        room /= 2;
    }
}

fn subject(letter: &Letter<'_>) -> String {
    let code = letter.error_code().map(|code| format!(" ({code})")).unwrap_or_default();
    ascii_line(&format!("{}{code}", letter.headline), SUBJECT_CHARACTERS)
}

fn attributes(envelope: &Envelope<'_>, letter: &Letter<'_>) -> Vec<(&'static str, String)> {
    let all = [
        ("kind", Some(envelope.kind)),
        ("severity", Some(letter.severity.word())),
        ("status", letter.status.map(super::letter::Status::word)),
        ("cluster", envelope.nodegroup.map(|id| id.cluster())),
        ("nodegroup", envelope.nodegroup.map(|id| id.nodegroup())),
        ("errorCode", letter.error_code()),
    ];
    let attribute =
        |(name, value): (&'static str, Option<&str>)| Some((name, ascii_line(value?, ATTRIBUTE_CHARACTERS)));
    all.into_iter().filter_map(attribute).filter(|(_, value)| !value.is_empty()).collect()
}

/// Printable ASCII, at most this many characters. Everything else becomes a question mark.
fn ascii_line(text: &str, characters: usize) -> String {
    let printable = |character: char| if matches!(character, ' '..='~') { character } else { '?' };
    text.chars().take(characters).map(printable).collect()
}
