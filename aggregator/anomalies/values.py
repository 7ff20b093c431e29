"""Anomalies as values of `insights.json`."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from billstream.aggregator.causes.values import Change
from billstream.aggregator.values import Exact, Value


class Anomaly(Value):
    """Days of one series of usage cost that are out of the ordinary, told once.

    A series is the usage of one currency, provider, account and service, and user where charges name one: effective
    cost where told, else billed cost, without corrections.
    """

    id: Annotated[str, Field(description="The same over refresh, rebuild and restatement.")]
    tier: Annotated[Literal["page", "notice"], Field(description="page: worth an interruption; notice: worth a look.")]
    kind: Annotated[
        Literal["spike", "drop", "level", "new", "gone"],
        Field(description="level: a small rise that lasts; new: it starts from zero; gone: it went silent."),
    ]
    direction: Literal["up", "down"]
    state: Annotated[
        Literal["open", "ended", "acknowledged", "expected", "withdrawn"],
        Field(description="withdrawn: a restatement took its cause away."),
    ]
    reason: Annotated[str | None, Field(description="What the person who decided the state gave.")]
    decided_by: str | None
    currency: str | None
    provider: str | None
    account: str | None
    service: str | None
    user: str | None
    first_day: date
    last_day: date
    days: Annotated[int, Field(description="Days that are out of the ordinary.")]
    complete: Annotated[bool, Field(description="False: a day of it may still grow.")]
    detected_on: date
    actual: Annotated[Exact, Field(description="Exact cost of these days.")]
    expected: Annotated[Exact, Field(description="Expected cost of these days, rounded to 0.01.")]
    impact: Annotated[Exact, Field(description="actual - expected.")]
    relative: Annotated[Exact | None, Field(description="impact / expected; None: nothing was expected.")]
    score: Annotated[
        Exact | None, Field(description="Largest distance from the expected cost of a day, in usual distances.")
    ]
    sentence: str
    change: Annotated[
        Change | None, Field(description="Cause, price and quantity, and rows; None: not computed (yet).")
    ]
