"""The tables of a copy in PostgreSQL: their statements, from the columns of the lake."""

import re
from collections.abc import Iterator, Sequence
from datetime import date

from billstream.common.errors import Fatal
from billstream.common.lake.catalog import literal
from billstream.common.statements import statement
from billstream.publishing.days import FIRST_BEYOND, FIRST_DAY, Piece
from billstream.publishing.tables import DAY, Column, Table

WATERMARK = "watermark"

_TYPES = {
    "VARCHAR": "text",
    "BIGINT": "bigint",
    "INTEGER": "integer",
    "BOOLEAN": "boolean",
    "DOUBLE": "double precision",
    "DATE": "date",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
}
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
NULL_BYTE = "␀"
"""Stands for a NUL, which no text of PostgreSQL can have."""


def quoted(name: str) -> str:
    """Quote a name of PostgreSQL's."""
    return '"' + name.replace('"', '""') + '"'


def type_of(column: Column) -> str:
    """Return PostgreSQL's type for a column; it holds every value exactly.

    Raises:
        Fatal: there is none, a bug.
    """
    if column.type.startswith("MAP("):
        return "jsonb"
    if found := _DECIMAL.fullmatch(column.type):
        return f"numeric({found[1]}, {found[2]})"
    if column.type not in _TYPES:
        raise Fatal(f"{column.name} is {column.type}, which has no type in PostgreSQL. This is a bug in billstream.")
    return _TYPES[column.type]


def value_of(column: Column) -> str:
    """Return the SQL of DuckDB that makes PostgreSQL's value of a column.

    A map becomes an object of JSON, its numbers digit by digit: DuckDB's own conversion goes through a float.
    """
    name = quoted(column.name)
    if not column.type.startswith("MAP("):
        return name
    value = "entry.value::VARCHAR"
    if column.type.endswith(", VARCHAR)"):
        value = f"to_json(replace(entry.value, chr(0), '{NULL_BYTE}'))::VARCHAR"
    key = f"to_json(replace(entry.key, chr(0), '{NULL_BYTE}'))::VARCHAR"
    entries = f"list_transform(map_entries({name}), lambda entry: {key} || ':' || coalesce({value}, 'null'))"
    return f"('{{' || array_to_string({entries}, ',') || '}}')::JSON"


def table_statements(schema: str, tables: Sequence[Table], *, partitioned: bool) -> Iterator[str]:
    """Yield the statements that make schema and tables, or what they lack, with their comments."""
    yield f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}"
    for table in tables:
        name = f"{quoted(schema)}.{quoted(table.name)}"
        columns = ", ".join(f"{quoted(column.name)} {type_of(column)}{_never_null(column)}" for column in table.copied)
        parts = f" PARTITION BY RANGE ({DAY})" if partitioned and table.is_charges else ""
        yield f"CREATE TABLE IF NOT EXISTS {name} ({columns}){parts}"
        for column in table.copied:
            yield f"ALTER TABLE {name} ADD COLUMN IF NOT EXISTS {quoted(column.name)} {type_of(column)}"
            yield f"COMMENT ON COLUMN {name}.{quoted(column.name)} IS {literal(column.comment)}"
        yield f"CREATE INDEX IF NOT EXISTS {quoted(f'{table.name}_day')} ON {name} ({DAY})"
        yield f"COMMENT ON TABLE {name} IS {literal(table.comment)}"
    yield statement(__name__, "make_watermark", schema=quoted(schema))


def grants(schema: str, role: str) -> list[str]:
    """Return the statements that let a role read everything in the schema."""
    return [
        f"GRANT USAGE ON SCHEMA {quoted(schema)} TO {quoted(role)}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {quoted(schema)} TO {quoted(role)}",
    ]


def partitions(schema: str, table: Table, piece: Piece) -> dict[str, list[str]]:
    """Return the statements that make the partitions of a piece, by the name of each.

    A partition that is made by itself and then attached locks nothing that readers need, and no default one is there to
    be searched: what is beyond the calendar has partitions of its own.
    """
    bounds = (
        {f"{table.name}_{piece.month:%Y_%m}": (_text(piece.month), _text(piece.after))}
        if piece.month
        else {
            f"{table.name}_before": ("MINVALUE", _text(FIRST_DAY)),
            f"{table.name}_after": (_text(FIRST_BEYOND), "MAXVALUE"),
        }
    )
    parent = f"{quoted(schema)}.{quoted(table.name)}"
    made = {}
    for name, (first, after) in bounds.items():
        part = f"{quoted(schema)}.{quoted(name)}"
        made[name] = [
            f"CREATE TABLE {part} (LIKE {parent} INCLUDING ALL)",
            f"ALTER TABLE {parent} ATTACH PARTITION {part} FOR VALUES FROM ({first}) TO ({after})",
        ]
    return made


def clear_statement(schema: str, table: Table, piece: Piece | None) -> str:
    """Return the statement that removes the rows of a piece, or all rows."""
    rows = f"DELETE FROM {quoted(schema)}.{quoted(table.name)}"
    if piece is None:
        return rows
    if piece.month is None:
        return f"{rows} WHERE {DAY} < {_text(FIRST_DAY)} OR {DAY} >= {_text(FIRST_BEYOND)}"
    if piece.days is None:
        return f"{rows} WHERE {DAY} >= {_text(piece.month)} AND {DAY} < {_text(piece.after)}"
    return f"{rows} WHERE {DAY} IN ({', '.join(map(_text, piece.days))})"


def _text(day: date) -> str:
    return f"'{day.isoformat()}'"


def _never_null(column: Column) -> str:
    return " NOT NULL" if column.name == DAY else ""
