"""Every command's help has one form: a short title, a paragraph, an example; and fits 80 columns."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner

from billstream.cli.commands import COMMANDS as LISTED
from billstream.cli.commands import app

LONGEST_TITLE = 50
ROOT = typer.main.get_command(app)


def every(command: object = ROOT, *path: str) -> Iterator[tuple[tuple[str, ...], object]]:
    """Every command and sub-command with its name, the root included."""
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from every(child, *path, name)


COMMANDS = dict(every())
LEAVES = [path for path, command in COMMANDS.items() if not hasattr(command, "commands")]


def shown(*arguments: str) -> str:
    result = CliRunner().invoke(app, [*arguments, "--help"], env={"COLUMNS": "80"}, prog_name="billstream")
    assert result.exit_code == 0, result.output
    return result.output


def names(paths: list[tuple[str, ...]]) -> list[str]:
    return [" ".join(path) or "billstream" for path in paths]


def test_there_are_commands_and_sub_commands() -> None:
    assert len(LEAVES) > 20
    assert ("quarantine", "list") in LEAVES


@pytest.mark.parametrize("path", [path for path in COMMANDS if path], ids=" ".join)
def test_a_title_is_short(path: tuple[str, ...]) -> None:
    title, _, rest = str(COMMANDS[path].help).partition("\n\n")  # type: ignore[attr-defined]
    assert "\n" not in title
    assert title.endswith(".")
    assert 0 < len(title.removesuffix(".")) <= LONGEST_TITLE
    assert rest.strip(), "no paragraph behind the title"


@pytest.mark.parametrize("path", [path for path in COMMANDS if path not in LEAVES])
def test_no_title_is_cut_in_a_list_of_commands(path: tuple[str, ...]) -> None:
    text = shown(*path)
    for child, command in COMMANDS.items():
        if child[:-1] == path and child:
            title = str(command.help).partition("\n")[0].removesuffix(".")  # type: ignore[attr-defined]
            assert re.search(rf"^  {child[-1]} +{re.escape(title)}\.?$", text, re.MULTILINE), child
    assert "..." not in text.partition("Commands:")[2]


def test_the_list_of_commands_has_the_titles_of_the_commands() -> None:
    own = {path[0]: str(command.help).partition("\n")[0] for path, command in COMMANDS.items() if len(path) == 1}  # type: ignore[attr-defined]
    assert own == {name: title for name, (_, title) in LISTED.items()}


HEAVY = (
    "boto3",
    "botocore",
    "duckdb",
    "jinja2",
    "numpy",
    "pyarrow",
    "pydantic_settings",
    "structlog",
    "billstream.aggregator",
    "billstream.common.lake",
    "billstream.common.settings",
    "billstream.maintenance",
)
"""What takes long to load, each a tenth of a second or more, and what leads to it. typer itself needs pydantic."""


def loaded_by(*commands: tuple[str, ...], heavy: tuple[str, ...] = HEAVY) -> dict[str, list[str]]:
    """What of `heavy` each command line loads that those before it have not, in a process of their own."""
    told = (
        "import contextlib, io, json, sys\n"
        f"heavy, commands, found = {heavy!r}, {commands!r}, {{}}\n"
        "class NoPandas:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'pandas': raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, NoPandas())\n"
        "from billstream.cli.main import run\n"
        "for command in commands:\n"
        "    before, sys.argv = set(sys.modules), ['billstream', *command]\n"
        "    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()) as shown:\n"
        "        run()\n"
        "    assert 'illstream' in shown.getvalue() or 'ILLSTREAM' in shown.getvalue(), command\n"
        "    found[' '.join(command)] = [name for name in heavy if name in set(sys.modules) - before]\n"
        "print(json.dumps(found))\n"
    )
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def test_help_loads_no_engine() -> None:
    """A command loads its code when it runs: its module has little more than its options."""
    lines = [("--version",), *((*path, "--help") for path in COMMANDS)]
    assert loaded_by(*lines) == {" ".join(line): [] for line in lines}


def test_the_list_of_what_is_heavy_is_true() -> None:
    """What a command needs is noticed once it runs, so a name that no longer exists would be, too."""
    (loaded,) = loaded_by(("settings", "--markdown")).values()
    assert "billstream.common.settings" in loaded
    for name in HEAVY:
        assert find_spec(name), name


def test_the_status_of_a_lake_loads_no_data_frames_and_no_readers_of_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DuckDB loads pandas where it is installed, as it is for the documentation, and that numpy; a user has none."""
    monkeypatch.setenv("BILLSTREAM_HOME", str(tmp_path))
    subprocess.run([sys.executable, "-m", "billstream.cli.main", "init"], capture_output=True, check=True)
    heavy = ("numpy", "pyarrow", "billstream.consumer.decode", "billstream.aggregator", "duckdb")
    assert loaded_by(("status", "--json"), heavy=heavy) == {"status --json": ["duckdb"]}


@pytest.mark.parametrize(
    ("arguments", "most"), [(["--help"], 0.5), (["--version"], 0.5), (["aggregate", "--help"], 0.9)]
)
def test_help_takes_little_cpu_time(arguments: list[str], most: float) -> None:
    """On a quiet machine it is 0.1, 0.12 and 0.3 seconds; it was 1.5 for `aggregate --help`."""
    seconds = []
    for _ in range(3):
        before = os.times()
        subprocess.run([sys.executable, "-m", "billstream.cli.main", *arguments], capture_output=True, check=True)
        after = os.times()
        seconds.append(after.children_user + after.children_system - before.children_user - before.children_system)
    assert min(seconds) < most


@pytest.mark.parametrize("path", list(COMMANDS), ids=names(list(COMMANDS)))
def test_help_fits_80_columns(path: tuple[str, ...]) -> None:
    assert max(map(len, shown(*path).splitlines())) <= 80


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_a_command_shows_an_example_of_itself(path: tuple[str, ...]) -> None:
    examples = shown(*path).partition("Example")[2].splitlines()[1:]
    path = tuple(word for word in path if not word.isupper())  # such a word stands for a name
    assert 1 <= len([line for line in examples if line.strip()]) <= 2
    assert all(f"billstream {' '.join(path)}" in line for line in examples if line.strip())


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_an_option_that_takes_a_value_has_an_example_and_a_default(path: tuple[str, ...]) -> None:
    for option in COMMANDS[path].params:  # type: ignore[attr-defined]
        text = str(getattr(option, "help", "") or "")
        assert text.endswith("."), option.name
        if getattr(option, "is_flag", False) or option.name == "help":
            continue
        if option.param_type_name == "argument" or option.required:
            assert "e.g. " in text, option.name
        else:
            assert "e.g. " in text or "in the same forms" in text, option.name
            assert "Default: " in text or option.default not in {None, ""}, option.name


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_json_is_called_json(path: tuple[str, ...]) -> None:
    texts = [option.help for option in COMMANDS[path].params if "--json" in option.opts]  # type: ignore[attr-defined]
    assert texts in ([], ["Print JSON."])


def test_the_version_is_that_of_the_package() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.output) == (0, f"billstream {version('billstream')}\n")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_can_be_installed(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    result = CliRunner().invoke(app, ["--show-completion", shell], prog_name="billstream")
    assert result.exit_code == 0, result.output
    assert "_BILLSTREAM_COMPLETE" in result.output


def test_completion_names_commands() -> None:
    environment = {"_BILLSTREAM_COMPLETE": "complete_bash", "COMP_WORDS": "billstream re", "COMP_CWORD": "1"}
    result = CliRunner().invoke(app, [], prog_name="billstream", env=environment)
    assert {"rebuild", "redrive", "replay"} <= set(result.output.split())
