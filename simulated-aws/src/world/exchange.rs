//! One request and its answer, independent of the transport.

use bytes::Bytes;
use http::{Request, Response};

use crate::services::{self, Service};
use crate::wire::answer::{self, Answer};
use crate::wire::call::Call;
use crate::wire::error::ApiError;
use crate::world::World;
use crate::world::fault::Fault;

/// The connection broke, as seen by the client.
pub(crate) struct ConnectionLost;

impl World {
    /// Answers one request.
    pub(crate) async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, ConnectionLost> {
        let (parts, body) = request.into_parts();
        let (request_id, region) = {
            let mut state = self.state();
            (state.next_id("request"), state.arns.region.clone())
        };
        let (service, call) = match services::parse(&parts, &body, &request_id, &region) {
            Ok(parsed) => parsed,
            Err((protocol, error)) => return Ok(answer::render_error(protocol, &request_id, &error)),
        };
        let record = {
            let mut state = self.state();
            let record = service.record(&state, &call);
            state.requests.push(record.clone());
            record
        };
        let (before, after, then) = match self.faults().fault(&record) {
            Fault::Slow { before, after, then } => (before, after, *then),
            fault => {
                let answer = self.apply_fault(service, &call, fault).await;
                // A real answer takes a while: other tasks get their turn meanwhile.
                tokio::task::yield_now().await;
                return answer;
            }
        };
        let world = self.clone();
        let task = tokio::spawn(async move {
            tokio::time::sleep(before).await;
            let answer = world.apply_fault(service, &call, then).await;
            tokio::time::sleep(after).await;
            answer
        });
        task.await.unwrap_or(Err(ConnectionLost))
    }

    /// The service's answer. A slow answer uses the world like any client: without the lock, and to its end even if the client
    /// disconnects.
    async fn outcome(&self, service: &Service, call: &Call) -> Result<Answer, ApiError> {
        let outcome = service.answer(&mut self.state(), call);
        match outcome {
            Ok(Answer::Later(work)) => tokio::spawn(work).await.map(Answer::Raw).map_err(|_| ApiError::server()),
            outcome => outcome,
        }
    }

    /// Answers a request that has arrived, without a second delay.
    async fn apply_fault(
        &self,
        service: &Service,
        call: &Call,
        fault: Fault,
    ) -> Result<Response<Bytes>, ConnectionLost> {
        match fault {
            Fault::Error(error) => return Ok(answer::render(call, Err(error))),
            Fault::LostBefore => return Err(ConnectionLost),
            _ => {}
        }
        let mut outcome = self.outcome(service, call).await;
        if let Fault::WithoutMember(number) = fault {
            outcome = outcome.map(|answer| answer.without_member(number));
        }
        let response = answer::render(call, outcome);
        match fault {
            Fault::LostAfter => Err(ConnectionLost),
            Fault::ErrorAfter(error) => Ok(answer::render(call, Err(error))),
            Fault::Body { status, body } => Ok(answer::response(status, "text/plain", body)),
            Fault::Truncated => Ok(response.map(|body| body.slice(..body.len() / 2))),
            Fault::None | Fault::WithoutMember(_) | Fault::Error(_) | Fault::LostBefore | Fault::Slow { .. } => {
                Ok(response)
            }
        }
    }
}
