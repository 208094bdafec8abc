//! How updates ended.

use std::fmt;

use aws_sdk_eks::types::UpdateType;
use eks_nodegroup_updater::aws::pace::Eks;
use eks_nodegroup_updater::aws::{concurrently, describe};
use eks_nodegroup_updater::model::attempt::{Attempt, Status};
use eks_nodegroup_updater::model::id::NodegroupId;
use eks_nodegroup_updater::model::record::nodegroup::{NodegroupRecord, PastAttempt};
use futures_util::{StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::aws::place::Place;
use crate::aws::unread;
use crate::aws::updates::{describe_update, release_of, update_ids};
use terminal::kind::Kind;
use terminal::page::Page;
use terminal::progress::Progress;
use terminal::table::Rows;
use terminal::text::{count, duration};

/// Updates, newest first.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Updates {
    updates: Vec<Update>,
    /// How many more there are than requested.
    beyond_limit: usize,
    /// Those that EKS has and did not describe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unread: Option<Unread>,
    /// Regions that could not be read.
    pub errors: Vec<unread::Unread>,
}

/// Updates that could not be read.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Unread {
    /// How many, and the total; unknown if they could not even be listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<usize>,
    /// Why; of several, the first reason.
    reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Update {
    account: String,
    region: String,
    nodegroup: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    update_id: Option<String>,
    /// EKS's word for what changes, such as `VersionUpdate` or `ConfigUpdate`.
    r#type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    started_by: String,
    started_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_seconds: Option<i64>,
    status: String,
    error_codes: Vec<String>,
}

impl Updates {
    /// The newest of these, up to a maximum number.
    pub fn newest(mut updates: Vec<Update>, unread: Option<Unread>, limit: usize) -> Self {
        updates.sort_by_key(|update| std::cmp::Reverse(update.started_at));
        let beyond_limit = updates.len().saturating_sub(limit);
        updates.truncate(limit);
        Self { updates, beyond_limit, unread, errors: Vec::new() }
    }

    pub fn draw(&self, page: &mut Page, several_places: bool) {
        draw_updates(page, &self.updates, several_places);
        if self.beyond_limit > 0 {
            let all = self.updates.len() + self.beyond_limit;
            page.line("");
            page.note(&format!("{} not shown; to see them: --limit {all}", count(self.beyond_limit, "older update")));
        }
    }
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = &self.reason;
        match (self.count, self.of) {
            (Some(count), Some(of)) => write!(f, "{count} of {of} older updates could not be read: {reason}"),
            _ => write!(f, "older updates could not be listed: {reason}"),
        }
    }
}

/// The updates of a record: recent ones in full, and older ones as a line.
pub fn recorded(record: &NodegroupRecord) -> impl Iterator<Item = Update> {
    let in_full = record.attempts.all().map(|attempt| of_attempt(record, attempt));
    let older = record.attempts.history.iter().filter(|past| record.attempt(past.number).is_none());
    in_full.chain(older.map(|past| of_past(record, past)))
}

fn of_attempt(record: &NodegroupRecord, attempt: &Attempt) -> Update {
    let Attempt { intent, started_at, ended_at, .. } = attempt;
    Update {
        account: record.id.account().to_owned(),
        region: record.id.region().to_owned(),
        nodegroup: record.id.to_string(),
        update_id: attempt.update_id.clone(),
        r#type: UpdateType::VersionUpdate.as_str().to_owned(),
        from: named(&intent.previous_release_version),
        to: named(&intent.release_version),
        started_by: attempt.started_by.as_str().to_owned(),
        started_at: *started_at,
        ended_at: *ended_at,
        duration_seconds: ended_at.map(|end| end.duration_since(*started_at).as_secs()),
        status: attempt.status.as_str().to_owned(),
        error_codes: attempt.errors.iter().map(|error| error.error_code.clone()).collect(),
    }
}

/// For these, AWS's errors are no longer recorded.
fn of_past(record: &NodegroupRecord, past: &PastAttempt) -> Update {
    Update {
        account: record.id.account().to_owned(),
        region: record.id.region().to_owned(),
        nodegroup: record.id.to_string(),
        update_id: past.update_id.clone(),
        r#type: UpdateType::VersionUpdate.as_str().to_owned(),
        from: named(&past.from),
        to: named(&past.to),
        started_by: past.started_by.as_str().to_owned(),
        started_at: past.started_at,
        ended_at: Some(past.ended_at),
        duration_seconds: Some(past.ended_at.duration_since(past.started_at).as_secs()),
        status: past.status.as_str().to_owned(),
        error_codes: Vec::new(),
    }
}

fn named(release: &str) -> Option<String> {
    Some(release.to_owned()).filter(|release| !release.is_empty())
}

/// Updates of a node group that EKS has and the record does not. EKS lists them in no order, so all are read.
pub async fn older(place: &Place, id: &NodegroupId, known: &[Update]) -> (Vec<Update>, Option<Unread>) {
    let (eks, name) = (&place.eks, id.name());
    let progress = Progress::over(0, "updates");
    let read = async {
        let mut ids = update_ids(eks, name).await.map_err(|error| describe(&error))?;
        ids.retain(|id| !known.iter().any(|update| update.update_id.as_ref() == Some(id)));
        progress.expect(ids.len());
        let calls = stream::iter(ids).map(async |update_id| {
            let update = read_update(eks, id, update_id).await;
            progress.advance();
            update
        });
        Ok(concurrently(calls).await)
    };
    let read: Result<Vec<Result<Update, String>>, String> = progress.with_pace(eks, read).await;
    let answers = match read {
        Ok(answers) => answers,
        Err(reason) => return (Vec::new(), Some(Unread { count: None, of: None, reason })),
    };
    let of = answers.len();
    let (mut updates, mut errors) = (Vec::new(), Vec::new());
    for answer in answers {
        match answer {
            Ok(update) => updates.push(update),
            Err(error) => errors.push(error),
        }
    }
    let count = Some(errors.len());
    let unread = errors.into_iter().next().map(|reason| Unread { count, of: Some(of), reason });
    (updates, unread)
}

/// When it ended, EKS does not say.
async fn read_update(eks: &Eks, nodegroup: &NodegroupId, id: String) -> Result<Update, String> {
    let name = nodegroup.name();
    let update = describe_update(eks, name, &id).await.map_err(|error| describe(&error))?;
    let update = update.ok_or_else(|| format!("EKS did not describe the update {id}"))?;
    let started_at = update.created_at().and_then(|at| Timestamp::new(at.secs(), 0).ok());
    let unknown = || "Unknown".to_owned();
    Ok(Update {
        account: nodegroup.account().to_owned(),
        region: nodegroup.region().to_owned(),
        nodegroup: name.to_string(),
        r#type: update.r#type().map_or_else(unknown, |kind| kind.as_str().to_owned()),
        from: None,
        to: release_of(&update),
        started_by: "External".to_owned(),
        started_at: started_at.ok_or_else(|| format!("EKS described the update {id} without its date"))?,
        ended_at: None,
        duration_seconds: None,
        status: update.status().map_or_else(unknown, |status| status.as_str().to_owned()),
        error_codes: update.errors().iter().filter_map(|it| Some(it.error_code()?.as_str().to_owned())).collect(),
        update_id: Some(id),
    })
}

fn draw_updates(page: &mut Page, updates: &[Update], several_places: bool) {
    if updates.is_empty() {
        return page.line("No update is recorded yet.");
    }
    let mut rows = Rows::new(["Started", "Node group", "To release", "Took", "Result"]);
    for update in updates {
        let kind = match update.status.as_str() {
            status if status == <&str>::from(Status::Successful) => Kind::Current,
            "InProgress" | "Intent" => Kind::Updating,
            _ => Kind::NeedsYou,
        };
        let took = update.duration_seconds.map(|seconds| duration(SignedDuration::from_secs(seconds)));
        let cells = [
            page.date_and_time(update.started_at),
            update.nodegroup.clone(),
            update.to.as_deref().unwrap_or_else(|| update.instead_of_a_release()).to_owned(),
            took.unwrap_or_default(),
            format!("{} {}", kind.glyph(), update.status),
        ];
        let place = if several_places { format!("{}, {}: ", update.account, update.region) } else { String::new() };
        rows.row(cells, kind.style(), Some(format!("{place}{}", detail(update))));
    }
    page.rows(&rows);
}

impl Update {
    /// The text in place of a release: what else was updated.
    fn instead_of_a_release(&self) -> &str {
        if self.r#type == UpdateType::VersionUpdate.as_str() { "" } else { &self.r#type }
    }
}

/// Where it came from, who started it, and what AWS said.
fn detail(update: &Update) -> String {
    let from = update.from.as_ref().map(|from| format!("from {from}, ")).unwrap_or_default();
    let by = match update.started_by.as_str() {
        "Updater" => "by the updater",
        _ => "external",
    };
    let codes = update.error_codes.join(", ");
    let codes = if codes.is_empty() { codes } else { format!(": {codes}") };
    format!("{from}{by}{codes}")
}

#[cfg(test)]
mod tests {
    use aws_sdk_eks::types::AmiTypes;
    use eks_nodegroup_updater::model::attempt::hold::Running;
    use eks_nodegroup_updater::model::attempt::{ErrorDetail, Intent, Status as AttemptStatus};
    use eks_nodegroup_updater::model::id::NodegroupId;
    use eks_nodegroup_updater::model::notice::{Sink, Sinks};
    use eks_nodegroup_updater::model::record::Writer;
    use eks_nodegroup_updater::model::record::nodegroup::Sighting;
    use simulated_aws::{ApiError, Fault, Nodegroup, Request, World};
    use tokio::net::TcpListener;

    use super::*;
    use crate::aws::answer::looking;
    use crate::fixture::{after, every_output};
    use sandbox::functions::sdk_config;

    const HOUR: SignedDuration = SignedDuration::from_hours(1);

    #[tokio::test]
    async fn how_updates_ended() {
        let moment = after(5, &looking()).await;
        let updates: Vec<Update> = moment.records.readable().flat_map(recorded).collect();
        let document = Updates::newest(updates, None, 5);
        insta::assert_snapshot!(every_output(&document, |page| document.draw(page, false)));
    }

    #[test]
    fn an_update_that_is_no_longer_kept_in_full_is_shown_once_and_without_its_errors() {
        let arn = "arn:aws:eks:eu-central-1:123456789012:nodegroup/prod/web/9ebf4bd5-f1d2-4f2c-9b7b-1b2c3d4e5f60";
        let mut record = NodegroupRecord::new(&NodegroupId::from_arn(arn).unwrap());
        let ami_type = AmiTypes::Al2023X8664Standard;
        let release = |number: i64| format!("1.33.1-202607{number:02}");
        let day = |number: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * number);
        for number in 1..=13 {
            let (from, to) = (release(number - 1), release(number));
            record.begin(&Intent::new("1.33", &ami_type, &from, &to), day(number));
            record.accept(&format!("update-{number}"));
            let (status, errors) = match number {
                13 => (AttemptStatus::Successful, vec![]),
                _ => (AttemptStatus::Cancelled, vec![ErrorDetail::new("Cancelled", "by hand")]),
            };
            record.end(status, errors, day(number) + HOUR);
            record.allow_retry(day(number) + HOUR);
            record.record_running(Sighting {
                runs: &Running::new("1.33", &to),
                ami_type: &ami_type,
                cluster_version: None,
                at: day(number) + HOUR,
            });
            let notices = record.pending_notices().to_vec();
            notices.iter().for_each(|notice| record.mark_published(notice, &Sink::ALL));
            record.prepare(Writer { id: "check", sinks: &Sinks::default() }, day(number) + HOUR);
        }
        let updates = Updates::newest(recorded(&record).collect(), None, 20).updates;
        let ids: Vec<&str> = updates.iter().map(|update| update.update_id.as_deref().unwrap()).collect();
        let expected: Vec<String> = (1..=13).rev().map(|number| format!("update-{number}")).collect();
        assert_eq!(ids, expected);
        let Update { error_codes, .. } = updates[1].clone();
        assert_eq!(error_codes, ["Cancelled"]);
        let first = Update {
            account: "123456789012".to_owned(),
            region: "eu-central-1".to_owned(),
            nodegroup: "prod/web".to_owned(),
            update_id: Some("update-1".to_owned()),
            r#type: "VersionUpdate".to_owned(),
            from: Some(release(0)),
            to: Some(release(1)),
            started_by: "Updater".to_owned(),
            started_at: day(1),
            ended_at: Some(day(1) + HOUR),
            duration_seconds: Some(3600),
            status: "Cancelled".to_owned(),
            error_codes: vec![],
        };
        assert_eq!(updates[12], first);
    }

    /// A node group on which updates were started one after the other, and what `older` finds of them; the hook may spoil answers.
    async fn older_of(
        number: usize,
        known: &[&str],
        hook: impl FnMut(&Request) -> Fault + Send + 'static,
    ) -> (Vec<String>, Vec<Update>, Option<Unread>) {
        let world = World::new("2025-01-01T00:00:00Z".parse().unwrap());
        let [newer, older_release] = ["1.33.2-20260710", "1.33.1-20260610"];
        world.add_cluster("prod", "1.33");
        for release in [older_release, newer] {
            world.publish_release("AL2023_x86_64_STANDARD", "1.33", release);
        }
        world.add_nodegroup(Nodegroup::new("prod", "web").release(older_release));
        let ids = (0..number).map(|index| {
            let release = if index % 2 == 0 { newer } else { older_release };
            let id = world.start_update("prod", "web", "1.33", release).unwrap();
            world.advance(SignedDuration::from_hours(1));
            id
        });
        let ids: Vec<String> = ids.collect();
        world.on_request(hook);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let configuration = sdk_config(&format!("http://{}", listener.local_addr().unwrap()), "AKIATEST").await;
        let known: Vec<Update> = known.iter().map(|id| update(id)).collect();
        let place = Place::new(None, configuration);
        let id = NodegroupId::from_arn(&world.nodegroup_arns()[0]).unwrap();
        tokio::select! {
            (updates, unread) = older(&place, &id, &known) => (ids, updates, unread),
            ended = world.clone().serve(listener) => panic!("{ended:?}"),
        }
    }

    /// An update of which only the id matters.
    fn update(id: &str) -> Update {
        Update {
            account: "123456789012".to_owned(),
            region: "eu-central-1".to_owned(),
            nodegroup: "prod/web".to_owned(),
            update_id: Some(id.to_owned()),
            r#type: "VersionUpdate".to_owned(),
            from: None,
            to: None,
            started_by: "Updater".to_owned(),
            started_at: Timestamp::UNIX_EPOCH,
            ended_at: None,
            duration_seconds: None,
            status: "Successful".to_owned(),
            error_codes: Vec::new(),
        }
    }

    fn ids_of(updates: &[Update]) -> Vec<String> {
        updates.iter().filter_map(|update| update.update_id.clone()).collect()
    }

    #[tokio::test]
    async fn all_updates_of_a_node_group_are_read_however_many_pages_they_fill() {
        let (started, updates, unread) = older_of(230, &[], |_| Fault::None).await;
        assert_eq!(unread, None);
        let newest_first: Vec<String> = started.into_iter().rev().collect();
        let document = Updates::newest(updates, None, 230);
        assert_eq!((ids_of(&document.updates), document.beyond_limit), (newest_first.clone(), 0));
        let document = Updates::newest(document.updates, None, 3);
        assert_eq!((ids_of(&document.updates), document.beyond_limit), (newest_first[..3].to_vec(), 227));
        let mut page = Page::new(120, jiff::tz::TimeZone::UTC);
        document.draw(&mut page, false);
        let page = anstream::adapter::strip_str(page.text()).to_string();
        assert!(page.ends_with("\n\n227 older updates not shown; to see them: --limit 230\n"), "{page}");
    }

    #[tokio::test]
    async fn what_the_record_holds_already_is_not_read_again() {
        let (started, ..) = older_of(3, &[], |_| Fault::None).await;
        // The ids of a world are the same each time.
        let (_, updates, unread) = older_of(3, &[&started[1]], |_| Fault::None).await;
        let mut ids = ids_of(&updates);
        ids.sort_by_key(|id| started.iter().position(|it| it == id));
        assert_eq!((ids, unread), (vec![started[0].clone(), started[2].clone()], None));
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_counted_with_the_reason() {
        let mut describes = 0;
        let (_, updates, unread) = older_of(140, &[], move |request| {
            describes += usize::from(request.operation == "DescribeUpdate");
            match (request.operation.as_str(), describes) {
                ("DescribeUpdate", 7 | 70 | 120) => Fault::Error(ApiError::new(400, "InvalidParameterException", "no")),
                _ => Fault::None,
            }
        })
        .await;
        assert_eq!(updates.len(), 137);
        let unread = unread.unwrap();
        assert_eq!(unread.to_string(), "3 of 140 older updates could not be read: InvalidParameterException: no");
        let document = Updates::newest(Vec::new(), Some(unread), 20);
        let expected = serde_json::json!({
            "updates": [],
            "beyondLimit": 0,
            "unread": {"count": 3, "of": 140, "reason": "InvalidParameterException: no"},
            "errors": [],
        });
        assert_eq!(serde_json::to_value(&document).unwrap(), expected);
    }

    #[tokio::test]
    async fn updates_that_cannot_be_listed_are_no_empty_list() {
        let (_, updates, unread) = older_of(2, &[], |request| match request.operation.as_str() {
            "ListUpdates" => Fault::Error(ApiError::new(403, "AccessDeniedException", "not authorized")),
            _ => Fault::None,
        })
        .await;
        assert_eq!(updates, []);
        let expected = "older updates could not be listed: AccessDeniedException: not authorized";
        assert_eq!(unread.unwrap().to_string(), expected);
    }

    #[tokio::test]
    async fn an_update_that_brings_no_release_shows_its_type() {
        let body = serde_json::json!({"update": {
            "id": "1", "status": "Successful", "type": "ConfigUpdate", "createdAt": 1735689600,
            "params": [{"type": "MinSize", "value": "3"}], "errors": [],
        }});
        let (_, updates, _) = older_of(1, &[], move |request| match request.operation.as_str() {
            "DescribeUpdate" => Fault::Body { status: 200, body: body.to_string().into() },
            _ => Fault::None,
        })
        .await;
        let mut page = Page::new(120, jiff::tz::TimeZone::UTC);
        draw_updates(&mut page, &updates, false);
        let page = anstream::adapter::strip_str(page.text()).to_string();
        let row = "2025-01-01 00:00  prod/web    ConfigUpdate  ● Successful\n    external\n";
        assert!(page.ends_with(row), "{page}");
    }
}
