//! How waiting ended.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::item::{Item, Subject, Verdict};
use super::live::some;
use super::question::{For, Known};
use super::updates::Status;
use super::waiting::End;
use crate::aws::answer::DecisionLine;
use crate::aws::looks::time;
use crate::aws::unread::{self, Unread, say_unread};
use crate::commands::listing::{Located, draw_decisions, numbers};
use crate::failure::Exit;
use terminal::output::say;
use terminal::page::Page;
use terminal::table::Rows;
use terminal::text::count;

/// Node groups without an update that are listed; more are only counted.
const LISTED: usize = 20;

/// How waiting ended.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    r#for: For,
    /// Whether the time was over.
    timed_out: bool,
    #[serde(skip)]
    end: End,
    /// Each node group.
    pub nodegroups: Vec<Item>,
    errors: Vec<Unread>,
    #[serde(skip)]
    is_one_place: bool,
}

impl Report {
    /// What is known at the end.
    pub fn of(until: For, known: &Known, end: End) -> Self {
        Self {
            r#for: until,
            timed_out: end == End::Time,
            end,
            nodegroups: known.items().cloned().collect(),
            errors: known.unread(),
            is_one_place: known.is_one_place(),
        }
    }

    /// Tells what could not be read, and who is left. Returns how the command ends.
    pub fn tell(&self, limit: Option<Duration>) -> Exit {
        say_unread(&self.errors);
        let left: Vec<String> =
            self.nodegroups.iter().filter(|item| !item.is_over()).map(|item| item.name.to_string()).collect();
        if let (true, Some(limit)) = (self.timed_out, limit) {
            let left = if left.is_empty() { String::new() } else { format!(": {}", some(&left)) };
            say(format!("error: not over within {}, the --timeout{left}", time(limit)));
        }
        self.exit()
    }

    /// What could not be read.
    pub fn unread(&self) -> &[Unread] {
        &self.errors
    }

    fn exit(&self) -> Exit {
        let is_done = |item: &Item| item.verdict() == Verdict::Done || item.failure.is_some();
        match self.end {
            End::Over if self.nodegroups.iter().all(is_done) => unread::exit(&self.errors, Exit::Done),
            End::Over | End::Time => Exit::Failed,
            End::Interrupted => Exit::Interrupted,
        }
    }

    /// Draws how each ended.
    pub fn draw(&self, page: &mut Page) {
        if self.nodegroups.is_empty() {
            return;
        }
        let places: Vec<String> = self.nodegroups.iter().map(|item| self.place(item)).collect();
        let decision = |item| match item {
            &Item { subject: Subject::Decision(ref line), .. } => Some(line.as_ref()),
            _ => None,
        };
        let decisions: Vec<&DecisionLine> = self.nodegroups.iter().filter_map(decision).collect();
        let end = match decisions.is_empty() {
            true => {
                self.draw_updates(page, &places);
                self.statuses()
            }
            false => {
                let located = decisions.iter().zip(&places).map(|(line, place)| Located { place, line });
                draw_decisions(page, &located.collect::<Vec<_>>(), true);
                numbers(decisions.iter().copied())
            }
        };
        page.line("");
        page.paragraph(&format!("{}: {end}.", count(self.nodegroups.len(), "node group")));
    }

    /// The place of a node group, if there are several.
    fn place(&self, item: &Item) -> String {
        if self.is_one_place { String::new() } else { item.place() }
    }

    fn draw_updates(&self, page: &mut Page, places: &[String]) {
        let mut rows = Rows::new(["Node group", "", "To", "Update id", "Result"]);
        let is_idle =
            |item: &Item| matches!(&item.subject, Subject::Update(update) if update.status == Status::NotUpdating);
        let without_idle = self.nodegroups.iter().filter(|item| is_idle(item)).count() > LISTED;
        for (item, place) in self.nodegroups.iter().zip(places).filter(|(item, _)| !(without_idle && is_idle(item))) {
            let Subject::Update(update) = &item.subject else { continue };
            let cells = [&update.nodegroup, place, update.target(), update.update_id.as_deref().unwrap_or_default()];
            let [nodegroup, place, target, id] = cells.map(str::to_owned);
            let result = format!("{} {}", item.kind().glyph(), update.status.name());
            let detail = item.failure.as_ref().map(|failure| failure.message.clone()).or_else(|| update.detail());
            rows.row([nodegroup, place, target, id, result], item.kind().style(), detail);
        }
        page.rows(&rows);
    }

    /// `2 Successful, 1 Failed`
    fn statuses(&self) -> String {
        let mut numbers = BTreeMap::new();
        for item in &self.nodegroups {
            if let Subject::Update(update) = &item.subject {
                *numbers.entry(update.status).or_insert(0) += 1;
            }
        }
        numbers.into_iter().map(|(status, number)| format!("{number} {}", status.name())).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_eks::primitives::DateTime;
    use aws_sdk_eks::types as eks;
    use eks_nodegroup_updater::model::id::NodegroupName;
    use serde_json::json;

    use super::*;
    use crate::commands::wait::updates::Update;
    use crate::fixture::{after, every_output, place};

    fn item(name: &str, update: impl FnOnce(&NodegroupName) -> Update) -> Item {
        let name: NodegroupName = name.parse().unwrap();
        Item::new(&place(), name.clone(), Subject::Update(update(&name))).in_account(Some("123456789012"))
    }

    fn described(status: eks::UpdateStatus, errors: Vec<eks::ErrorDetail>) -> eks::Update {
        let release = eks::UpdateParam::builder().r#type(eks::UpdateParamType::ReleaseVersion).value("1.33.2-20260710");
        eks::Update::builder()
            .status(status)
            .r#type(eks::UpdateType::VersionUpdate)
            .params(release.build())
            .created_at(DateTime::from_secs(1_784_538_000))
            .set_errors(Some(errors))
            .build()
    }

    /// How updates ended, and one that has not.
    fn updates() -> Vec<Item> {
        let id = |number: usize| format!("{number}c4a0d6e-6f0c-4d4e-9c1f-1f7a2b3c4d5e");
        let failed = eks::ErrorDetail::builder()
            .error_code(eks::ErrorCode::PodEvictionFailure)
            .error_message("Reached max retries while trying to evict pods from nodes in node group general")
            .resource_ids("ip-10-0-12-17.eu-central-1.compute.internal");
        let described = |number, status, errors| {
            move |name: &NodegroupName| Update::described(name, &id(number), &described(status, errors))
        };
        let reason = eks::Cancellation::builder().reason("Cancelled by the user");
        let mut cancelled = self::described(eks::UpdateStatus::Cancelled, Vec::new());
        cancelled.cancellation = Some(reason.build());
        vec![
            item("prod/general", described(1, eks::UpdateStatus::Failed, vec![failed.build()])),
            item("prod/gpu", |name| Update::described(name, &id(2), &cancelled)),
            item("prod/ingress", |name| Update::new(name, Status::Deleted)),
            item("prod/mesh", |name| Update::new(name, Status::NotUpdating)),
            item("prod/tools", described(3, eks::UpdateStatus::InProgress, Vec::new())),
            item("prod/web", described(4, eks::UpdateStatus::Successful, Vec::new())),
        ]
    }

    fn report(nodegroups: Vec<Item>, end: End) -> Report {
        let (r#for, timed_out) = (For::Ended, end == End::Time);
        Report { r#for, timed_out, end, nodegroups, errors: Vec::new(), is_one_place: true }
    }

    #[test]
    fn how_updates_ended() {
        let report = report(updates(), End::Time);
        insta::assert_snapshot!(every_output(&report, |page| report.draw(page)));
    }

    #[tokio::test]
    async fn who_is_current_and_who_needs_somebody() {
        let names = ["data/search", "prod/general", "staging/tools"];
        let answer = after(1, &json!({"explain": names})).await.look.answer;
        let items = answer.decisions.into_iter().map(|line| {
            let name = line.nodegroup.parse().unwrap();
            Item::new(&place(), name, Subject::Decision(Box::new(line)))
        });
        let report = Report { r#for: For::Current, ..report(items.collect(), End::Over) };
        insta::assert_snapshot!(every_output(&report, |page| report.draw(page)));
    }

    #[test]
    fn it_ends_with_success_only_if_every_update_did() {
        let exit = |names: &[&str], end| {
            let chosen = updates().into_iter().filter(|item| names.contains(&item.name.to_string().as_str()));
            report(chosen.collect(), end).exit()
        };
        assert_eq!(exit(&["prod/mesh", "prod/web"], End::Over), Exit::Done);
        for failed in ["prod/general", "prod/gpu", "prod/ingress", "prod/tools"] {
            assert_eq!(exit(&["prod/web", failed], End::Over), Exit::Failed, "{failed}");
        }
        assert_eq!(exit(&["prod/web"], End::Time), Exit::Failed);
        assert_eq!(exit(&["prod/tools"], End::Interrupted), Exit::Interrupted);
    }

    #[test]
    fn of_many_without_an_update_there_is_only_the_number() {
        let idle = |number: usize| item(&format!("dev/ng-{number}"), |name| Update::new(name, Status::NotUpdating));
        let mut items: Vec<Item> = (0..LISTED + 1).map(idle).collect();
        items.extend(updates().pop());
        let mut page = Page::new(100, jiff::tz::TimeZone::UTC);
        report(items, End::Over).draw(&mut page);
        let text = anstream::adapter::strip_str(page.text()).to_string();
        assert_eq!(text.lines().count(), 5, "{text}");
        assert!(text.ends_with("22 node groups: 1 Successful, 21 NotUpdating.\n"), "{text}");
    }
}
