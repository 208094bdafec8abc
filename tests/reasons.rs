//! Every reason why nothing starts, and the sentence that says so. The plan is pure, so these need no AWS.

mod support;

use std::collections::{HashMap, HashSet};

use aws_sdk_eks::types::{AmiTypes, NodegroupIssueCode, NodegroupStatus};
use eks_nodegroup_updater::config::{self, Limits, RetryAfter};
use eks_nodegroup_updater::discover::{Clusters, Found, Seen};
use eks_nodegroup_updater::event::StartEvent;
use eks_nodegroup_updater::model::ami_type::Line;
use eks_nodegroup_updater::model::nodegroup::{HealthIssue, Nodegroup, NodegroupId};
use eks_nodegroup_updater::model::policy::{Mode, Policy, Rules};
use eks_nodegroup_updater::model::reason::Freeze;
use eks_nodegroup_updater::model::record::{Intent, Record};
use eks_nodegroup_updater::model::release_version::ReleaseVersion;
use eks_nodegroup_updater::model::update::Status;
use eks_nodegroup_updater::plan::{Decision, Facts, Verdict, plan};
use eks_nodegroup_updater::resolve::{LineKey, Offer, Published, Releases};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

const README: &str = include_str!("../README.md");
const CURRENT: &str = "1.33.1-20260610";
const NEWER: &str = "1.33.2-20260710";
const AL2023: AmiTypes = AmiTypes::Al2023X8664Standard;

/// A healthy fleet of one node group for which a newer release is out; each test changes what it is about.
struct Fleet {
    found: Vec<Found>,
    releases: Vec<(LineKey, Offer)>,
    records: HashMap<String, Result<Record, String>>,
    event: StartEvent,
    limits: Limits,
    settings: config::Fleet,
    freeze: Option<Freeze>,
    clusters: Clusters,
}

fn id(path: &str) -> NodegroupId {
    NodegroupId::from_arn(&format!(
        "arn:aws:eks:eu-central-1:123456789012:nodegroup/{path}/9ebf4bd5-f1d2-4f2c-9b7b-1b2c3d4e5f60"
    ))
    .unwrap()
}

fn now() -> Timestamp {
    "2026-07-20T09:00:00Z".parse().unwrap()
}

fn healthy(path: &str) -> Nodegroup {
    Nodegroup {
        id: id(path),
        kubernetes_version: Some("1.33".into()),
        release_version: Some(CURRENT.into()),
        ami_type: AL2023,
        status: NodegroupStatus::Active,
        health: Vec::new(),
        policy: auto(Rules::default()),
        modified_at: None,
    }
}

fn auto(rules: Rules) -> Policy {
    Policy::OptedIn(Mode::Auto, rules)
}

/// AWS offers these releases, newest first, each published at nine on the day that its name says.
fn offers<const N: usize>(ami_type: &AmiTypes, releases: [&str; N]) -> Offer {
    let family = Line::of(ami_type, "1.33").unwrap().family;
    let published = |release: &str| {
        let date = release.rsplit_once('-').unwrap().1;
        let at = format!("{date}T09:00:00Z").parse().ok();
        Published { release: ReleaseVersion::parse(family, release).unwrap(), at }
    };
    Offer::Releases(releases.map(published).into())
}

fn newest(ami_type: &AmiTypes, release: &str) -> Offer {
    offers(ami_type, [release])
}

impl Fleet {
    fn new() -> Self {
        Self::of(["prod/blue"])
    }

    fn of<const N: usize>(paths: [&str; N]) -> Self {
        let seen = |path| Found { id: id(path), now: Seen::Nodegroup(Box::new(healthy(path))) };
        Self {
            found: paths.map(seen).into(),
            releases: vec![(LineKey::new("1.33", &AL2023), newest(&AL2023, NEWER))],
            records: HashMap::new(),
            event: StartEvent::default(),
            limits: Limits { updates_per_cluster: 1, updates_in_progress: 10, starts_per_run: 10 },
            settings: support::fleet(),
            freeze: None,
            clusters: Clusters::new(),
        }
    }

    fn with(mut self, change: impl FnOnce(&mut Nodegroup)) -> Self {
        let Seen::Nodegroup(nodegroup) = &mut self.found[0].now else { unreachable!() };
        change(nodegroup);
        self
    }

    fn seen(mut self, now: Seen) -> Self {
        self.found[0].now = now;
        self
    }

    fn running(self, ami_type: AmiTypes, current: &str, offered: Offer) -> Self {
        let mut fleet = self.with(|nodegroup| {
            nodegroup.ami_type = ami_type.clone();
            nodegroup.release_version = Some(current.into());
        });
        fleet.releases = vec![(LineKey::new("1.33", &ami_type), offered)];
        fleet
    }

    fn record(mut self, change: impl FnOnce(&mut Record)) -> Self {
        let mut record = Record::new(&self.found[0].id);
        change(&mut record);
        self.records.insert(record.nodegroup_arn.clone(), Ok(record));
        self
    }

    fn event(mut self, event: serde_json::Value) -> Self {
        self.event = StartEvent::parse(&event).unwrap();
        self
    }

    fn plan(&self) -> Vec<Decision> {
        let releases: Releases = self.releases.iter().cloned().collect();
        plan(&Facts {
            found: &self.found,
            releases: &releases,
            records: &self.records,
            event: &self.event,
            limits: self.limits,
            retry_after: &RetryAfter([1, 4, 12].map(SignedDuration::from_hours).into()),
            fleet: &self.settings,
            freeze: self.freeze.as_ref(),
            clusters: &self.clusters,
            now: now(),
        })
    }

    /// Code, sentence and time of the only node group's reason.
    fn reason(&self) -> (&'static str, String, Option<Timestamp>) {
        match <[Decision; 1]>::try_from(self.plan()).unwrap() {
            [Decision { verdict: Verdict::Wait(reason), .. }] => {
                assert!(README.contains(&format!("\n| `{}` |", reason.code())), "no row for {}", reason.code());
                (reason.code(), reason.to_string(), reason.until())
            }
            [Decision { verdict: Verdict::Start(start), .. }] => panic!("started {start}"),
        }
    }

    fn waits(&self, code: &'static str, sentence: &str) {
        assert_eq!(self.reason(), (code, sentence.to_owned(), None));
    }

    fn starts(&self) -> HashSet<String> {
        let started =
            |decision: &Decision| matches!(decision.verdict, Verdict::Start(_)).then(|| decision.id.to_string());
        self.plan().iter().filter_map(started).collect()
    }
}

fn intent(release: &str) -> Intent {
    Intent {
        version: "1.33".into(),
        release_version: release.into(),
        previous_release_version: CURRENT.into(),
        force: false,
        may_force: false,
    }
}

fn failed(record: &mut Record, release: &str, status: Status, ended_at: &str) {
    let at: Timestamp = ended_at.parse().unwrap();
    record.begin(&intent(release), at);
    record.accepted("079be772-956e-37c4-a966-960c1a6755a5");
    record.end(status, Vec::new(), at);
}

#[test]
fn a_healthy_group_starts_with_its_own_kubernetes_version_and_the_newest_release() {
    let decisions = Fleet::new().plan();
    assert_eq!(decisions, [Decision { id: id("prod/blue"), verdict: Verdict::Start(intent(NEWER)) }]);
}

#[test]
fn excluded_by_the_events_filter() {
    let fleet = Fleet::new().event(json!({"nodegroups": ["prod/green"], "clusters": ["dev"]}));
    let codes: Vec<_> = fleet
        .plan()
        .iter()
        .map(|decision| match &decision.verdict {
            Verdict::Wait(reason) => (decision.id.to_string(), reason.to_string()),
            Verdict::Start(start) => panic!("started {start}"),
        })
        .collect();
    let expected = [
        ("prod/blue", "the event asks for other node groups"),
        ("prod/green", "no node group with the tag ami-update bears this name; check name, tag and region"),
    ];
    assert_eq!(codes, expected.map(|(path, reason)| (path.to_owned(), reason.to_owned())));
}

#[test]
fn described_no_longer() {
    Fleet::new().seen(Seen::Gone).waits("deleted", "it was deleted; the tag index still lists it");
}

#[test]
fn could_not_be_read() {
    let error = "AccessDeniedException: no";
    let sentence = "could not be read: AccessDeniedException: no";
    Fleet::new().seen(Seen::Unreadable(error.into())).waits("couldNotBeRead", sentence);

    let mut fleet = Fleet::new();
    fleet.releases[0].1 = Offer::Unreadable(error.into());
    fleet.waits("couldNotBeRead", sentence);

    let mut fleet = Fleet::new();
    fleet.records.insert(id("prod/blue").arn, Err(error.into()));
    fleet.waits("couldNotBeRead", sentence);

    let fleet = Fleet::new().with(|nodegroup| nodegroup.release_version = None);
    fleet.waits("couldNotBeRead", "could not be read: EKS described the node group without releaseVersion");
    let fleet = Fleet::new().with(|nodegroup| nodegroup.kubernetes_version = None);
    fleet.waits("couldNotBeRead", "could not be read: EKS described the node group without version");
}

#[test]
fn not_opted_in() {
    let fleet = Fleet::new().with(|nodegroup| nodegroup.policy = Policy::NotOptedIn);
    fleet.waits("notOptedIn", "it has no tag ami-update any more");
}

#[test]
fn malformed_tag() {
    let tags = |key: &str, value: &str| {
        let tags = [("ami-update", "auto"), (key, value)].map(|(key, value)| (key.to_owned(), value.to_owned()));
        let policy = Policy::of(&tags.into(), &Rules::default());
        Fleet::new().with(|nodegroup| nodegroup.policy = policy)
    };
    let sentence = r#"its tag ami-update has the value "Auto"; only auto and notify mean something"#;
    tags("ami-update", "Auto").waits("malformedTag", sentence);
    let sentence = r#"its tag ami-update/windw has the value "Sat"; this version knows no such rule"#;
    tags("ami-update/windw", "Sat").waits("malformedTag", sentence);
}

#[test]
fn update_already_in_progress() {
    let fleet = Fleet::new().with(|nodegroup| nodegroup.status = NodegroupStatus::Updating);
    fleet.waits("inProgress", "an update that somebody else started is in progress");
    let fleet = Fleet::new().record(|record| record.begin(&intent(NEWER), now()));
    fleet.waits("inProgress", "an update is in progress since 2026-07-20T09:00:00Z");
}

#[test]
fn custom_ami() {
    let custom = |nodegroup: &mut Nodegroup| {
        nodegroup.ami_type = AmiTypes::Custom;
        nodegroup.release_version = Some("ami-0c099795affa953de".into());
    };
    let sentence = "it runs a custom AMI, for which AWS publishes no releases";
    Fleet::new().with(custom).waits("customAmi", sentence);
    Fleet::new().with(custom).with(|nodegroup| nodegroup.kubernetes_version = None).waits("customAmi", sentence);
}

#[test]
fn unknown_ami_type() {
    let fleet = Fleet::new().with(|nodegroup| nodegroup.ami_type = AmiTypes::from("AL2026_x86_64_STANDARD"));
    let sentence = "its AMI type AL2026_x86_64_STANDARD is not known to this version, and is not guessed";
    fleet.waits("unknownAmiType", sentence);
}

#[test]
fn no_release_published_for_this_ami_type_and_kubernetes_version() {
    let fleet = Fleet::new().running(AL2023, CURRENT, Offer::NotPublished);
    fleet.waits("noRelease", "AWS publishes no release of AL2023_x86_64_STANDARD for Kubernetes 1.33");
    let fleet = Fleet::new().running(AmiTypes::Al2X8664, CURRENT, Offer::NotPublished);
    let sentence = "AWS publishes no release of AL2_x86_64 for Kubernetes 1.33; it ended Amazon Linux 2 on 2025-11-26";
    fleet.waits("noRelease", sentence);
}

#[test]
fn the_al2_line_has_ended() {
    let last = "1.33.9-20251120";
    let fleet = Fleet::new().running(AmiTypes::Al2X8664, last, newest(&AmiTypes::Al2X8664, last));
    let sentence = "it runs 1.33.9-20251120, the last release of Amazon Linux 2, which AWS ended on 2025-11-26";
    fleet.waits("lineEnded", sentence);
}

#[test]
fn up_to_date() {
    Fleet::new()
        .running(AL2023, NEWER, newest(&AL2023, NEWER))
        .waits("upToDate", "it runs 1.33.2-20260710, the newest release");
}

#[test]
fn running_a_release_newer_than_aws_offers() {
    let fleet = Fleet::new().running(AL2023, NEWER, newest(&AL2023, CURRENT));
    let sentence = "it runs 1.33.2-20260710, newer than 1.33.1-20260610, which AWS offers now: AWS has withdrawn it";
    fleet.waits("newerThanOffered", sentence);
}

#[test]
fn not_comparable() {
    let fleet = Fleet::new().running(AL2023, "1.32.9-20260610", newest(&AL2023, NEWER));
    let sentence = "whether 1.33.2-20260710 is newer than 1.32.9-20260610 cannot be told: 1.33.2-20260710 and 1.32.9-20260610 have no order";
    fleet.waits("notComparable", sentence);
    let fleet = Fleet::new().running(AL2023, "latest", newest(&AL2023, NEWER));
    let sentence = r#"whether 1.33.2-20260710 is newer than latest cannot be told: "latest" is not a release version of Amazon Linux 2023"#;
    fleet.waits("notComparable", sentence);
}

#[test]
fn report_only() {
    let fleet = Fleet::new().with(|nodegroup| nodegroup.policy = Policy::OptedIn(Mode::Notify, Rules::default()));
    let sentence = "1.33.2-20260710 is available; the tag ami-update=notify says to report only";
    fleet.waits("reportOnly", sentence);
}

#[test]
fn not_active() {
    for status in ["CREATING", "DELETING", "CREATE_FAILED", "DELETE_FAILED", "DEGRADED", "HIBERNATING"] {
        let fleet = Fleet::new().with(|nodegroup| nodegroup.status = NodegroupStatus::from(status));
        let sentence = format!("its status is {status}, and EKS updates active node groups only");
        fleet.waits("notActive", &sentence);
    }
}

#[test]
fn health_issues_that_eks_refuses() {
    let issue = |code: &str| HealthIssue { code: NodegroupIssueCode::from(code), message: "text".into() };
    let codes = ["NodeCreationFailure", "AsgInstanceLaunchFailures", "AccessDenied"];
    let sentence = "EKS updates no node group with the health issues NodeCreationFailure (text); AccessDenied (text)";
    for status in [NodegroupStatus::Active, NodegroupStatus::Degraded] {
        let fleet = Fleet::new().with(|nodegroup| {
            nodegroup.status = status;
            nodegroup.health = codes.map(issue).into();
        });
        fleet.waits("unhealthy", sentence);
    }
}

#[test]
fn the_four_health_issues_that_eks_tolerates_pass() {
    let tolerated =
        ["AsgInstanceLaunchFailures", "InstanceLimitExceeded", "InsufficientFreeAddresses", "ClusterUnreachable"];
    for code in tolerated {
        let fleet = Fleet::new().with(|nodegroup| {
            nodegroup.status = NodegroupStatus::Degraded;
            nodegroup.health = vec![HealthIssue { code: NodegroupIssueCode::from(code), message: String::new() }];
        });
        assert_eq!(fleet.starts(), HashSet::from(["prod/blue".to_owned()]), "{code}");
    }
}

#[test]
fn failed_before_on_this_target() {
    let once = Fleet::new().record(|record| failed(record, NEWER, Status::Failed, "2026-07-20T08:30:00Z"));
    let until: Timestamp = "2026-07-20T09:30:00Z".parse().unwrap();
    let sentence = "the update failed to reach 1.33.2-20260710 once; it is tried again from 2026-07-20T09:30:00Z";
    assert_eq!(once.reason(), ("failedBefore", sentence.to_owned(), Some(until)));

    let waited = Fleet::new().record(|record| failed(record, NEWER, Status::Failed, "2026-07-20T08:00:00Z"));
    assert_eq!(waited.starts().len(), 1);

    let four = Fleet::new().record(|record| {
        for _ in 0..4 {
            failed(record, NEWER, Status::Refused, "2026-07-01T08:00:00Z");
        }
    });
    let sentence = "EKS refused 1.33.2-20260710 4 times; it is not tried again before a newer release";
    four.waits("failedBefore", sentence);

    let of_another_release = Fleet::new().record(|record| {
        failed(record, "1.33.1-20260620", Status::Failed, "2026-07-20T08:59:00Z");
    });
    assert_eq!(of_another_release.starts().len(), 1);
}

#[test]
fn over_the_limit_of_the_cluster() {
    let fleet = Fleet::of(["dev/a", "prod/blue", "prod/green"]);
    assert_eq!(fleet.starts(), ["dev/a", "prod/blue"].map(String::from).into());
    let Verdict::Wait(reason) = &fleet.plan()[2].verdict else { panic!("prod/green started") };
    let sentence = "its cluster may have no more than 1 in progress; it follows in a later run";
    assert_eq!((reason.code(), reason.to_string().as_str()), ("overLimit", sentence));
}

#[test]
fn updates_in_progress_count_against_the_limit_of_the_cluster() {
    let mut fleet = Fleet::of(["prod/blue", "prod/green"]).with(|blue| blue.status = NodegroupStatus::Updating);
    assert_eq!(fleet.starts(), HashSet::new());
    fleet.limits.updates_per_cluster = 2;
    assert_eq!(fleet.starts(), HashSet::from(["prod/green".to_owned()]));

    let fleet = Fleet::of(["prod/blue", "prod/green"])
        .record(|record| record.begin(&intent(NEWER), now()))
        .event(json!({"nodegroups": ["prod/green"]}));
    assert_eq!(fleet.starts(), HashSet::new(), "an excluded group's update counts too");
}

#[test]
fn over_the_limit_of_the_run() {
    let mut fleet = Fleet::of(["a/x", "b/x", "c/x"]);
    fleet.limits.starts_per_run = 2;
    assert_eq!(fleet.starts(), ["a/x", "b/x"].map(String::from).into());
    let Verdict::Wait(reason) = &fleet.plan()[2].verdict else { panic!("c/x started") };
    assert_eq!(reason.to_string(), "a run starts no more than 2; it follows in a later run");
}
