//! Everything that happened, as people read it, part by part.

use comfy_table::{Cell, Color};
use eks_nodegroup_updater::model::attempt::{Attempt, Status};
use eks_nodegroup_updater::model::decision::DecisionKind;
use eks_nodegroup_updater::model::decision::attention::Attention;
use eks_nodegroup_updater::model::notice::Notice;
use eks_nodegroup_updater::model::record::nodegroup::NodegroupRecord;
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use sandbox::{fleet, functions};
use terminal::page::Page;

use crate::Program;
use crate::report::{Message, Plan, Planned, Quarantined, Report, clock};

/// The width from which the plan has a line for each node group; below, it has two.
const WIDE: u16 = 140;

/// The whole report, for this many columns.
pub fn report(report: &Report, width: u16, program: Program) -> String {
    let mut page = Page::new(width, TimeZone::UTC);
    introduction(&mut page, report);
    plans(&mut page, report);
    updates(&mut page, report);
    quarantines(&mut page, report);
    records(&mut page, report);
    messages(&mut page, report);
    calls(&mut page, report);
    errors(&mut page, report);
    next(&mut page, program);
    page.text
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
    let wide = page.width >= WIDE;
    let mut table = if wide {
        page.table(&["Node group", "AMI type", "Runs", "Decision", "Until", "Reason"], 5)
    } else {
        page.table(&["Node group", "AMI type, runs", "Decision, until when, and the reason"], 2)
    };
    for Planned { line, ami_type, runs } in decisions {
        let color = color_of(&line.decision.into(), line.attention);
        let until = line.until.map(clock);
        let name = Cell::new(&line.nodegroup);
        let (ami_type, runs, reason) = (Cell::new(ami_type), Cell::new(runs), Cell::new(&line.reason));
        if wide {
            let decision = Cell::new(line.decision).fg(color);
            table.add_row([name, ami_type, runs, decision, Cell::new(until.unwrap_or_default()), reason]);
        } else {
            let until = until.map(|until| format!(", until {until}")).unwrap_or_default();
            let decision = Cell::new(format!("{}{until}", line.decision)).fg(color);
            table.add_rows([[name, ami_type, decision], [Cell::new(""), runs, reason]]);
        }
    }
    page.add(&table);
}

fn updates(page: &mut Page, report: &Report) {
    page.heading("How each update ended");
    let mut table = page.table(&["Node group", "To release", "Started", "Ended", "Took", "Status"], 5);
    for update in &report.updates {
        let status = update.error_codes.iter().fold(update.status.clone(), |status, code| format!("{status}: {code}"));
        table.add_row([
            Cell::new(&update.nodegroup),
            Cell::new(&update.release_version),
            Cell::new(clock(update.started_at)),
            Cell::new(update.ended_at.map(clock).unwrap_or_default()),
            Cell::new(format!("{:#}", SignedDuration::from_secs(update.duration_seconds))),
            Cell::new(status).fg(color_of_status(&update.status)),
        ]);
    }
    page.add(&table);
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
    let mut table = page.table(&["Node group", "No.", "Update id", "Status", "Pending notices"], 3);
    let fleet = report.fleet_record.iter().map(|record| {
        (
            ("fleet".to_owned(), record.pending_notices()),
            vec![vec![Cell::new(""), Cell::new("quarantines"), Cell::new("")]],
        )
    });
    let nodegroups =
        report.nodegroup_records.iter().map(|record| ((record.id.to_string(), record.pending_notices()), rows(record)));
    for ((name, notices), rows) in fleet.chain(nodegroups) {
        for (index, row) in rows.into_iter().enumerate() {
            let (name, pending) =
                if index == 0 { (name.clone(), pending(notices)) } else { (String::new(), String::new()) };
            table.add_row([vec![Cell::new(name)], row, vec![Cell::new(pending)]].concat());
        }
    }
    page.add(&table);
}

fn pending(notices: &[Notice]) -> String {
    if notices.is_empty() {
        return "none".to_owned();
    }
    notices.iter().map(|notice| notice.kind.code()).collect::<Vec<_>>().join(", ")
}

/// Attempt, update id and status of all attempts of a record, the newest last; without attempts, what was reported.
fn rows(record: &NodegroupRecord) -> Vec<Vec<Cell>> {
    let row = |attempt: &Attempt| {
        let stuck = if attempt.stuck_notified { " (stuck)" } else { "" };
        vec![
            Cell::new(attempt.number),
            Cell::new(attempt.update_id.as_deref().unwrap_or_default()),
            Cell::new(format!("{}{stuck}", attempt.status.as_str()))
                .fg(color_of_attempt(attempt.status.known().copied())),
        ]
    };
    let attempts: Vec<_> = record.attempts.all().map(row).collect();
    if !attempts.is_empty() {
        return attempts;
    }
    let reported = |what: &str| vec![Cell::new(""), Cell::new(format!("{what} was reported")), Cell::new("")];
    let release = record.reported.release.iter().map(|release| reported(&release.release_version));
    release.chain(record.reported.tag.iter().map(|tag| reported(&tag.key))).collect()
}

fn messages(page: &mut Page, report: &Report) {
    page.heading("What SNS delivered");
    let mut table = page.table(&["At", "Severity", "Subject"], 2);
    for Message { at, subject, attributes, .. } in &report.messages {
        let severity = attributes.get("severity").map(String::as_str).unwrap_or_default();
        let severity_cell = Cell::new(severity).fg(color_of_severity(severity));
        table.add_row([Cell::new(clock(*at)), severity_cell, Cell::new(subject)]);
    }
    page.add(&table);
    let with = |name: &str, value: &str| {
        report.messages.iter().find(|message| message.attributes.get(name).is_some_and(|is| is == value))
    };
    if let Some(message) = with("errorCode", "PodEvictionFailure") {
        page.heading("A failure, exactly as an e-mail subscriber gets it");
        page.note("SNS adds a link to unsubscribe below it.");
        mail(page, message);
        page.heading("The same for machines, as subscribers by SQS, HTTPS or Lambda get it");
        page.note("Pretty-printed here; SNS delivers it in one line.");
        page.line(&format!("{:#}", message.default));
    }
    if let Some(message) = with("kind", "ReleaseQuarantined") {
        page.heading("The quarantine, by e-mail");
        mail(page, message);
    }
}

fn mail(page: &mut Page, message: &Message) {
    page.line(&format!("Subject: {}\n\n{}", message.subject, message.email.trim_end()));
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

fn color_of(decision: &DecisionKind, attention: Attention) -> Color {
    match attention {
        Attention::Moving if *decision == DecisionKind::Start => Color::DarkGreen,
        Attention::Moving | Attention::Waits | Attention::Current | Attention::Deliberate => Color::Reset,
        Attention::NeedsYou => Color::DarkRed,
    }
}

fn color_of_attempt(status: Option<Status>) -> Color {
    match status {
        Some(Status::Successful) => Color::DarkGreen,
        Some(Status::InProgress | Status::Intent) | None => Color::DarkYellow,
        Some(Status::Failed | Status::Cancelled | Status::Unverified | Status::NotFound | Status::Refused) => {
            Color::DarkRed
        }
    }
}

/// The style of a status of EKS.
fn color_of_status(status: &str) -> Color {
    match status {
        "Successful" => Color::DarkGreen,
        "InProgress" => Color::DarkYellow,
        _ => Color::DarkRed,
    }
}

fn color_of_severity(severity: &str) -> Color {
    match severity {
        "critical" | "error" => Color::DarkRed,
        "warning" => Color::DarkYellow,
        _ => Color::Reset,
    }
}
