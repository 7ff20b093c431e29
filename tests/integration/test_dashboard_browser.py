"""The interactive page, driven in a real browser: every choice, the keyboard, what leaves the page, and axe-core.

Chromium opens the published file itself, with its own policy. Whatever a test does, the page may write nothing to the
console and may request nothing.
"""

import csv
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from billstream.aggregator.insights.cubed import Cube, CubeCell, Span, TagCell
from billstream.aggregator.pages.render import HTML_NAME, render
from tests.e2e.commands import Billstream
from tests.e2e.test_serve import serving
from tests.unit.test_aggregator_pages import full
from tests.unit.test_explorer import cell

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NEWEST, COMPLETE = date(2025, 6, 12), date(2025, 6, 10)
MONTHS = [date(2023 + number // 12, number % 12 + 1, 1) for number in range(4, 30)]
DAYS = [NEWEST - timedelta(days=91 - number) for number in range(92)]
NAMES = [
    ("AWS", "111", "S3", "eu", "ana"),
    ("AWS", "111", "EC2", "us", "=cmd|' /C calc'!A0"),
    ("AWS", "222", "EC2", "us", None),
    ("Azure", "333", "It's \u202ea <b>VM</b>", "eu", "bo"),
]

pytestmark = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium to drive")


def amount(place: int, period: date) -> Decimal:
    """An amount that no other cell has, so that a wrong cell changes every sum."""
    return Decimal(1000 * (place + 1) + period.toordinal() % 977) / 7 + Decimal("0.000000000000000001")


def cells(currency: str) -> Iterator[CubeCell]:
    for grain, periods in (("month", MONTHS), ("day", DAYS)):
        for period in periods:
            for place, (provider, account, service, region, user) in enumerate(NAMES):
                billed = round(amount(place, period), 18)
                yield cell(
                    grain=grain, period=period, currency=currency, provider=provider, account=account, service=service,
                    region=region, user=user, billed_cost=billed, effective_cost=billed // 2,
                )  # fmt: skip


def cube() -> Cube:
    spans = (
        Span(currency="USD", first_day=date(2022, 1, 1), last_day=NEWEST, complete_to=COMPLETE),
        Span(currency="JPY", first_day=date(2024, 12, 3), last_day=NEWEST, complete_to=None),
    )
    tags = tuple(
        TagCell(
            key="team", grain="month", period=month, currency="USD", value=value, folded=False,
            billed_cost=Decimal(number), effective_cost=None,
        )
        for month in MONTHS for number, value in enumerate(("ml", "web", None), 1)
    )  # fmt: skip
    return Cube(first_month=MONTHS[0], first_day=DAYS[0], cells=(*cells("USD"), *cells("JPY")), spans=spans, tags=tags)


def billed(periods: list[date], **names: str) -> Decimal:
    """The sum of the cells of one currency, by another road than the page's."""
    columns = ("provider", "account", "service", "region", "user")
    wanted = [place for place, row in enumerate(NAMES) if names.items() <= dict(zip(columns, row, strict=True)).items()]
    return sum((round(amount(place, period), 18) for period in periods for place in wanted), Decimal(0))


def shown(value: Decimal, digits: int = 2) -> str:
    return f"{value:,.{digits}f}".replace("-", "\u2212")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / HTML_NAME
    path.write_text(render(full().model_copy(update={"cube": cube()}))[HTML_NAME], encoding="utf-8")
    return path.as_uri()


@contextmanager
def quiet(browser: Browser, *, width: int = 1440, dark: bool = False) -> Iterator[Page]:
    """A page that has requested nothing but itself and has said nothing, whatever was done with it."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light", accept_downloads=True
    )
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.append(request.url) if not request.is_navigation_request() else None)
    yield page
    context.close()
    assert [text for text in said if not text.startswith("blob:")] == []


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    with quiet(browser) as opened:
        opened.goto(address)
        yield opened


def rows(page: Page, table: str = "#x-names") -> list[list[str]]:
    return [row.locator("th, td").all_inner_texts() for row in page.locator(f"{table} tbody tr").all()]


def choose(page: Page, **choices: str) -> None:
    for name, label in choices.items():
        page.locator(f"#x-{name}").select_option(label=label)


def test_the_first_view_is_thirteen_months_and_the_newest_is_so_far(page: Page) -> None:
    assert page.locator("#x-total").inner_text() == f"{shown(billed(MONTHS[-13:]))} USD, 2024-06 to 2025-06"
    assert "2025-06 is so far, up to 2025-06-12" in page.locator("#x-note").inner_text()
    assert [row[0] for row in rows(page)] == ["AWS", "Azure"]
    page.locator("#x-figure summary").click()
    assert rows(page, "#x-periods")[-1] == ["2025-06 so far", shown(billed(MONTHS[-1:]))]
    assert page.locator("#x-chart canvas").count() == 1


def test_periods_are_compared_over_complete_days_and_whole_months_alone(page: Page) -> None:
    def days(first: date, last: date) -> list[date]:
        return [day for day in DAYS if first <= day <= last]

    cases = {
        "30 complete days": (days(date(2025, 5, 12), COMPLETE), days(date(2025, 4, 12), date(2025, 5, 11))),
        "Month so far": (days(date(2025, 6, 1), COMPLETE), days(date(2025, 5, 1), date(2025, 5, 10))),
        "Last whole month": ([date(2025, 5, 1)], [date(2025, 4, 1)]),
        "Year on year": (MONTHS[-13:-1], MONTHS[1:13]),
    }
    for label, (now, before) in cases.items():
        choose(page, period=label)
        told = page.locator("#x-total").inner_text()
        assert told.startswith(f"{shown(billed(now))} USD, "), label
        assert f"compared with {shown(billed(before))}, " in told, label
        change = billed(now, provider="AWS") - billed(before, provider="AWS")
        assert rows(page)[0][3:5] == [
            shown(billed(before, provider="AWS")),
            f"{'+' if change > 0 else ''}{shown(change)}",
        ]
    choose(page, period="90 complete days")
    assert page.locator("#x-total").inner_text().startswith(f"{shown(billed(days(date(2025, 3, 13), COMPLETE)))} USD, ")
    assert "Days after 2025-06-10 may still grow and are left out" in page.locator("#x-note").inner_text()


def test_year_on_year_has_both_years_by_month(page: Page) -> None:
    choose(page, period="Year on year")
    page.locator("#x-figure summary").click()
    now, before = billed([date(2025, 5, 1)]), billed([date(2024, 5, 1)])
    sign = "+" if now > before else ""
    assert rows(page, "#x-periods")[-1] == ["2025-05", shown(now), shown(before), f"{sign}{shown(now - before)}"]


def test_currency_cost_dimension_order_and_filter_are_switched(page: Page) -> None:
    choose(page, currency="JPY", cost="Effective", by="region", period="All months")
    # The smallest unit of a yen is a yen, and months before the currency's first day are none.
    months = [month for month in MONTHS if month >= date(2024, 12, 1)]
    half = sum(round(amount(place, month), 18) // 2 for month in months for place in range(len(NAMES)))
    assert page.locator("#x-total").inner_text() == f"{shown(Decimal(half), 0)} JPY, 2024-12 to 2025-06"
    assert {row[0] for row in rows(page)} == {"eu", "us"}
    choose(page, period="30 complete days")
    assert page.locator("#x-names thead th").all_inner_texts() == ["region", "Amount", "Share"]
    choose(page, currency="USD", cost="Billed", by="service", period="Last whole month", order="Largest change")
    changes = [Decimal(row[4].replace(",", "").replace("\u2212", "-")) for row in rows(page)]
    assert [abs(one) for one in changes] == sorted(map(abs, changes), reverse=True)
    page.locator("#x-filter").fill("ec")
    assert [row[0] for row in rows(page)] == ["EC2"]
    assert page.locator("#x-total").inner_text().startswith(shown(billed([date(2025, 5, 1)], service="EC2")))


def test_a_tag_is_a_dimension(page: Page) -> None:
    choose(page, by="tag team", period="Last whole month")
    assert [row[:2] for row in rows(page)] == [["(not named)", "3.00"], ["web", "2.00"], ["ml", "1.00"]]
    assert page.locator("#x-names button").count() == 0


def test_the_keyboard_alone_drills_to_the_command_and_back(page: Page) -> None:
    page.locator("#x-by").focus()
    for level in ("AWS", "111", "EC2"):
        for _ in range(30):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.innerText") == level:
                break
        assert page.evaluate("document.activeElement.localName") == "button", level
        page.keyboard.press("Enter")
        # What was chosen has the focus: the button that removes it.
        assert level in page.evaluate("document.activeElement.innerText")
    assert page.locator("#x-by").input_value() == "region"
    command = page.locator("#x-sql").inner_text()
    assert command.startswith("billstream sql 'SELECT c.resource_id, l.bucket, l.key, ")
    assert "service_name = '\\''EC2'\\''" in command
    assert "< TIMESTAMPTZ '\\''2025-07-01 00:00:00+00'\\''" in command
    lineage = "billstream lineage 2025-06-10 --currency='USD' --provider='AWS' --account='111' --service='EC2'"
    assert page.locator("#x-lineage").inner_text() == lineage
    expected = billed(MONTHS[-13:], provider="AWS", account="111", service="EC2")
    assert page.locator("#x-total").inner_text().startswith(shown(expected))
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "x-by"
    assert page.locator("#x-path button").count() == 2


def test_the_csv_has_what_is_shown_exactly_and_no_formula(page: Page, tmp_path: Path) -> None:
    choose(page, by="user", period="Last whole month")
    with page.expect_download() as waiting:
        page.locator("#x-csv").click()
    assert waiting.value.suggested_filename == "costs-by-user.csv"
    waiting.value.save_as(tmp_path / "costs.csv")
    with (tmp_path / "costs.csv").open(encoding="utf-8", newline="") as file:
        told = {row["name"]: row for row in csv.DictReader(file)}
    assert set(told) == {"ana", "'=cmd|' /C calc'!A0", "(not named)", "bo"}
    ana = told["ana"]
    may, april = billed([date(2025, 5, 1)], user="ana"), billed([date(2025, 4, 1)], user="ana")
    assert (Decimal(ana["amount"]), Decimal(ana["before"]), Decimal(ana["change"])) == (may, april, may - april)
    assert (ana["currency"], ana["cost"], ana["from"], ana["to"]) == ("USD", "billed", "2025-05-01", "2025-05-31")


def test_a_view_is_shared_by_its_address(browser: Browser, page: Page, address: str) -> None:
    assert page.url == address
    choose(page, by="account", period="Year on year", cost="Effective", order="Largest change")
    page.locator("#x-names button", has_text="333").click()
    page.locator("#x-filter").fill("vm")
    with quiet(browser) as other:
        other.goto(page.url)
        assert rows(other) == rows(page) != []
        assert other.locator("#x-total").inner_text() == page.locator("#x-total").inner_text()
        # One that was made by hand shows the first view.
        other.goto("about:blank")
        other.goto(f"{address}#view=%7B%22period%22%3A%22constructor%22%2C%22path%22%3A%7B%22__proto__%22%3A1%7D%7D%")
        assert other.locator("#x-period").input_value() == "13m"
        assert len(rows(other)) == 2


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_axe_finds_nothing_serious(browser: Browser, address: str, width: int, *, dark: bool) -> None:
    with quiet(browser, width=width, dark=dark) as page:
        page.goto(address)
        choose(page, by="service", period="Year on year")
        page.locator("#x-names button").first.click()
        page.evaluate("for (const closed of document.querySelectorAll('details')) closed.open = true")
        found = Axe().run(page).response["violations"]
        assert [
            (one["id"], node["html"][:120], node.get("failureSummary", "")[:300])
            for one in found
            if one["impact"] in {"serious", "critical"}
            for node in one["nodes"][:3]
        ] == []
        assert page.evaluate("document.scrollingElement.scrollWidth") <= width
        assert page.evaluate(PALE) == []


PALE = """() => {
  const channels = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).map(Number);
  const luminance = (colour) => {
    const linear = (part) => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = channels(colour).map((part) => linear(part / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  const card = getComputedStyle(document.querySelector("#explorer .card")).backgroundColor;
  const found = [];
  for (const control of document.querySelectorAll("#explorer select, #explorer input, #explorer .choices button")) {
    const ratio = contrast(getComputedStyle(control).borderTopColor, card);
    if (ratio < 3) found.push([control.id, ratio]);
    control.focus();
    const ring = contrast(getComputedStyle(control).outlineColor, card);
    if (ring < 3) found.push([control.id, "focus", ring]);
  }
  // The colours that the chart is drawn with are those of its key.
  for (const key of document.querySelectorAll("#x-figure .key")) {
    const style = getComputedStyle(key, "::before");
    const drawn = style.borderTopWidth === "0px" ? style.backgroundColor : style.borderTopColor;
    if (contrast(drawn, card) < 3) found.push([key.textContent, contrast(drawn, card)]);
  }
  return found;
}"""
"""What axe-core does not look at: the edges of controls, the ring of the focus, and the colours of the chart."""


def test_without_scripts_the_page_is_complete_and_on_paper_nothing_can_be_chosen(
    browser: Browser, address: str
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    assert not page.locator("#explorer").is_visible()
    assert page.locator("h1").is_visible()
    context.close()
    with quiet(browser) as page:
        page.goto(address)
        assert page.locator("#explorer").is_visible()
        page.emulate_media(media="print")
        assert not page.locator("#explorer").is_visible()


def test_a_served_page_follows_what_is_published(browser: Browser, tmp_path: Path) -> None:
    insights = full().model_copy(update={"cube": cube()})
    folder = tmp_path / "insights"
    folder.mkdir()

    def publish(snapshot: int) -> None:
        for name, text in render(insights.model_copy(update={"snapshot_id": snapshot})).items():
            (folder / name).write_text(text, encoding="utf-8")

    publish(1)
    with serving(Billstream(tmp_path)) as (site, process):
        page = browser.new_page()
        page.clock.install()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.goto(f"http://127.0.0.1:{site.port}/#view=%7B%22period%22%3A%22year%22%7D")
        assert page.locator("#x-period").input_value() == "year"
        publish(2)
        page.clock.run_for(16_000)
        page.wait_for_selector("meta[name=billstream-snapshot][content='2']", state="attached")
        assert page.locator("#x-period").input_value() == "year"
        # Who is in the middle of something is asked.
        page.locator("#x-filter").focus()
        publish(3)
        page.clock.run_for(16_000)
        page.locator("#live button").click()
        page.wait_for_selector("meta[name=billstream-snapshot][content='3']", state="attached")
        assert said == []
        process.kill()
        process.wait()
        page.clock.run_for(16_000)
        page.wait_for_function("document.getElementById('live').innerText.includes('does not answer')")
        page.close()
