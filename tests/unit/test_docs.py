"""The documents say what the code does."""

import re
from pathlib import Path

import pytest
import typer.main

from billstream.cli.commands import app
from billstream.cli.settings_table import markdown

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def test_the_readme_has_the_table_of_settings_as_the_code_defines_it() -> None:
    documented = README.split("writes this table -->\n", 1)[1].split("<!-- end of settings -->", 1)[0]

    assert documented == markdown()


def test_the_readme_names_every_command() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]

    assert commands
    missing = [name for name in commands if f"`billstream {name}" not in README]
    assert missing == []


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_every_file_that_a_document_names_is_there(document: str) -> None:
    text = (ROOT / document).read_text()
    named = re.findall(r"`((?:cli|consumer|aggregator|common|deploy|tests)/[\w./*]+)`", text)

    missing = [name for name in named if not list(ROOT.glob(name.rstrip("/")))]
    assert missing == []
