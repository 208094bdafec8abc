//! The progress of a long command: one line below all others on a terminal, and nothing elsewhere.
//!
//! Everything that waits adds a part to the line, wherever it is: the regions of a command are read at the same time, and their
//! node groups are one number. The line appears once nothing has been printed for two seconds, so what is short never flickers.

use std::io::{self, IsTerminal as _};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use console::Term;
use eks_nodegroup_updater::aws::pace::Eks;
use eks_nodegroup_updater::config::process_environment;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep_until};

use crate::charset::Charset;

/// After how long without output the line appears.
const SILENCE: Duration = Duration::from_secs(2);
/// How often it is drawn.
const TICK: Duration = Duration::from_millis(120);
/// The calls a second below which the pace of EKS is shown.
const SLOW: f64 = 50.0;
/// The columns of the bar.
const BAR: usize = 24;
/// The columns at the right of the line that stay free: a terminal writes `^C` behind the cursor, and a line that it begins with
/// that would not be cleared.
const FREE: u16 = 3;

/// The line of this process.
static HERE: LazyLock<Arc<Line>> = LazyLock::new(|| Arc::new(Line::new(draw_target(), Charset::here())));

/// Where progress is drawn: stderr, if that is a terminal that can clear a line.
pub fn draw_target() -> Option<ProgressDrawTarget> {
    let is_dumb = process_environment("TERM").is_some_and(|terminal| terminal == "dumb");
    let is_shown = io::stderr().is_terminal() && !is_dumb;
    is_shown.then(|| ProgressDrawTarget::term_like_with_hz(Box::new(Short(Term::stderr())), 20))
}

/// Something that a command waits for. It is shown as long as it exists.
#[derive(Debug)]
pub struct Progress {
    line: Arc<Line>,
    id: usize,
}

impl Progress {
    /// A number of items. Those of the same kind are one number in the line.
    pub fn over(number: usize, things: &'static str) -> Self {
        Self::on(&HERE, What::Items { things, done: 0, number })
    }

    /// Something of unknown length, such as a run of a function: the line has the seconds since then.
    pub fn of(what: String) -> Self {
        Self::on(&HERE, What::Unknown { what, since: Instant::now() })
    }

    fn on(line: &Arc<Line>, what: What) -> Self {
        Self { line: Arc::clone(line), id: line.add(what) }
    }

    /// Waits for work that calls EKS. If EKS throttles it, the line has the pace.
    pub async fn with_pace<T>(&self, eks: &Eks, work: impl Future<Output = T>) -> T {
        self.line.change(self.id, |part| part.eks = Some(eks.clone()));
        work.await
    }

    /// Adds this many items.
    pub fn expect(&self, more: usize) {
        self.line.change(self.id, |part| {
            if let What::Items { number, .. } = &mut part.what {
                *number += more;
            }
        });
    }

    /// Marks one item as done.
    pub fn advance(&self) {
        self.line.change(self.id, |part| {
            if let What::Items { done, .. } = &mut part.what {
                *done += 1;
            }
        });
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.line.end(self.id);
    }
}

/// Writes something else, above the line.
pub(crate) fn aside<T>(write: impl FnOnce() -> T) -> T {
    HERE.aside(write)
}

/// The line, and what it is made of.
#[derive(Debug)]
struct Line {
    /// `None` without a terminal.
    bar: Option<ProgressBar>,
    charset: Charset,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    parts: Vec<Part>,
    last_id: usize,
    /// Since when somebody waits and nothing is printed.
    since: Option<Instant>,
    /// Whether a task draws it from time to time.
    is_drawn: bool,
    is_visible: bool,
}

#[derive(Debug)]
struct Part {
    id: usize,
    what: What,
    /// Whether it has ended, but is counted with others of its kind that have not.
    is_over: bool,
    eks: Option<Eks>,
}

#[derive(Debug)]
enum What {
    Items { things: &'static str, done: usize, number: usize },
    Unknown { what: String, since: Instant },
}

impl Line {
    fn new(target: Option<ProgressDrawTarget>, charset: Charset) -> Self {
        // It is cut where the terminal ends.
        let style = ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = target.map(|target| ProgressBar::with_draw_target(None, target).with_style(style));
        Self { bar, charset, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(self: &Arc<Self>, what: What) -> usize {
        let mut state = self.state();
        state.last_id += 1;
        let id = state.last_id;
        state.parts.push(Part { id, what, is_over: false, eks: None });
        state.since.get_or_insert_with(Instant::now);
        if !state.is_drawn
            && self.bar.is_some()
            && let Ok(runtime) = Handle::try_current()
        {
            state.is_drawn = true;
            let line = Arc::clone(self);
            runtime.spawn(async move {
                while let Some(next) = line.draw(Instant::now()) {
                    sleep_until(next).await;
                }
            });
        }
        id
    }

    fn change(&self, id: usize, change: impl FnOnce(&mut Part)) {
        if let Some(part) = self.state().parts.iter_mut().find(|part| part.id == id) {
            change(part);
        }
    }

    fn end(&self, id: usize) {
        let mut state = self.state();
        state.end(id);
        if state.parts.is_empty()
            && std::mem::take(&mut state.is_visible)
            && let Some(bar) = &self.bar
        {
            bar.finish_and_clear();
        }
    }

    fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        let mut state = self.state();
        if state.parts.is_empty() {
            state.since = None;
        }
        match &self.bar {
            Some(bar) if state.is_visible => bar.suspend(write),
            _ => write(),
        }
    }

    /// Draws the line if it is time to. Returns when to do it again; never, once nothing is waited for.
    fn draw(&self, now: Instant) -> Option<Instant> {
        let mut state = self.state();
        let bar = self.bar.as_ref().filter(|_| !state.parts.is_empty());
        let Some((bar, since)) = bar.zip(state.since) else {
            state.is_drawn = false;
            return None;
        };
        if now < since + SILENCE {
            return Some(since + SILENCE);
        }
        if !std::mem::replace(&mut state.is_visible, true) {
            bar.reset();
        }
        let text = format!("{} {}", self.sign(&state, now.saturating_duration_since(since)), state.text(now));
        bar.set_message(self.charset.show(&text).into_owned());
        Some(now + TICK)
    }

    /// A bar of what is done; of unknown length, a sign that turns.
    fn sign(&self, state: &State, waited: Duration) -> String {
        match state.items().first() {
            Some((_, done, number)) => {
                let full = BAR * done / (*number).max(1);
                format!("{}{}", "━".repeat(full.min(BAR)), " ".repeat(BAR.saturating_sub(full)))
            }
            None => {
                let signs = if self.charset == Charset::Unicode { "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏" } else { "-\\|/" };
                let turn = waited.as_millis() / TICK.as_millis();
                signs.chars().cycle().nth(usize::try_from(turn).unwrap_or_default() % 20).into_iter().collect()
            }
        }
    }
}

impl State {
    /// Ends a part. One that counts is kept as long as others count the same, because their sum must not shrink.
    fn end(&mut self, id: usize) {
        let Some(part) = self.parts.iter_mut().find(|part| part.id == id) else { return };
        part.is_over = true;
        part.eks = None;
        let alive: Vec<&'static str> =
            self.parts.iter().filter(|part| !part.is_over).filter_map(Part::things).collect();
        self.parts.retain(|part| !part.is_over || part.things().is_some_and(|things| alive.contains(&things)));
    }

    /// The kinds of items, how many are done, and how many there are; finished kinds only if there is no other.
    fn items(&self) -> Vec<(&'static str, usize, usize)> {
        let mut kinds: Vec<(&'static str, usize, usize)> = Vec::new();
        for part in &self.parts {
            let What::Items { things, done, number } = part.what else { continue };
            match kinds.iter_mut().find(|(kind, ..)| *kind == things) {
                Some((_, all_done, all)) => (*all_done, *all) = (*all_done + done, *all + number),
                None => kinds.push((things, done, number)),
            }
        }
        let is_unfinished = |(_, done, number): &(&str, usize, usize)| done < number;
        if kinds.iter().any(is_unfinished) {
            kinds.retain(is_unfinished);
        }
        kinds
    }

    /// `120 of 3000 node groups; eks-nodegroup-updater-start runs, 34 s; EKS throttles this account: 2.5 calls a second`
    fn text(&self, now: Instant) -> String {
        let items = self.items().into_iter().map(|(things, done, number)| format!("{done} of {number} {things}"));
        let mut waits: Vec<(&str, usize, Instant)> = Vec::new();
        for part in &self.parts {
            let What::Unknown { what, since } = &part.what else { continue };
            match waits.iter_mut().find(|(kind, ..)| kind == what) {
                Some((_, number, _)) => *number += 1,
                None => waits.push((what, 1, *since)),
            }
        }
        let waits = waits.into_iter().map(|(what, number, since)| {
            let seconds = now.saturating_duration_since(since).as_secs();
            let number = if number > 1 { format!(" ({number} at once)") } else { String::new() };
            format!("{what}{number}, {seconds} s")
        });
        let paces = self.parts.iter().filter_map(|part| part.eks.as_ref()?.calls_a_second());
        items.chain(waits).chain(pace(paces)).collect::<Vec<_>>().join("; ")
    }
}

impl Part {
    /// The kind of its items.
    fn things(&self) -> Option<&'static str> {
        match self.what {
            What::Items { things, .. } => Some(things),
            What::Unknown { .. } => None,
        }
    }
}

/// The slowest of these paces, if EKS throttles.
fn pace(calls_a_second: impl Iterator<Item = f64>) -> Option<String> {
    let slow: Vec<f64> = calls_a_second.filter(|pace| *pace < SLOW).collect();
    let slowest = slow.iter().copied().reduce(f64::min)?;
    Some(match slow.len() {
        1 => format!("EKS throttles this account: {slowest:.1} calls a second"),
        number => format!("EKS throttles {number} accounts or regions: {slowest:.1} calls a second in the slowest"),
    })
}

/// A terminal whose lines end before it does.
#[derive(Debug)]
struct Short<T>(T);

impl<T: TermLike> TermLike for Short<T> {
    fn width(&self) -> u16 {
        self.0.width().saturating_sub(FREE)
    }

    fn height(&self) -> u16 {
        self.0.height()
    }

    fn move_cursor_up(&self, lines: usize) -> io::Result<()> {
        self.0.move_cursor_up(lines)
    }

    fn move_cursor_down(&self, lines: usize) -> io::Result<()> {
        self.0.move_cursor_down(lines)
    }

    fn move_cursor_right(&self, columns: usize) -> io::Result<()> {
        self.0.move_cursor_right(columns)
    }

    fn move_cursor_left(&self, columns: usize) -> io::Result<()> {
        self.0.move_cursor_left(columns)
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.0.write_line(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.write_str(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    /// What is on the last line of a terminal, and all that was ever written to it.
    #[derive(Clone, Debug, Default)]
    struct Screen(Arc<Mutex<(String, String)>>);

    impl Screen {
        fn line(&self) -> String {
            self.0.lock().unwrap().0.trim_end().to_owned()
        }

        fn written(&self) -> String {
            self.0.lock().unwrap().1.clone()
        }
    }

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            100
        }

        fn move_cursor_up(&self, lines: usize) -> io::Result<()> {
            assert_eq!(lines, 0, "it is one line");
            Ok(())
        }

        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            let mut it = self.0.lock().unwrap();
            it.0.push_str(text);
            it.1.push_str(text);
            Ok(())
        }

        fn clear_line(&self) -> io::Result<()> {
            self.0.lock().unwrap().0.clear();
            Ok(())
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    fn line(charset: Charset) -> (Arc<Line>, Screen) {
        let screen = Screen::default();
        let target = ProgressDrawTarget::term_like(Box::new(Short(screen.clone())));
        (Arc::new(Line::new(Some(target), charset)), screen)
    }

    fn items(line: &Arc<Line>, number: usize, things: &'static str) -> Progress {
        Progress::on(line, What::Items { things, done: 0, number })
    }

    fn unknown(line: &Arc<Line>, what: &str) -> Progress {
        Progress::on(line, What::Unknown { what: what.to_owned(), since: Instant::now() })
    }

    /// Time passes, and what is to be drawn is drawn.
    async fn pass(length: Duration) {
        tokio::task::yield_now().await;
        advance(length).await;
        tokio::task::yield_now().await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_takes_less_than_two_seconds_writes_nothing() {
        let (line, screen) = line(Charset::Unicode);
        let progress = items(&line, 300, "clusters");
        pass(Duration::from_millis(1_900)).await;
        drop(progress);
        pass(Duration::from_secs(60)).await;
        assert_eq!(screen.written(), "");
    }

    #[tokio::test(start_paused = true)]
    async fn what_takes_longer_has_numbers_until_it_is_over() {
        let (line, screen) = line(Charset::Unicode);
        let progress = items(&line, 3, "clusters");
        pass(Duration::from_millis(2_000)).await;
        assert_eq!(screen.line(), "                         0 of 3 clusters");
        progress.expect(1);
        progress.advance();
        progress.advance();
        pass(TICK).await;
        assert_eq!(screen.line(), "━━━━━━━━━━━━             2 of 4 clusters");
        drop(progress);
        assert_eq!(screen.line(), "");
        // The next step belongs to the same silence.
        let run = unknown(&line, "start runs");
        pass(TICK).await;
        assert_eq!(screen.line(), "⠇ start runs, 0 s");
        drop(run);
        assert_eq!(screen.line(), "");
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_at_once_is_one_line_whose_numbers_do_not_shrink() {
        let (line, screen) = line(Charset::Ascii);
        let [one, other, clusters] = [(40, "node groups"), (60, "node groups"), (9, "clusters")]
            .map(|(number, things)| items(&line, number, things));
        let _run = unknown(&line, "start runs");
        let _another = unknown(&line, "start runs");
        (0..40).for_each(|_| one.advance());
        other.advance();
        pass(Duration::from_secs(3)).await;
        let rest = "; start runs (2 at once), 3 s";
        assert_eq!(screen.line(), format!("=========                41 of 100 node groups; 0 of 9 clusters{rest}"));
        drop(one);
        (0..9).for_each(|_| clusters.advance());
        pass(TICK).await;
        assert_eq!(screen.line(), format!("=========                41 of 100 node groups{rest}"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_printed_is_above_the_line_and_begins_the_silence_anew() {
        let (line, screen) = line(Charset::Ascii);
        let progress = items(&line, 3, "clusters");
        pass(Duration::from_secs(2)).await;
        line.aside(|| assert_eq!(screen.line(), ""));
        assert_eq!(screen.line(), "                         0 of 3 clusters");
        drop(progress);
        line.aside(|| {});
        let _progress = items(&line, 3, "clusters");
        pass(Duration::from_millis(1_900)).await;
        assert_eq!(screen.line(), "");
        pass(Duration::from_millis(100)).await;
        assert_eq!(screen.line(), "                         0 of 3 clusters");
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_text_ends_where_the_line_does() {
        let (line, screen) = line(Charset::Unicode);
        let _progress = unknown(&line, &"a\n".repeat(100));
        pass(Duration::from_secs(2)).await;
        assert!(screen.line().ends_with(r"a\na\na\"), "{}", screen.line());
        assert_eq!(screen.line().chars().count(), usize::from(100 - FREE));
    }

    #[test]
    fn without_a_terminal_nothing_is_drawn() {
        let line = Arc::new(Line::new(None, Charset::Unicode));
        let progress = items(&line, 3, "clusters");
        assert_eq!((line.draw(Instant::now() + SILENCE), line.state().is_drawn), (None, false));
        drop(progress);
    }

    #[test]
    fn the_pace_of_the_slowest_is_shown_if_it_is_slow() {
        assert_eq!(pace([].into_iter()), None);
        assert_eq!(pace([900.0, 50.0].into_iter()), None);
        let one = "EKS throttles this account: 2.5 calls a second";
        assert_eq!(pace([900.0, 2.54].into_iter()).as_deref(), Some(one));
        let two = "EKS throttles 2 accounts or regions: 2.5 calls a second in the slowest";
        assert_eq!(pace([9.0, 2.54].into_iter()).as_deref(), Some(two));
    }
}
