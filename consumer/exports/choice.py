"""The choice between exports that have the same charges: which days of which lines do not count. Values only.

Lines are compared where they are certainly of one account: see `places`. In a place, the first preference that names
one of its exports puts them in order. A day of a line is set aside where an export before it in the order has the same
cost in the same place: on that day, or, if it is delivered with a manifest, in that billing month. So nothing is set
aside that only one export has.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import product

from billstream.consumer.exports.coverage import Line
from billstream.consumer.exports.preferences import UNNAMED, Preference

UNIQUE_SUB_ACCOUNTS = frozenset({"AWS", "Microsoft", "Google Cloud"})
"""Providers whose sub accounts no other billing account has. The view `export_overlaps` names the same."""

Place = tuple[str | date | None, ...]
Days = dict[Line, frozenset[date]]
"""The days of each line that are set aside; lines without any are absent."""


def places(lines: Iterable[Line]) -> dict[Place, list[Line]]:
    """Return the lines by the places where they are compared: provider, month, currency, and account or sub account.

    A line without provider, or with neither account nor unique sub account, has no place. An export that tells no sub
    accounts is compared with all of the billing account.
    """
    lines = [line for line in lines if line.provider]
    told: dict[tuple[object, ...], dict[str, bool]] = defaultdict(dict)
    for line in lines:
        exports = told[(*_period(line), line.account)]
        exports[line.export] = exports.get(line.export, False) or line.sub_account is not None
    found: dict[Place, list[Line]] = defaultdict(list)
    for line in lines:
        if line.sub_account and line.provider in UNIQUE_SUB_ACCOUNTS:
            found[(*_period(line), "sub account", line.sub_account)].append(line)
        elif line.account:
            found[(*_period(line), "account", line.account, line.sub_account)].append(line)
        exports = told[(*_period(line), line.account)]
        if line.account and len(exports) > 1 and not all(exports.values()):
            found[(*_period(line), "whole account", line.account)].append(line)
    return found


def set_aside(lines: Iterable[Line], preferences: Sequence[Preference]) -> Days:
    """Return the days of these lines that do not count.

    Args:
        lines: all active lines of whole cells, one line for each load and its keys.
        preferences: those that hold, the one that comes first in front.
    """
    aside: dict[Line, set[date]] = defaultdict(set)
    for place, together in places(lines).items():
        if len({line.export for line in together}) > 1 and (chosen := _preference(together, preferences)):
            _choose(together, chosen, aside, whole_account="whole account" in place)
    return {line: frozenset(days) for line, days in aside.items() if days}


def _preference(lines: Sequence[Line], preferences: Sequence[Preference]) -> Preference | None:
    """Return the first preference that names an export of these lines, and is about them."""
    return next((one for one in preferences for line in lines if one.concerns(line) and one.rank(line) < UNNAMED), None)


def _choose(
    lines: Sequence[Line], preference: Preference, aside: Mapping[Line, set[date]], *, whole_account: bool
) -> None:
    """Go through the exports in their order, and set aside what one before has.

    In a whole account, exports that tell their sub accounts are compared with those that do not, never with each other.
    """
    telling = {line.export for line in lines if line.sub_account} if whole_account else set[str]()
    concerned = [line for line in lines if preference.concerns(line)]
    on_day: dict[tuple[str, bool], set[date]] = defaultdict(set)  # the days that exports before have of a cost
    whole: set[tuple[str, bool]] = set()  # the costs that exports before have of the whole month
    for rank in sorted({preference.rank(line) for line in concerned}):
        now = [line for line in concerned if preference.rank(line) == rank]
        for line in now:
            against = (False,) if line.export in telling else (False, True)
            for cost in product(line.metrics, against):
                aside[line].update(line.days if cost in whole else on_day[cost].intersection(line.days))
        for line in now:
            counted = set(line.days) - aside[line]
            for cost in product(line.metrics, (line.export in telling,)):
                on_day[cost] |= counted
                if line.whole_period and not aside[line]:
                    whole.add(cost)


def _period(line: Line) -> tuple[str | None, date, str | None]:
    return line.provider, line.billing_month, line.billing_currency
