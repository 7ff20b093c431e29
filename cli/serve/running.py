"""The web server: a socket, a thread, and the signal that ends them."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from billstream.cli.serve.access import Access
from billstream.cli.serve.published import Published
from billstream.cli.serve.site import site
from billstream.common.errors import Misconfigured, Retryable
from billstream.common.stop import Stop

MOST_CONNECTIONS = 64
SECONDS_TO_END = 2
WAITING_SECONDS = 3600.0


@contextmanager
def listening(access: Access) -> Iterator[socket.socket]:
    """Yield a socket that listens on the address.

    Raises:
        Misconfigured: another process listens there, or this one may not.
    """
    family = socket.AF_INET6 if ":" in access.ip else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((access.ip, access.port))
            listener.listen()
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise Misconfigured(
                f"Nothing can be served at {access.ip} port {access.port}: {reason}. Choose another with --address."
            ) from error
        yield listener


def run(listener: socket.socket, published: Published, access: Access, stop: Stop) -> None:
    """Serve until a stop is requested; requests in progress have `SECONDS_TO_END`.

    Raises:
        Retryable: the server has ended by itself.
    """
    # No log of requests: an address may contain the token.
    server = uvicorn.Server(
        uvicorn.Config(
            site(published, access),
            access_log=False,
            lifespan="off",
            limit_concurrency=MOST_CONNECTIONS,
            log_config=None,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=SECONDS_TO_END,
            ws="none",
        )
    )

    def serve() -> None:
        try:
            server.run(sockets=[listener])
        finally:
            stop.request()

    # In a thread of its own the server leaves the signals to `stop`.
    thread = threading.Thread(target=serve, name="http", daemon=True)
    thread.start()
    while not stop.wait(WAITING_SECONDS):
        pass
    if not server.should_exit and not thread.is_alive():
        raise Retryable("The web server has ended by itself; its log says why.")
    server.should_exit = True
    thread.join(SECONDS_TO_END * 2)
