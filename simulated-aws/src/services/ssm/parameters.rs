//! Parameter Store: the four ways to read.
//!
//! Own code instead of `winterbaume-ssm`, which has no virtual time (a parameter's last change matters for a release's age) and
//! does not page by path.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::state::State;
use crate::state::arns::Arns;
use crate::wire::call::text;
use crate::wire::error::ApiError;
use crate::wire::paging::{BadToken, page};
use crate::wire::time::epoch_seconds;

/// The ARNs of the parameters that a request names.
pub(super) fn resources(arns: &Arns, input: &Value) -> Vec<String> {
    let names = input.get("Names").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let one = text(input, "Name").or_else(|| text(input, "Path"));
    names.chain(one).map(|name| arns.parameter(name.split(':').next().unwrap_or(name))).collect()
}

pub(super) fn get_parameter(state: &State, input: &Value) -> Result<Value, ApiError> {
    let name = text(input, "Name").ok_or_else(|| missing("name"))?;
    check_namespace(state, name)?;
    let parameter = find(state, name, state.now).ok_or_else(|| not_found(name))?;
    Ok(json!({ "Parameter": parameter }))
}

/// A missing name is not an error: it is returned in `InvalidParameters`. A name in a namespace that this region lacks fails
/// the whole call.
pub(super) fn get_parameters(state: &State, input: &Value) -> Result<Value, ApiError> {
    let names = input.get("Names").and_then(Value::as_array).ok_or_else(|| missing("names"))?;
    let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
    if names.is_empty() {
        return Err(constraint("names", "Member must have length greater than or equal to 1"));
    }
    if names.len() > 10 {
        return Err(constraint("names", "Member must have length less than or equal to 10"));
    }
    names.iter().try_for_each(|name| check_namespace(state, name))?;
    let (mut found, mut invalid) = (Vec::new(), Vec::new());
    for name in names {
        match find(state, name, shown_at(state, name)) {
            Some(parameter) => found.push(parameter),
            None => invalid.push(name),
        }
    }
    Ok(json!({ "Parameters": found, "InvalidParameters": invalid }))
}

pub(super) fn get_parameters_by_path(state: &State, input: &Value) -> Result<Value, ApiError> {
    let path = text(input, "Path").ok_or_else(|| missing("path"))?;
    if !path.starts_with('/') {
        return Err(validation("The parameter path must begin with a slash (/)"));
    }
    check_namespace(state, path)?;
    let below = format!("{}/", path.trim_end_matches('/'));
    let recursive = input.get("Recursive").and_then(Value::as_bool).unwrap_or(false);
    let matching = state.parameters.keys().filter(|name| {
        name.strip_prefix(&below).is_some_and(|rest| !rest.is_empty() && (recursive || !rest.contains('/')))
    });
    let size = page_size(state, input, 10)?;
    let page = page(matching.map(|name| (name.clone(), name)), text(input, "NextToken"), size).map_err(bad_token)?;
    let parameters: Vec<Value> = page.items.into_iter().filter_map(|name| find(state, name, state.now)).collect();
    Ok(with_next(json!({ "Parameters": parameters }), page.next))
}

pub(super) fn get_parameter_history(state: &State, input: &Value) -> Result<Value, ApiError> {
    let name = text(input, "Name").ok_or_else(|| missing("name"))?;
    let parameter = state.parameters.get(name).ok_or_else(|| not_found(name))?;
    let versions = (1_usize..).zip(&parameter.versions);
    let size = page_size(state, input, 50)?;
    let page = page(versions.map(|version| (format!("{:010}", version.0), version)), text(input, "NextToken"), size)
        .map_err(bad_token)?;
    let history: Vec<Value> =
        page.items.into_iter().map(|(version, written)| described(state, name, version, written)).collect();
    Ok(with_next(json!({ "Parameters": history }), page.next))
}

/// The time as of which `GetParameters` shows a parameter.
fn shown_at(state: &State, name: &str) -> Timestamp {
    state.quirks.parameters_as_of.filter(|_| is_public(name)).unwrap_or(state.now)
}

fn is_public(name: &str) -> bool {
    name.starts_with("/aws/service/")
}

/// The parameter that a request names, `name` or `name:version`, as it was at a time. Of a public parameter, only the
/// present version is found.
fn find(state: &State, selected: &str, at: Timestamp) -> Option<Value> {
    let (name, selector) = match selected.rsplit_once(':') {
        Some((name, _)) if is_public(name) => return None,
        Some((name, version)) if !selected.starts_with("arn:") => (name, Some(version.parse::<usize>().ok()?)),
        _ => (selected, None),
    };
    let versions = state.parameters.get(name)?.versions_at(at);
    let version = selector.unwrap_or(versions.len());
    let mut parameter = described(state, name, version, versions.get(version.checked_sub(1)?)?);
    parameter["ARN"] = json!(state.arns.parameter(name));
    if selector.is_some() {
        parameter["Selector"] = json!(format!(":{version}"));
    }
    Some(parameter)
}

fn described(state: &State, name: &str, version: usize, (value, written_at): &(String, Timestamp)) -> Value {
    let mut parameter = json!({
        "Name": name,
        "Type": "String",
        "Value": value,
        "Version": version,
        "DataType": "text",
    });
    if !state.quirks.parameters_without_dates {
        parameter["LastModifiedDate"] = json!(epoch_seconds(*written_at));
    }
    parameter
}

/// Refuses a name in a namespace without public parameters in this region.
fn check_namespace(state: &State, name: &str) -> Result<(), ApiError> {
    let Some(namespace) = state.absent_prefixes.of(name) else { return Ok(()) };
    let namespace = namespace.trim_start_matches('/');
    let message = format!("No access to \"/aws/\" namespace: {namespace} is not a valid namespace");
    Err(ApiError::new(400, "AccessDeniedException", message))
}

fn page_size(state: &State, input: &Value, largest: u64) -> Result<usize, ApiError> {
    let wanted = match input.get("MaxResults") {
        None | Some(Value::Null) => largest,
        Some(wanted) => wanted
            .as_u64()
            .filter(|wanted| (1..=largest).contains(wanted))
            .ok_or_else(|| constraint("maxResults", &format!("Member must have value between 1 and {largest}")))?,
    };
    Ok(state.page_size(usize::try_from(wanted).unwrap_or(usize::MAX)))
}

fn with_next(mut output: Value, next: Option<String>) -> Value {
    if let Some(next) = next {
        output["NextToken"] = json!(next);
    }
    output
}

fn not_found(name: &str) -> ApiError {
    ApiError::new(400, "ParameterNotFound", format!("Parameter {name} not found."))
}

pub(super) fn missing(member: &str) -> ApiError {
    constraint(member, "Member must not be null")
}

fn constraint(member: &str, rule: &str) -> ApiError {
    validation(&format!("1 validation error detected: Value at '{member}' failed to satisfy constraint: {rule}"))
}

pub(super) fn validation(message: &str) -> ApiError {
    ApiError::new(400, "ValidationException", message)
}

fn bad_token(BadToken: BadToken) -> ApiError {
    ApiError::new(400, "InvalidNextToken", "The specified token isn't valid.")
}
