//! The tables, which `winterbaume-dynamodb` keeps and processes.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use winterbaume_core::{MockRequest, MockService};
use winterbaume_dynamodb::DynamoDbService;

use super::store::Unobserved;
use crate::wire::call::text;
use crate::wire::error::ApiError;

/// A status and the members of a body.
pub(super) type Answered = (u16, Value);

/// All tables of a region.
#[derive(Clone)]
pub(super) struct Tables {
    /// The URL by which the crate knows the region.
    uri: String,
    service: Arc<DynamoDbService>,
}

impl Tables {
    /// No tables yet.
    pub(super) fn in_region(region: &str) -> Self {
        let service = Arc::new(DynamoDbService::with_backend(Arc::new(Unobserved::default())));
        Self { uri: format!("https://dynamodb.{region}.amazonaws.com/"), service }
    }

    /// What the crate answers.
    pub(super) fn ask(&self, operation: &str, input: &Value) -> Answered {
        let mut headers = HeaderMap::new();
        if let Ok(target) = HeaderValue::from_str(&format!("DynamoDB_20120810.{operation}")) {
            headers.insert("x-amz-target", target);
        }
        let request = MockRequest {
            method: "POST".to_owned(),
            uri: self.uri.clone(),
            headers,
            body: Bytes::from(input.to_string()),
        };
        match at_once(self.service.handle(request)) {
            Some(response) => (response.status, serde_json::from_slice(&response.body).unwrap_or_default()),
            None => (500, json!({ "__type": "InternalServerError", "message": "The request could not be processed" })),
        }
    }

    /// The table that a request names, as `DescribeTable` shows it.
    pub(super) fn describe(&self, input: &Value) -> Result<Value, ApiError> {
        let (_, mut body) = self.ask("DescribeTable", &json!({ "TableName": input["TableName"] }));
        match body.get_mut("Table") {
            Some(table) => Ok(table.take()),
            None => Err(ApiError::new(400, "ResourceNotFoundException", "Requested resource not found")),
        }
    }
}

/// The body of an answer, unless it is an error.
pub(super) fn succeeded((status, body): Answered) -> Result<Value, ApiError> {
    if status == 200 {
        return Ok(body);
    }
    let code = text(&body, "__type").unwrap_or("ValidationException").rsplit('#').next().unwrap_or_default();
    Err(ApiError::new(status, code, text(&body, "message").unwrap_or_default()))
}

/// The output of a future that never waits, like the crate's futures while the lock on the state is held: they are only
/// asynchronous to support remote stores.
fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let future = pin!(tokio::task::unconstrained(future));
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
