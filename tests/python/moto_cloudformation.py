"""What moto's CloudFormation lacks: types of resources, made with moto's own services as far as those have them; and the outputs
of a stack that a change set makes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

from moto.awslambda.models import lambda_backends
from moto.cloudformation import parsing
from moto.cloudformation.models import ChangeSet
from moto.cloudformation.parsing import OutputMap
from moto.cloudwatch.models import Dimension, Metric, MetricDataQuery, MetricStat, cloudwatch_backends
from moto.core.common_models import CloudFormationModel
from moto.scheduler.models import scheduler_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

Properties = dict[str, Any]
# Makes a resource in an account and region, and answers its physical id and ARN.
Make = Callable[[str, Properties, str, str], tuple[str, str]]


def _alarm(name: str, given: Properties, account: str, region: str) -> tuple[str, str]:
    alarm = cloudwatch_backends[account][region].put_metric_alarm(
        name=name,
        namespace=given.get("Namespace", ""),
        metric_name=given.get("MetricName", ""),
        comparison_operator=given["ComparisonOperator"],
        evaluation_periods=int(given["EvaluationPeriods"]),
        period=given.get("Period", 0),
        threshold=given["Threshold"],
        statistic=given.get("Statistic", ""),
        description=given["AlarmDescription"],
        dimensions=given.get("Dimensions", []),
        alarm_actions=given["AlarmActions"],
        ok_actions=given["OKActions"],
        metric_data_queries=[_query(it) for it in given.get("Metrics", [])],
        treat_missing_data=given["TreatMissingData"],
    )
    return alarm.name, alarm.alarm_arn


def _query(given: Properties) -> MetricDataQuery:
    if "MetricStat" not in given:
        return MetricDataQuery(given["Id"], given["Label"], "", given["ReturnData"], given["Expression"])
    of, metric = given["MetricStat"], given["MetricStat"]["Metric"]
    dimensions = [Dimension(it["Name"], it["Value"]) for it in metric["Dimensions"]]
    stat = MetricStat(Metric(metric["MetricName"], metric["Namespace"], dimensions), of["Period"], of["Stat"], "")
    return MetricDataQuery(given["Id"], "", "", given["ReturnData"], metric_stat=stat)


def _alias(name: str, given: Properties, account: str, region: str) -> tuple[str, str]:
    function, version = given["FunctionName"], given["FunctionVersion"]
    alias = lambda_backends[account][region].create_alias(given["Name"], function, version, given["Description"], "")
    return alias.arn, alias.arn


def _event_invoke_config(name: str, given: Properties, account: str, region: str) -> tuple[str, str]:
    lambda_backends[account][region].put_function_event_invoke_config(given["FunctionName"], given)
    return name, ""


def _query_definition(name: str, given: Properties, account: str, region: str) -> tuple[str, str]:
    return name, ""  # moto has no saved queries


def _schedule(name: str, given: Properties, account: str, region: str) -> tuple[str, str]:
    schedule = scheduler_backends[account][region].create_schedule(
        name=name,
        group_name="default",
        description=given["Description"],
        schedule_expression=given["ScheduleExpression"],
        schedule_expression_timezone=given.get("ScheduleExpressionTimezone", "UTC"),
        flexible_time_window=given["FlexibleTimeWindow"],
        target=given["Target"],
        state="ENABLED",
        start_date="",
        end_date="",
        kms_key_arn="",
        action_after_completion=None,
    )
    return schedule.name, schedule.arn


def _subscription(name: str, given: Properties, account: str, region: str) -> tuple[str, str]:
    arn = sns_backends[account][region].subscribe(given["TopicArn"], given["Endpoint"], given["Protocol"]).arn
    return arn, arn


def _topic_policy(name: str, given: Properties, account: str, region: str) -> tuple[str, str]:
    for arn in given["Topics"]:
        sns_backends[account][region].set_topic_attribute(arn, "policy", json.dumps(given["PolicyDocument"]))
    return name, ""


def _queue_policy(name: str, given: Properties, account: str, region: str) -> tuple[str, str]:
    policy = {"Policy": json.dumps(given["PolicyDocument"])}
    for url in given["Queues"]:
        sqs_backends[account][region].set_queue_attributes(url.rpartition("/")[2], policy)
    return name, ""


MISSING: dict[str, Make] = {
    "AWS::CloudWatch::Alarm": _alarm,
    "AWS::Lambda::Alias": _alias,
    "AWS::Lambda::EventInvokeConfig": _event_invoke_config,
    "AWS::Logs::QueryDefinition": _query_definition,
    "AWS::Scheduler::Schedule": _schedule,
    "AWS::SNS::Subscription": _subscription,
    "AWS::SNS::TopicPolicy": _topic_policy,
    "AWS::SQS::QueuePolicy": _queue_policy,
}


def _model(kind: str, make: Make) -> type[CloudFormationModel]:
    class Resource(CloudFormationModel):
        __module__ = "moto.cloudformation"  # moto reads the service from it

        def __init__(self, physical_resource_id: str, arn: str) -> None:
            self.physical_resource_id, self._arn = physical_resource_id, arn

        @staticmethod
        def cloudformation_name_type() -> str:
            return ""

        @staticmethod
        def cloudformation_type() -> str:
            return kind

        @classmethod
        def has_cfn_attr(cls, attr: str) -> bool:
            return attr == "Arn"

        @classmethod
        def create_from_cloudformation_json(
            cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
        ) -> Any:
            return cls(*make(resource_name, cloudformation_json["Properties"], account_id, region_name))

        def get_cfn_attribute(self, attribute_name: str) -> str:
            return {"Arn": self._arn}[attribute_name]

    return Resource


def _apply_with_outputs(apply: Callable[[ChangeSet], None]) -> Callable[[ChangeSet], None]:
    def applied(change_set: ChangeSet) -> None:
        apply(change_set)
        stack = change_set.stack
        stack.output_map = OutputMap(stack.resource_map, change_set.template_dict, stack.stack_id)

    return applied


@cache
def teach_moto() -> list[type[CloudFormationModel]]:
    """Adds this to moto, once. moto finds the types among the subclasses, of which it remembers those that it found first."""
    ChangeSet.apply = _apply_with_outputs(ChangeSet.apply)
    models = [_model(kind, make) for kind, make in MISSING.items()]
    for remembered in (parsing.get_model_list, parsing.get_model_map, parsing.get_name_type_map):
        remembered.cache_clear()
    return models
