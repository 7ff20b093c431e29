"""The SQL of the records of a file that are charges: a cell for each column unfolded, what is no charge left out.

All of it is about text cells, before any is typed: what a record that is left out says never rejects anything.
"""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

from billstream.common.lake.catalog import literal
from billstream.consumer.profiles import Binding
from billstream.consumer.profiles.binding import Test
from billstream.consumer.profiles.records import ANY

_SIGNS = re.compile(r"([?\[])")


def charges_of(records: str, binding: Binding) -> str:
    """Return those of a file's records that are charges; `records` itself where the profile says nothing about it."""
    unfolded = unpivoted(records, binding)
    condition = is_charge(binding)
    return f"(SELECT * FROM {unfolded} WHERE {condition})" if condition else unfolded


def unpivoted(records: str, binding: Binding) -> str:
    """Return records that have, behind their own cells, the name of a column and its cell: one for each that is filled.

    The name has the first position behind the header's, the cell the second.
    """
    if not binding.unpivoted:
        return records
    width = len(binding.header)
    cells = ", ".join(f"c{position}" for position, _ in binding.unpivoted)
    names = ", ".join(literal(name) for _, name in binding.unpivoted)
    # Lists of cells and of numbers, side by side: the names themselves are written once, and not into each record.
    pairs = f"unnest([{cells}]) AS c{width + 1}, unnest(range(1, {len(binding.unpivoted) + 1})) AS __column"
    return (
        f"(SELECT * EXCLUDE (__column), [{names}][__column] AS c{width} "
        f"FROM (SELECT *, {pairs} FROM {records}) WHERE c{width + 1} IS NOT NULL)"
    )


def is_charge(binding: Binding) -> str | None:
    """Return the condition under which a record is a charge, never NULL; None where every record is one."""
    nulls = {null.strip().lower() for null in binding.profile.values.nulls}
    held = [_holds(test, nulls) for test in binding.only]
    held += [f"NOT {_holds(test, nulls)}" for test in binding.leave_out]
    return " AND ".join(held) or None


def is_left_out(cells: Sequence[str], binding: Binding) -> bool:
    """Return whether a record that lacks cells at its end is no charge, by the cells that it has."""
    nulls = {null.strip().lower() for null in binding.profile.values.nulls}

    def holds(test: Test) -> bool:
        cell = cells[test.position].strip().lower()
        cell = "" if cell in nulls else cell
        texts = (text.strip().lower() for text in test.texts)
        # A star within a text was refused with the profile; fnmatch knows more signs than that one.
        return any(fnmatchcase(cell, _SIGNS.sub(r"[\1]", text)) and (text != ANY or bool(cell)) for text in texts)

    there = range(len(cells) if not binding.unpivoted else 0)
    only = (test for test in binding.only if test.position in there)
    leave_out = (test for test in binding.leave_out if test.position in there)
    return any(map(holds, leave_out)) or not all(map(holds, only))


def _holds(test: Test, nulls: set[str]) -> str:
    """Return the condition under which the cell of a test has one of its texts; it is never NULL."""
    cell = f"c{test.position}"
    texts = [text.strip().lower() for text in test.texts]
    # A cell that means no value is an empty cell by now.
    conditions = [f"{cell} IS NULL"] if any(not text or text in nulls for text in texts) else []
    conditions += [_is_text(cell, text) for text in texts if text]
    return f"coalesce({' OR '.join(conditions)}, false)"


def _is_text(cell: str, text: str) -> str:
    """Return the condition under which a cell is a text, in any case; * at its beginning or end is any text."""
    if text == ANY:
        return f"{cell} IS NOT NULL"
    plain = literal(text.removeprefix(ANY).removesuffix(ANY))
    match text.startswith(ANY), text.endswith(ANY):
        case True, True:
            return f"contains(folded({cell}), {plain})"
        case True, False:
            return f"suffix(folded({cell}), {plain})"
        case False, True:
            return f"starts_with(folded({cell}), {plain})"
        case _:
            return f"folded({cell}) = {plain}"
