//! A page that is drawn again in place, while the command looks again and again.
//!
//! It needs no other screen, no raw mode and no hidden cursor: whenever the program ends, the last page stays and the cursor is
//! under it. A page is written at once, over the one before, so that nothing flickers.

use std::io::{self, Stderr, Stdout, Write};

use anstream::adapter::strip_str;
use anstream::stream::RawStream;
use anstream::{AutoStream, ColorChoice};
use eks_nodegroup_updater::config::process_environment;
use terminal_size::{Height, Width, terminal_size};
use textwrap::core::display_width;

use crate::charset::Charset;
use crate::progress::aside;

/// Terminals that know these two show nothing in between: <https://gist.github.com/christianparpart/d8a62cc1ab659194337d73e399004036>
const BEGIN: &str = "\x1b[?2026h";
const END: &str = "\x1b[?2026l";
const ERASE_REST_OF_LINE: &str = "\x1b[K";
const ERASE_BELOW: &str = "\x1b[J";
/// The fewest rows that are used, even if the terminal says that it has fewer.
const FEWEST_ROWS: usize = 4;

/// The size of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Characters in a line.
    pub columns: u16,
    /// Lines.
    pub rows: u16,
}

/// A page that is drawn again in place.
#[derive(Debug)]
pub struct Screen<W> {
    out: W,
    /// Whether styles are left out.
    is_plain: bool,
    charset: Charset,
    /// What is drawn now.
    lines: Vec<String>,
    size: Option<Size>,
}

impl Screen<Stdout> {
    /// On stdout, if that is a terminal on which a cursor can move.
    pub fn on_stdout() -> Option<Self> {
        Self::on(io::stdout())
    }
}

impl Screen<Stderr> {
    /// On stderr, if that is a terminal on which a cursor can move.
    pub fn on_stderr() -> Option<Self> {
        Self::on(io::stderr())
    }
}

impl Size {
    /// That of the terminal.
    pub fn here() -> Self {
        let (Width(columns), Height(rows)) = terminal_size().unwrap_or((Width(80), Height(24)));
        Self { columns: columns.max(1), rows }
    }
}

impl<W: Write> Screen<W> {
    /// An empty one, at the cursor.
    pub fn new(out: W) -> Self {
        Self { out, is_plain: false, charset: Charset::Unicode, lines: Vec::new(), size: None }
    }

    fn on(out: W) -> Option<Self>
    where
        W: RawStream,
    {
        let is_dumb = process_environment("TERM").is_some_and(|terminal| terminal == "dumb");
        let is_plain = AutoStream::choice(&out) == ColorChoice::Never;
        (out.is_terminal() && !is_dumb).then(|| Self { is_plain, charset: Charset::here(), ..Self::new(out) })
    }

    /// Draws a page in place of the one before: its end, and as much of its body as the terminal has room for.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn show(&mut self, body: &str, end: &str, size: Size) -> io::Result<()> {
        let [body, end] = match self.is_plain {
            true => [body, end].map(|text| strip_str(text).to_string()),
            false => [body, end].map(str::to_owned),
        };
        let lines = self.fitting(&body, &end, size);
        if lines == self.lines && self.size == Some(size) {
            return Ok(());
        }
        let mut frame = self.back_to_its_beginning(size);
        for line in &lines {
            // At the last column, erasing would erase the last character.
            let width = display_width(line);
            let is_full = width > 0 && width.is_multiple_of(usize::from(size.columns));
            frame += line;
            if !is_full {
                frame += ERASE_REST_OF_LINE;
            }
            frame += "\r\n";
        }
        self.write(&format!("{BEGIN}{frame}{ERASE_BELOW}{END}"))?;
        (self.lines, self.size) = (lines, Some(size));
        Ok(())
    }

    /// Removes the page.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn clear(&mut self) -> io::Result<()> {
        let Some(size) = self.size.take() else { return Ok(()) };
        let frame = self.back_to_its_beginning(size);
        self.lines.clear();
        self.write(&format!("{frame}{ERASE_BELOW}"))
    }

    /// Moves the cursor to where the page begins. In a terminal that was made narrower since, its lines take more rows.
    fn back_to_its_beginning(&self, size: Size) -> String {
        match self.lines.iter().map(|line| rows(line, size)).sum::<usize>() {
            0 => String::new(),
            rows => format!("\x1b[{rows}A"),
        }
    }

    /// The lines of a page that has room. The last row is the cursor's.
    fn fitting(&self, body: &str, end: &str, size: Size) -> Vec<String> {
        let height = usize::from(size.rows).max(FEWEST_ROWS) - 1;
        let (body, end): (Vec<&str>, Vec<&str>) = (body.lines().collect(), end.lines().collect());
        let of_all = |lines: &[&str]| lines.iter().map(|line| rows(line, size)).sum::<usize>();
        let room = height.saturating_sub(of_all(&end));
        if of_all(&body) <= room {
            return body.into_iter().chain(end).map(str::to_owned).collect();
        }
        let mut used = 1;
        let shown = body.iter().take_while(|line| {
            used += rows(line, size);
            used <= room
        });
        let mut lines: Vec<String> = shown.map(|line| (*line).to_owned()).collect();
        let more = body.len() - lines.len();
        let note = format!("… {more} more lines");
        lines.push(self.charset.show(&note).into_owned());
        lines.extend(end.into_iter().map(str::to_owned));
        lines.truncate(height);
        lines
    }

    fn write(&mut self, frame: &str) -> io::Result<()> {
        aside(|| self.out.write_all(frame.as_bytes()).and_then(|()| self.out.flush()))
    }
}

/// The number of rows that a line takes.
fn rows(line: &str, size: Size) -> usize {
    display_width(line).div_ceil(usize::from(size.columns)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { columns: 20, rows: 8 };

    fn parser(size: Size) -> vt100::Parser {
        vt100::Parser::new(size.rows.try_into().unwrap(), size.columns.try_into().unwrap(), 0)
    }

    /// A terminal in which a prompt was answered with a command.
    struct Terminal {
        screen: Screen<Vec<u8>>,
        parser: vt100::Parser,
    }

    impl Terminal {
        fn new(size: Size) -> Self {
            let mut parser = parser(size);
            parser.process(b"$ status --watch\r\n");
            Self { screen: Screen::new(Vec::new()), parser }
        }

        /// Shows a page, and what the terminal shows then.
        fn show(&mut self, body: &str, end: &str, size: Size) -> Vec<String> {
            self.screen.show(body, end, size).unwrap();
            self.contents()
        }

        fn contents(&mut self) -> Vec<String> {
            self.parser.process(&std::mem::take(&mut self.screen.out));
            let width = self.parser.screen().size().1.get();
            let rows: Vec<String> = self.parser.screen().rows(0, width).collect();
            let end = rows.iter().rposition(|row| !row.is_empty()).map_or(0, |last| last + 1);
            rows[..end].to_vec()
        }
    }

    #[test]
    fn a_page_takes_the_place_of_the_one_before_under_what_was_there() {
        let mut terminal = Terminal::new(SIZE);
        let first = terminal.show("one\n\u{1b}[34mtwo, which is longer\u{1b}[0m\nthree\n", "every 30 s\n", SIZE);
        assert_eq!(first, ["$ status --watch", "one", "two, which is longer", "three", "every 30 s"]);
        let second = terminal.show("1\n2\n", "old\n", SIZE);
        assert_eq!(second, ["$ status --watch", "1", "2", "old"]);
        assert_eq!(terminal.parser.screen().cursor_position(), (4, 0));
        terminal.screen.clear().unwrap();
        assert_eq!(terminal.contents(), ["$ status --watch"]);
        assert_eq!(terminal.parser.screen().cursor_position(), (1, 0));
    }

    #[test]
    fn a_page_that_is_as_before_is_not_written_again() {
        let mut terminal = Terminal::new(SIZE);
        terminal.show("one\n", "", SIZE);
        terminal.screen.show("one\n", "", SIZE).unwrap();
        assert_eq!(terminal.screen.out, b"");
    }

    #[test]
    fn a_page_is_at_most_as_high_as_the_terminal_and_its_end_is_always_there() {
        let mut terminal = Terminal::new(SIZE);
        let body: String = (1..=30).map(|number| format!("line {number}\n")).collect();
        let end = "not read since 14:32\n";
        // Nothing scrolls away, however often it is drawn.
        terminal.show(&body, end, SIZE);
        terminal.show("short\n", end, SIZE);
        let expected = ["line 1", "line 2", "line 3", "line 4", "line 5", "… 25 more lines", "not read since 14:32"];
        assert_eq!(terminal.show(&body, end, SIZE), expected);
    }

    #[test]
    fn a_line_that_is_longer_than_the_terminal_is_wide_takes_several_rows() {
        let mut terminal = Terminal::new(SIZE);
        terminal.show("a name that is longer than twenty\n", "end\n", SIZE);
        let shown = terminal.show("another name that is longer\n", "end\n", SIZE);
        assert_eq!(shown, ["$ status --watch", "another name that is", " longer", "end"]);
    }

    #[test]
    fn nothing_is_in_between_two_pages() {
        let mut terminal = Terminal::new(SIZE);
        terminal.show("one\ntwo\n", "end\n", SIZE);
        terminal.screen.show("one\n2\n", "end\n", SIZE).unwrap();
        let frame = std::mem::take(&mut terminal.screen.out);
        for part in 1..frame.len() {
            let mut parser = parser(SIZE);
            parser.process(b"one\r\ntwo\r\nend\r\n");
            parser.process(&frame[..part]);
            let shown = parser.screen().contents();
            assert!(["one\ntwo\nend", "one\n2wo\nend", "one\n2\nend"].contains(&shown.as_str()), "{shown:?}");
        }
    }

    #[test]
    fn a_terminal_that_was_made_narrower_is_drawn_over_from_where_the_page_begins() {
        let mut terminal = Terminal::new(Size { columns: 40, rows: 8 });
        terminal.show("a line of thirty-six characters, now\n", "end\n", Size { columns: 40, rows: 8 });
        terminal.screen.show("short\n", "end\n", SIZE).unwrap();
        assert!(String::from_utf8(terminal.screen.out).unwrap().contains("\u{1b}[3A"));
    }
}
