"""What the command line costs on a large fleet: calls, seconds, lines and peak memory of each command, on the simulated AWS.

    cargo build --release -p eks-nodegroup-updater-cli
    python3 benches/cli/measure.py target/release/eks-nodegroup-updater [--compare OTHER_BINARY]

A proxy in front of `serve` counts the calls; seconds are taken without it. The functions call the simulated AWS directly, so their calls
are not counted. `undeployed` commands see no stack, and `throttled` ones an EKS that accepts ten calls a second.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

NO_STACKS = b"<DescribeStacksResponse><DescribeStacksResult><Stacks/></DescribeStacksResult></DescribeStacksResponse>"
ONE = "acme-checkout-dev-blue-063/ingress"
UNTAGGED = "acme-checkout-dev-blue-063/arm-m7g-2xlarge-eu-central-1a"

# The commands, and whether they see a stack.
DEPLOYED = {
    "plan": ["plan"],
    "plan of one": ["plan", "--filter", ONE],
    "explain": ["explain", ONE],
    "nodegroups": ["nodegroups"],
    "status": ["status"],
    "doctor": ["doctor"],
    "opt-in of one": ["opt-in", UNTAGGED, "--yes"],
    "opt-in of a cluster": ["opt-in", "acme-checkout-dev-blue-063/*", "--dry-run"],
}
UNDEPLOYED = {
    "plan": ["plan"],
    "plan --all": ["plan", "--all"],
    "explain": ["explain", ONE],
    "status": ["status"],
}


@dataclass
class Proxy:
    """Passes requests on to `serve`, and counts them."""

    upstream: str
    deployed: bool = True
    a_second: int | None = None
    calls: int = 0
    refused: int = 0
    accepted: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Proxy:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, headers, answer = proxy.answer(self.command, self.path, dict(self.headers), body)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = do_PUT = do_DELETE = handle_any

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        with self.lock:
            self.calls += 1
            if self.a_second and "/eks/" in headers.get("authorization", headers.get("Authorization", "")):
                now = time.monotonic()
                self.accepted = [at for at in self.accepted if at > now - 1]
                if len(self.accepted) >= self.a_second:
                    self.refused += 1
                    return 429, {"x-amzn-errortype": "ThrottlingException"}, b'{"message":"Rate exceeded"}'
                self.accepted.append(now)
        if not self.deployed and body.startswith(b"Action=DescribeStacks&"):
            return 200, {}, NO_STACKS
        connection = HTTPConnection(self.upstream.removeprefix("http://"))
        connection.request(method, path, body, {**headers, "Connection": "close"})
        answer = connection.getresponse()
        kept = {name: value for name, value in answer.getheaders() if name.lower() not in ("content-length", "connection")}
        return answer.status, kept, answer.read()


@dataclass
class Cost:
    exit_code: int
    seconds: float
    peak: float
    lines: int
    calls: int = 0
    stderr: str = ""


def run(binary: str, endpoint: str, arguments: list[str], environment: dict[str, str] | None = None) -> Cost:
    """One command without a terminal, 120 columns wide."""
    clean = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "simulated",
        "AWS_SECRET_ACCESS_KEY": "simulated",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
        "COLUMNS": "120",
        "LANG": "C.UTF-8",
        **(environment or {}),
    }
    with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:
        began = time.monotonic()
        process = subprocess.Popen([binary, *arguments], env=clean, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        stdout.seek(0)
        stderr.seek(0)
        return Cost(process.returncode, seconds, usage.ru_maxrss / 1024, len(stdout.readlines()), stderr=stderr.read())


def measure(binary: str, endpoint: str, arguments: list[str], deployed: bool) -> Cost:
    with Proxy(endpoint, deployed) as proxy:
        calls = (run(binary, proxy.endpoint, arguments), proxy.calls)[1]
        # Without a stack, only the proxy can say so.
        cost = run(binary, endpoint if deployed else proxy.endpoint, arguments)
    cost.calls = calls
    return cost


def row(name: str, costs: list[Cost]) -> str:
    def cell(cost: Cost) -> str:
        return f"{cost.calls:,} | {cost.seconds:.1f} | {cost.lines:,} | {cost.peak:.0f}" if cost.exit_code != 64 else "| | |"

    return f"| {name} | {' | '.join(cell(cost) for cost in costs)} |"


def serve(binary: str, *options: str) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [binary, "serve", "--port", "0", "--speed", "1", *options], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--compare", help="another binary, measured beside it on the same fleet")
    options = parser.parse_args()
    binaries = [*([options.compare] if options.compare else []), options.binary]
    fleet, endpoint = serve(options.binary, "--clusters", "300", "--nodegroups", "10")
    try:
        print("| command | " + " | ".join(f"calls | s | lines | MiB, {Path(binary).name}" for binary in binaries) + " |")
        print("|---|" + "---|" * 4 * len(binaries))
        for name, arguments in DEPLOYED.items():
            print(row(f"`{name}`", [measure(binary, endpoint, arguments, True) for binary in binaries]), flush=True)
        for name, arguments in UNDEPLOYED.items():
            print(row(f"`{name}`, not deployed", [measure(binary, endpoint, arguments, False) for binary in binaries]), flush=True)
    finally:
        fleet.terminate()
        fleet.wait()
    small, endpoint = serve(options.binary, "--clusters", "30", "--nodegroups", "10")
    try:
        with Proxy(endpoint, deployed=False, a_second=10) as proxy:
            cost = run(options.binary, proxy.endpoint, ["nodegroups", "--output", "csv"])
            print(
                f"\nTen calls of EKS a second, 300 node groups, not deployed: exit code {cost.exit_code}, {cost.lines - 1} node groups, "
                f"{cost.seconds:.0f} s, {proxy.calls} calls, {proxy.refused} refused; stderr: {cost.stderr.strip()!r}"
            )
    finally:
        small.terminate()
        small.wait()
    regions = ["eu-central-1", "eu-west-1", "us-east-1"]
    company, endpoint = serve(options.binary, *(word for region in regions for word in ("--region", region)))
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config"
        keys = "aws_access_key_id = simulated\naws_secret_access_key = simulated\n"
        config.write_text("".join(f"[profile prod-{number:02}]\n{keys}" for number in range(40)))
        arguments = ["nodegroups", "--profile", "prod-*", "--all-regions", "--output", "csv"]
        try:
            with Proxy(endpoint) as proxy:
                calls = (run(options.binary, proxy.endpoint, arguments, {"AWS_CONFIG_FILE": str(config)}), proxy.calls)[1]
            cost = run(options.binary, endpoint, arguments, {"AWS_CONFIG_FILE": str(config)})
            print(
                f"\n40 profiles in 3 regions, `{' '.join(arguments)}`: exit code {cost.exit_code}, {cost.lines - 1} node groups, "
                f"{cost.seconds:.1f} s, {calls} calls, {cost.peak:.0f} MiB"
            )
        finally:
            company.terminate()
            company.wait()


if __name__ == "__main__":
    main()
