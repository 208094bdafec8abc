//! Account Management: `ListRegions`, by which a client finds the regions that are enabled for its account.
//!
//! See [ListRegions](https://docs.aws.amazon.com/accounts/latest/reference/API_ListRegions.html).

use bytes::Bytes;
use http::Method;
use http::request::Parts;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::state::State;
use crate::state::arns::account_arn;
use crate::state::regions::RegionOptStatus;
use crate::wire::answer::Answer;
use crate::wire::call::Call;
use crate::wire::error::ApiError;
use crate::wire::paging::page;
use crate::wire::protocol::{Routed, json_object};

/// The maximum size of a page, and its size if the request does not say.
const LARGEST_PAGE: usize = 50;

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Input {
    account_id: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
    region_opt_status_contains: Vec<RegionOptStatus>,
}

/// The one path.
pub(crate) fn route(parts: &Parts, body: &Bytes) -> Routed {
    match (&parts.method, parts.uri.path()) {
        (&Method::POST, "/listRegions") => Ok(("ListRegions".to_owned(), json_object(body)?)),
        (method, path) => {
            let message = format!("This simulation has no Account Management operation {method} {path}");
            Err(ApiError::new(404, "UnknownOperationException", message))
        }
    }
}

pub(crate) fn answer(state: &mut State, call: &Call) -> Result<Answer, ApiError> {
    match call.operation.as_str() {
        "ListRegions" => {
            let input = Input::deserialize(&call.input).map_err(invalid)?;
            list_regions(state, &input).map(Answer::Json)
        }
        _ => Err(call.unknown()),
    }
}

pub(crate) fn resources(_: &State, _: &Call) -> Vec<String> {
    vec![account_arn()]
}

fn list_regions(state: &State, input: &Input) -> Result<Value, ApiError> {
    // The account is in no organization, so that no other account can be named, nor its own.
    if input.account_id.is_some() {
        return Err(ApiError::access_denied("account:ListRegions"));
    }
    let size = match input.max_results.map(usize::try_from) {
        None => LARGEST_PAGE,
        Some(Ok(wanted @ 1..=LARGEST_PAGE)) => wanted,
        Some(_) => return Err(invalid("MaxResults must be between 1 and 50")),
    };
    let wanted = &input.region_opt_status_contains;
    let is_wanted = |status: &RegionOptStatus| wanted.is_empty() || wanted.contains(status);
    let regions = state.regions.iter().filter(|(_, status)| is_wanted(status));
    let regions =
        regions.map(|(name, status)| (name.clone(), json!({ "RegionName": name, "RegionOptStatus": status })));
    let token = input.next_token.as_deref().filter(|token| !token.is_empty());
    let page = page(regions, token, state.page_size(size)).map_err(|_| invalid("NextToken is not valid"))?;
    Ok(json!({ "Regions": page.items, "NextToken": page.next }))
}

fn invalid(what: impl ToString) -> ApiError {
    ApiError::new(400, "ValidationException", what.to_string()).member("reason", "fieldValidationFailed")
}
