//! What a chat shows: a
//! [custom notification](https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html) of Amazon Q Developer in
//! chat applications, which subscribes by `https`.
//!
//! Slack and Microsoft Teams differ in what is bold and what is a link, so the text has neither.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::email::printable;
use super::message::Writer;
use crate::model::notice::NoticeKind;

/// The longest title.
const TITLE: usize = 250;
/// The longest description.
const DESCRIPTION: usize = 8_000;
/// How many next steps there are, and how long one is. AWS documents no limit; these are safe.
const STEPS: usize = 5;
const STEP: usize = 250;
/// How long the id of a thread is, and how long a key is by which pagers find duplicates: PagerDuty's limit.
const THREAD: usize = 200;
const KEY: usize = 255;
/// The longest value of the additional context.
const VALUE: usize = 256;

/// What the commands among the next steps begin with.
const PROGRAMS: [&str; 4] = ["aws ", "eks-nodegroup-updater ", "kubectl ", "sam "];
const MORE: &str = "There is more to do than is shown here: the e-mail and the JSON of this message have all of it.\n";

impl Writer<'_> {
    /// The notification, with what `machine` has for programs.
    pub(super) fn chat(&self, machine: &Value) -> Value {
        let code = self.error_code();
        let headline = self.headline(shown);
        let shown_code = code.map(|code| format!(" ({})", shown(code))).unwrap_or_default();
        let cluster = self.nodegroup().filter(|_| self.members.is_none()).map(|id| id.cluster());
        let (steps, is_all) = self.steps();
        let keywords = [Some(self.severity()), Some(self.notice.kind.code()), code, cluster, Some(self.region())];
        let keywords: Vec<String> = keywords.into_iter().flatten().map(|word| cut(&shown(word), STEP)).collect();
        json!({
            "version": "1.0",
            "source": "custom",
            "id": self.id,
            "content": without_empty_lists(json!({
                "textType": "client-markdown",
                "title": cut(&format!("{} {headline}{shown_code}", self.sign()), TITLE),
                "description": cut(&self.description(is_all), DESCRIPTION),
                "nextSteps": steps,
                "keywords": keywords,
            })),
            "metadata": without_empty_lists(json!({
                "threadId": self.thread(),
                "summary": cut(&headline, TITLE),
                "eventType": self.notice.kind.code(),
                "relatedResources": self.arns,
                "additionalContext": context(machine, code),
            })),
        })
    }

    /// By what pagers tell whether two messages are about one trouble: a node group and a release. What is about many node
    /// groups is a trouble of its own, since others may be left when some of them are well again.
    pub(super) fn dedup_key(&self) -> String {
        let of_one = self.thread_of_one().map(|thread| format!("{}/{thread}", self.account()));
        let kind = self.notice.kind.code();
        bounded(&of_one.unwrap_or_else(|| format!("{}/{}/{kind}/{}", self.account(), self.region(), self.id)), KEY)
    }

    fn thread(&self) -> String {
        let about = || self.release_version().unwrap_or(self.notice.kind.code());
        bounded(&self.thread_of_one().unwrap_or_else(|| format!("{}/{}", self.region(), about())), THREAD)
    }

    fn thread_of_one(&self) -> Option<String> {
        let id = self.nodegroup().filter(|_| self.members.is_none())?;
        let release = self.release_version().map(|release| format!("/{release}")).unwrap_or_default();
        Some(format!("{}/{id}{release}", self.region()))
    }

    fn sign(&self) -> char {
        match (self.status(), self.severity()) {
            (Some("resolved"), _) => '✔',
            (_, "critical" | "error") => '✗',
            (_, "warning") => '⚠',
            _ => 'ℹ',
        }
    }

    /// What matters most is first, so that what is cut off matters least.
    fn description(&self, shows_all_steps: bool) -> String {
        let more = if shows_all_steps { "" } else { MORE };
        let mut text = format!("{}\nNext: {}\n{more}", self.meaning(), shown(&self.next_action()));
        for (label, value) in self.facts() {
            let separator = if label.is_empty() { ", ".to_owned() } else { format!("\n{label}: ") };
            text.push_str(&separator);
            text.push_str(&shown(&value));
        }
        text
    }

    /// What to do, the shortest way to know more first; and whether that is all there is to do.
    fn steps(&self) -> (Vec<String>, bool) {
        let nodegroup = match &self.notice.kind {
            NoticeKind::RecordUnreadable(record) => Some(record.nodegroup.to_string()),
            _ => self.nodegroup().map(ToString::to_string),
        };
        let explain = nodegroup.map(|nodegroup| format!("eks-nodegroup-updater explain {nodegroup}"));
        let all: Vec<String> = explain.into_iter().chain(self.next_steps()).collect();
        let mut steps: Vec<String> = all.iter().filter_map(|step| step_shown(step)).collect();
        steps.truncate(STEPS);
        let is_all = steps.len() == all.len();
        (steps, is_all)
    }
}

/// An absent list is documented, an empty one is not.
fn without_empty_lists(mut members: Value) -> Value {
    if let Value::Object(members) = &mut members {
        members.retain(|_, value| value.as_array().is_none_or(|list| !list.is_empty()));
    }
    members
}

/// The members of the JSON that are one value, as strings; texts are in the description.
fn context(machine: &Value, error_code: Option<&str>) -> Map<String, Value> {
    let own = [("ActionGroup", Some("eks-nodegroup-updater")), ("errorCode", error_code)];
    let own = own.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
    let of_machine = machine.as_object().into_iter().flatten().filter_map(|(name, value)| match value {
        _ if matches!(name.as_str(), "version" | "meaning" | "nextAction") => None,
        Value::String(text) => Some((name.clone(), text.clone())),
        Value::Number(_) | Value::Bool(_) => Some((name.clone(), value.to_string())),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    });
    own.chain(of_machine).map(|(name, value)| (name, cut(&printable(&value), VALUE).into())).collect()
}

/// A step, where it fits. A command that was cut or changed would do something else, so that such a step is left out.
fn step_shown(step: &str) -> Option<String> {
    let (text, comment) = step.split_once("   # ").map_or((step, None), |(text, comment)| (text, Some(comment)));
    let is_command = PROGRAMS.iter().any(|program| text.starts_with(program));
    let alone = if is_command { code(text) } else { shown(text) };
    if is_command && alone != format!("`{text}`") {
        return None;
    }
    let explained = comment.map(|comment| format!("{alone} – {comment}"));
    explained.into_iter().chain([alone]).find(|shown| length(shown) <= STEP)
}

/// A text that others may have written, so that it reads the same in Slack, in Teams and anywhere else: as code, unless
/// nothing in it could be formatting, a link, a mention or an emoji.
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

/// In a code span formatting does not act, but a backtick ends it, and Slack reads `<!channel>`, `&lt;` and links there as
/// well. Similar characters stand for these: unlike an invisible one in between, a reader sees that they differ. The other
/// texts of the message have the characters themselves.
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

/// In UTF-16, in which no text is shorter than in Unicode's characters: AWS does not say which it counts.
fn length(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// This long at most, without an open code span at the end.
fn cut(text: &str, limit: usize) -> String {
    if length(text) <= limit {
        return text.to_owned();
    }
    let mut room = limit.saturating_sub(2);
    let fits = |character: &char| {
        let rest = room.checked_sub(character.len_utf16());
        room = rest.unwrap_or(room);
        rest.is_some()
    };
    let mut kept: String = text.chars().take_while(fits).collect();
    let is_open = kept.matches('`').count() % 2 == 1;
    if is_open && kept.ends_with('`') {
        kept.pop();
    } else if is_open {
        kept.push('`');
    }
    format!("{kept}…")
}

/// The key, this long at most. Of a longer one, a hash stands for the end.
fn bounded(key: &str, limit: usize) -> String {
    let key = printable(key);
    if length(&key) <= limit {
        return key;
    }
    let hash = Uuid::new_v5(&Uuid::NAMESPACE_URL, key.as_bytes()).to_string();
    format!("{}{hash}", cut(&key, limit.saturating_sub(hash.len())))
}
