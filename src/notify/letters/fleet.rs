//! Letters about the whole fleet.

use crate::model::id::names::Names;
use crate::model::notice::stale::UnreadableRecord;
use crate::model::notice::support::{Ended, SupportEnded, Supported};
use crate::model::notice::{Digest, Lasting, Week};
use crate::notify::case::Case;
use crate::notify::commands::{explain, explain_decision, own};
use crate::notify::letter::{Data, Fact, Headline, Letter, Next, Severity, Status, Step};

pub(super) fn digest<'a>(case: &Case<'a>, digest: &'a Digest) -> Letter<'a> {
    let Digest { needs_you, waits, count, week } = digest;
    let need: usize = needs_you.iter().map(|lasting| lasting.nodegroups.count).sum();
    let need = if need == 0 { "none needs".to_owned() } else { format!("{need} need") };
    let facts = needs_you.iter().map(|lasting| Fact::new("Needs you", line(lasting)));
    let facts = facts.chain(waits.iter().map(|lasting| Fact::new("Waits", line(lasting))));
    let first = needs_you.iter().chain(waits).next().map(|lasting| lasting.nodegroups.names.clone());
    let why =
        |lasting: &Lasting| Some(explain_decision(case.region(), lasting.nodegroups.names.first()?, &lasting.decision));
    let all = own(case.region(), "status").comment("shows every node group");
    Letter {
        severity: if needs_you.is_empty() { Severity::Info } else { Severity::Warning },
        status: None,
        headline: Headline::text(format!("EKS node groups not kept current: {count} ({need} you)")),
        facts: case.facts(facts.chain([meanwhile(week)])),
        meaning:
            "These node groups opted in and have not been kept current for a week or more since you were notified. \
            Those that wait continue by themselves, under your rules."
                .into(),
        steps: needs_you.iter().filter_map(why).chain([all]).collect(),
        next: Next::new(
            "Node groups that are still not current are listed again next week; you are notified when one is current again.",
        ),
        data: Data {
            digest: Some(digest),
            nodegroups: first.map(|names| Names::some_of(names, *count)),
            ..Data::default()
        },
    }
}

/// One cause of a digest.
fn line(Lasting { cause, nodegroups, since, until, .. }: &Lasting) -> String {
    let until = until.map(|until| format!(", at least until {until:.0}")).unwrap_or_default();
    format!("{cause}: {nodegroups}; since {since:.0}{until}")
}

fn meanwhile(Week { from, succeeded, failed, quarantined }: &Week) -> Fact {
    let updates = format!("updates succeeded {succeeded}, failed {failed}");
    Fact::new("Meanwhile", format!("since {from:.0}: {updates}; releases quarantined {quarantined}"))
}

pub(super) fn support_ended<'a>(case: &Case<'a>, ended: &'a SupportEnded) -> Letter<'a> {
    let (over, meaning) = match ended.ended {
        Ended::StandardSupport => (
            ": standard support has ended",
            "Extended support has begun: AWS charges more for the cluster, and still publishes AMI releases.",
        ),
        Ended::AllSupport => (
            ": support has ended",
            "AWS no longer publishes AMI releases for it, not even security fixes. AWS upgrades clusters whose Kubernetes \
                version is no longer supported.",
        ),
    };
    let version = match &ended.what {
        Supported::Kubernetes(version) => format!(" --cluster-versions {version}"),
        Supported::AmazonLinux2 => String::new(),
    };
    let region = case.region();
    Letter {
        severity: Severity::Warning,
        status: Some(Status::Firing),
        headline: Headline::name(ended.what.to_string()).then(over),
        facts: case.facts([Fact::at("Ended", ended.at), Fact::new("Runs on", ended.nodegroups.to_string())]),
        meaning: meaning.into(),
        steps: vec![Step::command(format!(
            "aws eks describe-cluster-versions --region {region} --include-all{version}"
        ))],
        next: Next::as_before(),
        data: Data { support: Some(ended), nodegroups: Some(ended.nodegroups.clone()), ..Data::default() },
    }
}

pub(super) fn access_denied<'a>(case: &Case<'a>, error: &'a str) -> Letter<'a> {
    let region = case.region();
    let event = "AttributeKey=EventName,AttributeValue=UpdateNodegroupVersion";
    Letter {
        severity: Severity::Critical,
        status: Some(Status::Firing),
        headline: Headline::text("EKS updates refused: the updater is missing a permission"),
        facts: case.facts([Fact::new("AWS says", error)]),
        meaning:
            "EKS refuses every update because the function start is missing a permission: its role's policy or an \
            organisation policy does not allow it. No update starts."
                .into(),
        steps: vec![
            own(region, "doctor").comment("shows which permissions are missing"),
            Step::command(format!("aws cloudtrail lookup-events --region {region} --lookup-attributes {event}")),
        ],
        next: Next::new("Updates are retried after a wait; you are not notified again until EKS accepts one."),
        data: Data::default(),
    }
}

pub(super) fn record_unreadable<'a>(case: &Case<'a>, record: &'a UnreadableRecord) -> Letter<'a> {
    let region = case.region();
    let filter = r#"--filter-expression 'kind = :kind' --expression-attribute-values '{":kind": {"S": "Nodegroup"}}'"#;
    Letter {
        severity: Severity::Error,
        status: Some(Status::Firing),
        headline: Headline::text("EKS node group with an unreadable record: ").then_name(record.nodegroup.to_string()),
        facts: case.facts([Fact::at("Since", record.since), Fact::new("Why", &record.error)]),
        meaning: "The node group's record in the table cannot be read, so no update of it starts.".into(),
        steps: vec![
            explain(region, &record.nodegroup),
            Step::command(format!("aws dynamodb scan --region {region} --table-name TABLE {filter}")),
        ],
        next: Next::new("Each run reads the record again."),
        data: Data::default(),
    }
}

pub(super) fn table_empty<'a>(case: &Case<'a>) -> Letter<'a> {
    Letter {
        severity: Severity::Info,
        status: None,
        headline: Headline::text("The table of the EKS node group updater was empty"),
        facts: case.facts([]),
        meaning: "This is expected on a new installation. On any other, all earlier holds, quarantines and withdrawals are lost.".into(),
        steps: vec![
            Step::command("sam deploy --parameter-overrides ExistingTable=NAME")
                .comment("uses the table of an earlier stack"),
        ],
        next: Next::as_before(),
        data: Data::default(),
    }
}
