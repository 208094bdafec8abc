//! Calls `UpdateNodegroupVersion`, and reads EKS's answer.
//!
//! See [UpdateNodegroupVersion](https://docs.aws.amazon.com/eks/latest/APIReference/API_UpdateNodegroupVersion.html).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_sdk_eks::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_eks::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_eks::error::{BoxError, ProvideErrorMetadata, SdkError};
use aws_sdk_eks::operation::update_nodegroup_version::UpdateNodegroupVersionError as Error;

use crate::aws::describe;
use crate::aws::pace::Eks;
use crate::model::attempt::outcome::Outcome;
use crate::model::attempt::{Attempt, ErrorDetail};
use crate::model::id::NodegroupId;

/// Requests the update to the attempt's Kubernetes version and release: always both, so that EKS chooses neither.
pub async fn submit(eks: &Eks, id: &NodegroupId, attempt: &Attempt) -> Outcome {
    let requests = Arc::new(AtomicU32::new(0));
    let answer = eks.write(async |eks| {
        eks.update_nodegroup_version()
            .cluster_name(id.cluster())
            .nodegroup_name(id.nodegroup())
            .version(&attempt.intent.version)
            .release_version(&attempt.intent.release_version)
            .set_client_request_token(attempt.token.clone())
            .set_force(attempt.intent.force.then_some(true))
            .customize()
            .interceptor(CountRequests(Arc::clone(&requests)))
            .send()
            .await
    });
    match answer.await {
        Ok(answer) => match answer.update().and_then(|update| update.id()) {
            Some(update_id) => Outcome::Accepted { update_id: update_id.to_owned() },
            None => Outcome::Unknown("EKS answered without the update's id".to_owned()),
        },
        // A first request might have been accepted and its answer lost; the answer to a later one proves nothing.
        Err(error) if requests.load(Ordering::Relaxed) > 1 || !is_clients_fault(&error) => {
            Outcome::Unknown(describe(&error))
        }
        Err(error) => match error.as_service_error() {
            Some(service_error) => refusal(service_error, describe(&error)),
            None => Outcome::Unknown(describe(&error)),
        },
    }
}

/// Only a 4xx proves that nothing was accepted; a malformed 200 proves nothing.
fn is_clients_fault(error: &SdkError<Error>) -> bool {
    error.raw_response().is_some_and(|response| response.status().is_client_error())
}

/// The meaning of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    /// The node group or its cluster is not active, or has health issues.
    NotActive,
    /// The node group is being updated.
    InUse,
    /// The node group or its cluster does not exist any more.
    Deleted,
    /// EKS does not know the release.
    NotReady,
    /// The cluster is still being upgraded.
    VersionNotReady,
    /// The function is not allowed to launch instances with the launch template.
    LaunchTemplateDenied,
    /// The function is not allowed to start updates.
    AccessDenied,
}

/// Refusals by code and by parts of the message, in lower case; an empty code matches any. The first matching row counts; a
/// refusal without one lasts until something is changed. The messages are from public reports.
const REFUSALS: [(&str, &[&str], Refusal); 13] = [
    ("ResourceNotFoundException", &[], Refusal::Deleted),
    // `Nodegroup cannot be updated as it is currently not in Active State`; of the cluster: `… is not in ACTIVE status`.
    ("", &["not in active"], Refusal::NotActive),
    // `Nodegroup health has issues other than [ AsgInstanceLaunchFailures, … ]`
    ("", &["health has issues"], Refusal::NotActive),
    ("InvalidStateException", &[], Refusal::NotActive),
    ("ResourceInUseException", &[], Refusal::InUse),
    // `Requested release version 1.31.3-20250103 is not valid for kubernetes version 1.30.`, and before 2021
    // `Requested Nodegroup release version … is invalid.`
    ("InvalidParameterException", &["release version", "is not valid"], Refusal::NotReady),
    ("InvalidParameterException", &["release version", "is invalid"], Refusal::NotReady),
    // `Nodegroup Kubernetes version should be equal to Cluster kubernetes version 1.33 or NodeGroup kubernetes version 1.30`
    ("InvalidParameterException", &["version should be equal to"], Refusal::VersionNotReady),
    // `You are not authorized to launch instances with this launch template`
    ("", &["not authorized to launch instances"], Refusal::LaunchTemplateDenied),
    // By the function's own policy, or by an organisation policy.
    ("AccessDeniedException", &[], Refusal::AccessDenied),
    ("AccessDenied", &[], Refusal::AccessDenied),
    ("UnauthorizedException", &[], Refusal::AccessDenied),
    ("UnrecognizedClientException", &[], Refusal::AccessDenied),
];

fn refusal(error: &Error, description: String) -> Outcome {
    match meaning(error.code().unwrap_or_default(), error.message().unwrap_or_default()) {
        Some(Refusal::NotActive) => Outcome::NotActive(description),
        Some(Refusal::InUse) => Outcome::InUse(description),
        Some(Refusal::Deleted) => Outcome::Deleted(description),
        Some(Refusal::NotReady) => Outcome::NotReady(description),
        Some(Refusal::VersionNotReady) => Outcome::VersionNotReady(description),
        Some(Refusal::LaunchTemplateDenied) => Outcome::LaunchTemplateDenied(detail(error)),
        Some(Refusal::AccessDenied) => Outcome::AccessDenied(description),
        None => Outcome::Refused(detail(error)),
    }
}

fn meaning(code: &str, message: &str) -> Option<Refusal> {
    let message = message.to_ascii_lowercase();
    let applies = |(of, words, _): &&(&str, &[&str], Refusal)| {
        (of.is_empty() || *of == code) && words.iter().all(|words| message.contains(words))
    };
    REFUSALS.iter().find(applies).map(|(.., refusal)| *refusal)
}

fn detail(error: &Error) -> ErrorDetail {
    ErrorDetail::new(error.code().unwrap_or("Unknown"), error.message().unwrap_or("EKS gave no reason"))
}

/// Counts the requests that the SDK sends for one call.
#[derive(Debug)]
struct CountRequests(Arc<AtomicU32>);

impl Intercept for CountRequests {
    fn name(&self) -> &'static str {
        "CountRequests"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_known_by_its_code_and_by_what_it_says() {
        for (code, message, expected) in [
            (
                "ResourceInUseException",
                "Nodegroup cannot be updated as it is currently not in Active State",
                Some(Refusal::NotActive),
            ),
            ("ResourceInUseException", "Cannot update: an update is in progress", Some(Refusal::InUse)),
            ("InvalidRequestException", "Cluster 'prod' is not in ACTIVE status", Some(Refusal::NotActive)),
            (
                "InvalidRequestException",
                "Nodegroup health has issues other than [ AsgInstanceLaunchFailures, InstanceLimitExceeded ]",
                Some(Refusal::NotActive),
            ),
            (
                "InvalidParameterException",
                "Requested release version 1.31.3-20250103 is not valid for kubernetes version 1.30.",
                Some(Refusal::NotReady),
            ),
            (
                "InvalidParameterException",
                "Requested Nodegroup release version 1.16.13-20201007 is invalid. Allowed release version is 1.16.15-20201107",
                Some(Refusal::NotReady),
            ),
            (
                "InvalidParameterException",
                "Nodegroup Kubernetes version should be equal to Cluster kubernetes version 1.33 or NodeGroup kubernetes version 1.30",
                Some(Refusal::VersionNotReady),
            ),
            (
                "InvalidRequestException",
                "You are not authorized to launch instances with this launch template.",
                Some(Refusal::LaunchTemplateDenied),
            ),
            ("ResourceNotFoundException", "No cluster found for name: prod.", Some(Refusal::Deleted)),
            (
                "AccessDeniedException",
                "User is not authorized to perform: eks:UpdateNodegroupVersion",
                Some(Refusal::AccessDenied),
            ),
            (
                "InvalidParameterException",
                "You cannot specify the field kubernetesVersion when using custom AMIs.",
                None,
            ),
            ("InvalidRequestException", "", None),
            ("", "", None),
        ] {
            assert_eq!(meaning(code, message), expected, "{code}: {message}");
        }
    }
}
