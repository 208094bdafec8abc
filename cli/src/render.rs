//! The story as people read it.
//!
//! Everything is styled; whoever prints it takes the styles out where there is no terminal, or where `NO_COLOR` is set.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use comfy_table::{Attribute, Cell, Color, ContentArrangement, LineStyle, Table, TableStyle};
use eks_nodegroup_updater::model::record::Record;
use eks_nodegroup_updater::model::update::Attempt;
use jiff::{SignedDuration, Timestamp};

use crate::fleet;
use crate::story::{Message, Planned, Story, Update};

/// The width where there is no terminal.
const WIDTH_ELSEWHERE: u16 = 120;
/// The width from which the plan has a column for the AMI type and one for the release.
const WIDE: u16 = 140;

/// A rule under the header, and nothing else.
const PLAIN: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

const HEADING: Style = AnsiColor::Cyan.on_default().bold();
const QUIET: Style = Style::new().dimmed();

/// How many columns stdout has.
pub fn width() -> u16 {
    Table::new().width().unwrap_or(WIDTH_ELSEWHERE)
}

/// The whole story, for so many columns.
pub fn story(story: &Story, width: u16) -> String {
    let page = Page { text: String::new(), width };
    page.introduction(story)
        .plan(story)
        .updates(story)
        .records(story)
        .messages(story)
        .calls(story)
        .problems(story)
        .farewell()
        .text
}

struct Page {
    text: String,
    width: u16,
}

impl Page {
    fn introduction(mut self, story: &Story) -> Self {
        let groups = story.plan.len() + story.without_tag.len();
        self.paragraph(&format!(
            "The real handlers ran against a simulated AWS with {} clusters and {groups} node groups, through the real AWS SDK \
             over HTTP: start {} times, once an hour, and check {} times, every five minutes, from {} to {}.",
            fleet::CLUSTERS.len(),
            story.start_runs,
            story.check_runs,
            story.from.strftime("%H:%M on %Y-%m-%d"),
            story.to.strftime("%H:%M UTC"),
        ));
        self
    }

    fn plan(mut self, story: &Story) -> Self {
        self.heading("The plan of the first run");
        let wide = self.width >= WIDE;
        let header: &[&str] = if wide {
            &["Node group", "AMI type", "Runs", "Decision", "Reason"]
        } else {
            &["Node group", "AMI type, runs", "Decision", "Reason"]
        };
        let mut table = self.table(header);
        for planned in &story.plan {
            let Planned { line, ami_type, runs } = planned;
            let decision = Cell::new(line.decision).fg(color_of_decision(line.decision));
            let reason = Cell::new(&line.reason);
            let name = Cell::new(&line.nodegroup);
            table.add_row(if wide {
                vec![name, Cell::new(ami_type), Cell::new(runs), decision, reason]
            } else {
                vec![name, Cell::new(format!("{ami_type}\n{runs}")), decision, reason]
            });
        }
        self.add(&table);
        self.note(&format!("{} bears no tag ami-update, so start does not even see it.", story.without_tag.join(", ")));
        self
    }

    fn updates(mut self, story: &Story) -> Self {
        self.heading("How each update went");
        let mut table = self.table(&["Node group", "To release", "Started", "Ended", "Took", "Status", "EKS says"]);
        for update in &story.updates {
            let Update {
                nodegroup, release_version, started_at, ended_at, duration_seconds, status, error_codes, ..
            } = update;
            table.add_row([
                Cell::new(nodegroup),
                Cell::new(release_version),
                Cell::new(clock(*started_at)),
                Cell::new(ended_at.map(clock).unwrap_or_default()),
                Cell::new(took(*duration_seconds, ended_at.is_some())),
                Cell::new(status).fg(color_of_status(status)),
                Cell::new(error_codes.join(", ")),
            ]);
        }
        self.add(&table);
        self.note("check looks every five minutes, so it records an end up to five minutes later.");
        self
    }

    fn records(mut self, story: &Story) -> Self {
        self.heading("What the DynamoDB table holds at the end");
        let mut table = self.table(&["Node group", "Attempt", "Update id", "Status", "Untold"]);
        for record in &story.records {
            let untold = match record.untold.len() {
                0 => "nothing".to_owned(),
                _ => record.untold.iter().map(|notice| notice.event.as_str()).collect::<Vec<_>>().join(", "),
            };
            for (index, row) in rows_of(record).into_iter().enumerate() {
                let first = index == 0;
                let name = if first { record.id().to_string() } else { String::new() };
                let untold = if first { untold.as_str() } else { "" };
                table.add_row([vec![Cell::new(name)], row, vec![Cell::new(untold)]].concat());
            }
        }
        self.add(&table);
        self
    }

    fn messages(mut self, story: &Story) -> Self {
        self.heading("What SNS delivered");
        let mut table = self.table(&["At", "Severity", "Subject"]);
        for Message { at, subject, attributes, .. } in &story.messages {
            let severity = attributes.get("severity").map(String::as_str).unwrap_or_default();
            let severity_cell = Cell::new(severity).fg(color_of_severity(severity));
            table.add_row([Cell::new(clock(*at)), severity_cell, Cell::new(subject)]);
        }
        self.add(&table);
        let failed = |message: &&Message| message.attributes.get("event").is_some_and(|event| event == "UpdateFailed");
        if let Some(message) = story.messages.iter().find(failed) {
            self.heading("The failure, exactly as a subscriber by e-mail gets it");
            self.line(&format!("Subject: {}\n\n{}", message.subject, message.email.trim_end()));
            self.heading("The same for machines, as subscribers by SQS, HTTPS or Lambda get it");
            self.note("Pretty-printed here; SNS delivers it in one line.");
            self.line(&format!("{:#}", message.default));
        }
        self
    }

    fn calls(mut self, story: &Story) -> Self {
        self.heading("AWS calls");
        for (function, calls) in story.calls.iter().rev() {
            let total: usize = calls.values().sum();
            let each: Vec<String> = calls.iter().map(|(action, count)| format!("{count} {action}")).collect();
            self.paragraph(&format!("{function} made {total}: {}.", each.join(", ")));
        }
        self
    }

    fn problems(mut self, story: &Story) -> Self {
        if !story.problems.is_empty() {
            self.heading("What kept the runs from doing their job");
            story.problems.iter().for_each(|problem| self.paragraph(problem));
        }
        self
    }

    fn farewell(mut self) -> Self {
        self.heading("Next");
        self.line("Deploy it:     sam build && sam deploy --guided");
        self.line("Play with it:  cargo run -p eks-nodegroup-updater-cli -- serve");
        self
    }

    fn heading(&mut self, text: &str) {
        let _ = writeln!(self.text, "\n{HEADING}{text}{HEADING:#}");
    }

    fn line(&mut self, text: &str) {
        let _ = writeln!(self.text, "{text}");
    }

    /// Text in lines that fit.
    fn paragraph(&mut self, text: &str) {
        let _ = writeln!(self.text, "{}", self.wrapped(text));
    }

    fn note(&mut self, text: &str) {
        let _ = writeln!(self.text, "{QUIET}{}{QUIET:#}", self.wrapped(text));
    }

    fn wrapped(&self, text: &str) -> String {
        let (mut lines, mut column) = (String::new(), 0);
        for word in text.split(' ') {
            if column > 0 && column + 1 + word.len() > usize::from(self.width) {
                lines.push('\n');
                column = 0;
            } else if column > 0 {
                lines.push(' ');
                column += 1;
            }
            lines.push_str(word);
            column += word.len();
        }
        lines
    }

    fn table(&self, header: &[&str]) -> Table {
        let mut table = Table::new();
        table
            .load_style(PLAIN)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(self.width)
            .enforce_styling()
            .set_header(header.iter().map(|name| Cell::new(name).add_attribute(Attribute::Bold)))
            .style_text_only();
        table
    }

    fn add(&mut self, table: &Table) {
        let _ = writeln!(self.text, "{}", table.trim_fmt());
    }
}

/// Attempt, update id and status of everything that a record remembers, the newest last.
fn rows_of(record: &Record) -> Vec<Vec<Cell>> {
    let row = |attempt: &Attempt| {
        let status = format!("{:?}", attempt.status);
        let color = color_of_status(&status);
        let told = if attempt.stuck_told { " (stuck)" } else { "" };
        vec![
            Cell::new(format!("{}{}", attempt.number, if attempt.ended_at.is_none() { ", open" } else { "" })),
            Cell::new(attempt.update_id.as_deref().unwrap_or_default()),
            Cell::new(format!("{status}{told}")).fg(color),
        ]
    };
    let attempts: Vec<_> = record.history.iter().chain(&record.open).map(row).collect();
    match &record.reported_release {
        Some(release) if attempts.is_empty() => {
            vec![vec![Cell::new("none"), Cell::new(format!("{release} was reported")), Cell::new("")]]
        }
        _ => attempts,
    }
}

fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M").to_string()
}

fn took(seconds: i64, ended: bool) -> String {
    let duration = SignedDuration::from_secs(seconds);
    if ended { format!("{duration:#}") } else { format!("{duration:#} so far") }
}

fn color_of_decision(decision: &str) -> Color {
    match decision {
        "start" => Color::DarkGreen,
        "upToDate" | "overLimit" | "reportOnly" => Color::Reset,
        "couldNotBeRead" => Color::DarkRed,
        _ => Color::DarkYellow,
    }
}

fn color_of_status(status: &str) -> Color {
    match status {
        "Successful" => Color::DarkGreen,
        "InProgress" | "Intent" => Color::DarkYellow,
        _ => Color::DarkRed,
    }
}

fn color_of_severity(severity: &str) -> Color {
    match severity {
        "error" => Color::DarkRed,
        "warning" => Color::DarkYellow,
        _ => Color::Reset,
    }
}
