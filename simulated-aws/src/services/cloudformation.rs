//! CloudFormation: `DescribeStacks`, by which a client finds what a stack has made.
//!
//! See [DescribeStacks](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html).

use serde_json::Value;

use crate::state::State;
use crate::state::cloudformation::Stack;
use crate::wire::answer::Answer;
use crate::wire::call::{Call, text};
use crate::wire::error::ApiError;
use crate::wire::paging::page;
use crate::wire::xml;

/// A request for a stack by name is checked against any id that the stack might have.
pub(crate) fn resources(state: &State, call: &Call) -> Vec<String> {
    let arn = |name: &str| match name.starts_with("arn:") {
        true => name.to_owned(),
        false => state.arns.stack(name, "*"),
    };
    text(&call.input, "StackName").map(arn).into_iter().collect()
}

pub(crate) fn answer(state: &mut State, call: &Call) -> Result<Answer, ApiError> {
    match call.operation.as_str() {
        "DescribeStacks" => describe_stacks(state, &call.input).map(Answer::Xml),
        _ => Err(call.unknown()),
    }
}

fn describe_stacks(state: &State, input: &Value) -> Result<String, ApiError> {
    let wanted = text(input, "StackName");
    let is_wanted = |stack: &&Stack| wanted.is_none_or(|wanted| stack.name == wanted || stack.arn == wanted);
    let mut stacks = state.stacks.values().filter(is_wanted).map(|stack| (stack.name.clone(), stack)).peekable();
    if let Some(wanted) = wanted.filter(|_| stacks.peek().is_none()) {
        return Err(invalid(&format!("Stack with id {wanted} does not exist")));
    }
    let page = page(stacks, text(input, "NextToken"), state.page_size(100));
    let page = page.map_err(|_| invalid("The specified token is not valid"))?;
    let next = page.next.map(|next| xml::element("NextToken", &next)).unwrap_or_default();
    Ok(format!("{}{next}", list("Stacks", page.items.into_iter().map(described))))
}

fn described(stack: &Stack) -> String {
    let outputs = stack.outputs.iter().map(|output| {
        [
            xml::element("OutputKey", &output.key),
            xml::element("OutputValue", &output.value),
            xml::element("Description", &output.description),
        ]
        .concat()
    });
    let description = stack.description.as_deref().map(|text| xml::element("Description", text));
    [
        xml::element("StackId", &stack.arn),
        xml::element("StackName", &stack.name),
        description.unwrap_or_default(),
        xml::element("CreationTime", &format!("{:.3}", stack.created_at)),
        xml::element("StackStatus", &stack.status),
        list("Outputs", outputs),
    ]
    .concat()
}

fn list(name: &str, members: impl Iterator<Item = String>) -> String {
    let members: String = members.map(|member| format!("<member>{member}</member>")).collect();
    format!("<{name}>{members}</{name}>")
}

fn invalid(message: &str) -> ApiError {
    ApiError::new(400, "ValidationError", message)
}
