//! `DescribeClusterVersions`: the Kubernetes versions of EKS and how long it supports them.

use serde_json::{Value, json};

use super::lookup::invalid_parameter;
use super::read::page_of;
use crate::state::State;
use crate::state::kubernetes::{KubernetesVersion, Support};
use crate::wire::call::text;
use crate::wire::error::ApiError;
use crate::wire::time::epoch_seconds;

/// Each kind of support: `versionStatus`, and the deprecated `status`.
const STATUSES: [(Support, &str, &str); 3] = [
    (Support::Standard, "STANDARD_SUPPORT", "standard-support"),
    (Support::Extended, "EXTENDED_SUPPORT", "extended-support"),
    (Support::Ended, "UNSUPPORTED", "unsupported"),
];

/// The filter of a request.
struct Filter<'a> {
    versions: Vec<&'a str>,
    support: Option<Support>,
    include_all: bool,
}

pub(super) fn describe_cluster_versions(state: &State, input: &Value) -> Result<Value, ApiError> {
    let filter = Filter::of(input)?;
    let versions = state.kubernetes_versions.iter();
    let wanted = versions.filter(|(name, version)| filter.wants(name, version.support(state.now)));
    let items = wanted.map(|(name, version)| (name.clone(), describe(name, version, version.support(state.now))));
    page_of(state, input, "clusterVersions", items)
}

impl<'a> Filter<'a> {
    fn of(input: &'a Value) -> Result<Self, ApiError> {
        let versions = input.get("clusterVersions").and_then(Value::as_array).into_iter().flatten();
        let support = match text(input, "versionStatus").or_else(|| text(input, "status")) {
            None => None,
            Some(wanted) => {
                let status = STATUSES.iter().find(|(_, status, deprecated)| wanted == *status || wanted == *deprecated);
                let unknown = || invalid_parameter(format!("Unknown version status {wanted}"));
                Some(status.map(|(support, ..)| *support).ok_or_else(unknown)?)
            }
        };
        let include_all = text(input, "includeAll") == Some("true");
        Ok(Self { versions: versions.filter_map(Value::as_str).collect(), support, include_all })
    }

    /// Without a filter, unsupported versions are left out.
    fn wants(&self, version: &str, support: Support) -> bool {
        let is_asked_for = self.include_all || !self.versions.is_empty() || self.support.is_some();
        (self.versions.is_empty() || self.versions.contains(&version))
            && self.support.is_none_or(|wanted| wanted == support)
            && (is_asked_for || support != Support::Ended)
    }
}

fn describe(name: &str, version: &KubernetesVersion, support: Support) -> Value {
    let status = STATUSES.iter().find(|(of, ..)| *of == support);
    json!({
        "clusterVersion": name,
        "clusterType": "eks",
        "endOfStandardSupportDate": epoch_seconds(version.end_of_standard_support),
        "endOfExtendedSupportDate": epoch_seconds(version.end_of_extended_support),
        "versionStatus": status.map(|(_, status, _)| status),
        "status": status.map(|(.., deprecated)| deprecated),
    })
}
