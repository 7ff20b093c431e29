"""The roles of `deploy/postgres/roles.sql`: billstream needs no superuser, and a reader can change nothing."""

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

import billstream
from billstream.cli.commands import app
from billstream.common.lake import Lake
from tests.servers.postgres import PostgresServer, running_postgres

DEPLOY = Path(__file__).resolve().parents[2] / "deploy" / "postgres"
M = "__ducklake_metadata_lake"
REFUSED = r"permission denied|must be owner|cannot execute|Only roles|superuser"
CSV = "date,credits,cost,currency,user\n2026-03-14,1,{},USD,u\n"


@dataclass
class Place:
    """A catalog that was made as compose makes it, and a lake in it with one load."""

    server: PostgresServer
    database: str
    folder: Path

    def run(self, role: str, *command: str) -> str:
        """Run a command of billstream as a role of PostgreSQL, and return what it prints."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("billstream.cli.opening.configure_logs", lambda _: None)
            patch.setenv("BILLSTREAM_HOME", str(self.folder / "home"))
            patch.setenv("BILLSTREAM_CATALOG", self.url(role))
            patch.setenv("BILLSTREAM_DATA_PATH", str(self.folder / "data"))
            result = CliRunner().invoke(app, list(command))
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.stdout

    def settings(self, role: str) -> billstream.Settings:
        """Settings with which a program opens the lake as a role."""
        return billstream.Settings(
            home=self.folder / "home", catalog=SecretStr(self.url(role)), data_path=str(self.folder / "data")
        )

    def url(self, role: str) -> str:
        return self.server.url(self.database, role, "pass" if role == "billstream" else "read")

    def claims(self) -> str:
        return self.server.execute("SELECT * FROM processed_key ORDER BY 1", self.database)


@pytest.fixture(scope="module", autouse=True)
def _signals_as_before() -> Iterator[None]:
    """A command that runs long listens for signals; in this process it goes on when the command has ended."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    signal.set_wakeup_fd(-1)
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("roles")
    with running_postgres(superuser="postgres") as server:
        database = server.create_database().rpartition("/")[2]
        passwords = {"BILLSTREAM_POSTGRES_PASSWORD": "pass"}
        server.run_script(DEPLOY / "roles.sql", database, **passwords)
        # It may be repeated, and the reader may get a password then.
        server.run_script(DEPLOY / "roles.sql", database, **passwords, BILLSTREAM_READER_PASSWORD="read")
        made = Place(server, database, folder)
        (folder / "one.csv").write_text(CSV.format(100))
        made.run("billstream", "init")
        made.run("billstream", "load", str(folder / "one.csv"))
        yield made


def test_the_writer_is_no_superuser_and_does_all_that_billstream_does(place: Place) -> None:
    roles = place.server.execute(
        "SELECT rolname, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls, "
        "pg_has_role(oid, 'pg_execute_server_program', 'MEMBER'), pg_has_role(oid, 'pg_read_server_files', 'MEMBER') "
        "FROM pg_roles WHERE rolname ~ '^billstream' ORDER BY 1"
    )
    assert roles.splitlines() == ["billstream|f|f|f|f|f|f|f", "billstream_reader|f|f|f|f|f|f|f"]
    (place.folder / "two.csv").write_text(CSV.format(7))
    place.run("billstream", "load", str(place.folder / "two.csv"))
    place.run("billstream", "aggregate", "--once")
    (place.folder / "one.csv").write_text(CSV.format(50))  # a restatement deletes rows
    place.run("billstream", "load", str(place.folder / "one.csv"))
    assert "agree" in place.run("billstream", "verify")
    place.run("billstream", "init")  # as at every start of compose
    found = place.run("billstream", "sql", "SELECT sum(billed_cost) AS s FROM charges", "--format", "json")
    assert '"57"' in found


def test_a_reader_reads_with_every_command_that_only_reads(place: Place) -> None:
    assert "snapshot_id" in place.run("billstream_reader", "sql", "FROM lake.snapshots()", "--format", "csv")
    place.run("billstream_reader", "changes", "--since", "1")
    place.run("billstream_reader", "quarantine", "list")
    assert "active loads" in place.run("billstream_reader", "status")
    with billstream.open_lake(place.settings("billstream_reader")) as lake:
        assert lake.query("SELECT count(*) > 0 AS some FROM charges, ledger").to_pylist() == [{"some": True}]
        # Tables that DuckLake makes later are readable too.
        with Lake.open(place.settings("billstream")) as writer:
            writer.commit(
                lambda con: con.execute("CREATE TABLE later AS SELECT 1 AS one"), claims=[], author="me", message="test"
            )
        assert lake.query("FROM later").num_rows == 1


@pytest.mark.parametrize("command", ["load", "aggregate"])
def test_a_reader_cannot_run_what_writes(place: Place, command: str) -> None:
    (place.folder / "new.csv").write_text(CSV.format(1))
    before = place.claims()
    with pytest.raises(billstream.BillstreamError, match="permission denied"):
        place.run("billstream_reader", command, *([str(place.folder / "new.csv")] if command == "load" else ["--once"]))
    assert place.claims() == before


READER_MAY_NOT = [
    "DELETE FROM processed_key",
    "UPDATE ducklake_snapshot SET snapshot_id = 0",
    "TRUNCATE ducklake_table",
    "INSERT INTO processed_key (scope_id, entry_id, state) VALUES ('a', 'b', 'c')",
    "DROP TABLE processed_key",
    "ALTER TABLE processed_key DISABLE TRIGGER ALL",
    "CREATE TABLE evil (i int)",
    "CREATE TEMP TABLE evil (i int)",
    "CREATE SCHEMA evil",
    "CREATE FUNCTION evil() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "SELECT lo_from_bytea(0, 'evil')",
    "SELECT lo_create(0)",
    "COPY (SELECT 1) TO PROGRAM 'touch {folder}/pwned'",
    "COPY (SELECT 1) TO '{folder}/pwned'",
    "COPY processed_key FROM PROGRAM 'echo x'",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_ls_dir('/')",
    "SELECT lo_import('/etc/passwd')",
    "ALTER ROLE billstream PASSWORD 'mine'",
    "GRANT billstream TO billstream_reader",
    "SET ROLE billstream",
    "SELECT * FROM pg_authid",
]


def test_a_reader_changes_nothing_on_the_server_even_without_the_gate(place: Place) -> None:
    before = place.claims()
    for sql in READER_MAY_NOT:
        with pytest.raises(RuntimeError, match=REFUSED):
            place.server.execute(sql.format(folder=place.folder), place.database, "billstream_reader", "read")
    with billstream.open_lake(place.settings("billstream_reader")) as lake:
        for begin in ("BEGIN", "BEGIN READ WRITE"):
            with pytest.raises(duckdb.Error, match="permission denied"):
                lake.connection.execute(f"CALL postgres_execute('{M}', 'COMMIT; {begin}; DELETE FROM processed_key')")
    assert place.claims() == before
    assert not (place.folder / "pwned").exists()


POWERS = ["COPY (SELECT 1) TO PROGRAM 'id'", "SELECT pg_read_file('/etc/passwd')", "CREATE ROLE another"]


def test_the_writer_has_no_power_over_the_server(place: Place) -> None:
    for sql in POWERS:
        with pytest.raises(RuntimeError, match="permission denied"):
            place.server.execute(sql, place.database, "billstream", "pass")


def test_the_roles_stand_in_the_documentation_as_they_are_here() -> None:
    page = (DEPLOY.parents[1] / "docs" / "use-the-lake.md").read_text()
    grants = [line for line in (DEPLOY / "roles.sql").read_text().splitlines() if line.endswith("billstream_reader;")]
    assert len(grants) == 4
    for grant in grants:
        assert grant.replace(':"DBNAME"', "billstream").replace("TO billstream, ", "TO ") in page


def test_nobody_is_the_superuser_over_the_network_once_compose_has_run_its_scripts(place: Place) -> None:
    """The last test here: the server cannot be asked as the superuser any more."""
    place.server.run_script(DEPLOY / "superuser.sql", place.database)
    with pytest.raises(RuntimeError, match="password authentication failed"):
        place.server.execute("SELECT 1")
    place.run("billstream", "sql", "FROM charges")
