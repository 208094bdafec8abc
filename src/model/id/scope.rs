//! The part of AWS that an installation manages.

use crate::model::id::{FleetId, ItemKey, NodegroupId};

/// The placeholder for an unknown account:
/// [AWS's runtime interface emulator](https://github.com/aws/aws-lambda-runtime-interface-emulator) uses it.
const EMULATED_ACCOUNT: &str = "012345678912";

/// The account and region whose node groups an installation keeps current. Everything outside belongs to other installations: a
/// global or shared table has records of several. If account and region are unknown, nothing is excluded.
///
/// ```
/// use eks_nodegroup_updater::model::id::scope::Scope;
/// use eks_nodegroup_updater::model::id::NodegroupId;
///
/// let scope = Scope::of_function("arn:aws:lambda:eu-central-1:123456789012:function:check");
/// let there = "arn:aws:eks:us-east-1:123456789012:nodegroup/prod/blue/9ebf4bd5-f1d2-4f2c-9b7b-1b2c3d4e5f60";
/// assert!(!scope.contains(&NodegroupId::from_arn(there).expect("a node group's ARN")));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scope<'a>(Option<Own<'a>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Own<'a> {
    /// The scope of a function.
    partition: Option<&'a str>,
    account: &'a str,
    region: &'a str,
}

impl<'a> Scope<'a> {
    /// An account and region.
    #[must_use]
    pub fn new(account: &'a str, region: &'a str) -> Self {
        Self(Some(Own { partition: None, account, region }))
    }

    /// The account and region of a Lambda function, by its ARN. Local runtimes have none, or a placeholder account.
    #[must_use]
    pub fn of_function(arn: &'a str) -> Self {
        let mut parts = arn.split(':');
        let parts = [parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next()];
        match parts {
            [Some("arn"), Some(partition), Some("lambda"), Some(region), Some(account), Some(_)]
                if account != EMULATED_ACCOUNT =>
            {
                let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
                let own = Own { partition: Some(partition), account, region };
                Self(Some(own).filter(|_| is_account && !region.is_empty()))
            }
            _ => Self::default(),
        }
    }

    /// The fleet that a function manages, if its account and region are known.
    #[must_use]
    pub fn fleet(self) -> Option<FleetId> {
        let Own { partition, account, region } = self.0?;
        Some(FleetId::new(partition?, region, account))
    }

    /// Whether a node group is in this account and region.
    #[must_use]
    pub fn contains(self, id: &NodegroupId) -> bool {
        self.is(id.account(), id.region())
    }

    /// Whether an item of the table is in this account and region.
    #[must_use]
    pub fn contains_item(self, item: &ItemKey) -> bool {
        match item {
            ItemKey::Nodegroup(id) => self.contains(id),
            ItemKey::Fleet(id) => self.is(id.account(), id.region()),
            ItemKey::Track(id) => self.is(id.account(), id.region()),
        }
    }

    /// Whether an item with this key might be in this account and region: it is, or the key is not one of the updater's.
    #[must_use]
    pub fn may_contain_key(self, key: &str) -> bool {
        ItemKey::read(key).is_none_or(|item| self.contains_item(&item))
    }

    fn is(self, account: &str, region: &str) -> bool {
        self.0.is_none_or(|own| (own.account, own.region) == (account, region))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_runtime_tells_no_account_and_leaves_nothing_out() {
        for arn in [
            "",
            "function-arn",
            "arn:aws:lambda:us-east-1:012345678912:function:test_function",
            "arn:aws:lambda:us-east-1::function:check",
            "arn:aws:lambda:us-east-1:account:function:check",
        ] {
            assert_eq!(Scope::of_function(arn), Scope::default(), "{arn}");
        }
        let own = "arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:start:readonly";
        let fleet = Scope::of_function(own).fleet();
        assert_eq!(fleet, FleetId::from_key("arn:aws-us-gov:eks:us-gov-west-1:123456789012:fleet"));
    }

    #[test]
    fn items_of_another_account_or_region_are_outside_and_strange_keys_are_not() {
        let scope = Scope::new("123456789012", "eu-central-1");
        for (owner, inside) in [
            ("arn:aws:eks:eu-central-1:123456789012", true),
            ("arn:aws:eks:us-east-1:123456789012", false),
            ("arn:aws:eks:eu-central-1:210987654321", false),
        ] {
            let nodegroup = "nodegroup/prod/blue/9ebf4bd5-f1d2-4f2c-9b7b-1b2c3d4e5f60";
            for item in [nodegroup, "fleet", "track/1.33/AL2023_x86_64_STANDARD"] {
                let key = format!("{owner}:{item}");
                assert_eq!(scope.may_contain_key(&key), inside, "{key}");
                assert!(Scope::default().may_contain_key(&key));
            }
        }
        assert!(scope.may_contain_key("of another program"));
    }
}
