"""`billstream exports …`, every command thin."""

from datetime import UTC, date, datetime
from typing import Annotated

import typer

from billstream.cli.terminal import AsJson, examples
from billstream.common.errors import WrongUsage
from billstream.common.ids import new_id

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

_MONTH = "YYYY-MM"


@app.callback()
def exports() -> None:
    """List exports, and say which of two counts.

    Two exports of the same account and month add up to twice the costs. Nothing is taken out by guessing: until you
    prefer one, all of them count.
    """


@app.command("list", epilog=examples("billstream exports list", "billstream exports list --json"))
def list_command(*, as_json: AsJson = False) -> None:
    """List exports, and which of them overlap.

    Each export is shown with its datasets, providers, accounts, days, rows and billed costs, the exports that have the
    same charges, and the preferences that hold.
    """
    from billstream.cli import opening
    from billstream.cli.exports import report
    from billstream.consumer.exports.listing import list_exports

    settings = opening.settings_with_logs()
    with opening.opened_lake(settings, read_only=True) as lake:
        found, preferences = list_exports(lake)
    report.exports(found, preferences, as_json=as_json)


@app.command(
    "prefer",
    epilog=examples(
        "billstream exports prefer export://billing/new/cur",
        "billstream exports prefer export://billing/focus --since 2026-03",
    ),
)
def prefer_command(
    scope: Annotated[
        str | None, typer.Argument(metavar="SCOPE", help="Name of the export, e.g. export://billing/new/cur.")
    ] = None,
    *,
    provider: Annotated[str | None, typer.Option(help="Only charges of this provider, e.g. AWS. Default: all.")] = None,
    account: Annotated[
        str | None, typer.Option(help="Only this billing account, e.g. 123456789012. Default: all.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar=_MONTH, help="First billing month, e.g. 2026-03. Default: all.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar=_MONTH, help="Last billing month, e.g. 2026-12. Default: all.")
    ] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Undo all decisions of operators.")] = False,
) -> None:
    """Let one export count instead of others.

    Where another export has the same costs of the same account and month, its rows are set aside in the same commit;
    data that arrives later goes aside at once. Nothing is set aside that only the other export has, and nothing is
    deleted: billstream exports undo brings all rows back.
    """
    from billstream.cli import opening
    from billstream.cli.exports import report
    from billstream.common.runtime import process_name
    from billstream.consumer.exports.coverage import account_of, provider_of
    from billstream.consumer.exports.deciding import prefer, undo
    from billstream.consumer.exports.exports import Exports
    from billstream.consumer.exports.listing import list_exports, named_export
    from billstream.consumer.exports.preferences import OPERATOR, Preference, read_preferences

    if (scope is None) != reset:
        raise WrongUsage("Name the export that is to count, or use --reset; nothing was changed.")
    settings = opening.settings_with_logs()
    author = process_name("exports")
    with opening.opened_lake(settings) as lake:
        if scope is None:
            held = [one.preference_id for one in read_preferences(lake) if one.source == OPERATOR]
            report.decided(undo(lake, held, author=author))
            return
        export = named_export(list_exports(lake)[0], scope)
        first, last = _month("--since", since), _month("--until", until)
        if first and last and first > last:
            raise WrongUsage("--since must not be after --until; nothing was changed. Swap the two months.")
        chosen = Preference(
            preference_id=new_id(),
            source=OPERATOR,
            priority=0,
            preferred=(export.export,),
            provider=provider_of(provider, Exports().names(lake)),
            account=account_of(account),
            first_month=first,
            last_month=last,
            decided_at=datetime.now(UTC),
            decided_by=author,
        )
        report.decided(prefer(lake, chosen, author=author))


@app.command("undo", epilog=examples("billstream exports undo", "billstream exports undo 01a224a3713f"))
def undo_command(
    preference: Annotated[
        str | None, typer.Argument(metavar="ID", help="Beginning of its id, e.g. 01a224e6. Default: the newest.")
    ] = None,
) -> None:
    """Undo a preference; its rows count again.

    Without an id it is the newest decision of an operator. Rules of a file are undone by changing the file, and
    billstream exports apply.
    """
    from billstream.cli import opening
    from billstream.cli.exports import report
    from billstream.common.runtime import process_name
    from billstream.consumer.exports.deciding import undo
    from billstream.consumer.exports.preferences import OPERATOR, read_preferences

    settings = opening.settings_with_logs()
    with opening.opened_lake(settings) as lake:
        held = [one for one in read_preferences(lake) if one.source == OPERATOR]
        found = [one for one in held if one.preference_id.startswith(preference)] if preference else held[:1]
        if not found or (preference and len(found) > 1):
            raise WrongUsage(
                f"There is {'no' if not found else 'more than one'} decision of an operator"
                f"{f' whose id begins with {preference!r}' if preference else ''}: nothing was changed. "
                "billstream exports list shows the preferences that hold."
            )
        report.decided(undo(lake, [found[0].preference_id], author=process_name("exports")))


@app.command("apply", epilog=examples("BILLSTREAM_EXPORTS_RULES=exports.toml billstream exports apply"))
def apply_command() -> None:
    """Apply the file of rules to the lake.

    The rules of BILLSTREAM_EXPORTS_RULES hold in the place of those that the lake has; decisions of operators come
    before them. Consumers do the same when they start. Without the variable, it moves rows that are not where the
    preferences of the lake want them.
    """
    from billstream.cli import opening
    from billstream.cli.exports import report
    from billstream.common.runtime import process_name
    from billstream.consumer.exports.deciding import settle
    from billstream.consumer.exports.rules import apply_rules

    settings = opening.settings_with_logs()
    author = process_name("exports")
    with opening.opened_lake(settings) as lake:
        rules = settings.exports_rules
        report.decided(apply_rules(lake, rules, author=author) if rules else settle(lake, author=author))


def _month(option: str, text: str | None) -> date | None:
    from billstream.consumer.exports.rules import month_of

    try:
        return month_of(text.strip()) if text else None
    except ValueError as error:
        raise WrongUsage(f"{option} {text!r} is no month such as 2026-03; nothing was changed.") from error
