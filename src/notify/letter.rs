//! The content of a message or an event, independent of its format.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use crate::model::attempt::error_code::Cause;
use crate::model::attempt::hold::Hold;
use crate::model::attempt::{ErrorDetail, StartedBy};
use crate::model::id::NodegroupId;
use crate::model::id::names::Names;
use crate::model::nodegroup::owner::Owner;
use crate::model::nodegroup::policy::InvalidTag;
use crate::model::notice::Digest;
use crate::model::notice::stale::Stale;
use crate::model::notice::support::SupportEnded;

/// The envelope of a letter: the data that every kind has.
pub(super) struct Envelope<'a> {
    /// Its id: the id of its notice, or its own id if it covers many.
    pub(super) id: String,
    /// The ids of all notices that it covers.
    pub(super) ids: Vec<String>,
    /// The ids of their updates.
    pub(super) update_ids: Vec<String>,
    /// The code of its kind.
    pub(super) kind: &'static str,
    /// When it was noticed.
    pub(super) at: Timestamp,
    pub(super) region: &'a str,
    pub(super) account: &'a str,
    /// The node group, if it is about a single one.
    pub(super) nodegroup: Option<&'a NodegroupId>,
    /// The node groups, if it is about many.
    pub(super) members: Option<Names>,
    /// The ARNs of the node groups, twenty at most.
    pub(super) arns: Vec<&'a str>,
}

/// The content.
pub(super) struct Letter<'a> {
    pub(super) severity: Severity,
    /// Whether it reports a problem, or the end of one; `None` for neither.
    pub(super) status: Option<Status>,
    /// One line.
    pub(super) headline: Headline,
    /// The facts, for people.
    pub(super) facts: Vec<Fact>,
    /// What it means.
    pub(super) meaning: Cow<'static, str>,
    /// What to do, the most useful first.
    pub(super) steps: Vec<Step>,
    /// What the updater does next.
    pub(super) next: Next,
    /// The facts, for programs.
    pub(super) data: Data<'a>,
}

/// Its severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::IntoStaticStr)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub(super) enum Severity {
    Critical,
    Error,
    Warning,
    Info,
}

/// Whether a problem has begun or ended, in the words of Alertmanager.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::IntoStaticStr)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub(super) enum Status {
    Firing,
    Resolved,
}

/// A line of text with names from elsewhere, which each renderer makes safe for its format.
pub(super) struct Headline(Vec<Part>);

enum Part {
    Text(Cow<'static, str>),
    Name(String),
}

/// A label, and one or more values.
pub(super) struct Fact {
    pub(super) label: &'static str,
    pub(super) values: Vec<String>,
}

/// Something to do.
pub(super) struct Step {
    pub(super) action: Action,
    /// What it does, or when to do it.
    pub(super) comment: Option<Cow<'static, str>>,
    /// An equivalent command for people who have not installed this project's command line.
    pub(super) otherwise: Option<String>,
}

pub(super) enum Action {
    /// A command to paste into a shell. It must never be truncated or changed.
    Command(String),
    Advice(Cow<'static, str>),
}

/// What the updater does next.
pub(super) struct Next {
    pub(super) sentence: Cow<'static, str>,
    /// When it retries, if it does.
    pub(super) at: Option<Timestamp>,
}

/// The data of a kind: the members of the JSON, `null` if they do not apply; and data for the renderers.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Data<'a> {
    pub(super) release_version: Option<&'a str>,
    pub(super) launch_template: Option<&'a str>,
    pub(super) previous_release_version: Option<&'a str>,
    pub(super) kubernetes_version: Option<&'a str>,
    /// The release track, if it is about one and not about one node group.
    pub(super) track: Option<String>,
    pub(super) started_by: Option<StartedBy>,
    /// The run that received the rollback request.
    pub(super) rollback: Option<&'a str>,
    pub(super) force: Option<bool>,
    pub(super) attempt: Option<u32>,
    pub(super) update_id: Option<&'a str>,
    pub(super) started_at: Option<Timestamp>,
    pub(super) ended_at: Option<Timestamp>,
    pub(super) duration_seconds: Option<i64>,
    /// The update's errors that fit.
    pub(super) errors: Vec<ErrorDetail>,
    pub(super) health: Option<Vec<String>>,
    pub(super) cause: Option<Cause>,
    pub(super) failed_on: Option<&'a Names>,
    pub(super) ran_on: Option<&'a Names>,
    pub(super) same_build: Option<&'a [String]>,
    pub(super) quarantined_in: Option<&'a str>,
    pub(super) runs: Option<&'a str>,
    pub(super) published_at: Option<Timestamp>,
    pub(super) running_on: Option<&'a Names>,
    pub(super) tag: Option<&'a InvalidTag>,
    pub(super) stale: Option<&'a Stale>,
    pub(super) support: Option<&'a SupportEnded>,
    pub(super) digest: Option<&'a Digest>,
    pub(super) owner: Option<Owner>,
    pub(super) downgraded: Option<&'a Hold>,
    /// The cause in an event, as one word: AWS's error code, the reason of the decision, or the status of the update.
    #[serde(skip)]
    pub(super) reason: Cow<'a, str>,
    /// The cause that similar letters about other node groups share: with the same kind and release, those become one.
    #[serde(skip)]
    pub(super) similar: Cow<'a, str>,
    /// The node groups of a letter that is not about a single one; short texts name the first.
    #[serde(skip)]
    pub(super) nodegroups: Option<Names>,
}

impl Letter<'_> {
    /// AWS's error code, if AWS gave one.
    pub(super) fn error_code(&self) -> Option<&str> {
        self.data.errors.first().map(|error| error.error_code.as_str())
    }
}

impl Severity {
    pub(super) fn word(self) -> &'static str {
        self.into()
    }
}

impl Status {
    pub(super) fn word(self) -> &'static str {
        self.into()
    }
}

impl Headline {
    pub(super) fn text(text: impl Into<Cow<'static, str>>) -> Self {
        Self(vec![Part::Text(text.into())])
    }

    pub(super) fn name(name: impl Into<String>) -> Self {
        Self(vec![Part::Name(name.into())])
    }

    pub(super) fn then(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.0.push(Part::Text(text.into()));
        self
    }

    pub(super) fn then_name(mut self, name: impl Into<String>) -> Self {
        self.0.push(Part::Name(name.into()));
        self
    }

    /// The line, with each name rendered by `show`.
    pub(super) fn show(&self, show: impl Fn(&str) -> String) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.to_string(),
            Part::Name(name) => show(name),
        };
        self.0.iter().map(part).collect()
    }
}

impl fmt::Display for Headline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.show(str::to_owned))
    }
}

impl Fact {
    pub(super) fn new(label: &'static str, value: impl Into<String>) -> Self {
        Self { label, values: vec![value.into()] }
    }

    /// A time, in seconds.
    pub(super) fn at(label: &'static str, at: Timestamp) -> Self {
        Self::new(label, format!("{at:.0}"))
    }
}

impl Step {
    pub(super) fn command(command: impl Into<String>) -> Self {
        Self { action: Action::Command(command.into()), comment: None, otherwise: None }
    }

    pub(super) fn advice(advice: impl Into<Cow<'static, str>>) -> Self {
        Self { action: Action::Advice(advice.into()), comment: None, otherwise: None }
    }

    /// Adds a comment.
    pub(super) fn comment(self, comment: impl Into<Cow<'static, str>>) -> Self {
        Self { comment: Some(comment.into()), ..self }
    }

    /// Adds an equivalent command.
    pub(super) fn or(self, otherwise: impl Into<String>) -> Self {
        Self { otherwise: Some(otherwise.into()), ..self }
    }

    /// One line for each equivalent command.
    pub(super) fn lines(&self) -> impl Iterator<Item = String> {
        let action = match &self.action {
            Action::Command(command) => command,
            Action::Advice(advice) => advice.as_ref(),
        };
        let comment = self.comment.as_ref().map(|comment| format!("   # {comment}")).unwrap_or_default();
        let otherwise =
            self.otherwise.as_ref().map(|command| format!("{command}   # the same, without the command line"));
        [format!("{action}{comment}")].into_iter().chain(otherwise)
    }
}

impl Next {
    pub(super) fn new(sentence: impl Into<Cow<'static, str>>) -> Self {
        Self { sentence: sentence.into(), at: None }
    }

    /// Node groups are updated as before.
    pub(super) fn as_before() -> Self {
        Self::new("Node groups are kept up to date under their rules.")
    }
}
