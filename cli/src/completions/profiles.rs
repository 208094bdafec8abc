//! The profiles of the AWS CLI's files, and the regions that they and the environment name.
//!
//! AWS lists all regions only in answer to a call, which not everybody is allowed to make, and the SDK does not publish the list
//! that it contains.

use std::collections::BTreeSet;

use aws_config::profile::ProfileSet;
use eks_nodegroup_updater::config::process_environment;

use super::in_time;
use crate::aws::credentials;

/// The profiles.
pub fn profiles() -> Vec<String> {
    let mut names = read(|profiles| profiles.profiles().map(str::to_owned).collect());
    names.sort_unstable();
    names
}

/// The regions.
pub fn regions() -> Vec<String> {
    let of_profiles = read(|profiles| {
        let named = profiles.profiles().filter_map(|name| profiles.get_profile(name)?.get("region"));
        named.map(str::to_owned).collect()
    });
    let of_environment = ["AWS_REGION", "AWS_DEFAULT_REGION"].into_iter().filter_map(process_environment);
    let regions: BTreeSet<String> =
        of_profiles.into_iter().chain(of_environment).filter(|name| is_region(name)).collect();
    regions.into_iter().collect()
}

fn read(select: impl Fn(&ProfileSet) -> Vec<String>) -> Vec<String> {
    in_time(credentials::read_profiles()).and_then(Result::ok).map(|profiles| select(&profiles)).unwrap_or_default()
}

/// Whether it looks as the names of regions do. Any other text could be more than a name to a shell.
fn is_region(text: &str) -> bool {
    let is_allowed = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-';
    !text.is_empty() && text.chars().all(is_allowed)
}
