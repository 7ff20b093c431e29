"""A new version of a file beside the one that it replaces."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from billstream.common.lake import Lake
from billstream.common.statements import statement
from billstream.consumer.quality.rule import COLUMNS, About, Broken, Judged, Rule, broken_by


def shrunken(
    lake: Lake, rules: Sequence[Rule], loads: Mapping[str, Judged], previous: Mapping[str, str]
) -> dict[str, list[Broken]]:
    """Return which rules about versions new loads break, by load.

    Args:
        lake: the ledger has the versions before.
        rules: those in use.
        loads: the new versions.
        previous: the load that each of them replaces.

    Raises:
        Retryable: see `common.lake.failures`.
    """
    if not previous or not any(rule.about is About.VERSIONS for rule in rules):
        return {}
    before = {load_id: (rows, totals) for load_id, rows, totals in _ledger(lake, [*previous.values()])}
    found = dict[str, list[Broken]]()
    for load_id, replaced in previous.items():
        load, (rows_before, totals_before) = loads[load_id], before.get(replaced, (0, None))
        lines = _lines(load.rows_loaded, rows_before, load.billed_totals, totals_before or {})
        if broken := broken_by(lake.engine, About.VERSIONS, rules, lines):
            found[load_id] = [Broken(rule.name, rule.severity, load.rows_loaded) for rule in broken]
    return found


def versions(lake: Lake, load_id: str) -> list[dict[str, Any]]:
    """Return an active load beside the one that it has replaced, a line for each currency.

    Raises:
        Retryable: see `common.lake.failures`.
    """
    ((replaced, rows, totals),) = lake.rows(statement(__name__, "version"), [load_id])
    before = {load: (rows, totals) for load, rows, totals in _ledger(lake, [replaced] if replaced else [])}
    rows_before, totals_before = before.get(replaced, (0, None))
    lines = _lines(rows, rows_before, totals or {}, totals_before or {})
    return [dict(zip(COLUMNS[About.VERSIONS], line, strict=True)) for line in lines]


def _ledger(lake: Lake, load_ids: Sequence[str]) -> list[tuple[str, int, dict[str, Decimal] | None]]:
    """Return rows and billed totals of loads as they were committed."""
    return lake.rows(statement(__name__, "versions"), [load_ids]) if load_ids else []


def _lines(rows: int, rows_before: int, now: Mapping[str, Decimal], before: Mapping[str, Decimal]) -> list[list[Any]]:
    """Return a line for each currency, and one for versions without a cost."""
    zero = Decimal(0)
    if not (now or before):
        return [[None, rows, rows_before, None, None]]
    return [[n, rows, rows_before, now.get(n, zero), before.get(n, zero)] for n in sorted({*now, *before})]
