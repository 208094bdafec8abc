//! `doctor`: whether the installation is in order, and how to fix it.
//!
//! Every check is independent: an error or a missing permission of one does not stop another.

mod access;
mod installation;
mod nodegroups;
mod rights;
mod runs;
mod settings;
mod stack;
mod verify;

use std::collections::BTreeMap;

use anstyle::AnsiColor;
use aws_sdk_eks::config::http::HttpResponse;
use aws_sdk_eks::error::{ProvideErrorMetadata, SdkError};
use clap::Args;
use eks_nodegroup_updater::aws::{concurrently, describe};
use futures_util::future::LocalBoxFuture;
use futures_util::{StreamExt as _, stream};
use serde::Serialize;

use crate::aws::account::Account;
use crate::aws::location::name_of;
use crate::aws::place::{Answers, Place};
use crate::aws::region;
use crate::aws::stack::Deployment;
use crate::aws::unread::{self, Unread, say_unread};
use crate::failure::{Exit, Failure, is_want_of_rights};
use terminal::message::Message;
use terminal::output::Output;
use terminal::page::{Page, Piece};
use terminal::text::count;

use installation::Installation;

/// The documentation of the permissions that most skipped checks are missing.
const RIGHTS_TO_LOOK: &str = "docs/operations.md#who-may-look-and-who-may-steer";

/// The maximum number of checks in one line, if they are skipped for the same cause.
const NAMED: usize = 3;

/// Check the installation: credentials, stack, notifications, schedules, permissions and node groups; nothing is changed
///
/// Exits with 1 if there is a problem. Checks that need permissions you do not have are skipped.
#[derive(Args)]
pub struct Doctor {
    /// Exit with 2 if there are warnings, but no problem
    #[arg(long)]
    exit_code: bool,
    /// Test undocumented AWS behaviour instead, for a report without names, ids or addresses
    #[arg(long, conflicts_with = "exit_code")]
    verify_aws: bool,
}

/// The findings of each account and region.
#[derive(Debug, Serialize)]
struct Document {
    regions: Vec<Report>,
    errors: Vec<Unread>,
}

/// The findings.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<String>,
    region: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stack: Option<String>,
    /// How many checks there are of each status.
    counts: BTreeMap<Status, usize>,
    sections: Vec<Section>,
}

/// Checks of one kind.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Section {
    name: &'static str,
    /// A note about all of its checks.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static str>,
    checks: Vec<Check>,
}

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Check {
    /// Its name, for programs.
    name: &'static str,
    status: Status,
    /// The finding; for a skipped check, its subject.
    message: String,
    /// The cause, one per line.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<Message>,
    /// What to do. A line that starts with two spaces is a command.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<Message>,
    /// Where there is more about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    see: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
enum Status {
    Passed,
    Warning,
    Failed,
    Skipped,
}

/// A check's question: its name, its subject, and the permission that it needs.
#[derive(Clone, Copy, Debug)]
struct Question {
    name: &'static str,
    about: &'static str,
    action: &'static str,
}

/// Why AWS did not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
enum NoAnswer {
    /// The caller is missing the permission.
    Denied,
    /// The simulated AWS does not implement the call.
    NotImplemented,
    /// Another error, in AWS's words.
    Failed(String),
}

/// The checks of one question, or a single one with why it could not be answered.
type Checks<'a> = LocalBoxFuture<'a, Result<Vec<Check>, Check>>;

impl Doctor {
    /// Makes the checks and prints what was found.
    ///
    /// # Errors
    /// When there are no valid credentials, or it is unclear which stack is meant.
    pub async fn run(self, account: &Account, output: Output) -> Result<Exit, Failure> {
        if self.verify_aws {
            return verify::run(&account.one_place().await?, output).await;
        }
        let Answers { answers: regions, unread: errors, places } =
            account.everywhere(async |place| examine(place, account.stack.as_deref()).await).await?;
        let document = Document { regions, errors };
        output.print(&document, |page| document.draw(page, places))?;
        say_unread(&document.errors);
        Ok(unread::exit(&document.errors, document.exit(self.exit_code)))
    }
}

impl Document {
    fn draw(&self, page: &mut Page, places: usize) {
        for report in &self.regions {
            if places > 1 {
                page.heading(&format!("── {}", report.place()));
            }
            report.draw(page);
        }
    }

    /// The worst of all.
    fn exit(&self, of_warnings: bool) -> Exit {
        let exits: Vec<Exit> = self.regions.iter().map(|report| report.exit(of_warnings)).collect();
        let worst = [Exit::Failed, Exit::Denied, Exit::Found].into_iter().find(|exit| exits.contains(exit));
        worst.unwrap_or(Exit::Done)
    }
}

async fn examine(place: &Place, stack: Option<&str>) -> Result<Report, Failure> {
    let configuration = &place.configuration;
    let (caller, found) = futures_util::join!(access::caller(configuration), Deployment::find(configuration, stack));
    let access = access::checks(configuration, caller.as_ref().map_err(Clone::clone));
    let (deployment, not_found) = match found {
        Ok(Some(deployment)) => (Some(deployment), None),
        Ok(None) => (None, Some(stack::not_deployed(region(configuration)))),
        // Only the caller knows which of several stacks is meant, or which credentials.
        Err(failure) if failure.exit == Exit::Usage => return Err(failure),
        Err(failure) if failure.exit == Exit::Denied && caller.is_err() => return Err(failure),
        Err(failure) => (None, Some(stack::not_found(&failure))),
    };
    let installation = Installation::new(place, deployment, caller.ok());
    let mut sections = vec![("Access", None, Vec::new())];
    if installation.deployment.is_some() {
        sections.push(("Stack", None, stack::checks(&installation)));
        sections.push(("Settings", None, settings::checks(&installation)));
        sections.push(("Runs", None, runs::checks(&installation)));
        sections.push(("Permissions", Some(rights::NOTE), rights::checks(&installation)));
    } else {
        sections.push(("Stack", None, Vec::new()));
    }
    sections.push(("Node groups", None, nodegroups::checks(&installation)));
    let sections = make(&installation, sections).await;
    let mut report = Report {
        profile: place.profile.clone(),
        region: place.region.clone(),
        account: installation.caller.as_ref().map(|caller| caller.account.clone()),
        stack: installation.deployment.as_ref().map(|deployment| deployment.stack.clone()),
        counts: BTreeMap::new(),
        sections,
    };
    report.sections[0].checks.extend(access);
    report.sections[1].checks.extend(not_found);
    report.count();
    Ok(report)
}

/// Makes the checks of all sections, a limited number at a time.
async fn make<'a>(
    installation: &'a Installation<'a>,
    sections: Vec<(&'static str, Option<&'static str>, Vec<Checks<'a>>)>,
) -> Vec<Section> {
    let mut made = Vec::new();
    let mut questions = Vec::new();
    for (name, note, checks) in sections {
        questions.extend(checks.into_iter().map(|check| (made.len(), check)));
        made.push(Section { name, note, checks: Vec::new() });
    }
    installation.progress.expect(questions.len());
    let ask = |(section, check): (usize, Checks<'a>)| async move {
        let checks = check.await.unwrap_or_else(|check| vec![check]);
        installation.progress.advance();
        (section, checks)
    };
    let answers: Vec<(usize, Vec<Check>)> = concurrently(stream::iter(questions).map(ask)).await;
    for (section, checks) in answers {
        made[section].checks.extend(checks);
    }
    made
}

impl Report {
    /// Its account and region, as people name them.
    fn place(&self) -> String {
        name_of(self.profile.as_deref().or(self.account.as_deref()), Some(&self.region))
    }

    fn count(&mut self) {
        for check in self.sections.iter().flat_map(|section| &section.checks) {
            *self.counts.entry(check.status).or_default() += 1;
        }
    }

    fn number(&self, status: Status) -> usize {
        self.counts.get(&status).copied().unwrap_or_default()
    }

    fn exit(&self, of_warnings: bool) -> Exit {
        if self.number(Status::Failed) > 0 {
            Exit::Failed
        } else if of_warnings && self.number(Status::Warning) > 0 {
            Exit::Found
        } else {
            Exit::Done
        }
    }

    fn draw(&self, page: &mut Page) {
        for section in &self.sections {
            page.heading(section.name);
            let of_same_cause = |one: &Check, next: &Check| one.status == Status::Skipped && one.is_skipped_like(next);
            section.checks.chunk_by(of_same_cause).for_each(|checks| draw(page, checks));
            if let Some(note) = section.note {
                page.indented(2, note, Page::quiet);
            }
        }
        page.line("");
        page.line(&self.conclusion());
        if self.sections.iter().flat_map(|section| &section.checks).any(|check| check.see == Some(RIGHTS_TO_LOOK)) {
            let note =
                format!("The stack's output ViewerPolicyArn is a policy with read-only permissions: {RIGHTS_TO_LOOK}");
            page.indented(0, &note, Page::quiet);
        }
    }

    /// `1 problem, 2 warnings, 3 skipped.`
    fn conclusion(&self) -> String {
        let number = |status| self.number(status);
        let (problems, warnings, skipped) = (number(Status::Failed), number(Status::Warning), number(Status::Skipped));
        if problems + warnings + skipped == 0 {
            return "All checks passed.".to_owned();
        }
        let mut parts = Vec::new();
        if problems > 0 {
            parts.push(count(problems, "problem"));
        }
        if warnings > 0 {
            parts.push(count(warnings, "warning"));
        }
        if parts.is_empty() {
            parts.push("No problems".to_owned());
        }
        if skipped > 0 {
            parts.push(format!("{skipped} skipped"));
        }
        format!("{}.", parts.join(", "))
    }
}

/// Draws a check, or several that were skipped for the same cause.
fn draw(page: &mut Page, checks: &[Check]) {
    let Some(check) = checks.first() else { return };
    let (glyph, color) = match check.status {
        Status::Passed => ("✔", AnsiColor::Green),
        Status::Warning => ("‼", AnsiColor::Yellow),
        Status::Failed => ("✗", AnsiColor::Red),
        Status::Skipped => ("·", AnsiColor::BrightBlack),
    };
    let mut messages: Vec<&str> = checks.iter().take(NAMED).map(|check| check.message.as_str()).collect();
    let more = format!("{} more", checks.len() - messages.len());
    if checks.len() > NAMED {
        messages.push(&more);
    }
    let mut message = messages.join(", ");
    let mut below: Vec<&str> = Vec::new();
    match (&check.cause, check.status) {
        (Some(cause), Status::Skipped) => message = format!("{message} skipped: {cause}"),
        (Some(cause), _) => below.extend(cause.lines()),
        (None, _) => {}
    }
    below.extend(check.remedy.iter().flat_map(Message::lines));
    let (sign, message) = (Piece::new(color.on_default(), glyph), format!(" {message}"));
    page.pieces(4, &[Piece::plain("  "), sign, Piece::plain(&message)]);
    for line in below {
        match line.strip_prefix("  ") {
            // A command is copied, so it is not broken.
            Some(command) => page.line(&format!("        {command}")),
            None => page.indented(6, line, Page::line),
        }
    }
    // The hint about read-only permissions is printed once, at the end.
    if let Some(see) = check.see.filter(|see| *see != RIGHTS_TO_LOOK) {
        page.note(&format!("      see {see}"));
    }
}

impl Check {
    /// Why it is so.
    fn cause(self, cause: impl Into<Message>) -> Self {
        Self { cause: Some(cause.into()), ..self }
    }

    /// What to do.
    fn remedy(self, remedy: impl Into<Message>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }

    /// Where there is more about it.
    fn see(self, see: &'static str) -> Self {
        Self { see: Some(see), ..self }
    }

    fn is_skipped_like(&self, other: &Self) -> bool {
        let why = |check: &Self| (check.status, check.cause.clone(), check.remedy.clone(), check.see);
        why(self) == why(other)
    }
}

impl Question {
    fn is(&self, status: Status, message: impl Into<String>) -> Check {
        Check { name: self.name, status, message: message.into(), cause: None, remedy: None, see: None }
    }

    /// Success.
    fn passed(&self, message: impl Into<String>) -> Check {
        self.is(Status::Passed, message)
    }

    /// It works, but somebody should look.
    fn warning(&self, message: impl Into<String>) -> Check {
        self.is(Status::Warning, message)
    }

    /// It does not work.
    fn failed(&self, message: impl Into<String>) -> Check {
        self.is(Status::Failed, message)
    }

    /// It was not checked, for this cause.
    fn skipped(&self, cause: impl Into<Message>) -> Check {
        self.is(Status::Skipped, self.about).cause(cause)
    }

    /// An answer, or a check with why there is none.
    fn answered<T, E>(&self, answer: Result<T, SdkError<E, HttpResponse>>) -> Result<T, Check>
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        answer.map_err(|error| self.unanswered(&NoAnswer::of(&error)))
    }

    fn unanswered(&self, why: &NoAnswer) -> Check {
        match why {
            NoAnswer::Denied => self.skipped(format!("missing permission {}", self.action)).see(RIGHTS_TO_LOOK),
            NoAnswer::NotImplemented => self.skipped(format!("{} is not answered here", self.action)),
            NoAnswer::Failed(error) => self.failed(format!("{} could not be checked", self.about)).cause(error),
        }
    }

    /// The same for a failure that is reported already.
    fn not_done(&self, failure: &Failure) -> Check {
        if failure.exit == Exit::Denied {
            return self.unanswered(&NoAnswer::Denied);
        }
        let check = self.failed(format!("{} could not be checked", self.about)).cause(&failure.message);
        match &failure.hint {
            Some(hint) => check.remedy(hint),
            None => check,
        }
    }

    /// An output of the stack, which an older stack might not have.
    fn output<'a>(&self, deployment: &'a Deployment, name: &str) -> Result<&'a str, Check> {
        deployment.output(name).map_err(|failure| self.skipped(failure.message))
    }
}

impl NoAnswer {
    fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        let status = error.raw_response().map(|response| response.status().as_u16());
        Self::because(status, error.code(), || describe(error))
    }

    fn because(status: Option<u16>, code: Option<&str>, words: impl FnOnce() -> String) -> Self {
        match (status, code) {
            (_, Some(code)) if is_want_of_rights(code) => Self::Denied,
            // Each simulated AWS in tests reports this in its own way.
            (Some(501), _)
            | (_, Some("NotImplemented" | "InvalidAction" | "UnknownOperationException" | "UnknownOperation")) => {
                Self::NotImplemented
            }
            _ => Self::Failed(words()),
        }
    }
}

#[cfg(test)]
mod tests;
