"""The SQL that turns the text cells of a file into typed columns of `charges`, exactly or not at all.

Reading text as a wide decimal is slow in DuckDB, and a cast to a decimal of smaller scale rounds silently.
So a number takes the narrow, fast cast only when its text cannot need more digits than the narrow type keeps;
all other texts take the slow cast, and only when a pattern shows that it is exact.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from common.lake.catalog import literal
from consumer.profiles import Binding

COST_TYPE = "DECIMAL(38,18)"
TIME_TYPE = "TIMESTAMP WITH TIME ZONE"
BAD_MARK = "!"  # put before the load id of a row that does not fit; a load id is hexadecimal
ALWAYS = ("charge_period_start", "billing_currency", "billed_cost", "rescued")
_PLAIN_TYPES = {"VARCHAR"}
_FIRST_TIME = "TIMESTAMPTZ '0001-01-01 00:00:00+00'"  # what Python, and most others, can hold
_LAST_TIME = "TIMESTAMPTZ '9999-12-31 23:59:59.999999+00'"

# An optional sign, at most 20 digits before the point and 18 after it, zeros around these.
_EXACT = r"^\s*[+-]?(0*[0-9]{1,20}(\.[0-9]{0,18}0*)?|\.[0-9]{1,18}0*)\s*$"
_NUMBER = r"^\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)\s*$"
_SCIENTIFIC = r"^\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)[eE][+-]?0*[0-9]{1,3}\s*$"


def exact_decimal(cell: str) -> str:
    """`cell` as DECIMAL(38,18), or NULL where that would round, overflow, or is no number.

    DuckDB's casts take '- ', which spreadsheets write for nothing, as 0. So what does not begin with a digit or
    a point must at least end with one to be cast at once.
    """
    plain = (
        f"NOT contains({cell}, 'e') AND NOT contains({cell}, 'E')"
        f" AND ({cell} >= '.' OR right({cell}, 1) BETWEEN '.' AND '9')"
    )
    text = _without_exponent(cell)
    return (
        "coalesce("
        # 13 characters have at most 12 digits behind the point, also in '.123456789012'.
        f"CASE WHEN length({cell}) <= 13 AND {plain} THEN TRY_CAST({cell} AS DECIMAL(18,12)) END::{COST_TYPE}, "
        f"CASE WHEN length({cell}) <= 20 AND starts_with({cell}, '0.') AND {plain}"
        f" THEN TRY_CAST({cell} AS DECIMAL(18,18)) END::{COST_TYPE}, "
        f"CASE WHEN regexp_matches({text}, '{_EXACT}') THEN TRY_CAST({text} AS {COST_TYPE}) END)"
    )


def rounded_decimal(cell: str) -> str:
    """`cell` as DECIMAL(38,18), NULL where it is no number or too large.

    Digits beyond the 18th decimal are rounded half away from zero, as DuckDB casts text to a decimal. Only what
    has such digits takes that cast: it is slow.
    """
    text = _without_exponent(cell)
    cast = f"CASE WHEN regexp_matches({text}, '{_NUMBER}') THEN TRY_CAST({text} AS {COST_TYPE}) END"
    return f"coalesce({exact_decimal(cell)}, {cast})"


def _without_exponent(cell: str) -> str:
    """A number in scientific notation as plain text, its point moved; NULL for what has an 'e' and is none.

    DuckDB's own casts of such texts take 8e-40 as 1e-18, and let 1.7e20 pass as a DECIMAL(38,18).
    """
    whole = f"regexp_extract({cell}, '^\\s*[+-]?([0-9]*)', 1)"
    fraction = f"regexp_extract({cell}, '\\.([0-9]*)', 1)"
    power = f"TRY_CAST(regexp_extract({cell}, '[eE]([+-]?[0-9]+)', 1) AS INTEGER)"
    sign = f"CASE WHEN regexp_matches({cell}, '^\\s*-') THEN '-' ELSE '' END"
    longer = f"rpad({fraction}, greatest({power}, length({fraction}))::INTEGER, '0')"
    padded = f"lpad({whole}, greatest(-{power}, length({whole}))::INTEGER, '0')"
    return (
        f"CASE WHEN NOT contains({cell}, 'e') AND NOT contains({cell}, 'E') THEN {cell}"
        f" WHEN NOT regexp_matches({cell}, '{_SCIENTIFIC}') THEN NULL"
        f" WHEN {power} < 0 THEN concat({sign}, left({padded}, (length({padded}) + {power})::INTEGER), '.',"
        f" right({padded}, -{power}), {fraction})"
        f" ELSE concat({sign}, {whole}, left({longer}, {power}), '.', substring({longer}, {power} + 1)) END"
    )


def iso_timestamp(cell: str) -> str:
    """`cell` as TIMESTAMPTZ when it is ISO 8601, NULL otherwise; without an offset it is UTC.

    The guard is for what DuckDB would take as well: '9/1/24' as the first of September of the year 9,
    'infinity', 'epoch'. Times outside the years 1 to 9999, which '(BC)' or an offset may bring about, pass it:
    see `Projection.faults`.
    """
    return f"CASE WHEN substring({cell}, 5, 1) = '-' THEN TRY_CAST({cell} AS TIMESTAMPTZ) END"


def string_map(cell: str) -> str:
    """A JSON object as MAP(VARCHAR, VARCHAR), NULL when it is none; nested values stay JSON text.

    An object that has a name twice is none: DuckDB would make a map of it that many readers fail on.
    """
    parsed = f"TRY_CAST({cell} AS JSON)"
    value = f"TRY_CAST({parsed} AS MAP(VARCHAR, VARCHAR))"
    names = f"json_keys({parsed})"
    return f"CASE WHEN len({names}) = list_unique({names}) THEN {value} END"


def _typed(cell: str, data_type: str, *, exact: bool) -> str:
    if data_type == "VARCHAR":
        return cell
    if data_type == COST_TYPE:
        return exact_decimal(cell) if exact else rounded_decimal(cell)
    if data_type == TIME_TYPE:
        return iso_timestamp(cell)
    if data_type == "MAP(VARCHAR, VARCHAR)":
        return string_map(cell)
    raise NotImplementedError(f"no cell becomes a {data_type}")


@dataclass(frozen=True)
class Projection:
    """The SELECT lists for one binding. Cells are named c0, c1, … by position; no header name becomes SQL.

    Args:
        binding: which cell feeds which column.
        types: the columns of `charges` with their DuckDB types, in the table's order.
        exact: whether a number that would have to be rounded counts as one that does not fit.
    """

    binding: Binding
    types: Mapping[str, str]
    exact: bool = True

    @property
    def cells(self) -> list[str]:
        """The names of the text columns, in the file's order."""
        return [f"c{index}" for index in range(len(self.binding.header))]

    @property
    def columns(self) -> list[str]:
        """The columns of `charges` that these files fill, in the table's order.

        A column that no cell feeds is left out of the staged file: writing half a hundred columns of nothing
        takes longer than writing the rest. `ALWAYS` are there for the ledger's sake.
        """
        fed = {*self.binding.positions, *ALWAYS}
        fed |= {name for name, source in self.binding.profile.columns.items() if source.constant is not None}
        return [column for column in self.types if column in fed and column != "load_id"]

    def typed_columns(self) -> str:
        """The values of `columns`, from the cells of one record."""
        return ", ".join(
            f"{self._value(column, self.types[column])} AS {column}" for column in self.columns if column != "rescued"
        )

    def faults(self) -> list[tuple[str, int | None, str]]:
        """(column, position of its cell, condition under which its value does not fit) for each that may not."""
        found = []
        for column, source in self.binding.profile.columns.items():
            position = self.binding.positions.get(column)
            data_type = self.types[column]
            unfit = f"{column} IS NULL"
            if data_type == TIME_TYPE:
                unfit = f"({unfit} OR {column} NOT BETWEEN {_FIRST_TIME} AND {_LAST_TIME})"
            if source.required:
                found.append((column, position, unfit))
            elif position is not None and data_type not in _PLAIN_TYPES and not data_type.startswith("MAP"):
                found.append((column, position, f"(c{position} IS NOT NULL AND {unfit})"))
        return found

    def bad(self) -> str:
        """The condition under which a record is rejected."""
        return " OR ".join(condition for _, _, condition in self.faults()) or "false"

    def rounded(self) -> str:
        """How many values of a record have more decimals than are kept. Goes with `exact=False`."""
        terms = [
            f"CASE WHEN {column} IS NOT NULL AND {exact_decimal(f'c{position}')} IS NULL THEN 1 ELSE 0 END"
            for column, position in self.binding.positions.items()
            if self.types[column] == COST_TYPE
        ]
        return " + ".join(terms) or "0"

    def rescued(self) -> str:
        """The cells that no mapping knew, as a JSON object without its nulls; NULL when there are none."""
        unknown = [(self.binding.header[index], f"c{index}") for index in self.binding.rescued]
        unread = [
            (self.binding.header[position], f"CASE WHEN {column} IS NULL THEN c{position} END", position, column)
            for column, position in self.binding.positions.items()
            if self.types[column].startswith("MAP")
        ]
        plain = _json_object(unknown)
        if not unread:
            return plain
        lost = " OR ".join(f"(c{position} IS NOT NULL AND {column} IS NULL)" for _, _, position, column in unread)
        full = _json_object([*unknown, *((name, value) for name, value, _, _ in unread)])
        return f"CASE WHEN {lost} THEN {full} ELSE {plain} END"

    def _value(self, column: str, data_type: str) -> str:
        source = self.binding.profile.columns.get(column)
        if source is not None and source.constant is not None:
            return f"{literal(source.constant)}::{data_type}"
        position = self.binding.positions.get(column)
        if position is None:
            return f"NULL::{data_type}"
        return _typed(f"c{position}", data_type, exact=self.exact)


def _json_object(pairs: list[tuple[str, str]]) -> str:
    if not pairs:
        return "NULL::VARCHAR"
    names: dict[str, str] = {}
    for position, (name, value) in enumerate(pairs):
        key = re.sub(r"[\x00-\x1f]", " ", name) or f"column {position + 1}"
        while key in names:
            key = f"{key} ({position + 1})"
        names[key] = value
    # A merge patch leaves out the nulls (RFC 7396).
    body = ", ".join(f"{literal(name)}, {value}" for name, value in names.items())
    return f"nullif(json_merge_patch('{{}}', json_object({body}))::VARCHAR, '{{}}')"
