//! `history`: how updates ended, and which releases a track had.

use aws_config::SdkConfig;
use clap::Args;
use eks_nodegroup_updater::aws::describe;
use eks_nodegroup_updater::aws::endpoints::{self, Service};
use eks_nodegroup_updater::model::attempt::{Attempt, StartedBy, Status};
use eks_nodegroup_updater::model::nodegroup_record::NodegroupRecord;
use eks_nodegroup_updater::model::records::RecordSet;
use eks_nodegroup_updater::model::subject::NodegroupPattern;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::account::Account;
use crate::decisions::Kind;
use crate::deployment::Deployment;
use crate::failure::{Exit, Failure};
use crate::output::{Output, say};
use crate::page::{Page, Rows};
use crate::records;
use crate::text::{duration, safe};

/// Updates of one node group that EKS is asked for beside the recorded ones.
const OLDER: usize = 20;

/// Show how updates ended, newest first; or the releases of each track
#[derive(Args)]
pub struct History {
    /// Node groups as CLUSTER/NODEGROUP; * stands for any characters but the slash. Of a single one, EKS is asked for older
    /// updates as well
    nodegroup: Option<NodegroupPattern>,
    /// The releases that AWS recommended for each AMI type and Kubernetes version, and those that it withdrew
    #[arg(long, conflicts_with = "nodegroup")]
    releases: bool,
    /// How many lines at most
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
}

/// Updates, newest first.
#[derive(Serialize)]
struct Updates {
    updates: Vec<Update>,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Update {
    nodegroup: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    update_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    started_by: &'static str,
    started_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_seconds: Option<i64>,
    status: String,
    error_codes: Vec<String>,
}

/// The releases of each track, newest first.
#[derive(Serialize)]
struct Tracks {
    tracks: Vec<Track>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Track {
    kubernetes_version: String,
    ami_type: String,
    releases: Vec<Release>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Release {
    release_version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    published_at: Option<Timestamp>,
    first_seen_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    withdrawn_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused_since: Option<Timestamp>,
}

impl History {
    /// Reads the records and prints what they tell.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn run(self, account: &Account, output: Output) -> Result<Exit, Failure> {
        let configuration = account.one_region().await?;
        let deployment = Deployment::required(&configuration, account.stack.as_deref()).await?;
        let records = records::scan(&configuration, &deployment).await?;
        if self.releases {
            let document = Tracks { tracks: tracks(&records, self.limit) };
            output.print(&document, |page| draw_tracks(page, &document.tracks))?;
            return Ok(Exit::Done);
        }
        let is_wanted =
            |record: &&NodegroupRecord| self.nodegroup.as_ref().is_none_or(|pattern| pattern.matches(record.id.name()));
        let wanted: Vec<&NodegroupRecord> = records.readable().filter(is_wanted).collect();
        let mut updates: Vec<Update> = wanted.iter().flat_map(|record| recorded(record)).collect();
        if let ([record], Some(_)) = (wanted.as_slice(), &self.nodegroup) {
            updates.extend(older(&configuration, record, &updates).await);
        }
        if let (true, Some(pattern)) = (wanted.is_empty(), &self.nodegroup) {
            let message =
                format!("the table holds nothing of {pattern}: it was never seen opted in, or is named otherwise");
            return Err(Failure::new(message).hint("See them all: eks-nodegroup-updater history"));
        }
        updates.sort_by_key(|update| std::cmp::Reverse(update.started_at));
        updates.truncate(self.limit);
        let document = Updates { updates };
        output.print(&document, |page| draw_updates(page, &document.updates))?;
        Ok(Exit::Done)
    }
}

fn recorded(record: &NodegroupRecord) -> impl Iterator<Item = Update> {
    let attempts = record.history.iter().chain(record.open.as_deref());
    attempts.map(|attempt| {
        let Attempt { intent, started_by, started_at, ended_at, .. } = attempt;
        Update {
            nodegroup: record.id.to_string(),
            update_id: attempt.update_id.clone(),
            from: Some(intent.previous_release_version.clone()).filter(|release| !release.is_empty()),
            to: Some(intent.release_version.clone()).filter(|release| !release.is_empty()),
            started_by: match started_by {
                StartedBy::Updater => "Updater",
                StartedBy::External => "External",
            },
            started_at: *started_at,
            ended_at: *ended_at,
            duration_seconds: ended_at.map(|end| end.duration_since(*started_at).as_secs()),
            status: <&str>::from(attempt.status).to_owned(),
            error_codes: attempt.errors.iter().map(|error| error.error_code.clone()).collect(),
        }
    })
}

/// Updates of a node group that EKS lists and the record does not. When one ended, EKS does not say.
async fn older(configuration: &SdkConfig, record: &NodegroupRecord, known: &[Update]) -> Vec<Update> {
    let eks = aws_sdk_eks::Client::new(&endpoints::of(configuration, Service::Eks));
    let (cluster, nodegroup) = (record.id.cluster(), record.id.nodegroup());
    let list = eks.list_updates().name(cluster).nodegroup_name(nodegroup).send().await;
    let ids = match list {
        Ok(answer) => answer.update_ids.unwrap_or_default(),
        Err(error) => {
            say(&format!("warning: older updates are not shown: {}", safe(&describe(&error))));
            return Vec::new();
        }
    };
    let is_new = |id: &String| !known.iter().any(|update| update.update_id.as_ref() == Some(id));
    let mut updates = Vec::new();
    for id in ids.into_iter().filter(is_new).take(OLDER) {
        let answer = eks.describe_update().name(cluster).nodegroup_name(nodegroup).update_id(&id).send().await;
        let Some(update) = answer.ok().and_then(|answer| answer.update) else { continue };
        let Some(started_at) = update.created_at().and_then(|at| Timestamp::new(at.secs(), 0).ok()) else { continue };
        let release =
            update.params().iter().find(|it| it.r#type().is_some_and(|kind| kind.as_str() == "ReleaseVersion"));
        updates.push(Update {
            nodegroup: record.id.to_string(),
            update_id: Some(id),
            from: None,
            to: release.and_then(|it| it.value()).map(str::to_owned),
            started_by: "External",
            started_at,
            ended_at: None,
            duration_seconds: None,
            status: update.status().map_or_else(|| "Unknown".to_owned(), |status| status.as_str().to_owned()),
            error_codes: update.errors().iter().filter_map(|it| Some(it.error_code()?.as_str().to_owned())).collect(),
        });
    }
    updates
}

fn draw_updates(page: &mut Page, updates: &[Update]) {
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
            safe(&update.nodegroup).into_owned(),
            safe(update.to.as_deref().unwrap_or_default()).into_owned(),
            took.unwrap_or_default(),
            format!("{} {}", kind.glyph(), safe(&update.status)),
        ];
        rows.row(cells, kind.style(), Some(detail(update)));
    }
    page.rows(&rows);
}

/// Where it came from, who started it, and what AWS said.
fn detail(update: &Update) -> String {
    let from = update.from.as_ref().map(|from| format!("from {}, ", safe(from))).unwrap_or_default();
    let by = match update.started_by {
        "Updater" => "by the updater",
        _ => "external",
    };
    let codes = update.error_codes.join(", ");
    let codes = if codes.is_empty() { codes } else { format!(": {}", safe(&codes)) };
    format!("{from}{by}{codes}")
}

fn tracks(records: &RecordSet, limit: usize) -> Vec<Track> {
    let track = |record: &eks_nodegroup_updater::model::track_record::TrackRecord| Track {
        kubernetes_version: record.id.track().version.clone(),
        ami_type: record.id.track().ami_type.as_str().to_owned(),
        releases: record
            .releases
            .iter()
            .rev()
            .take(limit)
            .map(|known| Release {
                release_version: known.release_version.clone(),
                published_at: known.published_at,
                first_seen_at: known.first_seen_at,
                withdrawn_at: known.withdrawal.as_ref().map(|withdrawal| withdrawal.at),
                refused_since: known.refusal.as_ref().map(|refusal| refusal.since),
            })
            .collect(),
    };
    records.readable_tracks().map(track).collect()
}

fn draw_tracks(page: &mut Page, tracks: &[Track]) {
    if tracks.is_empty() {
        return page.line("No release is recorded yet.");
    }
    for Track { kubernetes_version, ami_type, releases } in tracks {
        page.heading(&format!("{ami_type}, Kubernetes {kubernetes_version}"));
        let mut table = page.table(&["Release", "Published", "First seen", "State"], 3);
        for release in releases {
            let state = match (release.withdrawn_at, release.refused_since) {
                (Some(at), _) => format!("✗ withdrawn {}", page.date(at)),
                (None, Some(since)) => format!("◷ refused by EKS since {}", page.date(since)),
                (None, None) => "● recommended".to_owned(),
            };
            table.add_row([
                safe(&release.release_version).into_owned(),
                release.published_at.map(|at| page.date(at)).unwrap_or_default(),
                page.time(release.first_seen_at),
                state,
            ]);
        }
        page.add(&table);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::looking;
    use crate::fixture::{after, every_output};

    #[tokio::test]
    async fn how_updates_ended() {
        let moment = after(5, &looking()).await;
        let mut updates: Vec<Update> = moment.records.readable().flat_map(recorded).collect();
        updates.sort_by_key(|update| std::cmp::Reverse(update.started_at));
        let document = Updates { updates };
        insta::assert_snapshot!(every_output(&document, |page| draw_updates(page, &document.updates)));
    }

    #[tokio::test]
    async fn the_releases_of_each_track() {
        let document = Tracks { tracks: tracks(&after(1, &looking()).await.records, 3) };
        insta::assert_snapshot!(every_output(&document, |page| draw_tracks(page, &document.tracks)));
    }
}
