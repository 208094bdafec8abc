"""moto's AWS on loopback, with the few things it lacks.

moto is an AWS that was written elsewhere, so it is a fair judge of the binaries. It has DynamoDB, SNS, SQS, Systems Manager,
and of EKS what describes node groups. Added here, from outside: the update of a node group's version and its course, the
Kubernetes versions that EKS knows, node groups in the Resource Groups Tagging API, change calendars, and parameters under
`/aws/service`, which only AWS may put. For the command line: Lambda's Invoke, which runs a real binary; IAM's simulation of a
role's policies; and CloudWatch's alarms in CBOR, which the AWS SDK for Rust speaks and moto does not.
Every call is written down with the key that signed it, so that a test can say who called what.
"""

from __future__ import annotations

import io
import json
import logging
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from unittest import mock
from urllib.parse import parse_qsl, unquote

import boto3
import iam
from botocore.exceptions import ClientError
from botocore.model import DenormalizedStructureBuilder, Shape
from botocore.parsers import RpcV2CBORParser
from botocore.serialize import RpcV2CBORSerializer
from moto import settings
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.core.request import Request
from moto.core.resource_tagging import TaggedResource, make_tag_matcher, match_resource_type
from moto.core.responses import ActionResult
from moto.core.routing import get_service_router
from moto.eks import urls as eks_urls
from moto.eks.exceptions import EKSError, InvalidParameterException, InvalidRequestException
from moto.eks.exceptions import ResourceInUseException, ResourceNotFoundException
from moto.eks.models import EKSBackend, Nodegroup, eks_backends
from moto.eks.responses import EKSResponse
from moto.iam.access_control import IAMRequestBase
from moto.iam.models import iam_backends
from moto.iam.responses import IamResponse
from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.resourcegroupstaggingapi.models import ResourceGroupsTaggingAPIBackend
from moto.ssm.exceptions import InvalidDocument
from moto.ssm.models import Parameter, ssm_backends
from moto.ssm.responses import SimpleSystemManagerResponse
from runtime_api import Result
from werkzeug.serving import make_server

REGION = "eu-central-1"

# https://repost.aws/knowledge-center/eks-managed-node-group-update
TOLERATED_ISSUES = ["AsgInstanceLaunchFailures", "InstanceLimitExceeded", "InsufficientFreeAddresses", "ClusterUnreachable"]

# IAM's prefix where it is not the name that requests are signed for.
IAM_PREFIX = {"monitoring": "cloudwatch", "tagging": "tag"}

# The change calendars: for each, until when it is closed, or nothing where it is open.
CALENDARS: dict[str, str | None] = {}

# What EKS says of Kubernetes versions.
KUBERNETES_VERSIONS: list[dict[str, Any]] = []

# An error in CBOR, of which no service's model has the shape.
CBOR_ERROR = DenormalizedStructureBuilder().with_members({it: {"type": "string"} for it in ("__type", "message")}).build_model()

# No test waits longer than this for another thread or process.
PATIENCE_SECONDS = 60


@dataclass
class Call:
    """One request: who asked whom for what, and how it was answered."""

    access_key: str
    service: str
    operation: str
    parameters: dict[str, Any]
    status: int = 0

    @property
    def action(self) -> str:
        """The permission it takes, as IAM writes it."""
        return f"{IAM_PREFIX.get(self.service, self.service)}:{self.operation}"

    def concerns(self, action: str, parameters: dict[str, Any]) -> bool:
        return self.action == action and _holds(self.parameters, parameters)


def _holds(given: Any, asked: Any) -> bool:
    """Whether a value is what was asked for; an object may have more members."""
    if isinstance(given, dict) and isinstance(asked, dict):
        return all(name in given and _holds(given[name], value) for name, value in asked.items())
    return bool(given == asked)


@dataclass
class HeldAnswer:
    """An answer that is kept back: the work is done, the caller does not know."""

    action: str
    parameters: dict[str, Any]
    done: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    released: threading.Event = field(default_factory=threading.Event)

    def wait_until_done(self, times: int = 1) -> None:
        for _ in range(times):
            assert self.done.acquire(timeout=PATIENCE_SECONDS), f"no call of {self.action} with {self.parameters}"


@dataclass
class Refusal:
    """An error that AWS gives instead of an answer, so many times."""

    action: str
    parameters: dict[str, Any]
    status: int
    code: str
    message: str
    times: int


class MotoServer:
    """moto behind a port of 127.0.0.1, and the hand that moves what happens in it."""

    def __init__(self) -> None:
        _teach_moto()
        self.calls: list[Call] = []
        # What runs when a function is invoked, by its name: it is given the event and the alias.
        self.functions: dict[str, Callable[[Any, str], Result]] = {}
        self._held: list[HeldAnswer] = []
        self._refusals: list[Refusal] = []
        # moto's backends check and write in two steps; AWS answers as if requests came one after another.
        self._one_at_a_time = threading.RLock()
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self, threaded=True, request_handler=_QuietHandler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> MotoServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(PATIENCE_SECONDS)
        self._server.server_close()

    def reset(self) -> None:
        """Forgets everything."""
        with self._one_at_a_time:
            moto_api_backend.reset()
            self.calls.clear()
            self.functions.clear()
            self._held.clear()
            self._refusals.clear()
            CALENDARS.clear()
            KUBERNETES_VERSIONS.clear()

    def client(self, service: str, access_key: str = "AKIATEST000000000000", token: str | None = None) -> Any:
        """A boto3 client of this AWS. moto reads keys of twenty capitals and digits."""
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id=access_key,
            aws_secret_access_key="secret",
            aws_session_token=token,
        )

    # What the test lets happen.

    def create_nodegroup(
        self, path: str, ami_type: str, release: str, version: str = "1.33", *, tags: dict[str, str] | None = None
    ) -> str:
        """Creates the node group `cluster/nodegroup`, the cluster too where there is none yet; returns its ARN."""
        cluster, name = path.split("/")
        eks = self.client("eks")
        subnets = ["subnet-0a1b2c3d"]
        if cluster not in eks.list_clusters()["clusters"]:
            role = f"arn:aws:iam::{ACCOUNT}:role/cluster"
            eks.create_cluster(name=cluster, roleArn=role, version=version, resourcesVpcConfig={"subnetIds": subnets})
        answer = eks.create_nodegroup(
            clusterName=cluster,
            nodegroupName=name,
            subnets=subnets,
            nodeRole=f"arn:aws:iam::{ACCOUNT}:role/node",
            amiType=ami_type,
            version=version,
            releaseVersion=release,
            tags=tags or {},
        )
        return answer["nodegroup"]["nodegroupArn"]

    def nodegroup(self, path: str) -> Nodegroup:
        """moto's own node group. `status`, `health`, `tags` and the tag index's `indexed_tags` are the test's to change."""
        return _nodegroup(_eks(), *path.split("/"))

    def delete_nodegroup(self, path: str) -> None:
        cluster, name = path.split("/")
        self.client("eks").delete_nodegroup(clusterName=cluster, nodegroupName=name)

    def publish(self, name: str, value: str, at: datetime | None = None) -> None:
        """Puts a public parameter: its next version, where there is one already."""
        with self._one_at_a_time:
            versions = ssm_backends[ACCOUNT][REGION]._parameters[name]
            parameter = Parameter(
                account_id="",
                name=name,
                value=value,
                parameter_type="String",
                description=None,
                allowed_pattern=None,
                keyid=None,
                last_modified_date=at or datetime.now(UTC),
                version=len(versions) + 1,
                data_type="text",
            )
            versions.append(parameter)

    def put_calendar(self, name: str, closed_until: str | None = None) -> None:
        """A change calendar that is open, or closed until then."""
        with self._one_at_a_time:
            CALENDARS[name] = closed_until

    def updates(self, path: str) -> list[dict[str, Any]]:
        """The updates of a node group, as DescribeUpdate describes them, oldest first."""
        with self._one_at_a_time:
            return [dict(update) for update in _updates(self.nodegroup(path)).values()]

    def date_back(self, path: str, days: int) -> None:
        """Makes the updates of a node group so much older."""
        with self._one_at_a_time:
            for update in _updates(self.nodegroup(path)).values():
                update["createdAt"] -= timedelta(days=days)

    def settle(self, path: str, status: str, *errors: dict[str, Any]) -> None:
        """Ends the update that is in progress. Only one that is Successful changes the node group."""
        with self._one_at_a_time:
            nodegroup = self.nodegroup(path)
            (update,) = [update for update in _updates(nodegroup).values() if update["status"] == "InProgress"]
            update.update(status=status, errors=list(errors))
            nodegroup.status = "ACTIVE"
            if status == "Successful":
                asked = {param["type"]: param["value"] for param in update["params"]}
                nodegroup.version, nodegroup.release_version = asked["Version"], asked["ReleaseVersion"]
                nodegroup.modified_at = datetime.now(UTC)

    @contextmanager
    def holding_answers(self, action: str, **parameters: Any) -> Iterator[HeldAnswer]:
        """Does what is asked, but keeps the answer back until the block ends."""
        held = HeldAnswer(action, parameters)
        self._held.append(held)
        try:
            yield held
        finally:
            self._held.remove(held)
            held.released.set()

    def refuse(self, action: str, status: int, code: str, message: str, *, times: int = 1, **parameters: Any) -> None:
        """Answers the next such calls with an error. For services that answer in JSON."""
        self._refusals.append(Refusal(action, parameters, status, code, message, times))

    def assume_role(self, name: str, actions: set[str]) -> dict[str, str]:
        """Creates a role that may do these things, and returns its credentials as a Lambda's environment has them."""
        iam, sts = self.client("iam"), self.client("sts")
        # moto's IAM knows neither resources nor conditions, and calls a service by the name that requests are signed for.
        signed = {prefix: service for service, prefix in IAM_PREFIX.items()}
        named = [action.split(":") for action in actions]
        asked = sorted(f"{signed.get(prefix, prefix)}:{operation}" for prefix, operation in named)
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": asked, "Resource": "*"}]}
        iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")
        iam.put_role_policy(RoleName=name, PolicyName="permissions", PolicyDocument=json.dumps(policy))
        role = f"arn:aws:iam::{ACCOUNT}:role/{name}"
        credentials = sts.assume_role(RoleArn=role, RoleSessionName=name)["Credentials"]
        return {
            "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"],
            "AWS_SESSION_TOKEN": credentials["SessionToken"],
        }

    @contextmanager
    def checking_permissions(self) -> Iterator[None]:
        """Lets moto's IAM check for every request whether its role may do that."""
        # It cannot check the signature of a request that has no body.
        unsigned = mock.patch.object(IAMRequestBase, "check_signature", lambda _: None)
        with unsigned, mock.patch.object(settings, "INITIAL_NO_AUTH_ACTION_COUNT", 0):
            yield

    # The server: one WSGI application in front of moto's.

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        call = _read_call(environ)
        answer: list[Any] = []

        def remember(status: str, headers: list[tuple[str, str]], *_: Any) -> None:
            answer[:] = [status, headers]

        with self._one_at_a_time:
            self.calls.append(call)
            refusal = next((r for r in self._refusals if r.times and call.concerns(r.action, r.parameters)), None)
            if refusal:
                refusal.times -= 1
                body = _refuse(refusal, remember)
            elif call.action == "lambda:Invoke" or _is_cbor(environ):
                body = b""  # below: both make calls of their own
            else:
                chunks = self._moto(environ, remember)
                try:
                    body = b"".join(chunks)
                finally:
                    close = getattr(chunks, "close", None)
                    if close:
                        close()
        if not answer and call.action == "lambda:Invoke":
            body = self._invoke(call, remember)
        elif not answer:
            body = self._describe_alarms(call, environ.get("HTTP_X_AMZ_SECURITY_TOKEN"), remember)
        if answer[0].startswith("403"):
            body = _refuse_as_aws(call, body, remember, form="urlencoded" in environ.get("CONTENT_TYPE", ""))
        status, headers = answer
        call.status = int(status.split()[0])
        for held in [held for held in self._held if call.status == 200 and call.concerns(held.action, held.parameters)]:
            held.done.release()
            held.released.wait(PATIENCE_SECONDS)
        start_response(status, headers)
        return [body]

    def _invoke(self, call: Call, start_response: Any) -> bytes:
        """Runs a function's binary, as Lambda does."""
        function = self.functions.get(call.parameters["FunctionName"])
        if not function:
            missing = Refusal(call.action, {}, 404, "ResourceNotFoundException", "Function not found", 1)
            return _refuse(missing, start_response)
        result = function(call.parameters["Payload"], call.parameters.get("Qualifier", ""))
        error = result.error or result.init_error
        payload = {"errorType": error.error_type, "errorMessage": error.message} if error else result.payload
        headers = [("Content-Type", "application/json")]
        start_response("200 OK", headers + [("X-Amz-Function-Error", "Unhandled")] if error else headers)
        return json.dumps(payload).encode()

    def _describe_alarms(self, call: Call, token: str | None, start_response: Any) -> bytes:
        """Asks moto, in the caller's name, by the protocol that it speaks."""
        cloudwatch = self.client("cloudwatch", call.access_key, token)
        try:
            answer, status = cloudwatch.describe_alarms(**call.parameters), 200
            shape = cloudwatch.meta.service_model.operation_model("DescribeAlarms").output_shape
            del answer["ResponseMetadata"]
        except ClientError as error:
            said, status = error.response["Error"], error.response["ResponseMetadata"]["HTTPStatusCode"]
            answer, shape = {"__type": said["Code"], "message": said["Message"]}, CBOR_ERROR
        start_response(f"{status} CBOR", [("Content-Type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor")])
        return _to_cbor(answer, shape)


def _to_cbor(value: dict[str, Any], shape: Shape) -> bytes:
    body = bytearray()
    RpcV2CBORSerializer()._serialize_data_item(body, value, shape)
    return bytes(body)


def _from_cbor(body: bytes) -> Any:
    parser = RpcV2CBORParser()
    return parser.parse_data_item(parser.get_peekable_stream_from_bytes(body))


class _QuietHandler(MotoRequestHandler):
    def log(self, *_: Any) -> None:
        """Says nothing: the calls are written down, and a caller that was killed is no news."""


def _is_cbor(environ: dict[str, Any]) -> bool:
    return environ.get("HTTP_SMITHY_PROTOCOL") == "rpc-v2-cbor"


def _read_call(environ: dict[str, Any]) -> Call:
    """Names a request: by its target, its form, or for EKS its path."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length)
    environ["wsgi.input"] = io.BytesIO(body)
    credential = re.search(r"Credential=(\w+)/\d+/[\w-]+/(\w+)/", environ.get("HTTP_AUTHORIZATION", ""))
    access_key, service = credential.groups() if credential else ("", "")
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    form = "urlencoded" in environ.get("CONTENT_TYPE", "")
    parameters = dict(parse_qsl(environ.get("QUERY_STRING", "")))
    if _is_cbor(environ):
        return Call(access_key, service, environ["PATH_INFO"].rpartition("/")[2], _from_cbor(body))
    invoked = re.fullmatch("/2015-03-31/functions/([^/]+)/invocations", environ["PATH_INFO"])
    if service == "lambda" and invoked:
        of = {"FunctionName": unquote(invoked[1]), "Payload": json.loads(body or "{}")}
        return Call(access_key, service, "Invoke", parameters | of)
    parameters |= dict(parse_qsl(body.decode())) if form else json.loads(body or "{}")
    operation = target.rpartition(".")[2] or parameters.pop("Action", "")
    if service in ("eks", "lambda", "scheduler"):
        model, labels = get_service_router(service).match(Request(dict(environ, **{"wsgi.input": io.BytesIO(body)})))
        operation, parameters = model.name, parameters | labels
    return Call(access_key, service, operation, parameters)


def _refuse(refusal: Refusal, start_response: Any) -> bytes:
    body = json.dumps({"__type": refusal.code, "message": refusal.message}).encode()
    headers = [("Content-Type", "application/json"), ("x-amzn-ErrorType", refusal.code), ("Content-Length", str(len(body)))]
    start_response(f"{refusal.status} Refused", headers)
    return body


def _refuse_as_aws(call: Call, body: bytes, start_response: Any, *, form: bool) -> bytes:
    """moto's IAM refuses in EC2's XML, whatever the service speaks."""
    said = re.search(rb"<Code>(.*)</Code>\s*<Message>(.*)</Message>", body)
    if not said or b"<Errors>" not in body:
        return body
    code, message = (it.decode() for it in said.groups())
    if not form:
        return _refuse(Refusal(call.action, {}, 403, code, message, 1), start_response)
    start_response("403 Refused", [("Content-Type", "text/xml")])
    return f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>".encode()


def _eks() -> EKSBackend:
    return eks_backends[ACCOUNT][REGION]


def _updates(nodegroup: Nodegroup) -> dict[str, dict[str, Any]]:
    """A node group's updates live and die with it."""
    return vars(nodegroup).setdefault("updates", {})


def _nodegroup(eks: EKSBackend, cluster: str, name: str) -> Nodegroup:
    """As moto's DescribeNodegroup finds it, and fails where there is none."""
    return eks.describe_nodegroup(cluster_name=cluster, nodegroup_name=name)


def _fail(error: type[EKSError], message: str, nodegroup: Nodegroup | None = None) -> None:
    names = {"clusterName": nodegroup.cluster_name, "nodegroupName": nodegroup.nodegroup_name} if nodegroup else {}
    raise error(message=message, **names)


class MoreOfEks(EKSResponse):
    """The operations that moto's EKS lacks, with the words of AWS's errors."""

    def update_nodegroup_version(self) -> ActionResult:
        nodegroup = _nodegroup(self.eks_backend, self._get_param("name"), self._get_param("nodegroupName"))
        token, version = self._get_param("clientRequestToken"), self._get_param("version")
        release = self._get_param("releaseVersion")
        for update in _updates(nodegroup).values():
            if token and update["clientRequestToken"] == token:
                return ActionResult({"update": update})
        _refuse_update(nodegroup, version, release)
        asked = {"Version": version, "ReleaseVersion": release}
        update = {
            "id": str(uuid.uuid4()),
            "status": "InProgress",
            "type": "VersionUpdate",
            "params": [{"type": kind, "value": value} for kind, value in asked.items()],
            "createdAt": datetime.now(UTC),
            "errors": [],
            # Not in the service model, so no answer shows it.
            "clientRequestToken": token,
        }
        _updates(nodegroup)[update["id"]] = update
        nodegroup.status = "UPDATING"
        return ActionResult({"update": update})

    def describe_update(self) -> ActionResult:
        # A node group's update is not to be had without the node group's name.
        name, update_id = self._get_param("nodegroupName"), self._get_param("updateId")
        updates = _updates(_nodegroup(self.eks_backend, self._get_param("name"), name)) if name else {}
        if update_id not in updates:
            _fail(ResourceNotFoundException, f"No update found for ID: {update_id}")
        return ActionResult({"update": updates[update_id]})

    def list_updates(self) -> ActionResult:
        name = self._get_param("nodegroupName")
        updates = _updates(_nodegroup(self.eks_backend, self._get_param("name"), name)) if name else {}
        # AWS promises no order; that of random ids is none to lean on.
        ids = sorted(updates)
        first = int(self._get_param("nextToken") or 0)
        end = first + self._get_int_param("maxResults", 100)
        return ActionResult({"updateIds": ids[first:end], "nextToken": str(end) if end < len(ids) else None})

    def describe_cluster_versions(self) -> ActionResult:
        # Without being asked for all, AWS leaves out the versions that it no longer supports.
        now, asks_for_all = datetime.now(UTC), self._get_param("includeAll") in (True, "true")
        known = [it for it in KUBERNETES_VERSIONS if asks_for_all or it["endOfExtendedSupportDate"] > now]
        return ActionResult({"clusterVersions": known})


def _refuse_update(nodegroup: Nodegroup, version: str | None, release: str | None) -> None:
    """Raises what AWS answers to a call that it does not accept."""
    if nodegroup.ami_type == "CUSTOM" and version:
        message = "You cannot specify the field kubernetesVersion when using custom AMIs."
        _fail(InvalidParameterException, message, nodegroup)
    if nodegroup.status != "ACTIVE":
        message = "Nodegroup cannot be updated as it is currently not in Active State"
        _fail(ResourceInUseException, message, nodegroup)
    if any(issue["code"] not in TOLERATED_ISSUES for issue in nodegroup.health["issues"]):
        message = f"Nodegroup health has issues other than [ {', '.join(TOLERATED_ISSUES)} ]"
        _fail(InvalidRequestException, message, nodegroup)
    if not version or not release:
        # AWS would pick a version of its own here, which the updater must never let happen.
        _fail(InvalidParameterException, "this AWS wants version and releaseVersion", nodegroup)
    if release not in _published_releases(version):
        message = f"Requested release version {release} is not valid for kubernetes version {version}."
        _fail(InvalidParameterException, message, nodegroup)


def _published_releases(version: str) -> set[str]:
    """The releases that any public parameter names or ever named for a Kubernetes version."""
    names_version = re.compile(rf"(?<![\d.]){re.escape(version)}(?![\d.])")
    releases = set()
    for name, versions in ssm_backends[ACCOUNT][REGION]._parameters.items():
        if name.startswith("/aws/service/") and names_version.search(name):
            for parameter in versions:
                value = parameter.value
                releases.add(json.loads(value)["release_version"] if value.startswith("{") else value)
    return releases


def _get_calendar_state(self: SimpleSystemManagerResponse) -> str:
    """Open only if all the calendars are. Theirs are the names of documents, or ARNs that end so."""
    names = [name.rpartition("/")[2] for name in self._get_param("CalendarNames")]
    for name in names:
        if name not in CALENDARS:
            raise InvalidDocument(f"The specified SSM document {name} doesn't exist.")
    answer = {"State": "OPEN", "AtTime": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
    if closed := [until for name in names if (until := CALENDARS[name])]:
        answer |= {"State": "CLOSED", "NextTransitionTime": max(closed)}
    return json.dumps(answer)


def _simulate_principal_policy(self: IamResponse) -> ActionResult:
    """Judges by the role's inline policies. AWS also names the keys of conditions that the request says nothing of."""
    role = iam_backends[ACCOUNT]["aws"].get_role(self._get_param("PolicySourceArn").rpartition("/")[2])
    statements = [it for policy in role.policies.values() for it in json.loads(policy)["Statement"]]
    entries = self._get_param("ContextEntries", [])
    context = {entry["ContextKeyName"]: entry["ContextKeyValues"][0] for entry in entries}
    results = []
    for action in self._get_param("ActionNames"):
        keys = {
            key
            for it in statements
            if action in iam.listed(it["Action"])
            for condition in it.get("Condition", {}).values()
            for key in condition
        }
        for resource in self._get_param("ResourceArns", ["*"]):
            result = {
                "EvalActionName": action,
                "EvalResourceName": resource,
                "EvalDecision": iam.decision(statements, action, resource, context),
                "MissingContextValues": sorted(keys - context.keys()),
            }
            results.append(result)
    return ActionResult({"EvaluationResults": results, "IsTruncated": False})


@cache
def _teach_moto() -> None:
    """Adds to moto, once, what it lacks."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    cluster = "{0}/clusters/(?P<name>[^/]+)"
    for path in ("/updates$", "/updates/(?P<updateId>[^/]+)$", "/node-groups/(?P<nodegroupName>[^/]+)/update-version$"):
        eks_urls.url_paths[cluster + path] = MoreOfEks.dispatch
    eks_urls.url_paths["{0}/cluster-versions$"] = MoreOfEks.dispatch

    of_other_services = ResourceGroupsTaggingAPIBackend._get_resources_generator

    def with_nodegroups(
        self: ResourceGroupsTaggingAPIBackend,
        tag_filters: list[dict[str, Any]] | None = None,
        resource_type_filters: list[str] | None = None,
        resource_arn_list: list[str] | None = None,
    ) -> Iterator[TaggedResource]:
        yield from of_other_services(self, tag_filters, resource_type_filters, resource_arn_list)
        has_tags = make_tag_matcher(tag_filters)
        if match_resource_type("eks:nodegroup", resource_type_filters):
            for cluster in eks_backends[self.account_id][self.region_name].clusters.values():
                for nodegroup in cluster.nodegroups.values():
                    # The index lags: a test may let it show tags that are gone.
                    tags = vars(nodegroup).get("indexed_tags", nodegroup.tags)
                    if tags and has_tags(tags) and (not resource_arn_list or nodegroup.arn in resource_arn_list):
                        yield TaggedResource(nodegroup.arn, tags, "eks:nodegroup")

    ResourceGroupsTaggingAPIBackend._get_resources_generator = with_nodegroups
    IamResponse.simulate_principal_policy = _simulate_principal_policy
    SimpleSystemManagerResponse.get_calendar_state = _get_calendar_state
