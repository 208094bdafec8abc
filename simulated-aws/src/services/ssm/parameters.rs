//! Parameter Store: the four ways to read.
//!
//! Own code rather than `winterbaume-ssm`, which knows no virtual time (when a parameter last changed is what a
//! soak time is measured from) and does not page by path.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::state::State;
use crate::state::arns::parameter_arn;
use crate::wire::call::text;
use crate::wire::error::ApiError;
use crate::wire::paging::{BadToken, page};
use crate::wire::time::epoch_seconds;

/// The ARNs of the parameters that a request names.
pub(super) fn resources(input: &Value) -> Vec<String> {
    let names = input.get("Names").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let one = text(input, "Name").or_else(|| text(input, "Path"));
    names.chain(one).map(|name| parameter_arn(name.split(':').next().unwrap_or(name))).collect()
}

pub(super) fn get_parameter(state: &State, input: &Value) -> Result<Value, ApiError> {
    let name = text(input, "Name").ok_or_else(|| missing("name"))?;
    let parameter = find(state, name).ok_or_else(|| not_found(name))?;
    Ok(json!({ "Parameter": parameter }))
}

/// A name that does not exist is no error here: it comes back in `InvalidParameters`.
pub(super) fn get_parameters(state: &State, input: &Value) -> Result<Value, ApiError> {
    let names = input.get("Names").and_then(Value::as_array).ok_or_else(|| missing("names"))?;
    let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
    if names.is_empty() {
        return Err(constraint("names", "Member must have length greater than or equal to 1"));
    }
    if names.len() > 10 {
        return Err(constraint("names", "Member must have length less than or equal to 10"));
    }
    let (mut found, mut invalid) = (Vec::new(), Vec::new());
    for name in names {
        match find(state, name) {
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
    let below = format!("{}/", path.trim_end_matches('/'));
    let recursive = input.get("Recursive").and_then(Value::as_bool).unwrap_or(false);
    let matching = state.parameters.keys().filter(|name| {
        name.strip_prefix(&below).is_some_and(|rest| !rest.is_empty() && (recursive || !rest.contains('/')))
    });
    let size = page_size(state, input, 10)?;
    let page = page(matching.map(|name| (name.clone(), name)), text(input, "NextToken"), size).map_err(bad_token)?;
    let parameters: Vec<Value> = page.items.into_iter().filter_map(|name| find(state, name)).collect();
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
        page.items.into_iter().map(|(version, (value, at))| described(name, version, value, *at)).collect();
    Ok(with_next(json!({ "Parameters": history }), page.next))
}

/// The parameter that a request names, `name` or `name:version`.
fn find(state: &State, selected: &str) -> Option<Value> {
    let (name, version) = match selected.rsplit_once(':') {
        Some((name, version)) if !selected.starts_with("arn:") => (name, version.parse::<usize>().ok()?),
        _ => (selected, state.parameters.get(selected)?.versions.len()),
    };
    let (value, at) = state.parameters.get(name)?.versions.get(version.checked_sub(1)?)?;
    let mut parameter = described(name, version, value, *at);
    parameter["ARN"] = json!(parameter_arn(name));
    if selected != name {
        parameter["Selector"] = json!(format!(":{version}"));
    }
    Some(parameter)
}

fn described(name: &str, version: usize, value: &str, at: Timestamp) -> Value {
    json!({
        "Name": name,
        "Type": "String",
        "Value": value,
        "Version": version,
        "LastModifiedDate": epoch_seconds(at),
        "DataType": "text",
    })
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

fn missing(member: &str) -> ApiError {
    constraint(member, "Member must not be null")
}

fn constraint(member: &str, rule: &str) -> ApiError {
    validation(&format!("1 validation error detected: Value at '{member}' failed to satisfy constraint: {rule}"))
}

fn validation(message: &str) -> ApiError {
    ApiError::new(400, "ValidationException", message)
}

fn bad_token(BadToken: BadToken) -> ApiError {
    ApiError::new(400, "InvalidNextToken", "The specified token isn't valid.")
}
