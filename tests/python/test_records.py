"""The record layer on two DynamoDBs that were written elsewhere: moto's and dynalite's.

`tests/records` says what the record layer promises and runs on the simulated AWS. Here the same compiled tests run on
the two others. Both refuse reserved words and items that are too large. moto says which item was in the way of a write;
dynalite leaves keys of a batch unprocessed, and it takes requests as they come where moto's take turns.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT
from moto_server import MotoServer

DYNALITE = ROOT / "tests/dynalite"

# Port 0, so that the system finds a free one; tables are there at once.
SERVE = """
const server = require('dynalite')({ createTableMs: 0 });
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
"""

# Longer than the tests take on a busy machine, so that a hang is a failure and not a wait.
PATIENCE_SECONDS = 300


@pytest.fixture(scope="module")
def tests() -> Path:
    """The executable that cargo makes of `tests/records`."""
    # As the whole workspace is built, so that nothing is built twice with other features.
    build = ["cargo", "test", "--locked", "--workspace", "--test", "records", "--no-run", "--message-format", "json"]
    built = subprocess.run(build, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True)
    messages = [json.loads(line) for line in built.stdout.splitlines()]
    made = {message["target"]["name"]: message["executable"] for message in messages if message.get("executable")}
    return Path(made["records"])


@pytest.fixture
def dynalite() -> Iterator[str]:
    """The URL of a dynalite of its own."""
    assert (DYNALITE / "node_modules").is_dir(), f"dynalite is missing: run `npm ci --ignore-scripts` in {DYNALITE}"
    with subprocess.Popen(["node", "--eval", SERVE], cwd=DYNALITE, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.terminate()


def run(tests: Path, url: str) -> None:
    """Runs all tests on the DynamoDB at this address."""
    listed = subprocess.run([tests, "--list"], stdout=subprocess.PIPE, check=True, text=True).stdout
    count = len(re.findall(r": test$", listed, re.MULTILINE))
    assert count > 0
    # Nothing else: neither settings of AWS nor a proxy.
    ran = subprocess.run(
        [tests],
        cwd=ROOT,
        env={"DYNAMODB_ENDPOINT_URL": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert ran.returncode == 0, ran.stdout
    assert f"test result: ok. {count} passed; 0 failed; 0 ignored" in ran.stdout, ran.stdout


def test_the_record_layer_on_moto(tests: Path, moto: MotoServer) -> None:
    moto.reset()
    run(tests, moto.url)
    assert {call.operation for call in moto.calls} >= {"PutItem", "BatchGetItem", "Query"}, "it was moto that answered"


def test_the_record_layer_on_dynalite(tests: Path, dynalite: str) -> None:
    run(tests, dynalite)
