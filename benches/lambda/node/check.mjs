// What a careful engineer would write instead of `check`: the updates that are recorded as pending, each described; what failed
// is published.

import { DeleteItemCommand, DynamoDBClient, GetItemCommand, paginateQuery } from "@aws-sdk/client-dynamodb";
import { DescribeUpdateCommand, EKSClient } from "@aws-sdk/client-eks";
import { PublishCommand, SNSClient } from "@aws-sdk/client-sns";

import { run } from "./runtime.mjs";

const config = { retryMode: "adaptive", maxAttempts: 5 };
const eks = new EKSClient(config);
const sns = new SNSClient(config);
const dynamodb = new DynamoDBClient(config);
const { UPDATES_TABLE: TableName, NOTIFICATION_TOPIC_ARN: TopicArn } = process.env;

run(async () => {
  const keys = [];
  const input = {
    TableName,
    IndexName: "pending-index",
    KeyConditionExpression: "pending = :pending",
    ExpressionAttributeValues: { ":pending": { S: "Update" } },
  };
  for await (const page of paginateQuery({ client: dynamodb }, input)) keys.push(...page.Items.map(({ itemKey }) => itemKey));
  for (const itemKey of keys) {
    const Key = { itemKey };
    const { Item } = await dynamodb.send(new GetItemCommand({ TableName, Key, ConsistentRead: true }));
    const [, name, nodegroupName] = itemKey.S.split(":")[5].split("/");
    const command = new DescribeUpdateCommand({ name, nodegroupName, updateId: Item.updateId.S });
    const { update } = await eks.send(command);
    if (update.status === "InProgress") continue;
    if (update.status !== "Successful") {
      const Subject = `${name}/${nodegroupName} failed`;
      await sns.send(new PublishCommand({ TopicArn, Subject, Message: JSON.stringify(update.errors) }));
    }
    await dynamodb.send(new DeleteItemCommand({ TableName, Key }));
  }
  return { pending: keys.length };
});
