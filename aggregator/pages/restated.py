"""Restatements in words."""

from datetime import UTC

from billstream.aggregator.insights.values import QuantityDifference, Restatement, Restatements
from billstream.aggregator.pages.numbers import NOTHING, quantity
from billstream.aggregator.pages.text import shorten, visible

MOST_UNITS = 3


def groups_changed(restatements: Restatements) -> int:
    """How many differences there are, of which the insights have the largest."""
    return sum(total.groups_changed for total in restatements.totals)


def day(entry: Restatement) -> str:
    """The charge day."""
    return "Misdated" if entry.day is None else str(entry.day)


def quantities(entry: Restatement) -> str:
    """The units whose quantity differs: +12 tokens."""
    shown = [_quantity(found) for found in entry.quantities[:MOST_UNITS]]
    return "; ".join([*shown, "…"] if len(entry.quantities) > MOST_UNITS else shown) or NOTHING


def decision(entry: Restatement) -> str:
    """What became of the file, and when: loaded 2025-06-12 06:30 UTC, 2 decisions."""
    if entry.processed_at is None:
        return "not in the ledger"
    again = f", {entry.decisions} decisions" if entry.decisions > 1 else ""
    return f"{entry.state} {entry.processed_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC{again}"


def _quantity(found: QuantityDifference) -> str:
    sign = "+" if found.difference > 0 else ""
    return f"{sign}{quantity(found.difference)} {shorten(visible(found.unit)) if found.unit else ''}".strip()
