"""What a careful engineer would write instead of `start`: the tagged node groups, described by a thread pool; the newest
release of each track by one call for ten; the update; a record of it. One client of each service, adaptive retries."""

import os
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config

import runtime

config = Config(retries={"mode": "adaptive", "max_attempts": 5}, max_pool_connections=8)
session = boto3.Session()
tagging = session.client("resourcegroupstaggingapi", config=config)
eks = session.client("eks", config=config)
ssm = session.client("ssm", config=config)
dynamodb = session.client("dynamodb", config=config)
table = os.environ["UPDATES_TABLE"]


def parameter(nodegroup):
    arch = {"AL2023_x86_64_STANDARD": "x86_64/standard", "AL2023_ARM_64_STANDARD": "arm64/standard"}[nodegroup["amiType"]]
    version = nodegroup["version"]
    return f"/aws/service/eks/optimized-ami/{version}/amazon-linux-2023/{arch}/recommended/release_version"


def describe(arn):
    _, cluster, name, _ = arn.split(":")[5].split("/")
    return eks.describe_nodegroup(clusterName=cluster, nodegroupName=name)["nodegroup"]


def handler(event, request_id):
    pages = tagging.get_paginator("get_resources").paginate(
        ResourceTypeFilters=["eks:nodegroup"],
        TagFilters=[{"Key": "ami-update", "Values": ["auto"]}],
        ResourcesPerPage=100,
    )
    arns = [resource["ResourceARN"] for page in pages for resource in page["ResourceTagMappingList"]]
    with ThreadPoolExecutor(8) as pool:
        nodegroups = list(pool.map(describe, arns))
    names = sorted({parameter(nodegroup) for nodegroup in nodegroups})
    releases = {}
    for index in range(0, len(names), 10):
        for found in ssm.get_parameters(Names=names[index : index + 10])["Parameters"]:
            releases[found["Name"]] = found["Value"]
    started = []
    for nodegroup in nodegroups:
        release = releases.get(parameter(nodegroup))
        if nodegroup["status"] != "ACTIVE" or release is None or nodegroup["releaseVersion"] >= release:
            continue
        cluster, name = nodegroup["clusterName"], nodegroup["nodegroupName"]
        update = eks.update_nodegroup_version(
            clusterName=cluster, nodegroupName=name, version=nodegroup["version"], releaseVersion=release
        )["update"]
        record = {
            "itemKey": {"S": nodegroup["nodegroupArn"]},
            "updateId": {"S": update["id"]},
            "pending": {"S": "Update"},
        }
        dynamodb.put_item(TableName=table, Item=record, ConditionExpression="attribute_not_exists(pending)")
        started.append(f"{cluster}/{name}")
    return {"nodegroups": len(nodegroups), "started": started}


runtime.run(handler)
