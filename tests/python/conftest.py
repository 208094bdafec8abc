"""The stack of `template.yaml`, as far as the story needs it, deployed on moto."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer
from moto_server import ACCOUNT, REGION, MotoServer
from runtime_api import Function, read_template, resolve

ROOT = Path(__file__).resolve().parents[2]

# The binaries under test. CI sets both to what `sam build` made.
BINARIES = {
    "StartFunction": Path(os.environ.get("START_BINARY", ROOT / "target/debug/start")),
    "CheckFunction": Path(os.environ.get("CHECK_BINARY", ROOT / "target/debug/check")),
}

# Physical names, as CloudFormation would give them.
STACK, TABLE, TOPIC = "updater", "updater-UpdatesTable-1A2B3C", "updater-NotificationTopic-4D5E6F"
ARN_START = f"{REGION}:{ACCOUNT}"
FACTS = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackName": STACK,
    "UpdatesTable": TABLE,
    "UpdatesTable.Arn": f"arn:aws:dynamodb:{ARN_START}:table/{TABLE}",
    "StopSwitch": f"/{STACK}/stop-switch",
    "Settings": f"/{STACK}/settings",
    "DeniedReleasesList": f"/{STACK}/denied-releases",
    "ChangeCalendarsList": f"/{STACK}/change-calendars",
    "NotificationTopic": f"arn:aws:sns:{ARN_START}:{TOPIC}",
    "NotificationKey.Arn": f"arn:aws:kms:{ARN_START}:key/0a1b2c3d-0000-4000-8000-000000000000",
    "DeadLetterQueue.Arn": f"arn:aws:sqs:{ARN_START}:{STACK}-DeadLetterQueue-7A8B9C",
    "StartReadOnlyAlias": f"arn:aws:lambda:{ARN_START}:function:{STACK}-StartFunction-1A2B3C:readonly",
    "StartLogGroup": f"/aws/lambda/{STACK}-start",
    "CheckLogGroup": f"/aws/lambda/{STACK}-check",
}
for _name in ("StartFunction", "CheckFunction"):
    FACTS[f"{_name}.Arn"] = f"arn:aws:lambda:{ARN_START}:function:{STACK}-{_name}-1A2B3C"
    FACTS[f"{_name}Role.Arn"] = f"arn:aws:iam::{ACCOUNT}:role/{STACK}-{_name}Role-1A2B3C"
    FACTS[f"{_name}Schedule.Arn"] = f"arn:aws:scheduler:{ARN_START}:schedule/default/{STACK}-{_name}Schedule-1A2B3C"
for _name in read_template(ROOT / "template.yaml")["Resources"]:
    if not _name.endswith("Alarm"):
        continue
    FACTS[f"{_name}.Arn"] = f"arn:aws:cloudwatch:{ARN_START}:alarm:{STACK}-{_name}-1A2B3C"


@dataclass
class Message:
    """A message as a queue that subscribed to the topic gets it."""

    subject: str
    body: dict[str, Any]
    attributes: dict[str, str]


class Stack:
    """The deployed stack: two functions, a table, a topic with one subscriber."""

    def __init__(self, aws: MotoServer) -> None:
        self.aws = aws
        self.template = read_template(ROOT / "template.yaml")
        self.start = self._function("StartFunction")
        self.check = self._function("CheckFunction")
        self._create_table()
        self.queue_url = aws.client("sqs").create_queue(QueueName="subscriber")["QueueUrl"]
        self.create_topic()
        self.events_url = self._subscribe_to_events()
        self.deploy()

    def has_run_before(self) -> None:
        """Puts the fleet's item as an earlier run left it, so that this is no new installation."""
        item = {
            "itemKey": {"S": f"arn:aws:eks:{ARN_START}:fleet"},
            "kind": {"S": "Fleet"},
            "schemaVersion": {"N": "1"},
            "revision": {"S": "1/earlier"},
            "digestAt": {"S": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"},
        }
        self.aws.client("dynamodb").put_item(TableName=TABLE, Item=item)

    def deploy(self, **parameters: str) -> None:
        """Writes the SSM parameters of the stack, as a deployment with these parameters of the template does the first time."""
        for name, resource in self.template["Resources"].items():
            if resource["Type"] == "AWS::SSM::Parameter":
                self.put(name, resolve(resource["Properties"]["Value"], self.template, FACTS | parameters))

    def put(self, logical_id: str, value: str) -> None:
        """Writes one of them."""
        self.aws.client("ssm").put_parameter(Name=FACTS[logical_id], Value=value, Type="String", Overwrite=True)

    def switch(self, value: str) -> None:
        """Sets the stop switch, as an operator does."""
        self.put("StopSwitch", value)

    def _function(self, name: str) -> Function:
        binary = BINARIES[name].resolve()
        assert binary.is_file(), f"{binary} is missing: run `cargo build`, or set START_BINARY and CHECK_BINARY"
        return Function.of_template(self.template, name, binary, FACTS, self.aws.url)

    def _create_table(self) -> None:
        table = resolve(self.template["Resources"]["UpdatesTable"]["Properties"], self.template, FACTS)
        names = ["AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexes", "KeySchema"]
        dynamodb = self.aws.client("dynamodb")
        dynamodb.create_table(TableName=TABLE, **{name: table[name] for name in names})
        dynamodb.update_time_to_live(TableName=TABLE, TimeToLiveSpecification=table["TimeToLiveSpecification"])

    def create_topic(self) -> None:
        """Creates the topic and subscribes the queue to it."""
        sns = self.aws.client("sns")
        arn = sns.create_topic(Name=TOPIC)["TopicArn"]
        assert arn == FACTS["NotificationTopic"]
        sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=f"arn:aws:sqs:{ARN_START}:subscriber")

    def _subscribe_to_events(self) -> str:
        """A queue that a rule on the bus sends all events of the stack to."""
        url = self.aws.client("sqs").create_queue(QueueName="events")["QueueUrl"]
        events, target = self.aws.client("events"), {"Id": "queue", "Arn": f"arn:aws:sqs:{ARN_START}:events"}
        events.put_rule(Name="all", EventPattern=json.dumps({"source": ["eks-nodegroup-updater"]}))
        events.put_targets(Rule="all", Targets=[target])
        return url

    def delete_topic(self) -> None:
        self.aws.client("sns").delete_topic(TopicArn=FACTS["NotificationTopic"])

    def record(self, nodegroup_arn: str) -> dict[str, Any] | None:
        """A node group's item of the table."""
        key = {"itemKey": {"S": nodegroup_arn}}
        item = self.aws.client("dynamodb").get_item(TableName=TABLE, Key=key, ConsistentRead=True).get("Item")
        return item and {name: TypeDeserializer().deserialize(value) for name, value in item.items()}

    def messages(self) -> list[Message]:
        """Takes what has reached the subscriber since the last look."""
        messages = []
        for envelope in self._received(self.queue_url):
            attributes = {name: value["Value"] for name, value in envelope["MessageAttributes"].items()}
            messages.append(Message(envelope["Subject"], json.loads(envelope["Message"]), attributes))
        return messages

    def events(self) -> list[dict[str, Any]]:
        """Takes the events that have reached the rule's queue since the last look."""
        return list(self._received(self.events_url))

    def _received(self, queue_url: str) -> Iterator[dict[str, Any]]:
        sqs = self.aws.client("sqs")
        while batch := sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages"):
            for message in batch:
                yield json.loads(message["Body"])
                sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


@pytest.fixture(scope="session")
def moto() -> Iterator[MotoServer]:
    """One server for all tests of this process; it listens on a port of its own."""
    with MotoServer() as server:
        yield server


@pytest.fixture
def stack(moto: MotoServer) -> Stack:
    """The stack, deployed anew, in an AWS without node groups."""
    moto.reset()
    stack = Stack(moto)
    stack.has_run_before()
    moto.calls.clear()
    return stack
