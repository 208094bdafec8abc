//! Calls `UpdateNodegroupVersion`, and reads what EKS answered.
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
use crate::model::attempt::{Attempt, ErrorDetail};
use crate::model::outcome::Outcome;
use crate::model::subject::NodegroupId;

/// Asks EKS to update the node group to the attempt's Kubernetes version and release: always both, so that EKS picks neither.
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
            None => Outcome::Unclear("EKS answered without the update's id".to_owned()),
        },
        // A first request may have been accepted and its answer lost; what a later one was answered proves nothing.
        Err(error) if requests.load(Ordering::Relaxed) > 1 || !is_clients_fault(&error) => {
            Outcome::Unclear(describe(&error))
        }
        Err(error) => match error.as_service_error() {
            Some(service_error) => refusal(service_error, describe(&error)),
            None => Outcome::Unclear(describe(&error)),
        },
    }
}

/// Only a 4xx says that nothing was accepted; a mangled 200 says nothing.
fn is_clients_fault(error: &SdkError<Error>) -> bool {
    error.raw_response().is_some_and(|response| response.status().is_client_error())
}

fn refusal(error: &Error, description: String) -> Outcome {
    let message = error.message().unwrap_or_default().to_ascii_lowercase();
    let says = |words: &str| message.contains(words);
    match error {
        // EKS says so of a node group that is not ACTIVE, and of one that is being updated.
        Error::ResourceInUseException(_) if says("not in active state") => Outcome::NotActive(description),
        Error::ResourceInUseException(_) => Outcome::InUse(description),
        Error::ResourceNotFoundException(_) => Outcome::Deleted(description),
        // `Requested release version 1.31.3-20250103 is not valid for kubernetes version 1.30.`, and before 2021
        // `Requested Nodegroup release version … is invalid.`
        Error::InvalidParameterException(_)
            if says("release version") && (says("is not valid") || says("is invalid")) =>
        {
            Outcome::NotReady(description)
        }
        // `Nodegroup Kubernetes version should be equal to Cluster kubernetes version 1.33 or NodeGroup kubernetes version
        // 1.30`: the cluster is still being upgraded.
        Error::InvalidParameterException(_) if says("version should be equal to") => {
            Outcome::VersionNotReady(description)
        }
        // `You are not authorized to launch instances with this launch template`
        _ if says("not authorized to launch instances") => Outcome::LaunchTemplateDenied(detail(error)),
        _ if is_denied(error) => Outcome::AccessDenied(description),
        _ => Outcome::Refused(detail(error)),
    }
}

fn detail(error: &Error) -> ErrorDetail {
    ErrorDetail {
        error_code: error.code().unwrap_or("Unknown").to_owned(),
        error_message: error.message().unwrap_or("EKS gave no reason").to_owned(),
        resource_ids: Vec::new(),
    }
}

/// Whether the caller lacks a right, by its own policy or by one of its organisation.
fn is_denied(error: &Error) -> bool {
    matches!(
        error.code(),
        Some("AccessDeniedException" | "AccessDenied" | "UnauthorizedException" | "UnrecognizedClientException")
    )
}

/// Counts the requests that the SDK really sends for one call.
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
