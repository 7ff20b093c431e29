"""A relay in front of PostgreSQL that breaks connections at chosen moments of a commit."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from billstream.cli.demo.emulator import HOST

# DuckLake's last statements in a commit; the claim guard's trigger is on this table.
OF_A_COMMIT = b"ducklake_snapshot_changes"
COMMITTED = b"COMMIT\x00"  # the server's word that a COMMIT was executed


@dataclass
class Relay:
    """Passes bytes between clients and the server at `upstream`, until something is armed."""

    upstream: int
    before_commit: Callable[[], None] | None = None
    lose_reply: bool = False
    lost: int = 0
    port: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def url(self, server_url: str) -> str:
        """The URL of a database by way of the relay."""
        return server_url.replace(f":{self.upstream}/", f":{self.port}/")

    def connect(self, client: socket.socket) -> None:
        """Serve one client."""
        try:
            server = socket.create_connection((HOST, self.upstream))
        except OSError:
            client.close()
            return
        line = _Line(self, client, server)
        for pump in (line.upwards, line.downwards):
            threading.Thread(target=pump, daemon=True).start()

    def take_hook(self) -> Callable[[], None] | None:
        """The hook, once."""
        with self._lock:
            hook, self.before_commit = self.before_commit, None
            return hook

    def takes_reply(self) -> bool:
        """Whether this reply is the one to be lost."""
        with self._lock:
            taken, self.lose_reply = self.lose_reply, False
            self.lost += taken
            return taken


@dataclass
class _Line:
    """One client's connection to the server."""

    relay: Relay
    client: socket.socket
    server: socket.socket
    committing: bool = False

    def upwards(self) -> None:
        with suppress(OSError):
            while data := self.client.recv(1 << 16):
                if OF_A_COMMIT in data and b"INSERT" in data:
                    self.committing = True
                    if hook := self.relay.take_hook():
                        hook()
                self.server.sendall(data)
        self._close()

    def downwards(self) -> None:
        with suppress(OSError):
            while data := self.server.recv(1 << 16):
                if COMMITTED in data and self.committing:
                    self.committing = False
                    if self.relay.takes_reply():
                        break
                self.client.sendall(data)
        self._close()

    def _close(self) -> None:
        for end in (self.client, self.server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@contextmanager
def running_relay(server_url: str) -> Iterator[Relay]:
    """Run a relay to the server of `server_url` for the length of the block."""
    relay = Relay(int(urlsplit(server_url).port or 0))
    with socket.create_server((HOST, 0)) as listener:
        relay.port = listener.getsockname()[1]
        thread = threading.Thread(target=_accept, args=(relay, listener), daemon=True)
        thread.start()
        yield relay
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # `accept` notices this, but not that the socket is closed
        thread.join()


def _accept(relay: Relay, listener: socket.socket) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            relay.connect(client)
