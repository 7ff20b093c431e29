"""Loads as ledger and charges have them: which add up to a cell, and which numbers a load moved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from billstream.common.amount import Amount
from billstream.common.errors import Fatal
from billstream.common.lake import Lake
from billstream.common.statements import statement
from billstream.consumer.decode.staged import NO_CURRENCY
from billstream.consumer.lineage.cell import COLUMNS, Cell, amount_of, amounts_sql

_COLUMNS = ", ".join(("load_id", *COLUMNS))


@dataclass(frozen=True)
class LoadedFile:
    """One load and the object version that it is made of.

    `snapshot_id` is the snapshot of its commit, `billstream_version` the version that made it, None when it is unknown,
    as it is once the snapshot has expired.
    `ended_as` is the state of the entry that took its rows away, None while they count; `replaced_by` is the load that
    came in their place.
    """

    load_id: str
    scope: str
    bucket: str
    key: str
    version_id: str | None
    etag: str | None
    content_sha256: str | None
    size_bytes: int | None
    profile: str | None
    loaded_at: datetime
    consumer_id: str
    rows_loaded: int
    rows_rejected: int
    replaces: str | None
    delivery_id: str | None
    ended_as: str | None
    replaced_by: str | None
    ended_at: datetime | None
    snapshot_id: int
    billstream_version: str | None


@dataclass(frozen=True)
class Share:
    """What one load has of a cell. `set_aside` does not count, as a preferred export has the same; `whole` is both."""

    file: LoadedFile
    amounts: tuple[Amount, ...]
    set_aside: tuple[Amount, ...]
    whole: tuple[Amount, ...]


@dataclass(frozen=True)
class Number:
    """What a load has of one day, service and currency."""

    day: date
    service: str | None
    set_aside: bool
    amount: Amount


@dataclass(frozen=True)
class Total:
    """What the ledger has of a load in one currency; None where no row has such a cost."""

    currency: str | None
    billed_cost: Decimal | None
    effective_cost: Decimal | None
    list_cost: Decimal | None
    contracted_cost: Decimal | None


@dataclass(frozen=True)
class Moved:
    """The numbers that a load moved; of a load that is not active, only the totals in the ledger are left.

    `number_count` is how many there are, of which `numbers` are the first.
    """

    file: LoadedFile
    numbers: tuple[Number, ...]
    number_count: int
    first_day: date | None
    last_day: date | None
    totals: tuple[Total, ...]


def shares_of(lake: Lake, cell: Cell, snapshot_id: int) -> tuple[list[Amount], list[Share]]:
    """Return what the charges of a cell add up to at a snapshot, and the share of each load, the largest first.

    Raises:
        Retryable, Fatal: the lake cannot be read.
    """
    total = [amount_of(row) for row in _amounts(lake, cell, _charges(snapshot_id))]
    counted = _by_load(_amounts(lake, cell, _charges(snapshot_id), "load_id"))
    aside = _by_load(_amounts(lake, cell, _aside(snapshot_id), "load_id"))
    whole = counted
    if aside:
        both = f"(FROM {_charges(snapshot_id)} UNION ALL FROM {_aside(snapshot_id)})"
        whole = _by_load(_amounts(lake, cell, both, "load_id"))
    files = {file.load_id: file for file, *_ in _loaded(lake, list(whole))}
    missing = whole.keys() - files.keys()
    if missing:
        raise Fatal(
            f"The ledger does not know load {min(missing)}, which has charges of this day. Run: billstream verify"
        )
    shares = [
        Share(files[load_id], counted.get(load_id, ()), aside.get(load_id, ()), amounts)
        for load_id, amounts in whole.items()
    ]
    return total, sorted(shares, key=_size, reverse=True)


def amounts_at(lake: Lake, cell: Cell, snapshot_id: int) -> list[Amount]:
    """Return what the charges of a cell added up to at a snapshot."""
    return [amount_of(row) for row in _amounts(lake, cell, _charges(snapshot_id))]


def loads_named(lake: Lake, text: str) -> list[str]:
    """Return the loads that a text names, the newest first: a load, a delivery, a URI, a key or a local file.

    Raises:
        Fatal: there is none; the text says what the ledger knows.
    """
    parameters = [text, str(Path(text).absolute()) if "\0" not in text else text]
    found = [load_id for load_id, _ in lake.rows(statement(__name__, "named"), parameters)]
    if found:
        return found
    entries = lake.rows(statement(__name__, "newest_entry"), parameters)
    if not entries:
        raise Fatal(
            f"{text} is neither a day, such as 2026-03-14, nor a load, nor an object that the ledger knows. To list "
            'those that it knows, run: billstream sql "SELECT load_id, scope FROM active_loads"'
        )
    scope, state, reason = entries[0]
    why = f": {reason}" if reason else "."
    raise Fatal(f"{scope} was never loaded, so it moved no number; its newest state is {state}{why}")


def moved_by(lake: Lake, load_ids: Sequence[str], most: int) -> list[Moved]:
    """Return the numbers that loads moved, the newest load first; of each load so many at most."""
    found = []
    for file, first, last, totals in _loaded(lake, load_ids):
        rows: list[tuple[Any, ...]] = []
        if file.ended_as is None:
            both = " UNION ALL ".join(
                f"SELECT {_COLUMNS}, charge_period_start::DATE AS day, {aside} AS aside FROM {table} WHERE load_id = $1"
                for table, aside in (("charges", "false"), ("set_aside_charges", "true"))
            )
            sql = amounts_sql(f"({both})", "day", "service_name", "aside")
            limited = f"SELECT count(*) OVER () AS all_rows, * FROM ({sql}) ORDER BY ALL LIMIT $2"
            rows = lake.rows(limited, [file.load_id, max(most, 1)])
        numbers = tuple(Number(day, service, aside, amount_of(amount)) for _, day, service, aside, *amount in rows)
        found.append(Moved(file, numbers[:most], rows[0][0] if rows else 0, first, last, totals))
    return found


def _charges(snapshot_id: int) -> str:
    return f"(SELECT {_COLUMNS} FROM charges AT (VERSION => {int(snapshot_id)}))"


def _aside(snapshot_id: int) -> str:
    return f"(SELECT {_COLUMNS} FROM set_aside_charges AT (VERSION => {int(snapshot_id)}))"


def _amounts(lake: Lake, cell: Cell, rows: str, *group: str) -> list[tuple[Any, ...]]:
    parameters: list[Any] = []
    condition = cell.condition(parameters)
    return lake.rows(amounts_sql(f"(SELECT * FROM {rows} WHERE {condition})", *group), parameters)


def _by_load(rows: Sequence[Sequence[Any]]) -> dict[str, tuple[Amount, ...]]:
    found: dict[str, tuple[Amount, ...]] = {}
    for load_id, *amount in rows:
        found[load_id] = (*found.get(load_id, ()), amount_of(amount))
    return found


def _size(share: Share) -> tuple[Decimal, str]:
    """Return the order of shares: by the largest cost of one currency."""
    costs = [abs(amount.effective_cost or amount.billed_cost or Decimal()) for amount in share.whole]
    return max(costs, default=Decimal()), share.file.load_id


def _loaded(
    lake: Lake, load_ids: Sequence[str]
) -> list[tuple[LoadedFile, date | None, date | None, tuple[Total, ...]]]:
    rows = lake.rows(statement(__name__, "loaded"), [list(load_ids)]) if load_ids else []
    return [(LoadedFile(*row[:20]), row[20], row[21], _totals(row[22:])) for row in rows]


def _totals(recorded: Sequence[Mapping[str, Decimal] | None]) -> tuple[Total, ...]:
    """Return the totals of a load, given a map from currency to sum for each of the four costs."""
    currencies = sorted({currency for one in recorded for currency in one or {}})
    return tuple(
        Total(None if currency == NO_CURRENCY else currency, *((one or {}).get(currency) for one in recorded))
        for currency in currencies
    )
