// What a careful engineer would write instead of `start`: the tagged node groups, described eight at once; the newest release
// of each track by one call for ten; the update; a record of it. Adaptive retries.

import { DynamoDBClient, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { DescribeNodegroupCommand, EKSClient, UpdateNodegroupVersionCommand } from "@aws-sdk/client-eks";
import { paginateGetResources, ResourceGroupsTaggingAPIClient } from "@aws-sdk/client-resource-groups-tagging-api";
import { GetParametersCommand, SSMClient } from "@aws-sdk/client-ssm";

import { run } from "./runtime.mjs";

const config = { retryMode: "adaptive", maxAttempts: 5 };
const tagging = new ResourceGroupsTaggingAPIClient(config);
const eks = new EKSClient(config);
const ssm = new SSMClient(config);
const dynamodb = new DynamoDBClient(config);
const architectures = { AL2023_x86_64_STANDARD: "x86_64/standard", AL2023_ARM_64_STANDARD: "arm64/standard" };

function parameter({ amiType, version }) {
  const variant = `amazon-linux-2023/${architectures[amiType]}`;
  return `/aws/service/eks/optimized-ami/${version}/${variant}/recommended/release_version`;
}

async function describe(arn) {
  const [, clusterName, nodegroupName] = arn.split(":")[5].split("/");
  return (await eks.send(new DescribeNodegroupCommand({ clusterName, nodegroupName }))).nodegroup;
}

async function describeAll(arns) {
  const nodegroups = [];
  let next = 0;
  const worker = async () => {
    while (next < arns.length) {
      const index = next++;
      nodegroups[index] = await describe(arns[index]);
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  return nodegroups;
}

run(async () => {
  const arns = [];
  const input = { ResourceTypeFilters: ["eks:nodegroup"], TagFilters: [{ Key: "ami-update", Values: ["auto"] }], ResourcesPerPage: 100 };
  for await (const page of paginateGetResources({ client: tagging }, input)) {
    arns.push(...page.ResourceTagMappingList.map((resource) => resource.ResourceARN));
  }
  const nodegroups = await describeAll(arns);
  const names = [...new Set(nodegroups.map(parameter))];
  const releases = new Map();
  for (let index = 0; index < names.length; index += 10) {
    const answer = await ssm.send(new GetParametersCommand({ Names: names.slice(index, index + 10) }));
    for (const { Name, Value } of answer.Parameters) releases.set(Name, Value);
  }
  const started = [];
  for (const nodegroup of nodegroups) {
    const { clusterName, nodegroupName, version, nodegroupArn } = nodegroup;
    const releaseVersion = releases.get(parameter(nodegroup));
    if (nodegroup.status !== "ACTIVE" || !releaseVersion || nodegroup.releaseVersion >= releaseVersion) continue;
    const command = new UpdateNodegroupVersionCommand({ clusterName, nodegroupName, version, releaseVersion });
    const { update } = await eks.send(command);
    const Item = { itemKey: { S: nodegroupArn }, updateId: { S: update.id }, pending: { S: "Update" } };
    const ConditionExpression = "attribute_not_exists(pending)";
    await dynamodb.send(new PutItemCommand({ TableName: process.env.UPDATES_TABLE, Item, ConditionExpression }));
    started.push(`${clusterName}/${nodegroupName}`);
  }
  return { nodegroups: nodegroups.length, started };
});
