"""The ledger: one entry for each decision about an object version; an entry never changes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa

from billstream.common.ids import new_id
from billstream.common.lake import Claim, ProcessedKey
from billstream.common.lake.guard import scope_id
from billstream.common.policies import RemovalPolicy
from billstream.consumer.decide.decision import Verdict
from billstream.consumer.decide.states import ACTIVE, ENDED, State
from billstream.consumer.decide.step import Step
from billstream.consumer.decode import COSTS, Staged, StagedLoad
from billstream.consumer.events import EventKind, ObjectEvent
from billstream.consumer.s3.fetch import Prepared


@dataclass(frozen=True, kw_only=True)
class LedgerEntry:
    """One entry of the ledger. Its fields are the columns of the lake table `ledger`, where they are explained."""

    entry_id: str
    scope: str
    state: State
    bucket: str
    key: str
    processed_at: datetime
    consumer_id: str
    reason: str | None = None
    load_id: str | None = None
    previous_load_id: str | None = None
    version_id: str | None = None
    etag: str | None = None
    sequencer: str | None = None
    content_sha256: str | None = None
    duplicate_of: str | None = None
    size_bytes: int | None = None
    profile: str | None = None
    table_name: str | None = None
    rows_loaded: int = 0
    rows_rejected: int = 0
    records_left_out: int = 0
    values_rounded: int = 0
    tags_unread: int = 0
    billed_totals: dict[str, Decimal] | None = None
    effective_totals: dict[str, Decimal] | None = None
    list_totals: dict[str, Decimal] | None = None
    contracted_totals: dict[str, Decimal] | None = None
    rows_hash: str | None = None
    first_charge_day: date | None = None
    last_charge_day: date | None = None
    event_name: str | None = None
    event_time: datetime | None = None
    delivery_id: str | None = None

    @property
    def scope_id(self) -> str:
        """The scope's key in the catalog."""
        return scope_id(self.scope)

    def claim(self, held: ProcessedKey | None) -> Claim:
        """Return the claim that makes this entry the newest of its scope, if `held` still is the newest."""
        # An unchanged object need not have been fetched: then its content is the one that was held.
        active = self if self.content_sha256 and self.state in _TELL_CONTENT else held
        # A stale event leaves what is held as it is. A stale manifest is another thing: it is what the store has.
        overtaken = self.state is State.STALE and self.delivery_id is None
        identity = held if overtaken and held else self
        # An event that was not fetched may name a version of anybody's choice beside the one that is known.
        unread = held is not None and self.state is State.UNCHANGED and self.load_id and not self.content_sha256
        version = held if unread and held else identity
        return Claim(
            ProcessedKey(
                scope_id=self.scope_id,
                entry_id=self.entry_id,
                state=identity.state.value if isinstance(identity, LedgerEntry) else identity.state,
                load_id=self.load_id,
                version_id=version.version_id,
                etag=version.etag,
                sequencer=identity.sequencer,
                content_sha256=active.content_sha256 if active and self.load_id else None,
            ),
            prev=held.entry_id if held else None,
        )


_TELL_CONTENT = frozenset({State.LOADED, State.UNCHANGED, State.DELIVERED})
_TOTALS = tuple(f"{cost}_totals" for cost in COSTS)
_TIME = pa.timestamp("us", tz="UTC")
_TYPES: dict[str, pa.DataType] = {
    "size_bytes": pa.int64(),
    "rows_loaded": pa.int64(),
    "rows_rejected": pa.int64(),
    "records_left_out": pa.int64(),
    "values_rounded": pa.int64(),
    "tags_unread": pa.int64(),
    **dict.fromkeys(_TOTALS, pa.map_(pa.string(), pa.decimal128(38, 18))),
    "first_charge_day": pa.date32(),
    "last_charge_day": pa.date32(),
    "event_time": _TIME,
    "processed_at": _TIME,
}
_COLUMNS = tuple(field.name for field in fields(LedgerEntry))
_SCHEMA = pa.schema({name: _TYPES.get(name, pa.string()) for name in _COLUMNS}).append(
    pa.field("scope_id", pa.string())
)


def insert_entries(con: duckdb.DuckDBPyConnection, entries: Sequence[LedgerEntry]) -> None:
    """Write the entries, inside the open transaction."""
    rows = [
        {
            **{name: getattr(entry, name) for name in _COLUMNS},
            "scope_id": entry.scope_id,
            **{name: _pairs(getattr(entry, name)) for name in _TOTALS},
        }
        for entry in entries
    ]
    table = pa.Table.from_pylist(rows, schema=_SCHEMA)
    con.register("new_entries", table)
    try:
        con.execute("INSERT INTO ledger BY NAME SELECT * FROM new_entries")
    finally:
        con.unregister("new_entries")


def _pairs(totals: dict[str, Decimal] | None) -> list[tuple[str, Decimal]] | None:
    return None if totals is None else list(totals.items())


STATE_OF: dict[Verdict, State] = {
    Verdict.LOAD: State.LOADED,  # or QUARANTINED, DENIED or MISSING, where the object says so
    Verdict.REMOVE: State.REMOVED,  # or KEPT, by policy or as a part of a delivery
    Verdict.EXPIRE: State.EXPIRED,
    Verdict.UNCHANGED: State.UNCHANGED,
    Verdict.STALE: State.STALE,
    Verdict.SKIP: State.SKIPPED,
    Verdict.AWAIT: State.AWAITING_MANIFEST,
    Verdict.QUARANTINE: State.QUARANTINED,
    Verdict.DENY: State.DENIED,
}
"""A verdict says what to do, a state what was done. `DUPLICATE`, `ASK` and `RELEASE` write no entry."""

_OF_THE_EVENT = ("scope", "bucket", "key", "sequencer", "event_name", "event_time")
_OF_LOADED_ROWS = (
    "rows_loaded",
    "values_rounded",
    "tags_unread",
    *_TOTALS,
    "rows_hash",
    "first_charge_day",
    "last_charge_day",
)
_NEARLY_ALL = 0.9
_PAD = (
    ' They only lack cells at their end. If those are empty, write short_rows = "pad" into [records] of a profile of '
    "your own, then run `billstream quarantine reload --all`."
)
_STILL_THERE = "The bucket still has the object, in the version that is known."
_PART_OF_DELIVERY = "It is a part of a delivery, which stays as a whole."


def no_row_fits(load: StagedLoad) -> str | None:
    """Return why a load is refused: no row fits, or too few do; None if rows fit, or if the file has no records."""
    remedy = _PAD if load.rows_rejected and load.records_short >= _NEARLY_ALL * load.rows_rejected else ""
    if load.refused:
        return f"{load.refused}{remedy}"
    if load.records_left_out and not (load.rows_loaded or load.rows_rejected):
        return (
            f"By the words of its profile, no record of the file is a charge (left out: {load.records_left_out:,}). If "
            "some are, say which in a profile of your own: `only` and `leave_out` in [records]."
        )
    if not load.rows_rejected or load.rows_loaded:
        return None
    first = load.rejected[0]
    where = f"line {first.line}: " if first.line else ""
    return f"No row of {load.rows_rejected} fits; the first, {where}{first.reason}{remedy}"


@dataclass(frozen=True)
class EntryBuilder:
    """Builds ledger entries in the name of one consumer.

    Args:
        consumer_id: who writes them.
        on_removed: what a removal does to the rows of its object.
        clock: the time, with its zone.
    """

    consumer_id: str
    on_removed: RemovalPolicy = RemovalPolicy.RETRACT
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def of_step(self, step: Step, staged: Staged) -> LedgerEntry | None:  # noqa: C901 - a table of cases
        """Return the entry that says what a verdict came to; None for an event that was processed before.

        Args:
            step: the event and its verdict.
            staged: the rows of the batch; a file of it may have turned out to be unreadable.
        """
        state, columns = STATE_OF.get(step.verdict), dict[str, Any]()
        load = staged.loads.get(step.load_id) if step.load_id else None
        if state is None:
            return None
        match step.verdict:
            case Verdict.LOAD:
                poison = staged.poisoned.get(step.load_id or "") or (step.prepared.poison if step.prepared else None)
                if step.prepared and step.prepared.missing:
                    # That it is not there is no news of an object that was taken away, and whose rows stay.
                    kept = step.held and step.held.state in ENDED & ACTIVE
                    state = State(step.held.state) if step.held and kept else State.MISSING
                    columns["reason"] = step.prepared.missing
                elif step.prepared and step.prepared.denied:
                    state, columns["reason"] = State.DENIED, step.prepared.denied
                elif reason := poison or (no_row_fits(load) if load else None):
                    state, columns["reason"] = State.QUARANTINED, reason
            case Verdict.REMOVE if step.event.part and step.held and step.held.load_id:
                # The rows of a part come and go with its manifest, whatever becomes of the object.
                state, columns["reason"] = State.KEPT, _PART_OF_DELIVERY
            case Verdict.REMOVE if self.on_removed is RemovalPolicy.KEEP:
                state = State.KEPT
            case Verdict.REMOVE:
                columns["keeps_rows"] = False
            case Verdict.STALE if step.event.kind is not EventKind.CREATED and not (
                step.held and step.held.state in ENDED
            ):
                columns["reason"] = _STILL_THERE
            case Verdict.SKIP:
                columns |= {"reason": "the same content is loaded", "keeps_rows": False}
            case Verdict.QUARANTINE | Verdict.DENY:
                columns["reason"] = step.event.problem
        columns["duplicate_of"] = step.duplicate_of
        return self.entry(step.event, step.held, state, prepared=step.prepared, load=load, **columns)

    def entry(
        self,
        event: ObjectEvent,
        held: ProcessedKey | None,
        state: State,
        *,
        prepared: Prepared | None = None,
        load: StagedLoad | None = None,
        keeps_rows: bool = True,
        **columns: Any,  # noqa: ANN401 - columns of the ledger
    ) -> LedgerEntry:
        """Return the entry about an event.

        Args:
            event: names object and version, and the version's place in the order of events.
            held: the newest entry of the same scope when the event was decided; None for an unknown scope.
            state: what was done.
            prepared: the object as it was fetched, if it was; its version is then the one that counts.
            load: its records, if it was decoded.
            keeps_rows: the rows that were active stay so, unless `state` is loaded.
            columns: columns of the ledger that say something else than event, object and load do.
        """
        before = held.load_id if held else None
        entry_id = prepared.load_id if prepared else new_id()
        loaded = state is State.LOADED
        version = prepared.version if prepared and prepared.version else event
        told: dict[str, Any] = {name: getattr(event, name) for name in _OF_THE_EVENT}
        told |= {
            "entry_id": entry_id,
            "load_id": entry_id if loaded else before if keeps_rows else None,
            "previous_load_id": before,
        }
        told |= {name: getattr(version, name) for name in ("version_id", "etag", "size_bytes")}
        if prepared:
            told["content_sha256"] = prepared.content_sha256
            told["profile"] = prepared.tabular.profile if prepared.tabular else None
        if load:
            told |= {"rows_rejected": load.rows_rejected, "records_left_out": load.records_left_out}
        if load and loaded:
            told |= {name: getattr(load, name) for name in _OF_LOADED_ROWS} | {"table_name": load.table}
        return LedgerEntry(state=state, processed_at=self.clock(), consumer_id=self.consumer_id, **(told | columns))
