"""A run of maintenance: plan, carry out one step after the other, plan again, until nothing is due or time is up."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog

from billstream.common.errors import ClaimRefused, DataDamaged, Fatal, ReadersAtWork, Retryable, WriteConflict
from billstream.common.lake import Claim, Lake
from billstream.common.metrics import catalogue as metrics
from billstream.common.settings import Settings
from billstream.maintenance.facts import read_facts
from billstream.maintenance.plan import plan
from billstream.maintenance.steps import carry_out, maintenance_claim
from billstream.maintenance.values import Facts, Limits, Renew, Step

log = structlog.get_logger(__name__)

EVERY_SECONDS = 60.0
"""Between two runs of a process that maintains the lake."""

AFTER_FAILURE_SECONDS = 3600.0
"""Until a run is tried again beside the aggregator after one that failed for a reason that stays."""

AT_MOST_SECONDS = 5.0
"""After these a run beside the aggregator begins no further step: insights wait no longer than for it and one step."""


class Stop(Protocol):
    """Tells a run to end after the step that it is at; `common.stop.Stop` is one."""

    @property
    def requested(self) -> bool:
        """Return whether the run must end."""


@dataclass(frozen=True)
class Done:
    """One step that was carried out: how much it changed, and the seconds that it took."""

    step: Step
    changed: int
    seconds: float


@dataclass(frozen=True)
class Failed:
    """One step that was left for a later run, and why."""

    step: Step
    reason: str


@dataclass(frozen=True)
class Report:
    """What a run did. `before` and `after` are the facts at its ends; `refused`: another maintenance was at work."""

    before: Facts
    after: Facts
    done: tuple[Done, ...]
    failed: tuple[Failed, ...]
    refused: bool
    options_restored: bool


def limits_of(settings: Settings) -> Limits:
    """Return the limits that the settings ask for."""
    return Limits(keep=timedelta(seconds=settings.keep_snapshots), wait=timedelta(seconds=settings.keep_for_followers))


def foresee(lake: Lake, limits: Limits, *, now: datetime | None = None) -> tuple[Facts, tuple[Step, ...]]:
    """Return the facts of a lake and the steps that a run would begin with. Nothing is written.

    Raises:
        Retryable, Fatal: see `common.lake.failures`.
    """
    facts = read_facts(lake, limits, now or datetime.now(UTC))
    return facts, plan(facts, limits)


def maintain(
    lake: Lake,
    limits: Limits,
    *,
    now: datetime | None = None,
    at_most_seconds: float | None = None,
    stop: Stop | None = None,
) -> Report:
    """Carry out what is due. Two runs at once are safe: the one that comes second leaves the rest to the first.

    Args:
        lake: open for writing.
        limits: what is due, and how large a step may be.
        now: default: the clock.
        at_most_seconds: begin no further step after these; default: go on until nothing is due.
        stop: begin no further step once it is requested.

    Raises:
        Retryable: the lake does not answer; steps that were committed before stay.
        Fatal: see `common.lake.failures`.
    """
    deadline = time.monotonic() + at_most_seconds if at_most_seconds is not None else None
    run = _Run(lake, limits, now or datetime.now(UTC), stop, deadline)
    restored = lake.restore_options()
    if restored:
        log.warning("options_restored", consequence="the options of the tables are those of this version again")
    before = run.until_nothing_is_due()
    metrics.UPKEEP_STEPS.add(len(run.failed), "left")
    metrics.LAST_UPKEEP.set_now()
    after = read_facts(lake, limits, run.now) if run.done else before
    if run.done:
        _log_maintained(before, after, run.done)
    return Report(before, after, tuple(run.done), tuple(run.failed), run.refused, restored)


class _Run:
    """The steps of one run so far."""

    def __init__(self, lake: Lake, limits: Limits, now: datetime, stop: Stop | None, deadline: float | None) -> None:
        self.now = now
        self.done: list[Done] = []
        self.failed: list[Failed] = []
        self.refused = False
        self._lake = lake
        self._limits = limits
        self._stop = stop
        self._deadline = deadline
        self._left: set[str] = set()  # the subjects of steps that are not tried again

    def until_nothing_is_due(self) -> Facts:
        """Carry out plan after plan. Returns the facts of the beginning."""
        first: Facts | None = None
        while True:
            claim = maintenance_claim(self._lake)  # before the facts, so that nobody can change them unnoticed
            facts = read_facts(self._lake, self._limits, self.now)
            first = first or facts
            steps = [
                step for step in plan(facts, self._limits) if step.subject not in self._left and not self._same(step)
            ]
            if not steps or not self._carried_out(steps, claim):
                return first

    def _same(self, step: Step) -> bool:
        """Return whether these very files were renewed in this run: whatever that did not help, it would not again."""
        return isinstance(step, Renew) and any(done.step == step for done in self.done)

    def _carried_out(self, steps: list[Step], claim: Claim) -> bool:
        """Carry out the steps of one plan. Returns False when the run must end."""
        for step in steps:
            if self._must_end():
                return False
            try:
                self._carry_out(step, claim)
                claim = self._next(claim)
            except ClaimRefused:
                log.info("maintenance_left", step=step.subject, reason="another maintenance of this lake is at work")
                self.refused = True
                return False
            except ReadersAtWork as error:  # the next step would have to wait for them, too
                log.info("maintenance_left", step=step.subject, reason=str(error))
                self.failed.append(Failed(step, str(error)))
                return False
        return True

    def _carry_out(self, step: Step, claim: Claim) -> None:
        began = time.monotonic()
        try:
            changed = carry_out(self._lake, step, claim, self._limits, self.now)
        except (ClaimRefused, ReadersAtWork):
            raise
        except (WriteConflict, DataDamaged) as error:
            log.warning("maintenance_step_failed", step=step.subject, reason=str(error), consequence="a later run")
            self._lake.reconnect_if_lost()
            self.failed.append(Failed(step, str(error)))
            self._left.add(step.subject)
            return
        seconds = round(time.monotonic() - began, 3)
        if not changed:  # such as a file whose rows are all deleted, which the facts do not show
            self._left.add(step.subject)
            return
        self.done.append(Done(step, changed, seconds))
        metrics.UPKEEP_STEPS.add(1, type(step).__name__.lower())
        metrics.UPKEEP_SECONDS.observe(seconds)
        log.info("maintenance_step_done", step=step.subject, changed=changed, seconds=seconds)

    def _next(self, claim: Claim) -> Claim:
        """Return the claim of the next step: a step without a snapshot has not used its own."""
        following = maintenance_claim(self._lake)
        if following.prev not in {claim.prev, claim.new.entry_id}:
            raise ClaimRefused("Another maintenance of this lake has committed in between.")
        return following

    def _must_end(self) -> bool:
        late = self._deadline is not None and time.monotonic() >= self._deadline
        return late or (self._stop is not None and self._stop.requested)


def _log_maintained(before: Facts, after: Facts, done: list[Done]) -> None:
    log.info(
        "lake_maintained",
        steps=len(done),
        files=after.files,
        files_before=before.files,
        snapshots=after.snapshots,
        snapshots_before=before.snapshots,
        seconds=round(sum(one.seconds for one in done), 3),
    )


class Upkeep:
    """The maintenance beside other work: a bounded run now and then, whose failures do not concern that work."""

    def __init__(self, lake: Lake, settings: Settings) -> None:
        self._lake = lake
        self._wanted = settings.maintain
        self._limits = limits_of(settings)
        self._due = 0.0
        self._left_at: int | None = None  # the newest snapshot after a run that found nothing to do

    def due(self, newest: int) -> bool:
        """Return whether a run may find something, as far as the newest snapshot and the time since the last can tell.

        What becomes due because something has become old is not seen; `run_if_due` finds it.
        """
        return self._wanted and time.monotonic() >= self._due and newest != self._left_at

    def run_if_due(self) -> bool:
        """Maintain the lake for a few seconds, if that is wanted and a minute has passed. Returns whether it was due.

        A failure of any kind is logged. A lake that is not maintained is slow, and its numbers are right all the same.
        """
        if not self._wanted or time.monotonic() < self._due:
            return False
        wait = EVERY_SECONDS
        self._left_at = None
        try:
            self._lake.use_threads(one=False)  # a merge may be of many files
            report = maintain(self._lake, self._limits, at_most_seconds=AT_MOST_SECONDS)
            # A run that did something, or left something, is followed by another.
            if not (report.done or report.failed or report.refused or report.options_restored):
                self._left_at = report.after.newest_snapshot
        except Retryable as error:
            log.warning("maintenance_postponed", seconds=wait, reason=str(error))
        except Fatal as error:
            wait = AFTER_FAILURE_SECONDS
            log.exception("maintenance_failed", seconds=wait, reason=str(error), consequence="the lake becomes slower")
        self._due = time.monotonic() + wait
        return True
