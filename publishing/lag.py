"""How far the targets are behind the lake, as the lake knows it: nothing asks a target."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from billstream.common.lake import Lake
from billstream.common.statements import statement

State = Literal["current", "behind", "away"]


@dataclass(frozen=True, kw_only=True)
class Lag:
    """One follower, and what the lake has that its target has not.

    Attributes:
        name: of the target.
        kind: its kind.
        place: its address, without secrets.
        state: current; behind the newest aggregates; or away for so long that nothing is kept for it any more.
        snapshot_id: the snapshot of its charges.
        refreshed_at: the refresh that made its aggregates; None before the first copy is complete.
        seen_at: when it was last at work.
        lag_loads: decisions about charges that it does not have, those that the aggregates lack among them.
        lag_seconds: the age of the oldest of them.
    """

    name: str
    kind: str
    place: str
    state: State
    snapshot_id: int
    refreshed_at: datetime | None
    seen_at: datetime
    lag_loads: int
    lag_seconds: float


def read_lags(lake: Lake, *, now: datetime, wait: timedelta) -> tuple[Lag, ...]:
    """Return the followers by name.

    Args:
        lake: nothing is written to it.
        now: the time.
        wait: how long a follower that is not seen is waited for.

    Raises:
        Retryable, Fatal: see `common.lake.failures`.
    """
    found = []
    for name, kind, place, snapshot_id, refreshed_at, seen_at, newest, loads, oldest in lake.rows(
        statement(__name__, "lags")
    ):
        state: State = "away" if seen_at < now - wait else "current" if refreshed_at == newest else "behind"
        seconds = max(0.0, round((now - oldest).total_seconds(), 1)) if oldest else 0.0
        found.append(
            Lag(
                name=name,
                kind=kind,
                place=place,
                state=state,
                snapshot_id=snapshot_id,
                refreshed_at=refreshed_at,
                seen_at=seen_at,
                lag_loads=loads,
                lag_seconds=seconds,
            )
        )
    return tuple(found)
