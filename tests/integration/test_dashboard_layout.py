"""The dashboard in a real browser: nothing is cut off, hidden, out of its card, or too pale to see, at any width.

Three frames hold the page as wide screens, phones and paper show it. A script measures every element of them: fonts
differ between machines, and a comparison of pixels would only show that.
"""

import html
import json
import re
import shutil
import struct
import subprocess
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from billstream.aggregator.insights.values import Insights, Meter
from billstream.aggregator.pages.render import HTML_NAME, render
from tests.unit.test_aggregator_pages import comparison, daily, dollars, full, ranked

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WIDTHS = {"screen": 1440, "phone": 390, "print": 718}
"""In CSS pixels; 718 is the width of an A4 page between its margins."""
MEASURES = Path(__file__).with_name("dashboard_measures.js")
SECONDS = 120

pytestmark = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium, which lays the page out")


def crowded() -> Insights:
    """Long names beside amounts of sixteen characters, falls and rises, a negative total, and quantities."""
    amount = Decimal("1234567890.12")
    names = ["Amazon Elastic Compute Cloud - Compute (Reserved Instances, Frankfurt)", "S3", "n" * 70, None]
    ranking = (
        dollars()
        .rankings[0]
        .model_copy(
            update={
                "entries": tuple(ranked(name, str(amount - place), "0.25", "1") for place, name in enumerate(names))
            }
        )
    )
    meters = (
        dollars().model_copy(
            update={
                "amounts": dict.fromkeys(dollars().amounts, amount),
                "daily": daily(date(2025, 5, 14), [*["103.7"] * 28, "999.99", "-40"]),
                "rankings": (ranking, ranking, ranking),
            }
        ),
        dollars().model_copy(update={"currency": None, "amounts": {"all_time": -amount, "month_to_date": -amount}}),
        Meter(
            kind="quantity",
            measure="consumed_quantity",
            currency=None,
            unit="output tokens of a model",
            current=True,
            covers=dollars().covers,
            periods=dollars().periods,
            amounts={"all_time": amount * 1000, "month_to_date": amount},
            comparisons={"month": comparison(str(amount), "1")},
            daily=daily(date(2025, 6, 1), ["5"] * 12),
            rankings=(ranking,),
        ),
    )
    return full().model_copy(update={"meters": meters})


def for_print(page: str) -> str:
    """Return the page with the rules for paper in force on a screen."""
    return page.replace("@media print", "@media all")


def framed(page: str) -> str:
    """Return a page that holds the dashboard in one frame for each width, and writes down what is wrong in each."""
    open_to_scripts = re.sub(r"<meta http-equiv=\"Content-Security-Policy\"[^>]*>", "", page)
    assert open_to_scripts != page
    frames = ""
    for name, width in WIDTHS.items():
        content = for_print(open_to_scripts) if name == "print" else open_to_scripts
        style = f"width:{width}px;height:900px;border:0"
        frames += f'<iframe id="{name}" srcdoc="{html.escape(content)}" style="{style}"></iframe>'
    return f"""<!doctype html><meta charset="utf-8"><body>{frames}<script>{MEASURES.read_text(encoding="utf-8")}
    addEventListener("load", () => {{
      const told = {{}};
      for (const frame of document.querySelectorAll("iframe")) {{
        for (const closed of frame.contentDocument.querySelectorAll("details")) closed.open = true;
        told[frame.id] = [frame.contentWindow.innerWidth, stumblingBlocks(frame.contentWindow)];
      }}
      document.body.textContent = JSON.stringify(told);
    }});</script>"""


def chromium(folder: Path, *arguments: str) -> str:
    command = [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
    done = subprocess.run([*command, *arguments], capture_output=True, check=True, timeout=SECONDS, cwd=folder)
    return done.stdout.decode()


def measured(page: str, folder: Path) -> dict[str, tuple[int, list[str]]]:
    path = folder / "framed.html"
    path.write_text(framed(page), encoding="utf-8")
    dump = chromium(folder, "--window-size=2600,1000", "--hide-scrollbars", "--dump-dom", path.as_uri())
    body = re.search(r"<body>(.*)</body>", dump, re.DOTALL)
    assert body is not None
    told: dict[str, tuple[int, list[str]]] = json.loads(html.unescape(body[1]))
    return told


@pytest.fixture(scope="module")
def page() -> str:
    return render(crowded())[HTML_NAME]


def test_nothing_is_in_the_way_of_a_reader(page: str, tmp_path: Path) -> None:
    """Every element is measured at each width."""
    found = measured(page, tmp_path)
    assert {name: width for name, (width, _) in found.items()} == WIDTHS
    assert {name: blocks for name, (_, blocks) in found.items()} == {name: [] for name in WIDTHS}


@pytest.mark.parametrize(
    ("style", "told"),
    [
        (".bars .what { flex-wrap: nowrap; overflow: hidden } .bars .name { white-space: nowrap }", "cut off"),
        (".bars .amount { white-space: nowrap; min-width: 900px }", "out of its card"),
        (".bars .change { margin-right: -200px }", "out of its card"),
        (":root { --soft: #a9c5f0 !important }", "without contrast"),
        (
            ".chart svg { transform: scaleY(.5) } .plot rect { transform: translateY(-300px) }",
            "bar above the last line",
        ),
    ],
)
def test_the_measures_find_what_they_look_for(page: str, style: str, told: str, tmp_path: Path) -> None:
    """A page that is spoilt on purpose is noticed."""
    found = measured(page.replace("</style>", f"{style}</style>"), tmp_path)
    assert any(told in block for _, blocks in found.values() for block in blocks)


def test_screenshots_and_paper(page: str, tmp_path: Path) -> None:
    """The page as it is published, with its own policy, is drawn: as a picture and as pages of paper."""
    path = tmp_path / HTML_NAME
    path.write_text(page, encoding="utf-8")
    chromium(tmp_path, "--window-size=1440,2400", f"--screenshot={tmp_path / 'wide.png'}", path.as_uri())
    picture = (tmp_path / "wide.png").read_bytes()
    assert struct.unpack(">II", picture[16:24]) == (1440, 2400)
    assert len(picture) > 50_000  # an empty page of this size has 10,000 bytes
    chromium(tmp_path, f"--print-to-pdf={tmp_path / 'page.pdf'}", path.as_uri())
    pages = len(re.findall(rb"/Type\s*/Page\b", (tmp_path / "page.pdf").read_bytes()))
    assert 2 <= pages <= 8
