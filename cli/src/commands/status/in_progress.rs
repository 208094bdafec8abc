//! The updates in progress, and how long they usually take.

use anstyle::Style;
use eks_nodegroup_updater::model::record::nodegroup::NodegroupRecord;
use eks_nodegroup_updater::model::record::set::RecordSet;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use terminal::bar::bar;
use terminal::kind::Kind;
use terminal::page::Page;
use terminal::table::Rows;
use terminal::text::duration;

/// The columns of a bar: on a narrow page it leaves room to the rest of its line.
fn columns(page: &Page) -> u8 {
    match page.width {
        0..70 => 0,
        70..100 => 10,
        _ => 20,
    }
}

/// An update in progress.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InProgress {
    nodegroup: String,
    release_version: String,
    since: Timestamp,
    /// How long its updates usually take; without any, those of the fleet.
    #[serde(skip_serializing_if = "Option::is_none")]
    usually_seconds: Option<i64>,
}

/// The updates in progress by the records, the oldest first.
pub fn in_progress(records: &RecordSet) -> Vec<InProgress> {
    let successes = |record: &NodegroupRecord| -> Vec<i64> {
        let took = record.successes().map(|(attempt, ended)| ended.duration_since(attempt.started_at).as_secs());
        took.collect()
    };
    let of_fleet = median(records.readable().flat_map(successes).collect());
    let open = records.readable().filter_map(|record| Some((record, record.open()?)));
    let shown = open.map(|(record, attempt)| InProgress {
        nodegroup: record.id.to_string(),
        release_version: attempt.intent.release_version.clone(),
        since: attempt.started_at,
        usually_seconds: median(successes(record)).or(of_fleet),
    });
    let mut shown: Vec<InProgress> = shown.collect();
    shown.sort_by_key(|it| it.since);
    shown
}

fn median(mut numbers: Vec<i64>) -> Option<i64> {
    numbers.sort_unstable();
    numbers.get(numbers.len() / 2).copied()
}

/// Draws since when updates are in progress.
pub fn draw_since(page: &mut Page, updates: &[InProgress]) {
    if updates.is_empty() {
        return;
    }
    page.heading("In progress");
    let mut rows = Rows::new(["  Node group", "To release", "Since", "Usually"]);
    for it in updates {
        let usually = it.usually_seconds.map(|seconds| duration(SignedDuration::from_secs(seconds)));
        let cells = [
            format!("  ↻ {}", it.nodegroup),
            it.release_version.clone(),
            page.time(it.since),
            usually.unwrap_or_default(),
        ];
        rows.row(cells, Style::new(), None);
    }
    page.rows(&rows);
}

/// Draws how far updates are by the time they usually take: each with its place, if the command is about several; in at most
/// so many lines.
pub fn draw_progress(page: &mut Page, updates: &[(String, &InProgress)], now: Timestamp, lines: usize) {
    page.heading("In progress");
    let mut rows = Rows::new(["  Node group", "To release", "Progress", "Time"]);
    for (place, it) in updates.iter().take(lines) {
        let cells = [
            format!("  {} {}{place}", Kind::Updating.glyph(), it.nodegroup),
            it.release_version.clone(),
            it.bar(now, columns(page)),
            it.time(now),
        ];
        rows.row(cells, Kind::Updating.style(), None);
    }
    page.rows(&rows);
    let more = updates.len().saturating_sub(lines);
    if more > 0 {
        page.note(&format!("  and {more} more"));
    }
}

impl InProgress {
    /// How long it has been in progress: not less than nothing, since this machine's clock may be behind.
    fn seconds(&self, now: Timestamp) -> i64 {
        now.duration_since(self.since).as_secs().max(0)
    }

    fn usual(&self) -> Option<i64> {
        self.usually_seconds.filter(|seconds| *seconds > 0)
    }

    fn bar(&self, now: Timestamp, columns: u8) -> String {
        let passed = SignedDuration::from_secs(self.seconds(now));
        let part = |usual| passed.div_duration_f64(SignedDuration::from_secs(usual));
        self.usual().map(|usual| bar(part(usual), columns)).unwrap_or_default()
    }

    /// `12 min of about 20 min`
    fn time(&self, now: Timestamp) -> String {
        let seconds = self.seconds(now);
        let passed = duration(SignedDuration::from_secs(seconds));
        match self.usual().map(|usual| (seconds <= usual, duration(SignedDuration::from_secs(usual)))) {
            Some((true, usual)) => format!("{passed} of about {usual}"),
            Some((false, usual)) => format!("{passed}, usually {usual}"),
            None => passed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_shown_against_the_usual_one() {
        let update = |usually_seconds| InProgress {
            nodegroup: "prod/web".to_owned(),
            release_version: "1.33.2-20260710".to_owned(),
            since: "2026-07-20T09:00:00Z".parse().unwrap(),
            usually_seconds,
        };
        let after = |minutes| "2026-07-20T09:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minutes);
        let shown = |usually, minutes| {
            let update = update(usually);
            (update.time(after(minutes)), update.bar(after(minutes), 10))
        };
        let usually = Some(20 * 60);
        assert_eq!(shown(usually, 12), ("12 min of about 20 min".to_owned(), "━━━━━━────".to_owned()));
        assert_eq!(shown(usually, 26), ("26 min, usually 20 min".to_owned(), "━━━━━━━━━━".to_owned()));
        assert_eq!(shown(usually, -1), ("0 s of about 20 min".to_owned(), "──────────".to_owned()));
        assert_eq!(shown(None, 12), ("12 min".to_owned(), String::new()));
    }
}
