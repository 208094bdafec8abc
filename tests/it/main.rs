//! The fast stories: what every change is tried against.

mod answers;
mod events;
mod invariants;
mod messages;
mod promises;
mod readme;
mod reasons;
mod rules;
mod settling;
mod windows;
