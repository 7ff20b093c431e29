"""Addresses of this host to listen on."""

import ipaddress
from typing import Annotated

from pydantic import AfterValidator

_LARGEST_PORT = 65535


def ip_and_port(text: str) -> tuple[str, int]:
    """Return the IP address and the port of an address; `localhost` is 127.0.0.1.

    Raises:
        ValueError: it is neither `IP:PORT` nor `[IPv6]:PORT`.
    """
    host, _, port = text.strip().rpartition(":")
    host = "127.0.0.1" if host == "localhost" else host.removeprefix("[").removesuffix("]")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        host = ""
    if not host or not (port.isascii() and port.isdigit() and int(port) <= _LARGEST_PORT):
        raise ValueError("must be an IP address of this host and a port, as IP:PORT")
    return host, int(port)


def _address(value: str) -> str:
    ip_and_port(value)
    return value.strip()


Address = Annotated[str, AfterValidator(_address)]
"""A setting that names an address to listen on, with its port."""
