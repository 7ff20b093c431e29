"""KPIs and unit prices as values of `insights.json`."""

from typing import Annotated, Literal

from pydantic import Field

from billstream.aggregator.insights.costs import NotTold, PeriodName
from billstream.aggregator.values import Exact, Value

KpiName = Literal[
    "effective_savings_rate",
    "contracted_savings_rate",
    "negotiated_savings",
    "commitment_savings",
    "commitment_coverage",
    "commitment_coverage_compute",
    "commitment_utilisation",
    "commitment_waste",
    "prepaid_not_yet_used",
    "credits",
    "tax",
    "adjustments",
    "corrections",
]


class KpiAmount(Value):
    """A KPI in one period. value = numerator / denominator; of a sum there is no denominator.

    None: no charge of the period tells what it is made of, which is not the same as zero.
    """

    value: Exact | None
    numerator: Exact | None
    denominator: Exact | None
    covered: Annotated[
        Exact | None, Field(description="Charges that tell what it is made of, as a part of those it is about.")
    ]


class Kpi(Value):
    """One KPI of one currency, with its formula and with the vendors that do not tell what it needs."""

    name: KpiName
    currency: str | None
    formula: str
    periods: dict[PeriodName, KpiAmount]
    not_told: tuple[NotTold, ...]


class UnitPrice(Value):
    """The effective cost of one unit that is consumed, and why the cost changed: by its price, or by the quantity.

    By consumed unit within one service and provider, or by a unit of the file of unit metrics over all usage of the
    currency; then provider and service are None. price_effect + volume_effect = cost - cost_before.
    """

    kind: Literal["consumed", "metric"]
    currency: str | None
    provider: str | None
    service: str | None
    unit: str
    days: Annotated[str, Field(description="The days, in ISO 8601: first/last.")]
    days_before: str | None
    cost: Exact
    quantity: Exact
    unit_cost: Annotated[Exact | None, Field(description="cost / quantity; None unless the quantity is positive.")]
    cost_before: Exact | None
    quantity_before: Exact | None
    unit_cost_before: Exact | None
    change: Annotated[Exact | None, Field(description="Of the unit cost, as a part of the one before.")]
    price_effect: Annotated[Exact | None, Field(description="Change of the unit cost x quantity.")]
    volume_effect: Annotated[Exact | None, Field(description="Change of the quantity x unit cost before.")]
    covered: Annotated[Exact | None, Field(description="Charges with cost and quantity, as a part of the usage.")]
