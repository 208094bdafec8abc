//! Parameter Store: writing a parameter.
//!
//! See [PutParameter](https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html).

use serde_json::{Value, json};

use super::parameters::{missing, validation};
use crate::state::State;
use crate::wire::call::text;
use crate::wire::error::ApiError;

/// Writes text to one of the account's own parameters.
pub(super) fn put_parameter(state: &mut State, input: &Value) -> Result<Value, ApiError> {
    let name = text(input, "Name").ok_or_else(|| missing("name"))?;
    let value = text(input, "Value").ok_or_else(|| missing("value"))?;
    let kind = text(input, "Type");
    if name.trim_start_matches('/').to_ascii_lowercase().starts_with("aws") {
        return Err(refused("AccessDeniedException", &format!("No access to reserved parameter name: {name}.")));
    }
    if let Some(kind) = kind.filter(|kind| *kind != "String") {
        return Err(refused("UnsupportedParameterType", &format!("This simulation has no parameters of type {kind}")));
    }
    let exists = state.parameters.contains_key(name);
    if !exists && kind.is_none() {
        return Err(validation("A parameter type is required when you create a parameter."));
    }
    if exists && !input.get("Overwrite").and_then(Value::as_bool).unwrap_or(false) {
        let message = "The parameter already exists. To overwrite this value, set the overwrite option in the request \
                       to true.";
        return Err(refused("ParameterAlreadyExists", message));
    }
    let version = state.put_parameter(name, value);
    Ok(json!({ "Version": version, "Tier": "Standard" }))
}

fn refused(code: &str, message: &str) -> ApiError {
    ApiError::new(400, code, message)
}
