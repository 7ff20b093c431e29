"""Compare the aggregates with the charges of the snapshot that they are at."""

from collections.abc import Iterator

from billstream.aggregator.verify import Difference, verify
from billstream.common.errors import DataDamaged, Fatal
from billstream.common.lake import Lake
from billstream.consumer.verify import Check, Cure, Finding


def aggregate_findings(lake: Lake) -> Iterator[Finding]:
    """Yield a finding for every group that is not the sum of its charges; before the first refresh there are none."""
    try:
        differences = verify(lake)
    except DataDamaged:
        problem = "they cannot be compared: a data file of the snapshot that they are at cannot be read any more."
        yield Finding(Check.AGGREGATES, problem, Cure.REBUILD)
        return
    except Fatal as error:  # the snapshot has been expired: only a rebuild makes the aggregates verifiable again
        yield Finding(Check.AGGREGATES, str(error), Cure.REBUILD)
        return
    for difference in differences:
        yield Finding(Check.AGGREGATES, _problem(difference), Cure.REBUILD)


def _problem(difference: Difference) -> str:
    group = ", ".join(f"{name} {'is null' if value is None else value}" for name, value in difference.key.items())
    where = f"{difference.table} ({group})"
    if difference.stored is None:
        return f"{where}: the group is missing, but it has charges."
    if difference.recomputed is None:
        return f"{where}: the table has a row too many: no charges account for it."
    wrong = "; ".join(
        f"{name} is {_text(value)} and should be {_text(difference.recomputed[name])}"
        for name, value in difference.stored.items()
    )
    return f"{where}: {wrong}."


def _text(value: object) -> str:
    return "null" if value is None else str(value)
