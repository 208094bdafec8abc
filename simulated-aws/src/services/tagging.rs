//! The Resource Groups Tagging API's index of tagged resources.
//!
//! Own code instead of `winterbaume-resourcegroupstagging`, which does not know the node groups of this world. The index is
//! separate data: the real one lags, and continues to list resources that once had tags.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::state::State;
use crate::wire::answer::Answer;
use crate::wire::call::Call;
use crate::wire::error::ApiError;
use crate::wire::paging::page;

type Tags = BTreeMap<String, String>;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
struct Input {
    pagination_token: Option<String>,
    tag_filters: Vec<Filter>,
    resources_per_page: Option<i64>,
    resource_type_filters: Vec<String>,
    #[serde(rename = "ResourceARNList")]
    resource_arns: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Filter {
    key: String,
    #[serde(default)]
    values: Vec<String>,
}

pub(crate) fn answer(state: &mut State, call: &Call) -> Result<Answer, ApiError> {
    match call.operation.as_str() {
        "GetResources" => {
            let input = Input::deserialize(&call.input).map_err(ApiError::serialization)?;
            get_resources(state, &input).map(Answer::Json)
        }
        _ => Err(call.unknown()),
    }
}

pub(crate) fn resources(_: &State, _: &Call) -> Vec<String> {
    Vec::new()
}

fn get_resources(state: &State, input: &Input) -> Result<Value, ApiError> {
    let size = match input.resources_per_page {
        None => 100,
        Some(wanted) => usize::try_from(wanted)
            .ok()
            .filter(|wanted| (1..=100).contains(wanted))
            .ok_or_else(|| invalid("ResourcesPerPage must be between 1 and 100"))?,
    };
    if input.tag_filters.len() > 50 || input.tag_filters.iter().any(|filter| filter.values.len() > 20) {
        return Err(invalid("A request has at most 50 tag filters of at most 20 values each"));
    }
    let token = input.pagination_token.as_deref().filter(|token| !token.is_empty());
    let token = if state.quirks.sparse_tag_pages {
        match token.map(|token| token.strip_prefix('~')) {
            None => return Ok(mappings(&[], "~")),
            Some(None) => return Ok(mappings(&[], &format!("~{}", token.unwrap_or_default()))),
            Some(Some(token)) => Some(token).filter(|token| !token.is_empty()),
        }
    } else {
        token
    };
    let matching = index(state).into_iter().filter(|(arn, tags)| input.wants(arn, tags));
    let page = page(matching.map(|(arn, tags)| (arn.to_owned(), (arn, tags))), token, state.page_size(size))
        .map_err(|_| ApiError::new(400, "PaginationTokenExpiredException", "The pagination token is not valid"))?;
    Ok(mappings(&page.items, &page.next.unwrap_or_default()))
}

/// The content of the index: the node groups that have or had tags, and entries that differ from the truth.
fn index(state: &State) -> BTreeMap<&str, &Tags> {
    let true_tags = state
        .nodegroups
        .values()
        .filter(|nodegroup| state.ever_tagged.contains(&nodegroup.arn))
        .map(|nodegroup| (nodegroup.arn.as_str(), &nodegroup.tags));
    let overridden = state.tag_index.iter().map(|(arn, tags)| (arn.as_str(), tags));
    true_tags.chain(overridden).collect()
}

impl Input {
    fn wants(&self, arn: &str, tags: &Tags) -> bool {
        let of_type = self.resource_type_filters.is_empty()
            || self.resource_type_filters.iter().any(|wanted| is_of_type(arn, wanted));
        let listed = self.resource_arns.is_empty() || self.resource_arns.iter().any(|wanted| wanted == arn);
        of_type && listed && self.tag_filters.iter().all(|filter| filter.wants(tags))
    }
}

impl Filter {
    fn wants(&self, tags: &Tags) -> bool {
        tags.get(&self.key).is_some_and(|value| self.values.is_empty() || self.values.contains(value))
    }
}

/// `eks` or `eks:nodegroup` against `arn:aws:eks:eu-central-1:123456789012:nodegroup/prod/blue/…`.
fn is_of_type(arn: &str, wanted: &str) -> bool {
    let mut parts = arn.splitn(6, ':').skip(2);
    let service = parts.next().unwrap_or_default();
    let resource = parts.nth(2).unwrap_or_default();
    match wanted.split_once(':') {
        None => service == wanted,
        Some((of_service, kind)) => service == of_service && resource.split(['/', ':']).next() == Some(kind),
    }
}

fn mappings(items: &[(&str, &Tags)], token: &str) -> Value {
    let list: Vec<Value> = items
        .iter()
        .map(|(arn, tags)| {
            let tags: Vec<Value> = tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
            json!({ "ResourceARN": arn, "Tags": tags })
        })
        .collect();
    json!({ "PaginationToken": token, "ResourceTagMappingList": list })
}

fn invalid(message: &str) -> ApiError {
    ApiError::new(400, "InvalidParameterException", message)
}
