//! What starts next.

use eks_nodegroup_updater::model::decision::DecisionKind;
use serde::Serialize;

use crate::aws::answer::StartAnswer;
use terminal::kind::Kind;
use terminal::page::{Page, Piece};
use terminal::text::count;

/// Names in a line.
const NAMES: usize = 3;

/// The node groups whose updates start next.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Upcoming {
    /// With the next run.
    to_start: Vec<String>,
    /// After those, when a limit allows it.
    next: Vec<String>,
}

impl Upcoming {
    /// Those of a dry run's answer.
    pub fn of(answer: &StartAnswer) -> Self {
        let with = |decision: DecisionKind| {
            answer
                .decisions
                .iter()
                .filter(|line| line.decision == decision)
                .map(|line| line.nodegroup.clone())
                .collect()
        };
        Self { to_start: with(DecisionKind::Start), next: with(DecisionKind::Next) }
    }
}

/// Draws what comes next, in two lines: each node group with its place, if the command is about several.
pub fn draw_upcoming(page: &mut Page, upcoming: &[(String, &Upcoming)]) {
    let all = |names: fn(&Upcoming) -> &[String]| -> Vec<String> {
        let of_each = upcoming.iter().map(|(place, it)| names(it).iter().map(move |name| format!("{name}{place}")));
        of_each.flatten().collect()
    };
    let (to_start, next) = (all(|it| &it.to_start), all(|it| &it.next));
    if to_start.is_empty() && next.is_empty() {
        return;
    }
    page.heading("Next");
    for (kind, names, when) in
        [(Kind::Start, to_start, "with the next run"), (Kind::Waits, next, "when a limit allows it")]
    {
        if !names.is_empty() {
            let text = format!(" {} {when}: {}", count(names.len(), "update"), some(&names));
            page.pieces(4, &[Piece::plain("  "), Piece::new(kind.style(), kind.glyph()), Piece::plain(&text)]);
        }
    }
}

/// `prod/a, prod/b, prod/c and 838 more`
fn some(names: &[String]) -> String {
    let more = names.len().saturating_sub(NAMES);
    let named = names.iter().take(NAMES).map(String::as_str).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{named} and {more} more") } else { named }
}
