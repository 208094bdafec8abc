//! Keys that identify letters about the same problem.

use uuid::Uuid;

use super::printable::{cut, length, printable};
use crate::notify::letter::{Envelope, Letter};

/// The length of a thread's id, and the maximum length of a deduplication key: PagerDuty's limit.
const THREAD: usize = 200;
const KEY: usize = 255;

/// The deduplication key for pagers: a node group and a release. A letter about many node groups has its own key, because some
/// of them might recover before the others.
pub(super) fn dedup_key(envelope: &Envelope<'_>, letter: &Letter<'_>) -> String {
    let Envelope { account, region, kind, id, .. } = envelope;
    let of_one = thread_of_one(envelope, letter).map(|thread| format!("{account}/{thread}"));
    bounded(&of_one.unwrap_or_else(|| format!("{account}/{region}/{kind}/{id}")), KEY)
}

/// The key by which chats group letters into one thread.
pub(super) fn thread(envelope: &Envelope<'_>, letter: &Letter<'_>) -> String {
    let about = || letter.data.release_version.unwrap_or(envelope.kind);
    let thread = thread_of_one(envelope, letter).unwrap_or_else(|| format!("{}/{}", envelope.region, about()));
    bounded(&thread, THREAD)
}

fn thread_of_one(envelope: &Envelope<'_>, letter: &Letter<'_>) -> Option<String> {
    let id = envelope.nodegroup?;
    let release = letter.data.release_version.map(|release| format!("/{release}")).unwrap_or_default();
    Some(format!("{}/{id}{release}", envelope.region))
}

/// The key, truncated to this length. The end of a longer key is replaced by a hash.
fn bounded(key: &str, limit: usize) -> String {
    let key = printable(key);
    if length(&key) <= limit {
        return key;
    }
    let hash = Uuid::new_v5(&Uuid::NAMESPACE_URL, key.as_bytes()).to_string();
    format!("{}{hash}", cut(&key, limit.saturating_sub(hash.len())))
}
