//! The account, and the ARNs of its resources in a region.

use std::fmt::Arguments;

/// The account that owns everything in the world.
pub const ACCOUNT: &str = "123456789012";

/// The region of a world, unless it is [given another](crate::World::in_region).
pub const REGION: &str = "eu-central-1";

/// The role session that signs every request.
pub(crate) fn caller_arn() -> String {
    format!("arn:aws:sts::{ACCOUNT}:assumed-role/simulated/session")
}

/// The account itself, which is in no region.
pub(crate) fn account_arn() -> String {
    format!("arn:aws:account::{ACCOUNT}:account")
}

/// The ARNs in a region.
#[derive(Clone)]
pub(crate) struct Arns {
    pub(crate) region: String,
}

impl Default for Arns {
    fn default() -> Self {
        Self { region: REGION.to_owned() }
    }
}

impl Arns {
    pub(crate) fn cluster(&self, name: &str) -> String {
        self.of("eks", format_args!("cluster/{name}"))
    }

    pub(crate) fn nodegroup(&self, cluster: &str, name: &str, id: &str) -> String {
        self.of("eks", format_args!("nodegroup/{cluster}/{name}/{id}"))
    }

    pub(crate) fn topic(&self, name: &str) -> String {
        self.of("sns", format_args!("{name}"))
    }

    pub(crate) fn event_bus(&self, name: &str) -> String {
        self.of("events", format_args!("event-bus/{name}"))
    }

    pub(crate) fn table(&self, name: &str) -> String {
        self.of("dynamodb", format_args!("table/{name}"))
    }

    pub(crate) fn stack(&self, name: &str, id: &str) -> String {
        self.of("cloudformation", format_args!("stack/{name}/{id}"))
    }

    /// A Lambda function, optionally with an alias or a version.
    pub(crate) fn function(&self, name: &str, qualifier: Option<&str>) -> String {
        let qualifier = qualifier.map(|qualifier| format!(":{qualifier}")).unwrap_or_default();
        self.of("lambda", format_args!("function:{name}{qualifier}"))
    }

    /// An SSM document, for instance a change calendar.
    pub(crate) fn document(&self, name: &str) -> String {
        self.of("ssm", format_args!("document/{name}"))
    }

    /// An SSM parameter. Public parameters belong to no account.
    pub(crate) fn parameter(&self, name: &str) -> String {
        let account = if name.starts_with("/aws/") { "" } else { ACCOUNT };
        format!("arn:aws:ssm:{}:{account}:parameter/{}", self.region, name.trim_start_matches('/'))
    }

    fn of(&self, service: &str, resource: Arguments<'_>) -> String {
        format!("arn:aws:{service}:{}:{ACCOUNT}:{resource}", self.region)
    }
}
