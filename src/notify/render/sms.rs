//! What a phone shows: one SMS, since each further one is paid for, and
//! [SNS drops what is longer than 1,600 characters](https://docs.aws.amazon.com/sns/latest/api/API_Publish.html).

use std::fmt::Write as _;

use crate::notify::letter::{Envelope, Letter, Status};

/// How much of an SMS is left: 160 characters of the GSM 7-bit alphabet, less the 24 that
/// [SNS puts before it](https://docs.aws.amazon.com/sns/latest/dg/sms_publish-to-topic.html): the display name of the topic, `>`
/// and a space.
const SEPTETS: usize = 160 - 24;
/// How long the longest name of a cluster is, and how short it may be made.
const LONGEST: usize = 100;
const SHORTEST: usize = 6;
/// How long the longest name of a region may be.
const REGION: usize = 20;

/// One line, whose names are as long as there is room for.
pub(in crate::notify) fn sms(envelope: &Envelope<'_>, letter: &Letter<'_>) -> String {
    let mut text = String::new();
    for longest in (SHORTEST..=LONGEST).rev() {
        text = with_names(envelope, letter, longest);
        if septets(&text) <= SEPTETS {
            break;
        }
    }
    text
}

/// How grave it is, what it is about, and where.
fn with_names(envelope: &Envelope<'_>, letter: &Letter<'_>, longest: usize) -> String {
    let show = |text: &str| shown(text, longest);
    let severity = match letter.status {
        Some(Status::Resolved) => Status::Resolved.word(),
        _ => letter.severity.word(),
    };
    let mut text = format!("{}: {}", severity.to_ascii_uppercase(), letter.headline.show(show));
    if let Some(code) = letter.error_code() {
        let _ = write!(text, " ({})", show(code));
    }
    let track = letter.data.track.as_deref().map(show);
    let nodegroups = first_of_many(envelope, letter).map(|(first, count)| match count.saturating_sub(1) {
        0 => show(&first),
        more => format!("{} and {more} more", show(&first)),
    });
    for place in track.into_iter().chain(nodegroups).chain([shown(envelope.region, REGION)]) {
        let _ = write!(text, ", {place}");
    }
    text
}

/// The first node group of a letter that may be about many, and how many there are.
fn first_of_many(envelope: &Envelope<'_>, letter: &Letter<'_>) -> Option<(String, usize)> {
    let names = envelope.members.as_ref().or(letter.data.nodegroups.as_ref())?;
    Some((names.names.first()?.to_string(), names.count))
}

/// A text that others wrote, in the GSM 7-bit alphabet. Where a name is too long, the cluster's and the node group's keep their
/// beginning and their end.
fn shown(text: &str, longest: usize) -> String {
    match text.split_once('/') {
        Some((cluster, nodegroup)) => format!("{}/{}", shortened(cluster, longest), shortened(nodegroup, longest)),
        None => shortened(text, longest),
    }
}

fn shortened(text: &str, longest: usize) -> String {
    let text: String = text.chars().map(|character| if septets_of(character) > 0 { character } else { '?' }).collect();
    if septets(&text) <= longest {
        return text;
    }
    let room = longest.saturating_sub(2);
    let end: String = fitting(text.chars().rev(), room / 2).chars().rev().collect();
    format!("{}..{end}", fitting(text.chars(), room - room / 2))
}

/// The first characters, as many as there is room for.
fn fitting(characters: impl Iterator<Item = char>, room: usize) -> String {
    let mut left = room;
    let fits = |character: &char| {
        let rest = left.checked_sub(septets_of(*character));
        left = rest.unwrap_or(left);
        rest.is_some()
    };
    characters.take_while(fits).collect()
}

fn septets(text: &str) -> usize {
    text.chars().map(septets_of).sum()
}

/// How many places of an SMS a character takes. None: it is not printable ASCII, or the alphabet lacks it, and one such character
/// would leave 70 places of 160.
fn septets_of(character: char) -> usize {
    match character {
        '`' => 0,
        '[' | '\\' | ']' | '^' | '{' | '|' | '}' | '~' => 2,
        ' '..='~' => 1,
        _ => 0,
    }
}
