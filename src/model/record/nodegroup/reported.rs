//! What was reported about a node group that is not updated, so that it is reported only once.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::nodegroup::policy::InvalidTag;
use crate::model::notice::NoticeKind;
use crate::model::unknown::Unknown;

/// What was reported already.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reported {
    /// The invalid tag that was last reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<Box<ReportedTag>>,
    /// The newer release that was last reported for a node group in notify mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<ReportedRelease>,
    /// Attributes that only a newer version knows.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// An invalid tag that was reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportedTag {
    /// The tag's key.
    pub key: String,
    /// The tag's value.
    pub value: String,
    /// When it was reported.
    pub at: Timestamp,
    /// Attributes that only a newer version knows.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// A release that was reported, with its Kubernetes version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportedRelease {
    /// The Kubernetes version.
    pub version: String,
    /// The release.
    pub release_version: String,
    /// Attributes that only a newer version knows.
    #[serde(flatten)]
    pub unknown: Unknown,
}

impl Reported {
    /// Whether nothing was reported.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default() && self.unknown.is_empty()
    }

    /// A tag is not recognised: published once for each key and value.
    pub(super) fn report_invalid_tag(&mut self, tag: &InvalidTag, now: Timestamp) -> Option<NoticeKind> {
        let InvalidTag { key, value, .. } = tag;
        if self.tag.as_ref().is_some_and(|reported| (&reported.key, &reported.value) == (key, value)) {
            return None;
        }
        let (key, value, unknown) = (key.clone(), value.clone(), Unknown::default());
        self.tag = Some(Box::new(ReportedTag { key, value, at: now, unknown }));
        Some(NoticeKind::TagInvalid(tag.clone()))
    }

    /// There is a newer release for a node group in notify mode: published once for each Kubernetes version.
    pub(super) fn report_available(&mut self, version: &str, release: &str) -> Option<NoticeKind> {
        let (version, release_version) = (version.to_owned(), release.to_owned());
        let reported = ReportedRelease { version, release_version, unknown: Unknown::default() };
        if self.release.as_ref() == Some(&reported) {
            return None;
        }
        let ReportedRelease { version, release_version, .. } = reported.clone();
        self.release = Some(reported);
        Some(NoticeKind::UpdateAvailable { version, release_version })
    }
}
