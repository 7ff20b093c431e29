"""Completeness as values. They are a part of `insights.json`; see `insights.values`."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from billstream.aggregator.values import Exact, Value

ArrivalState = Literal["complete", "filling", "missing", "restated"]
MonthState = Literal["open", "closing", "closed"]


class DayArrival(Value):
    """One day of a source, as far as it has arrived.

    `complete`: older than the maturity when the source was last heard. `filling`: younger, or not yet there within the
    habit. `missing`: no charges, though the source usually has some on such a day. `restated`: complete, and its usage
    has changed by more than 3 % since.
    """

    day: date
    state: ArrivalState
    share: Annotated[Exact | None, Field(description="Of a filling day: the usual part at its age; None: not known.")]


class MonthArrival(Value):
    """One month of a source.

    `open`: it is not over. `closed`: its issuer says so in the Billing Period dataset; where there is no such word,
    five days are over since its end and its usage has not changed by 0.1 % or more in the last five. `closing`: any
    other.
    """

    month: Annotated[date, Field(description="Its first day.")]
    state: MonthState
    told_by: Annotated[Literal["billing_periods", "arrivals"], Field(description="What the state is computed from.")]


class Stale(Value):
    """A source from which no new day has arrived for longer than its habit: a missing export looks like a saving."""

    newest_day: date
    silent_days: Annotated[int, Field(description="Days since its newest day arrived.")]
    usual_days: Annotated[int, Field(description="Days without a new day that its habit allows.")]


class SilentAccount(Value):
    """An account that had charges on most days, and has none on the newest complete days of its provider."""

    account: str | None
    newest_day: date


class Completeness(Value):
    """What has arrived of one provider in one currency, and its habit."""

    provider: str | None
    currency: str | None
    learned: Annotated[bool, Field(description="False: the maturity is the default, and last_complete_day a rule's.")]
    maturity_days: Annotated[int, Field(description="Whole days after its end from which a day is complete.")]
    shares: Annotated[tuple[Exact, ...], Field(description="Usual part of a day's usage at the age of 0, 1, … days.")]
    settled_days: Annotated[int, Field(description="Days from which the maturity is learned; five at least.")]
    watched_since: Annotated[date | None, Field(description="Day of the first recorded arrival.")]
    heard_on: Annotated[date | None, Field(description="Day on which its usage last changed.")]
    last_complete_day: date | None
    stale: Stale | None
    silent_accounts: Annotated[tuple[SilentAccount, ...], Field(description="The first few.")]
    silent_account_count: int
    days: Annotated[tuple[DayArrival, ...], Field(description="The last 14 days before today.")]
    months: Annotated[tuple[MonthArrival, ...], Field(description="The last months of which arrivals are recorded.")]
    basis: Annotated[str, Field(description="What all this is computed from, in words.")]
