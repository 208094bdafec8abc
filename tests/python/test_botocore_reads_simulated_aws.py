"""The simulated AWS, judged by botocore: AWS's own client, with AWS's own models of every answer."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.model import Shape
from conftest import ROOT
from test_template import template_actions

SERVE = os.environ.get("SERVE_BINARY", str(ROOT / "target/debug/eks-nodegroup-updater"))
BLUE = {"clusterName": "staging", "nodegroupName": "general"}
OF_BLUE = {"name": "staging", "nodegroupName": "general"}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    assert os.path.isfile(SERVE), f"{SERVE} is missing: run `cargo build -p eks-nodegroup-updater-cli`"
    command = [SERVE, "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def client_of(endpoint: str, service: str, region: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id="AKIATEST",
        aws_secret_access_key="secret",
        config=Config(retries={"max_attempts": 0}, proxies={}),
    )


class Aws:
    """Clients that write down what they called, and hold each answer against AWS's model of it."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.called: set[str] = set()

    def __getattr__(self, service: str) -> Any:
        client = client_of(self.endpoint, service, "eu-central-1")
        client.meta.events.register("before-parse.*.*", self._judge)
        return client

    def _judge(self, operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
        service = operation_model.service_model.signing_name
        self.called.add(f"{'tag' if service == 'tagging' else service}:{operation_model.name}")
        has_members = operation_model.metadata.get("protocol") != "query"
        # The body of an invocation's answer is the function's own.
        has_members &= "payload" not in operation_model.output_shape.serialization
        if response_dict["status_code"] < 300 and has_members:
            conforms(json.loads(response_dict["body"]), operation_model.output_shape, operation_model.name)


def conforms(value: Any, shape: Shape, path: str) -> None:
    """Every member is known to AWS's model, and of its type; what is required is there."""
    match shape.type_name:
        case "structure":
            names = {member.serialization.get("name", name): member for name, member in shape.members.items()}
            assert isinstance(value, dict) and value.keys() <= names.keys(), f"{path}: {value}"
            assert set(shape.required_members) <= value.keys(), f"{path} lacks a member: {value}"
            for name, member in value.items():
                if member is not None:
                    conforms(member, names[name], f"{path}.{name}")
        case "list":
            assert isinstance(value, list), path
            for item in value:
                conforms(item, shape.member, f"{path}[]")
        case "map":
            assert isinstance(value, dict), path
            for item in value.values():
                conforms(item, shape.value, f"{path}{{}}")
        case "integer" | "long" | "float" | "double" | "timestamp":
            assert isinstance(value, int | float), f"{path}: {value!r}"
        case "boolean":
            assert isinstance(value, bool), f"{path}: {value!r}"
        case _:
            assert isinstance(value, str), f"{path}: {value!r}"


@pytest.fixture(scope="module")
def aws(endpoint: str) -> Aws:
    return Aws(endpoint)


def refusal(call: Any, **parameters: Any) -> tuple[int, str]:
    with pytest.raises(ClientError) as refused:
        call(**parameters)
    answer = refused.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


def test_botocore_reads_every_operation_that_the_functions_call(aws: Aws) -> None:
    pages = aws.resourcegroupstaggingapi.get_paginator("get_resources").paginate(
        ResourceTypeFilters=["eks:nodegroup"], TagFilters=[{"Key": "ami-update"}], ResourcesPerPage=2
    )
    tagged = [resource["ResourceARN"] for page in pages for resource in page["ResourceTagMappingList"]]
    assert len(tagged) == len(set(tagged)) > 10

    eks = aws.eks
    nodegroup = eks.describe_nodegroup(**BLUE)["nodegroup"]
    assert nodegroup["nodegroupArn"] in tagged
    assert BLUE["nodegroupName"] in eks.list_nodegroups(clusterName="staging")["nodegroups"]
    assert eks.describe_cluster(name="staging")["cluster"]["version"] == nodegroup["version"]
    assert eks.describe_cluster_versions(clusterVersions=["1.32", "1.33"], includeAll=True)["clusterVersions"] == []

    path = "/aws/service/eks/optimized-ami/1.33/amazon-linux-2023/x86_64/standard"
    name = f"{path}/recommended/release_version"
    answer = aws.ssm.get_parameters(Names=[name, "/aws/service/none"])
    release = answer["Parameters"][0]["Value"]
    assert answer["InvalidParameters"] == ["/aws/service/none"]
    by_path = aws.ssm.get_paginator("get_parameters_by_path").paginate(
        Path=path, Recursive=True, PaginationConfig={"PageSize": 1}
    )
    assert name in [parameter["Name"] for page in by_path for parameter in page["Parameters"]]
    assert refusal(aws.ssm.get_calendar_state, CalendarNames=["none"]) == (400, "InvalidDocument")

    asked = {**BLUE, "version": nodegroup["version"], "releaseVersion": release, "clientRequestToken": "one"}
    update = eks.update_nodegroup_version(**asked)["update"]
    assert (update["status"], update["type"]) == ("InProgress", "VersionUpdate")
    assert eks.describe_update(**OF_BLUE, updateId=update["id"])["update"]["params"] == [
        {"type": "Version", "value": nodegroup["version"]},
        {"type": "ReleaseVersion", "value": release},
    ]
    updates = eks.get_paginator("list_updates").paginate(**OF_BLUE, PaginationConfig={"PageSize": 1})
    assert [update_id for page in updates for update_id in page["updateIds"]] == [update["id"]]

    key, yes = {"itemKey": {"S": "arn:one"}}, {"S": "yes"}
    item = key | {"pending": yes, "optedIn": yes, "revision": {"S": "1/writer"}}
    new = {"TableName": "updates", "Item": item, "ConditionExpression": "attribute_not_exists(itemKey)"}
    aws.dynamodb.put_item(**new)
    assert refusal(aws.dynamodb.put_item, **new) == (400, "ConditionalCheckFailedException")
    for index, attribute in [("pending-index", "pending"), ("opted-in-index", "optedIn")]:
        found = aws.dynamodb.query(
            TableName="updates",
            IndexName=index,
            KeyConditionExpression=f"{attribute} = :yes",
            ExpressionAttributeValues={":yes": yes},
        )
        assert found["Items"] == [key | {attribute: yes}]
    keys = {"updates": {"Keys": [key], "ConsistentRead": True}}
    assert aws.dynamodb.batch_get_item(RequestItems=keys)["Responses"] == {"updates": [item]}

    topic = aws.sns.list_topics()["Topics"][0]["TopicArn"]
    notice = {"TopicArn": topic, "Subject": "s", "MessageStructure": "json", "Message": '{"default": "d"}'}
    assert aws.sns.publish(**notice)["MessageId"]

    events = aws.events
    assert events.describe_event_bus(Name="default")["Name"] == "default"
    assert refusal(events.describe_event_bus, Name="none") == (400, "ResourceNotFoundException")
    event = {"Source": "eks-nodegroup-updater", "DetailType": "EKS Nodegroup Update Started", "Detail": "{}"}
    answer = events.put_events(Entries=[event, event | {"Detail": "no JSON"}, event | {"Source": "aws.eks"}])
    assert answer["FailedEntryCount"] == 2
    assert [entry.get("ErrorCode") for entry in answer["Entries"]] == [
        None,
        "MalformedDetail",
        "NotAuthorizedForSourceException",
    ]
    assert refusal(events.put_events, Entries=[event] * 11) == (400, "ValidationException")

    assert template_actions("StartFunction") | template_actions("CheckFunction") <= aws.called


def test_botocore_reads_every_declared_error_of_the_update(aws: Aws) -> None:
    update = aws.eks.update_nodegroup_version
    search = {"clusterName": "data", "nodegroupName": "search", "version": "1.32"}
    assert refusal(update, **search, releaseVersion="1.32.0-19990101") == (400, "InvalidParameterException")
    assert refusal(update, clusterName="none", nodegroupName="none") == (404, "ResourceNotFoundException")
    assert refusal(update, clusterName="data", nodegroupName="spark") == (400, "InvalidRequestException")
    assert refusal(update, clusterName="data", nodegroupName="etl", version="1.32")[0] == 400
    aws.eks.update_nodegroup_version(clusterName="staging", nodegroupName="web")
    assert refusal(update, clusterName="staging", nodegroupName="web") == (409, "ResourceInUseException")
    missing = {"name": "staging", "nodegroupName": "web", "updateId": "00000000-0000-4000-8000-000000000000"}
    assert refusal(aws.eks.describe_update, **missing) == (404, "ResourceNotFoundException")
    none = {"clusterName": "staging", "nodegroupName": "none"}
    assert refusal(aws.eks.describe_nodegroup, **none) == (404, "ResourceNotFoundException")
    assert refusal(aws.sns.publish, TopicArn="arn:aws:sns:eu-central-1:123456789012:none", Message="x")[0] == 404


def test_botocore_finds_the_stack_and_invokes_its_functions(aws: Aws) -> None:
    pages = aws.cloudformation.get_paginator("describe_stacks").paginate()
    stacks = [stack for page in pages for stack in page["Stacks"]]
    assert [(stack["StackName"], stack["StackStatus"]) for stack in stacks] == [
        ("eks-nodegroup-updater", "CREATE_COMPLETE")
    ]
    by_arn = aws.cloudformation.describe_stacks(StackName=stacks[0]["StackId"])["Stacks"]
    assert by_arn == aws.cloudformation.describe_stacks(StackName="eks-nodegroup-updater")["Stacks"] == stacks
    with pytest.raises(ClientError, match="Stack with id none does not exist"):
        aws.cloudformation.describe_stacks(StackName="none")
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stacks[0]["Outputs"]}
    start, check = outputs["StartFunctionName"], outputs["CheckFunctionName"]

    functions = getattr(aws, "lambda")
    configuration = functions.get_function_configuration(FunctionName=start)
    assert (configuration["State"], configuration["Timeout"]) == ("Active", 900)
    settings = configuration["Environment"]["Variables"]
    assert (settings["UPDATES_TABLE"], settings["STOP_SWITCH"]) == (
        outputs["UpdatesTableName"],
        outputs["StopSwitchName"],
    )

    def invoke(name: str, event: dict[str, Any], **parameters: Any) -> tuple[int, str | None, Any]:
        answer = functions.invoke(FunctionName=name, Payload=json.dumps(event), **parameters)
        payload = answer["Payload"].read()
        return answer["StatusCode"], answer.get("FunctionError"), json.loads(payload) if payload else None

    read_only = {"Qualifier": "readonly"}
    status, error, plan = invoke(start, {}, **read_only)
    assert (status, error, plan["dryRun"]) == (200, None, True)
    status, error, failure = invoke(f"{configuration['FunctionArn']}:readonly", {"retry": ["prod/web"]})
    assert (status, error, failure["errorType"]) == (200, "Unhandled", "RunFailed")
    assert invoke(start, {}, InvocationType="DryRun", **read_only) == (204, None, None)
    assert invoke(check, {}, InvocationType="Event") == (202, None, None)
    for missing in ["none", f"{start}:none"]:
        assert refusal(functions.invoke, FunctionName=missing) == (404, "ResourceNotFoundException")
    with pytest.raises(functions.exceptions.ResourceNotFoundException, match="Function not found: arn:aws:lambda:"):
        functions.get_function_configuration(FunctionName=start, Qualifier="none")

    switch = {"Name": outputs["StopSwitchName"], "Value": "stopped"}
    assert refusal(aws.ssm.put_parameter, **switch) == (400, "ParameterAlreadyExists")
    assert aws.ssm.put_parameter(**switch, Overwrite=True)["Version"] == 2
    assert "stop switch" in invoke(start, {}, **read_only)[2]["freeze"]["message"]


def test_botocore_reads_the_regions_and_the_refusal_of_a_region_that_is_not_enabled(endpoint: str, aws: Aws) -> None:
    enabled = ["ENABLED", "ENABLED_BY_DEFAULT"]
    pages = aws.account.get_paginator("list_regions").paginate(RegionOptStatusContains=enabled)
    own = {"RegionName": "eu-central-1", "RegionOptStatus": "ENABLED_BY_DEFAULT"}
    assert [region for page in pages for region in page["Regions"]] == [own]
    assert refusal(aws.account.list_regions, NextToken="none") == (400, "ValidationException")
    assert refusal(aws.account.list_regions, AccountId="210987654321") == (403, "AccessDeniedException")
    for service, call, refused in [
        ("eks", "list_clusters", (403, "UnrecognizedClientException")),
        ("ssm", "describe_parameters", (400, "UnrecognizedClientException")),
        ("resourcegroupstaggingapi", "get_resources", (400, "UnrecognizedClientException")),
        ("sts", "get_caller_identity", (403, "InvalidClientTokenId")),
        ("cloudformation", "describe_stacks", (403, "InvalidClientTokenId")),
    ]:
        assert refusal(getattr(client_of(endpoint, service, "af-south-1"), call)) == refused, service
