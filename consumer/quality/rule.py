"""A rule about rows of `charges`: an SQL condition in a file of its own, true for a row that breaks the rule."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import duckdb

from billstream.common.errors import Fatal, Misconfigured
from billstream.common.lake.engine import isolated
from billstream.common.lake.gate import one_condition
from billstream.common.texts import counted

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

MOST_RULES = 100
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_HEADER = re.compile(r"-- (\w+): (.*\S)\s*")
_FIELDS = ("says", "severity", "columns", "source")
_LONGEST = 20_000  # characters of a file


class About(StrEnum):
    """What a rule is about: each row of `charges`, two versions of a file, or a part beside its manifest."""

    ROWS = "rows"
    VERSIONS = "versions"
    PARTS = "parts"


class Severity(StrEnum):
    """How much a broken rule matters: rows that break an error are wrong, those of a warning look wrong."""

    ERROR = "error"
    WARNING = "warning"


COLUMNS: Mapping[About, Mapping[str, str]] = {
    About.VERSIONS: {
        "billing_currency": "VARCHAR",
        "rows_loaded": "BIGINT",
        "rows_before": "BIGINT",
        "billed_cost": "DECIMAL(38,18)",
        "billed_cost_before": "DECIMAL(38,18)",
    },
    About.PARTS: {"rows_there": "BIGINT", "rows_told": "BIGINT"},
}
"""What is judged beside rows of `charges`: two versions of a file, in a line for each currency, with the billed cost of
each; and a part of a delivery, with the records that it has and those that its manifest tells."""


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        about: see `About`.
        name: that of its file, without the suffix.
        says: what a row has to be, as a sentence.
        severity: see `Severity`.
        columns: columns of `charges`. A file whose profile does not feed all of them is not judged by the rule. Those
            of other rules are in `COLUMNS`.
        source: where the rule is from, such as an attribute of FOCUS.
        broken: the SQL condition; a row for which it is NULL keeps the rule.
    """

    name: str
    about: About
    says: str
    severity: Severity
    columns: tuple[str, ...]
    source: str
    broken: str


@dataclass(frozen=True)
class Broken:
    """A rule that rows of a load break, and how many."""

    rule: str
    severity: Severity
    rows: int


class Judged(Protocol):
    """A load that was judged by rules: the rows that break each, by its name, and all rows."""

    @property
    def failing(self) -> Mapping[str, int]:
        """The rows that break each rule."""

    @property
    def rows_loaded(self) -> int:
        """The number of rows."""

    @property
    def records(self) -> int:
        """The number of records of its file."""

    @property
    def billed_totals(self) -> Mapping[str, Decimal]:
        """Their billed cost by currency."""


@dataclass(frozen=True)
class Quality:
    """The rules that rows are judged by. Where they are `enforced`, a load that breaks an error is not committed."""

    rules: tuple[Rule, ...] = ()
    enforced: bool = False

    def broken(self, loads: Mapping[str, Judged]) -> dict[str, list[Broken]]:
        """Return what loads break, by load."""
        return {
            load_id: [
                Broken(rule.name, rule.severity, count) for rule in self.rules if (count := load.failing.get(rule.name))
            ]
            for load_id, load in loads.items()
            if load.failing
        }

    def refused(self, loads: Mapping[str, Judged]) -> dict[str, str]:
        """Return why loads are not to be committed, by load."""
        errors = [rule for rule in self.rules if self.enforced and rule.severity is Severity.ERROR]
        found = dict[str, str]()
        for load_id, load in loads.items():
            if broken := [rule for rule in errors if load.failing.get(rule.name)]:
                told = "; ".join(f"{counted(load.failing[r.name], 'row')} against {r.name} ({r.says})" for r in broken)
                found[load_id] = (
                    f"The file has {counted(load.rows_loaded, 'row')}: {told}. BILLSTREAM_QUALITY=enforce lets in "
                    "no row of such a file. Correct the file and upload it again; or replace the rule by one of "
                    "yours, and run `billstream quarantine reload`."
                )
        return found


def read_rules(folder: Path | None, columns: Mapping[str, str]) -> tuple[Rule, ...]:
    """Return the built-in rules and those of a folder, by name; one of the folder replaces the built-in of its name.

    Args:
        folder: has `*.sql` files of the operator, or is None.
        columns: those of `charges` with their DuckDB types.

    Raises:
        Misconfigured: the folder or a rule in it cannot be used; the text names the file, the reason and the remedy.
    """
    found = {rule.name: rule for rule in _read(files("billstream.consumer.quality") / "rules", columns)}
    if folder is not None:
        if not folder.is_dir():
            raise Misconfigured(f"BILLSTREAM_QUALITY_RULES: {folder} is no folder. Make it, or unset the setting.")
        found |= {rule.name: rule for rule in _read(folder, columns)}
    if len(found) > MOST_RULES:
        raise Misconfigured(f"BILLSTREAM_QUALITY_RULES: {len(found)} rules are more than {MOST_RULES}. Remove some.")
    return tuple(found[name] for name in sorted(found))


def broken_by(
    con: duckdb.DuckDBPyConnection, about: About, rules: Iterable[Rule], lines: Sequence[Sequence[object]]
) -> list[Rule]:
    """Return the rules about versions or parts that at least one line breaks.

    Args:
        con: calculates.
        about: what a line has; other rules are left out.
        rules: those in use.
        lines: one or more, with a value for each of `COLUMNS`. One that its type cannot hold is as if unknown: the sum
            of a file may have more digits than the type, and nothing may fail over it.
    """
    chosen, kinds = [rule for rule in rules if rule.about is about], COLUMNS[about]
    if not chosen:
        return []
    values = ", ".join(f"({', '.join(f'TRY_CAST(? AS {kind})' for kind in kinds.values())})" for _ in lines)
    asked = ", ".join(f"bool_or({rule.broken})" for rule in chosen)
    text = f"SELECT {asked} FROM (VALUES {values}) AS {about}({', '.join(kinds)})"
    (verdicts,) = con.execute(text, [value for line in lines for value in line]).fetchall()
    return [rule for rule, broken in zip(chosen, verdicts, strict=True) if broken]


def _read(folder: "Path | Traversable", columns: Mapping[str, str]) -> list[Rule]:
    found = []
    try:
        texts = {file.name: file.read_text("utf-8") for file in folder.iterdir() if file.name.endswith(".sql")}
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(
            f"The quality rules in {folder} cannot be read: {error}. Correct that, and start again."
        ) from error
    with isolated() as con:
        tables = {About.ROWS: columns, **COLUMNS}
        for table, its_columns in tables.items():
            con.execute(f"CREATE TABLE {table} ({', '.join(f'{name} {kind}' for name, kind in its_columns.items())})")
        for name, text in sorted(texts.items()):
            try:
                found.append(_parsed(name.removesuffix(".sql"), text, tables, con))
            except (ValueError, Fatal, duckdb.Error) as error:
                raise Misconfigured(
                    f"The quality rule {folder / name} cannot be used: {str(error).splitlines()[0]} Correct it; "
                    "docs/quality.md says what a rule is."
                ) from error
    return found


def _parsed(name: str, text: str, tables: Mapping[About, Mapping[str, str]], con: duckdb.DuckDBPyConnection) -> Rule:
    """Return the rule of one file.

    Raises:
        ValueError, Fatal, duckdb.Error: it is none; the first line of the text says why.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name: small letters, digits and _, and a letter first.")
    if len(text) > _LONGEST:
        raise ValueError(f"it has more than {_LONGEST:,} characters.")
    lines = text.strip().splitlines()
    given = {match[1]: match[2] for line in lines if (match := _HEADER.fullmatch(line))}
    if missing := [field for field in _FIELDS if field not in given]:
        raise ValueError(f"it lacks the line `-- {missing[0]}: …`.")
    if given["severity"] not in {*Severity}:
        raise ValueError(f"its severity is {given['severity']!r}: write `error` or `warning`.")
    if given.get("about", About.ROWS) not in {*About}:
        raise ValueError(f"it is about {given['about']!r}: write one of {', '.join(About)}, or leave the line out.")
    about, severity = About(given.get("about", About.ROWS)), Severity(given["severity"])
    if about is About.VERSIONS and severity is Severity.ERROR:
        raise ValueError("a rule about versions is a warning: a file may shrink for a good reason.")
    named = tuple(column.strip() for column in given["columns"].split(","))
    if unknown := [column for column in named if column not in tables[about]]:
        raise ValueError(f"there is no column {unknown[0]!r}.")
    broken = "\n".join(line for line in lines if not line.startswith("--")).strip()
    one_condition(con, broken)
    # A rule that fails for some value must not keep a file out of the lake: for such a row it is kept.
    guarded = f"TRY({broken}\n)"
    kind = con.execute(f"DESCRIBE SELECT {guarded} FROM {about}").fetchall()[0][1]
    if kind != "BOOLEAN":
        raise ValueError(f"it gives {kind}, and not BOOLEAN.")
    con.execute(f"SELECT count_if({guarded}) FROM (SELECT {', '.join(named)} FROM {about})")
    return Rule(name, about, given["says"], severity, named, given["source"], guarded)
