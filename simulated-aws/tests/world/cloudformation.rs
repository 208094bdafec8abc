use simulated_aws::{ApiError, Stack};

use crate::http::signed;
use crate::sdk::{serve, world};

/// A `DescribeStacks` with these parameters: the status, and the body without the parts that all answers have.
async fn describe_stacks(endpoint: &str, parameters: &str) -> anyhow::Result<(u16, String)> {
    let body = format!("Action=DescribeStacks&Version=2010-05-15{parameters}");
    let answer = signed(endpoint, "cloudformation", "POST / HTTP/1.1", "", body.as_bytes()).await?;
    let start = "<DescribeStacksResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\">";
    let result = answer.body.strip_prefix(start).and_then(|body| body.split("<ResponseMetadata>").next());
    let error = answer.body.split("<RequestId>").next().unwrap_or_default();
    Ok((answer.status, result.unwrap_or(error).to_owned()))
}

fn result(content: &str) -> (u16, String) {
    (200, format!("<DescribeStacksResult>{content}</DescribeStacksResult>"))
}

fn member(arn: &str, name: &str, rest: &str) -> String {
    format!("<member><StackId>{arn}</StackId><StackName>{name}</StackName>{rest}</member>")
}

const CREATED: &str = "<CreationTime>2026-07-01T08:00:00.000Z</CreationTime>";

#[tokio::test]
async fn a_stack_is_found_by_its_name_and_by_its_arn() -> anyhow::Result<()> {
    let world = world();
    let stack = Stack::new("updater").description("Updates & notifies").output("Table", "updates", "The <table>.");
    let arn = world.add_stack(stack);
    world.add_stack(Stack::new("other"));
    assert!(arn.starts_with("arn:aws:cloudformation:eu-central-1:123456789012:stack/updater/"), "{arn}");
    let endpoint = serve(&world).await?;

    let described = member(
        &arn,
        "updater",
        &format!(
            "<Description>Updates &amp; notifies</Description>{CREATED}<StackStatus>CREATE_COMPLETE</StackStatus>\
             <Outputs><member><OutputKey>Table</OutputKey><OutputValue>updates</OutputValue>\
             <Description>The &lt;table&gt;.</Description></member></Outputs>"
        ),
    );
    let expected = result(&format!("<Stacks>{described}</Stacks>"));
    assert_eq!(describe_stacks(&endpoint, "&StackName=updater").await?, expected);
    assert_eq!(describe_stacks(&endpoint, &format!("&StackName={arn}")).await?, expected);

    let [by_name, by_arn] = &world.requests()[..] else { panic!("two requests") };
    assert_eq!(by_name.action, "cloudformation:DescribeStacks");
    assert_eq!(by_name.resources, ["arn:aws:cloudformation:eu-central-1:123456789012:stack/updater/*"]);
    assert_eq!(by_arn.resources, [arn]);
    Ok(())
}

#[tokio::test]
async fn all_stacks_are_described_in_pages() -> anyhow::Result<()> {
    let world = world();
    let one = world.add_stack(Stack::new("one").status("UPDATE_ROLLBACK_COMPLETE"));
    let two = world.add_stack(Stack::new("two"));
    world.page_size(1);
    let endpoint = serve(&world).await?;
    let page = |arn: &str, name: &str, status: &str, next: &str| {
        let rest = format!("{CREATED}<StackStatus>{status}</StackStatus><Outputs></Outputs>");
        result(&format!("<Stacks>{}</Stacks>{next}", member(arn, name, &rest)))
    };
    let first = page(&one, "one", "UPDATE_ROLLBACK_COMPLETE", "<NextToken>6f6e65</NextToken>");
    assert_eq!(describe_stacks(&endpoint, "").await?, first);
    let second = page(&two, "two", "CREATE_COMPLETE", "");
    assert_eq!(describe_stacks(&endpoint, "&NextToken=6f6e65").await?, second);
    assert_eq!(describe_stacks(&endpoint, "&NextToken=?").await?.0, 400);
    assert_eq!(world.requests()[0].resources, ["*"]);
    Ok(())
}

#[tokio::test]
async fn a_stack_that_is_unknown_or_forbidden_is_an_error_in_cloudformations_words() -> anyhow::Result<()> {
    let world = world();
    let endpoint = serve(&world).await?;
    let error = |code: &str, message: &str| {
        let members = format!("<Type>Sender</Type><Code>{code}</Code><Message>{message}</Message>");
        format!("<ErrorResponse><Error>{members}</Error>")
    };
    assert_eq!(
        describe_stacks(&endpoint, "&StackName=none").await?,
        (400, error("ValidationError", "Stack with id none does not exist"))
    );
    let action = "cloudformation:DescribeStacks";
    let denied = ApiError::access_denied(action);
    world.fail_next(action, 1, denied.clone());
    let answer = describe_stacks(&endpoint, "").await?;
    assert_eq!(answer, (403, error("AccessDenied", &denied.message)));
    assert_eq!(describe_stacks(&endpoint, "").await?, result("<Stacks></Stacks>"));
    Ok(())
}
