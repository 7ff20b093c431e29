"""Costs and savings as values, with what they cover. They are a part of `insights.json`; see `insights.values`."""

from typing import Annotated, Literal

from pydantic import Field

from billstream.aggregator.values import Exact, Value

PeriodName = Literal["all_time", "month_to_date", "last_30_days"]
CostName = Literal["billed_cost", "effective_cost", "list_cost", "contracted_cost"]


class Covered(Value):
    """The part of the charges that tells a cost, so that sums of different costs can be set against each other."""

    charge_rows: Annotated[int, Field(description="Charges that have this cost.")]
    share: Annotated[Exact | None, Field(description="These charges as a part of all charges of the period.")]
    billed_cost: Annotated[Exact | None, Field(description="Billed cost of the same charges.")]


class Costs(Value):
    """The costs of one currency, and for each the charges that tell it. None: no charge has such a cost."""

    billed_cost: Exact | None = None
    effective_cost: Exact | None = None
    list_cost: Exact | None = None
    contracted_cost: Exact | None = None
    charge_rows: int = 0
    covered: dict[CostName, Covered] = Field(default_factory=dict)


class SavingsFormula(Value):
    """The formulas of the amounts in `SavingsAmounts`, over the usage charges alone."""

    total: str = "list_cost - effective_cost - unused"
    negotiated: str = "list_cost - contracted_cost"
    commitment: str = "contracted_cost - effective_cost, of usage that a commitment covers"
    other: str = (
        "contracted_cost - effective_cost, of other usage; list_cost - effective_cost where no contracted cost is told"
    )
    unused: str = "effective_cost of unused commitments: a loss"
    rate: str = "total / list_cost"
    usage: str = "charge_category Usage, without corrections; purchases are left out, as usage bears their cost"


class SavingsAmounts(Value):
    """Savings of usage in one period. total = negotiated + commitment + other - unused; a negative one is a loss.

    None: no usage of the period tells the costs that the amount is made of.
    """

    total: Exact | None
    negotiated: Exact | None
    commitment: Exact | None
    other: Exact | None
    unused: Exact | None
    list_cost: Annotated[Exact | None, Field(description="Of the usage that has a list and an effective cost.")]
    effective_cost: Annotated[Exact | None, Field(description="Of the same usage, without unused commitments.")]
    rate: Annotated[Exact | None, Field(description="Effective savings rate; None unless the list cost is positive.")]
    usage_rows: Annotated[int, Field(description="Usage charges of the period.")]
    charge_rows: Annotated[int, Field(description="Usage charges that the savings are made of.")]
    share: Annotated[Exact | None, Field(description="charge_rows as a part of usage_rows.")]


class NotTold(Value):
    """What a provider does not tell of its charges, so that savings cannot count them."""

    provider: str | None
    lacks: Annotated[tuple[str, ...], Field(description="Columns that are missing in these charges.")]
    charge_rows: int
    billed_cost: Exact | None
    counted: Annotated[bool, Field(description="True: the savings count the charges nevertheless; see reason.")]
    reason: str


class Savings(Value):
    """The savings of one currency, by period, with the formulas and with what vendors do not tell."""

    formula: SavingsFormula = SavingsFormula()
    periods: dict[PeriodName, SavingsAmounts]
    not_told: tuple[NotTold, ...]
