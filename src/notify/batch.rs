//! Which notices are one message, and which events are one call.

use std::collections::BTreeMap;

use super::case::Case;
use super::letters::letter;
use super::render::event::Event;
use crate::model::id::ClusterId;
use crate::model::notice::{Notice, NoticeKind, QuarantinedRelease};
use crate::model::record::fleet::FleetRecord;
use crate::model::record::set::{AnyRecord, RecordRef};
use crate::model::settings::RetryAfter;

/// If there are more notices than this of one kind, release and cause, they become one message.
const SEPARATE: usize = 3;
/// The maximum number of events in one call.
const EVENTS_PER_CALL: usize = 10;
/// The maximum total size of those. It was 256 KB for years, and is 1 MB now.
pub const CALL_BYTES: usize = 250 * 1024;

/// A notice: its record, and its index in that record's pending notices.
pub type Position = (usize, usize);

/// Notices that are one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Its subject.
    pub notices: Vec<Position>,
    /// Notices that it covers.
    pub included: Vec<Position>,
}

/// Notices that can become one message.
struct Group {
    notices: Vec<Position>,
    /// They do if there are more than this.
    separate: usize,
}

/// The messages of the notices to publish: which notices are combined, and which are separate.
pub fn batches(
    records: &[AnyRecord],
    is_left: impl Fn(&Notice) -> bool,
    fleets: &[FleetRecord],
    retry_after: &RetryAfter,
) -> Vec<Batch> {
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    let mut quarantines: BTreeMap<String, Position> = BTreeMap::new();
    for (index, record) in records.iter().enumerate() {
        for (number, notice) in record.pending_notices().iter().enumerate().filter(|(_, notice)| is_left(notice)) {
            let (position, record) = ((index, number), record.as_ref());
            if let NoticeKind::ReleaseQuarantined(held) = &notice.kind {
                quarantines.insert(quarantine_key(record.key(), held), position);
                continue;
            }
            // One quarantine message covers the failures that it explains.
            let explained = fleets.iter().find_map(|fleet| explained_by(record, notice, fleet));
            let (key, separate) = match explained {
                Some(quarantine) => (quarantine, 1),
                None => (group(record, notice, retry_after), SEPARATE),
            };
            groups.entry(key).or_insert_with(|| Group { notices: Vec::new(), separate }).notices.push(position);
        }
    }
    let of_quarantine = |(key, position)| {
        let included = groups.remove(&key).map(|group| group.notices).unwrap_or_default();
        Batch { notices: vec![position], included }
    };
    let mut batches: Vec<Batch> = quarantines.into_iter().map(of_quarantine).collect();
    batches.extend(groups.into_values().flat_map(Group::batches));
    // Messages about many node groups first, then in order.
    batches.sort_by_key(|batch| (batch.notices.len() == 1, batch.notices.first().copied()));
    batches
}

impl Group {
    fn batches(self) -> Vec<Batch> {
        let together = |notices| Batch { notices, included: Vec::new() };
        if self.notices.len() > self.separate {
            return vec![together(self.notices)];
        }
        self.notices.into_iter().map(|position| together(vec![position])).collect()
    }
}

/// The shared key of a node group's notice and those of others: kind, release and cause. Notices about more than one node group
/// are never combined.
fn group(record: RecordRef<'_>, notice: &Notice, retry_after: &RetryAfter) -> String {
    if record.nodegroup().is_none() {
        return notice.id(record.key());
    }
    let data = letter(&Case::new(record, notice, retry_after)).data;
    format!("{}/{}/{}", notice.kind.code(), data.release_version.unwrap_or_default(), data.similar)
}

/// The quarantine that already covers a node group's failed update.
fn explained_by(record: RecordRef<'_>, notice: &Notice, fleet: &FleetRecord) -> Option<String> {
    let (Some(record), NoticeKind::UpdateFailed(about)) = (record.nodegroup(), &notice.kind) else { return None };
    if !fleet.id.contains(&record.id) {
        return None;
    }
    let attempt = record.attempt(about.number).filter(|attempt| attempt.blames_release())?;
    let (track, release) = (attempt.intent.track(), &attempt.intent.release_version);
    let held = fleet.quarantined_for(&track, release, &record.id)?;
    Some(quarantine_key(fleet.key(), &held.clone().into()))
}

/// A release of a track, in a fleet or in one cluster.
fn quarantine_key(fleet: &str, held: &QuarantinedRelease) -> String {
    let QuarantinedRelease { version, ami_type, release_version, cluster, .. } = held;
    let place = cluster.as_ref().map_or(fleet, ClusterId::arn);
    format!("{version}/{ami_type}/{release_version}/{place}")
}

/// The events of each call: at most ten, within the size limit of a call.
#[must_use]
pub fn calls(events: Vec<(Position, Event)>) -> Vec<Vec<(Position, Event)>> {
    let mut calls: Vec<Vec<(Position, Event)>> = Vec::new();
    let mut room = 0;
    for event in events {
        let size = event.1.size();
        match calls.last_mut().filter(|call| call.len() < EVENTS_PER_CALL && size <= room) {
            Some(call) => call.push(event),
            None => {
                room = CALL_BYTES;
                calls.push(vec![event]);
            }
        }
        room = room.saturating_sub(size);
    }
    calls
}
