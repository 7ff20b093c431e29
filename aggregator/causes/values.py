"""Explained changes as values. `billstream explain --json` prints them, and insights contain them."""

from datetime import date
from typing import Annotated

from pydantic import Field

from billstream.aggregator.values import Exact, Value


class Part(Value):
    """One dimension of a slice and its value. None: the charges that have no value."""

    dimension: Annotated[str, Field(description="provider, account, category, service, region, user, sku or resource.")]
    value: str | None


class Cause(Value):
    """The slice of the charges that explains most of a change."""

    where: Annotated[tuple[Part, ...], Field(description="Empty: all parts of the charges have moved alike.")]
    explains: Annotated[bool, Field(description="False: no slice has half of the change; this is the largest part.")]
    share: Annotated[Exact, Field(description="Part of the change; above 1 where the rest moved the other way.")]
    before: Exact
    after: Exact
    new_on: Annotated[
        date | None, Field(description="First day of the slice, when it had no charge in the 60 days before.")
    ]


class PriceChange(Value):
    """One SKU's price and quantity in one unit. Quantities before are over as many days as those after."""

    sku: str
    unit: str
    quantity_before: Exact
    quantity_after: Exact
    price_before: Exact
    price_after: Annotated[Exact | None, Field(description="Cost of one unit; None: the SKU is no longer used.")]
    price_effect: Annotated[Exact, Field(description="(price after - price before) * quantity after.")]
    quantity_effect: Annotated[Exact, Field(description="(quantity after - quantity before) * price before.")]


class PriceVolume(Value):
    """The parts of a change; together they are the change of the summed charges."""

    price: Annotated[Exact, Field(description="By unit prices that differ, within one SKU and unit.")]
    quantity: Annotated[Exact, Field(description="By quantities that differ, at the price before.")]
    begun: Annotated[Exact, Field(description="Of SKUs that had no charge before.")]
    untold: Annotated[Exact, Field(description="Of charges without a SKU or a quantity.")]
    largest: tuple[PriceChange, ...]


class Rows(Value):
    """The charges behind the amount after."""

    sql: Annotated[str, Field(description="One SELECT; the sum of its column amount is the amount after.")]
    count: int
    files: Annotated[tuple[str, ...], Field(description="Those with the most of the amount.")]
    file_count: int


class Change(Value):
    """What some charges cost before and after, and why that differs."""

    where: Annotated[tuple[Part, ...], Field(description="The charges: currency, line and series.")]
    before: Annotated[Exact, Field(description="Exact sum of the days before.")]
    after: Annotated[Exact, Field(description="Exact sum of the days after.")]
    expected: Annotated[Exact, Field(description="The sum before, over as many days as there are after.")]
    change: Annotated[Exact, Field(description="The amount after less what was expected.")]
    relative: Annotated[Exact | None, Field(description="change / expected; None: nothing was expected.")]
    cause: Cause | None
    price_volume: PriceVolume
    sentence: str
    rows: Rows


class Line(Value):
    """One kind of charges in one currency: Usage, Purchase, Tax, Credit, Adjustment, Correction."""

    line: str
    before: Exact
    after: Exact
    change: Annotated[Exact, Field(description="After less before, the latter over as many days as the former.")]
    rows_before: int
    rows_after: int


class CurrencyChange(Value):
    """The changes in one currency. None: the charges that name none."""

    currency: str | None
    lines: tuple[Line, ...]
    usage: Annotated[Change | None, Field(description="All usage together; None where there is none.")]
    movers: Annotated[tuple[Change, ...], Field(description="Usage by provider, account and service.")]
    mover_count: Annotated[int, Field(description="Providers, accounts and services whose usage changed, all counted.")]


class Days(Value):
    """A period, both ends included."""

    first_day: date
    last_day: date
    days: int


class Explanation(Value):
    """Why the costs of two periods differ."""

    before: Days
    after: Days
    cost: str
    snapshot_id: int
    currencies: tuple[CurrencyChange, ...]
