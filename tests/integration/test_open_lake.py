"""The public Python interface: a lake opened for queries by whoever has `import billstream`."""

import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from pydantic import SecretStr

import billstream
from billstream.common.lake import Lake
from tests.integration.lake_support import NOW, charge


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A lake with one charge."""
    make(billstream.Settings(home=tmp_path / "home", threads=2))
    return tmp_path / "home"


def make(settings: billstream.Settings) -> None:
    with Lake.open(settings, create=True) as lake:
        lake.commit(charge("one"), claims=[], author="me", message="test")


FORMS: dict[str, Callable[[Path], object]] = {
    "a home": lambda home: home,
    "a home as text": str,
    "a catalog": lambda home: home / "catalog.sqlite",
    "a URL": lambda home: f"sqlite:///{home}/catalog.sqlite",
    "settings": lambda home: billstream.Settings(home=home),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_lake_is_opened_by_what_names_it(home: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if form != "settings":  # a lake that is named is not the lake of the environment
        monkeypatch.setenv("BILLSTREAM_CATALOG", "/nowhere/catalog.sqlite")
        monkeypatch.setenv("BILLSTREAM_DATA_PATH", "/nowhere/data")
    with billstream.open_lake(FORMS[form](home)) as lake:  # type: ignore[arg-type]
        assert lake.query("SELECT load_id, charge_period_start FROM charges").to_pylist() == [
            {"load_id": "one", "charge_period_start": NOW}
        ]
        assert (lake.catalog, lake.data_path) == (str(home / "catalog.sqlite"), f"{home}/data/")


def test_without_an_argument_it_is_the_lake_of_the_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BILLSTREAM_HOME", str(home))
    with billstream.open_lake() as lake:
        assert lake.connection.execute("SELECT count(*) FROM charges").fetchall() == [(1,)]


def test_tables_are_of_arrow_and_keep_decimals(home: Path) -> None:
    with billstream.open_lake(home) as lake:
        table = lake.query("SELECT ?::DECIMAL(38, 18) AS cost, * FROM active_loads", [Decimal("0.1")])
    assert table.schema.field("cost").type == pa.decimal128(38, 18)


@pytest.mark.parametrize("sql", ["DELETE FROM charges", "CREATE TABLE mine (a INTEGER)", "DROP TABLE ledger"])
def test_it_is_read_only_unless_asked(home: Path, sql: str) -> None:
    with billstream.open_lake(home) as lake:
        with pytest.raises(duckdb.Error, match=r"read-only"):
            lake.connection.execute(sql)
        with pytest.raises(billstream.BillstreamError, match=r"read-only"):
            lake.query(sql)
    with billstream.open_lake(home, read_only=False) as lake:
        lake.connection.execute(sql)


def test_nothing_is_left_behind_and_closing_twice_does_nothing(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    lake = billstream.open_lake(home)
    assert list((tmp_path / "temporary").iterdir()) != []
    lake.close()
    lake.close()
    with pytest.raises(billstream.BillstreamError, match="There is no billstream lake at"):
        billstream.open_lake(tmp_path / "elsewhere" / "catalog.sqlite")
    assert [*(tmp_path / "temporary").iterdir(), *(tmp_path / "here").iterdir()] == []
    assert not (tmp_path / "elsewhere").exists()


def test_a_lake_on_postgresql_is_opened_with_its_data_path(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = str(tmp_path / "data")
    make(billstream.Settings(home=tmp_path, catalog=SecretStr(postgres_url), data_path=data, threads=2))
    with pytest.raises(billstream.BillstreamError, match="Pass data_path"):
        billstream.open_lake(postgres_url)
    with billstream.open_lake(postgres_url, data_path=data) as lake:
        assert lake.query("SELECT load_id FROM charges").to_pylist() == [{"load_id": "one"}]
        assert lake.catalog.count(":") == 2, "no password"
    monkeypatch.setenv("BILLSTREAM_DATA_PATH", data)
    with billstream.open_lake(postgres_url) as lake:
        assert lake.query("SELECT count(*) AS n FROM charges").to_pylist() == [{"n": 1}]


def test_import_alone_loads_nothing_but_the_package() -> None:
    told = (
        "import sys; before = set(sys.modules); import billstream; "
        "print(sorted(name for name in set(sys.modules) - before if name.split('.')[0] "
        "in {'billstream', 'duckdb', 'pyarrow', 'pydantic', 'boto3', 'email'}))"
    )
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['billstream']"


def test_public_names_are_those_and_no_others() -> None:
    assert set(billstream.__all__) == {"BillstreamError", "OpenLake", "Settings", "__version__", "open_lake"}
    assert all(getattr(billstream, name) for name in billstream.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        billstream.nothing  # noqa: B018
