"""`doctor` on an AWS that is not ours: what it finds in a stack that is well, and in one that is not.

The stack's outputs and the roles' policies are the template's own. What the function `start` would do, its real binary says.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import ARN_START, FACTS, ROOT, STACK, TABLE, Stack
from iam import listed
from moto_server import ACCOUNT, REGION, MotoServer
from runtime_api import read_template, resolve

CLI = Path(os.environ.get("CLI_BINARY", ROOT / "target/debug/eks-nodegroup-updater"))

LINUX = "/aws/service/eks/optimized-ami/1.33/amazon-linux-2023/x86_64/standard/recommended/release_version"
OLD, NEW = "1.33.1-20260901", "1.33.5-20261101"
FUNCTIONS = ("StartFunction", "CheckFunction")
ALARMS = [name for name in read_template(ROOT / "template.yaml")["Resources"] if name.endswith("Alarm")]
CALLER = {"AWS_ACCESS_KEY_ID": "AKIACALLER0000000000", "AWS_SECRET_ACCESS_KEY": "secret"}


def name(logical_id: str) -> str:
    """The physical name, which ends the ARN."""
    return re.split("[:/]", FACTS[f"{logical_id}.Arn"])[-1]


@dataclass
class Report:
    """What `doctor --output json` says, and how it ended."""

    exit_code: int
    document: dict[str, Any]

    @property
    def checks(self) -> dict[str, list[dict[str, Any]]]:
        """By name; some have a line for each thing."""
        checks: dict[str, list[dict[str, Any]]] = {}
        for check in (it for section in self.document["regions"][0]["sections"] for it in section["checks"]):
            checks.setdefault(check["name"], []).append(check)
        return checks

    def statuses(self, *wanted: str) -> dict[str, list[str]]:
        """Of each check, the statuses that are wanted."""
        found = {name: [it["status"] for it in checks if it["status"] in wanted] for name, checks in self.checks.items()}
        return {name: statuses for name, statuses in found.items() if statuses}


@dataclass
class Cli:
    """The command line, with credentials and nothing else of this machine."""

    aws: MotoServer
    home: Path

    def run(self, *arguments: str, credentials: dict[str, str] = CALLER) -> subprocess.CompletedProcess[str]:
        environment = {
            "AWS_ENDPOINT_URL": self.aws.url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_REGION": REGION,
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
        }
        command = [CLI.resolve(), *arguments]
        return subprocess.run(command, env=environment | credentials, capture_output=True, text=True, timeout=60, check=False)

    def doctor(self, *arguments: str, credentials: dict[str, str] = CALLER) -> Report:
        done = self.run("doctor", "--output", "json", *arguments, credentials=credentials)
        assert done.stderr == "", done.stderr
        return Report(done.returncode, json.loads(done.stdout))


@pytest.fixture
def cli(moto: MotoServer, tmp_path: Path) -> Cli:
    assert CLI.is_file(), f"{CLI} is missing: run `cargo build -p eks-nodegroup-updater-cli`, or set CLI_BINARY"
    return Cli(moto, tmp_path)


@pytest.fixture
def deployed(stack: Stack) -> Stack:
    """The stack with all that `doctor` looks at, in order."""
    stack.aws.publish(LINUX, OLD)
    stack.aws.publish(LINUX, NEW)
    stack.aws.create_nodegroup("prod/blue", "AL2023_x86_64_STANDARD", OLD, tags={"ami-update": "auto"})
    stack.aws.create_nodegroup("prod/other", "AL2023_x86_64_STANDARD", OLD)
    dynamodb = stack.aws.client("dynamodb")
    dynamodb.update_table(TableName=TABLE, DeletionProtectionEnabled=True)
    recovery = {"PointInTimeRecoveryEnabled": True}
    dynamodb.update_continuous_backups(TableName=TABLE, PointInTimeRecoverySpecification=recovery)
    queue = stack.aws.client("sqs").create_queue(QueueName=name("DeadLetterQueue"))["QueueUrl"]
    for function in FUNCTIONS:
        _create_role(stack, function)
        _create_function(stack, function)
        _create_schedule(stack, function)
    for alarm in ALARMS:
        _create_alarm(stack, name(alarm))
    stack.aws.functions[name("StartFunction")] = stack.start.invoke
    outputs = {
        key: {"Value": resolve(output["Value"], stack.template, _refs(queue))}
        for key, output in stack.template["Outputs"].items()
    }
    body = json.dumps({"Resources": {}, "Outputs": outputs})
    stack.aws.client("cloudformation").create_stack(StackName=STACK, TemplateBody=body)
    return stack


def _refs(queue: str) -> dict[str, str]:
    """What the outputs refer to: of most resources, the name."""
    facts = {logical_id: name(logical_id) for logical_id in (*FUNCTIONS, *ALARMS)}
    facts |= {f"{it}Schedule": name(f"{it}Schedule") for it in FUNCTIONS}
    policies = {it: f"arn:aws:iam::{ACCOUNT}:policy/{STACK}-{it}" for it in ("ViewerPolicy", "OperatorPolicy")}
    return FACTS | facts | policies | {"DeadLetterQueue": queue}


def _create_role(stack: Stack, function: str) -> None:
    iam, role = stack.aws.client("iam"), name(f"{function}Role")
    iam.create_role(RoleName=role, AssumeRolePolicyDocument="{}")
    for number, policy in enumerate(stack.template["Resources"][function]["Properties"]["Policies"]):
        document = json.dumps(resolve(policy, stack.template, FACTS))
        iam.put_role_policy(RoleName=role, PolicyName=f"policy-{number}", PolicyDocument=document)


def _create_function(stack: Stack, function: str) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as binary:
        binary.writestr("bootstrap", "")
    stack.aws.client("lambda").create_function(
        FunctionName=name(function),
        Role=FACTS[f"{function}Role.Arn"],
        Runtime="provided.al2023",
        Handler="bootstrap",
        Code={"ZipFile": archive.getvalue()},
        Environment={"Variables": _variables(stack, function)},
    )


def _variables(stack: Stack, function: str) -> dict[str, str]:
    """The environment that the template gives a function."""
    parts = [stack.template["Globals"]["Function"], stack.template["Resources"][function]["Properties"]]
    return {
        variable: str(resolve(value, stack.template, FACTS))
        for part in parts
        for variable, value in part["Environment"]["Variables"].items()
    }


def _create_schedule(stack: Stack, function: str, state: str = "ENABLED") -> None:
    scheduler = stack.aws.client("scheduler")
    change = scheduler.create_schedule if state == "ENABLED" else scheduler.update_schedule
    change(
        Name=name(f"{function}Schedule"),
        State=state,
        ScheduleExpression="rate(1 hour)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": FACTS[f"{function}.Arn"], "RoleArn": FACTS[f"{function}Role.Arn"]},
    )


def _create_alarm(stack: Stack, alarm: str, state: str = "OK") -> None:
    cloudwatch = stack.aws.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=alarm,
        ComparisonOperator="GreaterThanThreshold",
        EvaluationPeriods=1,
        MetricName="Errors",
        Namespace="AWS/Lambda",
        Period=300,
        Statistic="Sum",
        Threshold=0,
    )
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue=state, StateReason="the test says so")


# ── A stack that is well ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_healthy_stack_passes_every_check(cli: Cli, deployed: Stack) -> None:
    report = cli.doctor("--exit-code")
    assert report.statuses("Failed", "Warning", "Skipped") == {}
    assert report.exit_code == 0
    assert tuple(report.document["regions"][0][key] for key in ("account", "region", "stack")) == (ACCOUNT, REGION, STACK)
    names = [section["name"] for section in report.document["regions"][0]["sections"]]
    assert names == ["Access", "Stack", "Settings", "Runs", "Permissions", "Node groups"]
    assert report.checks["WithoutTag"][0]["message"] == "1 of 2 node groups without the tag, left alone"
    # The most expensive question is asked once.
    assert len([call for call in deployed.aws.calls if call.action == "lambda:Invoke"]) == 1


def test_nothing_is_changed(cli: Cli, deployed: Stack) -> None:
    deployed.aws.calls.clear()
    cli.doctor()
    asked = {call.operation for call in deployed.aws.calls}
    reads = ("Get", "List", "Describe", "BatchGet", "Query", "Simulate")
    assert {it for it in asked if not it.startswith(reads)} == {"Invoke"}
    (invoked,) = [call for call in deployed.aws.calls if call.operation == "Invoke"]
    assert (invoked.parameters["Qualifier"], invoked.parameters["Payload"]) == ("readonly", {"dryRun": True})


@pytest.mark.parametrize("arguments", [["doctor"], ["doctor", "--verify-aws"]], ids=" ".join)
def test_a_viewer_may_do_all_that_it_does(cli: Cli, deployed: Stack, arguments: list[str]) -> None:
    deployed.start.invoke({})
    deployed.aws.calls.clear()
    cli.run(*arguments)
    names = {"lambda:Invoke": "lambda:InvokeFunction"}
    own = [call for call in deployed.aws.calls if call.access_key == CALLER["AWS_ACCESS_KEY_ID"]]
    asked = {names.get(call.action, call.action) for call in own}
    # IAM lets everybody ask who they are.
    statements = deployed.template["Resources"]["ViewerPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    allowed = {action for statement in statements for action in listed(statement["Action"])}
    assert asked - {"sts:GetCallerIdentity"} <= allowed
    assert len(asked) >= 7


def test_people_read_sections_and_a_last_line(cli: Cli, deployed: Stack) -> None:
    done = cli.run("doctor")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line for line in lines if line and line[0] != " "] == [
        *("Access", "Stack", "Settings", "Runs", "Permissions", "Node groups"),
        "All checks passed.",
    ]
    assert f"  ✔ account {ACCOUNT}, as arn:aws:sts::{ACCOUNT}:user/moto" in lines


# ── A stack that is not ──────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_wrong_is_said_with_the_way_out(cli: Cli, deployed: Stack) -> None:
    aws = deployed.aws
    deployed.delete_topic()
    topic = aws.client("sns").create_topic(Name=FACTS["NotificationTopic"].rpartition(":")[2])["TopicArn"]
    aws.client("sns").subscribe(TopicArn=topic, Protocol="email", Endpoint="ops@example.com")
    unconfirm(aws, topic)
    deployed.switch("stopped")
    sqs = aws.client("sqs")
    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName=name("DeadLetterQueue"))["QueueUrl"], MessageBody="{}")
    aws.create_nodegroup("prod/wrong", "AL2023_x86_64_STANDARD", OLD, tags={"ami-update": "yes"})
    aws.create_nodegroup("prod/lost", "AL2023_x86_64_STANDARD", OLD, tags={"ami-update": "auto"})
    aws.nodegroup("prod/lost").indexed_tags = {}
    _create_schedule(deployed, "CheckFunction", "DISABLED")
    _create_alarm(deployed, name("StartErrorsAlarm"), "ALARM")
    _create_alarm(deployed, name("CheckErrorsAlarm"), "INSUFFICIENT_DATA")
    aws.client("dynamodb").update_table(TableName=TABLE, DeletionProtectionEnabled=False)

    report = cli.doctor()
    assert report.exit_code == 1
    assert report.statuses("Failed") == {
        "Subscriptions": ["Failed"],
        "CheckSchedule": ["Failed"],
        "Alarms": ["Failed"],
        "InvalidTag": ["Failed"],
        "TagIndex": ["Failed"],
    }
    assert report.statuses("Warning", "Skipped") == {
        "DeletionProtection": ["Warning"],
        "DeadLetterQueue": ["Warning"],
        "StopSwitch": ["Warning"],
        "Alarms": ["Skipped"],
    }
    (subscription,) = report.checks["Subscriptions"]
    assert subscription["message"] == "nobody is notified: ops@example.com has not confirmed its subscription"
    assert "aws sns subscribe --topic-arn" in subscription["remedy"]
    assert report.checks["TagIndex"][0]["cause"] == "prod/lost"
    assert report.checks["InvalidTag"][0]["cause"].startswith("prod/wrong: ")
    assert cli.run("doctor").stdout.splitlines()[-1] == "5 problems, 3 warnings, 1 skipped."


def test_a_bus_that_does_not_exist_is_a_problem_since_eventbridge_drops_what_is_put_on_it(cli: Cli, deployed: Stack) -> None:
    variables = _variables(deployed, "CheckFunction") | {"EVENT_BUS_NAME": "platform"}
    configuration = {"FunctionName": name("CheckFunction"), "Environment": {"Variables": variables}}
    deployed.aws.client("lambda").update_function_configuration(**configuration)
    (bus,) = cli.doctor().checks["EventBus"]
    assert (bus["status"], bus["message"]) == ("Failed", "events are lost: there is no event bus platform")
    deployed.aws.client("events").create_event_bus(Name="platform")
    (bus,) = cli.doctor().checks["EventBus"]
    assert (bus["status"], bus["message"]) == ("Passed", "events go to the bus platform")


def test_each_setting_is_shown_with_where_it_is_from_and_what_is_not_understood_is_a_problem(cli: Cli, deployed: Stack) -> None:
    deployed.deploy(RingSoak="36h")
    deployed.put("DeniedReleasesList", f'["{NEW}"]')
    shown = {check["message"] for check in cli.doctor().checks["Settings"]}
    assert {
        "RingSoak is 36h (document of the template)",
        "StuckAfter is 6h (variable STUCK_AFTER)",
        f"Metrics is {STACK} (variable STACK_NAME)",
        f"the list {FACTS['DeniedReleasesList']} has denied releases: {NEW}",
        f"the list {FACTS['ChangeCalendarsList']} has no change calendars",
    } <= shown
    assert len([it for it in shown if "document of the template" in it]) == 19
    deployed.deploy(RingSoak="long")
    deployed.put("ChangeCalendarsList", "freeze")
    report = cli.doctor()
    failed = [check["cause"] for check in report.checks["Settings"] if check["status"] == "Failed"]
    assert report.exit_code == 1
    assert [cause.partition(": ")[0] for cause in failed] == [FACTS["Settings"], FACTS["ChangeCalendarsList"]]


# ── Releases that are denied ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_release_is_denied_for_the_function_and_allowed_again(cli: Cli, deployed: Stack) -> None:
    def started() -> list[str]:
        return [line["decision"] for line in deployed.start.invoke({"dryRun": True}).payload["decisions"]]

    done = cli.run("deny", NEW, "--yes", "--output", "json")
    assert (done.returncode, json.loads(done.stdout)["list"]) == (0, [NEW])
    assert started() == ["Denied"]
    done = cli.run("allow", NEW, "--yes", "--output", "json")
    assert (done.returncode, json.loads(done.stdout)["list"]) == (0, [])
    assert started() == ["Start"]


def test_two_people_who_write_the_list_at_once_are_told(cli: Cli, deployed: Stack) -> None:
    with ThreadPoolExecutor() as pool:
        with deployed.aws.holding_answers("ssm:GetParameter") as read:
            done = pool.submit(cli.run, "deny", NEW, "--yes")
            read.wait_until_done()
            deployed.put("DeniedReleasesList", '["*-20261102"]')
            read.released.set()
            done = done.result()
    assert done.returncode == 1
    assert f"{FACTS['DeniedReleasesList']} was changed by somebody else at the same time" in done.stderr
    assert "One of the two changes might be lost." in done.stderr


def unconfirm(aws: MotoServer, topic: str) -> None:
    """moto confirms every subscription at once; AWS shows the words in place of the ARN until somebody does."""
    from moto.sns.models import sns_backends

    for subscription in sns_backends[ACCOUNT][REGION].subscriptions.values():
        if subscription.topic.arn == topic:
            subscription.arn = "PendingConfirmation"


def test_only_warnings_end_with_2_where_that_is_asked_for(cli: Cli, deployed: Stack) -> None:
    deployed.switch("stopped")
    assert (cli.doctor().exit_code, cli.doctor("--exit-code").exit_code) == (0, 2)


def test_a_role_that_may_too_much_or_too_little_is_a_problem(cli: Cli, deployed: Stack) -> None:
    iam = deployed.aws.client("iam")
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["eks:UpdateNodegroupVersion"], "Resource": "*"}]}
    role = name("StartFunctionRole")
    iam.put_role_policy(RoleName=role, PolicyName="more", PolicyDocument=json.dumps(everything))
    denied = {"Effect": "Deny", "Action": ["sns:Publish", "events:PutEvents"], "Resource": "*"}
    nothing = {"Version": "2012-10-17", "Statement": [denied]}
    role = name("CheckFunctionRole")
    iam.put_role_policy(RoleName=role, PolicyName="less", PolicyDocument=json.dumps(nothing))
    report = cli.doctor()
    assert report.statuses("Failed") == {name: ["Failed"] for name in ("UpdateOptedOut", "UpdateUntagged", "Publish", "PutEvents")}
    assert report.checks["Publish"][0]["cause"] == "sns:Publish is explicitDeny"
    assert report.checks["PutEvents"][0]["cause"] == "events:PutEvents is explicitDeny"
    assert report.checks["UpdateUntagged"][0]["message"] == "start can update node groups without the tag"


def test_a_function_that_fails_is_said_once_and_stops_no_other_check(cli: Cli, deployed: Stack) -> None:
    deployed.aws.refuse("tag:GetResources", 400, "InvalidParameterException", "no", times=99)
    report = cli.doctor()
    assert report.statuses("Failed") == {"Version": ["Failed"]}
    assert "the run of" in report.checks["Version"][0]["cause"]
    assert report.statuses("Skipped") == {name: ["Skipped"] for name in ("Freeze", "Decisions", "TagIndex")}


# ── A caller who may little, and no stack ────────────────────────────────────────────────────────────────────────────


def test_what_the_caller_may_not_look_at_is_skipped(cli: Cli, deployed: Stack) -> None:
    credentials = deployed.aws.assume_role("little", {"cloudformation:DescribeStacks", "sts:GetCallerIdentity"})
    # Where moto's IAM does not judge, since it is not moto that answers.
    deployed.aws.refuse("lambda:Invoke", 403, "AccessDeniedException", "not authorized", times=9)
    with deployed.aws.checking_permissions():
        report = cli.doctor(credentials=credentials)
    assert report.statuses("Failed", "Warning") == {}
    assert report.exit_code == 0
    assert set(report.statuses("Passed")) == {"Credentials", "Region", "Stack"}
    missing = {check["cause"] for checks in report.checks.values() for check in checks if check["status"] == "Skipped"}
    assert "missing permission sqs:GetQueueAttributes" in missing
    assert "missing permission cloudwatch:DescribeAlarms" in missing
    assert all(check.get("see") for it in ("Subscriptions", "Table", "StopSwitch") for check in report.checks[it])


def test_without_a_stack_node_groups_are_looked_at_with_the_callers_rights(cli: Cli, stack: Stack) -> None:
    stack.aws.publish(LINUX, NEW)
    stack.aws.create_nodegroup("prod/wrong", "AL2023_x86_64_STANDARD", OLD, tags={"ami-update": "yes"})
    report = cli.doctor()
    assert [section["name"] for section in report.document["regions"][0]["sections"]] == ["Access", "Stack", "Node groups"]
    (skipped,) = report.checks["Stack"]
    assert (skipped["status"], skipped["message"]) == ("Skipped", "stack, runs and permissions")
    assert report.statuses("Failed") == {"InvalidTag": ["Failed"]}


def test_a_stack_that_is_named_and_is_not_there_is_a_problem(cli: Cli, deployed: Stack) -> None:
    report = cli.doctor("--stack", "other")
    assert report.exit_code == 1
    assert report.checks["Stack"][0]["cause"] == f"there is no stack other in {REGION}"


# ── What AWS does not document ───────────────────────────────────────────────────────────────────────────────────────


def test_the_report_on_aws_has_nothing_of_the_account(cli: Cli, deployed: Stack) -> None:
    windows = "/aws/service/ami-windows-latest/Windows_Server-2022-English-Core-EKS_Optimized-1.33"
    deployed.aws.publish(windows, json.dumps({"image_id": "ami-0a1b2c3d", "release_version": "1.33-2026.10.14"}))
    deployed.aws.publish("/aws/service/bottlerocket/aws-k8s-1.33/x86_64/latest/image_version", "1.26.1-943d9a41")
    deployed.start.invoke({})
    done = cli.run("doctor", "--verify-aws")
    assert (done.returncode, done.stderr) == (0, "")
    table = [line.strip("|").split("|") for line in done.stdout.splitlines() if line.startswith("|")]
    answers = {question.strip(): answer.strip() for question, answer, _ in table[2:]}
    assert len(answers) == 8
    assert not [answer for answer in answers.values() if answer.startswith("not answered")]
    assert "`release_version`: `1.33-2026.10.14`" in answers["What does the JSON of the Windows parameters contain?"]
    assert answers["Do public parameters have a date and a version?"].startswith("AL2023: changed 0 days ago, `Version` 2;")
    assert "1 in the listing, 1 in the index" in answers["Does the tag index agree with a listing?"]
    for private in (ACCOUNT, "arn:", "prod", "blue", "other", "ami-0a1b2c3d", deployed.aws.updates("prod/blue")[0]["id"]):
        assert private not in done.stdout
