"""Profiles from TOML files, each checked, with the line of whatever is wrong."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from importlib.resources.abc import Traversable
from typing import Any

from pydantic import ValidationError

from billstream.common.errors import Fatal, Misconfigured
from billstream.common.lake.tables import CHARGES, NEVER_NULL
from billstream.common.toml_lines import line_of
from billstream.consumer.profiles.model import Profile, Source

_LARGEST = 1024 * 1024  # bytes
_TABLES = ("match", "records", "unpivot", "values", "columns", "not_mapped")
_LISTS = ("known", "not_told", "only_rescued")
_TEXT, _NUMBER, _TIME = "VARCHAR", "DECIMAL(38,18)", "TIMESTAMP WITH TIME ZONE"
_DECIMALS, _LIMIT = 18, Decimal(10) ** 20  # of a number


@dataclass(frozen=True)
class ReadProfile:
    """A profile, and the content of its file together with that of the files that it extends."""

    profile: Profile
    content: dict[str, Any]


@dataclass(frozen=True)
class _Script:
    """The text of one file."""

    path: Traversable
    text: str
    content: dict[str, Any]

    @property
    def base(self) -> str | None:
        """The name of the profile that this one extends."""
        base = self.content.get("extends")
        if base is not None and not isinstance(base, str):
            raise self.wrong("`extends` is the name of one profile", "extends")
        return base

    def wrong(self, reason: str, *place: str) -> Fatal:
        line = line_of(self.text, place)
        where = f"{self.path}, line {line}" if line else str(self.path)
        return Misconfigured(
            f"The profile {where} is not valid{' at ' + '.'.join(place) if place else ''}: {reason}. "
            "No file was read: repair the profile or move it away."
        )


def read_profiles(
    folder: Traversable,
    columns: Mapping[str, str],
    known: Mapping[str, ReadProfile],
    others: Mapping[str, Mapping[str, str]] | None = None,
) -> dict[str, ReadProfile]:
    """Return the profiles of a folder's TOML files, by name.

    Args:
        folder: where the files are; others than *.toml are left out.
        columns: the columns of `charges` that a profile may fill, with their DuckDB types.
        known: profiles from elsewhere that these may extend.
        others: the columns of other tables; profiles for a table that is not among them are not checked against it.

    Raises:
        Fatal: a file is not valid; the text names it, the line and the reason.
    """
    paths = sorted((f for f in folder.iterdir() if f.name.endswith(".toml") and f.is_file()), key=lambda f: f.name)
    waiting = [_script(path) for path in paths]
    found: dict[str, ReadProfile] = {}
    # A profile is read after the one it extends, so each round takes those whose base is not in a waiting file.
    while waiting:
        names = {script.content.get("name") for script in waiting}
        ready = [script for script in waiting if script.base in {None, *found} or script.base not in names]
        if not ready:
            raise waiting[0].wrong("it extends itself, by way of others", "extends")
        for script in ready:
            read = _read(script, {**known, **found}, {**(others or {}), CHARGES: columns})
            if read.profile.name in found:
                raise script.wrong(f"another file of this folder is named {read.profile.name!r} too", "name")
            found[read.profile.name] = read
        waiting = [script for script in waiting if script not in ready]
    return dict(sorted(found.items()))


def _script(path: Traversable) -> _Script:
    raw = path.read_bytes()
    if len(raw) > _LARGEST:
        raise Misconfigured(f"The profile {path} is larger than {_LARGEST} bytes. No file was read: move it away.")
    try:
        text = raw.decode("utf-8")
        return _Script(path, text, tomllib.loads(text))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misconfigured(
            f"The profile {path} is not valid TOML: {error}. No file was read: repair the profile or move it away."
        ) from error


def _read(script: _Script, known: Mapping[str, ReadProfile], tables: Mapping[str, Mapping[str, str]]) -> ReadProfile:
    """Return the profile of one file, checked against the columns of its table, if that is known."""
    base = script.base
    if base is not None and base not in known:
        raise script.wrong(f"there is no profile {base!r} to extend", "extends")
    if "depth" in script.content:
        raise script.wrong("`depth` is calculated, and no word of a profile", "depth")
    content = _extended(known[base].content, script.content) if base else dict(script.content)
    depth = known[base].profile.depth + 1 if base else 0
    try:
        profile = Profile.model_validate({**content, "depth": depth})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        reason = first["msg"].removeprefix("Value error, ")
        # An error of a whole table has no place; that of `needs` is found by its name.
        place = tuple(str(part) for part in first["loc"]) or (("match", "needs") if "needs" in reason else ())
        raise script.wrong(reason, *place) from error
    columns, needed = tables.get(profile.table), NEVER_NULL[profile.table]
    if profile.refuse is not None or columns is None:
        return ReadProfile(profile, content)
    named = {column: word for word in ("not_told", "only_rescued") for column in getattr(profile, word)}
    if unknown := [column for column in named if column not in columns]:
        raise script.wrong(f"`charges` has no column {unknown[0]!r}", named[unknown[0]])
    for column, source in profile.columns.items():
        if column not in columns:
            raise script.wrong(f"`{profile.table}` has no such column", "columns", column)
        if mistake := _mismatch(source, columns[column]):
            raise script.wrong(mistake, "columns", column)
    key = profile.columns.get(needed)
    if key is None or not (key.required or key.constant):
        why = "every charge has a day" if profile.table == CHARGES else "every row has a value there"
        raise script.wrong(f"it must be mapped with `required = true`: {why}", "columns", needed)
    return ReadProfile(profile, content)


def _extended(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of `base`, in which each word of each table that `own` has too is replaced.

    The lists of what is known, and of what is not told, are added to those of `base`.
    """
    content = {**base, **own}
    content.pop("extends", None)
    for table in _TABLES:
        mine, theirs = own.get(table, {}), base.get(table, {})
        if isinstance(mine, dict) and isinstance(theirs, dict) and (mine or theirs):
            content[table] = {**theirs, **mine}
    for word in _LISTS:
        mine, theirs = own.get(word, []), base.get(word, [])
        if isinstance(mine, list) and isinstance(theirs, list) and (mine or theirs):
            content[word] = [*theirs, *mine]
    return content


def _mismatch(source: Source, data_type: str) -> str | None:
    """Return why `source` cannot feed a column of `data_type`, None when it can."""
    counting = any(part.amounts or part.negative or part.unless for part in source.first)
    arithmetic = bool(source.sum or source.product or source.by) or counting
    operands = (*source.first, *source.sum, *source.product)
    parts = (source, *operands)
    mapped = source.mapping is not None or any(operand.mapping is not None for operand in operands)
    mistakes = {
        "`sum`, `product`, `by`, `amounts`, `negative` and `unless` make numbers": arithmetic and data_type != _NUMBER,
        "`map` and `never` are about texts": (mapped or source.never) and data_type != _TEXT,
        "`preamble` and `of_name` tell texts": (source.preamble or source.of_name) and data_type != _TEXT,
        "`part` is about times": any(part.part for part in parts) and data_type != _TIME,
        "`key`, `pattern` and `where` are about texts": data_type not in {_TEXT, _TIME}
        and (any(part.key or part.pattern for part in parts) or any(operand.where for operand in operands)),
        "`prefixed` makes tags": source.prefixed and not data_type.startswith("MAP"),
    }
    if mistake := next((words for words, made in mistakes.items() if made), None):
        return f"{mistake}, and this column is a {data_type}"
    for given in (source.constant, source.default):
        if given is not None and not _is_value(given, data_type):
            return f"{given!r} is no value of a {data_type}"
    return None


def _is_value(text: str, data_type: str) -> bool:
    try:
        if data_type == _NUMBER:
            number = Decimal(text)
            return number.is_finite() and abs(number) < _LIMIT and int(number.as_tuple().exponent) >= -_DECIMALS
        if data_type == _TIME:
            datetime.fromisoformat(text)
            return True
    except (InvalidOperation, ValueError):
        return False
    return data_type == _TEXT
