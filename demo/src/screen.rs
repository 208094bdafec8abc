//! The demo's last screen: what happened, what was kept from happening, one message, and the next commands.

use std::collections::BTreeSet;

use eks_nodegroup_updater::model::decision::DecisionKind;
use eks_nodegroup_updater::model::decision::attention::Attention;
use eks_nodegroup_updater::model::decision::reason::ReasonKind;
use sandbox::{fleet, functions};
use terminal::kind::Kind;
use terminal::page::{Page, Piece, shortened};
use terminal::text::count;

use crate::Program;
use crate::report::{Message, Plan, Planned, Quarantined, Report, Update, clock};

/// Writes the screen on a page.
pub fn draw(page: &mut Page, report: &Report, program: Program) {
    let [first, last] = &report.plans;
    let nodegroups = first.decisions.len() + report.without_tag.len();
    let hours = report.to.duration_since(report.from).as_hours();
    page.heading(&format!(
        "{hours} hours, {} clusters, {nodegroups} node groups: start ran {} times, check {} times",
        fleet::CLUSTERS.len(),
        report.start_runs,
        report.check_runs,
    ));
    page.heading("What happened");
    updated(page, report);
    failed(page, report);
    page.heading("What was kept from happening");
    report.quarantines.iter().for_each(|quarantine| quarantined(page, quarantine));
    waited(page, report);
    left_alone(page, report);
    page.heading("What needs you");
    needs_you(page, last);
    let critical = |message: &&Message| message.attributes.get("severity").is_some_and(|is| is == "critical");
    if let Some(message) = report.messages.iter().find(critical) {
        page.heading(&format!("The most severe of {}", count(report.messages.len(), "message")));
        mail(page, message);
    }
    page.heading("Next");
    for (command, why) in [
        (format!("{} --verbose", program.demo), "all plans, updates, messages and calls"),
        (program.serve.to_owned(), "this fleet, for the AWS CLI"),
        ("sam build && sam deploy --guided".to_owned(), "the updater in your account"),
    ] {
        page.pieces(38, &[Piece::plain(&format!("  {command:<34}  {why}"))]);
    }
}

/// A line with the sign of its kind.
fn point(page: &mut Page, kind: Kind, text: &str) {
    let text = format!(" {text}");
    page.pieces(4, &[Piece::plain("  "), Piece::new(kind.style(), kind.glyph()), Piece::plain(&text)]);
}

fn updated(page: &mut Page, report: &Report) {
    let successful = successful(report);
    let names: Vec<&str> = successful.iter().copied().collect();
    let text = format!("{} updated to the latest release: {}", count(names.len(), "node group"), names.join(", "));
    point(page, Kind::Current, &text);
}

/// Updates that failed for no fault of their release, and those that have no end.
fn failed(page: &mut Page, report: &Report) {
    for failed in report.updates.iter().filter(|update| !update.error_codes.is_empty()) {
        let again = |update: &&Update| update.nodegroup == failed.nodegroup && update.started_at > failed.started_at;
        let Some((again, ended_at)) = report.updates.iter().find(again).and_then(|it| Some((it, it.ended_at?))) else {
            continue;
        };
        let (name, codes) = (&failed.nodegroup, failed.error_codes.join(", "));
        let (at, again_at) = (clock(failed.ended_at.unwrap_or(failed.started_at)), clock(ended_at));
        let again = if again.status == "Successful" { "succeeded" } else { "failed" };
        let text = format!("{name} failed at {at} ({codes}); the retry {again} at {again_at}");
        point(page, Kind::Updating, &text);
    }
    for open in report.updates.iter().filter(|update| update.ended_at.is_none()) {
        let reported =
            report.messages.iter().find(|it| it.attributes.get("kind").is_some_and(|is| is == "UpdateStuck"));
        let reported = reported.map(|it| format!("; reported as stuck at {}", clock(it.at))).unwrap_or_default();
        let text = format!("{} has been updating since {}{reported}", open.nodegroup, clock(open.started_at));
        point(page, Kind::NeedsYou, &text);
    }
}

fn quarantined(page: &mut Page, quarantine: &Quarantined) {
    let Quarantined { release_version, since, failed_on, saved } = quarantine;
    let text = format!(
        "No node came up with {release_version} on {failed_on}: quarantined at {}, so {} never got it",
        clock(*since),
        saved.join(" and "),
    );
    point(page, Kind::NeedsYou, &text);
}

/// Node groups that were updated, but not at once.
fn waited(page: &mut Page, report: &Report) {
    let [first, _] = &report.plans;
    let successful = successful(report);
    let because_of = |reason: ReasonKind| {
        let skipped = DecisionKind::Skip(reason);
        let waited = first.decisions.iter().filter(|planned| DecisionKind::from(planned.line.decision) == skipped);
        let names = waited.map(name).filter(|name| successful.contains(name));
        names.collect::<Vec<&str>>()
    };
    let waits = [
        (
            because_of(ReasonKind::WaitingForRing),
            format!("not before dev and staging had run the release for {}", functions::RING_SOAK),
        ),
        (because_of(ReasonKind::OutsideWindow), format!("not outside the window {}", fleet::WINDOW)),
    ];
    for (names, text) in waits.into_iter().filter(|(names, _)| !names.is_empty()) {
        point(page, Kind::Waits, &format!("{}: {text}", names.join(", ")));
    }
}

fn left_alone(page: &mut Page, report: &Report) {
    let [first, _] = &report.plans;
    let deliberate = first.decisions.iter().filter(|planned| planned.line.attention == Attention::Deliberate);
    let names: Vec<&str> = deliberate.map(name).chain(report.without_tag.iter().map(String::as_str)).collect();
    point(page, Kind::LeftAlone, &format!("{}: never updated, since their tags do not allow it", names.join(", ")));
}

fn needs_you(page: &mut Page, plan: &Plan) {
    let all = plan.decisions.iter().filter(|planned| planned.line.attention == Attention::NeedsYou);
    let all: Vec<String> = all.map(|planned| format!("{} ({})", name(planned), planned.line.decision)).collect();
    point(page, Kind::NeedsYou, &all.join(", "));
}

/// An e-mail without its empty lines.
fn mail(page: &mut Page, message: &Message) {
    page.paragraph(&format!("  Subject: {}", message.subject));
    let lines = message.email.lines().skip(1).filter(|line| !line.is_empty() && !line.starts_with("Message "));
    for line in lines {
        page.quiet(&format!("  │ {}", shortened(line, usize::from(page.width).saturating_sub(4))));
    }
}

/// The node groups that were updated.
fn successful(report: &Report) -> BTreeSet<&str> {
    let successful = report.updates.iter().filter(|update| update.status == "Successful");
    successful.map(|update| update.nodegroup.as_str()).collect()
}

fn name(planned: &Planned) -> &str {
    &planned.line.nodegroup
}
