//! STS: `GetCallerIdentity`, so that a client can see its identity.

use crate::state::State;
use crate::state::arns::{ACCOUNT, caller_arn};
use crate::wire::answer::Answer;
use crate::wire::call::Call;
use crate::wire::error::ApiError;
use crate::wire::xml;

pub(crate) fn answer(_: &mut State, call: &Call) -> Result<Answer, ApiError> {
    match call.operation.as_str() {
        "GetCallerIdentity" => Ok(Answer::Xml(
            [
                xml::element("Arn", &caller_arn()),
                xml::element("UserId", "AROASIMULATED:session"),
                xml::element("Account", ACCOUNT),
            ]
            .concat(),
        )),
        _ => Err(call.unknown()),
    }
}

pub(crate) fn resources(_: &State, _: &Call) -> Vec<String> {
    Vec::new()
}
