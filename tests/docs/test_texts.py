"""The documents name what is there, and the README stays short."""

import re
from pathlib import Path

import pytest

from billstream.consumer.decide.states import State
from tests.docs.pages import DOCS, REPOSITORY, pages

ROOMS = "aggregator|backups|cli|common|consumer|deploy|docs|examples|maintenance|publishing|tests"
DEFINED = re.compile(r"^def (test_\w+)", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)")


def name_of(page: Path) -> str:
    return str(page.relative_to(REPOSITORY))


def test_the_readme_is_short() -> None:
    assert len((REPOSITORY / "README.md").read_bytes()) <= 7 * 1024
    assert (DOCS / "images" / "dashboard.png").stat().st_size <= 150 * 1024


@pytest.mark.parametrize("page", [*pages(), REPOSITORY / "CHANGELOG.md"], ids=name_of)
def test_every_file_that_a_document_names_is_there(page: Path) -> None:
    text = page.read_text("utf-8")
    named = re.findall(rf"`((?:{ROOMS})/[\w./*]+)`", text)

    missing = [name for name in named if not list(REPOSITORY.glob(name.rstrip("/")))]
    assert missing == []
    assert [link for link in LINK.findall(text) if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_every_test_that_a_page_names_is_there(page: Path) -> None:
    named = set(re.findall(r"`(test_\w+)`", page.read_text("utf-8")))
    there = {
        name for path in (REPOSITORY / "tests").rglob("test_*.py") for name in DEFINED.findall(path.read_text("utf-8"))
    }

    assert sorted(named - there) == []


def test_the_guarantees_explain_every_state_of_the_ledger() -> None:
    text = (DOCS / "guarantees.md").read_text("utf-8")

    assert [state.value for state in State if f"| `{state.value}` |" not in text] == []


def test_every_layout_has_its_line() -> None:
    text = (DOCS / "exports.md").read_text("utf-8")
    layouts = sorted(path.stem for path in (REPOSITORY / "consumer" / "layouts" / "builtin").glob("*.toml"))

    assert layouts
    assert [name for name in layouts if f"| `{name}` |" not in text] == []
