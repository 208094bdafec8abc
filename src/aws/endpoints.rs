//! The endpoint of each service.
//!
//! `AWS_USE_FIPS_ENDPOINT` and `AWS_USE_DUALSTACK_ENDPOINT` apply to every service, but not every service has such hosts in
//! every region. The SDK then constructs a host name that does not exist. So a service uses its standard host if it has no
//! other one, or if `AWS_ENDPOINT_URL` sets its host, which the SDK does not accept together with these variables.

use std::borrow::Cow;

use aws_config::SdkConfig;
use aws_types::service_config::ServiceConfigKey;
use strum::{IntoStaticStr, VariantArray};

/// The hosts of services by region. It is read only if one of the variables is set.
const TABLE: &str = include_str!("hosts.tsv");

/// Prefixes of the names of regions outside AWS's commercial partition.
const OTHER_PARTITIONS: [&str; 5] = ["cn-", "us-gov-", "us-iso", "eu-iso", "eusc-"];

/// A service that the functions or the command line call, by its id in the SDK.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantArray)]
pub enum Service {
    /// The regions that are enabled.
    Account,
    /// Alarms and metrics.
    CloudWatch,
    /// The stack.
    CloudFormation,
    /// The table.
    #[strum(serialize = "DynamoDB")]
    DynamoDb,
    /// Node groups and their updates.
    #[strum(serialize = "EKS")]
    Eks,
    /// The bus.
    EventBridge,
    /// The permissions of roles.
    #[strum(serialize = "IAM")]
    Iam,
    /// The functions.
    Lambda,
    /// Which node groups have the opt-in tag.
    #[strum(serialize = "Resource Groups Tagging API")]
    ResourceGroupsTagging,
    /// The schedules.
    Scheduler,
    /// The topic.
    #[strum(serialize = "SNS")]
    Sns,
    /// The dead-letter queue.
    #[strum(serialize = "SQS")]
    Sqs,
    /// The releases that AWS publishes.
    #[strum(serialize = "SSM")]
    Ssm,
    /// The caller's identity.
    #[strum(serialize = "STS")]
    Sts,
}

/// The requested kinds of hosts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Kind {
    fips: bool,
    dual_stack: bool,
}

/// The configuration of a service's client.
#[must_use]
pub fn of(config: &SdkConfig, service: Service) -> Cow<'_, SdkConfig> {
    let asked = asked_for(config);
    if asked == Kind::default() {
        return Cow::Borrowed(config);
    }
    let kind = if is_named(config, service) { Kind::default() } else { Hosts::of(service).best(region(config), asked) };
    if kind == asked {
        return Cow::Borrowed(config);
    }
    Cow::Owned(config.to_builder().use_fips(kind.fips).use_dual_stack(kind.dual_stack).build())
}

/// The services that use standard hosts although others were requested, in a sentence for each kind of host.
#[must_use]
pub fn ordinary(config: &SdkConfig, services: &[Service]) -> Vec<String> {
    let asked = asked_for(config);
    if asked == Kind::default() {
        return Vec::new();
    }
    let named = services.iter().filter(|service| !is_named(config, **service)).map(|service| Hosts::of(*service));
    let hosts: Vec<(Hosts, Kind)> = named.map(|hosts| (hosts, hosts.best(region(config), asked))).collect();
    let sentence = |name: &str, none: &str, is_asked: bool, has: fn(&Kind) -> bool| {
        let without = hosts.iter().filter(|(_, kind)| !has(kind)).map(|(hosts, _)| hosts.name);
        let without = without.collect::<Vec<_>>().join(", ");
        let sentence = format!("{name} endpoints were requested, but {} has {none} for: {without}", region(config));
        (is_asked && !without.is_empty()).then_some(sentence)
    };
    let none_for_both = if asked.fips { "none, or none with FIPS," } else { "none" };
    let sentences = [
        sentence("FIPS", "none", asked.fips, |kind| kind.fips),
        sentence("dual-stack", none_for_both, asked.dual_stack, |kind| kind.dual_stack),
    ];
    sentences.into_iter().flatten().collect()
}

fn asked_for(config: &SdkConfig) -> Kind {
    let is_set = |variable: Option<bool>| variable.unwrap_or_default();
    Kind { fips: is_set(config.use_fips()), dual_stack: is_set(config.use_dual_stack()) }
}

/// Whether the service's host is set: for it alone, or for all services.
fn is_named(config: &SdkConfig, service: Service) -> bool {
    let key = ServiceConfigKey::builder().service_id(service.into()).env("AWS_ENDPOINT_URL").profile("endpoint_url");
    let of_service = || config.service_config()?.load_config(key.build().ok()?);
    config.endpoint_url().is_some() || of_service().is_some()
}

fn region(config: &SdkConfig) -> &str {
    config.region().map_or("", |region| region.as_ref())
}

/// The hosts of a service.
#[derive(Clone, Copy, Debug, Default)]
struct Hosts {
    /// Its name in host names.
    name: &'static str,
    fips: &'static str,
    both: &'static str,
    dual_stack: &'static str,
}

impl Hosts {
    fn of(service: Service) -> Self {
        let id: &str = service.into();
        let mut rows = TABLE.lines().map(|line| line.split('\t'));
        let row = rows.find_map(|mut row| (row.next() == Some(id)).then_some(row));
        let mut columns = row.into_iter().flatten();
        let mut column = || columns.next().unwrap_or_default();
        Self { name: column(), fips: column(), both: column(), dual_stack: column() }
    }

    /// The available kinds among the requested ones. If no host supports both, FIPS is preferred.
    fn best(self, region: &str, asked: Kind) -> Kind {
        let fips = asked.fips && is_among(region, self.fips);
        let dual_stack = asked.dual_stack && is_among(region, if fips { self.both } else { self.dual_stack });
        Kind { fips, dual_stack }
    }
}

fn is_among(region: &str, regions: &str) -> bool {
    regions.split(' ').filter(|beginning| !beginning.is_empty()).any(|beginning| match beginning {
        "*" => !OTHER_PARTITIONS.iter().any(|other| region.starts_with(other)),
        beginning => region.starts_with(beginning),
    })
}

#[cfg(test)]
mod tests {
    use aws_config::{BehaviorVersion, Region};
    use aws_types::service_config::LoadServiceConfig;

    use super::*;

    const START: [Service; 4] = [Service::Eks, Service::ResourceGroupsTagging, Service::Ssm, Service::DynamoDb];

    fn config(region: &'static str, fips: bool, dual_stack: bool) -> SdkConfig {
        let config = SdkConfig::builder().behavior_version(BehaviorVersion::latest()).region(Region::new(region));
        config.use_fips(fips).use_dual_stack(dual_stack).build()
    }

    /// Which of both is requested, for the service.
    fn asked(config: &SdkConfig) -> Vec<(&'static str, bool, bool)> {
        let asked = |service: &Service| {
            let kind = asked_for(&of(config, *service));
            (service.into(), kind.fips, kind.dual_stack)
        };
        Service::VARIANTS.iter().map(asked).filter(|(_, fips, dual_stack)| *fips || *dual_stack).collect()
    }

    #[test]
    fn every_service_has_a_row_and_every_row_a_service() {
        let rows = TABLE.lines().filter(|line| !line.starts_with('#'));
        let mut ids: Vec<&str> = rows.map(|row| row.split('\t').next().unwrap()).collect();
        let mut services: Vec<&str> = Service::VARIANTS.iter().map(Into::into).collect();
        ids.sort_unstable();
        services.sort_unstable();
        assert_eq!(ids, services);
        assert!(TABLE.lines().filter(|line| !line.starts_with('#')).all(|row| row.split('\t').count() == 5));
    }

    #[test]
    fn a_service_is_asked_at_a_fips_host_where_it_has_one() {
        let us = asked(&config("us-east-1", true, false));
        let without: Vec<&str> =
            Service::VARIANTS.iter().map(Into::into).filter(|id| !us.iter().any(|it| it.0 == *id)).collect();
        assert_eq!(without, ["Account", "Resource Groups Tagging API", "Scheduler"]);
        assert_eq!(
            asked(&config("ca-central-1", true, false)),
            [("DynamoDB", true, false), ("IAM", true, false), ("SQS", true, false), ("SSM", true, false)]
        );
        assert_eq!(asked(&config("eu-central-1", true, false)), [("IAM", true, false)]);
        assert_eq!(asked(&config("eusc-de-east-1", true, false)), []);
    }

    #[test]
    fn where_there_is_no_host_for_both_fips_matters_more() {
        let us = asked(&config("us-west-2", true, true));
        let both: Vec<_> = us.iter().filter(|(_, fips, dual_stack)| *fips && *dual_stack).collect();
        assert_eq!(both, [&("EventBridge", true, true)]);
        assert!(us.contains(&("EKS", true, false)) && us.contains(&("Scheduler", false, true)), "{us:?}");
    }

    #[test]
    fn without_either_variable_nothing_is_changed() {
        let config = config("us-east-1", false, false);
        for service in Service::VARIANTS {
            assert!(matches!(of(&config, *service), Cow::Borrowed(_)), "{service:?}");
        }
        assert_eq!(ordinary(&config, Service::VARIANTS), Vec::<String>::new());
    }

    #[test]
    fn what_goes_without_is_named_once_for_each_kind() {
        assert_eq!(
            ordinary(&config("ca-central-1", true, true), &START),
            [
                "FIPS endpoints were requested, but ca-central-1 has none for: eks, tagging",
                "dual-stack endpoints were requested, but ca-central-1 has none, or none with FIPS, for: tagging, \
                 ssm, dynamodb",
            ]
        );
        assert_eq!(ordinary(&config("us-east-1", true, false), &[Service::Eks, Service::Sns]), Vec::<String>::new());
    }

    #[derive(Debug)]
    struct Named;

    impl LoadServiceConfig for Named {
        fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
            let names = (key.service_id(), key.env(), key.profile());
            (names == ("EKS", "AWS_ENDPOINT_URL", "endpoint_url")).then(|| "https://eks.example.com".to_owned())
        }
    }

    #[test]
    fn a_host_that_was_named_is_asked_as_it_is() {
        let one = config("us-east-1", true, false).into_builder().service_config(Named).build();
        assert!(!asked(&one).iter().any(|(id, ..)| *id == "EKS"));
        assert!(asked(&one).contains(&("SSM", true, false)));
        assert_eq!(ordinary(&one, &START), ["FIPS endpoints were requested, but us-east-1 has none for: tagging"]);
        let all = config("us-east-1", true, true).into_builder().endpoint_url("https://aws.example.com").build();
        assert_eq!(asked(&all), []);
        assert_eq!(ordinary(&all, &START), Vec::<String>::new());
    }
}
