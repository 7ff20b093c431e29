"""Sinks of alerts on this host: an HTTP server and an SMTP server that misbehave as they are told."""

import json
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

HOST = "127.0.0.1"


@dataclass
class Received:
    """A request, and the headers that it came with."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class HttpSink:
    """Answers each request by the first of `answers` that is left, then by 200.

    An answer is a status, or `hang` (no answer), `cut` (dies in the middle of the headers), `half` (a success whose
    body breaks off), `drip` (a byte now and then, for ever), or `redirect` (to another path).
    """

    url: str
    answers: list[int | str] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    def keys(self) -> list[str]:
        """The idempotency key of each request."""
        return [one.headers["idempotency-key"] for one in self.received]


@contextmanager
def http_sink() -> Iterator[HttpSink]:
    """An HTTP server for the length of the block."""
    server = ThreadingHTTPServer((HOST, 0), _Http)
    sink = HttpSink(f"http://{HOST}:{server.server_address[1]}/hook/T0SECRETPATH")
    server.sink = sink  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield sink
    finally:
        sink.closing.set()
        server.shutdown()
        server.server_close()


class _Http(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        sink = cast("HttpSink", self.server.sink)  # type: ignore[attr-defined]
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        sink.received.append(Received(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        answer = sink.answers.pop(0) if sink.answers else 200
        if answer == "hang":
            sink.closing.wait(30)
        elif answer == "cut":
            self.wfile.write(b"HTTP/1.1 20")
        elif answer == "half":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf of i")
        elif answer == "drip":
            while not sink.closing.is_set():
                self.wfile.write(b"H")
                time.sleep(0.05)
        else:
            status = 307 if answer == "redirect" else int(answer)
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Retry-After", "7200")
            self.end_headers()
            self.wfile.write(b"no\nsuch <thing>")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@dataclass
class SmtpSink:
    """Takes mail without TLS. `refuse`: the code that it answers the content with; `hang`: it says nothing at all."""

    port: int
    refuse: int | None = None
    hang: bool = False
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)


@contextmanager
def smtp_sink() -> Iterator[SmtpSink]:
    """An SMTP server for the length of the block."""
    with socketserver.ThreadingTCPServer((HOST, 0), _Smtp) as server:
        server.daemon_threads = True
        sink = SmtpSink(server.server_address[1])
        server.sink = sink  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield sink
        finally:
            sink.closing.set()
            server.shutdown()


class _Smtp(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        sink = cast("SmtpSink", self.server.sink)  # type: ignore[attr-defined]
        if sink.hang:
            sink.closing.wait(30)
            return
        self._say("220 ready")
        while line := self.rfile.readline():
            word = line.strip().upper()
            if word.startswith(b"RCPT"):
                sink.recipients.append(line.decode().partition("<")[2].partition(">")[0])
            if word == b"DATA":
                self._say("354 go on")
                content = b"".join(iter(self.rfile.readline, b".\r\n"))
                if sink.refuse:
                    self._say(f"{sink.refuse} refused")
                    continue
                sink.mails.append(message_from_bytes(content, policy=policy.default))
            self._say("221 bye" if word == b"QUIT" else "250 fine")
            if word == b"QUIT":
                return

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())
