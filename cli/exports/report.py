"""Show exports, and decisions about them."""

from collections.abc import Sequence
from dataclasses import asdict

from billstream.cli.terminal import add_row, out, say, table, utc, write_json
from billstream.common.texts import counted, decimal_text
from billstream.consumer.exports.deciding import Decided
from billstream.consumer.exports.listing import Export
from billstream.consumer.exports.preferences import Preference


def exports(found: Sequence[Export], preferences: Sequence[Preference], *, as_json: bool) -> None:
    """Show each export in a few lines, then the preferences that hold."""
    if as_json:
        write_json({"exports": [asdict(one) for one in found], "preferences": [asdict(one) for one in preferences]})
        return
    if not found:
        say("No export has active loads: nothing is loaded yet.")
    for one in found:
        say(f"{one.export}{' (preferred)' if one.preferred else ''}", style="bold")
        _facts(one)
    overlapping = [one for one in found if one.overlaps_with]
    if overlapping:
        say(
            f"{counted(len(overlapping), 'export')} overlap, so that charges count more than once. To let one of them "
            "count, run: billstream exports prefer SCOPE",
            style="yellow",
        )
    for preference in preferences:
        say(f"preference {preference.preference_id}: {_in_words(preference)}")


def decided(end: Decided) -> None:
    """Show what a decision did."""
    if not end.changed:
        say("Nothing had to change: the preferences hold, and every row is where they want it.")
        return
    say(f"{counted(end.rows_out, 'row')} set aside, {end.rows_back:,} count again")
    for preference in end.preferences:
        say(f"preference {preference.preference_id}: {_in_words(preference)}")
    if end.rows_out or end.rows_back:
        say("The aggregates follow with the next refresh: billstream aggregate --once")


def _facts(one: Export) -> None:
    rows = table()
    add_row(rows, "  dataset", ", ".join(one.datasets) or "unknown")
    add_row(rows, "  provider", ", ".join(one.providers) or "unknown")
    add_row(rows, "  billing account", ", ".join(one.accounts) or "unknown")
    add_row(rows, "  billing months", f"{one.first_month:%Y-%m} to {one.last_month:%Y-%m}")
    add_row(rows, "  charge days", f"{one.first_day} to {one.last_day}")
    aside = f", {one.rows_set_aside:,} set aside" if one.rows_set_aside else ""
    add_row(rows, "  rows", f"{one.rows:,} in {counted(one.loads, 'load')}{aside}")
    names = {"XXX": "without a currency"}  # ISO 4217's code for it
    billed = [f"{decimal_text(amount)} {names.get(currency, currency)}" for currency, amount in one.billed.items()]
    add_row(rows, "  billed", ", ".join(billed) or "no billed cost counts")
    if one.overlaps_with:
        add_row(rows, "  overlaps with", ", ".join(one.overlaps_with))
    out.print(rows)


def _in_words(preference: Preference) -> str:
    limits = [
        f"provider {preference.provider}" if preference.provider else "",
        f"account {preference.account}" if preference.account else "",
        f"since {preference.first_month:%Y-%m}" if preference.first_month else "",
        f"until {preference.last_month:%Y-%m}" if preference.last_month else "",
    ]
    told = ", ".join(limit for limit in limits if limit)
    by = f"{preference.source}, {utc(preference.decided_at)}"
    return f"{' before '.join(preference.preferred)}{f' ({told})' if told else ''}, by {by}"
