"""Who may read what is served: from which address, under which names, with which token."""

import hashlib
import hmac
import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from billstream.common.addresses import ip_and_port
from billstream.common.errors import Misconfigured, WrongUsage

SHORTEST_TOKEN = 16


@dataclass(frozen=True)
class Access:
    """One address to listen on, and what a request must bring.

    Attributes:
        ip: the address.
        port: 0 lets the system choose one.
        token: what a request must bring; None on loopback only.
        names: names that a Host header may have, beside `localhost` and addresses.
    """

    ip: str
    port: int
    token: str | None = field(default=None, repr=False)
    names: frozenset[str] = frozenset()

    def url(self, port: int) -> str:
        """Return the address of the page, for people."""
        return f"http://{f'[{self.ip}]' if ':' in self.ip else self.ip}:{port}/"

    def may_name(self, host: str) -> bool:
        """Return whether a Host header names this server.

        A page of a stranger can make its own name point here (DNS rebinding), and a browser then lets it read every
        answer. It cannot do so with an address, nor with `localhost`.
        """
        name = _without_port(host).lower().rstrip(".")
        return name == "localhost" or name in self.names or _is_ip(name)

    def may_read(self, *, header: str, query: str, cookie: str) -> bool:
        """Return whether a request brings the token, in one of three places; the time taken does not tell how near.

        Args:
            header: the header Authorization.
            query: the parameter `token`.
            cookie: the cookie that an answer to the parameter has set.
        """
        if self.token is None:
            return True
        scheme, _, credentials = header.partition(" ")
        bearer = credentials.strip() if scheme.lower() == "bearer" else ""
        return any([_same(bearer, self.token), _same(query, self.token), _same(cookie, self.cookie)])

    @cached_property
    def cookie(self) -> str:
        """The value of the cookie: it proves that its owner had the token, and does not contain it."""
        return hmac.new((self.token or "").encode(), b"billstream serve", hashlib.sha256).hexdigest()


def access_of(
    address: str, environment: Mapping[str, str], *, token_from: str | None = None, names: Iterable[str] = ()
) -> Access:
    """Return the access that the command line asks for.

    Raises:
        WrongUsage: the address cannot be read, or is open to others and no token was asked for.
        Misconfigured: the variable has no token, or a short one.
    """
    ip, port = _ip_and_port(address)
    token = None if token_from is None else _token(environment, token_from)
    if token is None and not ipaddress.ip_address(ip).is_loopback:
        raise WrongUsage(
            f"--address {address} is open to other hosts, so readers have to bring a token: put one into a variable, "
            "e.g. DASHBOARD_TOKEN=$(openssl rand -hex 32), and add --token-from DASHBOARD_TOKEN."
        )
    return Access(ip, port, token, frozenset(name.lower().rstrip(".") for name in names))


def _ip_and_port(address: str) -> tuple[str, int]:
    try:
        return ip_and_port(address)
    except ValueError:
        text = f"--address {address!r} cannot be read: it has to be IP:PORT, e.g. 127.0.0.1:8787."
        raise WrongUsage(text) from None


def _token(environment: Mapping[str, str], variable: str) -> str:
    token = environment.get(variable, "").strip()
    if len(token) < SHORTEST_TOKEN or not token.isascii():
        raise Misconfigured(
            f"The variable {variable} of --token-from has no token of at least {SHORTEST_TOKEN} ASCII characters, so "
            f"nothing is served. Set it, e.g. {variable}=$(openssl rand -hex 32)."
        )
    return token


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host if host.count(":") > 1 else host.partition(":")[0]


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())
