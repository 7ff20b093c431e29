"""`billstream explain`, thin."""

from datetime import date
from enum import StrEnum
from typing import Annotated

import typer

from billstream.cli.terminal import AsJson, examples
from billstream.common.errors import WrongUsage

app = typer.Typer(rich_markup_mode=None)

DAYS = "DAY[..DAY]"
MOST_DAYS = 3660
"""Ten years of days in one period at most."""


class Cost(StrEnum):
    """The costs that can be compared: those of `COSTS`."""

    EFFECTIVE_COST = "effective_cost"
    BILLED_COST = "billed_cost"
    LIST_COST = "list_cost"
    CONTRACTED_COST = "contracted_cost"


@app.command(
    epilog=examples(
        "billstream explain --from 2026-10-01..2026-10-07 --to 2026-10-08..2026-10-14",
        "billstream explain --from 2026-10-07 --to 2026-10-08 --service EC2 --rows",
    )
)
def explain(  # noqa: PLR0913 - its options
    *,
    from_: Annotated[
        str, typer.Option("--from", metavar=DAYS, help="Days before, UTC, e.g. 2026-10-01..2026-10-07 or 2026-10-01.")
    ],
    to: Annotated[str, typer.Option("--to", metavar=DAYS, help="Days after, UTC, e.g. 2026-10-08..2026-10-14.")],
    provider: Annotated[str | None, typer.Option(help="Only this provider, e.g. AWS. Default: all.")] = None,
    account: Annotated[
        str | None,
        typer.Option(help="Only this sub account, or billing account, e.g. 123456789012. Default: all."),
    ] = None,
    service: Annotated[str | None, typer.Option(help="Only this service, e.g. AmazonEC2. Default: all.")] = None,
    currency: Annotated[str | None, typer.Option(help="Only this currency, e.g. USD. Default: each apart.")] = None,
    cost: Annotated[
        Cost,
        typer.Option(metavar="COST", help="effective_cost, billed_cost, list_cost, contracted_cost; e.g. list_cost."),
    ] = Cost.EFFECTIVE_COST,
    limit: Annotated[int, typer.Option(min=1, help="Movers shown per currency, the largest first, e.g. 20.")] = 10,
    rows: Annotated[bool, typer.Option("--rows", help="Show the SQL that returns the charges.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show why the costs of two periods differ.

    Compares the usage by provider, account and service, and names the part behind each change, with price and quantity
    apart. Purchases, tax, credits and corrections are lines of their own. Periods of different lengths are compared by
    the day. A charge without an effective cost counts with its billed cost.
    """
    from billstream.aggregator.causes.charges import Charges
    from billstream.aggregator.causes.explain import explain_periods
    from billstream.aggregator.insights.unfinished import unfinished_at
    from billstream.cli import opening
    from billstream.cli.explain import report

    before, after = _days("--from", from_), _days("--to", to)
    fixed = {"provider": provider, "account": account, "service": service, "currency": currency}
    where = {name: value for name, value in fixed.items() if value is not None}
    settings = opening.settings_with_logs()
    with opening.opened_lake(settings, read_only=True) as lake:
        found = explain_periods(lake, Charges(before), Charges(after, where, cost.value), most=limit)
        sources = unfinished_at(lake, max(before | after))
    named = [one for one in sources if provider in {None, one.provider} and currency in {None, one.currency}]
    report.tell(found, named, rows=rows, as_json=as_json)


def _days(option: str, text: str) -> frozenset[date]:
    from billstream.aggregator.causes.charges import days_between

    first, _, last = text.strip().partition("..")
    try:
        begin = date.fromisoformat(first)
        end = date.fromisoformat(last) if last else begin
    except ValueError:
        raise WrongUsage(
            f"{option} {text!r} cannot be read: give a day such as 2026-10-01, or two such as 2026-10-01..2026-10-07."
        ) from None
    if begin > end:
        raise WrongUsage(f"{option} must not end before it begins: {begin} is after {end}.")
    if (end - begin).days >= MOST_DAYS or not date(1900, 1, 1) <= begin <= end < date(3000, 1, 1):
        raise WrongUsage(f"{option} must have at most {MOST_DAYS:,} days between 1900 and 2999: {begin}..{end}.")
    return days_between(begin, end)
