"""The evaluator judges as the IAM User Guide says."""

from __future__ import annotations

import pytest
from iam import ALLOWED, EXPLICIT_DENY, IMPLICIT_DENY, decision

QUEUE = "arn:aws:sqs:eu-central-1:123456789012:queue"


def statement(effect="Allow", action="sqs:SendMessage", resource=QUEUE, **condition):
    return {"Effect": effect, "Action": action, "Resource": resource, "Condition": condition}


def test_what_no_statement_allows_is_denied():
    assert decision([], "sqs:SendMessage", QUEUE) == IMPLICIT_DENY
    assert decision([statement()], "sqs:SendMessage", QUEUE) == ALLOWED
    assert decision([statement()], "sqs:ReceiveMessage", QUEUE) == IMPLICIT_DENY
    assert decision([statement()], "sqs:SendMessage", f"{QUEUE}-2") == IMPLICIT_DENY


def test_a_denial_wins_wherever_it_stands():
    for order in (1, -1):
        policies = [statement(), statement("Deny", "sqs:*", "*")][::order]
        assert decision(policies, "sqs:SendMessage", QUEUE) == EXPLICIT_DENY


def test_a_statement_applies_to_any_of_its_actions_on_any_of_its_resources():
    both = statement(action=["sqs:SendMessage", "sqs:GetQueueUrl"], resource=[QUEUE, f"{QUEUE}-2"])
    for action in both["Action"]:
        for resource in both["Resource"]:
            assert decision([both], action, resource) == ALLOWED


@pytest.mark.parametrize(
    ("pattern", "action", "expected"),
    [
        ("sqs:SendMessage", "SQS:sendmessage", ALLOWED),  # actions are in any case
        ("sqs:Send*", "sqs:SendMessage", ALLOWED),
        ("sqs:?endMessage", "sqs:SendMessage", ALLOWED),
        ("sqs:Send", "sqs:SendMessage", IMPLICIT_DENY),  # a pattern is of the whole
        ("sqs:[S]endMessage", "sqs:SendMessage", IMPLICIT_DENY),  # and knows two wildcards only
        ("sqs.SendMessage", "sqs:SendMessage", IMPLICIT_DENY),
    ],
)
def test_an_action_is_matched(pattern, action, expected):
    assert decision([statement(action=pattern)], action, QUEUE) == expected


@pytest.mark.parametrize(
    ("pattern", "resource", "expected"),
    [
        ("arn:aws:sqs:*:*:queue", QUEUE, ALLOWED),
        ("arn:aws:sqs:*:*:Queue", QUEUE, IMPLICIT_DENY),  # resources are in their own case
        ("arn:aws:lambda:r:1:function:f", "arn:aws:lambda:r:1:function:f:readonly", IMPLICIT_DENY),
        ("arn:aws:lambda:r:1:function:f:readonly", "arn:aws:lambda:r:1:function:f", IMPLICIT_DENY),
        ("arn:aws:lambda:r:1:function:f:*", "arn:aws:lambda:r:1:function:f:readonly", ALLOWED),
        ("arn:aws:lambda:r:1:function:f*", "arn:aws:lambda:r:1:function:f:readonly", ALLOWED),  # beyond the colon
        ("arn:aws:eks:r:1:nodegroup/*", "arn:aws:eks:r:1:nodegroup/prod/blue/0a1b", ALLOWED),
        ("arn:aws:eks:r:1:nodegroup/*/*/*", "arn:aws:eks:r:1:nodegroup/prod/blue/0a1b", ALLOWED),
        ("arn:aws:eks:r:1:nodegroup/*/*/*", "arn:aws:eks:r:1:cluster/prod", IMPLICIT_DENY),
    ],
)
def test_a_resource_is_matched(pattern, resource, expected):
    assert decision([statement(action="*", resource=pattern)], "any:Action", resource) == expected


@pytest.mark.parametrize(
    ("condition", "context", "expected"),
    [
        ({"StringEquals": {"aws:ResourceTag/team": "ops"}}, {"aws:ResourceTag/team": "ops"}, ALLOWED),
        ({"StringEquals": {"aws:ResourceTag/team": "ops"}}, {"AWS:resourcetag/Team": "ops"}, ALLOWED),  # a key's name
        ({"StringEquals": {"aws:ResourceTag/team": "ops"}}, {"aws:ResourceTag/team": "Ops"}, IMPLICIT_DENY),
        ({"StringEquals": {"aws:ResourceTag/team": "o*"}}, {"aws:ResourceTag/team": "ops"}, IMPLICIT_DENY),
        ({"StringLike": {"aws:ResourceTag/team": "o*"}}, {"aws:ResourceTag/team": "ops"}, ALLOWED),
        ({"StringLike": {"aws:ResourceTag/team": "o*"}}, {}, IMPLICIT_DENY),  # a key that is not there
        # Any value of a key; each key; each operator.
        ({"StringEquals": {"k:one": ["a", "b"]}}, {"k:one": "b"}, ALLOWED),
        ({"StringEquals": {"k:one": "a", "k:two": "b"}}, {"k:one": "a", "k:two": "b"}, ALLOWED),
        ({"StringEquals": {"k:one": "a", "k:two": "b"}}, {"k:one": "a", "k:two": "c"}, IMPLICIT_DENY),
        ({"StringEquals": {"k:one": "a"}, "StringLike": {"k:two": "b*"}}, {"k:one": "a"}, IMPLICIT_DENY),
        # Null asks whether a key is absent; one without a value is.
        ({"Null": {"k:one": "true"}}, {}, ALLOWED),
        ({"Null": {"k:one": "true"}}, {"k:one": "a"}, IMPLICIT_DENY),
        ({"Null": {"k:one": "false"}}, {"k:one": "a"}, ALLOWED),
        ({"Null": {"k:one": "false"}}, {}, IMPLICIT_DENY),
        ({"Null": {"k:one": "false"}}, {"k:one": []}, IMPLICIT_DENY),
        # ForAllValues: each value of the request matches one of the policy's, also where there is none.
        ({"ForAllValues:StringEquals": {"k:many": ["a", "b"]}}, {"k:many": ["a"]}, ALLOWED),
        ({"ForAllValues:StringEquals": {"k:many": ["a", "b"]}}, {"k:many": ["b", "a"]}, ALLOWED),
        ({"ForAllValues:StringEquals": {"k:many": ["a", "b"]}}, {"k:many": ["a", "c"]}, IMPLICIT_DENY),
        ({"ForAllValues:StringLike": {"k:many": "a/*"}}, {"k:many": ["a/b", "a/c/d"]}, ALLOWED),
        ({"ForAllValues:StringLike": {"k:many": "a/*"}}, {"k:many": ["a/b", "a"]}, IMPLICIT_DENY),
        ({"ForAllValues:StringEquals": {"k:many": "a"}}, {}, ALLOWED),
        ({"ForAllValues:StringEquals": {"k:many": "a"}}, {"k:many": []}, ALLOWED),
    ],
)
def test_a_condition_is_evaluated(condition, context, expected):
    assert decision([statement(**condition)], "sqs:SendMessage", QUEUE, context) == expected


@pytest.mark.parametrize(
    "beyond",
    [
        {"Effect": "Allow", "NotAction": "sqs:SendMessage", "Resource": "*"},
        {"Effect": "Allow", "Action": "*", "NotResource": QUEUE},
        {"Effect": "allow", "Action": "*", "Resource": "*"},
        statement(resource="arn:aws:sqs:*:*:${aws:username}"),
        statement(StringNotEquals={"k:one": "a"}),
        statement(**{"StringEqualsIfExists": {"k:one": "a"}}),
        statement(**{"ForAnyValue:StringEquals": {"k:many": "a"}}),
        statement(StringEquals={"k:many": "a"}),
    ],
)
def test_what_is_not_understood_fails(beyond):
    with pytest.raises((AssertionError, KeyError)):
        decision([beyond], "sqs:SendMessage", QUEUE, {"k:many": ["a"]})
