//! The releases of each track.

use anstyle::Style;
use eks_nodegroup_updater::model::record::set::RecordSet;
use eks_nodegroup_updater::model::record::track::TrackRecord;
use jiff::Timestamp;
use serde::Serialize;

use crate::aws::stack::Deployment;
use crate::aws::unread::Unread;
use terminal::page::Page;
use terminal::table::Rows;

/// The releases of each track, newest first.
#[derive(Serialize)]
pub struct Tracks {
    pub tracks: Vec<Track>,
    pub errors: Vec<Unread>,
}

/// A track, and its releases, newest first.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Track {
    account: String,
    region: String,
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

/// The records of each track, with a maximum number of releases.
pub fn tracks(records: &RecordSet, deployment: &Deployment, limit: usize) -> Vec<Track> {
    let track = |record: &TrackRecord| Track {
        account: deployment.account.clone(),
        region: deployment.region.clone(),
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

/// Draws them.
pub fn draw(page: &mut Page, tracks: &[Track], several_places: bool) {
    if tracks.is_empty() {
        return page.line("No release is recorded yet.");
    }
    for Track { account, region, kubernetes_version, ami_type, releases } in tracks {
        let place = if several_places { format!(" ({account}, {region})") } else { String::new() };
        page.heading(&format!("{ami_type}, Kubernetes {kubernetes_version}{place}"));
        let mut rows = Rows::new(["Release", "Published", "First seen", "State"]);
        for release in releases {
            let state = match (release.withdrawn_at, release.refused_since) {
                (Some(at), _) => format!("✗ withdrawn {}", page.date(at)),
                (None, Some(since)) => format!("◷ refused by EKS since {}", page.date(since)),
                (None, None) => "● recommended".to_owned(),
            };
            let cells = [
                release.release_version.clone(),
                release.published_at.map(|at| page.date(at)).unwrap_or_default(),
                page.time(release.first_seen_at),
                state,
            ];
            rows.row(cells, Style::new(), None);
        }
        page.rows(&rows);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::answer::looking;
    use crate::fixture::{after, deployment, every_output};

    #[tokio::test]
    async fn the_releases_of_each_track() {
        let records = after(1, &looking()).await.records;
        let document = Tracks { tracks: tracks(&records, &deployment(), 3), errors: Vec::new() };
        insta::assert_snapshot!(every_output(&document, |page| draw(page, &document.tracks, false)));
    }
}
