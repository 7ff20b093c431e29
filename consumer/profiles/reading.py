"""Profiles from TOML files, each checked, with the line of whatever is wrong."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Any

from pydantic import ValidationError

from billstream.common.errors import Fatal
from billstream.consumer.profiles.kinds import mismatch
from billstream.consumer.profiles.model import Profile

_NEVER_NULL = "charge_period_start"
_LARGEST = 1024 * 1024  # bytes
_TABLES = ("match", "values", "columns")


@dataclass(frozen=True)
class ReadProfile:
    """A profile, and what its file and the files it extends said together."""

    profile: Profile
    told: dict[str, Any]


@dataclass(frozen=True)
class _Script:
    """The text of one file."""

    path: Traversable
    text: str
    told: dict[str, Any]

    def wrong(self, reason: str, *place: str) -> Fatal:
        line = _line(self.text, place)
        where = f"{self.path}, line {line}" if line else str(self.path)
        return Fatal(f"The profile {where} is not valid{' at ' + '.'.join(place) if place else ''}: {reason}")


def read_profiles(
    folder: Traversable, columns: Mapping[str, str], known: Mapping[str, ReadProfile]
) -> dict[str, ReadProfile]:
    """The profiles of a folder's TOML files, by name.

    Args:
        folder: where the files are; others than *.toml are passed over.
        columns: the columns of `charges` that a profile may fill, with their DuckDB types.
        known: profiles of elsewhere that these may extend.

    Raises:
        Fatal: a file is not valid; the text names it, the line and the reason.
    """
    paths = sorted((f for f in folder.iterdir() if f.name.endswith(".toml") and f.is_file()), key=lambda f: f.name)
    waiting = [_script(path) for path in paths]
    found: dict[str, ReadProfile] = {}
    while waiting:
        ready = [one for one in waiting if _base_name(one) in {None, *found} or _base_name(one) not in _names(waiting)]
        if not ready:
            raise waiting[0].wrong("it extends itself, by way of others", "extends")
        for script in ready:
            read = _read(script, {**known, **found}, columns)
            if read.profile.name in found:
                raise script.wrong(f"another file of this folder is named {read.profile.name!r} too", "name")
            found[read.profile.name] = read
        waiting = [one for one in waiting if one not in ready]
    return dict(sorted(found.items()))


def _script(path: Traversable) -> _Script:
    raw = path.read_bytes()
    if len(raw) > _LARGEST:
        raise Fatal(f"The profile {path} is larger than {_LARGEST} bytes.")
    try:
        text = raw.decode("utf-8")
        return _Script(path, text, tomllib.loads(text))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Fatal(f"The profile {path} is not valid TOML: {error}") from error


def _base_name(script: _Script) -> str | None:
    base = script.told.get("extends")
    if base is not None and not isinstance(base, str):
        raise script.wrong("`extends` is the name of one profile", "extends")
    return base


def _names(scripts: Iterable[_Script]) -> set[object]:
    return {script.told.get("name") for script in scripts}


def _read(script: _Script, known: Mapping[str, ReadProfile], columns: Mapping[str, str]) -> ReadProfile:
    base = _base_name(script)
    if base is not None and base not in known:
        raise script.wrong(f"there is no profile {base!r} to extend", "extends")
    if "depth" in script.told:
        raise script.wrong("it is not for a file to say", "depth")
    told = _extended(known[base].told, script.told) if base else dict(script.told)
    depth = known[base].profile.depth + 1 if base else 0
    try:
        profile = Profile.model_validate({**told, "depth": depth})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        reason = first["msg"].removeprefix("Value error, ")
        place = tuple(str(part) for part in first["loc"]) or (("match", "needs") if "needs" in reason else ())
        raise script.wrong(reason, *place) from error
    _check(script, profile, columns)
    return ReadProfile(profile, told)


def _extended(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """What `own` says, and what `base` says beside it: table by table, the newer word counts."""
    told = {**base, **own}
    told.pop("extends", None)
    for table in _TABLES:
        mine, theirs = own.get(table, {}), base.get(table, {})
        if isinstance(mine, dict) and isinstance(theirs, dict) and (mine or theirs):
            told[table] = {**theirs, **mine}
    return told


def _check(script: _Script, profile: Profile, columns: Mapping[str, str]) -> None:
    if profile.refuse is not None:
        return
    for column, source in profile.columns.items():
        if column not in columns:
            raise script.wrong("`charges` has no such column", "columns", column)
        if mistake := mismatch(source, columns[column]):
            raise script.wrong(mistake, "columns", column)
    time = profile.columns.get(_NEVER_NULL)
    if time is None or not (time.required or time.constant):
        raise script.wrong("it must be mapped with `required = true`: every charge has its day", "columns", _NEVER_NULL)


def _line(text: str, place: tuple[str, ...]) -> int | None:
    """The line on which what is at `place` begins, or its table; None when the file does not have it.

    `place` is as pydantic tells it: a table's name, a key, and more that is on the key's line.
    """
    best, table = None, ""
    for number, line in enumerate(text.splitlines(), start=1):
        if opened := re.match(r"\s*\[+\s*([^\]]+?)\s*\]+", line):
            table = opened.group(1).replace('"', "").replace(" ", "")
            if place and table == ".".join(place[: table.count(".") + 1]):
                best = best or number
            continue
        key = re.match(r"""\s*["']?([\w.-]+)["']?\s*=""", line)
        if key and _is_at(table, key.group(1), place):
            return number
    return best


def _is_at(table: str, key: str, place: tuple[str, ...]) -> bool:
    path = tuple(part for part in (*table.split("."), *key.split(".")) if part)
    return bool(path) and path == place[: len(path)]
