//! `status --watch`: looks again and again, and outlives a look that fails.

use std::collections::BTreeMap;
use std::io::{self, Stdout};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::reading::{Old, Readings};
use super::{Status, of_place};
use crate::aws::account::Account;
use crate::aws::looks::{Rhythm, Watched};
use crate::aws::nodegroups::here;
use crate::aws::unread::{self, say_unread};
use crate::failure::{Exit, Failure};
use terminal::message::Message;
use terminal::output::{Output, Reader, print_line, say};
use terminal::page::{Page, local_time};
use terminal::screen::{Screen, Size};

/// How often a terminal is drawn again between two looks, so that times go on.
const TICK: Duration = Duration::from_secs(5);

/// Looks until Ctrl-C, until nobody reads the answers, or until nothing can be read for a reason that lasts.
///
/// # Errors
/// When there are no credentials, or no region; and when the answers cannot be written.
pub async fn watch(status: &Status, account: &Account, output: Output, wanted: Duration) -> Result<Exit, Failure> {
    let mut watched = Watched::of(account, account.timeout).await?;
    let mut readings = Readings::new(watched.unread.clone());
    let mut view = View::new(output, account.verbose);
    loop {
        let began = Instant::now();
        let seen = watched.look(async |place| of_place(place, account).await).await;
        readings.take(seen, here().now);
        let rhythm = Rhythm::of(wanted, readings.costs());
        if let Some(failures) = readings.lasting() {
            return view.end(&readings, &failures);
        }
        if view.show(&readings, rhythm)? == Reader::Gone {
            return Ok(status.exit(&readings.known()));
        }
        view.rest(&readings, rhythm, began + rhythm.every).await?;
    }
}

/// Where the answers are shown.
enum View {
    /// On a terminal, in place.
    Screen(Screen<Stdout>),
    /// Elsewhere, one after the other.
    Pages(Said),
    /// As JSON, one in a line.
    Lines(Said),
}

/// What was said on stderr beside the answers, so that it is said once.
#[derive(Default)]
struct Said {
    rhythm: Option<Rhythm>,
    /// Why each place is old.
    old: BTreeMap<String, String>,
    unread: Option<Message>,
}

impl View {
    /// With `--verbose`, each call is a line on the same terminal.
    fn new(output: Output, is_verbose: bool) -> Self {
        match (output, Screen::on_stdout()) {
            (Output::Json, _) => Self::Lines(Said::default()),
            (Output::Table, Some(screen)) if !is_verbose => Self::Screen(screen),
            (Output::Table, _) => Self::Pages(Said::default()),
        }
    }

    fn show(&mut self, readings: &Readings, rhythm: Rhythm) -> Result<Reader, Failure> {
        let reader = match self {
            Self::Screen(screen) => return draw(screen, readings, rhythm),
            Self::Lines(_) => print_line(&readings.fresh())?,
            Self::Pages(_) => match readings.fresh().regions.is_empty() {
                // The last page is still there.
                true => Reader::There,
                false => {
                    let mut page = Page::here();
                    page.heading(&format!("── {}", page.time(here().now)));
                    readings.known().draw(&mut page);
                    readings.draw_old(&mut page);
                    page.line("");
                    page.print()?
                }
            },
        };
        if reader == Reader::There
            && let Self::Pages(said) | Self::Lines(said) = self
        {
            said.tell(readings, rhythm);
        }
        Ok(reader)
    }

    /// Waits for the next look. Meanwhile times on a terminal go on.
    async fn rest(&mut self, readings: &Readings, rhythm: Rhythm, until: Instant) -> Result<(), Failure> {
        if let Self::Screen(screen) = self {
            while Instant::now() + TICK < until {
                sleep_until(Instant::now() + TICK).await;
                draw(screen, readings, rhythm)?;
            }
        }
        sleep_until(until).await;
        Ok(())
    }

    /// Ends with failures that last.
    fn end(&self, readings: &Readings, failures: &[&Failure]) -> Result<Exit, Failure> {
        let document = readings.fresh();
        if let Self::Lines(_) = self {
            print_line(&document)?;
        }
        if let ([failure], 1) = (failures, document.places) {
            say(*failure);
            return Ok(failure.exit);
        }
        say_unread(&document.errors);
        Ok(unread::exit(&document.errors, Exit::Failed))
    }
}

fn draw(screen: &mut Screen<Stdout>, readings: &Readings, rhythm: Rhythm) -> Result<Reader, Failure> {
    let size = Size::here();
    let [mut body, mut end] = [Page::here(), Page::here()];
    readings.draw(&mut body, here().now, size.rows);
    readings.draw_end(&mut end, rhythm);
    match screen.show(body.text(), end.text(), size) {
        Ok(()) => Ok(Reader::There),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(error) => Err(Failure::new(format!("drawing: {error}"))),
    }
}

impl Said {
    /// Tells what is new: how often the command looks, what is old and why, and what can be read again.
    fn tell(&mut self, readings: &Readings, rhythm: Rhythm) {
        if self.rhythm.is_none_or(|said| rhythm.differs_from(&said)) {
            say(format!("Refreshing {rhythm}."));
            self.rhythm = Some(rhythm);
        }
        let unread = readings.known().errors;
        let unread = (!unread.is_empty()).then(|| unread::messages(&unread));
        if unread != self.unread {
            unread.iter().for_each(say);
            self.unread = unread;
        }
        let mut old = BTreeMap::new();
        for Old { place, text, failure } in readings.old(local_time) {
            let why = failure.code.as_ref().unwrap_or(&failure.message);
            if self.old.get(&place) != Some(why) {
                say(&Failure { message: text, ..failure.clone() });
            }
            old.insert(place, why.clone());
        }
        for place in self.old.keys().filter(|place| !old.contains_key(*place)) {
            say(format!("{place} can be read again."));
        }
        self.old = old;
    }
}
