"""The manifest of one exported month: what its files are, what they add up to, and what FOCUS would want besides.

It is what makes an export one: files that no manifest names are none. Everything in it is true of the named snapshot.
"""

from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from billstream.common.texts import decimal_text
from billstream.publishing.focus.months import COSTS, Month

NAME = "manifest.json"
DATASET = "FOCUS Cost and Usage"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ExportedFile(_Frozen):
    """One file: its path below the folder of the export, rows, bytes and SHA-256."""

    path: str
    rows: int
    bytes: int
    sha256: str


class ExportedSums(_Frozen):
    """The sums of one currency as decimal text; None where no row has such a cost, or where no currency is named."""

    currency: str | None
    rows: int
    billed_cost: str | None
    effective_cost: str | None
    list_cost: str | None
    contracted_cost: str | None


class ExportManifest(_Frozen):
    """One month of one export.

    `rows_without_value` has the columns that this version of FOCUS wants a value of in every row, with the number of
    rows that have none: the lake does not have it, and nothing is invented.
    """

    format: Literal["billstream-focus-1"] = "billstream-focus-1"
    dataset: str = DATASET
    focus_version: str
    billstream_version: str
    billing_period: str
    snapshot_id: int
    created_at: AwareDatetime
    rows: int
    sums: tuple[ExportedSums, ...]
    rows_without_value: dict[str, int]
    columns: tuple[str, ...]
    files: tuple[ExportedFile, ...]


def sums_of(month: Month) -> tuple[ExportedSums, ...]:
    """Return the sums of a month as text."""
    return tuple(
        ExportedSums(
            currency=one.currency,
            rows=one.rows,
            **{cost: _text(getattr(one, cost)) for cost in COSTS},
        )
        for one in month.sums
    )


def _text(value: Decimal | None) -> str | None:
    return None if value is None else decimal_text(value)


def made_at(path: Path) -> datetime | None:
    """Return the time of the export that a manifest of ours is of; None where a file is no such manifest.

    Raises:
        OSError: it cannot be read.
    """
    try:
        return ExportManifest.model_validate_json(path.read_bytes()).created_at
    except ValidationError:
        return None
