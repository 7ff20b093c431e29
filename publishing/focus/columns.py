"""The columns of a file as SQL over `charges`: every value to the last digit, in the form that FOCUS wants."""

from collections.abc import Mapping
from enum import StrEnum

from billstream.common.lake.catalog import literal

_NUMBER, _TIME, _MAP = "DECIMAL(38,18)", "TIMESTAMP WITH TIME ZONE", "MAP(VARCHAR, VARCHAR)"


class FileFormat(StrEnum):
    """The form of the files. Tags are a JSON object as text in both, as FOCUS knows no other form for their nulls."""

    PARQUET = "parquet"
    CSV = "csv"


def select_list(names: Mapping[str, str], types: Mapping[str, str], form: FileFormat) -> str:
    """Return the SELECT list of a file.

    In Parquet costs are DECIMAL(38,18) and times are TIMESTAMP in UTC. In CSV both are text: plain numbers without
    zeros at their end, and ISO 8601 with Z, without a fraction where there is none.

    Args:
        names: the columns of the file in order, each with that of `charges`; both come from code, never from a file.
        types: the columns of `charges` with their DuckDB types.
        form: of the file.
    """
    return ", ".join(f'{_value(column, types[column], form)} AS "{name}"' for name, column in names.items())


def _value(column: str, kind: str, form: FileFormat) -> str:
    if kind == _MAP:
        # Of NULL, to_json makes the JSON value null.
        return f"CASE WHEN {column} IS NOT NULL THEN to_json({column})::VARCHAR END"
    if form is FileFormat.PARQUET or kind == "VARCHAR":
        return column
    if kind == _NUMBER:
        return f"rtrim(rtrim({column}::VARCHAR, '0'), '.')"
    if kind == _TIME:
        return f"replace(timezone('UTC', {column})::VARCHAR, ' ', 'T') || {literal('Z')}"
    raise NotImplementedError(f"no form for {column}, a {kind}")
