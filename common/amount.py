"""What some charges of one currency add up to, whoever has added them up."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Amount:
    """The exact sums of some charges of one currency; None where no charge has such a cost.

    `consumed_quantity` is by unit, "" where a charge names none.
    """

    currency: str | None
    rows: int
    billed_cost: Decimal | None
    effective_cost: Decimal | None
    list_cost: Decimal | None
    contracted_cost: Decimal | None
    consumed_quantity: Mapping[str, Decimal]
