"""The URL of a PostgreSQL database, read as libpq reads it, but strictly: by an allow-list, and without an echo.

What is refused may be a password with a character that should have been percent-encoded. So no error has a part of the
value, not even the name of an option.
"""

import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from billstream.common.errors import Misconfigured
from billstream.common.masking import keep_secret

SCHEMES = ("postgresql://", "postgres://")
FORM = "postgresql://user:password@host:port/database?sslmode=require"

OPTIONS = frozenset(
    {
        "application_name", "channel_binding", "connect_timeout", "fallback_application_name", "gssdelegation",
        "gssencmode", "gsslib", "hostaddr", "keepalives", "keepalives_count", "keepalives_idle", "keepalives_interval",
        "krbsrvname", "load_balance_hosts", "options", "passfile", "require_auth", "requirepeer", "service",
        "ssl_max_protocol_version", "ssl_min_protocol_version", "sslcert", "sslcertmode", "sslcrl", "sslcrldir",
        "sslkey", "sslmode", "sslnegotiation", "sslpassword", "sslrootcert", "sslsni", "target_session_attrs",
        "tcp_user_timeout",
    }
)  # fmt: skip
"""The options of libpq that a URL may have, besides the five that are also parts of it (`PARTS`)."""

PARTS = frozenset({"user", "password", "host", "port", "dbname"})

# A server that vanishes silently is given up after about a minute; the operating system would wait for hours.
_IMPATIENCE = {
    "connect_timeout": "10",
    "keepalives_idle": "20",
    "keepalives_interval": "10",
    "keepalives_count": "4",
    "tcp_user_timeout": "60000",
}

_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HOST = re.compile(r"(?P<host>\[[^\[\]]*\]|[^\[\]:]*)(?::(?P<port>\d*))?\Z")
_ENCODE = "Percent-encode special characters of user, password and database: `@` as %40, `/` as %2F, `%` as %25."


@dataclass(frozen=True)
class PostgresUrl:
    """The parts of the URL. Hosts and ports are libpq's comma-separated lists; empty parts are left to libpq."""

    hosts: tuple[str, ...]
    ports: tuple[str, ...]
    database: str
    user: str
    password: str = field(repr=False)
    options: Mapping[str, str] = field(repr=False)

    @property
    def description(self) -> str:
        """Return the URL without password and options."""
        if not self.database:
            return f"postgresql:///?service={quote(self.options['service'], safe='')}"
        ports = self.ports if len(self.ports) > 1 else (self.ports or ("",)) * len(self.hosts)
        places = (f"{_shown(host)}:{port}".rstrip(":") for host, port in zip(self.hosts, ports, strict=True))
        return f"postgresql://{quote(self.user, safe='')}@{','.join(places)}/{quote(self.database, safe='')}"


class _Unreadable(Exception):  # noqa: N818 - it never leaves this module
    """What is wrong with a URL, to be said of its setting."""


def read_url(url: str, setting: str = "BILLSTREAM_CATALOG") -> PostgresUrl:
    """Read the URL of a setting. What it leaves out comes from libpq's variables: PGHOST, PGPORT, PGDATABASE, PGUSER.

    PGPASSWORD, PGPASSFILE, PGSSLMODE and the like are libpq's business: it reads them itself.

    Raises:
        Fatal: it cannot be read, it has an option that is not in `OPTIONS`, or it names no host or no database.
    """
    try:
        return _read(url)
    except _Unreadable as error:
        raise Misconfigured(f"{setting} {error}") from None


def _read(url: str) -> PostgresUrl:
    rest = url.partition("://")[2]
    if "#" in rest or _CONTROL.search(rest):
        raise _unreadable("A character in it has to be percent-encoded.")
    place, asked, query = rest.partition("?")
    authority, _, database = place.partition("/")
    if "/" in database or "@" in database:
        raise _unreadable("The database's name has a character that has to be percent-encoded, or the password has.")
    user_info, _, hosts = authority.rpartition("@")
    user, _, password = user_info.partition(":")
    given = {name: value for name, value in _options(query if asked else "").items() if value}
    options = {name: value for name, value in given.items() if name in OPTIONS}
    named, ports = _hosts(hosts)
    # A service of libpq's own file may name all of it; then nothing is filled in.
    from_service = "service" in options
    default = {} if from_service else {"PGPORT": "5432", "PGUSER": "postgres", **os.environ}
    read = PostgresUrl(
        hosts=_list(given.get("host") or ",".join(named) or options.get("hostaddr") or default.get("PGHOST", "")),
        ports=_list(given.get("port") or ",".join(ports) or default.get("PGPORT", "")),
        database=given.get("dbname") or _decoded(database) or default.get("PGDATABASE", ""),
        user=given.get("user") or _decoded(user) or default.get("PGUSER", ""),
        password=given.get("password") or _decoded(password),
        options=_IMPATIENCE | options,
    )
    if not all(port.isdecimal() for port in read.ports) or len(read.ports) not in {0, 1, len(read.hosts)}:
        raise _unreadable("A port is a number, and there is one for all hosts or one for each.")
    if not from_service and not (read.hosts and read.database):
        raise _Unreadable(f"names no host or no database. Its form is {FORM}.")
    public = {*read.hosts, read.database, read.user}
    keep_secret(read.password, public=public)
    keep_secret(options.get("sslpassword"), public=public)
    return read


def _options(query: str) -> dict[str, str]:
    found = {}
    for pair in query.split("&") if query else []:
        name, equals, value = pair.partition("=")
        name, value = _decoded(name), _decoded(value)
        if (name, value) == ("ssl", "true"):  # as JDBC writes it, and libpq understands it
            name, value = "sslmode", "require"
        if not equals or name not in OPTIONS | PARTS:
            near = difflib.get_close_matches(name, OPTIONS | PARTS, n=1)
            hint = f" Did you mean `{near[0]}`?" if near else ""
            raise _Unreadable(
                f"has an option that billstream does not know.{hint} It knows those of libpq: "
                f"{', '.join(sorted(OPTIONS | PARTS))}. {_ENCODE}"
            )
        found[name] = value
    return found


def _hosts(text: str) -> tuple[list[str], list[str]]:
    """Return the hosts and their ports; no ports when none is written."""
    hosts, ports = [], []
    for part in text.split(",") if text else []:
        match = _HOST.match(part)
        if not match:
            raise _unreadable("Host or port cannot be read.")
        hosts.append(_decoded(match["host"].strip("[]")))
        ports.append(match["port"] or "")
    return hosts, [port or "5432" for port in ports] if any(ports) else []


def _list(text: str) -> tuple[str, ...]:
    return tuple(text.split(",")) if text else ()


def _decoded(text: str) -> str:
    """Undo percent-encoding as libpq does: a plus sign stays one."""
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:
        decoded = "\0"
    if _BAD_PERCENT.search(text) or _CONTROL.search(decoded):
        raise _unreadable("A percent sign in it is not the beginning of a percent-encoded character.") from None
    return decoded


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else quote(host, safe="")


def _unreadable(reason: str) -> _Unreadable:
    return _Unreadable(f"is not a postgresql:// URL that can be read. {reason} {_ENCODE}")
