"""The base of all published values: immutable, closed, with exact decimals.

Amounts are exact: decimals here, decimal strings in JSON. None means that no charge has such an amount, which is not
the same as zero. A currency of None stands for the charges that name none. Ratios are 0.25 for 25 %, six decimals.
"""

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, PlainSerializer, WithJsonSchema


def plain(value: Decimal) -> str:
    """Return all digits of `value` and no others: no exponent, no trailing zeros."""
    text = format(value, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in {"-0", ""} else text


Exact = Annotated[
    Decimal,
    PlainSerializer(plain, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}, mode="serialization"),
]


class Value(BaseModel):
    """The base class of published values: they are immutable and refuse unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")
