"""Costs by tag as values. They are a part of `insights.json`; see `insights.values`."""

from typing import Annotated, Literal

from pydantic import Field

from billstream.aggregator.insights.costs import PeriodName
from billstream.aggregator.values import Exact, Value

UNTAGGED_FORMULA = (
    "effective cost of usage (charge_category Usage, without corrections) that has no value of the key, "
    "divided by that of all usage"
)


class Untagged(Value):
    """The usage of one period that has no value of a tag key; see `TaggedCosts.formula`."""

    untagged: Annotated[Exact | None, Field(description="Effective cost of usage without a value of the key.")]
    usage: Annotated[Exact | None, Field(description="Effective cost of all usage; None: no usage tells it.")]
    share: Annotated[Exact | None, Field(description="untagged / usage; None unless usage is positive.")]
    untagged_rows: Annotated[int, Field(description="Usage charges without a value of the key.")]
    usage_rows: Annotated[int, Field(description="Usage charges of the period.")]
    costed_rows: Annotated[int, Field(description="Usage charges that tell an effective cost: those in the amounts.")]


class TagValue(Value):
    """One value's amount in the compared 30 days, and in the 30 days before."""

    value: Annotated[str | None, Field(description="None: the charges without a value of the key.")]
    amount: Exact
    share: Annotated[Exact | None, Field(description="Of the ranking's sum; None unless that is positive.")]
    previous: Exact | None
    change: Annotated[Exact | None, Field(description="Of the absolute value before; None when that is zero.")]


class TaggedCosts(Value):
    """The costs of one currency by the values of one tag key. Every charge counts once, in one value or in none.

    The ranking is over all charges of the same days and sources as the rankings of the currency's meter, in its
    measure; see `meters`. Values have at most 256 characters.
    """

    key: Annotated[str, Field(description="The name of the key in BILLSTREAM_TAG_KEYS.")]
    read_from: Annotated[
        tuple[str, ...], Field(description="Keys of tags, in any case; the first with a value counts.")
    ]
    currency: str | None
    formula: str = UNTAGGED_FORMULA
    periods: Annotated[dict[PeriodName, Untagged], Field(description="Without periods that have no usage.")]
    measure: Literal["billed_cost", "effective_cost", "list_cost"]
    values: tuple[TagValue, ...]
    others: TagValue | None
    others_count: int
