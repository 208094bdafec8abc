"""The binaries behind a proxy that asks for a password, and which hosts of AWS they ask there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from conftest import Stack
from connect_proxy import Authority, ConnectProxy
from moto_server import ACCOUNT, REGION
from runtime_api import Function, Result

LINUX = "/aws/service/eks/optimized-ami/1.33/amazon-linux-2023/x86_64/standard/recommended/release_version"
OLD, NEW = "1.33.1-20260901", "1.33.5-20261101"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def blue(stack: Stack) -> str:
    """The ARN of `prod/blue`, which opted in and could run a newer release."""
    stack.aws.publish(LINUX, OLD)
    stack.aws.publish(LINUX, NEW)
    return stack.aws.create_nodegroup("prod/blue", "AL2023_x86_64_STANDARD", OLD, tags={"ami-update": "auto"})


class Network:
    """The functions without any way to AWS but the proxy."""

    def __init__(self, stack: Stack, authority: Authority, proxy: ConnectProxy, region: str, settings: dict[str, str]) -> None:
        self.proxy, self._region, self._stack = proxy, region, stack
        self.settings = {"HTTPS_PROXY": proxy.url, "AWS_CA_BUNDLE": str(authority.bundle)} | settings

    def invoke(self, function: Function) -> Result:
        environment = {name: value.replace(REGION, self._region) for name, value in function.environment.items()}
        del environment["AWS_ENDPOINT_URL"]
        return replace(function, environment=environment | self.settings).invoke({})

    def story(self) -> list[Result]:
        """An update starts, fails and is reported, so that both functions call every service that they may."""
        started = self.invoke(self._stack.start)
        assert not (started.error or started.init_error), (started, started.log)
        self._stack.aws.settle("prod/blue", "Failed", {"errorCode": "Unknown", "errorMessage": "", "resourceIds": []})
        checked = self.invoke(self._stack.check)
        assert not (checked.error or checked.init_error), (checked, checked.log)
        assert [message.attributes["kind"] for message in self._stack.messages()] == ["UpdateFailed"]
        assert self._stack.events()
        return [started, checked]


@contextmanager
def network(stack: Stack, authority: Authority, region: str = REGION, **settings: str) -> Iterator[Network]:
    with ConnectProxy(authority, stack.aws.url, region) as proxy:
        yield Network(stack, authority, proxy, region, settings)


def hosts(region: str, *names: str, suffix: str = "amazonaws.com") -> set[str]:
    return {f"{name}.{region}.{suffix}" for name in names}


def message(line: str) -> Any:
    """What a line of the log says, which has the level WARN."""
    record = json.loads(line)
    assert record["level"] == "WARN"
    return record["message"]


def warnings(results: list[Result]) -> list[Any]:
    """What the functions say of hosts that there are not."""
    return [message(line) for result in results for line in result.log if "endpoints were requested" in line]


def test_both_functions_do_all_their_work_through_a_proxy_that_asks_for_a_password(
    stack: Stack, authority: Authority, blue: str
) -> None:
    with network(stack, authority) as it:
        results = it.story()
        assert it.proxy.hosts == hosts(REGION, "dynamodb", "eks", "events", "sns", "ssm", "tagging")
        assert it.proxy.refused == 0
    assert warnings(results) == []


def test_a_wrong_password_is_an_error_that_says_so_and_does_not_show_it(stack: Stack, authority: Authority) -> None:
    with network(stack, authority) as it:
        it.settings["HTTPS_PROXY"] = it.proxy.url.replace("p%40ss", "wrong")
        result = it.invoke(stack.check)
        assert it.proxy.refused > 0 and it.proxy.hosts == set()
    assert result.error and result.error.message.endswith("tunnel error: proxy authorization required"), result
    assert "wrong" not in f"{result.error} {result.log}"


def test_what_no_proxy_names_is_asked_without_the_proxy(stack: Stack, authority: Authority) -> None:
    with network(stack, authority, NO_PROXY="127.0.0.1", AWS_ENDPOINT_URL=stack.aws.url) as it:
        result = it.invoke(stack.check)
        assert result.payload["updates"] == [] and it.proxy.hosts == set()


@pytest.mark.parametrize(
    ("region", "expected", "start", "check"),
    [
        (
            "us-east-1",
            {"tagging.us-east-1.amazonaws.com", "fips.eks.us-east-1.amazonaws.com"}
            | hosts("us-east-1", "dynamodb-fips", "events-fips", "sns-fips", "ssm-fips"),
            "us-east-1 has none for: tagging",
            None,
        ),
        (
            "ca-central-1",
            hosts("ca-central-1", "dynamodb-fips", "ssm-fips", "eks", "events", "sns", "tagging"),
            "ca-central-1 has none for: eks, tagging",
            "ca-central-1 has none for: eks, sns, events",
        ),
        (
            "eu-central-1",
            hosts("eu-central-1", "dynamodb", "eks", "events", "sns", "ssm", "tagging"),
            "eu-central-1 has none for: eks, tagging, ssm, dynamodb",
            "eu-central-1 has none for: dynamodb, eks, sns, events",
        ),
    ],
    ids=["us-east-1", "ca-central-1", "eu-central-1"],
)
def test_fips_hosts_are_asked_where_there_are_any(
    stack: Stack, authority: Authority, blue: str, region: str, expected: set[str], start: str, check: str | None
) -> None:
    with network(stack, authority, region, AWS_USE_FIPS_ENDPOINT="true") as it:
        results = it.story()
        assert it.proxy.hosts == expected
    words = "FIPS endpoints were requested, but {}; standard endpoints are used instead"
    assert warnings(results) == [words.format(of) for of in (start, check) if of]


def test_dual_stack_hosts_are_asked_where_there_are_any(stack: Stack, authority: Authority, blue: str) -> None:
    with network(stack, authority, AWS_USE_DUALSTACK_ENDPOINT="true") as it:
        results = it.story()
        dual_stack = hosts(REGION, "dynamodb", "eks", "events", "sns", "ssm", suffix="api.aws")
        assert it.proxy.hosts == dual_stack | hosts(REGION, "tagging")
    assert warnings(results) == [
        "dual-stack endpoints were requested, but eu-central-1 has none for: tagging; standard endpoints are used instead"
    ]


def test_a_host_that_was_named_is_asked_even_with_fips(stack: Stack, authority: Authority, blue: str) -> None:
    named = {"AWS_ENDPOINT_URL_EKS": "https://vpce-0a1b2c3d.eks.us-east-1.vpce.amazonaws.com"}
    with network(stack, authority, "us-east-1", AWS_USE_FIPS_ENDPOINT="true", **named) as it:
        it.story()
        eks = {host for host in it.proxy.hosts if "eks" in host}
        assert eks == {"vpce-0a1b2c3d.eks.us-east-1.vpce.amazonaws.com"}


@pytest.mark.parametrize(
    ("settings", "host"),
    [
        ({}, f"dynamodb.{REGION}.amazonaws.com"),
        ({"AWS_ACCOUNT_ID": ACCOUNT}, f"{ACCOUNT}.ddb.{REGION}.amazonaws.com"),
        ({"AWS_ACCOUNT_ID": ACCOUNT, "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled"}, f"dynamodb.{REGION}.amazonaws.com"),
    ],
    ids=["no account", "account", "disabled"],
)
def test_dynamodb_is_asked_under_the_account_where_the_credentials_name_it(
    stack: Stack, authority: Authority, settings: dict[str, str], host: str
) -> None:
    with network(stack, authority, **settings) as it:
        assert it.invoke(stack.check).payload["updates"] == []
        assert it.proxy.hosts == {host}
