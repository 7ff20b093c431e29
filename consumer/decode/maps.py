"""The SQL that makes one MAP(VARCHAR, VARCHAR) of tags, however they are written."""

from collections.abc import Sequence

from billstream.common.lake.catalog import literal

MAP_TYPE = "MAP(VARCHAR, VARCHAR)"

_PAIR = r"\s*[^=:;,{}\[\]\"]+[=:][^;]*"
_PAIRS = rf"{_PAIR}(?:;{_PAIR})*;?\s*"


def string_map(cell: str) -> str:
    """Tags in a cell, NULL where they cannot be read: a JSON object, one without its braces, or `key:value;key=value`.

    Nested values stay JSON text. An object that has a name twice is none: DuckDB would make a map of it that many
    readers fail on.
    """
    trimmed = f"trim({cell})"
    braced = f"('{{' || {cell} || '}}')"
    return (
        f"CASE WHEN starts_with({trimmed}, '{{') THEN {_object(cell)}"
        f" WHEN starts_with({trimmed}, '\"') THEN {_object(braced)}"
        f" WHEN regexp_full_match({cell}, {literal(_PAIRS)}) THEN {_pairs(cell)} END"
    )


def _object(text: str) -> str:
    parsed = f"TRY_CAST({text} AS JSON)"
    names = f"json_keys({parsed})"
    return f"CASE WHEN len({names}) = list_unique({names}) THEN TRY_CAST({parsed} AS {MAP_TYPE}) END"


def _pairs(cell: str) -> str:
    parts = f"list_filter(string_split({cell}, ';'), lambda part: trim(part) <> '')"
    names = f"list_transform({parts}, lambda part: trim(regexp_extract(part, '^([^=:]*)', 1)))"
    texts = f"list_transform({parts}, lambda part: trim(regexp_extract(part, '^[^=:]*[=:](.*)$', 1, 's')))"
    return f"CASE WHEN len({names}) = list_unique({names}) THEN map({names}, {texts}) END"


def with_columns(tags: str | None, columns: Sequence[tuple[str, str]]) -> str:
    """Tags of a cell joined with (name, cell) pairs that are one tag each; an empty cell is no tag.

    NULL when there is none at all. A pair hides the cell's tag of the same name.
    """
    if not columns:
        return tags or f"NULL::{MAP_TYPE}"
    entries = ", ".join(f"{{'key': {literal(name)}, 'value': {cell}}}" for name, cell in columns)
    own = f"map_from_entries(list_filter([{entries}], lambda entry: entry.value IS NOT NULL))"
    joined = own if tags is None else f"map_concat(coalesce({tags}, MAP {{}}::{MAP_TYPE}), {own})"
    return f"CASE WHEN cardinality({joined}) > 0 THEN {joined} END"
