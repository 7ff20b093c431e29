"""How the times of one file are written, where its profile knows several ways that look alike.

9/1/24 is the first of September or the ninth of January. Nobody can tell from one cell; a file that has a 9/13/24
somewhere tells for all its cells. A file that does not tell is refused: a guess would move costs by months.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import duckdb

from billstream.common.errors import Poison
from billstream.consumer.decode import times
from billstream.consumer.decode.scan import Scan
from billstream.consumer.profiles import Profile
from billstream.consumer.profiles.model import NAMED_TIMES


@dataclass(frozen=True)
class _Tally:
    """Of the cells of a file, how many read as times in one form only, in the other only, and differently in both."""

    one: str
    other: str
    only_one: int
    only_other: int
    differing: int
    example: str | None


def plain_forms(profile: Profile) -> tuple[str, ...]:
    """The forms of a profile that no file has to be asked about."""
    rivals = _rivals(profile)
    return tuple(form for form in profile.values.times if form not in rivals)


def forms_of(scan: Scan, engine: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """The forms of the one file of `scan`: those of its profile without the ones that its cells speak against.

    Raises:
        Poison: cells may be read in two ways, and no other cell of the file tells which.
    """
    profile = scan.binding.profile
    cells = scan.time_cells()
    rivals = _rivals(profile)
    if not rivals or not cells:
        return profile.values.times
    excluded = set()
    for tally in _tallies(scan, rivals, cells, engine):
        if not tally.differing:
            continue
        if bool(tally.only_one) == bool(tally.only_other):
            raise Poison(_ambiguous(tally, profile))
        excluded.add(tally.other if tally.only_one else tally.one)
    return tuple(form for form in profile.values.times if form not in excluded)


def _rivals(profile: Profile) -> tuple[str, ...]:
    """Formats, where there are several; the named forms cannot be mistaken for another."""
    formats = tuple(form for form in profile.values.times if form not in NAMED_TIMES)
    return formats if len(formats) > 1 else ()


def _tallies(
    scan: Scan, rivals: Sequence[str], cells: Sequence[str], engine: duckdb.DuckDBPyConnection
) -> Iterator[_Tally]:
    pairs = list(combinations(rivals, 2))
    readings = {form: times.time_value("cell", [form], "UTC") for form in rivals}
    terms = []
    for one, other in pairs:
        first, second = readings[one], readings[other]
        differing = f"{first} <> {second}"
        terms += [
            f"count(*) FILTER ({first} IS NOT NULL AND {second} IS NULL)",
            f"count(*) FILTER ({second} IS NOT NULL AND {first} IS NULL)",
            f"count(*) FILTER ({differing})",
            f"min(cell) FILTER ({differing})",
        ]
    found = engine.execute(
        f"SELECT {', '.join(terms)} FROM (SELECT unnest([{', '.join(cells)}]) AS cell FROM {scan.reader()})"
    ).fetchone()
    values = list(found or [])
    for number, (one, other) in enumerate(pairs):
        yield _Tally(one, other, *values[4 * number : 4 * number + 4])


def _ambiguous(tally: _Tally, profile: Profile) -> str:
    mixed = "its other dates speak for both" if tally.only_one else "no other date of the file tells which"
    return (
        f"The date {tally.example!r} may be read as {tally.one} or as {tally.other}, and {mixed}. Say it in a profile "
        f'of your own: extends = "{profile.name}", and times = ["{tally.one}"] in [values].'
    )
