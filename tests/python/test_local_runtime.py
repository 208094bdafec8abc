"""Both functions under cargo-lambda's own runtime, as `serve` proposes it, with each file of `events/`.

`cargo lambda watch` builds and starts the functions, `cargo lambda invoke` hands over a file, and `serve` is the AWS that
they call. The deadline that `watch` gives a function is a constant, a time in 1970; no answer may take it for a limit.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from conftest import ROOT

SERVE = os.environ.get("SERVE_BINARY", str(ROOT / "target/debug/eks-nodegroup-updater"))
EVENTS = sorted((ROOT / "events").glob("*.json"))
LIFT_QUARANTINE, FILTER = "start-manual-lift-quarantine.json", "start-manual-filter.json"
DRY_RUN, EXPLAIN = "start-manual-dry-run.json", "start-manual-explain.json"

# What is due on a fleet as new: one node group of each cluster, but none of the ring that has to wait.
DUE = {"data/postgres", "dev/ingress", "prod/gpu", "staging/general"}

WINDOW_TAG = "ami-update/window"

# Longer than any step takes on a busy machine, so that a hang is a failure and not a wait.
PATIENCE_SECONDS = 60
# A build takes longer where only tests were built before, since their dependencies have other features.
BUILD_SECONDS = 580

# What these processes get: nothing of another AWS, no proxy, and cargo-lambda where pip puts it.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
    "NO_PROXY": "127.0.0.1",
    "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
}


@contextmanager
def running(command: list[str], **options: Any) -> Iterator[subprocess.Popen]:
    """A process that ends with the block. It is asked first, so that `watch` ends its functions, whose process groups are
    their own; killed, it takes their Runtime API away, without which they end too.
    """
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, start_new_session=True, **options)
    try:
        yield process
    finally:
        for number in (signal.SIGINT, signal.SIGKILL):
            try:
                os.killpg(process.pid, number)
                process.wait(5)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                pass
        process.wait(PATIENCE_SECONDS)
        if process.stdout:
            process.stdout.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@dataclass
class Aws:
    """A simulated AWS that `serve` keeps up: its endpoint, and the commands that it proposes."""

    instructions: list[str]

    @property
    def environment(self) -> dict[str, str]:
        exports = [words[1:] for words in self.commands() if words[0] == "export"]
        return dict(setting.split("=", 1) for settings in exports for setting in settings)

    def commands(self) -> list[list[str]]:
        """The lines that are indented, as a shell splits them."""
        return [shlex.split(line, comments=True) for line in self.instructions if line.startswith("  ")]

    @property
    def eks(self) -> Any:
        settings = self.environment
        return boto3.client(
            "eks",
            endpoint_url=settings["AWS_ENDPOINT_URL"],
            region_name=settings["AWS_REGION"],
            aws_access_key_id=settings["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=settings["AWS_SECRET_ACCESS_KEY"],
            config=Config(proxies={}),
        )

    def nodegroups(self) -> list[dict[str, Any]]:
        """The node groups, as EKS describes them."""
        eks = self.eks
        return [
            eks.describe_nodegroup(clusterName=cluster, nodegroupName=name)["nodegroup"]
            for cluster in ["data", "dev", "prod", "staging"]
            for name in eks.list_nodegroups(clusterName=cluster)["nodegroups"]
        ]

    def updating(self) -> set[str]:
        """The node groups that are being updated."""
        return {f"{it['clusterName']}/{it['nodegroupName']}" for it in self.nodegroups() if it["status"] == "UPDATING"}

    def open_every_window(self) -> None:
        """The functions read the real clock, so with a window the hour of the day would decide what is due."""
        for nodegroup in self.nodegroups():
            if WINDOW_TAG in nodegroup["tags"]:
                self.eks.untag_resource(resourceArn=nodegroup["nodegroupArn"], tagKeys=[WINDOW_TAG])


@contextmanager
def serving(port: int, speed: int = 1) -> Iterator[Aws]:
    """A fleet as new. At the speed of the real clock, no update ends while a test looks."""
    assert os.path.isfile(SERVE), f"{SERVE} is missing: run `cargo build -p eks-nodegroup-updater-cli`"
    command = [SERVE, "serve", "--port", str(port), "--speed", str(speed)]
    with running(command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        aws = Aws(list(_instructions(server)))
        aws.open_every_window()
        yield aws


def _instructions(server: subprocess.Popen) -> Iterator[str]:
    """What `serve` says before it waits."""
    assert server.stdout
    for line in server.stdout:
        yield line
        if line.startswith("Ctrl-C"):
            return
    pytest.fail("serve has ended")


@dataclass
class Invocation:
    """How `cargo lambda invoke` ended."""

    succeeded: bool
    text: str

    @property
    def answer(self) -> dict[str, Any]:
        assert self.succeeded, self.text
        return json.loads(self.text)

    def accepted(self) -> dict[str, str]:
        """Of an answer of `start`: the updates that EKS accepted, by node group."""
        decisions = self.answer["decisions"]
        assert [it for it in decisions if it["decision"] == "Start" and it["outcome"] != "Accepted"] == []
        return {it["nodegroup"]: it["updateId"] for it in decisions if it.get("outcome") == "Accepted"}


@dataclass
class Watch:
    """A `cargo lambda watch` that is up. Its functions look for AWS at one port."""

    port: int
    aws_port: int
    log: Path

    def invoke(self, event: Path) -> Invocation:
        """Hands an event to the function that its file is named after."""
        function = event.name.split("-")[0]
        return self.run(["cargo", "lambda", "invoke", function, "--data-file", str(event)])

    def run(self, command: list[str]) -> Invocation:
        """Runs a `cargo lambda invoke`, and sees that no answer speaks of a time limit."""
        address = ["--invoke-address", "127.0.0.1", "--invoke-port", str(self.port)]
        options: dict[str, Any] = {"cwd": ROOT, "env": ENVIRONMENT, "stdin": subprocess.DEVNULL, "text": True}
        done = subprocess.run(command + address, capture_output=True, timeout=PATIENCE_SECONDS, **options)
        # Errors are wrapped, with a bar before each line.
        text = done.stdout if done.returncode == 0 else " ".join(done.stderr.replace("│", " ").split())
        assert "time limit" not in text and "DeadlineNear" not in text, text
        return Invocation(done.returncode == 0, text)


@pytest.fixture(scope="module")
def watch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watch]:
    """The functions, built as `watch` would at the first invocation, and started by it."""
    # With the features that the workspace's other members need, nothing is compiled that the tests have compiled.
    cargo = ["--offline", "--locked", "--features", "workspace-hack"]
    build = ["cargo", "build", *cargo, "--bin", "start", "--bin", "check"]
    subprocess.run(build, cwd=ROOT, env=ENVIRONMENT, stdin=subprocess.DEVNULL, check=True, timeout=BUILD_SECONDS)

    port, aws_port = free_port(), free_port()
    with serving(aws_port) as aws:
        environment = ENVIRONMENT | aws.environment
    log = tmp_path_factory.mktemp("watch") / "log"
    address = ["--invoke-address", "127.0.0.1", "--invoke-port", str(port)]
    command = ["cargo", "lambda", "watch", "--ignore-changes", *cargo, *address]
    with log.open("w") as output, running(command, env=environment, stdout=output, stderr=output) as process:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not _listens(port):
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield Watch(port, aws_port, log)


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def aws(watch: Watch) -> Iterator[Aws]:
    """A fleet on which nothing has happened yet."""
    with serving(watch.aws_port) as aws:
        yield aws


def named(function: str, *but: str) -> list[Any]:
    """The events for a function."""
    events = [event for event in EVENTS if event.name.startswith(f"{function}-") and event.name not in but]
    return [pytest.param(event, id=event.stem) for event in events]


def test_each_event_is_named_after_its_function():
    assert {event.name.split("-")[0] for event in EVENTS} == {"start", "check"}


@pytest.mark.parametrize("event", named("start", LIFT_QUARANTINE, FILTER, DRY_RUN, EXPLAIN))
def test_start_starts_what_is_due(watch: Watch, aws: Aws, event: Path) -> None:
    started = watch.invoke(event).accepted()
    assert started.keys() == aws.updating() == DUE


def test_a_filter_leaves_out_all_others(watch: Watch, aws: Aws) -> None:
    asked = json.loads((ROOT / "events" / FILTER).read_text())
    invocation = watch.invoke(ROOT / "events" / FILTER)
    considered = {it["nodegroup"] for it in invocation.answer["decisions"] if it["decision"] != "Excluded"}
    clusters = [it.split("/")[0] for it in considered - set(asked["nodegroups"])]
    assert set(clusters) == set(asked["clusters"]) and considered >= set(asked["nodegroups"])
    assert invocation.accepted().keys() == aws.updating() == DUE & considered != set()


def test_a_dry_run_decides_and_starts_nothing(watch: Watch, aws: Aws) -> None:
    answer = watch.invoke(ROOT / "events" / DRY_RUN).answer
    assert answer["dryRun"] and answer["errors"] == []
    starts = [it for it in answer["decisions"] if it["decision"] == "Start"]
    assert {it["nodegroup"] for it in starts} == DUE and [it for it in starts if "outcome" in it] == []
    assert aws.updating() == set()


def test_an_explanation_starts_nothing(watch: Watch, aws: Aws) -> None:
    answer = watch.invoke(ROOT / "events" / EXPLAIN).answer
    (asked,) = json.loads((ROOT / "events" / EXPLAIN).read_text())["explain"]
    assert answer["dryRun"] and [it["nodegroup"] for it in answer["explanations"]] == [asked]
    assert aws.updating() == set()


def test_a_quarantine_that_is_not_there_cannot_be_lifted_and_holds_up_nothing(watch: Watch, aws: Aws) -> None:
    event = ROOT / "events" / LIFT_QUARANTINE
    (release,) = json.loads(event.read_text())["liftQuarantine"]
    errors = watch.invoke(event).answer["errors"]
    message = f"the release {release} is not quarantined, so nothing is lifted"
    assert errors == [{"code": "InvalidRequest", "message": message}]
    assert aws.updating() == DUE


@pytest.mark.parametrize("event", named("check"))
def test_check_watches_what_start_started(watch: Watch, aws: Aws, event: Path) -> None:
    assert watch.invoke(event).answer["updates"] == []
    started = watch.invoke(ROOT / "events" / "start-manual.json").accepted()
    answer = watch.invoke(event).answer
    assert {it["nodegroup"]: it["updateId"] for it in answer["updates"]} == started
    assert answer["counts"] == {"InProgress": len(started)} and answer["errors"] == []


def test_check_watches_updates_to_their_ends(watch: Watch) -> None:
    with serving(watch.aws_port, speed=3600):
        watch.invoke(ROOT / "events" / "start-manual.json")
        time.sleep(1)
        answer = watch.invoke(ROOT / "events" / "check-manual.json").answer
    statuses = {it["nodegroup"]: it["status"] for it in answer["updates"]}
    assert statuses == {
        "data/postgres": "InProgress",
        "dev/ingress": "Failed",
        "prod/gpu": "Successful",
        "staging/general": "Successful",
    }
    assert len(answer["published"]) > 0


def test_the_commands_that_serve_proposes_work(watch: Watch, aws: Aws) -> None:
    proposed = [words for words in aws.commands() if words[:2] == ["cargo", "lambda"]]
    assert [words[2] for words in proposed] == ["watch", "invoke", "invoke"]
    assert [watch.run(words).succeeded for words in proposed[1:]] == [True, True]
