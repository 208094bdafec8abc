//! The log of calls to AWS: with `--verbose`, a line on stderr for each request, as it was answered.
//!
//! It is between the SDK and the network, so it has every attempt, and those that load credentials, too. A line has no header, no
//! body and no query: those hold secrets. Nor has it the path of a request that nobody signed: from such a path, a container reads
//! its credentials.

use std::error::Error;
use std::iter::successors;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

use terminal::output::say;
use terminal::text::count;

/// The headers in which AWS's services name a request.
const REQUEST_IDS: [&str; 3] = ["x-amzn-requestid", "x-amz-request-id", "x-amzn-request-id"];

/// The calls of a command.
#[derive(Clone, Debug)]
pub struct Calls(Arc<Counted>);

#[derive(Debug)]
struct Counted {
    since: Instant,
    number: AtomicUsize,
}

impl Default for Calls {
    fn default() -> Self {
        Self(Arc::new(Counted { since: Instant::now(), number: AtomicUsize::new(0) }))
    }
}

impl Calls {
    /// A client that writes each of its requests to stderr.
    pub fn logged(&self, inner: SharedHttpClient) -> SharedHttpClient {
        SharedHttpClient::new(Logged { inner, calls: self.clone() })
    }

    /// Writes how many calls there were, and how long the command took; nothing without calls.
    pub fn say_total(&self) {
        let number = self.0.number.load(Ordering::Relaxed);
        if number > 0 {
            say(format!("{} to AWS in {:.1} s", count(number, "call"), self.0.since.elapsed().as_secs_f64()));
        }
    }
}

#[derive(Debug)]
struct Logged<T> {
    inner: T,
    calls: Calls,
}

impl HttpClient for Logged<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Logged { inner, calls: self.calls.clone() })
    }
}

impl HttpConnector for Logged<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.calls.0.number.fetch_add(1, Ordering::Relaxed);
        let (what, sent) = (what(&request), Instant::now());
        let answer = self.inner.call(request);
        HttpConnectorFuture::new(async move {
            let answer = answer.await;
            say(format!("{what} {}", how_it_ended(&answer, sent.elapsed())));
            answer
        })
    }
}

/// `GET eks.eu-central-1.amazonaws.com/clusters`, `POST ssm.eu-central-1.amazonaws.com GetParameters`
fn what(request: &HttpRequest) -> String {
    let uri = request.uri();
    let (_, place) = uri.split_once("://").unwrap_or(("", uri));
    let place = place.split(['?', '#']).next().unwrap_or_default();
    let (host, path) = place.split_at(place.find('/').unwrap_or(place.len()));
    // Behind what may be a user's name and password.
    let host = host.rsplit('@').next().unwrap_or_default();
    let is_signed = request.headers().contains_key("authorization");
    let path = if is_signed { path.trim_end_matches('/') } else { "" };
    let operation = operation(request).map(|name| format!(" {name}")).unwrap_or_default();
    format!("{} {host}{path}{operation}", request.method())
}

/// The operation of a request whose path does not name it.
fn operation(request: &HttpRequest) -> Option<&str> {
    if let Some(target) = request.headers().get("x-amz-target") {
        return target.rsplit('.').next();
    }
    let is_form = request.headers().get("content-type")?.starts_with("application/x-www-form-urlencoded");
    let body = str::from_utf8(request.body().bytes().filter(|_| is_form)?).ok()?;
    body.split('&').find_map(|field| field.strip_prefix("Action="))
}

/// `200 in 34 ms, request 079be772-556b-4cd1-9b02-f37a8fdd9ba3`
fn how_it_ended(answer: &Result<HttpResponse, ConnectorError>, took: Duration) -> String {
    let took = took.as_millis();
    match answer {
        Ok(response) => {
            let id = REQUEST_IDS.iter().find_map(|name| response.headers().get(*name));
            let id = id.map(|id| format!(", request {id}")).unwrap_or_default();
            format!("{} in {took} ms{id}", response.status().as_u16())
        }
        Err(error) => {
            let first: &(dyn Error + 'static) = error;
            let reasons: Vec<String> =
                successors(Some(first), |error| (**error).source()).map(ToString::to_string).collect();
            format!("failed in {took} ms: {}", reasons.join(": "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, uri: &str, headers: &[(&'static str, &'static str)], body: &'static str) -> HttpRequest {
        let mut request = HttpRequest::new(body.into());
        request.set_method(method).unwrap();
        request.set_uri(uri).unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, *value);
        }
        request
    }

    #[test]
    fn a_request_is_named_by_its_path_or_its_operation_and_by_nothing_secret() {
        const SIGNED: (&str, &str) = ("authorization", "AWS4-HMAC-SHA256 Credential=AKIA, Signature=secret");
        const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
        for (method, uri, headers, body, expected) in [
            (
                "GET",
                "https://eks.eu-central-1.amazonaws.com/clusters/prod/node-groups?nextToken=secret",
                &[SIGNED][..],
                "",
                "GET eks.eu-central-1.amazonaws.com/clusters/prod/node-groups",
            ),
            (
                "POST",
                "https://ssm.eu-central-1.amazonaws.com/",
                &[SIGNED, ("x-amz-target", "AmazonSSM.GetParameters")],
                r#"{"Names": ["secret"]}"#,
                "POST ssm.eu-central-1.amazonaws.com GetParameters",
            ),
            (
                "POST",
                "https://sts.eu-central-1.amazonaws.com/",
                &[FORM],
                "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&WebIdentityToken=secret",
                "POST sts.eu-central-1.amazonaws.com AssumeRoleWithWebIdentity",
            ),
            ("GET", "http://169.254.170.2/v2/credentials/secret", &[], "", "GET 169.254.170.2"),
            ("GET", "http://user:secret@localhost:4566?secret", &[SIGNED], "", "GET localhost:4566"),
        ] {
            assert_eq!(what(&request(method, uri, headers, body)), expected);
        }
    }
}
