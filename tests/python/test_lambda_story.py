"""The whole story with the real binaries, each invocation a cold process, on an AWS that is not ours.

A test lets one thing happen and says what is then found: in the function's answer, in the table, in the queue of a
subscriber, and in the calls that AWS received.
"""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema
import pytest
from conftest import ARN_START, FACTS, ROOT, STACK, TABLE, Stack
from iam import ALLOWED, decision, listed
from moto_server import KUBERNETES_VERSIONS, REGION, Call, MotoServer
from runtime_api import Function, Invocation, Result, access_key, resolve
from test_template import template_actions

LINUX = "/aws/service/eks/optimized-ami/1.33/amazon-linux-2023/x86_64/standard/recommended/release_version"
BOTTLEROCKET = "/aws/service/bottlerocket/aws-k8s-1.33/arm64/latest/image_version"
WINDOWS = "/aws/service/ami-windows-latest/Windows_Server-2022-English-Core-EKS_Optimized-1.33"

EVENT_SCHEMA = json.loads((ROOT / "events/published/schema.json").read_text())

OLD, NEW, NEWER = "1.33.1-20260901", "1.33.5-20261101", "1.33.5-20261115"
AUTO, NOTIFY = {"ami-update": "auto"}, {"ami-update": "notify"}

# What EKS says of a node group whose pods cannot be evicted.
NODES = ["ip-10-0-2-44.eu-central-1.compute.internal", "ip-10-0-3-7.eu-central-1.compute.internal"]
EVICTION = {
    "errorCode": "PodEvictionFailure",
    "errorMessage": "Reached max retries while trying to evict pods from nodes in node group blue",
    "resourceIds": NODES,
}


@pytest.fixture
def blue(stack: Stack) -> str:
    """The ARN of `prod/blue`, which opted in and could run a newer release."""
    stack.aws.publish(LINUX, OLD)
    stack.aws.publish(LINUX, NEW)
    return stack.aws.create_nodegroup("prod/blue", "AL2023_x86_64_STANDARD", OLD, tags=AUTO)


def payload(result: Result) -> dict[str, Any]:
    assert not result.error and not result.init_error, f"{result.error or result.init_error}: {result.log}"
    return result.payload


def decisions(result: Result) -> dict[str, str]:
    """What was decided for each node group: `Start`, `Next`, or a reason's code."""
    return {line["nodegroup"]: line["decision"] for line in payload(result)["decisions"]}


def reason(result: Result, nodegroup: str) -> str:
    (line,) = [line for line in payload(result)["decisions"] if line["nodegroup"] == nodegroup]
    return line["reason"]


def calls(stack: Stack, action: str) -> list[Call]:
    return [call for call in stack.aws.calls if call.action == action]


def writes(stack: Stack) -> int:
    return len(calls(stack, "dynamodb:PutItem"))


def updates_asked_for(stack: Stack) -> list[str]:
    return [call.parameters["nodegroupName"] for call in calls(stack, "eks:UpdateNodegroupVersion")]


# ── The main road ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_opted_in_node_group_is_updated_recorded_watched_and_then_left_alone(stack: Stack, blue: str) -> None:
    answer = payload(stack.start.invoke({}))
    (asked,) = calls(stack, "eks:UpdateNodegroupVersion")
    (update,) = stack.aws.updates("prod/blue")
    assert answer == {
        "version": tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]["version"],
        "dryRun": False,
        "counts": {"Start": 1},
        "decisions": [
            {
                "nodegroup": "prod/blue",
                "decision": "Start",
                "attention": "Moving",
                "target": NEW,
                "reason": f"from {OLD} to {NEW} (Kubernetes 1.33)",
                "outcome": "Accepted",
                "detail": f"EKS accepted the update {update['id']}",
                "updateId": update["id"],
            }
        ],
        "errors": [],
    }
    record = stack.record(blue)
    assert (record["itemKey"], record["kind"], record["schemaVersion"]) == (blue, "Nodegroup", 1)
    assert re.fullmatch(r"4/.+", record["revision"]), "what it runs, its past, the intent, then the id"
    assert (record["attempts"]["count"], record["pending"], record["optedIn"]) == (1, "yes", "yes")
    attempt = record["attempts"]["open"]
    assert asked.parameters == {
        "name": "prod",
        "nodegroupName": "blue",
        "version": "1.33",
        "releaseVersion": NEW,
        "clientRequestToken": attempt["token"],
    }
    assert (attempt["updateId"], attempt["status"]) == (update["id"], "InProgress")
    assert (attempt["number"], attempt["startedBy"]) == (1, "Updater")
    names = ["version", "releaseVersion", "previousReleaseVersion", "force"]
    assert [attempt["intent"][name] for name in names] == ["1.33", NEW, OLD, False]

    assert decisions(stack.start.invoke({})) == {"prod/blue": "InProgress"}
    record = stack.record(blue)
    line = {"nodegroup": "prod/blue", "updateId": update["id"], "releaseVersion": NEW, "status": "InProgress"}
    watched = {"counts": {"InProgress": 1}, "updates": [line], "published": [], "events": 2, "errors": []}
    assert payload(stack.check.invoke({})) == watched
    del record["pendingNotices"]
    record["revision"] = stack.record(blue)["revision"]
    assert re.fullmatch(r"5/.+", record["revision"]), "and that the start was published"
    assert stack.record(blue) == record
    assert payload(stack.check.invoke({})) == watched | {"events": 0}
    assert stack.record(blue) == record

    stack.aws.settle("prod/blue", "Successful")
    ended = {"counts": {"Successful": 1}, "updates": [line | {"status": "Successful"}], "events": 1}
    assert payload(stack.check.invoke({})) == watched | ended
    events = stack.events()
    assert {event["detail-type"] for event in events} == {
        "EKS Release Available",
        "EKS Nodegroup Update Started",
        "EKS Nodegroup Update Succeeded",
    }
    assert len(events) == 3
    for event in events:
        jsonschema.Draft4Validator(EVENT_SCHEMA).validate(event)
    record = stack.record(blue)
    assert [attempt["status"] for attempt in record["attempts"]["ended"]] == ["Successful"]
    assert "open" not in record["attempts"] and "pendingNotices" not in record and "pending" not in record
    assert record["expiresAt"] > 0

    before = writes(stack)
    assert decisions(stack.start.invoke({})) == {"prod/blue": "UpToDate"}
    assert payload(stack.check.invoke({}))["updates"] == []
    assert (updates_asked_for(stack), writes(stack), stack.messages()) == (["blue"], before, [])


def test_the_id_is_recorded_before_the_next_update_is_asked_for(stack: Stack, blue: str) -> None:
    stack.aws.create_nodegroup("stage/green", "AL2023_x86_64_STANDARD", OLD, tags=AUTO)
    stack.start.invoke({})
    of_interest = ["dynamodb:PutItem", "eks:UpdateNodegroupVersion"]
    order = [call.action for call in stack.aws.calls if call.action in of_interest]
    # What each runs and its past, and the track; then one start after the other.
    assert order[:5] == ["dynamodb:PutItem"] * 5
    assert order[5:] == ["dynamodb:PutItem", "eks:UpdateNodegroupVersion", "dynamodb:PutItem"] * 2


def test_only_what_the_tag_allows_is_started(stack: Stack, blue: str) -> None:
    aws = stack.aws
    aws.publish(BOTTLEROCKET, "1.45.0-18d04e52")
    windows = {"image_id": "ami-0123456789abcdef0", "image_name": "Windows", "release_version": "1.33-2026.11.12"}
    aws.publish(WINDOWS, json.dumps(windows))
    aws.create_nodegroup("bottle/rocket", "BOTTLEROCKET_ARM_64", "1.44.1-2f6a1c9e", tags=AUTO)
    aws.create_nodegroup("win/core", "WINDOWS_CORE_2022_x86_64", "1.33-2026.10.15", tags=AUTO)
    aws.create_nodegroup("dev/notify", "AL2023_x86_64_STANDARD", OLD, tags=NOTIFY)
    aws.create_nodegroup("dev/current", "AL2023_x86_64_STANDARD", NEW, tags=AUTO)
    aws.create_nodegroup("dev/withdrawn", "AL2023_x86_64_STANDARD", NEWER, tags=AUTO)
    aws.create_nodegroup("dev/custom", "CUSTOM", "ami-0c099795affa953de", tags=AUTO)
    aws.create_nodegroup("dev/typo", "AL2023_x86_64_STANDARD", OLD, tags={"ami-update": "Auto"})
    aws.create_nodegroup("dev/untagged", "AL2023_x86_64_STANDARD", OLD, tags={"team": "a"})
    aws.create_nodegroup("dev/left", "AL2023_x86_64_STANDARD", OLD, tags={})
    aws.nodegroup("dev/left").indexed_tags = AUTO
    expected = {
        "prod/blue": "Start",
        "bottle/rocket": "Start",
        "win/core": "Start",
        "dev/notify": "ReportOnly",
        "dev/current": "UpToDate",
        "dev/withdrawn": "RunsWithdrawnRelease",
        "dev/custom": "CustomAmi",
        "dev/typo": "InvalidTag",
        "dev/left": "NotOptedIn",
    }
    result = stack.start.invoke({})
    assert decisions(result) == expected
    assert sum(payload(result)["counts"].values()) == len(expected)
    assert sorted(updates_asked_for(stack)) == ["blue", "core", "rocket"]


def test_one_node_group_of_a_cluster_at_a_time(stack: Stack, blue: str) -> None:
    stack.aws.create_nodegroup("prod/green", "AL2023_x86_64_STANDARD", OLD, tags=AUTO)
    assert decisions(stack.start.invoke({})) == {"prod/blue": "Start", "prod/green": "Next"}
    stack.aws.settle("prod/blue", "Successful")
    payload(stack.check.invoke({}))
    assert decisions(stack.start.invoke({})) == {"prod/blue": "UpToDate", "prod/green": "Start"}


def test_the_next_node_group_of_a_cluster_is_updated_where_eks_does_not_accept_the_first(stack: Stack, blue: str) -> None:
    stack.aws.create_nodegroup("prod/green", "AL2023_x86_64_STANDARD", OLD, tags=AUTO)
    words = "Nodegroup cannot be updated as it is currently not in Active State"
    stack.aws.refuse("eks:UpdateNodegroupVersion", 409, "ResourceInUseException", words, nodegroupName="blue")
    lines = payload(stack.start.invoke({}))["decisions"]
    outcomes = {line["nodegroup"]: (line["decision"], line["outcome"]) for line in lines}
    assert outcomes == {"prod/blue": ("Start", "NotActive"), "prod/green": ("Next", "Accepted")}
    (line,) = [line for line in lines if line["nodegroup"] == "prod/green"]
    assert line["target"] == NEW and "MAX_UPDATES_PER_CLUSTER" in line["reason"]
    assert updates_asked_for(stack) == ["blue", "green"]


# ── Failures are notified ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_failed_update_is_notified_exactly_once_and_not_tried_again_at_once(stack: Stack, blue: str) -> None:
    payload(stack.start.invoke({}))
    stack.aws.settle("prod/blue", "Failed", EVICTION)
    checked = payload(stack.check.invoke({}))
    (message,) = stack.messages()
    assert message.attributes == {
        "kind": "UpdateFailed",
        "severity": "error",
        "status": "firing",
        "cluster": "prod",
        "nodegroup": "blue",
        "errorCode": "PodEvictionFailure",
    }
    body = message.body
    assert (body["kind"], body["cluster"], body["nodegroup"]) == ("UpdateFailed", "prod", "blue")
    assert (body["releaseVersion"], body["previousReleaseVersion"]) == (NEW, OLD)
    assert body["updateId"] == stack.aws.updates("prod/blue")[0]["id"]
    assert body["errors"] == [EVICTION]
    assert (body["startedBy"], body["attempt"], body["failedOn"], body["tag"]) == ("Updater", 1, None, None)
    assert body["nextTry"] and body["nextAction"].startswith(f"{NEW} is retried after ")
    (published,) = checked["published"]
    assert body["id"] == published
    assert len(message.subject) <= 99 and message.subject.isascii() and message.subject.isprintable()

    payload(stack.check.invoke({}))
    again = stack.start.invoke({})
    assert decisions(again) == {"prod/blue": "FailedBefore"}
    assert NEW in reason(again, "prod/blue")
    payload(stack.check.invoke({}))
    assert (stack.messages(), updates_asked_for(stack)) == ([], ["blue"])


def test_more_than_three_failures_of_one_cause_are_one_message(stack: Stack) -> None:
    stack.aws.publish(LINUX, OLD)
    stack.aws.publish(LINUX, NEW)
    names = [f"c{number}/blue" for number in range(5)]
    arns = [stack.aws.create_nodegroup(name, "AL2023_x86_64_STANDARD", OLD, tags=AUTO) for name in names]
    payload(stack.start.invoke({}))
    for name in names[:4]:
        stack.aws.settle(name, "Failed", EVICTION)
    stack.aws.settle(names[4], "Failed", {"errorCode": "NodeCreationFailure", "errorMessage": "Instances failed to join"})
    published = payload(stack.check.invoke({}))["published"]
    single, many = sorted(stack.messages(), key=lambda message: len(message.body["ids"]))
    event = {"kind": "UpdateFailed", "severity": "error", "status": "firing", "errorCode": "PodEvictionFailure"}
    assert many.attributes == event, "no cluster and no node group"
    body = many.body
    assert (sorted(body["nodegroups"]["names"]), body["nodegroups"]["count"]) == (names[:4], 4)
    assert (body["cluster"], body["nodegroup"], body["nodegroupArn"], body["updateId"]) == (None, None, None, None)
    updates = [stack.aws.updates(name)[0]["id"] for name in body["nodegroups"]["names"]]
    assert body["updateIds"] == updates, "the lists go together"
    assert "4 node groups" in many.subject and NEW in many.subject
    assert (single.body["ids"], single.body["nodegroups"]) == ([single.body["id"]], None)
    assert (single.body["cluster"], single.attributes["errorCode"]) == ("c4", "NodeCreationFailure")
    assert sorted(published) == sorted(body["ids"] + single.body["ids"])
    assert all("pendingNotices" not in stack.record(arn) for arn in arns)
    assert (payload(stack.check.invoke({}))["published"], stack.messages()) == ([], [])


def test_a_newer_release_is_tried_although_an_older_one_failed(stack: Stack, blue: str) -> None:
    payload(stack.start.invoke({}))
    stack.aws.settle("prod/blue", "Failed", EVICTION)
    payload(stack.check.invoke({}))
    stack.aws.publish(LINUX, NEWER)
    assert decisions(stack.start.invoke({})) == {"prod/blue": "Start"}
    tokens = {call.parameters["clientRequestToken"] for call in calls(stack, "eks:UpdateNodegroupVersion")}
    assert len(tokens) == 2


def test_a_cancelled_update_is_notified(stack: Stack, blue: str) -> None:
    payload(stack.start.invoke({}))
    stack.aws.settle("prod/blue", "Cancelled")
    payload(stack.check.invoke({}))
    assert [message.body["kind"] for message in stack.messages()] == ["UpdateCancelled"]


def test_a_release_for_a_node_group_tagged_notify_is_reported_once(stack: Stack) -> None:
    stack.aws.publish(LINUX, NEW)
    stack.aws.create_nodegroup("dev/notify", "AL2023_x86_64_STANDARD", OLD, tags=NOTIFY)
    for _ in range(2):
        payload(stack.start.invoke({}))
        payload(stack.check.invoke({}))
    (message,) = stack.messages()
    assert (message.body["kind"], message.body["releaseVersion"]) == ("UpdateAvailable", NEW)


def test_an_invalid_tag_is_notified_once(stack: Stack) -> None:
    stack.aws.publish(LINUX, NEW)
    tags = AUTO | {"ami-update/min-age": "a week"}
    arn = stack.aws.create_nodegroup("dev/typo", "AL2023_x86_64_STANDARD", OLD, tags=tags)
    for _ in range(2):
        result = stack.start.invoke({})
        assert decisions(result) == {"dev/typo": "InvalidTag"}
        assert "ami-update/min-age" in reason(result, "dev/typo")
        payload(stack.check.invoke({}))
    (message,) = stack.messages()
    assert (message.body["kind"], message.attributes["severity"]) == ("TagInvalid", "warning")
    assert (message.body["tag"]["key"], message.body["tag"]["value"]) == ("ami-update/min-age", "a week")
    assert "until the tag is fixed" in message.body["nextAction"]
    assert stack.record(arn)["reported"]["tag"]["key"] == "ami-update/min-age"


def test_a_refused_update_is_notified_once_and_fails_no_run(stack: Stack, blue: str) -> None:
    words = "You are not authorized to launch instances with this launch template."
    stack.aws.refuse("eks:UpdateNodegroupVersion", 400, "InvalidRequestException", words)
    answer = payload(stack.start.invoke({}))
    assert [line["outcome"] for line in answer["decisions"]] == ["LaunchTemplateDenied"]
    (error,) = answer["errors"]
    assert (error["subject"], error["code"]) == ("prod/blue", "NotStarted") and words in error["message"]
    for _ in range(2):
        payload(stack.check.invoke({}))
    (message,) = stack.messages()
    assert "docs/operations.md" in message.body["meaning"]
    assert (message.body["kind"], message.attributes["errorCode"]) == ("UpdateRefused", "InvalidRequestException")
    assert decisions(stack.start.invoke({})) == {"prod/blue": "FailedBefore"}


def test_a_notice_that_cannot_be_published_fails_the_run_and_is_published_later(stack: Stack, blue: str) -> None:
    stack.aws.create_nodegroup("stage/green", "AL2023_x86_64_STANDARD", OLD, tags=AUTO)
    payload(stack.start.invoke({}))
    stack.aws.settle("prod/blue", "Failed", EVICTION)
    stack.aws.settle("stage/green", "Successful")
    stack.delete_topic()
    result = stack.check.invoke({})
    assert result.error.message.startswith("nothing could be published: prod/blue: ")
    assert "publishing" in result.error.message and "NotFound" in result.error.message
    record = stack.record(blue)
    assert [list(notice["kind"]) for notice in record["pendingNotices"]] == [["UpdateFailed"]]
    assert record["pending"]
    # The rest was done all the same.
    assert decisions(stack.start.invoke({})) == {"prod/blue": "FailedBefore", "stage/green": "UpToDate"}

    stack.create_topic()
    payload(stack.check.invoke({}))
    payload(stack.check.invoke({}))
    assert [message.body["kind"] for message in stack.messages()] == ["UpdateFailed"]
    assert "pending" not in stack.record(blue)


# ── Rules that ask AWS for more ──────────────────────────────────────────────────────────────────────────────────────


def days_ago(days: int) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)


def update_asked_for(stack: Stack) -> dict[str, Any]:
    (call,) = calls(stack, "eks:UpdateNodegroupVersion")
    return {name: call.parameters.get(name) for name in ["nodegroupName", "version", "releaseVersion", "force"]}


def test_the_newest_release_that_is_old_enough_is_taken_of_those_that_aws_has_recommended(stack: Stack, blue: str) -> None:
    tags = stack.aws.nodegroup("prod/blue").tags
    tags["ami-update/min-age"] = "30d"
    for release, age in [("1.33.5-20261114", 10), ("1.33.5-20261118", 6)]:
        stack.aws.publish(LINUX, release, days_ago(age))
        assert decisions(stack.start.invoke({})) == {"prod/blue": "MinAgeNotReached"}
    tags["ami-update/min-age"] = "7d"
    assert decisions(stack.start.invoke({})) == {"prod/blue": "Start"}
    expected = {"nodegroupName": "blue", "version": "1.33", "releaseVersion": "1.33.5-20261114", "force": None}
    assert update_asked_for(stack) == expected


def test_a_build_that_aws_never_recommended_is_no_release(stack: Stack) -> None:
    path = "/aws/service/bottlerocket/aws-k8s-1.33/x86_64"
    stack.aws.publish(f"{path}/latest/image_version", "1.46.0-9d20f4ae", days_ago(1))
    stack.aws.publish(f"{path}/1.45.0-18d04e52/image_version", "1.45.0-18d04e52", days_ago(30))
    tags = AUTO | {"ami-update/min-age": "7d"}
    stack.aws.create_nodegroup("bottle/rocket", "BOTTLEROCKET_x86_64", "1.44.1-2f6a1c9e", tags=tags)
    assert decisions(stack.start.invoke({})) == {"bottle/rocket": "MinAgeNotReached"}
    assert calls(stack, "eks:UpdateNodegroupVersion") == []


def test_the_end_of_a_kubernetes_version_is_said_once(stack: Stack, blue: str) -> None:
    support = {"endOfStandardSupportDate": days_ago(400), "endOfExtendedSupportDate": days_ago(35)}
    KUBERNETES_VERSIONS.append({"clusterVersion": "1.33"} | support)
    stack.aws.publish(LINUX, OLD, days_ago(0))
    for _ in range(2):
        assert decisions(stack.start.invoke({})) == {"prod/blue": "EndOfSupport"}
        payload(stack.check.invoke({}))
    (message,) = stack.messages()
    assert (message.body["kind"], message.body["support"]["what"]) == ("SupportEnded", "Kubernetes 1.33")


def test_a_new_installation_says_once_that_the_table_was_empty(moto: MotoServer) -> None:
    moto.reset()
    stack = Stack(moto)
    stack.aws.publish(LINUX, NEW)
    stack.aws.create_nodegroup("prod/blue", "AL2023_x86_64_STANDARD", NEW, tags=AUTO)
    for is_empty in [True, False]:
        assert payload(stack.start.invoke({})).get("tableEmpty", False) == is_empty
        payload(stack.check.invoke({}))
    assert [message.body["kind"] for message in stack.messages()] == ["TableEmpty"]


def test_a_node_group_that_follows_its_cluster_goes_to_its_version(stack: Stack) -> None:
    stack.aws.publish(LINUX, NEW)
    stack.aws.publish(LINUX.replace("1.33", "1.34"), "1.34.1-20261101")
    # The first node group decides which version the cluster has.
    stack.aws.create_nodegroup("prod/leads", "AL2023_x86_64_STANDARD", "1.34.1-20261101", "1.34", tags=AUTO)
    tags = AUTO | {"ami-update/kubernetes-version": "follow-cluster"}
    stack.aws.create_nodegroup("prod/late", "AL2023_x86_64_STANDARD", NEW, tags=tags)
    tags |= {"ami-update/follow-cluster-after": "0h"}
    stack.aws.create_nodegroup("prod/blue", "AL2023_x86_64_STANDARD", NEW, tags=tags)
    expected = {"prod/blue": "Start", "prod/late": "ClusterUpgradedRecently", "prod/leads": "UpToDate"}
    assert decisions(stack.start.invoke({})) == expected
    expected = {"nodegroupName": "blue", "version": "1.34", "releaseVersion": "1.34.1-20261101", "force": None}
    assert update_asked_for(stack) == expected
    (asked,) = calls(stack, "eks:DescribeCluster")
    assert asked.parameters == {"name": "prod"}


def test_a_node_group_follows_its_cluster_to_an_older_release_when_its_own_version_has_no_more(stack: Stack) -> None:
    ahead = LINUX.replace("1.33", "1.34")
    stack.aws.publish(LINUX, NEW)
    stack.aws.create_nodegroup("prod/leads", "AL2023_x86_64_STANDARD", "1.34.1-20261101", "1.34", tags=AUTO)
    rules = {"kubernetes-version": "follow-cluster", "follow-cluster-after": "0h", "min-age": "30d"}
    tags = AUTO | {f"ami-update/{name}": value for name, value in rules.items()}
    stack.aws.create_nodegroup("prod/blue", "AL2023_x86_64_STANDARD", NEW, tags=tags)
    for release, age in [("1.34.1-20261114", 10), ("1.34.1-20261118", 6)]:
        stack.aws.publish(ahead, release, days_ago(age))
        result = stack.start.invoke({"nodegroups": ["prod/blue"]})
        assert decisions(result)["prod/blue"] == "MinAgeNotReached" and release in reason(result, "prod/blue")
    stack.aws.nodegroup("prod/blue").tags["ami-update/min-age"] = "7d"
    assert decisions(stack.start.invoke({"nodegroups": ["prod/blue"]}))["prod/blue"] == "Start"
    assert update_asked_for(stack)["releaseVersion"] == "1.34.1-20261114"


def test_what_the_last_update_downgraded_before_there_was_a_record_stays(stack: Stack) -> None:
    for release in (OLD, NEW, NEWER):
        stack.aws.publish(LINUX, release)
    arn = stack.aws.create_nodegroup("prod/blue", "AL2023_x86_64_STANDARD", OLD, tags=AUTO)
    by_hand = {"clusterName": "prod", "nodegroupName": "blue", "version": "1.33"}
    for release in (NEWER, NEW):
        stack.aws.client("eks").update_nodegroup_version(**by_hand, releaseVersion=release)
        stack.aws.settle("prod/blue", "Successful")
        stack.aws.date_back("prod/blue", 1)
    for _ in range(2):
        assert decisions(stack.start.invoke({})) == {"prod/blue": "Downgraded"}
        payload(stack.check.invoke({}))
    read = [len(calls(stack, f"eks:{operation}")) for operation in ("ListUpdates", "DescribeUpdate")]
    assert read == [1, 2], "its update history, once"
    (message,) = stack.messages()
    assert message.body["kind"] == "NodegroupDowngraded"
    ran = [message.body["downgraded"][end]["releaseVersion"] for end in ("from", "to")]
    assert (ran, stack.record(arn)["downgrade"]["updateHistory"]["read"]) == ([NEWER, NEW], True)
    assert updates_asked_for(stack) == ["blue"] * 2, "by hand"
    # What is newer than what it left ends it.
    stack.aws.publish(LINUX, "1.33.5-20261120")
    assert decisions(stack.start.invoke({})) == {"prod/blue": "Start"}


def test_a_downgrade_is_found_among_forty_updates_that_are_listed_in_no_order(stack: Stack) -> None:
    for release in (OLD, NEW, NEWER):
        stack.aws.publish(LINUX, release)
    stack.aws.create_nodegroup("prod/blue", "AL2023_x86_64_STANDARD", OLD, tags=AUTO)
    by_hand = {"clusterName": "prod", "nodegroupName": "blue", "version": "1.33"}
    for _ in range(20):
        for release in (NEWER, NEW):
            stack.aws.client("eks").update_nodegroup_version(**by_hand, releaseVersion=release)
            stack.aws.settle("prod/blue", "Successful")
            stack.aws.date_back("prod/blue", 1)
    assert decisions(stack.start.invoke({})) == {"prod/blue": "Downgraded"}
    assert len(calls(stack, "eks:DescribeUpdate")) == 40


def test_nothing_starts_on_a_node_group_whose_earlier_updates_cannot_all_be_read_before_a_retry(stack: Stack, blue: str) -> None:
    by_hand = {"clusterName": "prod", "nodegroupName": "blue", "version": "1.33"}
    stack.aws.client("eks").update_nodegroup_version(**by_hand, releaseVersion=OLD)
    stack.aws.settle("prod/blue", "Successful")
    stack.aws.refuse("eks:DescribeUpdate", 403, "AccessDeniedException", "no")
    result = stack.start.invoke({})
    assert decisions(result) == {"prod/blue": "UpdateHistoryUnread"}
    assert "0 of its 1 earlier updates could be read: AccessDeniedException: no" in reason(result, "prod/blue")
    preview = stack.start.invoke({"retry": ["prod/blue"], "dryRun": True})
    assert decisions(preview) == {"prod/blue": "Start"}
    assert "without its update history" in reason(preview, "prod/blue")
    assert decisions(stack.start.invoke({"retry": ["prod/blue"]})) == {"prod/blue": "Start"}


def test_what_another_region_has_in_the_same_table_is_left_alone(stack: Stack, blue: str) -> None:
    assert decisions(stack.start.invoke({})) == {"prod/blue": "Start"}
    dynamodb = stack.aws.client("dynamodb")
    items = dynamodb.scan(TableName=TABLE)["Items"]
    others = [json.loads(json.dumps(item).replace(REGION, "us-east-1")) for item in items]
    for item in others:
        dynamodb.put_item(TableName=TABLE, Item=item)
    stack.aws.settle("prod/blue", "Successful")
    for _ in range(2):
        payload(stack.check.invoke({}))
        payload(stack.start.invoke({}))
    stored = {item["itemKey"]["S"]: item for item in dynamodb.scan(TableName=TABLE)["Items"]}
    assert [stored[item["itemKey"]["S"]] for item in others] == others
    assert len(others) >= 3 and stack.messages() == []


def test_the_past_is_read_before_the_first_start_only(stack: Stack, blue: str) -> None:
    stack.start.invoke({"dryRun": True})
    assert len(calls(stack, "eks:ListUpdates")) == 1, "a dry run remembers nothing"
    for release in (NEW, NEWER):
        stack.aws.publish(LINUX, release)
        assert decisions(stack.start.invoke({})) == {"prod/blue": "Start"}
        stack.aws.settle("prod/blue", "Failed", EVICTION)
        payload(stack.check.invoke({}))
    assert len(calls(stack, "eks:ListUpdates")) == 2


def test_a_pin_that_the_history_does_not_hold_is_asked_of_eks(stack: Stack, blue: str) -> None:
    own = "/aws/service/eks/optimized-ami/1.33/amazon-linux-2023/x86_64/standard/amazon-eks-node-al2023-1.33-v20261015"
    stack.aws.publish(f"{own}/release_version", "1.33.4-20261015")
    stack.aws.nodegroup("prod/blue").tags["ami-update/pin"] = "1.33.4-20261015"
    unknown = AUTO | {"ami-update/pin": "1.33.4-20261016"}
    stack.aws.create_nodegroup("stage/green", "AL2023_x86_64_STANDARD", OLD, tags=unknown)
    lines = payload(stack.start.invoke({}))["decisions"]
    ends = {line["nodegroup"]: (line["decision"], line["target"], line["outcome"]) for line in lines}
    assert ends == {
        "prod/blue": ("Start", "1.33.4-20261015", "Accepted"),
        "stage/green": ("Start", "1.33.4-20261016", "NotReady"),
    }
    result = stack.start.invoke({})
    assert decisions(result) == {"prod/blue": "InProgress", "stage/green": "BackingOff"}
    assert "1.33.4-20261016 is not valid" in reason(result, "stage/green")
    assert sorted(updates_asked_for(stack)) == ["blue", "green"]


def test_an_external_update_is_watched_and_notified_as_external(stack: Stack, blue: str) -> None:
    eks = stack.aws.client("eks")
    eks.update_nodegroup_version(clusterName="prod", nodegroupName="blue", version="1.33", releaseVersion=NEW)
    assert decisions(stack.start.invoke({})) == {"prod/blue": "InProgress"}
    (update,) = stack.aws.updates("prod/blue")
    attempt = stack.record(blue)["attempts"]["open"]
    assert (attempt["updateId"], attempt["startedBy"]) == (update["id"], "External")
    assert (attempt["intent"]["version"], attempt["intent"]["releaseVersion"]) == ("1.33", NEW)
    assert "token" not in attempt
    stack.aws.settle("prod/blue", "Failed", EVICTION)
    payload(stack.check.invoke({}))
    (message,) = stack.messages()
    reported = {name: message.body[name] for name in ["kind", "updateId", "startedBy"]}
    assert reported == {"kind": "UpdateFailed", "updateId": update["id"], "startedBy": "External"}
    assert decisions(stack.start.invoke({})) == {"prod/blue": "FailedBefore"}


def test_nothing_starts_while_one_of_the_calendars_is_closed(stack: Stack, blue: str) -> None:
    holidays = f"arn:aws:ssm:{REGION}:210987654321:document/holidays"
    stack.deploy(ChangeCalendars=f"freeze {holidays}")
    stack.aws.put_calendar("freeze")
    stack.aws.put_calendar("holidays", closed_until="2099-01-02T00:00:00Z")
    (line,) = payload(stack.start.invoke({}))["decisions"]
    assert (line["decision"], line["until"]) == ("Frozen", "2099-01-02T00:00:00Z")
    (asked,) = calls(stack, "ssm:GetCalendarState")
    assert asked.parameters == {"CalendarNames": ["freeze", holidays]}
    stack.aws.put_calendar("holidays")
    assert decisions(stack.start.invoke({})) == {"prod/blue": "Start"}


def test_nothing_starts_when_a_calendar_cannot_be_read_and_the_run_fails(stack: Stack, blue: str) -> None:
    stack.deploy(ChangeCalendars="freeze")
    assert "the change calendars: InvalidDocument" in stack.start.invoke({}).error.message
    assert "InvalidDocument" in reason(stack.start.invoke({"dryRun": True}), "prod/blue")
    assert updates_asked_for(stack) == []


def test_the_stop_command_of_the_stack_stops_everything_until_it_says_running(stack: Stack, blue: str) -> None:
    command = shlex.split(resolve(stack.template["Outputs"]["StopCommand"]["Value"], stack.template, FACTS))
    assert command[:5] == ["aws", "ssm", "put-parameter", "--region", REGION]
    assert command[5::2] == ["--name", "--value", "--overwrite"]
    ssm = stack.aws.client("ssm")
    ssm.put_parameter(Name=command[6], Value=command[8], Overwrite=True)
    result = stack.start.invoke({})
    assert decisions(result) == {"prod/blue": "Frozen"}
    assert FACTS["StopSwitch"] in reason(result, "prod/blue")
    ssm.put_parameter(Name=command[6], Value="running", Overwrite=True)
    assert decisions(stack.start.invoke({})) == {"prod/blue": "Start"}


@pytest.mark.parametrize("value", [None, "Running", "no"])
def test_nothing_starts_when_the_stop_switch_is_missing_or_says_something_else_and_the_run_fails(
    stack: Stack, blue: str, value: str | None
) -> None:
    if value:
        stack.switch(value)
    else:
        stack.aws.client("ssm").delete_parameter(Name=FACTS["StopSwitch"])
    assert FACTS["StopSwitch"] in stack.start.invoke({}).error.message
    assert decisions(stack.start.invoke({"dryRun": True})) == {"prod/blue": "Frozen"}
    assert updates_asked_for(stack) == []


def test_what_the_lists_say_holds_without_a_deployment(stack: Stack, blue: str) -> None:
    stack.put("DeniedReleasesList", json.dumps([f"1.33/AL2023_x86_64_STANDARD/{NEW}"]))
    assert decisions(stack.start.invoke({})) == {"prod/blue": "Denied"}
    stack.put("DeniedReleasesList", "[]")
    stack.put("ChangeCalendarsList", '["freeze"]')
    stack.aws.put_calendar("freeze", closed_until="2099-01-02T00:00:00Z")
    assert decisions(stack.start.invoke({})) == {"prod/blue": "Frozen"}
    stack.put("ChangeCalendarsList", "[freeze]")
    assert FACTS["ChangeCalendarsList"] in stack.start.invoke({}).error.message
    assert updates_asked_for(stack) == []


def test_settings_that_are_missing_or_not_understood_or_set_twice_start_nothing_and_are_named(stack: Stack, blue: str) -> None:
    settings = FACTS["Settings"]
    stack.deploy(WindowMargin="long")
    assert f'{settings}: the setting WindowMargin is "long"; ' in stack.start.invoke({}).error.message
    stack.put("Settings", '{"Margin": "1h"}')
    assert f'{settings}: this version accepts no setting "Margin" there' in stack.start.invoke({}).error.message
    stack.deploy()
    stack.start.environment["RING_SOAK"] = "1h"
    assert f"{settings}: RingSoak is also set by the variable RING_SOAK" in stack.start.invoke({}).error.message
    del stack.start.environment["RING_SOAK"]
    stack.aws.client("ssm").delete_parameter(Name=settings)
    assert f"{settings}: there is no such parameter" in stack.start.invoke({}).error.message
    assert updates_asked_for(stack) == []
    payload(stack.check.invoke({}))  # reads none of it


def test_a_release_that_fails_twice_is_quarantined_notified_and_lifted_by_an_event(stack: Stack, blue: str) -> None:
    failure = {"errorCode": "NodeCreationFailure", "errorMessage": "Instances failed to join", "resourceIds": ["i-1"]}
    stack.aws.create_nodegroup("stage/green", "AL2023_x86_64_STANDARD", OLD, tags=AUTO)
    payload(stack.start.invoke({}))
    for path in ("prod/blue", "stage/green"):
        stack.aws.settle(path, "Failed", failure)
    payload(stack.check.invoke({}))
    stack.aws.create_nodegroup("dev/red", "AL2023_x86_64_STANDARD", OLD, tags=AUTO)
    for _ in range(2):
        assert set(decisions(stack.start.invoke({})).values()) == {"Quarantined"}
        payload(stack.check.invoke({}))
    fleet = stack.record(f"arn:aws:eks:{ARN_START}:fleet")
    assert (fleet["kind"], fleet["schemaVersion"]) == ("Fleet", 1)
    assert [it["releaseVersion"] for it in fleet["quarantines"]] == [NEW]
    assert "pending" not in fleet and "pendingNotices" not in fleet
    quarantine, *failures = sorted(stack.messages(), key=lambda message: message.body["kind"])
    assert (quarantine.body["kind"], quarantine.attributes["severity"]) == ("ReleaseQuarantined", "critical")
    assert quarantine.body["failedOn"] == {"names": ["prod/blue", "stage/green"], "count": 2}
    assert [message.body["kind"] for message in failures] == ["UpdateFailed", "UpdateFailed"]
    result = stack.start.invoke({"liftQuarantine": [NEW], "retry": ["prod/blue"]})
    assert decisions(result) == {"dev/red": "Start", "prod/blue": "Start", "stage/green": "FailedBefore"}
    (lifted,) = stack.record(fleet["itemKey"])["quarantines"]
    assert lifted["liftedAt"]


# ── At most one, and nothing lost ────────────────────────────────────────────────────────────────────────────────────


def test_two_starts_at_once_start_one_update(stack: Stack, blue: str) -> None:
    with stack.aws.holding_answers("dynamodb:BatchGetItem") as both:
        with Invocation(stack.start, {}) as one, Invocation(stack.start, {}) as other:
            # Now both have read that nothing is open.
            both.wait_until_done(times=2)
            both.released.set()
            lines = [payload(run.result())["decisions"][0] for run in (one, other)]
    # The other one loses the race for the intent, or finds it when it writes what it saw.
    ends = sorted(line.get("outcome", line["decision"]) for line in lines)
    assert ends in (["Accepted", "InProgress"], ["Accepted", "LostRace"])
    assert updates_asked_for(stack) == ["blue"]
    assert stack.record(blue)["attempts"]["open"]["updateId"] == stack.aws.updates("prod/blue")[0]["id"]


def test_an_update_is_recorded_although_start_died_before_it_could(stack: Stack, blue: str) -> None:
    with stack.aws.holding_answers("eks:UpdateNodegroupVersion", nodegroupName="blue") as accepted:
        with Invocation(stack.start, {}) as start:
            accepted.wait_until_done()
            start.kill()
    assert "updateId" not in stack.record(blue)["attempts"]["open"]
    assert decisions(stack.start.invoke({})) == {"prod/blue": "InProgress"}

    payload(stack.check.invoke({}))
    (update,) = stack.aws.updates("prod/blue")
    assert stack.record(blue)["attempts"]["open"]["updateId"] == update["id"]
    stack.aws.settle("prod/blue", "Failed", EVICTION)
    payload(stack.check.invoke({}))
    assert [message.body["updateId"] for message in stack.messages()] == [update["id"]]
    assert updates_asked_for(stack) == ["blue"]


def test_an_external_update_is_no_failure(stack: Stack, blue: str) -> None:
    eks = stack.aws.client("eks")
    with stack.aws.holding_answers("dynamodb:BatchGetItem") as planned:
        with Invocation(stack.start, {}) as start:
            planned.wait_until_done()
            eks.update_nodegroup_version(clusterName="prod", nodegroupName="blue", version="1.33", releaseVersion=OLD)
            planned.released.set()
            (line,) = payload(start.result())["decisions"]
    # EKS has one text for a node group that is being updated and one that is not active.
    assert line["outcome"] == "NotActive"
    payload(stack.check.invoke({}))
    assert "open" not in stack.record(blue)["attempts"]
    assert stack.messages() == []
    assert decisions(stack.start.invoke({})) == {"prod/blue": "InProgress"}


def test_a_cluster_that_is_not_active_is_no_refusal_of_the_release(stack: Stack, blue: str) -> None:
    stack.aws.refuse("eks:UpdateNodegroupVersion", 400, "InvalidRequestException", "Cluster prod is not in ACTIVE status")
    (line,) = payload(stack.start.invoke({}))["decisions"]
    assert line["outcome"] == "NotActive"
    payload(stack.check.invoke({}))
    assert decisions(stack.start.invoke({})) == {"prod/blue": "BackingOff"}
    assert stack.messages() == []


def test_a_release_that_eks_does_not_know_yet_is_asked_for_again_after_a_wait(stack: Stack, blue: str) -> None:
    words = f"Requested release version {NEW} is not valid for kubernetes version 1.33."
    stack.aws.refuse("eks:UpdateNodegroupVersion", 400, "InvalidParameterException", words)
    (line,) = payload(stack.start.invoke({}))["decisions"]
    assert line["outcome"] == "NotReady"
    payload(stack.check.invoke({}))
    assert decisions(stack.start.invoke({})) == {"prod/blue": "ReleaseRefused"}
    assert (len(updates_asked_for(stack)), stack.messages()) == (1, [])


# ── One bad item is one outcome ──────────────────────────────────────────────────────────────────────────────────────


def test_a_node_group_that_cannot_be_read_stops_no_other(stack: Stack, blue: str) -> None:
    stack.aws.create_nodegroup("stage/locked", "AL2023_x86_64_STANDARD", OLD, tags=AUTO)
    words = "User: start is not authorized to perform: eks:DescribeNodegroup"
    stack.aws.refuse("eks:DescribeNodegroup", 403, "AccessDeniedException", words, nodegroupName="locked")
    (error,) = payload(stack.start.invoke({}))["errors"]
    assert error["subject"] == "stage/locked" and "AccessDeniedException" in error["message"]
    assert updates_asked_for(stack) == ["blue"]


def test_a_node_group_whose_record_cannot_be_written_is_left_alone_in_that_run(stack: Stack, blue: str) -> None:
    denied = "not authorized to perform: dynamodb:PutItem"
    stack.aws.refuse("dynamodb:PutItem", 400, "AccessDeniedException", denied, Item={"itemKey": {"S": blue}})
    answer = payload(stack.start.invoke({}))
    (line,) = answer["decisions"]
    words = f"writing the record: AccessDeniedException: {denied}"
    assert (line["decision"], line["reason"]) == ("Unreadable", f"could not be read: {words}")
    assert {(error["subject"], error["message"]) for error in answer["errors"]} == {("prod/blue", words)}
    assert (updates_asked_for(stack), stack.record(blue)) == ([], None)
    assert decisions(stack.start.invoke({})) == {"prod/blue": "Start"}


@pytest.mark.parametrize(
    ("action", "parameters", "failure"),
    [
        ("tag:GetResources", {}, "finding tagged node groups"),
        ("eks:DescribeNodegroup", {}, "no node group could be described"),
        ("ssm:GetParameters", {"Names": [LINUX]}, "no release could be read"),
        ("dynamodb:BatchGetItem", {}, "no updates were started: the fleet's quarantines: reading its record: "),
        ("dynamodb:PutItem", {}, "no record could be written"),
    ],
)
def test_a_run_that_could_not_do_its_job_at_all_fails(
    stack: Stack, blue: str, action: str, parameters: dict[str, Any], failure: str
) -> None:
    words = f"not authorized to perform: {action}"
    stack.aws.refuse(action, 400, "AccessDeniedException", words, times=99, **parameters)
    result = stack.start.invoke({})
    assert result.error.error_type == "RunFailed"
    assert result.error.message.startswith(failure) and words in result.error.message
    assert updates_asked_for(stack) == []
    dry = stack.start.invoke({"dryRun": True})
    if action == "tag:GetResources":
        assert words in dry.error.message
    else:
        assert list(decisions(dry)) == ["prod/blue"], "it answers what it can"


def test_a_throttled_call_is_tried_again(stack: Stack, blue: str) -> None:
    stack.aws.refuse("eks:DescribeNodegroup", 429, "ThrottlingException", "Rate exceeded")
    assert decisions(stack.start.invoke({})) == {"prod/blue": "Start"}


@pytest.mark.parametrize(
    ("attribute", "value"),
    [("revision", {"S": "many"}), ("kind", {"S": "Fleet"}), ("schemaVersion", {"N": "2"}), ("attempts", {"S": "one"})],
)
def test_a_record_that_does_not_parse_starts_nothing_and_is_named(
    stack: Stack, blue: str, attribute: str, value: dict[str, str]
) -> None:
    stack.aws.create_nodegroup("stage/green", "AL2023_x86_64_STANDARD", OLD, tags=AUTO)
    valid = {"kind": {"S": "Nodegroup"}, "schemaVersion": {"N": "1"}, "revision": {"S": "3/writer"}, "attempts": {"M": {"count": {"N": "0"}}}}
    item = {"itemKey": {"S": blue}, "pending": {"S": "yes"}} | valid | {attribute: value}
    stack.aws.client("dynamodb").put_item(TableName=TABLE, Item=item)
    malformed = f"its record in the table is malformed: {attribute}: "
    (error,) = payload(stack.start.invoke({}))["errors"]
    assert error["subject"] == "prod/blue" and malformed in error["message"]
    assert updates_asked_for(stack) == ["green"]
    stack.aws.settle("stage/green", "Failed", EVICTION)
    (error,) = payload(stack.check.invoke({}))["errors"]
    assert error["subject"] == "prod/blue" and malformed in error["message"]
    assert [message.body["nodegroup"] for message in stack.messages()] == ["green"]


# ── Events and settings ──────────────────────────────────────────────────────────────────────────────────────────────

EVENTS = sorted((ROOT / "events").glob("*.json"))


@pytest.mark.parametrize("event", EVENTS, ids=lambda path: path.stem)
def test_every_sample_event_is_accepted(stack: Stack, blue: str, event: Any) -> None:
    function = stack.start if event.stem.startswith("start") else stack.check
    errors = payload(function.invoke(json.loads(event.read_text())))["errors"]
    if "lift-quarantine" in event.stem:
        # Understood, but there is nothing to lift, which is an error.
        assert errors[0]["message"].endswith("is not quarantined, so nothing is lifted")
    elif "rollback" in event.stem:
        # Asked of EKS, which does not know this release here.
        words = "Requested release version 1.33.1-20260610 is not valid for kubernetes version 1.33."
        message = f"EKS refused: InvalidParameterException: {words}"
        assert errors == [{"subject": "prod/blue", "code": "NotStarted", "message": message}]
    else:
        assert errors == []


def test_a_dry_run_decides_everything_and_does_nothing(stack: Stack, blue: str) -> None:
    stack.aws.create_nodegroup("dev/notify", "AL2023_x86_64_STANDARD", OLD, tags=NOTIFY)
    result = stack.start.invoke({"dryRun": True})
    assert decisions(result) == {"prod/blue": "Start", "dev/notify": "ReportOnly"}
    assert (updates_asked_for(stack), writes(stack)) == ([], 0)


def test_a_manual_event_may_name_the_node_groups(stack: Stack, blue: str) -> None:
    stack.aws.create_nodegroup("stage/green", "AL2023_x86_64_STANDARD", OLD, tags=AUTO)
    result = stack.start.invoke({"nodegroups": ["stage/green"]})
    assert decisions(result) == {"prod/blue": "Excluded", "stage/green": "Start"}


@pytest.mark.parametrize("action", ["nodegroups", "retry"])
def test_a_node_group_that_the_event_misspells_is_not_found(stack: Stack, blue: str, action: str) -> None:
    assert decisions(stack.start.invoke({"dryRun": True, action: ["prod/bleu"]}))["prod/bleu"] == "NotFound"


@pytest.mark.parametrize("event", [{"dryrun": True}, {"DryRun": False}, {"nodegroup": ["prod/blue"]}])
def test_an_unknown_field_is_an_error_that_names_it(stack: Stack, blue: str, event: dict[str, Any]) -> None:
    for function in (stack.start, stack.check):
        result = function.invoke(event)
        assert f"unknown field `{next(iter(event))}`" in result.error.message
    assert updates_asked_for(stack) == []


@pytest.mark.parametrize(
    ("name", "setting", "value"),
    [
        ("start", "UPDATES_TABLE", None),
        ("start", "MAX_STARTS_PER_RUN", "ten"),
        ("check", "UPDATES_TABLE", None),
        ("check", "NOTIFICATION_TOPIC_ARN", None),
        ("check", "STUCK_AFTER", "soon"),
    ],
)
def test_a_missing_or_malformed_setting_is_an_error_of_the_start_that_names_it(
    stack: Stack, name: str, setting: str, value: str | None
) -> None:
    function: Function = getattr(stack, name)
    function.environment.pop(setting, None)
    if value:
        function.environment[setting] = value
    result = function.invoke({})
    assert result.init_error
    assert any(setting in line and (value or "missing") in line for line in result.log), result.log
    assert not [call for call in stack.aws.calls if call.access_key == access_key(function.name)]


def test_every_line_of_the_log_is_json_that_lambda_can_filter(stack: Stack, blue: str) -> None:
    for function in (stack.start, stack.check):
        result = function.invoke({})
        assert len(result.records()) == len(result.log) > 0
        assert all({"timestamp", "level", "message"} <= record.keys() for record in result.records())


def metrics(result: Result) -> list[dict[str, Any]]:
    """The lines of a run of which CloudWatch makes metrics."""
    return [record for record in result.records() if "_aws" in record]


@pytest.mark.parametrize("level", ["TRACE", "INFO", "ERROR"])
def test_cloudwatch_can_make_metrics_of_a_line_of_each_run_whatever_the_level(stack: Stack, blue: str, level: str) -> None:
    schema = json.loads((ROOT / "tests/schemas/emf.json").read_text())
    written = json.loads((ROOT / "tests/schemas/metrics.json").read_text())
    for name in ["start", "check"]:
        function: Function = getattr(stack, name)
        function.environment["LOG_LEVEL"] = level
        result = function.invoke({})
        payload(result)
        (line,) = metrics(result)
        jsonschema.validate(line, schema)
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        units = {it["Name"]: it["Unit"] for it in directive["Metrics"]}
        assert units.items() <= written[name].items()
        assert set(written[name]) - set(units) <= {"UpdateSeconds"}  # no update has ended
        assert all(isinstance(value, int) for it in units for value in listed(line[it]))
        frame = [*directive["Dimensions"][0], "level", "message", "function"]
        assert [line[it] for it in frame] == [STACK, "INFO", "metrics", name]
        seconds = datetime.fromisoformat(line["timestamp"]).timestamp()
        assert seconds * 1000 == pytest.approx(line["_aws"]["Timestamp"], abs=1)
        assert level != "ERROR" or len(result.log) == 1


def test_a_dry_run_and_a_stack_without_metrics_write_none(stack: Stack, blue: str) -> None:
    assert metrics(stack.start.invoke({"dryRun": True})) == []
    assert metrics(stack.start.invoke({"nodegroups": ["prod/blue"]})) == []
    for function in (stack.start, stack.check):
        function.environment["STACK_NAME"] = ""
        assert metrics(function.invoke({})) == []


def test_the_log_has_the_fields_that_the_page_of_settings_names(stack: Stack, blue: str) -> None:
    _, _, logs = (ROOT / "docs/settings.md").read_text().partition("\n## Logs\n")
    named = set(re.findall(r"`(\w+)`", logs))
    stack.aws.create_nodegroup("stage/locked", "AL2023_x86_64_STANDARD", OLD, tags=AUTO)
    stack.aws.refuse("eks:DescribeNodegroup", 403, "AccessDeniedException", "no", nodegroupName="locked")
    runs = [stack.start.invoke({}), stack.check.invoke({})]
    # Metrics are not records of what happened; docs/metrics.md has them.
    records = [record for run in runs for record in run.records() if "_aws" not in record]
    (started,) = [record for record in records if record.get("decision") == "Start"]
    expected = ("prod/blue", "Accepted", stack.aws.updates("prod/blue")[0]["id"])
    assert tuple(started[name] for name in ["nodegroup", "outcome", "update_id"]) == expected
    assert {"decision", "reason", "detail", "release_version", "status", "error", "counts", "errors"} <= named
    assert named == {name for record in records for name in record} - {"timestamp", "level", "message", "target"}


# ── Permissions ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["StartFunction", "CheckFunction"])
def test_each_function_has_the_permissions_that_its_calls_need_and_no_other(stack: Stack, blue: str, name: str) -> None:
    play_the_whole_story(stack)
    made = [call for call in stack.aws.calls if call.access_key == access_key(name)]
    # SNS encrypts with a key of ours in the publisher's name: a permission without a call.
    permissions = {action for action in template_actions(name) if not action.startswith("kms:")}
    assert {call.action for call in made} == permissions


@pytest.mark.parametrize("name", ["StartFunction", "CheckFunction"])
def test_each_call_is_allowed_on_its_resources_and_each_statement_is_used(stack: Stack, blue: str, name: str) -> None:
    play_the_whole_story(stack)
    made = [call for call in stack.aws.calls if call.access_key == access_key(name)]
    unused = {statement["Sid"] for statement in statements(stack, name)} - {"EncryptNotices"}
    for call in made:
        for resource, context in resources(stack, call):
            allowing = [s["Sid"] for s in statements(stack, name) if allows(s, call.action, resource, context)]
            assert allowing, f"{name} may not {call.action} on {resource}"
            unused -= set(allowing)
    assert not unused


def test_no_node_group_without_the_tag_can_be_updated(stack: Stack, blue: str) -> None:
    action = "eks:UpdateNodegroupVersion"
    allowed = [s for s in statements(stack, "StartFunction") if allows(s, action, blue, tagged(AUTO))]
    assert allowed
    for tags in ({}, NOTIFY, {"ami-update": "Auto"}):
        assert not [s for s in allowed if allows(s, action, blue, tagged(tags))]


def test_check_may_not_send_the_event_that_wakes_start_nor_one_of_another_source(stack: Stack) -> None:
    def may_put(detail_type: str, source: str = "eks-nodegroup-updater", bus: str = "default") -> bool:
        arn, context = event_bus(bus), {"events:source": source, "events:detail-type": detail_type}
        return any(allows(s, "events:PutEvents", arn, context) for s in statements(stack, "CheckFunction"))

    assert may_put("EKS Nodegroup Update Failed")
    assert not may_put("EKS AMI Release")
    assert not may_put("EKS Nodegroup Update Failed", source="aws.eks")
    assert not may_put("EKS Nodegroup Update Failed", bus="other")


def test_iam_of_moto_lets_each_function_do_its_part_and_nothing_else(stack: Stack, blue: str) -> None:
    aws = stack.aws
    for function in (stack.start, stack.check):
        function.environment |= aws.assume_role(function.name, template_actions(function.name))
    with aws.checking_permissions():
        assert decisions(stack.start.invoke({})) == {"prod/blue": "Start"}
    aws.settle("prod/blue", "Failed", EVICTION)
    with aws.checking_permissions():
        payload(stack.check.invoke({}))
    assert len(stack.messages()) == 1
    stack.check.environment |= aws.assume_role("mute", template_actions("CheckFunction") - {"sns:Publish"})
    aws.publish(LINUX, NEWER)
    payload(stack.start.invoke({}))
    aws.settle("prod/blue", "Failed", EVICTION)
    with aws.checking_permissions():
        assert "mute is not authorized to perform: sns:Publish" in stack.check.invoke({}).error.message


def play_the_whole_story(stack: Stack) -> None:
    """Makes the functions do everything that they ever do: find, start, lose, find again, settle, notify, explain.

    And with every rule that asks AWS for more: an age that the newest release does not have, a cluster that is followed,
    an external update, a calendar.
    """
    stack.aws.put_calendar("freeze")
    shared = f"arn:aws:ssm:{REGION}:210987654321:document/shared"
    stack.aws.put_calendar("shared")
    stack.deploy(ChangeCalendars=f"freeze {shared}")
    stack.aws.create_nodegroup("age/old", "AL2023_x86_64_STANDARD", OLD, tags=AUTO | {"ami-update/min-age": "1d"})
    rocket = AUTO | {"ami-update/min-age": "1d"}
    stack.aws.create_nodegroup("bottle/old", "BOTTLEROCKET_x86_64", "1.45.0-18d04e52", tags=rocket)
    stack.aws.publish("/aws/service/bottlerocket/aws-k8s-1.33/x86_64/latest/image_version", "1.46.0-9d20f4ae")
    follow = AUTO | {"ami-update/kubernetes-version": "follow-cluster"}
    stack.aws.create_nodegroup("follow/lags", "AL2023_x86_64_STANDARD", OLD, tags=follow)
    stack.aws.publish(LINUX.replace("1.33", "1.34"), "1.34.1-20261101")
    stack.aws.create_nodegroup("other/external", "AL2023_x86_64_STANDARD", OLD, tags=AUTO)
    by_hand = {"clusterName": "other", "nodegroupName": "external", "version": "1.33", "releaseVersion": NEW}
    stack.aws.client("eks").update_nodegroup_version(**by_hand)
    stack.aws.create_nodegroup("stage/green", "AL2023_x86_64_STANDARD", OLD, tags=AUTO)
    with stack.aws.holding_answers("eks:UpdateNodegroupVersion", nodegroupName="green") as accepted:
        with Invocation(stack.start, {}) as start:
            accepted.wait_until_done()
            start.kill()
    payload(stack.check.invoke({}))
    stack.aws.settle("prod/blue", "Failed", EVICTION)
    stack.aws.settle("stage/green", "Successful")
    payload(stack.check.invoke({}))
    payload(stack.start.invoke({}))
    payload(stack.start.invoke({"explain": ["stage/green"]}))
    assert stack.record(stack.aws.nodegroup("other/external").arn)["attempts"]["open"]["startedBy"] == "External"
    assert len(stack.messages()) == 1


def statements(stack: Stack, name: str) -> list[dict[str, Any]]:
    policies = resolve(stack.template["Resources"][name]["Properties"]["Policies"], stack.template, FACTS)
    return [statement for policy in policies for statement in policy["Statement"]]


def allows(statement: dict[str, Any], action: str, resource: str, context: dict[str, str]) -> bool:
    """Whether a statement alone lets a request through."""
    return decision([statement], action, resource, context) == ALLOWED


def tagged(tags: dict[str, str]) -> dict[str, str]:
    """What a request says of a resource with these tags."""
    return {f"aws:ResourceTag/{key}": value for key, value in tags.items()}


def event_bus(name: str) -> str:
    return f"arn:aws:events:{ARN_START}:event-bus/{name}"


def resources(stack: Stack, call: Call) -> Iterator[tuple[str, dict[str, str]]]:
    """The resources that a call needs permission on, with what conditions ask for, by AWS's service authorization reference."""
    asked = call.parameters
    match call.action.split(":"):
        case ["tag", _] | ["eks", "DescribeClusterVersions"]:
            yield "*", {}
        case ["ssm", "GetCalendarState"]:
            for name in asked["CalendarNames"]:
                yield name if name.startswith("arn:") else f"arn:aws:ssm:{ARN_START}:document/{name}", {}
        case ["ssm", _]:
            for name in asked["Names"]:
                # Public parameters belong to no account.
                of = f"{REGION}:" if name.startswith("/aws/") else ARN_START
                yield f"arn:aws:ssm:{of}:parameter{name}", {}
        case ["sns", _]:
            yield asked["TopicArn"], {}
        case ["events", _]:
            # AWS does not say how it judges a call with several entries: here, each must be allowed.
            for entry in asked["Entries"]:
                context = {"events:source": entry["Source"], "events:detail-type": entry["DetailType"]}
                yield event_bus(entry["EventBusName"]), context
        case ["dynamodb", _]:
            for table in asked.get("RequestItems", [asked.get("TableName")]):
                index = f"/index/{asked['IndexName']}" if "IndexName" in asked else ""
                yield f"arn:aws:dynamodb:{ARN_START}:table/{table}{index}", {}
        case ["eks", "DescribeCluster" | "ListNodegroups"]:
            yield f"arn:aws:eks:{ARN_START}:cluster/{asked['name']}", {}
        case ["eks", operation]:
            if operation in ("DescribeUpdate", "ListUpdates"):
                yield f"arn:aws:eks:{ARN_START}:cluster/{asked['name']}", {}
            nodegroup = stack.aws.nodegroup(f"{asked['name']}/{asked['nodegroupName']}")
            yield nodegroup.arn, tagged(nodegroup.tags)
        case _:
            pytest.fail(f"it is not known which resources {call.action} needs")
