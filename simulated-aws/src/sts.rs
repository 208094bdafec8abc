use crate::request::Call;
use crate::{ACCOUNT, ApiError, xml};

/// Whoever asks, this is who asks.
pub(crate) fn caller_arn() -> String {
    format!("arn:aws:sts::{ACCOUNT}:assumed-role/simulated/session")
}

/// `GetCallerIdentity`, so that a client can see whom it talks to.
pub(crate) fn answer(call: &Call) -> Result<String, ApiError> {
    match call.operation.as_str() {
        "GetCallerIdentity" => Ok([
            xml::element("Arn", &caller_arn()),
            xml::element("UserId", "AROASIMULATED:session"),
            xml::element("Account", ACCOUNT),
        ]
        .concat()),
        _ => Err(call.unknown()),
    }
}
