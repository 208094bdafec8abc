"""What chats get is what Amazon Q Developer in chat applications takes, says a validator that nobody here wrote."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

TESTS = Path(__file__).resolve().parents[1]
SCHEMA = json.loads((TESTS / "schemas/chat-notification.json").read_text())
SNAPSHOTS = sorted((TESTS / "it/notify/snapshots").glob("it__notify__chat__*.snap"))


def notification(snapshot: Path) -> dict:
    return json.loads(snapshot.read_text().split("\n---\n", 1)[1])


def test_the_schema_is_one() -> None:
    Draft7Validator.check_schema(SCHEMA)
    assert len(SNAPSHOTS) > 20


@pytest.mark.parametrize("snapshot", SNAPSHOTS, ids=lambda path: path.stem.rpartition("__")[2])
def test_every_notification_is_one_that_a_chat_shows(snapshot: Path) -> None:
    Draft7Validator(SCHEMA).validate(notification(snapshot))


def test_what_is_not_documented_or_too_long_is_refused() -> None:
    good = notification(SNAPSHOTS[0])
    content = good["content"]
    for bad in [
        good | {"version": 1.0},
        good | {"source": "aws.eks"},
        good | {"severity": "error"},
        good | {"content": {"title": "without a description"}},
        good | {"content": content | {"title": "x" * 251}},
        good | {"content": content | {"description": "x" * 8001}},
        good | {"content": content | {"nextSteps": ["x"] * 6}},
        good | {"metadata": good["metadata"] | {"additionalContext": {"attempt": 1}}},
    ]:
        assert not Draft7Validator(SCHEMA).is_valid(bad)
