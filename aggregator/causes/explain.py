"""Explain a change: of one series on some days, as an anomaly has them, or of all charges between two periods."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal, localcontext

from billstream.aggregator.causes.charges import SLICED, USAGE, Charges
from billstream.aggregator.causes.gathered import Gathered, Sum, gather
from billstream.aggregator.causes.price_volume import price_and_volume
from billstream.aggregator.causes.rows import rows_sql
from billstream.aggregator.causes.slices import Cell, Folded, Name, explaining_slice
from billstream.aggregator.causes.values import (
    Cause,
    Change,
    CurrencyChange,
    Days,
    Explanation,
    Line,
    Part,
    Rows,
)
from billstream.aggregator.causes.words import (
    Course,
    between_sentence,
    reason_in_words,
    since_sentence,
    subject_in_words,
)
from billstream.common.lake import Lake

SERIES = ("provider", "account", "service")
RATIO_PLACES = Decimal("0.000001")


def explain_series(
    lake: Lake,
    series: Mapping[str, Name],
    days: frozenset[date],
    baseline: frozenset[date],
    *,
    expected: Decimal | None = None,
    course: Course = Course(),  # noqa: B008 - frozen
    version: int | None = None,
) -> Change:
    """Return why the usage of a series differs on some days from its baseline.

    Args:
        lake: the lake whose charges are read; nothing is written.
        series: its values: currency, provider, account, service, and user where it is one of a user. None: charges
            without a value.
        days: the days of the anomaly, at least one.
        baseline: the days that they are compared with, such as the same weekdays of the weeks before.
        expected: the amount that was expected of `days` together; default: the mean of the baseline.
        course: whether the anomaly goes on, and begins a series; for its sentence.
        version: the snapshot to read; default: the newest.

    Raises:
        Retryable, Fatal: see `common.lake.failures`.
    """
    charges = Charges(days, {**series, "line": USAGE})
    gathered = gather(lake, charges, baseline, version=version)
    (total,) = gathered.sums((), {}) or [Sum({}, Decimal(0), Decimal(0), 0, 0)]
    cells = gathered.cube({})
    made = _change(gathered, replace(total, where={}), cells, expected)
    currency = series.get("currency")
    sentence = since_sentence(
        subject=subject_in_words(made.where, _only("region", cells)),
        currency=currency,
        days=sorted(days),
        expected=made.expected,
        actual=made.after,
        course=course,
        reason=_reason(made, currency, max(days)),
    )
    return made.model_copy(update={"sentence": sentence})


def explain_periods(
    lake: Lake, before: Charges, after: Charges, *, most: int, version: int | None = None
) -> Explanation:
    """Return why the costs of two periods differ: totals of each kind of charge, and the usage that moved most.

    Args:
        lake: the lake whose charges are read; nothing is written.
        before: the first period; only its days count.
        after: the second period, and what both have in common: dimensions and cost.
        most: movers in each currency at most; those with the largest change.
        version: the snapshot to read; default: the newest.

    Raises:
        Retryable, Fatal: see `common.lake.failures`.
    """
    gathered = gather(lake, after, before.days, version=version)
    lines: dict[Name, list[Line]] = {}
    for total in gathered.sums(("currency", "line"), {}):
        lines.setdefault(total.where["currency"], []).append(_line(gathered, total))
    currencies = [_currency(gathered, currency, lines[currency], most) for currency in sorted(lines, key=_told_first)]
    return Explanation(
        before=_period(before.days),
        after=_period(after.days),
        cost=after.cost,
        snapshot_id=gathered.version,
        currencies=tuple(currencies),
    )


def _told_first(currency: Name) -> tuple[bool, str]:
    return currency is None, currency or ""


def _currency(gathered: Gathered, currency: Name, lines: list[Line], most: int) -> CurrencyChange:
    where = {"currency": currency, "line": USAGE}
    totals = [replace(total, where=where) for total in gathered.sums((), where) if total.rows_before + total.rows_after]
    moved = [one for one in gathered.sums(SERIES, where) if gathered.expected(one.before) != one.after]
    return CurrencyChange(
        currency=currency,
        lines=tuple(sorted(lines, key=lambda line: (line.line != USAGE, line.line))),
        usage=_between(gathered, totals[0], currency) if totals else None,
        movers=tuple(_between(gathered, one, currency) for one in moved[:most]),
        mover_count=len(moved),
    )


def _between(gathered: Gathered, total: Sum, currency: Name) -> Change:
    cells = gathered.cube(total.where)
    made = _change(gathered, total, cells, None)
    same = len(gathered.before) == len(gathered.after.days)
    series = [part for part in made.where if part.dimension in SERIES]
    sentence = between_sentence(
        subject=subject_in_words(series, _only("region", cells) if series else None),
        currency=currency,
        expected=made.expected,
        actual=made.after,
        per_day=None if same else len(gathered.after.days),
        reason=_reason(made, currency, max(gathered.after.days)),
    )
    return made.model_copy(update={"sentence": sentence})


def _change(gathered: Gathered, total: Sum, cells: list[Cell], expected: Decimal | None) -> Change:
    """Return a change without its sentence."""
    expected = gathered.expected(total.before) if expected is None else expected
    change = total.after - expected
    rows = replace(gathered.after, where={**gathered.after.where, **total.where})
    files, file_count = gathered.files(total.where)
    return Change(
        where=_parts(rows.where),
        before=total.before,
        after=total.after,
        expected=expected,
        change=change,
        relative=_ratio(change, abs(expected)),
        cause=_cause(gathered, total, cells),
        price_volume=price_and_volume(gathered.prices(total.where)),
        sentence="",
        rows=Rows(sql=rows_sql(rows), count=total.rows_after, files=files, file_count=file_count),
    )


def _cause(gathered: Gathered, total: Sum, cells: list[Cell]) -> Cause | None:
    found = explaining_slice(SLICED, cells)
    if found is None or not (sliced := found.where or _only_thing(cells, total)):
        # All of it moved alike: a cause only where there are parts that could have moved apart.
        return _alike(total) if found and len(cells) > 1 else None
    where = {**total.where, **sliced}
    # The search is in floating point and scaled to the days; what is told is summed from decimals.
    exact = gathered.sums((), where)[0]
    new = not exact.rows_before
    return Cause(
        where=_parts(sliced),
        explains=found.explains,
        share=_rounded(Decimal(repr(found.share))),
        before=exact.before,
        after=exact.after,
        new_on=gathered.new_on({**gathered.after.where, **where}) if new else None,
    )


def _line(gathered: Gathered, total: Sum) -> Line:
    return Line(
        line=total.where["line"] or USAGE,
        before=total.before,
        after=total.after,
        change=total.after - gathered.expected(total.before),
        rows_before=total.rows_before,
        rows_after=total.rows_after,
    )


def _reason(made: Change, currency: Name, last: date) -> str:
    return reason_in_words(made.cause, made.price_volume, made.change, currency, last) if made.change else ""


def _alike(total: Sum) -> Cause:
    return Cause(where=(), explains=True, share=Decimal(1), before=total.before, after=total.after, new_on=None)


def _only_thing(cells: list[Cell], total: Sum) -> Mapping[str, Name]:
    """Return the resource, SKU or user of a cube that has only one: as a slice it has all of the change."""
    for name in ("resource", "sku", "user"):
        only = _only(name, cells)
        if only is not None and name not in total.where:
            return {name: only}
    return {}


def _only(name: str, cells: list[Cell]) -> str | None:
    """Return the value of a dimension for a cube that has only one; None also where it has more."""
    values = {cell.values[SLICED.index(name)] for cell in cells}
    only = values.pop() if len(values) == 1 else None
    return None if isinstance(only, Folded) else only


def _parts(where: Mapping[str, Name]) -> tuple[Part, ...]:
    return tuple(Part(dimension=name, value=value) for name, value in where.items())


def _period(days: frozenset[date]) -> Days:
    return Days(first_day=min(days), last_day=max(days), days=len(days))


def _ratio(part: Decimal, whole: Decimal) -> Decimal | None:
    return _rounded(part / whole) if whole else None


def _rounded(ratio: Decimal) -> Decimal:
    with localcontext(prec=80):
        return ratio.quantize(RATIO_PLACES)
