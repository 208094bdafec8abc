//! Looks up the newest release of each line that the fleet runs.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_eks::types::AmiTypes;
use futures_util::{StreamExt, stream};
use serde::Deserialize;

use crate::aws::{CONCURRENCY, describe};
use crate::model::ami_type::{Format, Line};
use crate::model::nodegroup::Nodegroup;
use crate::model::release_version::ReleaseVersion;

/// Names that one `GetParameters` takes.
const NAMES_PER_CALL: usize = 10;

/// The newest release of each line, by Kubernetes version and AMI type.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Releases(BTreeMap<LineKey, Newest>);

/// Kubernetes version and AMI type.
type LineKey = (String, String);

/// What AWS says is the newest release of a line.
#[derive(Clone, Debug, PartialEq)]
pub enum Newest {
    /// This one.
    Release(ReleaseVersion),
    /// AWS publishes none.
    NotPublished,
    /// What AWS says could not be read, and why.
    Unreadable(String),
}

impl Releases {
    /// The newest release for a node group of this Kubernetes version and AMI type, if it was asked for.
    #[must_use]
    pub fn newest(&self, kubernetes_version: &str, ami_type: &AmiTypes) -> Option<&Newest> {
        self.0.get(&key(kubernetes_version, ami_type))
    }
}

impl FromIterator<((String, AmiTypes), Newest)> for Releases {
    fn from_iter<T: IntoIterator<Item = ((String, AmiTypes), Newest)>>(newest: T) -> Self {
        let keyed = newest.into_iter().map(|((version, ami_type), newest)| (key(&version, &ami_type), newest));
        Self(keyed.collect())
    }
}

fn key(kubernetes_version: &str, ami_type: &AmiTypes) -> LineKey {
    (kubernetes_version.to_owned(), ami_type.as_str().to_owned())
}

/// Looks up the newest release for every line among these node groups: each line once, ten parameters a call.
///
/// Nothing fails as a whole: what AWS does not tell is said of the line.
pub async fn resolve<'a>(ssm: &aws_sdk_ssm::Client, nodegroups: impl Iterator<Item = &'a Nodegroup>) -> Releases {
    let lines: BTreeMap<LineKey, Line> = nodegroups
        .filter_map(|nodegroup| {
            let version = nodegroup.kubernetes_version.as_deref()?;
            let line = Line::of(&nodegroup.ami_type, version).ok()?;
            Some((key(version, &nodegroup.ami_type), line))
        })
        .collect();
    let names: BTreeSet<&String> = lines.values().flat_map(|line| &line.parameters).collect();
    let names: Vec<String> = names.into_iter().cloned().collect();
    let calls = names.chunks(NAMES_PER_CALL).map(|names| values(ssm, names.to_vec()));
    let values: HashMap<String, Value> =
        stream::iter(calls).buffer_unordered(CONCURRENCY).flat_map(stream::iter).collect().await;
    Releases(lines.into_iter().map(|(key, line)| (key, newest(&line, &values))).collect())
}

/// A parameter's value, nothing where there is no such parameter, or why it could not be read.
type Value = Result<Option<String>, String>;

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
        Some((parameter.name()?.to_owned(), value.map(|value| Some(value.to_owned()))))
    });
    missing.chain(given).collect()
}

fn newest(line: &Line, values: &HashMap<String, Value>) -> Newest {
    for name in &line.parameters {
        match values.get(name) {
            Some(Ok(Some(value))) => return read(line, name, value),
            Some(Ok(None)) => {}
            Some(Err(error)) => return Newest::Unreadable(format!("{name}: {error}")),
            None => return Newest::Unreadable(format!("{name}: AWS's answer leaves it out")),
        }
    }
    Newest::NotPublished
}

fn read(line: &Line, name: &str, value: &str) -> Newest {
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
        Ok(release) => Newest::Release(release),
        Err(error) => Newest::Unreadable(format!("{name}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOWS: &str = "/aws/service/ami-windows-latest/Windows_Server-2022-English-Core-EKS_Optimized-1.35";

    fn windows(value: &str) -> Newest {
        let line = Line::of(&AmiTypes::WindowsCore2022X8664, "1.35").unwrap();
        newest(&line, &HashMap::from([(WINDOWS.to_owned(), Ok(Some(value.to_owned())))]))
    }

    #[test]
    fn windows_hides_its_release_in_json() {
        let value = r#"{"image_id":"ami-1","image_name":"x","release_version":"1.35-2026.08.15","new":[1]}"#;
        let line = Line::of(&AmiTypes::WindowsCore2022X8664, "1.35").unwrap();
        let release = ReleaseVersion::parse(line.family, "1.35-2026.08.15").unwrap();
        assert_eq!(windows(value), Newest::Release(release));
    }

    #[test]
    fn a_value_that_is_no_release_is_named() {
        for value in ["", "ami-1", "{}", r#"{"release_version":7}"#, r#"{"release_version":"latest"}"#, "[]"] {
            let Newest::Unreadable(reason) = windows(value) else { panic!("{value} was read") };
            assert!(reason.starts_with(WINDOWS), "{reason}");
        }
    }

    #[test]
    fn nvidia_fips_falls_back_to_fips_only_when_it_is_not_published() {
        let line = Line::of(&AmiTypes::BottlerocketX8664NvidiaFips, "1.33").unwrap();
        let [nvidia, fips] = <[String; 2]>::try_from(line.parameters.clone()).unwrap();
        let release = ReleaseVersion::parse(line.family, "1.34.0-18d04e52").unwrap();
        let fips = (fips, Ok(Some(release.to_string())));
        let values = HashMap::from([(nvidia.clone(), Ok(None)), fips.clone()]);
        assert_eq!(newest(&line, &values), Newest::Release(release));
        let values = HashMap::from([(nvidia.clone(), Err("Throttled".to_owned())), fips]);
        assert_eq!(newest(&line, &values), Newest::Unreadable(format!("{nvidia}: Throttled")));
    }
}
