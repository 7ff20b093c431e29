"""The versions of FOCUS that are written: their columns in order, and those that every row should have a value of."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from billstream.common.errors import WrongUsage

NEWEST = "1.2"
RESCUED = "x_BillstreamRescued"
"""The column that has `rescued` as it is, and by which billstream recognises its own files."""

_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


@dataclass(frozen=True)
class FocusVersion:
    """One version of FOCUS: the ids of its columns, in alphabetical order, as the specification lists them."""

    version: str
    columns: tuple[str, ...]
    never_null: tuple[str, ...]

    def names(self, charges: Mapping[str, str]) -> dict[str, str]:
        """Return the columns of a file, in its order, each with the column of `charges` that it is.

        Behind the columns of the version are, in the order of the table, custom columns: all others of `charges`, save
        `load_id`, which says how a row came into this lake and no other. So no value is left out.

        Args:
            charges: the columns of the table with their types.
        """
        names = {column: _snake(column) for column in self.columns}
        told = {*names.values(), "load_id", "rescued"}
        return {**names, **{_custom(column): column for column in charges if column not in told}, RESCUED: "rescued"}


def focus_version(wanted: str) -> FocusVersion:
    """Return a version of FOCUS.

    Raises:
        WrongUsage: it is none that is written.
    """
    known = _versions()
    if wanted not in known:
        raise WrongUsage(f"--version {wanted!r} is none of {', '.join(known)}; nothing was written.")
    return known[wanted]


@cache
def _versions() -> Mapping[str, FocusVersion]:
    text = files("billstream.publishing.focus").joinpath("versions.toml").read_text(encoding="utf-8")
    found: dict[str, FocusVersion] = {}
    columns, never_null = set[str](), set[str]()
    for one in tomllib.loads(text)["versions"]:
        columns |= set(one["columns"])
        never_null |= set(one["never_null"])
        found[one["version"]] = FocusVersion(one["version"], tuple(sorted(columns)), tuple(sorted(never_null)))
    return found


def _snake(column: str) -> str:
    """Return the column of `charges` with the meaning of one of FOCUS': its id in snake_case."""
    return _CAPITAL.sub("_", column).lower()


def _custom(column: str) -> str:
    """Return the name of a custom column, which FOCUS wants to begin with x_."""
    return "x_" + "".join(word.capitalize() for word in column.removeprefix("x_").split("_"))
