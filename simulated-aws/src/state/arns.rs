//! The account and region of the world, and the ARNs in it.

/// The account that owns everything in the world.
pub const ACCOUNT: &str = "123456789012";

/// The region of everything in the world; requests signed for another region are answered as well.
pub const REGION: &str = "eu-central-1";

/// The role session that signs every request.
pub(crate) fn caller_arn() -> String {
    format!("arn:aws:sts::{ACCOUNT}:assumed-role/simulated/session")
}

/// The account itself, which is in no region.
pub(crate) fn account_arn() -> String {
    format!("arn:aws:account::{ACCOUNT}:account")
}

pub(crate) fn cluster_arn(name: &str) -> String {
    format!("arn:aws:eks:{REGION}:{ACCOUNT}:cluster/{name}")
}

pub(crate) fn nodegroup_arn(cluster: &str, name: &str, id: &str) -> String {
    format!("arn:aws:eks:{REGION}:{ACCOUNT}:nodegroup/{cluster}/{name}/{id}")
}

pub(crate) fn topic_arn(name: &str) -> String {
    format!("arn:aws:sns:{REGION}:{ACCOUNT}:{name}")
}

pub(crate) fn table_arn(name: &str) -> String {
    format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}")
}

pub(crate) fn stack_arn(name: &str, id: &str) -> String {
    format!("arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{name}/{id}")
}

/// A Lambda function, optionally with an alias or a version.
pub(crate) fn function_arn(name: &str, qualifier: Option<&str>) -> String {
    let qualifier = qualifier.map(|qualifier| format!(":{qualifier}")).unwrap_or_default();
    format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}{qualifier}")
}

/// An SSM document, for instance a change calendar.
pub(crate) fn document_arn(name: &str) -> String {
    format!("arn:aws:ssm:{REGION}:{ACCOUNT}:document/{name}")
}

/// An SSM parameter. Public parameters belong to no account.
pub(crate) fn parameter_arn(name: &str) -> String {
    let account = if name.starts_with("/aws/") { "" } else { ACCOUNT };
    format!("arn:aws:ssm:{REGION}:{account}:parameter/{}", name.trim_start_matches('/'))
}
