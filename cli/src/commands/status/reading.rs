//! What the last looks at each place showed. A look that fails leaves what was read before.

use jiff::Timestamp;

use super::in_progress::{InProgress, draw_progress};
use super::region::Region;
use super::upcoming::{Upcoming, draw_upcoming};
use super::{Document, draw_each, draw_regions};
use crate::aws::looks::{Cost, Rhythm, Seen};
use crate::aws::place::Place;
use crate::aws::unread::{Unread, messages};
use crate::failure::Failure;
use terminal::kind::Kind;
use terminal::message::Message;
use terminal::page::{Page, Piece};

/// The lines of a terminal that are left to everything but the updates in progress, and the fewest that those get.
const OTHER_LINES: usize = 14;
const FEWEST_UPDATES: usize = 3;

/// What is known of each place.
#[derive(Default)]
pub struct Readings {
    places: Vec<Reading>,
    /// Profiles without credentials.
    profiles: Vec<Unread>,
}

/// What is known of a place.
struct Reading {
    place: Place,
    /// The last state that was read.
    read: Option<Read>,
    /// Why the last look failed, if it did.
    failure: Option<Failure>,
    cost: Cost,
}

/// A state that was read.
struct Read {
    region: Region,
    unread: Vec<Unread>,
    at: Timestamp,
}

impl Readings {
    /// Nothing yet, and profiles that cannot be read.
    pub fn new(profiles: Vec<Unread>) -> Self {
        Self { places: Vec::new(), profiles }
    }

    /// Takes over what a look showed at this time.
    pub fn take(&mut self, seen: Vec<Seen<(Region, Vec<Unread>)>>, now: Timestamp) {
        for Seen { place, answer } in seen {
            let index = self.places.iter().position(|it| it.place.name() == place.name()).unwrap_or_else(|| {
                self.places.push(Reading { place: place.clone(), read: None, failure: None, cost: Cost::default() });
                self.places.len() - 1
            });
            let Some(reading) = self.places.get_mut(index) else { continue };
            reading.cost.pace = place.eks.calls_a_second();
            match answer {
                Ok(((region, unread), took)) => {
                    (reading.cost.calls, reading.cost.took) = (region.nodegroups.all, took);
                    reading.read = Some(Read { region, unread, at: now });
                    reading.failure = None;
                }
                Err(failure) => reading.failure = Some(failure),
            }
        }
    }

    /// What the last look at each place needed.
    pub fn costs(&self) -> impl Iterator<Item = Cost> {
        self.places.iter().map(|reading| reading.cost)
    }

    /// The places that could not be read, if that is so of all and lasts.
    pub fn lasting(&self) -> Option<Vec<&Failure>> {
        let lasting = |reading: &Reading| reading.failure.as_ref().filter(|failure| failure.lasts()).is_some();
        self.places.iter().all(lasting).then(|| self.places.iter().filter_map(|it| it.failure.as_ref()).collect())
    }

    /// What the last look showed, for programs: without what is old.
    pub fn fresh(&self) -> Document<'_> {
        let read = self.places.iter().filter(|reading| reading.failure.is_none()).filter_map(|it| it.read.as_ref());
        let old = self.places.iter().filter_map(|it| Some(Unread::of_place(&it.place, it.failure.clone()?)));
        let mut document = self.document(read);
        document.errors.extend(old);
        document
    }

    /// What is known, for people: what is old, too.
    pub fn known(&self) -> Document<'_> {
        self.document(self.places.iter().filter_map(|reading| reading.read.as_ref()))
    }

    fn document<'a>(&'a self, read: impl Iterator<Item = &'a Read>) -> Document<'a> {
        let (mut regions, mut errors) = (Vec::new(), self.profiles.clone());
        for it in read {
            regions.push(&it.region);
            errors.extend(it.unread.iter().cloned());
        }
        Document { regions, errors, places: self.places.len() + self.profiles.len() }
    }

    /// Each place whose last look failed.
    pub fn old(&self, time: impl Fn(Timestamp) -> String) -> Vec<Old<'_>> {
        let old = self.places.iter().filter_map(|reading| {
            let failure = reading.failure.as_ref()?;
            let place = reading.place.name();
            let text = match &reading.read {
                Some(read) => format!("{place} is shown as of {}: {}", time(read.at), failure.message),
                None => format!("{place} could not be read yet: {}", failure.message),
            };
            Some(Old { place, text, failure })
        });
        old.collect()
    }

    /// Draws a page for a terminal with so many lines: while updates run, each against the time it usually takes.
    pub fn draw(&self, page: &mut Page, now: Timestamp, lines: u16) {
        let document = self.known();
        let suffix = |region: &Region| match document.places {
            1 => String::new(),
            _ => format!(" ({})", region.location.name()),
        };
        let mut updates: Vec<(String, &InProgress)> = Vec::new();
        for region in &document.regions {
            updates.extend(region.in_progress.iter().map(|it| (suffix(region), it)));
        }
        match document.regions.as_slice() {
            [region] if document.places == 1 => region.draw_numbers(page),
            regions => draw_regions(page, regions),
        }
        if !updates.is_empty() {
            draw_progress(page, &updates, now, usize::from(lines).saturating_sub(OTHER_LINES).max(FEWEST_UPDATES));
        }
        let upcoming: Vec<(String, &Upcoming)> =
            document.regions.iter().map(|region| (suffix(region), &region.upcoming)).collect();
        draw_upcoming(page, &upcoming);
        match document.regions.as_slice() {
            [region] if document.places == 1 => region.draw_problems(page),
            regions => draw_each(page, regions, Region::draw_problems),
        }
    }

    /// Draws since when what is shown is old, and why.
    pub fn draw_old(&self, page: &mut Page) {
        let old = self.old(|at| page.time(at));
        for Old { text, failure, .. } in &old {
            let kind = Kind::NeedsYou;
            page.pieces(2, &[Piece::new(kind.style(), kind.glyph()), Piece::plain(&format!(" {text}"))]);
            for line in failure.hint.iter().flat_map(Message::lines) {
                page.paragraph(&format!("  {line}"));
            }
        }
    }

    /// Draws the end of that page: what could not be read, what is old, and how often the command looks.
    pub fn draw_end(&self, page: &mut Page, rhythm: Rhythm) {
        page.line("");
        let unread = self.known().errors;
        if !unread.is_empty() {
            messages(&unread).lines().filter(|line| !line.is_empty()).for_each(|line| page.paragraph(line));
        }
        self.draw_old(page);
        page.note(&format!("Refreshing {rhythm}. Ctrl-C ends it."));
    }
}

/// A place whose last look failed.
pub struct Old<'a> {
    /// Its name.
    pub place: String,
    /// Since when what is shown is old, and why.
    pub text: String,
    /// Why.
    pub failure: &'a Failure,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::SignedDuration;

    use super::*;
    use crate::aws::answer::looking;
    use crate::commands::status::region::At;
    use crate::fixture::{after, every_output, place};

    /// The demo's fleet after five hours.
    async fn region() -> (Region, Vec<Unread>) {
        let moment = after(5, &looking()).await;
        (Region::of(At::demo(), &moment.look.answer, &moment.records), Vec::new())
    }

    fn seen<T>(answer: Result<T, Failure>) -> Vec<Seen<T>> {
        vec![Seen { place: place(), answer: answer.map(|answer| (answer, Duration::from_secs(2))) }]
    }

    fn away() -> Failure {
        Failure::new("looking for the stack in eu-central-1: Connection refused")
    }

    fn read_at() -> Timestamp {
        "2026-07-20T14:00:00Z".parse().unwrap()
    }

    #[tokio::test]
    async fn a_page_of_a_terminal_while_updates_run_and_aws_is_away() {
        let mut readings = Readings::default();
        readings.take(seen(Ok(region().await)), read_at());
        let now = read_at() + SignedDuration::from_mins(4);
        readings.take(seen(Err(away())), now);
        let rhythm = Rhythm::of(Duration::from_secs(30), readings.costs());
        let draw = |page: &mut Page| {
            readings.draw(page, now, 24);
            readings.draw_end(page, rhythm);
        };
        insta::assert_snapshot!(every_output(&readings.fresh(), draw));
    }

    #[tokio::test]
    async fn a_place_that_was_not_read_yet_says_why_and_is_shown_as_soon_as_it_is() {
        let mut readings = Readings::default();
        let old = |readings: &Readings| -> Vec<String> {
            readings.old(|at| at.to_string()).into_iter().map(|it| it.text).collect()
        };
        readings.take(seen(Err(away())), read_at());
        let why = "looking for the stack in eu-central-1: Connection refused";
        assert_eq!(old(&readings), [format!("eu-central-1 could not be read yet: {why}")]);
        assert_eq!((readings.known().regions.len(), readings.fresh().errors.len()), (0, 1));
        readings.take(seen(Ok(region().await)), read_at());
        assert_eq!(old(&readings), [""; 0]);
        assert_eq!((readings.known().regions.len(), readings.fresh().errors.len()), (1, 0));
        readings.take(seen(Err(away())), read_at() + SignedDuration::from_mins(1));
        assert_eq!(old(&readings), [format!("eu-central-1 is shown as of 2026-07-20T14:00:00Z: {why}")]);
        assert_eq!((readings.known().regions.len(), readings.fresh().regions.len()), (1, 0));
    }

    #[test]
    fn only_a_failure_that_lasts_is_an_end() {
        let lasts = |failure: Failure| {
            let mut readings = Readings::default();
            readings.take(seen(Err(failure)), read_at());
            readings.lasting().is_some()
        };
        for passes in
            ["ThrottlingException: Rate exceeded", "ExpiredTokenException: expired", "InvalidClientTokenId: no"]
        {
            assert!(!lasts(Failure::of_text(passes)), "{passes}");
        }
        assert!(!lasts(away()));
        for stays in ["AccessDeniedException: not authorized", "AccessDenied: with an explicit deny"] {
            assert!(lasts(Failure::of_text(stays)), "{stays}");
        }
        assert!(lasts(Failure::usage("there are several stacks")));
        assert!(lasts(Failure::not_deployed("there is no stack other")));
    }
}
