//! A node group that is waited for, and what is known of it.

use eks_nodegroup_updater::model::id::{NodegroupName, NodegroupPattern};
use jiff::Timestamp;
use serde::Serialize;

use super::updates::Update;
use crate::aws::answer::DecisionLine;
use crate::aws::location::{Location, name_of};
use crate::aws::place::Place;
use crate::failure::Failure;
use terminal::kind::Kind;

/// A node group that is waited for.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    #[serde(flatten)]
    location: Location,
    /// What is known of it.
    #[serde(flatten)]
    pub subject: Subject,
    /// Its name.
    #[serde(skip)]
    pub name: NodegroupName,
    /// Whether the command line has its name, and not only a pattern that it matches.
    #[serde(skip)]
    is_named: bool,
    /// Why the last look did not show it.
    #[serde(skip)]
    pub failure: Option<Failure>,
}

/// What is waited for.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Subject {
    /// The end of an update.
    Update(Update),
    /// That it is current.
    Decision(Box<DecisionLine>),
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on by itself.
    Waits,
    /// It is as it is wanted.
    Done,
    /// It is not, and stays so until somebody acts.
    Failed,
}

impl Item {
    /// A node group of a place.
    pub fn new(place: &Place, name: NodegroupName, subject: Subject) -> Self {
        let Place { profile, region, .. } = place.clone();
        Self { location: Location { profile, account: None, region }, subject, name, is_named: false, failure: None }
    }

    /// The same in an account, if that is known.
    pub fn in_account(self, account: Option<&str>) -> Self {
        Self { location: Location { account: account.map(str::to_owned), ..self.location }, ..self }
    }

    /// The same, chosen by these patterns.
    pub fn chosen_by(self, patterns: &[NodegroupPattern]) -> Self {
        Self { is_named: patterns.iter().any(|pattern| pattern.literal() == Some(&self.name)), ..self }
    }

    /// The same with what a look showed, or did not show.
    pub fn with(self, seen: Result<Subject, Failure>) -> Self {
        match seen {
            Ok(subject) => Self { subject, failure: None, ..self },
            Err(failure) => Self { failure: Some(failure), ..self },
        }
    }

    /// How far it is.
    pub fn verdict(&self) -> Verdict {
        match self.kind() {
            Kind::Start | Kind::Updating | Kind::Waits => Verdict::Waits,
            Kind::Current => Verdict::Done,
            Kind::NeedsYou => Verdict::Failed,
            Kind::LeftAlone => match &self.subject {
                Subject::Decision(_) if self.is_named => Verdict::Failed,
                // There is nothing to wait for.
                Subject::Decision(_) | Subject::Update(_) => Verdict::Done,
            },
        }
    }

    /// Whether another look would show nothing new.
    pub fn is_over(&self) -> bool {
        self.verdict() != Verdict::Waits || self.failure.as_ref().is_some_and(Failure::lasts)
    }

    /// The attention that it needs from its reader.
    pub fn kind(&self) -> Kind {
        match &self.subject {
            Subject::Update(update) => update.status.kind(),
            Subject::Decision(line) => line.sign(),
        }
    }

    /// Its place, as people name it.
    pub fn place(&self) -> String {
        name_of(self.location.profile.as_deref(), Some(&self.location.region))
    }

    /// What is known of it, in words.
    pub fn words(&self, time: impl Fn(Timestamp) -> String) -> String {
        match &self.subject {
            Subject::Update(update) => update.words(time),
            Subject::Decision(line) => {
                let until = line.until.map(|until| format!("until {}: ", time(until))).unwrap_or_default();
                format!("{}: {until}{}", line.decision, line.reason)
            }
        }
    }
}
