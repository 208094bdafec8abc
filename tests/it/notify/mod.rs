//! What is published, as its readers see it.

mod chat;
pub(crate) mod messages;
mod published_events;
mod sms;
