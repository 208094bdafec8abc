//! The fast stories: what every change is tried against.

mod answers;
mod blame;
mod docs;
mod events;
mod imports;
mod invariants;
mod messages;
mod promises;
mod reasons;
mod reconciling;
mod releases;
mod rules;
mod runs;
mod settling;
mod windows;
