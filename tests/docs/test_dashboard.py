"""The page about the dashboard explains every word that the dashboard shows."""

import re
from datetime import date
from html import unescape

import pytest

from billstream.aggregator.pages.render import HTML_NAME, render
from tests.docs.pages import DOCS
from tests.unit.test_aggregator_pages import HOSTILE, full
from tests.unit.test_explorer import cell, cube

TITLES = {
    "heading of a column": r'<th scope="col"[^>]*>(.*?)</th>',
    "term": r"<dt>(.*?)</dt>",
    "section": r"<h2[^>]*>(.*?)(?:<small|</h2>)",
    "list": r"<h3>(.*?)</h3>",
    "choice": r"<label>(.*?) <",
    "option": r"<option[^>]*>(.*?)</option>",
}
LABELS = {"USD", "Day", "Days", "What", "Name", "File", "Files", "Unit", "Month", "Service", "Account"}
"""Words that say themselves, and the label of a meter."""


def words() -> list[tuple[str, str]]:
    page = render(full().model_copy(update={"cube": cube(cell(period=date(2025, 6, 1)))}))[HTML_NAME]
    found = {
        (kind, " ".join(unescape(re.sub(r"<[^>]+>", " ", text)).split()))
        for kind, pattern in TITLES.items()
        for text in re.findall(pattern, page, re.DOTALL)
    }
    script = re.sub(r"^.*?const PERIODS = \{(.*?)\};.*$", r"\1", page, flags=re.DOTALL)
    found |= {("period", label) for label in re.findall(r': "(.*?)"', script)}
    found = {(kind, word) for kind, text in found for word in text.split(", ")}
    return sorted((kind, word) for kind, word in found if word not in LABELS and HOSTILE[:10] not in word)


@pytest.mark.parametrize(("kind", "word"), words())
def test_a_word_of_the_dashboard_is_explained(kind: str, word: str) -> None:
    word = re.sub(r" of \w+ \d{4}$", "", word)  # the forecast is of a month
    text = " ".join((DOCS / "dashboard.md").read_text("utf-8").split()).lower()
    assert word.lower() in text, f"{kind}: {word}"


def test_there_are_words() -> None:
    kinds = {kind for kind, _ in words()}
    assert kinds == {*TITLES, "period"}
    assert ("period", "Year on year") in words()
