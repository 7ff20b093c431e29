"""The house stays as CONTRIBUTING.md draws it: arrows point down, one owner for each table, no swollen file."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAY_IMPORT = {
    "common": {"common"},
    "consumer": {"consumer", "common"},
    "aggregator": {"aggregator", "common"},
    "cli": {"cli", "consumer", "aggregator", "common"},
}
OWNER_OF_TABLE = {
    "charges": "consumer",
    "ledger": "consumer",
    "rejected_rows": "consumer",
    "daily_costs": "aggregator",
    "user_costs": "aggregator",
    "service_costs": "aggregator",
    "region_costs": "aggregator",
    "changed_loads": "aggregator",
    "watermark": "aggregator",
    "schema_version": "common",
}
LONGEST_FILE = 300
WRITES = re.compile(r"\b(?:INSERT\s+(?:OR\s+REPLACE\s+)?INTO|DELETE\s+FROM|UPDATE|TRUNCATE|MERGE\s+INTO)\s+(\w+)")


def sources(package: str, *endings: str) -> Iterator[Path]:
    for ending in endings or (".py",):
        yield from sorted((ROOT / package).rglob(f"*{ending}"))


def imported(source: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{source}: imports are absolute"
            yield node.module


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_arrows_point_down_only(package: str) -> None:
    files = list(sources(package))
    assert files
    wrong = [
        f"{source.relative_to(ROOT)} imports {name}"
        for source in files
        for name in imported(source)
        if (top := name.split(".")[0]) in {*MAY_IMPORT, "tests"} and top not in MAY_IMPORT[package]
    ]
    assert wrong == []


def test_only_the_lake_opens_connections_of_duckdb() -> None:
    opening = {
        str(source.relative_to(ROOT))
        for package in MAY_IMPORT
        for source in sources(package)
        if re.search(r"\bduckdb\.connect\(|\bsqlite3\.connect\(", source.read_text())
    }
    assert opening == {"common/lake/engine.py", "common/lake/catalog.py"}


def test_each_table_is_written_by_one_package() -> None:
    writers: dict[str, set[str]] = {}
    for package in MAY_IMPORT:
        for source in sources(package, ".py", ".sql"):
            for table in WRITES.findall(source.read_text()):
                writers.setdefault(table, set()).add(package)
    known = {table: writers[table] for table in OWNER_OF_TABLE if table in writers}
    assert {"charges", "ledger", "rejected_rows", "watermark"} <= known.keys()
    assert {table: owners for table, owners in known.items() if owners != {OWNER_OF_TABLE[table]}} == {}


def test_no_file_has_swollen() -> None:
    lengths = {
        str(source.relative_to(ROOT)): source.read_text().count("\n")
        for package in MAY_IMPORT
        for source in sources(package)
    }
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_every_table_of_the_lake_has_an_owner() -> None:
    scripts = [source.read_text() for source in sources("common/lake/migrations", ".sql")]
    tables = {name for script in scripts for name in re.findall(r"^CREATE TABLE (\w+)", script, re.MULTILINE)}
    assert tables == OWNER_OF_TABLE.keys() - {"schema_version"}


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_every_file_begins_with_what_it_is_for(package: str) -> None:
    silent = [source for source in sources(package) if ast.get_docstring(ast.parse(source.read_text())) is None]
    silent += [source for source in sources(package, ".sql") if not source.read_text().startswith("-- ")]
    assert silent == []


def test_the_engine_and_its_extensions_are_of_one_version() -> None:
    pins = dict(re.findall(r'"(duckdb[\w-]*)==([\d.]+)"', (ROOT / "pyproject.toml").read_text()))
    assert len(pins) >= 5
    assert len(set(pins.values())) == 1
