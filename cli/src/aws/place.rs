//! An account and a region, and reading several of them at once.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_config::SdkConfig;
use eks_nodegroup_updater::aws::concurrently;
use eks_nodegroup_updater::aws::endpoints::{self, Service};
use eks_nodegroup_updater::aws::pace::Eks;
use eks_nodegroup_updater::summary::Throttled;
use futures_util::stream;
use tokio::time::timeout;

use super::enabled;
use super::location::name_of;
use super::unread::Unread;
use crate::failure::{Exit, Failure};
use terminal::output::say;

/// An account and a region, and the credentials for it.
#[derive(Clone, Debug)]
pub struct Place {
    /// The profile, if the command line names one.
    pub profile: Option<String>,
    /// The region.
    pub region: String,
    /// Region and credentials, for every client.
    pub configuration: SdkConfig,
    /// EKS, at the pace that the account allows in this region.
    pub eks: Eks,
    /// The options that name this place and the stack, as they were given, with a leading space: for the commands in hints.
    pub options: String,
    /// Whether the command is about several.
    pub is_one_of_several: bool,
    /// How long reading it is allowed to take.
    pub timeout: Option<Duration>,
    /// Whether it is read again and again. Then the page and the interval show that EKS slows the calls down.
    pub is_watched: bool,
}

/// The answers of several places, and those that could not be read.
#[derive(Debug)]
pub struct Answers<T> {
    /// In the order of the places.
    pub answers: Vec<T>,
    /// What could not be read.
    pub unread: Vec<Unread>,
    /// The number of places.
    pub places: usize,
}

impl<T> Answers<(T, Vec<Unread>)> {
    /// The answers, and everything that could not be read: places, and parts of them.
    pub fn gathered(self) -> Answers<T> {
        let Self { answers, mut unread, places } = self;
        let (answers, missing): (Vec<T>, Vec<Vec<Unread>>) = answers.into_iter().unzip();
        unread.extend(missing.into_iter().flatten());
        Answers { answers, unread, places }
    }
}

impl Place {
    /// The place of a configuration that has its region.
    pub fn new(profile: Option<String>, configuration: SdkConfig) -> Self {
        let region = configuration.region().map_or("", |region| region.as_ref()).to_owned();
        let eks = Eks::new((&*endpoints::of(&configuration, Service::Eks)).into());
        Self {
            profile,
            region,
            configuration,
            eks,
            options: String::new(),
            is_one_of_several: false,
            timeout: None,
            is_watched: false,
        }
    }

    /// Its name in messages: the region, after the profile if the command line names one.
    pub fn name(&self) -> String {
        name_of(self.profile.as_deref(), Some(&self.region))
    }

    /// Prints that EKS slowed the calls down, if it was for long.
    pub fn say_throttling(&self) {
        self.say_throttled(Throttled::of(self.eks.take_throttling()));
    }

    /// The same of a run.
    pub fn say_throttled(&self, throttled: Option<Throttled>) {
        if let Some(Throttled { refusals, waited_seconds }) = throttled.filter(|_| !self.is_watched) {
            say(format!(
                "warning: {}: EKS throttles this account; it refused {refusals} calls, and calls waited {waited_seconds} s in \
                 total. Nothing is missing for it, but find out what else calls EKS so often",
                self.name()
            ));
        }
    }

    /// Waits for work as long as reading this place is allowed to take.
    ///
    /// # Errors
    /// As of the work, and when it takes longer.
    pub async fn in_time<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let Some(limit) = self.timeout else { return work.await };
        let too_long = || {
            let seconds = limit.as_secs();
            Failure::new(format!("not read within {seconds} s, the --timeout"))
                .hint("Give it more time with --timeout, or leave it out.")
        };
        timeout(limit, work).await.unwrap_or_else(|_| Err(too_long()))
    }
}

/// Reads each place, several at once. One that cannot be read stops no other; a failure of wrong usage stops all.
///
/// # Errors
/// When there is only one place, and it could not be read; and of wrong usage.
pub async fn everywhere<T>(
    places: Vec<Place>,
    read: impl AsyncFn(&Place) -> Result<T, Failure>,
) -> Result<Answers<T>, Failure> {
    let number = places.len();
    let mut all = Answers { answers: Vec::new(), unread: Vec::new(), places: number };
    let (mut failed, mut not_deployed) = (Vec::new(), Vec::new());
    for (place, answer) in each(places, read).await {
        place.say_throttling();
        match answer {
            Ok(answer) => all.answers.push(answer),
            Err(failure) if number == 1 || failure.exit == Exit::Usage => return Err(failure),
            Err(failure) if failure.exit == Exit::NotDeployed => not_deployed.push((place, failure)),
            Err(failure) => failed.push(Unread::of_place(&place, failure)),
        }
    }
    say_not_deployed(all.answers.is_empty() && failed.is_empty(), not_deployed)?;
    all.unread = failed;
    Ok(all)
}

/// Prints where the updater is not deployed, which is no error unless that is so of all places.
fn say_not_deployed(is_all: bool, not_deployed: Vec<(Place, Failure)>) -> Result<(), Failure> {
    let places: Vec<String> = not_deployed.iter().map(|(place, _)| place.name()).collect();
    let message = format!("the updater is not deployed in {}", places.join("; "));
    match not_deployed.into_iter().next() {
        None => Ok(()),
        Some((_, first)) if is_all => Err(Failure { message, ..first }),
        Some(_) => {
            say(format!("note: {message}"));
            Ok(())
        }
    }
}

/// Reads each place, several at once: the answers in the order of the places.
pub async fn each<T>(
    places: Vec<Place>,
    read: impl AsyncFn(&Place) -> Result<T, Failure>,
) -> Vec<(Place, Result<T, Failure>)> {
    let read = &read;
    let calls = places.into_iter().map(|place| async move {
        let answer = place.in_time(read(&place)).await;
        (place, answer)
    });
    let answers = concurrently(stream::iter(calls)).await;
    let is_valid = |answer: &Result<T, Failure>| answer.as_ref().err().is_none_or(|it| it.exit == Exit::NotDeployed);
    let valid = answers.iter().filter(|(_, answer)| is_valid(answer)).map(|(place, _)| place.profile.clone());
    let valid: BTreeSet<Option<String>> = valid.collect();
    let mut all = Vec::new();
    for (place, answer) in answers {
        let answer = match answer {
            Ok(answer) => Ok(answer),
            // Credentials that are refused here and valid elsewhere.
            Err(failure) => Err(match valid.contains(&place.profile) {
                true if enabled::is_of_credentials(&failure) => enabled::not_enabled(&place, failure),
                true => failure,
                false => enabled::explained(&place, failure).await,
            }),
        };
        all.push((place, answer));
    }
    all
}
