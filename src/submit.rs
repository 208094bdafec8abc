//! Calls `UpdateNodegroupVersion`, and reads what EKS answered.
//!
//! See [UpdateNodegroupVersion](https://docs.aws.amazon.com/eks/latest/APIReference/API_UpdateNodegroupVersion.html).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_sdk_eks::Client;
use aws_sdk_eks::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_eks::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_eks::error::{BoxError, ProvideErrorMetadata, SdkError};
use aws_sdk_eks::operation::update_nodegroup_version::UpdateNodegroupVersionError as Error;

use crate::aws::describe;
use crate::model::attempt::{Attempt, ErrorDetail};
use crate::model::outcome::Outcome;
use crate::model::subject::NodegroupId;

/// Asks EKS to update the node group to the attempt's Kubernetes version and release: always both, so that EKS picks neither.
pub async fn submit(eks: &Client, id: &NodegroupId, attempt: &Attempt) -> Outcome {
    let requests = Arc::new(AtomicU32::new(0));
    let answer = eks
        .update_nodegroup_version()
        .cluster_name(id.cluster())
        .nodegroup_name(id.nodegroup())
        .version(&attempt.intent.version)
        .release_version(&attempt.intent.release_version)
        .set_client_request_token(attempt.token.clone())
        .set_force(attempt.intent.force.then_some(true))
        .customize()
        .interceptor(CountRequests(Arc::clone(&requests)))
        .send()
        .await;
    match answer {
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
    match error {
        Error::ResourceInUseException(_) => Outcome::InUse(description),
        Error::ResourceNotFoundException(_) => Outcome::Deleted(description),
        Error::InvalidParameterException(_) if is_unknown_release(error.message().unwrap_or_default()) => {
            Outcome::NotReady(description)
        }
        _ => Outcome::Refused(ErrorDetail {
            error_code: error.code().unwrap_or("Unknown").to_owned(),
            error_message: error.message().unwrap_or("EKS gave no reason").to_owned(),
            resource_ids: Vec::new(),
        }),
    }
}

/// EKS words it as `Requested release version 1.31.3-20250103 is not valid for kubernetes version 1.30.`, and before 2021 as
/// `Requested Nodegroup release version … is invalid.`
fn is_unknown_release(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    message.contains("release version") && (message.contains("is not valid") || message.contains("is invalid"))
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
