//! How a letter looks in an e-mail, in a chat, on a phone and to programs. None of these knows a kind.

pub(super) mod chat;
pub(super) mod email;
pub(super) mod event;
pub(super) mod json;
mod keys;
mod printable;
pub(super) mod sms;
