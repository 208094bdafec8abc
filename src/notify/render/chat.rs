//! The message in a chat: a
//! [custom notification](https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html) of Amazon Q Developer in
//! chat applications, which subscribes by `https`.
//!
//! Slack and Microsoft Teams differ in the syntax of bold text and links, so the text has neither.

use serde_json::{Map, Value, json};

use super::keys::thread;
use super::printable::{cut, length, printable};
use crate::notify::letter::{Action, Envelope, Letter, Severity, Status, Step};

/// The maximum length of the title.
const TITLE: usize = 250;
/// The maximum length of the description.
const DESCRIPTION: usize = 8_000;
/// The maximum number of next steps, and the maximum length of one. AWS documents no limit; these are safe.
const STEPS: usize = 5;
const STEP: usize = 250;
/// The maximum length of a value in the additional context.
const VALUE: usize = 256;

const MORE: &str = "Not all steps fit here: the e-mail and the JSON of this message list all of them.\n";

/// The notification, with the JSON's data for programs.
pub(in crate::notify) fn chat(envelope: &Envelope<'_>, letter: &Letter<'_>, json: &Map<String, Value>) -> Value {
    let code = letter.error_code();
    let headline = letter.headline.show(shown);
    let shown_code = code.map(|code| format!(" ({})", shown(code))).unwrap_or_default();
    let (steps, is_all) = steps(letter);
    json!({
        "version": "1.0",
        "source": "custom",
        "id": envelope.id,
        "content": without_empty_lists(json!({
            "textType": "client-markdown",
            "title": cut(&format!("{} {headline}{shown_code}", sign(letter)), TITLE),
            "description": cut(&description(letter, is_all), DESCRIPTION),
            "nextSteps": steps,
            "keywords": keywords(envelope, letter),
        })),
        "metadata": without_empty_lists(json!({
            "threadId": thread(envelope, letter),
            "summary": cut(&headline, TITLE),
            "eventType": envelope.kind,
            "relatedResources": envelope.arns,
            "additionalContext": context(json, code),
        })),
    })
}

fn sign(letter: &Letter<'_>) -> char {
    match (letter.status, letter.severity) {
        (Some(Status::Resolved), _) => '✔',
        (_, Severity::Critical | Severity::Error) => '✗',
        (_, Severity::Warning) => '⚠',
        (_, Severity::Info) => 'ℹ',
    }
}

fn keywords(envelope: &Envelope<'_>, letter: &Letter<'_>) -> Vec<String> {
    let cluster = envelope.nodegroup.map(|id| id.cluster());
    let words =
        [Some(letter.severity.word()), Some(envelope.kind), letter.error_code(), cluster, Some(envelope.region)];
    words.into_iter().flatten().map(|word| cut(&shown(word), STEP)).collect()
}

/// The most important part is first, so that truncation affects the least important.
fn description(letter: &Letter<'_>, shows_all_steps: bool) -> String {
    let more = if shows_all_steps { "" } else { MORE };
    let mut text = format!("{}\nNext: {}\n{more}", letter.meaning, shown(&letter.next.sentence));
    for fact in &letter.facts {
        let values: Vec<String> = fact.values.iter().map(|value| shown(value)).collect();
        text.push_str(&format!("\n{}: {}", fact.label, values.join(", ")));
    }
    text
}

/// The steps that fit, and whether they are all. Of two equivalent commands, the shorter one is enough.
fn steps(letter: &Letter<'_>) -> (Vec<String>, bool) {
    let mut steps: Vec<String> = letter.steps.iter().filter_map(step).collect();
    steps.truncate(STEPS);
    let is_all = steps.len() == letter.steps.len();
    (steps, is_all)
}

/// A step, if it fits. A truncated command would do something else, so such a step is left out.
fn step(step: &Step) -> Option<String> {
    let alone = match &step.action {
        Action::Command(command) => Some(code(command)).filter(|code| *code == format!("`{command}`"))?,
        Action::Advice(advice) => shown(advice),
    };
    let explained = step.comment.as_ref().map(|comment| format!("{alone} – {comment}"));
    explained.into_iter().chain([alone]).find(|shown| length(shown) <= STEP)
}

/// An absent list is documented, an empty one is not.
fn without_empty_lists(mut members: Value) -> Value {
    if let Value::Object(members) = &mut members {
        members.retain(|_, value| value.as_array().is_none_or(|list| !list.is_empty()));
    }
    members
}

/// The members of the JSON that are one value, as strings; texts are in the description.
fn context(json: &Map<String, Value>, error_code: Option<&str>) -> Map<String, Value> {
    let own = [("ActionGroup", Some("eks-nodegroup-updater")), ("errorCode", error_code)];
    let own = own.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
    let of_json = json.iter().filter_map(|(name, value)| match value {
        _ if matches!(name.as_str(), "version" | "meaning" | "nextAction") => None,
        Value::String(text) => Some((name.clone(), text.clone())),
        Value::Number(_) | Value::Bool(_) => Some((name.clone(), value.to_string())),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    });
    own.chain(of_json).map(|(name, value)| (name, cut(&printable(&value), VALUE).into())).collect()
}

/// A text from elsewhere, which must look the same in Slack, in Teams and anywhere else: as code, unless nothing in it could be
/// formatting, a link, a mention or an emoji.
fn shown(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { code(text) }
}

fn is_plain(text: &str) -> bool {
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let is_harmless = match character {
            // `example.com` becomes a link and `:bomb:` an emoji.
            '.' | ':' => characters.peek().is_none_or(|next| *next == ' ' || next.is_ascii_digit()),
            ' ' | ',' | ';' | '-' | '/' | '(' | ')' | '=' | '+' | '\'' => true,
            _ => character.is_ascii_alphanumeric(),
        };
        if !is_harmless {
            return false;
        }
    }
    true
}

/// In a code span formatting has no effect, but a backtick ends it, and Slack still interprets `<!channel>`, `&lt;` and links.
/// They are replaced by similar characters: unlike with an invisible one in between, a reader can see the difference. The other
/// texts of the message have the original characters.
fn code(text: &str) -> String {
    let similar = |character: char| match character {
        '`' => 'ˋ',
        '<' => '‹',
        '>' => '›',
        '&' => '＆',
        '@' => '＠',
        _ => character,
    };
    let text = printable(text);
    if text.trim().is_empty() { String::new() } else { format!("`{}`", text.chars().map(similar).collect::<String>()) }
}
