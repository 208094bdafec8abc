//! `doctor --verify-aws`: read-only questions to AWS about what it does not document.
//!
//! The report is made to be pasted into an issue: it has counts, ages and names of fields, and public values of AWS, but no name,
//! id, ARN or address of the account.

use std::collections::BTreeSet;

use aws_config::SdkConfig;
use aws_sdk_eks::types::{AmiTypes, Nodegroup};
use aws_sdk_ssm::types::Parameter;
use eks_nodegroup_updater::aws::endpoints::{self, Service};
use eks_nodegroup_updater::aws::{StartClients, concurrently};
use eks_nodegroup_updater::model::nodegroup::policy::OPT_IN_TAG;
use eks_nodegroup_updater::model::release::track::ReleaseTrack;
use eks_nodegroup_updater::observe::nodegroups::tagged;
use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::aws::nodegroups::{self, Described};
use crate::aws::place::Place;
use crate::failure::{Exit, Failure};
use terminal::output::Output;
use terminal::page::Page;
use terminal::text::count;

use super::NoAnswer;

/// How many node groups are checked, and how many updates of each.
const NODEGROUPS: usize = 10;
const UPDATES: usize = 20;

/// One question, and what AWS answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    question: &'static str,
    answer: String,
    /// What the answer decides.
    settles: &'static str,
}

/// What AWS answered.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Findings {
    version: &'static str,
    region: String,
    answers: Vec<Answer>,
}

/// Asks, and prints the report.
///
/// # Errors
/// When stdout is closed.
pub async fn run(place: &Place, output: Output) -> Result<Exit, Failure> {
    let findings =
        Findings { version: env!("CARGO_PKG_VERSION"), region: place.region.clone(), answers: ask(place).await };
    output.print(&findings, |page| draw(page, &findings))?;
    Ok(Exit::Done)
}

fn draw(page: &mut Page, findings: &Findings) {
    let Findings { version, region, answers } = findings;
    page.line(&format!("AWS's answers in {region} to eks-nodegroup-updater {version}:"));
    page.line("");
    page.line("| question | answer | what it decides |");
    page.line("|---|---|---|");
    for Answer { question, answer, settles } in answers {
        let cell = |text: &str| text.replace('|', "\\|");
        page.line(&format!("| {} | {} | {} |", cell(question), cell(answer), cell(settles)));
    }
}

async fn ask(place: &Place) -> Vec<Answer> {
    let configuration = &place.configuration;
    let clients = StartClients::new(configuration);
    let ssm = &clients.ssm;
    let (described, (versions, newest)) = futures_util::join!(described(place), kubernetes_versions(configuration));
    let newest = newest.unwrap_or_else(|| version_in_use(&described).unwrap_or_else(|| "1.33".to_owned()));
    let ((order, age), windows, fips, dates, index) = futures_util::join!(
        updates(configuration, &described),
        windows(ssm, &newest),
        nvidia_fips(ssm, &newest),
        parameter_dates(ssm, &newest),
        tag_index(&clients, &described),
    );
    let answer = |question, answer: Result<String, String>, settles| Answer {
        question,
        answer: answer.unwrap_or_else(|why| format!("not answered: {why}")),
        settles,
    };
    vec![
        answer(
            "In which order does `ListUpdates` list?",
            order,
            "Which end of the list to read of a node group without a record. Dates decide until then.",
        ),
        answer(
            "How old is the oldest update that `ListUpdates` still lists?",
            age,
            "For how long an update whose id was never recorded can be found again.",
        ),
        answer(
            "What does the JSON of the Windows parameters contain?",
            windows,
            "Whether `release_version` is there; without it, Windows releases are unreadable.",
        ),
        answer("Do Bottlerocket's `-nvidia-fips` parameters exist?", fips, "Whether `-fips` has to answer for them."),
        answer(
            "How does `DescribeNodegroup` describe a node group without tags?",
            described.as_ref().map(|all| untagged(all)).map_err(Clone::clone),
            "Whether missing tags mean no tags; until then, such a node group counts as unreadable.",
        ),
        answer(
            "Do public parameters have a date and a version?",
            dates,
            "Whether the age of a release, and its withdrawal, can be read from its parameter.",
        ),
        answer(
            "Does `DescribeClusterVersions` tell when support ends?",
            versions,
            "Whether the end of support can be reported in time.",
        ),
        answer(
            "Does the tag index agree with a listing?",
            index,
            "Whether node groups with the tag are found. A difference may be a change of the last minutes.",
        ),
    ]
}

/// Why AWS did not answer, without the names that its message might have.
fn reason(why: &NoAnswer, action: &str) -> String {
    match why {
        NoAnswer::Denied => format!("no permission for {action}"),
        NoAnswer::NotImplemented => format!("{action} is not implemented"),
        NoAnswer::Failed(words) => {
            // `Code: message`; if there was no answer at all, neither is from AWS, and only the first part is safe.
            let code: String = words.chars().take_while(char::is_ascii_alphanumeric).collect();
            format!("{action} failed: {code}")
        }
    }
}

async fn described(place: &Place) -> Result<Vec<Described>, String> {
    let listed = nodegroups::list(place, &[]).await.map_err(|failure| match failure.exit {
        Exit::Denied => "no permission for eks:ListClusters or eks:ListNodegroups".to_owned(),
        _ => "listing clusters and node groups failed".to_owned(),
    })?;
    Ok(nodegroups::describe(place, listed.names).await)
}

fn nodegroups(described: &[Described]) -> impl Iterator<Item = &Nodegroup> {
    described.iter().filter_map(|described| described.description.as_deref().ok())
}

fn version_in_use(described: &Result<Vec<Described>, String>) -> Option<String> {
    let versions = nodegroups(described.as_deref().ok()?).filter_map(|nodegroup| nodegroup.version());
    let minor = |version: &&str| version.rsplit('.').next().and_then(|minor| minor.parse::<u32>().ok());
    versions.max_by_key(minor).map(str::to_owned)
}

/// When the updates of a node group began, in the order of `ListUpdates`; and how many there are.
struct Listed {
    began: Vec<Timestamp>,
    number: usize,
}

async fn updates(
    configuration: &SdkConfig,
    described: &Result<Vec<Described>, String>,
) -> (Result<String, String>, Result<String, String>) {
    let eks = aws_sdk_eks::Client::new(&endpoints::of(configuration, Service::Eks));
    let all = match described {
        Ok(all) => all,
        Err(why) => return (Err(why.clone()), Err(why.clone())),
    };
    let names = all.iter().filter(|described| described.description.is_ok()).take(NODEGROUPS);
    let lists = stream::iter(names).map(|described| list(&eks, &described.name.cluster, &described.name.nodegroup));
    let lists: Vec<Result<Listed, String>> = concurrently(lists).await;
    if lists.iter().all(Result::is_err)
        && let Some(Err(why)) = lists.first()
    {
        return (Err(why.clone()), Err(why.clone()));
    }
    let lists: Vec<Listed> = lists.into_iter().flatten().collect();
    (Ok(order(&lists)), Ok(age(&lists, now())))
}

async fn list(eks: &aws_sdk_eks::Client, cluster: &str, nodegroup: &str) -> Result<Listed, String> {
    let call = eks.list_updates().name(cluster).nodegroup_name(nodegroup).into_paginator().items().send();
    let ids: Result<Vec<String>, _> = call.collect().await;
    let ids = ids.map_err(|error| reason(&NoAnswer::of(&error), "eks:ListUpdates"))?;
    let number = ids.len();
    // Both ends: one of them is the oldest.
    let middle = if number > UPDATES { UPDATES / 2..number - UPDATES / 2 } else { 0..0 };
    let ends = ids.iter().enumerate().filter(|(index, _)| !middle.contains(index)).map(|(_, id)| id);
    let mut began = Vec::new();
    for id in ends {
        let call = eks.describe_update().name(cluster).nodegroup_name(nodegroup).update_id(id);
        let answer = call.send().await.map_err(|error| reason(&NoAnswer::of(&error), "eks:DescribeUpdate"))?;
        let created_at = answer.update().and_then(|update| update.created_at());
        began.extend(created_at.and_then(|at| Timestamp::from_second(at.secs()).ok()));
    }
    Ok(Listed { began, number })
}

fn order(lists: &[Listed]) -> String {
    let telling: Vec<&Listed> = lists.iter().filter(|list| list.began.len() > 1).collect();
    if telling.is_empty() {
        return format!("unknown: none of {} has two updates", count(lists.len(), "node group"));
    }
    let of = |is: fn(&Timestamp, &Timestamp) -> bool| telling.iter().filter(|list| list.began.is_sorted_by(is)).count();
    let (newest, oldest) = (of(|one, next| one >= next), of(|one, next| one <= next));
    let neither = telling.iter().filter(|list| {
        !list.began.is_sorted_by(|one, next| one >= next) && !list.began.is_sorted_by(|one, next| one <= next)
    });
    format!(
        "of {} with two updates or more: {newest} newest first, {oldest} oldest first, {} neither",
        count(telling.len(), "node group"),
        neither.count()
    )
}

fn age(lists: &[Listed], now: Timestamp) -> String {
    let most = lists.iter().map(|list| list.number).max().unwrap_or_default();
    match lists.iter().flat_map(|list| &list.began).min() {
        Some(oldest) => format!("{}; at most {} of a node group", days(*oldest, now), count(most, "update")),
        None => "there are no updates".to_owned(),
    }
}

fn days(then: Timestamp, now: Timestamp) -> String {
    let days = (now.as_second() - then.as_second()) / (24 * 60 * 60);
    count(usize::try_from(days).unwrap_or_default(), "day")
}

fn untagged(described: &[Described]) -> String {
    let (mut empty, mut left_out) = (0, 0);
    for nodegroup in nodegroups(described) {
        match nodegroup.tags() {
            Some(tags) if tags.is_empty() => empty += 1,
            None => left_out += 1,
            Some(_) => {}
        }
    }
    match empty + left_out {
        0 => format!("unknown: each of {} has tags", count(described.len(), "node group")),
        _ => format!("`tags: {{}}` {}, no `tags` {}", count(empty, "time"), count(left_out, "time")),
    }
}

/// The value and the metadata of public parameters, by name; those that do not exist are left out.
async fn parameters(ssm: &aws_sdk_ssm::Client, names: Vec<String>) -> Result<Vec<Parameter>, String> {
    let answer = ssm.get_parameters().set_names(Some(names)).send().await;
    let answer = answer.map_err(|error| reason(&NoAnswer::of(&error), "ssm:GetParameters"))?;
    Ok(answer.parameters.unwrap_or_default())
}

/// The parameters that name the latest release of an AMI type.
fn names(ami_type: &AmiTypes, version: &str) -> Vec<String> {
    ReleaseTrack::of(ami_type, version).map(|track| track.parameters).unwrap_or_default()
}

async fn windows(ssm: &aws_sdk_ssm::Client, version: &str) -> Result<String, String> {
    let found = parameters(ssm, names(&AmiTypes::WindowsCore2022X8664, version)).await?;
    let Some(value) = found.first().and_then(|parameter| parameter.value()) else {
        return Ok(format!("there is no parameter of Windows Server 2022 Core for Kubernetes {version}"));
    };
    Ok(shape(value))
}

/// The members of a JSON object and what they are; of the release, the value too.
fn shape(value: &str) -> String {
    let Ok(Value::Object(members)) = serde_json::from_str::<Value>(value) else {
        return "no JSON object".to_owned();
    };
    let members = members.iter().map(|(name, value)| match value {
        Value::String(text) if name == "release_version" => format!("`{name}`: `{text}`"),
        Value::String(_) => format!("`{name}`: a string"),
        Value::Number(_) => format!("`{name}`: a number"),
        _ => format!("`{name}`: another type"),
    });
    members.collect::<Vec<_>>().join(", ")
}

async fn nvidia_fips(ssm: &aws_sdk_ssm::Client, version: &str) -> Result<String, String> {
    let types = [AmiTypes::BottlerocketX8664NvidiaFips, AmiTypes::BottlerocketArm64NvidiaFips];
    let asked: Vec<String> =
        types.iter().flat_map(|of| names(of, version)).filter(|name| name.contains("-nvidia-fips/")).collect();
    let found = parameters(ssm, asked.clone()).await?;
    let has = |arch: &str| found.iter().any(|parameter| parameter.name().is_some_and(|name| name.contains(arch)));
    let yes = |is| if is { "yes" } else { "no" };
    Ok(format!("for Kubernetes {version}: x86_64 {}, arm64 {}", yes(has("/x86_64/")), yes(has("/arm64/"))))
}

async fn parameter_dates(ssm: &aws_sdk_ssm::Client, version: &str) -> Result<String, String> {
    let families = [
        ("AL2023", AmiTypes::Al2023X8664Standard),
        ("Bottlerocket", AmiTypes::BottlerocketX8664),
        ("Windows", AmiTypes::WindowsCore2022X8664),
    ];
    let asked = families.iter().flat_map(|(_, ami_type)| names(ami_type, version)).collect();
    let found = parameters(ssm, asked).await?;
    let now = now();
    let shown = families.iter().map(|(family, ami_type)| {
        let names = names(ami_type, version);
        let parameter = found.iter().find(|parameter| names.iter().any(|name| parameter.name() == Some(name)));
        let Some(parameter) = parameter else { return format!("{family}: no parameter") };
        let modified = parameter.last_modified_date().and_then(|at| Timestamp::from_second(at.secs()).ok());
        let date =
            modified.map_or_else(|| "no `LastModifiedDate`".to_owned(), |at| format!("changed {} ago", days(at, now)));
        match parameter.version() {
            0 => format!("{family}: {date}, no `Version`"),
            version => format!("{family}: {date}, `Version` {version}"),
        }
    });
    Ok(shown.collect::<Vec<_>>().join("; "))
}

/// The answer about the support of Kubernetes versions; and the newest version.
async fn kubernetes_versions(configuration: &SdkConfig) -> (Result<String, String>, Option<String>) {
    let eks = aws_sdk_eks::Client::new(&endpoints::of(configuration, Service::Eks));
    let pages =
        eks.describe_cluster_versions().include_all(true).into_paginator().send().collect::<Result<Vec<_>, _>>();
    let versions = match pages.await {
        Ok(pages) => pages.into_iter().flat_map(|page| page.cluster_versions.unwrap_or_default()).collect::<Vec<_>>(),
        Err(error) => return (Err(reason(&NoAnswer::of(&error), "eks:DescribeClusterVersions")), None),
    };
    let number = versions.len();
    let with = |is: &dyn Fn(&aws_sdk_eks::types::ClusterVersionInformation) -> bool| {
        versions.iter().filter(|version| is(version)).count()
    };
    let shown = format!(
        "of {}: end of standard support {}, end of extended support {}, date of release {}",
        count(number, "version"),
        with(&|version| version.end_of_standard_support_date().is_some()),
        with(&|version| version.end_of_extended_support_date().is_some()),
        with(&|version| version.release_date().is_some()),
    );
    let minor = |version: &&str| version.rsplit('.').next().and_then(|minor| minor.parse::<u32>().ok());
    let newest = versions.iter().filter_map(|version| version.cluster_version()).max_by_key(minor);
    (Ok(shown), newest.map(str::to_owned))
}

async fn tag_index(clients: &StartClients, described: &Result<Vec<Described>, String>) -> Result<String, String> {
    let described = described.as_ref().map_err(Clone::clone)?;
    // The single pages are not needed; the result has all of them.
    let (pages, _unread) = mpsc::unbounded_channel();
    let index = tagged(&clients.tagging, pages).await.map_err(|_| "tag:GetResources failed".to_owned())?;
    let index: BTreeSet<String> = index.ids.iter().map(ToString::to_string).collect();
    let has_tag = |described: &&Described| {
        let tags = described.description.as_ref().ok().and_then(|nodegroup| nodegroup.tags());
        tags.is_some_and(|tags| tags.contains_key(OPT_IN_TAG))
    };
    let listed: BTreeSet<String> =
        described.iter().filter(has_tag).map(|described| described.name.to_string()).collect();
    Ok(format!(
        "node groups with the tag: {} in the listing, {} in the index; {} only in the listing, {} only in the index",
        listed.len(),
        index.len(),
        listed.difference(&index).count(),
        index.difference(&listed).count()
    ))
}

#[expect(clippy::disallowed_methods, reason = "the edge: here the clock is read, once a run")]
fn now() -> Timestamp {
    Timestamp::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(began: &[i64]) -> Listed {
        let began: Vec<Timestamp> = began.iter().map(|&at| Timestamp::from_second(at).unwrap()).collect();
        Listed { number: began.len(), began }
    }

    #[test]
    fn the_order_of_updates_is_shown_of_those_that_have_two() {
        let lists = [listed(&[3, 2, 1]), listed(&[1, 2]), listed(&[1, 3, 2]), listed(&[1]), listed(&[])];
        assert_eq!(
            order(&lists),
            "of 3 node groups with two updates or more: 1 newest first, 1 oldest first, 1 neither"
        );
        assert_eq!(order(&[listed(&[1])]), "unknown: none of 1 node group has two updates");
        let now = Timestamp::from_second(10 * 24 * 60 * 60).unwrap();
        assert_eq!(age(&lists, now), "9 days; at most 3 updates of a node group");
        assert_eq!(age(&[], now), "there are no updates");
    }

    #[test]
    fn a_shape_has_the_names_of_members_and_no_value_but_the_release() {
        let value =
            r#"{"image_id":"ami-0a1b2c3d","image_name":"Windows","release_version":"1.33-2026.07.14","schema":2}"#;
        assert_eq!(
            shape(value),
            "`image_id`: a string, `image_name`: a string, `release_version`: `1.33-2026.07.14`, `schema`: a number"
        );
        assert_eq!(shape("ami-0a1b2c3d"), "no JSON object");
    }

    #[test]
    fn a_failure_is_shown_by_its_code_alone() {
        let why = NoAnswer::Failed("ResourceNotFoundException: No cluster found for name: prod.".to_owned());
        assert_eq!(reason(&why, "eks:ListUpdates"), "eks:ListUpdates failed: ResourceNotFoundException");
    }
}
