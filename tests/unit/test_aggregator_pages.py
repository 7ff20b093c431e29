"""The pages, from hand-made insights: golden files, hostile words, and what a browser or a schema says of them.

`UPDATE_GOLDEN=1` writes the golden files anew; look at the difference before committing it.
"""

import json
import os
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import pytest

from billstream.aggregator.completeness.values import Completeness, DayArrival, MonthArrival, SilentAccount, Stale
from billstream.aggregator.insights.costs import Costs, Covered, NotTold, Savings, SavingsAmounts
from billstream.aggregator.insights.months import months_of
from billstream.aggregator.insights.moved import Months, Mover, Movers
from billstream.aggregator.insights.periods import periods_between
from billstream.aggregator.insights.ratios import change
from billstream.aggregator.insights.values import (
    BrokenRule,
    Changes,
    Comparison,
    Consumption,
    Currency,
    CurrencyChange,
    DayAmount,
    FileChange,
    Freshness,
    FutureCharges,
    Insights,
    LeftOut,
    Meter,
    NewestFile,
    Omission,
    Period,
    Ranked,
    Ranking,
    Source,
)
from billstream.aggregator.pages.numbers import MINUS, NOTHING
from billstream.aggregator.pages.render import (
    FILE_NAMES,
    HTML_NAME,
    JSON_NAME,
    MARKDOWN_NAME,
    SCHEMA_NAME,
    json_schema,
    render,
)
from billstream.aggregator.restatements.values import (
    QuantityDifference,
    Restatement,
    Restatements,
    RestatementTotal,
)
from tests.unit import told_values

GOLDEN = Path(__file__).parent / "golden"
FIRST, LAST = date(2025, 3, 1), date(2025, 6, 12)
REFRESHED = datetime(2025, 6, 13, 6, 30, tzinfo=UTC)
HOSTILE = '<script>alert("x")</script>|`*[a](https://evil.example)\n# head\x00\u202e&{{7*7}}'
HOSTILE_FILE = "s3://billing/<img src=x onerror=alert(1)>|www.evil.example/a\n|b|.csv"


def ranked(name: str | None, amount: str, share: str | None = "0.25", before: str | None = "10") -> Ranked:
    return Ranked(
        name=name,
        amount=Decimal(amount),
        share=None if share is None else Decimal(share),
        previous=None if before is None else Decimal(before),
        change=change(Decimal(amount), None if before is None else Decimal(before)),
    )


def daily(start: date, amounts: list[str]) -> tuple[DayAmount, ...]:
    return tuple(
        DayAmount(day=start + timedelta(days=number), amount=Decimal(amount)) for number, amount in enumerate(amounts)
    )


def comparison(amount: str, before: str) -> Comparison:
    return Comparison(
        days=Period(first_day=date(2025, 6, 1), last_day=date(2025, 6, 8)),
        amount=Decimal(amount),
        before_days=Period(first_day=date(2025, 5, 1), last_day=date(2025, 5, 8)),
        before=Decimal(before),
        change=change(Decimal(amount), Decimal(before)),
        left_out=(LeftOut(provider=HOSTILE, reason="begins on 3 Jun 2025"), LeftOut(provider=None, reason="ended")),
    )


def omissions() -> tuple[Omission, ...]:
    return (
        Omission(
            kind="quarantined_files",
            count=7,
            sentence="7 files are in quarantine; nothing of them counts.",
            names=(HOSTILE_FILE, "s3://billing/" + "long/" * 40 + "b.csv"),
            command="billstream quarantine list",
        ),
        Omission(kind="misdated_charges", count=1, sentence="1 charge is dated before 1900.", names=(), command=None),
    )


def sources() -> tuple[Source, ...]:
    return (
        Source(
            provider=HOSTILE,
            currency="USD",
            monthly=False,
            first_charge_day=FIRST,
            last_charge_day=LAST,
            last_complete_day=LAST - timedelta(days=1),
            filling_day=LAST,
            missing_days=3,
            charge_rows=1_234_567,
        ),
        Source(
            provider=None,
            currency=None,
            monthly=True,
            first_charge_day=LAST,
            last_charge_day=LAST,
            last_complete_day=None,
            filling_day=LAST,
            missing_days=0,
            charge_rows=33,
        ),
    )


def completeness() -> tuple[Completeness, ...]:
    filling = DayArrival(day=LAST, state="filling", share=Decimal("0.45"))
    whole = Completeness(
        provider=HOSTILE,
        currency="USD",
        learned=True,
        maturity_days=1,
        shares=(Decimal("0.45"), Decimal("0.98")),
        settled_days=28,
        watched_since=FIRST,
        heard_on=LAST,
        last_complete_day=LAST - timedelta(days=1),
        stale=Stale(newest_day=LAST, silent_days=4, usual_days=2),
        silent_accounts=(SilentAccount(account=HOSTILE, newest_day=FIRST),),
        silent_account_count=1,
        days=(DayArrival(day=LAST - timedelta(days=1), state="restated", share=None), filling),
        months=(MonthArrival(month=LAST.replace(day=1), state="open", told_by="arrivals"),),
        basis="Learned from 28 settled days.",
    )
    unknown = {"provider": None, "currency": None, "learned": False, "watched_since": None, "heard_on": None}
    nothing = {"shares": (), "settled_days": 0, "last_complete_day": None, "stale": None, "days": (), "months": ()}
    return whole, whole.model_copy(update=unknown | nothing)


def savings() -> Savings:
    return Savings(
        periods={
            "all_time": SavingsAmounts(
                total=Decimal("-0.5"),
                negotiated=Decimal(20),
                commitment=Decimal("4.5"),
                other=None,
                unused=Decimal(25),
                list_cost=Decimal(100),
                effective_cost=Decimal("75.5"),
                rate=Decimal("-0.005"),
                usage_rows=200,
                charge_rows=150,
                share=Decimal("0.75"),
            ),
            "month_to_date": SavingsAmounts(
                total=None,
                negotiated=None,
                commitment=None,
                other=None,
                unused=None,
                list_cost=None,
                effective_cost=None,
                rate=None,
                usage_rows=3,
                charge_rows=0,
                share=Decimal(0),
            ),
        },
        not_told=(
            NotTold(
                provider=HOSTILE,
                lacks=("effective_cost", "list_cost"),
                charge_rows=50,
                billed_cost=Decimal(7),
                counted=False,
                reason="not told by this vendor",
            ),
        ),
    )


def dollars() -> Meter:
    return Meter(
        kind="cost",
        measure="billed_cost",
        currency="USD",
        unit=None,
        current=True,
        covers="Up to 11 Jun 2025; Contoso <b>|` ends 8 Jun; 12 Jun is filling",
        periods=periods_between(FIRST, LAST),
        amounts={
            "month_to_date": Decimal("1234567.895"),
            "last_30_days": Decimal("2234567.895"),
            "all_time": Decimal("7234567.895"),
        },
        comparisons={
            "month": comparison("1234567.895", "1000000"),
            "thirty_days": comparison("2234567.895", "-2234567.895"),
        },
        daily=(
            *daily(date(2025, 6, 1), ["100", "250.5", "-20", "0", "75"]),
            DayAmount(day=date(2025, 6, 9), amount=Decimal(50), state="lagging"),
            DayAmount(day=LAST, amount=Decimal(20), state="filling"),
        ),
        rankings=(
            Ranking(
                dimension="service",
                entries=(ranked(HOSTILE, "40"), ranked("chat", "0.000123456"), ranked(None, "-5", None, None)),
                others=ranked(None, "3"),
                others_count=1204,
            ),
            Ranking(
                dimension="user", entries=(ranked("", "1"), ranked("long " * 40, "1")), others=None, others_count=0
            ),
            Ranking(dimension="region", entries=(ranked(None, "1"),), others=None, others_count=0),
        ),
    )


def hostile_credits() -> Meter:
    return Meter(
        kind="quantity",
        measure="consumed_quantity",
        currency=None,
        unit=HOSTILE,
        current=False,
        covers="Up to 28 Apr 2025",
        periods=periods_between(FIRST, date(2025, 4, 28)),
        amounts={"all_time": Decimal("211197.60"), "month_to_date": Decimal(12)},
        comparisons={},
        daily=daily(date(2025, 4, 28), ["12"]),
        rankings=(),
    )


def restatements() -> Restatements:
    return Restatements(
        since=REFRESHED - timedelta(days=7),
        from_snapshot_id=30,
        to_snapshot_id=42,
        totals=(
            RestatementTotal(
                kind="restated",
                currency="USD",
                files=2,
                groups_changed=31,
                groups_equal=4,
                rows_before=1200,
                rows_after=1203,
                billed_before=Decimal("99.995"),
                billed_after=Decimal("87.495"),
                billed_difference=Decimal("-12.5"),
                effective_before=Decimal(90),
                effective_after=Decimal("87.495"),
                effective_difference=Decimal("-2.505"),
            ),
        ),
        largest=(
            Restatement(
                kind="restated",
                day=LAST,
                currency="USD",
                service=HOSTILE,
                account=HOSTILE,
                file=HOSTILE_FILE,
                state="loaded",
                processed_at=REFRESHED - timedelta(hours=1),
                entry_id="e1",
                decisions=2,
                rows_before=3,
                rows_after=4,
                billed_before=Decimal("99.995"),
                billed_after=Decimal("87.495"),
                billed_difference=Decimal("-12.5"),
                effective_before=None,
                effective_after=None,
                effective_difference=None,
                quantities=(
                    QuantityDifference(unit=HOSTILE, before=None, after=Decimal(12), difference=Decimal(12)),
                    QuantityDifference(unit="", before=Decimal(1), after=Decimal("0.5"), difference=Decimal("-0.5")),
                ),
            ),
            Restatement(
                kind="restated",
                day=None,
                currency=None,
                service=None,
                account=None,
                file="s3://billing/gone.csv",
                state=None,
                processed_at=None,
                entry_id=None,
                decisions=0,
                rows_before=1,
                rows_after=0,
                billed_before=Decimal(7),
                billed_after=None,
                billed_difference=Decimal(-7),
                effective_before=Decimal(7),
                effective_after=None,
                effective_difference=Decimal(-7),
                quantities=(),
            ),
        ),
    )


def movers() -> Movers:
    moved = Mover(
        provider=HOSTILE,
        account=HOSTILE,
        service=HOSTILE,
        amount=Decimal("1234.5"),
        before=Decimal(3000),
        change=Decimal("-1765.5"),
        relative=Decimal("-0.5885"),
    )
    new = moved.model_copy(update={"service": None, "account": None, "before": Decimal(0), "relative": None})
    return Movers(
        currency="USD",
        measure="billed_cost",
        first_day=date(2025, 5, 13),
        last_day=date(2025, 6, 11),
        first_day_before=date(2025, 4, 13),
        last_day_before=date(2025, 5, 12),
        entries=(moved, new.model_copy(update={"change": Decimal("1234.5")})),
        others_count=1200,
        others_change=Decimal("0.5"),
    )


def months() -> Months:
    amounts = {date(2024, 6 + number, 1): Decimal(100 - number) for number in range(7)}
    amounts |= {date(2025, number, 1): Decimal(100 + number) for number in range(1, 7)}
    found = months_of(amounts | {date(2024, 5, 1): Decimal(90)}, date(2024, 5, 1), LAST, LAST - timedelta(days=1))
    return Months(
        currency="USD",
        measure="billed_cost",
        complete_to=LAST - timedelta(days=1),
        months=found,
        compared_months=1,
        year=Decimal(105),
        year_before=Decimal(90),
        year_change=Decimal("0.166667"),
    )


def full() -> Insights:
    costs = Costs(
        billed_cost=Decimal("1234567.895"),
        effective_cost=Decimal("1e-18"),
        list_cost=Decimal("99999999999999999999.999999999999999999"),
        charge_rows=1_234_567,
        covered={
            "billed_cost": Covered(charge_rows=1_234_567, share=Decimal(1), billed_cost=Decimal("1234567.895")),
            "effective_cost": Covered(charge_rows=617_283, share=Decimal("0.5"), billed_cost=Decimal("99.5")),
            "list_cost": Covered(charge_rows=1_234_567, share=Decimal(1), billed_cost=Decimal("1234567.895")),
        },
    )
    gap = Period(first_day=date(2025, 4, 10), last_day=date(2025, 4, 12))
    changed = CurrencyChange(
        currency="USD",
        rows_added=1200,
        rows_removed=3,
        billed_cost=Decimal("-12.5"),
        effective_cost=None,
        list_cost=None,
    )
    return Insights(
        snapshot_id=42,
        watermark_snapshot_id=41,
        refreshed_at=REFRESHED,
        today=LAST + timedelta(days=1),
        charge_rows=1_234_600,
        misdated_rows=1,
        first_charge_day=FIRST,
        last_charge_day=LAST,
        omissions=omissions(),
        future=(
            FutureCharges(
                provider=HOSTILE,
                currency="JPY",
                first_day=date(2027, 1, 1),
                last_day=date(2027, 2, 1),
                charge_rows=2,
                billed_cost=Decimal("1234.5"),
                effective_cost=None,
            ),
        ),
        sources=sources(),
        quality=(
            BrokenRule(rule="periods_go_on", severity="error", rows_failed=1200, files=3, names=(HOSTILE, "b.csv")),
            BrokenRule(rule="unit_is_there", severity="warning", rows_failed=1, files=1, names=("a.csv",)),
        ),
        completeness=completeness(),
        anomalies=told_values.anomalies(HOSTILE),
        forecast=told_values.forecast(HOSTILE),
        budgets=told_values.budgets(HOSTILE),
        currencies=(
            Currency(
                currency="USD",
                current=True,
                periods=periods_between(FIRST, LAST),
                covers=dollars().covers,
                savings=savings(),
                costs={"month_to_date": costs, "all_time": costs},
                first_charge_day=FIRST,
                last_charge_day=LAST,
                missing_days=3,
                gaps=(gap,),
            ),
            Currency(
                currency=None,
                current=False,
                periods=periods_between(FIRST, date(2025, 4, 28)),
                covers="Up to 28 Apr 2025",
                savings=Savings(periods={}, not_told=()),
                costs={"all_time": Costs(charge_rows=33)},
                first_charge_day=LAST,
                last_charge_day=LAST,
                missing_days=0,
                gaps=(),
            ),
        ),
        meters=(dollars(), hostile_credits()),
        movers=(movers(),),
        months=(months(),),
        consumption=(
            Consumption(
                unit=HOSTILE,
                charge_rows=33,
                periods=periods_between(FIRST, LAST),
                amounts={"all_time": Decimal("211197.60")},
                comparisons={},
            ),
            Consumption(
                unit="",
                charge_rows=1,
                periods=periods_between(FIRST, LAST),
                amounts={"all_time": Decimal("0.5"), "month_to_date": Decimal("0.5")},
                comparisons={"month": comparison("0.5", "0.25")},
            ),
        ),
        changes=Changes(
            kind="refresh",
            reason=None,
            from_snapshot_id=37,
            to_snapshot_id=41,
            rows_added=1200,
            rows_removed=3,
            currencies=(changed,),
            files=(FileChange(file=HOSTILE_FILE, action="replaced", **dict(changed)),),
            files_changed=1,
        ),
        restatements=restatements(),
        freshness=Freshness(
            newest_file=NewestFile(file=HOSTILE_FILE, processed_at=REFRESHED),
            loads=12,
            rejected_rows=4,
            quarantined_files=1,
            files_by_state={"loaded": 12, "quarantined": 1, "stale": 2},
            ledger_lines=20,
        ),
    )


def empty() -> Insights:
    return Insights(
        snapshot_id=1,
        watermark_snapshot_id=1,
        refreshed_at=REFRESHED,
        today=LAST,
        charge_rows=0,
        misdated_rows=0,
        first_charge_day=None,
        last_charge_day=None,
        omissions=(),
        future=(),
        sources=(),
        completeness=(),
        currencies=(),
        meters=(),
        consumption=(),
        changes=Changes(
            kind="rebuild",
            reason="first refresh",
            from_snapshot_id=None,
            to_snapshot_id=1,
            rows_added=0,
            rows_removed=0,
            currencies=(),
            files=(),
            files_changed=0,
        ),
        restatements=Restatements(since=REFRESHED, from_snapshot_id=None, to_snapshot_id=1, totals=(), largest=()),
        freshness=Freshness(
            newest_file=None, loads=0, rejected_rows=0, quarantined_files=0, files_by_state={}, ledger_lines=0
        ),
    )


class Page(HTMLParser):
    """A page as a browser sees it: its elements with their attributes, and what a person reads."""

    VOID = frozenset({"meta", "br", "line", "rect", "img", "link"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID or (tag == "rect" and not self.get_starttag_text().endswith("/>")):  # type: ignore[union-attr]
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data

    def all(self, tag: str) -> Iterator[dict[str, str | None]]:
        return (attributes for name, attributes in self.elements if name == tag)


@pytest.mark.parametrize("name", FILE_NAMES)
def test_golden(name: str) -> None:
    golden = GOLDEN / name
    rendered = render(full())[name]
    if os.environ.get("UPDATE_GOLDEN"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(rendered, encoding="utf-8", newline="\n")
    assert rendered == golden.read_text(encoding="utf-8")


def test_the_marking_file_comes_last() -> None:
    assert tuple(render(empty())) == FILE_NAMES
    assert FILE_NAMES[-1] == JSON_NAME


@pytest.mark.parametrize("insights", [full(), empty()], ids=["full", "empty"])
def test_json_is_valid_and_exact(insights: Insights) -> None:
    texts = render(insights)
    schema = json.loads(texts[SCHEMA_NAME])
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(json.loads(texts[JSON_NAME]))
    assert Insights.model_validate_json(texts[JSON_NAME]) == insights


def test_decimals_are_strings_with_all_their_digits() -> None:
    said = json.loads(render(full())[JSON_NAME])
    costs = said["currencies"][0]["costs"]["all_time"]
    assert costs["list_cost"] == "99999999999999999999.999999999999999999"
    assert costs["effective_cost"] == "0.000000000000000001"
    assert said["currencies"][1]["costs"]["all_time"]["billed_cost"] is None
    assert not re.search(r"\d[eE][+-]?\d", json.dumps(said["meters"]))


def test_the_schema_refuses_numbers_for_amounts_and_unknown_fields() -> None:
    said = json.loads(render(full())[JSON_NAME])
    validator = jsonschema.Draft202012Validator(json_schema())
    said["meters"][0]["amounts"]["all_time"] = 1.5
    assert not validator.is_valid(said)
    said["meters"][0]["amounts"]["all_time"] = "1.5"
    assert validator.is_valid(said)
    assert not validator.is_valid({**said, "more": 1})


# -- HTML --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("insights", [full(), empty()], ids=["full", "empty"])
def test_html_is_well_formed_and_asks_for_nothing(insights: Insights) -> None:
    html = render(insights)[HTML_NAME]
    page = Page(html)
    assert page.open == []
    assert {tag for tag, _ in page.elements}.isdisjoint({"script", "img", "link", "iframe", "object", "base"})
    assert all(attributes["href"] and attributes["href"].startswith("#") for attributes in page.all("a"))
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert set(re.findall(r"url\([^)]*\)", html)) == {"url(#hatch)"}  # of the page itself
    assert "@import" not in html


def test_html_shows_hostile_words_as_they_are() -> None:
    page = Page(render(full())[HTML_NAME])
    assert '<script>alert("x")</script>|`*[a](https://evil.example)␊# head' in page.text
    assert "s3://billing/<img src=x onerror=alert(1)>|www.evil.example/a␊|b|.csv" in page.text
    assert "{{7*7}}" in page.text
    assert "\u202e" not in page.text
    assert "\x00" not in page.text


def test_html_is_accessible() -> None:
    page = Page(render(full())[HTML_NAME])
    assert next(page.all("html"))["lang"] == "en"
    assert len(list(page.all("caption"))) == len(list(page.all("table"))) > 0
    assert all(attributes.get("role") == "img" or attributes.get("aria-hidden") for attributes in page.all("svg"))
    assert all(attributes.get("scope") for attributes in page.all("th"))
    named = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    pointed_at = [attributes["href"] for attributes in page.all("a")]
    assert {f"#{name}" for name in named} >= set(pointed_at)


def test_html_rounds_and_separates() -> None:
    text = Page(render(full())[HTML_NAME]).text
    assert "1,234,567.90" in text
    assert "0.00012" in text
    assert "+23.5\N{NARROW NO-BREAK SPACE}%" in text
    assert "211,197.6" in text


def test_a_change_that_rounds_to_nothing_is_none() -> None:
    small = dollars().comparisons["month"].model_copy(update={"change": Decimal("-0.0004")})
    meter = dollars().model_copy(update={"comparisons": {"month": small}, "rankings": ()})
    texts = render(full().model_copy(update={"meters": (meter,), "consumption": ()}))
    for text in (Page(texts[HTML_NAME]).text, texts[MARKDOWN_NAME]):
        assert "0.0\N{NARROW NO-BREAK SPACE}%" in text
        assert f"{MINUS}0.0" not in text
        assert "▼ 0.0" not in text


def test_a_currency_without_charges_in_this_month_is_folded_away() -> None:
    html = render(full())[HTML_NAME]
    folded = html[html.index('<details class="past">') : html.index('<section aria-labelledby="meter-1">')]
    assert "Without charges in June 2025" in folded
    assert "April 2025, the last month with charges" in folded
    assert "1,234,567.90" not in folded


def test_days_that_may_grow_are_marked() -> None:
    html = render(full())[HTML_NAME]
    assert 'class="now filling"><title>2025-06-12: 20.00 (filling)</title>' in html
    assert 'class="now lagging"><title>2025-06-09: 50.00 (lagging)</title>' in html


def test_a_column_that_no_file_has_is_not_shown() -> None:
    text = Page(render(full())[HTML_NAME]).text
    assert "Services" in text
    assert "Regions" not in text


def test_both_pages_tell_what_was_restated_and_by_which_file() -> None:
    texts = render(full())
    page = Page(texts[HTML_NAME])
    assert "Restatedsince 2025-06-06 06:30:00 UTC" in page.text
    assert "the largest of 31" in page.text
    assert "loaded 2025-06-13 05:30:00 UTC, 2 decisions" in page.text
    assert "not in the ledger" in page.text
    assert "## Restated since 2025-06-06 06:30:00 UTC\n" in texts[MARKDOWN_NAME]
    misdated = f"| Misdated | (not named) | (not named) | No currency | 7.00 | {NOTHING} | {MINUS}7.00 |"
    assert misdated in texts[MARKDOWN_NAME]


def test_where_nothing_was_restated_the_pages_say_so() -> None:
    quiet = full().model_copy(update={"restatements": empty().restatements})
    texts = render(quiet)
    assert "Nothing was restated" in Page(texts[HTML_NAME]).text
    assert "Nothing was restated" in texts[MARKDOWN_NAME]
    assert "restated" not in Page(render(empty())[HTML_NAME]).text


def test_an_empty_lake_has_a_page() -> None:
    texts = render(empty())
    assert "There is no data yet" in Page(texts[HTML_NAME]).text
    assert "There is no data yet" in texts[MARKDOWN_NAME]


# -- Markdown ----------------------------------------------------------------------------------------------


def test_markdown_tables_keep_their_columns() -> None:
    width = 0
    for line in render(full())[MARKDOWN_NAME].splitlines():
        cells = len(re.findall(r"(?<!\\)\|", line))
        if not line.startswith("|"):
            width = 0
        elif not width:
            width = cells
        assert cells == width, line


def test_markdown_shows_hostile_words_as_they_are() -> None:
    text = render(full())[MARKDOWN_NAME]
    assert "\n# head" not in text
    assert r"\<script\>" in text
    assert r"https\://evil.example" in text
    assert r"www\.evil" in text
    assert not re.search(r"(?<!\\)<", text)
    assert not re.search(r"(?<!\\)`", text)
    assert "\u202e" not in text
    assert text.count("\n# ") == 0
    assert text.startswith("# Costs and usage\n")
