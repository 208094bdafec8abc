//! AWS's protocols: reading requests and writing answers, independent of the service.

pub(crate) mod answer;
pub(crate) mod call;
pub(crate) mod error;
pub(crate) mod members;
pub(crate) mod paging;
pub(crate) mod protocol;
pub(crate) mod signature;
pub(crate) mod time;
pub(crate) mod xml;
