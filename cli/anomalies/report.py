"""Show anomalies."""

import sys
from collections.abc import Sequence

from billstream.aggregator.anomalies.incidents import Incident
from billstream.aggregator.anomalies.values import Anomaly
from billstream.cli.terminal import add_row, out, say, table, write_json
from billstream.common.texts import counted, decimal_text


def listed(found: Sequence[Anomaly], *, as_json: bool) -> None:
    """Show one line for each."""
    if as_json:
        write_json([one.model_dump(mode="json") for one in found])
        return
    if not found:
        say("No anomalies.")
        return
    made = table("id", "tier", "state", "days", "impact", "what")
    made.columns[4].justify = "right"
    for one in found:
        impact = f"{decimal_text(one.impact)} {one.currency or ''}".rstrip()
        add_row(made, one.id, one.tier, one.state, _days(one), impact, one.sentence)
    out.print(made)


def shown(one: Anomaly, *, rows: bool, as_json: bool) -> None:
    """Show everything of one; `rows`: its SQL alone, to the letter."""
    if as_json:
        write_json(one.model_dump(mode="json"))
        return
    if rows:
        sys.stdout.write(f"{one.change.rows.sql if one.change else ''}\n")
        return
    say(f"{one.id}  {one.tier}, {one.kind}, {one.state}", style="bold")
    say(one.sentence)
    say(f"{one.provider or 'no provider'}, account {one.account or 'not named'}, {_days(one)}")
    currency = one.currency or ""
    actual, expected, impact = (decimal_text(value) for value in (one.actual, one.expected, one.impact))
    say(f"actual {actual}, expected {expected}, impact {impact} {currency}".rstrip())
    if one.score is not None:
        say(f"largest distance from the expected cost of a day: {one.score} usual distances")
    if not one.complete:
        say("A day of it is not complete yet: it may still grow.")
    if one.reason:
        say(f"{one.state} by {one.decided_by}: {one.reason}")
    if one.change:
        _rows(one)


def decided(one: Incident) -> None:
    """Say what was decided."""
    say(f"{one.incident_id} is {one.state}: {one.reason}")


def _rows(one: Anomaly) -> None:
    assert one.change  # noqa: S101 - the caller has looked
    rows = one.change.rows
    more = rows.file_count - len(rows.files)
    say(f"{counted(rows.count, 'charge')} of {counted(rows.file_count, 'file')}:")
    for file in [*rows.files, *([f"and {more:,} more"] if more > 0 else [])]:
        say(f"  {file}")
    say(f"The charges: billstream anomalies show {one.id} --rows")


def _days(one: Anomaly) -> str:
    return f"{one.first_day}" if one.first_day == one.last_day else f"{one.first_day} to {one.last_day}"
