"""Public names are an interface: tables, states, settings, metrics, JSON keys, log events, exit codes, Python names.

The list is in public_names.txt. After a change that is meant: UPDATE_PUBLIC_NAMES=1, run this test, and tell of the
change in CHANGELOG.md.
"""

import ast
import dataclasses
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_type_hints

import typer

import billstream
from billstream.cli.status import Status
from billstream.common.exits import ExitCode
from billstream.common.lake import Lake
from billstream.common.metrics.catalogue import BUILD_INFO, CATALOGUE
from billstream.common.settings import Settings
from billstream.consumer.decide.states import State

ROOT = Path(__file__).resolve().parents[2]
LIST = Path(__file__).with_name("public_names.txt")
SCHEMA = Path(__file__).with_name("golden") / "insights.schema.json"
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
NAME = re.compile(r"[a-z]+(_[a-z0-9]+)+|object_<label>")  # noun_verb
EXITS = {"Exit", "exit", "_exit"}


def test_the_public_names_are_those_of_the_list(tmp_path: Path) -> None:
    sections = {
        "tables, views and their columns": lake_names(tmp_path),
        "ledger states": {state.value for state in State},
        "settings": {f"BILLSTREAM_{name.upper()}" for name in Settings.model_fields},
        "keys of `billstream status --json`": set(keys_of(Status)),
        "keys of insights.json": set(schema_keys()),
        "metrics": {BUILD_INFO, *(one.name for one in CATALOGUE)},
        "log events": {name for name, _ in log_events()},
        "exit codes": {str(code) for code in exit_codes()},
        "names of the Python package": {f"billstream.{name}" for name in billstream.__all__},
    }
    text = "\n".join("\n".join([f"[{title}]", *sorted(names), ""]) for title, names in sections.items())
    if os.environ.get("UPDATE_PUBLIC_NAMES"):
        LIST.write_text(text)
    assert text.splitlines() == LIST.read_text().splitlines()


def test_every_log_event_has_a_name_that_is_written_where_it_is_logged() -> None:
    assert [(name, place) for name, place in log_events() if not NAME.fullmatch(name)] == []


def lake_names(folder: Path) -> set[str]:
    with Lake.open(Settings(home=folder, threads=1), create=True) as lake:
        rows = lake.rows(
            "SELECT table_name, column_name FROM duckdb_columns() "
            "WHERE database_name = 'lake' AND schema_name = 'main' AND NOT internal"
        )
    return {f"{table}.{column}" for table, column in rows}


def keys_of(kind: type, prefix: str = "") -> Iterator[str]:
    """The keys of a dataclass as JSON, also of the dataclasses in it."""
    for name, hint in get_type_hints(kind).items():
        yield f"{prefix}{name}"
        for inner in (hint, *get_args(hint)):
            if dataclasses.is_dataclass(inner) and isinstance(inner, type):
                yield from keys_of(inner, f"{prefix}{name}.")


def schema_keys() -> Iterator[str]:
    schema = json.loads(SCHEMA.read_text())
    for title, kind in {schema.get("title", "Insights"): schema, **schema.get("$defs", {})}.items():
        yield from (f"{title}.{key}" for key in kind.get("properties", {}))


def calls() -> Iterator[tuple[str, ast.Call]]:
    for package in ("common", "consumer", "aggregator", "backups", "publishing", "cli"):
        for source in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(source.read_text())):
                if isinstance(node, ast.Call):
                    yield f"{source.relative_to(ROOT)}:{node.lineno}", node


def log_events() -> Iterator[tuple[str, str]]:
    """Each event with its place.

    The one canonical line of an object is named after what became of it: `object_<label>`. Any other name that is not
    written as a string is given as ''.
    """
    for place, call in calls():
        function = call.func
        if isinstance(function, ast.Attribute) and function.attr in LEVELS and ends_in_log(function.value):
            first = call.args[0] if call.args else None
            computed = "object_<label>" if place.startswith("consumer/commit/outcome.py") else ""
            yield str(first.value) if isinstance(first, ast.Constant) else computed, place


def ends_in_log(node: ast.expr) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return name.strip("_") in {"log", "logger"}


def exit_codes() -> set[int]:
    found = {typer.BadParameter("wrong usage").exit_code, *map(int, ExitCode)}
    for _, call in calls():
        if isinstance(call.func, ast.Attribute) and call.func.attr in EXITS:
            constants = [
                node.value for argument in call.args for node in ast.walk(argument) if isinstance(node, ast.Constant)
            ]
            found |= {value for value in constants if type(value) is int and value != 128}  # 128 + the signal's number
    return found
