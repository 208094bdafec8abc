//! The SMS: a single one, because each further one costs, and
//! [SNS drops what is longer than 1,600 characters](https://docs.aws.amazon.com/sns/latest/api/API_Publish.html).

use std::fmt::Write as _;

use crate::notify::letter::{Envelope, Letter, Status};

/// The length of the text: an SMS has 160 characters of the GSM 7-bit alphabet, minus the 24 that
/// [SNS puts before it](https://docs.aws.amazon.com/sns/latest/dg/sms_publish-to-topic.html): the display name of the topic, `>`
/// and a space.
const SEPTETS: usize = 160 - 24;
/// The maximum length of a cluster's name, and the minimum length when it is shortened.
const LONGEST: usize = 100;
const SHORTEST: usize = 6;
/// The maximum length of a region's name.
const REGION: usize = 20;

/// One line, with names as long as the space allows.
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

/// The severity, the subject and the place.
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

/// The first node group of a letter, and their number.
fn first_of_many(envelope: &Envelope<'_>, letter: &Letter<'_>) -> Option<(String, usize)> {
    let names = envelope.members.as_ref().or(letter.data.nodegroups.as_ref())?;
    Some((names.names.first()?.to_string(), names.count))
}

/// A text from elsewhere, in the GSM 7-bit alphabet. If a name is too long, the cluster's and the node group's names keep their
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

/// The first characters, as many as fit.
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

/// How many characters of an SMS a character uses. `None` if it is not printable ASCII, or not in the alphabet: a single such
/// character would reduce the 160 characters to 70.
fn septets_of(character: char) -> usize {
    match character {
        '`' => 0,
        '[' | '\\' | ']' | '^' | '{' | '|' | '}' | '~' => 2,
        ' '..='~' => 1,
        _ => 0,
    }
}
