use aws_sdk_ssm::types::{Parameter, ParameterTier, ParameterType};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::sdk::{clients, refusal, world};

const ROOT: &str = "/aws/service/eks/optimized-ami/1.33/amazon-linux-2023/x86_64/standard";

#[tokio::test]
async fn a_release_of_amazon_linux_is_announced_in_five_parameters() -> anyhow::Result<()> {
    let world = world();
    let names = world.publish_release("AL2023_x86_64_STANDARD", "1.33", "1.33.2-20260701");
    let image = "amazon-eks-node-al2023-x86_64-standard-1.33-v20260701";
    assert_eq!(
        names,
        [
            format!("{ROOT}/recommended"),
            format!("{ROOT}/recommended/release_version"),
            format!("{ROOT}/recommended/image_id"),
            format!("{ROOT}/{image}/release_version"),
            format!("{ROOT}/{image}/image_id"),
        ]
    );
    let ssm = clients(&world).await.ssm;
    let output = ssm.get_parameters().names(&names[0]).names(&names[1]).names("/aws/x").send().await?;
    assert_eq!(output.invalid_parameters(), ["/aws/x"]);
    let [description, release] = output.parameters() else { panic!("two parameters") };
    let description: Value = serde_json::from_str(description.value().unwrap())?;
    assert_eq!(
        description,
        json!({
            "schema_version": "2",
            "image_id": world.parameter(&names[2]),
            "image_name": image,
            "release_version": "1.33.2-20260701",
        })
    );
    assert_eq!(release.value(), Some("1.33.2-20260701"));
    assert_eq!(release.version(), 1);
    assert_eq!(release.last_modified_date().unwrap().secs(), world.now().as_second());
    assert_eq!(
        release.arn(),
        Some(format!("arn:aws:ssm:eu-central-1::parameter{ROOT}/recommended/release_version").as_str())
    );
    Ok(())
}

#[test]
fn every_family_has_its_own_names() {
    let world = world();
    let announced = |ami_type: &str, release: &str| world.publish_release(ami_type, "1.33", release).join("\n");
    assert!(announced("AL2_x86_64_GPU", "1.33.2-20260701").contains("/1.33/amazon-linux-2-gpu/recommended/"));
    assert!(announced("AL2_ARM_64", "1.33.2-20260701").contains("/1.33/amazon-linux-2-arm64/recommended/"));
    assert_eq!(
        announced("BOTTLEROCKET_ARM_64_NVIDIA_FIPS", "1.40.0-0a1b2c3d"),
        "/aws/service/bottlerocket/aws-k8s-1.33-nvidia-fips/arm64/latest/image_version\n\
         /aws/service/bottlerocket/aws-k8s-1.33-nvidia-fips/arm64/latest/image_id\n\
         /aws/service/bottlerocket/aws-k8s-1.33-nvidia-fips/arm64/1.40.0-0a1b2c3d/image_version\n\
         /aws/service/bottlerocket/aws-k8s-1.33-nvidia-fips/arm64/1.40.0-0a1b2c3d/image_id"
    );
    let windows = "/aws/service/ami-windows-latest/Windows_Server-2022-English-Core-EKS_Optimized-1.33";
    assert_eq!(announced("WINDOWS_CORE_2022_x86_64", "1.33-2026.07.15"), format!("{windows}\n{windows}/image_id"));
    let description: Value = serde_json::from_str(&world.parameter(windows).unwrap()).unwrap();
    assert_eq!(description["release_version"], "1.33-2026.07.15");
    assert_eq!(announced("PLAN9_x86_64", "4"), "");
}

#[tokio::test]
async fn a_withdrawn_release_moves_the_recommendation_back() -> anyhow::Result<()> {
    let world = world();
    world.publish_release("AL2023_x86_64_STANDARD", "1.33", "1.33.1-20260610");
    world.advance(SignedDuration::from_hours(24));
    world.publish_release("AL2023_x86_64_STANDARD", "1.33", "1.33.2-20260701");
    world.advance(SignedDuration::from_hours(24));
    let older = world.withdraw_release("AL2023_x86_64_STANDARD", "1.33");
    assert_eq!(older.as_deref(), Some("1.33.1-20260610"));
    assert_eq!(world.withdraw_release("AL2023_x86_64_STANDARD", "1.33"), None);

    let ssm = clients(&world).await.ssm;
    let name = format!("{ROOT}/recommended/release_version");
    let now = ssm.get_parameter().name(&name).send().await?.parameter.unwrap();
    assert_eq!((now.value(), now.version()), (Some("1.33.1-20260610"), 3));
    assert_eq!(now.last_modified_date().unwrap().secs(), world.now().as_second());
    let earlier = ssm.get_parameter().name(format!("{name}:2")).send().await;
    assert!(earlier.unwrap_err().as_service_error().unwrap().is_parameter_not_found(), "a public parameter");
    Ok(())
}

#[tokio::test]
async fn earlier_versions_of_a_parameter_are_kept() -> anyhow::Result<()> {
    let world = world();
    for value in ["a", "b", "c"] {
        world.put_parameter("/own", value);
    }
    let ssm = clients(&world).await.ssm;
    let second = ssm.get_parameter().name("/own:2").send().await?.parameter.unwrap();
    assert_eq!((second.value(), second.version(), second.selector()), (Some("b"), 2, Some(":2")));

    world.page_size(1);
    let history = ssm.get_parameter_history().name("/own").into_paginator().send();
    let history = history.collect::<Result<Vec<_>, _>>().await?;
    assert_eq!(history.len(), 3);
    let history: Vec<_> = history.into_iter().flat_map(|page| page.parameters.unwrap_or_default()).collect();
    let versions: Vec<_> = history.iter().map(|version| (version.version(), version.value().unwrap())).collect();
    assert_eq!(versions, [(1, "a"), (2, "b"), (3, "c")]);
    Ok(())
}

#[tokio::test]
async fn an_own_parameter_is_written_and_written_over() -> anyhow::Result<()> {
    let world = world();
    let ssm = clients(&world).await.ssm;
    let put = |value: &str| ssm.put_parameter().name("/own/switch").value(value);
    let written = put("running").r#type(ParameterType::String).send().await?;
    assert_eq!((written.version(), written.tier().map(ParameterTier::as_str)), (1, Some("Standard")));
    world.advance(SignedDuration::from_hours(1));
    assert_eq!(put("stopped").overwrite(true).send().await?.version(), 2);
    let parameter = ssm.get_parameter().name("/own/switch").send().await?.parameter.unwrap();
    assert_eq!((parameter.value(), parameter.version()), (Some("stopped"), 2));
    assert_eq!(parameter.last_modified_date().unwrap().secs(), world.now().as_second());
    let request = &world.requests()[0];
    assert_eq!(request.action, "ssm:PutParameter");
    assert_eq!(request.resources, ["arn:aws:ssm:eu-central-1:123456789012:parameter/own/switch"]);
    Ok(())
}

#[tokio::test]
async fn what_writing_a_parameter_refuses() {
    let world = world();
    world.put_parameter("/own", "value");
    let ssm = clients(&world).await.ssm;
    let put = |name: &str| ssm.put_parameter().name(name).value("new");
    let exists = put("/own").r#type(ParameterType::String).send().await;
    assert!(exists.as_ref().unwrap_err().as_service_error().unwrap().is_parameter_already_exists());
    assert_eq!(
        refusal(exists).1,
        "The parameter already exists. To overwrite this value, set the overwrite option in the request to true."
    );
    let refused = |code: &str, message: &str| (code.to_owned(), message.to_owned());
    assert_eq!(
        refusal(put("/none").overwrite(true).send().await),
        refused("ValidationException", "A parameter type is required when you create a parameter.")
    );
    assert_eq!(
        refusal(put("/aws/service/own").r#type(ParameterType::String).send().await),
        refused("AccessDeniedException", "No access to reserved parameter name: /aws/service/own.")
    );
    let secret = put("/secret").r#type(ParameterType::SecureString).send().await;
    assert_eq!(refusal(secret).0, "UnsupportedParameterType");
    assert_eq!(world.parameter("/own").as_deref(), Some("value"));
    assert_eq!((world.parameter("/none"), world.parameter("/secret")), (None, None));
}

#[tokio::test]
async fn parameters_are_found_by_path_across_pages() -> anyhow::Result<()> {
    let world = world();
    for release in 1..=12 {
        world.put_parameter(&format!("/releases/{release:02}/image_id"), "ami");
    }
    world.put_parameter("/releases/top", "x");
    world.put_parameter("/releasesandmore/top", "x");
    let ssm = clients(&world).await.ssm;
    let all = ssm.get_parameters_by_path().path("/releases").recursive(true).into_paginator().send();
    let all = all.collect::<Result<Vec<_>, _>>().await?;
    let found: Vec<usize> = all.iter().map(|page| page.parameters().len()).collect();
    assert_eq!(found, [10, 3]);
    assert_eq!(world.requests().len(), 2);
    let direct = ssm.get_parameters_by_path().path("/releases/").send().await?;
    assert_eq!(direct.parameters().len(), 1);
    let answer = ssm.get_parameters_by_path().path("/releases").next_token("?").send().await;
    assert_eq!(refusal(answer).0, "InvalidNextToken");
    Ok(())
}

#[tokio::test]
async fn what_parameter_store_refuses() {
    let world = world();
    world.put_parameter("/own", "1");
    let ssm = clients(&world).await.ssm;
    let names = |count: usize| Some((0..count).map(|name| format!("/{name}")).collect());
    let eleven = ssm.get_parameters().set_names(names(11)).send().await;
    let (code, message) = refusal(eleven);
    assert_eq!(code, "ValidationException");
    assert!(message.ends_with("Member must have length less than or equal to 10"), "{message}");
    assert_eq!(refusal(ssm.get_parameters().set_names(names(10)).send().await).0, "accepted");
    for name in ["/none", "/own:2", "/own:0", "/own:x"] {
        let answer = ssm.get_parameter().name(name).send().await;
        assert!(answer.unwrap_err().as_service_error().unwrap().is_parameter_not_found(), "{name}");
    }
    world.remove_parameter("/own");
    assert_eq!(refusal(ssm.get_parameter_history().name("/own").send().await).0, "ParameterNotFound");
    let by_path = ssm.get_parameters_by_path();
    assert_eq!(refusal(by_path.clone().path("own").send().await).0, "ValidationException");
    assert_eq!(refusal(by_path.path("/").max_results(11).send().await).0, "ValidationException");
}

/// The value of a parameter and when it was written.
fn written(parameter: &Parameter) -> (Option<&str>, Option<i64>) {
    (parameter.value(), parameter.last_modified_date().map(|at| at.secs()))
}

#[tokio::test]
async fn parameters_can_come_without_a_date() -> anyhow::Result<()> {
    let world = world();
    world.put_parameter("/own", "1");
    let ssm = clients(&world).await.ssm;
    world.forget_parameter_dates(true);
    let one = ssm.get_parameter().name("/own").send().await?.parameter.unwrap();
    let listed = ssm.get_parameters().names("/own").send().await?.parameters.unwrap_or_default();
    let by_path = ssm.get_parameters_by_path().path("/").send().await?.parameters.unwrap_or_default();
    for parameter in [&one, &listed[0], &by_path[0]] {
        assert_eq!(written(parameter), (Some("1"), None));
    }
    world.forget_parameter_dates(false);
    let one = ssm.get_parameter().name("/own").send().await?.parameter.unwrap();
    assert_eq!(written(&one), (Some("1"), Some(world.now().as_second())));
    Ok(())
}

#[tokio::test]
async fn a_late_answer_shows_public_parameters_as_they_were() -> anyhow::Result<()> {
    let world = world();
    let (public, later) = ("/aws/service/eks/x", "/aws/service/eks/later");
    let before = world.now();
    for value in ["1", "2"] {
        world.put_parameter(public, value);
        world.put_parameter("/own", value);
        world.advance(SignedDuration::from_hours(1));
    }
    world.put_parameter(later, "1");
    let ssm = clients(&world).await.ssm;
    let get = || ssm.get_parameters().names(public).names("/own").names(later).send();
    let second = before.as_second();

    world.late_parameters(Some(before + SignedDuration::from_mins(30)));
    let late = get().await?;
    let found: Vec<_> = late.parameters().iter().map(written).collect();
    assert_eq!(found, [(Some("1"), Some(second)), (Some("2"), Some(second + 3600))]);
    assert_eq!(late.invalid_parameters(), [later]);

    world.late_parameters(None);
    let fresh = get().await?;
    let found: Vec<_> = fresh.parameters().iter().map(written).collect();
    let expected = [("2", second + 3600), ("2", second + 3600), ("1", second + 7200)];
    assert_eq!(found, expected.map(|(value, at)| (Some(value), Some(at))));
    Ok(())
}

#[tokio::test]
async fn a_region_without_parameters_under_a_prefix_fails_every_call_that_names_one() {
    let world = world();
    world.publish_release("AL2023_x86_64_STANDARD", "1.33", "1.33.2-20260701");
    world.no_parameters_under("/aws/service/bottlerocket/");
    let ssm = clients(&world).await.ssm;
    let absent = "/aws/service/bottlerocket/aws-k8s-1.33/x86_64/latest/image_version";
    let present = format!("{ROOT}/recommended/release_version");
    let text = "No access to \"/aws/\" namespace: aws/service/bottlerocket is not a valid namespace";
    let denied = ("AccessDeniedException".to_owned(), text.to_owned());
    assert_eq!(refusal(ssm.get_parameters().names(&present).names(absent).send().await), denied);
    assert_eq!(refusal(ssm.get_parameters().names(absent).send().await), denied);
    assert_eq!(refusal(ssm.get_parameter().name(absent).send().await), denied);
    assert_eq!(refusal(ssm.get_parameters_by_path().path("/aws/service/bottlerocket/x").send().await), denied);
    let others = ssm.get_parameters().names(&present).names("/aws/service/bottlerocketeer/x");
    assert_eq!(refusal(others.send().await).0, "accepted");
}

#[tokio::test]
async fn each_name_is_a_resource_of_its_own() -> anyhow::Result<()> {
    let world = world();
    let ssm = clients(&world).await.ssm;
    ssm.get_parameters().names("/aws/service/x").names("/own").send().await?;
    let [request] = &world.requests()[..] else { panic!("one request") };
    assert_eq!(request.action, "ssm:GetParameters");
    assert_eq!(
        request.resources,
        ["arn:aws:ssm:eu-central-1::parameter/aws/service/x", "arn:aws:ssm:eu-central-1:123456789012:parameter/own"]
    );
    Ok(())
}

#[tokio::test]
async fn a_change_calendar_says_whether_it_is_open_and_until_when() -> anyhow::Result<()> {
    let world = world();
    let ssm = clients(&world).await.ssm;
    let (from, until) =
        (world.now() + jiff::SignedDuration::from_hours(1), world.now() + jiff::SignedDuration::from_hours(3));
    world.add_calendar("open");
    world.close_calendar("freeze", from, until);
    let state = async |names: &[&str]| {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let answer = ssm.get_calendar_state().set_calendar_names(Some(names)).send().await?;
        anyhow::Ok((answer.state.map(|state| state.as_str().to_owned()), answer.next_transition_time))
    };
    let text = |at: jiff::Timestamp| Some(format!("{at:.0}"));
    assert_eq!(state(&["open"]).await?, (Some("OPEN".into()), None));
    assert_eq!(state(&["freeze", "open"]).await?, (Some("OPEN".into()), text(from)));
    world.advance(jiff::SignedDuration::from_hours(1));
    assert_eq!(state(&["open", "freeze"]).await?, (Some("CLOSED".into()), text(until)));
    world.advance(jiff::SignedDuration::from_hours(2));
    assert_eq!(state(&["arn:aws:ssm:eu-central-1:123456789012:document/freeze"]).await?, (Some("OPEN".into()), None));
    assert_eq!(refusal(ssm.get_calendar_state().calendar_names("none").send().await).0, "InvalidDocument");
    Ok(())
}

#[tokio::test]
async fn the_closed_spans_of_change_calendars_add_up() -> anyhow::Result<()> {
    let world = world();
    let ssm = clients(&world).await.ssm;
    let at = |day: i8| format!("2026-12-{day:02}T00:00:00Z");
    for (name, from, until) in [("shop", 1, 3), ("shop", 20, 24), ("shop", 24, 27), ("bank", 23, 30), ("bank", 26, 28)]
    {
        world.close_calendar(name, at(from).parse()?, at(until).parse()?);
    }
    // Adding what is there takes nothing away.
    world.add_calendar("bank");
    let state = async |names: &[&str], day| {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let answer = ssm.get_calendar_state().set_calendar_names(Some(names)).at_time(at(day)).send().await?;
        assert_eq!(answer.at_time, Some(at(day)), "of the time that was asked for, not of now");
        anyhow::Ok((answer.state.map(|state| state.as_str().to_owned()), answer.next_transition_time))
    };
    for (names, day, expected, next) in [
        (&["shop"][..], 1, "CLOSED", Some(3)),
        (&["shop"], 3, "OPEN", Some(20)),
        (&["shop"], 21, "CLOSED", Some(27)),
        (&["shop"], 27, "OPEN", None),
        (&["bank"], 22, "OPEN", Some(23)),
        (&["bank"], 27, "CLOSED", Some(30)),
        (&["shop", "bank"], 21, "CLOSED", Some(30)),
        (&["shop", "bank"], 30, "OPEN", None),
    ] {
        assert_eq!(state(names, day).await?, (Some(expected.to_owned()), next.map(at)), "{names:?} on day {day}");
    }
    Ok(())
}

#[tokio::test]
async fn what_change_calendars_refuse() {
    let world = world();
    world.add_calendar("open");
    let calendars = clients(&world).await.ssm.get_calendar_state();
    let of_one_unknown = calendars.clone().calendar_names("open").calendar_names("none").send().await;
    assert!(of_one_unknown.unwrap_err().as_service_error().unwrap().is_invalid_document());
    let at_no_time = calendars.clone().calendar_names("open").at_time("tomorrow").send().await;
    assert_eq!(refusal(at_no_time).0, "ValidationException");
    assert_eq!(refusal(calendars.set_calendar_names(Some(vec![])).send().await).0, "ValidationException");
}

#[tokio::test]
async fn a_change_calendar_is_a_document() -> anyhow::Result<()> {
    let world = world();
    world.add_calendar("own");
    world.add_calendar("shared");
    let shared = "arn:aws:ssm:eu-central-1:210987654321:document/shared";
    let ssm = clients(&world).await.ssm;
    ssm.get_calendar_state().calendar_names("own").calendar_names(shared).send().await?;
    let [request] = &world.requests()[..] else { panic!("one request") };
    assert_eq!(request.action, "ssm:GetCalendarState");
    assert_eq!(request.resources, ["arn:aws:ssm:eu-central-1:123456789012:document/own", shared]);
    Ok(())
}
