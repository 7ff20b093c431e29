"""The file of sinks that `BILLSTREAM_ALERTS` names: one table `[sink.NAME]` each. Secrets are in the environment."""

import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator, model_validator

from billstream.aggregator.alerts.hours import QuietHours, Schedule
from billstream.aggregator.alerts.limits import DEFAULT, Limit
from billstream.aggregator.alerts.values import USUAL_KINDS, Kind, Undelivered
from billstream.common.errors import Misconfigured
from billstream.common.masking import keep_secret
from billstream.common.toml_lines import text_of

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]
_Address = Annotated[str, Field(pattern=r"^[^\s@<>,;:\"()\\]{1,64}@[A-Za-z0-9.-]{1,255}$")]


class _Place(BaseModel):
    """The fields that every kind of sink has."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    at_most: str = DEFAULT
    quiet: list[str] = Field([], max_length=20)
    kinds: list[Kind] = list(USUAL_KINDS)
    digest: str | None = None

    @field_validator("at_most")
    @classmethod
    def _limit(cls, text: str) -> str:
        Limit.read(text)
        return text

    @field_validator("quiet")
    @classmethod
    def _hours(cls, texts: list[str]) -> list[str]:
        for text in texts:
            QuietHours.read(text)
        return texts

    @field_validator("digest")
    @classmethod
    def _schedule(cls, text: str | None) -> str | None:
        if text is not None:
            Schedule.read(text)
        return text


class SlackPlace(_Place):
    """An incoming webhook of Slack."""

    kind: Literal["slack"]
    url_from: _Variable


class WebhookPlace(_Place):
    """A URL that takes JSON by POST; with `token_from`, behind a bearer token."""

    kind: Literal["webhook"]
    url_from: _Variable
    token_from: _Variable | None = None


class ApprisePlace(_Place):
    """A URL of apprise, which knows many services."""

    kind: Literal["apprise"]
    url_from: _Variable


class SnsPlace(_Place):
    """A topic of SNS."""

    kind: Literal["sns"]
    topic: str = Field(pattern=r"^arn:[a-z0-9-]+:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?$")

    @property
    def region(self) -> str:
        """The region of the topic."""
        return self.topic.split(":")[3]


class EmailPlace(_Place):
    """Addresses, by way of an SMTP server."""

    kind: Literal["email"]
    host: str = Field(pattern=r"^[A-Za-z0-9.:-]{1,255}$")
    port: int = Field(587, ge=1, le=65535)
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    sender: _Address
    to: list[_Address] = Field(min_length=1, max_length=50)
    user_from: _Variable | None = None
    password_from: _Variable | None = None

    @model_validator(mode="after")
    def _no_password_in_the_open(self) -> "EmailPlace":
        if (self.user_from is None) != (self.password_from is None):
            raise ValueError("user_from and password_from belong together")
        if self.password_from and self.tls == "none":
            raise ValueError('a password is not sent without TLS; use tls = "starttls" or "implicit"')
        return self


Place = Annotated[SlackPlace | WebhookPlace | ApprisePlace | SnsPlace | EmailPlace, Field(discriminator="kind")]
_PLACE: TypeAdapter[Place] = TypeAdapter(Place)


@dataclass(frozen=True)
class Sink:
    """One sink of the file, with what its texts mean."""

    name: str
    place: Place
    limit: Limit
    quiet: tuple[QuietHours, ...] = ()
    digest: Schedule | None = None

    def takes(self, kind: str, named: tuple[str, ...] | None) -> bool:
        """Return whether an alert of a kind goes to this sink: by name, or else by kind."""
        return self.name in named if named is not None else kind in self.place.kinds


def read_sinks(path: Path | None) -> tuple[Sink, ...]:
    """Return the sinks of a file; none without a file.

    Raises:
        Misconfigured: the file cannot be read, or is not valid; the text names sink, field and line.
    """
    if path is None:
        return ()
    try:
        text = text_of(path)
        tables = tomllib.loads(text)
    except (OSError, ValueError) as error:  # of TOML and of UTF-8, too
        raise _invalid(path, str(error)) from error
    sinks = tables.pop("sink", {})
    # The file of budgets may be the same one.
    tables = {name: table for name, table in tables.items() if name not in {"budget", "metric"}}
    if tables or not isinstance(sinks, dict):
        other = next(iter(tables), "sink")
        raise _invalid(path, f"{other!r} is not a table of sinks ({_line(text, None, other)})")
    return tuple(_sink(path, text, name, table) for name, table in sinks.items())


def secret(variable: str) -> str:
    """Return a secret of the environment; it is masked in every text from now on.

    Raises:
        Undelivered: the variable is not set.
    """
    value = os.environ.get(variable, "").strip()
    if not value:
        raise Undelivered(f"{variable} is not set. Set it in the environment of the process that sends.")
    keep_secret(value)
    url = urlsplit(value) if "://" in value else None
    if url and len(url.path) > len("/services"):
        keep_secret(url.path)  # clients name it alone in their errors
        keep_secret(f"{url.path}?{url.query}")
        keep_secret(url.query)
    return value


def _sink(path: Path, text: str, name: str, table: Any) -> Sink:  # noqa: ANN401 - whatever TOML has
    where = f"[sink.{name[:64]}]"
    if not _NAME.fullmatch(name):
        raise _invalid(path, f"{where}: a name has 1 to 64 letters, digits, - and _ ({_line(text, name, None)})")
    try:
        place = _PLACE.validate_python(table)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = next((part for part in first["loc"] if isinstance(part, str) and part in table), None)
        named = field or next((str(part) for part in reversed(first["loc"])), "kind")
        raise _invalid(path, f"{where} {named}: {first['msg']} ({_line(text, name, field)})") from None
    return Sink(
        name,
        place,
        Limit.read(place.at_most),
        tuple(map(QuietHours.read, place.quiet)),
        Schedule.read(place.digest) if place.digest else None,
    )


def _line(text: str, name: str | None, field: str | None) -> str:
    """Return `line N` of a field of a sink, or of its sink where it is not found; a hint, by the looks."""
    lines = text.splitlines()
    heads = [number for number, line in enumerate(lines) if name and name in line and line.lstrip().startswith("[")]
    start = heads[0] if heads else 0
    for number, line in enumerate(lines[start:], start):
        if number > start and heads and line.lstrip().startswith("["):
            break
        if field and line.lstrip(" [\"'").startswith(field):
            return f"line {number + 1}"
    return f"line {start + 1}"


def _invalid(path: Path, why: str) -> Misconfigured:
    return Misconfigured(
        f"The sinks of alerts in {path} (BILLSTREAM_ALERTS) are not valid: {why}. No alert was sent; the lake is not "
        "affected. Repair the file, or unset the variable; docs/budgets-and-alerts.md shows the form."
    )
