"""The commands with which the README deploys the functions without SAM, run against moto's Lambda."""

from __future__ import annotations

import json
import shlex
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from moto_server import REGION, MotoServer
from runtime_api import read_template, resolve
from test_local_runtime import ENVIRONMENT
from test_template import properties, template

FUNCTIONS = {"start": "StartFunction", "check": "CheckFunction"}
LAMBDA_MAY_ASSUME = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def commands(beginning: str) -> list[list[str]]:
    """The README's commands that begin so, as a shell splits them."""
    _, _, section = (ROOT / "README.md").read_text().partition("\nWithout SAM")
    block = section.split("```sh\n")[1].split("```")[0]
    return [shlex.split(line) for line in block.splitlines() if line.startswith(beginning)]


def built(directory: Path, architecture: str) -> None:
    """Puts there what `cargo lambda build` would: of each binary only the header, which names the processor."""
    machine = {"x86_64": 62, "arm64": 183}[architecture]
    header = struct.pack("<4sBBB9xHHIQQQIHHHHHH", b"\x7fELF", 2, 1, 1, 2, machine, 1, 0, 0, 0, 0, 64, 0, 0, 64, 0, 0)
    for name in FUNCTIONS:
        (directory / name).mkdir()
        (directory / name / "bootstrap").write_bytes(header)


@pytest.fixture
def deployed(moto: MotoServer, tmp_path: Path) -> dict[str, dict[str, Any]]:
    """The configuration of each function, as the README deploys it."""
    moto.reset()
    iam = moto.client("iam").create_role(RoleName="function", AssumeRolePolicyDocument=json.dumps(LAMBDA_MAY_ASSUME))
    built(tmp_path, "arm64")
    environment = ENVIRONMENT | {
        "AWS_ENDPOINT_URL": moto.url,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "AKIATEST000000000000",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }
    for command in commands("cargo lambda deploy"):
        roles = [iam["Role"]["Arn"] if word.endswith("_ROLE_ARN") else word for word in command]
        command = [*roles, "--lambda-dir", str(tmp_path)]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
    client = moto.client("lambda")
    return {name: client.get_function_configuration(FunctionName=name) for name in FUNCTIONS}


def test_a_function_has_the_life_and_the_memory_that_the_template_gives_it(deployed):
    names = ["Timeout", "MemorySize", "Runtime", "Handler"]
    found = {name: {key: configuration[key] for key in names} for name, configuration in deployed.items()}
    assert found == {name: {key: properties(function)[key] for key in names} for name, function in FUNCTIONS.items()}
    assert [configuration["Architectures"] for configuration in deployed.values()] == [["arm64"], ["arm64"]]


def test_logs_are_kept_as_long_as_the_template_says(moto, deployed):
    groups = moto.client("logs").describe_log_groups()["logGroups"]
    days = template()["Parameters"]["LogRetentionDays"]["Default"]
    assert {it["logGroupName"]: it["retentionInDays"] for it in groups} == {f"/aws/lambda/{it}": days for it in FUNCTIONS}


def test_a_function_gets_what_it_cannot_do_without(deployed):
    assert {name: set(configuration["Environment"]["Variables"]) for name, configuration in deployed.items()} == {
        "start": {"UPDATES_TABLE"},
        "check": {"UPDATES_TABLE", "NOTIFICATION_TOPIC_ARN"},
    }


def test_the_log_format_is_set_by_hand_to_what_the_template_says(moto, deployed):
    ((*_, logging, end),) = commands("for name in start check; do aws lambda update-function-configuration")
    assert end == "done"
    logging_config = dict(setting.split("=") for setting in logging.strip(";").split(","))
    source = read_template(ROOT / "template.yaml")
    logging_of_template = source["Globals"]["Function"]["LoggingConfig"]
    # There, the functions go by a variable of their own, and Lambda's level is the most open. Here, by Lambda's.
    level = source["Parameters"]["LogLevel"]["Default"]
    assert logging_config == logging_of_template | {"ApplicationLogLevel": level}
    # boto3 refuses what AWS's model does not know; moto keeps none of it.
    for name in FUNCTIONS:
        moto.client("lambda").update_function_configuration(FunctionName=name, LoggingConfig=logging_config)
