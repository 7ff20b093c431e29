"""KPIs and unit costs as values of `insights.json`."""

from datetime import date
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


class UnitCost(Value):
    """The cost of one unit of a SKU in the compared days, and why its cost changed: by the price, or by the quantity.

    price_effect + volume_effect = cost - cost_before, to the last digit. None: not told, or not in that period.
    """

    provider: str | None
    service: str | None
    sku: str
    unit: Annotated[str, Field(description="Empty: the vendor tells no unit.")]
    cost: Exact | None
    quantity: Exact | None
    unit_cost: Annotated[Exact | None, Field(description="cost / quantity; None unless the quantity is positive.")]
    cost_before: Exact | None
    quantity_before: Exact | None
    unit_cost_before: Exact | None
    change: Annotated[Exact | None, Field(description="Of the unit cost, as a part of the one before.")]
    price_effect: Annotated[Exact | None, Field(description="Change of the unit cost x quantity.")]
    volume_effect: Annotated[Exact | None, Field(description="Change of the quantity x unit cost before.")]


class UnitFormula(Value):
    """The formulas of unit costs, over usage alone: without corrections and unused commitments."""

    cost: str = "effective_cost; billed_cost where no effective cost is told. A charge without a category is usage"
    unit_cost: str = "cost / consumed_quantity, within one service, SKU and consumed_unit"
    unit_price: str = (
        "cost / pricing_quantity by sku_price_id; by sku_id or sku_meter, and by consumed_quantity, where those are "
        "not told"
    )
    price_effect: str = "(unit price - unit price before) x quantity"
    volume_effect: str = "(quantity - quantity before) x unit price before"
    price_change: str = "price_effect / (cost of the same SKUs - price_effect): the change at the quantities of now"
    other_effect: str = (
        "change of cost - price_effect - volume_effect: SKUs without a quantity in both periods, and charges without "
        "SKU or quantity"
    )
    metric: str = "cost / quantity of the file of metrics, over the complete days that have both"


class MetricMonth(Value):
    """The cost of one unit of a metric in a month."""

    month: Annotated[date, Field(description="First day of the month.")]
    last_day: Annotated[date, Field(description="The last complete day that has a cost and a quantity.")]
    days: Annotated[int, Field(description="Days that have both.")]
    cost: Exact
    quantity: Exact
    unit_cost: Annotated[Exact | None, Field(description="cost / quantity; None unless the quantity is positive.")]
    change: Annotated[Exact | None, Field(description="Of the unit cost, as a part of that of the month before.")]
    covered: Annotated[Exact | None, Field(description="cost as a part of the cost of all complete days of the month.")]


class MetricCost(Value):
    """A metric of the file of budgets: the cost of one unit by month, the newest month first."""

    metric: str
    unit: str
    months: tuple[MetricMonth, ...]


class UnitCosts(Value):
    """Unit costs of one currency, and what prices and quantities changed between two equal periods of complete days.

    Both periods are equally long. None of the days: no two such periods can be compared.
    """

    currency: str | None
    formula: UnitFormula = UnitFormula()
    first_day: date | None
    last_day: date | None
    first_day_before: date | None
    last_day_before: date | None
    cost: Annotated[Exact | None, Field(description="Of all usage in the compared days.")]
    cost_before: Exact | None
    price_effect: Exact | None
    volume_effect: Exact | None
    other_effect: Exact | None
    price_change: Exact | None
    priced: Annotated[Exact | None, Field(description="Charges with SKU, quantity and cost, as a part of the usage.")]
    consumed: Annotated[Exact | None, Field(description="The same for the quantity that is consumed.")]
    movers: Annotated[tuple[UnitCost, ...], Field(description="By unit price; the largest price effects first.")]
    largest: Annotated[tuple[UnitCost, ...], Field(description="By consumed unit; the largest costs first.")]
    metrics: tuple[MetricCost, ...]
    not_told: tuple[NotTold, ...]
