"""A small HTTP server with three pages: /metrics, /healthz and /readyz. Of a request it reads the path alone.

It runs in threads of its own beside the work, and touches neither lake nor queue.
"""

import os
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import structlog
from prometheus_client import CollectorRegistry

from billstream.common.errors import Misconfigured
from billstream.common.metrics.exposition import CONTENT_TYPE, exporting, exposition
from billstream.common.metrics.health import HEALTH, Health

MOST_AT_ONCE = 8
"""Requests that are answered at a time; more are turned away, so that nobody can take all threads or descriptors."""

SECONDS = 5.0
"""A request has so many seconds."""

log = structlog.get_logger(__name__)


@contextmanager
def serving(
    address: tuple[str, int], process: str, build: Mapping[str, str], *, health: Health = HEALTH
) -> Iterator[int]:
    """Serve the metrics and the health of a service, for the length of the block.

    Args:
        address: IP address and port; port 0 lets the system choose one.
        process: `consumer` or `aggregator`.
        build: labels of `billstream_build_info`.
        health: whose progress is told.

    Yields:
        The port.

    Raises:
        Misconfigured: another process listens there, or this one may not.
    """
    with exporting(process, build) as registry, _listening(address, partial(_Answer, registry, health)) as server:
        thread = threading.Thread(target=partial(server.serve_forever, 0.2), name="metrics", daemon=True)
        thread.start()
        ip, port = address[0], int(server.server_address[1])
        log.info("metrics_served", address=f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}")
        try:
            yield port
        finally:
            server.shutdown()
            thread.join(SECONDS)


@contextmanager
def _listening(address: tuple[str, int], handler: Any) -> Iterator["_Server"]:  # noqa: ANN401 - see `_Server`
    ip, port = address
    try:
        server = (_Server6 if ":" in ip else _Server)(address, handler)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise Misconfigured(
            f"Metrics cannot be served at {ip} port {port}: {reason}. The process has not begun its work. Set "
            "BILLSTREAM_METRICS_ADDRESS to a free port of this host, another for each process, or to nothing."
        ) from error
    with server:
        yield server


class _Server(ThreadingHTTPServer):
    """Answers a few requests at a time, each in a thread that does not keep the process from ending."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], handler: Any) -> None:  # noqa: ANN401 - a partial of the handler
        self._room = threading.BoundedSemaphore(MOST_AT_ONCE)
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """Bind, without asking a name server for our own name, as the class does that we inherit from."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - of the standard library
        """Answer in a thread, or hang up where too many are being answered."""
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as above
        """Answer, and make room for the next."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, *_: object) -> None:
        """Say nothing of a client that went away; a scraper tells itself that it got no answer."""
        log.debug("metrics_not_sent")


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Answer(BaseHTTPRequestHandler):
    """Answers one request."""

    timeout = SECONDS
    server_version = "billstream"
    sys_version = ""

    def __init__(self, registry: CollectorRegistry, health: Health, *arguments: Any) -> None:  # noqa: ANN401 - passed on
        self._registry = registry
        self._health = health
        super().__init__(*arguments)

    def do_GET(self) -> None:
        """Answer a GET."""
        path = self.path.partition("?")[0]
        if path == "/metrics":
            self._send(HTTPStatus.OK, exposition(self._registry), CONTENT_TYPE)
        elif path == "/healthz":
            self._tell(self._health.stalled())
        elif path == "/readyz":
            self._tell(self._health.unready())
        else:
            self._send(HTTPStatus.NOT_FOUND, b"Here are /metrics, /healthz and /readyz.\n")

    do_HEAD = do_GET  # noqa: N815 - the standard library's name

    def _tell(self, trouble: str | None) -> None:
        status = HTTPStatus.SERVICE_UNAVAILABLE if trouble else HTTPStatus.OK
        self._send(status, f"{trouble or 'ok'}\n".encode())

    def _send(self, status: HTTPStatus, body: bytes, kind: str = "text/plain; charset=utf-8") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing: a scrape comes every few seconds."""
