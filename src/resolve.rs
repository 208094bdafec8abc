//! Looks up the releases of each line that the fleet runs.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_eks::types::AmiTypes;
use aws_sdk_ssm::types::Parameter;
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use serde::Deserialize;

use crate::aws::{CONCURRENCY, describe};
use crate::model::ami_type::{Format, Line};
use crate::model::release_version::ReleaseVersion;

/// Names that one `GetParameters` takes.
const NAMES_PER_CALL: usize = 10;

/// The releases of each line, by Kubernetes version and AMI type.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Releases(BTreeMap<LineKey, Offer>);

/// Names a line: Kubernetes version and AMI type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LineKey {
    version: String,
    ami_type: String,
}

/// What AWS offers in a line.
#[derive(Clone, Debug, PartialEq)]
pub enum Offer {
    /// These releases, newest first, and never none. Only the newest, unless the older ones were asked for.
    Releases(Vec<Published>),
    /// AWS publishes none.
    NotPublished,
    /// What AWS says could not be read, and why.
    Unreadable(String),
}

/// A release, and when AWS published it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The release.
    pub release: ReleaseVersion,
    /// When the parameter that names it was written, by SSM's account.
    pub at: Option<Timestamp>,
}

impl LineKey {
    /// The line of this Kubernetes version and AMI type.
    #[must_use]
    pub fn new(kubernetes_version: &str, ami_type: &AmiTypes) -> Self {
        Self { version: kubernetes_version.to_owned(), ami_type: ami_type.as_str().to_owned() }
    }

    fn line(&self) -> Option<Line> {
        Line::of(&AmiTypes::from(self.ami_type.as_str()), &self.version).ok()
    }
}

impl Releases {
    /// What AWS offers in a line, if it was asked for.
    #[must_use]
    pub fn offer(&self, line: &LineKey) -> Option<&Offer> {
        self.0.get(line)
    }
}

impl FromIterator<(LineKey, Offer)> for Releases {
    fn from_iter<T: IntoIterator<Item = (LineKey, Offer)>>(offers: T) -> Self {
        Self(offers.into_iter().collect())
    }
}

/// Looks up the newest release of these lines: each once, ten parameters a call.
///
/// Nothing fails as a whole: what AWS does not tell is said of the line.
pub async fn newest(ssm: &aws_sdk_ssm::Client, keys: BTreeSet<LineKey>) -> Releases {
    let lines: Vec<(LineKey, Line)> = keys.into_iter().filter_map(|key| Some((key.clone(), key.line()?))).collect();
    let names: BTreeSet<&String> = lines.iter().flat_map(|(_, line)| &line.parameters).collect();
    let names: Vec<String> = names.into_iter().cloned().collect();
    let calls = names.chunks(NAMES_PER_CALL).map(|names| values(ssm, names.to_vec()));
    let values: HashMap<String, Value> =
        stream::iter(calls).buffer_unordered(CONCURRENCY).flat_map(stream::iter).collect().await;
    lines.into_iter().map(|(key, line)| (key, offer(&line, &values))).collect()
}

/// Adds the older releases of these lines, where their family has a parameter for each. For a plan that the newest release
/// does not suit.
pub async fn add_older(ssm: &aws_sdk_ssm::Client, releases: &mut Releases, keys: BTreeSet<LineKey>) {
    let wanted = keys.into_iter().filter_map(|key| {
        let line = key.line()?;
        let path = line.history.clone()?;
        Some(async move { (key, by_path(ssm, &path).await.map(|parameters| (line, parameters))) })
    });
    let found: Vec<_> = stream::iter(wanted).buffer_unordered(CONCURRENCY).collect().await;
    for (key, older) in found {
        let Some(Offer::Releases(known)) = releases.0.get_mut(&key) else { continue };
        match older {
            Ok((line, parameters)) => merge(known, &line, &parameters),
            // The newest alone is still a plan, only a later one.
            Err(error) => tracing::warn!(line = ?key, error, "older releases could not be read"),
        }
    }
}

async fn by_path(ssm: &aws_sdk_ssm::Client, path: &str) -> Result<Vec<Parameter>, String> {
    let pages = ssm.get_parameters_by_path().path(path).recursive(true).into_paginator().send();
    let pages: Result<Vec<_>, _> = pages.collect().await;
    let pages = pages.map_err(|error| describe(&error))?;
    Ok(pages.into_iter().flat_map(|page| page.parameters.unwrap_or_default()).collect())
}

/// Takes in the releases that parameters of their own name. Newer ones than the newest that AWS recommends are withdrawn.
fn merge(known: &mut Vec<Published>, line: &Line, parameters: &[Parameter]) {
    let Some(newest) = known.first().map(|published| published.release.clone()) else { return };
    let named = parameters.iter().filter_map(|parameter| {
        let text = line.named_by(parameter.name()?, parameter.value()?)?;
        let release = ReleaseVersion::parse(line.family, text).ok()?;
        release
            .compare(&newest)
            .is_ok_and(std::cmp::Ordering::is_le)
            .then(|| Published { release, at: written(parameter) })
    });
    for published in named {
        match known.iter_mut().find(|older| older.release == published.release) {
            // `latest` is written again when it points back; the release's own parameter is not.
            Some(same) => same.at = [same.at, published.at].into_iter().flatten().min(),
            None => known.push(published),
        }
    }
    known.sort_by(|left, right| right.release.compare(&left.release).unwrap_or(std::cmp::Ordering::Equal));
}

fn written(parameter: &Parameter) -> Option<Timestamp> {
    Timestamp::new(parameter.last_modified_date()?.secs(), 0).ok()
}

/// A parameter's value and date, nothing where there is no such parameter, or why it could not be read.
type Value = Result<Option<(String, Option<Timestamp>)>, String>;

async fn values(ssm: &aws_sdk_ssm::Client, names: Vec<String>) -> Vec<(String, Value)> {
    let answer = match ssm.get_parameters().set_names(Some(names.clone())).send().await {
        Ok(answer) => answer,
        Err(error) => {
            let error = describe(&error);
            return names.into_iter().map(|name| (name, Err(error.clone()))).collect();
        }
    };
    let missing = answer.invalid_parameters().iter().map(|name| (name.clone(), Ok(None)));
    let given = answer.parameters().iter().filter_map(|parameter| {
        let value = parameter.value().ok_or_else(|| "AWS answered without its value".to_owned());
        Some((parameter.name()?.to_owned(), value.map(|value| Some((value.to_owned(), written(parameter))))))
    });
    missing.chain(given).collect()
}

fn offer(line: &Line, values: &HashMap<String, Value>) -> Offer {
    for name in &line.parameters {
        match values.get(name) {
            Some(Ok(Some((value, at)))) => return read(line, name, value, *at),
            Some(Ok(None)) => {}
            Some(Err(error)) => return Offer::Unreadable(format!("{name}: {error}")),
            None => return Offer::Unreadable(format!("{name}: AWS's answer leaves it out")),
        }
    }
    Offer::NotPublished
}

fn read(line: &Line, name: &str, value: &str, at: Option<Timestamp>) -> Offer {
    /// The one member that is used; the others are not documented.
    #[derive(Deserialize)]
    struct Image {
        release_version: String,
    }
    let text = match line.format {
        Format::Plain => Ok(value.to_owned()),
        Format::Json => serde_json::from_str::<Image>(value).map(|image| image.release_version),
    };
    let release = text
        .map_err(|error| error.to_string())
        .and_then(|text| ReleaseVersion::parse(line.family, text.trim()).map_err(|error| error.to_string()));
    match release {
        Ok(release) => Offer::Releases(vec![Published { release, at }]),
        Err(error) => Offer::Unreadable(format!("{name}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOWS: &str = "/aws/service/ami-windows-latest/Windows_Server-2022-English-Core-EKS_Optimized-1.35";

    fn windows(value: &str) -> Offer {
        let line = Line::of(&AmiTypes::WindowsCore2022X8664, "1.35").unwrap();
        offer(&line, &HashMap::from([(WINDOWS.to_owned(), Ok(Some((value.to_owned(), None))))]))
    }

    fn only(line: &Line, text: &str) -> Offer {
        let release = ReleaseVersion::parse(line.family, text).unwrap();
        Offer::Releases(vec![Published { release, at: None }])
    }

    #[test]
    fn windows_hides_its_release_in_json() {
        let value = r#"{"image_id":"ami-1","image_name":"x","release_version":"1.35-2026.08.15","new":[1]}"#;
        let line = Line::of(&AmiTypes::WindowsCore2022X8664, "1.35").unwrap();
        assert_eq!(windows(value), only(&line, "1.35-2026.08.15"));
    }

    #[test]
    fn a_value_that_is_no_release_is_named() {
        for value in ["", "ami-1", "{}", r#"{"release_version":7}"#, r#"{"release_version":"latest"}"#, "[]"] {
            let Offer::Unreadable(reason) = windows(value) else { panic!("{value} was read") };
            assert!(reason.starts_with(WINDOWS), "{reason}");
        }
    }

    #[test]
    fn nvidia_fips_falls_back_to_fips_only_when_it_is_not_published() {
        let line = Line::of(&AmiTypes::BottlerocketX8664NvidiaFips, "1.33").unwrap();
        let [nvidia, fips] = <[String; 2]>::try_from(line.parameters.clone()).unwrap();
        let fips = (fips, Ok(Some(("1.34.0-18d04e52".to_owned(), None))));
        let values = HashMap::from([(nvidia.clone(), Ok(None)), fips.clone()]);
        assert_eq!(offer(&line, &values), only(&line, "1.34.0-18d04e52"));
        let values = HashMap::from([(nvidia.clone(), Err("Throttled".to_owned())), fips]);
        assert_eq!(offer(&line, &values), Offer::Unreadable(format!("{nvidia}: Throttled")));
    }

    #[test]
    fn older_releases_join_and_withdrawn_ones_do_not() {
        let line = Line::of(&AmiTypes::Al2023X8664Standard, "1.33").unwrap();
        let parameter = |name: &str, value: &str, day: i64| {
            let at = aws_sdk_ssm::primitives::DateTime::from_secs(day * 86_400);
            let name = format!("{}{name}", line.history.clone().unwrap());
            Parameter::builder().name(name).value(value).last_modified_date(at).build()
        };
        let day = |day: i64| Timestamp::from_second(day * 86_400).ok();
        let release = |text: &str| ReleaseVersion::parse(line.family, text).unwrap();
        let mut known = vec![Published { release: release("1.33.2-20260703"), at: day(20) }];
        let parameters = [
            parameter("recommended/release_version", "1.33.2-20260703", 20),
            parameter("a/release_version", "1.33.2-20260701", 1),
            parameter("b/release_version", "1.33.2-20260703", 3),
            parameter("b/image_id", "ami-1", 3),
            parameter("c/release_version", "1.33.2-20260705", 5),
            parameter("d/release_version", "garbage", 5),
        ];
        merge(&mut known, &line, &parameters);
        let expected = [("1.33.2-20260703", 3), ("1.33.2-20260701", 1)];
        let expected = expected.map(|(text, at)| Published { release: release(text), at: day(at) });
        assert_eq!(known, expected);
        let undated = Parameter::builder().name(format!("{}b/release_version", line.history.clone().unwrap()));
        merge(&mut known, &line, &[undated.value("1.33.2-20260703").build()]);
        assert_eq!(known, expected, "a parameter without a date takes none away");
    }
}
