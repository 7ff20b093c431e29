"""Comparisons: the lists that SQL needs for them, and the values that come back."""

from collections.abc import Iterable, Mapping
from typing import Any, get_args

from billstream.aggregator.insights.periods import Window, Windows
from billstream.aggregator.insights.ratios import change
from billstream.aggregator.insights.values import Comparison, ComparisonName, Source


def window_lists(windows: Iterable[tuple[Any, Windows]], columns: int = 3) -> list[list[object]]:
    """Return the compared sources of many owners as lists for SQL.

    The lists: owner, comparison, provider, first day, last day, first day before, last day before; with `columns` 4
    the currency stands before the provider.
    """
    flat = [
        (owner, name, *_source(source, columns), *_days(window))
        for owner, named in windows
        for name, window in named.items()
        for source in window.sources
    ]
    return [[row[place] for row in flat] for place in range(columns + 4)]


def comparison_of(row: Mapping[str, Any], window: Window) -> Comparison:
    """Return the comparison of one row with `amount` and `before`."""
    return Comparison(
        days=window.days,
        amount=row["amount"],
        before_days=window.before,
        before=row["before"],
        change=change(row["amount"], row["before"]),
        left_out=window.left_out,
    )


def comparisons_of(rows: Iterable[Mapping[str, Any]], windows: Windows) -> dict[ComparisonName, Comparison]:
    """Return the comparisons of one owner, in the order in which they are declared."""
    found = {
        row["comparison"]: comparison_of(row, windows[row["comparison"]])
        for row in rows
        if row["comparison"] in windows
    }
    return {name: found[name] for name in get_args(ComparisonName) if name in found}


def _source(source: Source, columns: int) -> tuple[object, ...]:
    return (source.provider,) if columns == 3 else (source.currency, source.provider)  # noqa: PLR2004 - see above


def _days(window: Window) -> tuple[object, ...]:
    return window.days.first_day, window.days.last_day, window.before.first_day, window.before.last_day
