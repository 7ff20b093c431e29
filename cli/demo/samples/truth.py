"""The content that a lake must have, known from writing the files and not from reading them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(frozen=True)
class Truth:
    """The sums over a set of files.

    `billed` is the exact sum of BilledCost by billing currency; a currency whose rows add up to zero is listed.
    `rows` counts the rows that fit, `rejected` those that do not and must be quarantined.
    """

    rows: int = 0
    billed: Mapping[str, Decimal] = field(default_factory=dict)
    rejected: int = 0

    @classmethod
    def total(cls, parts: Iterable["Truth"]) -> "Truth":
        """The truth about all of `parts` together. Money of two currencies stays apart."""
        rows = rejected = 0
        billed: dict[str, Decimal] = {}
        for part in parts:
            rows += part.rows
            rejected += part.rejected
            for currency, amount in part.billed.items():
                billed[currency] = billed.get(currency, Decimal(0)) + amount
        return cls(rows, dict(sorted(billed.items())), rejected)


class Books:
    """The books of a bucket: each key with the truth about the object that it holds at the moment."""

    def __init__(self) -> None:
        self._objects: dict[str, Truth] = {}

    def put(self, key: str, truth: Truth) -> None:
        """An object was written; it takes the place of the one before."""
        self._objects[key] = truth

    def remove(self, key: str) -> None:
        """An object was removed."""
        del self._objects[key]

    @property
    def truth(self) -> Truth:
        """The sums over all objects that are there now."""
        return Truth.total(self._objects.values())
