//! The releases that AWS publishes on each track that the fleet runs.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::fmt::Display;

use aws_sdk_ssm::types::Parameter;
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use serde::Deserialize;

use crate::aws::{CONCURRENCY, describe};
use crate::model::ami_type::{Format, ReleaseTrack};
use crate::model::problem::Unreadable;
use crate::model::release_version::ReleaseVersion;
use crate::model::releases::{Available, Release, Releases, TrackKey};

/// Names that one `GetParameters` takes.
const NAMES_PER_CALL: usize = 10;

/// Reads the latest release of these tracks: each once, ten parameters a call.
///
/// Nothing fails as a whole: what AWS does not answer is said of the track.
pub async fn latest_releases(ssm: &aws_sdk_ssm::Client, keys: BTreeSet<TrackKey>) -> Releases {
    let tracks = keys.into_iter().filter_map(|key| Some((key.clone(), key.track().ok()?)));
    let tracks: Vec<(TrackKey, ReleaseTrack)> = tracks.collect();
    let names: BTreeSet<&String> = tracks.iter().flat_map(|(_, track)| &track.parameters).collect();
    let names: Vec<String> = names.into_iter().cloned().collect();
    let calls = names.chunks(NAMES_PER_CALL).map(|names| values(ssm, names.to_vec()));
    let values: HashMap<String, Value> =
        stream::iter(calls).buffer_unordered(CONCURRENCY).flat_map(stream::iter).collect().await;
    tracks.into_iter().map(|(key, track)| (key, available(&track, &values))).collect()
}

/// Adds the older releases of these tracks, where their family has a parameter for each: for rules that the latest release
/// does not satisfy.
pub async fn with_older(ssm: &aws_sdk_ssm::Client, mut releases: Releases, keys: BTreeSet<TrackKey>) -> Releases {
    let wanted = keys.into_iter().filter_map(|key| {
        let track = key.track().ok()?;
        let path = track.history.clone()?;
        Some(async move { (key, by_path(ssm, &path).await.map(|parameters| (track, parameters))) })
    });
    let read: Vec<_> = stream::iter(wanted).buffer_unordered(CONCURRENCY).collect().await;
    for (key, older) in read {
        let Some(Available::Releases(known)) = releases.on_mut(&key) else { continue };
        match older {
            Ok((track, parameters)) => merge(known, &track, &parameters),
            // The latest alone is still a plan, only a later one.
            Err(error) => {
                let (version, ami_type) = (&key.version, key.ami_type.as_str());
                tracing::warn!(version, ami_type, %error, "cannot read older releases of {ami_type} {version}: {error}");
            }
        }
    }
    releases
}

async fn by_path(ssm: &aws_sdk_ssm::Client, path: &str) -> Result<Vec<Parameter>, Unreadable> {
    let pages = ssm.get_parameters_by_path().path(path).recursive(true).into_paginator().send();
    let pages: Result<Vec<_>, _> = pages.collect().await;
    let pages = pages.map_err(|error| Unreadable(describe(&error)))?;
    Ok(pages.into_iter().flat_map(|page| page.parameters.unwrap_or_default()).collect())
}

/// Takes in the releases that have a parameter of their own. Those newer than the latest that AWS recommends are withdrawn.
fn merge(known: &mut Vec<Release>, track: &ReleaseTrack, parameters: &[Parameter]) {
    let Some(latest) = known.first().map(|release| release.version.clone()) else { return };
    let named = parameters.iter().filter_map(|parameter| {
        let text = track.named_by(parameter.name()?, parameter.value()?)?;
        let version = ReleaseVersion::parse(track.family, text).ok()?;
        let offered = version.compare(&latest).is_ok_and(Ordering::is_le);
        offered.then(|| Release { version, published_at: modified_at(parameter) })
    });
    for release in named {
        match known.iter_mut().find(|older| older.version == release.version) {
            // `latest` is written again when it points back; the release's own parameter is not.
            Some(same) => {
                same.published_at = [same.published_at, release.published_at].into_iter().flatten().min();
            }
            None => known.push(release),
        }
    }
    known.sort_by(|left, right| right.version.compare(&left.version).unwrap_or(Ordering::Equal));
}

fn modified_at(parameter: &Parameter) -> Option<Timestamp> {
    Timestamp::new(parameter.last_modified_date()?.secs(), 0).ok()
}

/// A parameter's value and date, nothing where there is no such parameter, or why it could not be read.
type Value = Result<Option<(String, Option<Timestamp>)>, Unreadable>;

async fn values(ssm: &aws_sdk_ssm::Client, names: Vec<String>) -> Vec<(String, Value)> {
    let answer = match ssm.get_parameters().set_names(Some(names.clone())).send().await {
        Ok(answer) => answer,
        Err(error) => {
            let error = Unreadable(describe(&error));
            return names.into_iter().map(|name| (name, Err(error.clone()))).collect();
        }
    };
    let missing = answer.invalid_parameters().iter().map(|name| (name.clone(), Ok(None)));
    let given = answer.parameters().iter().filter_map(|parameter| {
        let value = parameter.value().ok_or_else(|| Unreadable("AWS answered without its value".to_owned()));
        Some((parameter.name()?.to_owned(), value.map(|value| Some((value.to_owned(), modified_at(parameter))))))
    });
    missing.chain(given).collect()
}

fn available(track: &ReleaseTrack, values: &HashMap<String, Value>) -> Available {
    for name in &track.parameters {
        match values.get(name) {
            Some(Ok(Some((value, at)))) => return read(track, name, value, *at),
            Some(Ok(None)) => {}
            Some(Err(error)) => return unreadable(name, error),
            None => return unreadable(name, "AWS's answer leaves it out"),
        }
    }
    Available::NotPublished
}

fn unreadable(parameter: &str, error: impl Display) -> Available {
    Available::Unreadable(Unreadable(format!("{parameter}: {error}")))
}

fn read(track: &ReleaseTrack, name: &str, value: &str, published_at: Option<Timestamp>) -> Available {
    /// The one member that is used; the others are not documented.
    #[derive(Deserialize)]
    struct Image {
        release_version: String,
    }
    let text = match track.format {
        Format::Plain => Ok(value.to_owned()),
        Format::Json => serde_json::from_str::<Image>(value).map(|image| image.release_version),
    };
    match text.map(|text| ReleaseVersion::parse(track.family, text.trim())) {
        Ok(Ok(version)) => Available::Releases(vec![Release { version, published_at }]),
        Ok(Err(error)) => unreadable(name, error),
        Err(error) => unreadable(name, error),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_eks::types::AmiTypes;

    use super::*;

    const WINDOWS: &str = "/aws/service/ami-windows-latest/Windows_Server-2022-English-Core-EKS_Optimized-1.35";

    fn windows(value: &str) -> Available {
        let track = ReleaseTrack::of(&AmiTypes::WindowsCore2022X8664, "1.35").unwrap();
        available(&track, &HashMap::from([(WINDOWS.to_owned(), Ok(Some((value.to_owned(), None))))]))
    }

    fn only(track: &ReleaseTrack, text: &str) -> Available {
        let release = ReleaseVersion::parse(track.family, text).unwrap();
        Available::Releases(vec![Release { version: release, published_at: None }])
    }

    #[test]
    fn the_release_of_windows_is_inside_json() {
        let value = r#"{"image_id":"ami-1","image_name":"x","release_version":"1.35-2026.08.15","new":[1]}"#;
        let track = ReleaseTrack::of(&AmiTypes::WindowsCore2022X8664, "1.35").unwrap();
        assert_eq!(windows(value), only(&track, "1.35-2026.08.15"));
    }

    #[test]
    fn a_value_that_is_not_a_release_is_named() {
        for value in ["", "ami-1", "{}", r#"{"release_version":7}"#, r#"{"release_version":"latest"}"#, "[]"] {
            let Available::Unreadable(reason) = windows(value) else { panic!("{value} was read") };
            assert!(reason.0.starts_with(WINDOWS), "{reason}");
        }
    }

    #[test]
    fn nvidia_fips_falls_back_to_fips_only_when_it_is_not_published() {
        let track = ReleaseTrack::of(&AmiTypes::BottlerocketX8664NvidiaFips, "1.33").unwrap();
        let [nvidia, fips] = <[String; 2]>::try_from(track.parameters.clone()).unwrap();
        let fips = (fips, Ok(Some(("1.34.0-18d04e52".to_owned(), None))));
        let values = HashMap::from([(nvidia.clone(), Ok(None)), fips.clone()]);
        assert_eq!(available(&track, &values), only(&track, "1.34.0-18d04e52"));
        let values = HashMap::from([(nvidia.clone(), Err(Unreadable("Throttled".to_owned()))), fips]);
        assert_eq!(available(&track, &values), unreadable(&nvidia, "Throttled"));
    }

    #[test]
    fn older_releases_join_and_withdrawn_ones_do_not() {
        let track = ReleaseTrack::of(&AmiTypes::Al2023X8664Standard, "1.33").unwrap();
        let parameter = |name: &str, value: &str, day: i64| {
            let at = aws_sdk_ssm::primitives::DateTime::from_secs(day * 86_400);
            let name = format!("{}{name}", track.history.clone().unwrap());
            Parameter::builder().name(name).value(value).last_modified_date(at).build()
        };
        let day = |day: i64| Timestamp::from_second(day * 86_400).ok();
        let release = |text: &str| ReleaseVersion::parse(track.family, text).unwrap();
        let mut known = vec![Release { version: release("1.33.2-20260703"), published_at: day(20) }];
        let parameters = [
            parameter("recommended/release_version", "1.33.2-20260703", 20),
            parameter("a/release_version", "1.33.2-20260701", 1),
            parameter("b/release_version", "1.33.2-20260703", 3),
            parameter("b/image_id", "ami-1", 3),
            parameter("c/release_version", "1.33.2-20260705", 5),
            parameter("d/release_version", "garbage", 5),
        ];
        merge(&mut known, &track, &parameters);
        let expected = [("1.33.2-20260703", 3), ("1.33.2-20260701", 1)];
        let expected = expected.map(|(text, at)| Release { version: release(text), published_at: day(at) });
        assert_eq!(known, expected);
        let undated = Parameter::builder().name(format!("{}b/release_version", track.history.clone().unwrap()));
        merge(&mut known, &track, &[undated.value("1.33.2-20260703").build()]);
        assert_eq!(known, expected, "a parameter without a date takes none away");
    }
}
