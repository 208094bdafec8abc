"""What a careful engineer would write instead of `check`: the updates that are recorded as pending, each described; what
failed is published."""

import os

import boto3
from botocore.config import Config

import runtime

config = Config(retries={"mode": "adaptive", "max_attempts": 5})
session = boto3.Session()
eks = session.client("eks", config=config)
sns = session.client("sns", config=config)
dynamodb = session.client("dynamodb", config=config)
table = os.environ["UPDATES_TABLE"]
topic = os.environ["NOTIFICATION_TOPIC_ARN"]


def handler(event, request_id):
    pages = dynamodb.get_paginator("query").paginate(
        TableName=table,
        IndexName="pending-index",
        KeyConditionExpression="pending = :pending",
        ExpressionAttributeValues={":pending": {"S": "Update"}},
    )
    keys = [item["itemKey"] for page in pages for item in page["Items"]]
    for key in keys:
        item = dynamodb.get_item(TableName=table, Key={"itemKey": key}, ConsistentRead=True)["Item"]
        _, cluster, name, _ = key["S"].split(":")[5].split("/")
        update_id = item["updateId"]["S"]
        update = eks.describe_update(name=cluster, nodegroupName=name, updateId=update_id)["update"]
        if update["status"] == "InProgress":
            continue
        if update["status"] != "Successful":
            sns.publish(TopicArn=topic, Subject=f"{cluster}/{name} failed", Message=str(update["errors"]))
        dynamodb.delete_item(TableName=table, Key={"itemKey": key})
    return {"pending": len(keys)}


runtime.run(handler)
