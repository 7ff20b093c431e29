"""The forms in which the times of a file are written, where its profile allows several that may be mistaken.

9/1/24 is the first of September or the ninth of January, and one cell does not show which. Two kinds of evidence
decide: a cell that only one form can read, such as 9/13/24, and periods that make sense in one form only. A file
without either is refused: a guess would move costs by months.
"""

import re
from collections.abc import Sequence
from itertools import combinations

import duckdb

from billstream.common.errors import Poison
from billstream.consumer.decode.projection import Projection
from billstream.consumer.decode.values import coalesce, time_of, time_value
from billstream.consumer.profiles import Profile
from billstream.consumer.profiles.binding import cells_of
from billstream.consumer.profiles.model import NAMED_TIMES

_PERIODS = ("charge_period_start", "charge_period_end", "billing_period_start", "billing_period_end")
_PERIOD = re.compile("|".join(_PERIODS))
_WIDTHS = {"Y": (4, 4), "b": (3, 3), "B": (3, 9), "j": (1, 3), "f": (1, 9), "z": (1, 6), "M": (2, 2), "S": (2, 2)}
# What no charge has, the surest evidence first: a billing period that does not begin on the first of a month, or ends
# on neither the first nor the last day of one; a period that ends before it starts; a day outside the billing period,
# which a correction may have.
_CONTRADICTIONS = (
    (
        "day(billing_period_start) <> 1",
        "(day(billing_period_end) <> 1 AND day(billing_period_end + INTERVAL 1 DAY) <> 1)",
    ),
    ("charge_period_start > charge_period_end", "billing_period_start >= billing_period_end"),
    ("charge_period_start < billing_period_start", "charge_period_start > billing_period_end"),
)


def certain_forms(profile: Profile) -> tuple[str, ...]:
    """Return the time forms of a profile that cannot be mistaken for one another, in whatever file."""
    rivals = {form for pair in _rival_pairs(profile) for form in pair}
    return tuple(form for form in profile.values.times if form not in rivals)


def decided_forms(projection: Projection, reader: str, engine: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """Return the time forms of a file's profile that its cells do not rule out.

    Args:
        projection: that of the file.
        reader: the records of the file, as SQL.
        engine: reads them.

    Raises:
        Poison: cells may be read in two ways, and neither another cell nor the periods decide which.
    """
    profile, cells = projection.binding.profile, projection.time_cells
    pairs = _rival_pairs(profile)
    if not pairs or not cells:
        return profile.values.times
    terms = []
    for pair in pairs:
        first, second = (time_value("cell", [form], "UTC") for form in pair)
        terms += [
            f"count(*) FILTER ({first} IS NOT NULL AND {second} IS NULL)",
            f"count(*) FILTER ({second} IS NOT NULL AND {first} IS NULL)",
            f"count(*) FILTER ({first} <> {second})",
            f"min(cell) FILTER ({first} <> {second})",
        ]
    # One pass over the file, however many pairs there are.
    source = f"(SELECT unnest([{', '.join(cells)}]) AS cell FROM {reader})"
    counts = engine.execute(f"SELECT {', '.join(terms)} FROM {source}").fetchall()[0]
    excluded = set()
    for index, (one, other) in enumerate(pairs):
        only_one, only_other, differing, example = counts[4 * index : 4 * index + 4]
        if not differing:
            continue  # both forms read every cell alike, or no cell reads in both
        # Cells that read in one form only are the evidence; it must be there for exactly one of the two.
        wrong = other if only_one else one
        if bool(only_one) == bool(only_other):
            senseless = None if only_one else _senseless(projection, reader, (one, other), engine)
            if senseless is None:
                raise Poison(_undecided(profile, example, one, other, mixed=bool(only_one)))
            wrong = senseless
        excluded.add(wrong)
    return tuple(form for form in profile.values.times if form not in excluded)


def _senseless(
    projection: Projection, reader: str, pair: tuple[str, str], engine: duckdb.DuckDBPyConnection
) -> str | None:
    """Return the one of two forms in which periods make no sense; None where that is true of both or neither."""
    terms = [
        f"count(*) FILTER ({_contradicted(projection, kind, form, pair)})" for kind in _CONTRADICTIONS for form in pair
    ]
    counts = engine.execute(f"SELECT {', '.join(terms)} FROM {reader}").fetchall()[0]
    for in_one, in_other in zip(counts[::2], counts[1::2], strict=True):
        if bool(in_one) != bool(in_other):
            return pair[0] if in_one else pair[1]
    return None


def _contradicted(projection: Projection, kind: Sequence[str], form: str, pair: tuple[str, str]) -> str:
    """Return the condition under which a record that is written in `form`, not in the other, contradicts itself."""
    bound = projection.binding.values
    others = [one for one in projection.binding.profile.values.times if one not in pair]
    # In UTC, as only days are compared, and all of one file are of one zone.
    read = {
        column: coalesce([time_of(cell, [form, *others], "UTC") for cell in cells_of(bound[column])])
        for column in _PERIODS
        if column in bound
    }
    conditions = [
        _PERIOD.sub(lambda name: f"timezone('UTC', {read[name[0]]})", condition)
        for condition in kind
        if read.keys() >= set(_PERIOD.findall(condition))
    ]
    return " OR ".join(f"coalesce({condition}, false)" for condition in conditions) or "false"


def _undecided(profile: Profile, example: str, one: str, other: str, *, mixed: bool) -> str:
    why = "its other dates fit both" if mixed else "no other date of the file decides which"
    return (
        f"The date {example!r} may be read as {one} or as {other}, and {why}. The file is not loaded, as "
        "a guess would move costs by months. Choose one in a profile of your own: "
        f'extends = "{profile.name}", and times = ["{one}"] in [values].'
    )


def _rival_pairs(profile: Profile) -> list[tuple[str, str]]:
    """Return the pairs of strptime formats of a profile that may read the same text."""
    formats = [form for form in profile.values.times if form not in NAMED_TIMES]
    return [pair for pair in combinations(formats, 2) if _rivals(*pair)]


def _rivals(one: str, other: str) -> bool:
    """Return whether two formats have the same separators, and may be of equal length."""
    if _separators(one) != _separators(other):
        return "%z" in one + other  # an offset has separators of its own
    (least, most), (least_other, most_other) = _lengths(one), _lengths(other)
    return least <= most_other and least_other <= most


def _lengths(form: str) -> tuple[int, int]:
    """Return how few and how many characters the texts of a format have."""
    directives = re.findall(r"%-?(.)", form)
    least = 1 if _separators(form) else 2
    widths = [_WIDTHS.get(one, (2 if one == "y" else least, 2)) for one in directives]
    return sum(least for least, _ in widths), sum(most for _, most in widths)


def _separators(form: str) -> list[str]:
    return [part for part in re.split(r"%-?.", form) if part]
