"""The columns of a Parquet file as the header of a CSV file would name them.

BigQuery and others write structures: one column `service` with the fields `id` and `description`. It becomes three:
`service` (the whole, as JSON), `service.id` and `service.description`, so that a profile finds the names that it knows
from a flattened file. Lists and maps stay one column, as JSON.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from billstream.consumer.decode.header import HEADER_BYTES, MAX_COLUMNS

MAX_DEPTH = 8
"""Structures that are nested deeper stay whole."""


@dataclass(frozen=True)
class Column:
    """One column of the header.

    Args:
        name: its name; that of a field begins with that of its structure and a dot.
        path: the position of the file's column, from 0, then those of the fields within the structures, from 1.
        nested: whether its cells are lists, maps or structures, which are read as JSON.
        whole: the position, in the header, of the structure that it is a field of.
    """

    name: str
    path: tuple[int, ...]
    nested: bool
    whole: int | None = None

    def cell(self, names: list[str]) -> str:
        """Return the SQL of its cells.

        Args:
            names: those of the file's columns in SQL.
        """
        sql = names[self.path[0]]
        for position in self.path[1:]:
            sql = f"struct_extract_at({sql}, {position})"
        return sql


def unfolded(schema: pa.Schema) -> tuple[Column, ...]:
    """Return the columns of a file, each structure followed by its fields.

    A structure whose fields would make the header larger than any header may be stays whole, without its fields.
    """
    found: list[Column] = []
    # Room for the file's own columns is never taken by fields.
    room = [MAX_COLUMNS - len(schema), HEADER_BYTES - sum(len(name) for name in schema.names)]
    for index, field in enumerate(schema):
        found.append(Column(field.name.strip(), (index,), bool(pa.types.is_nested(field.type))))
        if pa.types.is_struct(field.type):
            found += _fields(found[-1], len(found) - 1, field.type, room)
    return tuple(found)


def _fields(whole: Column, position: int, structure: pa.DataType, room: list[int]) -> Iterable[Column]:
    """Return the fields of a structure, and theirs; `room` is what is left of columns and of their names' length."""
    if len(whole.path) > MAX_DEPTH:
        return []
    fields = list(_own_fields(whole, position, structure))
    taken = (len(fields), sum(len(field.name) for field in fields))
    if any(left < some for left, some in zip(room, taken, strict=True)):
        return []
    room[:] = [left - some for left, some in zip(room, taken, strict=True)]
    found: list[Column] = []
    for number, field in enumerate(fields):
        found.append(field)
        if pa.types.is_struct(structure.field(number).type):
            found += _fields(field, position + len(found), structure.field(number).type, room)
    return found


def _own_fields(whole: Column, position: int, structure: pa.DataType) -> Iterator[Column]:
    for number in range(structure.num_fields):
        field = structure.field(number)
        name = f"{whole.name}.{field.name.strip()}"
        yield Column(name, (*whole.path, number + 1), bool(pa.types.is_nested(field.type)), position)
