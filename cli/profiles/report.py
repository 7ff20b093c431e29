"""Show profiles, and what they make of a file."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.text import Text

from billstream.cli import report
from billstream.cli.terminal import add_row, on_terminal, out, printable, say, table, write_json
from billstream.common.lake.tables import CHARGES
from billstream.common.texts import counted, decimal_text
from billstream.consumer.backfill.local_files import Loading
from billstream.consumer.decide.states import State
from billstream.consumer.trial.catalogue import Listed
from billstream.consumer.trial.examples import Feeding
from billstream.consumer.trial.loading import LoadedFile
from billstream.consumer.trial.trial import COSTS, Trial
from billstream.consumer.trial.words import conditions, manner, origin, selection

SHOWN_REJECTS = 10
_SHOWN_CELLS = 6
_SHOWN_CHARACTERS = 120


def listed(found: Sequence[Listed], *, as_json: bool) -> None:
    """Show the profiles in order of precedence: two columns on a terminal, one line a record in a file or a pipe."""
    if as_json:
        write_json([one.as_json() for one in found])
        return
    if on_terminal():
        # Conditions and paths do not fit into 80 columns beside the rest; `profile show` has them.
        rows = table("profile", "files")
        for one in found:
            add_row(rows, one.profile.name, _title(one) if not one.own else f"{_title(one)} ({one.whose})")
        out.print(rows)
        say("If several fit, your own come first, then those that use most columns.")
        say("For conditions and columns, run: billstream profile show NAME")
        return
    rows = table("profile", "title", "whose", "fits when", "file")
    for one in found:
        add_row(rows, one.profile.name, _title(one), one.whose, "; ".join(conditions(one.profile.match)), one.path)
    out.print(rows)


def shown(found: Sequence[Listed], *, as_json: bool) -> None:
    """Show each profile in full."""
    if as_json:
        write_json([one.as_json() | one.profile.model_dump(mode="json", by_alias=True) for one in found])
        return
    for one in found:
        _profile(one)


def _title(one: Listed) -> str:
    return f"{one.profile.title}{'' if one.profile.refuse is None else ' (refused)'}"


def _profile(one: Listed) -> None:
    profile = one.profile
    say(f"{profile.name}: {profile.title} ({one.whose}, {one.path})", style="bold")
    if one.extends:
        say(f"extends {one.extends}; both together are shown")
    for number, condition in enumerate(conditions(profile.match)):
        say(f"{'fits when' if number == 0 else '      and'} {condition}")
    if profile.refuse is not None:
        say(f"files with this profile are refused: {profile.refuse}")
        return
    if profile.scope == "delivery":
        say("used only for parts of a delivery with a manifest")
    for line in (*selection(profile), *manner(profile.values)):
        say(line)
    for what, names in (("not told by the vendor", profile.not_told), ("only in `rescued`", profile.only_rescued)):
        if missing := [name for name in names if name not in profile.columns]:
            say(f"{what}: {', '.join(missing)}")
    rows = table("column", "source")
    for column, source in profile.columns.items():
        rows.add_row(column, Text(printable(origin(source), None)))
    out.print(rows)


def tried(trial: Trial, *, as_json: bool) -> None:
    """Show what loading a file would do, and why."""
    if as_json:
        write_json(_as_json(trial))
        return
    _file(trial)
    _fits(trial)
    if trial.columns:
        _columns(trial.columns, trial.load.table)
    if trial.rescued:
        say("Kept as JSON in `rescued`:", style="bold")
        rows = table()
        for name, why in trial.rescued:
            add_row(rows, f"  {name!r}", why)
        out.print(rows)
    _verdict(trial)


def tried_folder(loading: Loading, files: Sequence[LoadedFile], *, as_json: bool) -> None:
    """Show what loading a folder would do, in the words of `load`."""
    if as_json:
        write_json({"files": [asdict(file) for file in files], "fine": not loading.troubles})
        return
    rows = table("file", "would be", "profile", "rows", "rejected")
    for file in files:
        add_row(rows, file.key, file.state, file.profile, f"{file.rows_loaded:,}", f"{file.rows_rejected:,}")
    out.print(rows)
    report.loading(out, loading)


def _file(trial: Trial) -> None:
    told = [counted(trial.size_bytes, "byte"), trial.packed, trial.encoding]
    told.append(counted(trial.parts, "file") if trial.parts else None)
    told.append(f"delimiter {trial.delimiter!r}" if trial.delimiter else None)
    told.append(f"header on line {trial.header_line}" if trial.header_line else None)
    told.append(counted(len(trial.header), "column") if trial.header else None)
    say(f"{trial.path}: {', '.join(part for part in told if part)}", style="bold")


def _fits(trial: Trial) -> None:
    if trial.profile:
        say(f"profile {trial.profile}: {trial.title}", style="bold")
    for fit in trial.fits:
        if fit.taken:
            say(f"  {fit.profile} is used: {fit.why}")
        else:
            say(f"  {fit.profile} {'fits too, but' if fit.fits else 'does not fit:'} {fit.why}")


def _columns(columns: Sequence[Feeding], of_table: str) -> None:
    rows = table(f"column of {of_table}", "header", "example", "value")
    for one in columns:
        header = ", ".join(repr(name) for name in one.header[:_SHOWN_CELLS]) or one.how
        more = f" and {len(one.header) - _SHOWN_CELLS} more" if len(one.header) > _SHOWN_CELLS else ""
        raw = ", ".join("" if cell is None else repr(_short(cell)) for cell in one.raw[:_SHOWN_CELLS])
        add_row(rows, one.column, f"{header}{more}", raw, _becomes(one))
    out.print(rows)
    for one in columns:
        if one.how and one.header:
            say(f"{one.column}: {one.how}")


def _becomes(one: Feeding) -> str:
    if one.value is not None:
        return _short(one.value)
    return "no value" if one.raw else "(empty in the first rows)"


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 1]}…"


def _verdict(trial: Trial) -> None:
    load = trial.load
    if trial.state == State.AWAITING_MANIFEST:
        say(f"Would wait for its manifest: it is a part of a delivery of {trial.delivery}.", style="yellow")
        return
    if trial.layout:
        say(f"layout {trial.layout}: a delivery of {trial.delivery}")
    if trial.refusal is not None:
        say(f"Would not be loaded: {trial.refusal}", style="red")
        return
    days = f", charges of {load.first_charge_day} to {load.last_charge_day}" if load.first_charge_day else ""
    where = f" of {load.table}" if load.table != CHARGES else ""
    say(f"Would be loaded: {counted(load.rows_loaded, 'row')}{where}{days}.", style="green")
    _totals(trial)
    if load.records_left_out:
        say(f"Would be left out as no charges: {counted(load.records_left_out, 'record')}.")
    if load.values_rounded:
        say(f"Would be rounded to 18 decimals: {counted(load.values_rounded, 'value')}.", style="yellow")
    if load.tags_unread:
        say(
            f"No tags in a spelling that is known, kept in `rescued`: {counted(load.tags_unread, 'cell')}.",
            style="yellow",
        )
    if load.rows_rejected:
        say(f"Would be rejected: {counted(load.rows_rejected, 'record')}.", style="red")
        _rejects(trial)


def _totals(trial: Trial) -> None:
    if not trial.totals:
        return
    costs = [cost for cost in COSTS if any(cost in total.costs for total in trial.totals)]
    rows = table("currency", "rows", *costs, "consumed", "unit")
    for total in trial.totals:
        cells = [_decimal(total.costs.get(cost)) for cost in costs]
        add_row(rows, total.currency, f"{total.rows:,}", *cells, _decimal(total.quantity), total.unit)
    out.print(rows)


def _rejects(trial: Trial) -> None:
    rows = table("line", "column", "value", "reason")
    for row in trial.load.rejected[:SHOWN_REJECTS]:
        add_row(rows, row.line, row.column, row.raw_value, row.reason)
    out.print(rows)
    if trial.load.rows_rejected > SHOWN_REJECTS:
        say(f"The first {SHOWN_REJECTS} of {trial.load.rows_rejected:,} are shown.")


def _as_json(trial: Trial) -> dict[str, Any]:
    told = asdict(trial) | {"fine": trial.fine}
    load = told.pop("load")
    load["rejected"] = load["rejected"][:SHOWN_REJECTS]
    load["billed_totals"] = {currency: _decimal(total) for currency, total in trial.load.billed_totals.items()}
    for total in told["totals"]:
        total["costs"] = {name: _decimal(cost) for name, cost in total["costs"].items()}
        total["quantity"] = _decimal(total["quantity"])
    told["rescued"] = [{"header": name, "why": why} for name, why in trial.rescued]
    return told | {"load": load}


def _decimal(value: Any) -> str | None:  # noqa: ANN401 - a decimal, or nothing
    return None if value is None else decimal_text(value)
