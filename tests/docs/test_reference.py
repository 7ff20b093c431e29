"""The generated pages say what the code says; UPDATE_DOCS=1 writes them."""

import os

import pytest
import typer.main

from billstream.cli.commands import app
from billstream.common.metrics.catalogue import CATALOGUE
from tests.docs.generate import reference


@pytest.fixture(scope="module")
def generated() -> dict[str, tuple[str, str]]:
    """Each page: as it is, and as the code would have it."""
    pages = reference()
    if "UPDATE_DOCS" in os.environ:
        for path, text in pages.items():
            path.write_text(text, "utf-8")
    return {path.name: (path.read_text("utf-8"), text) for path, text in pages.items()}


@pytest.mark.parametrize(
    "page",
    [
        "configuration.md",
        "commands.md",
        "data-dictionary.md",
        "metrics.md",
        "policies.md",
        "profiles.md",
        "sources.yml",
        "billstream.json",
        "lineage.schema.json",
    ],
)
def test_a_reference_page_is_what_the_code_says(page: str, generated: dict[str, tuple[str, str]]) -> None:
    written, expected = generated[page]
    assert written == expected, "run `UPDATE_DOCS=1 pytest tests/docs/test_reference.py` and look at the difference"


def test_every_metric_is_on_the_page_and_on_the_dashboard(generated: dict[str, tuple[str, str]]) -> None:
    assert [one.name for one in CATALOGUE if f"`{one.name}`" not in generated["metrics.md"][1]] == []
    assert [one.name for one in CATALOGUE if one.name not in generated["billstream.json"][1]] == []


def test_every_command_has_a_section(generated: dict[str, tuple[str, str]]) -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    written, _ = generated["commands.md"]

    assert commands
    assert [name for name in commands if f"\n## billstream {name}\n" not in written] == []


def test_every_table_and_column_has_a_meaning(generated: dict[str, tuple[str, str]]) -> None:
    written, _ = generated["data-dictionary.md"]
    tables = written.partition("## Views")[0]

    assert "### charges" in tables
    assert [line for line in tables.splitlines() if line.startswith("| `") and line.endswith("|  |")] == []
