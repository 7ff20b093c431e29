"""Savings: what usage costs less than at list prices, in parts, and what the vendors do not tell of it.

Sources of the formulas: FOCUS, columns ListCost, ContractedCost and EffectiveCost, and the supported feature "cost
comparison"; the Effective Savings Rate of the FinOps Foundation, over list cost, with unused commitments as a loss.
"""

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal, localcontext
from typing import Any

from billstream.aggregator.insights.costs import NotTold, PeriodName, Savings, SavingsAmounts
from billstream.aggregator.insights.models import Model, Reading
from billstream.aggregator.insights.periods import in_order
from billstream.aggregator.insights.ratios import share

NO_CATEGORY = "charge_category"
NOT_DIVIDED = "negotiated and commitment savings cannot be told apart; they are in the other savings"
ZERO = "the vendor tells an effective cost of zero beside a billed cost; it is counted as told"
LETTERS = {"E": "effective_cost", "L": "list_cost", "C": "contracted_cost"}

SAVINGS = Model(__name__, "savings", "currency, period", needs=("cells", "currency_periods"))
NOT_TOLD = Model(
    __name__,
    "not_told",
    "currency, provider, category_told, costs_told",
    needs=("cells",),
    given=lambda reading: [reading.today],
)


def read_savings(reading: Reading) -> Mapping[str | None, Savings]:
    """Return the savings of every currency; of one without usage they are empty."""
    amounts: dict[str | None, dict[PeriodName, SavingsAmounts]] = defaultdict(dict)
    for row in reading.rows(SAVINGS):
        amounts[row["currency"]][row["period"]] = _amounts(row)
    not_told: dict[str | None, list[NotTold]] = defaultdict(list)
    for row in reading.rows(NOT_TOLD):
        not_told[row["currency"]].append(_not_told(row))
    return {
        currency: Savings(periods=in_order(amounts[currency]), not_told=tuple(not_told[currency]))
        for currency in reading.by_currency
    }


def _amounts(row: Mapping[str, Any]) -> SavingsAmounts:
    parts = {name: row[name] for name in ("negotiated", "commitment", "other", "unused", "list_cost", "effective_cost")}
    total = None
    if parts["list_cost"] is not None or parts["unused"] is not None:
        zero = Decimal(0)
        # Sums have up to 38 digits, more than the default context keeps.
        with localcontext(prec=80):
            total = (parts["list_cost"] or zero) - (parts["effective_cost"] or zero) - (parts["unused"] or zero)
    return SavingsAmounts(
        total=total,
        rate=None if total is None else share(total, parts["list_cost"]),
        usage_rows=row["usage_rows"],
        charge_rows=row["charge_rows"],
        share=share(row["charge_rows"], row["usage_rows"]),
        **parts,
    )


def _not_told(row: Mapping[str, Any]) -> NotTold:
    """One row of `not_told.sql`: what these charges lack, and what the savings make of them."""
    lacks = tuple(name for letter, name in LETTERS.items() if letter not in row["costs_told"])
    if not row["category_told"]:
        lacks, counted, reason = (NO_CATEGORY, *lacks), False, "usage cannot be told from purchases, taxes and credits"
    elif lacks == ("contracted_cost",):
        counted, reason = True, f"{NOT_DIVIDED}; {ZERO}" if row["zero"] else NOT_DIVIDED
    elif lacks:
        counted, reason = False, "not told by this vendor"
    else:
        lacks, counted, reason = ("effective_cost",), True, ZERO
    return NotTold(
        provider=row["provider"],
        lacks=lacks,
        charge_rows=row["charge_rows"],
        billed_cost=row["billed_cost"],
        counted=counted,
        reason=reason,
    )
