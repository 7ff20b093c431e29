"""What a key says of the days that its object is about: Hive partitions, `year=2026/month=03/day=07`."""

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
        """Whether any of them lies between two days, both included; None is no bound."""
        return (since is None or self.last >= since) and (until is None or self.first <= until)


def partition_days(key: str) -> Days | None:
    """The days of a key's partition: a day, a month or a year of them; None when it has none that can be read."""
    parts = {name: int(number) for name, number in _PART.findall(key)}
    if "year" not in parts or ("day" in parts and "month" not in parts):
        return None
    try:
        first = date(parts["year"], parts.get("month", 1), parts.get("day", 1))
    except ValueError:
        return None
    return Days(first, _last_day(first, parts))


def has_partition(key: str, partition: str) -> bool:
    """Whether the folders of `partition` are among those of the key."""
    folders = set(key.split("/")[:-1])
    return all(folder in folders for folder in partition.strip("/").split("/"))


def _last_day(first: date, parts: dict[str, int]) -> date:
    if "day" in parts:
        return first
    if "month" in parts:
        return first.replace(day=calendar.monthrange(first.year, first.month)[1])
    return first.replace(month=12, day=31)
