"""Runs on their way to a backend: a bounded queue, and the thread that empties it.

The client of OpenLineage blocks: nine seconds when nobody listens, half a minute when a backend accepts and never
answers. So the thread that commits only puts runs into the queue. Where that is full the run is dropped and counted:
lineage can be lost, ingest is not slowed down.
"""

import threading
import time
from collections import deque
from collections.abc import Callable

import structlog

from billstream.common.masking import masked
from billstream.common.metrics.openlineage import LINEAGE_RUNS
from billstream.common.openlineage.run import Run

MOST_WAITING = 10_000
"""The inputs of all runs that wait, and the runs: about ten megabytes where keys are long."""

DRAIN_SECONDS = 5.0
"""At the end, so long at most for what waits; a second where the backend does not answer anyway."""

_LONGEST_REASON = 300
_LOST = "these runs are missing in the lineage backend; the lake is not affected"

log = structlog.get_logger(__name__)


class RunQueue:
    """Sends runs in a thread of its own, in the order in which they were put in.

    Args:
        send: sends one run, and raises whatever it likes when it cannot.
        most: the weight of all runs that may wait.
    """

    def __init__(self, send: Callable[[Run], object], *, most: int = MOST_WAITING) -> None:
        self._send = send
        self._most = most
        self._changed = threading.Condition()
        self._waiting: deque[Run] = deque()
        self._weight = 0
        self._sending = False
        self._closing = False
        self._lost = 0  # in this outage
        # A daemon: a client that hangs in a network must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="openlineage", daemon=True)
        self._thread.start()

    def put(self, run: Run) -> None:
        """Have a run sent, or drop it where too many wait. Returns at once and never fails."""
        with self._changed:
            fits = not self._waiting or self._weight + run.weight <= self._most
            if fits and not self._closing:
                self._waiting.append(run)
                self._weight += run.weight
                self._changed.notify()
                return
        LINEAGE_RUNS.add(1, "dropped")
        self._lose("too many runs are waiting")

    def close(self, seconds: float = DRAIN_SECONDS) -> None:
        """Send what waits, for so long at most. What is left counts as dropped, also a run that is being sent then."""
        until = time.monotonic() + (min(seconds, 1.0) if self._lost else seconds)
        with self._changed:
            self._closing = True
            self._changed.notify()
            while (self._waiting or self._sending) and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)
            dropped = len(self._waiting) + self._sending
            self._waiting.clear()
        LINEAGE_RUNS.add(dropped, "dropped")
        if dropped:
            log.warning("openlineage_runs_dropped", runs=dropped, reason="the process ends", consequence=_LOST)

    def _run(self) -> None:
        while (run := self._next()) is not None:
            try:
                self._send(run)
            except Exception as error:  # noqa: BLE001 - whatever the transport that the operator chose may raise
                LINEAGE_RUNS.add(1, "failed")
                self._lose(f"{type(error).__name__}: {masked(str(error))[:_LONGEST_REASON]}")
            else:
                LINEAGE_RUNS.add(1, "sent")
                self._recover()
            with self._changed:
                self._sending = False
                self._changed.notify_all()

    def _next(self) -> Run | None:
        with self._changed:
            while not self._waiting:
                if self._closing:
                    return None
                self._changed.wait()
            run = self._waiting.popleft()
            self._weight -= run.weight
            self._sending = True
            return run

    def _lose(self, reason: str) -> None:
        """Count a lost run, and warn of the first of an outage: a backend may be away for days."""
        with self._changed:
            self._lost += 1
            first = self._lost == 1
        if first:
            log.warning("openlineage_runs_lost", reason=reason, consequence=_LOST)

    def _recover(self) -> None:
        with self._changed:
            lost, self._lost = self._lost, 0
        if lost:
            log.info("openlineage_recovered", runs_lost=lost)
