//! A page of text and tables, as wide as the terminal.
//!
//! Everything is styled; the printer strips styles where there is no terminal, or where `NO_COLOR` is set.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use comfy_table::{Attribute, Cell, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle};
use eks_nodegroup_updater::config::process_environment;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use textwrap::WordSplitter;
use textwrap::core::display_width;

/// The width without a terminal.
const WIDTH_ELSEWHERE: u16 = 120;
const RULE_UNDER_HEADER: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─'));

const HEADING: Style = AnsiColor::Cyan.on_default().bold();
const QUIET: Style = Style::new().dimmed();

/// A time as the clock of this machine shows it.
pub fn local_time(at: Timestamp) -> String {
    Page::new(WIDTH_ELSEWHERE, TimeZone::system()).time(at)
}

/// The number of columns of stdout; without a terminal, `COLUMNS` if set.
pub fn width() -> u16 {
    let columns = || process_environment("COLUMNS")?.parse().ok().filter(|columns| *columns >= 40);
    Table::new().width().or_else(columns).unwrap_or(WIDTH_ELSEWHERE)
}

/// How text is broken into lines: never within a word, because a broken release or name cannot be copied.
pub fn wrapping(columns: usize) -> textwrap::Options<'static> {
    textwrap::Options::new(columns).break_words(false).word_splitter(WordSplitter::NoHyphenation)
}

/// A page that is being written.
pub struct Page {
    /// Its content.
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

    /// An empty page for the terminal.
    pub fn here() -> Self {
        Self::new(width(), TimeZone::system())
    }

    /// A time as the reader's clock shows it.
    pub fn time(&self, at: Timestamp) -> String {
        at.to_zoned_datetime(self.zone.clone()).strftime("%a %d %b %H:%M %Z").to_string()
    }

    /// The same, by the calendar, for a column.
    pub fn date_and_time(&self, at: Timestamp) -> String {
        at.to_zoned_datetime(self.zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
    }

    /// A date as the reader's calendar shows it.
    pub fn date(&self, at: Timestamp) -> String {
        at.to_zoned_datetime(self.zone.clone()).strftime("%Y-%m-%d").to_string()
    }

    /// A heading.
    pub fn heading(&mut self, text: &str) {
        if !self.text.is_empty() {
            self.line("");
        }
        self.line(&format!("{HEADING}{text}{HEADING:#}"));
    }

    /// Text as it is.
    pub fn line(&mut self, text: &str) {
        let _ = writeln!(self.text, "{text}");
    }

    /// Text in lines that fit.
    pub fn paragraph(&mut self, text: &str) {
        let _ = writeln!(self.text, "{}", self.wrapped(text));
    }

    /// Secondary text.
    pub fn note(&mut self, text: &str) {
        self.quiet(&self.wrapped(text));
    }

    /// The same, in lines as they are.
    pub fn quiet(&mut self, text: &str) {
        let _ = writeln!(self.text, "{QUIET}{text}{QUIET:#}");
    }

    /// Text in lines that fit, indented by this many columns, drawn by another method.
    pub fn indented(&mut self, columns: usize, text: &str, draw: impl FnOnce(&mut Self, &str)) {
        let indent = " ".repeat(columns);
        let options = textwrap::Options::new(usize::from(self.width))
            .initial_indent(&indent)
            .subsequent_indent(&indent)
            .break_words(false)
            // Names and commands stay in one piece.
            .word_splitter(textwrap::WordSplitter::NoHyphenation);
        draw(self, &textwrap::fill(text, options));
    }

    fn wrapped(&self, text: &str) -> String {
        textwrap::fill(text, wrapping(usize::from(self.width)))
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

/// Rows of cells, each in a single line, with an optional note in a line under the row.
pub struct Rows<const N: usize> {
    header: [&'static str; N],
    rows: Vec<Row<N>>,
}

struct Row<const N: usize> {
    cells: [String; N],
    style: Style,
    is_title: bool,
    detail: Option<String>,
}

impl<const N: usize> Rows<N> {
    /// No rows under a header.
    pub fn new(header: [&'static str; N]) -> Self {
        Self { header, rows: Vec::new() }
    }

    /// A row, in the style of its first and last cell.
    pub fn row(&mut self, cells: [String; N], style: Style, detail: Option<String>) {
        self.rows.push(Row { cells, style, is_title: false, detail });
    }

    /// The subject of the next rows, and a note on it in the last column.
    pub fn title(&mut self, name: &str, last: &str, style: Style) {
        let cell = |index| if index + 1 == N { last } else { "" };
        let mut cells: [String; N] = std::array::from_fn(|index| cell(index).to_owned());
        if let Some(first) = cells.first_mut() {
            name.clone_into(first);
        }
        self.rows.push(Row { cells, style, is_title: true, detail: None });
    }

    /// The width of each column; one without a cell has none.
    fn widths(&self) -> [usize; N] {
        std::array::from_fn(|column| {
            let cells = self.rows.iter().filter_map(|row| row.cells.get(column));
            let widest = cells.map(|cell| display_width(cell)).max().unwrap_or_default();
            let header = self.header.get(column).map_or(0, |header| display_width(header));
            if widest == 0 { 0 } else { widest.max(header) + 2 }
        })
    }
}

impl Page {
    /// Rows that are filled.
    pub fn rows<const N: usize>(&mut self, rows: &Rows<N>) {
        let widths = rows.widths();
        let in_line = |cells: [&str; N], style: &dyn Fn(usize) -> Style| {
            let mut line = String::new();
            for (index, (cell, width)) in cells.iter().zip(widths).enumerate().filter(|(_, (_, width))| *width > 0) {
                let (style, fill) = (style(index), " ".repeat(width.saturating_sub(display_width(cell))));
                let style = if cell.is_empty() { Style::new() } else { style };
                let _ = write!(line, "{style}{cell}{style:#}{fill}");
            }
            line.trim_end().to_owned()
        };
        let header = in_line(rows.header, &|_| Style::new().bold());
        self.line(&header);
        let columns = usize::from(self.width);
        self.line(&"─".repeat(widths.iter().sum::<usize>().saturating_sub(2).min(columns)));
        for Row { cells, style, is_title, detail } in &rows.rows {
            let style_of = |index: usize| match (index, *is_title) {
                (0, true) => Style::new().bold(),
                (index, _) if index == 0 || index + 1 == N => *style,
                _ => Style::new(),
            };
            let line = in_line(cells.each_ref().map(String::as_str), &style_of);
            self.line(&line);
            if let Some(detail) = detail {
                let detail = shortened(detail, columns.saturating_sub(4));
                self.line(&format!("    {QUIET}{detail}{QUIET:#}"));
            }
        }
    }
}

/// As much of a text as fits, in one line.
pub fn shortened(text: &str, columns: usize) -> String {
    let text = text.replace('\n', " ");
    if display_width(&text) <= columns {
        return text;
    }
    let kept: String = text.chars().take(columns.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}
