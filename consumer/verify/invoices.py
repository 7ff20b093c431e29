"""Invoices against charges, where the lake has both: two statements of a vendor about the same costs.

A difference is told, and is no fault of the lake: an open invoice is not final, taxes may be on the invoice only, and a
part of its charges may be in files that nobody has loaded.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billstream.common.lake import Lake
from billstream.common.statements import statement
from billstream.common.texts import decimal_text

_MOST_TOLD = 1000
_TOLD = ("invoice_id", "issuer", "currency", "invoiced", "charged", "charge_rows", "open")
_WITHOUT_CENTS = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"]
)  # ISO 4217: currencies without a smaller unit


@dataclass(frozen=True)
class InvoiceDifference:
    """One invoice whose lines do not add up to what its charges do, in one currency.

    `open` means that the invoice is provisional, `only_tax` that the two agree when taxes are left out of both.
    """

    invoice_id: str
    issuer: str | None
    currency: str | None
    invoiced: Decimal
    charged: Decimal
    charge_rows: int
    open: bool
    only_tax: bool

    @property
    def text(self) -> str:
        """The difference in one sentence."""
        remark = " Without taxes, they agree." if self.only_tax else " The invoice is open." if self.open else ""
        money = f" {self.currency}" if self.currency else ""
        invoice = f"invoice {self.invoice_id} of {self.issuer or 'an unknown issuer'}"
        return (
            f"{invoice} bills {decimal_text(self.invoiced)}{money}, "
            f"its charges ({self.charge_rows:,}) add up to {decimal_text(self.charged)}{money}.{remark}"
        )

    def as_json(self) -> dict[str, Any]:
        """Return the difference as plain values."""
        return {
            "invoice_id": self.invoice_id,
            "issuer": self.issuer,
            "currency": self.currency,
            "invoiced": decimal_text(self.invoiced),
            "charged": decimal_text(self.charged),
            "charges": self.charge_rows,
            "open": self.open,
            "only_tax": self.only_tax,
        }


@dataclass(frozen=True)
class Invoices:
    """The invoices that were compared with their charges, each in one currency.

    `matched` agree to the last decimal. Invoices are in whole cents and charges often are not: `rounded` differ by half
    a cent for each line of the invoice, or less. Of the others, `differing`, a thousand are in `differences`.
    """

    matched: int = 0
    rounded: int = 0
    differing: int = 0
    differences: tuple[InvoiceDifference, ...] = ()

    @property
    def compared(self) -> int:
        """The number of invoices compared."""
        return self.matched + self.rounded + self.differing

    def as_json(self) -> dict[str, Any]:
        """Return the comparison as plain values."""
        differences = [difference.as_json() for difference in self.differences]
        return {
            "matched": self.matched,
            "rounded": self.rounded,
            "differing": self.differing,
            "differences": differences,
        }


def compare_invoices(lake: Lake, snapshot_id: int) -> Invoices:
    """Compare each invoice with the charges that name it, by invoice and currency.

    Raises:
        DataDamaged, Fatal: the rows cannot be read; a data file may be the cause.
    """
    matched = rounded = 0
    differences = []
    for row in lake.query(statement(__name__, "invoices"), [snapshot_id]).to_pylist():
        difference, rounding = abs(row["invoiced"] - row["charged"]), _half_a_cent(row["currency"]) * row["lines"]
        if not difference:
            matched += 1
        elif difference <= rounding:
            rounded += 1
        else:
            only_tax = abs(row["invoiced_without_tax"] - row["charged_without_tax"]) <= rounding
            told = {name: row[name] for name in _TOLD}
            differences.append(InvoiceDifference(**told, only_tax=only_tax))
    return Invoices(matched, rounded, len(differences), tuple(differences[:_MOST_TOLD]))


def _half_a_cent(currency: str | None) -> Decimal:
    return Decimal("0.5") if currency in _WITHOUT_CENTS else Decimal("0.005")
