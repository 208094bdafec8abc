//! What is shown while a command waits, on stderr: on a terminal who is left, drawn in place; elsewhere each end in a line.

use std::collections::BTreeSet;
use std::io::Stderr;

use jiff::Timestamp;

use super::item::Item;
use super::question::Known;
use crate::aws::looks::Rhythm;
use crate::aws::nodegroups::here;
use crate::failure::Failure;
use terminal::kind::Kind;
use terminal::message::Message;
use terminal::output::say;
use terminal::page::{Page, Piece, local_time, shortened};
use terminal::screen::{Screen, Size};
use terminal::text::count;

/// Names in a message.
const NAMES: usize = 3;

/// What is shown while a command waits.
pub struct Live {
    screen: Option<Screen<Stderr>>,
    /// When everything was last read.
    read_at: Timestamp,
    /// What was said, so that it is said once.
    rhythm: Option<Rhythm>,
    /// Those that were not over.
    left: BTreeSet<String>,
    failure: Option<String>,
}

impl Live {
    /// Nothing yet. With `--verbose`, each call is a line on the same terminal.
    pub fn new(is_verbose: bool) -> Self {
        Self {
            screen: Screen::on_stderr().filter(|_| !is_verbose),
            read_at: here().now,
            rhythm: None,
            left: BTreeSet::new(),
            failure: None,
        }
    }

    /// Shows what the last look showed, and when the next one is, if there is one.
    pub fn show(&mut self, known: &Known, rhythm: Option<Rhythm>) {
        let failures = known.passing_failures();
        if failures.is_empty() {
            self.read_at = here().now;
        }
        match (&mut self.screen, rhythm) {
            (Some(_), None) => {}
            (Some(screen), Some(rhythm)) => {
                let size = Size::here();
                let [mut body, mut end] = [Page::here(), Page::here()];
                // Stdout may be no terminal.
                (body.width, end.width) = (size.columns, size.columns);
                draw(&mut body, known);
                draw_end(&mut end, &failures, self.read_at, rhythm);
                // Without the terminal there is nobody to see it; the command still waits.
                let _ = screen.show(body.text(), end.text(), size);
            }
            (None, rhythm) => self.tell(known, &failures, rhythm),
        }
    }

    /// Removes it from the terminal, before the results are printed.
    pub fn clear(&mut self) {
        if let Some(screen) = &mut self.screen {
            let _ = screen.clear();
        }
    }

    fn tell(&mut self, known: &Known, failures: &[(String, &Failure)], rhythm: Option<Rhythm>) {
        let names: Vec<String> = known.left().map(|item| item.name.to_string()).collect();
        if let Some(rhythm) = rhythm
            && self.rhythm.is_none_or(|shown| rhythm.differs_from(&shown))
        {
            say(match names.is_empty() {
                true => format!("Polling {rhythm}."),
                false => format!("Waiting for {}; polling {rhythm}.", some(&names)),
            });
            self.rhythm = Some(rhythm);
        }
        let id = |item: &Item| format!("{}, {}", item.place(), item.name);
        for item in known.items().filter(|item| item.is_over() && self.left.contains(&id(item))) {
            say(format!("{} {}: {}", item.kind().glyph(), item.name, item.words(local_time)));
        }
        self.left = known.left().map(id).collect();
        let key = |(name, failure): &(String, &Failure)| {
            failure.code.clone().unwrap_or_else(|| format!("{name}{}", failure.message))
        };
        let failure = failures.first().map(key);
        if failure != self.failure {
            match failures {
                [] => say("AWS answers again."),
                [(_, first), ..] => {
                    let text = unread_since(failures, &local_time(self.read_at));
                    say(&Failure { message: text, ..(*first).clone() });
                }
            }
        }
        self.failure = failure;
    }
}

/// `prod/a, prod/b, prod/c and 838 more node groups`
pub fn some(names: &[String]) -> String {
    let more = names.len().saturating_sub(NAMES);
    let named = names.iter().take(NAMES).map(String::as_str).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{named} and {}", count(more, "more node group")) } else { named }
}

/// Why the last look did not show everything, and since when.
fn unread_since(failures: &[(String, &Failure)], read_at: &str) -> String {
    let Some((name, first)) = failures.first() else { return String::new() };
    let more = match failures.len() - 1 {
        0 => String::new(),
        more => format!(" ({more} more failures)"),
    };
    format!("{name} is known as of {read_at}: {}{more}", first.message)
}

/// Draws who is left.
fn draw(page: &mut Page, known: &Known) {
    let all = known.items().count();
    let left: Vec<_> = known.left().collect();
    page.paragraph(&format!("Waiting for {} of {}:", left.len(), count(all, "node group")));
    for item in left {
        let (kind, place) =
            (item.kind(), if known.is_one_place() { String::new() } else { format!(" ({})", item.place()) });
        let text = format!("{}{place}: {}", item.name, item.words(|at| page.time(at)));
        let text = format!(" {}", shortened(&text, usize::from(page.width).saturating_sub(4)));
        page.pieces(4, &[Piece::plain("  "), Piece::new(kind.style(), kind.glyph()), Piece::plain(&text)]);
    }
}

fn draw_end(page: &mut Page, failures: &[(String, &Failure)], read_at: Timestamp, rhythm: Rhythm) {
    if let Some((_, first)) = failures.first() {
        let kind = Kind::NeedsYou;
        let text = format!(" {}", unread_since(failures, &page.time(read_at)));
        page.pieces(2, &[Piece::new(kind.style(), kind.glyph()), Piece::plain(&text)]);
        for line in first.hint.iter().flat_map(Message::lines) {
            page.paragraph(&format!("  {line}"));
        }
    }
    page.note(&format!("Polling {rhythm}. Ctrl-C ends the waiting."));
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use eks_nodegroup_updater::model::id::NodegroupName;

    use super::*;
    use crate::aws::looks::Cost;
    use crate::commands::wait::item::Subject;
    use crate::commands::wait::updates::{Status, Update};
    use crate::fixture::{every_output, place};

    #[test]
    fn who_is_left_and_since_when_that_is_old() {
        let item = |name: &str, status| {
            let name: NodegroupName = name.parse().unwrap();
            Item::new(&place(), name.clone(), Subject::Update(Update::new(&name, status)))
        };
        let expired = Failure::of_text("ExpiredTokenException: The security token included in the request is expired");
        let items = vec![
            item("prod/general", Status::InProgress).with(Err(expired)),
            item("prod/gpu", Status::InProgress),
            item("prod/web", Status::Successful),
        ];
        let known = Known::started(&place(), items);
        let cost = Cost { calls: 2, took: Duration::from_secs(31), pace: None };
        let rhythm = Rhythm::of(Duration::from_secs(15), [cost]);
        let draw_all = |page: &mut Page| {
            draw(page, &known);
            draw_end(page, &known.passing_failures(), "2026-07-20T14:00:00Z".parse().unwrap(), rhythm);
        };
        insta::assert_snapshot!(every_output(&(), draw_all));
    }

    #[test]
    fn many_names_are_a_few_and_a_number() {
        let names: Vec<String> = (1..=5).map(|number| format!("prod/ng-{number}")).collect();
        assert_eq!(some(&names[..3]), "prod/ng-1, prod/ng-2, prod/ng-3");
        assert_eq!(some(&names), "prod/ng-1, prod/ng-2, prod/ng-3 and 2 more node groups");
    }
}
