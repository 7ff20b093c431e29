"""The summary at the end of a demo."""

import shlex
from collections.abc import Sequence
from decimal import Decimal

from rich.console import Console
from rich.table import Table

from billstream.cli.demo.bucket import Bucket
from billstream.cli.demo.findings import Findings, Quarantined
from billstream.cli.demo.samples import Truth
from billstream.cli.demo.surroundings import access
from billstream.cli.demo.verdict import Check
from billstream.cli.demo.world import World
from billstream.cli.terminal import marked, printable
from billstream.consumer.decide.states import State

MOST_REASONS = 8
RARE_STATES = (State.UNCHANGED, State.STALE, State.KEPT, State.SKIPPED, State.MISSING)
EXAMPLES = (
    "SELECT billing_currency, service_name, sum(billed_cost) FROM charges GROUP BY ALL ORDER BY 3 DESC LIMIT 5",
    "SELECT state, count(*) FROM ledger GROUP BY ALL",
)


def print_summary(
    console: Console, bucket: Bucket, findings: Findings, checks: Sequence[Check], truth: Truth | None
) -> None:
    """Print the counts, the quarantine, the totals beside the truth if it is known, and the next steps."""
    console.print(_counts(bucket, findings))
    _print_quarantine(console, findings)
    console.print(_totals(findings, truth))
    for check in checks:
        mark = "[green]✓[/]" if check.holds else "[bold red]✗[/]"
        console.print(f"{mark} {marked(check.sentence)}")
    _print_next(console, bucket.world, findings)


def print_kept(console: Console, world: World) -> None:
    """Print how to use the running demo."""
    console.print("\n[bold]The demo keeps running.[/] Point the AWS CLI, or a consumer of your own, at it:")
    for name, value in {**access(world.endpoint_url), "BILLSTREAM_HOME": str(world.folder)}.items():
        _print_code(console, f"export {name}={shlex.quote(value)}")
    _print_code(console, f"aws s3 cp bill.csv s3://{world.settings.bucket}/bill.csv")
    _print_code(console, "billstream status")
    console.print("Press Ctrl-C to stop it.")


def amount(value: Decimal | None) -> str:
    """Return all digits of an exact amount, without the zeros at its end."""
    if value is None:
        return "-"
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _counts(bucket: Bucket, findings: Findings) -> Table:
    """Return what was done and its results; zero counts are left out."""
    counts = {
        "files uploaded": bucket.uploads,
        "files that are not bills by their names": bucket.no_bills,
        "files loaded": findings.decisions.get(State.LOADED, 0) - findings.replaced,
        "files replaced by a restatement": findings.replaced,
        "files removed, their rows retracted": findings.decisions.get(State.REMOVED, 0),
        "notifications sent again": bucket.repeats,
        "duplicates ignored": findings.duplicates,
        "files in quarantine": len(findings.files),
        "records in quarantine": len(findings.records),
        **{f"ledger entries: {state}": findings.decisions.get(state, 0) for state in RARE_STATES},
        "rows in the lake": findings.rows,
    }
    table = Table("What happened", "")
    table.columns[1].justify = "right"
    for name, count in counts.items():
        if count:
            table.add_row(name, f"{count:,}")
    return table


def _print_quarantine(console: Console, findings: Findings) -> None:
    quarantined = [*findings.files, *findings.records]
    for one in quarantined[:MOST_REASONS]:
        console.print(f"  [yellow]quarantined[/] {marked(_reason(one))}", highlight=False)
    if len(quarantined) > MOST_REASONS:
        console.print(f"  … and {len(quarantined) - MOST_REASONS} more, in the view quarantined_rows and in the ledger")


def _reason(one: Quarantined) -> str:
    """Return one line, in which a key or a cell of the file cannot command the terminal, nor fill it."""
    where = one.key if one.line is None else f"{one.key} line {one.line}"
    return printable(f"{where}: {one.reason}", 1000)


def _totals(findings: Findings, truth: Truth | None) -> Table:
    """Return a table with one line for each currency that is expected or found."""
    table = Table("Billed in", "Rows", *(["Written"] if truth else []), "In the lake", "Aggregated")
    for column in table.columns[1:]:
        column.justify = "right"
    for currency in sorted({*findings.charges, *findings.aggregates, *(truth.billed if truth else ())}):
        rows, billed = findings.charges.get(currency, (0, None))
        _, aggregated = findings.aggregates.get(currency, (0, None))
        expected = [amount(truth.billed.get(currency))] if truth else []
        table.add_row(currency or "none", f"{rows:,}", *expected, amount(billed), amount(aggregated))
    return table


def _print_next(console: Console, world: World, findings: Findings) -> None:
    dashboard = world.settings.insights / "dashboard.html"
    if dashboard.exists():
        console.print("\nThe insights: ", end="")
        _print_code(console, dashboard.as_uri(), indent="")
        for _, sentence in findings.omissions.values():
            console.print(f"  [yellow]not in these numbers[/] {marked(printable(sentence, 1000))}", highlight=False)
    console.print("Query the lake yourself:")
    home = f"BILLSTREAM_HOME={shlex.quote(str(world.folder))}"
    for query in EXAMPLES:
        _print_code(console, f'{home} billstream sql "{query}"')


def _print_code(console: Console, text: str, indent: str = "  ") -> None:
    """Print a line that can be copied: never wrapped, never coloured in parts."""
    console.print(f"{indent}[cyan]{marked(text)}[/]", highlight=False, soft_wrap=True)
