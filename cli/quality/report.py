"""Show rules of quality, and what breaks them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from billstream.cli.terminal import add_row, out, say, table, utc, write_json
from billstream.common.texts import counted
from billstream.consumer.quality import Finding, Quality, Rule


def findings(found: Sequence[Finding], *, as_json: bool) -> None:
    """Show what active loads break."""
    if as_json:
        write_json([asdict(one) for one in found])
    elif not found:
        say("No active load breaks a rule.")
    else:
        rows = table("severity", "rule", "rows", "of", "file", "found at")
        for one in found:
            add_row(
                rows,
                one.severity,
                one.rule,
                f"{one.rows_failed:,}",
                f"{one.rows_loaded:,}",
                one.scope,
                utc(one.found_at),
            )
        out.print(rows)
        say(f"{counted(len(found), 'finding')}. For the rows, run: billstream quality show KEY")


def rows(
    found: Sequence[tuple[Finding, Sequence[Mapping[str, Any]]]], rules: Mapping[str, Rule], *, as_json: bool
) -> None:
    """Show rows that break a rule, by finding."""
    if as_json:
        write_json([asdict(one) | {"rows": [*broken]} for one, broken in found])
        return
    for one, broken in found:
        rule = rules[one.rule]
        say(f"{one.scope}: {one.rule} ({one.severity})", style="bold")
        say(f"{rule.says} {one.rows_failed:,} of {counted(one.rows_loaded, 'row')} break it. Source: {rule.source}.")
        if not broken:
            say("No row breaks the rule as it is now.")
            continue
        shown = table(*broken[0])
        for row in broken:
            add_row(shown, *row.values())
        out.print(shown)
        if one.rows_failed > len(broken):
            say(f"{len(broken):,} of {counted(one.rows_failed, 'row')} shown; --limit shows more.")


def rules(quality: Quality, *, as_json: bool) -> None:
    """Show the rules."""
    if as_json:
        write_json(
            [{**asdict(rule), "enforced": quality.enforced and rule.severity == "error"} for rule in quality.rules]
        )
        return
    shown = table("severity", "rule", "what a row has to be", "source")
    for rule in quality.rules:
        add_row(shown, rule.severity, rule.name, rule.says, rule.source)
    out.print(shown)
    if quality.enforced:
        say("A file with a row that breaks an error goes into quarantine (BILLSTREAM_QUALITY=enforce).")
