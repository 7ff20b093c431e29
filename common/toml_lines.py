"""Lines of TOML files, for messages about a mistake in one."""

import re
from collections import Counter


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
