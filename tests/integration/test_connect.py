"""`billstream connect` prints SQL that attaches the lake from plain DuckDB, and no secret."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from billstream.cli.commands import app
from billstream.common.lake import Lake
from billstream.common.lake.connect import connect_sql
from billstream.common.settings import Settings
from tests.integration.lake_support import charge


@pytest.fixture(autouse=True)
def _logs_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command would direct the logs of this whole process to the runner's own standard error."""
    monkeypatch.setattr("billstream.cli.opening.configure_logs", lambda _: None)


@contextmanager
def plain_duckdb(folder: Path, *extensions: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB of another program: nothing of ours, and the extensions installed in `folder`, from the wheels."""
    with duckdb.connect(config={"extension_directory": str(folder)}) as con:
        for name in extensions:
            wheel = files(f"duckdb_extension_{name}") / "extensions" / f"v{duckdb.__version__}"
            con.execute(f"INSTALL '{wheel / f'{name}.duckdb_extension'}'")
        yield con
        con.execute("USE memory")
        con.execute("DETACH lake")


def test_the_printed_statements_attach_a_lake_of_sqlite_and_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    home = Path("it's mine")
    with Lake.open(Settings(home=home, threads=1), create=True) as lake:
        lake.commit(charge("load-1"), claims=[], author="me", message="test")
    monkeypatch.setenv("BILLSTREAM_HOME", str(home))

    printed = CliRunner().invoke(app, ["connect"])

    assert printed.exit_code == 0, printed.output
    monkeypatch.chdir("/")  # the statements do not depend on the folder in which they were printed
    with plain_duckdb(tmp_path / "extensions", "ducklake", "sqlite_scanner") as con:
        con.execute(printed.stdout)
        assert con.execute("SELECT count(*) FROM charges").fetchall() == [(1,)]
        with pytest.raises(duckdb.Error, match="read-only"):
            con.execute("DELETE FROM charges")


def test_the_extensions_are_installed_and_loaded_first(tmp_path: Path) -> None:
    assert connect_sql(Settings(home=tmp_path))[:4] == [
        "INSTALL ducklake",
        "LOAD ducklake",
        "INSTALL sqlite_scanner",
        "LOAD sqlite_scanner",
    ]


def test_the_statements_for_postgresql_and_s3_hold_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {
        "AWS_ACCESS_KEY_ID": "AKIASECRET",
        "AWS_SECRET_ACCESS_KEY": "s3cr3t",
        "AWS_SESSION_TOKEN": "t0k3n",
        "AWS_REGION": "eu-west-1",
        "BILLSTREAM_CATALOG": "postgresql://ada:pa%27ss@db.example:5433/lake?sslmode=require&sslpassword=pa%27ss",
        "BILLSTREAM_DATA_PATH": "s3://bucket/lake",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)

    printed = CliRunner().invoke(app, ["connect"]).stdout

    for secret in ("AKIASECRET", "s3cr3t", "t0k3n", "pa'ss", "pa''ss", "pa%27ss"):
        assert secret not in printed
    assert "Replace <password> with the password of BILLSTREAM_CATALOG" in printed
    assert (
        "CREATE OR REPLACE SECRET billstream_data (TYPE s3, KEY_ID '<access key>', SECRET '<secret key>', "
        "REGION 'eu-west-1', SESSION_TOKEN '<session token>');\n" in printed
    )
    assert (
        "CREATE OR REPLACE SECRET billstream_catalog (TYPE postgres, HOST 'db.example', PORT '5433', DATABASE 'lake', "
        "USER 'ada', PASSWORD '<password>'," in printed
    )
    assert "SSLMODE 'require', SSLPASSWORD '<password>'," in printed
    assert "ATTACH 'ducklake:postgres:' AS lake" in printed
    assert "DATA_PATH 's3://bucket/lake/', READ_ONLY" in printed
    assert printed.endswith("USE lake;\n")


def test_the_statements_for_postgresql_run_once_the_password_is_put_in(postgres_url: str, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, threads=1, catalog=postgres_url)
    with Lake.open(settings, create=True) as lake:
        lake.commit(charge("load-1"), claims=[], author="me", message="test")
        password = lake._catalog.url.password  # type: ignore[attr-defined]
    with plain_duckdb(tmp_path / "extensions", "ducklake", "postgres_scanner") as con:
        con.execute(";\n".join(connect_sql(settings)).replace("<password>", password))
        assert con.execute("SELECT count(*) FROM charges").fetchall() == [(1,)]
