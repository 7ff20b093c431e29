"""Omissions: what is not in the numbers, or makes them doubtful, with names and the command that shows or mends it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import get_args

from billstream.aggregator.completeness.maturity import Habit
from billstream.aggregator.completeness.states import stale_of
from billstream.aggregator.insights.models import FUTURE, Model, Reading
from billstream.aggregator.insights.periods import TREND_DAYS
from billstream.aggregator.insights.quality_section import BROKEN_RULES
from billstream.aggregator.insights.section import Section
from billstream.aggregator.insights.values import Omission, OmissionKind, Source
from billstream.aggregator.insights.words import are, counted, day_in_words, provider_in_words

MOST_NAMES = 5
LAG_DAYS = 3
"""A daily source whose newest charge is older lags: vendors deliver a day within three."""

OMITTED_FILES = Model(__name__, "omitted_files", "kind", needs=("latest", "active"), given=lambda _: [MOST_NAMES])
OVERLAPPING = Model(__name__, "overlapping", "provider, account, month", given=lambda reading: [reading.snapshot_id])


@dataclass(frozen=True)
class _Kind:
    """One kind of the ledger: what is counted, what that means for the numbers, and the command that shows it."""

    noun: str
    means: str
    command: str


def _query(view: str, condition: str) -> str:
    return f'billstream sql "FROM {view} WHERE {condition}"'


_OF_LEDGER: dict[OmissionKind, _Kind] = {
    "quarantined_files": _Kind("file", "in quarantine; nothing of {it} counts", "billstream quarantine list"),
    "rejected_records": _Kind("record", "rejected, while the rest of the file counts", "billstream quarantine list"),
    "unreadable_files": _Kind(
        "file",
        "denied by S3 or failed to load; the newest version of {it} does not count",
        "billstream quarantine list",
    ),
    "awaiting_manifest": _Kind(
        "file",
        "waiting for the manifest of the export, and not loaded",
        _query("latest_entries", "state = 'awaiting_manifest'"),
    ),
    "missing_files": _Kind(
        "file",
        "announced, but gone before {it} could be fetched",
        _query("latest_entries", "state = 'missing'"),
    ),
    "tags_unread": _Kind(
        "cell",
        "not read as tags, and kept in the column rescued alone",
        _query("active_loads", "tags_unread > 0"),
    ),
    "records_left_out": _Kind(
        "record",
        "left out by the rules of the profile, as subtotals are",
        _query("active_loads", "records_left_out > 0"),
    ),
}


def read_omissions(reading: Reading) -> tuple[Omission, ...]:
    """Return every kind of omission that there is, the gravest first; empty when everything known is counted."""
    found = [
        *_overlaps(reading),
        *_files(reading),
        *_stale(reading),
        *_lagging(reading),
        *_missing_days(reading),
        *_dated_wrong(reading),
        *_broken_rules(reading),
    ]
    order = get_args(OmissionKind)
    return tuple(sorted(found, key=lambda omission: order.index(omission.kind)))


def _overlaps(reading: Reading) -> Iterator[Omission]:
    """Accounts and months that count more than once, which is the worst that a number can do."""
    rows = reading.rows(OVERLAPPING)
    if rows:
        yield Omission(
            kind="overlaps",
            count=len(rows),
            sentence=f"{counted(len(rows), 'account and month', 'accounts and months')} {are(len(rows))} told by more "
            "than one export, so the charges count more than once.",
            names=_few(name for row in rows for name in row["exports"]),
            command="billstream exports list",
        )


def _files(reading: Reading) -> Iterator[Omission]:
    for row in reading.rows(OMITTED_FILES):
        kind = _OF_LEDGER[row["kind"]]
        number, files = row["number"], row["files"]
        inside = "" if kind.noun == "file" else f" of {counted(files, 'file')}"
        means = kind.means.format(it="it" if files == 1 else "them")
        yield Omission(
            kind=row["kind"],
            count=number,
            sentence=f"{counted(number, kind.noun)}{inside} {are(number)} {means}.",
            names=tuple(row["names"]),
            command=kind.command,
        )


def _stale(reading: Reading) -> Iterator[Omission]:
    """Sources from which no new day has arrived for longer than their habit allows."""
    found = [(source, _habit(source, reading)) for source in reading.sources if not source.monthly]
    stale = [(source, told) for source, habit in found if habit and (told := stale_of(habit, reading.today))]
    if stale:
        yield Omission(
            kind="stale_sources",
            count=len(stale),
            sentence=f"{counted(len(stale), 'source')} {are(len(stale))} silent for longer than usual; a missing "
            "export looks like a saving.",
            names=_few(
                f"{provider_in_words(source.provider)}: no new day for {told.silent_days} days, usual are "
                f"{told.usual_days}; ends {day_in_words(told.newest_day)}"
                for source, told in stale
            ),
            command='billstream sql "SELECT provider_name, max(seen_at), max(charge_day) FROM day_arrivals GROUP BY 1"',
        )


def _habit(source: Source, reading: Reading) -> Habit | None:
    return reading.habits.get((source.currency, source.provider))


def _lagging(reading: Reading) -> Iterator[Omission]:
    """Sources that should have newer days: a missing export looks like a saving."""
    behind = [source for source in reading.sources if _lags(source, reading)]
    if behind:
        yield Omission(
            kind="lagging_sources",
            count=len(behind),
            sentence=f"{counted(len(behind), 'source')} {are(len(behind))} more than {LAG_DAYS} days behind; what came "
            "later is not in the numbers.",
            names=_few(
                f"{provider_in_words(source.provider)}: ends {day_in_words(source.last_charge_day)}"
                for source in behind
            ),
            command='billstream sql "SELECT provider_name, max(charge_day) FROM cost_cells GROUP BY ALL"',
        )


def _lags(source: Source, reading: Reading) -> bool:
    habit = _habit(source, reading)
    if habit and habit.learned and not source.monthly:
        return False  # its own habit says when it is silent for too long
    days = (reading.today - source.last_charge_day).days
    # A month is told in the month after it at the latest; a source that ended a quarter ago has ended.
    return (62 if source.monthly else LAG_DAYS) < days <= TREND_DAYS


def _missing_days(reading: Reading) -> Iterator[Omission]:
    holes = [source for source in reading.sources if source.missing_days]
    days = sum(source.missing_days for source in holes)
    if holes:
        yield Omission(
            kind="missing_days",
            count=days,
            sentence=f"{counted(days, 'day')} of the last {TREND_DAYS} {'has' if days == 1 else 'have'} no charges of "
            "sources that have them before and after.",
            names=_few(
                f"{provider_in_words(source.provider)}: {counted(source.missing_days, 'day')}" for source in holes
            ),
            command='billstream sql "SELECT DISTINCT charge_day, provider_name FROM cost_cells ORDER BY ALL"',
        )


def _dated_wrong(reading: Reading) -> Iterator[Omission]:
    """Charges after today, and those before 1900 or after 2999."""
    ahead = reading.rows(FUTURE)
    if ahead:
        number = sum(row["charge_rows"] for row in ahead)
        yield Omission(
            kind="future_charges",
            count=number,
            sentence=f"{counted(number, 'charge')} {are(number)} dated after {day_in_words(reading.today)}, "
            "and in no period.",
            names=_few(f"{provider_in_words(row['provider'])}: up to {day_in_words(row['last_day'])}" for row in ahead),
            command=_query("charges", "charge_period_start > now()"),
        )
    misdated = reading.extent["misdated_rows"]
    if misdated:
        yield Omission(
            kind="misdated_charges",
            count=misdated,
            sentence=f"{counted(misdated, 'charge')} {are(misdated)} dated before 1900 or after 2999 and in no number.",
            names=(),
            command=_query("charges", "charge_period_start NOT BETWEEN '1900-01-01' AND '3000-01-01'"),
        )


def _broken_rules(reading: Reading) -> Iterator[Omission]:
    """Rules of severity error: charges that break one are counted, and wrong."""
    errors = [row for row in reading.rows(BROKEN_RULES) if row["severity"] == "error"]
    if errors:
        yield Omission(
            kind="broken_rules",
            count=len(errors),
            sentence=f"{counted(len(errors), 'rule')} of data quality {are(len(errors))} broken by charges that count, "
            "so their amounts or dates may be wrong.",
            names=_few(
                f"{row['rule']}: {counted(row['rows_failed'], 'charge')} in {counted(row['files'], 'file')}"
                for row in errors
            ),
            command="billstream quality list",
        )


def _few(names: Iterable[str]) -> tuple[str, ...]:
    """The first different names."""
    return tuple(dict.fromkeys(names))[:MOST_NAMES]


OMISSIONS = Section(
    __name__, "omissions", tuple[Omission, ...], read_omissions, (OMITTED_FILES, OVERLAPPING, BROKEN_RULES)
)
