"""Exports that have the same charges: what the view `export_overlaps` shows, and the warning after a commit."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from decimal import Decimal

import structlog

from billstream.common.errors import BillstreamError
from billstream.common.lake import Lake
from billstream.common.lake.catalog import literal
from billstream.common.texts import decimal_text
from billstream.consumer.exports.coverage import Cell, Line

COMPARED_AGAIN_SECONDS = 600.0
"""An export is compared again after so long: another process may have loaded another one of the same month."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Overlap:
    """One cost that two or more exports fill for a shared day. Its fields are the columns of `export_overlaps`."""

    provider_name: str
    billing_account_id: str | None
    billing_month: date
    billing_currency: str | None
    metric: str
    exports: tuple[str, ...]
    amounts: tuple[Decimal, ...]
    rows: tuple[int, ...]


def read_overlaps(lake: Lake, cells: Iterable[Cell] | None = None) -> list[Overlap]:
    """Return the overlaps of these cells, or of all.

    Raises:
        Retryable: the lake does not answer.
    """
    where = ""
    if cells is not None:
        listed = ", ".join(f"({literal(name)}, DATE {literal(month.isoformat())})" for name, month in cells)
        where = f"WHERE (provider_name, billing_month) IN ({listed})"
    columns = ", ".join(f'"{column.name}"' for column in fields(Overlap))
    rows = lake.rows(f"SELECT {columns} FROM export_overlaps {where}")
    return [
        Overlap(provider, account, month, currency, metric, tuple(exports), tuple(amounts), tuple(counts))
        for provider, account, month, currency, metric, exports, amounts, counts in rows
    ]


@dataclass
class Comparison:
    """Tells of each overlap once in a process, as soon as a commit has made it.

    Args:
        clock: seconds that never go back.
    """

    clock: Callable[[], float] = time.monotonic
    _compared: dict[tuple[str, Cell], float] = field(default_factory=dict)
    _told: set[tuple[object, ...]] = field(default_factory=set)

    def tell(self, lake: Lake, lines: Sequence[Line]) -> None:
        """Compare the exports of new loads with all others. What goes wrong is logged: the commit has happened."""
        now = self.clock()
        asked = {(line.export, line.cell) for line in lines if line.provider}
        due = {one for one in asked if now - self._compared.get(one, -COMPARED_AGAIN_SECONDS) >= COMPARED_AGAIN_SECONDS}
        if not due:
            return
        try:
            found = read_overlaps(lake, cells) if (cells := _shared(lake, {cell for _, cell in due})) else []
        except BillstreamError as error:
            log.warning("exports_not_compared", reason=str(error))
            return
        self._compared.update(dict.fromkeys(due, now))
        exports = {export for export, _ in due}
        for overlap in found:
            key = (overlap.provider_name, overlap.billing_account_id, overlap.billing_month, overlap.exports)
            if key not in self._told and exports.intersection(overlap.exports):
                self._told.add(key)
                _warn(overlap)


def _shared(lake: Lake, cells: set[Cell]) -> list[Cell]:
    """Return the cells that more than one export has ever had a load in: most have one, and need no comparison."""
    listed = ", ".join(f"({literal(name)}, DATE {literal(month.isoformat())})" for name, month in sorted(cells))
    return [
        (name, month)
        for name, month in lake.rows(
            f"SELECT provider, billing_month FROM load_coverage WHERE (provider, billing_month) IN ({listed}) "
            "GROUP BY ALL HAVING count(DISTINCT export) > 1"
        )
    ]


def _warn(overlap: Overlap) -> None:
    amounts = zip(overlap.exports, overlap.amounts, strict=True)
    log.warning(
        "exports_overlap",
        provider=overlap.provider_name,
        account=overlap.billing_account_id,
        month=f"{overlap.billing_month:%Y-%m}",
        currency=overlap.billing_currency,
        metric=overlap.metric,
        amounts={export: decimal_text(amount) for export, amount in amounts},
        consequence="charges that these exports share count more than once",
        remedy="billstream exports list, then billstream exports prefer EXPORT",
    )
