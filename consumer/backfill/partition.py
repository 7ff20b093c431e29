"""The days that an object is about, read from the Hive partition in its key: `year=2026/month=03/day=07`."""

import calendar
import re
from dataclasses import dataclass
from datetime import date

_PART = re.compile(r"(?:^|/)(year|month|day)=(\d{1,4})(?=/)")


@dataclass(frozen=True)
class Days:
    """The days from `first` to `last`, both included."""

    first: date
    last: date

    def overlap(self, since: date | None, until: date | None) -> bool:
        """Return whether one of the days lies between two days, both included; None is no bound."""
        return (since is None or self.last >= since) and (until is None or self.first <= until)


def partition_days(key: str) -> Days | None:
    """Return the days of a key's partition: a day, a month or a year; None if the key has no valid partition."""
    parts = {name: int(number) for name, number in _PART.findall(key)}
    if "year" not in parts or ("day" in parts and "month" not in parts):
        return None
    try:
        first = date(parts["year"], parts.get("month", 1), parts.get("day", 1))
    except ValueError:
        return None
    if "day" in parts:
        return Days(first, first)
    # A folder of a month or a year covers all of it: a file there may be about any of its days.
    month = first.month if "month" in parts else 12
    return Days(first, date(first.year, month, calendar.monthrange(first.year, month)[1]))


def has_partition(key: str, partition: str) -> bool:
    """Return whether the key has every folder of `partition`, in any order."""
    folders = set(key.split("/")[:-1])
    return all(folder in folders for folder in partition.strip("/").split("/"))
