"""The digest: the insights in at most eight lines. Pure functions over values; names in them are foreign text."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from billstream.aggregator.alerts.config import Sink
from billstream.aggregator.alerts.values import Alert
from billstream.aggregator.insights.values import Insights
from billstream.aggregator.insights.words import counted
from billstream.aggregator.pages.numbers import money, percent_change
from billstream.aggregator.pages.text import markdown, visible
from billstream.aggregator.pages.view import currency_label, month_label

DIGEST_NAME = "digest.md"
MOST_LINES = 8
MOST_CHANGES, MOST_BUDGETS, MOST_DOUBTS = 3, 2, 2
LONGEST_LINE = 300
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a digest says, each in one sentence, the most important first.

    `headline`: the month to date with its forecast. `changes`: what changed and why. `budgets`: those that are near
    their amount or over it. `doubts`: what not to trust.
    """

    headline: str
    changes: Sequence[str] = ()
    budgets: Sequence[str] = ()
    doubts: Sequence[str] = ()


def digest_lines(facts: Facts) -> list[str]:
    """Return one to eight lines of plain text: the headline, then three changes, two budgets and two doubts at most.

    The last line of a part says how many more it has. Line breaks and control characters of names are made visible.
    """
    lines = [
        facts.headline,
        *_first(facts.changes, MOST_CHANGES),
        *(f"Budget: {text}" for text in _first(facts.budgets, MOST_BUDGETS)),
        *(f"Not to trust: {text}" for text in _first(facts.doubts, MOST_DOUBTS)),
    ]
    return [_bounded(visible(line)) for line in lines]


def digest_markdown(facts: Facts) -> str:
    """Return the text of `digest.md`: the headline, and a list. No name in it is markup."""
    headline, *others = digest_lines(facts)
    return "\n".join([markdown(headline), *(f"- {markdown(line)}" for line in others)]) + "\n"


def lines_of_markdown(text: str) -> list[str]:
    """Return the lines that `digest_markdown` wrote, as plain text."""
    lines = [line.removeprefix("- ") for line in text.splitlines() if line.strip()]
    return [_ESCAPED.sub(r"\1", line)[:LONGEST_LINE] for line in lines[:MOST_LINES]]


def digest_alert(lines: Sequence[str], sink: str, day: date) -> Alert:
    """Return the digest of a day for one sink. `lines`: see `digest_lines`."""
    headline, *others = lines
    return Alert(
        kind="digest",
        dedupe_key=f"digest:{sink}:{day}",
        title=headline,
        text="\n".join(others),
        payload={"lines": [headline, *others]},
        sinks=(sink,),
    )


def due_digests(sinks: Sequence[Sink], lines: Sequence[str], now: datetime) -> list[Alert]:
    """Return the digests that are due at `now` by the schedules of the sinks; their keys make a second one harmless."""
    days = {sink.name: sink.digest.due(now) for sink in sinks if sink.digest}
    return [digest_alert(lines, name, day) for name, day in days.items() if day and lines]


def facts_of(insights: Insights) -> Facts:
    """Return the facts that insights have."""
    if not insights.currencies:
        return Facts(headline="There is no data yet.", doubts=[one.sentence for one in insights.omissions])
    months: list[str] = []
    changes = [one.sentence for one in insights.anomalies if one.state == "open"]
    for one in insights.currencies:
        costs = one.costs["month_to_date"]
        effective = costs.effective_cost is not None
        amount = money(costs.effective_cost if effective else costs.billed_cost, one.currency)
        name = "effective" if effective else "billed"
        forecast = next((f for f in insights.forecast if f.scope == "currency" and f.currency == one.currency), None)
        ahead = f", the month about {money(forecast.expected, one.currency)}" if forecast else ""
        months.append(f"{amount} {currency_label(one.currency)} {name} ({month_label(one, insights.today)}){ahead}")
    for meter in insights.meters:
        month = meter.comparisons.get("month")
        if meter.kind == "cost" and month and month.change:
            before = f"{money(month.before, meter.currency)} in the days before"
            now = f"{money(month.amount, meter.currency)} {currency_label(meter.currency)}"
            changes.append(f"{meter.measure.replace('_', ' ')}: {now}, {percent_change(month.change)} from {before}")
    restated = sum(one.groups_changed for one in insights.restatements.totals if one.kind == "restated")
    if restated:
        changes.append(f"{counted(restated, 'earlier cost')} restated in the last 7 days")
    return Facts(
        headline="; ".join(months),
        changes=changes,
        budgets=_budgets(insights),
        doubts=[one.sentence for one in insights.omissions],
    )


def _budgets(insights: Insights) -> list[str]:
    """Return the budgets of current periods that fire: over their amount, or expected to be."""
    return [
        f"{entry.budget}: {rule.sentence}"
        for entry in insights.budgets
        if entry.last_day >= insights.today
        for rule in entry.rules
        if rule.state == "firing"
    ]


def _first(texts: Sequence[str], most: int) -> list[str]:
    if len(texts) <= most:
        return list(texts)
    shown = list(texts[:most])
    return [*shown[:-1], f"{_bounded(shown[-1], LONGEST_LINE - 40)} (and {len(texts) - most:,} more)"]


def _bounded(line: str, most: int = LONGEST_LINE) -> str:
    return line if len(line) <= most else f"{line[: most - 1]}…"
