use serde_json::{Value, json};
use simulated_aws::{ApiError, Fault, Function, FunctionError, Invocation, Nodegroup, World};

use crate::http::{Answer, signed};
use crate::sdk::{clients, serve, world};

const ARN: &str = "arn:aws:lambda:eu-central-1:123456789012:function:start";

/// Answers what it is told, or fails with what is in `fail`.
async fn echo(invocation: Invocation) -> Result<Value, FunctionError> {
    let Invocation { function_arn, payload, .. } = invocation;
    match payload["fail"].as_str() {
        Some(error) => Err(FunctionError { error_type: "Failed".to_owned(), error_message: error.to_owned() }),
        None => Ok(json!({ "arn": function_arn, "payload": payload })),
    }
}

async fn with_echo() -> anyhow::Result<(World, String)> {
    let world = world();
    assert_eq!(world.add_function(Function::new("start", echo).alias("readonly")), ARN);
    let endpoint = serve(&world).await?;
    Ok((world, endpoint))
}

async fn invoke(endpoint: &str, name: &str, headers: &str, body: &str) -> anyhow::Result<Answer> {
    let start = format!("POST /2015-03-31/functions/{name} HTTP/1.1");
    signed(endpoint, "lambda", &start, headers, body.as_bytes()).await
}

fn succeeded(result: &Value) -> Answer {
    Answer::new(200, &[("x-amz-executed-version", "$LATEST")], &result.to_string())
}

fn failed(kind: &str, message: &str) -> Answer {
    let headers = [("x-amz-executed-version", "$LATEST"), ("x-amz-function-error", "Unhandled")];
    Answer::new(200, &headers, &json!({ "errorType": kind, "errorMessage": message }).to_string())
}

fn refused(status: u16, code: &str, members: &Value) -> Answer {
    Answer::new(status, &[("x-amzn-errortype", code)], &members.to_string())
}

fn not_found(arn: &str) -> Answer {
    let message = format!("Function not found: {arn}");
    refused(404, "ResourceNotFoundException", &json!({ "Message": message, "Type": "User" }))
}

#[tokio::test]
async fn a_function_is_invoked_by_every_form_of_its_name() -> anyhow::Result<()> {
    let (world, endpoint) = with_echo().await?;
    let readonly = format!("{ARN}:readonly");
    let names = [
        ("start", ARN),
        ("start:readonly", &readonly),
        ("123456789012:function:start", ARN),
        ("123456789012%3Afunction%3Astart%3Areadonly", &readonly),
        ("arn%3Aaws%3Alambda%3Aeu-central-1%3A123456789012%3Afunction%3Astart", ARN),
        (&readonly, &readonly),
    ];
    for (name, arn) in names {
        let answer = invoke(&endpoint, &format!("{name}/invocations"), "", r#"{"n":1}"#).await?;
        assert_eq!(answer, succeeded(&json!({ "arn": arn, "payload": { "n": 1 } })), "{name}");
    }
    let beside = invoke(&endpoint, "start/invocations?Qualifier=readonly", "", "").await?;
    assert_eq!(beside, succeeded(&json!({ "arn": readonly, "payload": {} })));
    let latest = invoke(&endpoint, "start/invocations?Qualifier=%24LATEST", "", "[]").await?;
    assert_eq!(latest, succeeded(&json!({ "arn": format!("{ARN}:$LATEST"), "payload": [] })));

    let requests = world.requests();
    let last = &requests[6];
    assert_eq!(requests.len(), 8);
    assert_eq!((last.service, last.operation.as_str()), ("lambda", "Invoke"));
    assert_eq!((last.action.as_str(), &last.resources[..]), ("lambda:InvokeFunction", &[readonly][..]));
    assert_eq!(last.body, json!({ "FunctionName": "start", "Qualifier": "readonly", "Payload": {} }));
    Ok(())
}

#[tokio::test]
async fn a_function_or_an_alias_that_does_not_exist_is_not_found() -> anyhow::Result<()> {
    let (_, endpoint) = with_echo().await?;
    let other_region = "arn:aws:lambda:us-east-1:123456789012:function:start";
    for (name, arn) in [
        ("check/invocations", ARN.replace("start", "check")),
        ("start:live/invocations", format!("{ARN}:live")),
        ("start/invocations?Qualifier=7", format!("{ARN}:7")),
        (&format!("{other_region}/invocations"), other_region.to_owned()),
    ] {
        assert_eq!(invoke(&endpoint, name, "", "").await?, not_found(&arn), "{name}");
    }
    let message = "The derived qualifier from the function name does not match the specified qualifier.";
    assert_eq!(
        invoke(&endpoint, "start:readonly/invocations?Qualifier=live", "", "").await?,
        refused(400, "InvalidParameterValueException", &json!({ "message": message, "Type": "User" }))
    );
    Ok(())
}

#[tokio::test]
async fn a_function_that_fails_is_answered_as_lambda_answers_it() -> anyhow::Result<()> {
    let (_, endpoint) = with_echo().await?;
    let answer = invoke(&endpoint, "start/invocations", "", r#"{"fail":"no table"}"#).await?;
    assert_eq!(answer, failed("Failed", "no table"));
    Ok(())
}

#[tokio::test]
async fn an_event_runs_the_function_and_a_dry_run_does_not() -> anyhow::Result<()> {
    let world = world();
    let inner = world.clone();
    world.add_function(Function::new("start", move |invocation| {
        inner.put_parameter("/seen", &invocation.payload.to_string());
        async { Ok(Value::Null) }
    }));
    let endpoint = serve(&world).await?;
    let of_type = |kind: &str| format!("x-amz-invocation-type: {kind}\r\n");
    let dry_run = invoke(&endpoint, "start/invocations", &of_type("DryRun"), "1").await?;
    assert_eq!((dry_run, world.parameter("/seen")), (Answer::new(204, &[], ""), None));
    let event = invoke(&endpoint, "start/invocations", &of_type("Event"), "2").await?;
    assert_eq!((event, world.parameter("/seen")), (Answer::new(202, &[], ""), Some("2".to_owned())));
    let synchronous = invoke(&endpoint, "start/invocations", &of_type("RequestResponse"), "3").await?;
    assert_eq!((synchronous, world.parameter("/seen")), (succeeded(&Value::Null), Some("3".to_owned())));
    assert_eq!(invoke(&endpoint, "start/invocations", &of_type("Later"), "4").await?.status, 400);
    Ok(())
}

#[tokio::test]
async fn six_megabytes_go_in_and_six_come_out() -> anyhow::Result<()> {
    let (world, endpoint) = with_echo().await?;
    let text = |bytes: usize| format!("\"{}\"", "a".repeat(bytes - 2));
    let largest = 6 * 1024 * 1024;
    world.add_function(Function::new("length", |invocation| async move {
        Ok(json!(invocation.payload.as_str().map(str::len)))
    }));
    assert_eq!(invoke(&endpoint, "length/invocations", "", &text(largest)).await?, succeeded(&json!(largest - 2)));
    let message = "Request must be smaller than 6291456 bytes for the InvokeFunction operation";
    assert_eq!(
        invoke(&endpoint, "length/invocations", "", &text(largest + 1)).await?,
        refused(413, "RequestEntityTooLargeException", &json!({ "message": message }))
    );
    world.add_function(Function::new("repeat", |invocation| async move {
        let bytes = invocation.payload.as_u64().and_then(|bytes| bytes.try_into().ok()).unwrap_or_default();
        Ok(json!("a".repeat(bytes)))
    }));
    assert_eq!(invoke(&endpoint, "repeat/invocations", "", "6291554").await?.body.len(), 6_291_556);
    let message = "Response payload size exceeded maximum allowed payload size (6291556 bytes).";
    assert_eq!(
        invoke(&endpoint, "repeat/invocations", "", "6291555").await?,
        failed("Function.ResponseSizeTooLarge", message)
    );
    let no_json = invoke(&endpoint, "start/invocations", "", "{").await?;
    assert_eq!((no_json.status, no_json.headers["x-amzn-errortype"].as_str()), (400, "InvalidRequestContentException"));
    Ok(())
}

#[tokio::test]
async fn a_function_may_use_the_world_while_others_do() -> anyhow::Result<()> {
    let world = world();
    world.add_nodegroup(Nodegroup::new("prod", "blue"));
    let inner = world.clone();
    world.add_function(Function::new("start", move |_| {
        let world = inner.clone();
        async move {
            let clusters = clients(&world).await.eks.list_clusters().send().await;
            Ok(json!(clusters.ok().and_then(|clusters| clusters.clusters)))
        }
    }));
    let endpoint = serve(&world).await?;
    let both =
        tokio::join!(invoke(&endpoint, "start/invocations", "", ""), invoke(&endpoint, "start/invocations", "", ""));
    assert_eq!((both.0?, both.1?), (succeeded(&json!(["prod"])), succeeded(&json!(["prod"]))));
    let actions: Vec<String> = world.requests().into_iter().map(|request| request.action).collect();
    assert_eq!(actions.iter().filter(|action| *action == "eks:ListClusters").count(), 2, "{actions:?}");
    Ok(())
}

#[tokio::test]
async fn faults_say_whether_a_function_runs() -> anyhow::Result<()> {
    let (world, endpoint) = with_echo().await?;
    let inner = world.clone();
    world.add_function(Function::new("start", move |_| {
        inner.put_parameter("/seen", "yes");
        async { Ok(json!({ "one": 1 })) }
    }));
    let denied = ApiError::access_denied("lambda:InvokeFunction");
    world.fail_next("lambda:InvokeFunction", 1, denied.clone());
    let answer = invoke(&endpoint, "start/invocations", "", "").await?;
    assert_eq!(answer, refused(403, "AccessDeniedException", &json!({ "message": denied.message })));
    assert_eq!(world.parameter("/seen"), None);

    world.on_request(|_| Fault::WithoutMember(0));
    assert_eq!(invoke(&endpoint, "start/invocations", "", "").await?, succeeded(&json!({})));
    world.on_request(|_| Fault::LostAfter);
    world.remove_parameter("/seen");
    assert!(invoke(&endpoint, "start/invocations", "", "").await.is_err());
    assert_eq!(world.parameter("/seen").as_deref(), Some("yes"));
    Ok(())
}

#[tokio::test]
async fn a_function_that_panics_is_no_answer_of_its_own() -> anyhow::Result<()> {
    let world = world();
    world.add_function(Function::new("start", |_| async { panic!("on purpose") }));
    let endpoint = serve(&world).await?;
    let answer = invoke(&endpoint, "start/invocations", "", "").await?;
    assert_eq!(answer, refused(500, "ServerException", &json!({ "message": "An internal error occurred" })));
    Ok(())
}

#[tokio::test]
async fn a_function_shows_its_configuration() -> anyhow::Result<()> {
    let world = world();
    let function = Function::new("start", echo).alias("readonly").environment("RING_SOAK", "2h");
    world.add_function(function.timeout(std::time::Duration::from_mins(15)));
    let endpoint = serve(&world).await?;
    let expected = |arn: &str| {
        let configuration = json!({
            "FunctionName": "start",
            "FunctionArn": arn,
            "Timeout": 900,
            "MemorySize": 128,
            "Version": "$LATEST",
            "State": "Active",
            "Environment": { "Variables": { "RING_SOAK": "2h" } },
        });
        Answer::new(200, &[], &configuration.to_string())
    };
    let configuration = async |name: &str| {
        signed(&endpoint, "lambda", &format!("GET /2015-03-31/functions/{name} HTTP/1.1"), "", b"").await
    };
    let readonly = format!("{ARN}:readonly");
    assert_eq!(configuration("start/configuration").await?, expected(ARN));
    assert_eq!(configuration("start/configuration?Qualifier=readonly").await?, expected(&readonly));
    assert_eq!(configuration("check/configuration").await?, not_found(&ARN.replace("start", "check")));
    assert_eq!(configuration("start").await?.status, 404);
    let [_, asked, ..] = &world.requests()[..] else { panic!("requests") };
    assert_eq!((asked.action.as_str(), &asked.resources), ("lambda:GetFunctionConfiguration", &vec![readonly]));
    Ok(())
}
