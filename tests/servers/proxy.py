"""A proxy that makes S3 and SQS fail on demand, and counts how often it did.

It stands between billstream and an emulator: `AWS_ENDPOINT_URL` names the proxy, and the test itself talks to the
emulator directly. What no rule befalls passes unchanged.
"""

import http.client
import json
import random
import socket
import ssl
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from billstream.cli.demo.emulator import HOST

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "expect"}
OF_A_SERVICE = {"GET": "List", "HEAD": "HeadBucket", "PUT": "CreateBucket", "POST": "Post", "DELETE": "DeleteBucket"}
OF_AN_OBJECT = {"GET": "GetObject", "HEAD": "HeadObject", "PUT": "PutObject", "DELETE": "DeleteObject"}


@dataclass(frozen=True)
class Request:
    """One request. `operation` is named as AWS names it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def operation(self) -> str:
        if target := self.headers.get("X-Amz-Target"):
            return target.rpartition(".")[2]
        is_object = urlsplit(self.path).path.strip("/").count("/") > 0
        return (OF_AN_OBJECT if is_object else OF_A_SERVICE).get(self.method, self.method)

    @property
    def of_s3(self) -> bool:
        return "X-Amz-Target" not in self.headers


@dataclass(frozen=True)
class Answer:
    """What the service says."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


Fault = Callable[["Exchange"], None]
"""What befalls a request instead of a plain answer."""


@dataclass
class Rule:
    """A fault for `times` requests of an operation whose path matches; `injected` counts them.

    It is one of `share` of these requests that it befalls, by the dice of `seed`.
    """

    operation: str
    fault: Fault
    times: int
    path: str = "*"
    share: float = 1.0
    seed: int = 0
    injected: int = 0

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)  # noqa: S311 - nobody is to be kept from guessing it

    def befalls(self, request: Request) -> bool:
        matches = fnmatchcase(request.operation, self.operation) and fnmatchcase(request.path, self.path)
        return matches and self.injected < self.times and self._dice.random() < self.share


class Exchange(BaseHTTPRequestHandler):
    """One connection; each request on it is forwarded, or a fault happens to it."""

    protocol_version = "HTTP/1.1"
    server: "ProxyServer"

    def do_ANY(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.request_in = Request(self.command, self.path, dict(self.headers.items()), body)
        rule = self.server.proxy.rule_for(self.request_in)
        if rule is None:
            self.reply(self.forward())
        else:
            rule.fault(self)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_CONNECT = do_ANY  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Quiet."""

    # -- what faults are made of -------------------------------------------------------------------------

    def forward(self) -> Answer:
        """Ask the service."""
        upstream = http.client.HTTPConnection(self.server.proxy.upstream, timeout=300)
        try:
            request = self.request_in
            headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP}
            upstream.request(request.method, request.path, body=request.body or None, headers=headers)
            answer = upstream.getresponse()
            return Answer(answer.status, answer.getheaders(), answer.read())
        finally:
            upstream.close()

    def reply(self, answer: Answer, *, cut_to: int | None = None) -> None:
        """Answer the client; of the body only the first `cut_to` bytes."""
        self.send_response_only(answer.status)
        length = next((value for name, value in answer.headers if name.lower() == "content-length"), None)
        for name, value in answer.headers:
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", length or str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body[:cut_to])

    def close(self, *, rudely: bool = False) -> None:
        """Close the connection, or reset it."""
        self.close_connection = True
        if rudely:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def hold(self, seconds: float) -> None:
        """Keep the client waiting."""
        self.server.proxy.over.wait(seconds)


class ProxyServer(ThreadingHTTPServer):
    """A thread for each connection."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, proxy: "Proxy") -> None:
        super().__init__((HOST, 0), Exchange)
        self.proxy = proxy

    def handle_error(self, *_: object) -> None:
        """A client that goes away is what faults are about."""


@dataclass
class Proxy:
    """The proxy of one upstream `host:port`."""

    upstream: str
    rules: list[Rule] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    over: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    port: int = 0

    tls: ssl.SSLContext | None = None

    @property
    def endpoint_url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{HOST}:{self.port}"

    def inject(self, rule: Rule) -> Rule:
        """Let a rule apply from now on; of several that match, the first."""
        with self.lock:
            self.rules.append(rule)
        return rule

    def rule_for(self, request: Request) -> Rule | None:
        with self.lock:
            self.seen[request.operation] += 1
            rule = next((rule for rule in self.rules if rule.befalls(request)), None)
            if rule:
                rule.injected += 1
            return rule


@contextmanager
def running_proxy(endpoint_url: str, tls: ssl.SSLContext | None = None) -> Iterator[Proxy]:
    """Run a proxy to the emulator at `endpoint_url` for the length of the block; with `tls`, clients must use TLS."""
    proxy = Proxy(urlsplit(endpoint_url).netloc, tls=tls)
    server = ProxyServer(proxy)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    proxy.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


# -- faults ------------------------------------------------------------------------------------------------


def error(status: int, code: str) -> Fault:
    """The service refuses, in its own form."""

    def fault(exchange: Exchange) -> None:
        if exchange.request_in.of_s3:
            body = f"<Error><Code>{code}</Code><Message>on purpose</Message></Error>".encode()
            exchange.reply(Answer(status, [("Content-Type", "application/xml")], body))
        else:
            body = json.dumps({"__type": f"com.amazonaws.sqs#{code}", "message": "on purpose"}).encode()
            exchange.reply(Answer(status, [("Content-Type", "application/x-amz-json-1.0")], body))

    return fault


def reset(*, after: bool = False) -> Fault:
    """The connection is reset: before the service hears of the request, or `after` it has done what was asked."""

    def fault(exchange: Exchange) -> None:
        if after:
            exchange.forward()
        exchange.close(rudely=True)

    return fault


def unanswered() -> Fault:
    """The connection is closed without a word."""

    def fault(exchange: Exchange) -> None:
        exchange.close()

    return fault


def truncated(kept: float = 0.5) -> Fault:
    """The answer breaks off after a part of its body."""

    def fault(exchange: Exchange) -> None:
        answer = exchange.forward()
        exchange.reply(answer, cut_to=int(len(answer.body) * kept))
        exchange.close()

    return fault


def stalled(seconds: float, kept: float = 0.5) -> Fault:
    """The answer stands still in the middle of its body; a `kept` of 0 holds back the body from its first byte on."""

    def fault(exchange: Exchange) -> None:
        answer = exchange.forward()
        exchange.reply(answer, cut_to=int(len(answer.body) * kept))
        exchange.hold(seconds)
        exchange.close(rudely=True)

    return fault


def silent(seconds: float) -> Fault:
    """No answer at all for so many seconds, then the connection is reset."""

    def fault(exchange: Exchange) -> None:
        exchange.hold(seconds)
        exchange.close(rudely=True)

    return fault


def slow(seconds: float) -> Fault:
    """The right answer, late."""

    def fault(exchange: Exchange) -> None:
        exchange.hold(seconds)
        exchange.reply(exchange.forward())

    return fault


def garbled() -> Fault:
    """An answer that is none, as from a gateway on the way."""

    def fault(exchange: Exchange) -> None:
        exchange.reply(Answer(200, [("Content-Type", "text/html")], b"<html><body>Please sign in"))

    return fault
