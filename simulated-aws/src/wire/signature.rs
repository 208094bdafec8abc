//! The service and the region that a request addresses, and its signer.

use http::request::Parts;
use http::{HeaderMap, header};

/// The access key id that signed a request, empty when none did. The signature is not checked.
pub(crate) fn access_key_id(headers: &HeaderMap) -> &str {
    scope(headers).map(|scope| scope.access_key_id).unwrap_or_default()
}

/// The service that a request addresses: the scope of the signature, otherwise the first label of the host, which is the
/// service's name in AWS's own endpoints.
pub(crate) fn service(parts: &Parts) -> &str {
    scope(&parts.headers).and_then(|scope| scope.service).or_else(|| first_label(parts)).unwrap_or_default()
}

/// The region that a request is signed for, if it is signed.
pub(crate) fn region(headers: &HeaderMap) -> Option<&str> {
    scope(headers)?.region
}

struct Scope<'a> {
    access_key_id: &'a str,
    region: Option<&'a str>,
    service: Option<&'a str>,
}

/// `AWS4-HMAC-SHA256 Credential=AKID/20260701/eu-central-1/eks/aws4_request, SignedHeaders=…`
fn scope(headers: &HeaderMap) -> Option<Scope<'_>> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (_, credential) = value.split_once("Credential=")?;
    let mut parts = credential.split([',', ' ']).next()?.split('/');
    Some(Scope { access_key_id: parts.next()?, region: parts.nth(1), service: parts.next() })
}

fn first_label(parts: &Parts) -> Option<&str> {
    let header = || parts.headers.get(header::HOST)?.to_str().ok();
    let host = parts.uri.host().or_else(header)?;
    let (label, rest) = host.split_once('.')?;
    rest.contains("amazonaws").then_some(label)
}
