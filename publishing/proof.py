"""The proof of a copy: what it has, month by month, against the lake at the snapshot that the copy names.

It uses nothing of what publishes but the list of tables and the connection: rows are read from the lake and from the
copy as they are, and compared by their number, by exact sums, and by a digest of all their values. So a mistake in
publishing shows here, and so does what somebody else did to the copy.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from billstream.common.errors import DataDamaged, Fatal, Misconfigured
from billstream.common.lake import Lake
from billstream.common.lake.catalog import METADATA
from billstream.common.lake.tables import CHARGES
from billstream.common.statements import statement
from billstream.common.texts import counted, decimal_text
from billstream.publishing.contents import Month, by_month, read_months
from billstream.publishing.tables import AGGREGATES, DAY, Table, layout_of, read_tables
from billstream.publishing.target import Contents, CopyDamaged, Target
from billstream.publishing.watermark import Watermark

MOST_DIFFERENCES = 100
"""So many months of a table are named; of those beyond, the number is."""


@dataclass(frozen=True)
class Difference:
    """One place where a copy is not as the lake is: a month of a table, or a table."""

    place: str
    problem: str


@dataclass(frozen=True)
class CopyProof:
    """What was found of one copy.

    Attributes:
        snapshots: those of the lake that its tables name; none where there is no complete copy.
        rows: that the lake has in the tables that were compared.
        differences: by table, in the order of months.
        uncompared: why nothing was compared; None where everything was.
    """

    snapshots: tuple[int, ...] = ()
    rows: int = 0
    differences: tuple[Difference, ...] = ()
    uncompared: str | None = None


class _Incomparable(Exception):  # noqa: N818 - it names an outcome, not a thing
    """The lake has nothing to compare a copy with; the text says why."""


def prove_copy(lake: Lake, target: Target) -> CopyProof:
    """Compare a copy with the lake; change neither.

    Raises:
        Misconfigured: the target has a copy of another lake; or see `target.Target`.
        Retryable: the target or the lake does not answer.
        Fatal: see `target.Target`.
    """
    with target.contents() as contents:
        marks = {name: contents.watermark(name) for name in (CHARGES, *AGGREGATES)}
        named = sorted({mark for mark in marks.values() if mark}, key=lambda mark: (mark.snapshot_id, mark.read_at))
        # The first copy of an Iceberg table is complete when the table names a snapshot; until then it is only there.
        if not named or any(mark is None and contents.columns(name) for name, mark in marks.items()):
            return CopyProof()
        snapshots = tuple(dict.fromkeys(mark.snapshot_id for mark in named))
        try:
            tables = {mark: _tables(lake, mark) for mark in named}
            found = [_compare(lake, contents, tables[mark or named[0]][name], mark) for name, mark in marks.items()]
        except _Incomparable as reason:
            return CopyProof(snapshots, uncompared=str(reason))
        except Misconfigured:
            raise
        except (DataDamaged, Fatal) as error:  # of the lake: inside the block, those of a target are its vendor's
            return CopyProof(snapshots, uncompared=_reason(lake, named, error))
    differences = tuple(difference for _, several in found for difference in several)
    return CopyProof(snapshots, sum(rows for rows, _ in found), differences)


def _tables(lake: Lake, mark: Watermark) -> Mapping[str, Table]:
    """Return the tables as they were when they were copied, by name.

    Raises:
        Misconfigured: they are another lake's.
        _Incomparable: the lake has this state no more.
    """
    text = statement(__name__, "kept", catalog=METADATA)
    ((lake_id, newest, there, read_time),) = lake.rows(text, [mark.snapshot_id, mark.read_at])
    if mark.lake_id != lake_id:
        raise Misconfigured(
            "It is a copy of another lake. Give this lake a schema, a namespace or a database of its own in the file "
            "that BILLSTREAM_TARGETS names."
        )
    if mark.read_at > newest or read_time not in {None, mark.read_time}:
        raise _Incomparable("the lake was restored, and its snapshots are others than those that were copied")
    if there < len({mark.snapshot_id, mark.read_at}):
        raise _Incomparable(f"snapshot {mark.snapshot_id}, which it is a copy of, has been expired")
    tables = read_tables(lake, mark.snapshot_id, mark.read_at)
    if layout_of(tables) != mark.layout:
        raise _Incomparable("it was made with other tables or columns")
    return {table.name: table for table in tables}


def _reason(lake: Lake, marks: list[Watermark], error: Exception) -> str:
    """Return why the lake could not be read: a publisher that goes on meanwhile lets the snapshot of the copy go."""
    lake.reconnect_if_lost()
    try:
        for mark in marks:
            _tables(lake, mark)
    except _Incomparable as reason:
        return str(reason)
    return str(error)


def _compare(lake: Lake, contents: Contents, table: Table, mark: Watermark | None) -> tuple[int, list[Difference]]:
    """Return the number of rows that the lake has, and the differences of one table."""
    there = set(contents.columns(table.name))
    lacking = [column.name for column in table.copied if column.name not in there]
    if mark is None or not there:
        return 0, [Difference(table.name, "the table is missing")]
    if lacking:
        return 0, [Difference(table.name, f"the table lacks {', '.join(lacking)}")]
    source = f"{table.name} AT (VERSION => {mark.snapshot_id if table.is_charges else mark.read_at})"
    if table.is_charges:
        source = f"(SELECT (charge_period_start AT TIME ZONE 'UTC')::DATE AS {DAY}, * FROM {source})"
    expected = by_month(read_months(lake.rows, table, source))
    rows = sum(month.rows for month in expected.values())
    try:
        found = by_month(contents.months(table))
    except CopyDamaged as error:
        return rows, [Difference(table.name, str(error))]
    return rows, list(_differences(table.name, found, expected))


def _differences(
    table: str, found: Mapping[date | None, Month], expected: Mapping[date | None, Month]
) -> Iterator[Difference]:
    differing = [month for month in found.keys() | expected.keys() if found.get(month) != expected.get(month)]
    for month in sorted(differing, key=lambda month: month or date.max)[:MOST_DIFFERENCES]:
        place = f"{table}, {month.isoformat()[:7] if month else 'days beyond the calendar'}"
        yield Difference(place, _problem(found.get(month), expected.get(month)))
    if len(differing) > MOST_DIFFERENCES:
        yield Difference(table, f"{counted(len(differing) - MOST_DIFFERENCES, 'more month')} with differences")


def _problem(found: Month | None, expected: Month | None) -> str:
    if found is None or expected is None:
        if expected:
            return f"the month is missing, which has {counted(expected.rows, 'row')}"
        return f"{counted(found.rows if found else 0, 'row')} of a month of which the lake has none"
    wrong = [f"rows are {found.rows:,} and should be {expected.rows:,}"] if found.rows != expected.rows else []
    wrong += [
        f"the sum of {name} is {_amount(found.sums[name])} and should be {_amount(value)}"
        for name, value in expected.sums.items()
        if found.sums[name] != value
    ]
    return "; ".join(wrong) or "rows and sums are right, and values of some row are not"


def _amount(value: Decimal | None) -> str:
    return "nothing" if value is None else decimal_text(value)
