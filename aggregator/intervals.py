"""From what a person calls a point in time to a snapshot: its id, a time, or how long ago."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from billstream.aggregator.statements import statement
from billstream.common.errors import Fatal
from billstream.common.lake import Lake

_ID = re.compile(r"[0-9]{1,18}\Z")
_AGE = re.compile(r"([0-9]{1,9})([mhdw])\Z")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

Point = int | datetime
"""A snapshot's id, or a moment: then the newest snapshot that is not after it."""


@dataclass(frozen=True)
class Interval:
    """The snapshots after `after` up to `upto`, all of them there; `cut` when it was asked to begin earlier."""

    after: int
    upto: int
    cut: bool = False

    @property
    def empty(self) -> bool:
        """Whether both ends are the same snapshot."""
        return self.after == self.upto


def read_point(text: str, now: datetime) -> Point:
    """Read `1234`, an ISO 8601 time (UTC where it names no offset), or an age as `90m`, `24h`, `7d`, `2w`.

    Raises:
        ValueError: it is none of these; the text says what it may be.
    """
    if _ID.match(text):
        return int(text)
    try:
        if age := _AGE.match(text):
            return now - timedelta(**{_UNITS[age[2]]: int(age[1])})
        moment = datetime.fromisoformat(text)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)
    except ValueError:
        raise ValueError(
            "give a snapshot id as 1234, a time as 2026-03-01 or 2026-03-01T06:00:00Z, or an age as 24h or 7d"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def interval_between(lake: Lake, since: Point, until: Point | None = None, *, newest: int | None = None) -> Interval:
    """The snapshots between two points.

    A time before the first snapshot means the first one, and one whose snapshot has been expired the oldest from which
    on all are kept: nothing else can be compared.

    Args:
        lake: whose snapshots they are.
        since: the beginning.
        until: the end; the newest snapshot when None.
        newest: the snapshot to take for the newest; default: the lake's.

    Raises:
        Fatal: a snapshot that is named is not there, or the end is before the beginning.
    """
    newest = lake.snapshot_id() if newest is None else newest
    upto = newest if until is None else _end(lake, until, newest)
    oldest = _oldest(lake, upto)
    if isinstance(since, int):
        _check(since, oldest, newest)
        if since > upto:
            raise Fatal(f"The beginning, snapshot {since}, is after the end, snapshot {upto}.")
        return Interval(since, upto)
    at = _snapshot_at(lake, since)
    if at is not None and at > upto:
        raise Fatal(f"The beginning, {since.isoformat()}, is after the end, snapshot {upto}.")
    # Snapshot 0 is the empty lake: what begins before it has been cut by nothing.
    cut = oldest > 0 and (at is None or at < oldest)
    return Interval(oldest if at is None else max(at, oldest), upto, cut)


def snapshot_time(lake: Lake, snapshot_id: int) -> datetime:
    """When a snapshot that is there was made, in UTC."""
    ((moment,),) = lake.rows(statement("snapshot_time"), [snapshot_id])
    made: datetime = moment
    return made.astimezone(UTC)


def _end(lake: Lake, until: Point, newest: int) -> int:
    if isinstance(until, int):
        _check(until, _oldest(lake, newest), newest)
        return until
    at = _snapshot_at(lake, until)
    if at is None:
        raise Fatal(f"The lake has no snapshot that is as old as {until.isoformat()}.")
    return min(at, newest)


def _check(snapshot_id: int, oldest: int, newest: int) -> None:
    if not oldest <= snapshot_id <= newest:
        gone = "has been expired" if snapshot_id < oldest else "does not exist yet"
        raise Fatal(f"Snapshot {snapshot_id} {gone}: the lake can compare those from {oldest} to {newest}.")


def _oldest(lake: Lake, upto: int) -> int:
    ((oldest,),) = lake.rows(statement("snapshots_kept"), [upto])
    return int(oldest)


def _snapshot_at(lake: Lake, moment: datetime) -> int | None:
    ((snapshot_id,),) = lake.rows(statement("snapshot_at"), [moment.isoformat()])
    return None if snapshot_id is None else int(snapshot_id)
