"""Restatements as values. They are part of `insights.json`, and `billstream changes --json` prints them."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from billstream.aggregator.values import Exact, Value


class QuantityDifference(Value):
    """One unit's part of a difference; the unit is empty where charges name none."""

    unit: str
    before: Exact | None
    after: Exact | None
    difference: Exact


class CostDifference(Value):
    """The costs of a file's charges before and after; a difference is after minus before."""

    rows_before: int
    rows_after: int
    billed_before: Exact | None
    billed_after: Exact | None
    billed_difference: Exact | None
    effective_before: Exact | None
    effective_after: Exact | None
    effective_difference: Exact | None


class Restatement(CostDifference):
    """One file's part of one day, service and account in one currency, and the newest decision that changed it."""

    kind: Annotated[
        Literal["restated", "new"],
        Field(description="restated: the file's charges replaced others, or were removed. new: a first load."),
    ]
    day: Annotated[date | None, Field(description="None: a day before 1900 or after 2999.")]
    currency: str | None
    service: Annotated[str | None, Field(description="service_name; None: the charges that name none.")]
    account: Annotated[str | None, Field(description="sub_account_id where a charge has one, else billing_account_id.")]
    file: str
    state: Annotated[
        str | None, Field(description="State of the newest ledger entry: loaded, removed. None: no entry.")
    ]
    processed_at: datetime | None
    entry_id: str | None
    decisions: Annotated[
        int, Field(description="The number of ledger entries behind it: above 1, it was restated more than once.")
    ]
    quantities: Annotated[tuple[QuantityDifference, ...], Field(description="The units whose quantity differs.")]


class RestatementTotal(CostDifference):
    """All differences of one kind in one currency. Groups (day, service, account) with equal sums are counted apart."""

    kind: Literal["restated", "new"]
    currency: str | None
    files: int
    groups_changed: int
    groups_equal: Annotated[int, Field(description="Rewritten with the same costs and quantities.")]


class Restatements(Value):
    """The difference between the charges of two snapshots, by day, service, account and file."""

    since: datetime
    from_snapshot_id: Annotated[int | None, Field(description="None: nothing was restated, so nothing was compared.")]
    to_snapshot_id: int
    totals: tuple[RestatementTotal, ...]
    largest: Annotated[tuple[Restatement, ...], Field(description="Restated ones first; the totals count all of them.")]
