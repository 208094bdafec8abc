"""What `just package-template` writes: a template without SAM that creates what `template.yaml` creates."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import boto3
import pytest
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto_cloudformation import teach_moto
from moto_server import REGION
from runtime_api import resolve
from samtranslator.translator.arn_generator import ArnGenerator
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse
from test_template import FUNCTIONS, source

ROOT = Path(__file__).resolve().parents[2]
VERSION = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]["version"]
BINARIES = {"StartFunction": "start", "CheckFunction": "check"}
CODE_PARAMETERS = ["CodeBucket", "CodePrefix"]
BASIC_EXECUTION = "arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"


def write(path: Path, **environment: str) -> bytes:
    """The file that the recipe writes there."""
    command = [sys.executable, ROOT / "package/template.py", path]
    subprocess.run(command, env=os.environ | environment, capture_output=True, check=True)
    return path.read_bytes()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("dist") / "template-packaged.yaml"
    write(path)
    return path


@pytest.fixture(scope="module")
def packaged(path: Path) -> dict[str, Any]:
    return yaml_parse(path.read_text())


@cache
def by_sam(partition: str) -> dict[str, Any]:
    """What CloudFormation makes of `template.yaml` in a partition."""
    template = yaml_parse((ROOT / "template.yaml").read_text())
    template["Globals"]["Function"]["CodeUri"] = "s3://bucket/key"  # as `sam package` would
    where = mock.patch.object(ArnGenerator, "get_partition_name", return_value=partition)
    with where, mock.patch.dict(os.environ, AWS_DEFAULT_REGION="us-east-1"):
        return transform(template, {}, mock.Mock(load=dict))


# ── The same without SAM ─────────────────────────────────────────────────────────────────────────────────────────────


def every_key(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else []:
        yield from every_key(part)


def test_it_takes_no_transform_and_nothing_in_it_is_sam_s(packaged):
    assert list(packaged) == [
        "AWSTemplateFormatVersion",
        "Description",
        "Metadata",
        "Parameters",
        "Conditions",
        "Resources",
        "Outputs",
    ]
    functions = {key for key in every_key(packaged) if key.startswith("Fn::")}
    assert functions == {"Fn::Equals", "Fn::GetAtt", "Fn::If", "Fn::Join", "Fn::Not", "Fn::Sub"}
    assert [name for name, it in packaged["Resources"].items() if "Serverless" in it["Type"] or "Metadata" in it] == []
    assert [it for it in ("SAM", "rust-cargolambda") if f'"{it}"' in json.dumps(packaged)] == []


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov", "aws-eusc"])
def test_it_creates_what_template_yaml_creates_but_for_code_and_sam_s_tag(packaged, partition):
    made = {name: dict(it) for name, it in by_sam(partition)["Resources"].items()}
    for name, it in made.items():
        it.pop("Metadata", None)
        it["Properties"] = dict(it["Properties"])
        tagged = it["Type"] == "AWS::Lambda::Function" or name in {f"{function}Role" for function in FUNCTIONS}
        assert it["Properties"].pop("Tags", []) == ([{"Key": "lambda:createdBy", "Value": "SAM"}] if tagged else [])
        if "ManagedPolicyArns" in it["Properties"]:
            it["Properties"]["ManagedPolicyArns"] = [{"Fn::Sub": BASIC_EXECUTION}]
            (arn,) = by_sam(partition)["Resources"][name]["Properties"]["ManagedPolicyArns"]
            assert arn == BASIC_EXECUTION.replace("${AWS::Partition}", partition)
    for function in FUNCTIONS:
        made[function]["Properties"]["Code"] = packaged["Resources"][function]["Properties"]["Code"]
    assert packaged["Resources"] == made


def test_it_has_the_same_outputs_and_conditions_and_two_more_parameters(packaged):
    expected = by_sam("aws")
    assert {key: packaged[key] for key in ("Outputs", "Conditions", "Description")} == {
        key: expected[key] for key in ("Outputs", "Conditions", "Description")
    }
    assert list(packaged["Parameters"]) == [*CODE_PARAMETERS, *expected["Parameters"]]
    assert expected["Parameters"].items() <= packaged["Parameters"].items()
    interface, interface_of_sam = (it["Metadata"]["AWS::CloudFormation::Interface"] for it in (packaged, expected))
    code = {"Label": {"default": "Code of the functions"}, "Parameters": CODE_PARAMETERS}
    assert interface["ParameterGroups"] == [code, *interface_of_sam["ParameterGroups"]]
    assert interface["ParameterLabels"] == interface_of_sam["ParameterLabels"]


def test_its_resources_are_in_the_order_of_template_yaml_and_what_sam_makes_follows_its_function(packaged):
    order = [next((function for function in FUNCTIONS if name.startswith(function)), name) for name in packaged["Resources"]]
    assert list(dict.fromkeys(order)) == list(source()["Resources"])
    assert order == sorted(order, key=list(source()["Resources"]).index)


def test_it_says_why_each_function_has_each_permission(path):
    reason = re.compile(r"^ *# (.+)\n(?: *# .+\n)* *- Sid: (\w+)$", re.MULTILINE)
    reasons = reason.findall((ROOT / "template.yaml").read_text())
    assert ("Observe: the node groups with the tag. The action knows no resources.", "FindTaggedNodegroups") in reasons
    assert reason.findall(path.read_text()) == reasons


# ── Where the code is ────────────────────────────────────────────────────────────────────────────────────────────────


def test_each_function_has_its_zip_of_this_version_and_the_architecture(packaged):
    assert {name: packaged["Resources"][name]["Properties"]["Code"] for name in FUNCTIONS} == {
        name: {
            "S3Bucket": {"Ref": "CodeBucket"},
            "S3Key": {"Fn::Sub": f"${{CodePrefix}}{binary}-{VERSION}-${{Architecture}}.zip"},
        }
        for name, binary in BINARIES.items()
    }


@pytest.mark.parametrize(
    ("parameter", "allowed", "refused"),
    [
        (
            "CodeBucket",
            ["abc", "company-tools-eu-central-1", "tools.example.com", 63 * "a"],
            ["", "ab", "Tools", "s3://tools", "tools/eks", "-tools", 64 * "a"],
        ),
        ("CodePrefix", ["", "eks-nodegroup-updater/", "a/b_c/1.0/"], ["eks-nodegroup-updater", "/", "/a/", "a//", "a b/"]),
    ],
)
def test_a_malformed_place_is_refused_before_anything_is_deployed(packaged, parameter, allowed, refused):
    matches = re.compile(packaged["Parameters"][parameter]["AllowedPattern"]).fullmatch
    assert [value for value in allowed if not matches(value)] == []
    assert [value for value in refused if matches(value)] == []


def test_only_the_bucket_must_be_given(packaged):
    assert [name for name, it in packaged["Parameters"].items() if "Default" not in it] == ["CodeBucket"]


# ── The file ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_whoever_writes_it_gets_the_same_bytes(path, tmp_path):
    elsewhere = write(tmp_path / "again.yaml", AWS_DEFAULT_REGION="cn-north-1", PYTHONHASHSEED="1", LC_ALL="C")
    assert elsewhere == path.read_bytes()


def test_it_is_as_large_as_it_says(path):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""
    text = path.read_text()
    assert "# It is larger than 51,200 bytes, so CloudFormation reads it only from a bucket" in text
    assert 51_200 < len(text.encode()) < 1_000_000


def test_cfn_lint_finds_nothing(path):
    done = subprocess.run(["cfn-lint", "--template", path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# ── On moto ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Deployed:
    """A stack of the packaged template: the physical id of each resource, and its outputs."""

    ids: dict[str, str]
    outputs: dict[str, str]


@pytest.fixture(scope="module")
def deployed(path: Path) -> Iterator[Deployed]:
    teach_moto()
    with mock_aws(), mock.patch.dict(os.environ, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS="true"):
        s3 = boto3.client("s3", REGION)
        s3.create_bucket(Bucket="zips", CreateBucketConfiguration={"LocationConstraint": REGION})
        for binary in BINARIES.values():
            s3.put_object(Bucket="zips", Key=f"tools/{binary}-{VERSION}-x86_64.zip", Body=zipped(binary))
        s3.put_object(Bucket="zips", Key="template.yaml", Body=path.read_bytes())
        cloudformation = boto3.client("cloudformation", REGION)
        given = {"CodeBucket": "zips", "CodePrefix": "tools/", "Architecture": "x86_64", "NotificationEmail": "ops@example.com"}
        cloudformation.create_change_set(  # as `aws cloudformation deploy` does
            StackName="fleet",
            ChangeSetName="first",
            ChangeSetType="CREATE",
            TemplateURL=f"https://zips.s3.{REGION}.amazonaws.com/template.yaml",
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
        cloudformation.execute_change_set(StackName="fleet", ChangeSetName="first")
        (stack,) = cloudformation.describe_stacks(StackName="fleet")["Stacks"]
        assert stack["StackStatus"] == "CREATE_COMPLETE"
        outputs = {it["OutputKey"]: it["OutputValue"] for it in stack["Outputs"]}
        made = cloudformation.describe_stack_resources(StackName="fleet")["StackResources"]
        # moto lists one more that has no name; and a permission has no id there.
        ids = {it["LogicalResourceId"]: it.get("PhysicalResourceId", "") for it in made if "LogicalResourceId" in it}
        yield Deployed(ids, outputs)


@cache
def zipped(binary: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("bootstrap", binary)
    return file.getvalue()


def test_moto_creates_every_resource_and_output(packaged, deployed):
    assert set(deployed.ids) == set(packaged["Resources"])
    assert set(deployed.outputs) == set(packaged["Outputs"])


def test_on_moto_each_function_runs_its_own_zip_with_its_settings(packaged, deployed):
    client = boto3.client("lambda", REGION)
    facts = {"AWS::StackName": "fleet"} | deployed.ids
    for name, binary in BINARIES.items():
        function = client.get_function(FunctionName=deployed.ids[name])
        assert function["Configuration"]["CodeSha256"] == base64.b64encode(hashlib.sha256(zipped(binary)).digest()).decode()
        environment = packaged["Resources"][name]["Properties"]["Environment"]
        assert function["Configuration"]["Environment"] == resolve(environment, packaged, facts)


def test_on_moto_the_dashboard_is_that_of_template_yaml(deployed):
    facts = {"AWS::StackName": "fleet", "AWS::Region": REGION} | deployed.ids
    alarms = [name for name in source()["Resources"] if name.endswith("Alarm")]
    facts |= {f"{name}.Arn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{deployed.ids[name]}" for name in alarms}
    body = resolve(source()["Resources"]["Dashboard"]["Properties"]["DashboardBody"], source(), facts)
    shown = boto3.client("cloudwatch", REGION).get_dashboard(DashboardName=f"fleet-{REGION}")["DashboardBody"]
    assert json.loads(shown) == json.loads(body)
    assert "${" not in shown
