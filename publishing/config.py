"""The file of targets that `BILLSTREAM_TARGETS` names: a table `[target.NAME]` each. Secrets are in the environment."""

import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from billstream.common.errors import Misconfigured, WrongUsage
from billstream.common.lake.postgres_url import SCHEMES, PostgresUrl, read_url
from billstream.common.toml_lines import line_of, text_of

RESERVED = frozenset({"list", "remove", "focus"})
"""Words after `billstream publish` that are no targets."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]
_PgName = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]{0,62}$")]


class PostgresPlace(BaseModel):
    """A schema of a PostgreSQL database, with or without TimescaleDB."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    kind: Literal["postgres"]
    url_from: _Variable
    schema_: _PgName = Field("billstream", alias="schema")
    readers: _PgName | None = None

    def url(self) -> PostgresUrl:
        """Return the database of the environment; its password is masked in every text from now on.

        Raises:
            Misconfigured: the variable is not set, or has no URL that can be read.
        """
        value = os.environ.get(self.url_from, "").strip()
        if not value:
            raise Misconfigured(f"{self.url_from} is not set, which has the URL of the target. Set it to one.")
        if not value.startswith(SCHEMES):
            raise Misconfigured(f"{self.url_from} is not a URL of the form postgresql://user:password@host/database.")
        return read_url(value, self.url_from)


def read_targets(path: Path | None) -> dict[str, PostgresPlace]:
    """Return the targets of a file by name; none without a file.

    Raises:
        Misconfigured: the file cannot be read, or is not valid; the text names target, field and line.
    """
    if path is None:
        return {}
    try:
        text = text_of(path)
        tables = tomllib.loads(text)
    except (OSError, ValueError) as error:  # of TOML and of UTF-8, too
        raise _invalid(path, str(error)) from error
    targets = tables.pop("target", {})
    if tables or not isinstance(targets, dict):
        other = next(iter(tables), "target")
        raise _invalid(path, f"{other[:64]!r} is not a table of targets", text, (other,))
    return {name: _target(path, text, name, table) for name, table in targets.items()}


def target_named(path: Path | None, name: str) -> PostgresPlace:
    """Return one target of the file.

    Raises:
        Misconfigured: there is no file, or it is not valid.
        WrongUsage: the file has no such target.
    """
    if path is None:
        raise Misconfigured(
            "BILLSTREAM_TARGETS is not set, so there is no target. Set it to a TOML file; docs/publish.md shows one."
        )
    targets = read_targets(path)
    if name not in targets:
        there = ", ".join(targets) or "none"
        raise WrongUsage(f"There is no target {name!r} in {path}; nothing was done. Its targets: {there}.")
    return targets[name]


def _target(path: Path, text: str, name: str, table: Any) -> PostgresPlace:  # noqa: ANN401 - whatever TOML has
    where = f"[target.{name[:64]}]"
    if not _NAME.fullmatch(name) or name in RESERVED:
        reserved = ", ".join(sorted(RESERVED))
        why = f"{where}: a name has 1 to 64 letters, digits, - and _, and is none of {reserved}"
        raise _invalid(path, why, text, ("target", name))
    try:
        return PostgresPlace.model_validate(table)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "kind"
        raise _invalid(path, f"{where} {field}: {first['msg']}", text, ("target", name, field)) from None


def _invalid(path: Path, why: str, text: str = "", place: tuple[str, ...] = ()) -> Misconfigured:
    line = line_of(text, place) if place else None
    where = f"{path}, line {line}," if line else str(path)
    return Misconfigured(
        f"The targets in {where} (BILLSTREAM_TARGETS) are not valid: {why}. Nothing was published. Repair the file; "
        "docs/publish.md shows the form."
    )
