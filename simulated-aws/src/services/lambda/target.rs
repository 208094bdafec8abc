//! The function that a request names, with the alias or version.

use serde_json::Value;

use crate::state::State;
use crate::state::arns::{ACCOUNT, Arns};
use crate::state::lambda::Function;
use crate::wire::call::text;
use crate::wire::error::ApiError;

/// A function by its name, and the alias or version.
pub(super) struct Target<'a> {
    arns: &'a Arns,
    name: &'a str,
    qualifier: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// Reads `[arn:aws:lambda:REGION:][ACCOUNT:][function:]NAME[:QUALIFIER]`, and the separate qualifier.
    pub(super) fn of(arns: &'a Arns, input: &'a Value) -> Result<Self, ApiError> {
        let given = text(input, "FunctionName").unwrap_or_default();
        let after = |text: &'a str, prefix: &str| text.strip_prefix(prefix).unwrap_or(text);
        let own = after(given, &format!("arn:aws:lambda:{}:", arns.region));
        let own = after(after(own, &format!("{ACCOUNT}:")), "function:");
        let (name, qualifier) = match own.split_once(':') {
            // In another region or account.
            Some((_, rest)) if rest.contains(':') => return Err(not_found(given)),
            Some((name, qualifier)) => (name, Some(qualifier)),
            None => (own, None),
        };
        let beside = text(input, "Qualifier");
        if qualifier.is_some() && beside.is_some() && qualifier != beside {
            let message = "The derived qualifier from the function name does not match the specified qualifier.";
            return Err(ApiError::new(400, "InvalidParameterValueException", message).member("Type", "User"));
        }
        Ok(Self { arns, name, qualifier: qualifier.or(beside) })
    }

    /// The ARN, with the alias or version.
    pub(super) fn arn(&self) -> String {
        self.arns.function(self.name, self.qualifier)
    }

    pub(super) fn find<'s>(&self, state: &'s State) -> Result<&'s Function, ApiError> {
        let function = state.functions.get(self.name);
        let function = function.filter(|function| self.qualifier.is_none_or(|name| function.answers_to(name)));
        function.ok_or_else(|| not_found(&self.arn()))
    }
}

fn not_found(arn: &str) -> ApiError {
    let message = format!("Function not found: {arn}");
    ApiError::new(404, "ResourceNotFoundException", message.as_str()).member("Message", &message).member("Type", "User")
}
