"""A relay in front of PostgreSQL that breaks connections at chosen moments of a commit.

It is a process of its own: DuckDB may ask the catalog while it holds Python's lock, and a relay in threads of that
process would then never pass the question on.
"""

import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from billstream.cli.demo.emulator import HOST

# DuckLake's last statements in a commit; the claim guard's trigger is on this table.
OF_A_COMMIT = b"ducklake_snapshot_changes"
OF_A_TARGET = b'DELETE FROM "billstream".watermark'  # the last but one of a transaction of `publish`
COMMITTED = b"COMMIT\x00"  # the server's word that a COMMIT was executed
REPLY_SECONDS = 60


class Relay:
    """The test's hold on a relay to the server at `upstream`, which passes bytes until something is armed."""

    def __init__(self, upstream: int, process: "subprocess.Popen[str]") -> None:
        self.upstream = upstream
        self._process = process
        self._replies: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._hook: Callable[[], None] | None = None
        threading.Thread(target=self._listen, daemon=True).start()
        self.port = int(self._replies.get(timeout=REPLY_SECONDS))

    def url(self, server_url: str) -> str:
        """The URL of a database by way of the relay."""
        return server_url.replace(f":{self.upstream}/", f":{self.port}/")

    def call_before_commit(self, hook: Callable[[], None]) -> None:
        """Call `hook` once, before the next commit reaches the server; the commit waits for it to return."""
        self._hook = hook
        self._ask("call before commit")

    def lose_reply(self) -> None:
        """Break the connection in place of the reply to the next commit."""
        self._ask("lose reply")

    def cut_at(self, words: str, *, times: int = 1, refusing: bool = False) -> None:
        """Cut all connections in place of the next messages to the server with these words; if `refusing`, for good."""
        self._ask(f"cut {times} {int(refusing)} {words}")

    def mend(self) -> int:
        """Let everything pass again; returns how often connections were cut."""
        return int(self._ask("mend"))

    @property
    def lost(self) -> int:
        """The number of replies lost so far."""
        return int(self._ask("lost"))

    def _ask(self, command: str) -> str:
        self._tell(command)
        return self._replies.get(timeout=REPLY_SECONDS)

    def _tell(self, command: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()

    def _listen(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            if line.strip() == "committing":
                threading.Thread(target=self._call, daemon=True).start()
            else:
                self._replies.put(line.strip())

    def _call(self) -> None:
        assert self._hook
        self._hook()
        # A test that ends while its hook waits has stopped the relay.
        with suppress(OSError, ValueError):
            self._tell("go on")


@contextmanager
def running_relay(server_url: str) -> Iterator[Relay]:
    """Run a relay to the server of `server_url` for the length of the block."""
    upstream = int(urlsplit(server_url).port or 0)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.servers.relay", str(upstream)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[2],
    )
    try:
        yield Relay(upstream, process)
    finally:
        process.kill()
        process.wait()


@dataclass
class _Passing:
    """The relay in its own process."""

    upstream: int
    calls: bool = False
    loses: bool = False
    lost: int = 0
    words: bytes = b""  # of the messages at which connections are cut
    left: int = 0  # times to do so
    cut: int = 0
    refuses: bool = False
    lines: "list[_Line]" = field(default_factory=list)
    gone_on: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def connect(self, client: socket.socket) -> None:
        """Serve one client."""
        if self.cut and self.refuses:
            client.close()
            return
        try:
            server = socket.create_connection((HOST, self.upstream))
        except OSError:
            client.close()
            return
        line = _Line(self, client, server)
        self.lines.append(line)
        for pump in (line.upwards, line.downwards):
            threading.Thread(target=pump, daemon=True).start()

    def obey(self, command: str) -> None:
        """Execute a command of the test, and answer it."""
        with self._lock:
            if command == "go on":
                self.gone_on.set()
                return
            if command == "call before commit":
                self.gone_on.clear()
                self.calls = True
            elif command == "lose reply":
                self.loses = True
            elif command.startswith("cut"):
                _, times, refuses, words = command.split(maxsplit=3)
                self.words, self.left, self.cut, self.refuses = words.encode(), int(times), 0, refuses == "1"
            elif command == "mend":
                self.left, self.refuses = 0, False
                say(str(self.cut))
                return
            say(str(self.lost))

    def cuts(self, message: bytes) -> bool:
        """Cut everything if this is a message to do so at; returns whether it was."""
        with self._lock:
            if not self.left or self.words not in message:
                return False
            self.left, self.cut = self.left - 1, self.cut + 1
            lines, self.lines = self.lines, []
        for line in lines:
            line.close()
        return True

    def before_commit(self) -> None:
        """Wait for the test's hook, when one is armed."""
        with self._lock:
            called, self.calls = self.calls, False
        if called:
            say("committing")
            self.gone_on.wait()

    def takes_reply(self) -> bool:
        """Whether this reply is the one to be lost."""
        with self._lock:
            taken, self.loses = self.loses, False
            self.lost += taken
            return taken


@dataclass
class _Line:
    """One client's connection to the server."""

    passing: _Passing
    client: socket.socket
    server: socket.socket
    committing: bool = False

    def upwards(self) -> None:
        with suppress(OSError):
            while data := self.client.recv(1 << 16):
                if (OF_A_COMMIT in data and b"INSERT" in data) or OF_A_TARGET in data:
                    self.committing = True
                    self.passing.before_commit()
                if self.passing.cuts(data):
                    break
                self.server.sendall(data)
        self.close()

    def downwards(self) -> None:
        with suppress(OSError):
            while data := self.server.recv(1 << 16):
                if COMMITTED in data and self.committing:
                    self.committing = False
                    if self.passing.takes_reply():
                        break
                self.client.sendall(data)
        self.close()

    def close(self) -> None:
        """End both connections."""
        for end in (self.client, self.server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


def say(line: str) -> None:
    """Tell the test."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Pass bytes until the test closes the pipe."""
    passing = _Passing(int(sys.argv[1]))
    with socket.create_server((HOST, 0)) as listener:
        threading.Thread(target=_accept, args=(passing, listener), daemon=True).start()
        say(str(listener.getsockname()[1]))
        for command in sys.stdin:
            passing.obey(command.strip())


def _accept(passing: _Passing, listener: socket.socket) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            passing.connect(client)


if __name__ == "__main__":
    main()
