"""What `template.yaml` deploys, asserted on the plain CloudFormation that SAM makes of it."""

from __future__ import annotations

import json
import os
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import jsonschema
import pytest
import yaml
from iam import listed
from moto.events.models import EventPattern
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = ["StartFunction", "CheckFunction"]
BASIC_EXECUTION = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"  # to write its logs
QUEUE = "${DeadLetterQueue.Arn}"
TOPIC = "${NotificationTopic}"
EVENTS = {path.stem: json.loads(path.read_text()) for path in (ROOT / "events").glob("*.json")}

PUBLISHED = [json.loads(path.read_text()) for path in (ROOT / "events/published").glob("eks-*.json")]
PUBLISHED_EVENTS = sorted(event["detail-type"] for event in PUBLISHED)

NODEGROUPS = "arn:${AWS::Partition}:eks:${AWS::Region}:${AWS::AccountId}:nodegroup/*/*/*"
CLUSTERS = "arn:${AWS::Partition}:eks:${AWS::Region}:${AWS::AccountId}:cluster/*"
PUBLIC_PARAMETERS = "arn:${AWS::Partition}:ssm:${AWS::Region}::parameter/aws/service"
EXISTING_TABLE = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${ExistingTable}"
TABLE = {"Fn::If": ["HasOwnTable", "${UpdatesTable.Arn}", EXISTING_TABLE]}
TABLE_NAME = {"Fn::If": ["HasOwnTable", "${UpdatesTable}", "${ExistingTable}"]}
NO_VALUE = "${AWS::NoValue}"
NAMESPACE = "EksNodegroupUpdater"
METRICS = json.loads((ROOT / "tests/schemas/metrics.json").read_text())
ALARMS = "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:${AWS::StackName}-*"


# ── Reading the template ─────────────────────────────────────────────────────────────────────────────────────────────


@cache
def source() -> dict[str, Any]:
    """The template as it is written."""
    return yaml_parse((ROOT / "template.yaml").read_text())


@cache
def template() -> dict[str, Any]:
    """The template as CloudFormation gets it, with each reference spelled `${Name}` or `${Name.Attribute}`."""
    packaged = yaml_parse((ROOT / "template.yaml").read_text())
    packaged["Globals"]["Function"]["CodeUri"] = "s3://bucket/key"  # as `sam package` would
    with mock.patch.dict(os.environ, AWS_DEFAULT_REGION="us-east-1"):
        return _spelled(transform(packaged, {}, mock.Mock(load=dict)))


def _spelled(value: Any) -> Any:
    match value:
        case {"Ref": name} if len(value) == 1:
            return f"${{{name}}}"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"${{{name}.{attribute}}}"
        case {"Fn::Sub": text} if isinstance(text, str):
            return text
        case dict():
            return {key: _spelled(item) for key, item in value.items()}
        case list():
            return [_spelled(item) for item in value]
        case _:
            return value


def index(name: str) -> dict[str, Any]:
    """An index of the table, whichever that is."""
    return {"Fn::If": ["HasOwnTable", f"${{UpdatesTable.Arn}}/index/{name}", f"{EXISTING_TABLE}/index/{name}"]}


def resources(kind: str) -> dict[str, Any]:
    """The properties of every resource of a type, by logical id."""
    return {name: it["Properties"] for name, it in template()["Resources"].items() if it["Type"] == kind}


def alarm_names(condition: str | None) -> str:
    """References to the alarms that exist under this condition."""
    alarms = {name: it for name, it in template()["Resources"].items() if it["Type"] == "AWS::CloudWatch::Alarm"}
    return " ".join(f"${{{name}}}" for name, it in alarms.items() if it.get("Condition") == condition)


def properties(name: str) -> dict[str, Any]:
    """The properties of one resource."""
    return template()["Resources"][name]["Properties"]


def statements(role: str) -> dict[str, dict[str, Any]]:
    """The statements of a role's own policies: by `Sid`, or by the policy's name for those that SAM adds."""
    return {
        statement.get("Sid", policy["PolicyName"]): {key: value for key, value in statement.items() if key != "Sid"}
        for policy in properties(role)["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
    }


def template_actions(function_logical_id: str) -> set[str]:
    """The IAM actions that a function's role grants for AWS calls which its program makes itself.

    Left out is what AWS does in the function's name, with no call in the program: logs (the managed policy), the
    dead-letter queue (`sqs`) and the encryption of what is published (`kms`).
    """
    granted = {
        action
        for statement in statements(f"{function_logical_id}Role").values()
        for action in listed(statement["Action"])
    }
    return {action for action in granted if action.split(":")[0] not in {"kms", "logs", "sqs", "xray"}}


# ── Permissions ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_start_has_these_permissions_and_no_others():
    assert properties("StartFunctionRole")["ManagedPolicyArns"] == [BASIC_EXECUTION]
    assert statements("StartFunctionRole") == {
        "FindTaggedNodegroups": {"Effect": "Allow", "Action": "tag:GetResources", "Resource": "*"},
        "DescribeNodegroups": {"Effect": "Allow", "Action": "eks:DescribeNodegroup", "Resource": NODEGROUPS},
        "ReadReleases": {
            "Effect": "Allow",
            "Action": "ssm:GetParameters",
            "Resource": [
                f"{PUBLIC_PARAMETERS}/eks/optimized-ami/*",
                f"{PUBLIC_PARAMETERS}/bottlerocket/*",
                f"{PUBLIC_PARAMETERS}/ami-windows-latest/*",
            ],
        },
        "ReadParameters": {
            "Effect": "Allow",
            "Action": "ssm:GetParameters",
            "Resource": "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/${AWS::StackName}/*",
        },
        "ReadCalendars": {
            "Effect": "Allow",
            "Action": "ssm:GetCalendarState",
            "Resource": "arn:${AWS::Partition}:ssm:${AWS::Region}:*:document/*",
        },
        "DescribeClusters": {"Effect": "Allow", "Action": "eks:DescribeCluster", "Resource": CLUSTERS},
        "ListNodegroups": {"Effect": "Allow", "Action": "eks:ListNodegroups", "Resource": CLUSTERS},
        "DescribeKubernetesVersions": {"Effect": "Allow", "Action": "eks:DescribeClusterVersions", "Resource": "*"},
        "FindExternalUpdates": {
            "Effect": "Allow",
            "Action": ["eks:ListUpdates", "eks:DescribeUpdate"],
            "Resource": [CLUSTERS, NODEGROUPS],
        },
        "ReadAndWriteRecords": {
            "Effect": "Allow",
            "Action": ["dynamodb:BatchGetItem", "dynamodb:PutItem"],
            "Resource": TABLE,
        },
        "FindOptedInRecords": {"Effect": "Allow", "Action": "dynamodb:Query", "Resource": index("opted-in-index")},
        "FindPendingRecords": {"Effect": "Allow", "Action": "dynamodb:Query", "Resource": index("pending-index")},
        "UpdateOptedInNodegroups": {
            "Effect": "Allow",
            "Action": "eks:UpdateNodegroupVersion",
            "Resource": NODEGROUPS,
            "Condition": {"StringEquals": {"aws:ResourceTag/ami-update": "auto"}},
        },
        "StartFunctionEventInvokeConfigOnFailureSQSPolicy": {
            "Effect": "Allow",
            "Action": "sqs:SendMessage",
            "Resource": QUEUE,
        },
    }


def test_check_has_these_permissions_and_no_others():
    assert properties("CheckFunctionRole")["ManagedPolicyArns"] == [BASIC_EXECUTION]
    assert statements("CheckFunctionRole") == {
        "FindPendingRecords": {"Effect": "Allow", "Action": "dynamodb:Query", "Resource": index("pending-index")},
        "ReadAndWriteRecords": {
            "Effect": "Allow",
            "Action": ["dynamodb:BatchGetItem", "dynamodb:PutItem"],
            "Resource": TABLE,
        },
        "WatchUpdates": {
            "Effect": "Allow",
            "Action": ["eks:DescribeUpdate", "eks:ListUpdates"],
            "Resource": [CLUSTERS, NODEGROUPS],
        },
        "DescribeNodegroups": {"Effect": "Allow", "Action": "eks:DescribeNodegroup", "Resource": NODEGROUPS},
        "PublishNotices": {"Effect": "Allow", "Action": "sns:Publish", "Resource": TOPIC},
        "PutEvents": {
            "Effect": "Allow",
            "Action": "events:PutEvents",
            "Resource": "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/${EventBusName}",
            "Condition": {
                "StringEquals": {"events:source": "eks-nodegroup-updater", "events:detail-type": PUBLISHED_EVENTS},
            },
        },
        "EncryptNotices": {
            "Effect": "Allow",
            "Action": ["kms:GenerateDataKey*", "kms:Decrypt"],
            "Resource": "${NotificationKey.Arn}",
        },
        "CheckFunctionEventInvokeConfigOnFailureSQSPolicy": {
            "Effect": "Allow",
            "Action": "sqs:SendMessage",
            "Resource": QUEUE,
        },
    }


def test_no_role_of_the_stack_can_update_a_node_group_that_is_not_tagged_auto():
    granting = [
        (role, statement)
        for role in resources("AWS::IAM::Role")
        for statement in statements(role).values()
        if any(re.fullmatch(r"\*|eks:(\*|Update.*)", action) for action in listed(statement["Action"]))
    ]
    assert granting == [
        (
            "StartFunctionRole",
            {
                "Effect": "Allow",
                "Action": "eks:UpdateNodegroupVersion",
                "Resource": NODEGROUPS,
                "Condition": {"StringEquals": {"aws:ResourceTag/ami-update": "auto"}},
            },
        )
    ]


def test_start_cannot_publish_and_check_cannot_update():
    assert template_actions("StartFunction") == {
        "dynamodb:BatchGetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "eks:DescribeCluster",
        "eks:DescribeClusterVersions",
        "eks:DescribeNodegroup",
        "eks:DescribeUpdate",
        "eks:ListNodegroups",
        "eks:ListUpdates",
        "eks:UpdateNodegroupVersion",
        "ssm:GetCalendarState",
        "ssm:GetParameters",
        "tag:GetResources",
    }
    assert template_actions("CheckFunction") == {
        "dynamodb:BatchGetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "eks:DescribeNodegroup",
        "eks:DescribeUpdate",
        "eks:ListUpdates",
        "events:PutEvents",
        "sns:Publish",
    }


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_schedule_can_call_its_function_and_leave_what_fails_and_no_more(function):
    assert list(statements(f"{function}ScheduleRole").values()) == [
        {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": f"${{{function}.Arn}}"},
        {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": QUEUE},
    ]


def test_the_stack_makes_no_other_roles():
    assert set(resources("AWS::IAM::Role")) == {
        "StartFunctionRole",
        "StartFunctionScheduleRole",
        "CheckFunctionRole",
        "CheckFunctionScheduleRole",
    }


def test_people_get_two_policies_that_need_no_names_and_are_not_replaced():
    # A change of any of this but the document makes a new policy, and whoever has the old one keeps that.
    policies = resources("AWS::IAM::ManagedPolicy")
    without_document = {
        name: {key: value for key, value in it.items() if key != "PolicyDocument"} for name, it in policies.items()
    }
    assert without_document == {
        "ViewerPolicy": {
            "Description": "Look at what the EKS node group updater does and would do. Changes nothing.",
        },
        "OperatorPolicy": {
            "Description": "Steer the EKS node group updater. Attach the viewer policy as well, which finds and shows "
            "what is steered.",
        },
    }


# ── Functions and settings ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("function", "binary", "timeout"), [("StartFunction", "start", 900), ("CheckFunction", "check", 300)]
)
def test_a_function_is_small_built_by_cargo_lambda_and_outside_of_any_vpc(function, binary, timeout):
    given = {
        key: value for key, value in properties(function).items() if key not in {"Description", "Environment", "Tags"}
    }
    assert given == {
        "Code": {"S3Bucket": "bucket", "S3Key": "key"},
        "Runtime": "provided.al2023",
        "Handler": "bootstrap",
        "Architectures": ["${Architecture}"],
        "MemorySize": 128,
        "Timeout": timeout,
        "Role": f"${{{function}Role.Arn}}",
        "LoggingConfig": {
            "LogFormat": "JSON",
            "ApplicationLogLevel": "TRACE",  # below it, Lambda would drop metrics as well
            "LogGroup": f"${{{binary.title()}LogGroup}}",
        },
    }
    assert source()["Resources"][function]["Metadata"] == {
        "BuildMethod": "rust-cargolambda",
        "BuildProperties": {"Binary": binary},
    }
    assert (ROOT / "src" / "bin" / f"{binary}.rs").is_file()


@pytest.mark.parametrize(("function", "binary"), [("StartFunction", "start"), ("CheckFunction", "check")])
def test_cargo_lambda_deploys_a_function_with_what_the_template_gives_it(function, binary):
    metadata = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]["metadata"]["lambda"]
    assert metadata["bin"][binary]["deploy"] == {
        "memory": properties(function)["MemorySize"],
        "timeout": properties(function)["Timeout"],
        "log_retention": template()["Parameters"]["LogRetentionDays"]["Default"],
    }


def test_start_has_a_second_name_for_those_who_may_only_look():
    assert resources("AWS::Lambda::Alias") == {
        "StartReadOnlyAlias": {
            "Name": "readonly",
            "Description": "A run invoked through this alias is a dry run, whatever the event asks for.",
            "FunctionName": "${StartFunction}",
            "FunctionVersion": "$LATEST",
        }
    }


def documented() -> dict[str, str]:
    """The rows of the table in `docs/settings.md` that name a variable: of each parameter, the variable."""
    lines = (ROOT / "docs/settings.md").read_text().split("\n## ")[0].splitlines()
    rows = [[cell.strip(" `") for cell in line.split("|")[1:3]] for line in lines if line.startswith("| `")]
    return {parameter: variable for parameter, variable in rows if variable}


def test_each_setting_of_a_function_is_the_parameter_in_whose_row_it_stands():
    given = [item for name in FUNCTIONS for item in properties(name)["Environment"]["Variables"].items()]
    of_resources = {
        "UPDATES_TABLE": TABLE_NAME,
        "NOTIFICATION_TOPIC_ARN": TOPIC,
        "SETTINGS": "${Settings}",
        "STOP_SWITCH": "${StopSwitch}",
        "DENIED_RELEASES_LIST": "${DeniedReleasesList}",
        "CHANGE_CALENDARS_LIST": "${ChangeCalendarsList}",
        "STACK_NAME": {"Fn::If": ["WritesMetrics", "${AWS::StackName}", ""]},
    }
    assert {name: value for name, value in given if name in of_resources} == of_resources
    variables = {value[2:-1]: name for name, value in given if name not in of_resources}
    documented_rows = documented()
    assert variables.items() <= documented_rows.items()
    assert set(documented_rows) == {*variables, *document(), "Metrics"}


def test_start_has_nothing_in_its_environment_that_is_in_its_document():
    variables = {value for value in properties("StartFunction")["Environment"]["Variables"].values() if isinstance(value, str)}
    assert {f"${{{name}}}" for name in document()} & variables == set()
    assert variables == {
        "${LogLevel}",
        "${EventBusName}",
        "${Settings}",
        "${StopSwitch}",
        "${DeniedReleasesList}",
        "${ChangeCalendarsList}",
    }


def document() -> dict[str, str]:
    """The document of settings, with references as its values."""
    return json.loads(properties("Settings")["Value"])


def test_the_document_of_settings_is_what_the_schema_asks_for():
    schema = json.loads((ROOT / "docs/settings.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    assert document() == {name: f"${{{name}}}" for name in schema["properties"]}
    parameters = template()["Parameters"]
    defaults = {name: str(parameters[name]["Default"]) for name in document()}
    jsonschema.validate(defaults, schema)
    assert defaults == {name: it["default"] for name, it in schema["properties"].items()}
    for wrong in ({"RingSoak": 24}, {"ringSoak": "24h"}, {"EventBusName": "default"}, []):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)


def test_the_longest_settings_fit_into_a_parameter_of_the_standard_tier():
    """4 KB: https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html"""
    text = properties("Settings")["Value"]
    values = {name: longest(f"${{{name}}}") for name in document()}
    assert len(text) + sum(length - len(f"${{{name}}}") for name, length in values.items()) <= 4096
    assert "Tier" not in properties("Settings")


# What each value is tried with, in every place of a value that is allowed.
@pytest.mark.parametrize("character", ['"', "\\"])
def test_no_parameter_takes_what_would_end_a_text_in_json(character):
    for name, parameter in template()["Parameters"].items():
        if parameter["Type"] == "Number" or "AllowedValues" in parameter:
            continue
        matches = re.compile(parameter["AllowedPattern"]).fullmatch
        allowed = {parameter["Default"], *ALLOWED.get(name, [])}
        assert all(matches(value) for value in allowed), name
        spoiled = [value[:at] + character + value[at:] for value in allowed for at in range(len(value) + 1)]
        assert [value for value in spoiled if matches(value)] == [], name


def test_every_parameter_has_a_default():
    assert [name for name, parameter in template()["Parameters"].items() if "Default" not in parameter] == []
    samconfig = tomllib.loads((ROOT / "samconfig.toml").read_text())
    assert samconfig["default"]["global"]["parameters"] == {"stack_name": "eks-nodegroup-updater"}
    assert samconfig["default"]["deploy"]["parameters"] == {
        "capabilities": "CAPABILITY_IAM",
        "confirm_changeset": True,
        "resolve_s3": True,
        "s3_prefix": "eks-nodegroup-updater",
    }


def test_each_parameter_is_described_limited_and_in_one_group():
    parameters = template()["Parameters"]
    groups = template()["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert sorted(name for group in groups for name in group["Parameters"]) == sorted(parameters)
    limits = {"AllowedPattern", "AllowedValues", "MinValue"}
    assert [name for name, it in parameters.items() if not it.get("Description") or not limits & set(it)] == []


# Of each parameter with a pattern: what it takes, and what it refuses.
VALUES = [
    ("NotificationEmail", ["", "ops@example.com"], ["ops", "a@b c", "@"]),
    (
        "EventBusName",
        ["", "default", "platform.event-busv2", "aws.partner/example.com/123/orders"],
        [
            "a bus",
            129 * "x",
            "event-busv2/orders/1a2b3c4d",
            "arn:aws:events:eu-central-1:123456789012:event-busv2/orders/1a2b3c4d",
            "arn:aws:events:eu-central-1:123456789012:event-bus/default",
        ],
    ),
    ("StartSchedule", ["rate(1 hour)", "cron(0 9 ? * MON-FRI *)"], ["", "hourly", "at(2026-11-23T09:00:00)"]),
    (
        "StartScheduleTimezone",
        ["UTC", "Europe/Berlin", "Etc/GMT+5", "America/Port-au-Prince"],
        ["", "Central European", 51 * "x"],
    ),
    (
        "CheckSchedule",
        ["rate(1 minute)", "rate(5 minutes)", "rate(30 minutes)"],
        ["rate(31 minutes)", "rate(1 hour)"],
    ),
    ("RetryAfter", ["1h 4h 12h", "30m", "1d 7d"], ["", "0h", "1h, 4h", "1h  4h", "soon", "1h" + 10 * " 1h"]),
    ("StuckAfter", ["6h", "90m", "1d"], ["", "0m", "6", "-6h", "6h 7h"]),
    *(
        (name, ["0h", "90m", "36h", "7d"], ["", "7", "-7d", "1w", "1h 2h", "100000d"])
        for name in ["MinAge", "MinInterval", "FollowClusterAfter", "RingSoak", "WindowMargin"]
    ),
    ("StaleAfter", ["14d", "36h", "90m", "never"], ["", "0d", "14", "-14d", "Never", "2w", "never 14d"]),
    (
        "ExistingTable",
        ["", "eks-nodegroup-updater-UpdatesTable-1A2B3C4D5E6F", "a.b_c"],
        ["ab", "a table", "arn:aws:dynamodb:eu-central-1:123456789012:table/updates", 256 * "x"],
    ),
    (
        "Window",
        [
            "",
            "Sat-Sun 02:00-06:00 Europe/Berlin",
            "Mon 22:00-02:00 UTC + Thu 22:00-24:00 Etc/GMT+2",
            "Mon-Fri 00:00-05:30 America/Argentina/Buenos_Aires + Sat 23:59-12:00 Etc/GMT-14 + Sun 01:00-02:00 UTC",
        ],
        [
            "Sat",
            "Sat 2-6 UTC",
            "Sat 02:00-06:00",
            "Sam-Son 02:00-06:00 UTC",
            "Sat 02:00-25:00 UTC",
            "Sat 02:60-03:00 UTC",
            "Sat 02:00-06:00 UTC, Sun 02:00-06:00 UTC",
            "Sat 02:00-06:00 UTC+Sun 02:00-06:00 UTC",
            "Sat 02:00-06:00 UTC + ",
            " Sat 02:00-06:00 UTC",
        ],
    ),
    (
        "DeniedReleases",
        [
            "",
            "1.33.1-20260610",
            "1.33.1-20260610 *-20260110 1.45.0-18d04e52 *.20260110 1.33-2026.01.10",
            "AL2023_x86_64_NVIDIA/*-20260110 1.33/AL2023_x86_64_NVIDIA/1.33.1-20260610",
            "1.26/BOTTLEROCKET_x86_64/1.13.2-aaf6eeb3",
        ],
        [
            "AL2023_x86_64_NVIDIA",
            "AL2023_x86_64_NVIDIA/",
            "AL2023_x86_64_NVIDIA/*",
            "1.33/*-20260110",
            "1.33//1.33.1-20260610",
            "1.33/AL2023_x86_64_NVIDIA/",
            "*",
            "*-18d04e52",
            "latest",
            "v20260110",
            "1.33.1",
            "1.33.*",
            "1.33.1-20260610, x",
            "1.33.1-20260610  *-20260110",
            "1.33.1-20260610 ",
        ],
    ),
    (
        "ChangeCalendars",
        ["", "freeze arn:aws:ssm:eu-central-1:123456789012:document/holidays", "a b c"],
        ["a, b", "a  b", " a"],
    ),
]
ALLOWED = {parameter: allowed for parameter, allowed, _ in VALUES}


@pytest.mark.parametrize(("parameter", "allowed", "refused"), VALUES)
def test_a_malformed_parameter_is_refused_before_anything_is_deployed(parameter, allowed, refused):
    matches = re.compile(template()["Parameters"][parameter]["AllowedPattern"]).fullmatch
    assert [value for value in allowed if not matches(value)] == []
    assert [value for value in refused if matches(value)] == []


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_setting_is_so_long_that_lambda_refuses_the_environment(function):
    """4 KB for all names and values: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html"""
    variables = properties(function)["Environment"]["Variables"]
    assert sum(len(name) + longest(value) for name, value in variables.items()) < 4096


def longest(value: str | dict[str, Any]) -> int:
    """How long what the template refers to can be at most."""
    if isinstance(value, dict):
        return max(map(longest, value["Fn::If"][1:]))
    parameter = template()["Parameters"].get(value[2:-1])
    match parameter:
        case None:
            return 320  # a resource's name; a topic's ARN is the longest that AWS makes of one
        case {"AllowedValues": values}:
            return max(map(len, map(str, values)))
        case {"MaxLength": length}:
            return length
        case {"Type": "Number"}:
            return 20
        case {"AllowedPattern": pattern}:
            _, most = re._parser.parse(pattern).getwidth()  # the one place where Python says how long a match can be
            assert most < 1000, f"{value} may be of any length"
            return most


def test_a_deployment_leaves_the_lists_as_an_operator_wrote_them():
    # Any change here makes CloudFormation write the value too, and so allows what an operator had denied.
    descriptions = {
        "DeniedReleasesList": ("denied-releases", "Releases that no node group is updated to, as a JSON list of strings."),
        "ChangeCalendarsList": (
            "change-calendars",
            "Names or ARNs of SSM Change Calendars, as a JSON list of strings. No update starts while one is closed.",
        ),
    }
    assert {name: template()["Resources"][name] for name in descriptions} == {
        name: {
            "Type": "AWS::SSM::Parameter",
            "Properties": {
                "Name": f"/${{AWS::StackName}}/{path}",
                "Type": "String",
                "Value": "[]",
                "Description": description,
            },
        }
        for name, (path, description) in descriptions.items()
    }


def test_a_deployment_leaves_the_stop_switch_as_an_operator_set_it():
    # Any change here makes CloudFormation write the value too, and so start what an operator had stopped.
    assert template()["Resources"]["StopSwitch"] == {
        "Type": "AWS::SSM::Parameter",
        "Properties": {
            "Name": "/${AWS::StackName}/stop-switch",
            "Type": "String",
            "Value": "running",
            "AllowedPattern": "^(running|stopped)$",
            "Description": "While this is set to stopped, no update starts.",
        },
    }


def test_logs_are_kept_as_long_as_the_parameter_says():
    assert resources("AWS::Logs::LogGroup") == {
        "StartLogGroup": {
            "LogGroupName": "/aws/lambda/${AWS::StackName}-start",
            "RetentionInDays": "${LogRetentionDays}",
        },
        "CheckLogGroup": {
            "LogGroupName": "/aws/lambda/${AWS::StackName}-check",
            "RetentionInDays": "${LogRetentionDays}",
        },
    }


def test_the_names_that_the_outside_depends_on_are_there():
    kinds = {name: it["Type"] for name, it in template()["Resources"].items()}
    fixed = ["StartFunction", "CheckFunction", "UpdatesTable", "NotificationTopic"]
    assert {name: kinds[name] for name in fixed} == {
        "StartFunction": "AWS::Lambda::Function",
        "CheckFunction": "AWS::Lambda::Function",
        "UpdatesTable": "AWS::DynamoDB::Table",
        "NotificationTopic": "AWS::SNS::Topic",
    }
    assert {name: output["Value"] for name, output in template()["Outputs"].items()} == {
        "StartFunctionName": "${StartFunction}",
        "CheckFunctionName": "${CheckFunction}",
        "UpdatesTableName": TABLE_NAME,
        "NotificationTopicArn": TOPIC,
        "StopCommand": "aws ssm put-parameter --region ${AWS::Region} --name ${StopSwitch} --value stopped --overwrite",
        "DeadLetterQueueUrl": "${DeadLetterQueue}",
        "StopSwitchName": "${StopSwitch}",
        "DeniedReleasesListName": "${DeniedReleasesList}",
        "ChangeCalendarsListName": "${ChangeCalendarsList}",
        "SettingsName": "${Settings}",
        "StartScheduleName": "${StartFunctionSchedule}",
        "CheckScheduleName": "${CheckFunctionSchedule}",
        "AlarmNames": {
            "Fn::Join": [
                " ",
                [alarm_names(None), {"Fn::If": ["WritesMetrics", alarm_names("WritesMetrics"), NO_VALUE]}],
            ]
        },
        "ViewerPolicyArn": "${ViewerPolicy}",
        "OperatorPolicyArn": "${OperatorPolicy}",
    }


# ── What wakes the functions, and where it goes when that fails ──────────────────────────────────────────────────────


def test_both_functions_run_on_a_schedule_that_leaves_what_fails_in_the_dead_letter_queue():
    assert resources("AWS::Scheduler::Schedule") == {
        "StartFunctionSchedule": {
            "Description": "Looks for newer AMI releases.",
            "ScheduleExpression": "${StartSchedule}",
            "ScheduleExpressionTimezone": "${StartScheduleTimezone}",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {
                "Arn": "${StartFunction.Arn}",
                "RoleArn": "${StartFunctionScheduleRole.Arn}",
                "RetryPolicy": {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 10},
                "DeadLetterConfig": {"Arn": QUEUE},
            },
        },
        "CheckFunctionSchedule": {
            "Description": "Watches updates in progress.",
            "ScheduleExpression": "${CheckSchedule}",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {
                "Arn": "${CheckFunction.Arn}",
                "RoleArn": "${CheckFunctionScheduleRole.Arn}",
                "RetryPolicy": {"MaximumEventAgeInSeconds": 300, "MaximumRetryAttempts": 5},
                "DeadLetterConfig": {"Arn": QUEUE},
            },
        },
    }


def test_both_functions_leave_an_event_that_they_cannot_handle_in_the_dead_letter_queue():
    assert resources("AWS::Lambda::EventInvokeConfig") == {
        "StartFunctionEventInvokeConfig": {
            "FunctionName": "${StartFunction}",
            "Qualifier": "$LATEST",
            "MaximumEventAgeInSeconds": 3600,
            "MaximumRetryAttempts": 2,
            "DestinationConfig": {"OnFailure": {"Destination": QUEUE}},
        },
        "CheckFunctionEventInvokeConfig": {
            "FunctionName": "${CheckFunction}",
            "Qualifier": "$LATEST",
            "MaximumEventAgeInSeconds": 300,
            "MaximumRetryAttempts": 0,
            "DestinationConfig": {"OnFailure": {"Destination": QUEUE}},
        },
    }


def test_both_rules_wake_start_and_leave_what_fails_in_the_dead_letter_queue():
    assert {name: rule["Targets"] for name, rule in resources("AWS::Events::Rule").items()} == {
        rule: [
            {
                "Id": f"{rule}LambdaTarget",
                "Arn": "${StartFunction.Arn}",
                "RetryPolicy": {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 10},
                "DeadLetterConfig": {"Arn": QUEUE},
            }
        ]
        for rule in ["StartFunctionAmiRelease", "StartFunctionImageBuilder"]
    }


def test_only_the_two_rules_may_call_a_function_without_a_role():
    assert list(resources("AWS::Lambda::Permission").values()) == [
        {
            "Action": "lambda:InvokeFunction",
            "FunctionName": "${StartFunction}",
            "Principal": "events.amazonaws.com",
            "SourceArn": f"${{{rule}.Arn}}",
        }
        for rule in ["StartFunctionAmiRelease", "StartFunctionImageBuilder"]
    ]


def rules_that_match(event: dict[str, Any]) -> list[str]:
    """The rules that an event on the bus wakes start through, by moto's reading of their patterns."""
    patterns = {name: json.dumps(rule["EventPattern"]) for name, rule in resources("AWS::Events::Rule").items()}
    return [name for name, pattern in patterns.items() if EventPattern.load(pattern).matches_event(event)]


def test_of_the_test_events_the_rules_match_the_two_that_are_meant():
    on_the_bus = {name: event for name, event in EVENTS.items() if "detail-type" in event}
    assert {name: rules_that_match(event) for name, event in on_the_bus.items()} == {
        "check-scheduled": [],
        "check-scheduler": [],
        "start-ami-release": ["StartFunctionAmiRelease"],
        "start-image-builder": ["StartFunctionImageBuilder"],
        "start-scheduled": [],
        "start-scheduler": [],
    }


@pytest.mark.parametrize("status", ["BUILDING", "TESTING", "DISTRIBUTING", "INTEGRATING", "CANCELLED", "FAILED"])
def test_an_image_that_is_not_available_wakes_no_function(status):
    event = EVENTS["start-image-builder"]
    assert rules_that_match(event | {"detail": {"state": {"status": status}}}) == []


def test_a_release_event_from_another_source_wakes_no_function():
    event = EVENTS["start-ami-release"]
    assert rules_that_match(event | {"source": "another.source"}) == []
    assert rules_that_match(event | {"detail-type": "Something Else"}) == []


@pytest.mark.parametrize(
    ("source_name", "detail_type", "detail"),
    [
        (
            "aws.cloudwatch",
            "CloudWatch Alarm State Change",
            {"alarmName": "updater-CheckErrorsAlarm-1A2B", "state": {"value": "ALARM"}},
        ),
        ("aws.cloudformation", "CloudFormation Stack Status Change", {"status-details": {"status": "UPDATE_COMPLETE"}}),
        (
            "aws.eks",
            "AWS API Call via CloudTrail",
            {"eventSource": "eks.amazonaws.com", "eventName": "UpdateNodegroupVersion"},
        ),
        ("aws.tag", "Tag Change on Resource", {"service": "eks", "resource-type": "nodegroup"}),
    ],
)
def test_what_the_stack_itself_causes_does_not_wake_it(source_name, detail_type, detail):
    event = EVENTS["start-ami-release"] | {"source": source_name, "detail-type": detail_type, "detail": detail}
    assert rules_that_match(event) == []


@pytest.mark.parametrize("event", PUBLISHED, ids=lambda event: event["detail-type"])
def test_no_event_that_the_stack_publishes_wakes_it(event):
    assert rules_that_match(event) == []


def test_only_check_can_put_events_and_its_topic_wakes_no_function():
    granting = [
        (role, sid)
        for role in resources("AWS::IAM::Role")
        for sid, it in statements(role).items()
        if any(action.startswith(("events:", "*")) for action in listed(it["Action"]))
    ]
    assert granting == [("CheckFunctionRole", "PutEvents")]
    assert list(resources("AWS::SNS::Subscription")) == ["NotificationEmailSubscription"]


def test_only_the_rules_of_the_stack_may_send_to_the_dead_letter_queue_without_a_role():
    assert properties("DeadLetterQueue") == {"MessageRetentionPeriod": 14 * 24 * 3600, "SqsManagedSseEnabled": True}
    assert properties("DeadLetterQueuePolicy") == {
        "Queues": ["${DeadLetterQueue}"],
        "PolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "RulesOfThisStackSend",
                    "Effect": "Allow",
                    "Principal": {"Service": "events.amazonaws.com"},
                    "Action": "sqs:SendMessage",
                    "Resource": QUEUE,
                    "Condition": {
                        "ArnEquals": {
                            "aws:SourceArn": ["${StartFunctionAmiRelease.Arn}", "${StartFunctionImageBuilder.Arn}"]
                        }
                    },
                },
                {
                    "Sid": "OnlyOverTls",
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "sqs:*",
                    "Resource": QUEUE,
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                },
            ],
        },
    }


# ── The table ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_table_survives_mistakes_and_the_stack():
    assert template()["Resources"]["UpdatesTable"] == {
        "Type": "AWS::DynamoDB::Table",
        "Condition": "HasOwnTable",
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Properties": {
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [
                {"AttributeName": "itemKey", "AttributeType": "S"},
                {"AttributeName": "pending", "AttributeType": "S"},
                {"AttributeName": "optedIn", "AttributeType": "S"},
            ],
            "KeySchema": [{"AttributeName": "itemKey", "KeyType": "HASH"}],
            "GlobalSecondaryIndexes": [
                {
                    "IndexName": name,
                    "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                }
                for name, key in [("pending-index", "pending"), ("opted-in-index", "optedIn")]
            ],
            "TimeToLiveSpecification": {"AttributeName": "expiresAt", "Enabled": True},
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
            "DeletionProtectionEnabled": True,
            "SSESpecification": {"SSEEnabled": True},
        },
    }


def with_existing_table(value: Any) -> Any:
    """What CloudFormation makes of a part of the template when it is given a table."""
    match value:
        case {"Fn::If": ["HasOwnTable", _, otherwise]}:
            return otherwise
        case {"Condition": "HasOwnTable"}:
            return None
        case dict():
            return {key: with_existing_table(item) for key, item in value.items()}
        case list():
            return [with_existing_table(item) for item in value]
        case _:
            return value


def test_a_stack_that_takes_over_a_table_makes_none_and_uses_that_one_alone():
    assert template()["Conditions"]["HasOwnTable"] == {"Fn::Equals": ["${ExistingTable}", ""]}
    stack = with_existing_table({"Resources": template()["Resources"], "Outputs": template()["Outputs"]})
    assert stack["Resources"]["UpdatesTable"] is None
    assert not re.search(r"\$\{UpdatesTable[}.]", json.dumps(stack))
    used = re.findall(r"[^\"]*\$\{ExistingTable\}[^\"]*", json.dumps(stack))
    assert sorted(set(used)) == [
        "${ExistingTable}",
        EXISTING_TABLE,
        f"{EXISTING_TABLE}/index/*",
        f"{EXISTING_TABLE}/index/opted-in-index",
        f"{EXISTING_TABLE}/index/pending-index",
    ]


# ── Notifications ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_topic_is_encrypted_and_only_alarms_of_the_stack_publish_without_a_role():
    from_an_alarm = {
        "StringEquals": {"aws:SourceAccount": "${AWS::AccountId}"},
        "ArnLike": {"aws:SourceArn": ALARMS},
    }
    assert properties("NotificationTopic")["KmsMasterKeyId"] == "${NotificationKey}"
    assert properties("NotificationTopicPolicy") == {
        "Topics": [TOPIC],
        "PolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "AlarmsOfThisStackPublish",
                    "Effect": "Allow",
                    "Principal": {"Service": "cloudwatch.amazonaws.com"},
                    "Action": "sns:Publish",
                    "Resource": TOPIC,
                    "Condition": from_an_alarm,
                },
                {
                    "Sid": "OnlyOverTls",
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "sns:Publish",
                    "Resource": TOPIC,
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                },
            ],
        },
    }
    assert properties("NotificationKey")["EnableKeyRotation"] is True
    assert properties("NotificationKey")["KeyPolicy"] == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "IamDecides",
                "Effect": "Allow",
                "Principal": {"AWS": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"},
                "Action": "kms:*",
                "Resource": "*",
            },
            {
                "Sid": "AlarmsOfThisStackEncrypt",
                "Effect": "Allow",
                "Principal": {"Service": "cloudwatch.amazonaws.com"},
                "Action": ["kms:GenerateDataKey*", "kms:Decrypt"],
                "Resource": "*",
                "Condition": from_an_alarm,
            },
        ],
    }
    assert properties("NotificationKeyAlias")["TargetKeyId"] == "${NotificationKey}"


def test_an_e_mail_address_is_subscribed_if_there_is_one():
    assert template()["Resources"]["NotificationEmailSubscription"] == {
        "Type": "AWS::SNS::Subscription",
        "Condition": "HasNotificationEmail",
        "Properties": {"Protocol": "email", "Endpoint": "${NotificationEmail}", "TopicArn": TOPIC},
    }
    given = template()["Conditions"]["HasNotificationEmail"]
    assert given == {"Fn::Not": [{"Fn::Equals": ["${NotificationEmail}", ""]}]}


def test_alarms_report_what_fails_what_does_not_run_and_what_is_lost_and_also_when_that_is_over():
    def alarm(namespace, metric, dimension, value, **rest):
        return {
            "Namespace": namespace,
            "MetricName": metric,
            "Dimensions": [{"Name": dimension, "Value": value}],
            "EvaluationPeriods": 1,
            "AlarmActions": [TOPIC],
            "OKActions": [TOPIC],
        } | rest

    error = {
        "Statistic": "Sum",
        "Period": 300,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Threshold": 1,
        "TreatMissingData": "notBreaching",
    }
    not_run = {
        "Statistic": "Sum",
        "Period": 3600,
        "ComparisonOperator": "LessThanThreshold",
        "Threshold": 1,
        "TreatMissingData": "breaching",
    }
    fleet = error | {"Statistic": "Maximum", "Period": 3600, "TreatMissingData": "ignore"}
    own = ["Stack", "${AWS::StackName}"]
    groups = ["${StartLogGroup}", "${CheckLogGroup}"]
    alarms = resources("AWS::CloudWatch::Alarm")
    assert [name for name, it in alarms.items() if not it["AlarmDescription"]] == []
    without_text = {
        name: {key: value for key, value in it.items() if key != "AlarmDescription"} for name, it in alarms.items()
    }
    malformed = without_text.pop("MetricsMalformedAlarm")
    assert without_text == {
        "StartErrorsAlarm": alarm("AWS/Lambda", "Errors", "FunctionName", "${StartFunction}", **error),
        "CheckErrorsAlarm": alarm("AWS/Lambda", "Errors", "FunctionName", "${CheckFunction}", **error),
        "CheckNotRunAlarm": alarm(
            "AWS/Lambda",
            "Invocations",
            "FunctionName",
            "${CheckFunction}",
            **not_run,
            WarmUpConfiguration={"WarmUpPeriodDurationInMinutes": 60},
        ),
        "StartNotRunAlarm": alarm("AWS/Lambda", "Invocations", "FunctionName", "${StartFunction}", **not_run)
        | {
            "EvaluationPeriods": "${StartNotRunAfterHours}",
            "WarmUpConfiguration": {"WarmUpPeriodDurationInMinutes": 2880},
        },
        "DeadLetterQueueAlarm": alarm(
            "AWS/SQS",
            "ApproximateNumberOfMessagesVisible",
            "QueueName",
            "${DeadLetterQueue.QueueName}",
            Statistic="Maximum",
            Period=300,
            ComparisonOperator="GreaterThanThreshold",
            Threshold=0,
            TreatMissingData="notBreaching",
        ),
        "NodegroupsFailedAlarm": alarm(NAMESPACE, "NodegroupsFailed", *own, **fleet),
        "NodegroupsStaleAlarm": alarm(NAMESPACE, "NodegroupsStale", *own, **fleet),
        "NoticesPendingAlarm": alarm(NAMESPACE, "NoticesPending", *own, **fleet)
        | {"Statistic": "Minimum", "ComparisonOperator": "GreaterThanThreshold", "Threshold": 0},
    }
    errors, *read = malformed["Metrics"]
    assert errors["Expression"] == f"SUM([{', '.join(it['Id'] for it in read)}])"
    assert (malformed["TreatMissingData"], malformed["OKActions"]) == ("notBreaching", [TOPIC])
    metrics = [it["MetricStat"]["Metric"] for it in read]
    assert [(it["Namespace"], it["MetricName"], it["Dimensions"]) for it in metrics] == [
        ("AWS/Logs", name, [{"Name": "LogGroupName", "Value": group}])
        for group in groups
        for name in ["EMFParsingErrors", "EMFValidationErrors"]
    ]


def test_what_is_made_of_metrics_exists_only_where_they_are_written():
    assert template()["Conditions"]["WritesMetrics"] == {"Fn::Equals": ["${Metrics}", "on"]}
    for name, it in template()["Resources"].items():
        of_metrics = NAMESPACE in json.dumps(it) or "EMF" in json.dumps(it)
        assert (it.get("Condition") == "WritesMetrics") is of_metrics, name


def test_every_alarm_has_a_section_that_says_what_to_do():
    headings = re.findall(r"^### (.+)$", (ROOT / "docs/operations.md").read_text(), re.MULTILINE)
    assert [it for it in headings if it.endswith("Alarm")] == list(resources("AWS::CloudWatch::Alarm"))


# ── Dashboard and saved queries ──────────────────────────────────────────────────────────────────────────────────────


def widgets() -> list[dict[str, Any]]:
    return json.loads(properties("Dashboard")["DashboardBody"])["widgets"]


def drawn() -> list[tuple[str, list[str], dict[str, Any]]]:
    """The metrics that the dashboard draws: title of the widget, the metric, and how."""
    graphs = [it["properties"] for it in widgets() if it["type"] == "metric"]
    return [(graph["title"], entry[:-1], entry[-1]) for graph in graphs for entry in graph["metrics"]]


def test_alarms_and_dashboard_show_every_metric_that_is_written_and_no_other():
    own = [metric for _, metric, _ in drawn() if metric]
    assert [metric for metric in own if metric[0] != NAMESPACE or metric[2:] != ["Stack", "${AWS::StackName}"]] == []
    alarms = resources("AWS::CloudWatch::Alarm").values()
    of_alarms = {it["MetricName"] for it in alarms if it.get("Namespace") == NAMESPACE}
    written = {name for metrics in METRICS.values() for name in metrics}
    assert {metric[1] for metric in own} | of_alarms == written
    assert of_alarms <= written


def test_every_metric_is_documented_with_its_unit():
    lines = (ROOT / "docs/metrics.md").read_text().splitlines()
    rows = [[cell.strip(" `") for cell in line.split("|")[1:3]] for line in lines]
    documented = [row for row in rows if len(row) == 2 and row[1] in {"Count", "Seconds"}]
    written = {name: unit for metrics in METRICS.values() for name, unit in metrics.items()}
    assert {tuple(row) for row in documented} == set(written.items())


def test_each_expression_is_of_metrics_of_its_widget():
    for title, _, options in drawn():
        of_widget = {it["id"] for other, metric, it in drawn() if metric and other == title and "id" in it}
        assert set(re.findall(r"[a-z]+", options.get("expression", ""))) <= of_widget, title


def test_the_widgets_fit_the_dashboard_and_hide_nothing():
    cells = [
        (x, y)
        for it in widgets()
        for x in range(it["x"], it["x"] + it["width"])
        for y in range(it["y"], it["y"] + it["height"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) == 23
    assert sorted({y for _, y in cells}) == list(range(max(y for _, y in cells) + 1))


def test_the_dashboard_shows_every_alarm():
    (shown,) = [it["properties"]["alarms"] for it in widgets() if it["type"] == "alarm"]
    assert shown == [f"${{{name}.Arn}}" for name in resources("AWS::CloudWatch::Alarm")]


def test_the_dashboard_is_named_after_its_region_since_it_belongs_to_none():
    assert properties("Dashboard")["DashboardName"] == "${AWS::StackName}-${AWS::Region}"


def test_queries_ask_for_what_the_log_has():
    saved = [it["QueryString"] for it in resources("AWS::Logs::QueryDefinition").values()]
    queries = saved + [it["properties"]["query"] for it in widgets() if it["type"] == "log"]
    words = r"as|asc|because|by|coalesce|desc|fields|filter|in|ispresent|latest|limit|not|seen|sort|stats|what|why|and|or"
    page = (ROOT / "docs/settings.md").read_text().partition("\n## Logs\n")[2]
    fields = set(re.findall(r"`(\w+)`", page)) | {"level", "message", "function"}
    assert len(saved) == 5
    for query in queries:
        text = re.sub(r"#.*|'[^']*'|@\w+|SOURCE", "", query)
        assert {it for it in re.findall(r"[A-Za-z_]+", text) if not re.fullmatch(words, it)} <= fields, query


# ── Test events ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_there_is_a_test_event_for_each_way_a_function_is_woken():
    assert sorted(EVENTS) == [
        "check-manual",
        "check-scheduled",
        "check-scheduler",
        "start-ami-release",
        "start-image-builder",
        "start-manual",
        "start-manual-dry-run",
        "start-manual-explain",
        "start-manual-filter",
        "start-manual-lift-quarantine",
        "start-manual-retry",
        "start-manual-rollback",
        "start-scheduled",
        "start-scheduler",
        "start-sns",
    ]


def test_every_envelope_is_of_the_same_account_region_and_year():
    envelopes = [event for event in EVENTS.values() if "detail-type" in event]
    assert {(event["version"], event["account"], event["region"], event["time"][:4]) for event in envelopes} == {
        ("0", "123456789012", "eu-central-1", "2026")
    }


def test_the_scheduler_sends_its_detail_as_a_string():
    assert [EVENTS[name]["detail"] for name in ["start-scheduled", "check-scheduled"]] == [{}, {}]
    assert [EVENTS[name]["detail"] for name in ["start-scheduler", "check-scheduler"]] == ["{}", "{}"]


def test_every_skipped_check_of_checkov_has_its_reason():
    lines = [line for line in (ROOT / ".checkov.yaml").read_text().splitlines() if line.startswith("  - ")]
    assert [line for line in lines if not re.fullmatch(r"  - CKV_AWS_\d+ # .+", line)] == []
    assert len(yaml.safe_load((ROOT / ".checkov.yaml").read_text())["skip-check"]) == len(lines)
