//! Rows of cells under a header.

use std::borrow::Cow;
use std::fmt::Write as _;

use anstyle::Style;
use textwrap::core::display_width;

use crate::charset::Charset;
use crate::page::{Page, Piece, QUIET, cut, wrapping};

/// Columns between two cells.
const GAP: usize = 2;
/// The indentation of what is below a row.
const BELOW: &str = "    ";
const INDENT: usize = BELOW.len();
/// The least width of a column whose cells have several lines.
const NARROWEST: usize = 20;

const BOLD: Style = Style::new().bold();

/// Rows of cells, each in a single line, with an optional note in a line under the row. Where the page is too narrow, the cells
/// between the first and the last follow below their row, with the names of their columns.
#[derive(Debug)]
pub struct Rows<const N: usize>(Table);

/// A cell.
#[derive(Clone, Debug)]
pub struct Cell {
    text: String,
    style: Style,
}

/// The same with any number of columns.
#[derive(Debug)]
pub struct Table {
    header: Vec<&'static str>,
    rows: Vec<Row>,
    /// The column whose cells may have several lines.
    long: Option<usize>,
}

#[derive(Debug)]
struct Row {
    cells: Vec<Cell>,
    detail: Option<String>,
}

impl Cell {
    /// A text without a style.
    pub fn new(text: impl ToString) -> Self {
        Self { text: text.to_string(), style: Style::new() }
    }

    /// The same in a style.
    #[must_use]
    pub fn style(self, style: Style) -> Self {
        Self { style, ..self }
    }

    fn shown(&self, charset: Charset) -> Self {
        Self { text: charset.show(&self.text).into_owned(), style: self.style }
    }

    fn piece(&self) -> Piece<'_> {
        Piece::new(self.style, &self.text)
    }
}

impl<const N: usize> Rows<N> {
    /// No rows under a header.
    pub fn new(header: [&'static str; N]) -> Self {
        Self(Table::new(header.into()))
    }

    /// The same, where the cells of this column continue in further lines if the page is too narrow.
    #[must_use]
    pub fn with_long(self, column: usize) -> Self {
        Self(Table { long: Some(column), ..self.0 })
    }

    /// A row, in the style of its first and last cell.
    pub fn row(&mut self, cells: [String; N], style: Style, detail: Option<String>) {
        let is_end = |column: usize| column == 0 || column + 1 == N;
        let style_of = |column: usize| if is_end(column) { style } else { Style::new() };
        let cells = cells.into_iter().enumerate().map(|(column, text)| Cell { text, style: style_of(column) });
        self.0.rows.push(Row { cells: cells.collect(), detail });
    }

    /// A row of cells in styles of their own.
    pub fn cells(&mut self, cells: [Cell; N]) {
        self.0.row(cells.into());
    }

    /// The subject of the next rows, and a note on it in the last column.
    pub fn title(&mut self, name: &str, last: &str, style: Style) {
        let mut cells: [Cell; N] = std::array::from_fn(|_| Cell::new(""));
        cells[N - 1] = Cell::new(last).style(style);
        cells[0] = Cell::new(name).style(BOLD);
        self.cells(cells);
    }
}

impl Table {
    /// No rows under a header.
    pub fn new(header: Vec<&'static str>) -> Self {
        Self { header, rows: Vec::new(), long: None }
    }

    /// A row. Cells that the header has no column for are left out, and missing ones are empty.
    pub fn row(&mut self, mut cells: Vec<Cell>) {
        cells.resize_with(self.header.len(), || Cell::new(""));
        self.rows.push(Row { cells, detail: None });
    }

    fn shown(&self, charset: Charset) -> Self {
        let rows = self.rows.iter().map(|row| Row {
            cells: row.cells.iter().map(|cell| cell.shown(charset)).collect(),
            detail: row.detail.as_deref().map(|detail| charset.show(detail).into_owned()),
        });
        Self { header: self.header.clone(), rows: rows.collect(), long: self.long }
    }

    /// The width of a column with the gap after it; one without a cell has none.
    fn width(&self, column: usize) -> usize {
        match self.rows.iter().map(|row| display_width(&row.cells[column].text)).max() {
            None | Some(0) => 0,
            Some(widest) => widest.max(display_width(self.header[column])) + GAP,
        }
    }

    /// The widths of all columns; `None` if they do not fit into a page of this width.
    fn widths(&self, page: usize) -> Option<Vec<usize>> {
        let mut widths: Vec<usize> = (0..self.header.len()).map(|column| self.width(column)).collect();
        // No gap follows the last column.
        let total: usize = widths.iter().sum();
        if total > page + GAP {
            let column = self.long?;
            let left = (page + widths[column]).checked_sub(total).filter(|left| *left >= NARROWEST)?;
            let cells = self.rows.iter().map(|row| &row.cells[column].text);
            let lines = cells.flat_map(|text| textwrap::wrap(text, wrapping(left)));
            widths[column] = lines.map(|line| display_width(&line)).max().unwrap_or_default() + GAP;
        }
        Some(widths)
    }
}

impl Row {
    /// Its cells in lines: one, or as many as its long cell has at these widths.
    fn lines<'a>(&'a self, long: Option<usize>, widths: &[usize]) -> Vec<Vec<Cow<'a, str>>> {
        let cell = |(column, (cell, width)): (usize, (&'a Cell, &usize))| match long == Some(column) {
            true => textwrap::wrap(&cell.text, wrapping(width.saturating_sub(GAP))),
            false => vec![cell.text.as_str().into()],
        };
        let cells: Vec<Vec<Cow<str>>> = self.cells.iter().zip(widths).enumerate().map(cell).collect();
        let number = cells.iter().map(Vec::len).max().unwrap_or_default();
        let line = |line: usize| cells.iter().map(|cell| cell.get(line).cloned().unwrap_or_default()).collect();
        (0..number).map(line).collect()
    }
}

impl Page {
    /// Rows that are filled.
    pub fn rows<const N: usize>(&mut self, rows: &Rows<N>) {
        self.table(&rows.0);
    }

    /// A line for each row, however long: for a list, which is searched and cut by other programs.
    pub fn list<const N: usize>(&mut self, rows: &Rows<N>) {
        let table = rows.0.shown(self.charset());
        let widths: Vec<usize> = (0..N).map(|column| table.width(column)).collect();
        self.wide(&table, &widths);
    }

    /// Any number of columns, in the same way.
    pub fn table(&mut self, table: &Table) {
        let table = table.shown(self.charset());
        match table.widths(usize::from(self.width)) {
            Some(widths) => self.wide(&table, &widths),
            None => self.narrow(&table),
        }
    }

    fn wide(&mut self, table: &Table, widths: &[usize]) {
        self.columns(table.header.iter().map(|name| Piece::new(BOLD, name)), widths);
        self.rule(widths.iter().sum::<usize>().saturating_sub(GAP));
        for row in &table.rows {
            for line in row.lines(table.long, widths) {
                self.columns(line.iter().zip(&row.cells).map(|(text, cell)| Piece::new(cell.style, text)), widths);
            }
            self.detail(row.detail.as_deref());
        }
    }

    /// The first cell of each row, and beside it the last one if there is room for it; the others below.
    fn narrow(&mut self, table: &Table) {
        let last = table.header.len().saturating_sub(1);
        let widths = [table.width(0), table.width(last)];
        let total = widths.iter().sum::<usize>() - GAP;
        let is_beside = total <= usize::from(self.width);
        let (widths, below) = if is_beside { (&widths[..], 1..last) } else { (&widths[..1], 1..last + 1) };
        self.columns([0, last].map(|column| Piece::new(BOLD, table.header[column])), widths);
        self.rule(total.min(usize::from(self.width)));
        for row in &table.rows {
            self.columns([0, last].map(|column| row.cells[column].piece()), widths);
            // The last one needs no name, as in the line of the header.
            let named = |column: usize| (if column == last { "" } else { table.header[column] }, &row.cells[column]);
            self.below(below.clone().map(named).filter(|(_, cell)| !cell.text.is_empty()));
            self.detail(row.detail.as_deref());
        }
    }

    /// Cells with the names of their columns, as many in a line as fit.
    fn below<'a>(&mut self, cells: impl Iterator<Item = (&'a str, &'a Cell)>) {
        let mut line = vec![Piece::plain(BELOW)];
        let mut used = INDENT;
        for (name, cell) in cells {
            let space = if name.is_empty() { "" } else { " " };
            let width = display_width(name) + space.len() + display_width(&cell.text);
            if used > INDENT && used + GAP + width > usize::from(self.width) {
                self.pieces(INDENT, &line);
                line.truncate(1);
                used = INDENT;
            }
            if used > INDENT {
                line.push(Piece::plain("  "));
                used += GAP;
            }
            line.extend([Piece::new(QUIET, name), Piece::plain(space), cell.piece()]);
            used += width;
        }
        if used > INDENT {
            self.pieces(INDENT, &line);
        }
    }

    /// A line of cells in their columns.
    fn columns<'a>(&mut self, cells: impl IntoIterator<Item = Piece<'a>>, widths: &[usize]) {
        let mut line = String::new();
        for (Piece { text, style }, width) in cells.into_iter().zip(widths).filter(|(_, width)| **width > 0) {
            let style = if text.is_empty() { Style::new() } else { style };
            let fill = " ".repeat(width.saturating_sub(display_width(text)));
            let _ = write!(line, "{style}{text}{style:#}{fill}");
        }
        self.as_it_is(line.trim_end());
    }

    /// What is below a row, in one line.
    fn detail(&mut self, detail: Option<&str>) {
        if let Some(detail) = detail {
            let room = usize::from(self.width).saturating_sub(INDENT);
            let detail = cut(detail, room, &self.charset().show("…"));
            self.pieces(INDENT, &[Piece::plain(BELOW), Piece::new(QUIET, &detail)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;
    use jiff::tz::TimeZone;

    use super::*;

    fn rows() -> Rows<4> {
        let mut rows = Rows::new(["  Node group", "Runs", "Target", "Decision"]);
        rows.title("prod", "● 2 current", Style::new());
        let release = "1.33.2-20260710".to_owned();
        let cells = ["  ◷ general".to_owned(), "1.33.1-20260610".to_owned(), release, "WaitingForRing".to_owned()];
        rows.row(cells, Style::new(), Some("until noon: waiting for ring 0, which soaks the release".to_owned()));
        rows.row(["  ✗ web".to_owned(), String::new(), String::new(), "Unreadable, for now".to_owned()], BOLD, None);
        rows
    }

    fn drawn<const N: usize>(width: u16, charset: Charset, rows: &Rows<N>) -> Vec<String> {
        let mut page = Page::new(width, TimeZone::UTC).in_charset(charset);
        page.rows(rows);
        strip_str(page.text()).to_string().lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_page_that_is_wide_enough_has_a_line_for_each_row() {
        let expected = [
            "  Node group  Runs             Target           Decision",
            "───────────────────────────────────────────────────────────────────",
            "prod                                            ● 2 current",
            "  ◷ general   1.33.1-20260610  1.33.2-20260710  WaitingForRing",
            "    until noon: waiting for ring 0, which soaks the release",
            "  ✗ web                                         Unreadable, for now",
        ];
        assert_eq!(drawn(70, Charset::Unicode, &rows()), expected);
    }

    #[test]
    fn a_list_has_a_line_for_each_row_however_long() {
        let mut page = Page::new(40, TimeZone::UTC).in_charset(Charset::Unicode);
        page.list(&rows());
        let lines: Vec<String> = strip_str(page.text()).to_string().lines().map(str::to_owned).collect();
        assert_eq!(lines[3], "  ◷ general   1.33.1-20260610  1.33.2-20260710  WaitingForRing");
    }

    #[test]
    fn a_long_cell_continues_below_where_the_page_is_narrower() {
        let mut rows = Rows::new(["At", "Subject"]).with_long(1);
        rows.cells(["09:00", "update failed: prod/general (PodEvictionFailure)"].map(Cell::new));
        let expected = [
            "At     Subject",
            "──────────────────────────────────",
            "09:00  update failed: prod/general",
            "       (PodEvictionFailure)",
        ];
        assert_eq!(drawn(40, Charset::Unicode, &rows), expected);
    }

    #[test]
    fn a_page_that_is_too_narrow_has_the_middle_cells_below() {
        let expected = [
            "  Node group  Decision",
            "─────────────────────────────────",
            "prod          ● 2 current",
            "  ◷ general   WaitingForRing",
            "    Runs 1.33.1-20260610",
            "    Target 1.33.2-20260710",
            "    until noon: waiting for ring 0, whi…",
            "  ✗ web       Unreadable, for now",
        ];
        assert_eq!(drawn(40, Charset::Unicode, &rows()), expected);
    }

    #[test]
    fn a_page_that_is_narrower_still_has_all_but_the_name_below() {
        let expected = [
            "  Node group",
            "------------------------------",
            "prod",
            "    * 2 current",
            "  . general",
            "    Runs 1.33.1-20260610",
            "    Target 1.33.2-20260710",
            "    WaitingForRing",
            "    until noon: waiting for...",
            "  x web",
            "    Unreadable, for now",
        ];
        assert_eq!(drawn(30, Charset::Ascii, &rows()), expected);
    }

    #[test]
    fn cells_from_elsewhere_are_in_one_line_each() {
        let mut rows = Rows::new(["Name", "Why"]);
        let hostile = || "a\nb\u{1b}[31m\u{202e}".to_owned();
        rows.row([hostile(), hostile()], Style::new(), Some(hostile()));
        rows.title(&hostile(), &hostile(), Style::new());
        let shown = r"a\nb\u{1b}[31m\u{202e}";
        let both = format!("{shown}  {shown}");
        let rule = "─".repeat(both.len());
        let header = format!("{:width$}  Why", "Name", width = shown.len());
        assert_eq!(drawn(80, Charset::Unicode, &rows), [header, rule, both.clone(), format!("    {shown}"), both]);
    }
}
