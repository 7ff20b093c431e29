"""Times of day as people write them: quiet hours of a sink, and the schedule of its digest. Pure."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_CLOCK = r"([01]\d|2[0-3]):([0-5]\d)"
_QUIET = re.compile(rf"{_CLOCK}-{_CLOCK}(?: (\S+))?")
_SCHEDULE = re.compile(rf"(?:daily|weekly (\w+)) {_CLOCK}(?: (\S+))?")
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

CATCH_UP = timedelta(hours=6)
"""A digest that could not be queued at its time is queued until so much later; after that the next one is due."""


def _zone(name: str | None) -> ZoneInfo:
    try:
        return ZoneInfo(name or "UTC")
    except (LookupError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name!r}; use a name such as Europe/Berlin") from None


@dataclass(frozen=True)
class QuietHours:
    """A part of each day, by the wall clock of a zone; over midnight where it ends before it begins."""

    begin: time
    end: time
    zone: ZoneInfo

    @classmethod
    def read(cls, text: str) -> "QuietHours":
        """Read `22:00-07:00 Europe/Berlin`; without a zone it is UTC.

        Raises:
            ValueError: it is not in that form.
        """
        found = _QUIET.fullmatch(text.strip())
        if not found:
            raise ValueError(f"{text!r} is not in the form 22:00-07:00 Europe/Berlin")
        begin, end = time(int(found[1]), int(found[2])), time(int(found[3]), int(found[4]))
        if begin == end:
            raise ValueError(f"{text!r} is empty: begin and end are the same")
        return cls(begin, end, _zone(found[5]))

    def until(self, now: datetime) -> datetime | None:
        """Return when these hours end, in UTC; None when `now` is not in them.

        They are half-open. The wall clock decides: in a night with a change of the clocks they last an hour more or
        less, and a time that the clocks skip is the moment after the gap.
        """
        local = now.astimezone(self.zone)
        clock = local.time().replace(tzinfo=None, fold=0)
        over_midnight = self.end < self.begin
        begun, ended = clock >= self.begin, clock >= self.end
        if not ((begun or not ended) if over_midnight else (begun and not ended)):
            return None
        ends_on = local.date() + timedelta(days=1) if over_midnight and clock >= self.begin else local.date()
        end = _at(ends_on, self.end, self.zone)
        # The hour that the clocks repeat: its second pass.
        return end if end > now else _at(ends_on, self.end, self.zone, fold=1)


@dataclass(frozen=True)
class Schedule:
    """A time each day, or each week on one day (Monday is 0), by the wall clock of a zone."""

    at: time
    zone: ZoneInfo
    weekday: int | None = None

    @classmethod
    def read(cls, text: str) -> "Schedule":
        """Read `daily 08:00 Europe/Berlin` or `weekly monday 08:00 Europe/Berlin`; without a zone it is UTC.

        Raises:
            ValueError: it is in neither form.
        """
        found = _SCHEDULE.fullmatch(text.strip().lower())
        day = found[1] if found else None
        matching = [number for number, name in enumerate(_WEEKDAYS) if day in {name, name[:3]}]
        if not found or (day and not matching):
            raise ValueError(f"{text!r} is not in the form daily 08:00 Europe/Berlin or weekly monday 08:00 UTC")
        # The names of zones have capital letters.
        zone = text.strip().split(" ")[-1] if found[4] else None
        return cls(time(int(found[2]), int(found[3])), _zone(zone), matching[0] if matching else None)

    def due(self, now: datetime) -> date | None:
        """Return the day whose time has come within `CATCH_UP` before `now`; None when there is none."""
        today = now.astimezone(self.zone).date()
        for day in (today, today - timedelta(days=1)):
            if self.weekday in {None, day.weekday()}:
                moment = _at(day, self.at, self.zone)
                if moment <= now < moment + CATCH_UP:
                    return day
        return None


def quiet_until(hours: tuple[QuietHours, ...], now: datetime) -> datetime | None:
    """Return when the last of the quiet hours that hold at `now` ends; None when none hold."""
    return max((end for one in hours if (end := one.until(now))), default=None)


def _at(day: date, clock: time, zone: ZoneInfo, *, fold: int = 0) -> datetime:
    return datetime.combine(day, clock, zone).replace(fold=fold).astimezone(UTC)
