//! A page of text and tables, as wide as the terminal.
//!
//! Everything is styled; the printer strips styles where there is no terminal, or where `NO_COLOR` is set.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use comfy_table::{Attribute, Cell, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle};
use eks_nodegroup_updater::config::process_environment;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The width where there is no terminal.
const WIDTH_ELSEWHERE: u16 = 120;
const RULE_UNDER_HEADER: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─'));

const HEADING: Style = AnsiColor::Cyan.on_default().bold();
const QUIET: Style = Style::new().dimmed();

/// How many columns stdout has; where it is no terminal, `COLUMNS` may say so.
pub fn width() -> u16 {
    let columns = || process_environment("COLUMNS")?.parse().ok().filter(|columns| *columns >= 40);
    Table::new().width().or_else(columns).unwrap_or(WIDTH_ELSEWHERE)
}

/// A page that is being written.
pub struct Page {
    /// What is on it.
    pub text: String,
    /// Its width in characters.
    pub width: u16,
    /// The clock of its reader.
    zone: TimeZone,
}

impl Page {
    /// An empty page, for a reader in this time zone.
    pub fn new(width: u16, zone: TimeZone) -> Self {
        Self { text: String::new(), width, zone }
    }

    /// An empty page for whoever sits at the terminal.
    pub fn here() -> Self {
        Self::new(width(), TimeZone::system())
    }

    /// A time as the reader's clock shows it.
    pub fn time(&self, at: Timestamp) -> String {
        at.to_zoned_datetime(self.zone.clone()).strftime("%a %d %b %H:%M %Z").to_string()
    }

    /// A date as the reader's calendar shows it.
    pub fn date(&self, at: Timestamp) -> String {
        at.to_zoned_datetime(self.zone.clone()).strftime("%Y-%m-%d").to_string()
    }

    /// What follows is about this.
    pub fn heading(&mut self, text: &str) {
        let _ = writeln!(self.text, "\n{HEADING}{text}{HEADING:#}");
    }

    /// Text as it is.
    pub fn line(&mut self, text: &str) {
        let _ = writeln!(self.text, "{text}");
    }

    /// Text in lines that fit.
    pub fn paragraph(&mut self, text: &str) {
        let _ = writeln!(self.text, "{}", self.wrapped(text));
    }

    /// What one may skip.
    pub fn note(&mut self, text: &str) {
        let _ = writeln!(self.text, "{QUIET}{}{QUIET:#}", self.wrapped(text));
    }

    fn wrapped(&self, text: &str) -> String {
        textwrap::fill(text, textwrap::Options::new(usize::from(self.width)).break_words(false))
    }

    /// An empty table. The column with the number `flexible` is as wide as the others leave it room.
    pub fn table(&self, header: &[&str], flexible: usize) -> Table {
        let mut table = Table::new();
        table
            .load_style(RULE_UNDER_HEADER)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(self.width)
            .enforce_styling()
            .set_header(header.iter().map(|name| Cell::new(name).add_attribute(Attribute::Bold)))
            .style_text_only();
        for (index, column) in table.column_iter_mut().enumerate() {
            let is_last = index + 1 == header.len();
            column.set_padding((0, if is_last { 0 } else { 2 }));
            if index != flexible {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        table
    }

    /// A table that is filled.
    pub fn add(&mut self, table: &Table) {
        let _ = writeln!(self.text, "{}", table.trim_fmt());
    }
}
