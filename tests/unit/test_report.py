"""Texts of strangers reach a person's terminal as text: no markup, no command, no line that we did not write."""

import io
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from billstream.cli import commands, report
from billstream.cli.demo.findings import Findings, Quarantined
from billstream.cli.demo.summary import print_summary
from billstream.cli.demo.verdict import Check
from billstream.cli.terminal import console
from billstream.common.errors import Fatal
from billstream.consumer.backfill.local_files import Loading

HOSTILE = "[red]\x1b[2J[/nothing]\u202e:smile:\r"
VISIBLE = "[red]\\x1b[2J[/nothing]\\u202e:smile:\\r"


@pytest.fixture
def out() -> Console:
    """The commands' own console, which keeps what is written to it."""
    made = console()
    made.file = io.StringIO()
    return made


def written(out: Console) -> str:
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue()


def test_the_reason_why_a_file_was_not_loaded_is_one_line_of_text(out: Console) -> None:
    trouble = (f"/bills/{HOSTILE}\nloaded 5.csv", HOSTILE)
    report.loading(out, Loading(outcomes=Counter(quarantined=1), troubles=[trouble]))
    assert f"/bills/{VISIBLE}\\nloaded 5.csv: {VISIBLE}\n" in written(out)


def test_what_the_demo_says_of_files_is_text(out: Console) -> None:
    bad = Quarantined(f"{HOSTILE}.csv", 3, HOSTILE)
    findings = Findings({}, {}, {}, replaced=0, duplicates=0, files=(bad,), records=(), omissions={}, insights={})
    world = SimpleNamespace(settings=SimpleNamespace(insights=Path("/nowhere")), folder=Path(f"/demo/{HOSTILE}"))
    bucket: Any = SimpleNamespace(world=world, uploads=1, no_bills=0, removals=0, repeats=0)
    print_summary(out, bucket, findings, [Check(HOSTILE, holds=False)], None)
    told = written(out)
    assert f"quarantined {VISIBLE}.csv line 3: {VISIBLE}\n" in told
    assert f"✗ {VISIBLE}" in told
    assert f"/demo/{VISIBLE}" in told
    assert "\x1b[2J" not in told


def test_an_error_that_ends_a_command_is_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(**_: object) -> None:
        raise Fatal(f"The file {HOSTILE} is no file.\nLook.")

    monkeypatch.setattr(commands, "app", failing)
    with pytest.raises(SystemExit) as ended:
        commands.run(None)
    assert ended.value.code == 1
    assert capsys.readouterr().err == f"billstream: The file {VISIBLE} is no file.\nLook.\n"
