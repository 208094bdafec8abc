//! What EventBridge gets: an event for each notice that other programs may want to act on.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::message::Writer;
use crate::model::notice::{Notice, NoticeKind};
use crate::model::records::RecordRef;
use crate::model::settings::RetryAfter;

/// The `source` of every event.
pub const SOURCE: &str = "eks-nodegroup-updater";
/// The `version` of `metadata`. Within one, fields are only added.
const VERSION: &str = "1";
/// EventBridge charges for every 64 KiB of an event.
const EVENT_BYTES: usize = 60 * 1024;

/// What the JSON of a message has and `data` has not: what is in `metadata`, and what is about messages of many notices.
const OF_MESSAGES: [&str; 7] = ["version", "id", "ids", "nodegroups", "status", "dedupKey", "updateIds"];

/// An event as `PutEvents` takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The kind of event, such as `EKS Nodegroup Update Failed`.
    pub detail_type: &'static str,
    /// The ARN of the node group that it is about, if it is about one.
    pub resources: Vec<String>,
    /// `metadata` and `data`, a JSON object.
    pub detail: String,
    /// When it was noticed.
    pub time: Timestamp,
}

impl Event {
    /// The event of a record's notice; `None` for a kind of which there are no events. Error details that there is no room for
    /// are left out, and the event says so.
    #[must_use]
    pub fn new<'a>(record: impl Into<RecordRef<'a>>, notice: &'a Notice, retry_after: &RetryAfter) -> Option<Self> {
        let detail_type = notice.kind.detail_type()?;
        let mut writer = Writer::new(record.into(), notice, retry_after);
        let detail = writer.fitting(EVENT_BYTES, |writer| writer.detail().to_string());
        let resources = writer.arns.iter().map(|arn| (*arn).to_owned()).collect();
        Some(Self { detail_type, resources, detail, time: notice.at })
    }

    /// How large EventBridge takes it for.
    #[must_use]
    pub fn size(&self) -> usize {
        let resources: usize = self.resources.iter().map(String::len).sum();
        // The time counts for 14 bytes.
        14 + SOURCE.len() + self.detail_type.len() + self.detail.len() + resources
    }
}

impl Writer<'_> {
    fn detail(&self) -> Value {
        let mut metadata = json!({ "id": self.id, "version": VERSION, "dedupKey": self.dedup_key() });
        if let (Value::Object(metadata), Some(status)) = (&mut metadata, self.status()) {
            metadata.insert("status".to_owned(), status.into());
        }
        let mut data: Map<String, Value> = match self.machine() {
            Value::Object(machine) => machine,
            _ => Map::new(),
        };
        data.retain(|name, value| !value.is_null() && !OF_MESSAGES.contains(&name.as_str()));
        if self.attempt.is_none() {
            data.remove("errors");
        }
        data.insert("reason".to_owned(), self.reason().into());
        data.insert("message".to_owned(), self.headline(str::to_owned).into());
        json!({ "metadata": metadata, "data": data })
    }

    /// One word for what is behind it: AWS's error code, the reason of the decision, or how far the update has come.
    fn reason(&self) -> &str {
        match &self.notice.kind {
            NoticeKind::NodegroupStale(stale) | NoticeKind::NodegroupCurrent(stale) => stale.reason.code(),
            NoticeKind::UpdateRecovered(_) => "Recovered",
            NoticeKind::ReleaseAvailable { .. } => "Recommended",
            NoticeKind::ReleaseWithdrawn { .. } => "NoLongerRecommended",
            NoticeKind::ReleaseQuarantined(_) => "FailedOnSeveralNodegroups",
            _ => self.error_code().or(self.attempt.map(|attempt| attempt.status.into())).unwrap_or("Unknown"),
        }
    }
}
