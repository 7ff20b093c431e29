"""The aggregates against the charges of the snapshot that they are at."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from billstream.aggregator.verify import Difference, verify
from billstream.common.errors import Fatal
from billstream.consumer.verify import Check, Cure, Finding

if TYPE_CHECKING:
    from billstream.common.lake import Lake


def aggregate_findings(lake: "Lake") -> Iterator[Finding]:
    """Every group that is not the sum of its charges; none before the first refresh."""
    try:
        differences = verify(lake)
    except Fatal as error:  # there is nothing left to compare with; the text says so
        yield Finding(Check.AGGREGATES, str(error), Cure.REBUILD)
        return
    for difference in differences:
        yield Finding(Check.AGGREGATES, _problem(difference), Cure.REBUILD)


def _problem(difference: Difference) -> str:
    group = ", ".join(f"{name} {'is null' if value is None else value}" for name, value in difference.key.items())
    where = f"{difference.table} ({group})"
    if difference.stored is None:
        return f"{where}: the group is not there, its charges are."
    if difference.recomputed is None:
        return f"{where}: the group has no charges."
    wrong = "; ".join(
        f"{name} is {_text(value)} and should be {_text(difference.recomputed[name])}"
        for name, value in difference.stored.items()
    )
    return f"{where}: {wrong}."


def _text(value: object) -> str:
    return "null" if value is None else str(value)
