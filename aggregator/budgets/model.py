"""A budget as a person writes it, checked on its own: what it counts, how much it allows, when it alerts."""

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

COLUMNS = (
    "provider_name",
    "billing_account_id",
    "sub_account_id",
    "service_name",
    "service_category",
    "region_id",
    "x_user_id",
    "commitment_discount_status",
    "pricing_category",
)
"""Columns of `cost_cells` that `where` may name, in the order of the parameters of `daily.sql`."""

TAGS = "tags"
LEVEL = Decimal("0.8")
"""The probability of the interval that forecasts have; its lower end is passed with nine chances in ten."""

MOST_VALUES = 100
MOST_ALERTS = 10
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])", re.ASCII)


def _number(value: object) -> object:
    # A float has already lost digits; a boolean is one to Python.
    if isinstance(value, bool | float):
        raise ValueError("must be a number such as 12000, or a text such as '12000.50'")  # noqa: TRY004 - pydantic's
    return value


Amount = Annotated[
    Decimal, BeforeValidator(_number), Field(gt=0, max_digits=33, decimal_places=18, allow_inf_nan=False)
]
Word = Annotated[str, Field(min_length=1, max_length=1000)]
Words = Annotated[tuple[Word, ...], Field(min_length=1, max_length=MOST_VALUES)]
Categories = Annotated[tuple[Literal["Usage", "Purchase", "Tax", "Credit", "Adjustment"], ...], Field(min_length=1)]
Name = Annotated[str, Field(pattern=r"^\w[\w .-]{0,98}\w$")]


class _Written(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Alert(_Written):
    """One rule: an alert when the actual or forecast cost passes a part of the amount."""

    at: Annotated[Decimal, BeforeValidator(_number), Field(gt=0, le=100, max_digits=9, allow_inf_nan=False)]
    of: Literal["actual", "forecast"]
    after_day: Annotated[int, Field(ge=0, le=366, strict=True)] = 0
    sure: Annotated[Decimal, BeforeValidator(_number)] = LEVEL

    @field_validator("sure")
    @classmethod
    def _known_level(cls, value: Decimal) -> Decimal:
        if value != LEVEL:
            raise ValueError("must be 0.8, the level of the interval that forecasts have")
        return value

    @property
    def rule(self) -> str:
        """The rule in a word, such as `actual:0.8`; unique within a budget."""
        return f"{self.of}:{self.at.normalize():f}"


class Counted(_Written):
    """The costs that a budget or a metric counts, in its currency alone: others are never added or converted."""

    name: Name
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    cost: Literal["effective_cost", "billed_cost"] = "effective_cost"
    categories: Categories
    where: dict[str, Words | dict[str, Words]] = Field(default_factory=dict)

    @field_validator("where")
    @classmethod
    def _known_columns(cls, value: dict[str, Any]) -> dict[str, Any]:
        for column, wanted in value.items():
            if column not in {*COLUMNS, TAGS}:
                raise ValueError(f"there is no column {column[:50]!r}; the columns are {', '.join((*COLUMNS, TAGS))}")
            if isinstance(wanted, dict) is not (column == TAGS):
                raise ValueError(f"{column} must be {'a table of lists' if column == TAGS else 'a list'} of texts")
        return value

    @property
    def tags(self) -> dict[str, tuple[str, ...]]:
        """The wanted values of each tag key."""
        found = self.where.get(TAGS, {})
        return found if isinstance(found, dict) else {}


class Budget(Counted):
    """One budget: what its costs may be in each period."""

    owner: Annotated[str, Field(max_length=200)] = ""
    categories: Categories = ("Usage", "Purchase", "Adjustment")
    period: Literal["month", "quarter", "year"] | tuple[date, date] = "month"
    amount: Amount | None = None
    amounts: Annotated[dict[str, Amount], Field(max_length=240)] = Field(default_factory=dict)
    alerts: Annotated[tuple[Alert, ...], Field(max_length=MOST_ALERTS)] = ()
    send: Annotated[tuple[Name, ...], Field(max_length=20)] = ()

    @field_validator("owner")
    @classmethod
    def _printable(cls, value: str) -> str:
        if not value.isprintable():
            raise ValueError("must have printable characters only")
        return value

    @field_validator("amounts")
    @classmethod
    def _months(cls, value: dict[str, Decimal]) -> dict[str, Decimal]:
        for month in value:
            if not _MONTH.fullmatch(month):
                raise ValueError(f"{month[:20]!r} is no month such as 2026-12")
        return value

    @field_validator("alerts")
    @classmethod
    def _one_of_each(cls, value: tuple[Alert, ...]) -> tuple[Alert, ...]:
        rules = [alert.rule for alert in value]
        if len(set(rules)) < len(rules):
            raise ValueError("two alerts are of the same kind, at the same part of the amount")
        return value

    @model_validator(mode="after")
    def _has_an_amount(self) -> "Budget":
        if self.amount is None and not self.amounts:
            raise ValueError("it has neither `amount` nor `amounts`")
        if self.amount is not None and self.amounts and self.period != "month":
            raise ValueError("`amount` and `amounts` exclude each other unless the period is a month")
        if isinstance(self.period, tuple) and self.period[0] > self.period[1]:
            raise ValueError("its period ends before it begins")
        return self
