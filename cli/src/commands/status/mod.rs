//! `status`: whether the fleet is current, and what prevents it.
//!
//! | module | content |
//! |---|---|
//! | `region.rs` | the state of one account and region |
//! | `in_progress.rs`, `upcoming.rs` | its updates in progress, and those that start next |
//! | `watch.rs` | looking again and again |
//! | `reading.rs` | what the last looks showed, and how it is drawn |

mod in_progress;
mod reading;
mod region;
mod upcoming;
mod watch;

use std::time::Duration;

use clap::Args;
use eks_nodegroup_updater::model::record::set::RecordSet;
use serde::Serialize;

use self::region::{At, KINDS, Numbers, Region, last_runs, words};
use self::watch::watch;
use crate::aws::account::Account;
use crate::aws::answer::{Look, look, looking};
use crate::aws::location::Location;
use crate::aws::place::{Answers, Place};
use crate::aws::records;
use crate::aws::unread::{self, Unread, say_unread};
use crate::failure::{Exit, Failure};
use terminal::kind::Kind;
use terminal::output::Output;
use terminal::page::Page;
use terminal::table::{Cell, Table};
use terminal::text::count;

/// Show whether the fleet is current, and what prevents it
///
/// Where the updater is not deployed, it shows what your credentials can read, and exits with 4.
#[derive(Args)]
pub struct Status {
    /// Refresh every SECONDS, until Ctrl-C, or less often if the account's rate of EKS calls requires it. A failed refresh does
    /// not end it. On a terminal, updates in progress are shown against the time they usually take; with --output json, each
    /// document is one line
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "30",
        value_parser = clap::value_parser!(u64).range(5..))]
    watch: Option<u64>,
    /// Exit with 2 if a node group needs you
    #[arg(long)]
    exit_code: bool,
}

/// The state of the fleet, by account and region.
#[derive(Serialize)]
struct Document<'a> {
    regions: Vec<&'a Region>,
    errors: Vec<Unread>,
    #[serde(skip)]
    places: usize,
}

impl Status {
    /// Reads and prints the status, once or repeatedly.
    ///
    /// # Errors
    /// When nothing can be read.
    pub async fn run(self, account: &Account, output: Output) -> Result<Exit, Failure> {
        if let Some(seconds) = self.watch {
            return watch(&self, account, output, Duration::from_secs(seconds)).await;
        }
        let answers = account.everywhere(async |place| of_place(place, account).await).await?;
        let Answers { answers: regions, unread: errors, places } = answers.gathered();
        let document = Document { regions: regions.iter().collect(), errors, places };
        output.print(&document, |page| document.draw(page))?;
        say_unread(&document.errors);
        Ok(self.exit(&document))
    }

    fn exit(&self, document: &Document<'_>) -> Exit {
        let Document { regions, errors, .. } = document;
        let exit = if regions.iter().all(|region| region.stack.is_none()) {
            Exit::NotDeployed
        } else if self.exit_code && regions.iter().any(|region| region.nodegroups.needs_you > 0) {
            Exit::Found
        } else {
            Exit::Done
        };
        unread::exit(errors, exit)
    }
}

async fn of_place(place: &Place, account: &Account) -> Result<(Region, Vec<Unread>), Failure> {
    let Look { deployment, answer } = look(place, account.stack.as_deref(), &looking()).await?;
    let unread = Unread::of_answer(place, &answer);
    let at = At {
        location: Location::of(place, deployment.as_ref()).await,
        stack: deployment.as_ref().map(|deployment| deployment.stack.clone()),
        options: place.options.clone(),
    };
    let region = match deployment {
        Some(deployment) => {
            let (records, last_runs) = futures_util::join!(
                records::scan(&place.configuration, &deployment),
                last_runs(&place.configuration, &deployment.stack)
            );
            Region::of(at, &answer, &records?).with_last_runs(last_runs)
        }
        None => Region::of(at, &answer, &RecordSet::default()),
    };
    Ok((region, unread))
}

impl Document<'_> {
    fn draw(&self, page: &mut Page) {
        match self.regions.as_slice() {
            [region] if self.places == 1 => region.draw(page),
            regions => {
                draw_regions(page, regions);
                draw_each(page, regions, |region, page| region.draw_lists(page));
            }
        }
    }
}

/// Draws the lists of each region that has any.
fn draw_each(page: &mut Page, regions: &[&Region], draw: impl Fn(&Region, &mut Page)) {
    for region in regions.iter().filter(|region| region.has_lists()) {
        page.heading(&format!("── {}", region.location.name()));
        draw(region, page);
    }
}

/// One row for each account and region, and a total.
fn draw_regions(page: &mut Page, regions: &[&Region]) {
    let header = ["Account, region", "Node groups", "", "", "", "", "", "", "Behind", "Stack"];
    let mut table = Table::new(header.into());
    let mut total = Numbers::default();
    for region in regions {
        total.add(&region.nodegroups);
        let mut cells = vec![Cell::new(region.location.name()), Cell::new(region.nodegroups.all)];
        cells.extend(KINDS.map(|kind| number(kind, &region.nodegroups)));
        cells.push(Cell::new(region.worst().map(|days| format!("{days} d")).unwrap_or_default()));
        cells.push(Cell::new(region.stack_and_freeze()));
        table.row(cells);
    }
    let mut cells = vec![Cell::new("Total"), Cell::new(total.all)];
    cells.extend(KINDS.map(|kind| number(kind, &total)));
    table.row(cells);
    page.table(&table);
    let legend = KINDS.map(|kind| format!("{}\u{a0}{}", kind.glyph(), words(kind)));
    page.note(&format!("{}. {} in all.", legend.join("   "), count(total.all, "node group")));
}

fn number(kind: Kind, numbers: &Numbers) -> Cell {
    match numbers.of(kind) {
        0 => Cell::new(""),
        number => Cell::new(format!("{} {number}", kind.glyph())).style(kind.style()),
    }
}
