//! How decisions are listed: by cluster while they fit a screen; beyond that, equal ones are one line with their number.

use std::collections::{BTreeMap, BTreeSet};

use eks_nodegroup_updater::model::decision::DecisionKind;
use jiff::Timestamp;

use crate::aws::answer::DecisionLine;
use terminal::kind::Kind;
use terminal::page::{Page, Piece, shortened};
use terminal::table::Rows;
use terminal::text::{count, safe};

/// Lines that are listed one by one; a longer list is folded.
const SCREEN: usize = 60;
/// From this number on, equal decisions are one line.
const FOLDED: usize = 3;

/// A node group, and its place if the command is about several.
#[derive(Clone, Copy)]
pub struct Located<'a> {
    /// Its account and region, or nothing.
    pub place: &'a str,
    /// The node group.
    pub line: &'a DecisionLine,
}

/// Decisions that are equal, or at least of one kind.
struct Group<'a> {
    lines: Vec<Located<'a>>,
    /// Whether their reasons are equal, too.
    is_equal: bool,
}

/// The parts of a decision that equal ones share.
type Shared<'a> = (Kind, &'a DecisionKind, &'a str, Option<Timestamp>);

/// Draws decisions by cluster; those that are current are one line of their cluster. A long list is folded, unless `all` of it is
/// wanted. Returns whether it was.
pub fn draw_decisions(page: &mut Page, lines: &[Located<'_>], all: bool) -> bool {
    if all || length(lines) <= SCREEN {
        draw_clusters(page, lines);
        return false;
    }
    let (folded, mut single) = fold(lines, |it| shared(it.line));
    let mut groups: Vec<Group<'_>> = folded.into_iter().map(|lines| Group { lines, is_equal: true }).collect();
    if length(&single) > SCREEN {
        let (folded, rest) = fold(&single, |it| (it.line.sign(), &it.line.decision));
        groups.extend(folded.into_iter().map(|lines| Group { lines, is_equal: false }));
        single = rest;
    }
    if !single.is_empty() {
        draw_clusters(page, &single);
        page.line("");
    }
    groups.sort_by_key(|group| (group.lines.first().map(|it| it.line.sign()), std::cmp::Reverse(group.lines.len())));
    groups.iter().for_each(|group| group.draw(page));
    true
}

/// The lines of a list by clusters.
fn length(lines: &[Located<'_>]) -> usize {
    let clusters: BTreeSet<(&str, &str)> = lines.iter().map(|it| (it.place, it.line.cluster())).collect();
    clusters.len() + 2 * lines.iter().filter(|it| it.line.sign() != Kind::Current).count()
}

fn shared(line: &DecisionLine) -> Shared<'_> {
    // The reason of a current node group only names the release that it runs.
    let reason = if line.sign() == Kind::Current { "" } else { line.reason.as_str() };
    (line.sign(), &line.decision, reason, line.until)
}

/// The lines with equal keys, if there are enough of them; and the others.
fn fold<'a, K: Ord>(
    lines: &[Located<'a>],
    key: impl Fn(&Located<'a>) -> K,
) -> (Vec<Vec<Located<'a>>>, Vec<Located<'a>>) {
    let mut groups: BTreeMap<K, Vec<Located<'a>>> = BTreeMap::new();
    for it in lines {
        groups.entry(key(it)).or_default().push(*it);
    }
    let (folded, single): (Vec<_>, Vec<_>) = groups.into_values().partition(|group| group.len() >= FOLDED);
    (folded, single.into_iter().flatten().collect())
}

impl Group<'_> {
    /// `◷ 840 Next: MAX_UPDATES_IN_PROGRESS is 10, reached by this run`
    fn draw(&self, page: &mut Page) {
        let Some(Located { line, .. }) = self.lines.first() else { return };
        let kind = line.sign();
        let number = self.lines.len();
        let until = line.until.filter(|_| self.is_equal).map(|until| format!("until {}: ", page.time(until)));
        let what = match (kind, self.is_equal) {
            (Kind::Current, _) => "current".to_owned(),
            (_, true) => format!("{}: {}{}", line.decision, until.unwrap_or_default(), line.reason),
            (_, false) => format!("{}, for different reasons", line.decision),
        };
        let behind = behind(self.lines.iter().filter_map(|it| it.line.days_behind()));
        let left = usize::from(page.width).saturating_sub(number.to_string().len().max(5) + 5 + behind.len());
        let sign = format!("{} {number:5}", kind.glyph());
        let text = format!(" {}{behind}", shortened(&safe(&what), left));
        page.pieces(4, &[Piece::plain("  "), Piece::new(kind.style(), &sign), Piece::plain(&text)]);
    }
}

/// `; 3 to 45 days behind`
fn behind(days: impl Iterator<Item = i64> + Clone) -> String {
    let number = |days: i64| count(usize::try_from(days).unwrap_or_default(), "day");
    match (days.clone().min(), days.max().filter(|most| *most > 0)) {
        (Some(least), Some(most)) if least == most => format!("; {} behind", number(most)),
        (Some(least), Some(most)) => format!("; {least} to {} behind", number(most)),
        _ => String::new(),
    }
}

/// Each line that is not current, by cluster.
fn draw_clusters(page: &mut Page, lines: &[Located<'_>]) {
    let mut clusters: BTreeMap<(&str, &str), Vec<&DecisionLine>> = BTreeMap::new();
    for Located { place, line } in lines {
        clusters.entry((place, line.cluster())).or_default().push(line);
    }
    let mut rows = Rows::new(["  Node group", "Runs", "Target", "Decision"]);
    for ((place, cluster), lines) in clusters {
        let is_current = |line: &&&DecisionLine| line.sign() == Kind::Current;
        let glyph = Kind::Current.glyph();
        let current = match lines.iter().filter(is_current).count() {
            0 => String::new(),
            current => format!("{glyph} {current} current"),
        };
        let title = if place.is_empty() { cluster.to_owned() } else { format!("{cluster} ({place})") };
        rows.title(&title, &current, Kind::Current.style());
        for line in lines.iter().filter(|line| !is_current(line)) {
            let kind = line.sign();
            let cells = [
                format!("  {} {}", kind.glyph(), line.name()),
                line.release().to_owned(),
                line.target.clone().unwrap_or_default(),
                decision(line),
            ];
            rows.row(cells, kind.style(), detail(page, line));
        }
    }
    page.rows(&rows);
}

fn decision(line: &DecisionLine) -> String {
    match &line.outcome {
        Some(outcome) => format!("{}: {outcome}", line.decision),
        None => line.decision.to_string(),
    }
}

/// The reason, unless the decision and its target are enough.
fn detail(page: &Page, line: &DecisionLine) -> Option<String> {
    let reason = match (&line.detail, &line.decision) {
        (Some(detail), _) if line.update_id.is_none() => detail,
        (_, DecisionKind::Start) => return None,
        _ => &line.reason,
    };
    let until = line.until.map(|until| format!("until {}: ", page.time(until)));
    Some(format!("{}{reason}", until.unwrap_or_default()))
}

/// `1 to start, 2 wait, 1 needs you, 12 current`, of these decisions.
pub fn numbers<'a>(lines: impl Iterator<Item = &'a DecisionLine>) -> String {
    let mut numbers: BTreeMap<Kind, usize> = BTreeMap::new();
    for line in lines {
        *numbers.entry(line.sign()).or_default() += 1;
    }
    let parts = numbers.into_iter().map(|(kind, number)| {
        let words = match (kind, number) {
            (Kind::Start, _) => "to start",
            (Kind::Updating, _) => "updating",
            (Kind::Waits, 1) => "waits",
            (Kind::Waits, _) => "wait",
            (Kind::NeedsYou, 1) => "needs you",
            (Kind::NeedsYou, _) => "need you",
            (Kind::LeftAlone, _) => "left alone",
            (Kind::Current, _) => "current",
        };
        format!("{number} {words}")
    });
    parts.collect::<Vec<_>>().join(", ")
}
