"""Show explained changes."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from decimal import Decimal

from billstream.aggregator.causes.values import Change, CurrencyChange, Days, Explanation, Line
from billstream.aggregator.insights.unfinished import Unfinished
from billstream.cli.terminal import add_row, out, say, table, write_json
from billstream.common.texts import counted, decimal_text


def tell(found: Explanation, unfinished: Sequence[Unfinished], *, rows: bool, as_json: bool) -> None:
    """Show each currency: a table of its lines, then its usage in words, then what moved.

    `unfinished`: sources that have not completed the days that are compared. `rows` adds the SQL.
    """
    if as_json:
        write_json({**found.model_dump(mode="json"), "unfinished": [asdict(one) for one in unfinished]})
        return
    say(f"{_period(found.before)} → {_period(found.after)}, {found.cost}")
    if found.before.days != found.after.days:
        say(f"The amounts before are over {counted(found.after.days, 'day')}, as those after are.")
    for source in unfinished:
        say(source.sentence, style="yellow")
    if not found.currencies:
        say("No charges of these in either period.")
    for one in found.currencies:
        _currency(one, scaled=found.before.days != found.after.days, rows=rows)


def _currency(one: CurrencyChange, *, scaled: bool, rows: bool) -> None:
    say("")
    say(one.currency or "no currency", style="bold")
    _lines(one.lines, scaled=scaled)
    if one.usage is None:
        return
    say(one.usage.sentence)
    for mover in one.movers:
        _change(mover, rows=rows)
    if len(one.movers) < one.mover_count:
        say(f"{one.mover_count - len(one.movers):,} more; --limit shows them.")


def _lines(lines: Sequence[Line], *, scaled: bool) -> None:
    made = table("", "before", "after", "change", "rows")
    for column in made.columns[1:]:
        column.justify = "right"
    for line in lines:
        before = line.after - line.change if scaled else line.before
        amounts = (_amount(before), _amount(line.after), _signed(line.change))
        add_row(made, line.line, *amounts, f"{line.rows_before:,} → {line.rows_after:,}")
    out.print(made)


def _change(mover: Change, *, rows: bool) -> None:
    named = {part.dimension: part.value for part in mover.where}
    account = named.get("account") or "no account"
    say("")
    say(f"{_signed(mover.change)}  {named.get('provider') or 'no provider'}, {account}", style="bold")
    say(mover.sentence)
    files = ", ".join(mover.rows.files)
    more = mover.rows.file_count - len(mover.rows.files)
    if files:
        say(f"{counted(mover.rows.count, 'charge')} of {files}{f' and {more:,} more' if more else ''}")
    if rows:
        # To the letter, for billstream sql; it holds printable characters alone.
        sys.stdout.write(f"{mover.rows.sql};\n")


def _period(days: Days) -> str:
    return f"{days.first_day}" if days.days == 1 else f"{days.first_day}..{days.last_day}"


def _amount(value: Decimal) -> str:
    return decimal_text(value)


def _signed(value: Decimal) -> str:
    return f"+{_amount(value)}" if value > 0 else _amount(value)
