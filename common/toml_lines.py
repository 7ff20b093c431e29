"""TOML files of the operator: their text, the variables that they name, and lines for messages about a mistake."""

import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

LONGEST_FILE = 1_000_000  # bytes


def text_of(path: Path) -> str:
    """Return the text of a file.

    Raises:
        OSError: it cannot be read.
        ValueError: it has more than `LONGEST_FILE` bytes, or is not UTF-8.
    """
    with path.open("rb") as file:
        content = file.read(LONGEST_FILE + 1)
    if len(content) > LONGEST_FILE:
        raise ValueError(f"it has more than {LONGEST_FILE:,} bytes")
    return content.decode("utf-8")


def variables_named(path: Path | None, tables: str) -> set[str]:
    """Return the variables of the environment that a file names, so far as it can be read.

    Args:
        path: the file, if there is one.
        tables: the name of the table of tables whose fields that end in `_from`, at any depth, name a variable.
    """
    try:
        found = tomllib.loads(text_of(path)).get(tables, {}) if path else {}
        return {str(v) for table in found.values() for field, v in flat(table).items() if field.endswith("_from")}
    except (OSError, ValueError, AttributeError):
        return set()


def flat(table: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a table and of the tables in it, whose names begin with that of their table and a dot."""
    found: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            found.update((f"{name}.{inner}", deeper) for inner, deeper in flat(value).items())
        else:
            found[name] = value
    return found


def line_of(text: str, place: tuple[str, ...]) -> int | None:
    """Return the line on which the word at `place` begins, or its table; None when the file does not have it.

    `place` is a table's name, a key, and more that is on the key's line, the way pydantic reports a location.
    """
    best, table, entries = None, "", Counter[str]()
    for number, line in enumerate(text.splitlines(), start=1):
        if opened := re.match(r"\s*(\[+)\s*([^\]]+?)\s*\]+", line):
            table = opened.group(2).replace('"', "").replace(" ", "")
            if len(opened.group(1)) > 1:  # an entry of a list of tables
                entries[table] += 1
                table = f"{table}.{entries[table] - 1}"
            if place and table == ".".join(place[: table.count(".") + 1]):
                best = best or number
        elif key := re.match(r"""\s*["']?([\w.-]+)["']?\s*=""", line):
            path = tuple(part for part in (*table.split("."), *key.group(1).split(".")) if part)
            if path and path == place[: len(path)]:
                return number
    return best
