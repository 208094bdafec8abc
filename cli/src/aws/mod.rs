//! The caller's AWS account: credentials, regions, the installed stack, and what its functions and its table answer.

pub mod account;
pub mod answer;
mod call_log;
pub mod caller;
pub mod credentials;
mod enabled;
pub mod location;
pub mod looks;
pub mod nodegroups;
pub mod place;
pub mod records;
pub mod stack;
pub mod unread;
pub mod updates;

use aws_config::SdkConfig;

/// The name of a configuration's region.
pub fn region(configuration: &SdkConfig) -> &str {
    configuration.region().map_or("", |region| region.as_ref())
}
