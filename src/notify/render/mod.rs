//! Renders letters for e-mail, chats, phones and programs. No renderer depends on the kind.

pub(super) mod chat;
pub(super) mod email;
pub(super) mod event;
pub(super) mod json;
mod keys;
mod printable;
pub(super) mod sms;
