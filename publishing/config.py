"""The file of targets that `BILLSTREAM_TARGETS` names: a table `[target.NAME]` each. Secrets are in the environment."""

import os
import re
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from billstream.common.errors import Misconfigured, WrongUsage
from billstream.common.lake.postgres_url import SCHEMES, PostgresUrl, read_url
from billstream.common.masking import keep_secret
from billstream.common.toml_lines import flat, line_of, text_of

RESERVED = frozenset({"list", "remove", "focus"})
"""Words after `billstream publish` that are no targets."""

CATALOGS = ("sql", "rest", "glue")
"""Catalogs of Iceberg that a target may be in."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_Variable = Annotated[str, Field(pattern=f"^{_VARIABLE.pattern}$")]
_PgName = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]{0,62}$")]


# Parts of names: such a value is a secret, and not for a file. The last word of a few would load code.
_SECRETS = ("credential", "password", "secret", "token")
_CODE = re.compile(r"^py-|impl$")
_OF_AWS = {
    "s3.region": ("AWS_REGION", "AWS_DEFAULT_REGION"),
    "s3.endpoint": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
}
_CATALOG_PROPERTY = re.compile(r"[a-z][a-z0-9.-]{0,127}(_from)?")


class PostgresPlace(BaseModel):
    """A schema of a PostgreSQL database, with or without TimescaleDB."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    kind: Literal["postgres"]
    url_from: _Variable
    schema_: _PgName = Field("billstream", alias="schema")
    readers: _PgName | None = None

    def check(self) -> None:
        """Raise what `url` raises."""
        self.url()

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


class IcebergPlace(BaseModel):
    """A namespace of an Iceberg catalog. `catalog` has pyiceberg's properties, or variables that have their values."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    kind: Literal["iceberg"]
    catalog: dict[str, str]
    catalog_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = "billstream"
    namespace: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,64}$")] = "billstream"
    keep_days: Annotated[int, Field(ge=1, le=3650)] = 7

    @field_validator("catalog", mode="before")
    @classmethod
    def _properties(cls, given: object) -> dict[str, str]:
        found = flat(given) if isinstance(given, dict) else {}
        if found.get("type") not in CATALOGS:
            raise ValueError(f"has to have a type, which is one of {', '.join(CATALOGS)}")
        for name, value in found.items():
            if not _CATALOG_PROPERTY.fullmatch(name) or _CODE.search(name.removesuffix("_from")):
                raise ValueError(f"{name[:64]} is no property of a catalog here")
            if not isinstance(value, str):
                raise ValueError(f"{name} is no text: write it in quotes")  # noqa: TRY004 - pydantic's way
            if name.endswith("_from"):
                if not _VARIABLE.fullmatch(value):
                    raise ValueError(f"{name} is no name of a variable of the environment")
            elif any(word in name for word in _SECRETS) or _password(value):
                raise ValueError(f"{name} is a secret: name a variable of the environment that has it, as {name}_from")
        return found

    def check(self) -> None:
        """Raise what `properties` raises, and where the extra is not installed.

        Raises:
            Misconfigured: see there.
        """
        if find_spec("pyiceberg") is None:
            raise Misconfigured("A target of the kind iceberg needs the extra: pip install 'billstream[iceberg]'.")
        self.properties()

    @property
    def description(self) -> str:
        """Return the catalog and the namespace without secrets."""
        found = self.catalog
        place = found.get("uri", "").partition("?")[0] or (f"of {found['uri_from']}" if "uri_from" in found else "")
        return f"{found['type']} catalog {place or found.get('warehouse', 'of AWS')} namespace {self.namespace}"

    def properties(self) -> dict[str, str]:
        """Return the catalog's properties; what comes from the environment is masked in every text from now on.

        Raises:
            Misconfigured: a variable is not set.
        """
        found = {"py-io-impl": "pyiceberg.io.pyarrow.PyArrowFileIO"}
        # Arrow reads the credentials of AWS from the environment, and neither of these.
        for name, variables in _OF_AWS.items():
            if value := next(filter(None, map(os.environ.get, variables)), None):
                found[name] = value
        for name, value in self.catalog.items():
            if not name.endswith("_from"):
                found[name] = value
                continue
            secret = os.environ.get(value, "").strip()
            if not secret:
                raise Misconfigured(f"{value} is not set, which has the property {name.removesuffix('_from')}. Set it.")
            keep_secret(secret)
            # Its parts appear alone, too: the password of a URL, and what follows the name of a client of OAuth.
            keep_secret(_password(secret) or secret.rpartition(":")[2])
            found[name.removesuffix("_from")] = secret
        return found


Place = PostgresPlace | IcebergPlace
_PLACE: TypeAdapter[Place] = TypeAdapter(Annotated[Place, Field(discriminator="kind")])


def read_targets(path: Path | None) -> dict[str, Place]:
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


def all_targets(path: Path | None) -> dict[str, Place]:
    """Return the targets of a file by name.

    Raises:
        Misconfigured: there is no file, or it is not valid.
    """
    if path is None:
        raise Misconfigured(
            "BILLSTREAM_TARGETS is not set, so there is no target. Set it to a TOML file; docs/publish.md shows one."
        )
    return read_targets(path)


def target_named(path: Path | None, name: str) -> Place:
    """Return one target of the file.

    Raises:
        Misconfigured: there is no file, or it is not valid.
        WrongUsage: the file has no such target.
    """
    targets = all_targets(path)
    if name not in targets:
        there = ", ".join(targets) or "none"
        raise WrongUsage(f"There is no target {name!r} in {path}; nothing was done. Its targets: {there}.")
    return targets[name]


def _target(path: Path, text: str, name: str, table: Any) -> Place:  # noqa: ANN401 - whatever TOML has
    where = f"[target.{name[:64]}]"
    if not _NAME.fullmatch(name) or name in RESERVED:
        reserved = ", ".join(sorted(RESERVED))
        why = f"{where}: a name has 1 to 64 letters, digits, - and _, and is none of {reserved}"
        raise _invalid(path, why, text, ("target", name))
    try:
        return _PLACE.validate_python(table)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        # A location begins with the kind.
        field = ".".join(str(part) for part in first["loc"][1:]) or "kind"
        raise _invalid(path, f"{where} {field}: {first['msg']}", text, ("target", name, field)) from None


def _password(text: str) -> str | None:
    try:
        return urlsplit(text).password
    except ValueError:
        return None


def _invalid(path: Path, why: str, text: str = "", place: tuple[str, ...] = ()) -> Misconfigured:
    line = line_of(text, place) if place else None
    where = f"{path}, line {line}," if line else str(path)
    return Misconfigured(
        f"The targets in {where} (BILLSTREAM_TARGETS) are not valid: {why}. Nothing was published. Repair the file; "
        "docs/publish.md shows the form."
    )
