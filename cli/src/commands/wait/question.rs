//! What is waited for in each place, and what is known of it.

use std::collections::BTreeMap;

use clap::ValueEnum;
use eks_nodegroup_updater::model::id::{NodegroupId, NodegroupName, NodegroupPattern};

use super::item::{Item, Subject, Verdict};
use super::updates::{Status, Update};
use super::{decisions, updates};
use crate::aws::looks::{Cost, Seen};
use crate::aws::nodegroups::{Described, no_such_nodegroup};
use crate::aws::place::Place;
use crate::aws::stack::Deployment;
use crate::aws::unread::{self, Unread, What};
use crate::commands::selection::Selection;
use crate::failure::{Exit, Failure};

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub enum For {
    /// No update of them is in progress
    Ended,
    /// Each of them is current
    Current,
}

/// What to wait for, and where.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    pub until: For,
    pub patterns: &'a [NodegroupPattern],
    pub selection: &'a Selection,
    pub stack: Option<&'a str>,
}

/// What is known of a place.
#[derive(Clone, Default)]
pub struct Answer {
    items: Vec<Item>,
    /// What could not be listed.
    unread: Vec<Unread>,
    /// The stack, if a dry run needed it.
    deployment: Option<Deployment>,
}

/// What is known of every place.
#[derive(Default)]
pub struct Known {
    places: BTreeMap<String, Here>,
    /// Profiles without credentials.
    profiles: Vec<Unread>,
}

/// A place, and what the last look at it showed.
struct Here {
    place: Place,
    answer: Option<Answer>,
    failure: Option<Failure>,
    cost: Cost,
}

impl Question<'_> {
    /// Looks at a place, after what is known of it.
    ///
    /// # Errors
    /// When nothing can be read there.
    pub async fn look(&self, place: &Place, known: Option<&Answer>) -> Result<Answer, Failure> {
        let mut answer = match known {
            Some(known) => known.clone(),
            None => self.choose(place).await?,
        };
        match self.until {
            For::Ended => answer.items = updates::look(place, answer.items).await,
            For::Current if answer.items.is_empty() => {}
            For::Current => {
                let deployment = match answer.deployment {
                    Some(deployment) => deployment,
                    None => Deployment::required(&place.configuration, self.stack).await?,
                };
                answer.items = decisions::look(place, &deployment, answer.items).await?;
                answer.deployment = Some(deployment);
            }
        }
        match answer.nothing_read() {
            Some(failure) => Err(failure),
            None => Ok(answer),
        }
    }

    /// The node groups of a place.
    async fn choose(&self, place: &Place) -> Result<Answer, Failure> {
        let (described, unread) = self.selection.described(place, self.patterns, self.stack).await?;
        if let Some(first) = unread.first()
            && unread::exit(&unread, Exit::Done) != Exit::Denied
        {
            // Another look may list it.
            return Err(Failure::new(format!("{}: {}", first.what, first.error)));
        }
        let items = described.into_iter().map(|Described { name, description }| {
            let unknown = match self.until {
                For::Ended => Subject::Update(Update::new(&name, Status::Unknown)),
                For::Current => Subject::Decision(Box::new(decisions::undecided(&name))),
            };
            let item = Item::new(place, name.clone(), unknown).chosen_by(self.patterns);
            let nodegroup = match description {
                Ok(nodegroup) => nodegroup,
                Err(failure) => return item.with(Err(failure)),
            };
            let id = nodegroup.nodegroup_arn().and_then(NodegroupId::from_arn);
            let item = item.in_account(id.as_ref().map(NodegroupId::account));
            match self.until {
                For::Ended => item.with(Ok(Subject::Update(Update::of_description(&name, &nodegroup)))),
                For::Current => item,
            }
        });
        Ok(Answer { items: items.collect(), unread, deployment: None })
    }
}

impl Answer {
    /// The first failure, if no node group that is not over could be read: then the place is at fault, and its credentials are
    /// loaded again.
    fn nothing_read(&self) -> Option<Failure> {
        let left = self.items.iter().filter(|item| !item.is_over());
        let failures: Option<Vec<_>> = left.map(|item| Some((&item.name, item.failure.as_ref()?))).collect();
        let (name, failure) = failures?.into_iter().next()?;
        Some(Failure { message: format!("{name}: {}", failure.message), ..failure.clone() })
    }

    /// Takes a failure of the place that lasts as one of each node group that is not over.
    fn give_up(&mut self, failure: &Failure) {
        for item in self.items.iter_mut().filter(|item| !item.is_over()) {
            item.failure = Some(failure.clone());
        }
    }
}

impl Known {
    /// Nothing, but profiles that cannot be read.
    pub fn new(profiles: Vec<Unread>) -> Self {
        Self { places: BTreeMap::new(), profiles }
    }

    /// The updates that a run started in a place.
    pub fn started(place: &Place, items: Vec<Item>) -> Self {
        let answer = Some(Answer { items, ..Answer::default() });
        let here = Here { place: place.clone(), answer, failure: None, cost: Cost::default() };
        Self { places: [(place.name(), here)].into(), profiles: Vec::new() }
    }

    /// What is known of a place.
    pub fn of(&self, place: &Place) -> Option<&Answer> {
        self.places.get(&place.name())?.answer.as_ref()
    }

    /// Takes over what a look showed.
    pub fn take(&mut self, seen: Vec<Seen<Answer>>) {
        for Seen { place, answer } in seen {
            let pace = place.eks.calls_a_second();
            let here = self.places.entry(place.name()).or_insert_with(|| Here {
                place,
                answer: None,
                failure: None,
                cost: Cost::default(),
            });
            match answer {
                Ok((answer, took)) => {
                    // The retries of calls without an answer cost the account nothing.
                    if answer.items.iter().all(|item| item.failure.is_none()) {
                        here.cost.took = took;
                    }
                    (here.answer, here.failure) = (Some(answer), None);
                }
                Err(failure) => match &mut here.answer {
                    // What is known of the place is the last that there will be.
                    Some(answer) if failure.lasts() => {
                        answer.give_up(&failure);
                        here.failure = None;
                    }
                    _ => here.failure = Some(failure),
                },
            }
            let left = |answer: &Answer| answer.items.iter().filter(|item| !item.is_over()).count();
            here.cost = Cost { calls: here.answer.as_ref().map_or(0, left), pace, ..here.cost };
        }
    }

    /// What the next look at each place needs.
    pub fn costs(&self) -> impl Iterator<Item = Cost> {
        self.places.values().map(|here| here.cost)
    }

    /// All node groups that are waited for.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.places.values().filter_map(|here| here.answer.as_ref()).flat_map(|answer| &answer.items)
    }

    /// Those that are not over.
    pub fn left(&self) -> impl Iterator<Item = &Item> {
        self.items().filter(|item| !item.is_over())
    }

    /// Whether the command is about one place.
    pub fn is_one_place(&self) -> bool {
        self.places.len() + self.profiles.len() == 1
    }

    /// Whether another look would show nothing new. To wait until all are current is over with the first that never will be.
    pub fn is_over(&self, until: For) -> bool {
        let is_known = |here: &Here| match &here.failure {
            Some(failure) => failure.lasts(),
            None => here.answer.is_some(),
        };
        let never = until == For::Current && self.items().any(|item| item.verdict() == Verdict::Failed);
        never || (self.places.values().all(is_known) && self.left().next().is_none())
    }

    /// Failures that may pass: of places, and of node groups.
    pub fn passing_failures(&self) -> Vec<(String, &Failure)> {
        let mut failures = Vec::new();
        for (name, here) in &self.places {
            failures.extend(here.failure.iter().map(|failure| (name.clone(), failure)));
            let items = here.answer.iter().flat_map(|answer| &answer.items);
            failures.extend(items.filter_map(|item| Some((item.name.to_string(), item.failure.as_ref()?))));
        }
        failures.retain(|(_, failure)| !failure.lasts());
        failures
    }

    /// What could not be read at the end.
    pub fn unread(&self) -> Vec<Unread> {
        let mut unread = self.profiles.clone();
        for here in self.places.values() {
            unread.extend(here.failure.iter().map(|failure| Unread::of_place(&here.place, failure.clone())));
            if let Some(Answer { items, unread: unlisted, .. }) = &here.answer {
                unread.extend(unlisted.iter().cloned());
                let of_item = |item: &Item| {
                    Some(Unread::of(&here.place, What::Nodegroup(item.name.to_string()), item.failure.clone()?))
                };
                unread.extend(items.iter().filter_map(of_item));
            }
        }
        unread
    }

    /// The failure of the only place, if it lasts and nothing was read there.
    pub fn only_failure(&self) -> Option<&Failure> {
        let only = self.places.values().next().filter(|here| self.is_one_place() && here.answer.is_none())?;
        only.failure.as_ref().filter(|failure| failure.lasts())
    }

    /// Checks that each pattern names a node group. What could not be read might have it.
    ///
    /// # Errors
    /// When one names none.
    pub async fn check(&self, question: &Question<'_>) -> Result<(), Failure> {
        let is_complete = |here: &Here| here.answer.as_ref().is_some_and(|answer| answer.unread.is_empty());
        if !self.profiles.is_empty() || !self.places.values().all(is_complete) {
            return Ok(());
        }
        let Some(Here { place, .. }) = self.places.values().next() else { return Ok(()) };
        let names: Vec<&NodegroupName> = self.items().map(|item| &item.name).collect();
        for pattern in question.patterns {
            if question.selection.is_empty() && !names.iter().any(|name| pattern.matches(name)) {
                return Err(no_such_nodegroup(place, pattern).await);
            }
        }
        if names.is_empty() { Err(Failure::new("no node group is selected")) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::fixture::place;

    fn item(name: &str, status: Status) -> Item {
        let name: NodegroupName = name.parse().unwrap();
        Item::new(&place(), name.clone(), Subject::Update(Update::new(&name, status)))
    }

    fn seen(answer: Result<Answer, Failure>) -> Vec<Seen<Answer>> {
        vec![Seen { place: place(), answer: answer.map(|answer| (answer, Duration::ZERO)) }]
    }

    #[test]
    fn a_permission_that_is_taken_away_ends_the_waiting_and_what_was_known_stays() {
        let items = vec![item("prod/gpu", Status::Successful), item("prod/web", Status::InProgress)];
        let mut known = Known::started(&place(), items);
        known.take(seen(Err(Failure::of_text("ThrottlingException: Rate exceeded"))));
        assert_eq!((known.is_over(For::Ended), known.left().count(), known.passing_failures().len()), (false, 1, 1));
        known.take(seen(Err(Failure::of_text("AccessDeniedException: not authorized"))));
        assert_eq!((known.is_over(For::Ended), known.left().count(), known.passing_failures().len()), (true, 0, 0));
        assert_eq!(unread::exit(&known.unread(), Exit::Done), Exit::Denied);
        assert_eq!(known.items().map(|item| item.verdict()).collect::<Vec<_>>(), [Verdict::Done, Verdict::Waits]);
    }

    #[test]
    fn a_place_in_which_nothing_could_be_read_is_at_fault_itself() {
        let failed = |name| item(name, Status::InProgress).with(Err(Failure::new("no route to host")));
        let nothing_read = |items| Answer { items, ..Answer::default() }.nothing_read().map(|failure| failure.message);
        let message = Some("prod/web: no route to host".to_owned());
        assert_eq!(
            nothing_read(vec![item("prod/gpu", Status::Successful), failed("prod/web"), failed("prod/api")]),
            message
        );
        assert_eq!(nothing_read(vec![item("prod/gpu", Status::InProgress), failed("prod/web")]), None);
        assert_eq!(nothing_read(vec![item("prod/gpu", Status::Successful)]), None);
    }
}
