//! A page of text and tables, as wide as the terminal.
//!
//! Everything is styled; the printer strips styles where there is no terminal, or where `NO_COLOR` is set.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use comfy_table::{Attribute, Cell, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle};

/// The width where there is no terminal.
const WIDTH_ELSEWHERE: u16 = 120;
const RULE_UNDER_HEADER: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─'));

const HEADING: Style = AnsiColor::Cyan.on_default().bold();
const QUIET: Style = Style::new().dimmed();

/// How many columns stdout has.
pub fn width() -> u16 {
    Table::new().width().unwrap_or(WIDTH_ELSEWHERE)
}

/// A page that is being written.
pub struct Page {
    /// What is on it.
    pub text: String,
    /// Its width in characters.
    pub width: u16,
}

impl Page {
    /// An empty page.
    pub fn new(width: u16) -> Self {
        Self { text: String::new(), width }
    }

    /// What follows is about this.
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

    /// What one may skip.
    pub fn note(&mut self, text: &str) {
        self.quiet(&self.wrapped(text));
    }

    /// The same, in lines as they are.
    pub fn quiet(&mut self, text: &str) {
        let _ = writeln!(self.text, "{QUIET}{text}{QUIET:#}");
    }

    /// Text in lines that fit and begin so many columns to the right, drawn by another method.
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
