"""What no column of `charges` holds: the cells that are kept as JSON, and the tags that cannot be read."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from billstream.common.lake.catalog import literal
from billstream.consumer.decode.values import MAP_TYPE, coalesce
from billstream.consumer.profiles import Binding
from billstream.consumer.profiles.binding import Cell, Tags, cells_of


@dataclass(frozen=True)
class Rescue:
    """The SQL of `rescued` and of the maps for one binding; cells are named as in `Projection`.

    Args:
        binding: what feeds which column.
        types: the columns of `charges` with their DuckDB types.
    """

    binding: Binding
    types: Mapping[str, str]

    def maps(self) -> list[str]:
        """Return the maps that cells are read as, each once: for its column, and to know whether it was read."""
        return [
            f"tags_of({coalesce([f'c{p}' for p in cells])}) AS {tags_of(name)}" for name, cells in self._maps.items()
        ]

    def as_json(self) -> str:
        """Return the cells that no column holds, as a JSON object without its nulls; NULL when there are none.

        A cell of tags is among them in the records in which it cannot be read as tags. Where a cell is the object of a
        row that was loaded before, that object is taken as it is; one that is none, or not alone, is kept as a text.
        """
        unknown = [(name, f"c{position}") for position, name in self.names().items()]
        if self._whole is None:
            return self._object(unknown)
        cell, name = f"c{self._whole}", self._names[self._whole]
        is_object = f"coalesce(json_type(TRY_CAST({cell} AS JSON)) = 'OBJECT', false)"
        alone, among = self._object(unknown), self._object([*unknown, (name, cell)])
        return f"CASE WHEN {is_object} AND ({alone}) IS NULL THEN {cell} ELSE {among} END"

    def _object(self, unknown: Sequence[tuple[str, str]]) -> str:
        """Return these cells, and in the records in which they are no tags those of tags, as a JSON object."""
        plain, lost, all_of_them = _json_object(unknown), list(self.lost().values()), list(unknown)
        for column, position in self._only_unread.items():
            all_of_them.append((self._names[position], f"CASE WHEN {tags_of(column)} IS NULL THEN c{position} END"))
        return f"CASE WHEN {' OR '.join(lost)} THEN {_json_object(all_of_them)} ELSE {plain} END" if lost else plain

    def names(self) -> dict[int, str]:
        """Return the names in the JSON object of the cells that are always in it, by position."""
        return {position: self._names[position] for position in self.binding.rescued}

    def lost(self) -> dict[str, str]:
        """Return, by column of maps, the condition under which its cell has no tags, and is in the JSON object."""
        return {
            column: f"(c{position} IS NOT NULL AND {tags_of(column)} IS NULL)"
            for column, position in self._only_unread.items()
        }

    def tags_unread(self) -> str | None:
        """Return how many cells of a staged row are no tags in any spelling; None where no cell should be tags.

        They are recognised by `rescued`: a row is staged without the cells that it was made of.
        """
        counts = []
        for column, positions in self._maps.items():
            names = [self._names[position] for position in positions]
            # A name of the object is found as it is written: within another text, its quotes would be escaped.
            keys = [start + json.dumps(name, ensure_ascii=False) + ":" for name in names for start in "{,"]
            unread = " OR ".join(f"contains(rescued, {literal(key)})" for key in keys)
            if column in self._only_unread:
                unread = f"{column} IS NULL AND ({unread})"
            else:  # they are in `rescued` whether they were read or not
                cells = coalesce([f"rescued ->> {literal(_pointer(name))}" for name in names])
                unread = f"CASE WHEN {unread} THEN tags_of({cells}) IS NULL END"
            counts.append(f"CASE WHEN {unread} THEN 1 ELSE 0 END")
        return " + ".join(counts) or None

    def tag_names(self) -> list[str]:
        """Return the header names of the cells that should be tags."""
        return [self.binding.names[position] for cells in self._maps.values() for position in cells]

    @cached_property
    def _maps(self) -> dict[str, tuple[int, ...]]:
        """The columns of maps, each with the cells that it is read from; the first that has a value counts."""
        found = dict[str, tuple[int, ...]]()
        for column, value in self.binding.values.items():
            if self.types[column] != MAP_TYPE:
                continue
            own = value.cell if isinstance(value, Tags) else None
            if cells := (own,) if own is not None else tuple(cell.position for cell in cells_of(value)):
                found[column] = cells
        return found

    @property
    def _whole(self) -> int | None:
        """The position of the cell that is the whole object; see the profile `billstream_focus`."""
        value = self.binding.values.get("rescued")
        return value.position if isinstance(value, Cell) else None

    @cached_property
    def _only_unread(self) -> dict[str, int]:
        """The columns whose one cell is rescued where it was not read, and only there."""
        rescued = set(self.binding.rescued)
        return {column: cells[0] for column, cells in self._maps.items() if len(cells) == 1 and cells[0] not in rescued}

    @cached_property
    def _names(self) -> dict[int, str]:
        """The names of cells in the JSON object, by position. Empty and repeated ones are made unique: none is lost."""
        names: dict[str, int] = {}
        cells = [*self.binding.rescued, *self._only_unread.values()]
        cells += [self._whole] if self._whole is not None else []
        for number, position in enumerate(cells):
            name = re.sub(r"[\x00-\x1f]", " ", self.binding.names[position]) or f"column {number + 1}"
            while name in names:
                name = f"{name} ({number + 1})"
            names[name] = position
        return {position: name for name, position in names.items()}


def tags_of(column: str) -> str:
    """Return the name of the column that has the map of a cell, before tags of other columns join it."""
    return f"m_{column}"


def _json_object(pairs: Sequence[tuple[str, str]]) -> str:
    """Return (name, value) pairs as a JSON object."""
    if not pairs:
        return "NULL::VARCHAR"
    body = ", ".join(f"{literal(name)}, {value}" for name, value in pairs)
    return f"object_or_null(json_object({body}))"


def _pointer(name: str) -> str:
    """Return a name of a JSON object as a JSON pointer (RFC 6901)."""
    return "/" + name.replace("~", "~0").replace("/", "~1")
