//! By what programs tell which letters are about one trouble.

use uuid::Uuid;

use super::printable::{cut, length, printable};
use crate::notify::letter::{Envelope, Letter};

/// How long the id of a thread is, and how long a key is by which pagers find duplicates: PagerDuty's limit.
const THREAD: usize = 200;
const KEY: usize = 255;

/// By what pagers tell whether two letters are about one trouble: a node group and a release. What is about many node groups is a
/// trouble of its own, since others may be left when some of them are well again.
pub(super) fn dedup_key(envelope: &Envelope<'_>, letter: &Letter<'_>) -> String {
    let Envelope { account, region, kind, id, .. } = envelope;
    let of_one = thread_of_one(envelope, letter).map(|thread| format!("{account}/{thread}"));
    bounded(&of_one.unwrap_or_else(|| format!("{account}/{region}/{kind}/{id}")), KEY)
}

/// By what chats put letters into one thread.
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

/// The key, this long at most. Of a longer one, a hash stands for the end.
fn bounded(key: &str, limit: usize) -> String {
    let key = printable(key);
    if length(&key) <= limit {
        return key;
    }
    let hash = Uuid::new_v5(&Uuid::NAMESPACE_URL, key.as_bytes()).to_string();
    format!("{}{hash}", cut(&key, limit.saturating_sub(hash.len())))
}
