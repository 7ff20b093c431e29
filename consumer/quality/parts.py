"""The parts of a delivery beside what their manifest tells of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from billstream.common.lake import Lake
from billstream.common.statements import statement
from billstream.consumer.quality.rule import About, Judged, Rule, broken_by


def miscounted(
    lake: Lake, rules: Sequence[Rule], loads: Mapping[str, Judged], told: Mapping[str, int]
) -> dict[str, dict[str, int]]:
    """Return which rules about parts are broken, by load, each with the records that are too few or too many.

    Args:
        lake: calculates.
        rules: those in use.
        loads: the parts that were staged.
        told: the records that the manifest tells of each, where it does.
    """
    found = {}
    for load_id in loads.keys() & told.keys():
        there, said = loads[load_id].records, told[load_id]
        if broken := broken_by(lake.engine, About.PARTS, rules, [(there, said)]):
            found[load_id] = {rule.name: abs(there - said) for rule in broken}
    return found


def part(lake: Lake, load_id: str, difference: int) -> list[dict[str, Any]]:
    """Return what is known of a part that breaks a rule: its records, and how many more or less its manifest tells.

    Raises:
        Retryable, Fatal: see `common.lake.failures`.
    """
    ((records,),) = lake.rows(statement(__name__, "part"), [load_id])
    return [{"rows_there": records, "difference": difference}]
