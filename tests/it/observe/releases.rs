//! How the releases that AWS recommends are read.

use simulated_aws::{ApiError, Fault, Nodegroup};
use testing::{TestEnv, decisions, opted_in};

#[tokio::test(start_paused = true)]
async fn a_windows_value_that_is_no_json_is_a_reason_that_names_the_parameter() {
    let windows = Nodegroup::new("prod", "win").ami_type("WINDOWS_CORE_2022_x86_64").release("1.33-2026.06.10");
    let env = TestEnv::with([windows.tag("ami-update", "auto")]).await;
    let name = "/aws/service/ami-windows-latest/Windows_Server-2022-English-Core-EKS_Optimized-1.33";
    env.world.put_parameter(name, "ami-0123");
    let line = env.start().await.decisions.remove(0);
    assert_eq!(line.decision, "Unreadable");
    assert!(line.reason.starts_with(&format!("could not be read: {name}: expected value")), "{}", line.reason);
    env.world.publish_release("WINDOWS_CORE_2022_x86_64", "1.33", "1.33-2026.07.10");
    assert_eq!(decisions(&env.start().await), ["prod/win: Start, Accepted"]);
}

#[tokio::test(start_paused = true)]
async fn in_a_region_without_the_parameters_of_one_family_the_others_are_read() {
    let windows = opted_in("dev", "win").ami_type("WINDOWS_CORE_2022_x86_64").release("1.33-2026.06.10");
    let env = TestEnv::with([windows, opted_in("prod", "blue")]).await;
    env.world.on_request(|request| {
        let refused = request.action == "ssm:GetParameters" && request.body["Names"].to_string().contains("windows");
        let error = ApiError::new(400, "ValidationException", "Parameter name: not supported in this region");
        if refused { Fault::Error(error) } else { Fault::None }
    });
    let summary = env.start().await;
    assert_eq!(decisions(&summary), ["dev/win: Unreadable", "prod/blue: Start, Accepted"]);
    assert_eq!(env.calls("ssm:GetParameters"), 3, "together, and then one by one");
    assert!(summary.into_response().is_ok());
}

#[tokio::test(start_paused = true)]
async fn parameters_that_aws_throttles_are_not_asked_for_one_by_one() {
    let windows = opted_in("dev", "win").ami_type("WINDOWS_CORE_2022_x86_64").release("1.33-2026.06.10");
    let env = TestEnv::with([windows, opted_in("prod", "blue")]).await;
    env.world.on_request(|request| match request.action.as_str() {
        "ssm:GetParameters" => Fault::Error(ApiError::throttling()),
        _ => Fault::None,
    });
    assert_eq!(decisions(&env.start().await), ["dev/win: Unreadable", "prod/blue: Unreadable"]);
    let calls = env.world.requests().into_iter().filter(|request| request.action == "ssm:GetParameters");
    assert!(calls.into_iter().all(|call| call.body["Names"].as_array().unwrap().len() == 2));
}
