"""The wording of restatements."""

from billstream.aggregator.pages.numbers import NOTHING, quantity
from billstream.aggregator.pages.text import shorten, visible
from billstream.aggregator.pages.view import moment
from billstream.aggregator.restatements.values import QuantityDifference, Restatement, Restatements

MOST_UNITS = 3


def groups_changed(restatements: Restatements) -> int:
    """Return the number of differences; the insights list the largest of them."""
    return sum(total.groups_changed for total in restatements.totals)


def day(entry: Restatement) -> str:
    """Return the charge day."""
    return "Misdated" if entry.day is None else str(entry.day)


def quantities(entry: Restatement) -> str:
    """Return the units whose quantity differs, such as +12 tokens."""
    shown = [_quantity(found) for found in entry.quantities[:MOST_UNITS]]
    return "; ".join([*shown, "…"] if len(entry.quantities) > MOST_UNITS else shown) or NOTHING


def decision(entry: Restatement) -> str:
    """Return the state of the file and its time, such as loaded 2025-06-12 06:30:00 UTC, 2 decisions."""
    if entry.processed_at is None:
        return "not in the ledger"
    again = f", {entry.decisions} decisions" if entry.decisions > 1 else ""
    return f"{entry.state} {moment(entry.processed_at)}{again}"


def _quantity(found: QuantityDifference) -> str:
    sign = "+" if found.difference > 0 else ""
    return f"{sign}{quantity(found.difference)} {shorten(visible(found.unit)) if found.unit else ''}".strip()
