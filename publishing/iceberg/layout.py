"""The tables of a copy in Iceberg: schema, partitions and values, from the columns of the lake."""

import re
from collections.abc import Iterator
from itertools import count

from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import MonthTransform
from pyiceberg.types import (
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    IcebergType,
    IntegerType,
    LongType,
    MapType,
    NestedField,
    StringType,
    TimestamptzType,
)

from billstream.common.errors import Fatal
from billstream.publishing.days import FIRST_BEYOND, FIRST_DAY
from billstream.publishing.tables import DAY, Column, Table

MONTH = "charge_month"
"""The partition of a row: the month of its day."""

_TYPES: dict[str, IcebergType] = {
    "VARCHAR": StringType(),
    "BIGINT": LongType(),
    "INTEGER": IntegerType(),
    "BOOLEAN": BooleanType(),
    "DOUBLE": DoubleType(),
    "DATE": DateType(),
    "TIMESTAMP WITH TIME ZONE": TimestamptzType(),
}
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
_MAP = re.compile(r"MAP\((\w+), (.+)\)")
_LAST_MOMENT = "10000-01-01"


def schema_of(table: Table) -> Schema:
    """Return the schema of a copy; every column may be NULL, and has its comment.

    Raises:
        Fatal: a column has a type that Iceberg lacks, a bug.
    """
    ids = count(1)
    return Schema(
        *(
            NestedField(
                field_id=next(ids),
                name=column.name,
                field_type=_type_of(column.name, column.type, ids),
                required=False,
                doc=column.comment or None,
            )
            for column in table.copied
        )
    )


def months_of(schema: Schema) -> PartitionSpec:
    """Return the partitions of a table with this schema."""
    day = schema.find_field(DAY).field_id
    return PartitionSpec(PartitionField(source_id=day, field_id=1000, transform=MonthTransform(), name=MONTH))


def value_of(column: Column) -> str:
    """Return the SQL of DuckDB that makes the copy's value of a column.

    Iceberg has no infinite dates, and few readers take a year beyond 9999. Such a value becomes NULL; and so does each
    day beyond the calendar, so that all of these days are one partition.
    """
    name = column.name
    if column.name == DAY:
        return f"CASE WHEN {name} >= DATE '{FIRST_DAY}' AND {name} < DATE '{FIRST_BEYOND}' THEN {name} END AS {name}"
    if column.type in {"DATE", "TIMESTAMP WITH TIME ZONE"}:
        first, last = (f"'{bound}'::{column.type}" for bound in (FIRST_DAY.isoformat(), _LAST_MOMENT))
        return f"CASE WHEN {name} >= {first} AND {name} < {last} THEN {name} END AS {name}"
    return name


def _type_of(name: str, kind: str, ids: Iterator[int]) -> IcebergType:
    if found := _DECIMAL.fullmatch(kind):
        return DecimalType(int(found[1]), int(found[2]))
    if found := _MAP.fullmatch(kind):
        return MapType(
            key_id=next(ids),
            key_type=_type_of(name, found[1], ids),
            value_id=next(ids),
            value_type=_type_of(name, found[2], ids),
            value_required=False,
        )
    if kind not in _TYPES:
        raise Fatal(f"{name} is {kind}, which has no type in Iceberg. This is a bug in billstream.")
    return _TYPES[kind]
