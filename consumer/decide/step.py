"""What is to be done with each event of a round, and the ledger line that says it was done."""

from dataclasses import dataclass, replace
from datetime import datetime

from billstream.common.ids import new_id
from billstream.common.lake import ProcessedKey
from billstream.common.settings import RemovalPolicy
from billstream.consumer.commit.ledger import LedgerEntry, State
from billstream.consumer.decide.decision import ROWS_IN_FORCE, Verdict
from billstream.consumer.decode import StagedLoad
from billstream.consumer.events import ObjectEvent
from billstream.consumer.s3.fetch import Prepared

_WITHDRAWN = "The object was removed after the rows in force were loaded, and before the version that could not be."


@dataclass(frozen=True)
class Step:
    """One event, what the ledger held of its scope, and the verdict on it."""

    event: ObjectEvent
    held: ProcessedKey | None
    verdict: Verdict
    prepared: Prepared | None = None
    duplicate_of: str | None = None
    delivered: bool = False

    def with_verdict(self, verdict: Verdict) -> "Step":
        """The same with another verdict."""
        return replace(self, verdict=verdict)

    def of_delivery(self) -> "Step":
        """The same about an object that is a part of a delivery: its rows come and go with its manifest."""
        return replace(self, delivered=True)

    @property
    def load_id(self) -> str | None:
        """The load this step makes, if it is to load rows."""
        loads = self.verdict is Verdict.LOAD and self.prepared and self.prepared.tabular
        return self.prepared.load_id if loads and self.prepared else None


def with_content(step: Step, prepared: Prepared) -> Step:
    """The step, now that the content of its object is known: the same content again changes no rows."""
    held = step.held
    same = (
        not step.event.force
        and held is not None
        and held.state in ROWS_IN_FORCE
        and held.content_sha256 is not None
        and held.content_sha256 == prepared.content_sha256
    )
    verdict = step.verdict
    if same:
        verdict = Verdict.UNCHANGED if step.event.has_identity else Verdict.DUPLICATE
    return replace(step, verdict=verdict, prepared=prepared)


def no_row_fits(load: StagedLoad) -> str | None:
    """Why a load without a row that fits is none; None for one that has such rows, or no rows at all."""
    if not load.rows_rejected or load.rows_loaded:
        return None
    first = load.rejected[0]
    where = f"line {first.line}: " if first.line else ""
    return f"No row of {load.rows_rejected} fits; the first, {where}{first.reason}"


@dataclass(frozen=True)
class LedgerWriter:
    """Writes ledger lines for this consumer."""

    consumer_id: str
    on_removed: RemovalPolicy

    def entry(  # noqa: PLR0911 - a table of cases
        self, step: Step, load: StagedLoad | None, poison: str | None, now: datetime
    ) -> LedgerEntry | None:
        """The line for a step; None when the event had been settled before.

        Args:
            step: what was decided.
            load: what became of the object's records, for a step that loads.
            poison: why the object could not be decoded, if it could not.
            now: the time of settling.
        """
        if step.verdict is Verdict.DUPLICATE:
            return None
        if step.verdict is Verdict.LOAD:
            return self._loaded(step, load, poison, now)
        if step.verdict is Verdict.REMOVE:
            return self._removed(step, now)
        if step.verdict is Verdict.WITHDRAW:
            keep = self.on_removed is RemovalPolicy.KEEP
            return self._line(step, State.STALE, now, reason=_WITHDRAWN, keeps_rows=keep)
        if step.verdict is Verdict.SKIP:
            return self._line(step, State.SKIPPED, now, reason="the same content is loaded", keeps_rows=False)
        if step.verdict is Verdict.QUARANTINE:
            return self._line(step, State.QUARANTINED, now, reason=step.event.problem)
        return self._line(step, State(step.verdict.value), now)

    def _removed(self, step: Step, now: datetime) -> LedgerEntry:
        if step.delivered and step.held and step.held.load_id:
            return self._line(step, State.KEPT, now, reason="It is a part of a delivery, which stays as a whole.")
        keep = self.on_removed is RemovalPolicy.KEEP
        return self._line(step, State.KEPT if keep else State.REMOVED, now, keeps_rows=keep)

    def _loaded(self, step: Step, load: StagedLoad | None, poison: str | None, now: datetime) -> LedgerEntry:
        prepared = step.prepared
        if prepared is not None and prepared.missing:
            return self._line(step, State.MISSING, now, reason=prepared.missing)
        poison = poison or (prepared.poison if prepared else None)
        if poison is None and load is not None:
            poison = no_row_fits(load)
        if poison is not None or load is None:
            return self._line(step, State.QUARANTINED, now, load=load, reason=poison)
        return self._line(step, State.LOADED, now, load=load)

    def _line(
        self,
        step: Step,
        state: State,
        now: datetime,
        *,
        load: StagedLoad | None = None,
        reason: str | None = None,
        keeps_rows: bool = True,
    ) -> LedgerEntry:
        event, prepared = step.event, step.prepared
        version = prepared.version if prepared else None
        before = step.held.load_id if step.held else None
        entry_id = prepared.load_id if prepared else new_id()
        load = load or StagedLoad()
        loaded = state is State.LOADED
        return LedgerEntry(
            entry_id=entry_id,
            scope=event.scope,
            state=state,
            reason=reason,
            load_id=entry_id if loaded else before if keeps_rows else None,
            previous_load_id=before,
            bucket=event.bucket,
            key=event.key,
            version_id=version.version_id if version else event.version_id,
            etag=version.etag if version else event.etag,
            sequencer=event.sequencer,
            content_sha256=prepared.content_sha256 if prepared else None,
            duplicate_of=step.duplicate_of,
            size_bytes=version.size_bytes if version else event.size_bytes,
            profile=prepared.tabular.profile if prepared and prepared.tabular else None,
            rows_loaded=load.rows_loaded if loaded else 0,
            rows_rejected=load.rows_rejected,
            values_rounded=load.values_rounded if loaded else 0,
            billed_totals=load.billed_totals if loaded else None,
            first_charge_day=load.first_charge_day if loaded else None,
            last_charge_day=load.last_charge_day if loaded else None,
            event_name=event.event_name,
            event_time=event.event_time,
            processed_at=now,
            consumer_id=self.consumer_id,
        )
