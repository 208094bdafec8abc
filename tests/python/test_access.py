"""Who may look and who may steer: requests, judged by the statements of the two policies as the template has them.

An operator has both policies, so what an operator is refused, neither policy allows.
"""

from __future__ import annotations

import copy
import json
import re
from functools import cache
from importlib.resources import files
from typing import Any

import pytest
from conftest import ARN_START, FACTS, ROOT, TABLE
from iam import ALLOWED, IMPLICIT_DENY, decision, listed, matches
from moto_server import ACCOUNT, REGION
from runtime_api import read_template, resolve

POLICIES = {"viewer": ["ViewerPolicy"], "operator": ["ViewerPolicy", "OperatorPolicy"]}

START, CHECK, READONLY = (FACTS[it] for it in ("StartFunction.Arn", "CheckFunction.Arn", "StartReadOnlyAlias"))
TABLE_ARN, TOPIC, QUEUE = (FACTS[it] for it in ("UpdatesTable.Arn", "NotificationTopic", "DeadLetterQueue.Arn"))
KEY = FACTS["NotificationKey.Arn"]
START_ROLE, CHECK_ROLE = FACTS["StartFunctionRole.Arn"], FACTS["CheckFunctionRole.Arn"]
PENDING, OPTED_IN = f"{TABLE_ARN}/index/pending-index", f"{TABLE_ARN}/index/opted-in-index"
OTHER_TABLE = f"arn:aws:dynamodb:{ARN_START}:table/{TABLE}-2"
PARAMETERS = f"arn:aws:ssm:{ARN_START}:parameter"
SWITCH = f"{PARAMETERS}{FACTS['StopSwitch']}"
SETTINGS = f"{PARAMETERS}{FACTS['Settings']}"
LISTS = [f"{PARAMETERS}{FACTS[it]}" for it in ("DeniedReleasesList", "ChangeCalendarsList")]
PUBLIC = f"arn:aws:ssm:{REGION}::parameter/aws/service"
LINUX = f"{PUBLIC}/eks/optimized-ami/1.33/amazon-linux-2023/x86_64/standard/recommended/release_version"
BOTTLEROCKET = f"{PUBLIC}/bottlerocket/aws-k8s-1.33/arm64/latest/image_version"
WINDOWS = f"{PUBLIC}/ami-windows-latest/Windows_Server-2022-English-Core-EKS_Optimized-1.33"
CLUSTER = f"arn:aws:eks:{ARN_START}:cluster/prod"
BLUE = f"arn:aws:eks:{ARN_START}:nodegroup/prod/blue/0a1b2c3d-0000-4000-8000-000000000000"
ABROAD = BLUE.replace(REGION, "us-east-1")
FOREIGN = BLUE.replace(ACCOUNT, "210987654321")
STACKS = f"arn:aws:cloudformation:{ARN_START}:stack"
SCHEDULES = FACTS["StartFunctionSchedule.Arn"], FACTS["CheckFunctionSchedule.Arn"]
ALARMS = [value for name, value in FACTS.items() if name.endswith("Alarm.Arn")]


def keys(*names: str) -> dict[str, list[str]]:
    """What IAM is told of a request that sets or removes these tags."""
    return {"aws:TagKeys": list(names)}


# Who, action, resource, and what else the request says of itself. "viewer" stands for both: an operator may do it, too.
MAY = [
    ("viewer", "lambda:InvokeFunction", READONLY, {}),
    *(("viewer", f"dynamodb:{it}", TABLE_ARN, {}) for it in ("GetItem", "BatchGetItem", "Query", "Scan")),
    *(("viewer", f"dynamodb:{it}", TABLE_ARN, {}) for it in ("DescribeTable", "DescribeContinuousBackups")),
    *(("viewer", f"dynamodb:{it}", index, {}) for it in ("Query", "Scan") for index in (PENDING, OPTED_IN)),
    *(
        ("viewer", f"ssm:{it}", parameter, {})
        for it in ("GetParameter", "GetParameters")
        for parameter in (SWITCH, SETTINGS, *LISTS, LINUX, BOTTLEROCKET, WINDOWS)
    ),
    *(
        ("viewer", f"cloudformation:{it}", f"{STACKS}/updater/{end}", {})
        for it in ("DescribeStacks", "ListStackResources")
        for end in ("*", "0a1b2c3d-0000-4000-8000-000000000000")  # asked for by its name, or by its id
    ),
    ("viewer", "account:ListRegions", f"arn:aws:account::{ACCOUNT}:account", {}),
    *(("viewer", it, "*", {}) for it in ("eks:ListClusters", "eks:DescribeClusterVersions", "tag:GetResources")),
    *(("viewer", f"eks:{it}", CLUSTER, {}) for it in ("DescribeCluster", "ListNodegroups")),
    *(("viewer", f"eks:{it}", CLUSTER, {}) for it in ("ListUpdates", "DescribeUpdate")),
    *(("viewer", f"eks:{it}", BLUE, {}) for it in ("DescribeNodegroup", "ListUpdates", "DescribeUpdate")),
    *(("viewer", "lambda:GetFunctionConfiguration", function, {}) for function in (START, CHECK)),
    *(("viewer", "scheduler:GetSchedule", schedule, {}) for schedule in SCHEDULES),
    ("viewer", "scheduler:ListSchedules", "*", {}),
    *(("viewer", f"sns:{it}", TOPIC, {}) for it in ("GetTopicAttributes", "ListSubscriptionsByTopic")),
    ("viewer", "events:DescribeEventBus", f"arn:aws:events:{ARN_START}:event-bus/default", {}),
    ("viewer", "sqs:GetQueueAttributes", QUEUE, {}),
    *(("viewer", "cloudwatch:DescribeAlarms", alarm, {}) for alarm in ALARMS),
    ("viewer", "cloudwatch:GetMetricStatistics", "*", {}),
    *(("viewer", "iam:SimulatePrincipalPolicy", role, {}) for role in (START_ROLE, CHECK_ROLE)),
    *(("operator", "lambda:InvokeFunction", function, {}) for function in (START, CHECK)),
    *(("operator", "ssm:PutParameter", parameter, {}) for parameter in (SWITCH, *LISTS)),
    ("operator", "eks:TagResource", BLUE, keys("ami-update")),
    ("operator", "eks:TagResource", BLUE, keys("ami-update/ring")),
    ("operator", "eks:TagResource", BLUE, keys("ami-update", "ami-update/ring", "ami-update/window")),
    ("operator", "eks:UntagResource", BLUE, keys("ami-update")),
    ("operator", "eks:UntagResource", BLUE, keys("ami-update/pin", "ami-update/ring")),
]

# "operator" stands for both: a viewer may not do it either.
MAY_NOT = [
    # Steering, by somebody who may only look.
    ("viewer", "lambda:InvokeFunction", START, {}),
    ("viewer", "lambda:InvokeFunction", CHECK, {}),
    *(("viewer", "ssm:PutParameter", parameter, {}) for parameter in (SWITCH, *LISTS)),
    ("viewer", "eks:TagResource", BLUE, keys("ami-update")),
    ("viewer", "eks:UntagResource", BLUE, keys("ami-update")),
    # The functions by another name, other functions, and what they are made of.
    *(("operator", "lambda:InvokeFunction", f"{START}:{it}", {}) for it in ("live", "readonly2", "1", "$LATEST")),
    ("operator", "lambda:InvokeFunction", f"{CHECK}:readonly", {}),
    ("operator", "lambda:InvokeFunction", f"{START}-2", {}),
    *(
        ("operator", f"lambda:{it}", START, {})
        for it in ("UpdateFunctionConfiguration", "UpdateFunctionCode", "AddPermission", "DeleteFunction")
    ),
    *(("operator", f"lambda:{it}", READONLY, {}) for it in ("UpdateAlias", "DeleteAlias")),
    # Tags of others, alone or beside ours, and requests of which IAM is not told which tags.
    *(
        ("operator", f"eks:{it}", BLUE, context)
        for it in ("TagResource", "UntagResource")
        for context in (
            keys("Name"),
            keys("ami-update", "Name"),
            keys("Name", "ami-update/ring"),
            keys("ami-updates"),
            keys("ami-update-ring"),
            keys("AMI-update"),
            keys("my/ami-update"),
            keys("my/ami-update/ring"),
            keys(),
            {},
        )
    ),
    # Tags of other things, in other regions, and in other accounts.
    *(
        ("operator", f"eks:{it}", resource, keys("ami-update"))
        for it in ("TagResource", "UntagResource")
        for resource in (CLUSTER, f"arn:aws:eks:{ARN_START}:addon/prod/coredns/0a1b", ABROAD, FOREIGN)
    ),
    ("operator", "tag:TagResources", "*", {}),
    # Parameters.
    ("operator", "ssm:PutParameter", SETTINGS, {}),
    ("operator", "ssm:PutParameter", f"{PARAMETERS}/updater/other", {}),
    ("operator", "ssm:GetParameter", f"{PARAMETERS}/updater-2/settings", {}),
    ("operator", "ssm:GetParametersByPath", f"{PARAMETERS}/updater", {}),
    ("operator", "ssm:PutParameter", f"{SWITCH}-2", {}),
    ("operator", "ssm:PutParameter", f"{PARAMETERS}/other/stop-switch", {}),
    ("operator", "ssm:PutParameter", LINUX, {}),
    *(("operator", f"ssm:{it}", SWITCH, {}) for it in ("DeleteParameter", "DeleteParameters", "LabelParameterVersion")),
    ("operator", "ssm:GetParameter", f"{PARAMETERS}/other/secret", {}),
    # Node groups: the functions update them, by their own rights, and nobody deletes any.
    *(
        ("operator", f"eks:{it}", BLUE, {"aws:ResourceTag/ami-update": "auto"})
        for it in ("UpdateNodegroupVersion", "UpdateNodegroupConfig", "DeleteNodegroup")
    ),
    *(("operator", f"eks:{it}", CLUSTER, {}) for it in ("CreateNodegroup", "UpdateClusterVersion")),
    ("operator", "eks:DescribeNodegroup", FOREIGN, {}),
    # The table, and other tables.
    *(
        ("operator", f"dynamodb:{it}", TABLE_ARN, {})
        for it in ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "UpdateTable", "DeleteTable")
    ),
    *(("operator", f"dynamodb:{it}", OTHER_TABLE, {}) for it in ("GetItem", "Query", "Scan", "DescribeTable")),
    ("operator", "dynamodb:Query", f"{OTHER_TABLE}/index/pending-index", {}),
    # Notifications, lost events, alarms and schedules are looked at, and no more.
    *(("operator", f"sns:{it}", TOPIC, {}) for it in ("Publish", "Subscribe", "SetTopicAttributes")),
    *(("operator", f"sqs:{it}", QUEUE, {}) for it in ("ReceiveMessage", "DeleteMessage", "PurgeQueue", "SendMessage")),
    *(("operator", f"cloudwatch:{it}", ALARMS[0], {}) for it in ("PutMetricAlarm", "DeleteAlarms")),
    *(("operator", f"scheduler:{it}", SCHEDULES[0], {}) for it in ("UpdateSchedule", "DeleteSchedule")),
    ("operator", "cloudwatch:DescribeAlarms", f"arn:aws:cloudwatch:{ARN_START}:alarm:other", {}),
    ("operator", "scheduler:GetSchedule", f"arn:aws:scheduler:{ARN_START}:schedule/default/other", {}),
    *(("operator", f"kms:{it}", KEY, {}) for it in ("Decrypt", "GenerateDataKey")),
    # Stacks and rights.
    ("operator", "cloudformation:DescribeStacks", f"{STACKS}/updater-2/0a1b", {}),
    ("operator", "cloudformation:DescribeStacks", "*", {}),
    *(("operator", f"cloudformation:{it}", f"{STACKS}/updater/*", {}) for it in ("UpdateStack", "DeleteStack")),
    *(("operator", f"iam:{it}", START_ROLE, {}) for it in ("PassRole", "PutRolePolicy", "AttachRolePolicy")),
    ("operator", "iam:SimulatePrincipalPolicy", f"arn:aws:iam::{ACCOUNT}:role/other", {}),
    ("operator", "sts:AssumeRole", START_ROLE, {}),
]


@cache
def policy(name: str, existing_table: str = "") -> list[dict[str, Any]]:
    """The statements of a policy, as CloudFormation deploys them."""
    template = read_template(ROOT / "template.yaml")
    document = template["Resources"][name]["Properties"]["PolicyDocument"]
    return resolve(document, template, FACTS | {"ExistingTable": existing_table})["Statement"]


def judged(who: str, action: str, resource: str, context: dict[str, Any]) -> str:
    return decision([it for name in POLICIES[who] for it in policy(name)], action, resource, context)


def named(case: tuple[str, str, str, dict[str, Any]]) -> str:
    who, action, resource, context = case
    return " ".join([who, action, resource.removeprefix("arn:aws:"), *map(str, context.values())])


# ── The cases ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("case", MAY, ids=named)
def test_it_is_allowed(case):
    assert judged(*case) == ALLOWED
    if case[0] == "viewer":
        assert judged("operator", *case[1:]) == ALLOWED


@pytest.mark.parametrize("case", MAY_NOT, ids=named)
def test_it_is_refused(case):
    assert judged(*case) == IMPLICIT_DENY
    if case[0] == "operator":
        assert judged("viewer", *case[1:]) == IMPLICIT_DENY


@pytest.mark.parametrize("case", [it for it in MAY if it[0] == "operator"], ids=named)
def test_a_viewer_may_nothing_of_what_an_operator_adds(case):
    assert judged("viewer", *case[1:]) == IMPLICIT_DENY


def test_a_viewer_of_a_stack_that_took_over_a_table_sees_that_one_alone():
    existing = policy("ViewerPolicy", existing_table="kept")
    for action, resource in [(action, it) for _, action, it, _ in MAY if action.startswith("dynamodb:")]:
        assert decision(existing, action, resource.replace(TABLE, "kept")) == ALLOWED
        assert decision(existing, action, resource) == IMPLICIT_DENY


# ── Nothing in the policies is idle ──────────────────────────────────────────────────────────────────────────────────


def refused(statements: list[dict[str, Any]]) -> list[Any]:
    """What one may do by the cases and may not by these statements."""
    return [case for case in MAY if decision(statements, *case[1:]) != ALLOWED]


def everything() -> list[dict[str, Any]]:
    return copy.deepcopy([it for name in POLICIES["operator"] for it in policy(name)])


# Each action and each resource of each statement.
PARTS = [
    (statement["Sid"], element, part)
    for statement in everything()
    for element in ("Action", "Resource")
    for part in listed(statement[element])
]


@pytest.mark.parametrize(("sid", "element", "part"), PARTS)
def test_each_action_and_each_resource_is_needed(sid, element, part):
    assert refused(everything()) == []
    without = everything()
    (statement,) = [it for it in without if it["Sid"] == sid]
    statement[element] = [it for it in listed(statement[element]) if it != part]
    assert refused(without)


@pytest.mark.parametrize("operator", ["ForAllValues:StringLike", "Null"])
def test_each_condition_refuses_something(operator):
    without = everything()
    (statement,) = [it for it in without if "Condition" in it]
    assert set(statement["Condition"]) == {"ForAllValues:StringLike", "Null"}
    del statement["Condition"][operator]
    assert [case for case in MAY_NOT if case[0] == "operator" and decision(without, *case[1:]) == ALLOWED]


def test_the_operators_policy_repeats_nothing_of_the_viewers():
    own = policy("OperatorPolicy")
    assert [case for case in MAY if case[0] == "viewer" and decision(own, *case[1:]) == ALLOWED] == []


# ── What AWS says of the actions ─────────────────────────────────────────────────────────────────────────────────────


@cache
def known_actions() -> dict[str, Any]:
    """Of each service, its actions and kinds of resources, by AWS's service authorization reference in cfn-lint."""
    return json.loads((files("cfnlint") / "data/AdditionalSpecs/Policies.json").read_text())


def kinds(service: str, action: str) -> list[str]:
    """The ARNs that an action can be limited to, as patterns. None: it can only be allowed on everything."""
    allowed_on = (known_actions()[service]["Actions"][action.lower()] or {}).get("Resources", [])
    formats = [it for kind in allowed_on for it in known_actions()[service]["Resources"][kind.lower()]["ARNFormats"]]
    return [re.sub(r"\$\{\w+\}", "*", it).replace(".*", "*") for it in formats]


@pytest.mark.parametrize("name", ["ViewerPolicy", "OperatorPolicy"])
def test_each_action_exists_and_is_limited_to_resources_where_aws_can_limit_it(name):
    for statement in policy(name):
        for service, action in (it.split(":") for it in listed(statement["Action"])):
            possible = kinds(service, action)
            for resource in listed(statement["Resource"]):
                fits = any(matches(kind, resource) for kind in possible) if possible else resource == "*"
                assert fits, f"{statement['Sid']}: {action} on {resource}"


@pytest.mark.parametrize("name", ["ViewerPolicy", "OperatorPolicy"])
def test_no_action_is_a_pattern_and_nothing_is_denied(name):
    assert [it for it in policy(name) if it["Effect"] != "Allow" or re.search(r"[*?]", str(it["Action"]))] == []


@pytest.mark.parametrize("name", ["ViewerPolicy", "OperatorPolicy"])
@pytest.mark.parametrize("existing_table", ["", 255 * "x"])
def test_no_policy_is_so_long_that_iam_refuses_it(name, existing_table):
    """6,144 characters: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""
    template = read_template(ROOT / "template.yaml")
    document = template["Resources"][name]["Properties"]["PolicyDocument"]
    longest_stack_name = 128 * "s"  # with which every other name begins
    long = {key: value.replace(FACTS["AWS::StackName"], longest_stack_name) for key, value in FACTS.items()}
    resolved = resolve(document, template, long | {"ExistingTable": existing_table})
    assert len(json.dumps(resolved, separators=(",", ":"))) <= 6144
