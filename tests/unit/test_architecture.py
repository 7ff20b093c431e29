"""What import-linter cannot see: one owner for each table, one way to commit, no swollen file.

The layers themselves are contracts in pyproject.toml; `make lint` checks them.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("common", "maintenance", "consumer", "aggregator", "backups", "publishing", "cli")
MAY_COMMIT = {
    "consumer/commit/unit.py",
    "consumer/exports/deciding.py",  # which exports count; it decides nothing about an object
    "aggregator/refresh.py",
    "aggregator/analysis/acknowledging.py",  # what a person says of a budget
    "aggregator/analysis/analyst.py",
    "aggregator/analysis/decisions.py",  # what a person says of an anomaly
    "aggregator/alerts/outbox.py",
    "publishing/registry.py",  # what is kept for a target
    "maintenance/steps.py",  # it decides nothing about an object, and leaves every table the same rows
    "common/lake/datafiles.py",  # takes a file out that cannot be read; it decides nothing about an object
}
OWNER_OF_TABLE = {
    "charges": "consumer",
    "billing_periods": "consumer",
    "invoice_details": "consumer",
    "ledger": "consumer",
    "rejected_rows": "consumer",
    "load_coverage": "consumer",
    "quality_findings": "consumer",
    "export_preferences": "consumer",
    "set_aside_charges": "consumer",
    "provider_names": "consumer",
    "daily_costs": "aggregator",
    "user_costs": "aggregator",
    "service_costs": "aggregator",
    "region_costs": "aggregator",
    "cost_cells": "aggregator",
    "day_arrivals": "aggregator",
    "budget_periods": "aggregator",
    "budget_states": "aggregator",
    "unit_metrics": "aggregator",
    "changed_loads": "aggregator",
    "anomalies": "aggregator",
    "anomaly_days": "aggregator",
    "anomaly_series": "aggregator",
    "anomaly_amounts": "aggregator",
    "month_forecasts": "aggregator",
    "analysis": "aggregator",
    "watermark": "aggregator",
    "alerts": "aggregator",
    "alert_deliveries": "aggregator",
    "followers": "publishing",
    "schema_version": "common",
}
LONGEST_FILE = 300
WRITES = re.compile(r"\b(?:INSERT\s+(?:OR\s+REPLACE\s+)?INTO|DELETE\s+FROM|UPDATE|TRUNCATE|MERGE\s+INTO)\s+(\w+)")


def sources(package: str, *endings: str) -> Iterator[Path]:
    for ending in endings or (".py",):
        yield from sorted((ROOT / package).rglob(f"*{ending}"))


def parsed(package: str) -> Iterator[tuple[str, ast.AST]]:
    """Every node of every file, with the file's name."""
    for source in sources(package):
        for node in ast.walk(ast.parse(source.read_text())):
            yield str(source.relative_to(ROOT)), node


def imported(package: str) -> Iterator[tuple[str, str]]:
    for name, node in parsed(package):
        if isinstance(node, ast.Import):
            yield from ((name, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: imports are absolute"
            yield name, node.module or ""


@pytest.mark.parametrize("package", [*PACKAGES, "tests"])
def test_imports_name_the_one_package_that_is_installed(package: str) -> None:
    """Layers are import-linter's; but `import common` would find another package's `common`, and it sees only ours."""
    forbidden = {*PACKAGES} if package == "tests" else {*PACKAGES, "tests"}
    found = list(imported(package))
    assert any(module.startswith("billstream.") for _, module in found)
    assert [f"{name} imports {module}" for name, module in found if module.split(".")[0] in forbidden] == []


def commits_a_lake(node: ast.AST) -> bool:
    """Whether a piece of code is `lake.commit`, called or passed on, whatever the lake is an attribute of."""
    if isinstance(node, ast.Attribute) and node.attr == "commit":
        owner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
        return owner.strip("_").endswith("lake")
    # By another name it still has the claims, which only `Lake.commit` takes.
    is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit"
    return is_call and any(keyword.arg == "claims" for keyword in node.keywords)  # type: ignore[attr-defined]


def test_the_lake_is_changed_in_units_of_commit_only() -> None:
    committing = {name for package in PACKAGES for name, node in parsed(package) if commits_a_lake(node)}
    assert committing - MAY_COMMIT == set()
    assert "consumer/commit/unit.py" in committing


@pytest.mark.parametrize(
    ("code", "seen"),
    [
        ("lake.commit(write, claims=[], author=a, message=m)", True),
        ("self.lake.commit(write)", True),
        ("self._lake.commit(write)", True),
        ("retry(lambda: opened_lake.commit(write))", True),
        ("functools.partial(context.lake.commit, write)", True),
        ("it.commit(write, claims=claims)", True),
        ("unit.commit(lake, author)", False),
        ("lake.rows(sql)", False),
    ],
)
def test_a_commit_is_seen_in_any_form(code: str, *, seen: bool) -> None:
    assert any(commits_a_lake(node) for node in ast.walk(ast.parse(code))) is seen


def test_transactions_begin_and_end_in_the_lake_only() -> None:
    words = re.compile(r"^\s*(BEGIN|COMMIT|ROLLBACK|START TRANSACTION|CALL (postgres|sqlite)_execute)\b")
    writing = {
        name
        for package in PACKAGES
        for name, node in parsed(package)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and words.match(node.value)
    }
    # A target is not the lake: its transaction has the target's own watermark.
    of_targets = {"publishing/postgres/target.py"}
    assert {name for name in writing if not name.startswith("common/lake/")} == of_targets


def test_only_the_lake_opens_connections_of_duckdb() -> None:
    opening = {
        str(source.relative_to(ROOT))
        for package in PACKAGES
        for source in sources(package)
        if re.search(r"\bduckdb\.connect\(|\bsqlite3\.connect\(", source.read_text())
    }
    assert opening == {"common/lake/engine.py", "common/lake/sqlite_catalog.py"}


def test_each_table_is_written_by_one_package() -> None:
    writers: dict[str, set[str]] = {}
    for package in PACKAGES:
        for source in sources(package, ".py", ".sql"):
            if source.parent.name == "migrations":  # they make the tables, before any process has them
                continue
            for table in WRITES.findall(source.read_text()):
                writers.setdefault(table, set()).add(package)
    known = {table: writers[table] for table in OWNER_OF_TABLE if table in writers}
    assert {"ledger", "rejected_rows", "watermark"} <= known.keys()  # the tables of loads are written by a loop
    assert {table: owners for table, owners in known.items() if owners != {OWNER_OF_TABLE[table]}} == {}


def test_no_file_has_swollen() -> None:
    lengths = {
        str(source.relative_to(ROOT)): source.read_text().count("\n")
        for package in PACKAGES
        for source in sources(package)
    }
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_every_table_of_the_lake_has_an_owner() -> None:
    scripts = [source.read_text() for source in sources("common/lake/migrations", ".sql")]
    tables = {name for script in scripts for name in re.findall(r"^CREATE TABLE (\w+)", script, re.MULTILINE)}
    assert tables == OWNER_OF_TABLE.keys() - {"schema_version"}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_file_begins_with_what_it_is_for(package: str) -> None:
    silent = [source for source in sources(package) if ast.get_docstring(ast.parse(source.read_text())) is None]
    silent += [source for source in sources(package, ".sql") if not source.read_text().startswith("-- ")]
    assert silent == []


def test_the_engine_and_its_extensions_are_of_one_version() -> None:
    pins = dict(re.findall(r'"(duckdb[\w-]*)==([\d.]+)"', (ROOT / "pyproject.toml").read_text()))
    assert len(pins) >= 5
    assert len(set(pins.values())) == 1
