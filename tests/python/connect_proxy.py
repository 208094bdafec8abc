"""A proxy that asks for a password, and behind it AWS under its own names.

It listens on loopback and knows `CONNECT` alone. Whatever host a client asks for, the other end of the tunnel is moto, with a
certificate of that name, which an authority signed that exists for this test only. Which hosts were asked for is written down. moto
is of one region: what is of another is translated on its way.
"""

from __future__ import annotations

import base64
import ssl
import threading
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from moto_server import REGION
from runtime_api import read_body

USER, PASSWORD = "updater", "p@ss/word"
# What is said anew on the way to moto and back.
HOP_BY_HOP = {"connection", "content-length", "host", "transfer-encoding"}


class Authority:
    """Signs certificates."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._lock = threading.Lock()
        self.bundle = folder / "authority.pem"
        certificate = self._signed(self._name, self._key, x509.BasicConstraints(ca=True, path_length=0))
        self.bundle.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def context(self, host: str) -> ssl.SSLContext:
        """What a server of that name needs."""
        with self._lock:
            if host not in self._contexts:
                self._contexts[host] = self._new_context(host)
            return self._contexts[host]

    def _new_context(self, host: str) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])
        certificate = self._signed(name, key, x509.SubjectAlternativeName([x509.DNSName(host)]))
        pem = self._folder / f"{host}.pem"
        of_key = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        pem.write_bytes(key.private_bytes(*of_key) + certificate.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        return context

    def _signed(self, name: x509.Name, key: ec.EllipticCurvePrivateKey, extension: x509.ExtensionType) -> x509.Certificate:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(extension, critical=False)
            .sign(self._key, hashes.SHA256())
        )


class ConnectProxy:
    """The proxy. `url` has the password, `hosts` are those that were asked for."""

    def __init__(self, authority: Authority, aws: str, region: str = REGION) -> None:
        self.hosts: set[str] = set()
        self.refused = 0
        proxy, basic = self, base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            is_tunnel = False

            def do_CONNECT(self) -> None:
                if self.headers["Proxy-Authorization"] != f"Basic {basic}":
                    proxy.refused += 1
                    self._answer(407, {"Proxy-Authenticate": 'Basic realm="test"'}, b"")
                    return
                host, port = self.path.rsplit(":", 1)
                assert port == "443", self.path
                proxy.hosts.add(host)
                self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                self.connection = authority.context(host).wrap_socket(self.connection, server_side=True)
                self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
                self.is_tunnel, self.close_connection = True, False

            def _forward(self) -> None:
                assert self.is_tunnel, f"{self.command} {self.path} was sent to the proxy in the clear"
                headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
                headers = {name: value.replace(region, REGION) for name, value in headers.items()}
                body = read_body(self).replace(region.encode(), REGION.encode())
                aws_connection = HTTPConnection(urlsplit(aws).netloc)
                aws_connection.request(self.command, self.path.replace(region, REGION), body, headers)
                answer = aws_connection.getresponse()
                headers = {name: value for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP}
                self._answer(answer.status, headers, answer.read().replace(REGION.encode(), region.encode()))
                aws_connection.close()

            do_GET = do_POST = do_PUT = do_DELETE = _forward

            def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response_only(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads, self._server.block_on_close = True, False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> ConnectProxy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        return f"http://updater:p%40ss%2Fword@{self.address}"
