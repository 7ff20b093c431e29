"""Show what was exported, and what would be."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from billstream.cli.terminal import add_row, out, say, table, write_json
from billstream.common.texts import counted
from billstream.publishing.focus.export import Foreseen
from billstream.publishing.focus.manifest import ExportedSums, ExportManifest, sums_of

_COSTS = ("billed_cost", "effective_cost", "list_cost", "contracted_cost")


def foreseen(found: Foreseen, *, as_json: bool) -> None:
    """Show the months that would be written."""
    months = [(month.name, month.rows, sums_of(month), month.missing) for month in found.months]
    if as_json:
        names = ("billing_period", "rows", "sums", "rows_without_value")
        told = [
            dict(zip(names, (name, rows, _plain(sums), lacking), strict=True)) for name, rows, sums, lacking in months
        ]
        write_json({"snapshot_id": found.snapshot_id, "months": told})
        return
    _show([(name, rows, sums) for name, rows, sums, _ in months])
    _lacking([lacking for *_, lacking in months], sum(rows for _, rows, _, _ in months))
    say(f"Nothing was written; snapshot {found.snapshot_id} has {counted(len(months), 'billing month')}.")


def written(manifests: Sequence[ExportManifest], folder: Path, *, as_json: bool) -> None:
    """Show the months that were written."""
    if as_json:
        write_json({"folder": str(folder), "months": [one.model_dump(mode="json") for one in manifests]})
        return
    _show([(one.billing_period, one.rows, one.sums) for one in manifests])
    _lacking([one.rows_without_value for one in manifests], sum(one.rows for one in manifests))
    if not manifests:
        say("The lake has no charges, so nothing was written.")
        return
    files = counted(sum(len(one.files) for one in manifests), "file")
    say(
        f"{counted(len(manifests), 'billing month')} in {files} of FOCUS {manifests[0].focus_version}, "
        f"as of snapshot {manifests[0].snapshot_id}: {folder}",
        style="green",
    )


def _show(months: Sequence[tuple[str, int, Sequence[ExportedSums]]]) -> None:
    if not months:
        return
    rows = table("month", "currency", "rows", "billed", "effective", "list", "contracted")
    for name, _, sums in months:
        for one in sums:
            add_row(rows, name, one.currency or "none", f"{one.rows:,}", *(getattr(one, cost) for cost in _COSTS))
        if not sums:
            add_row(rows, name, "none", "0")
    out.print(rows)


def _lacking(months: Sequence[Mapping[str, int]], rows: int) -> None:
    """Show which columns lack a value that FOCUS wants."""
    totals: dict[str, int] = {}
    for month in months:
        for column, count in month.items():
            totals[column] = totals.get(column, 0) + count
    absent = sorted(column for column, count in totals.items() if count == rows)
    partly = [f"{column} ({count:,} of {rows:,} rows)" for column, count in sorted(totals.items()) if count < rows]
    if absent:
        say(f"No row has a value of these columns, which FOCUS wants in every row: {', '.join(absent)}", style="yellow")
    if partly:
        say(f"Some rows lack a value that FOCUS wants in every row: {', '.join(partly)}", style="yellow")


def _plain(sums: Sequence[ExportedSums]) -> list[dict[str, object]]:
    return [one.model_dump(mode="json") for one in sums]
