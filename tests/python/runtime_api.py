"""Runs a Lambda binary as Lambda runs it: a Runtime API on loopback, a cold process, one invocation.

The process gets the environment that Lambda and `template.yaml` give it, and nothing else but `AWS_ENDPOINT_URL`: what
works here needs no setting that a deployment would not have. After the answer the next `GET /invocation/next` hangs, as it
does on an idle function, and the process is ended.

See https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import threading
import time
import uuid
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT

# Longer than any invocation here should take on a busy machine, so that a hang is a failure and not a wait.
PATIENCE_SECONDS = 60

# What of a function's properties reaches its process.
_READ_PROPERTIES = ["Environment", "Handler", "LoggingConfig", "MemorySize", "Timeout"]


@dataclass
class Function:
    """A function of the stack: its binary, and what Lambda gives it."""

    name: str
    binary: Path
    environment: dict[str, str]
    timeout_seconds: int

    @classmethod
    def of_template(cls, template: dict[str, Any], name: str, binary: Path, facts: dict[str, str], endpoint: str) -> Function:
        """Reads a function's settings from the template; `facts` are what its references stand for."""
        properties = _merge(template.get("Globals", {}).get("Function", {}), template["Resources"][name]["Properties"])
        properties = resolve({key: properties[key] for key in _READ_PROPERTIES}, template, facts)
        environment = {
            # What Lambda itself sets for an OS-only runtime:
            # https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
            "AWS_ACCESS_KEY_ID": access_key(name),
            "AWS_SECRET_ACCESS_KEY": "secret/of/the/role",
            "AWS_SESSION_TOKEN": "token/of/the/role",
            "AWS_REGION": facts["AWS::Region"],
            "AWS_DEFAULT_REGION": facts["AWS::Region"],
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(properties["MemorySize"]),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_FORMAT": properties["LoggingConfig"]["LogFormat"],
            "AWS_LAMBDA_LOG_LEVEL": properties["LoggingConfig"]["ApplicationLogLevel"],
            "AWS_LAMBDA_LOG_GROUP_NAME": properties["LoggingConfig"]["LogGroup"],
            "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[$LATEST]0123456789abcdef0123456789abcdef",
            "LAMBDA_TASK_ROOT": str(binary.parent),
            "LAMBDA_RUNTIME_DIR": "/var/runtime",
            "LANG": "en_US.UTF-8",
            "PATH": "/usr/local/bin:/usr/bin/:/bin:/opt/bin",
            "TZ": ":UTC",
            "_HANDLER": properties["Handler"],
            # The one thing that a deployment does not have.
            "AWS_ENDPOINT_URL": endpoint,
        }
        environment |= {key: str(value) for key, value in properties["Environment"]["Variables"].items()}
        return cls(name, binary, environment, properties["Timeout"])

    def invoke(self, event: Any, alias: str = "") -> Result:
        """Starts the process, hands over the event and waits for the end."""
        with Invocation(self, event, alias) as invocation:
            return invocation.result()


@dataclass
class Error:
    """What Lambda shows as `errorType` and `errorMessage`."""

    error_type: str
    message: str


@dataclass
class Result:
    """How an invocation ended: with a payload, with an error of the invocation, or before there was one."""

    payload: Any = None
    error: Error | None = None
    init_error: Error | None = None
    log: list[str] = field(default_factory=list)
    duration_seconds: float = 0.0

    def records(self) -> list[dict[str, Any]]:
        """The lines of the log that are JSON, as CloudWatch would read them."""
        return [json.loads(line) for line in self.log if line.startswith("{")]


class Invocation:
    """One process that serves one event. Leaving the block ends the process."""

    def __init__(self, function: Function, event: Any, alias: str = "") -> None:
        self._log = tempfile.TemporaryFile()
        self._api = _RuntimeApi(function, event, alias)
        self._began = time.monotonic()
        environment = self._environment = function.environment | {"AWS_LAMBDA_RUNTIME_API": self._api.address}
        self._process = subprocess.Popen(
            [function.binary],
            cwd=function.binary.parent,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )

    def __enter__(self) -> Invocation:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._api.close()
        self._log.close()

    def kill(self) -> None:
        """Ends the process at once, as nothing in it can notice: SIGKILL."""
        self._process.kill()
        self._process.wait(PATIENCE_SECONDS)

    def result(self) -> Result:
        """Waits until the process asks for its next event, or ends."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._api.idle.wait(0.02) and self._process.poll() is None:
            assert time.monotonic() < deadline, f"no answer within {PATIENCE_SECONDS} s: {self._read_log()}"
        duration = time.monotonic() - self._began
        self.kill()
        result = self._api.result
        if not self._api.idle.is_set() and not result.error and not result.init_error:
            # Lambda says this of a process that ends by itself; the reason is in its log.
            error = Error("Runtime.ExitError", f"Runtime exited with status {self._process.returncode}")
            if self._api.asked.is_set():
                result.error = error
            else:
                result.init_error = error
        result.log, result.duration_seconds = self._read_log(), duration
        # Logs travel further than what they are about.
        private = [ACCOUNT, *(self._environment[key] for key in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"))]
        leaks = [line for line in result.log for text in private if text in line]
        assert not leaks, f"the log shows what is private: {leaks}"
        return result

    def _read_log(self) -> list[str]:
        self._log.seek(0)
        return self._log.read().decode().splitlines()


class _RuntimeApi:
    """The Runtime API for one process and one event."""

    def __init__(self, function: Function, event: Any, alias: str) -> None:
        self.result = Result()
        self.asked, self.idle = threading.Event(), threading.Event()
        self._closed = threading.Event()
        self._function, self._event, self._alias = function, json.dumps(event).encode(), alias
        self._request_id = str(uuid.uuid4())
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                api.get(self)

            def do_POST(self) -> None:
                api.post(self, read_body(self))

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        # A thread still holds the request that hangs, and ends with it.
        self._server.block_on_close = False
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._closed.set()
        self._server.shutdown()
        self._server.server_close()

    def get(self, request: BaseHTTPRequestHandler) -> None:
        if request.path != "/2018-06-01/runtime/invocation/next":
            _answer(request, 404)
        elif self.asked.is_set():
            self.idle.set()
            self._closed.wait()
        else:
            self.asked.set()
            deadline = int((time.time() + self._function.timeout_seconds) * 1000)
            arn = f"arn:aws:lambda:{self._function.environment['AWS_REGION']}:123456789012:function:{self._function.name}"
            arn += f":{self._alias}" if self._alias else ""
            headers = {
                "Content-Type": "application/json",
                "Lambda-Runtime-Aws-Request-Id": self._request_id,
                "Lambda-Runtime-Deadline-Ms": str(deadline),
                "Lambda-Runtime-Invoked-Function-Arn": arn,
                "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0",
            }
            _answer(request, 200, headers, self._event)

    def post(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        path = request.path.removeprefix("/2018-06-01/runtime/")
        if path == "init/error":
            self.result.init_error = _error(body)
        elif path == f"invocation/{self._request_id}/error":
            self.result.error = _error(body)
        elif path == f"invocation/{self._request_id}/response":
            self.result.payload = json.loads(body)
        else:
            _answer(request, 404)
            return
        _answer(request, 202, {"Content-Type": "application/json"}, b'{"status":"OK"}')


def _answer(request: BaseHTTPRequestHandler, status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
    request.send_response(status)
    for name, value in (headers or {}).items():
        request.send_header(name, value)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


def read_body(request: BaseHTTPRequestHandler) -> bytes:
    if request.headers.get("Transfer-Encoding", "").lower() != "chunked":
        return request.rfile.read(int(request.headers.get("Content-Length") or 0))
    body = b""
    while size := int(request.rfile.readline().split(b";")[0], 16):
        body += request.rfile.read(size)
        request.rfile.readline()
    while request.rfile.readline().strip():
        pass  # trailers
    return body


def _error(body: bytes) -> Error:
    error = json.loads(body)
    return Error(error["errorType"], error["errorMessage"])


def _merge(defaults: Any, own: Any) -> Any:
    """A function's properties over those of all functions, as SAM merges them: maps by key, all else replaced."""
    if isinstance(defaults, dict) and isinstance(own, dict):
        return defaults | {key: _merge(defaults.get(key), value) for key, value in own.items()}
    return own


def access_key(function: str) -> str:
    """A key of its own for each function, so that its calls differ from those of others: twenty capitals and digits."""
    return f"ASIA{function.upper():0<16}"[:20]


class _Template(yaml.SafeLoader):
    """YAML with CloudFormation's short forms, such as `!Ref`."""


def _long_form(loader: _Template, name: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if name == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}


_Template.add_multi_constructor("!", _long_form)

_VARIABLE = re.compile(r"\$\{([^!}][^}]*)\}")
# What `AWS::NoValue` stands for: the property is left out.
_NO_VALUE = object()


def read_template(path: Path) -> dict[str, Any]:
    """Reads a CloudFormation template."""
    return yaml.load(path.read_text(), _Template)


def resolve(value: Any, template: dict[str, Any], facts: dict[str, str]) -> Any:
    """Does what CloudFormation does with its functions, with every parameter at its default."""

    def again(part: Any) -> Any:
        return resolve(part, template, facts)

    def fact(name: str) -> Any:
        if name in facts:
            return facts[name]
        return template["Parameters"][name]["Default"]

    if isinstance(value, list):
        return [part for part in map(again, value) if part is not _NO_VALUE]
    if not isinstance(value, dict):
        return value
    if len(value) != 1:
        parts = {key: again(part) for key, part in value.items()}
        return {key: part for key, part in parts.items() if part is not _NO_VALUE}
    ((function, argument),) = value.items()
    match function:
        case "Ref":
            return _NO_VALUE if argument == "AWS::NoValue" else fact(argument)
        case "Fn::GetAtt":
            return fact(".".join(argument))
        case "Fn::Sub":
            text, names = argument if isinstance(argument, list) else (argument, {})
            names = again(names)
            return _VARIABLE.sub(lambda found: str(names[found[1]] if found[1] in names else fact(found[1])), text)
        case "Fn::Join":
            separator, parts = argument
            return separator.join(map(str, again(parts)))
        case "Fn::If":
            condition, then, otherwise = argument
            return again(then if again({"Condition": condition}) else otherwise)
        case "Condition":
            return again(template["Conditions"][argument]) if isinstance(argument, str) else {function: again(argument)}
        case "Fn::Equals":
            left, right = again(argument)
            return str(left) == str(right)
        case "Fn::Not":
            return not again(argument)[0]
        case "Fn::And":
            return all(again(argument))
        case "Fn::Or":
            return any(again(argument))
    assert not function.startswith("Fn::"), f"{function} is not understood here"
    inner = again(argument)
    return {} if inner is _NO_VALUE else {function: inner}
