//! Ids that are the same in every run.

use std::collections::BTreeMap;

use uuid::Uuid;

/// A counter for each kind of id.
#[derive(Default)]
pub(crate) struct Ids {
    counters: BTreeMap<&'static str, u64>,
}

impl Ids {
    pub(crate) fn next(&mut self, kind: &'static str) -> String {
        let counter = self.counters.entry(kind).or_default();
        *counter += 1;
        Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("{kind}/{counter}").as_bytes()).to_string()
    }
}

/// Hexadecimal digits derived from `seed`, as in `ami-…` and `lt-…`; at most 32.
pub(crate) fn hexadecimal(seed: &str, digits: usize) -> String {
    let id = Uuid::new_v5(&Uuid::NAMESPACE_URL, seed.as_bytes()).simple().to_string();
    id.chars().take(digits).collect()
}
