//! The record of a request.

use jiff::Timestamp;
use serde_json::Value;

/// A request that reached the world.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The service's name as a signature scopes it, for instance `eks` or `tagging`.
    pub service: &'static str,
    /// For instance `DescribeNodegroup`.
    pub operation: String,
    /// The IAM action, for instance `eks:DescribeNodegroup`.
    pub action: String,
    /// The ARNs against which IAM checks the action; `*` if it has no resource.
    pub resources: Vec<String>,
    /// The access key id that signed it, empty when none did.
    pub access_key_id: String,
    /// The members of the operation's input under AWS's names, including those that travel in the path.
    pub body: Value,
    /// When it arrived.
    pub at: Timestamp,
}
