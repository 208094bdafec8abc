"""Which hosts the functions ask where FIPS or dual-stack endpoints are asked for: `src/aws/hosts.tsv`, judged by botocore's data.

`endpoints.json` says which hosts there are; the rule sets, which every SDK goes by, say how a host is named, whether it exists or
not. For FIPS the table is what `endpoints.json` says. For dual-stack that file lacks much, so AWS's pages count as well.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore.endpoint_provider import EndpointProvider
from botocore.loaders import Loader
from conftest import ROOT

FIPS, DUAL_STACK, BOTH = frozenset({"fips"}), frozenset({"dualstack"}), frozenset({"fips", "dualstack"})
COLUMNS = {FIPS: 2, BOTH: 3, DUAL_STACK: 4}

# The services with dual-stack hosts in every region of a partition, by AWS's pages.
DOCUMENTED = {
    # https://docs.aws.amazon.com/eks/latest/userguide/vpc-interface-endpoints.html
    "eks": {"aws", "aws-cn"},
    # https://docs.aws.amazon.com/general/latest/gr/ssm.html
    "ssm": {"aws", "aws-cn"},
    # https://aws.amazon.com/message/101925/ is about this name
    "dynamodb": {"aws", "aws-cn"},
    # https://docs.aws.amazon.com/sns/latest/dg/sns-dual-stack.html
    "sns": {"aws", "aws-cn"},
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/dual-stack.html
    "events": {"aws", "aws-cn"},
    "scheduler": {"aws", "aws-cn"},
    # https://docs.aws.amazon.com/general/latest/gr/cw_region.html
    "monitoring": {"aws"},
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_dual-stack_endpoint_support.html
    "iam": {"aws"},
    "sts": {"aws", "aws-cn"},
    # https://docs.aws.amazon.com/general/latest/gr/lambda-service.html
    "lambda": {"aws", "aws-cn"},
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dual-stack.html
    "sqs": {"aws", "aws-cn"},
}

# The names of botocore's models where they are not those of the hosts.
MODELS = {"tagging": "resourcegroupstaggingapi", "monitoring": "cloudwatch"}


@cache
def data(name: str) -> Any:
    return json.loads((Path(botocore.__file__).parent / "data" / name).read_text())


def rows() -> dict[str, list[str]]:
    """The rows of the table, by the names of their hosts."""
    lines = (ROOT / "src/aws/hosts.tsv").read_text().splitlines()
    return {row[1]: row for row in (line.split("\t") for line in lines if not line.startswith("#"))}


def partitions() -> dict[str, str]:
    """The partition of each region."""
    return {region: it["partition"] for it in data("endpoints.json")["partitions"] for region in it["regions"]}


def has(service: str, region: str, kind: frozenset[str]) -> bool:
    """Whether the table says that there is a host."""
    beginnings = rows()[service][COLUMNS[kind]].split()
    return any(partitions()[region] == "aws" if it == "*" else region.startswith(it) for it in beginnings)


def variant(service: str, region: str, kind: frozenset[str]) -> str | None:
    """The host that `endpoints.json` names."""
    for partition in data("endpoints.json")["partitions"]:
        if region in partition["regions"] and (of := partition["services"].get(service)):
            for name in [region, of.get("partitionEndpoint")]:
                for it in of["endpoints"].get(name, {}).get("variants", []):
                    if frozenset(it["tags"]) == kind:
                        return it["hostname"]
    return None


def ordinary(service: str, region: str) -> str:
    """The host without FIPS and dual-stack."""
    return built(service, region, frozenset())


@cache
def provider(service: str) -> EndpointProvider:
    rules = Loader().load_service_model(MODELS.get(service, service), "endpoint-rule-set-1")
    return EndpointProvider(rules, data("partitions.json"))


@cache
def built(service: str, region: str, kind: frozenset[str]) -> str:
    """The host that every SDK builds."""
    asked = {"UseFIPS": "fips" in kind, "UseDualStack": "dualstack" in kind}
    return provider(service).resolve_endpoint(Region=region, **asked).url.removeprefix("https://")


def exists(service: str, region: str, kind: frozenset[str]) -> bool:
    """Whether a host is listed, and what SDKs build is a host that there is."""
    listed = variant(service, region, kind)
    return listed is not None and built(service, region, kind) in (listed, ordinary(service, region))


PAIRS = [(service, region) for service in rows() for region in partitions()]


def test_each_row_is_a_service_that_botocore_knows() -> None:
    ids = {name: Loader().load_service_model(MODELS.get(name, name), "service-2")["metadata"]["serviceId"] for name in rows()}
    assert ids == {name: row[0] for name, row in rows().items()}
    assert len(PAIRS) > 13 * 40


@pytest.mark.parametrize("kind", [FIPS, BOTH], ids=["fips", "fips and dual-stack"])
def test_fips_hosts_are_those_that_botocore_lists(kind: frozenset[str]) -> None:
    assert {pair for pair in PAIRS if has(*pair, kind)} == {pair for pair in PAIRS if exists(*pair, kind)}


def test_dual_stack_hosts_are_those_that_botocore_lists_or_aws_documents() -> None:
    documented = {(service, region) for service, region in PAIRS if partitions()[region] in DOCUMENTED.get(service, ())}
    listed = {pair for pair in PAIRS if exists(*pair, DUAL_STACK)}
    assert {pair for pair in PAIRS if has(*pair, DUAL_STACK)} == documented | listed


def test_an_sdk_builds_names_of_hosts_that_do_not_exist() -> None:
    """The fault that the table is for. Where this fails, AWS has added a host, and the table may have it, too."""
    names = {pair: built(*pair, FIPS) for pair in [("tagging", "us-east-1"), ("eks", "eu-central-1"), ("sqs", "us-iso-east-1")]}
    assert names == {
        ("tagging", "us-east-1"): "tagging-fips.us-east-1.amazonaws.com",
        ("eks", "eu-central-1"): "fips.eks.eu-central-1.amazonaws.com",
        ("sqs", "us-iso-east-1"): "sqs-fips.us-iso-east-1.c2s.ic.gov",
    }
    assert [variant(*pair, FIPS) for pair in names] == [None, None, "sqs.us-iso-east-1.c2s.ic.gov"]
