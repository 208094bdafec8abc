//! Everything that happened, as people read it, part by part.

use anstyle::{AnsiColor, Style};
use eks_nodegroup_updater::model::attempt::{Attempt, Status};
use eks_nodegroup_updater::model::decision::DecisionKind;
use eks_nodegroup_updater::model::decision::attention::Attention;
use eks_nodegroup_updater::model::notice::Notice;
use eks_nodegroup_updater::model::record::nodegroup::NodegroupRecord;
use jiff::SignedDuration;
use sandbox::{fleet, functions};
use terminal::page::Page;
use terminal::table::{Cell, Rows};

use crate::Program;
use crate::report::{Message, Plan, Planned, Quarantined, Report, clock};

/// The width from which the plan has a line for each node group; below, it has two.
const WIDE: u16 = 140;

/// Writes the whole report on a page.
pub fn draw(page: &mut Page, report: &Report, program: Program) {
    introduction(page, report);
    plans(page, report);
    updates(page, report);
    quarantines(page, report);
    records(page, report);
    messages(page, report);
    calls(page, report);
    errors(page, report);
    next(page, program);
}

fn introduction(page: &mut Page, report: &Report) {
    let [first, _] = &report.plans;
    let nodegroups = first.decisions.len() + report.without_tag.len();
    page.paragraph(&format!(
        "The real handlers ran against a simulated AWS with {} clusters and {nodegroups} node groups, through the real AWS \
         SDK over HTTP: start {} times, once an hour, and check {} times, every five minutes, from {} to {}.",
        fleet::CLUSTERS.len(),
        report.start_runs,
        report.check_runs,
        report.from.strftime("%A, %Y-%m-%d, %H:%M"),
        report.to.strftime("%H:%M UTC"),
    ));
    page.line("");
    page.paragraph(&format!(
        "The rules here: the node groups of prod have the tag ami-update/ring=1, so they get a release once every \
         node group of the same AMI type in dev and staging, which are ring 0, has run it for {} (the setting \
         RING_SOAK; by \
         default 24h). prod/gpu also has ami-update/window={}. Everything else is the default.",
        functions::RING_SOAK,
        fleet::WINDOW,
    ));
}

fn plans(page: &mut Page, report: &Report) {
    let [first, later] = &report.plans;
    page.heading(&format!("The plan of the first run, at {}", clock(first.at)));
    plan(page, &first.decisions);
    page.note(&format!("{} has no tag ami-update, so start does not see it.", report.without_tag.join(", ")));

    let hours = later.at.duration_since(first.at).as_hours();
    page.heading(&format!("The plan {hours} hours later, at {}, where it has changed", clock(later.at)));
    let changed = changed(first, later);
    let others = later.decisions.len() - changed.len();
    plan(page, changed);
    page.note(&format!("The other {others} decisions are the same as before."));
}

fn plan<'a>(page: &mut Page, decisions: impl IntoIterator<Item = &'a Planned>) {
    let is_wide = page.width >= WIDE;
    let mut wide = Rows::new(["Node group", "AMI type", "Runs", "Decision", "Until", "Reason"]).with_long(5);
    let mut narrow = Rows::new(["Node group", "AMI type, runs", "Decision, until when, and the reason"]).with_long(2);
    for Planned { line, ami_type, runs } in decisions {
        let style = style_of(&line.decision.into(), line.attention);
        let until = line.until.map(clock);
        let name = Cell::new(&line.nodegroup);
        let (ami_type, runs, reason) = (Cell::new(ami_type), Cell::new(runs), Cell::new(&line.reason));
        if is_wide {
            let decision = Cell::new(line.decision).style(style);
            wide.cells([name, ami_type, runs, decision, Cell::new(until.unwrap_or_default()), reason]);
        } else {
            let until = until.map(|until| format!(", until {until}")).unwrap_or_default();
            narrow.cells([name, ami_type, Cell::new(format!("{}{until}", line.decision)).style(style)]);
            narrow.cells([Cell::new(""), runs, reason]);
        }
    }
    if is_wide { page.rows(&wide) } else { page.rows(&narrow) }
}

fn updates(page: &mut Page, report: &Report) {
    page.heading("How each update ended");
    let mut rows = Rows::new(["Node group", "To release", "Started", "Ended", "Took", "Status"]).with_long(5);
    for update in &report.updates {
        let status = update.error_codes.iter().fold(update.status.clone(), |status, code| format!("{status}: {code}"));
        rows.cells([
            Cell::new(&update.nodegroup),
            Cell::new(&update.release_version),
            Cell::new(clock(update.started_at)),
            Cell::new(update.ended_at.map(clock).unwrap_or_default()),
            Cell::new(format!("{:#}", SignedDuration::from_secs(update.duration_seconds))),
            Cell::new(status).style(style_of_status(&update.status)),
        ]);
    }
    page.rows(&rows);
    page.note(
        "check runs every five minutes, so it records an end up to five minutes later, and a ring's soak time counts from \
         then. By default, one node group of a cluster updates at a time.",
    );
}

fn quarantines(page: &mut Page, report: &Report) {
    for Quarantined { release_version, since, failed_on, saved } in &report.quarantines {
        page.heading("The quarantined release");
        page.paragraph(&format!(
            "Nodes with {release_version} did not come up on {failed_on}. It has been quarantined since {}: {} never got it, and \
             it is not retried where it failed.",
            clock(*since),
            saved.join(" and "),
        ));
    }
}

fn records(page: &mut Page, report: &Report) {
    page.heading("The DynamoDB table at the end");
    let mut rows = Rows::new(["Node group", "No.", "Update id", "Status", "Pending notices"]);
    let fleet = report
        .fleet_record
        .iter()
        .map(|record| (("fleet".to_owned(), record.pending_notices()), vec![["", "quarantines", ""].map(Cell::new)]));
    let nodegroups = report
        .nodegroup_records
        .iter()
        .map(|record| ((record.id.to_string(), record.pending_notices()), lines(record)));
    for ((name, notices), lines) in fleet.chain(nodegroups) {
        for (index, [number, update, status]) in lines.into_iter().enumerate() {
            let (name, pending) =
                if index == 0 { (name.clone(), pending(notices)) } else { (String::new(), String::new()) };
            rows.cells([Cell::new(name), number, update, status, Cell::new(pending)]);
        }
    }
    page.rows(&rows);
}

fn pending(notices: &[Notice]) -> String {
    if notices.is_empty() {
        return "none".to_owned();
    }
    notices.iter().map(|notice| notice.kind.code()).collect::<Vec<_>>().join(", ")
}

/// Attempt, update id and status of all attempts of a record, the newest last; without attempts, what was reported.
fn lines(record: &NodegroupRecord) -> Vec<[Cell; 3]> {
    let row = |attempt: &Attempt| {
        let stuck = if attempt.stuck_notified { " (stuck)" } else { "" };
        [
            Cell::new(attempt.number),
            Cell::new(attempt.update_id.as_deref().unwrap_or_default()),
            Cell::new(format!("{}{stuck}", attempt.status.as_str()))
                .style(style_of_attempt(attempt.status.known().copied())),
        ]
    };
    let attempts: Vec<_> = record.attempts.all().map(row).collect();
    if !attempts.is_empty() {
        return attempts;
    }
    let reported = |what: &str| [Cell::new(""), Cell::new(format!("{what} was reported")), Cell::new("")];
    let release = record.reported.release.iter().map(|release| reported(&release.release_version));
    release.chain(record.reported.tag.iter().map(|tag| reported(&tag.key))).collect()
}

fn messages(page: &mut Page, report: &Report) {
    page.heading("What SNS delivered");
    let mut rows = Rows::new(["At", "Severity", "Subject"]).with_long(2);
    for Message { at, subject, attributes, .. } in &report.messages {
        let severity = attributes.get("severity").map(String::as_str).unwrap_or_default();
        let severity_cell = Cell::new(severity).style(style_of_severity(severity));
        rows.cells([Cell::new(clock(*at)), severity_cell, Cell::new(subject)]);
    }
    page.rows(&rows);
    let with = |name: &str, value: &str| {
        report.messages.iter().find(|message| message.attributes.get(name).is_some_and(|is| is == value))
    };
    if let Some(message) = with("errorCode", "PodEvictionFailure") {
        page.heading("A failure, exactly as an e-mail subscriber gets it");
        page.note("SNS adds a link to unsubscribe below it.");
        mail(page, message);
        page.heading("The same for machines, as subscribers by SQS, HTTPS or Lambda get it");
        page.note("Pretty-printed here; SNS delivers it in one line.");
        format!("{:#}", message.default).lines().for_each(|line| page.line(line));
    }
    if let Some(message) = with("kind", "ReleaseQuarantined") {
        page.heading("The quarantine, by e-mail");
        mail(page, message);
    }
}

fn mail(page: &mut Page, message: &Message) {
    page.line(&format!("Subject: {}", message.subject));
    page.line("");
    message.email.trim_end().lines().for_each(|line| page.line(line));
}

fn calls(page: &mut Page, report: &Report) {
    page.heading("AWS calls");
    for (function, calls) in report.calls.iter().rev() {
        let total: usize = calls.values().sum();
        let each: Vec<String> = calls.iter().map(|(action, count)| format!("{count} {action}")).collect();
        page.paragraph(&format!("{function} made {total}: {}.", each.join(", ")));
    }
}

fn errors(page: &mut Page, report: &Report) {
    if !report.errors.is_empty() {
        page.heading("Errors");
        report.errors.iter().for_each(|error| page.paragraph(error));
    }
}

fn next(page: &mut Page, program: Program) {
    page.heading("Next");
    page.line("Deploy it:    sam build && sam deploy --guided");
    page.line(&format!("Try it out:   {}", program.serve));
}

/// The decisions of a later plan that differ, or have another reason.
fn changed<'a>(first: &Plan, later: &'a Plan) -> Vec<&'a Planned> {
    let as_before = |now: &Planned| first.decisions.iter().any(|then| then.line == now.line);
    later.decisions.iter().filter(|now| !as_before(now)).collect()
}

fn style_of(decision: &DecisionKind, attention: Attention) -> Style {
    match attention {
        Attention::Moving if *decision == DecisionKind::Start => AnsiColor::Green.on_default(),
        Attention::Moving | Attention::Waits | Attention::Current | Attention::Deliberate => Style::new(),
        Attention::NeedsYou => AnsiColor::Red.on_default(),
    }
}

fn style_of_attempt(status: Option<Status>) -> Style {
    let color = match status {
        Some(Status::Successful) => AnsiColor::Green,
        Some(Status::InProgress | Status::Intent) | None => AnsiColor::Yellow,
        Some(Status::Failed | Status::Cancelled | Status::Unverified | Status::NotFound | Status::Refused) => {
            AnsiColor::Red
        }
    };
    color.on_default()
}

/// The style of a status of EKS.
fn style_of_status(status: &str) -> Style {
    let color = match status {
        "Successful" => AnsiColor::Green,
        "InProgress" => AnsiColor::Yellow,
        _ => AnsiColor::Red,
    };
    color.on_default()
}

fn style_of_severity(severity: &str) -> Style {
    match severity {
        "critical" | "error" => AnsiColor::Red.on_default(),
        "warning" => AnsiColor::Yellow.on_default(),
        _ => Style::new(),
    }
}
