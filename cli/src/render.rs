//! The story as people read it, part by part.

use comfy_table::{Cell, Color};
use eks_nodegroup_updater::model::record::Record;
use eks_nodegroup_updater::model::update::Attempt;
use jiff::{SignedDuration, Timestamp};

use crate::fleet;
use crate::page::Page;
use crate::play;
use crate::story::{Message, Plan, Planned, Quarantined, Story};

/// The width from which the plan has a line for each node group; below, it has two.
const WIDE: u16 = 140;

/// The whole story, for so many columns.
pub fn story(story: &Story, width: u16) -> String {
    Page::new(width)
        .introduction(story)
        .plans(story)
        .updates(story)
        .quarantines(story)
        .records(story)
        .messages(story)
        .calls(story)
        .problems(story)
        .farewell()
        .text
}

impl Page {
    fn introduction(mut self, story: &Story) -> Self {
        let [first, _] = &story.plans;
        let groups = first.decisions.len() + story.without_tag.len();
        self.paragraph(&format!(
            "The real handlers ran against a simulated AWS with {} clusters and {groups} node groups, through the real AWS SDK \
             over HTTP: start {} times, once an hour, and check {} times, every five minutes, from {} to {}.",
            fleet::CLUSTERS.len(),
            story.start_runs,
            story.check_runs,
            story.from.strftime("%A, %Y-%m-%d, %H:%M"),
            story.to.strftime("%H:%M UTC"),
        ));
        self.line("");
        self.paragraph(&format!(
            "The rules here: the groups of prod bear the tag ami-update/ring=1, so they take a release when every group of the \
             same kind in dev and staging, which are ring 0, has run it for {} (the setting RING_SOAK; by default 24h). \
             prod/gpu bears ami-update/window={} besides. Everything else is as it is by default.",
            play::RING_SOAK,
            fleet::WINDOW,
        ));
        self
    }

    fn plans(mut self, story: &Story) -> Self {
        let [first, later] = &story.plans;
        self.heading(&format!("The plan of the first run, at {}", clock(first.at)));
        self.plan(&first.decisions);
        self.note(&format!("{} bears no tag ami-update, so start does not even see it.", story.without_tag.join(", ")));

        let hours = later.at.duration_since(first.at).as_hours();
        self.heading(&format!("The plan {hours} hours later, at {}, where it has changed", clock(later.at)));
        let changed = changed(first, later);
        let others = later.decisions.len() - changed.len();
        self.plan(changed);
        self.note(&format!("The other {others} decisions are the same as before."));
        self
    }

    fn plan<'a>(&mut self, decisions: impl IntoIterator<Item = &'a Planned>) {
        let wide = self.width >= WIDE;
        let mut table = if wide {
            self.table(&["Node group", "AMI type", "Runs", "Decision", "Until", "Reason"], 5)
        } else {
            self.table(&["Node group", "AMI type, runs", "Decision, until when, and the reason"], 2)
        };
        for Planned { line, ami_type, runs } in decisions {
            let color = color_of_decision(line.decision);
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
        self.add(&table);
    }

    fn updates(mut self, story: &Story) -> Self {
        self.heading("How each update went");
        let mut table = self.table(&["Node group", "To release", "Started", "Ended", "Took", "Status"], 5);
        for update in &story.updates {
            let status =
                update.error_codes.iter().fold(update.status.clone(), |status, code| format!("{status}: {code}"));
            table.add_row([
                Cell::new(&update.nodegroup),
                Cell::new(&update.release_version),
                Cell::new(clock(update.started_at)),
                Cell::new(update.ended_at.map(clock).unwrap_or_default()),
                Cell::new(format!("{:#}", SignedDuration::from_secs(update.duration_seconds))),
                Cell::new(status).fg(color_of_status(&update.status)),
            ]);
        }
        self.add(&table);
        self.note(
            "check looks every five minutes, so it records an end up to five minutes later, and what a ring waits for counts \
             from then. A cluster has one update in progress at a time, by default.",
        );
        self
    }

    fn quarantines(mut self, story: &Story) -> Self {
        for Quarantined { release_version, since, failed_on, saved } in &story.quarantines {
            self.heading("The release that was stopped");
            self.paragraph(&format!(
                "No node came up with {release_version} on {}. Since {} it is quarantined: {} never got it, and it is not \
                 tried again where it failed.",
                failed_on.join(" and "),
                clock(*since),
                saved.join(" and "),
            ));
        }
        self
    }

    fn records(mut self, story: &Story) -> Self {
        self.heading("What the DynamoDB table holds at the end");
        let mut table = self.table(&["Node group", "No.", "Update id", "Status", "Untold"], 3);
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
        let mut table = self.table(&["At", "Severity", "Subject"], 2);
        for Message { at, subject, attributes, .. } in &story.messages {
            let severity = attributes.get("severity").map(String::as_str).unwrap_or_default();
            let severity_cell = Cell::new(severity).fg(color_of_severity(severity));
            table.add_row([Cell::new(clock(*at)), severity_cell, Cell::new(subject)]);
        }
        self.add(&table);
        let with = |name: &str, value: &str| {
            story.messages.iter().find(|message| message.attributes.get(name).is_some_and(|is| is == value))
        };
        if let Some(message) = with("errorCode", "PodEvictionFailure") {
            self.heading("A failure, exactly as a subscriber by e-mail gets it");
            self.note("Below it, SNS puts a link to unsubscribe.");
            self.mail(message);
            self.heading("The same for machines, as subscribers by SQS, HTTPS or Lambda get it");
            self.note("Pretty-printed here; SNS delivers it in one line.");
            self.line(&format!("{:#}", message.default));
        }
        if let Some(message) = with("event", "ReleaseQuarantined") {
            self.heading("The quarantine, by e-mail");
            self.mail(message);
        }
        self
    }

    fn mail(&mut self, message: &Message) {
        self.line(&format!("Subject: {}\n\n{}", message.subject, message.email.trim_end()));
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
}

/// What a later plan decides otherwise, or for another reason.
fn changed<'a>(first: &Plan, later: &'a Plan) -> Vec<&'a Planned> {
    let as_before = |now: &Planned| first.decisions.iter().any(|then| then.line == now.line);
    later.decisions.iter().filter(|now| !as_before(now)).collect()
}

/// Attempt, update id and status of everything that a record remembers, the newest last.
fn rows_of(record: &Record) -> Vec<Vec<Cell>> {
    let row = |attempt: &Attempt| {
        let status = format!("{:?}", attempt.status);
        let color = color_of_status(&status);
        let told = if attempt.stuck_told { " (stuck)" } else { "" };
        vec![
            Cell::new(attempt.number),
            Cell::new(attempt.update_id.as_deref().unwrap_or_default()),
            Cell::new(format!("{status}{told}")).fg(color),
        ]
    };
    let attempts: Vec<_> = record.history.iter().chain(&record.open).map(row).collect();
    match &record.reported_release {
        Some(release) if attempts.is_empty() => {
            vec![vec![Cell::new(""), Cell::new(format!("{release} was reported")), Cell::new("")]]
        }
        _ => attempts,
    }
}

fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M").to_string()
}

fn color_of_decision(decision: &str) -> Color {
    match decision {
        "start" => Color::DarkGreen,
        "upToDate" | "reportOnly" | "inProgress" | "overLimit" | "ringWaits" | "outsideWindow" => Color::Reset,
        "couldNotBeRead" | "quarantined" => Color::DarkRed,
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
        "critical" | "error" => Color::DarkRed,
        "warning" => Color::DarkYellow,
        _ => Color::Reset,
    }
}
