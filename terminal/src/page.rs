//! A page of text and tables, as wide as the terminal.
//!
//! Everything is styled; the printer strips styles where there is no terminal, or where `NO_COLOR` is set. What is written on it
//! may come from anywhere: each text is shown in the characters that the terminal has, and begins a line only where the page
//! begins one.

use std::fmt::Write as _;
use std::io;

use anstyle::{AnsiColor, Style};
use eks_nodegroup_updater::config::process_environment;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use textwrap::WordSplitter;
use textwrap::core::display_width;

use crate::charset::Charset;

/// The width without a terminal.
const WIDTH_ELSEWHERE: u16 = 120;

const HEADING: Style = AnsiColor::Cyan.on_default().bold();
/// Secondary text.
pub const QUIET: Style = Style::new().dimmed();

/// A time as the clock of this machine shows it.
pub fn local_time(at: Timestamp) -> String {
    Page::new(WIDTH_ELSEWHERE, TimeZone::system()).time(at)
}

/// The number of columns of stdout; without a terminal, `COLUMNS` if set.
pub fn width() -> u16 {
    let columns = || process_environment("COLUMNS")?.parse().ok().filter(|columns| *columns >= 40);
    let terminal = terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| width.0);
    terminal.or_else(columns).unwrap_or(WIDTH_ELSEWHERE)
}

/// How text is broken into lines: never within a word, because a broken release or name cannot be copied.
pub fn wrapping(columns: usize) -> textwrap::Options<'static> {
    textwrap::Options::new(columns).break_words(false).word_splitter(WordSplitter::NoHyphenation)
}

/// A page that is being written.
pub struct Page {
    /// Its content.
    text: String,
    /// Its width in characters.
    pub width: u16,
    /// The clock of its reader.
    zone: TimeZone,
    /// The characters that its reader can see.
    charset: Charset,
}

/// A part of a line, in a style.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    pub(crate) text: &'a str,
    pub(crate) style: Style,
}

impl<'a> Piece<'a> {
    /// A text in a style.
    pub fn new(style: Style, text: &'a str) -> Self {
        Self { text, style }
    }

    /// A text without a style.
    pub fn plain(text: &'a str) -> Self {
        Self::new(Style::new(), text)
    }
}

impl Page {
    /// An empty page in Unicode, for a reader in this time zone.
    pub fn new(width: u16, zone: TimeZone) -> Self {
        Self { text: String::new(), width, zone, charset: Charset::Unicode }
    }

    /// An empty page for the terminal.
    pub fn here() -> Self {
        Self::new(width(), TimeZone::system()).in_charset(Charset::here())
    }

    /// The same page for a reader who can see these characters.
    #[must_use]
    pub fn in_charset(self, charset: Charset) -> Self {
        Self { charset, ..self }
    }

    /// Its content.
    pub fn text(&self) -> &str {
        &self.text
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
        self.filled(HEADING, text);
    }

    /// A line, however long: for commands, which are copied in one piece.
    pub fn line(&mut self, text: &str) {
        self.styled(Style::new(), text);
    }

    /// The same, as secondary text.
    pub fn quiet(&mut self, text: &str) {
        self.styled(QUIET, text);
    }

    /// The same in a style.
    pub fn styled(&mut self, style: Style, text: &str) {
        let text = self.charset.show(text);
        self.as_it_is(&format!("{style}{text}{style:#}"));
    }

    /// Text in lines that fit, all of them indented like the first.
    pub fn paragraph(&mut self, text: &str) {
        self.filled(Style::new(), text);
    }

    /// The same, as secondary text.
    pub fn note(&mut self, text: &str) {
        self.filled(QUIET, text);
    }

    /// Text in lines that fit, indented by this many columns, each drawn by another method.
    pub fn indented(&mut self, columns: usize, text: &str, mut draw: impl FnMut(&mut Self, &str)) {
        let text = self.charset.show(text).into_owned();
        let indent = " ".repeat(columns);
        let options = wrapping(usize::from(self.width)).initial_indent(&indent).subsequent_indent(&indent);
        textwrap::wrap(&text, options).iter().for_each(|line| draw(self, line));
    }

    /// Pieces, one after the other, in lines that fit; those after the first are indented by this many columns.
    pub fn pieces(&mut self, indent: usize, pieces: &[Piece]) {
        let mut text = String::new();
        for Piece { text: piece, style } in pieces {
            let _ = write!(text, "{style}{}{style:#}", self.charset.show(piece));
        }
        self.fill(&text, indent);
    }

    pub(crate) fn charset(&self) -> Charset {
        self.charset
    }

    /// A rule of this many columns.
    pub(crate) fn rule(&mut self, columns: usize) {
        self.line(&"─".repeat(columns));
    }

    /// A line that is shown as it is to be.
    pub(crate) fn as_it_is(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn filled(&mut self, style: Style, text: &str) {
        let text = self.charset.show(text);
        let words = text.trim_start_matches(' ');
        let indent = text.len() - words.len();
        self.fill(&format!("{}{style}{words}{style:#}", " ".repeat(indent)), indent);
    }

    /// Breaks a line that is shown as it is to be; the lines after the first are indented by this many columns.
    fn fill(&mut self, line: &str, indent: usize) {
        let words = line.trim_start_matches(' ');
        let (first, indent) = (" ".repeat(line.len() - words.len()), " ".repeat(indent));
        let options = wrapping(usize::from(self.width)).initial_indent(&first).subsequent_indent(&indent);
        self.as_it_is(&textwrap::fill(words, options));
    }
}

/// As much of a text as fits, in one line.
pub fn shortened(text: &str, columns: usize) -> String {
    cut(text, columns, "…")
}

/// The same with this at its end, if it does not fit.
pub(crate) fn cut(text: &str, columns: usize, end: &str) -> String {
    if display_width(text) <= columns {
        return text.to_owned();
    }
    let mut room = columns.saturating_sub(display_width(end));
    let fits = |character: &char| {
        let rest = room.checked_sub(display_width(character.encode_utf8(&mut [0; 4])));
        room = rest.unwrap_or_default();
        rest.is_some()
    };
    let kept: String = text.chars().take_while(fits).collect();
    format!("{}{end}", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;

    use super::*;

    /// A name that forges a line, colors it, turns it around, and hides in it.
    const HOSTILE: &str = "a\nerror: b\u{1b}[31m\u{202e}c\u{200b}";
    const SHOWN: &str = r"a\nerror: b\u{1b}[31m\u{202e}c\u{200b}";

    fn page(width: u16) -> Page {
        Page::new(width, TimeZone::UTC)
    }

    #[test]
    fn whatever_is_written_begins_no_line_and_steers_nothing() {
        let write = |text: &str| {
            let mut page = page(120);
            page.heading(text);
            page.line(text);
            page.quiet(text);
            page.styled(HEADING, text);
            page.paragraph(text);
            page.note(text);
            page.indented(2, text, Page::line);
            page.pieces(4, &[Piece::plain("  "), Piece::new(QUIET, text), Piece::plain(text)]);
            page
        };
        assert_eq!(write(HOSTILE).text(), write(SHOWN).text());
        assert_eq!(strip_str(write(HOSTILE).text()).to_string().lines().count(), 8);
    }

    #[test]
    fn text_that_does_not_fit_continues_where_it_began_and_names_stay_whole() {
        let mut page = page(20);
        page.paragraph("  ✗ prod/a-name-that-is-longer-than-a-line needs you");
        page.pieces(4, &[Piece::plain("  "), Piece::new(QUIET, "● dev,"), Piece::plain(" staging and prod")]);
        page.line("aws eks list-clusters --region eu-central-1");
        let expected = "  ✗\n  prod/a-name-that-is-longer-than-a-line\n  needs you\n  ● dev, staging and\n    prod\n\
                        aws eks list-clusters --region eu-central-1\n";
        assert_eq!(strip_str(page.text()).to_string(), expected);
    }

    #[test]
    fn a_shortened_text_ends_with_dots_and_fits() {
        assert_eq!((shortened("prod/blue", 9), shortened("prod/blue", 6)), ("prod/blue".into(), "prod/…".into()));
        assert_eq!((shortened("東京都", 5), cut("prod/blue", 6, "...")), ("東京…".into(), "pro...".into()));
    }
}
