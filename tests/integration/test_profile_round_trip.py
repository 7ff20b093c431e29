"""Every built-in profile over a file that is made from it: what was written is what the lake says.

The file's header has one name for each source that the profile knows; the expected values are worked out here, in
Python and from the profile's own words, cell by cell.
"""

import csv
import io
import json
import random
import re
import tomllib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.resources import files
from typing import Any

import pytest

from billstream.consumer.profiles import Profile, ProfileRegistry, Source
from billstream.consumer.profiles.model import Operand
from billstream.consumer.profiles.names import CURRENCY, Header, normalised
from tests.integration.intake_support import House

ROWS = 12
EXTRA = "Something nobody knows"
FOLDER = files("billstream.consumer.profiles") / "builtin"
TOLD = {told["name"]: told for told in (tomllib.loads(p.read_text()) for p in FOLDER.iterdir())}
# A file with a column for each service is made in tests/profiles; a dataset with a table of its own has no charges.
# One that fills `rescued` itself reads what billstream has written: test_focus_export.
OURS = {name for name, told in TOLD.items() if "rescued" in told.get("columns", {})}
BILLS = sorted(
    name for name, told in TOLD.items() if not {"refuse", "unpivot", "table"} & set(told) and name not in OURS
)
DIRTY = ("aws_cur", "azure_amortized", "databricks", "focus_1_4", "gcp", "openai_costs")  # of each kind one
# Those that ask for more than a header are tested with exports.
REFUSING = sorted(name for name, told in TOLD.items() if "refuse" in told and "datasets" not in told["match"])

Row = dict[str, str]


def names_of_others(name: str) -> set[str]:
    """Header names that would make the file one of a profile that extends this one."""
    heirs = {name}
    for _ in TOLD:
        heirs |= {other for other, told in TOLD.items() if told.get("extends") in heirs}
    told = {n for heir in heirs - {name} for names in TOLD[heir]["match"].get("one_of", []) for n in names}
    own = {n for names in TOLD[name]["match"].get("one_of", []) for n in names}
    return {normalised(n) for n in told - own}


def operands(source: Source) -> list[Operand]:
    cases = [part for parts in source.cases.values() for part in parts]
    otherwise = list(source.otherwise) if isinstance(source.otherwise, tuple) else []
    return [*source.first, *source.sum, *source.product, *cases, *otherwise]


@dataclass
class Made:
    """A file made from a profile."""

    profile: Profile
    types: dict[str, str]
    kinds: dict[str, str] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.profile.name)  # noqa: S311 - the same file every time
        for names in self.profile.match.one_of[:1]:
            for name in names:
                self._add([name], "text")
        # Values of all kinds side by side would contradict one another.
        columns = {column for one in self.profile.contradictions for column in list(one.where)[1:]}
        contradictory = {name for column in columns for name in self.profile.columns[column].header_names}
        for column, source in self.profile.columns.items():
            if not contradictory & set(source.header_names):
                self._add_source(source, self.types[column])
        self.kinds[EXTRA] = "text"
        self.header = Header(list(self.kinds), bracketed=self.profile.values.bracketed_names)
        self.rows = [self._row(number) for number in range(ROWS)]

    # -- the header --------------------------------------------------------------------------------------

    def _add(self, names: Sequence[str], kind: str) -> None:
        unwanted = names_of_others(self.profile.name) | {normalised(n) for n in self.profile.match.none}
        wanted = [name.replace(CURRENCY, "usd") for name in names if normalised(name) not in unwanted]
        known = {normalised(name): name for name in self.kinds}
        # The first name that is there already counts, so it is the one whose kind matters.
        there = [known[normalised(name)] for name in names if normalised(name) in known]
        chosen = next(iter([*there, *wanted]), None)
        if chosen is not None and self.kinds.get(chosen, "text") == "text":
            self.kinds[chosen] = kind

    def _add_source(self, source: Source, data_type: str) -> None:
        kind = {"VARCHAR": "text", "DECIMAL(38,18)": "number"}.get(data_type, "tags")
        kind = "time" if data_type.startswith("TIMESTAMP") else kind
        self._add(source.names, self._kind_of(source, kind))
        self._add(source.by, "text")
        for part in operands(source):
            self._add(part.names, f"amounts {part.amounts}" if part.amounts else self._kind_of(part, kind))
            self._add([*part.unless, *part.where], "text")
        for prefix in source.prefixed:
            self.kinds[f"{prefix}team {len(prefix)}"] = "text"

    @staticmethod
    def _kind_of(part: Source | Operand, kind: str) -> str:
        if part.key is not None:
            return "entries"
        # A column that is read as a time elsewhere keeps that kind; a time has no end.
        return "interval" if part.part and len(part.names) == 1 else kind

    # -- the cells ---------------------------------------------------------------------------------------

    def _row(self, number: int) -> Row:
        row = {name: self._cell(name, kind) for name, kind in self.kinds.items()}
        full = {self.header.position(n) for c in self.profile.columns.values() if c.required for n in self._required(c)}
        for position, name in enumerate(self.kinds):
            if number and position not in full and self._random.random() < 0.2:
                row[name] = ""
        return row

    @staticmethod
    def _required(source: Source) -> list[tuple[str, ...]]:
        return [source.names] if source.names else [part.names for part in source.first[:1]]

    def _cell(self, name: str, kind: str) -> str:
        choose = self._random
        if kind == "number":
            return str(Decimal(choose.randint(-(10**7), 10**9)).scaleb(-choose.randint(0, 9)))
        if kind in {"time", "interval"}:
            moment = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=choose.randint(0, 500_000))
            text = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
            return text if kind == "time" else f"{text}/{self._cell(name, 'time')}"
        if kind == "entries":
            keys = {p.key for source in self.profile.columns.values() for p in (source, *source.first) if p.key}
            return json.dumps({key: f"{key} {choose.randint(1, 9)}" for key in sorted(keys)})
        if kind == "tags":
            return json.dumps({"team": f"t{choose.randint(1, 5)}", 'a "b"': "ü"}, ensure_ascii=False)
        if kind.startswith("amounts "):
            return json.dumps(
                [{kind.split()[1]: -choose.randint(0, 99), "name": "x"} for _ in range(choose.randint(0, 3))]
            )
        return choose.choice([*self._words(name), f"{name} {choose.randint(1, 9)}", "it's, “so”\n;--"])

    def _words(self, name: str) -> list[str]:
        """Texts that mean something in a column."""
        found: list[str] = []
        for column, source in self.profile.columns.items():
            if normalised(name) in {normalised(n) for n in (*source.names, *source.by)}:
                found += [*(source.mapping or ()), *source.cases]
            found += [
                text
                for part in source.first
                for text in part.mapping or ()
                if normalised(name) in map(normalised, part.names)
            ]
            if normalised(name) in {normalised(n) for n in (*source.names, *source.by)}:
                found += ["USD", "EUR"] if column == "billing_currency" and not source.mapping else []
        gone = {text for condition in self.profile.records.leave_out for text in condition.texts}
        return [text for text in found if text not in gone] * 3

    def text(self, *, dirty: bool) -> str:
        """The file; a dirty one has a line that does not fit, and is read in another way."""
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(self.kinds)
        writer.writerows(row.values() for row in self.rows)
        if dirty:
            writer.writerow("never" if kind == "time" else "" for kind in self.kinds.values())
        return out.getvalue()

    # -- what is to be expected --------------------------------------------------------------------------

    def expected(self, column: str, row: Row) -> Any:  # noqa: ANN401 - whatever the column holds
        source = self.profile.columns[column]
        if source.constant is not None:
            return typed(source.constant, self.types[column])
        if source.by:
            return self._chosen(source, row)
        if source.product:
            one, other = (self._number(part, row) for part in source.product)
            return None if one is None or other is None else one * other
        if source.sum:
            return self._added(self._there(source.sum), row)
        if source.prefixed:
            return self._tags(source, row)
        parts: list[Source | Operand] = [source, *source.first]
        text = next((t for part in parts if (t := self._taken(part, row))), "")
        text = text or (self.header.currency(source.of_name) or ("", ""))[1] or source.default or ""
        if text and source.mapping is not None:
            words = {k.casefold(): v for k, v in source.mapping.items()}
            text = words.get(text.strip().casefold(), source.otherwise if isinstance(source.otherwise, str) else text)
        return typed(text, self.types[column]) if text else None

    def _taken(self, part: Source | Operand, row: Row) -> str:
        """The text that a source or one cell of it takes; "" for none."""
        text = self._cell_of(part.names, row)
        if part.key is not None:
            text = str(json.loads(text or "{}").get(part.key) or "")
        if part.part is not None:
            text = text.partition("/")[0 if part.part == "start" else 2]
        if part.pattern is not None:
            text = found[1] if (found := re.search(part.pattern, text)) else ""
        if isinstance(part, Operand) and part.mapping is not None:
            text = {k.casefold(): v for k, v in part.mapping.items()}.get(text.strip().casefold(), "")
        return text if isinstance(part, Source) or not part.where or self._cell_of(part.where, row) else ""

    def _cell_of(self, names: Sequence[str], row: Row) -> str:
        position = self.header.position(names)
        return "" if position is None else row[self.header.names[position]]

    def _there(self, parts: Sequence[Operand]) -> list[Operand]:
        return [
            part
            for part in parts
            if self.header.position(part.names) is not None
            and (not part.unless or self.header.position(part.unless) is not None)
        ]

    def _number(self, part: Operand, row: Row) -> Decimal | None:
        text = self._cell_of(part.names, row)
        if not text:
            return None
        number = sum((Decimal(e[part.amounts]) for e in json.loads(text)), Decimal()) if part.amounts else Decimal(text)
        return Decimal() if self._cell_of(part.unless, row) else -number if part.negative else number

    def _added(self, parts: Sequence[Operand], row: Row) -> Decimal | None:
        found = [number for part in parts if (number := self._number(part, row)) is not None]
        return sum(found, Decimal()) if found or not parts else None

    def _chosen(self, source: Source, row: Row) -> Decimal | None:
        if self.header.position(source.by) is None:
            return None
        words = {text.casefold(): parts for text, parts in source.cases.items()}
        parts = words.get(self._cell_of(source.by, row).strip().casefold(), source.otherwise)
        if not isinstance(parts, tuple) or len(self._there(parts)) < len(parts):
            return None
        return self._added(parts, row)

    def _tags(self, source: Source, row: Row) -> dict[str, str] | None:
        cell = self._cell_of(source.names, row)
        columns = reversed(self.header.beginning_with(source.prefixed))  # of two columns for one tag, the first counts
        own = {name: row[self.header.names[at]] for at, name in columns}
        return {**(json.loads(cell) if cell else {}), **{k: v for k, v in own.items() if v}} or None


def typed(text: str, data_type: str) -> Any:  # noqa: ANN401
    if data_type == "DECIMAL(38,18)":
        return Decimal(text)
    if data_type.startswith("TIMESTAMP"):
        return datetime.fromisoformat(text)
    return json.loads(text) if data_type.startswith("MAP") else text


@pytest.fixture(scope="module")
def registry(house: House) -> ProfileRegistry:
    return ProfileRegistry.load(None, columns=house.lake.columns("charges"))


@pytest.mark.parametrize(("name", "dirty"), [*((name, False) for name in BILLS), *((name, True) for name in DIRTY)])
def test_every_value_of_a_file_is_in_the_lake(
    house: House, registry: ProfileRegistry, name: str, *, dirty: bool
) -> None:
    types = house.lake.columns("charges")
    made = Made(next(profile for profile in registry.profiles if profile.name == name), types)
    bucket, key = house.bucket(), "amortized" if made.profile.match.keys else "bill"
    outcome = house.intake(bucket).process([bucket.put(f"{key}.csv", made.text(dirty=dirty))])
    (line,) = house.ledger(bucket)
    assert outcome[0].acknowledge
    assert (line["state"], line["profile"], line["reason"]) == ("loaded", name, None)
    assert (line["rows_loaded"], line["rows_rejected"]) == (ROWS, int(dirty))
    table = house.lake.query("SELECT * FROM charges WHERE load_id = ? ORDER BY rowid", [line["load_id"]])
    charges = table.to_pylist(maps_as_pydicts="strict")
    for row, charge in zip(made.rows, charges, strict=True):
        assert {c: charge[c] for c in made.profile.columns} == {c: made.expected(c, row) for c in made.profile.columns}
        assert {c for c in types if charge[c] is not None} <= {*made.profile.columns, "load_id", "rescued"}
        assert_nothing_is_lost(made, row, charge)
    assert line["billed_totals"] == totals(made)


def assert_nothing_is_lost(made: Made, row: Row, charge: dict[str, Any]) -> None:
    """Each cell is in `rescued` as it was, or a column holds it, or it is a tag."""
    rescued = json.loads(charge["rescued"] or "{}")
    whole = {
        c: s for c, s in made.profile.columns.items() if not (s.mapping or s.prefixed or s.key or s.part or s.pattern)
    }
    holders = {n.replace(CURRENCY, "usd"): c for c, s in whole.items() for n in s.names if s.mapping is None}
    by_name = {normalised(name): column for name, column in reversed(holders.items())}
    for name, text in row.items():
        if not text or rescued.get(name) == text:
            continue
        column = by_name.get(normalised(name))
        if column is not None:
            assert charge[column] == typed(text, made.types[column]), name
        else:
            assert text in charge["tags"].values() or json.loads(text).items() <= charge["tags"].items(), name
    assert not set(rescued) - set(row)
    assert rescued.get(EXTRA, "") == row[EXTRA]


def totals(made: Made) -> dict[str, Decimal]:
    """The billed cost by currency, each apart."""
    found: dict[str, Decimal] = defaultdict(Decimal)
    for row in made.rows if "billed_cost" in made.profile.columns else []:
        billed = made.expected("billed_cost", row)
        currency = made.expected("billing_currency", row) if "billing_currency" in made.profile.columns else None
        if billed is not None:
            found[currency or "XXX"] += billed
    return dict(found)


@pytest.mark.parametrize("name", [name for name in BILLS if "billing_currency" not in TOLD[name].get("columns", {})])
def test_profiles_that_inherit_or_lack_a_currency_are_known(name: str) -> None:
    without = {"cloudzero_cbf", "databricks_usage_log", "github_copilot_requests", "snowflake_credits"}
    assert TOLD[name].get("extends") or name in without


@pytest.mark.parametrize("name", REFUSING)
def test_what_is_no_list_of_charges_is_refused_however_many_columns_it_has(house: House, name: str) -> None:
    told = TOLD[name]
    for number, names in enumerate(told["match"]["one_of"]):
        bucket = house.bucket()
        header = ",".join([*names, "BilledCost", "Date"] if not told["match"].get("none") else names)
        house.intake(bucket).process([bucket.put(f"{number}.csv", f"{header}\n{',' * header.count(',')}\n")])
        (line,) = house.ledger(bucket)
        assert line["state"] == "quarantined"
        assert line["reason"] == f"Line 1: This is {told['title']}, not a list of charges: {told['refuse']}"
