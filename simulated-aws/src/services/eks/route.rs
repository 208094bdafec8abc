//! EKS's paths.

use bytes::Bytes;
use http::Method;
use http::request::Parts;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::wire::error::ApiError;
use crate::wire::protocol::{Routed, json_object};

/// Query parameters that can be repeated.
const LISTS: [&str; 2] = ["tagKeys", "clusterVersions"];

/// Determines the operation from method and path, and collects its input from path, query and body.
pub(crate) fn route(parts: &Parts, body: &Bytes) -> Routed {
    let path = parts.uri.path();
    let segments: Vec<String> = path.split('/').skip(1).map(decoded).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();

    let (operation, from_path): (&str, Vec<(&str, &str)>) = match (&parts.method, &segments[..]) {
        (&Method::GET, ["cluster-versions"]) => ("DescribeClusterVersions", vec![]),
        (&Method::GET, ["clusters"]) => ("ListClusters", vec![]),
        (&Method::GET, ["clusters", cluster]) => ("DescribeCluster", vec![("name", cluster)]),
        (&Method::GET, ["clusters", cluster, "node-groups"]) => ("ListNodegroups", vec![("clusterName", cluster)]),
        (&Method::GET, ["clusters", cluster, "node-groups", name]) => {
            ("DescribeNodegroup", vec![("clusterName", cluster), ("nodegroupName", name)])
        }
        (&Method::POST, ["clusters", cluster, "node-groups", name, "update-version"]) => {
            ("UpdateNodegroupVersion", vec![("clusterName", cluster), ("nodegroupName", name)])
        }
        (&Method::GET, ["clusters", cluster, "updates"]) => ("ListUpdates", vec![("name", cluster)]),
        (&Method::GET, ["clusters", cluster, "updates", id]) => {
            ("DescribeUpdate", vec![("name", cluster), ("updateId", id)])
        }
        (method, ["tags", ..]) => {
            let operation = match *method {
                Method::GET => "ListTagsForResource",
                Method::POST => "TagResource",
                Method::DELETE => "UntagResource",
                _ => return Err(unknown(method, path)),
            };
            // The ARN has slashes, which not all clients encode.
            let arn = decoded(path.strip_prefix("/tags/").unwrap_or_default());
            return with_body(operation, vec![("resourceArn", &arn)], parts, body);
        }
        (method, _) => return Err(unknown(method, path)),
    };
    with_body(operation, from_path, parts, body)
}

fn with_body(operation: &str, from_path: Vec<(&str, &str)>, parts: &Parts, body: &Bytes) -> Routed {
    let mut input = match json_object(body)? {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    let query = parts.uri.query().unwrap_or_default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if LISTS.contains(&name.as_ref()) {
            let values = input.entry(name).or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(values) = values {
                values.push(Value::String(value.into_owned()));
            }
        } else {
            input.insert(name.into_owned(), Value::String(value.into_owned()));
        }
    }
    for (name, value) in from_path {
        input.insert(name.to_owned(), Value::String(value.to_owned()));
    }
    Ok((operation.to_owned(), Value::Object(input)))
}

fn decoded(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

fn unknown(method: &Method, path: &str) -> ApiError {
    ApiError::new(404, "UnknownOperationException", format!("This simulation has no EKS operation {method} {path}"))
}
