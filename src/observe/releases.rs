//! The release that AWS recommends on each track that the fleet runs.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Display;

use aws_sdk_ssm::config::http::HttpResponse;
use aws_sdk_ssm::error::SdkError;
use aws_sdk_ssm::operation::get_parameters::GetParametersError;
use aws_sdk_ssm::types::Parameter;
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use serde::Deserialize;

use crate::aws::{CONCURRENCY, describe, is_throttled};
use crate::model::observed::releases::{Recommendation, Recommendations};
use crate::model::problem::Unreadable;
use crate::model::release::track::{Format, ReleaseTrack, TrackKey};
use crate::model::release::version::ReleaseVersion;

/// The maximum number of names in one `GetParameters`.
const NAMES_PER_CALL: usize = 10;

/// Reads the recommendations of AWS's parameters for these tracks: each once, ten parameters per call.
///
/// It never fails as a whole: an error is part of its track's result.
pub async fn recommendations(ssm: &aws_sdk_ssm::Client, keys: BTreeSet<TrackKey>) -> Recommendations {
    let tracks = keys.into_iter().filter_map(|key| Some((key.clone(), key.track().ok()?)));
    let tracks: Vec<(TrackKey, ReleaseTrack)> = tracks.collect();
    let names: BTreeSet<&String> = tracks.iter().flat_map(|(_, track)| &track.parameters).collect();
    let names: Vec<String> = names.into_iter().cloned().collect();
    let calls = names.chunks(NAMES_PER_CALL).map(|names| values(ssm, names.to_vec()));
    let values: HashMap<String, Value> =
        stream::iter(calls).buffer_unordered(CONCURRENCY).flat_map(stream::iter).collect().await;
    tracks.into_iter().map(|(key, track)| (key.clone(), recommendation(&key, &track, &values))).collect()
}

fn modified_at(parameter: &Parameter) -> Option<Timestamp> {
    Timestamp::new(parameter.last_modified_date()?.secs(), 0).ok()
}

/// A parameter's value and date, `None` if there is no such parameter, or why it could not be read.
type Value = Result<Option<(String, Option<Timestamp>)>, Unreadable>;

/// If AWS refuses a call as a whole, as it does in a region without one family's parameters, the names are requested one by
/// one, so that only the invalid one is unreadable.
async fn values(ssm: &aws_sdk_ssm::Client, names: Vec<String>) -> Vec<(String, Value)> {
    match some_values(ssm, &names).await {
        Ok(values) => values,
        Err(error) if names.len() > 1 && is_refusal(&error) => {
            let mut values = Vec::new();
            for name in &names {
                let one = std::slice::from_ref(name);
                values.extend(some_values(ssm, one).await.unwrap_or_else(|error| all_unreadable(one, &error)));
            }
            values
        }
        Err(error) => all_unreadable(&names, &error),
    }
}

/// Whether AWS refused the call because of its names; a throttled call must not be repeated.
fn is_refusal(error: &SdkError<GetParametersError, HttpResponse>) -> bool {
    let is_clients_fault = error.raw_response().is_some_and(|response| response.status().is_client_error());
    is_clients_fault && !is_throttled(error)
}

fn all_unreadable(names: &[String], error: &SdkError<GetParametersError, HttpResponse>) -> Vec<(String, Value)> {
    let error = Unreadable(describe(error));
    names.iter().map(|name| (name.clone(), Err(error.clone()))).collect()
}

async fn some_values(
    ssm: &aws_sdk_ssm::Client,
    names: &[String],
) -> Result<Vec<(String, Value)>, SdkError<GetParametersError, HttpResponse>> {
    let answer = ssm.get_parameters().set_names(Some(names.to_vec())).send().await?;
    let missing = answer.invalid_parameters().iter().map(|name| (name.clone(), Ok(None)));
    let given = answer.parameters().iter().filter_map(|parameter| {
        let value = parameter.value().ok_or_else(|| Unreadable("AWS answered without its value".to_owned()));
        Some((parameter.name()?.to_owned(), value.map(|value| Some((value.to_owned(), modified_at(parameter))))))
    });
    Ok(missing.chain(given).collect())
}

fn recommendation(key: &TrackKey, track: &ReleaseTrack, values: &HashMap<String, Value>) -> Recommendation {
    for name in &track.parameters {
        match values.get(name) {
            Some(Ok(Some((value, at)))) => return read(key, track, name, value, *at),
            Some(Ok(None)) => {}
            Some(Err(error)) => return unreadable(name, error),
            None => return unreadable(name, "AWS's answer leaves it out"),
        }
    }
    Recommendation::NotPublished
}

fn unreadable(parameter: &str, error: impl Display) -> Recommendation {
    Recommendation::Unreadable(Unreadable(format!("{parameter}: {error}")))
}

fn read(key: &TrackKey, track: &ReleaseTrack, name: &str, value: &str, at: Option<Timestamp>) -> Recommendation {
    /// The only member that is used; the others are not documented.
    #[derive(Deserialize)]
    struct Image {
        release_version: String,
    }
    let text = match track.format {
        Format::Plain => Ok(value.to_owned()),
        Format::Json => serde_json::from_str::<Image>(value).map(|image| image.release_version),
    };
    match text.map(|text| ReleaseVersion::parse(track.family, text.trim())) {
        Ok(Ok(version)) if version.is_for_kubernetes(&key.version) => Recommendation::Release(version, at),
        Ok(Ok(version)) => unreadable(name, format!("{version} is not for Kubernetes {}", key.version)),
        Ok(Err(error)) => unreadable(name, error),
        Err(error) => unreadable(name, error),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_eks::types::AmiTypes;

    use super::*;

    const WINDOWS: &str = "/aws/service/ami-windows-latest/Windows_Server-2022-English-Core-EKS_Optimized-1.35";

    fn recommended(ami_type: AmiTypes, version: &str, values: &HashMap<String, Value>) -> Recommendation {
        let key = TrackKey::new(version, &ami_type);
        recommendation(&key, &key.track().unwrap(), values)
    }

    fn windows(value: &str) -> Recommendation {
        let values = HashMap::from([(WINDOWS.to_owned(), Ok(Some((value.to_owned(), None))))]);
        recommended(AmiTypes::WindowsCore2022X8664, "1.35", &values)
    }

    fn only(ami_type: AmiTypes, text: &str) -> Recommendation {
        let family = ReleaseTrack::of(&ami_type, "1.35").unwrap().family;
        Recommendation::Release(ReleaseVersion::parse(family, text).unwrap(), None)
    }

    #[test]
    fn the_release_of_windows_is_inside_json() {
        let value = r#"{"image_id":"ami-1","image_name":"x","release_version":"1.35-2026.08.15","new":[1]}"#;
        assert_eq!(windows(value), only(AmiTypes::WindowsCore2022X8664, "1.35-2026.08.15"));
    }

    #[test]
    fn a_value_that_is_no_release_of_the_track_is_named() {
        let other_version = r#"{"release_version":"1.34-2026.08.15"}"#;
        for value in
            ["", "ami-1", "{}", r#"{"release_version":7}"#, r#"{"release_version":"latest"}"#, "[]", other_version]
        {
            let Recommendation::Unreadable(reason) = windows(value) else { panic!("{value} was read") };
            assert!(reason.0.starts_with(WINDOWS), "{reason}");
        }
    }

    #[test]
    fn nvidia_fips_falls_back_to_fips_only_when_it_is_not_published() {
        let ami_type = AmiTypes::BottlerocketX8664NvidiaFips;
        let track = ReleaseTrack::of(&ami_type, "1.33").unwrap();
        let [nvidia, fips] = <[String; 2]>::try_from(track.parameters).unwrap();
        let fips = (fips, Ok(Some(("1.34.0-18d04e52".to_owned(), None))));
        let values = HashMap::from([(nvidia.clone(), Ok(None)), fips.clone()]);
        assert_eq!(recommended(ami_type.clone(), "1.33", &values), only(ami_type.clone(), "1.34.0-18d04e52"));
        let values = HashMap::from([(nvidia.clone(), Err(Unreadable("Throttled".to_owned()))), fips]);
        assert_eq!(recommended(ami_type, "1.33", &values), unreadable(&nvidia, "Throttled"));
    }
}
