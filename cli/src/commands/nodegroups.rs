//! `nodegroups`: every node group, opted in or not, in a list to work with.

use std::cmp::{Ordering, Reverse};

use clap::{Args, ValueEnum};
use eks_nodegroup_updater::model::id::NodegroupPattern;
use serde::Serialize;

use super::listing::numbers;
use super::selection::Selection;
use crate::aws::account::Account;
use crate::aws::answer::{DecisionLine, Look, look, looking};
use crate::aws::location::Location;
use crate::aws::nodegroups::Listed;
use crate::aws::place::{Answers, Place};
use crate::aws::unread::{self, Unread, say_unread};
use crate::failure::{Exit, Failure};
use crate::format::Format;
use terminal::output::{Output, print};
use terminal::page::Page;
use terminal::table::Rows;
use terminal::text::{count, safe};

/// List all node groups, opted in or not: release, days behind, ring, decision, owner
///
/// Node groups without the tag ami-update have the decision NotOptedIn. `--output` also takes wide (more columns), csv and name
/// (one per line, for other commands).
#[derive(Args)]
pub struct Nodegroups {
    /// Node groups as CLUSTER/NODEGROUP; * matches any characters except the slash, as in prod/*
    #[arg(value_name = "NODEGROUP")]
    nodegroups: Vec<NodegroupPattern>,
    /// Order of the list
    #[arg(long, value_enum, value_name = "COLUMN", default_value_t = Column::Name)]
    sort_by: Column,
    #[command(flatten)]
    selection: Selection,
}

/// A column of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Column {
    Name,
    Release,
    Behind,
    Ring,
    Decision,
    Owner,
    AmiType,
    Account,
    Region,
}

#[derive(Serialize)]
struct Document {
    nodegroups: Vec<Item>,
    errors: Vec<Unread>,
}

/// A node group, its account and its region.
#[derive(Serialize)]
struct Item {
    #[serde(flatten)]
    location: Location,
    #[serde(flatten)]
    line: DecisionLine,
}

impl Nodegroups {
    /// Reads the node groups and prints them.
    ///
    /// # Errors
    /// When nothing can be read.
    pub async fn run(self, account: &Account, format: Format) -> Result<Exit, Failure> {
        let answers = account.everywhere(async |place| self.of_place(place, account).await).await?;
        let Answers { answers, unread: errors, .. } = answers.gathered();
        let mut nodegroups: Vec<Item> = answers.into_iter().flatten().collect();
        nodegroups.sort_by(|one, other| self.sort_by.compare(one, other));
        let document = Document { nodegroups, errors };
        match format {
            Format::Table => drop(Output::Table.print(&document, |page| document.draw(page, false))?),
            Format::Wide => drop(Output::Table.print(&document, |page| document.draw(page, true))?),
            Format::Json => drop(Output::Json.print(&document, |_| {})?),
            Format::Csv => drop(print(&document.csv()?)?),
            Format::Name => {
                let names = document.nodegroups.iter().map(|item| format!("{}\n", safe(&item.line.nodegroup)));
                print(&names.collect::<String>())?;
            }
        }
        say_unread(&document.errors);
        Ok(unread::exit(&document.errors, Exit::Done))
    }

    async fn of_place(&self, place: &Place, account: &Account) -> Result<(Vec<Item>, Vec<Unread>), Failure> {
        let selected = self.selection.of(place, &self.nodegroups).await?;
        let event = looking();
        let look = look(place, account.stack.as_deref(), &event);
        let (listed, look) = futures_util::join!(selected.list(place), look);
        let Listed { names, mut unread } = listed?;
        let Look { deployment, answer } = look?;
        unread.extend(Unread::of_answer(place, &answer));
        let others = selected.not_opted_in(place, names, &answer).await?;
        let mut lines = answer.decisions;
        lines.retain(|line| selected.includes(line));
        lines.extend(others);
        let location = Location::of(place, deployment.as_ref()).await;
        let item = |line| Item { location: location.clone(), line };
        Ok((lines.into_iter().map(item).collect(), unread))
    }
}

impl Column {
    /// The order of two node groups by this column, then by name. Those furthest behind come first.
    fn compare(self, one: &Item, other: &Item) -> Ordering {
        let by = |key: fn(&Item) -> &str| key(one).cmp(key(other));
        let order = match self {
            Self::Name => Ordering::Equal,
            Self::Release => by(|item| item.line.release()),
            Self::Behind => {
                let days = |item: &Item| Reverse(item.line.days_behind().unwrap_or(-1));
                days(one).cmp(&days(other))
            }
            Self::Ring => {
                let ring = |item: &Item| item.line.ring.unwrap_or(u32::MAX);
                ring(one).cmp(&ring(other))
            }
            Self::Decision => by(Item::decision),
            Self::Owner => by(|item| item.line.owner.as_deref().unwrap_or_default()),
            Self::AmiType => by(Item::ami_type),
            Self::Account => by(|item| item.location.account.as_deref().unwrap_or_default()),
            Self::Region => by(|item| &item.location.region),
        };
        order
            .then_with(|| by(|item| &item.line.nodegroup))
            .then_with(|| one.location.account.cmp(&other.location.account))
            .then_with(|| by(|item| &item.location.region))
    }
}

impl Item {
    fn decision(&self) -> &str {
        if self.line.opted_in { self.line.decision.code() } else { NOT_OPTED_IN }
    }

    fn ami_type(&self) -> &str {
        self.line.runs.as_ref().map_or("", |runs| runs.ami_type.as_str())
    }

    fn kubernetes_version(&self) -> &str {
        self.line.runs.as_ref().and_then(|runs| runs.kubernetes_version.as_deref()).unwrap_or_default()
    }

    fn cells(&self) -> [String; 12] {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let number = |number: Option<String>| number.unwrap_or_default();
        [
            self.line.nodegroup.clone(),
            self.line.release().to_owned(),
            number(self.line.days_behind().map(|days| days.to_string())),
            number(self.line.ring.map(|ring| ring.to_string())),
            self.decision().to_owned(),
            text(&self.line.target),
            text(&self.line.owner),
            self.ami_type().to_owned(),
            self.kubernetes_version().to_owned(),
            text(&self.location.profile),
            text(&self.location.account),
            self.location.region.clone(),
        ]
    }
}

/// The decision of a node group without the tag.
const NOT_OPTED_IN: &str = "NotOptedIn";

/// The titles of the list, in the order of the cells.
const TITLES: [&str; 12] = [
    "  Node group",
    "Release",
    "Days behind",
    "Ring",
    "Decision",
    "Target",
    "Owner",
    "AMI type",
    "Kubernetes",
    "Profile",
    "Account",
    "Region",
];

/// The columns of the CSV file, in the order of the cells.
const COLUMNS: [&str; 12] = [
    "nodegroup",
    "release",
    "daysBehind",
    "ring",
    "decision",
    "target",
    "owner",
    "amiType",
    "kubernetesVersion",
    "profile",
    "account",
    "region",
];

impl Document {
    fn draw(&self, page: &mut Page, wide: bool) {
        if self.nodegroups.is_empty() {
            return page.line("No node group.");
        }
        // A column whose cells are all equal says nothing, but in a wide list it is what is copied.
        let differ = |of: fn(&Item) -> Option<&str>| {
            let mut values = self.nodegroups.iter().map(of);
            let first = values.next();
            wide || values.any(|value| Some(value) != first)
        };
        let profiles = differ(|item| item.location.profile.as_deref());
        let accounts = differ(|item| item.location.account.as_deref()) && (wide || !profiles);
        let regions = differ(|item| Some(&item.location.region));
        let shown = [true, true, true, true, true, wide, true, wide, wide, profiles, accounts, regions];
        let mut rows = Rows::new(TITLES);
        for item in &self.nodegroups {
            let kind = item.line.sign();
            let mut cells = item.cells();
            for (cell, shown) in cells.iter_mut().zip(shown) {
                if !shown {
                    cell.clear();
                }
            }
            cells[0] = format!("{} {}", kind.glyph(), cells[0]);
            rows.row(cells, kind.style(), None);
        }
        page.list(&rows);
        page.line("");
        let opted_in = || self.nodegroups.iter().map(|item| &item.line).filter(|line| line.opted_in);
        let not = self.nodegroups.len() - opted_in().count();
        let mut parts = vec![numbers(opted_in())];
        parts.retain(|part| !part.is_empty());
        if not > 0 {
            parts.push(format!("{not} not opted in"));
        }
        page.paragraph(&format!("{}: {}.", count(self.nodegroups.len(), "node group"), parts.join(", ")));
    }

    /// A header, and a row for each node group, as [RFC 4180](https://www.rfc-editor.org/rfc/rfc4180) has it.
    fn csv(&self) -> Result<String, Failure> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let failure = |error: csv::Error| Failure::new(format!("writing CSV: {error}"));
        writer.write_record(COLUMNS).map_err(failure)?;
        for item in &self.nodegroups {
            writer.write_record(item.cells().map(|cell| safe(&cell).into_owned())).map_err(failure)?;
        }
        let bytes = writer.into_inner().map_err(|error| Failure::new(format!("writing CSV: {error}")))?;
        String::from_utf8(bytes).map_err(|error| Failure::new(format!("writing CSV: {error}")))
    }
}
