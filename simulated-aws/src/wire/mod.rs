//! AWS's protocols: how a request is read and an answer written, whatever the service.

pub(crate) mod answer;
pub(crate) mod call;
pub(crate) mod error;
pub(crate) mod members;
pub(crate) mod paging;
pub(crate) mod protocol;
pub(crate) mod signature;
pub(crate) mod time;
pub(crate) mod xml;
