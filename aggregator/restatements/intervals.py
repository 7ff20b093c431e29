"""Convert the points in time that a person names (a snapshot's id, a time, an age) to snapshots."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from billstream.common.errors import Fatal, WrongUsage
from billstream.common.lake import Lake
from billstream.common.lake.catalog import METADATA
from billstream.common.statements import statement

_ID = re.compile(r"[0-9]{1,18}\Z")
_AGE = re.compile(r"([0-9]{1,9})([mhdw])\Z")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

Point = int | datetime
"""The id of a snapshot, or a moment: then the newest snapshot that is not after it."""


@dataclass(frozen=True)
class Interval:
    """The snapshots after `after` up to `upto`; all of them exist. `cut`: an earlier beginning was requested."""

    after: int
    upto: int
    cut: bool = False

    @property
    def empty(self) -> bool:
        """True when both ends are the same snapshot."""
        return self.after == self.upto


def read_point(text: str, now: datetime) -> Point:
    """Parse `1234`, an ISO 8601 time (UTC where it names no offset), or an age such as `90m`, `24h`, `7d`, `2w`.

    Raises:
        ValueError: it is none of these; the text lists what is accepted.
    """
    if _ID.match(text):
        return int(text)
    try:
        if age := _AGE.match(text):
            return now - timedelta(**{_UNITS[age[2]]: int(age[1])})
        moment = datetime.fromisoformat(text)
    except OverflowError:
        # An age beyond the calendar is before every snapshot.
        return datetime.min.replace(tzinfo=UTC)
    except ValueError:
        raise ValueError(
            "give a snapshot id such as 1234, a time such as 2026-03-01 or 2026-03-01T06:00:00Z, "
            "or an age such as 24h or 7d"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def interval_between(lake: Lake, since: Point, until: Point | None = None, *, newest: int | None = None) -> Interval:
    """Return the interval between two points.

    A time before the first snapshot means the first one. A time whose snapshot has been expired means the oldest
    snapshot after which none is missing: nothing older can be compared.

    Args:
        lake: the lake with the snapshots.
        since: the beginning.
        until: the end; the newest snapshot when None.
        newest: the snapshot to use as the newest; default: the lake's.

    Raises:
        Fatal: a snapshot that is named does not exist, or the end is before the beginning.
    """
    newest = lake.snapshot_id() if newest is None else newest
    upto = newest if until is None else _end(lake, until, newest)
    oldest = _oldest(lake, upto)
    if isinstance(since, int):
        _check(since, oldest, newest)
        if since > upto:
            raise WrongUsage(f"--since must not be after --until: snapshot {since} is after snapshot {upto}.")
        return Interval(since, upto)
    at = _snapshot_at(lake, since)
    if at is not None and at > upto:
        raise WrongUsage(f"--since must not be after --until: {_moment(since)} is after snapshot {upto}.")
    # Snapshot 0 is the empty lake: nothing was cut from an interval that begins before it.
    cut = oldest > 0 and (at is None or at < oldest)
    return Interval(oldest if at is None else max(at, oldest), upto, cut)


def snapshot_time(lake: Lake, snapshot_id: int) -> datetime:
    """Return when an existing snapshot was made, in UTC."""
    ((moment,),) = lake.rows(statement(__name__, "snapshot_time", catalog=METADATA), [snapshot_id])
    made: datetime = moment
    return made.astimezone(UTC)


def _end(lake: Lake, until: Point, newest: int) -> int:
    if isinstance(until, int):
        _check(until, _oldest(lake, newest), newest)
        return until
    at = _snapshot_at(lake, until)
    if at is None:
        raise Fatal(f"The lake has no snapshot as old as {_moment(until)}; its first one is newer.")
    return min(at, newest)


def _check(snapshot_id: int, oldest: int, newest: int) -> None:
    if not oldest <= snapshot_id <= newest:
        problem = "has been expired" if snapshot_id < oldest else "does not exist yet"
        raise Fatal(f"Snapshot {snapshot_id} {problem}: the lake can compare snapshots from {oldest} to {newest}.")


def _oldest(lake: Lake, upto: int) -> int:
    ((oldest,),) = lake.rows(statement(__name__, "snapshots_kept", catalog=METADATA), [upto])
    return int(oldest)


def _snapshot_at(lake: Lake, moment: datetime) -> int | None:
    ((snapshot_id,),) = lake.rows(statement(__name__, "snapshot_at", catalog=METADATA), [moment.isoformat()])
    return None if snapshot_id is None else int(snapshot_id)


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
